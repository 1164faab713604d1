"""The review queue: list, claim, give a verdict, skip, undo."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypedDict

from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.kernel.sentences import sentence
from roadbed.people import duties
from roadbed.people.duties import Bar
from roadbed.reviews.claims import claim_free
from roadbed.reviews.errors import (
    ContentChangedError,
    LabelUnknownError,
    NothingToUndoError,
    OwnTaskError,
    ReviewClosedError,
    ReviewerCheckError,
    ReviewHeldError,
    ReviewSupersededError,
    ReviewTakenError,
    UnknownReviewError,
    VerdictError,
)
from roadbed.reviews.labels import KnownLabels
from roadbed.reviews.model import RecordedVerdict, Review, VerdictKind, review_of
from roadbed.reviews.rows import ClaimedRow, JudgedRow, Queries, StandingRow, WaitingRow
from roadbed.reviews.verdicts import (
    Shown,
    Verdict,
    VerdictItem,
    about_of,
    given_of,
    parties_of,
    read_verdict,
    right_actions,
)
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries
from roadbed.storage.writer import GroupCommitWriter, Write, write_within
from roadbed.usecases.business_rules import BusinessRules
from roadbed.usecases.delivery_plan import plan
from roadbed.usecases.right_outputs import CheckRight
from roadbed.usecases.use_case import UseCase

Json = Mapping[str, Any]  # what a use case declares: any JSON
Row = Mapping[str, Any]  # of the database
SQL = queries(Queries)


class ClaimItem(TypedDict):
    """A claim of a review."""

    id: str
    review_id: str
    reviewer: str
    linker: str | None
    claim_seconds: float


CLAIM = Write("claim", SQL["claim"], answer=SQL["claimed"], items=ClaimItem)
LONGEST_NOTE = 4_000
_MOST_CLAIMED = 1_000


class Reviews:
    """The queue of one installation; ``transactions.py`` has ``judge`` and ``on_undo``.

    ``claim_seconds`` is the duration of a claim, ``labels`` are the known labels. ``check_right``
    refuses a corrected output that cannot be right.
    """

    def __init__(
        self,
        *,
        database: Database,
        writer: GroupCommitWriter,
        ids: Ids,
        clock: Clock,
        judge: Write[VerdictItem, JudgedRow],
        on_undo: Sequence[str],
        claim_seconds: float,
        check_right: CheckRight,
    ) -> None:
        self._database = database
        self._writer = writer
        self._ids = ids
        self._clock = clock
        self._judge = judge
        self._on_undo = tuple(on_undo)
        self._check_right = check_right
        self.claim_seconds = claim_seconds
        self._claimed: dict[str, Shown] = {}  # what was read with a claim, for its verdict
        self.labels = KnownLabels(database)

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
        return [review_of(row) for row in rows]

    async def get(self, review_id: str) -> Review:
        """One review. Raises ``UnknownReviewError``."""
        row = await self._database.fetch_one(SQL["find"], {"id": review_id})
        if row is None:
            raise UnknownReviewError(review_id)
        return review_of(row)

    async def use_case_of(self, review_id: str) -> str | None:
        """The use case that a review belongs to; ``None`` if there is no such review."""
        row = await self._database.fetch_one(SQL["use_case_of"], {"id": review_id})
        return row["use_case"] if row else None

    async def claim(self, review_id: str, *, reviewer: str, linker: str | None = None) -> Review:
        """Hold a review for ``reviewer``; repeating it extends the claim.

        ``linker`` is who let the reviewer in, see ``duties``. Raises ``UnknownReviewError``,
        ``ReviewClosedError``, ``ReviewTakenError``, ``OwnTaskError``.
        """
        item: ClaimItem = {
            "id": self._ids.new("clm"),
            "review_id": review_id,
            "reviewer": reviewer,
            "linker": linker,
            "claim_seconds": self.claim_seconds,
        }
        row = await self._writer.write(CLAIM, item)
        if row is None:
            raise UnknownReviewError(review_id)
        if row["closed_at"] is not None:
            raise _closed(review_id, row["superseded_by"])
        if row["held"]:
            raise ReviewHeldError(review_id)
        if (why := duties.bar(reviewer, parties_of(row), linker=linker)) is not None:
            raise _barred(why)
        if row["claimed_by"] != reviewer:
            raise ReviewTakenError(row["claimed_by"])
        while len(self._claimed) >= _MOST_CLAIMED:
            self._claimed.pop(next(iter(self._claimed)))
        self._claimed[review_id] = about_of(row)
        shown: ClaimedRow = {**row, "id": review_id}
        return review_of(shown)

    async def claim_next(
        self,
        use_case: str,
        *,
        reviewer: str,
        linker: str | None = None,
        most: int = 1,
        without: Sequence[str] = (),
    ) -> Sequence[Review]:
        """Claim the most urgent free reviews that ``reviewer`` may judge, at most ``most``.

        Last come those that ``reviewer`` skipped and nobody else can take; none of ``without``.
        """
        facts: dict[str, object] = {"use_case": use_case, "reviewer": reviewer, "linker": linker}
        facts |= {"claim_seconds": self.claim_seconds, "without": list(without)}
        free, left = await claim_free(self._database, facts, most)
        reviews = [await self.get(identifier) for identifier in free]
        return [
            *sorted(reviews, key=lambda review: (-review.priority, review.id)),
            *[replace(await self.get(identifier), left=True) for identifier in left],
        ]

    async def give(
        self,
        declared: UseCase,
        review_id: str,
        kind: VerdictKind,
        *,
        reviewer: str,
        linker: str | None = None,
        output: Json | None = None,
        note: str | None = None,
        new_kind: bool = False,
        actions: Sequence[Json] | None = None,
        shown: str | None = None,
        rules: BusinessRules | None = None,
        may_approve: bool = False,
    ) -> RecordedVerdict:
        """Close a review with a verdict. When this returns, verdict and example are on disk.

        Idempotent: the same verdict of the same person again returns the first result.

        ``actions`` are the right ones, for a correction; left out, nothing is said of them and none
        is sent. ``shown`` is the hash of what the reviewer saw. ``rules`` judge actions that the
        reviewer wrote. ``may_approve`` says that the reviewer may release what needs an approval.
        ``linker`` is who let the reviewer in, see ``duties``. ``new_kind`` says that nothing like
        it was known to the use case before.

        Raises ``VerdictError`` when it does not fit, ``LabelUnknownError`` for a label that was
        never seen before, ``CitationInvalidError``, ``ContentChangedError``, ``OwnTaskError``,
        ``UnknownReviewError``, ``ReviewClosedError``, ``ReviewHeldError``, ``ReviewTakenError``.
        """
        _check_note(note)
        about = self._claimed.pop(review_id, None) or await self.shown(review_id)
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
        if unknown := await self.labels.unknown(declared, kind, verdict.right):
            raise LabelUnknownError(unknown)
        if declared.library is not None and kind is VerdictKind.CORRECT and verdict.right:
            await self._check_right(declared, verdict.right.output, by=reviewer)
        record = self.item(declared, review_id, about, verdict, reviewer=reviewer)
        record = {**record, "note": note or None, "new_kind": new_kind, "linker": linker}
        row = await self._writer.write(self._judge, record)
        if row is None:
            raise UnknownReviewError(review_id)
        if row["verdict_id"] is None:
            stands = await self._repeated_verdict(record)
            if stands is None:
                raise await self._refusal(review_id, kind, row, about, (reviewer, linker))
            record["id"], record["loss"] = stands["id"], stands["loss"]
            record["agrees"] = bool(stands["agrees"])
            record["score_reason"] = stands["score_reason"]
        return given_of(about, verdict, record)

    async def _repeated_verdict(self, record: VerdictItem) -> StandingRow | None:
        """The current verdict of a review, if ``record`` is exactly the same again."""
        row = await self._database.fetch_one(
            SQL["standing"], {"id": record["review_id"], "reviewer": record["reviewer"]}
        )
        if row is None or row["actions_unsaid"] is not (record["right_actions"] is None):
            return None
        same = (row["kind"], row["right_hash"], row["note"], row["new_kind"]) == (
            record["kind"],
            record["right_hash"],
            record["note"],
            record["new_kind"],
        )
        return row if same else None

    async def shown(self, review_id: str) -> Shown:
        """What a verdict on a review is about. Raises ``UnknownReviewError``."""
        row = await self._database.fetch_one(SQL["shown"], {"id": review_id})
        if row is None:
            raise UnknownReviewError(review_id)
        return about_of(row)

    def item(
        self,
        declared: UseCase,
        review_id: str,
        about: Shown,
        verdict: Verdict,
        *,
        reviewer: str,
        carries: str | None = None,
    ) -> VerdictItem:
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
            "right_actions": right_actions(verdict),
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
        output: Json | None,
        actions: Sequence[Json] | None = None,
    ) -> bool:
        """Carry ``by``'s answer to a review, in place of its current verdict.

        ``word`` is the verdict in which ``by`` gave that answer; ``output`` of ``None``: none is
        right. Gives ``False``, and changes nothing, where the word was taken back meanwhile.

        Raises ``UnknownReviewError``, ``VerdictError``.
        """
        at, about = self._clock.now(), await self.shown(review_id)
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
        record = self.item(declared, review_id, about, verdict, reviewer=by, carries=word)
        async with self._database.transaction() as connection:
            cursor = await connection.execute(SQL["word"], {"word": word})
            if await cursor.fetchone() is None:
                return False
            cursor = await connection.execute(SQL["overturn"], {"id": review_id, "at": at})
            if undone := await cursor.fetchone():
                await self._take_back(connection, undone["id"], kind="overturned", by=by, at=at)
            await connection.execute(SQL["hand_over"], {"id": review_id, "by": by})
            await write_within(connection, self._judge, record)
        return True

    async def skip(self, review_id: str, *, reviewer: str) -> None:
        """Skip a review. Raises ``UnknownReviewError``, ``ReviewTakenError``."""
        if not await self._database.fetch_one(SQL["skip"], {"id": review_id, "reviewer": reviewer}):
            review = await self.get(review_id)
            if review.closed_at:
                raise ReviewClosedError(review_id)
            if await self._database.fetch_one(SQL["held_on"], {"review_id": review_id}):
                raise ReviewHeldError(review_id)
            raise ReviewTakenError(review.claimed_by)

    async def undo(self, review_id: str, *, reviewer: str, linker: str | None = None) -> Review:
        """Undo one's own verdict, a held verdict, or a skip.

        The example of a verdict is withdrawn, and the review is open again. If it decided a
        dispute, it is withdrawn from the other review too. A blind review is then for another
        person: the verdict's response showed the answer of the decider. ``linker`` is who let the
        reviewer in, see ``duties``.

        Raises ``UnknownReviewError``, ``NothingToUndoError``, ``ReviewerCheckError``,
        ``ReviewClosedError``, ``ReviewTakenError``.
        """
        at, by = self._clock.now(), reviewer
        async with self._database.transaction() as connection:
            cursor = await connection.execute(
                SQL["undo_verdict"], {"id": review_id, "reviewer": by, "at": at}
            )
            verdict = await cursor.fetchone()
            undone = verdict is not None
            if verdict:
                self.labels.forget()
                await self._take_back(connection, verdict["id"], kind="undone", by=by, at=at)
                whose = {"reviewer": by, "claim_seconds": self.claim_seconds}
                await connection.execute(SQL["reopen"], {"id": review_id, **whose})
                facts = {"verdict_id": verdict["id"], "at": at}
                others = await connection.execute(SQL["undo_carried"], facts)
                for carried in await others.fetchall():
                    await self._take_back(connection, carried["id"], kind="undone", by=by, at=at)
                    await connection.execute(SQL["await_word"], {"id": carried["review_id"]})
            else:
                undone = await self._unhold(connection, review_id, by=by, at=at)
        if not undone and not await self._unskip(review_id, reviewer, linker):
            await self.get(review_id)
            if await self._database.fetch_one(SQL["is_reviewer_check"], {"id": review_id}):
                raise ReviewerCheckError(review_id)
            raise NothingToUndoError(review_id)
        return await self.get(review_id)

    async def _unhold(
        self, connection: Connection, review_id: str, *, by: str, at: datetime
    ) -> bool:
        """Take back a verdict that waits for its label to be confirmed; whether there is one."""
        cursor = await connection.execute(SQL["held_on"], {"review_id": review_id})
        held = await cursor.fetchone()
        if held is None or held["reviewer"] != by:
            return False
        facts = {"id": held["id"], "ended": "undone", "by": by, "at": at}
        await connection.execute(SQL["end_held"], facts)
        await self._take_back(connection, held["id"], kind="undone", by=by, at=at)
        again = {"review_id": review_id, "keep": by, "claim_seconds": self.claim_seconds}
        await connection.execute(SQL["ask_again"], {**again, "given_at": None, "at": at})
        return True

    async def _unskip(self, review_id: str, reviewer: str, linker: str | None) -> bool:
        """Take back that ``reviewer`` left a review to others; ``False`` if they did not."""
        facts = {"id": review_id, "reviewer": reviewer, "linker": linker}
        again = {**facts, "claim_seconds": self.claim_seconds}
        if await self._database.fetch_one(SQL["unskip"], again):
            return True
        left = await self._database.fetch_one(SQL["left_by"], facts)
        if left is None:
            return False
        if left["closed_at"] is not None:
            raise _closed(review_id, left["superseded_by"])
        raise ReviewTakenError(left["claimed_by"])

    async def _take_back(
        self, connection: Connection, verdict_id: str, *, kind: str, by: str, at: datetime
    ) -> None:
        """Take back what the verdict gave rise to."""
        facts = {"verdict_id": verdict_id, "kind": kind, "by": by, "at": at}
        for statement in self._on_undo:
            await connection.execute(statement, facts)

    async def waiting(self, use_case: str) -> WaitingRow:
        """How many reviews wait: ``waiting``, of these ``blind``, and since when the ``oldest``."""
        row = await self._database.fetch_one(SQL["waiting"], {"use_case": use_case})
        return row or {"waiting": 0, "blind": 0, "oldest": None}

    async def _refusal(
        self,
        review_id: str,
        kind: VerdictKind,
        row: JudgedRow,
        about: Shown,
        hands: tuple[str, str | None],
    ) -> Exception:
        if row["closed_at"] is not None:
            return _closed(review_id, row["superseded_by"])
        if row["held"]:
            return ReviewHeldError(review_id)
        if row["content_hash"] is not None and row["content_hash"] != about.content_hash:
            return ContentChangedError(review_id)
        review = await self.get(review_id)
        if kind is VerdictKind.ACCEPT and review.blind:
            return VerdictError(
                sentence("This review is blind: there is no answer to accept."),
                sentence("Give the right output yourself with `correct`, or `reject`."),
            )
        if kind is VerdictKind.ACCEPT and about.content is None:
            return VerdictError(
                sentence("The decider gave no answer, so there is none to accept."),
                sentence("Give the right output with `correct`, or `reject`."),
            )
        person, linker = hands
        now = await self.shown(review_id)  # a person who has read an answer since is excluded
        if (why := duties.bar(person, now.parties, linker=linker)) is not None:
            return _barred(why)
        return ReviewTakenError(review.claimed_by)


def _check_note(note: str | None) -> None:
    if note is not None and (len(note) > LONGEST_NOTE or "\x00" in note):
        raise VerdictError(
            sentence("The note cannot be kept."),
            sentence("Write at most %(most)s characters of plain text.", most=LONGEST_NOTE),
        )


def _closed(review_id: str, superseded_by: str | None) -> Exception:
    if superseded_by is None:
        return ReviewClosedError(review_id)
    return ReviewSupersededError(review_id, superseded_by)


def _barred(why: Bar) -> Exception:
    return OwnTaskError() if why is Bar.SENT else ReviewTakenError(None)
