"""Periods that texts name: years and quarters. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from roadbed.kernel.amounts import NO_AMOUNT_AFTER, NO_AMOUNT_BEFORE

YEAR = re.compile(
    rf"(?<![\d.,$€£-]){NO_AMOUNT_BEFORE}((?:19|20)\d\d)(?![\d]|[.,]\d){NO_AMOUNT_AFTER}"
)
QUARTER = re.compile(
    r"\bQ([1-4])\b|\b(first|second|third|fourth|1st|2nd|3rd|4th)[ -](?:fiscal[ -])?quarter\b",
    re.IGNORECASE,
)
_ORDINALS = {
    "first": 1,
    "1st": 1,
    "second": 2,
    "2nd": 2,
    "third": 3,
    "3rd": 3,
    "fourth": 4,
    "4th": 4,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """A year, or a quarter of it."""

    year: int
    quarter: int | None = None

    @property
    def label(self) -> str:
        """As a question writes it: ``2023``, ``Q3 2023``."""
        return str(self.year) if self.quarter is None else f"Q{self.quarter} {self.year}"

    def holds(self, other: Period) -> bool:
        """Whether ``other`` lies in this period."""
        same = self.quarter is None or self.quarter == other.quarter
        return self.year == other.year and same


def cover_periods(cover: str) -> Iterator[Period]:
    """The period that a cover names: ``for the quarterly period ended April 1, 2023``."""
    for match in re.finditer(
        r"(?i)\b(?:period|quarter|year|months) ended\b[^.\d]{0,20}\d{0,2},?\s*((?:19|20)\d\d)",
        cover,
    ):
        yield Period(year=int(match.group(1)))
        return


def periods_of(text: str) -> Iterator[Period]:
    """The years and quarters that a text names; a quarter belongs to the nearest year."""
    years = [(match.start(), int(match.group(1))) for match in YEAR.finditer(text)]
    quarters = [
        (match.start(), int(match.group(1) or _ORDINALS[match.group(2).lower()]))
        for match in QUARTER.finditer(text)
    ]
    taken: set[int] = set()
    for place, quarter in quarters:
        if years:
            nearest = min(years, key=lambda year: abs(year[0] - place))
            taken.add(nearest[0])
            yield Period(year=nearest[1], quarter=quarter)
    for place, year in years:
        if place not in taken:
            yield Period(year=year)
