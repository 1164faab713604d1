"""What a period's allowance is, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """Money of one period (``2026-11`` or ``2026-11-21``), in ``currency``.

    ``reserved`` is held for what is being decided right now, at its worst.
    """

    period: str
    cap: Decimal
    spent: Decimal
    reserved: Decimal
    currency: str

    @property
    def share(self) -> float:
        """How much of it is spent or reserved; 1 or more: nothing is left."""
        return float((self.spent + self.reserved) / self.cap) if self.cap else 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Aside:
    """An amount held for one call beside the path of a task."""

    use_case: str
    periods: tuple[str, ...]
    part: int
    amount: Decimal

    @classmethod
    def free(cls) -> Aside:
        """Where there is no budget to keep."""
        return cls(use_case="", periods=(), part=0, amount=Decimal(0))
