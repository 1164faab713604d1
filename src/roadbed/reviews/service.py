"""Verbs: list, claim, give a verdict, skip, undo."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.people import duties
from roadbed.people.duties import Bar, Parties
from roadbed.reviews.errors import (
    ContentChangedError,
    KnownCaseError,
    NothingToUndoError,
    OwnTaskError,
    ReviewClosedError,
    ReviewSupersededError,
    ReviewTakenError,
    UnknownReviewError,
    VerdictError,
)
from roadbed.reviews.model import Given, Review, VerdictKind
from roadbed.reviews.verdicts import Shown, Verdict, read_verdict
from roadbed.scoring.content import Content, content_hash
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries
from roadbed.storage.writer import GroupCommitWriter, Write, write_within
from roadbed.usecases.model import UseCase
from roadbed.usecases.outbound import plan
from roadbed.usecases.rulebook import RuleBook

SQL = queries(__package__)
CLAIM = Write("claim", SQL["claim"], SQL["claimed"])
LONGEST_NOTE = 4_000
_MOST_CLAIMED = 1_000
_HIDDEN = (
    "output",
    "actions",
    "provenance",
    "content_hash",
    "confidence",
    "evidence",
    "reason",
    "route",
    "version",
    "reported",
)
TURNED_OUT_WRONG = "Somebody reported that this answer turned out wrong."
TAKEN_BACK = "Somebody had reported that this answer turned out wrong, and took it back."


class Reviews:
    """The queue of one installation. ``judge`` and ``on_undo`` are wired in ``pipeline.py``."""

    def __init__(
        self,
        *,
        database: Database,
        writer: GroupCommitWriter,
        ids: Ids,
        clock: Clock,
        judge: Write,
        on_undo: Sequence[str],
        claim_seconds: float,
    ) -> None:
        self._database = database
        self._writer = writer
        self._ids = ids
        self._clock = clock
        self._judge = judge
        self._on_undo = tuple(on_undo)
        self._claim_seconds = claim_seconds
        self._claimed: dict[str, Shown] = {}  # what was read with a claim, for its verdict

    async def queue(
        self,
        use_case: str,
        *,
        reviewer: str,
        linker: str | None = None,
        most: int = 50,
        free_only: bool = False,
        after: Review | None = None,
    ) -> Sequence[Review]:
        """What waits and ``reviewer`` may judge, most pressing first.

        ``free_only`` leaves out what others hold.
        """
        rows = await self._database.fetch(
            SQL["queue"],
            {
                "use_case": use_case,
                "reviewer": reviewer,
                "linker": linker,
                "free_only": free_only,
                "most": most,
                "after_priority": after.priority if after else None,
                "after_id": after.id if after else None,
            },
        )
        return [_read(row) for row in rows]

    async def get(self, review_id: str) -> Review:
        """One review. Raises ``UnknownReviewError``."""
        row = await self._database.fetch_one(SQL["find"], {"id": review_id})
        if row is None:
            raise UnknownReviewError(review_id)
        return _read(row)

    async def use_case_of(self, review_id: str) -> str | None:
        """The use case that a review belongs to; ``None`` if there is no such review."""
        row = await self._database.fetch_one(SQL["use_case_of"], {"id": review_id})
        return row["use_case"] if row else None

    async def claim(self, review_id: str, *, reviewer: str, linker: str | None = None) -> Review:
        """Hold a review for ``reviewer``; repeating it extends the claim.

        ``linker`` is who let the reviewer in, see ``duties``. Raises ``UnknownReviewError``,
        ``ReviewClosedError``, ``ReviewTakenError``, ``OwnTaskError``.
        """
        row = await self._writer.write(
            CLAIM,
            {
                "id": self._ids.new("clm"),
                "review_id": review_id,
                "reviewer": reviewer,
                "linker": linker,
                "claim_seconds": self._claim_seconds,
            },
        )
        if row is None:
            raise UnknownReviewError(review_id)
        if row["closed_at"] is not None:
            raise _closed(review_id, row["superseded_by"])
        if (why := duties.bar(reviewer, _parties(row), linker=linker)) is not None:
            raise _barred(why)
        if row["claimed_by"] != reviewer:
            raise ReviewTakenError(row["claimed_by"])
        while len(self._claimed) >= _MOST_CLAIMED:
            self._claimed.pop(next(iter(self._claimed)))
        self._claimed[review_id] = _about(row)
        return _read({**row, "id": review_id})

    async def claim_next(
        self, use_case: str, *, reviewer: str, linker: str | None = None, most: int = 1
    ) -> Sequence[Review]:
        """Hold the most pressing free reviews that ``reviewer`` may judge, at most ``most``."""
        rows = await self._database.fetch(
            SQL["claim_next"],
            {
                "use_case": use_case,
                "reviewer": reviewer,
                "linker": linker,
                "most": most,
                "claim_seconds": self._claim_seconds,
            },
        )
        found = [await self.get(row["id"]) for row in rows]
        return sorted(found, key=lambda each: (-each.priority, each.id))

    async def give(
        self,
        declared: UseCase,
        review_id: str,
        kind: VerdictKind,
        *,
        reviewer: str,
        linker: str | None = None,
        output: Mapping[str, Any] | None = None,
        note: str | None = None,
        new_kind: bool = False,
        actions: Sequence[Mapping[str, Any]] | None = None,
        shown: str | None = None,
        rules: RuleBook | None = None,
        may_approve: bool = False,
    ) -> Given:
        """Close a review with a verdict. When this returns, verdict and example are on disk.

        ``actions`` are the right ones, for a correction; left out, nothing is said of them and none
        is sent. ``shown`` is the hash of what the reviewer saw. ``rules`` judge actions that the
        reviewer wrote. ``may_approve`` says that the reviewer may release what needs an approval.
        ``linker`` is who let the reviewer in, see ``duties``. ``new_kind`` says that nothing like
        it was known to the use case before.

        Raises ``VerdictError`` when it does not fit, ``ContentChangedError``, ``OwnTaskError``,
        ``UnknownReviewError``, ``ReviewClosedError``, ``ReviewTakenError``.
        """
        if note is not None and (len(note) > LONGEST_NOTE or "\x00" in note):
            raise VerdictError(
                "The note cannot be kept.",
                f"Write at most {LONGEST_NOTE} characters of plain text.",
            )
        about = self._claimed.pop(review_id, None) or await self._shown(review_id)
        if shown is not None and shown != about.content_hash:
            raise ContentChangedError(review_id)
        if duties.bar(reviewer, about.parties, linker=linker) is Bar.SENT:
            raise OwnTaskError
        verdict = await asyncio.to_thread(  # a scorer is the pod's own code, and may be slow
            read_verdict,
            declared,
            about,
            kind,
            output=output,
            actions=actions,
            rules=rules,
            may_approve=may_approve,
        )
        right = verdict.right
        item = self._item(declared, review_id, about, verdict, reviewer=reviewer)
        row = await self._writer.write(
            self._judge,
            {**item, "note": note or None, "new_kind": new_kind, "linker": linker},
        )
        if row is None:
            raise UnknownReviewError(review_id)
        if row["verdict_id"] is None:
            raise await self._refusal(review_id, kind, row, about, (reviewer, linker))
        return Given(
            verdict_id=item["id"],
            review_id=review_id,
            kind=kind,
            agrees=verdict.agrees,
            loss=verdict.score.loss,
            score_reason=verdict.score.why,
            right_output=right.output if right else None,
            right_actions=_right_actions(verdict),
            decided=about.content.output if about.content else None,
            decided_actions=about.content.proposed_actions if about.content else [],
            blind=about.blind,
            check=about.measured == "check",
            known=about.known.output if about.known and about.measured == "check" else None,
            passed=verdict.passed,
        )

    async def _shown(self, review_id: str) -> Shown:
        """What a verdict on a review is about. Raises ``UnknownReviewError``."""
        row = await self._database.fetch_one(SQL["shown"], {"id": review_id})
        if row is None:
            raise UnknownReviewError(review_id)
        return _about(row)

    def _item(
        self,
        declared: UseCase,
        review_id: str,
        about: Shown,
        verdict: Verdict,
        *,
        reviewer: str,
        carries: str | None = None,
    ) -> dict[str, Any]:
        """A verdict as ``judge`` stores it."""
        right = verdict.right
        return {
            "id": self._ids.verdict(),
            "example_id": self._ids.example(),
            "review_id": review_id,
            "task_id": about.task_id,
            "revises": about.revises,
            "approve_seconds": declared.approvals.within_hours * 3600.0,
            "use_case": declared.name,
            "kind": verdict.kind,
            "output": right.output if right else None,
            "right_actions": _right_actions(verdict),
            "right_hash": right.hash if right else None,
            "effect_hash": right.effect_hash if right else None,
            "output_hash": right.output_hash if right else None,
            "shown": about.content_hash,
            "loss": verdict.score.loss,
            "agrees": verdict.agrees,
            "score_reason": verdict.score.why or None,
            "actions": verdict.released or None,
            "measured": verdict.passed is not None,
            "passed": verdict.passed,
            "note": None,
            "new_kind": False,
            "deliveries": plan(declared) or None,
            "sends": bool(declared.destinations or declared.actions),
            "reviewer": reviewer,
            "linker": None,
            "given_at": self._clock.now(),
            "carries": carries,
        }

    async def overturn(
        self,
        declared: UseCase,
        review_id: str,
        *,
        word: str,
        by: str,
        output: Mapping[str, Any] | None,
        actions: Sequence[Mapping[str, Any]] | None = None,
    ) -> bool:
        """Carry ``by``'s answer to a review, in the place of a verdict that stands on it.

        ``word`` is the verdict in which ``by`` gave that answer; ``output`` of ``None``: none is
        right. Gives ``False``, and changes nothing, where the word was taken back meanwhile.

        Raises ``UnknownReviewError``, ``VerdictError``.
        """
        at, about = self._clock.now(), await self._shown(review_id)
        verdict = await asyncio.to_thread(
            read_verdict,
            declared,
            about,
            VerdictKind.REJECT if output is None else VerdictKind.CORRECT,
            output=output,
            actions=None if output is None else actions,
            rules=None,
            may_approve=False,
        )
        item = self._item(declared, review_id, about, verdict, reviewer=by, carries=word)
        async with self._database.transaction() as connection:
            cursor = await connection.execute(SQL["word"], {"word": word})
            if await cursor.fetchone() is None:
                return False
            cursor = await connection.execute(SQL["overturn"], {"id": review_id, "at": at})
            if undone := await cursor.fetchone():
                await self._take_back(connection, undone["id"], kind="overturned", by=by, at=at)
            await connection.execute(SQL["hand_over"], {"id": review_id, "by": by})
            await write_within(connection, self._judge, item)
        return True

    async def skip(self, review_id: str, *, reviewer: str) -> None:
        """Leave a review to somebody else. Raises ``UnknownReviewError``, ``ReviewTakenError``."""
        if not await self._database.fetch_one(SQL["skip"], {"id": review_id, "reviewer": reviewer}):
            review = await self.get(review_id)
            if review.closed_at:
                raise ReviewClosedError(review_id)
            raise ReviewTakenError(review.claimed_by)

    async def undo(self, review_id: str, *, reviewer: str) -> Review:
        """Take one's own verdict back; its example is withdrawn, the review is open again.

        Where it decided a dispute, it is taken back where it was carried to as well. A blind review
        is then for somebody else: with the verdict came what the decider said.

        Raises ``UnknownReviewError``, ``NothingToUndoError``, ``KnownCaseError``.
        """
        at, by = self._clock.now(), reviewer
        async with self._database.transaction() as connection:
            cursor = await connection.execute(
                SQL["undo_verdict"], {"id": review_id, "reviewer": by, "at": at}
            )
            undone = await cursor.fetchone()
            if undone:
                await self._take_back(connection, undone["id"], kind="undone", by=by, at=at)
                whose = {"reviewer": by, "claim_seconds": self._claim_seconds}
                await connection.execute(SQL["reopen"], {"id": review_id, **whose})
                facts = {"verdict_id": undone["id"], "at": at}
                cursor = await connection.execute(SQL["undo_carried"], facts)
                for carried in await cursor.fetchall():
                    await self._take_back(connection, carried["id"], kind="undone", by=by, at=at)
                    await connection.execute(SQL["await_word"], {"id": carried["review_id"]})
        if not undone:
            await self.get(review_id)
            if await self._database.fetch_one(SQL["is_known_case"], {"id": review_id}):
                raise KnownCaseError(review_id)
            raise NothingToUndoError(review_id)
        return await self.get(review_id)

    async def _take_back(
        self, connection: Connection, verdict_id: str, *, kind: str, by: str, at: datetime
    ) -> None:
        """Take back what the verdict gave rise to."""
        facts = {"verdict_id": verdict_id, "kind": kind, "by": by, "at": at}
        for statement in self._on_undo:
            await connection.execute(statement, facts)

    async def waiting(self, use_case: str) -> Mapping[str, Any]:
        """How many reviews wait: ``waiting``, of these ``blind``, and since when the ``oldest``."""
        row = await self._database.fetch_one(SQL["waiting"], {"use_case": use_case})
        return row or {"waiting": 0, "blind": 0, "oldest": None}

    async def _refusal(
        self,
        review_id: str,
        kind: VerdictKind,
        row: Mapping[str, Any],
        about: Shown,
        hands: tuple[str, str | None],
    ) -> Exception:
        if row["closed_at"] is not None:
            return _closed(review_id, row["superseded_by"])
        if row["content_hash"] is not None and row["content_hash"] != about.content_hash:
            return ContentChangedError(review_id)
        review = await self.get(review_id)
        if kind is VerdictKind.ACCEPT and review.blind:
            return VerdictError(
                "This review is blind: there is no answer to accept.",
                "Give the right output yourself with `correct`, or `reject`.",
            )
        if kind is VerdictKind.ACCEPT and about.content is None:
            return VerdictError(
                "The decider gave no answer, so there is none to accept.",
                "Give the right output with `correct`, or `reject`.",
            )
        person, linker = hands
        now = await self._shown(review_id)  # whoever read an answer since is barred since
        if (why := duties.bar(person, now.parties, linker=linker)) is not None:
            return _barred(why)
        return ReviewTakenError(review.claimed_by)


def _closed(review_id: str, superseded_by: str | None) -> Exception:
    if superseded_by is None:
        return ReviewClosedError(review_id)
    return ReviewSupersededError(review_id, superseded_by)


def _barred(why: Bar) -> Exception:
    return OwnTaskError() if why is Bar.SENT else ReviewTakenError(None)


def _parties(row: Mapping[str, Any]) -> Parties:
    return Parties(senders=row["senders"], knows=row["barred"], only=row["reserved_for"])


def _about(row: Mapping[str, Any]) -> Shown:
    """What a verdict is about, of a row that ``shown`` or ``claimed`` gave."""
    content = _content(row["output"], row["actions"], row["provenance"])
    return Shown(
        task_id=row["task_id"],
        blind=row["blind"],
        input=row["input"],
        parties=_parties(row),
        content=content,
        content_hash=row["content_hash"] or content_hash(content),
        route=row["route"],
        confidence=row["confidence"],
        measured=row["measured"],
        known=_content(row["known"], row["known_actions"], None),
        known_actions=row["known_actions"] is not None,
        proposed_right=row["proposed_right"],
        revises=row["revises"],
    )


def _right_actions(verdict: Verdict) -> Sequence[Mapping[str, Any]] | None:
    """The right actions; ``None`` where nothing was said of them."""
    if not verdict.actions_known:
        return None
    return verdict.right.proposed_actions if verdict.right else []


def _content(
    output: Mapping[str, Any] | None,
    actions: Sequence[Mapping[str, Any]] | None,
    provenance: Mapping[str, Any] | None,
) -> Content | None:
    if output is None:
        return None
    return Content(output=output, actions=actions or (), provenance=provenance or {})


def _read(row: Mapping[str, Any]) -> Review:
    hidden = row["blind"] and row["verdict"] is None
    fields = {name: row[name] for name in Review.__dataclass_fields__}
    if row["outcome"] is not None:
        fields["reason"] = TURNED_OUT_WRONG if row["reported"] else TAKEN_BACK
    return Review(**(fields | dict.fromkeys(_HIDDEN) if hidden else fields))
