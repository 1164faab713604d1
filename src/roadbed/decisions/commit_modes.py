"""Which way a task takes to the disk: decided and settled in one commit, or admitted before."""

from __future__ import annotations

from roadbed.decisions.crash_detection import CrashDetector
from roadbed.intake.model import Arrival
from roadbed.usecases.use_case import UseCase

SECONDS_AT_ONCE = 0.05  # what takes longer is admitted while its decider goes on


def one_is_enough(
    arrival: Arrival,
    declared: UseCase,
    presence: CrashDetector,
    *,
    free: bool,
    waits: bool,
) -> bool:
    """Whether a task may be decided before it is on disk, and stored with its decision.

    Admitting it first is good for three things: whoever does not wait can forget it, what deciding
    it costs is known even if the process dies, and an input that kills the process is counted. So
    one commit is enough where the caller waits (and sends the task again if no answer comes), where
    deciding costs nothing and asks nobody outside (no budget, and the decider is ``free``: see
    ``Runner.free``), and while nothing hints at an input that kills: no process was killed a moment
    ago, the next kill would be noticed, and this input never cut a process off.
    """
    return (
        waits
        and free
        and declared.budget is None
        and presence.calm()
        and arrival.body_hash not in presence.interrupted
    )
