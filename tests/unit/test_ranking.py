"""Ranking of passages: two searches are joined, and few features with fixed signs order them."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.knowledge.ranking import (
    WEIGHTS,
    FeatureWeights,
    PassageFeatures,
    asks_for_number,
    fused,
    scores,
    with_pages,
)

PLAIN = PassageFeatures(
    fusion=0.01,
    words=0.4,
    heading=0.0,
    page="a",
    table=False,
    modified_at=datetime(2024, 1, 1, tzinfo=UTC),
    period=(2024, 1),
)


class TestFusion:
    def test_the_sum_of_the_reciprocal_ranks(self) -> None:
        merged = fused(["a", "b"], ["b", "c"])
        assert merged == {
            "a": pytest.approx(1 / 61),
            "b": pytest.approx(1 / 62 + 1 / 61),
            "c": pytest.approx(1 / 62),
        }

    def test_an_item_named_twice_counts_once(self) -> None:
        assert fused(["a", "a", "b"]) == fused(["a", "b"])

    def test_nothing_found_gives_nothing(self) -> None:
        assert fused([], []) == {}
        assert scores("what", []) == []

    @given(st.lists(st.permutations(range(6)), min_size=1, max_size=3))
    def test_what_stands_higher_in_every_ranking_stands_higher(
        self, rankings: list[list[int]]
    ) -> None:
        merged = fused(*rankings)
        for one in range(6):
            for other in range(6):
                if all(ranking.index(one) < ranking.index(other) for ranking in rankings):
                    assert merged[one] > merged[other]


class TestPages:
    def test_all_passages_of_a_page_get_its_rank(self) -> None:
        scored = with_pages(
            {"a": 0.5, "b": 0.25, "c": 0.25}, {"a": 1, "b": 2, "c": 3}, [2, 9, 1], weight=2
        )
        assert scored == {
            "a": pytest.approx(0.5 + 2 / 63),
            "b": pytest.approx(0.25 + 2 / 61),
            "c": 0.25,
        }


class TestScores:
    @pytest.mark.parametrize(
        "better",
        [
            replace(PLAIN, fusion=0.02),
            replace(PLAIN, words=0.9),
            replace(PLAIN, heading=0.5),
            replace(PLAIN, table=True),
            replace(PLAIN, modified_at=datetime(2025, 1, 1, tzinfo=UTC)),
            replace(PLAIN, period=(2025, 1)),
        ],
    )
    def test_more_of_a_feature_never_is_worse(self, better: PassageFeatures) -> None:
        good, plain = scores("How much is it?", [replace(better, page="b"), PLAIN])
        assert good > plain

    def test_two_passages_of_a_page_lift_each_other(self) -> None:
        page = [replace(PLAIN, page="b"), replace(PLAIN, page="b"), PLAIN]
        first, second, alone = scores("what", page)
        assert first == second > alone

    def test_a_newer_date_is_worth_less_than_a_rank(self) -> None:
        ranked = fused(["first", "second"])
        older = datetime(2020, 1, 1, tzinfo=UTC)
        first = replace(PLAIN, fusion=ranked["first"], page="b", modified_at=older)
        best, other = scores("what", [first, replace(PLAIN, fusion=ranked["second"])])
        assert best > other

    def test_a_table_counts_only_for_a_number(self) -> None:
        table = replace(PLAIN, table=True)
        first, second = scores("Who signs?", [table, PLAIN])
        assert first == second

    def test_all_lie_between_0_and_1(self) -> None:
        best = replace(PLAIN, fusion=1.0, words=1.0, heading=1.0, table=True)
        worst = replace(PLAIN, fusion=0.0, words=0.0, page="b", modified_at=None)
        high, low = scores("How many?", [best, worst])
        assert 0.0 <= low < high <= 1.0

    def test_no_weight_is_negative(self) -> None:
        assert all(getattr(WEIGHTS, field.name) >= 0 for field in fields(FeatureWeights))


@pytest.mark.parametrize(
    ("question", "number"),
    [
        ("How much did it cost?", True),
        ("What share in % was sold?", True),
        ("Wie viele Tage?", True),
        ("¿Cuántos días?", True),
        ("Combien de jours ?", True),
        ("Who approves a trip?", False),
        ("Was ist ein Rat?", False),
    ],
)
def test_questions_for_numbers_are_known(question: str, number: bool) -> None:
    assert asks_for_number(question) is number
