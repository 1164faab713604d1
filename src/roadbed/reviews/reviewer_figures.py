"""How each reviewer does: pace, known cases, second looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadbed.risk.curve import share_interval

_WORDS_A_SECOND = 8.0  # faster than almost anybody reads
Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewerFigures:
    """One reviewer over the last 30 days. ``missed`` of ``known_wrong`` cases were let pass.

    ``too_fast`` says that half of the accepted texts were accepted faster than they can be read.
    """

    reviewer: str
    verdicts: int
    accepted: int
    agreed: int
    median_seconds: float | None
    known_wrong: int
    missed: int
    missed_low: float
    missed_high: float
    known_right: int
    spoiled: int
    second_looks: int
    overturned: int
    too_fast: bool


def figures_of(row: Json, checks: Sequence[Json], certainty: float) -> ReviewerFigures:
    """The figures of one reviewer, from their pace and the known cases they judged."""
    mine = [check for check in checks if check["reviewer"] == row["reviewer"]]

    def count(*, known_wrong: bool, failed_only: bool) -> int:
        return sum(
            item["n"]
            for item in mine
            if item["known_wrong"] is known_wrong and not (failed_only and item["passed"])
        )

    wrong = count(known_wrong=True, failed_only=False)
    missed = count(known_wrong=True, failed_only=True)
    low, high = share_interval(missed, wrong, certainty) if wrong else (0.0, 1.0)
    seconds, words = row["median_accept_seconds"], row["median_accept_words"]
    return ReviewerFigures(
        reviewer=row["reviewer"],
        verdicts=row["verdicts"],
        accepted=row["accepted"],
        agreed=row["agreed"],
        median_seconds=row["median_seconds"],
        known_wrong=wrong,
        missed=missed,
        missed_low=low,
        missed_high=high,
        known_right=count(known_wrong=False, failed_only=False),
        spoiled=count(known_wrong=False, failed_only=True),
        second_looks=row["second"],
        overturned=row["overturned"],
        too_fast=bool(seconds is not None and words and seconds < words / _WORDS_A_SECOND),
    )
