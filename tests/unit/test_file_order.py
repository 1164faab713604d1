"""The order in which a page is written, and whether it is trusted."""

from __future__ import annotations

from collections.abc import Sequence

from roadbed.knowledge.reading import file_order, page_order
from roadbed.knowledge.reading.pdfium_characters import Word

HEIGHT = 10.0


def placed(pieces: Sequence[tuple[str, float, float]]) -> Sequence[Word]:
    """The words of (text, left, y) in the order in which they are written; a letter is 5 wide."""
    words: list[Word] = []
    for text, left, y in pieces:
        for word in text.split():
            words.append(
                Word(
                    number=len(words),
                    text=word,
                    before=" ",
                    x=left,
                    y=y,
                    left=left,
                    right=left + 5 * len(word),
                    height=HEIGHT,
                )
            )
            left += 5 * len(word) + 3
    return words


def written(pieces: Sequence[tuple[str, float, float]]) -> Sequence[file_order.WrittenLine]:
    """The lines of (text, left, y)."""
    return file_order.written_lines(placed(pieces))


COLUMNS = [
    *((f"left line {number}", 50, 700 - 12 * number) for number in range(5)),
    *((f"right line {number}", 200, 700 - 12 * number) for number in range(5)),
]
ACROSS = sorted(COLUMNS, key=lambda piece: (-piece[2], piece[1]))


def test_words_at_one_height_are_a_line() -> None:
    assert [line.text for line in written(COLUMNS)] == [text for text, _, _ in COLUMNS]
    assert [line.text for line in written(ACROSS)][:2] == [
        "left line 0 right line 0",
        "left line 1 right line 1",
    ]


def test_columns_are_trusted_and_tell_that_they_are_columns() -> None:
    assert file_order.is_trusted(written(COLUMNS))
    assert not file_order.goes_by_line(written(COLUMNS))


def test_a_page_that_is_written_through_its_columns_tells_none() -> None:
    assert file_order.goes_by_line(written(ACROSS))


def test_a_page_with_a_piece_elsewhere_is_not_trusted() -> None:
    lines = [(f"line number {number}", 50.0, 700.0 - 12 * number) for number in range(12)]
    assert file_order.is_trusted(written(lines))
    assert not file_order.is_trusted(written([*lines[:3], *lines[6:], *lines[3:6]]))


def test_marks_of_footnotes_and_lines_at_the_edges_may_be_written_later() -> None:
    lines = [(f"line number {number}", 50.0, 700.0 - 12 * number) for number in range(12)]
    marks = [("1", 60.0, 694.0), ("2", 60.0, 650.0)]
    edges = [("Report of the year", 50.0, 760.0), ("page 4 of 9", 50.0, 40.0)]
    assert file_order.is_trusted(written([*lines, *marks, *edges]))


def test_a_page_without_words_is_trusted() -> None:
    assert file_order.is_trusted([])
    assert file_order.goes_by_line([])


def test_paragraphs_begin_after_a_gap_and_above_the_line_before() -> None:
    lines = written([("one", 50, 700), ("two", 50, 688), ("three", 50, 660), ("four", 200, 700)])
    begins = [line.begins for line in file_order.page_lines_of(lines)]
    assert begins == [True, False, True, True]


def test_words_that_go_to_the_left_are_a_line() -> None:
    words = [("שלום", 100.0), ("עולם", 76.0), ("טוב", 58.0)]
    pieces = [(text, left, 700.0) for text, left in words]
    assert [line.text for line in written(pieces)] == ["שלום עולם טוב"]


def going_on(*texts: str, left: Sequence[float] = ()) -> list[bool]:
    """Whether lines below each other go on with the one before."""
    places = left or [50] * len(texts)
    pieces = [
        (text, place, 700.0 - 12 * at)
        for at, (text, place) in enumerate(zip(texts, places, strict=True))
    ]
    return [line.goes_on for line in file_order.page_lines_of(written(pieces))]


def test_a_line_without_room_for_the_next_word_goes_on() -> None:
    assert going_on("The office in Berlin opens at", "Eight and closes at noon.") == [False, True]
    assert going_on("Ana", "The office in Berlin opens at", "Eight.") == [False, False, True]


def test_a_line_that_ends_within_a_sentence_goes_on() -> None:
    assert going_on("The office", "opens at eight in the morning") == [False, True]
    assert going_on("The office.", "opens at eight in the morning") == [False, False]


def test_items_and_named_values_do_not_go_on() -> None:
    for item in ("- Tea for two", "2. Tea for two", "(b) Tea for two", "Opening hours: 8 to 4"):
        assert going_on("Coffee with milk and sugar", item) == [False, False], item


def test_rows_do_not_go_on() -> None:
    lines = written([("Tea", 50, 700), ("300", 150, 700), ("Cake", 50, 688), ("450", 150, 688)])
    assert [line.goes_on for line in file_order.page_lines_of(lines)] == [False, False]


def test_lines_that_stand_beside_each_other_do_not_go_on() -> None:
    assert going_on("at the gate", "emptied by", left=(200, 50)) == [False, False]


MARGINS = [
    *(("Rooms", 50, 740), ("The oak room is free on", 50, 700), ("Monday.", 50, 688)),
    *(("Dogs stay out.", 50, 660), ("11/29/26, 2:44 AM", 50, 780), ("Rooms", 300, 780)),
    ("a.html 1/1", 50, 20),
]


def edge_texts(pieces: Sequence[tuple[str, float, float]]) -> Sequence[str]:
    lines = file_order.edges(placed(pieces))
    return [" ".join(sorted(word.text for word in line)) for line in lines]


def test_the_highest_and_the_lowest_line_are_the_edges() -> None:
    assert edge_texts(MARGINS) == ["1/1 a.html", "11/29/26, 2:44 AM Rooms"]
    assert edge_texts([("one", 50, 700), ("two", 50, 688), ("three", 50, 676)]) == []
    assert edge_texts([]) == []


def test_a_header_and_a_footer_that_the_first_reader_leaves_out_are_left_out() -> None:
    def kept(text: str) -> str:
        words = page_order._without_margins(placed(MARGINS), text)
        assert [word.number for word in words] == list(range(len(words)))
        return " ".join(word.text for word in words)

    body = "Rooms The oak room is free on Monday. Dogs stay out."
    assert kept(f"# {body}") == body
    whole = f"{body} 11/29/26, 2:44 AM Rooms a.html 1/1"
    assert kept(whole) == whole
