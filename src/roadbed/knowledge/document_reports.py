"""Reports that a document is outdated, and what a person decides about it.

A report is about a content. What was left out of the search stays out after an ingestion of the
same content, and is searched again when the content changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from roadbed.audit.events import AuditEvent, record
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.kernel.sentences import sentence
from roadbed.kernel.storable import cleaned
from roadbed.knowledge.errors import DocumentReportError
from roadbed.knowledge.records import Document
from roadbed.knowledge.rows import DocumentReportsRow, Queries
from roadbed.storage.database import Database
from roadbed.storage.sql import queries

_SQL = queries(Queries)
LONGEST_REASON = 2_000  # characters
ReportState = Literal["open", "kept", "left_out"]
ReportDecision = Literal["kept", "left_out"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentReport:
    """What a person said of a version of a document: it is outdated, for this ``reason``."""

    id: str
    document_id: str
    path: str
    group: str | None
    version: int
    reason: str
    state: ReportState
    reported_by: str
    reported_at: datetime
    note: str | None
    settled_by: str | None
    settled_at: datetime | None


class DocumentReports:
    """Reports on documents of all libraries. Callers check who may read a document."""

    def __init__(self, database: Database, ids: Ids, clock: Clock) -> None:
        self._database = database
        self._ids = ids
        self._clock = clock

    async def report(
        self, use_case: str, document: Document, reason: str, *, by: str
    ) -> DocumentReport:
        """Say that a document is outdated. An open report of the same person is replaced.

        Raises ``DocumentReportError`` without a reason, for a document without a version, and for
        one that is left out already.
        """
        reason = cleaned(reason).strip()
        if not reason or len(reason) > LONGEST_REASON:
            raise DocumentReportError(
                sentence("The reason has 1 to %(most)s characters.", most=LONGEST_REASON),
                sentence("Say what is outdated, and what replaces it."),
            )
        if document.version is None or document.state == "deleted":
            raise DocumentReportError(
                sentence("No version of %(path)s is searched.", path=document.path),
                sentence("There is nothing to report."),
            )
        if document.left_out:
            raise DocumentReportError(
                sentence("%(path)s is left out of the search already.", path=document.path),
                sentence("Ask the data specialist to search it again first."),
            )
        facts = {
            "id": self._ids.new("dor"),
            "use_case": use_case,
            "document_id": document.id,
            "reason": reason,
            "by": by,
            "at": self._clock.now(),
        }
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["lock_library"], facts)
            await connection.execute(_SQL["replace_report"], facts)
            await connection.execute(_SQL["report_document"], facts)
            detail = {"path": document.path, "reason": reason}
            await record(connection, _event("document reported", facts, by, detail))
        return next(report for report in await self.of(document.id) if report.id == facts["id"])

    async def settle(
        self, use_case: str, document: Document, state: ReportDecision, *, by: str, note: str = ""
    ) -> Sequence[DocumentReport]:
        """Keep a reported document in the search or leave it out, until its content changes.

        What was decided before can be changed. Raises ``DocumentReportError`` if nobody reported
        its present content.
        """
        note = cleaned(note).strip()[:LONGEST_REASON]
        facts = {
            "use_case": use_case,
            "document_id": document.id,
            "state": state,
            "note": note or None,
            "by": by,
            "at": self._clock.now(),
        }
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["lock_library"], facts)
            settled = await (await connection.execute(_SQL["settle_reports"], facts)).fetchall()
            if not settled:
                raise DocumentReportError(
                    sentence(
                        "Nobody reported the version in force of %(path)s.", path=document.path
                    ),
                    sentence("Report it as outdated first, with a reason."),
                )
            await connection.execute(_SQL["put_change"], facts)  # an index has or lacks it now
            kind = "document left out" if state == "left_out" else "document kept"
            detail = {"path": document.path, "note": note}
            await record(connection, _event(kind, facts, by, detail))
        return await self.of(document.id)

    async def of(self, document_id: str) -> Sequence[DocumentReport]:
        """The reports on the version in force of a document, newest first."""
        facts = {"use_case": None, "document_id": document_id}
        return [_report(row) for row in await self._database.fetch(_SQL["document_reports"], facts)]

    async def open(self, use_case: str) -> Sequence[DocumentReport]:
        """The reports of a use case that wait for a decision, newest first."""
        facts = {"use_case": use_case, "document_id": None}
        return [_report(row) for row in await self._database.fetch(_SQL["document_reports"], facts)]


def _report(row: DocumentReportsRow) -> DocumentReport:
    facts: dict[str, Any] = dict(row)
    return DocumentReport(group=facts.pop("access_group"), **facts)


def _event(
    kind: str, facts: Mapping[str, Any], by: str, detail: Mapping[str, object]
) -> AuditEvent:
    return AuditEvent(
        use_case=facts["use_case"],
        kind=kind,
        subject=facts["document_id"],
        actor=by,
        detail=detail,
    )
