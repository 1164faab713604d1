"""Series: years that name one of several documents, and years that are only mentioned."""

from __future__ import annotations

import pytest

from roadbed.knowledge.series import asks_for_item, series_nouns


@pytest.mark.parametrize(
    ("path", "nouns"),
    [
        ("security-audit-2029/findings/report.pdf", ["audit"]),
        ("annual report 2030.pdf", ["report"]),
        ("2031_Q2_minutes.md", ["minutes"]),
        ("2031.pdf", []),
        ("handbook.md", []),
    ],
)
def test_a_name_with_a_year_says_what_the_thing_is(path: str, nouns: list[str]) -> None:
    assert list(series_nouns(path)) == nouns


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("How many flaws did the 2017 audit find?", True),
        ("Who paid for the 2017 third-party security audits?", True),
        ("Who did the audit of 2017?", True),
        ("Wer machte das Audit 2017?", True),
        ("Which flaws of 2017 does the audit name?", False),
        ("In 2017 the audit was cheap. Why?", False),
        ("Was the flaw known in 2017?", False),
    ],
)
def test_a_year_beside_that_word_asks_for_one(question: str, asked: bool) -> None:
    assert asks_for_item(question, 2017, {"audit"}) is asked


def test_without_a_series_no_year_does() -> None:
    assert not asks_for_item("Who did the 2017 audit?", 2017, ())
