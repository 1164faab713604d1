"""What an allowance comes to. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from roadbed.budgets.model import Alert, Allowance, BudgetStatus


def standing(of: Allowance, per_task: Decimal, alerts: Iterable[Alert]) -> BudgetStatus:
    """Where an allowance stands: ``spent`` once not even one more task is covered at its worst."""
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
