"""Search: which thresholds are tested for a decider without training data, and where it starts.

Nothing foresees its risk. Fixed starts miss a decider whose confidences lie close together: a start
is above all of them, where nothing is covered, or below all of them, where too much is wrong. So
the search starts at shares of its confidences on inputs that are no part of the reference sample.
Given those, every threshold is fixed before the test, and Learn-then-Test holds as before
(Angelopoulos et al. 2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from roadbed.risk.losses import Floats

FEWEST = 40  # confidences that tell how they are spread
MOST = 60  # that are worth a call of the decider
_MOST_THRESHOLDS = 60
_FROM_CONFIDENCES = 30
# Chosen by simulation of five kinds of confidences, with limits of 10 % and 250 to 800 items.
_COVERAGES = (0.15, 0.4, 0.7, 0.98)


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """Candidate thresholds from strict to loose; ``starts`` are some of them, with their shares.

    ``shares`` are those of the error level and sum to 1. A version that is tested again keeps its
    search: another one would be a second family of tests.
    """

    grid: tuple[float, ...]
    starts: tuple[float, ...]
    shares: tuple[float, ...]

    @property
    def places(self) -> Mapping[int, float]:
        """The share of each start, by its position in the grid."""
        return {
            self.grid.index(start): share
            for start, share in zip(self.starts, self.shares, strict=True)
        }


def fixed_search() -> Search:
    """Even steps from 0.995 to 0.01, and four starts in even steps."""
    grid = np.linspace(0.995, 0.01, _MOST_THRESHOLDS).tolist()
    places = np.linspace(0, _MOST_THRESHOLDS - 1, len(_COVERAGES) + 1)[:-1].astype(int).tolist()
    starts = tuple(grid[place] for place in places)
    return Search(grid=tuple(grid), starts=starts, shares=(1.0 / len(starts),) * len(starts))


def search_among(confidence: Floats) -> Search | None:
    """Starts at shares of ``confidence``, of shape (m,), and quantiles beside the fixed steps.

    These must be confidences of the version on inputs outside the reference sample. 0 means no
    answer. ``None`` for fewer than ``FEWEST`` answers: they tell too little.
    """
    answered = confidence[confidence > 0.0]
    if len(answered) < FEWEST:
        return None
    ranks = np.linspace(0.0, 0.98, _FROM_CONFIDENCES)
    own = np.quantile(answered, ranks, method="lower").tolist()
    places = np.quantile(answered, [1.0 - share for share in _COVERAGES], method="lower").tolist()
    shares: dict[float, float] = {}
    for start in places:
        shares[start] = shares.get(start, 0.0) + 1.0 / len(_COVERAGES)
    starts = sorted(shares, reverse=True)
    grid = sorted({*fixed_search().grid, *own, *places}, reverse=True)
    return Search(
        grid=tuple(grid), starts=tuple(starts), shares=tuple(shares[start] for start in starts)
    )
