"""The message catalogue: sentences in the language of whoever reads, and numbers in its form.

English is the language of the source, so an English message needs no entry. A language is a folder
``roadbed/locale/LANGUAGE/LC_MESSAGES`` with a compiled catalogue. ``en_XA`` is a pseudo-language:
longer words with accents, which show a text that is not in the catalogue or does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from functools import cache
from pathlib import Path

from babel import Locale
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations

LOCALES = Path(__file__).parents[1] / "locale"
DOMAIN = "roadbed"
SOURCE = "en"
_SPOKEN: ContextVar[str] = ContextVar("spoken", default=SOURCE)
_RANGE = re.compile(
    r"^\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*$"
)
_NUMBER = re.compile(r"([+\-−]?)([0-9][0-9,]*)(?:\.([0-9]+))?")


@cache
def languages() -> tuple[str, ...]:
    """The languages that there is a catalogue for, English first."""
    others = sorted(place.parents[1].name for place in LOCALES.glob(f"*/LC_MESSAGES/{DOMAIN}.mo"))
    return (SOURCE, *others)


def best(accepted: str) -> str:
    """The language for an ``Accept-Language`` header: English where none of its languages fits."""
    wanted = []
    for place, part in enumerate(accepted[:500].split(",")):
        if match := _RANGE.match(part):
            wanted.append((-float(match[2] or 1.0), place, match[1].lower().replace("-", "_")))
    known = {language.lower(): language for language in languages()}
    for weight, _, language in sorted(wanted):
        if weight < 0.0 and (spoken := known.get(language) or known.get(language.split("_")[0])):
            return spoken
    return SOURCE


def header_for(language: str) -> str:
    """The ``Accept-Language`` header that asks for one of ``languages()``."""
    return language.replace("_", "-")


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Messages are in ``language``, one of ``languages()``, until the end of the block."""
    token = _SPOKEN.set(language)
    try:
        yield
    finally:
        _SPOKEN.reset(token)


def spoken() -> str:
    """The language that messages are in now."""
    return _SPOKEN.get()


def gettext(message: str) -> str:
    """``message`` in the language of whoever reads."""
    return _catalogue(_SPOKEN.get()).gettext(message)


def ngettext(singular: str, plural: str, n: int) -> str:
    """The form of the message that fits the count ``n``."""
    return _catalogue(_SPOKEN.get()).ngettext(singular, plural, n)


def several(singular: str, plural: str, n: int, **values: object) -> str:
    """The form of a message that fits the count ``n``, filled in with ``%(n)s`` and ``values``."""
    return ngettext(singular, plural, n) % {"n": number(n), **values}


def later(message: str) -> str:
    """``message`` itself. It marks a word of a list, which is translated where it is shown."""
    return message


def number(value: float, digits: int | None = None) -> str:
    """A number in the form of the reader's language; ``digits`` behind the decimal point."""
    if digits is None and not isinstance(value, int):
        return format_decimal(value, locale=_locale(_SPOKEN.get()))
    return localised(f"{value:,.{digits or 0}f}")


def localised(figure: str) -> str:
    """A number as Python writes it (``-1,234.50``, ``12.5``) in the form of the reader's language.

    It is rounded before, so it shows the same figure in every language. Digits are grouped if they
    are in ``figure``. Anything else is returned as it is.
    """
    locale = _locale(_SPOKEN.get())
    if locale.language == SOURCE or not (parts := _NUMBER.fullmatch(figure)):
        return figure
    sign, whole, digits = parts[1], parts[2], parts[3] or ""
    grouped = "," in whole
    pattern = ("#,##0" if grouped else "0") + ("." + "0" * len(digits) if digits else "")
    value = Decimal(f"{whole.replace(',', '')}.{digits}")
    return sign + format_decimal(value, pattern, locale=locale, group_separator=grouped)


@cache
def _catalogue(language: str) -> NullTranslations:
    if language == SOURCE:
        return NullTranslations()
    return Translations.load(LOCALES, [language], DOMAIN)


@cache
def _locale(language: str) -> Locale:
    # A pseudo-language has no numbers of its own.
    return Locale.parse(SOURCE if language.endswith("_XA") else language)
