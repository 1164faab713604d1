"""Perturbations for the stress test: pure functions from an example to a worse one.

Each takes a record, a source of chance and a strength in (0, 1], and gives the record as it might
really arrive. ``None`` means that nothing in the record can be harmed in this way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol, TypeVar

_Item = TypeVar("_Item")

Record = Mapping[str, Any]
_LONG = 12  # characters from which a text counts as written by a person
_DATE = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_NUMBER = re.compile(r"\b(\d+)\.(\d+)\b")
_WORDS = {
    "the": "die", "and": "und", "my": "mon", "is": "ist", "not": "nicht", "i": "ich",
    "have": "habe", "with": "avec", "for": "für", "please": "por favor", "where": "wo",
    "when": "cuándo", "can": "kann", "want": "quiero", "need": "brauche", "to": "zu",
    "how": "comment", "what": "was", "a": "un", "it": "es", "you": "usted", "of": "de",
    "do": "faire", "this": "dieses", "was": "war", "in": "dans", "on": "auf", "your": "Ihr",
    "hello": "hola", "thanks": "danke", "order": "Bestellung", "today": "heute", "money": "dinero",
}  # fmt: skip
_ELSEWHERE = (
    "tell me a joke about penguins",
    "what is the boiling point of mercury",
    "please translate this poem into Latin",
    "who won the chess championship in 1972",
    "is it going to rain on Saturday",
    "write a short story about a lighthouse",
    "what rhymes with orange",
    "how tall is the tallest tree",
    "which planet has the most moons",
    "explain the offside rule to me",
)
_MORE = ("Also, one more thing: ", "By the way, ", "And a second question: ", "PS: ")
_INSTEAD = ("Sorry, forget that. Instead: ", "No, wait, I was wrong. ", "Correction: ")


class Chance(Protocol):
    """The methods of ``random.Random`` that are used."""

    def random(self) -> float: ...
    def choice(self, seq: Sequence[_Item]) -> _Item: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Harmed:
    """A changed record.

    ``right_of`` says which answer is right: the record's ``own``, that of the ``other`` record that
    was mixed in, or ``nobody``: none.
    """

    content: Record
    right_of: str = "own"


Perturbation = Callable[[Record, Record, Chance, float], Harmed | None]


def typos(record: Record, _: Record, chance: Chance, strength: float) -> Harmed | None:
    """Letters lost, doubled, mistaken."""

    def mistype(text: str) -> str:
        letters = list(text)
        for at, letter in enumerate(letters):
            if letter.isalpha() and chance.random() < 0.12 * strength:
                letters[at] = chance.choice(("", letter * 2, chance.choice("etaoinshr")))
        return "".join(letters) or text

    return _texts(record, mistype)


def truncated(record: Record, _: Record, __: Chance, strength: float) -> Harmed | None:
    """Texts cut short."""
    return _texts(record, lambda text: text[: max(3, round(len(text) * (1.0 - 0.7 * strength)))])


def mixed_languages(record: Record, _: Record, chance: Chance, strength: float) -> Harmed | None:
    """Words of other languages among the text's own."""

    def mix(text: str) -> str:
        return " ".join(
            _WORDS[word.lower()] if word.lower() in _WORDS and chance.random() < strength else word
            for word in text.split(" ")
        )

    return _texts(record, mix)


def other_formats(record: Record, _: Record, chance: Chance, strength: float) -> Harmed | None:
    """Dates with the day first, decimal commas; a number field becomes text with both."""

    def rewrite(value: object) -> object:
        if isinstance(value, bool) or chance.random() >= strength:
            return value
        if isinstance(value, int | float):
            return f"{value:,.2f}".replace(",", " ").replace(".", ",")
        if isinstance(value, str):
            return _NUMBER.sub(r"\1,\2", _DATE.sub(r"\3/\2/\1", value))
        return value

    content = {name: rewrite(value) for name, value in record.items()}
    return Harmed(content=content) if _has(record, numbers=True) else None


def late_arrival(record: Record, _: Record, __: Chance, strength: float) -> Harmed | None:
    """Everything dated has happened up to a year earlier than the record was made for."""

    def older(match: re.Match[str]) -> str:
        try:
            moved = date(*map(int, match.groups())) - timedelta(days=round(365 * strength))
        except ValueError:
            return match.group()
        return moved.isoformat()

    if not any(isinstance(value, str) and _DATE.search(value) for value in record.values()):
        return None
    moved = {
        name: _DATE.sub(older, value) if isinstance(value, str) else value
        for name, value in record.items()
    }
    return Harmed(content=moved)


def missing_fields(record: Record, _: Record, chance: Chance, strength: float) -> Harmed | None:
    """A field is not there."""
    if chance.random() >= strength:
        return Harmed(content=record)
    gone = chance.choice(sorted(record))
    return Harmed(content={name: value for name, value in record.items() if name != gone})


def changed_names(record: Record, _: Record, chance: Chance, strength: float) -> Harmed | None:
    """A field arrives under another name."""
    if chance.random() >= strength:
        return Harmed(content=record)
    renamed = chance.choice(sorted(record))
    return Harmed(
        content={
            (f"{name}_new" if name == renamed else name): value for name, value in record.items()
        }
    )


def two_in_one(record: Record, other: Record, chance: Chance, strength: float) -> Harmed | None:
    """Another request after the first."""
    return _joined(record, other, chance, strength, _MORE, "own")


def superseded(record: Record, other: Record, chance: Chance, strength: float) -> Harmed | None:
    """The text takes itself back and asks for something else."""
    return _joined(record, other, chance, strength, _INSTEAD, "other")


def out_of_scope(record: Record, _: Record, chance: Chance, strength: float) -> Harmed | None:
    """Something that this use case is not for."""
    if not _has(record):
        return None
    if chance.random() >= strength:
        return Harmed(content=record)
    text = chance.choice(_ELSEWHERE)
    changed = _texts(record, lambda _: text)
    return Harmed(content=changed.content, right_of="nobody") if changed else None


def duplicated(record: Record, _: Record, __: Chance, ___: float) -> Harmed | None:
    """The text twice."""
    return Harmed(content=record)


PERTURBATIONS: Mapping[str, Perturbation] = {
    "typos": typos,
    "truncated text": truncated,
    "mixed languages": mixed_languages,
    "other date and number formats": other_formats,
    "late arrival": late_arrival,
    "missing fields": missing_fields,
    "changed column names": changed_names,
    "two requests in one": two_in_one,
    "superseded facts": superseded,
    "out of scope": out_of_scope,
    "duplicated": duplicated,
}


def _has(record: Record, *, numbers: bool = False) -> bool:
    """Whether there is a written text, or, with ``numbers``, anything with a number in it."""
    if numbers:
        return any(
            (isinstance(value, int | float) and not isinstance(value, bool))
            or (isinstance(value, str) and (_DATE.search(value) or _NUMBER.search(value)))
            for value in record.values()
        )
    return any(isinstance(value, str) and len(value) >= _LONG for value in record.values())


def _texts(record: Record, change: Callable[[str], str]) -> Harmed | None:
    if not _has(record):
        return None
    return Harmed(
        content={
            name: change(value) if isinstance(value, str) and len(value) >= _LONG else value
            for name, value in record.items()
        }
    )


def _joined(
    record: Record,
    other: Record,
    chance: Chance,
    strength: float,
    links: Sequence[str],
    right_of: str,
) -> Harmed | None:
    name = next((field for field, value in record.items() if _has({field: value})), None)
    if name is None or not isinstance(other.get(name), str):
        return None
    if chance.random() >= strength:
        return Harmed(content=record)
    link = chance.choice(links)
    return Harmed(
        content={**record, name: f"{record[name]} {link}{other[name]}"}, right_of=right_of
    )
