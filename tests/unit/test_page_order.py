"""Pages of a PDF whose words the readers give in different orders."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.knowledge.model import Extraction, Position
from roadbed.knowledge.reading import (
    markdown,
    page_lines,
    page_order,
    pdf,
    readers,
    ruled_tables,
    torn_tables,
)
from roadbed.knowledge.reading.page_lines import PageLine
from roadbed.knowledge.reading.process import DocumentReader
from tests import documents

TRAININGS = """# Trainings

**Training**

Data protection Fire safety Anti-bribery

## Probation

| Duration | Due |
| --- | --- |
| 90 minutes | within the first 14 days |
| 45 minutes | within the first 30 days |
| 60 minutes within the first 60 days |  |

The probation period lasts six months."""
TRAININGS_BY_LINES = """Trainings
Training Duration Due
Data protection 90 minutes within the first 14 days
Fire safety 45 minutes within the first 30 days
Anti-bribery 60 minutes within the first 60 days
Probation
The probation period lasts six months."""

ROOMS = (
    ("Room", "Equipment", "Notice"),
    ("Oak room\nground floor", "Projector and\ntwo boards", "3 days\nin writing"),
    ("Elm room\nfirst floor", "Screen and\na camera", "5 days\nby phone"),
)


async def read(content: bytes) -> Extraction:
    async with DocumentReader() as reader:
        return await reader.read(content, "rooms.pdf")


def plain(text: str) -> Sequence[PageLine]:
    return [PageLine(cells=[line]) for line in text.split("\n")]


def kinds(extraction: Extraction) -> dict[str, str]:
    return {one.kind: one.detail for one in extraction.findings if one.kind != "not_confined"}


class TestDrawnTables:
    @pytest.mark.parametrize("by_cell", [False, True])
    @pytest.mark.parametrize("gap", [0, 5])
    async def test_cells_with_several_lines_are_read_one_after_the_other(
        self, gap: float, by_cell: bool
    ) -> None:
        drawn = documents.drawn_table(ROOMS, gap=gap, by_cell=by_cell)
        extraction = await read(documents.pdf([""], drawn=drawn))
        assert extraction.parts[0].text == (
            "Room | Equipment | Notice\n"
            "Oak room ground floor | Projector and two boards | 3 days in writing\n"
            "Elm room first floor | Screen and a camera | 5 days by phone"
        )
        assert [block.kind for block in extraction.parts[0].blocks] == ["table"]
        assert kinds(extraction) == {"order_repaired": "1"}

    async def test_text_around_a_table_stays_around_it(self) -> None:
        after = " BT /F1 10 Tf 54 500 Td (Rooms are locked at night.) Tj ET"
        page = "Rooms of the house"
        extraction = await read(
            documents.pdf([page], drawn=documents.drawn_table(ROOMS[1:]) + after)
        )
        lines = extraction.parts[0].text.split("\n")
        assert (lines[0], lines[-1]) == (page, "Rooms are locked at night.")

    async def test_boxes_that_arrange_a_page_are_no_table(self) -> None:
        boxes = [["Purpose\nWe talk\nabout rooms", "Agenda\nWelcome\nQuestions"]]
        extraction = await read(documents.pdf([""], drawn=documents.drawn_table(boxes)))
        assert extraction.parts[0].text.split() == (
            ["Purpose", "We", "talk", "about", "rooms", "Agenda", "Welcome", "Questions"]
        )
        assert "table" not in {block.kind for block in extraction.parts[0].blocks}

    async def test_without_borders_the_order_of_the_file_is_that_of_reading(self) -> None:
        drawn = documents.drawn_table(ROOMS, borders=False, by_cell=True)
        extraction = await read(documents.pdf(["", ""], drawn=drawn))
        words = " ".join(" ".join(cell.split("\n")) for row in ROOMS for cell in row)
        assert [" ".join(part.text.split()) for part in extraction.parts] == [words, words]
        assert kinds(extraction) == {"order_repaired": "1, 2"}

    async def test_the_order_of_the_file_is_not_taken_where_it_is_no_order(self) -> None:
        lines = [f"Line {number} says what number {number} is" for number in range(12)]
        drawn = " ".join(
            f"BT /F1 10 Tf 50 {700 - 13 * number} Td ({lines[number]}) Tj ET"
            for number in (0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11)
        )
        extraction = await read(documents.pdf([""], drawn=drawn))
        assert extraction.parts[0].text.split() == " ".join(lines).split()
        assert kinds(extraction) == {}

    async def test_a_cropped_page_is_doubtful(self) -> None:
        content = documents.pdf([""], drawn=documents.drawn_table(ROOMS)).replace(
            b"/MediaBox [0 0 595 842]", b"/MediaBox [9 9 595 842]"
        )
        assert kinds(await read(content)) == {"order_doubtful": "1"}

    async def test_lines_of_a_column_that_nothing_is_drawn_between_stay_rows(self) -> None:
        bill = [["Item", "EUR"], ["Train\nHotel\nTaxi", "120\n95\n17"]]
        extraction = await read(documents.pdf([""], drawn=documents.drawn_table(bill)))
        words = " ".join(extraction.parts[0].text.replace("|", " ").split())
        assert words == "Item EUR Train 120 Hotel 95 Taxi 17"
        assert kinds(extraction) == {}

    async def test_lines_of_words_that_may_be_rows_are_doubtful(self) -> None:
        kinds_of_travel = [["Travel", "Class"], ["Train\nPlane\nBus", "Second\nEconomy\nAny"]]
        extraction = await read(documents.pdf([""], drawn=documents.drawn_table(kinds_of_travel)))
        words = " ".join(extraction.parts[0].text.replace("|", " ").split())
        assert words == "Travel Class Train Second Plane Economy Bus Any"
        assert kinds(extraction) == {"order_doubtful": "1"}

    async def test_what_is_read_does_not_depend_on_the_run(self) -> None:
        content = documents.pdf([""] * 3, drawn=documents.drawn_table(ROOMS))
        assert await read(content) == await read(content)

    @pytest.mark.parametrize("by_cell", [False, True])
    @pytest.mark.parametrize("borders", [False, True])
    async def test_the_confined_process_reads_what_this_one_reads(
        self, borders: bool, by_cell: bool
    ) -> None:
        drawn = documents.drawn_table(ROOMS, borders=borders, by_cell=by_cell)
        content = documents.pdf(["Rooms of the house"], drawn=drawn)
        here = await asyncio.to_thread(pdf.read, content, "rooms.pdf", readers.read)
        confined = await read(content)
        assert confined.parts == here.parts
        assert kinds(confined) == kinds(here)

    def test_it_ends_when_its_time_is_over(self) -> None:
        until = time.process_time() + 60

        def compute() -> None:
            with ruled_tables._at_most(0.1):
                while time.process_time() < until:
                    pass

        with pytest.raises(ruled_tables._OutOfTimeError):
            compute()
        assert time.process_time() < until


class TestWords:
    def test_a_page_whose_words_pdfium_tears_stays_as_it_is(self) -> None:
        lines = plain("T h e  o a k  r o o m")
        assert not page_order._has_words("The oak room", lines)
        assert page_order._has_words("The oak room", plain("The oak\nroom"))

    def test_words_that_the_first_reader_gives_backwards_are_there(self) -> None:
        assert page_order._has_words("םולש 545 םלוע", plain("שלום עולם\n545"))


class TestTornTables:
    def test_a_column_that_lies_beside_its_table_is_noticed(self) -> None:
        assert torn_tables.is_torn(TRAININGS, TRAININGS_BY_LINES)

    def test_the_lines_of_the_second_reader_make_it_whole(self) -> None:
        lines = torn_tables.lines(TRAININGS, plain(TRAININGS_BY_LINES))
        assert page_lines.composed(lines, TRAININGS).split("\n") == [
            *("", "# Trainings", "", ""),
            "| Training | Duration | Due |",
            "| --- |",
            "| Data protection | 90 minutes | within the first 14 days |",
            "| Fire safety | 45 minutes | within the first 30 days |",
            "| Anti-bribery | 60 minutes within the first 60 days |",
            *("", "", "## Probation", ""),
            "The probation period lasts six months.",
        ]

    def test_a_label_below_its_figures_is_noticed(self) -> None:
        text = "| Inventories | 4,454 | 2,605 |\n| --- |\n| 40,488 44,187 | |\n| Total assets | |"
        other = "Inventories 4,454 2,605\nTotal assets 40,488 44,187"
        assert torn_tables.is_torn(text, other)
        lines = torn_tables.lines(text, plain(other))
        assert [list(line.cells) for line in lines] == [
            ["Inventories", "4,454", "2,605"],
            ["Total assets", "40,488 44,187"],
        ]
        assert {line.table for line in lines} == {0}

    def test_two_tables_of_the_same_lines_are_one(self) -> None:
        text = "| Sales | 59 |\n| --- |\n| Costs | 20 |\n\n| 172 |\n| --- |\n| 61 |"
        lines = torn_tables.lines(text, plain("Sales 59 172\nCosts 20 61"))
        assert [list(line.cells) for line in lines] == [
            ["Sales", "59", "172"],
            ["Costs", "20", "61"],
        ]
        assert len({line.table for line in lines}) == 1

    @pytest.mark.parametrize(
        "other",
        [
            "Room Price\nOak room 120\nElm room 95",
            "Room\nPrice\nOak room\n120\nElm room\n95",  # each cell has a line
            "Room Price\nOak\nroom 120\nElm room\n95",  # a row has two lines
        ],
    )
    def test_a_whole_table_is_not_torn(self, other: str) -> None:
        text = "| Room | Price |\n| --- | --- |\n| Oak room | 120 |\n| Elm room | 95 |"
        assert not torn_tables.is_torn(text, other)

    def test_a_page_without_tables_is_not_torn(self) -> None:
        assert not torn_tables.is_torn("Only text.", "Only text, and more.")


class TestDifference:
    def test_equal_orders_have_none(self) -> None:
        text = "one two three four five six seven eight nine ten"
        assert torn_tables.difference(text, text.replace(" ", "\n")) == 0

    def test_columns_that_are_read_across_have_some(self) -> None:
        columns = [" ".join(f"{name}{n}" for n in range(9)) for name in ("left", "right")]
        across = " ".join(f"left{n} right{n}" for n in range(9))
        assert torn_tables.difference(across, "\n".join(columns)) == 1

    def test_a_word_that_one_reader_tears_is_none(self) -> None:
        text = "T otal net sales of T echnology and of T rade in T okyo and T exas and T urin"
        assert torn_tables.difference(text, text.replace("T ", "T")) == 0


class TestComposedPages:
    @given(
        st.lists(
            st.text(alphabet="ab1 *_`[]()|#<>!-=+~.\\", min_size=1, max_size=12).filter(
                lambda line: any(character.isalnum() for character in line)
            ),
            min_size=1,
            max_size=6,
        ),
        st.lists(st.booleans(), min_size=6, max_size=6),
    )
    def test_every_line_is_given_again(self, texts: Sequence[str], tabled: Sequence[bool]) -> None:
        lines = [
            PageLine(cells=[text], table=0 if in_table else None)
            for text, in_table in zip(texts, tabled, strict=False)
        ]
        written = page_lines.composed(lines, "# a\n\nb 1\n\n1")
        part, _ = markdown.part(written, Position(kind="page", number=1))
        given_again = [line.split() for line in part.text.split("\n") if line]
        assert given_again == [text.split() for text in texts]

    def test_a_heading_of_two_lines_is_one(self) -> None:
        lines = [PageLine(cells=[text]) for text in ("Terms of", "the lease", "It ends in May.")]
        written = page_lines.composed(lines, "## Terms of the lease\n\nIt ends in May.")
        part, headings = markdown.part(written, Position(kind="page", number=1))
        assert headings == ((2, "Terms of the lease"),)
        assert [block.kind for block in part.blocks] == ["heading", "text"]
