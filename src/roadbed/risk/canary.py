"""Old and new version on the same tasks: whether the new one is worse by more than a margin."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from roadbed.risk.losses import checked_one

_BETS = (0.1, 0.25, 0.5, 0.8)


@dataclass(slots=True, kw_only=True)
class CanaryTest:
    """Evidence that the new version is worse, by more than ``margin``.

    Betting on D = L_new - L_old in [-1, 1] (Waudby-Smith & Ramdas 2024): if the mean of D never
    exceeds ``margin``, the chance that ``evidence`` ever reaches 1/``delta`` is at most ``delta``.
    Pairs are given in the order drawn, also those whose label is missing (``wait``).
    """

    margin: float
    delta: float
    pairs: int = 0
    waiting: int = 0
    _log: list[float] = field(default_factory=lambda: [0.0] * len(_BETS))

    def add(self, *, new_wrong: float, old_wrong: float) -> bool:
        """One task that both answered. Gives whether to roll back now.

        Bools, or losses in [0, 1]; else raises ``ValueError``.
        """
        self._watch(checked_one(new_wrong) - checked_one(old_wrong))
        self.pairs += 1
        return self.evidence >= 1.0 / self.delta

    def wait(self) -> None:
        """One task on which they differ and whose label may still come.

        It counts as if only the old version were wrong: whoever chooses what waits cannot cause a
        rollback by that. Where both answered alike nothing waits: the difference is 0.
        """
        self._watch(-1.0)
        self.waiting += 1

    @property
    def evidence(self) -> float:
        """A mean over the sizes of the bet."""
        return sum(math.exp(min(log, 690.0)) for log in self._log) / len(self._log)

    def _watch(self, difference: float) -> None:
        for place, bet in enumerate(_BETS):
            stake = bet / (1.0 + self.margin)
            self._log[place] += math.log1p(stake * (difference - self.margin))
