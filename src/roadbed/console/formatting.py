"""Numbers and times as people read them: with unit, interval and count."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import wraps
from typing import ParamSpec

from markupsafe import Markup, escape

from roadbed.console import chips
from roadbed.decisions.model import LiveVersion
from roadbed.deliveries.model import Delivery
from roadbed.improvement.model import Proposal
from roadbed.insight.monitoring import Overview
from roadbed.kernel import figures
from roadbed.kernel.messages import SOURCE, later, localised, number, several, spoken
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.stored_sentences import reworded

_LINE = 160  # characters
# Of a time: how many of a unit make the next one.
_STEPS = (60.0, 60.0, 24.0, 30.4, 12.0)


class Words(Mapping[str, str]):
    """Words by what they stand for, in the language of whoever reads."""

    def __init__(self, english: Mapping[str, str]) -> None:
        self._english = english

    def __getitem__(self, of: str) -> str:
        return _(self._english[of])

    def __iter__(self) -> Iterator[str]:
        return iter(self._english)

    def __len__(self) -> int:
        return len(self._english)


REASONS = Words(
    {
        "proven": later("proven"),
        "rule": later("a rule applies"),
        "rule_failed": later("a rule could not be evaluated"),
        "halted": later("the use case is halted"),
        "unsure": later("the decider is unsure"),
        "not_proven": later("nothing is proven yet"),
        "audit_halted": later("the running audit halted automation"),
        "slice_unknown": later("too little is known of its slice"),
        "below_threshold": later("not confident enough"),
        "no_version": later("no version is trained yet"),
        "decider_failed": later("the decider failed"),
        "decider_timeout": later("the decider was too slow"),
        "invalid_answer": later("the answer could not be used"),
        "interrupted": later("cut off by crashes"),
    }
)


_MEANINGS = {
    "stuck": later("It was made and has to be undone, but cannot be."),
    "unknown": later("It may have been made or not; the receiver cannot tell."),
    "failed": later("It was not made. There is no further automatic attempt."),
    "held": later("A person has to check it before it is sent."),
    "planned": later("It was decided and is being prepared."),
    "waiting": later("It is ready and waits in the queue."),
    "sending": later("It is being sent now."),
    "delivered": later("It was made."),
    "skipped": later("It was not needed."),
    "refused": later("A person refused it, or the time ran out. It was not sent."),
    "cancelled": later("It was cancelled before it was sent."),
    "compensating": later("It was made and is being taken back."),
    "compensated": later("It was made and taken back."),
}


class DeliveryStates(Mapping[str, tuple[chips.Chip, str]]):
    """By state of a delivery: its chip, and what it means in the language of whoever reads."""

    def __getitem__(self, state: str) -> tuple[chips.Chip, str]:
        return chips.DELIVERIES[state], _(_MEANINGS[state])

    def __iter__(self) -> Iterator[str]:
        return iter(_MEANINGS)

    def __len__(self) -> int:
        return len(_MEANINGS)


DELIVERY_STATES = DeliveryStates()
OUTCOMES = Words(
    {
        "delivered": later("delivered"),
        "temporary": later("did not happen, to be tried again"),
        "refused": later("refused by the receiver"),
        "unknown": later("no answer: it may have happened"),
        "found": later("looked up: it had happened"),
        "absent": later("looked up: it had not happened"),
    }
)
# The task of each role of the pod.
ROLES = Words(
    {
        "domain_lead": later("owns it"),
        "engineer": later("called when it breaks"),
        "data_specialist": later("looks after the data"),
        "risk_partner": later("watches the risk"),
    }
)
# State of a budget's period: its sign and word.
BUDGET_STATES = Words(
    {
        "open": later("● within the budget"),
        "half": later("◐ half of it is gone"),
        "near": later("! 80 % of it is gone"),
        "spent": later("■ used up: too little for one more task, so tasks go to people"),
    }
)
Spoken = ParamSpec("Spoken")
_UNIT = re.compile(r"(?<=[0-9]) ")  # between a number and its unit
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")  # embeddings, overrides and isolates
_KINDS_OF_ERROR = re.compile(r"^(Temporary|Refused|UnknownOutcome)Error: ")
_SAYS = {
    "approve": (later("Approve exactly this"), "a"),
    "refuse": (later("Refuse"), "x"),
    "replay": (later("Send again"), "a"),
    "happened": (later("It happened"), "y"),
    "did-not-happen": (later("It did not happen: send it"), "i"),
    "done-by-hand": (later("Taken back by hand"), "h"),
    "cancel": (later("Do not send"), "x"),
}


def say(what: str, delivery: Delivery) -> dict[str, str]:
    """The button for a decision on a delivery: its label and key."""
    label, key = _SAYS[what]
    if what == "approve" and delivery.key is None:
        label = later("Try again to make it ready")
    if what == "happened" and delivery.state == "stuck":
        label = later("Leave it as it is")
    return {"what": what, "label": _(label), "key": key}


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


def seen_lines(text: str) -> str:
    """Text with its lines; other invisible and direction-changing characters escaped."""
    return "\n".join(seen(line) for line in text.split("\n"))


def is_wide(record: object) -> bool:
    """Whether a record does not fit into a line: it has a long text, or holds other records."""
    if not isinstance(record, Mapping):
        return False
    return any(
        (isinstance(value, str) and (len(value) > _LINE or "\n" in value))
        or (isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value))
        or isinstance(value, Mapping)
        for value in record.values()
    )


class Unchanged(str):
    """Text that a form sends back: a page shows it as it is."""

    __slots__ = ()


class Figure(str):
    """A number with its unit: a page shows both on one line, elsewhere it is plain text."""

    __slots__ = ()

    def __html__(self) -> Markup:
        return escape(_UNIT.sub("\u00a0", str(self)))


def on_one_line(tell: Callable[Spoken, str]) -> Callable[Spoken, Figure]:
    """The same function for templates: no number in its text stands apart from its unit."""

    @wraps(tell)
    def told(*args: Spoken.args, **kwargs: Spoken.kwargs) -> Figure:
        return Figure(tell(*args, **kwargs))

    return told


def upright(value: object) -> object:
    """Any value for a page: a stored sentence in the reader's language, with upright characters.

    Direction-changing characters are escaped. Joiners and marks of one direction stay, which
    scripts and emoji need.
    """
    value = worded(value)
    if not isinstance(value, str) or isinstance(value, Unchanged) or not _TURNS.search(value):
        return value
    told = _TURNS.sub(lambda mark: f"\\u{ord(mark[0]):04x}", value)
    return Markup(told) if isinstance(value, Markup) else told  # noqa: S704 - nothing was added to escape


def worded(value: object) -> object:
    """A stored sentence in the language of whoever reads; any other value as it is."""
    if type(value) is not str or spoken() == SOURCE:
        return value
    if kind := _KINDS_OF_ERROR.match(value):
        return kind[0] + reworded(value[kind.end() :])
    return reworded(value)


def stored(text: str) -> str:
    """A text that code has stored, of whatever length, in the language of whoever reads."""
    return reworded(text, certain=True)


def sentence(reason: str | None) -> str:
    """A reason as a sentence, without the kind of error, which the state shows."""
    text = reworded(_KINDS_OF_ERROR.sub("", reason or "").strip(), certain=True)
    return text and text[0].upper() + text[1:] + ("" if text[-1] in ".?!" else ".")


def capitalised(text: str) -> str:
    """Text with a capital first letter; the others stay."""
    return text[:1].upper() + text[1:]


def _visible(sign: str) -> bool:
    return sign == "\n" or unicodedata.category(sign) not in {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}


def money(amount: Decimal | float, currency: str) -> str:
    """An amount with its currency; amounts below a cent are not rounded to zero."""
    digits = 2 if amount == 0 or amount >= Decimal("0.01") else 4
    return f"{localised(f'{amount:,.{digits}f}')} {currency}"


def milliseconds(seconds: float | None) -> str:
    """Seconds of a halt, always in the same unit so that two can be compared."""
    if seconds is None:
        return _("not yet")
    return _("%(n)s ms") % {"n": localised(f"{seconds * 1000:,.0f}")}


def percent(share: float | None, digits: int = 0) -> str:
    """A share in [0, 1] as a percentage."""
    return _("none") if share is None else f"{localised(f'{share * 100:.{digits}f}')} %"


def limit(share: float) -> str:
    """A limit that a pod declares, with the digits that it has: ``2 %``, ``0.5 %``."""
    return figures.percent(share)


def points(share: float) -> str:
    """A difference of shares, with its sign, in percentage points."""
    return localised(f"{share * 100:+.1f}".replace("-", "−"))


def duration(seconds: float | None) -> str:
    """Seconds in the unit that suits them."""
    if seconds is None:
        return _("none")
    if seconds < 1.0:
        return _("%(n)s ms") % {"n": localised(f"{seconds * 1000:.3g}")}
    time, steps = seconds, 0
    while steps < len(_STEPS) and time >= _STEPS[steps]:
        time /= _STEPS[steps]
        steps += 1
    return _in_units(steps, round(time))


def _in_units(steps: int, n: int) -> str:
    match steps:
        case 0:
            return several("%(n)s second", "%(n)s seconds", n)
        case 1:
            return several("%(n)s minute", "%(n)s minutes", n)
        case 2:
            return several("%(n)s hour", "%(n)s hours", n)
        case 3:
            return several("%(n)s day", "%(n)s days", n)
        case 4:
            return several("%(n)s month", "%(n)s months", n)
        case _:
            return several("%(n)s year", "%(n)s years", n)


def span(seconds: float | None) -> str:
    """A waiting time for people, without milliseconds."""
    if seconds is None:
        return _("none")
    return _("less than a second") if seconds < 1.0 else duration(seconds)


def ago(at: datetime | None, now: datetime) -> str:
    """How long ago."""
    if at is None:
        return _("never")
    seconds = (now - at).total_seconds()
    return _("just now") if seconds < 2.0 else _("%(time)s ago") % {"time": span(seconds)}


def left(at: datetime, now: datetime) -> str:
    """How much time there is until then."""
    seconds = (at - now).total_seconds()
    return _("time is over") if seconds <= 0.0 else _("%(time)s left") % {"time": span(seconds)}


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
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )


def short(identifier: str | None) -> str:
    """The end of an id, enough to distinguish two. The whole id is copied."""
    return identifier[:4] + "…" + identifier[-6:] if identifier else _("none")


def proposals_waiting(waiting: Sequence[Proposal]) -> str:
    """How many proposals wait, and what the first one changes."""
    if not waiting:
        return _("No proposal waits.")
    n, first = len(waiting), waiting[0]
    right, cases = first.support["right"], first.support["cases"]
    if first.kind == "model":
        corrections = several("%(n)s correction", "%(n)s corrections", cases)
        return several(
            "%(n)s proposal waits. It would learn from %(corrections)s.",
            "%(n)s proposals wait. The first would learn from %(corrections)s.",
            n,
            corrections=corrections,
        )
    if first.kind == "examples":
        return several(
            "%(n)s proposal waits. It would choose examples for the prompt.",
            "%(n)s proposals wait. The first would choose examples for the prompt.",
            n,
        )
    if first.kind == "prompt":
        return several(
            "%(n)s proposal waits. It would write a new prompt.",
            "%(n)s proposals wait. The first would write a new prompt.",
            n,
        )
    if (first.patch or {}).get("set", ...) is None:
        return several(
            "%(n)s proposal waits. It would send %(cases)s cases to a person; %(wrong)s of them "
            "were wrong.",
            "%(n)s proposals wait. The first would send %(cases)s cases to a person; %(wrong)s of "
            "them were wrong.",
            n,
            cases=number(cases),
            wrong=number(right),
        )
    return several(
        "%(n)s proposal waits. It would correct %(right)s of %(wrong)s corrected cases.",
        "%(n)s proposals wait. The first would correct %(right)s of %(wrong)s corrected cases.",
        n,
        right=number(right),
        wrong=number(first.support["wrong_now"]),
    )


def headline(overview: Overview, live: LiveVersion, now: datetime) -> str:
    """The state of a use case in one or two sentences."""
    waiting, since = overview.reviews["waiting"], overview.reviews["oldest"]
    queue = _("No review waits.")
    if since is not None:
        queue = several(
            "%(n)s review waits, the oldest for %(time)s.",
            "%(n)s reviews wait, the oldest for %(time)s.",
            waiting,
            time=span((now - since).total_seconds()),
        )
    return f"{_automation(overview, live)} {queue}"


def _automation(overview: Overview, live: LiveVersion) -> str:
    """What is automatic, and the promise, in one sentence."""
    if overview.halted:
        return _("Halted: everything goes to people.")
    if live.state == "halted":
        return _("Halted by the running audit: everything goes to people.")
    promise = {"limit": percent(overview.risk_limit), "certainty": percent(overview.certainty)}
    if live.threshold is None:
        return (
            _(
                "Nothing is automatic yet; the aim is at most %(limit)s wrong, %(certainty)s "
                "certain."
            )
            % promise
        )
    recent = overview.recent
    if not recent["tasks"]:
        return (
            _(
                "Ready to automate, but no task has arrived yet: at most %(limit)s wrong, "
                "%(certainty)s certain."
            )
            % promise
        )
    return several(
        "Automating %(share)s of the last %(n)s task: at most %(limit)s wrong, %(certainty)s "
        "certain.",
        "Automating %(share)s of the last %(n)s tasks: at most %(limit)s wrong, %(certainty)s "
        "certain.",
        recent["tasks"],
        share=percent(recent["automatic"] / recent["tasks"]),
        **promise,
    )
