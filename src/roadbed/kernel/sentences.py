"""Sentences that are put into words when they are read, in the language of whoever reads them.

An error is raised in one place and read in several: on a page, in the log, in a table. So it keeps
the message with its values, and each reader sees it in their language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from roadbed.kernel import messages


class Sentence:
    """Text whose words are made by ``str()``, at that moment. ``tell`` makes them."""

    __slots__ = ("_tell",)

    def __init__(self, tell: Callable[[], str]) -> None:
        self._tell = tell

    def __str__(self) -> str:
        return self._tell()

    def __format__(self, specification: str) -> str:
        return format(str(self), specification)


Text = str | Sentence


def sentence(message: str, /, **values: object) -> Sentence:
    """A message of the catalogue, filled in with ``values``; they may be sentences themselves."""
    return Sentence(partial(_told, message, values))


def sentences(singular: str, plural: str, n: int, /, **values: object) -> Sentence:
    """The form of a message that fits the count ``n``, filled in with ``%(n)s`` and ``values``."""
    return Sentence(partial(messages.several, singular, plural, n, **values))


def figure(written: str) -> Sentence:
    """A number as Python writes it (``1,234.5``), in the form of the reader's language."""
    return Sentence(partial(messages.localised, written))


def joined(separator: str, parts: Iterable[object]) -> Sentence:
    """``parts`` as one text, with ``separator`` between them."""
    return Sentence(partial(_joined, separator, tuple(parts)))


def in_source(text: object) -> str:
    """``text`` in English, as it is stored, logged and compared."""
    with messages.speaking(messages.SOURCE):
        return str(text)


def plain(value: object) -> str:
    """The words of a sentence that JSON holds. Raises ``TypeError`` for any other value."""
    if isinstance(value, Sentence):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _told(message: str, values: dict[str, object]) -> str:
    text = messages.gettext(message)
    return text % values if values else text


def _joined(separator: str, parts: tuple[object, ...]) -> str:
    return separator.join(map(str, parts))
