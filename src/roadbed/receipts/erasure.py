"""Erasure of a task's content, after which every proof of the audit log stays valid."""

from __future__ import annotations

from collections.abc import Sequence

from roadbed.audit.service import AuditLog
from roadbed.kernel.clock import Clock
from roadbed.knowledge.document_erasure import DocumentErasure
from roadbed.knowledge.libraries import Libraries
from roadbed.receipts.errors import ErasureError, UnknownTaskError
from roadbed.receipts.rows import Queries
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries, texts

_SQL = queries(Queries)
# The statements of each owner that empty its tables, in this order.
_STEPS = tuple(
    texts(f"roadbed.{owner}")[name]
    for owner, name in (
        ("versions", "forget_candidates"),
        ("intake", "erase_task"),
        ("decisions", "erase_decision"),
        ("reviews", "erase_verdict"),
        ("reviews", "erase_held"),
        ("reviews", "erase_measure"),
        ("decisions", "erase_comparison"),
        ("examples", "erase_example"),
        ("deliveries", "erase_delivery"),
        ("outcomes", "erase_outcome"),
        ("deliveries", "erase_attempt"),
        ("improvement", "erase_proposal"),
        ("improvement", "erase_choice"),
        ("guarantee", "erase_weak_examples"),
        ("releases", "erase_reports"),
    )
)
# Open work that a restore brought back: it ends before it is emptied.
_ENDS = (
    texts("roadbed.budgets")["charge_erased"],
    texts("roadbed.intake")["stop_deciding"],
    texts("roadbed.reviews")["erase_open"],
)


class Erasure:
    """Erases rows and salts of audit entries; ids, times, routes and hashes stay.

    ``documents`` erases the text of deleted documents.
    """

    def __init__(
        self, database: Database, audit: AuditLog, libraries: Libraries, clock: Clock
    ) -> None:
        self.documents = DocumentErasure(database, audit, libraries, clock)
        self._database = database
        self._audit = audit
        self._clock = clock

    async def use_case_of(self, task_id: str) -> str:
        """The use case of a task. Raises ``UnknownTaskError``."""
        row = await self._database.fetch_one(_SQL["copies"], {"task_id": task_id})
        if row is None:
            raise UnknownTaskError(task_id)
        return str(row["use_case"])

    async def erase(
        self, task_id: str, *, by: str, reason: str, served: Sequence[str] | None = None
    ) -> int:
        """Erase the content of a task; return the number of erased audit entries.

        ``served``: a task of another use case answers like a missing one. Other systems must erase
        what was sent to them; the receipt still names where it went. A version that learned from it
        stays as it is; the next one does not see it. Raises ``UnknownTaskError``, ``ErasureError``
        while something of it is still under way, and what ``AuditLog.witness`` raises when the
        content is gone and the folder outside could not be told: ask again then.
        """
        at = self._clock.now()
        async with self._database.transaction() as connection:
            ids, _ = await self._copies(connection, task_id, served)
            await connection.execute(_SQL["hold"], {"ids": ids})
            # A corrected input may have come before its first task was held.
            ids, use_case = await self._copies(connection, task_id, served)
            cursor = await connection.execute(_SQL["hold"], {"ids": ids})
            fresh = [row["id"] for row in await cursor.fetchall() if not row["erased"]]
            (open_work,) = await (
                await connection.execute(_SQL["under_way"], {"ids": ids})
            ).fetchall()
            if open_work["n"]:
                raise ErasureError(task_id)
            entries = await connection.execute(_SQL["entries_of"], {"ids": ids})
            positions = [row["position"] for row in await entries.fetchall()]
            for statement in _STEPS:
                await connection.execute(statement, {"ids": ids, "at": at})
            emptied = await self._audit.erase(
                connection, positions, by=by, reason=reason, tasks=fresh, use_case=use_case
            )
        # An erasure must remain valid after a restore of an older copy.
        await self._audit.witness()
        return len(emptied)

    async def erase_again(
        self, connection: Connection, ids: Sequence[str], *, by: str, reason: str
    ) -> int:
        """Erase tasks again that a restore brought back, in any state; return their number.

        ``ids`` are those that an entry of kind ``erased`` names. They are no longer decided or
        reviewed. Their deliveries must have been withdrawn from the relay before.
        """
        facts = {"ids": list(ids), "at": self._clock.now()}
        cursor = await connection.execute(_SQL["hold"], facts)
        there = [row["id"] for row in await cursor.fetchall() if not row["erased"]]
        if not there:
            return 0
        facts["ids"] = there
        entries = await connection.execute(_SQL["entries_of"], facts)
        positions = [row["position"] for row in await entries.fetchall()]
        for statement in (*_ENDS, *_STEPS):
            await connection.execute(statement, facts)
        await self._audit.erase(connection, positions, by=by, reason=reason, tasks=there)
        return len(there)

    async def _copies(
        self, connection: Connection, task_id: str, served: Sequence[str] | None
    ) -> tuple[list[str], str]:
        """The ids of a task's copies, and their use case."""
        cursor = await connection.execute(_SQL["copies"], {"task_id": task_id})
        copies = await cursor.fetchall()
        if not copies or (served is not None and copies[0]["use_case"] not in served):
            raise UnknownTaskError(task_id)
        return [row["id"] for row in copies], copies[0]["use_case"]
