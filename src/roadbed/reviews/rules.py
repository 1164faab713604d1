"""What a right output has to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roadbed.reviews.errors import LabelUnknownError, VerdictError
from roadbed.usecases.labels import normal_output, not_listed
from roadbed.usecases.parsing import UnfitError, read_form
from roadbed.usecases.use_case import UseCase


def as_declared(declared: UseCase, output: Mapping[str, Any]) -> dict[str, Any]:
    """``output`` as a use case writes its answers, each label in its one form.

    Raises ``VerdictError``, and ``LabelUnknownError`` for a label that its model does not list.
    """
    normal = normal_output(declared, output)
    if unknown := not_listed(declared, normal):
        raise LabelUnknownError(unknown)
    try:
        return read_form(declared.output, normal).form
    except UnfitError as error:
        raise VerdictError(
            f"The output does not fit: {error}.", "Send the fields that the use case declares."
        ) from error
