"""Receipts: get one, search many."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from psycopg.types.json import Jsonb

from roadbed.decisions.model import Decision
from roadbed.intake.model import AdmittedTask
from roadbed.kernel.json import flat
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later
from roadbed.kernel.paging import COUNTED, Portion, Slice, portion
from roadbed.knowledge.readable_cases import ReadableCases
from roadbed.knowledge.withholding import Withholding
from roadbed.receipts.errors import ProofHiddenError, UnknownTaskError
from roadbed.receipts.questions import Questions
from roadbed.receipts.readable import Readable
from roadbed.receipts.revisions import PROPOSAL, linked
from roadbed.receipts.rows import (
    DeliveriesRow,
    FindRow,
    ListRow,
    NamedRow,
    OutcomesRow,
    Queries,
)
from roadbed.receipts.withheld import (
    outputs_of,
    quoting,
    readable,
    readable_row,
    senders_of,
)
from roadbed.reviews.rows import Queries as ReviewQueries
from roadbed.scoring.content import content_hash
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases.use_case import UseCase

_SQL = queries(Queries)
_REVIEWS = queries(ReviewQueries)  # the owner of `review`
Receipt = Mapping[str, Any]
_COUNTED = frozenset({"total", "newer", "sender"})  # of a row, and no part of its record
_LOOK_SECONDS = 0.1  # how often a wait asks for the decision of another process
_DECIDED = (
    "version",
    "version_number",
    "certificate",
    "proof",
    *PROPOSAL,
    "rule",
    "reason_code",
    "reason",
    "route",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """Filter of receipts; ``None`` does not filter."""

    use_case: str | None = None
    text: str | None = None
    route: str | None = None
    verdict: str | None = None
    before: str | None = None  # an id: only older ones


class Receipts:
    """Reads receipts. Answers are hidden from a blind reviewer until the verdict is given.

    What quotes documents that the viewer's access groups may not read is withheld.
    """

    def __init__(self, database: Database, withholding: Withholding) -> None:
        self._database = database
        self._withholding = withholding
        self.questions = Questions(database)

    async def get(self, task_id: str, *, viewer: str) -> Receipt:
        """The receipt of a task as ``viewer`` may see it. Raises ``UnknownTaskError``.

        The sender of a task gets its answer; other people might be its blind reviewers. A person
        who reads the decision of a blind task may no longer label it or give a second review.
        """
        row = await self._database.fetch_one(_SQL["find"], {"id": task_id})
        if row is None:
            raise UnknownTaskError(task_id)
        sender = row["source"].get("by") == viewer
        if row["verdict"] is not None and row["reviewer"] != viewer:
            if row["reserved_for"] == viewer:  # the domain lead, who has still to decide
                return await self._shown(_from_row({**row, "verdict": None}, sender=False), viewer)
            if row["blind"] or row["look"] is not None:
                facts = {"id": task_id, "review": row["review_id"], "viewer": viewer}
                await self._database.fetch(_REVIEWS["bar"], facts)
        deliveries = await self._database.fetch(_SQL["deliveries"], {"id": task_id})
        outcomes = await self._database.fetch(_SQL["outcomes"], {"id": task_id})
        revisions = await self._database.fetch(_SQL["revisions"], {"id": task_id})
        receipt = _from_row(
            row,
            sender=sender,
            deliveries=deliveries,
            outcomes=outcomes,
            revisions=linked(revisions, viewer),
        )
        return await self._shown(receipt, viewer)

    def readable(self, viewer: str) -> Readable:
        """What ``viewer`` may read of lists."""
        return Readable(ReadableCases(self._database, self._withholding), lambda: viewer)

    async def check_whole(self, task_id: str, *, viewer: str) -> None:
        """Raise ``ProofHiddenError`` if a part of the task is hidden from ``viewer``.

        Who passes has seen its decision as on its page: they may no longer label it blind. What
        it is about is read before this: read afterwards, it could hold what was decided meanwhile.
        """
        receipt = await self.get(task_id, viewer=viewer)
        row = await self._database.fetch_one(_SQL["find"], {"id": task_id})
        decision, review = receipt["decision"], receipt["review"]
        unseen = row is not None and row["verdict"] is not None and not review["verdict"]
        if unseen or receipt["withheld"] or (decision is not None and decision["hidden"]):
            raise ProofHiddenError(task_id)

    async def wait(self, task_id: str, seconds: float) -> bool:
        """Wait until a task is decided in any process; return whether it was in time."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not await self._database.fetch(_SQL["is_decided"], {"id": task_id}):
            if (left := until - loop.time()) <= 0:
                return False
            await asyncio.sleep(min(left, _LOOK_SECONDS))
        return True

    async def use_case_of(self, task_id: str) -> str | None:
        """The use case of a task; ``None`` if there is no such task."""
        row = await self._database.fetch_one(_SQL["use_case_of"], {"id": task_id})
        return row["use_case"] if row else None

    async def named(self, text: str, *, served: Sequence[str]) -> Sequence[NamedRow]:
        """The tasks of the use cases ``served`` with this id or key, at most five."""
        return await self._database.fetch(_SQL["named"], {"text": text, "served": list(served)})

    async def search(
        self, wanted: Filter, *, served: Sequence[str], most: int, viewer: str | None = None
    ) -> Sequence[Receipt]:
        """Short records of tasks of the use cases ``served``, newest first, for ``viewer``.

        Without a viewer they are those that somebody without an access group may read.
        """
        asked = Slice(before=wanted.before, most=most)
        facts = await self._facts(wanted, served, viewer) | asked.facts() | {"most": most}
        return await self._listed(await self._database.fetch(_SQL["list"], facts), viewer)

    async def page(
        self, wanted: Filter, asked: Slice, *, served: Sequence[str], viewer: str | None = None
    ) -> Portion[Receipt]:
        """One page of the same records, with how many there are."""
        facts = await self._facts(wanted, served, viewer) | asked.facts(counted=COUNTED + 1)
        rows = await self._database.fetch(_SQL["list"], facts)
        total, newer = (rows[0]["total"] or 0, rows[0]["newer"] or 0) if rows else (0, 0)
        return portion(await self._listed(rows, viewer), asked, total=total, newer=newer)

    async def every(
        self, wanted: Filter, asked: Slice, *, served: Sequence[str], viewer: str | None = None
    ) -> AsyncGenerator[Sequence[Receipt], None]:
        """All of the same records at one moment, in batches."""
        facts = await self._facts(wanted, served, viewer) | asked.facts()
        async with aclosing(self._database.stream(_SQL["list"], facts)) as batches:
            async for rows in batches:
                yield await self._listed(rows, viewer)

    async def _facts(
        self, wanted: Filter, served: Sequence[str], viewer: str | None
    ) -> dict[str, object]:
        text = (wanted.text or "").strip() or None
        escaped = (text or "").replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        searched = [name for name in served if text and wanted.use_case in (None, name)]
        return {
            "use_case": wanted.use_case,
            "served": list(served),
            "route": wanted.route,
            "verdict": wanted.verdict,
            "text": text,
            "pattern": f"%{escaped}%",
            # What is withheld must not be searchable: it could be found by repeated guesses.
            "unread": Jsonb(await self._withholding.unread_turns(searched, viewer)),
        }

    async def _shown(self, receipt: Receipt, viewer: str) -> Receipt:
        """A receipt without what ``viewer`` may not read; with cited documents that are gone."""
        name = receipt["use_case"]
        parts = quoting(receipt)
        readability = await self._withholding.of(name, viewer, senders_of(receipt), *parts)
        shown = readable(receipt, readability, self._withholding.earlier(name))
        removed = await self._withholding.removed(name, outputs_of(shown))
        return {**shown, "removed_documents": removed}

    async def _listed(self, rows: Sequence[ListRow], viewer: str | None) -> Sequence[Receipt]:
        """Rows of a list without what ``viewer`` may not read, in their order."""
        by_use_case: dict[str, list[ListRow]] = defaultdict(list)
        for row in rows:
            by_use_case[row["use_case"]].append(row)
        shown: dict[str, Receipt] = {}
        for name, own in by_use_case.items():
            tasks = [
                ([row["sender"]] if row["sender"] else [], [row["output"], row["right_output"]])
                for row in own
            ]
            may_read = await self._withholding.of_each(name, viewer, tasks)
            earlier = self._withholding.earlier(name)
            for row, readability in zip(own, may_read, strict=True):
                shown[row["task_id"]] = readable_row(_listed(row), readability, earlier)
        return [shown[row["task_id"]] for row in rows]


# Fields of a receipt that nothing can be known about the moment it was decided.
_NOT_YET = (
    "with_earlier",
    "proof",
    "weak",
    "claimed_by",
    "claim_until",
    "verdict",
    "right_output",
    "right_actions",
    "agrees",
    "loss",
    "score_reason",
    "note",
    "reviewer",
    "given_at",
    "example_id",
    "purpose",
    "undone",
    "halted_at",
    "halted_by",
    "halted_why",
    "on_revision",
    "superseded_by",
    "closed_at",
)


def fresh(
    declared: UseCase, task: AdmittedTask, decision: Decision, version_number: int | None
) -> Receipt:
    """The receipt of a decision that was just settled, without a database query.

    It lists no deliveries and outcomes, since there can be none yet. ``version_number`` is that of
    the version that decided.
    """
    routed = decision.routed
    row: dict[str, Any] = dict.fromkeys(_NOT_YET)
    row |= {
        "task_id": task.id,
        "use_case": task.use_case,
        "key": task.key,
        "input": task.content,
        "sent": task.sent,
        "source": task.source,
        "reference": task.reference,
        "reference_rate": task.reference_rate,
        "admitted_at": task.admitted_at,
        "erased": False,
        "revises": task.revises,
        "revision": task.revision,
        "declaration": {"pod": _pod(declared)},
        "decision_id": decision.id,
        "version": decision.version,
        "version_number": version_number,
        "certificate": decision.certificate,
        "route": routed.route,
        "reason_code": routed.code,
        "reason": routed.reason,
        "rule": routed.rule,
        "output": decision.output,
        "actions": list(decision.actions) or None,
        "provenance": decision.provenance or None,
        "content_hash": content_hash(decision.content),
        "confidence": decision.confidence,
        "threshold": decision.threshold,
        "evidence": decision.evidence,
        "cost": decision.cost,
        "attempt": decision.attempt,
        "decided_at": decision.decided_at,
        "decide_seconds": decision.decide_seconds,
        "review_id": decision.review_id,
        "blind": task.reference,
        "opened_at": decision.decided_at,
    }
    return _from_row(cast("FindRow", row), sender=True)


def _from_row(
    row: FindRow,
    *,
    sender: bool,
    deliveries: Sequence[DeliveriesRow] = (),
    outcomes: Sequence[OutcomesRow] = (),
    revisions: Sequence[Mapping[str, Any]] = (),
) -> Receipt:
    decided = row["decision_id"] is not None
    blind = row["reference"] or bool(row["blind"])
    hidden = decided and blind and row["verdict"] is None and not sender
    return {
        "task": row["task_id"],
        "use_case": row["use_case"],
        "key": row["key"],
        "revises": row["revises"],
        "revision": row["revision"],
        "revisions": list(revisions),
        "state": _state(row),
        "input": row["input"],
        "sent": row["sent"],
        "source": row["source"],
        "admitted_at": row["admitted_at"],
        "erased": row["erased"],
        "pod": row["declaration"]["pod"],
        "sample": {
            "drawn": row["reference"],
            "with_earlier": bool(row["with_earlier"]),
            "rate": row["reference_rate"],
        },
        "decision": _decision(row, hidden=hidden) if decided else None,
        "review": _review(row, hidden=hidden) if row["review_id"] else None,
        # Deliveries and outcomes would reveal the answer to a blind reviewer.
        "deliveries": [] if hidden else list(deliveries),
        "outcomes": [] if hidden else list(outcomes),
        "halted": _halted(row),
        "withheld": False,
    }


def _decision(row: FindRow, *, hidden: bool) -> dict[str, Any]:
    stored: Mapping[str, Any] = row
    shown: dict[str, Any] = {name: stored[name] for name in _DECIDED}
    shown["weak_spots"] = _weak_spots(row)
    if hidden:
        shown = dict.fromkeys((*_DECIDED, "weak_spots"))
    return {
        "id": row["decision_id"],
        "hidden": hidden,
        **shown,
        "cost": None if row["cost"] is None else str(row["cost"]),
        "attempt": row["attempt"],
        "decided_at": row["decided_at"],
        "decide_seconds": round(row["decide_seconds"] or 0.0, 6),
    }


def _weak_spots(row: FindRow) -> list[Mapping[str, Any]]:
    """Weak spots of the version to which this task belongs."""
    return [
        {name: spot[name] for name in ("field", "value", "n", "wrong", "lower", "upper")}
        for spot in row["weak"] or ()
        if spot["value"]
        == (
            flat(row["output"]) if spot["field"] == "kind" else str(row["input"].get(spot["field"]))
        )
    ]


def _review(row: FindRow, *, hidden: bool) -> dict[str, Any]:
    verdict = (
        None
        if row["verdict"] is None
        else {
            "verdict": row["verdict"],
            "right_output": row["right_output"],
            "right_actions": row["right_actions"],
            "agrees": row["agrees"],
            "loss": row["loss"],
            "score_reason": row["score_reason"],
            "note": row["note"],
            "reviewer": row["reviewer"],
            "given_at": row["given_at"],
            "example": row["example_id"],
            "purpose": row["purpose"],
        }
    )
    return {
        "id": row["review_id"],
        "blind": row["blind"],
        "opened_at": row["opened_at"],
        "claimed_by": row["claimed_by"],
        "superseded_by": row["superseded_by"],
        "verdict": verdict,
        # Which verdict it was tells whether its reviewer found the answer right.
        "undone": [] if hidden else row["undone"] or [],
    }


def _halted(row: FindRow) -> dict[str, Any] | None:
    """The current halt of the use case."""
    if row["halted_at"] is None:
        return None
    return {"since": row["halted_at"], "by": row["halted_by"], "reason": row["halted_why"]}


def _state(row: FindRow) -> str:
    """``deciding``, ``answered``, ``in_review``, ``reviewed``, ``refused``.

    Of a task with corrected input also ``noted`` or, if its review has ended, ``superseded``.
    """
    if row["decision_id"] is None:
        return "noted" if row["on_revision"] == "note" else "deciding"
    if row["verdict"] is not None:
        return "reviewed"
    if row["superseded_by"] is not None and row["closed_at"] is not None:
        return "superseded"
    return {"automatic": "answered", "review": "in_review", "refused": "refused"}[
        row["route"] or ""
    ]


def _listed(row: ListRow) -> Receipt:
    shown = _hide(row) if row["hidden"] else row
    return {name: value for name, value in shown.items() if name not in _COUNTED}


def _hide(row: ListRow) -> Receipt:
    kept_back = ("route", "reason", "reason_code", "output", "confidence")
    return {**row, **dict.fromkeys((*kept_back, "verdict", "agrees", "right_output", "reviewer"))}


def _pod(declared: UseCase) -> dict[str, str]:
    pod = declared.pod
    return {
        "domain_lead": pod.domain_lead,
        "engineer": pod.engineer,
        "data_specialist": pod.data_specialist,
        "risk_partner": pod.risk_partner,
    }


def moments(receipt: Receipt) -> list[tuple[str, datetime]]:
    """Times of the task's steps, in order."""
    moments: list[tuple[str, datetime | None]] = [(_("admitted"), receipt["admitted_at"])]
    if decision := receipt["decision"]:
        moments.append((_("decided"), decision["decided_at"]))
    if review := receipt["review"]:
        moments.append((_("review opened"), review["opened_at"]))
        if verdict := review["verdict"]:
            moments.append((_("verdict given"), verdict["given_at"]))
    moments += [(_of_delivery(delivery), delivery["done_at"]) for delivery in receipt["deliveries"]]
    moments += [(_("outcome reported"), outcome["reported_at"]) for outcome in receipt["outcomes"]]
    known = [(what, at) for what, at in moments if at is not None]
    return sorted(known, key=lambda moment: moment[1])


# States that no list has as a word of its own.
_STATES = (later("compensating"), later("compensated"))


def _of_delivery(delivery: Mapping[str, Any]) -> str:
    message = _("%(state)s for %(destination)s")
    if delivery["kind"] == "compensation":
        message = _("%(state)s at %(destination)s")
    elif delivery["state"] == "delivered":
        message = _("%(state)s to %(destination)s")
    return message % {"state": _(delivery["state"]), "destination": delivery["destination"]}
