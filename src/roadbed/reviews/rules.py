"""What a right output has to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from roadbed.reviews.errors import VerdictError
from roadbed.usecases.reading import UnfitError, read_form


def as_declared(model: type[BaseModel], output: Mapping[str, Any]) -> dict[str, Any]:
    """``output`` as a use case writes its answers. Raises ``VerdictError``."""
    try:
        return read_form(model, output).form
    except UnfitError as error:
        raise VerdictError(
            f"The output does not fit: {error}.", "Send the fields that the use case declares."
        ) from error
