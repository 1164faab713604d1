"""The order of a PDF page: pages whose words the two readers give in different orders.

Where a table is torn, or cells have several lines, a third reader looks for tables that are drawn
with lines. It also does where the text goes through cells line by line, so that both readers do.
Without such tables, the lines of the second reader make the tables of the first one whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from roadbed.knowledge.reading import page_lines, pdfium_reader, raised, ruled_tables, torn_tables
from roadbed.knowledge.reading.page_lines import PageLine
from roadbed.knowledge.reading.raised import RaisedNumber
from roadbed.knowledge.reading.ruled_tables import RuledPage

# Shares of neighbouring words that differ. In 1,411 pages of real PDFs 7 % have more than the
# second, nearly all of them with a table or a drawing.
_WORTH_A_LOOK = 0.03
_DOUBTFUL = 0.1
_FEWEST_WORDS = 0.9  # of the words of the first reader
_NOTHING_DRAWN = RuledPage(lines=(), units=())


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
    torn = {
        number
        for number, page in pages.items()
        if torn_tables.is_torn(page.text, others[number].text)
    }
    differences = {
        number: torn_tables.difference(page.text, others[number].text)
        for number, page in pages.items()
    }
    looked_at = [
        number
        for number in pages
        if number in torn or others[number].crossed or differences[number] >= _WORTH_A_LOOK
    ]
    ruled = _ruled(content, looked_at, second) if looked_at else {}
    for number in looked_at:
        text, other = pages[number].text, others[number]
        drawn = ruled.get(number, _NOTHING_DRAWN)
        lines = torn_tables.lines(text, other.text) if number in torn else ()
        by_cells = bool(drawn.lines) and _is_better(drawn, lines, text, other.text)
        lines = drawn.lines if by_cells else lines
        if lines and _has_words(text, lines):
            composed = page_lines.composed(lines, text)
            # The text of single cells has no signs before raised numbers.
            marked, unmarked = raised.marked(composed, other.raised if by_cells else ())
            made.texts[number] = PageText(text=marked, unmarked=unmarked)
        elif lines or differences[number] >= _DOUBTFUL or (number not in ruled and other.crossed):
            made.doubtful.append(number)
    return made


def _is_better(drawn: RuledPage, lines: Sequence[PageLine], text: str, other: str) -> bool:
    """Whether tables that are drawn have what neither reader has, or all that ``lines`` have."""
    if not lines:
        return not _has_all(text, drawn.units)
    return not _has_all(other, drawn.units) or _tabled(drawn.lines) >= _tabled(lines)


def _ruled(
    content: bytes, numbers: Sequence[int], second: pdfium_reader.PdfiumReading
) -> Mapping[int, RuledPage]:
    try:
        return ruled_tables.read(content, numbers, partial(pdfium_reader.cleaned, ends=second.ends))
    except MemoryError:
        raise
    except Exception:  # pdfminer raises many kinds for damaged files; two readers are left
        return {}


def _has_all(text: str, units: Sequence[str]) -> bool:
    """Whether a reader has the words of each unit together."""
    letters = "".join(page_lines.words(text))
    return all("".join(page_lines.words(unit)) in letters for unit in units)


def _has_words(text: str, lines: Sequence[PageLine]) -> bool:
    """Whether lines have the words of the first reader. On some pages pdfium tears them."""
    known = Counter(page_lines.words(text))
    common = known & Counter(word for line in lines for word in page_lines.words(line.text))
    return common.total() >= _FEWEST_WORDS * known.total()


def _tabled(lines: Sequence[PageLine]) -> int:
    """How many letters stand in tables."""
    return sum(
        len("".join(page_lines.words(line.text))) for line in lines if line.table is not None
    )
