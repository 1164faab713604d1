"""Errors of halts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import Text, sentence, sentences


class UnknownHaltError(RoadbedError):
    """Nothing of this name can be stopped."""

    code = "halt_unknown"

    def __init__(self, name: str) -> None:
        super().__init__(
            sentence("The database knows no use case %(name)r.", name=name[:80]),
            sentence("`roadbed halt --all` stops them all."),
        )


class HaltIncompleteError(RoadbedError):
    """Not everything could be halted, or be seen to its end."""

    code = "halt_incomplete"

    def __init__(self, halted: int, failed: Mapping[str, str]) -> None:
        super().__init__(
            sentences(
                "%(halted)s of %(n)s use case is halted. These may still run: %(failed)s.",
                "%(halted)s of %(n)s use cases are halted. These may still run: %(failed)s.",
                halted + len(failed),
                halted=halted,
                failed=", ".join(failed),
            ),
            sentence("Halt again, all or one by one; if it fails again, stop their workers."),
        )
        self.fields: Sequence[tuple[str, str]] = list(failed.items())


class NotHaltedError(RoadbedError):
    """There is nothing to resume."""

    code = "not_halted"

    def __init__(self, name: str) -> None:
        super().__init__(
            sentence("%(name)r is not halted.", name=name[:80]),
            sentence("Nothing needs to be done."),
        )


class ResumeError(RoadbedError):
    """The same person asked twice: a second person must confirm a resume."""

    code = "resume_needs_second"

    def __init__(self, name: str, person: str) -> None:
        super().__init__(
            sentence("%(person)s has asked to resume %(name)r already.", person=person, name=name),
            sentence("A second person must confirm the resume."),
        )


class DrillLimitError(RoadbedError):
    """A drill is under way, or there were as many within an hour as there may be."""

    code = "drill_limit"

    def __init__(self, name: str, why: Text, retry_after: float) -> None:
        minutes = max(1, math.ceil(retry_after / 60.0))
        super().__init__(
            sentence("%(name)r cannot be drilled now: %(why)s.", name=name[:80], why=why),
            sentences(
                "Try again in %(n)s minute. A halt has no limit.",
                "Try again in %(n)s minutes. A halt has no limit.",
                minutes,
            ),
        )
        self.retry_after = retry_after


class RestoreUndeclaredError(RoadbedError):
    """The database was restored from a copy: work waits until a person declares the restore."""

    code = "restore_undeclared"

    def __init__(self) -> None:
        super().__init__(
            sentence("The database was restored from a copy, and the restore is not declared yet."),
            sentence("An administrator declares it with `roadbed restored --reason TEXT`."),
        )
