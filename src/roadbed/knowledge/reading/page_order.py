"""The order of a PDF page: pages whose words the first reader gives in another order than the file.

The file's own order nearly always is that of reading, and the first reader joins what stands beside
each other. Where a page is written line by line through its columns, drawn cells tell its order.
What neither tells is doubtful.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise

from roadbed.knowledge.reading import (
    file_order,
    page_lines,
    pdfium_characters,
    pdfium_reader,
    raised,
    ruled_tables,
    torn_tables,
)
from roadbed.knowledge.reading.page_lines import PageLine
from roadbed.knowledge.reading.pdfium_characters import Word
from roadbed.knowledge.reading.raised import RaisedNumber
from roadbed.knowledge.reading.ruled_tables import DrawnRow, RuledPage

# Shares of neighbouring words that differ. Of 1,411 pages of real PDFs 5 % have more than the
# second, nearly all of them with a table or a drawing.
_WORTH_A_LOOK = 0.01
_DOUBTFUL = 0.1
_OF_MARGIN = 0.6  # of the words of a header; some may stand in the text too
_FEWEST_WORDS = 0.9  # of the words of the first reader
_NOTHING_DRAWN = RuledPage()


@dataclass(frozen=True, kw_only=True, slots=True)
class PageText:
    """The Markdown of a page, and the raised numbers that got no sign in it."""

    text: str
    unmarked: Sequence[RaisedNumber] = ()


@dataclass(kw_only=True)
class PageOrder:
    """``texts`` are pages that are put together anew, by number.

    ``doubtful`` are pages for which nothing says which reader has the right order.
    """

    texts: dict[int, PageText] = field(default_factory=dict)
    doubtful: list[int] = field(default_factory=list)


def ordered(
    content: bytes, pages: Mapping[int, PageText], second: pdfium_reader.PdfiumReading
) -> PageOrder:
    """Compare ``pages`` of the first reader, by number, with those of the second.

    Raises ``MemoryError``.
    """
    made = PageOrder()
    others = {page.number: page for page in second.pages}
    signs = {number: _signs(page.text, others[number]) for number, page in pages.items()}
    looked_at = [number for number in pages if signs[number].is_any]
    if not looked_at:
        return made
    cleaned = partial(pdfium_reader.cleaned, ends=second.ends)
    words = {
        number: _without_margins(of_page, pages[number].text)
        for number, of_page in pdfium_characters.page_words(content, looked_at, cleaned).items()
    }
    drawn = _drawn(content, words)
    for number in looked_at:
        text = pages[number].text
        lines = _ordered(
            text, words[number], drawn.get(number, _NOTHING_DRAWN), crossed=others[number].crossed
        )
        if lines and _has_words(text, lines):
            # Single words have no signs before raised numbers.
            composed = page_lines.composed(lines, text)
            marked, unmarked = raised.marked(composed, others[number].raised)
            made.texts[number] = PageText(text=marked, unmarked=unmarked)
        elif lines is not None and signs[number].is_strong:
            made.doubtful.append(number)
    return made


@dataclass(frozen=True, kw_only=True, slots=True)
class _Signs:
    """What speaks against the order of the first reader."""

    is_torn: bool
    is_mixed: bool
    is_crossed: bool
    difference: float

    @property
    def is_any(self) -> bool:
        return self.is_torn or self.is_mixed or self.is_crossed or self.difference >= _WORTH_A_LOOK

    @property
    def is_strong(self) -> bool:
        return self.is_torn or self.is_crossed or self.difference >= _DOUBTFUL


def _signs(text: str, other: pdfium_reader.PdfiumPage) -> _Signs:
    return _Signs(
        is_torn=torn_tables.is_torn(text, other.text),
        is_mixed=torn_tables.mixes_up(text, other.text),
        is_crossed=other.crossed,
        difference=torn_tables.difference(text, other.text),
    )


def _ordered(
    text: str, words: Sequence[Word], drawn: RuledPage, *, crossed: bool
) -> Sequence[PageLine] | None:
    """The lines of a page in their order.

    None of them where nothing tells it; ``None`` where the first reader has good reason for its
    order. ``crossed`` says that lines go through cells.
    """
    written = file_order.written_lines(words)
    together = [row for row in drawn.rows if _are_together(row.numbers)]
    if file_order.goes_by_line(written):
        if len(together) < len(drawn.rows) or not all(map(_are_together, drawn.boxes)):
            return drawn.lines if drawn.lines or drawn.is_unclear else None
        if crossed:
            return ()
    if not file_order.is_trusted(written):
        return ()
    with_cells = _with_rows(words, together)
    lines = torn_tables.lines(text, file_order.page_lines_of(written))
    return with_cells if _tabled(with_cells) >= _tabled(lines) else lines


def _without_margins(words: Sequence[Word], text: str) -> Sequence[Word]:
    """The words of a page without the header and the footer, which the first reader leaves out.

    Only the highest and the lowest line are looked at, where a gap is between it and the rest.
    """
    lacking = Counter(page_lines.words(" ".join(word.text for word in words)))
    lacking -= Counter(page_lines.words(text))
    for line in file_order.edges(words):
        own = Counter(page_lines.words(" ".join(word.text for word in line)))
        if (own & lacking).total() > _OF_MARGIN * own.total():
            left_out = {word.number for word in line}
            words = [word for word in words if word.number not in left_out]
    return [replace(word, number=number) for number, word in enumerate(words)]


def _are_together(numbers: Sequence[int]) -> bool:
    """Whether the file has some words one after the other, in the order of their cells."""
    return all(following == number + 1 for number, following in pairwise(numbers))


def _with_rows(words: Sequence[Word], rows: Sequence[DrawnRow]) -> Sequence[PageLine]:
    """The lines of a page with the rows of drawn tables in their place."""
    made: list[PageLine] = []
    at = 0
    for row in sorted(rows, key=lambda row: row.numbers[0]):
        if row.numbers[0] < at:
            continue
        made += file_order.page_lines_of(file_order.written_lines(words[at : row.numbers[0]]))
        made.append(PageLine(cells=row.cells, table=row.table))
        at = row.numbers[-1] + 1
    made += file_order.page_lines_of(file_order.written_lines(words[at:]))
    return made


def _drawn(content: bytes, words: Mapping[int, Sequence[Word]]) -> Mapping[int, RuledPage]:
    try:
        return ruled_tables.read(content, words)
    except MemoryError:
        raise
    except Exception:  # pdfminer raises many kinds for damaged files; two readers are left
        return {}


def _has_words(text: str, lines: Sequence[PageLine]) -> bool:
    """Whether lines have the words of the first reader. On some pages pdfium tears them.

    The first reader gives Hebrew words from their last letter to the first.
    """
    known = Counter(page_lines.words(text))
    given = Counter(word for line in lines for word in page_lines.words(line.text))
    backwards = Counter(word[::-1] for word in (known - given).elements())
    common = (known & given).total() + (backwards & (given - known)).total()
    return common >= _FEWEST_WORDS * known.total()


def _tabled(lines: Sequence[PageLine]) -> int:
    """How many letters stand in tables."""
    return sum(
        len("".join(page_lines.words(line.text))) for line in lines if line.table is not None
    )
