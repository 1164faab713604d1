"""The console's routes."""

from __future__ import annotations

from starlette.applications import Starlette


def create() -> Starlette:
    """The console alone."""
    return Starlette()
