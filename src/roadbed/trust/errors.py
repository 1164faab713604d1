"""What can go wrong when the pod answers."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError


class UnknownNoticeError(RoadbedError):
    """No open notice of this id."""

    code = "notice_unknown"

    def __init__(self, notice_id: str) -> None:
        super().__init__(
            f"There is no open notice {notice_id[:60]!r}.", "Somebody may have seen it already."
        )
