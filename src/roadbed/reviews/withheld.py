"""Reviews of answers that quote documents: what their reviewer may read, and who may judge them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from roadbed.knowledge.withholding import NOTE, Readability, Withholding
from roadbed.reviews.errors import ReviewWithheldError
from roadbed.reviews.model import Review
from roadbed.reviews.rows import Queries
from roadbed.reviews.verdicts import Shown
from roadbed.storage.database import Database
from roadbed.storage.sql import queries

_SQL = queries(Queries)


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
        tasks = [(senders.get(review.id, []), _quoting(review)) for review in reviews]
        may_read = await self._withholding.of_each(name, viewer, tasks)
        return [
            _readable(review, readability, earlier)
            for review, readability in zip(reviews, may_read, strict=True)
        ]

    async def check(self, use_case: str, review_id: str, about: Shown, *, reviewer: str) -> None:
        """Raise ``ReviewWithheldError`` if the answer is withheld from who would judge it."""
        content = about.content
        if content is None:
            return
        senders, quoted = about.parties.senders, (content.output, content.actions)
        parts = (*quoted, content.provenance)
        readability = await self._withholding.of(use_case, reviewer, senders, *parts)
        output = readability.hides_output(content.output, decided=True)
        if output or readability.hides(parts):
            raise ReviewWithheldError(review_id)

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
    shown = replace(
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
    return replace(shown, withheld=hidden)


def _quoted(record: Mapping[str, Any] | None, readability: Readability) -> Mapping[str, Any] | None:
    """A verdict or a report, without its outputs and texts if it cites what is hidden."""
    if record is None or not readability.hides(record):
        return record
    kept_back = {"output", "right_output", "right_actions", "note", "score_reason"}
    return {name: None if name in kept_back else value for name, value in record.items()}
