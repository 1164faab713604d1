"""Distributions of SciPy, imported on first use: most commands do not need them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scipy.stats import beta as beta
    from scipy.stats import binom as binom
    from scipy.stats import norm as norm


def __getattr__(name: str) -> object:
    if name not in {"beta", "binom", "norm"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("scipy.stats"), name)


def load() -> None:
    """Import them now, so that the first request to a server does not wait."""
    import_module("scipy.stats")
