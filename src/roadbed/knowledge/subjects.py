"""Whether two texts of one template are about different things. Pure.

Data sheets of two valves and two versions of a contract resemble each other equally. They differ
in what differs: sheets have other titles, names or identifiers in otherwise equal sentences,
versions have other amounts and terms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from roadbed.knowledge.dates import DATE

_LEAST_WORDS = 3  # that a sentence must have besides names and numbers to be compared
_LONGEST_TITLE = 12  # words
_END = re.compile(r"[.!?]\s+|\n+")
_WORD = re.compile(r"[^\W_]+")
_NUMBER = r"[ ._-]{0,2}\d{1,3}(?:\.\d{1,3}){0,2}"
_VERSION = re.compile(rf"(?i)(?<![^\W_])(?:version|revision|rev|ver|fassung|versión){_NUMBER}")
_TITLE_VERSION = re.compile(rf"(?i)(?<![^\W_])v{_NUMBER}")
_Slot = tuple[str, ...]
_Template = tuple[str, ...]


def differ(
    one: Sequence[str], other: Sequence[str], numbers: tuple[int | None, int | None]
) -> bool:
    """Whether two texts, given by their first pages, seem to be about different things.

    ``numbers`` are those of their file names, if any. They are no versions if sentences have them
    in the same place: "the valve in hall 1", "the valve in hall 2". Without them other titles count
    only if most sentences are equal: an owner who changes its name writes much anew.
    """
    first, second = _sentences(one), _sentences(other)
    if _replaced(_title(first), _title(second)) and (
        None not in numbers or _are_of_one_template(first[1:], second[1:])
    ):
        return True
    pairs = list(_aligned(_templates(first), _templates(second)))
    if any(_are_numbered(*pair, numbers) for pair in pairs):
        return True
    named = [
        _replaced(_names(left), _names(right)) for left, right in pairs if _names(left + right)
    ]
    return any(named) and 2 * sum(named) >= len(named)


def _sentences(pages: Sequence[str]) -> list[str]:
    """The lines and sentences without dates and version words. The first one is the title."""
    text = _VERSION.sub(" ", DATE.sub(" ", "\n".join(pages)))
    return [part for part in _END.split(text) if _WORD.search(part)]


def _title(sentences: Sequence[str]) -> frozenset[str]:
    """The words of the first line, without numbers; empty if it is no title."""
    if len(sentences) < 2:
        return frozenset()
    words = _WORD.findall(_TITLE_VERSION.sub(" ", sentences[0]).lower())
    is_title = len(words) <= _LONGEST_TITLE
    return frozenset(word for word in words if is_title and not word.isdigit())


def _replaced(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether each has words that the other one lacks. A longer name may be of the same thing."""
    return not (one <= other or other <= one)


def _are_of_one_template(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether most sentences of the shorter text are in the other one, with any names."""
    first, second = ({_form(sentence)[0] for sentence in side} for side in (one, other))
    return 2 * len(first & second) > min(len(first), len(second))


def _templates(sentences: Sequence[str]) -> Mapping[_Template, Sequence[_Slot]]:
    """The slots of each sentence, by the words around them.

    If several sentences have the same words and other slots, none is kept: which one belongs to
    which is not known.
    """
    templates: dict[_Template, Sequence[_Slot] | None] = {}
    for sentence in sentences:
        words, slots = _form(sentence)
        if slots and sum(word != "" for word in words) >= _LEAST_WORDS:
            templates[words] = slots if templates.get(words, slots) == slots else None
    return {key: slots for key, slots in templates.items() if slots is not None}


def _form(sentence: str) -> tuple[_Template, Sequence[_Slot]]:
    """The words of a sentence, empty where a slot is, and its slots.

    A slot holds names and numbers that stand together.
    """
    words: list[str] = []
    slots: list[list[str]] = []
    for position, word in enumerate(_WORD.findall(sentence)):
        if not _is_value(word, position):
            words.append(word.lower())
        elif words and words[-1] == "":
            slots[-1].append(word)
        else:
            words.append("")
            slots.append([word])
    return tuple(words), [tuple(slot) for slot in slots]


def _is_value(word: str, position: int) -> bool:
    return any(character.isdigit() for character in word) or (position > 0 and word[0].isupper())


def _aligned(
    one: Mapping[_Template, Sequence[_Slot]], other: Mapping[_Template, Sequence[_Slot]]
) -> Iterator[tuple[_Slot, _Slot]]:
    """The slots in the same places of sentences that are equal otherwise."""
    for key in one.keys() & other.keys():
        yield from zip(one[key], other[key], strict=True)


def _are_numbered(one: _Slot, other: _Slot, numbers: tuple[int | None, int | None]) -> bool:
    """Whether each of two slots has the number of its own file, and they differ."""
    if None in numbers or numbers[0] == numbers[1]:
        return False
    return all(
        number in {int(digits) for word in slot for digits in re.findall(r"\d{1,9}", word)}
        for slot, number in zip((one, other), numbers, strict=True)
    )


def _names(slot: _Slot) -> frozenset[str]:
    """The words of a slot that are no numbers."""
    return frozenset(word for word in slot if word.isalpha())
