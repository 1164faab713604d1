"""Destinations: the circuit of each, its share of the senders, and why it refuses everything.

All of it is arithmetic on what is passed in; the relay stores and reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from roadbed.deliveries.model import AttemptResult, DeliveryState
from roadbed.kernel.stored_sentences import stored_message, stored_sentence

FAILURES_THAT_OPEN = 5
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 300.0  # seconds
_CAUSES = {
    "401": stored_message("it answers 401: it does not know the sender"),
    "403": stored_message("it answers 403: the sender has no permission"),
    "404": stored_message("it answers 404: the address does not exist"),
    "407": stored_message("it answers 407: a proxy asks for credentials"),
    "410": stored_message("it answers 410: the address no longer exists"),
    "secret": stored_message("its secret is missing, or cannot be used"),
    "sign-in": stored_message("it does not let the sender sign in"),
    "table": stored_message("the table or the right to write to it is missing"),
}
_ANSWERS = stored_message("it answers %(cause)s")


@dataclass(frozen=True, kw_only=True, slots=True)
class CircuitState:
    """State of one circuit: failures in a row, and seconds to send nothing; 0 closes it."""

    failures: int
    pause: float


class Circuits:
    """The circuits of this process, one per use case and destination."""

    def __init__(self) -> None:
        self._failures: Counter[tuple[str, str]] = Counter()
        self._open_until: dict[tuple[str, str], float] = {}

    def record(
        self, use_case: str, destination: str, result: AttemptResult, now: float
    ) -> CircuitState | None:
        """Count an attempt that ended at ``now``; the new state, or ``None`` if nothing changes.

        Failures in a row open a circuit and a success closes it. Attempts that were in progress
        when it opened count once.
        """
        place = (use_case, destination)
        is_open = now < self._open_until.get(place, 0.0)
        if result.state is DeliveryState.DELIVERED:
            if not self._failures.pop(place, 0):
                return None
        elif result.outcome in ("temporary", "unknown") and not is_open:
            self._failures[place] += 1
        else:
            return None
        failures = self._failures[place]
        if 0 < failures < FAILURES_THAT_OPEN:
            return None
        pause = circuit_pause(failures)
        self._open_until[place] = now + pause
        return CircuitState(failures=failures, pause=pause)


def circuit_pause(failures: int) -> float:
    """Seconds to send nothing to a destination after so many failures in a row; 0: not yet."""
    if failures < FAILURES_THAT_OPEN:
        return 0.0
    return float(min(_FIRST_PAUSE * 2.0 ** (failures - FAILURES_THAT_OPEN), _LONGEST_PAUSE))


def sender_shares(held: Mapping[str, int], free: int, *, of_use_case: int) -> dict[str, int]:
    """How many of the ``free`` senders each destination of a use case may take.

    ``held`` is how many senders each destination that has something to send holds now, and
    ``of_use_case`` how many all destinations of the use case hold. A use case may hold three times
    what it leaves free: when all its destinations hang, a quarter is left for other use cases. The
    same rule divides its share among its destinations. A destination that holds no sender gets one
    while there is any.
    """
    shares = {}
    left = max(_share(of_use_case, free), 1 if free and not of_use_case else 0)
    for destination, holds in held.items():
        if not holds and left:
            shares[destination] = 1
            left -= 1
    for destination, holds in sorted(held.items(), key=lambda holding: holding[1]):
        first = shares.get(destination, 0)
        if share := max(_share(holds, left + first) - first, 0):
            shares[destination] = first + share
            left -= share
    return shares


def _share(holds: int, free: int) -> int:
    return max((3 * free - holds) // 4, 0)


def refusal(use_case: str, destination: str, cause: str) -> str:
    """The notice for the pod: a destination refuses everything that is sent to it."""
    why = _CAUSES[cause] if cause in _CAUSES else _ANSWERS % {"cause": cause}
    return stored_sentence(
        "%(use_case)s: nothing reaches %(destination)s: %(why)s. Failed deliveries are not "
        "repeated automatically. Fix the cause, then run `roadbed deliver replay %(name)s "
        "--destination %(to)s`, or use the button on the deliveries page.",
        use_case=use_case,
        destination=destination,
        why=why,
        name=use_case,
        to=destination,
    )


def notice_subject(destination: str, cause: str) -> str:
    """What such a notice is about; the same text as in ``mended`` of guarantee/queries.sql."""
    return f"delivery {destination} {cause}"
