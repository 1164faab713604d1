"""Ranking: joins the searches by words and by meaning, and orders what they found.

Pure: no database, no index, no clock. Every feature lies in [0, 1] and has a weight that is not
negative. The weights were not fitted to questions that the benchmark judges (record 54).
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
D = TypeVar("D", datetime, tuple[int, int])
CONSTANT = 60  # of reciprocal-rank fusion, as its authors chose it
_NUMBER = re.compile(
    r"\b(?:how (?:much|many|long|often|large|high)|percent(?:age)?|number of|amount|total|rate"
    r"|ratio|price|cost|wie ?(?:viele?|hoch|lange|oft)|prozent|anzahl|betrag|preis|cu[áa]nt[oa]s?"
    r"|porcentaje|n[úu]mero de|importe|precio|combien|pourcentage|nombre de|montant|prix)\b|%",
    re.IGNORECASE,
)


def fused(*rankings: Sequence[K]) -> dict[K, float]:
    """Reciprocal-rank fusion: for each item the sum of ``1 / (60 + rank)`` over ``rankings``.

    Ranks count from 1. An item that a ranking lacks gets nothing from it. Source: Cormack, Clarke
    and Büttcher 2009.
    """
    scores: dict[K, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(dict.fromkeys(ranking), start=1):
            scores[item] = scores.get(item, 0.0) + 1.0 / (CONSTANT + rank)
    return scores


def with_pages(
    scores: Mapping[K, float], page_of: Mapping[K, Hashable], pages: Sequence[Hashable], weight: int
) -> dict[K, float]:
    """``scores`` of ``fused`` and, ``weight`` times, the ranking of whole pages, best first.

    All items of a page get the same. One whose page is not ranked gets nothing.
    """
    places = {page: rank for rank, page in enumerate(dict.fromkeys(pages), start=1)}
    return {
        item: score
        + (weight / (CONSTANT + places[page]) if (page := page_of[item]) in places else 0.0)
        for item, score in scores.items()
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureWeights:
    """How much each feature counts; none is negative."""

    fusion: float = 1.0
    words: float = 0.5
    heading: float = 0.2
    page: float = 0.1
    table: float = 0.15
    recency: float = 0.01  # less than one rank
    period: float = 0.15  # about what ten ranks are worth


WEIGHTS = FeatureWeights()


@dataclass(frozen=True, kw_only=True, slots=True)
class PassageFeatures:
    """A passage that a search found, with what its rank depends on.

    ``fusion`` is its score of ``fused``. ``words`` and ``heading`` are the shares of the question's
    words, by weight, in the passage and in the headings above it, in [0, 1]. ``page`` names the
    page it stands on; ``table`` says whether it holds a table. ``period`` is the newest year and
    quarter that its document is about, where a newer one is to be preferred.
    """

    fusion: float
    words: float
    heading: float
    page: Hashable
    table: bool
    modified_at: datetime | None
    period: tuple[int, int] | None = None


def asks_for_number(question: str) -> bool:
    """Whether a question asks for a number, in English, German, Spanish or French."""
    return _NUMBER.search(question) is not None


def scores(
    question: str, candidates: Sequence[PassageFeatures], weights: FeatureWeights = WEIGHTS
) -> Sequence[float]:
    """The score of each candidate in [0, 1], in their order; higher is better."""
    best = max((candidate.fusion for candidate in candidates), default=0.0) or 1.0
    pages = _pages(candidates)
    recency = _places([candidate.modified_at for candidate in candidates])
    periods = _places([candidate.period for candidate in candidates])
    is_dated = any(periods)
    wants_table = asks_for_number(question)
    whole = (
        weights.fusion
        + weights.words
        + weights.heading
        + weights.page
        + weights.recency
        + (weights.table if wants_table else 0.0)
        + (weights.period if is_dated else 0.0)
    )
    return [
        (
            weights.fusion * candidate.fusion / best
            + weights.words * candidate.words
            + weights.heading * candidate.heading
            + weights.page * pages[candidate.page]
            + weights.table * (wants_table and candidate.table)
            + weights.recency * newness
            + weights.period * newest
        )
        / whole
        for candidate, newness, newest in zip(candidates, recency, periods, strict=True)
    ]


def _pages(candidates: Sequence[PassageFeatures]) -> Mapping[Hashable, float]:
    """What the passages of each page have together, of the page that has most."""
    pages: dict[Hashable, float] = {}
    for candidate in candidates:
        pages[candidate.page] = pages.get(candidate.page, 0.0) + candidate.fusion
    most = max(pages.values(), default=0.0) or 1.0
    return {page: value / most for page, value in pages.items()}


def _places(dates: Sequence[D | None]) -> Sequence[float]:
    """1 for the newest, 0 for the oldest date and for those without; 0 if all are equal."""
    known = sorted({date for date in dates if date is not None})
    last = max(len(known) - 1, 1)
    places = {date: place / last for place, date in enumerate(known)}
    return [0.0 if date is None else places[date] for date in dates]
