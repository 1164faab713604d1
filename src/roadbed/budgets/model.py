"""Records of budgets: allowances, holds, alerts and status."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """The allowance of one period (``2026-11`` or ``2026-11-21``), in ``currency``.

    ``reserved`` is held for running decisions, at the worst case.
    """

    period: str
    cap: Decimal
    spent: Decimal
    reserved: Decimal
    currency: str

    @property
    def share(self) -> float:
        """The share that is spent or reserved; 1 or more means that nothing is left."""
        return float((self.spent + self.reserved) / self.cap) if self.cap else 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Aside:
    """A budget hold for ``count`` evaluation calls; without an ``id`` nothing is held."""

    id: str
    amount: Decimal
    count: int = 1

    @classmethod
    def free(cls, count: int = 1) -> Aside:
        """A hold of a use case without a budget."""
        return cls(id="", amount=Decimal(0), count=count)


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """A notice to the pod that ``percent`` of an allowance is spent or reserved."""

    period: str
    percent: int
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetStatus:
    """The status of an allowance, as pages and clients show it.

    ``share`` is spent and reserved over the cap. ``state`` is ``open``, ``half``, ``near`` (80 %)
    or ``spent``: not enough is ``left`` for the worst case of one task, so tasks go to people.
    """

    period: str
    cap: Decimal
    spent: Decimal
    reserved: Decimal
    left: Decimal
    share: float
    currency: str
    state: str
    alerts: Sequence[Alert]


def standing(of: Allowance, per_task: Decimal, alerts: Iterable[Alert]) -> BudgetStatus:
    """The status of an allowance: ``spent`` if the worst case of one more task does not fit."""
    left = max(of.cap - of.spent - of.reserved, Decimal(0))
    return BudgetStatus(
        period=of.period,
        cap=of.cap,
        spent=of.spent,
        reserved=of.reserved,
        left=left,
        share=of.share,
        currency=of.currency,
        state=_state(of.share, covered=left > 0 and left >= per_task),
        alerts=[alert for alert in alerts if alert.period == of.period],
    )


def _state(share: float, *, covered: bool) -> str:
    if share >= 1.0 or not covered:
        return "spent"
    if share >= 0.8:
        return "near"
    return "half" if share >= 0.5 else "open"
