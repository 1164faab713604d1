"""Dates in names and texts of documents, as precise as they are written. Pure."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from roadbed.kernel.amounts import NO_AMOUNT_AFTER, NO_AMOUNT_BEFORE

_MONTHS = (
    ("january", "jan", "januar", "enero", "janvier"),
    ("february", "feb", "februar", "febrero", "février"),
    ("march", "mar", "märz", "marzo", "mars"),
    ("april", "apr", "abril", "avril"),
    ("may", "mai", "mayo"),
    ("june", "jun", "juni", "junio", "juin"),
    ("july", "jul", "juli", "julio", "juillet"),
    ("august", "aug", "agosto", "août"),
    ("september", "sept", "sep", "septiembre", "septembre"),
    ("october", "oct", "oktober", "okt", "octubre", "octobre"),
    ("november", "nov", "noviembre", "novembre"),
    ("december", "dec", "dezember", "dez", "diciembre", "décembre"),
)
_NUMBER_OF = {name: number for number, names in enumerate(_MONTHS, 1) for name in names}
_MONTH = "|".join(sorted(_NUMBER_OF, key=len, reverse=True))
MONTH = re.compile(rf"\b(?:{_MONTH})\b", re.IGNORECASE)
_Y = r"(?:19|20)\d\d"
# Most precise first: an earlier alternative takes the text of a later one.
DATE = re.compile(
    rf"""
    (?<![\d.,/])(?P<iso>(?P<y1>{_Y})[-/.](?P<m1>\d\d?)(?:[-/.](?P<d1>\d\d?))?)(?![\d/]|[.,]\d)
    |\b(?P<d2>\d\d?)(?:st|nd|rd|th|\.)?[ ](?:of[ ]|de[ ])?
      (?P<m2>{_MONTH})\b\.?,?[ ](?:de[ ])?(?P<y2>{_Y})
    |\b(?P<m3>{_MONTH})\b\.?[ ]
      (?:(?P<d3>\d\d?)(?:st|nd|rd|th)?,?[ ]|[_. ]+,[ ])?(?:de[ ])?(?P<y3>{_Y})
    |(?<![\d.,/])(?P<a4>\d\d?)(?P<dot>[-/.])(?P<b4>\d\d?)(?P=dot)(?P<y4>{_Y})(?![\d/]|[.,]\d)
    |(?<!\d)(?P<y5>{_Y})(?P<m5>0[1-9]|1[0-2])(?P<d5>[0-3]\d)?(?!\d)
    |(?<![\d.,$€£/-])(?-i:{NO_AMOUNT_BEFORE})(?P<y6>{_Y})(?![\d/]|[.,]\d)(?-i:{NO_AMOUNT_AFTER})
    """,
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True, order=True)
class PartialDate:
    """A year, month or day. ``month`` and ``day`` are 0 where they are not written."""

    year: int
    month: int = 0
    day: int = 0

    @property
    def label(self) -> str:
        """As ISO 8601 writes it: ``2022``, ``2022-12`` or ``2022-12-23``."""
        words = [str(self.year)]
        words += [f"{number:02}" for number in (self.month, self.day) if number]
        return "-".join(words)

    def holds(self, other: PartialDate) -> bool:
        """Whether ``other`` may be the same date: neither says anything that differs."""
        pairs = ((self.month, other.month), (self.day, other.day))
        alike = all(one == two or not one or not two for one, two in pairs)
        return self.year == other.year and alike

    def is_after(self, day: date) -> bool:
        """Whether it begins after ``day``."""
        return date(self.year, self.month or 1, self.day or 1) > day


def dates(text: str) -> Iterator[PartialDate]:
    """The dates of a text, in its order. Numbers that are no dates are left out."""
    for match in DATE.finditer(text):
        if (written := _partial(match)) is not None:
            yield written


def first_date(text: str) -> PartialDate | None:
    """The date that a text begins with; ``None`` if it begins with something else."""
    match = DATE.match(text)
    return _partial(match) if match else None


def _partial(match: re.Match[str]) -> PartialDate | None:
    group = match.groupdict()
    if group["y1"]:
        return _valid(group["y1"], group["m1"], group["d1"])
    if group["y2"]:
        return _valid(group["y2"], str(_NUMBER_OF[group["m2"].lower()]), group["d2"])
    if group["y3"]:
        return _valid(group["y3"], str(_NUMBER_OF[group["m3"].lower()]), group["d3"])
    if group["y4"]:
        return _numeric(group["a4"], group["b4"], group["dot"], group["y4"])
    if group["y5"]:
        return _valid(group["y5"], group["m5"], group["d5"])
    return PartialDate(int(group["y6"]))


def _numeric(first: str, second: str, separator: str, year: str) -> PartialDate | None:
    """A date of numbers. Which one is the day depends on the country: then the year is sure."""
    one, two = int(first), int(second)
    is_german = separator == "." and len(first) == len(second) == 2
    if one > 12 or (is_german and two <= 12):
        return _valid(year, second, first)
    if two > 12 or one == two:
        return _valid(year, first, second)
    return PartialDate(int(year))


def _valid(year: str, month: str, day: str | None) -> PartialDate | None:
    numbers = int(year), int(month), int(day or 0)
    if not 1 <= numbers[1] <= 12 or numbers[2] > calendar.monthrange(*numbers[:2])[1]:
        return None
    return PartialDate(*numbers)
