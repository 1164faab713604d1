"""Verbs: list, claim, give a verdict, skip, undo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.reviews.errors import (
    NothingToUndoError,
    ReviewClosedError,
    ReviewTakenError,
    UnknownReviewError,
    VerdictError,
)
from roadbed.reviews.model import Given, Review, VerdictKind
from roadbed.reviews.rules import as_declared
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.storage.writer import GroupCommitWriter, Write
from roadbed.usecases.model import UseCase
from roadbed.usecases.outbound import plan

SQL = queries(__package__)
CLAIM = Write("claim", SQL["claim"], SQL["claimed"])
LONGEST_NOTE = 4_000
_HIDDEN = ("output", "confidence", "evidence", "reason", "route", "version", "reported")
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

    async def queue(
        self,
        use_case: str,
        *,
        reviewer: str,
        most: int = 50,
        free_only: bool = False,
        after: Review | None = None,
    ) -> Sequence[Review]:
        """Waiting reviews, most pressing first; ``free_only`` leaves out what others hold."""
        rows = await self._database.fetch(
            SQL["queue"],
            {
                "use_case": use_case,
                "reviewer": reviewer,
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

    async def claim(self, review_id: str, *, reviewer: str) -> Review:
        """Hold a review for ``reviewer``; repeating it extends the claim.

        Raises ``UnknownReviewError``, ``ReviewClosedError``, ``ReviewTakenError``.
        """
        row = await self._writer.write(
            CLAIM,
            {
                "id": self._ids.new("clm"),
                "review_id": review_id,
                "reviewer": reviewer,
                "claim_seconds": self._claim_seconds,
            },
        )
        if row is None:
            raise UnknownReviewError(review_id)
        if row["closed_at"] is not None:
            raise ReviewClosedError(review_id)
        if row["claimed_by"] != reviewer:
            raise ReviewTakenError(row["claimed_by"])
        return _read({**row, "id": review_id})

    async def claim_next(self, use_case: str, *, reviewer: str, most: int = 1) -> Sequence[Review]:
        """Hold the most pressing free reviews, at most ``most``; empty when none waits."""
        rows = await self._database.fetch(
            SQL["claim_next"],
            {
                "use_case": use_case,
                "reviewer": reviewer,
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
        output: Mapping[str, Any] | None = None,
        note: str | None = None,
        new_kind: bool = False,
    ) -> Given:
        """Close a review with a verdict. When this returns, verdict and example are on disk.

        ``new_kind`` says that nothing like it was known to the use case before.

        Raises ``VerdictError`` when it does not fit, ``UnknownReviewError``,
        ``ReviewClosedError``, ``ReviewTakenError``.
        """
        right = _right_output(declared, kind, output)
        if note is not None and (len(note) > LONGEST_NOTE or "\x00" in note):
            raise VerdictError(
                "The note cannot be kept.",
                f"Write at most {LONGEST_NOTE} characters of plain text.",
            )
        verdict_id = self._ids.verdict()
        row = await self._writer.write(
            self._judge,
            {
                "id": verdict_id,
                "example_id": self._ids.example(),
                "review_id": review_id,
                "use_case": declared.name,
                "kind": kind,
                "output": right,
                "note": note or None,
                "new_kind": new_kind,
                "deliveries": plan(declared) or None,
                "reviewer": reviewer,
                "given_at": self._clock.now(),
            },
        )
        if row is None:
            raise UnknownReviewError(review_id)
        if row["verdict_id"] is None:
            raise await self._refusal(review_id, kind, row)
        return Given(
            verdict_id=verdict_id,
            review_id=review_id,
            kind=kind,
            agrees=row["agrees"],
            right_output=row["right_output"],
            decided=row["decided"],
            check=bool(row["is_check"]),
            known=row["known"],
            passed=row["right_output"] == row["known"] if row["is_check"] else None,
        )

    async def overturn(
        self,
        declared: UseCase,
        review_id: str,
        *,
        by: str,
        output: Mapping[str, Any] | None,
    ) -> Given:
        """Put ``by``'s answer in the place of the verdict that stands; ``None``: none is right.

        Should it be cut off in the middle, the review waits in the queue again.

        Raises ``UnknownReviewError``, ``ReviewClosedError``, ``VerdictError``.
        """
        at = self._clock.now()
        async with self._database.transaction() as connection:
            cursor = await connection.execute(SQL["overturn"], {"id": review_id, "at": at})
            undone = await cursor.fetchone()
            if undone is not None:
                for statement in self._on_undo:
                    await connection.execute(statement, {"verdict_id": undone["id"], "at": at})
                await connection.execute(
                    SQL["reopen"],
                    {"id": review_id, "reviewer": by, "claim_seconds": self._claim_seconds},
                )
        kind = VerdictKind.REJECT if output is None else VerdictKind.CORRECT
        return await self.give(declared, review_id, kind, reviewer=by, output=output)

    async def skip(self, review_id: str, *, reviewer: str) -> None:
        """Leave a review to somebody else. Raises ``UnknownReviewError``, ``ReviewTakenError``."""
        if not await self._database.fetch_one(SQL["skip"], {"id": review_id, "reviewer": reviewer}):
            review = await self.get(review_id)
            if review.closed_at:
                raise ReviewClosedError(review_id)
            raise ReviewTakenError(review.claimed_by)

    async def undo(self, review_id: str, *, reviewer: str) -> Review:
        """Take one's own verdict back; its example is withdrawn, the review is open again.

        Raises ``UnknownReviewError``, ``NothingToUndoError``.
        """
        async with self._database.transaction() as connection:
            cursor = await connection.execute(
                SQL["undo_verdict"],
                {"id": review_id, "reviewer": reviewer, "at": self._clock.now()},
            )
            undone = await cursor.fetchone()
            if undone:
                for statement in self._on_undo:
                    await connection.execute(
                        statement, {"verdict_id": undone["id"], "at": self._clock.now()}
                    )
                await connection.execute(
                    SQL["reopen"],
                    {"id": review_id, "reviewer": reviewer, "claim_seconds": self._claim_seconds},
                )
        if not undone:
            await self.get(review_id)
            raise NothingToUndoError(review_id)
        return await self.get(review_id)

    async def waiting(self, use_case: str) -> Mapping[str, Any]:
        """How many reviews wait: ``waiting``, of these ``blind``, and since when the ``oldest``."""
        row = await self._database.fetch_one(SQL["waiting"], {"use_case": use_case})
        return row or {"waiting": 0, "blind": 0, "oldest": None}

    async def _refusal(
        self, review_id: str, kind: VerdictKind, row: Mapping[str, Any]
    ) -> Exception:
        if row["closed_at"] is not None:
            return ReviewClosedError(review_id)
        review = await self.get(review_id)
        if kind is VerdictKind.ACCEPT and review.blind:
            return VerdictError(
                "This review is blind: there is no answer to accept.",
                "Give the right output yourself with `correct`, or `reject`.",
            )
        if kind is VerdictKind.ACCEPT and row["decided"] is None:
            return VerdictError(
                "The decider gave no answer, so there is none to accept.",
                "Give the right output with `correct`, or `reject`.",
            )
        return ReviewTakenError(review.claimed_by)


def _right_output(
    declared: UseCase, kind: VerdictKind, output: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    if kind is not VerdictKind.CORRECT:
        if output is not None:
            raise VerdictError(
                f"A verdict of {kind} carries no output.", "Leave it out, or use `correct`."
            )
        return None
    if output is None:
        raise VerdictError(
            "A correction needs the right output.",
            "Send it as `output`, or use `reject` if no answer would be right.",
        )
    return as_declared(declared.output, output)


def _read(row: Mapping[str, Any]) -> Review:
    hidden = row["blind"] and row["verdict"] is None
    fields = {name: row[name] for name in Review.__dataclass_fields__}
    if row["outcome"] is not None:
        fields["reason"] = TURNED_OUT_WRONG if row["reported"] else TAKEN_BACK
    return Review(**(fields | dict.fromkeys(_HIDDEN) if hidden else fields))
