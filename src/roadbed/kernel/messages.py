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


def number(value: float, digits: int | None = None) -> str:
    """A number in the form of the reader's language; ``digits`` behind the decimal point."""
    pattern = None if digits is None else "#,##0" + ("." + "0" * digits if digits else "")
    return format_decimal(value, pattern, locale=_locale(_SPOKEN.get()))


@cache
def _catalogue(language: str) -> NullTranslations:
    if language == SOURCE:
        return NullTranslations()
    return Translations.load(LOCALES, [language], DOMAIN)


@cache
def _locale(language: str) -> Locale:
    # A pseudo-language has no numbers of its own.
    return Locale.parse(SOURCE if language.endswith("_XA") else language)
