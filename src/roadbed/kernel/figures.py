"""Figures as text: shares, money, counts, lists and intervals."""

from __future__ import annotations

from collections.abc import Sequence

from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import localised, number


def percent(share: float) -> str:
    """A share in [0, 1]: ``2 %``, ``0.5 %``."""
    return f"{localised(f'{share * 100:.3g}')} %"


def amount(value: float, currency: str) -> str:
    """Money: ``400 EUR``, ``0.01 EUR``."""
    return f"{localised(f'{value:,.6g}')} {currency}".strip()


def counted(n: int, what: str, many: str | None = None) -> str:
    """``1 rule``, ``3 rules``."""
    return f"{number(n)} {what if n == 1 else many or what + 's'}"


def listed(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    if len(parts) < 2:
        return "".join(parts)
    return _("%(first)s and %(last)s") % {"first": ", ".join(parts[:-1]), "last": parts[-1]}


def interval(low: float, high: float, n: int) -> str:
    """An interval of a share with its count: ``0.6–1.9 %, n = 812``."""
    lower, upper = (localised(f"{end * 100:.1f}") for end in (low, high))
    return f"{lower}–{upper} %, n = {number(n)}"
