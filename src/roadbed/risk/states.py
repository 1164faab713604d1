"""How much a use case may automate right now, and what moves it."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a use case stands. Shown at the top of its page."""

    SHADOW = "shadow"  # nothing is proven: everything goes to a person
    OPEN = "open"  # automatic from the proven threshold on
    TIGHTENED = "tightened"  # automatic from a stricter one: the audit suspects the limit
    CAUTIOUS = "cautious"  # a new kind of work appeared: the bridge threshold holds
    HALTED = "halted"  # the audit proved the limit broken, or a late change: nothing is automatic


class Sign(StrEnum):
    """What labelled evidence, or a new certificate, says."""

    PROVEN = "proven"  # a certificate on items that count now
    BRIDGED = "bridged"  # no certificate on them, but the bridge found a threshold
    NOT_PROVEN = "not_proven"
    HARM_SUSPECTED = "harm_suspected"
    NEW_KINDS = "new_kinds"
    HARM_PROVEN = "harm_proven"
    CHANGE_FOUND = "change_found"


S, G = State, Sign
# What is missing stays where it is. Only a certificate opens; no sign and no clock loosens.
TRANSITIONS: dict[tuple[State, Sign], State] = {
    (S.SHADOW, G.PROVEN): S.OPEN,
    (S.SHADOW, G.BRIDGED): S.CAUTIOUS,
    (S.OPEN, G.NOT_PROVEN): S.SHADOW,
    (S.OPEN, G.HARM_SUSPECTED): S.TIGHTENED,
    (S.OPEN, G.NEW_KINDS): S.CAUTIOUS,
    (S.OPEN, G.HARM_PROVEN): S.HALTED,
    (S.OPEN, G.CHANGE_FOUND): S.HALTED,
    (S.TIGHTENED, G.PROVEN): S.OPEN,
    (S.TIGHTENED, G.NOT_PROVEN): S.SHADOW,
    (S.TIGHTENED, G.NEW_KINDS): S.CAUTIOUS,
    (S.TIGHTENED, G.HARM_PROVEN): S.HALTED,
    (S.TIGHTENED, G.CHANGE_FOUND): S.HALTED,
    (S.CAUTIOUS, G.PROVEN): S.OPEN,
    (S.CAUTIOUS, G.NOT_PROVEN): S.SHADOW,
    (S.CAUTIOUS, G.HARM_PROVEN): S.HALTED,
    (S.CAUTIOUS, G.CHANGE_FOUND): S.HALTED,
    (S.HALTED, G.PROVEN): S.OPEN,
}


def after(state: State, sign: Sign) -> State:
    """The state that ``sign`` leads to."""
    return TRANSITIONS.get((state, sign), state)
