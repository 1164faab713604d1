"""Questions to the library, each with its right answer and where that stands.

The questions of ``questions.json`` were written by hand; those of the price list are made from its
rows. ``generate`` words them as people do, so that each right place is known by construction. The
same thing is asked in several wordings, so what is proven holds for such questions only.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from roadbed.knowledge.errors import DocumentUnreadableError
from roadbed.knowledge.model import Passage
from roadbed.knowledge.passages import passages
from roadbed.knowledge.reading.process import DocumentReader
from roadbed.models.answers.contract import Citation, DocumentAnswer

Route = Literal["answer", "not_in_documents", "please_specify"]

NOTICE = (
    "Sample data: Tarnbeck Instruments is a made-up company, and every document, person and price "
    "in its library is invented for this project."
)
_HERE = Path(__file__).parent
DOCUMENTS = _HERE / "documents"
_PRICES = "price-list.xlsx"
_SHARE_PRICES, _SHARE_MISSING, _SHARE_UNCLEAR = 0.2, 0.14, 0.03
_SHARE_TYPED_BADLY = 0.06
_SHARE_SMALL_LETTERS = 0.2
# Most people type no greeting into a search field.
_OPENINGS = (*[""] * 16, "Please tell me: ", "Hi, ", "Quick question: ", "A colleague asks: ")
_CLOSINGS = (*[""] * 16, " Please.", " Thanks!", " Thank you.", " I need it today.")


@dataclass(frozen=True, kw_only=True, slots=True)
class RightPlace:
    """Where an answer stands: ``place`` is a page, slide, sheet or path of headings.

    ``holds`` are the words of the answer in the passage.
    """

    document: str
    place: str
    holds: str

    def fits(self, label: str, text: str) -> bool:
        """Whether a passage with this label and text is the place."""
        same = label == self.place or label.startswith((f"{self.place} ›", f"{self.place},"))
        return same and self.holds.lower() in " ".join(text.split()).lower()


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryQuestion:
    """One thing to ask in several wordings. ``kind`` is the right route."""

    id: str
    kind: Route
    answer: str
    places: Sequence[RightPlace]
    questions: Sequence[str]


def written() -> Sequence[LibraryQuestion]:
    """The questions that were written by hand."""
    listed = json.loads((_HERE / "questions.json").read_text(encoding="utf-8"))
    return [
        LibraryQuestion(
            id=item["id"],
            kind=item["kind"],
            answer=item["answer"],
            places=[RightPlace(**place) for place in item["places"]],
            questions=item["questions"],
        )
        for item in listed["items"]
    ]


def of_prices() -> Sequence[LibraryQuestion]:
    """Questions about each row of the price list, read from the workbook."""
    import openpyxl

    book = openpyxl.load_workbook(DOCUMENTS / _PRICES, read_only=True)
    products, services = (
        [row for row in sheet.iter_rows(min_row=2, values_only=True) if row and row[0]]
        for sheet in (book["Products"], book["Services"])
    )
    book.close()
    return [
        *(item for row in products for item in _of_product(*map(str, row))),
        *(item for row in services for item in _of_service(*map(str, row))),
    ]


def _of_product(
    number: str, name: str, _group: str, price: str, delivery: str, warranty: str
) -> Iterator[LibraryQuestion]:
    holds = f"{number} | {name} |"
    yield _of_row(
        f"price-{number}",
        "Products",
        holds,
        f"EUR {price}",
        [
            f"What does the {name} cost?",
            f"How much is the {name}?",
            f"What is the price of product {number}, {name}?",
            f"price {name}",
        ],
    )
    yield _of_row(
        f"delivery-{number}",
        "Products",
        holds,
        delivery,
        [f"What is the delivery time of the {name}?", f"How long is the delivery of the {name}?"],
    )
    if warranty != "none":
        yield _of_row(
            f"warranty-{number}",
            "Products",
            holds,
            warranty,
            [f"How long is the warranty of the {name}?", f"Which warranty does the {name} have?"],
        )


def _of_service(
    number: str, name: str, price: str, unit: str, time: str
) -> Iterator[LibraryQuestion]:
    holds = f"{number} | {name} |"
    what = name[0].lower() + name[1:]
    yield _of_row(
        f"price-{number}",
        "Services",
        holds,
        f"EUR {price} per {unit}",
        [f"What does {what} cost?", f"How much is {what}?", f"What is the price of {number}?"],
    )
    if time.endswith("days"):
        yield _of_row(f"time-{number}", "Services", holds, time, [f"How many days is {what}?"])


def _of_row(
    name: str, sheet: str, holds: str, answer: str, questions: Sequence[str]
) -> LibraryQuestion:
    place = RightPlace(document=_PRICES, place=f"sheet {sheet}", holds=holds)
    return LibraryQuestion(
        id=name, kind="answer", answer=answer, places=[place], questions=questions
    )


async def read_passages(folder: Path) -> Mapping[str, Sequence[Passage]]:
    """The passages of each document below ``folder`` by its path; none for what is unreadable."""
    read: dict[str, Sequence[Passage]] = {}
    async with DocumentReader() as reader:
        for file in await asyncio.to_thread(_files_below, folder):
            try:
                extraction = await reader.read_file(file)
            except DocumentUnreadableError:
                extraction = None
            path = file.relative_to(folder).as_posix()
            read[path] = passages(extraction) if extraction is not None else ()
    return read


def _files_below(folder: Path) -> Sequence[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def right_output(item: LibraryQuestion, library: Mapping[str, Sequence[Passage]]) -> DocumentAnswer:
    """The right output, with the places as the library cites them."""
    return DocumentAnswer(
        route=item.kind,
        text=item.answer,
        citations=[
            Citation(document=place.document, place=passage.place.label, quote=place.holds)
            for place in item.places
            for passage in library[place.document]
            if place.fits(passage.place.label, passage.text)
        ],
    )


def generate(count: int, *, seed: int = 7) -> Sequence[tuple[str, LibraryQuestion]]:
    """``count`` questions with different texts, in the order they arrive."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    groups: dict[str, list[LibraryQuestion]] = {"price": list(of_prices())}
    for item in written():
        groups.setdefault(item.kind, []).append(item)
    shares = {
        "price": _SHARE_PRICES,
        "not_in_documents": _SHARE_MISSING,
        "please_specify": _SHARE_UNCLEAR,
        "answer": 1.0 - _SHARE_PRICES - _SHARE_MISSING - _SHARE_UNCLEAR,
    }
    asked: dict[str, LibraryQuestion] = {}
    while len(asked) < count:
        [group] = chance.choices(list(shares), list(shares.values()))
        item = chance.choice(groups[group])
        asked.setdefault(_worded(chance, chance.choice(item.questions)), item)
    arriving = list(asked.items())
    chance.shuffle(arriving)  # else the rarer wordings would come last
    return arriving


def _worded(chance: random.Random, question: str) -> str:
    """A question as people write it."""
    if chance.random() < _SHARE_TYPED_BADLY:
        question = _mistyped(chance, question)
    if chance.random() < _SHARE_SMALL_LETTERS:
        question = question.lower().removesuffix("?")
    return chance.choice(_OPENINGS) + question + chance.choice(_CLOSINGS)


def _mistyped(chance: random.Random, question: str) -> str:
    """Two neighbouring letters of a longer word change places."""
    words = question.split(" ")
    longer = [number for number, word in enumerate(words) if len(word) > 4 and word.isalpha()]
    if not longer:
        return question
    number = chance.choice(longer)
    place = chance.randrange(1, len(words[number]) - 2)
    word = words[number]
    words[number] = f"{word[:place]}{word[place + 1]}{word[place]}{word[place + 2 :]}"
    return " ".join(words)
