"""What a use case may automate now, and how each piece of evidence changes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from roadbed.risk import coin, novelty
from roadbed.risk.audit import CHANGE_ALARM, SUSPICION, RunningAudit
from roadbed.risk.certificate import Certificate, Test, Training, certify, exact
from roadbed.risk.losses import Bools, Floats, Losses
from roadbed.risk.novelty import KindAlarm, PseudoNovelty, bridge
from roadbed.risk.states import Sign, State, after

_HALF = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class AutomationState:
    """What is in force. ``threshold`` is ``None`` while nothing may be automatic.

    ``cautious`` says that the cautious confidence is compared with it. ``rate`` is the share drawn
    for the reference sample. After an alarm only evidence drawn since counts (``since_alarm``), but
    for the next ``bridges_left`` improvements, which may lean on the bridge.
    """

    state: State = State.SHADOW
    threshold: float | None = None
    cautious: bool = False
    rate: float = coin.RATE_BEFORE
    since_alarm: bool = False
    bridges_left: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """A version on the reference items, arrays of shape (n,), in the order drawn.

    ``wrong`` are bools, or losses in [0, 1] for a promise about their mean. ``fresh`` marks those
    drawn since the last alarm; all of them if there was none. ``cautious`` is ``None`` for a
    decider without a cautious confidence. ``waiting`` marks items that have no label yet (their
    ``wrong`` is not read); ``None`` says that none can wait.
    """

    confidence: Floats
    wrong: Losses
    fresh: Bools
    cautious: Floats | None = None
    waiting: Bools | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """What the evidence proves. ``bridged``: the certificate's place is held by the bridge.

    ``on_alarm`` is the bridge threshold to switch to the moment that new kinds of work show up.
    """

    sign: Sign
    certificate: Certificate
    bridged: bool
    on_alarm: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cautious:
    """Training data seen through the cautious confidence."""

    confidence: Floats
    wrong: Losses
    novel: Floats


def prove(
    evidence: Evidence,
    training: Training | None,
    standing: AutomationState,
    *,
    risk_limit: float,
    delta: float,
    test: Test = exact,
    tries: int | None = None,
) -> Proof:
    """The proof for a version, given what stood before it.

    Without an alarm all items count, with the whole delta. In the first improvements after one,
    half of it goes to a plain certificate on the items since, half to the bridge on all items, and
    whatever automates more is taken. Later only items since the alarm count. ``tries`` and
    errors as for ``certify``.
    """
    lenient = standing.since_alarm and standing.bridges_left > 0
    share = _HALF if lenient else 1.0
    plain = certify(
        confidence=evidence.confidence[evidence.fresh],
        wrong=evidence.wrong[evidence.fresh],
        out_of_fold=training,
        risk_limit=risk_limit,
        delta=delta * share,
        test=test,
        tries=tries,
        waiting=None if evidence.waiting is None else evidence.waiting[evidence.fresh],
    )
    crossing = _bridge(evidence, training, novelty.LATER, risk_limit, delta * share, tries)
    at_once = _bridge(evidence, training, novelty.AT_ONCE, risk_limit, delta, tries)
    on_alarm = at_once.threshold if at_once else None
    if lenient and crossing and crossing.threshold is not None and evidence.cautious is not None:
        crossed = float((evidence.cautious >= crossing.threshold).mean())
        if crossed > _coverage(evidence.confidence, plain.threshold):
            return Proof(
                sign=Sign.BRIDGED, certificate=crossing, bridged=True, on_alarm=crossing.threshold
            )
    sign = Sign.PROVEN if plain.threshold is not None else Sign.NOT_PROVEN
    return Proof(sign=sign, certificate=plain, bridged=False, on_alarm=on_alarm)


def renewed(standing: AutomationState, proof: Proof, *, sample: int) -> AutomationState:
    """After a version went live with ``proof``; ``sample`` reference items are labelled."""
    state = after(standing.state, proof.sign)
    opened = state in (State.OPEN, State.CAUTIOUS) and proof.sign is not Sign.NOT_PROVEN
    cautious = opened and proof.bridged
    rate = coin.RATE_CAUTIOUS if cautious else coin.rate(automating=opened, sample=sample)
    return AutomationState(
        state=state,
        threshold=proof.certificate.threshold if opened else None,
        cautious=cautious,
        rate=rate,
        since_alarm=standing.since_alarm,
        bridges_left=max(standing.bridges_left - 1, 0),
    )


def alarmed(
    standing: AutomationState, sign: Sign, *, grid: Sequence[float], on_alarm: float | None
) -> AutomationState:
    """After labelled evidence gave ``sign``; ``grid`` holds the certificate's thresholds."""
    state = after(standing.state, sign)
    if state is standing.state:
        return standing
    if state is State.TIGHTENED:
        stricter = [item for item in grid if item > (standing.threshold or 0.0)]
        return replace(
            standing,
            state=state,
            threshold=min(stricter, default=None),
            rate=min(2.0 * standing.rate, coin.RATE_BEFORE),
        )
    if state is State.CAUTIOUS:
        return AutomationState(
            state=state,
            threshold=on_alarm,
            cautious=True,
            rate=coin.RATE_CAUTIOUS if on_alarm is not None else coin.RATE_BEFORE,
            since_alarm=True,
            bridges_left=novelty.CAUTIOUS_IMPROVEMENTS,
        )
    return AutomationState(state=state, since_alarm=True)


def sign_of(audit: RunningAudit, kinds: KindAlarm) -> Sign | None:
    """What the labelled evidence of a version says, the gravest first."""
    if audit.most_harm >= 1.0 / audit.delta:
        return Sign.HARM_PROVEN
    if audit.most_change >= CHANGE_ALARM:
        return Sign.CHANGE_FOUND
    if kinds.sounded:
        return Sign.NEW_KINDS
    if audit.most_harm >= SUSPICION or audit.bound_lost:
        return Sign.HARM_SUSPECTED
    return None


def _bridge(
    evidence: Evidence,
    training: Training | None,
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
    return bridge(
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
