"""Validation of an incoming task: checks of its input, and when two bodies are the same work."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from roadbed.intake.errors import InputError
from roadbed.intake.model import AdmittedTask
from roadbed.kernel.sentences import sentence
from roadbed.kernel.storable import faults, text_fault
from roadbed.scoring.content import same
from roadbed.usecases.parsing import Reading, UnfitError, read_form

LONGEST_KEY = 200
LONGEST_REASON = 500
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def read_input(model: type[BaseModel], sent: object) -> Reading:
    """Read a sent input by the use case's declaration. Raises ``InputError``."""
    if bad := faults(sent):
        raise _unfit(bad)
    try:
        return read_form(model, sent, storable=True)
    except UnfitError as error:
        raise _unfit(error.fields) from error


def _unfit(fields: list[tuple[str, str]]) -> InputError:
    return InputError([(place or "input", problem) for place, problem in fields])


def as_sent(reading: Reading, sent: Mapping[str, object]) -> Mapping[str, object] | None:
    """The body to store in addition to its form; nothing if the two are equal."""
    return None if reading.as_given or same(sent, reading.form) else sent


def check_key(key: str | None) -> None:
    """Raises ``InputError`` for a key that is empty, too long or not printable."""
    if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        problem = sentence("use 1 to %(most)s printable characters", most=LONGEST_KEY)
        raise InputError([("key", problem)])


def check_reason(reason: str | None) -> None:
    """Raises ``InputError`` for a reason that is too long or cannot be shown."""
    if reason is not None and (len(reason) > LONGEST_REASON or text_fault(reason)):
        problem = sentence("use at most %(most)s characters of plain text", most=LONGEST_REASON)
        raise InputError([("reason", problem)])


def body_hash(content: Mapping[str, object]) -> str:
    """Equal for equal JSON, independent of the order of fields. For a task: of its form."""
    return hashlib.sha256(_CANONICAL.encode(content).encode()).hexdigest()


# Any: a row of the query that reads the standing task.
def repeats(row: Mapping[str, Any], task: AdmittedTask, form_hash: str) -> bool:
    """Whether the task in ``row`` is the same work: the same form, or the same body.

    The body counts too, because the declaration may read it in another way than before.
    """
    if row["body_hash"] == form_hash:
        return True
    sent = row["input"] if row["sent"] is None else row["sent"]
    return same(sent, task.content if task.sent is None else task.sent)
