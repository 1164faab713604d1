"""Figures as text: shares, money, counts, lists and intervals."""

from __future__ import annotations

from collections.abc import Sequence


def percent(share: float) -> str:
    """A share in [0, 1]: ``2 %``, ``0.5 %``."""
    return f"{share * 100:.3g} %"


def amount(value: float, currency: str) -> str:
    """Money: ``400 EUR``, ``0.01 EUR``."""
    return f"{value:,.6g} {currency}".strip()


def counted(n: int, what: str, many: str | None = None) -> str:
    """``1 rule``, ``3 rules``."""
    return f"{n:,} {what if n == 1 else many or what + 's'}"


def listed(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def interval(low: float, high: float, n: int) -> str:
    """An interval of a share with its count: ``0.6–1.9 %, n = 812``."""
    return f"{low * 100:.1f}–{high * 100:.1f} %, n = {n:,}"
