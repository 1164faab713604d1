"""Report form: checks of a report before its task is known. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from roadbed.intake.validation import LONGEST_KEY
from roadbed.kernel.sentences import figure, sentence
from roadbed.kernel.storable import faults
from roadbed.outcomes.errors import OutcomeError
from roadbed.outcomes.model import Report

FIELDS = ("task", "task_key", "right", "output", "note", "source", "happened_at", "key")
LONGEST = {"task": 60, "task_key": LONGEST_KEY, "key": LONGEST_KEY, "note": 4_000, "source": 200}
_TIME = sentence("Write it with its zone, such as 2026-11-21T09:00:00Z.")


def read(sent: object) -> Report:
    """A report as sent, with its form validated. Raises ``OutcomeError``."""
    if not isinstance(sent, Mapping):
        raise OutcomeError(
            sentence("An outcome is an object."),
            sentence('Send {"task": "tsk_…", "right": false}.'),
        )
    if unknown := set(map(str, sent)) - set(FIELDS):
        raise OutcomeError(
            sentence(
                "The outcome has unknown fields: %(unknown)s.",
                unknown=", ".join(sorted(unknown))[:200],
            ),
            sentence("It may have %(fields)s.", fields=", ".join(FIELDS)),
        )
    texts = {name: _text(sent, name) for name in LONGEST}
    right, output = sent.get("right"), sent.get("output")
    if right is not None and not isinstance(right, bool):
        raise OutcomeError(
            sentence("right is neither true nor false."),
            sentence("Send a boolean, or leave it out."),
        )
    if output is not None and not isinstance(output, Mapping):
        raise OutcomeError(
            sentence("The output is not an object."), sentence("Send the declared fields.")
        )
    if (texts["task"] is None) == (texts["task_key"] is None):
        raise OutcomeError(
            sentence("An outcome is of one task."),
            sentence(
                "Send task, the id of its receipt, or task_key, the key it was sent with: "
                "one of them."
            ),
        )
    if right is None and output is None:
        raise OutcomeError(
            sentence("The outcome has no result."),
            sentence("Send right (true or false), or output (the right output)."),
        )
    for place, problem in faults(sent)[:1]:
        raise OutcomeError(f"{place} {problem}.", sentence("Then report it again."))
    happened_at = _time(sent.get("happened_at"))
    return Report(**texts, right=right, output=output, happened_at=happened_at)


def _text(sent: Mapping[str, object], name: str) -> str | None:
    text = sent.get(name)
    if text is None or (text == "" and name in ("note", "source")):
        return None
    fits = isinstance(text, str) and 0 < len(text) <= LONGEST[name]
    if not fits or (name != "note" and not str(text).isprintable()):
        raise OutcomeError(
            sentence(
                "%(name)s is not text of 1 to %(longest)s printable characters.",
                name=name,
                longest=figure(f"{LONGEST[name]:,}"),
            ),
            sentence("Send it as a string, or leave it out."),
        )
    return str(text)


def _time(said: object) -> datetime | None:
    if said is None or said == "":
        return None
    try:
        moment = datetime.fromisoformat(str(said))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise OutcomeError(sentence("happened_at is no time."), _TIME) from None
    raise OutcomeError(sentence("happened_at has no zone."), _TIME)
