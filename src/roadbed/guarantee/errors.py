"""Errors of the guarantee."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import sentence


class UnknownNoticeError(RoadbedError):
    """No open notice of this id."""

    code = "notice_unknown"

    def __init__(self, notice_id: str) -> None:
        super().__init__(
            sentence("There is no open notice %(notice_id)r.", notice_id=notice_id[:60]),
            sentence("Somebody may have seen it already."),
        )


class NothingToStressError(RoadbedError):
    """No labelled examples, or no version."""

    code = "nothing_to_stress"

    def __init__(self, use_case: str) -> None:
        super().__init__(
            sentence(
                "%(use_case)r has no labelled examples to judge by, or no trained version.",
                use_case=use_case,
            ),
            sentence(
                "Label some tasks or add examples, then run `roadbed improve %(use_case)s`.",
                use_case=use_case,
            ),
        )
