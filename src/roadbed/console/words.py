"""Numbers and times as people read them: with unit, interval and count."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from markupsafe import Markup, escape

_STEPS = ((60.0, "second"), (60.0, "minute"), (24.0, "hour"), (30.4, "day"), (12.0, "month"))

REASONS = {
    "proven": "proven",
    "rule": "a rule applies",
    "rule_failed": "a rule could not be evaluated",
    "halted": "the use case is halted",
    "unsure": "the decider is unsure",
    "not_proven": "nothing is proven yet",
    "audit_halted": "the running audit halted automation",
    "slice_unknown": "too little is known of its slice",
    "below_threshold": "not confident enough",
    "no_version": "no version is trained yet",
    "decider_failed": "the decider failed",
    "decider_timeout": "the decider was too slow",
    "invalid_answer": "the answer could not be used",
    "interrupted": "cut off by crashes",
}


def percent(share: float | None, digits: int = 0) -> str:
    """A share in [0, 1] as a percentage."""
    return "none" if share is None else f"{share * 100:.{digits}f} %"


def interval(low: float, high: float, n: int) -> str:
    """An interval of a share with its count."""
    return f"{low * 100:.1f}–{high * 100:.1f} %, n = {n:,}"


def duration(seconds: float | None) -> str:
    """Seconds in the unit that suits them."""
    if seconds is None:
        return "none"
    if seconds < 1.0:
        return f"{seconds * 1000:.3g} ms"
    for size, unit in _STEPS:
        if seconds < size:
            return f"{seconds:.0f} {unit}{'' if round(seconds) == 1 else 's'}"
        seconds /= size
    return f"{seconds:.0f} year{'' if round(seconds) == 1 else 's'}"


def ago(at: datetime | None, now: datetime) -> str:
    """How long ago."""
    if at is None:
        return "never"
    seconds = (now - at).total_seconds()
    return "just now" if seconds < 2.0 else f"{duration(seconds)} ago"


def exact(at: datetime) -> str:
    """The exact moment."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def code(text: str) -> Markup:
    """A sentence whose `commands` stand out."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )


def short(identifier: str | None) -> str:
    """The end of an id: enough to tell two apart. It is copied whole."""
    return identifier[:4] + "…" + identifier[-6:] if identifier else "none"


def headline(overview: Any, live: Any, now: datetime) -> str:
    """What is going on, in a sentence or two of plain words."""
    waiting = overview.reviews["waiting"]
    queue = "No review waits."
    if waiting:
        oldest = duration((now - overview.reviews["oldest"]).total_seconds())
        queue = (
            f"{waiting:,} review{'' if waiting == 1 else 's'} wait"
            f"{'s' if waiting == 1 else ''}, the oldest for {oldest}."
        )
    promise = f"at most {percent(overview.risk_limit)} wrong, {percent(overview.certainty)} certain"
    if overview.halted:
        return f"Halted: everything goes to people. {queue}"
    if live.state == "halted":
        return f"Halted by the running audit: everything goes to people. {queue}"
    if live.threshold is None:
        return f"Nothing is automatic yet; the aim is {promise}. {queue}"
    recent = overview.recent
    rate = recent["automatic"] / recent["tasks"] if recent["tasks"] else None
    share = "Ready to automate" if rate is None else f"Automating {percent(rate)}"
    return f"{share}: {promise}. {queue}"
