"""When two citations name the same passage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.scoring.citations import same_citation

LEAVE = "Everybody has thirty days of leave in a year and asks for them in time."
SHOES = "The company pays for safety shoes every 18 months, up to GBP 95 a pair."
ITEM = "item | price | delivery | warranty | made in"
PLACE: dict[str, object] = {"document": "rules.txt", "place": ""}
FIRST = {**PLACE, "passage": "ver_1.1", "quote": LEAVE}
EDITED = LEAVE.replace("thirty", "twenty-eight")
LATER = {**FIRST, "passage": "ver_2.1", "place": "Leave", "version": 2}


@pytest.mark.parametrize(
    ("proposed", "right", "expected"),
    [
        # All passages of a text without headings have the same place.
        ({**PLACE, "passage": "ver_1.2", "quote": SHOES}, FIRST, False),
        (FIRST, FIRST, True),
        ({**FIRST, "quote": "leave"}, FIRST, True),
        ({**FIRST, "place": "page 2"}, FIRST, False),
        ({**FIRST, "passage": "ver_2.7"}, FIRST, True),
        ({**FIRST, "passage": "ver_2.7", "place": "page 2"}, FIRST, False),
        ({**FIRST, "passage": "ver_2.7", "document": "other.txt"}, FIRST, False),
        # A part of a passage of another version of the document.
        ({**FIRST, "passage": "ver_2.7", "quote": LEAVE[:40]}, FIRST, True),
        ({**FIRST, "passage": "ver_2.7", "quote": "in a year"}, FIRST, False),
        # It was cut elsewhere, and half of it or more is there.
        ({**FIRST, "passage": "v.2", "quote": f"{LEAVE[10:]} {SHOES[:9]}"}, FIRST, True),
        ({**FIRST, "passage": "v.2", "quote": f"{SHOES} {LEAVE[:20]}"}, FIRST, False),
        # It was edited: a figure is another one. In the same version it is another passage.
        ({**LATER, "quote": EDITED}, {**FIRST, "place": "Leave", "version": 1}, True),
        (
            {**LATER, "quote": EDITED, "version": 1},
            {**FIRST, "place": "Leave", "version": 1},
            False,
        ),
        ({**LATER, "quote": SHOES}, {**FIRST, "place": "Leave", "version": 1}, False),
        ({**LATER, "quote": EDITED, "place": ""}, {**FIRST, "version": 1}, False),
        # Rows of a table share its header and nothing else.
        (
            {**PLACE, "passage": "v.2", "quote": f"{ITEM}\nB | 2 | 4 | 6 | Bonn"},
            {**PLACE, "passage": "v.1", "quote": f"{ITEM}\nA | 1 | 3 | 5 | Ulm"},
            False,
        ),
        # An example names the words of the answer, not the passage.
        (FIRST, {**PLACE, "quote": "thirty  Days"}, True),
        (FIRST, {**PLACE, "quote": "hirty days"}, False),
        (FIRST, {**PLACE, "quote": "GBP 95"}, False),
        ({**FIRST, "quote": "days"}, {**PLACE, "quote": "thirty days"}, False),
        ({**FIRST, "quote": "in a year"}, {**PLACE, "quote": LEAVE}, False),
        # An example names the place alone, or the document.
        (FIRST, PLACE, True),
        ({**FIRST, "place": "page 4"}, {**PLACE, "place": "page 4"}, True),
        ({**FIRST, "place": "page 4"}, {**PLACE, "place": "page 5"}, False),
        # A decider names no passage.
        (PLACE, FIRST, False),
        ({**PLACE, "place": "page 4"}, {**FIRST, "place": "page 4"}, True),
        ({**PLACE, "passage": "v.2"}, {**PLACE, "passage": "v.1"}, False),
    ],
)
def test_a_citation_is_right_if_it_names_the_same_words(
    proposed: dict[str, object], right: dict[str, object], expected: bool
) -> None:
    assert same_citation(proposed, right) is expected


WORDS = st.sampled_from(["", "a", "a b", LEAVE, EDITED, SHOES, f"{LEAVE} {SHOES}", "|", "_"])
CITATIONS = st.fixed_dictionaries(
    {
        "document": st.sampled_from(["a.txt", "b.txt"]),
        "place": st.sampled_from(["", "page 1", "page 2"]),
        "version": st.integers(1, 2),
        "passage": st.sampled_from(["", "ver_1.1", "ver_1.2", "ver_2.1"]),
        "quote": WORDS,
    }
)


@given(CITATIONS, CITATIONS)
def test_a_right_citation_has_document_and_place_in_common(
    proposed: dict[str, object], right: dict[str, object]
) -> None:
    """So no answer is right now that was wrong while places alone were compared."""
    if same_citation(proposed, right):
        assert (proposed["document"], proposed["place"]) == (right["document"], right["place"])


@given(CITATIONS)
def test_every_citation_is_the_same_as_itself(citation: dict[str, object]) -> None:
    assert same_citation(citation, citation)
