"""Running audit: anytime-valid monitoring of automatic answers on their random sample.

No assumption of stationary traffic. Outcomes are passed in the order in which tasks were drawn.
An item is one automatic answer, to a first or a corrected input. Its coin is tossed after the input
is fixed, at a rate that is known before: given the past, the coin is independent of the loss. So
each drawn item multiplies the harm by a factor of mean at most 1 while the risk of every answer is
at most the limit, whatever senders correct after they saw earlier coins.
Sources: Ville's inequality for the harm test (Podkopaev & Ramdas 2022); Page's CUSUM in likelihood
form; Howard et al. 2021 for the bound; Horvitz & Thompson 1952 for the estimate.

Drawn answers without a label are handled in two ways. The alarms count them as right: the false
alarm rate then holds for any order of labels. The bound and the estimate use the outcomes before
the oldest unlabelled answer: labelling easy items first cannot lower them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from scipy.special import polygamma

from roadbed.risk.losses import checked_one

_HARM_MULTIPLES = (1.5, 2.0, 3.0, 5.0, 10.0)
_CHANGE_MULTIPLE = 2.5
CHANGE_ALARM = 100.0
SUSPICION = 4.0
_TILTS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
_LARGEST = 1e300  # evidence is capped here, against overflow


@dataclass(slots=True, kw_only=True)
class RunningAudit:
    """State of the audit of one version. ``risk_limit`` is alpha, ``delta`` the error level.

    ``automated`` counts automatic answers. Of the drawn ones, ``sampled`` have a label and
    ``waiting`` have none; ``wrong`` have a loss above 0. ``settled`` counts the automatic answers
    before the oldest unlabelled one, and ``loss`` is the total loss in their sample: the bound and
    the estimate refer to them. ``harm`` is an e-process for "the limit is exceeded": if the limit
    holds, P(harm ever reaches 1/delta) <= delta. ``change`` is a CUSUM with its alarm at
    ``CHANGE_ALARM``.
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
    bound_lost: bool = False  # the bound was below the limit and rose above it
    _bound_held: bool = False
    _harm: list[float] = field(default_factory=list)
    _weight: float = 0.0  # sum of the rates at which settled tasks were drawn
    _weighted_loss: float = 0.0  # sum of loss/rate over outcomes
    _spread: float = 0.0  # sum of (1 - rate) (loss/rate)^2 over outcomes
    _deviation: float = 0.0  # sum of (Y - past mean of Y)^2, Y = loss if drawn, else 0

    def __post_init__(self) -> None:
        self._harm = [1.0] * len(_HARM_MULTIPLES)

    @classmethod
    def of(cls, state: Mapping[str, object]) -> RunningAudit:
        """Restore an audit from ``state``, a result of ``dataclasses.asdict``."""
        audit = cls(risk_limit=1.0, delta=1.0)
        for name in cls.__dataclass_fields__:
            setattr(audit, name, state[name])
        return audit

    def pass_over(self, tasks: int, weight: float) -> None:
        """Add ``tasks`` answers that were not drawn; ``weight`` is the sum of their draw rates."""
        self.automated += tasks
        if not tasks or self.waiting:
            return
        if self.loss:  # the sum of (loss / n)^2 over the next n
            tail = polygamma(1, self.settled) - polygamma(1, self.settled + tasks)
            self._deviation += self.loss * self.loss * float(tail)
        self.settled += tasks
        self._weight += weight

    def add(self, *, wrong: float, rate: float) -> None:
        """Add one drawn and labelled answer; ``rate`` is its probability of being drawn.

        ``wrong`` is a bool or a loss in [0, 1]. Raises ``ValueError`` outside [0, 1].
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
        """Add one drawn answer without a label."""
        self._watch(0.0)
        self.automated += 1
        self.waiting += 1

    @property
    def harm(self) -> float:
        """Mean of likelihood ratios: a martingale if the mean loss equals the limit."""
        return sum(self._harm) / len(self._harm)

    @property
    def estimate(self) -> float | None:
        """Horvitz-Thompson estimate of the mean loss of settled answers; ``None`` without any."""
        return self._weighted_loss / self.settled if self.settled else None

    @property
    def standard_error(self) -> float | None:
        """Standard error of ``estimate`` due to sampling."""
        return math.sqrt(self._spread) / self.settled if self.settled else None

    @property
    def upper(self) -> float | None:
        """Upper bound of the mean loss of settled answers, time-uniform at level 1 - delta.

        Empirical Bernstein over a grid of tilts h, with delta split over the grid. Tasks are
        weighted by their draw rates. ``None`` without automatic answers.
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
        """Likelihood ratio of a binary loss, extended linearly to losses in [0, 1]."""
        limit = self.risk_limit
        suspected = min(multiple * limit, (1.0 + limit) / 2.0)
        return 1.0 + (loss - limit) * (suspected - limit) / (limit * (1.0 - limit))
