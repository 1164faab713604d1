"""New labels: a verdict with one is held until a person confirms or refuses the label."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from roadbed.audit.events import AuditEvent, record
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.kernel.labels import closest
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.knowledge.readable_cases import ReadableCases, Reader
from roadbed.knowledge.withholding import NOTE, Withholding
from roadbed.people.permissions import ALLOWS, Permission
from roadbed.reviews.errors import (
    ContentChangedError,
    LabelUnknownError,
    NoSuchLabelError,
    VerdictError,
)
from roadbed.reviews.model import HeldVerdict, RecordedVerdict, VerdictKind, WaitingLabel
from roadbed.reviews.rows import HeldWithRow, JudgedRow
from roadbed.reviews.service import SQL, Reviews
from roadbed.reviews.verdicts import VerdictItem, read_verdict
from roadbed.reviews.withheld import ReadableReviews
from roadbed.storage.database import Connection, Database
from roadbed.storage.writer import Write, write_within
from roadbed.usecases.business_rules import BusinessRules
from roadbed.usecases.labels import UnknownLabel
from roadbed.usecases.use_case import UseCase

Json = Mapping[str, Any]


class NewLabels:
    """Verdicts with an unknown label.

    Until it is confirmed they do not count: they give no evidence, example or delivery.
    """

    def __init__(
        self,
        database: Database,
        reviews: Reviews,
        ids: Ids,
        clock: Clock,
        judge: Write[VerdictItem, JudgedRow],
        announce: str,
        over: str,
        withholding: Withholding,
    ) -> None:
        self.readable = ReadableReviews(database, withholding)
        self._cases = ReadableCases(database, withholding)
        self._database = database
        self._reviews = reviews
        self._ids = ids
        self._clock = clock
        self._judge = judge
        self._announce, self._over = announce, over

    async def give(
        self,
        declared: UseCase,
        review_id: str,
        kind: VerdictKind,
        *,
        new_labels: bool,
        confirms: bool,
        **verdict: Any,
    ) -> RecordedVerdict | HeldVerdict:
        """Give a verdict; with ``new_labels``, an unknown label is intended.

        If the reviewer ``confirms`` labels here, it is confirmed thereby. Otherwise the verdict is
        held until it is confirmed. Otherwise as ``Reviews.give``, with the same arguments; raises
        what that raises, and ``ReviewWithheldError``.
        """
        if declared.library is None:
            return await self._give(
                declared, review_id, kind, verdict, new_labels=new_labels, confirms=confirms
            )
        about = await self._reviews.shown(review_id)
        reviewer, name = verdict["reviewer"], declared.name
        await self.readable.check(name, about, reviewer=reviewer)
        given = await self._give(
            declared, review_id, kind, verdict, new_labels=new_labels, confirms=confirms
        )
        if isinstance(given, HeldVerdict):
            return given
        senders = about.parties.senders
        unable = await self.readable.unable(name, senders, given.right_output)
        return replace(given, unreadable_for=unable)

    async def _give(
        self,
        declared: UseCase,
        review_id: str,
        kind: VerdictKind,
        verdict: Json,
        *,
        new_labels: bool,
        confirms: bool,
    ) -> RecordedVerdict | HeldVerdict:
        try:
            return await self._reviews.give(declared, review_id, kind, **verdict)
        except LabelUnknownError as error:
            labels = await self._suggested(declared, error.labels, verdict["reviewer"])
            if not new_labels or any(label.closed for label in labels):
                raise LabelUnknownError(labels) from None
            if not confirms:
                return await self._hold(declared, review_id, kind, labels, verdict)
            for label in labels:
                rows = await self._with(declared, label.field, label.value)
                ready = await self._ready(declared, label.field, label.value, rows, verdict)
                await self._confirm(
                    declared, label.field, label.value, ready, by=verdict["reviewer"]
                )
        return await self._reviews.give(declared, review_id, kind, **verdict)

    async def _suggested(
        self, declared: UseCase, labels: Sequence[UnknownLabel], reviewer: str
    ) -> Sequence[UnknownLabel]:
        reader = await self._cases.reader(declared.name, lambda: reviewer)
        return await self._reviews.labels.suggested(declared, labels, reader)

    async def waiting(
        self, declared: UseCase, reader: Reader | None = None
    ) -> Sequence[WaitingLabel]:
        """The labels that wait to be confirmed, those that wait longest first.

        One of an answer that ``reader`` may not read is withheld; without a reader none is.
        """
        rows = await self._database.fetch(SQL["labels_waiting"], {"use_case": declared.name})
        known = await self._reviews.labels.known(declared, reader) if rows else {}
        waiting = [
            WaitingLabel(**row, suggestion=closest(row["value"], known.get(row["field"], ())))
            for row in rows
        ]
        if reader is None:
            return waiting
        held = await self._database.fetch(SQL["held_outputs"], {"use_case": declared.name})
        hidden = {
            row["task_id"]
            for row, shown in zip(held, await reader.read(held), strict=True)
            if shown is not row
        }
        return [
            label
            if hidden.isdisjoint(label.tasks)
            else replace(label, value=str(NOTE), suggestion=None)
            for label in waiting
        ]

    async def confirm(
        self, declared: UseCase, field: str, value: str, *, by: str, rules: BusinessRules | None
    ) -> int:
        """Confirm a label as new; returns how many verdicts waited only for it.

        Each takes effect now, with its reviewer. One that does not fit any more, or whose input was
        corrected meanwhile, lapses, and its review is asked again. Raises ``NoSuchLabelError``.
        """
        if not (rows := await self._with(declared, field, value)):
            raise NoSuchLabelError(field, value)
        ready = await self._ready(declared, field, value, rows, {"rules": rules})
        return await self._confirm(declared, field, value, ready, by=by)

    async def refuse(self, declared: UseCase, field: str, value: str, *, by: str) -> int:
        """Refuse a label; returns how many reviews are open again.

        Raises ``NoSuchLabelError``.
        """
        at = self._clock.now()
        if not (rows := await self._with(declared, field, value)):
            raise NoSuchLabelError(field, value)
        async with self._database.transaction() as connection:
            for row in rows:
                await self._end(connection, row, "refused", by=by, at=at)
            detail = {"field": field, "value": value, "reviews": [row["review_id"] for row in rows]}
            await self._note(connection, declared, "label refused", by, at, detail)
        return len(rows)

    async def _confirm(
        self,
        declared: UseCase,
        field: str,
        value: str,
        ready: Sequence[tuple[HeldWithRow, VerdictItem | None]],
        *,
        by: str,
    ) -> int:
        at, given = self._clock.now(), []
        facts = {"use_case": declared.name, "field": field, "value": value, "by": by, "at": at}
        async with self._database.transaction() as connection:
            await connection.execute(SQL["confirm_label"], facts)
            for row, item in ready:
                ended = "lapsed" if item is None else "confirmed"
                if not await self._end(connection, row, ended, by=by, at=at) or item is None:
                    continue
                judged = await write_within(connection, self._judge, item)
                if judged is not None and judged["verdict_id"] is not None:
                    given.append(row["review_id"])
                else:
                    await connection.execute(SQL["lapse"], {"id": row["id"]})
            detail = {"field": field, "value": value, "reviews": given}
            await self._note(connection, declared, "label confirmed", by, at, detail)
        self._reviews.labels.forget()
        return len(given)

    async def _hold(
        self,
        declared: UseCase,
        review_id: str,
        kind: VerdictKind,
        labels: Sequence[UnknownLabel],
        verdict: Json,
    ) -> HeldVerdict:
        """Hold a verdict until its labels are confirmed. Idempotent."""
        about = await self._reviews.shown(review_id)
        at, reviewer = self._clock.now(), verdict["reviewer"]
        named = [{"field": label.field, "value": label.value} for label in labels]
        facts = {
            "id": self._ids.new("hld"),
            "review_id": review_id,
            "task_id": about.task_id,
            "use_case": declared.name,
            "kind": kind,
            "output": _json(verdict.get("output")),
            "actions": _json(verdict.get("actions")),
            "shown": about.content_hash,
            "note": verdict.get("note") or None,
            "new_kind": bool(verdict.get("new_kind")),
            "may_approve": bool(verdict.get("may_approve")),
            "labels": Jsonb(named),
            "reviewer": reviewer,
            "linker": verdict.get("linker"),
            "at": at,
        }
        async with self._database.transaction() as connection:
            taken = await (await connection.execute(SQL["set_aside"], facts)).fetchone()
            if taken is not None:
                await connection.execute(SQL["hold"], facts)
                detail = {"task": about.task_id, "labels": named}
                await self._note(connection, declared, "held", reviewer, at, detail, review_id)
                for label in labels:
                    await self._notify_pod(connection, declared, label, reviewer, at)
        if taken is not None:
            return _held_verdict(declared, facts["id"], review_id, labels)
        before = await self._database.fetch_one(SQL["held_on"], {"review_id": review_id})
        if before and before["reviewer"] == reviewer and _same(before, kind, verdict):
            return _held_verdict(declared, before["id"], review_id, labels)
        await self._reviews.claim(review_id, reviewer=reviewer, linker=verdict.get("linker"))
        raise ContentChangedError(review_id)

    async def _item(
        self, declared: UseCase, row: HeldWithRow, rules: BusinessRules | None
    ) -> VerdictItem | None:
        """A held verdict as it is stored once it is given; ``None`` where it does not fit now."""
        about = await self._reviews.shown(row["review_id"])
        if about.content_hash != row["shown"]:
            return None
        try:
            verdict = await asyncio.to_thread(
                read_verdict,
                declared,
                about,
                VerdictKind(row["kind"]),
                output=row["output"],
                actions=row["actions"],
                rules=rules,
                may_approve=row["still_approves"],
            )
        except VerdictError:
            return None
        verdict_row = self._reviews.item(
            declared, row["review_id"], about, verdict, reviewer=row["reviewer"]
        )
        return {
            **verdict_row,
            "note": row["note"],
            "new_kind": row["new_kind"],
            "linker": row["linker"],
        }

    async def _with(self, declared: UseCase, field: str, value: str) -> Sequence[HeldWithRow]:
        return await self._database.fetch(SQL["held_with"], _waits_for(declared, field, value))

    async def _ready(
        self, declared: UseCase, field: str, value: str, rows: Sequence[HeldWithRow], verdict: Json
    ) -> list[tuple[HeldWithRow, VerdictItem | None]]:
        """The verdicts that wait for nothing but this label, each as it is stored once given."""
        confirmed = await self._reviews.labels.confirmed(declared.name)
        ready = []
        for row in rows:
            missing = [
                label
                for label in row["labels"]
                if (label["field"], label["value"]) != (field, value)
                and label["value"] not in confirmed.get(label["field"], ())
            ]
            if not missing:
                ready.append((row, await self._item(declared, row, verdict.get("rules"))))
        return ready

    async def _end(
        self, connection: Connection, row: HeldWithRow, ended: str, *, by: str, at: datetime
    ) -> bool:
        """Let a verdict wait no longer, unless it does not any more."""
        facts = {"id": row["id"], "ended": ended, "by": by, "at": at}
        if await (await connection.execute(SQL["end_held"], facts)).fetchone() is None:
            return False
        confirmed = ended == "confirmed"
        again = {
            "review_id": row["review_id"],
            "keep": row["reviewer"] if confirmed else None,
            "claim_seconds": self._reviews.claim_seconds,
            "given_at": row["given_at"] if confirmed else None,
            "at": at,
        }
        await connection.execute(SQL["ask_again"], again)
        await connection.execute(self._over, {"verdict_id": row["id"], "at": at})
        return True

    async def _notify_pod(
        self,
        connection: Connection,
        declared: UseCase,
        label: UnknownLabel,
        reviewer: str,
        at: datetime,
    ) -> None:
        """Notify the pod of a label, once while verdicts wait for it.

        The whole pod reads notices: where documents have access groups, the label is not named.
        """
        told = {
            "use_case": declared.name,
            "reviewer": reviewer,
            "field": label.field,
            "who": _who(declared),
        }
        text = stored_sentence(
            "%(use_case)s: %(reviewer)s gave %(field)s %(value)r, which was never seen before. The "
            "verdict counts once %(who)s confirms it as new.",
            value=label.value[:60],
            **told,
        )
        if declared.library is not None and declared.library.access:
            text = stored_sentence(
                "%(use_case)s: %(reviewer)s gave a value of %(field)s that was never seen before. "
                "The verdict counts once %(who)s confirms it as new.",
                **told,
            )
        facts = {"id": self._ids.new("ntc"), "use_case": declared.name, "kind": "label"}
        about = f"label {label.field} {label.value}"
        await connection.execute(self._announce, {**facts, "text": text, "at": at, "about": about})

    async def _note(
        self,
        connection: Connection,
        declared: UseCase,
        kind: str,
        by: str,
        at: datetime,
        detail: Json,
        subject: str | None = None,
    ) -> None:
        event = AuditEvent(
            use_case=declared.name,
            kind=kind,
            subject=subject or declared.name,
            actor=by,
            at=at,
            detail=detail,
        )
        await record(connection, event)


def _waits_for(declared: UseCase, field: str, value: str) -> dict[str, object]:
    approvers = [role for role, allowed in ALLOWS.items() if Permission.APPROVE in allowed]
    return {"use_case": declared.name, "field": field, "value": value, "approvers": approvers}


def _json(value: object) -> Jsonb | None:
    return None if value is None else Jsonb(value)


def _held_verdict(
    declared: UseCase, held_id: str, review_id: str, labels: Sequence[UnknownLabel]
) -> HeldVerdict:
    return HeldVerdict(
        id=held_id,
        review_id=review_id,
        labels=labels,
        waits_for=declared.new_labels_by,
    )


def _same(before: Json, kind: VerdictKind, verdict: Json) -> bool:
    """Whether a held verdict equals one that is given again."""
    said = {"kind": kind, "output": verdict.get("output"), "actions": verdict.get("actions")}
    said |= {"note": verdict.get("note") or None, "new_kind": bool(verdict.get("new_kind"))}
    return all(before[name] == value for name, value in said.items())


def _who(declared: UseCase) -> str:
    """The person whom the use case names for new labels, with the role."""
    role = declared.new_labels_by
    return f"{getattr(declared.pod, role)} ({role.replace('_', ' ')})"
