"""Tables of a PDF that the first reader tears: labels beside a table, or a row in two. Pure.

The second reader has each line of a page whole. A row of a table that stands in such a line beside
other words of it has lost them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from roadbed.knowledge.reading import markdown, page_lines
from roadbed.knowledge.reading.page_lines import PageLine, Words

_MOST_LINES = 3  # of a row
_WIDEST_GAP = 3  # lines of a table between two that are known to be of it
_MOST_COMPARED = 100  # lines with the same word, for a row
_FEWEST_DIFFERING = 3  # pairs of words
_SHORTEST_WORD = 3  # letters

Cut = tuple[int, int]
Cells = Sequence[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    text: str
    words: Words
    spans: Sequence[Cut]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Lines:
    """The lines of the second reader."""

    lines: Sequence[_Line]
    windows: Mapping[str, Cut]  # the letters of some lines, and the first and the last of them
    having: Mapping[str, Sequence[int]]  # the lines with a word


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """Where a row stands: its lines, and the words of a line between which a cell ends."""

    first: int
    last: int
    cuts: Sequence[int] = ()
    is_torn: bool = False


@dataclass(kw_only=True)
class _Layout:
    """What is known of the lines: their table, their cuts, and rows that are whole."""

    table_of: dict[int, int] = field(default_factory=dict)
    cuts: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    rows: dict[Cut, Cells] = field(default_factory=dict)


def is_torn(text: str, other: str) -> bool:
    """Whether a row of a table in ``text``, Markdown of the first reader, has lost words.

    ``other`` is the text of the page that the second reader gives.
    """
    tables = _tables(text)
    if not tables:
        return False
    lines = _read(other.split("\n"))
    places = (_place(row, lines) for rows in tables for row in rows)
    return any(place is not None and place.is_torn for place in places)


def difference(text: str, other: str) -> float:
    """The share of neighbouring words in ``text`` that are no neighbours in ``other``.

    It is 0 where so few differ that they say nothing.
    """
    others = page_lines.words(other)
    known = list(pairwise(page_lines.words(text)))
    differing = len(_differing(known, others))
    return differing / len(known) if differing >= _FEWEST_DIFFERING else 0.0


def mixes_up(text: str, other: str) -> bool:
    """Whether a line of ``text`` has neighbouring words that are no neighbours in ``other``.

    Within a paragraph or a row one pair is enough. Short words are left out: marks of footnotes may
    be written elsewhere.
    """
    others = page_lines.words(other)
    known = [
        pair
        for line in markdown.plain(text).split("\n")
        for pair in pairwise(page_lines.words(line))
        if min(map(len, pair)) >= _SHORTEST_WORD
    ]
    return bool(_differing(known, others))


def _differing(known: Sequence[tuple[str, str]], others: Words) -> Sequence[tuple[str, str]]:
    pairs, letters = set(pairwise(others)), "".join(others)
    return [pair for pair in known if pair not in pairs and f"{pair[0]}{pair[1]}" not in letters]


def lines(text: str, others: Sequence[PageLine]) -> Sequence[PageLine]:
    """Lines of a page, with the tables and cells of ``text`` where its rows are whole lines."""
    tables = _tables(text)
    known = _read([line.text for line in others])
    layout = _laid_out(tables, [[_place(row, known) for row in rows] for rows in tables])
    made, at = [], 0
    while at < len(known.lines):
        table = layout.table_of.get(at)
        if table is None:
            made.append(others[at])
            at += 1
            continue
        last, cells = _row(known, layout, at)
        made.append(PageLine(cells=cells, table=table))
        at = last + 1
    return made


def _read(lines: Sequence[str]) -> _Lines:
    plain = [markdown.plain(line) for line in lines]
    read = [
        _Line(text=line, words=page_lines.words(line), spans=page_lines.word_spans(line))
        for line in plain
    ]
    windows: dict[str, Cut] = {}
    having: dict[str, list[int]] = defaultdict(list)
    for first, line in enumerate(read):
        letters = ""
        for last in range(first, min(first + _MOST_LINES, len(read))):
            letters += "".join(read[last].words)
            windows.setdefault(letters, (first, last))
        for word in dict.fromkeys(line.words):
            having[word].append(first)
    return _Lines(lines=read, windows=windows, having=having)


def _tables(text: str) -> Sequence[Sequence[Cells]]:
    """The tables of the first reader: rows of cells that have words."""
    if "|" not in text:
        return []
    written = markdown.plain(text).split("\n")
    made, at = [], 0
    while at < len(written):
        end = markdown.table_end(written, at)
        if end > at:
            rows = [markdown.cells(line) for line in written[at:end]]
            of_words = [[cell for cell in row if page_lines.words(cell)] for row in rows]
            made.append([row for row in of_words if row])
        at = max(end, at + 1)
    return made


def _place(row: Cells, known: _Lines) -> _Place | None:
    """Where the row stands; ``None`` where the second reader has it nowhere together."""
    cells = [page_lines.words(cell) for cell in row]
    whole = known.windows.get("".join("".join(cell) for cell in cells))
    if whole is not None:
        return _Place(first=whole[0], last=whole[1])
    if len(cells) > 1 and all("".join(cell) in known.windows for cell in cells):
        return None  # each cell has lines of its own
    rarest = min(
        (known.having.get(word, ()) for cell in cells for word in cell), key=len, default=()
    )
    best: _Place | None = None
    least = 0
    for at in rarest[:_MOST_COMPARED]:
        line = known.lines[at].words
        cuts = _cuts(cells, line)
        if cuts is not None and (best is None or len(line) < least):
            best, least = _Place(first=at, last=at, cuts=cuts, is_torn=True), len(line)
    return best


def _cuts(cells: Sequence[Words], words: Words) -> Sequence[int] | None:
    """The words at which the cells begin and end in a line; ``None`` if it does not have them."""
    cuts: list[int] = []
    at = 0
    for cell in cells:
        size = len(cell)
        while at + size <= len(words) and words[at : at + size] != cell:
            at += 1
        if at + size > len(words):
            return None
        cuts += [at, at + size]
        at += size
    return cuts


def _laid_out(
    tables: Sequence[Sequence[Cells]], places: Sequence[Sequence[_Place | None]]
) -> _Layout:
    layout = _Layout()
    for number, (rows, of_rows) in enumerate(zip(tables, places, strict=True)):
        of_table = set[int]()
        for row, place in zip(rows, of_rows, strict=True):
            if place is None:
                continue
            of_table.update(range(place.first, place.last + 1))
            layout.cuts[place.first].update(place.cuts)
            if not place.is_torn:
                layout.rows[place.first, place.last] = row
        for line in _without_gaps(sorted(of_table)):
            # Two tables that share a line are one that was torn.
            shared = layout.table_of.get(line, number)
            if shared != number:
                layout.table_of = {
                    at: number if table == shared else table
                    for at, table in layout.table_of.items()
                }
            layout.table_of[line] = number
    return layout


def _without_gaps(numbers: Sequence[int]) -> Iterator[int]:
    """Line numbers, and those between two of them that are near."""
    for line, following in pairwise([*numbers, *numbers[-1:]]):
        yield line
        if following - line <= _WIDEST_GAP:
            yield from range(line + 1, following)


def _row(known: _Lines, layout: _Layout, at: int) -> tuple[int, Cells]:
    """The last line of the row that begins at line ``at``, and its cells."""
    for last in range(at, min(at + _MOST_LINES, len(known.lines))):
        if layout.cuts.get(last):
            break
        if (at, last) in layout.rows:
            return last, layout.rows[at, last]
    line = known.lines[at]
    cuts = set(layout.cuts.get(at, ()))
    whole = [page_lines.words(cell) for cell in layout.rows.get((at, at), ())]
    cuts.update(_cuts(whole, line.words) or ())
    places = [_gap(line, cut) for cut in sorted(cuts) if 0 < cut < len(line.words)]
    ends = [*places, len(line.text)]
    cells = [line.text[start:end].strip() for start, end in zip([0, *places], ends, strict=True)]
    return at, [cell for cell in cells if cell]


def _gap(line: _Line, cut: int) -> int:
    """Where a cell ends before word ``cut``: at the first blank, so that signs stay with it."""
    start, end = line.spans[cut - 1][1], line.spans[cut][0]
    blank = line.text.find(" ", start, end)
    return end if blank < 0 else blank
