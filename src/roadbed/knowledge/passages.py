"""Passages: the blocks of a document, cut into pieces of about 100 words.

A passage never crosses a page, slide, sheet or attachment. In a text without pages each heading
begins a new passage; on a page it does where enough words precede it, because readers of PDF take
bold lines for headings. Each piece of a table carries the header row.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import takewhile
from typing import Literal

from roadbed.knowledge.model import Block, BlockKind, Extraction, Part, Passage, Position

TARGET_WORDS = 100
_LARGEST = 1.3  # of the target: what one more sentence may make of a passage
_TAIL = 0.25  # of the target: a shorter rest of a section joins the passage before
_WORD = re.compile(r"\S+")
_SENTENCE_END = re.compile(r"(?<=[.!?;:])\s+|\n+")
_NO_PLACE = ("shared_headings", "is_order_doubtful")
_FREE = ("text", "message")  # kinds of place whose position is the heading


@dataclass(frozen=True, kw_only=True, slots=True)
class _Piece:
    """A span of the text of a part that is not divided further."""

    kind: BlockKind
    start: int
    end: int
    words: int
    headings: tuple[str, ...]
    header: str | None = None  # of its table, if the piece is not the header row itself
    row: int | None = None


def passages(extraction: Extraction, target_words: int = TARGET_WORDS) -> tuple[Passage, ...]:
    """The passages of a document in reading order, the same for the same extraction.

    ``target_words`` is the number of words after which a passage ends.
    """
    made: list[Passage] = []
    same: Counter[str] = Counter()
    for index, part in enumerate(extraction.parts):
        doubtful = [
            doubt.number
            for doubt in extraction.doubtful
            if (doubt.place.kind, doubt.place.number, doubt.place.attachment)
            == (part.place.kind, part.place.number, part.place.attachment)
        ]
        for group in _groups(part, target_words):
            passage = _passage(part, index, group, len(made), doubtful)
            same[passage.id] += 1
            if (count := same[passage.id]) > 1:
                passage = replace(passage, id=f"{passage.id}_{count}")
            made.append(passage)
    return tuple(made)


def _groups(part: Part, target: int) -> Iterator[Sequence[_Piece]]:
    """The pieces of a part, put together to passages."""
    groups: list[list[_Piece]] = []
    current: list[_Piece] = []
    for block in part.blocks:
        if block.kind == "heading" and _ends_at_heading(part, current, target):
            groups.append(current)
            current = []
        for piece in _pieces(part.text, block, target):
            words = sum(other.words for other in current)
            full = words >= target or (words and words + piece.words > target * _LARGEST)
            if full and any(other.kind != "heading" for other in current):
                groups.append(current)
                current = []
            current.append(piece)
    if current:
        groups.append(current)
    yield from _joined(part, groups, target)


def _ends_at_heading(part: Part, current: Sequence[_Piece], target: int) -> bool:
    if all(piece.kind == "heading" for piece in current):
        return False  # also if there is none: a heading stays with what it stands above
    enough = 0 if part.place.kind in _FREE else target / 2
    return sum(piece.words for piece in current) >= enough


def _joined(part: Part, groups: Sequence[list[_Piece]], target: int) -> Iterator[Sequence[_Piece]]:
    """The groups, with a short rest added to the group before it."""
    kept: list[list[_Piece]] = []
    for group in groups:
        short = sum(piece.words for piece in group) < target * _TAIL
        alike = bool(kept) and (
            part.place.kind not in _FREE or kept[-1][-1].headings == group[0].headings
        )
        if short and alike and group[0].kind != "heading":
            kept[-1].extend(group)
        else:
            kept.append(list(group))
    yield from kept


def _pieces(text: str, block: Block, target: int) -> Iterator[_Piece]:
    if block.kind == "table":
        yield from _rows(text, block)
        return
    for start, end in _sentences(text, block.start, block.end, target):
        yield _Piece(
            kind=block.kind,
            start=start,
            end=end,
            words=_count(text[start:end]),
            headings=block.headings,
        )


def _rows(text: str, block: Block) -> Iterator[_Piece]:
    start = block.start
    for number, line in enumerate(text[block.start : block.end].split("\n")):
        end = start + len(line)
        if line.strip():
            yield _Piece(
                kind="table",
                start=start,
                end=end,
                words=_count(line),
                headings=block.headings,
                header=None if line == block.header else block.header,
                row=block.rows[number] if number < len(block.rows) else None,
            )
        start = end + 1


def _sentences(text: str, start: int, end: int, target: int) -> Iterator[tuple[int, int]]:
    """Sentences and lines of a span; one that is too long is cut between words."""
    at = start
    cuts = [(match.start(), match.end()) for match in _SENTENCE_END.finditer(text, start, end)]
    for last, following in (*cuts, (end, end)):
        if last > at:
            yield from _slices(text, at, last, target)
        at = following


def _slices(text: str, start: int, end: int, target: int) -> Iterator[tuple[int, int]]:
    words = [match.span() for match in _WORD.finditer(text, start, end)]
    if len(words) <= target * _LARGEST:
        if words:
            yield words[0][0], words[-1][1]
        return
    for first in range(0, len(words), target):
        taken = words[first : first + target]
        yield taken[0][0], taken[-1][1]


def _count(text: str) -> int:
    return sum(1 for word in text.split() if word != "|")


def _passage(
    part: Part, index: int, group: Sequence[_Piece], ordinal: int, doubtful: Sequence[str]
) -> Passage:
    start, end = group[0].start, group[-1].end
    text = part.text[start:end]
    if group[0].header is not None:
        text = f"{group[0].header}\n{text}"
    rows = [piece.row for piece in group if piece.row is not None]
    body = [piece for piece in group if piece.kind != "heading"] or group[:1]
    headings = body[0].headings
    shared = _shared([piece.headings for piece in body])
    place = replace(
        part.place,
        headings=headings,
        shared_headings=shared if shared < len(headings) else None,
        rows=(rows[0], rows[-1]) if rows else part.place.rows,
    )
    kind: Literal["text", "table"] = (
        "table" if any(piece.kind == "table" for piece in group) else "text"
    )
    return Passage(
        id=_id(text, place),
        ordinal=ordinal,
        text=text,
        place=place,
        part=index,
        start=start,
        end=end,
        kind=kind,
        doubtful=tuple(number for number in doubtful if number in text),
    )


def _shared(headings: Sequence[tuple[str, ...]]) -> int:
    """How many headings hold for all pieces: a passage of two sections is cited under neither."""
    together = takewhile(lambda level: len(set(level)) == 1, zip(*headings, strict=False))
    return sum(1 for _ in together)


def _id(text: str, place: Position) -> str:
    # These say no other place: an answer that cites the passage still finds it.
    where = {name: value for name, value in asdict(place).items() if name not in _NO_PLACE}
    content = json.dumps([text, where], ensure_ascii=False, sort_keys=True)
    return f"pas_{hashlib.sha256(content.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"
