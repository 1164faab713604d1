"""Texts whose lines were broken at a width."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.knowledge.model import Part, Position
from roadbed.knowledge.passages import passages
from roadbed.knowledge.reading import markdown, texts, wrapped_lines

TRAINS = (
    "Everybody who travels for the company books the cheapest train that arrives in time. A hotel"
    " may cost 120 EUR a night. Whoever needs more asks before the journey, and gets an answer"
    " within two working days."
)
RECEIPTS = (
    "Receipts are kept for ten years. They are handed in within 30 days after the journey, with the"
    " form of the finance department, and paid with the next salary."
)
RULES = (TRAINS, RECEIPTS) * 3
FIELDS = (
    "Name: Ana Diaz\nCity: Berlin, in the street with the lime trees\nRoom: 4\nDesk: 2\nKey: none"
)
VERSES = (
    "the mill is turning slowly while the river carries leaves along,\n"
    "and nobody remembers now the words that belonged to the song,\n"
    "but in the evening when the light is falling on the water there,\n"
    "an old man hums the melody and combs the river from his hair.\n"
    "he knew the miller's daughter once, before the war had come, and he\n"
    "had promised her a house of stone above the harbour by the sea.\n"
    "the mill is turning slowly still, the river carries all it can,\n"
    "and what it takes it never brings again to any living man."
)
LOG = "\n".join(
    f"worker {number:02} could not reach the database and tries again in 5 seconds"
    for number in range(30)
)
CALLS = "\n".join(
    f"from package.module_{name} import function_{name}, another_function_{name}"
    for name in "abcdefghij"
)
CODE = "\n".join(
    f"total_{name} = price_of(order_{name}) + freight_of({name})" for name in "abcdefg"
)
STOCK = "\n".join(
    f"{name},oak and steel,second floor,room {number},delivered in may"
    for number, name in enumerate(("desk", "sofa", "lamp", "rack", "door", "sink", "bell"), 200)
)
POEM = (
    "The rain comes down on roofs of tin\nand stops\n"
    "before the children who live within\nwake up\nand look"
)


def wrapped(width: int, mark: str = "") -> str:
    return "\n\n".join(
        textwrap.fill(rule, width, initial_indent=mark, subsequent_indent=" " * len(mark))
        for rule in RULES
    )


@pytest.mark.parametrize("width", [50, 72, 80, 100])
def test_paragraphs_are_whole_again(width: int) -> None:
    assert wrapped_lines.unwrapped(wrapped(width)) == "\n\n".join(RULES)


def test_fields_verses_rows_and_single_lines_stay_lines() -> None:
    rows = "\n".join(
        f"{name:<30}{name} costs {n} EUR in a month" for n, name in enumerate("abcdef")
    )
    orders = "\n".join(
        f"{1000 + n} delivered on 2026-11-{n + 10} to the customer, 1{n}.50 EUR" for n in range(9)
    )
    titled = "\n".join(f"Order {n} was delivered to the customer on 2026-11-1{n}" for n in range(9))
    columns = "\n".join(f"parcel {n}  of the customer  sent on 2026-11-1{n}" for n in range(9))
    lines = (rows, orders, titled, columns, "\n".join(RULES), "", "\n\n", "one\ntwo")
    for text in (FIELDS, POEM, VERSES, LOG, CALLS, CODE, STOCK, *lines):
        assert wrapped_lines.unwrapped(text) == text
        whole = f"{wrapped(72)}\n\n{text}"
        assert wrapped_lines.unwrapped(whole) == "\n\n".join((*RULES, text))


@pytest.mark.parametrize(
    ("paragraph", "items"),
    [
        ("The company pays for safety shoes of everybody in the workshop up to GBP\n95. More", ()),
        ("Wer das Seminar besuchen will, meldet sich dafür schriftlich an bis zum\n1. Mai", ()),
        (
            "1. Whoever needs a ladder asks for it, and for somebody who holds it, at\n2. Desk",
            ("2.",),
        ),
        (
            "Everybody signs the list of the day before the tools are taken to work.\n7. Sign",
            ("7.",),
        ),
    ],
)
def test_a_figure_at_the_end_of_a_sentence_is_no_item(
    paragraph: str, items: tuple[str, ...]
) -> None:
    made = wrapped_lines.unwrapped(f"{wrapped(72)}\n\n{paragraph}").split("\n\n")[-1]
    assert tuple(line.split()[0] for line in made.split("\n")[1:]) == items


def test_items_and_fields_stay_lines_in_a_wrapped_text() -> None:
    text = f"{wrapped(72)}\n\n{FIELDS}\n\n- first\n- second\n1. third\n> quoted\n\n# Title\nBody"
    assert wrapped_lines.unwrapped(text).endswith(text[text.index("Name:") :])


@given(st.text(alphabet="ab .:-#|>\n1", max_size=400))
def test_no_character_moves(text: str) -> None:
    made = wrapped_lines.unwrapped(text)
    assert made.split() == text.split()
    assert len(made) == len(text)


def test_no_passage_of_a_wrapped_file_ends_within_a_sentence() -> None:
    content = "\n\n".join([wrapped(72)] * 4).encode()
    for read, name in ((texts.read_text, "rules.txt"), (texts.read_markdown, "rules.md")):
        made = passages(read(content, name))
        assert len(made) > 1
        assert all(passage.text.rstrip().endswith(".") for passage in made)


def test_lines_of_items_and_code_stay_in_markdown() -> None:
    code = "```\nmake every single thing that stands in this folder now\nrun\n```"
    text = f"{wrapped(72, '- ')}\n\n{code}\n\n| a | b |\n| - | - |\n| c | d |\n"
    width = wrapped_lines.wrap_width(text.split("\n"))
    part: Part = markdown.part(text, Position(kind="text"), width=width)[0]
    assert width is not None
    assert part.text == "\n\n".join(
        [*(f"- {rule}" for rule in RULES), code.strip("`\n"), "a | b\nc | d"]
    )
