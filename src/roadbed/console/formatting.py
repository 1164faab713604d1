"""Numbers and times as people read them: with unit, interval and count."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from markupsafe import Markup, escape

from roadbed.console import chips
from roadbed.decisions.model import LiveVersion
from roadbed.deliveries.model import Delivery
from roadbed.improvement.model import Proposal
from roadbed.insight.monitoring import Overview
from roadbed.kernel.figures import counted

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


_MEANINGS = {
    "stuck": "It was made and has to be undone, but cannot be.",
    "unknown": "It may have been made or not; the receiver cannot tell.",
    "failed": "It was not made. There is no further automatic attempt.",
    "held": "A person has to check it before it is sent.",
    "planned": "It was decided and is being prepared.",
    "waiting": "It is ready and waits in the queue.",
    "sending": "It is being sent now.",
    "delivered": "It was made.",
    "skipped": "It was not needed.",
    "refused": "A person refused it, or the time ran out. It was not sent.",
    "cancelled": "It was cancelled before it was sent.",
    "compensating": "It was made and is being taken back.",
    "compensated": "It was made and taken back.",
}
# State of a delivery: its chip, and what it means.
DELIVERY_STATES = {state: (chips.DELIVERIES[state], words) for state, words in _MEANINGS.items()}
OUTCOMES = {
    "delivered": "delivered",
    "temporary": "did not happen, to be tried again",
    "refused": "refused by the receiver",
    "unknown": "no answer: it may have happened",
    "found": "looked up: it had happened",
    "absent": "looked up: it had not happened",
}
# The task of each role of the pod.
ROLES = {
    "domain_lead": "owns it",
    "engineer": "called when it breaks",
    "data_specialist": "looks after the data",
    "risk_partner": "watches the risk",
}
# State of a budget's period: its sign and word.
BUDGET_STATES = {
    "open": "● within the budget",
    "half": "◐ half of it is gone",
    "near": "! 80 % of it is gone",
    "spent": "■ used up: too little for one more task, so tasks go to people",
}
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")  # embeddings, overrides and isolates
_KINDS_OF_ERROR = re.compile(r"^(Temporary|Refused|UnknownOutcome)Error: ")
_SAYS = {
    "approve": ("Approve exactly this", "a"),
    "refuse": ("Refuse", "x"),
    "replay": ("Send again", "a"),
    "happened": ("It happened", "y"),
    "did-not-happen": ("It did not happen: send it", "i"),
    "done-by-hand": ("Taken back by hand", "h"),
    "cancel": ("Do not send", "x"),
}


def say(what: str, delivery: Delivery) -> dict[str, str]:
    """The button for a decision on a delivery: its label and key."""
    label, key = _SAYS[what]
    if what == "approve" and delivery.key is None:
        label = "Try again to make it ready"
    if what == "happened" and delivery.state == "stuck":
        label = "Leave it as it is"
    return {"what": what, "label": label, "key": key}


def readable(content: Mapping[str, object]) -> str:
    """Content as JSON on several lines; invisible characters are escaped."""
    return seen(json.dumps(content, indent=2, ensure_ascii=False))


def compact(content: object) -> str:
    """Content as JSON in one line, to be pasted into a command."""
    return json.dumps(content, ensure_ascii=False).replace("'", "\\u0027")


def seen(text: str) -> str:
    """Text with invisible and direction-changing characters escaped."""
    return "".join(
        character if _visible(character) else json.dumps(character)[1:-1] for character in text
    )


class Unchanged(str):
    """Text that a form sends back: a page shows it as it is."""

    __slots__ = ()


def upright(value: object) -> object:
    """Any value for a page, with direction-changing characters escaped.

    Joiners and marks of one direction stay, which scripts and emoji need.
    """
    if not isinstance(value, str) or isinstance(value, Unchanged) or not _TURNS.search(value):
        return value
    told = _TURNS.sub(lambda mark: f"\\u{ord(mark[0]):04x}", value)
    return Markup(told) if isinstance(value, Markup) else told  # noqa: S704 - nothing was added to escape


def sentence(reason: str | None) -> str:
    """A reason as a sentence, without the kind of error, which the state shows."""
    text = _KINDS_OF_ERROR.sub("", reason or "").strip()
    return text and text[0].upper() + text[1:] + ("" if text[-1] in ".?!" else ".")


def capitalised(text: str) -> str:
    """Text with a capital first letter; the others stay."""
    return text[:1].upper() + text[1:]


def _visible(sign: str) -> bool:
    return sign == "\n" or unicodedata.category(sign) not in {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}


def money(amount: Decimal | float, currency: str) -> str:
    """An amount with its currency; amounts below a cent are not rounded to zero."""
    digits = 2 if amount == 0 or amount >= Decimal("0.01") else 4
    return f"{amount:,.{digits}f} {currency}"


def milliseconds(seconds: float | None) -> str:
    """Seconds of a halt, always in the same unit so that two can be compared."""
    return "not yet" if seconds is None else f"{seconds * 1000:,.0f} ms"


def percent(share: float | None, digits: int = 0) -> str:
    """A share in [0, 1] as a percentage."""
    return "none" if share is None else f"{share * 100:.{digits}f} %"


def points(share: float) -> str:
    """A difference of shares, with its sign, in percentage points."""
    return f"{share * 100:+.1f}".replace("-", "−")


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


def span(seconds: float | None) -> str:
    """A waiting time for people, without milliseconds."""
    if seconds is None:
        return "none"
    return "less than a second" if seconds < 1.0 else duration(seconds)


def ago(at: datetime | None, now: datetime) -> str:
    """How long ago."""
    if at is None:
        return "never"
    seconds = (now - at).total_seconds()
    return "just now" if seconds < 2.0 else f"{span(seconds)} ago"


def left(at: datetime, now: datetime) -> str:
    """How much time there is until then."""
    seconds = (at - now).total_seconds()
    return "time is over" if seconds <= 0.0 else f"{span(seconds)} left"


def exact(at: datetime) -> str:
    """The exact moment."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def moment(at: datetime) -> Markup:
    """The exact moment for a page: in UTC, and by script in the reader's own time."""
    return Markup('<time datetime="{}" data-exact>{}</time>').format(at.isoformat(), exact(at))


def code(text: str) -> Markup:
    """A sentence with `commands` marked as code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )


def short(identifier: str | None) -> str:
    """The end of an id, enough to distinguish two. The whole id is copied."""
    return identifier[:4] + "…" + identifier[-6:] if identifier else "none"


def proposals_waiting(waiting: Sequence[Proposal]) -> str:
    """How many proposals wait, and what the first one changes."""
    if not waiting:
        return "No proposal waits."
    n, first = len(waiting), waiting[0]
    count = "1 proposal waits." if n == 1 else f"{n:,} proposals wait."
    it = "It" if n == 1 else "The first"
    right, cases = first.support["right"], first.support["cases"]
    if first.kind == "model":
        return f"{count} {it} would learn from {counted(cases, 'correction')}."
    if first.kind == "examples":
        return f"{count} {it} would choose examples for the prompt."
    if first.kind == "prompt":
        return f"{count} {it} would write a new prompt."
    if (first.patch or {}).get("set", ...) is None:
        return f"{count} {it} would send {cases:,} cases to a person; {right:,} of them were wrong."
    wrong = first.support["wrong_now"]
    return f"{count} {it} would correct {right:,} of {wrong:,} corrected cases."


def headline(overview: Overview, live: LiveVersion, now: datetime) -> str:
    """The state of a use case in one or two sentences."""
    waiting, since = overview.reviews["waiting"], overview.reviews["oldest"]
    queue = "No review waits."
    if since is not None:
        oldest = span((now - since).total_seconds())
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
    share = "Ready to automate, but no task has arrived yet"
    if rate is not None:
        share = f"Automating {percent(rate)} of the last {counted(recent['tasks'], 'task')}"
    return f"{share}: {promise}. {queue}"
