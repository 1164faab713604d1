"""Thresholds of a decider without training data, from confidences outside the sample. Simulated."""

from __future__ import annotations

import numpy as np
import pytest

from roadbed.risk.certificate import anytime, certify
from roadbed.risk.search import FEWEST, MOST, Search, fixed_search, search_among

LIMIT, DELTA = 0.1, 0.05
LOOKS = (150, 250, 400, 600)


def crowded(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """All confidences lie between 0.90 and 0.92. The upper half is 3 % wrong, the lower 30 %."""
    confidence = 0.90 + 0.02 * rng.random(n)
    return confidence, rng.random(n) < np.where(confidence >= 0.91, 0.03, 0.30)


def harmful(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Just above the limit at every threshold, at some far above: any certificate is wrong."""
    confidence = 0.90 + 0.02 * rng.random(n)
    waves = 0.102 + 0.10 * (np.sin(confidence * 4_000.0) > 0.9)
    return confidence, rng.random(n) < waves


def certified(
    confidence: np.ndarray, wrong: np.ndarray, search: Search | None
) -> tuple[float | None, int]:
    proof = certify(
        confidence=confidence,
        wrong=wrong,
        out_of_fold=None,
        risk_limit=LIMIT,
        delta=DELTA,
        test=anytime,
        search=search,
    )
    return proof.threshold, proof.covered


def test_a_crowded_decider_opens() -> None:
    opened, with_fixed, covered = 0, 0, 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        search = search_among(crowded(rng, MOST)[0])
        sample = crowded(rng, 800)
        threshold, items = certified(*sample, search)
        opened += threshold is not None
        covered += items
        with_fixed += certified(*sample, None)[0] is not None
    assert with_fixed == 0
    assert opened >= 180
    assert covered >= 200 * 300  # the better half has 400 items


def test_what_is_just_above_the_limit_seldom_passes_any_of_several_looks() -> None:
    passed = 0
    for seed in range(1_000):
        rng = np.random.default_rng(10_000 + seed)
        search = search_among(harmful(rng, MOST)[0])
        confidence, wrong = harmful(rng, LOOKS[-1])
        passed += any(certified(confidence[:n], wrong[:n], search)[0] is not None for n in LOOKS)
    assert passed <= 50


def test_the_limit_is_kept_where_a_part_is_good() -> None:
    broken = 0
    for seed in range(1_000):
        rng = np.random.default_rng(20_000 + seed)
        search = search_among(crowded(rng, MOST)[0])
        threshold, _ = certified(*crowded(rng, 400), search)
        if threshold is not None:
            above = max(0.92 - threshold, 0.0)
            bad = max(0.91 - threshold, 0.0)
            broken += above > 0.0 and (0.03 * (above - bad) + 0.30 * bad) / above > LIMIT
    assert broken <= 50


def test_a_decider_that_uses_the_whole_range_opens_as_before() -> None:
    with_search, with_fixed = 0, 0
    for seed in range(200):
        rng = np.random.default_rng(30_000 + seed)
        confidence = rng.random(800 + MOST)
        wrong = rng.random(len(confidence)) < 0.4 * (1.0 - confidence)
        search = search_among(confidence[:MOST])
        with_search += certified(confidence[MOST:], wrong[MOST:], search)[1]
        with_fixed += certified(confidence[MOST:], wrong[MOST:], None)[1]
    assert with_search >= with_fixed


class TestSearch:
    def test_it_starts_at_shares_of_the_confidences(self) -> None:
        confidence = np.linspace(0.5, 0.6, 1_001)
        search = search_among(confidence)
        assert search is not None
        assert search.starts == pytest.approx([0.585, 0.56, 0.53, 0.502], abs=0.001)
        assert search.shares == (0.25,) * 4
        assert set(fixed_search().grid) < set(search.grid)
        assert list(search.grid) == sorted(search.grid, reverse=True)
        assert sum(search.places.values()) == pytest.approx(1.0)

    def test_equal_starts_add_their_shares(self) -> None:
        search = search_among(np.full(FEWEST, 0.9))
        assert search is not None
        assert search.shares[search.starts.index(0.9)] == 1.0

    def test_few_confidences_tell_too_little(self) -> None:
        held = np.zeros(1_000)
        assert search_among(np.full(FEWEST - 1, 0.9)) is None
        assert search_among(np.concatenate([held, np.full(FEWEST - 1, 0.9)])) is None
