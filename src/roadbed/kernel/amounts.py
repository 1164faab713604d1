"""Amounts of money in texts: currencies in their spellings, and numbers with separators.

``EUR 120``, ``120 EUR``, ``€120`` and ``120 euros`` are one amount. Codes are those of ISO 4217,
without the few that are English words in capitals (ALL, TOP, CUP).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

_CODES = (
    *("EUR", "USD", "GBP", "CHF", "JPY", "CNY", "SEK", "NOK", "DKK", "ISK", "PLN", "CZK", "HUF"),
    *("RON", "BGN", "UAH", "RUB", "TRY", "ILS", "AED", "SAR", "QAR", "EGP", "ZAR", "NGN", "KES"),
    *("CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "KRW", "INR", "IDR", "MYR", "PHP", "THB", "VND"),
    *("BRL", "MXN", "ARS", "CLP", "COP"),
)
_SIGNS_OF = {
    "USD": "$ US$",
    "EUR": "€",
    "GBP": "£",
    "JPY": "¥",
    "INR": "₹",
    "CAD": "CA$ C$",
    "AUD": "AU$ A$",
    "NZD": "NZ$",
    "HKD": "HK$",
    "CHF": "SFr. SFr Fr.",
}
# Pounds may be weight, and crowns and pesos are of several countries: equal words are one unit.
_WORDS_OF = {
    "EUR": "euro euros",
    "USD": "dollar dollars dólares",
    "GBP": "pound pounds sterling libras pfund",
    "CHF": "franc francs franken",
    "JPY": "yen",
    "CNY": "yuan",
    "INR": "rupee rupees",
    "PLN": "złoty zloty zlotys",
    "SEK": "krona kronor",
    "crown": "krone kroner kronen crowns",
    "peso": "peso pesos",
}
_SIGNS = {sign: code for code, signs in _SIGNS_OF.items() for sign in signs.split()}
_WORDS = {word: code for code, words in _WORDS_OF.items() for word in words.split()}
_SCALES_OF = {
    10**3: "thousand tausend tsd tsd. mille k",
    10**6: "million millions millionen millón millones mio mio. mn m",
    10**9: "billion billions milliarde milliarden milliards mrd mrd. bn b",
    10**12: "trillion trillions",
}
_SCALES = {word: scale for scale, words in _SCALES_OF.items() for word in words.split()}


def _any(words: Sequence[str] | Mapping[str, object]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_SPACES = "\u00a0\u202f\u2009 "
# A number with separators of thousands, or any digits with points and commas.
DIGITS = rf"\d{{1,3}}(?:[,.'’{_SPACES}]\d{{3}})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)*"
# For expressions that must not take an amount for a year. Each look-behind has one width.
NO_AMOUNT_BEFORE = rf"(?<!(?:{'|'.join(_CODES)})[{_SPACES}])(?<!{'|'.join(_CODES)})(?<![$€£¥₹][ ])"
NO_AMOUNT_AFTER = rf"(?![{_SPACES}]?(?:(?:{'|'.join(_CODES)}|(?i:{_any(_WORDS)}))(?!\w)|[$€£¥₹]))"
_BEFORE = rf"(?<!\w)(?:{'|'.join(_CODES)})|(?<!\w)(?:{_any(_SIGNS)})|[$€£¥₹]"
_AFTER = rf"(?:(?:{'|'.join(_CODES)})|(?i:{_any(_WORDS)}))(?!\w)|(?:{_any(_SIGNS)})"
_SCALE = rf"(?:(?i:{_any([scale for scale in _SCALES if len(scale) > 1])})|[kmb])(?!\w)"
_AMOUNT = re.compile(
    rf"(?:(?P<before>{_BEFORE})[{_SPACES}]?)?(?<![\w.,])(?P<digits>{DIGITS})(?![.,]?\d)"
    rf"(?:[{_SPACES}]?(?P<scale>{_SCALE}))?(?:[{_SPACES}]?(?P<after>{_AFTER}))?"
)
# A currency alone, as the head of a column has it.
CURRENCY = re.compile(rf"{_BEFORE}|(?<!\w){_AFTER}")
_BEFORE_END = re.compile(rf"(?P<currency>{_BEFORE})[{_SPACES}]?$")
_AFTER_START = re.compile(rf"(?:[{_SPACES}]?{_SCALE})?[{_SPACES}]?(?P<currency>{_AFTER})")
_WIDEST = 8  # characters of a currency before its number


def amounts(text: str) -> Iterator[tuple[re.Match[str], str, frozenset[Decimal]]]:
    """The amounts of ``text``: where each stands, its currency, and the values that it may have."""
    for match in _AMOUNT.finditer(text):
        currency = currency_of(match.group("before") or match.group("after") or "")
        scale = _SCALES.get((match.group("scale") or "").lower(), 1)
        values = frozenset(value * scale for value in digit_values(match.group("digits")))
        if currency and values:
            yield match, currency, values


def without_amounts(text: str) -> str:
    """``text`` with a blank in place of each amount."""
    parts, end = [], 0
    for match, _currency, _values in amounts(text):
        parts.append(text[end : match.start()])
        end = match.end()
    return " ".join((*parts, text[end:]))


def currency_of(written: str) -> str:
    """The currency that a sign, code or word stands for; empty for anything else."""
    if written in _CODES:
        return written
    return _SIGNS.get(written) or _WORDS.get(written.lower(), "")


def currency_beside(text: str, start: int, end: int) -> str:
    """The currency before or after the number from ``start`` to ``end``; empty if there is none."""
    before = _BEFORE_END.search(text[max(0, start - _WIDEST) : start])
    match = before or _AFTER_START.match(text, end)
    return currency_of(match.group("currency")) if match else ""


def digit_values(digits: str) -> Iterator[Decimal]:
    """The values that digits with separators may mean: ``1.234`` is read in both ways.

    A version or the number of a section, such as 1.2.3, has none.
    """
    plain = re.sub(f"['’{_SPACES}]", "", digits)
    marks = [mark for mark in plain if mark in ".,"]
    last = re.split(r"[.,]", plain)[-1]
    if not marks:
        yield Decimal(plain)
    elif len(set(marks)) == 2 and marks[:-1] == [marks[0]] * (len(marks) - 1):
        yield Decimal(plain.replace(marks[0], "").replace(marks[-1], "."))
    elif len(set(marks)) == 2 or (len(marks) > 1 and len(last) != 3):
        return
    elif len(marks) > 1:
        yield Decimal(re.sub(r"[.,]", "", plain))
    elif len(last) == 3 and len(plain) <= 7 and not plain.startswith("0"):
        yield Decimal(re.sub(r"[.,]", "", plain))
        yield Decimal(plain.replace(",", "."))
    else:
        yield Decimal(plain.replace(",", "."))
