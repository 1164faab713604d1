"""Gate criteria: figures of two versions, and for each criterion whether it passed. No I/O."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NotRequired, TypedDict

import numpy as np

from roadbed.kernel.json import flat
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.releases.criterion_lines import change_line, pace_line, price_line, share, signed
from roadbed.risk.curve import share_interval
from roadbed.risk.paired import PairedDifference, difference, mean_difference, smallest_sample
from roadbed.usecases.rollout import QUICK_SECONDS
from roadbed.usecases.use_case import RiskMeasure
from roadbed.versions.side_by_side import Json, Pair, Prediction

MOST_CASES = 100
MOST_UNKNOWN = 500  # the most answers that people review at once
_SHOWN = 240  # characters of an input
_LEAST_COVERAGE = 0.5  # share of the live version's automation
_MOST_SLICES = 200
Slices = Callable[[Json], Mapping[str, str]]


class Criterion(TypedDict):
    """One criterion of a gate report.

    ``line`` says the result. ``measured``, ``lower`` and ``upper`` are the figure and its interval,
    ``n`` the number of items. ``small``: a slice with too few items to be judged by itself.
    """

    name: str
    passed: bool
    line: str
    measured: float | None
    limit: float | None
    n: int | None
    lower: float | None
    upper: float | None
    small: NotRequired[bool]


class Figures(TypedDict, total=False):
    """The figures of one version on the holdout; empty where there is no version."""

    asked: int
    wrong: int
    unknown: int
    error: float | None
    automatic: float
    p95_seconds: float | None
    asked_twice: int
    mean_cost: float | None


class Limits(TypedDict):
    """Limits for a candidate; ``None`` is no limit."""

    seconds: float
    cost: float | None


class Case(TypedDict):
    """An item of the report with both answers, and the right one if it is known."""

    example: str
    task: str | None
    input: str
    live: Json | None
    candidate: Json | None
    live_actions: list[Json]
    candidate_actions: list[Json]
    right: Json | None
    corrected: bool


class UnjudgedCase(Case):
    """An answer of the candidate without a verdict."""

    why: str
    content: str | None
    provenance: Json
    confidence: float


class Unjudged(TypedDict):
    """The number of answers without a verdict and of items without a label; the first cases."""

    n: int
    waiting: int
    cases: list[UnjudgedCase]


def limits(live: Figures, gate: Json, *, deadline: float, per_task: float | None) -> Limits:
    """The limits of seconds and cost, relative to the figures of the live version."""
    seconds, cost = live.get("p95_seconds"), live.get("mean_cost")
    return {
        "seconds": deadline
        if seconds is None
        else max(seconds * gate["slower_by"], min(QUICK_SECONDS, deadline)),
        # A multiple of zero is zero. If the live version is free, the budget is the limit.
        "cost": cost * gate["dearer_by"] if cost else per_task,
    }


def figures(predictions: Sequence[Prediction], *, live: bool = False) -> Figures:
    """The figures of one version on the holdout.

    An unknown answer counts as wrong for a candidate and as right for the ``live`` version, so that
    uncertainty never favours the candidate.
    """
    asked = [answer for answer in predictions if not answer.by_rule]
    costs = [answer.cost for answer in asked]
    known = [cost for cost in costs if cost is not None]
    wrong = sum(_wrong(answer, live=live) for answer in asked)
    return {
        "asked": len(asked),
        "wrong": wrong,
        "unknown": sum(answer.unknown for answer in asked),
        "error": wrong / len(asked) if asked else None,
        "automatic": sum(answer.automatic for answer in predictions) / len(predictions)
        if predictions
        else 0.0,
        "p95_seconds": p95([answer.seconds for answer in asked]),
        "asked_twice": sum(answer.twice for answer in asked),
        "mean_cost": sum(known) / len(known) if known and len(known) == len(costs) else None,
    }


def paired(
    pairs: Sequence[Pair], certainty: float, measure: RiskMeasure = "wrong"
) -> PairedDifference:
    """How much more often the candidate is wrong, on the cases that both versions answered.

    With ``measure`` the mean loss, how much higher its loss is. A case that waits for its label and
    on which the two differ counts against the candidate, because people label in any order.
    """
    both = [pair for pair in pairs if pair.live and not _by_rule(pair)]
    waits = [not pair.item.truth.labelled and not _alike(pair) for pair in both]
    if measure == "mean_loss":
        change = np.array([_loss_added(pair) for pair in both], dtype=float)
        return mean_difference(change, certainty, np.array(waits, dtype=bool))
    settled = [pair for pair, waiting in zip(both, waits, strict=True) if not waiting]
    return difference(
        n=len(both),
        fixed=sum(_fixed(pair) for pair in settled),
        broken=sum(_broken(pair) for pair in settled),
        certainty=certainty,
        waiting=sum(waits),
    )


def unknown(pairs: Sequence[Pair]) -> Unjudged:
    """The answers of the candidate without a verdict, newest case first."""
    unjudged = [
        pair for pair in reversed(pairs) if pair.item.truth.labelled and pair.candidate.unknown
    ]
    return {
        "n": len(unjudged),
        "waiting": sum(not pair.item.truth.labelled for pair in pairs),
        "cases": [
            {
                **_case(pair),
                "why": pair.candidate.why,
                "content": pair.candidate.content,
                "provenance": pair.candidate.provenance,
                "confidence": pair.candidate.confidence,
            }
            for pair in unjudged[:MOST_UNKNOWN]
        ],
    }


def enough(n: int, gate: Json) -> Criterion:
    """Whether the holdout has enough items."""
    return criterion(
        "items",
        n >= gate["fewest"],
        stored_sentence(
            "%(n)s items that only judge; at least %(fewest)s are asked for",
            n=format(n, ","),
            fewest=format(gate["fewest"], ","),
        ),
        measured=n,
        limit=gate["fewest"],
        n=n,
    )


def errors(live: Figures, candidate: Figures, change: PairedDifference, limit: float) -> Criterion:
    """Whether the candidate is wrong more often than the live version by more than ``limit``."""
    passed = change.n > 0 and change.upper <= limit
    if not change.n:
        line = stored_sentence("no item was answered by both versions, so nothing is known of it")
        return _of_difference("errors", passed, line, change, limit)
    told = {
        "share": share(candidate["error"]),
        "before": share(live["error"]),
        "change": change_line(change),
        "limit": signed(limit),
    }
    line = stored_sentence(
        "wrong on %(share)s instead of %(before)s: %(change)s, at most %(limit)s is allowed", **told
    )
    if not passed and change.broken <= change.fixed and limit > 0.0:
        line = stored_sentence(
            "wrong on %(share)s instead of %(before)s: %(change)s, at most %(limit)s is allowed; "
            "without any difference %(items)s items show it",
            items=format(smallest_sample(limit, change.certainty), ","),
            **told,
        )
    return _of_difference("errors", passed, line, change, limit)


def corrections(
    pairs: Sequence[Pair],
) -> tuple[Mapping[str, Mapping[str, int]], Criterion | None]:
    """The candidate's answers to past corrections: figures, and the criterion if there are any.

    The figures are those of all corrections, of the ``unseen`` ones and of the ``learnt`` ones,
    from which the candidate learned.
    """
    corrected = [pair for pair in pairs if pair.item.corrected]
    unseen = [pair for pair in corrected if pair.item.judges]
    learnt = [pair for pair in corrected if not pair.item.judges]
    figures = {
        name: {
            "items": len(group),
            "fixed": sum(_fixed(pair) for pair in group),
            "broken": sum(_broken(pair) for pair in group),
        }
        for name, group in (("all", corrected), ("unseen", unseen), ("learnt", learnt))
    }
    if not corrected or corrected[0].live is None:
        return figures, None
    fixed, broken = figures["all"]["fixed"], figures["all"]["broken"]
    line = stored_sentence(
        "of %(n)s past corrections it fixes %(fixed)s and breaks %(broken)s (%(learnt)s of them "
        "taught it; of the others it fixes %(unseen_fixed)s and breaks %(unseen_broken)s)",
        n=format(len(corrected), ","),
        fixed=format(fixed, ","),
        broken=format(broken, ","),
        learnt=format(len(learnt), ","),
        unseen_fixed=format(figures["unseen"]["fixed"], ","),
        unseen_broken=format(figures["unseen"]["broken"], ","),
    )
    return figures, criterion(
        "corrections", broken <= fixed, line, measured=broken, limit=fixed, n=len(corrected)
    )


def slices(
    pairs: Sequence[Pair],
    of: Slices,
    limit: float,
    certainty: float,
    measure: RiskMeasure = "wrong",
) -> Iterator[Criterion]:
    """One criterion for each slice. A slice with too few items fails only if it is proven worse."""
    members: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        for field, value in of(pair.item.content).items():
            members.setdefault((field, value), []).append(pair)
    for (field, value), group in sorted(members.items())[:_MOST_SLICES]:
        change = paired(group, certainty, measure)
        small = limit <= 0.0 or change.n < smallest_sample(limit, certainty)
        passed = change.lower <= limit if small else change.upper <= limit
        told = {
            "slice": f"{field} = {value}",
            "change": change_line(change),
            "limit": signed(limit),
        }
        line = stored_sentence("%(slice)s: %(change)s, at most %(limit)s is allowed", **told)
        if small and passed:
            line = stored_sentence(
                "%(slice)s: %(change)s, at most %(limit)s is allowed; too few to judge it "
                "by itself",
                **told,
            )
        row = _of_difference(f"slice {field} = {value}", passed, line, change, limit)
        row["small"] = small
        yield row


def coverage(live: Figures, candidate: Figures, *, automatic: bool, n: int) -> Criterion:
    """How much of ``n`` items the candidate would automate.

    It is limited only where the live version automates.
    """
    would, does = candidate["automatic"], live.get("automatic", 0.0)
    passed = not automatic or would >= _LEAST_COVERAGE * does
    if not n:
        line = stored_sentence("no item judges it, so nothing is known of what it would automate")
    elif automatic:
        line = stored_sentence(
            "would automate %(would)s instead of %(does)s (n = %(n)s), at least half is asked for",
            would=share(would),
            does=share(does),
            n=format(n, ","),
        )
    elif would > 0.0:
        line = stored_sentence(
            "would automate %(would)s (n = %(n)s); nothing is automatic now",
            would=share(would),
            n=format(n, ","),
        )
    else:
        line = stored_sentence("nothing is proven for it yet: it would propose only")
    return criterion(
        "automation",
        passed,
        line,
        measured=would,
        limit=_LEAST_COVERAGE * does if automatic else 0,
        n=n,
    )


def pace(live: Figures, candidate: Figures, limit: float) -> Criterion:
    """Whether the candidate answers within the limit of seconds."""
    took, before = candidate["p95_seconds"], live.get("p95_seconds")
    return criterion(
        "latency",
        took is not None and took <= limit,
        pace_line(took, before, limit, twice=candidate["asked_twice"]),
        measured=took,
        limit=limit,
        n=candidate["asked"],
    )


def price(live: Figures, candidate: Figures, limit: float | None) -> Criterion:
    """Whether the candidate costs too much. An unknown cost passes only if there is no limit."""
    costs, before = candidate["mean_cost"], live.get("mean_cost")
    return criterion(
        "cost",
        limit is None or (costs is not None and costs <= limit),
        price_line(costs, before, limit),
        measured=costs,
        limit=limit,
        n=candidate["asked"],
    )


def cases(pairs: Sequence[Pair]) -> Mapping[str, list[Case]]:
    """The items that the candidate fixes and those that it breaks."""
    labelled = [pair for pair in pairs if pair.item.truth.labelled]
    return {
        "fixed": [_case(pair) for pair in labelled if _fixed(pair)][:MOST_CASES],
        "broken": [_case(pair) for pair in labelled if _broken(pair)][:MOST_CASES],
    }


def alone(candidate: Figures, certainty: float) -> str:
    """The sentence about a first version, where there is no live version to compare with."""
    asked, wrong = candidate["asked"], candidate["wrong"]
    if not asked:
        return stored_sentence(
            "nothing is live to compare with, and no item judges it, so nothing is known of it"
        )
    low, high = share_interval(wrong, asked, certainty) if asked else (0.0, 1.0)
    return stored_sentence(
        "nothing is live to compare with: wrong on %(share)s (%(low)s to %(high)s, n = %(n)s)",
        share=share(candidate["error"]),
        low=share(low),
        high=share(high),
        n=format(asked, ","),
    )


def criterion(
    name: str,
    passed: bool,  # noqa: FBT001
    line: str,
    *,
    measured: float | None = None,
    limit: float | None = None,
    n: int | None = None,
    lower: float | None = None,
    upper: float | None = None,
) -> Criterion:
    """One criterion of the report."""
    return {
        "name": name,
        "passed": passed,
        "line": line,
        "measured": measured,
        "limit": limit,
        "n": n,
        "lower": lower,
        "upper": upper,
    }


def _of_difference(
    name: str,
    passed: bool,  # noqa: FBT001
    line: str,
    change: PairedDifference,
    limit: float,
) -> Criterion:
    return criterion(
        name,
        passed,
        line,
        measured=change.estimate,
        lower=change.lower,
        upper=change.upper,
        n=change.n,
        limit=limit,
    )


def _by_rule(pair: Pair) -> bool:
    return pair.candidate.by_rule or (pair.live is not None and pair.live.by_rule)


def _fixed(pair: Pair) -> bool:
    return _differ(pair) and not pair.candidate.wrong


def _broken(pair: Pair) -> bool:
    return _differ(pair) and pair.candidate.wrong


def _differ(pair: Pair) -> bool:
    live = pair.live
    if live is None or _by_rule(pair) or _alike(pair):
        return False
    return _wrong(live, live=True) != pair.candidate.wrong


def _alike(pair: Pair) -> bool:
    """Whether both gave exactly the same answer."""
    live = pair.live
    return live is not None and live.content is not None and live.content == pair.candidate.content


def _loss_added(pair: Pair) -> float:
    """The loss of the candidate minus that of the live version; an unknown loss counts as 1."""
    if pair.live is None or _alike(pair):
        return 0.0
    candidate = 1.0 if pair.candidate.loss is None else pair.candidate.loss
    return candidate - (pair.live.loss or 0.0)


def _wrong(prediction: Prediction, *, live: bool) -> bool:
    return prediction.wrong and not (live and prediction.unknown)


def _case(pair: Pair) -> Case:
    return {
        "example": pair.item.id,
        "task": pair.item.task_id,
        "input": flat(pair.item.content)[:_SHOWN],
        "live": pair.live.output if pair.live else None,
        "candidate": pair.candidate.output,
        "live_actions": list(pair.live.actions) if pair.live else [],
        "candidate_actions": list(pair.candidate.actions),
        "right": pair.item.truth.right.output if pair.item.truth.right else None,
        "corrected": pair.item.corrected,
    }


def p95(values: Sequence[float]) -> float | None:
    """The 95th percentile: 19 of 20 values do not exceed it. ``None`` without values."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1] if values else None
