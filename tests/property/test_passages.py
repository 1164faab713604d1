"""Passages of generated documents: nothing is lost, moved or put across a page."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from roadbed.knowledge.model import DoubtfulNumber, Extraction, Part, Position
from roadbed.knowledge.passages import TARGET_WORDS, passages
from roadbed.knowledge.reading import markdown, texts

words = st.text(
    string.ascii_letters + string.digits + "äß,.;!?-*_`[]()\\#|", min_size=1, max_size=9
)
lines = st.lists(words, min_size=1, max_size=60).map(" ".join)
headings = st.tuples(st.integers(1, 4), words).map(lambda pair: f"{'#' * pair[0]} {pair[1]}")
rows = st.lists(words, min_size=2, max_size=4).map(lambda cells: f"| {' | '.join(cells)} |")
tables = st.lists(rows, min_size=1, max_size=40).map(
    lambda made: "\n".join([made[0], "| --- | --- |", *made[1:]])
)
contents = st.lists(st.one_of(lines, headings, tables), max_size=12).map("\n\n".join)


@st.composite
def extractions(draw: st.DrawFn) -> Extraction:
    """Documents of pages, slides or free text, as the readers make them."""
    kind = draw(st.sampled_from(["page", "slide", "text"]))
    carried: tuple[tuple[int, str], ...] = ()
    parts: list[Part] = []
    for number, content in enumerate(draw(st.lists(contents, max_size=4)), 1):
        position = Position(kind=kind, number=number)  # type: ignore[arg-type]
        if draw(st.booleans()):
            made, carried = markdown.part(content, position, carried)
        else:
            made = texts.plain_part(content, position)
        parts.append(made)
    return Extraction(format="pdf", parts=tuple(parts))


@given(extractions())
def test_every_word_is_in_a_passage(extraction: Extraction) -> None:
    made = passages(extraction)
    for index, part in enumerate(extraction.parts):
        covered = [False] * len(part.text)
        for passage in made:
            if passage.part == index:
                for at in range(passage.start, passage.end):
                    covered[at] = True
        left = {letter for letter, inside in zip(part.text, covered, strict=True) if not inside}
        assert not "".join(left).strip()


@given(extractions())
def test_a_passage_is_what_stands_at_its_place(extraction: Extraction) -> None:
    last: dict[int, int] = {}
    for ordinal, passage in enumerate(passages(extraction)):
        part = extraction.parts[passage.part]
        assert passage.ordinal == ordinal
        assert passage.text.endswith(part.text[passage.start : passage.end])
        before = passage.text[: len(passage.text) - (passage.end - passage.start)]
        assert not before or before.removesuffix("\n") in {block.header for block in part.blocks}
        assert (passage.place.kind, passage.place.number) == (part.place.kind, part.place.number)
        assert passage.start >= last.get(passage.part, 0)
        last[passage.part] = passage.end


@given(extractions())
def test_a_passage_is_short(extraction: Extraction) -> None:
    for passage in passages(extraction):
        part = extraction.parts[passage.part]
        body = part.text[passage.start : passage.end]
        count = sum(1 for word in body.split() if word != "|")
        assert count <= TARGET_WORDS * 1.3 + TARGET_WORDS * 0.25 + 45


@given(extractions())
def test_ids_are_unique_and_the_same_for_the_same_document(extraction: Extraction) -> None:
    ids = [passage.id for passage in passages(extraction)]
    assert len(set(ids)) == len(ids)
    assert ids == [passage.id for passage in passages(extraction)]


@given(contents, contents)
def test_a_change_of_one_page_leaves_the_ids_of_the_other(one: str, other: str) -> None:
    def ids(first: str) -> list[str]:
        pages = [
            texts.plain_part(text, Position(kind="page", number=number))
            for number, text in enumerate([first, "The second page stays."], 1)
        ]
        made = passages(Extraction(format="pdf", parts=tuple(pages)))
        return [passage.id for passage in made if passage.place.number == 2]

    assert ids(one) == ids(other)


def test_each_piece_of_a_table_carries_the_header() -> None:
    table = "\n".join(
        ["| Code | Price |", "|---|---|", *(f"| K{n} | {n} euros |" for n in range(200))]
    )
    part, _ = markdown.part(table, Position(kind="page", number=3))
    made = passages(Extraction(format="pdf", parts=(part,)))
    assert len(made) > 4
    assert all(passage.text.startswith("Code | Price\n") for passage in made)
    assert {passage.kind for passage in made} == {"table"}
    assert all(part.text[passage.start] == "K" for passage in made[1:])


def test_in_a_text_without_pages_each_heading_begins_a_passage() -> None:
    part, _ = markdown.part(
        "# Policy\n\n## Refunds\n\nIn 30 days.\n\n## Fees\n\nNone.", Position(kind="text")
    )
    made = passages(Extraction(format="markdown", parts=(part,)))
    assert [(passage.text, passage.place.label) for passage in made] == [
        ("Policy\n\nRefunds\n\nIn 30 days.", "Policy › Refunds"),
        ("Fees\n\nNone.", "Policy › Fees"),
    ]


def test_a_doubtful_number_is_named_in_the_passages_of_its_page() -> None:
    parts = tuple(
        texts.plain_part("Sales of 16,41 and 8.", Position(kind="page", number=number))
        for number in (1, 2)
    )
    doubt = DoubtfulNumber(number="16,41", place=Position(kind="page", number=2))
    made = passages(Extraction(format="pdf", parts=parts, doubtful=(doubt,)))
    assert [passage.doubtful for passage in made] == [(), ("16,41",)]


def test_a_passage_of_several_sections_is_cited_under_what_they_share() -> None:
    text = "# Policy\n\n## Refunds\n\nIn 30 days.\n\n## Fees\n\nNone.\n\n# Terms\n\nNo dogs."
    page = Position(kind="page", number=3)
    for content, label in ((text[: text.index("# Terms")], "page 3 › Policy"), (text, "page 3")):
        part, _ = markdown.part(content, page)
        made = passages(Extraction(format="pdf", parts=(part,)))
        assert [passage.place.label for passage in made] == [label]
