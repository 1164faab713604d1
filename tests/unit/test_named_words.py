"""Names and numbers of a question, which no other words can stand for."""

from __future__ import annotations

import pytest

from roadbed.knowledge.named_words import named_words


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("How many findings did the 2017 Kubernetes audit have?", ["2017", "Kubernetes"]),
        ("What did NCC Group find? Nothing?", ["NCC", "Group"]),
        ("what are the top 10 risks in K8s 1.24?", ["K8s", "1.24"]),
        ("What costs 1,500 EUR or TOB-K8S-038?", ["1,500", "TOB-K8S-038"]),
        ("May a hotel cost EUR 500, 500EUR or CHF 90?", ["500"]),
        ("Is R&D in Zürich über the limit?", ["R&D", "Zürich"]),
        ("Tesla pays. Émile asked \u201cWho\u201d", ["Who"]),
        ("and what of Acme, Acme?", ["Acme"]),
        ("What does I mean?", []),
        ("What Is The Refund Policy For Laptops", []),
        ("WHAT IS THE NOTICE PERIOD", []),
        ("", []),
    ],
)
def test_a_capital_within_a_sentence_and_a_number_that_counts_nothing(
    question: str, names: list[str]
) -> None:
    assert named_words(question, "english") == names


def test_a_german_noun_is_no_name() -> None:
    question = "Welche Frist gilt im Vertrag mit ACME seit 2019?"
    assert named_words(question, "german") == ["ACME", "2019"]


def test_a_long_question_of_names_is_read() -> None:
    assert named_words("a " + "Ab, " * 12_500, "english") == []
