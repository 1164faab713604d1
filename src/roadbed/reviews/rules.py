"""What a right output has to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from roadbed.reviews.errors import VerdictError


def as_declared(model: type[BaseModel], output: Mapping[str, Any]) -> dict[str, Any]:
    """``output`` as a use case writes its answers. Raises ``VerdictError``."""
    try:
        right = model.model_validate(output, extra="forbid").model_dump(mode="json")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise VerdictError(
            f"The output does not fit: {'.'.join(map(str, first['loc']))}: {first['msg']}.",
            "Send the fields that the use case declares.",
        ) from error
    if "\\u0000" in model.model_validate(right).model_dump_json():
        raise VerdictError("The output holds a NUL character.", "Remove it.")
    return right
