"""Why something cannot be stopped or started."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError


class UnknownHaltError(RoadbedError):
    """Nothing of this name can be stopped."""

    code = "halt_unknown"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The database knows no use case {name[:80]!r}.", "`roadbed halt --all` stops them all."
        )


class NotHaltedError(RoadbedError):
    """There is nothing to resume."""

    code = "not_halted"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name[:80]!r} is not halted.", "Nothing needs to be done.")


class ResumeError(RoadbedError):
    """One person alone cannot resume."""

    code = "resume_needs_second"

    def __init__(self, name: str, person: str) -> None:
        super().__init__(
            f"{person} has asked to resume {name!r} already.",
            "A second person has to agree before it goes on.",
        )
