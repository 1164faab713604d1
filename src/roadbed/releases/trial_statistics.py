"""Trial statistics: how far two versions agree, and whether the candidate is worse. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypedDict

from roadbed.decisions.model import Reason
from roadbed.kernel.stored_sentences import stored_message, stored_sentence
from roadbed.releases.criteria import p95
from roadbed.releases.criterion_lines import seconds, share, signed
from roadbed.releases.rows import ComparisonsRow
from roadbed.risk.canary import CanaryTest
from roadbed.risk.curve import share_interval
from roadbed.scoring.content import Content
from roadbed.scoring.scorers import Score, Truth, is_wrong
from roadbed.storage.sql import Json
from roadbed.usecases.use_case import RiskMeasure, UseCase
from roadbed.versions.side_by_side import WENT_WRONG, score_of

Row = Mapping[str, Any]
Pairs = Iterable[tuple[float, float]]  # candidate, live: whether it did badly, or its loss
CHECKS = 4  # wrong, failing, slow, dear share the risk of a false alarm
_MOST_SHOWN = 20
# Reasons for no answer that are not the fault of the decider.
_NOT_ASKED = (Reason.RULE, Reason.BUDGET, Reason.INTERRUPTED, Reason.HALTED)


class TrialCheck(TypedDict):
    """One check of a canary. ``evidence`` is compared with ``limit``; ``n`` counts the pairs."""

    name: str
    breached: bool
    line: str
    n: int
    candidate: float
    live: float
    evidence: float
    limit: float


class Agreement(TypedDict):
    """The share of tasks on which two versions agree, with its interval."""

    n: int
    share: float | None
    lower: float
    upper: float


class TrialFigures(TypedDict):
    """The figures of one version in a trial. ``p95`` is ``p95_seconds`` as text."""

    asked: int
    no_answer: int
    p95_seconds: float | None
    p95: str
    mean_cost: float | None


class TrialReport(TypedDict):
    """The report of a trial: of ``of`` tasks, ``compared`` are compared and ``labelled`` known."""

    step: str
    compared: int
    of: int
    labelled: int
    by_outcomes: int
    undecided: int
    fixed: int
    broken: int
    agreement: Agreement
    live: TrialFigures
    candidate: TrialFigures
    checks: Sequence[TrialCheck]
    breach: str | None
    ready: bool
    differ: list[dict[str, object]]
    limits: Row


def trial_report(
    rows: Sequence[ComparisonsRow],
    *,
    step: str,
    plan: Row,
    gate: Row,
    since: datetime | None,
    declared: UseCase,
) -> TrialReport:
    """The report of a trial. ``declared`` is the declaration of the candidate.

    A labelled task counts from the time of its label, so that a breach is found at once. There is
    no promotion while a task of the trial waits for a label, so that hard tasks are not left out.
    """
    certainty, limits = gate["certainty"], gate["limits"]
    rows = sorted(rows, key=lambda row: (row["at"], row["task_id"]))
    asked = [row for row in rows if not _skipped(row)]
    known = {row["task_id"]: _known_at(row, since, declared) for row in asked}
    settled = sorted(
        (row for row in asked if known[row["task_id"]]),
        key=lambda row: (known[row["task_id"]], row["task_id"]),
    )
    worse = _loses if declared.risk_measure == "mean_loss" else _worse
    wrong = [worse(row, declared) for row in settled]
    by_outcomes = sum(_by_outcome(row, since) for row in asked)
    tested = _tested(asked, wrong, limits, plan["margin"], certainty, declared.risk_measure)
    of = plan[f"{step}_tasks"]
    # Later tasks always wait for a label for some time; the plan asks for these only.
    undecided = sum(not _skipped(row) and known[row["task_id"]] is None for row in rows[:of])
    breach = next((check["line"] for check in tested if check["breached"]), None)
    return {
        "step": step,
        "compared": len(rows),
        "of": of,
        "labelled": sum(bool(row["verdict"]) for row in asked) + by_outcomes,
        "by_outcomes": by_outcomes,
        "undecided": undecided,
        "fixed": sum(new < old for new, old in wrong),
        "broken": sum(new > old for new, old in wrong),
        "agreement": _agreement(asked, certainty),
        "live": _figures([_live(row) for row in asked]),
        "candidate": _figures([_candidate(row) for row in asked]),
        "checks": tested if step == "canary" else [],
        "breach": breach if step == "canary" else None,
        "ready": len(rows) >= of and not (step == "canary" and undecided),
        "differ": _differing(rows),
        "limits": limits,
    }


def _tested(
    asked: Sequence[ComparisonsRow],
    wrong: Sequence[tuple[float, float]],
    limits: Row,
    margin: float,
    certainty: float,
    measure: RiskMeasure,
) -> list[TrialCheck]:
    """The checks of a trial. They share the risk of a false alarm equally."""
    checks: dict[str, Sequence[tuple[float, float]]] = {
        "wrong": wrong,
        "failing": [(row["candidate_output"] is None, row["live_output"] is None) for row in asked],
        "slow": [_over(row, "seconds", limits["seconds"]) for row in asked if _timed(row)],
        "dear": [_over(row, "cost", limits["cost"]) for row in asked],
    }
    delta = (1.0 - certainty) / CHECKS
    return [
        tested_as(name, pairs, margin, delta, measure=measure) for name, pairs in checks.items()
    ]


def _differing(rows: Sequence[ComparisonsRow]) -> list[dict[str, object]]:
    """The newest tasks on which the versions differ, without those that are withheld."""
    return [
        {
            "task": row["task_id"],
            "live": row["live_output"],
            "live_actions": row["live_actions"] or [],
            "candidate": row["candidate_output"],
            "candidate_actions": row["candidate_actions"] or [],
        }
        for row in rows
        if _differ(row) and not row["withheld"]
    ][-_MOST_SHOWN:]


def tested_as(
    name: str, pairs: Pairs, margin: float, delta: float, *, measure: RiskMeasure
) -> TrialCheck:
    """One check on the pairs in their order: breached if the evidence ever reached 1/``delta``.

    With ``measure`` the mean loss, the pairs of ``wrong`` are losses. Counting stops
    at the breach, because the rollback happens there.
    """
    test = CanaryTest(margin=margin, delta=delta)
    counted: list[tuple[float, float]] = []
    breached = False
    for candidate, live in pairs:
        counted.append((candidate, live))
        if test.add(new_wrong=candidate, old_wrong=live):
            breached = True
            break
    new, old = (sum(side) for side in zip(*counted, strict=True)) if counted else (0, 0)
    return {
        "name": name,
        "breached": breached,
        "line": _line(name, counted, margin, measure),
        "n": test.pairs,
        "candidate": new,
        "live": old,
        "evidence": round(min(test.evidence, 1e12), 6),
        "limit": 1.0 / delta,
    }


def _line(
    name: str, pairs: Sequence[tuple[float, float]], margin: float, measure: RiskMeasure
) -> str:
    word, n = _WORDS[name], len(pairs)
    if not n:
        return stored_sentence("%(what)s: nothing is known yet, n = 0", what=word)
    if name == "wrong" and measure == "mean_loss":
        more = sum(candidate > live for candidate, live in pairs)
        less = sum(candidate < live for candidate, live in pairs)
        change = sum(candidate - live for candidate, live in pairs) / n
        return stored_sentence(
            "mean loss: %(change)s beside the live version on %(n)s tasks, higher on %(more)s and "
            "lower on %(less)s; %(margin)s is allowed",
            change=format(change, "+.3g"),
            n=format(n, ","),
            more=format(more, ","),
            less=format(less, ","),
            margin=format(margin, "+.3g"),
        )
    new, old = (int(sum(side)) for side in zip(*pairs, strict=True))
    if name == "wrong":
        return stored_sentence(
            "wrong where the other was right: on %(new)s of %(n)s tasks the candidate, on %(old)s "
            "the live version; %(margin)s more is allowed",
            new=format(new, ","),
            n=format(n, ","),
            old=format(old, ","),
            margin=signed(margin),
        )
    return stored_sentence(
        "%(what)s on %(new)s of %(n)s instead of %(old)s (%(share)s instead of %(before)s), "
        "%(margin)s more is allowed",
        what=word,
        new=format(new, ","),
        n=format(n, ","),
        old=format(old, ","),
        share=share(new / n),
        before=share(old / n),
        margin=signed(margin),
    )


def rollback_reason(number: int, breach: str) -> str:
    """The sentence that says why a canary was rolled back, with its figures."""
    return stored_sentence(
        "The canary of release %(number)s is shown to be worse: %(breach)s.",
        number=number,
        breach=breach,
    )


_WORDS = {
    "wrong": "wrong",
    "failing": stored_message("no answer"),
    "slow": stored_message("slower than allowed"),
    "dear": stored_message("dearer than allowed"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answered:
    """What one of the two versions made of a task."""

    output: Json
    actions: Json
    content: str | None
    reason: str
    seconds: float | None
    cost: Decimal | None


def _live(row: ComparisonsRow) -> _Answered:
    return _Answered(
        output=row["live_output"],
        actions=row["live_actions"],
        content=row["live_content"],
        reason=row["live_reason"],
        seconds=row["live_seconds"],
        cost=row["live_cost"],
    )


def _candidate(row: ComparisonsRow) -> _Answered:
    return _Answered(
        output=row["candidate_output"],
        actions=row["candidate_actions"],
        content=row["candidate_content"],
        reason=row["candidate_reason"],
        seconds=row["candidate_seconds"],
        cost=row["candidate_cost"],
    )


def _skipped(row: ComparisonsRow) -> bool:
    return any(
        answered.output is None and answered.reason in _NOT_ASKED
        for answered in (_live(row), _candidate(row))
    )


def _worse(row: ComparisonsRow, declared: UseCase) -> tuple[bool, bool]:
    """For each of the two, whether it was wrong where the other was right."""
    candidate, live = _wrong(row, declared) if _differ(row) else (False, False)
    return (candidate, live) if candidate != live else (False, False)


def _loses(row: ComparisonsRow, declared: UseCase) -> tuple[float, float]:
    """The losses of both: zero where they agree.

    An unknown loss counts as 1 for the candidate and as 0 for the live version.
    """
    if not _differ(row):
        return 0.0, 0.0
    candidate, live = (
        _score(row, answered, declared).loss for answered in (_candidate(row), _live(row))
    )
    return 1.0 if candidate is None else candidate, 0.0 if live is None else live


def _differ(row: ComparisonsRow) -> bool:
    return _hash(_live(row)) != _hash(_candidate(row))


def _hash(answered: _Answered) -> str | None:
    """The hash of a proposal. Older rows have none stored, so it is computed here."""
    content = _content(answered)
    return answered.content or (content.hash if content else None)


def _content(answered: _Answered) -> Content | None:
    if answered.output is None:
        return None
    return Content(output=answered.output, actions=answered.actions or ())


def _known_at(row: ComparisonsRow, since: Any, declared: UseCase) -> Any:
    """The time from which it is known which one is worse on a task: at once if they agree.

    Where they differ, a verdict or an outcome is needed. So every task counts, not only those that
    go to people anyway. Where only a person can judge, both answers need a verdict.
    """
    if not _differ(row):
        return row["at"]
    if declared.scorer.needs_person and not all(
        _score(row, answered, declared).loss is not None
        for answered in (_live(row), _candidate(row))
    ):
        return None
    if row["verdict"]:
        return row["given_at"] if row["given_at"] >= since else None
    return row["reported_at"] if _by_outcome(row, since) else None


def _by_outcome(row: ComparisonsRow, since: Any) -> bool:
    """Whether an outcome, reported since the trial began, is the only label of a task."""
    only_outcome = _differ(row) and not row["verdict"] and row["outcome"] is not None
    return only_outcome and bool(row["reported_at"] >= since)


def _wrong(row: ComparisonsRow, declared: UseCase) -> tuple[bool, bool]:
    """Whether candidate and live version are wrong; unknown is wrong for the candidate only."""
    candidate = _score(row, _candidate(row), declared)
    live = _score(row, _live(row), declared)
    return (
        is_wrong(candidate, declared.tolerance),
        live.loss is not None and is_wrong(live, declared.tolerance),
    )


def _score(row: ComparisonsRow, answered: _Answered, declared: UseCase) -> Score:
    label = row["right_output"] if row["verdict"] else row["outcome"]
    actions = row["right_actions"] if row["verdict"] else None
    truth = Truth(
        right=None if label is None else Content(output=label, actions=actions or ()),
        actions_known=actions is not None,
        losses=row["losses"] or {},
        labelled=bool(row["verdict"]) or row["outcome"] is not None,
    )
    return score_of(
        declared,
        _content(answered),
        answered.reason,
        truth,
        row["input"],
        known_as=answered.content,
    )


def _timed(row: ComparisonsRow) -> bool:
    """Whether both times are known. They are not while a version still loads."""
    return row["live_seconds"] is not None and row["candidate_seconds"] is not None


def _over(
    row: ComparisonsRow, what: Literal["seconds", "cost"], limit: float | None
) -> tuple[bool, bool]:
    def over(answered: _Answered) -> bool:
        value = answered.seconds if what == "seconds" else answered.cost
        if limit is None or value is None:
            return False
        return bool(value > limit)

    # A candidate that hides a cost which the live version states counts as too expensive. A failed
    # answer states no cost; it counts as a failure instead.
    stated = row["candidate_cost"] is not None or row["candidate_reason"] in WENT_WRONG
    hidden = what == "cost" and limit is not None and not stated
    return over(_candidate(row)) or (hidden and row["live_cost"] is not None), over(_live(row))


def _agreement(rows: Sequence[ComparisonsRow], certainty: float) -> Agreement:
    same = sum(not _differ(row) for row in rows)
    low, high = share_interval(same, len(rows), certainty) if rows else (0.0, 1.0)
    return {
        "n": len(rows),
        "share": same / len(rows) if rows else None,
        "lower": low,
        "upper": high,
    }


def _figures(answers: Sequence[_Answered]) -> TrialFigures:
    costs = [answered.cost for answered in answers]
    known = [float(cost) for cost in costs if cost is not None]
    took = p95([it.seconds for it in answers if it.seconds is not None])
    return {
        "asked": len(answers),
        "no_answer": sum(answered.output is None for answered in answers),
        "p95_seconds": took,
        "p95": seconds(took),
        "mean_cost": sum(known) / len(known) if known and len(known) == len(costs) else None,
    }
