"""Number formats of spreadsheets: a number as its cell shows it. Pure.

Source: ECMA-376 part 1, 18.8.31 (numFmts). Separators are those of English. A format with
conditions, fractions or exponents is not followed: the number is given as it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import Literal

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|(?P<gap>[_*].)|\[\$(?P<currency>[^\]-]*)[^\]]*\]'
    r"|\[(?P<bracket>[^\]]*)\]|(?P<digit>[0#?])|(?P<point>\.)|(?P<comma>,)|(?P<percent>%)"
    r"|(?P<general>General)|(?P<text>@)|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_SECTION_END = re.compile(r'(?:"[^"]*"?|\\.|\[[^\]]*\]|[^;"\\\[])*', re.DOTALL)
_COLOUR = re.compile(
    r"black|blue|cyan|green|magenta|red|white|yellow|color ?\d+|dbnum\d|natnum\d", re.IGNORECASE
)
_NOT_FOLLOWED = frozenset("/EeYyMmDdHhSs")  # fractions, exponents, dates
_MOST_DIGITS = 30
_LONGEST = 500  # characters of a format; spreadsheets allow 255
_PRECISE = Context(prec=2_500)  # of the largest number with as many percent signs as fit
_EXACT = 15  # significant digits that a spreadsheet keeps

_Kind = Literal["literal", "digit", "point", "percent", "general", "text"]


@dataclass(frozen=True, slots=True)
class _Token:
    kind: _Kind
    text: str


@dataclass(frozen=True, slots=True)
class _Section:
    """One of up to four formats between semicolons."""

    tokens: tuple[_Token, ...]
    thousands: bool
    thousandths: int  # by how many thousands the number is divided

    def has(self, kind: _Kind) -> bool:
        return any(token.kind == kind for token in self.tokens)


def number(value: float, number_format: str) -> str:
    """A number as its cell shows it; an empty text if the format hides it."""
    sections = _sections(number_format)
    if sections is None or not math.isfinite(value):
        return general(value)
    index = 0
    if value < 0 and len(sections) > 1:
        index = 1
    elif value == 0 and len(sections) > 2:
        index = 2
    section = sections[index]
    exact = Decimal(format(value, f".{_EXACT}g")) if isinstance(value, float) else Decimal(value)
    sign = "-" if value < 0 and index == 0 else ""
    shown = _filled(abs(exact), section)
    if sign and not any(figure in shown for figure in "123456789"):
        sign = ""  # a negative number that is rounded to zero
    return f"{sign}{shown}".strip()


def text(value: str, number_format: str) -> str:
    """A text as its cell shows it; an empty text if the format hides it."""
    sections = _sections(number_format)
    if sections is None:
        return value
    last = sections[-1]
    if len(sections) < 4 and not last.has("text"):
        return value
    return "".join(
        value if token.kind == "text" else token.text
        for token in last.tokens
        if token.kind in ("text", "literal")
    )


def general(value: float) -> str:
    """A number without a format."""
    if isinstance(value, int) or (value.is_integer() and abs(value) < 10**_EXACT):
        return str(int(value))
    return format(value, f".{_EXACT}g").replace("e", "E")


def duration(value: timedelta, number_format: str) -> str:
    """A time that lasts, in hours."""
    minutes, seconds = divmod(round(abs(value.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    shown = f"{hours}:{minutes:02d}"
    if seconds or "s" in number_format.lower():
        shown += f":{seconds:02d}"
    return f"-{shown}" if value < timedelta(0) else shown


@lru_cache(maxsize=1024)
def _sections(number_format: str) -> Sequence[_Section] | None:
    """The parts of a format, or ``None`` if it is not followed."""
    if len(number_format) > _LONGEST:
        return None
    written, at = [], 0
    while True:
        match = _SECTION_END.match(number_format, at)
        assert match is not None
        written.append(match[0])
        if match.end() >= len(number_format):
            break
        at = match.end() + 1
    made = [_section(part) for part in written[:4]]
    sections = [section for section in made if section is not None]
    return sections if len(sections) == len(made) else None


def _section(written: str) -> _Section | None:
    tokens: list[_Token] = []
    commas: list[int] = []  # how many digits stand before each
    for match in _TOKEN.finditer(written):
        digits = sum(token.kind == "digit" for token in tokens)
        if match.lastgroup == "comma" and digits:
            commas.append(digits)
            continue
        token = _token(match)
        if token is None:
            return None
        tokens.append(token)
    digits = sum(token.kind == "digit" for token in tokens)
    whole = _before_point(tokens)
    return _Section(
        tokens=tuple(tokens),
        thousands=any(count < whole for count in commas),
        thousandths=sum(count in (whole, digits) for count in commas),
    )


def _token(match: re.Match[str]) -> _Token | None:
    """What a piece of a format shows, or ``None`` if it is not followed."""
    match match.lastgroup:
        case "quoted" | "escaped" | "currency" as group:
            return _Token("literal", match[group])
        case "gap":
            return _Token("literal", "")
        case "bracket":
            return _Token("literal", "") if _COLOUR.fullmatch(match["bracket"]) else None
        case "digit" | "point" | "percent" | "general" | "text" as kind:
            return _Token(kind, match[0])
        case _:
            return None if match[0] in _NOT_FOLLOWED else _Token("literal", match[0])


def _before_point(tokens: Sequence[_Token]) -> int:
    count = 0
    for token in tokens:
        if token.kind == "point":
            break
        count += token.kind == "digit"
    return count


def _filled(value: Decimal, section: _Section) -> str:
    """The tokens of a section with the digits of a number that is not negative."""
    if section.has("general"):
        return "".join(
            general(float(value)) if token.kind == "general" else token.text
            for token in section.tokens
        )
    percents = sum(token.kind == "percent" for token in section.tokens)
    value = value.scaleb(2 * percents - 3 * section.thousandths)
    whole = _before_point(section.tokens)
    placeholders = [token.text for token in section.tokens if token.kind == "digit"]
    decimals = placeholders[whole:]
    step = Decimal(1).scaleb(-min(len(decimals), _MOST_DIGITS))
    rounded = value.quantize(step, ROUND_HALF_UP, _PRECISE)
    integer, _, fraction = f"{rounded:f}".partition(".")
    needed = decimals.copy()
    while needed and needed[-1] != "0" and fraction.endswith("0"):
        needed.pop()
        fraction = fraction[:-1]
    integer = integer.lstrip("0")
    least = sum(1 for placeholder in placeholders[:whole] if placeholder == "0")
    digits = integer.rjust(least, "0")
    return _placed(section, digits, fraction, whole)


def _placed(section: _Section, digits: str, fraction: str, whole: int) -> str:
    """Digits at their placeholders; those that have none stand at the first one."""
    if section.thousands:
        digits = _grouped(digits)
    written: list[str] = []
    seen = 0
    split = not section.thousands and _is_split(section.tokens, whole)
    for token in section.tokens:
        if token.kind == "digit":
            seen += 1
            if seen <= whole:
                written.append(_at(digits, seen, whole) if split else digits if seen == 1 else "")
            elif seen - whole <= len(fraction):
                written.append(fraction[seen - whole - 1])
        elif token.kind == "point":
            written.append(f"{'' if whole else digits}." if fraction else "")
        else:
            written.append(token.text)
    return "".join(written)


def _is_split(tokens: Sequence[_Token], whole: int) -> bool:
    """Whether literals stand between the digits, as in 000-00-0000."""
    kinds = [token.kind for token in tokens]
    places = [place for place, kind in enumerate(kinds) if kind == "digit"][:whole]
    return bool(places) and places[-1] - places[0] >= len(places)


def _at(digits: str, place: int, whole: int) -> str:
    """The digit of a placeholder, counted from 1; the first one has all that are too many."""
    from_right = whole - place
    if place == 1:
        return digits[: len(digits) - from_right] if len(digits) > from_right else ""
    return digits[len(digits) - from_right - 1] if len(digits) > from_right else ""


def _grouped(digits: str) -> str:
    start = len(digits) % 3
    groups = [digits[:start], *(digits[at : at + 3] for at in range(start, len(digits), 3))]
    return ",".join(group for group in groups if group)
