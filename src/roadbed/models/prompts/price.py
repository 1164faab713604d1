"""Price: tokens and their cost. An unknown cost stays unknown, never zero."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """What a model costs per million tokens read (``input``) and written (``output``).

    ``currency`` (ISO 4217) must be that of the budget. Tokens that the provider serves from a
    cache are counted at the full price. Raises ``ValueError`` for an invalid amount.
    """

    input: Decimal | float | str
    output: Decimal | float | str
    currency: str = "EUR"

    def __post_init__(self) -> None:
        for price in (self.input, self.output):
            try:
                amount = Decimal(str(price))
            except InvalidOperation as error:
                raise ValueError(f"{price!r} is no price") from error
            if not amount.is_finite() or amount < 0:
                raise ValueError(f"{price!r} is no price")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """Tokens read and written. ``known`` is false when a provider may have counted others."""

    input: int = 0
    output: int = 0
    known: bool = True

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            input=self.input + other.input,
            output=self.output + other.output,
            known=self.known and other.known,
        )


UNKNOWN = Tokens(known=False)


def told(read: int, written: int) -> Tokens:
    """Tokens that a provider reported; 0 read means unknown, as every request has some."""
    return Tokens(input=read, output=written) if read > 0 and written >= 0 else UNKNOWN


def cost(price: Price | None, tokens: Tokens) -> Decimal | None:
    """The exact cost of ``tokens``; ``None`` if price or tokens are unknown."""
    if tokens == Tokens():
        return Decimal(0)  # no call was made, or the provider rejected it before processing
    if price is None or not tokens.known:
        return None
    read = tokens.input * Decimal(str(price.input))
    written = tokens.output * Decimal(str(price.output))
    return (read + written) / _MILLION
