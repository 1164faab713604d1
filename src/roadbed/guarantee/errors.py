"""Errors of the guarantee."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError


class UnknownNoticeError(RoadbedError):
    """No open notice of this id."""

    code = "notice_unknown"

    def __init__(self, notice_id: str) -> None:
        super().__init__(
            f"There is no open notice {notice_id[:60]!r}.", "Somebody may have seen it already."
        )


class NothingToStressError(RoadbedError):
    """No labelled examples, or no version."""

    code = "nothing_to_stress"

    def __init__(self, use_case: str) -> None:
        super().__init__(
            f"{use_case!r} has no labelled examples to judge by, or no trained version.",
            f"Label some tasks or add examples, then run `roadbed improve {use_case}`.",
        )
