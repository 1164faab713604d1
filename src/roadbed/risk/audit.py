"""The running audit: what was really automated, judged on its random sample, valid at every moment.

It assumes nothing about traffic staying as it was. Outcomes are given in the order the tasks were
drawn. Sources: Ville's inequality for the harm test (Podkopaev & Ramdas 2022); Page's CUSUM in its
likelihood form; Howard et al. 2021 for the bound; Horvitz & Thompson 1952 for the estimate.

A drawn answer whose label is missing counts by turns. For the alarms it counts as right, so that a
healthy version is halted no more often, whichever labels come first, and later errors count at
once. The bound and the estimate stop before it: who labels easy items first cannot lower them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scipy.special import polygamma

from roadbed.risk.losses import checked_one

_HARM_MULTIPLES = (1.5, 2.0, 3.0, 5.0, 10.0)
_CHANGE_MULTIPLE = 2.5
CHANGE_ALARM = 100.0
SUSPICION = 4.0
_TILTS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
_LARGEST = 1e300  # evidence beyond this is kept at this


@dataclass(slots=True, kw_only=True)
class RunningAudit:
    """One version's outcomes so far. ``risk_limit`` is alpha, ``delta`` the risk of error.

    ``automated`` answers went out. Of those drawn, ``sampled`` are judged and ``waiting`` are not;
    ``wrong`` of them have a loss above 0. ``settled`` counts the automatic answers before the
    oldest waiting one, with a total ``loss`` in their sample: bound and estimate are about them.
    ``harm`` is the evidence that the limit was exceeded: if it never was, the chance that it ever
    reaches 1/delta is at most delta. ``change`` is the CUSUM: alarm at ``CHANGE_ALARM``.
    """

    risk_limit: float
    delta: float
    automated: int = 0
    sampled: int = 0
    wrong: int = 0
    waiting: int = 0
    settled: int = 0
    loss: float = 0.0
    change: float = 1.0
    most_harm: float = 1.0
    most_change: float = 1.0
    bound_lost: bool = False  # the bound had come below the limit, and has left it again
    _bound_held: bool = False
    _harm: list[float] = field(default_factory=list)
    _weight: float = 0.0  # sum of the rates at which settled tasks were drawn
    _weighted_loss: float = 0.0  # sum of loss/rate over outcomes
    _spread: float = 0.0  # sum of (1 - rate) (loss/rate)^2 over outcomes
    _deviation: float = 0.0  # sum of (Y - past mean of Y)^2, Y = loss if drawn, else 0

    def __post_init__(self) -> None:
        self._harm = [1.0] * len(_HARM_MULTIPLES)

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> RunningAudit:
        """The audit that stood at ``state``, made by ``dataclasses.asdict``."""
        audit = cls(risk_limit=state["risk_limit"], delta=state["delta"])
        for name in cls.__dataclass_fields__:
            setattr(audit, name, state[name])
        return audit

    def pass_over(self, tasks: int, weight: float) -> None:
        """``tasks`` automatic answers that were not drawn; ``weight`` is the sum of their rates."""
        self.automated += tasks
        if not tasks or self.waiting:
            return
        if self.loss:  # the sum of (loss / n)^2 over the next n
            tail = polygamma(1, self.settled) - polygamma(1, self.settled + tasks)
            self._deviation += self.loss * self.loss * float(tail)
        self.settled += tasks
        self._weight += weight

    def add(self, *, wrong: float, rate: float) -> None:
        """One drawn automatic answer that a person has judged; it was drawn at ``rate``.

        ``wrong`` is a bool or a loss in [0, 1]; else raises ``ValueError``.
        """
        loss = checked_one(wrong)
        self._watch(loss)
        self.automated += 1
        self.sampled += 1
        self.wrong += loss > 0.0
        if self.waiting:
            return
        past = self.loss / self.settled if self.settled else 0.0
        self._deviation += (loss - past) ** 2
        self.settled += 1
        self.loss += loss
        self._weight += rate
        self._weighted_loss += loss / rate
        self._spread += (1.0 - rate) * (loss / rate) ** 2
        self._follow_bound()

    def wait(self) -> None:
        """One drawn automatic answer whose label may still come."""
        self._watch(0.0)
        self.automated += 1
        self.waiting += 1

    @property
    def harm(self) -> float:
        """The evidence now: a mean of likelihood ratios, so a martingale at the limit."""
        return sum(self._harm) / len(self._harm)

    @property
    def estimate(self) -> float | None:
        """The mean loss of the settled answers, by inverse propensity; ``None`` without any."""
        return self._weighted_loss / self.settled if self.settled else None

    @property
    def standard_error(self) -> float | None:
        """Of ``estimate``, from drawing a sample instead of all."""
        return math.sqrt(self._spread) / self.settled if self.settled else None

    @property
    def upper(self) -> float | None:
        """A bound on the mean loss of the settled answers, right at all times with 1 - delta.

        Empirical Bernstein, one tilt h of a small grid, delta split over the grid. Averages weigh
        each task by the rate at which it was drawn. ``None`` without any automatic answer.
        """
        if not self._weight:
            return None
        price = math.log(len(_TILTS) / self.delta)
        most = min(
            self.loss + (price + (-math.log1p(-h) - h) * self._deviation) / h for h in _TILTS
        )
        return min(most / self._weight, 1.0)

    def _follow_bound(self) -> None:
        holds = self.upper is not None and self.upper <= self.risk_limit
        self.bound_lost = self.bound_lost or (self._bound_held and not holds)
        self._bound_held = self._bound_held or holds

    def _watch(self, loss: float) -> None:
        for place, multiple in enumerate(_HARM_MULTIPLES):
            grown = self._harm[place] * self._factor(multiple, loss)
            self._harm[place] = min(grown, _LARGEST)
        self.most_harm = max(self.most_harm, self.harm)
        grown = max(self.change, 1.0) * self._factor(_CHANGE_MULTIPLE, loss)
        self.change = min(grown, _LARGEST)
        self.most_change = max(self.most_change, self.change)

    def _factor(self, multiple: float, loss: float) -> float:
        """A likelihood ratio for right and wrong, a bet that is linear in the loss between."""
        limit = self.risk_limit
        suspected = min(multiple * limit, (1.0 + limit) / 2.0)
        return 1.0 + (loss - limit) * (suspected - limit) / (limit * (1.0 - limit))
