"""Automation state: what a use case may automate, and the transitions on evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from roadbed.risk import novelty, sampling
from roadbed.risk.audit import CHANGE_ALARM, SUSPICION, RunningAudit
from roadbed.risk.certificate import Certificate, Test, TrainingScores, certify, exact
from roadbed.risk.losses import Bools, Floats, Losses
from roadbed.risk.novelty import KindAlarm, PseudoNovelty, cautious_threshold
from roadbed.risk.search import Search

_HALF = 0.5


class State(StrEnum):
    """State of automation of a use case; shown at the top of its page."""

    SHADOW = "shadow"  # no certificate: every task goes to review
    OPEN = "open"  # automatic from the certified threshold on
    TIGHTENED = "tightened"  # a stricter threshold: the audit suspects that the limit is exceeded
    CAUTIOUS = "cautious"  # cautious mode: new kinds of work; a stricter, unproven threshold
    HALTED = "halted"  # the limit is exceeded, or the error rate changed: nothing is automatic


class Sign(StrEnum):
    """Result of a certification or of the running audit."""

    PROVEN = "proven"  # certified on items that count now
    CAUTIOUS = "bridged"  # not certified, but a threshold for cautious mode exists
    NOT_PROVEN = "not_proven"
    HARM_SUSPECTED = "harm_suspected"
    NEW_KINDS = "new_kinds"
    HARM_PROVEN = "harm_proven"
    CHANGE_FOUND = "change_found"


S, G = State, Sign
# Pairs that are not listed keep the state. Only a certificate opens automation or loosens it.
TRANSITIONS: dict[tuple[State, Sign], State] = {
    (S.SHADOW, G.PROVEN): S.OPEN,
    (S.SHADOW, G.CAUTIOUS): S.CAUTIOUS,
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
    """The state after ``sign``."""
    return TRANSITIONS.get((state, sign), state)


@dataclass(frozen=True, kw_only=True, slots=True)
class AutomationState:
    """State, threshold and sampling rate in force; no ``threshold`` means no automation.

    If ``cautious``, the cautious confidence is compared with the threshold. ``rate`` is the rate of
    the reference sample. After an alarm only items drawn since then count (``since_alarm``), except
    in the next ``cautious_improvements_left`` improvements, which may use cautious mode.
    """

    state: State = State.SHADOW
    threshold: float | None = None
    cautious: bool = False
    rate: float = sampling.RATE_BEFORE
    since_alarm: bool = False
    cautious_improvements_left: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """A version on the reference items; arrays of shape (n,), in the order drawn.

    ``wrong`` holds bools, or losses in [0, 1] for a limit on their mean. ``fresh`` marks items
    drawn since the last alarm, or all without an alarm. ``cautious`` is ``None`` for a decider
    without a cautious confidence. ``waiting`` marks unlabelled items, whose ``wrong`` is ignored;
    ``None`` means that labels can never be missing.
    """

    confidence: Floats
    wrong: Losses
    fresh: Bools
    cautious: Floats | None = None
    waiting: Bools | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """Result of ``prove``. ``cautious``: the threshold is that of cautious mode, not certified.

    ``on_alarm`` is the threshold of cautious mode after an alarm for new kinds of work.
    """

    sign: Sign
    certificate: Certificate
    cautious: bool
    on_alarm: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cautious:
    """Training data with the cautious confidence in place of the plain one."""

    confidence: Floats
    wrong: Losses
    novel: Floats


def prove(
    evidence: Evidence,
    training: TrainingScores | None,
    standing: AutomationState,
    *,
    risk_limit: float,
    delta: float,
    test: Test = exact,
    tries: int | None = None,
    search: Search | None = None,
) -> Proof:
    """Certify a version, given the previous automation state.

    Without an alarm, all items count and the certificate uses all of delta. In the first
    improvements after an alarm, half of delta is used for a certificate on the items drawn since
    and half for cautious mode on all items; the larger coverage is taken. Later only items drawn
    since the alarm count. ``tries``, ``search`` and errors as in ``certify``.
    """
    lenient = standing.since_alarm and standing.cautious_improvements_left > 0
    share = _HALF if lenient else 1.0
    plain = certify(
        confidence=evidence.confidence[evidence.fresh],
        wrong=evidence.wrong[evidence.fresh],
        out_of_fold=training,
        risk_limit=risk_limit,
        delta=delta * share,
        test=test,
        tries=tries,
        search=search,
        waiting=None if evidence.waiting is None else evidence.waiting[evidence.fresh],
    )
    crossing = _cautious_proof(evidence, training, novelty.LATER, risk_limit, delta * share, tries)
    at_once = _cautious_proof(evidence, training, novelty.AT_ONCE, risk_limit, delta, tries)
    on_alarm = at_once.threshold if at_once else None
    if lenient and crossing and crossing.threshold is not None and evidence.cautious is not None:
        crossed = float((evidence.cautious >= crossing.threshold).mean())
        if crossed > _coverage(evidence.confidence, plain.threshold):
            return Proof(
                sign=Sign.CAUTIOUS, certificate=crossing, cautious=True, on_alarm=crossing.threshold
            )
    sign = Sign.PROVEN if plain.threshold is not None else Sign.NOT_PROVEN
    return Proof(sign=sign, certificate=plain, cautious=False, on_alarm=on_alarm)


def after_certification(standing: AutomationState, proof: Proof, *, sample: int) -> AutomationState:
    """The state after a version went live with ``proof``; ``sample`` is the number of labels."""
    state = after(standing.state, proof.sign)
    opened = state in (State.OPEN, State.CAUTIOUS) and proof.sign is not Sign.NOT_PROVEN
    cautious = opened and proof.cautious
    rate = sampling.RATE_CAUTIOUS if cautious else sampling.rate(automating=opened, sample=sample)
    return AutomationState(
        state=state,
        threshold=proof.certificate.threshold if opened else None,
        cautious=cautious,
        rate=rate,
        since_alarm=standing.since_alarm,
        cautious_improvements_left=max(standing.cautious_improvements_left - 1, 0),
    )


def after_alarm(
    standing: AutomationState, sign: Sign, *, grid: Sequence[float], on_alarm: float | None
) -> AutomationState:
    """The state after the audit gave ``sign``; ``grid`` holds the candidate thresholds."""
    state = after(standing.state, sign)
    if state is standing.state:
        return standing
    if state is State.TIGHTENED:
        stricter = [threshold for threshold in grid if threshold > (standing.threshold or 0.0)]
        return replace(
            standing,
            state=state,
            threshold=min(stricter, default=None),
            rate=min(2.0 * standing.rate, sampling.RATE_BEFORE),
        )
    if state is State.CAUTIOUS:
        return AutomationState(
            state=state,
            threshold=on_alarm,
            cautious=True,
            rate=sampling.RATE_CAUTIOUS if on_alarm is not None else sampling.RATE_BEFORE,
            since_alarm=True,
            cautious_improvements_left=novelty.CAUTIOUS_IMPROVEMENTS,
        )
    return AutomationState(state=state, since_alarm=True)


def sign_of(audit: RunningAudit, kinds: KindAlarm) -> Sign | None:
    """The most severe sign in the labelled evidence of a version, if any."""
    if audit.most_harm >= 1.0 / audit.delta:
        return Sign.HARM_PROVEN
    if audit.most_change >= CHANGE_ALARM:
        return Sign.CHANGE_FOUND
    if kinds.raised:
        return Sign.NEW_KINDS
    if audit.most_harm >= SUSPICION or audit.bound_lost:
        return Sign.HARM_SUSPECTED
    return None


def _cautious_proof(
    evidence: Evidence,
    training: TrainingScores | None,
    share_new: float,
    risk_limit: float,
    delta: float,
    tries: int | None,
) -> Certificate | None:
    cautious = getattr(training, "cautious", None)
    novel = getattr(training, "novel", None)
    if training is None or evidence.cautious is None or cautious is None or novel is None:
        return None
    seen: PseudoNovelty = _Cautious(confidence=cautious, wrong=training.wrong, novel=novel)
    return cautious_threshold(
        confidence=evidence.cautious,
        wrong=evidence.wrong,
        training=seen,
        share_new=share_new,
        risk_limit=risk_limit,
        delta=delta,
        waiting=evidence.waiting,
        tries=tries,
    )


def _coverage(confidence: Floats, threshold: float | None) -> float:
    return float(np.mean(confidence >= threshold)) if threshold is not None else 0.0
