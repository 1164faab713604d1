"""Figures: numbers and dates of a text in one form, so that different spellings can be compared.

``1,234.50``, ``1234.5`` and ``1 234.50`` are one number, and so are ``30`` and ``thirty``, ``5 %``
and ``5 percent``, ``1.2 million`` and ``1,200,000``. Written-out numbers are read in English only.
A number that a text could mean in two ways has both readings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from roadbed.kernel.amounts import DIGITS, amounts, currency_beside, digit_values

PERCENT = "%"
Value: TypeAlias = tuple[Decimal, str]  # with its unit: a percent sign or nothing


def _counted(words: str, start: int, step: int) -> dict[str, int]:
    return {word: start + step * place for place, word in enumerate(words.split())}


_SMALL = _counted(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen",
    start=0,
    step=1,
)
_TENS = _counted("twenty thirty forty fifty sixty seventy eighty ninety", start=20, step=10)
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ABBREVIATED = {"k": 10**3, "m": 10**6, "mn": 10**6, "bn": 10**9, "b": 10**9}
_WORD = "|".join([*_SMALL, *_TENS])
_WRITTEN = re.compile(
    rf"\b(?:{_WORD})(?:[ -](?:and )?(?:{_WORD}|hundred|thousand|million|billion))*\b", re.IGNORECASE
)
_NUMBER = re.compile(
    rf"(?P<currency>[$€£¥]\s?)?(?<![\w.,])"
    rf"(?P<digits>{DIGITS})"
    r"(?:\s?(?P<unit>%|percent\b|per cent\b|(?i:thousand|million|billion|trillion)\b)"
    r"|(?P<short>k|mn|m|bn|b)\b)?"
)
# Words that are a part of numbers and dates; these are compared by their value.
NUMBER_WORDS = frozenset([*_SMALL, *_TENS, *_SCALES, "hundred", "percent"])
_IN_SCALES = re.compile(r"(?i)\bin\s+(?:[a-z$€£]+\s+)?(thousands|millions|billions)\b")

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january januar enero jan",
            "february februar febrero feb",
            "march märz marzo mar",
            "april abril apr",
            "may mai mayo",
            "june juni junio jun",
            "july juli julio jul",
            "august agosto aug",
            "september septiembre sept sep",
            "october oktober octubre oct okt",
            "november noviembre nov",
            "december dezember diciembre dec dez",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATES = (
    re.compile(r"\b(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})\b"),
    re.compile(r"\b(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.\s?(?P<year>\d{4})\b"),
    re.compile(r"\b(?P<first>\d{1,2})/(?P<second>\d{1,2})/(?P<year>\d{4})\b"),
    re.compile(
        rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?\s+(?:of\s+|de\s+)?(?P<name>{_MONTH})\.?"
        rf"(?:,?\s+(?:de\s+)?(?P<year>\d{{4}}))?\b",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\b(?P<name>{_MONTH})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\d)"
        rf"(?:,?\s+(?P<year>\d{{4}}))?\b",
        re.IGNORECASE,
    ),
    re.compile(rf"\b(?P<name>{_MONTH})\.?,?\s+(?:de\s+)?(?P<year>\d{{4}})\b", re.IGNORECASE),
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written, and its readings: value and unit (``%`` or empty).

    Without a reading it is a version, such as 1.2.3, and compared as text. ``currency`` is that of
    an amount, however it is written; else it is empty.
    """

    text: str
    readings: frozenset[Value]
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """A date, or a part of one: 0 where a text does not say."""

    year: int
    month: int
    day: int

    def agrees(self, other: Day) -> bool:
        """Whether ``other`` says at least what this date says."""
        pairs = (self.year, other.year), (self.month, other.month), (self.day, other.day)
        return all(own in (0, its) for own, its in pairs)


@dataclass(frozen=True, slots=True)
class Date:
    """A date as it was written, and its readings: 3/5/2024 has two."""

    text: str
    readings: frozenset[Day]


@dataclass(frozen=True, slots=True)
class TextFigures:
    """The dates and numbers of a text; numbers in dates are not repeated.

    ``rest`` is the text with blanks in place of what was read in digits.
    """

    dates: tuple[Date, ...]
    numbers: tuple[Number, ...]
    rest: str

    @property
    def days(self) -> frozenset[Day]:
        """All readings of all dates."""
        return frozenset(day for date in self.dates for day in date.readings)


def figures(text: str) -> TextFigures:
    """The figures of ``text``, in order; those in words come last."""
    dates: list[Date] = []

    def taken(match: re.Match[str]) -> str:
        readings = frozenset(_days(match))
        if not readings:
            return match.group()
        dates.append(Date(match.group().strip(), readings))
        return " " * len(match.group())

    rest = text
    for pattern in _DATES:
        rest = pattern.sub(taken, rest)
    numbers = [
        Number(match.group().strip(), frozenset(_readings(match, currency)), currency)
        for match in _NUMBER.finditer(rest)
        for currency in (currency_beside(rest, *match.span("digits")),)
    ]
    numbers += [
        Number(match.group(), frozenset({(value, "")}))
        for match in _WRITTEN.finditer(rest)
        if (value := _written(match.group().lower())) is not None
    ]
    without = _NUMBER.sub(lambda match: " " * len(match.group()), rest)
    return TextFigures(dates=tuple(dates), numbers=tuple(numbers), rest=without)


def values_in(text: str) -> frozenset[Value]:
    """Every value that ``text`` confirms: its numbers, and years and days of its dates.

    A value of a table "in millions" confirms the whole amount too. A percentage confirms the bare
    number, a bare number no percentage. Numbers with a blank between them may be two columns.
    """
    written = figures(text)
    scales = [_SCALES[match.group(1).lower().rstrip("s")] for match in _IN_SCALES.finditer(text)]
    values: set[Value] = set()
    for number in written.numbers:
        for value, unit in number.readings:
            values |= {(value, unit), (value, "")}
            if not unit:
                values |= {(value * scale, "") for scale in scales}
        if " " in number.text:
            values |= {(Decimal(part), "") for part in re.findall(r"\d+", number.text)}
    for day in written.days:
        values |= {(Decimal(part), "") for part in (day.year, day.day) if part}
    return frozenset(values)


def currencies_in(text: str) -> Mapping[Decimal, frozenset[str]]:
    """The currencies in which ``text`` gives each value; empty for a number that has none."""
    currencies: dict[Decimal, set[str]] = {}
    for _match, currency, values in amounts(text):
        for value in values:
            currencies.setdefault(value, set()).add(currency)
    for number in figures(text).numbers:
        for value, _unit in number.readings:
            currencies.setdefault(value, set()).add(number.currency)
    return {value: frozenset(names) for value, names in currencies.items()}


def _days(match: re.Match[str]) -> Iterator[Day]:
    parts = match.groupdict()
    if parts.get("name") == "may":  # the verb
        return
    year = int(parts.get("year") or 0)
    if parts.get("first"):
        first, second = int(parts["first"]), int(parts["second"])
        pairs = {(first, second), (second, first)}
    elif parts.get("name"):
        pairs = {(int(parts.get("day") or 0), _MONTHS[parts["name"].lower()])}
    else:
        pairs = {(int(parts["day"]), int(parts["month"]))}
    for day, month in sorted(pairs):
        if 1 <= month <= 12 and day <= 31:
            yield Day(year, month, day)


def _readings(match: re.Match[str], currency: str) -> Iterator[Value]:
    unit = (match.group("unit") or "").lower()
    short = match.group("short")
    for value in digit_values(match.group("digits")):
        if unit in {"%", "percent", "per cent"}:
            yield value, PERCENT
            continue
        yield value * _SCALES.get(unit, 1), ""
        if short and currency:
            yield value * _ABBREVIATED[short], ""


def _written(text: str) -> Decimal | None:
    """The value of a number in words; ``None`` for "one" alone, which mostly is no number."""
    total, current = 0, 0
    words = [word for word in re.split(r"[ -]+", text) if word != "and"]
    for word in words:
        if word in _SMALL:
            current += _SMALL[word]
        elif word in _TENS:
            current += _TENS[word]
        elif word == "hundred":
            current = max(current, 1) * 100
        else:
            total += max(current, 1) * _SCALES[word]
            current = 0
    return None if words == ["one"] else Decimal(total + current)
