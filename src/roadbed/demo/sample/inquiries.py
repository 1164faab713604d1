"""Makes the sample: the same inquiries for the same seed, every one of them made up.

A phrasing of a queue is filled with invented products and places, wrapped in what people write
around their question, and then typed as badly as people type. One in ten asks for two things; then
the policy of the made-up retailer holds: safety first, otherwise what was asked first.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

NOTICE = (
    "Sample data: Fernweg Outdoor is a made-up retailer, and every inquiry, person and order in it "
    "is invented for this project."
)
SAFETY = "safety-recall"
SHARE_OUTSIDE = 0.15
SHARE_MIXED = 0.10
_SHARE_WITH_TYPOS = 0.45
_NEIGHBOURS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


@dataclass(frozen=True, slots=True)
class SampleInquiry:
    """A message and the queue that should have it; ``None`` if it belongs to none."""

    text: str
    queue: str | None


def generate(count: int = 9_600, *, seed: int = 7) -> list[SampleInquiry]:
    """``count`` inquiries with different texts, in the order they arrive."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    queues = queue_phrasings()
    names = sorted(queues)
    weights = [1.0 / (rank + 4) ** 0.6 for rank in range(len(names))]
    chance.shuffle(names)
    inquiries: dict[str, SampleInquiry] = {}
    while len(inquiries) < count:
        if chance.random() < SHARE_OUTSIDE:
            inquiry = SampleInquiry(_written(chance, [chance.choice(_out_of_scope())]), None)
        else:
            inquiry = _inside(chance, queues, names, weights)
        inquiries.setdefault(inquiry.text, inquiry)
    return list(inquiries.values())


@cache
def queue_phrasings() -> Mapping[str, Sequence[str]]:
    """The queues and how people ask for each."""
    return _sections("queues.txt")


def _inside(
    chance: random.Random,
    queues: Mapping[str, Sequence[str]],
    names: Sequence[str],
    weights: Sequence[float],
) -> SampleInquiry:
    queue = chance.choices(names, weights)[0]
    asked = [chance.choice(queues[queue])]
    if chance.random() < SHARE_MIXED:
        other = chance.choices(names, weights)[0]
        link = chance.choice(_sections("phrases.txt")["and-also"])
        asked.append(f"{link} {chance.choice(queues[other])}")
        queue = SAFETY if SAFETY in (queue, other) else queue
    return SampleInquiry(_written(chance, asked), queue)


def _written(chance: random.Random, asked: Sequence[str]) -> str:
    """The message around what is asked: greeting, circumstances, close, typos."""
    phrases = _sections("phrases.txt")
    parts = [item + chance.choice(["", "", ".", "?", "!"]) for item in asked]
    for _ in range(chance.choices([0, 1, 2, 3], [50, 30, 14, 6])[0]):
        parts.insert(chance.choice([0, len(parts)]), chance.choice(phrases["contexts"]))
    if chance.random() < 0.5:
        parts.insert(0, chance.choice(phrases["openers"]))
    if chance.random() < 0.4:
        parts.append(chance.choice(phrases["closers"]))
    text = _filled(chance, " ".join(parts))
    styles: list[Callable[[str], str]] = [str, str, str.lower, _capitalised]
    text = chance.choice(styles)(text)
    return _mistyped(chance, text) if chance.random() < _SHARE_WITH_TYPOS else text


def _filled(chance: random.Random, text: str) -> str:
    phrases = _sections("phrases.txt")
    slots: dict[str, Callable[[], str]] = {
        "order": lambda: (
            f"{chance.choice(['FW-', 'fw', '#', 'no. '])}{chance.randint(10**5, 10**6)}"
        ),
        "number": lambda: str(chance.randint(10**6, 10**7)),
        "amount": lambda: (
            f"{chance.randint(5, 400)}{chance.choice([' euros', '.90', ' EUR', '€'])}"
        ),
        "size": lambda: chance.choice(["S", "M", "L", "XL", "38", "42", "44.5", "size 40"]),
        "shoe": lambda: str(chance.randint(36, 47)),
        "height": lambda: f"{chance.randint(155, 200)} cm",
        "weight": lambda: f"{chance.randint(48, 110)} kg",
        "code": lambda: chance.choice(["SUMMER10", "ALM15", "HELLO5", "TRAIL20"]),
        "weeks": lambda: chance.choice(
            ["two weeks", "ten days", "a month", "three months", "a year"]
        ),
        "date": lambda: chance.choice(
            [
                "on monday",
                "last friday",
                "on the 12th",
                "next week",
                "in march",
                "tomorrow",
                "on 3 May",
                "at easter",
            ]
        ),
    }

    def fill(match: re.Match[str]) -> str:
        slot = match.group(1)
        return slots[slot]() if slot in slots else chance.choice(phrases[slot.rstrip("2")])

    return re.sub(r"\b(on|from|by|since) (on|in|at)\b", r"\1", re.sub(r"\{(\w+)\}", fill, text))


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _mistyped(chance: random.Random, text: str) -> str:
    letters = list(text)
    for _ in range(chance.randint(1, max(1, len(letters) // 40) + 1)):
        at = chance.randrange(len(letters))
        if letters[at].isalpha():
            letters[at] = chance.choice(
                ["", letters[at] * 2, _neighbour(chance, letters[at]), letters[at]]
            )
        elif letters[at] == " ":
            letters[at] = chance.choice(["", "  ", " "])
    return "".join(letters).strip() or text


def _neighbour(chance: random.Random, letter: str) -> str:
    for row in _NEIGHBOURS:
        if (at := row.find(letter.lower())) >= 0:
            return row[max(0, min(len(row) - 1, at + chance.choice([-1, 1])))]
    return letter


@cache
def _out_of_scope() -> Sequence[str]:
    return [line for line in _read("outside.txt").splitlines() if line]


@cache
def _sections(name: str) -> Mapping[str, Sequence[str]]:
    sections: dict[str, list[str]] = {}
    for line in _read(name).splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]"), [])
        elif line:
            current.append(line)
    return sections


def _read(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
