"""Browsers in which somebody signed in before: strangers cannot lock a person out of them.

The mark is signed with a key that follows from the kept password, so it needs no table, says
nothing of the password, and ends with it.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

MARK_SECONDS = 365 * 24 * 3600


def mark(name: str, kept: str, at: datetime) -> str:
    """What a browser keeps after ``name`` signed in, whose hashed password is ``kept``."""
    moment = str(int(at.timestamp() * 1_000_000))
    return f"{moment}.{_signature(name, kept, moment)}"


def knows(name: str, kept: str | None, mark: str, now: datetime) -> bool:
    """Whether ``mark`` is one of ``name``, not older than a year."""
    moment, _, signature = mark.partition(".")
    if kept is None or not (moment.isascii() and moment.isdigit() and len(moment) < 20):
        return False
    expected = _signature(name, kept, moment)
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
        return False
    age = now.timestamp() - int(moment) / 1_000_000
    return age < MARK_SECONDS


def _signature(name: str, kept: str, moment: str) -> str:
    said = f"roadbed known browser\n{moment}\n{name}"
    return hmac.new(kept.encode(), said.encode(), hashlib.sha256).hexdigest()
