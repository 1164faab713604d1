"""The check of outputs that people and systems give as right, beyond their form."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from roadbed.usecases.use_case import UseCase

# Raises a ``RoadbedError`` if an output cannot be right, such as citations that stand nowhere.
CheckRight: TypeAlias = Callable[[UseCase, Mapping[str, Any]], Awaitable[None]]
