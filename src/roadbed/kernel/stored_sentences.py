"""Sentences that are stored: English in the database, in the language of each reader on a page.

What decides writes its reason with ``stored_sentence``, which gives the English text. The texts
that are given to the functions of this module are collected from the source in ``stored.json``.
``reworded`` finds the message that made a stored text, and words it again with the same values.
Nothing but the text is stored, so rows of every age are read in the same way.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

from roadbed.kernel import messages
from roadbed.kernel.sentences import Sentence, in_source

FILE = messages.LOCALES / "stored.json"
LONGEST = 4_000  # characters of a text that is looked at
_DEEPEST = 5  # sentences inside of sentences
_SEPARATOR = "; "
_MOST_PARTS = 4  # of one sentence of a list
_FEWEST_WORDS = 3  # of a message that is found without a word of its caller
_PLACE = re.compile(r"%\((\w+)\)[rs]")
_FIGURE = re.compile(r"([+\-−]?[0-9][0-9,]*(?:\.[0-9]+)?)((?: (?:%|s|ms|h))?)")
Message = str | tuple[str, str]  # one, or singular and plural


def stored_sentence(message: str, /, **values: object) -> str:
    """``message`` in English, filled in with ``values``, as it is stored."""
    return message % _english(values) if values else message


def stored_sentences(singular: str, plural: str, n: int, /, **values: object) -> str:
    """The form that fits the count ``n`` in English, filled in with ``%(n)s`` and ``values``."""
    return (singular if n == 1 else plural) % {"n": f"{n:,}", **_english(values)}


def stored_message(message: str) -> str:
    """``message`` itself. It marks one that is stored in English and also made for readers."""
    return message


def stored_messages(singular: str, plural: str) -> tuple[str, str]:
    """Both forms of a message. It marks one that is stored in English and also made for readers."""
    return singular, plural


def reworded(text: str, *, certain: bool = False) -> str:
    """A stored text in the language of whoever reads; the text itself if no message made it.

    ``certain`` says that code wrote the text, not a person. Then messages of one or two words are
    read too, which what people write could resemble, and a list of sentences (``one; another``).

    Values are kept. A value that is a stored sentence is worded again too, and a number gets the
    form of the language. The time is linear in the length of the text.
    """
    if messages.spoken() == messages.SOURCE or len(text) > LONGEST or " " not in text:
        return text
    told = _reworded(text, 0, certain=certain)
    if certain and told == text and _SEPARATOR in text:
        return _SEPARATOR.join(_listed(text.split(_SEPARATOR)))
    return told


def matched(text: str, *, certain: bool = False) -> Message | None:
    """The message that ``text`` is taken for; ``None`` if there is none."""
    for pattern, _ in _matches(text, certain=certain):
        return pattern.message
    return None


def _listed(parts: Sequence[str]) -> Iterator[str]:
    """The sentences of a list, each of as few parts as a message fits: some hold a semicolon."""
    begin = 0
    while begin < len(parts):
        for end in range(begin + 1, min(len(parts), begin + _MOST_PARTS) + 1):
            text = _SEPARATOR.join(parts[begin:end])
            if (told := _reworded(text, 0, certain=True)) != text:
                yield told
                begin = end
                break
        else:
            yield parts[begin]
            begin += 1


def _reworded(text: str, depth: int, *, certain: bool) -> str:
    for pattern, values in _matches(text, certain=certain):
        if depth < _DEEPEST:
            inner = {name: _value(values[name], depth + 1, certain=certain) for name in values}
            return pattern.told(inner)
        return pattern.told(values)
    return text


def _value(value: str, depth: int, *, certain: bool) -> str:
    if figure := _FIGURE.fullmatch(value):
        return messages.localised(figure[1]) + figure[2]
    return _reworded(value, depth, certain=certain) if " " in value else value


def _english(values: Mapping[str, object]) -> dict[str, object]:
    return {
        name: in_source(value) if isinstance(value, Sentence) else value
        for name, value in values.items()
    }


class _Kept(str):
    """A value as it stands in a stored text, where it may be quoted already (``%(name)r``)."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class _Pattern:
    """One form of a message: the constant parts of its text, with a value between any two."""

    def __init__(self, message: Message, form: str) -> None:
        self.message = message
        self.names = _PLACE.findall(form)
        # Without values a message is not formatted, so a percent sign is not doubled.
        parts = _PLACE.split(form)[::2]
        self.parts = [part.replace("%%", "%") for part in parts] if self.names else parts
        self.length = sum(map(len, self.parts))
        self.strict = sum(len(word) > 1 for word in self.words()) >= _FEWEST_WORDS

    def words(self) -> Iterator[str]:
        """The words of each text of this form: those that no value touches."""
        last = len(self.parts) - 1
        for place, part in enumerate(self.parts):
            words = part.split(" ")
            yield from filter(None, words[place > 0 : len(words) - (place < last)])

    def values(self, text: str) -> dict[str, str] | None:
        """The values in ``text``; ``None`` if this message did not make it.

        Each value ends where the next constant part is found first. If any choice of values gives
        the text then this one does, so nothing is tried twice.
        """
        first, *inner, last = self.parts if self.names else (self.parts[0], "")
        if not self.names:
            return {} if text == first else None
        begin, end = len(first), len(text) - len(last)
        if begin > end or not text.startswith(first) or not text.endswith(last):
            return None
        values: list[str] = []
        for part in inner:
            place = text.find(part, begin, end)
            if place < 0:
                return None
            values.append(text[begin:place])
            begin = place + len(part)
        values.append(text[begin:end])
        return dict(zip(self.names, values, strict=True))

    def told(self, values: Mapping[str, str]) -> str:
        """The message in the language of whoever reads."""
        kept = {name: _Kept(value) for name, value in values.items()}
        if isinstance(self.message, str):
            told = messages.gettext(self.message)
        else:
            count = re.sub(r"[^0-9]", "", values.get("n", ""))[:9]
            told = messages.ngettext(*self.message, int(count or 2))
        return told % kept if self.names else told


def _matches(text: str, *, certain: bool) -> Iterator[tuple[_Pattern, dict[str, str]]]:
    """The messages that may have made ``text``, those with the longest constant text first."""
    index = _index()
    possible = {
        id(pattern): pattern for word in set(text.split(" ")) for pattern in index.get(word, ())
    }
    for pattern in sorted(possible.values(), key=lambda pattern: -pattern.length):
        if (certain or pattern.strict) and (values := pattern.values(text)) is not None:
            yield pattern, values


@cache
def _index() -> Mapping[str, Sequence[_Pattern]]:
    """The patterns by the rarest of their words: few of them have to be looked at for a text."""
    stored = json.loads(FILE.read_text(encoding="utf-8"))
    return indexed(one if isinstance(one, str) else (one[0], one[1]) for one in stored)


def indexed(stored: Iterable[Message]) -> Mapping[str, Sequence[_Pattern]]:
    """The patterns of messages by one word. Raises ``ValueError`` for one without a word."""
    patterns = [
        _Pattern(message, form)
        for message in stored
        for form in ([message] if isinstance(message, str) else message)
    ]
    often = Counter(word for pattern in patterns for word in set(pattern.words()))
    index: dict[str, list[_Pattern]] = {}
    for pattern in patterns:
        words = sorted(pattern.words(), key=lambda word: (often[word], -len(word), word))
        if not words:
            raise ValueError(f"no word of {pattern.message!r} stands apart from its values")
        index.setdefault(words[0], []).append(pattern)
    return index
