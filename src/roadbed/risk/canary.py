"""Canary test: whether the new version is worse than the old one by more than a margin."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from roadbed.risk.losses import checked_one

_BETS = (0.1, 0.25, 0.5, 0.8)


@dataclass(slots=True, kw_only=True)
class CanaryTest:
    """Anytime-valid test of H: E[D] <= ``margin``, D = L_new - L_old in [-1, 1].

    Betting (Waudby-Smith & Ramdas 2024): under H, P(``evidence`` ever reaches 1/``delta``) <=
    ``delta``. Pairs are added in the order drawn, unlabelled ones by ``wait``.
    """

    margin: float
    delta: float
    pairs: int = 0
    waiting: int = 0
    _log: list[float] = field(default_factory=lambda: [0.0] * len(_BETS))

    def add(self, *, new_wrong: float, old_wrong: float) -> bool:
        """Add a pair; return whether H is rejected (roll back).

        Bools or losses in [0, 1]. Raises ``ValueError`` outside [0, 1].
        """
        self._watch(checked_one(new_wrong) - checked_one(old_wrong))
        self.pairs += 1
        return self.evidence >= 1.0 / self.delta

    def wait(self) -> None:
        """Add an unlabelled pair with different answers.

        It counts as D = -1, so the choice of what to label cannot cause a rollback. A pair with
        equal answers has D = 0 and needs no label.
        """
        self._watch(-1.0)
        self.waiting += 1

    @property
    def evidence(self) -> float:
        """Mean wealth over the bets."""
        return sum(math.exp(min(log, 690.0)) for log in self._log) / len(self._log)

    def _watch(self, difference: float) -> None:
        for place, bet in enumerate(_BETS):
            stake = bet / (1.0 + self.margin)
            self._log[place] += math.log1p(stake * (difference - self.margin))
