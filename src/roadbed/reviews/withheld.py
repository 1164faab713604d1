"""Reviews of answers that quote documents: what their reviewer may read, and who may judge them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from roadbed.knowledge.withholding import NOTE, Readability, Withholding
from roadbed.reviews.errors import ReviewWithheldError
from roadbed.reviews.model import Review
from roadbed.reviews.rows import Queries
from roadbed.reviews.service import Reviews
from roadbed.reviews.verdicts import Shown
from roadbed.storage.database import Database
from roadbed.storage.sql import queries

_SQL = queries(Queries)
_MOST_CLAIMED = 64  # at once, while those that somebody may not read are passed over
Json = Mapping[str, Any]


class ReadableReviews:
    """Reviews without what the access groups of their reviewer may not read."""

    def __init__(self, database: Database, withholding: Withholding) -> None:
        self._database = database
        self._withholding = withholding

    async def of(self, viewer: str, reviews: Sequence[Review]) -> Sequence[Review]:
        """Reviews of one use case as ``viewer`` may read them, in their order."""
        if not reviews:
            return []
        name = reviews[0].use_case
        earlier = self._withholding.earlier(name)
        ids = [review.id for review in reviews]
        rows = await self._database.fetch(_SQL["senders"], {"ids": ids})
        senders = {str(row["id"]): [row["sender"]] if row["sender"] else [] for row in rows}
        judged: dict[str, tuple[Json | None, object, object]] = {
            str(row["id"]): (row["output"], row["actions"], row["provenance"]) for row in rows
        }
        tasks = [
            (senders.get(review.id, []), (*_quoting(review), judged.get(review.id)))
            for review in reviews
        ]
        may_read = await self._withholding.of_each(name, viewer, tasks)
        return [
            replace(
                _readable(review, readability, earlier),
                withheld=_withheld(readability, *judged.get(review.id, (None, None, None))),
            )
            for review, readability in zip(reviews, may_read, strict=True)
        ]

    async def claim_next(
        self,
        reviews: Reviews,
        use_case: str,
        *,
        reviewer: str,
        linker: str | None = None,
        most: int = 1,
    ) -> Sequence[Review]:
        """Claim the most urgent reviews whose answers ``reviewer`` may read, at most ``most``.

        They are as ``reviewer`` may read them. What is withheld stays free for others.
        """
        without: list[str] = []
        wanted = most
        while True:
            claimed = await reviews.claim_next(
                use_case, reviewer=reviewer, linker=linker, most=wanted, without=without
            )
            shown = await self.of(reviewer, claimed)
            fitting = [review for review in shown if not review.withheld][:most]
            without += [review.id for review in shown if review.withheld]
            kept = {review.id for review in fitting}
            if others := [review.id for review in claimed if review.id not in kept]:
                facts = {"ids": others, "reviewer": reviewer}
                await self._database.fetch(_SQL["release_claims"], facts)
            if len(fitting) == most or len(claimed) < wanted:
                return fitting
            wanted = min(2 * wanted, max(most, _MOST_CLAIMED))

    async def check(self, use_case: str, about: Shown, *, reviewer: str) -> None:
        """Raise ``ReviewWithheldError`` if the answer is withheld from who would judge it."""
        content = about.content
        if content is None:
            return
        parts = (content.output, content.actions, content.provenance)
        readability = await self._withholding.of(use_case, reviewer, about.parties.senders, *parts)
        if _withheld(readability, *parts):
            raise ReviewWithheldError

    async def unable(
        self, use_case: str, senders: Collection[str], output: Mapping[str, object] | None
    ) -> Sequence[str]:
        """The senders of a task who may not read what its right output cites, by name."""
        unable = []
        for sender in sorted(senders):
            readability = await self._withholding.of(use_case, sender, [sender], output)
            if readability.hides(output):
                unable.append(sender)
        return unable


def _withheld(
    readability: Readability, output: Json | None, actions: object, provenance: object
) -> bool:
    """Whether the answer is withheld from who would judge it."""
    hidden = readability.hides((output, actions, provenance))
    return hidden or readability.hides_output(output, decided=True)


def _quoting(review: Review) -> Sequence[object]:
    return (
        review.output,
        review.actions,
        review.provenance,
        review.evidence,
        review.verdict,
        review.reported,
    )


def _readable(review: Review, readability: Readability, earlier: str | None) -> Review:
    quoted = (review.output, review.actions, review.provenance, review.evidence)
    hidden = readability.hides(quoted) or readability.hides_output(review.output, decided=True)
    reason = str(NOTE) if review.reason and (hidden or readability.is_behind) else review.reason
    return replace(
        review,
        input=readability.input(review.input, earlier) or {},
        output=readability.output(review.output, decided=True),
        actions=None if hidden else review.actions,
        provenance=readability.evidence(review.provenance),
        evidence=readability.evidence(review.evidence),
        reason=reason,
        verdict=_quoted(review.verdict, readability),
        reported=_quoted(review.reported, readability),
    )


def _quoted(record: Mapping[str, Any] | None, readability: Readability) -> Mapping[str, Any] | None:
    """A verdict or a report, without its outputs and texts if it cites what is hidden."""
    if record is None or not readability.hides(record):
        return record
    kept_back = {"output", "right_output", "right_actions", "note", "score_reason"}
    return {name: None if name in kept_back else value for name, value in record.items()}
