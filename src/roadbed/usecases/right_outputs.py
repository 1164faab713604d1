"""The check of outputs that people and systems give as right, beyond their form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from roadbed.kernel.json import Json
from roadbed.usecases.use_case import UseCase


class CheckRight(Protocol):
    """Raises a ``RoadbedError`` if an output cannot be right, such as citations that stand nowhere.

    ``by`` gives it as right: what they may not read stands nowhere for them.
    """

    async def __call__(
        self, declared: UseCase, output: Mapping[str, Json], /, *, by: str
    ) -> None: ...
