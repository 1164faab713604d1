"""Errors of halts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from roadbed.kernel.errors import RoadbedError


class UnknownHaltError(RoadbedError):
    """Nothing of this name can be stopped."""

    code = "halt_unknown"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The database knows no use case {name[:80]!r}.", "`roadbed halt --all` stops them all."
        )


class HaltIncompleteError(RoadbedError):
    """Not everything could be halted, or be seen to its end."""

    code = "halt_incomplete"

    def __init__(self, halted: int, failed: Mapping[str, str]) -> None:
        super().__init__(
            f"{halted} of {halted + len(failed)} use cases are halted. These may still run: "
            f"{', '.join(failed)}.",
            "Halt again, all or one by one; if it fails again, stop their workers.",
        )
        self.fields: Sequence[tuple[str, str]] = list(failed.items())


class NotHaltedError(RoadbedError):
    """There is nothing to resume."""

    code = "not_halted"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name[:80]!r} is not halted.", "Nothing needs to be done.")


class ResumeError(RoadbedError):
    """The same person asked twice: a second person must confirm a resume."""

    code = "resume_needs_second"

    def __init__(self, name: str, person: str) -> None:
        super().__init__(
            f"{person} has asked to resume {name!r} already.",
            "A second person must confirm the resume.",
        )


class DrillLimitError(RoadbedError):
    """A drill is under way, or there were as many within an hour as there may be."""

    code = "drill_limit"

    def __init__(self, name: str, why: str, retry_after: float) -> None:
        minutes = max(1, math.ceil(retry_after / 60.0))
        super().__init__(
            f"{name[:80]!r} cannot be drilled now: {why}.",
            f"Try again in {minutes} minute{'s' * (minutes > 1)}. A halt has no limit.",
        )
        self.retry_after = retry_after


class RestoreUndeclaredError(RoadbedError):
    """The database was restored from a copy: work waits until a person declares the restore."""

    code = "restore_undeclared"

    def __init__(self) -> None:
        super().__init__(
            "The database was restored from a copy, and the restore is not declared yet.",
            "An administrator declares it with `roadbed restored --reason TEXT`.",
        )
