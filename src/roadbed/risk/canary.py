"""Old and new version on the same tasks: whether the new one is worse by more than a margin."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

_BETS = (0.1, 0.25, 0.5, 0.8)


@dataclass(slots=True, kw_only=True)
class CanaryTest:
    """Evidence that the new version is wrong more often, by more than ``margin``.

    Betting on D = L_new - L_old in {-1, 0, 1} (Waudby-Smith & Ramdas 2024): if the mean of D never
    exceeds ``margin``, the chance that ``evidence`` ever reaches 1/``delta`` is at most ``delta``.
    """

    margin: float
    delta: float
    pairs: int = 0
    _log: list[float] = field(default_factory=lambda: [0.0] * len(_BETS))

    def add(self, *, new_wrong: bool, old_wrong: bool) -> bool:
        """One task that both answered. Gives whether to roll back now."""
        difference = float(new_wrong) - float(old_wrong)
        for each, bet in enumerate(_BETS):
            stake = bet / (1.0 + self.margin)
            self._log[each] += math.log1p(stake * (difference - self.margin))
        self.pairs += 1
        return self.evidence >= 1.0 / self.delta

    @property
    def evidence(self) -> float:
        """A mean over the sizes of the bet."""
        return sum(math.exp(min(each, 690.0)) for each in self._log) / len(self._log)
