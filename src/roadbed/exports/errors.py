"""Errors of exports."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError


class TooManyExportsError(RoadbedError):
    """A person, or all people together, have as many exports under way as this process makes.

    ``retry_after`` is in seconds.
    """

    code = "too_many_exports"

    def __init__(self, most: int, *, own: bool, retry_after: float) -> None:
        whose = "of yours are" if own else "are"
        super().__init__(
            f"{most} exports {whose} under way; no more are made at the same time.",
            "Wait until one of them has ended, then try again.",
        )
        self.retry_after = retry_after


class ExportFormatError(RoadbedError):
    """A file format that does not exist here."""

    code = "request_invalid"

    def __init__(self, formats: str) -> None:
        super().__init__("There is no export in this format.", f"Use one of {formats}.")
