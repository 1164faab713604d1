"""What a gate makes of both versions' answers: figures, and each criterion with its verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from roadbed.kernel.json import flat
from roadbed.risk.curve import share_interval
from roadbed.risk.paired import PairedDifference, difference, mean_difference, smallest_sample
from roadbed.usecases.use_case import RiskMeasure
from roadbed.versions.side_by_side import Json, Pair, Prediction

MOST_CASES = 100
MOST_UNKNOWN = 500  # answers that people can be asked about at once
_SHOWN = 240  # characters of an input
_QUICK_SECONDS = 0.1  # nobody notices a decision that is quicker
_LEAST_COVERAGE = 0.5  # of what the live version automates
_MOST_SLICES = 200
Slices = Callable[[Json], Mapping[str, str]]


def limits(live: Json, gate: Json, *, deadline: float, per_task: float | None) -> dict[str, Any]:
    """Seconds and cost that a candidate is held to, from what the live version showed."""
    seconds, cost = live.get("p95_seconds"), live.get("mean_cost")
    return {
        "seconds": deadline
        if seconds is None
        else max(seconds * gate["slower_by"], min(_QUICK_SECONDS, deadline)),
        # Nothing times anything is nothing: beside a version that is free, the budget is the limit.
        "cost": cost * gate["dearer_by"] if cost else per_task,
    }


def figures(said: Sequence[Prediction], *, live: bool = False) -> dict[str, Any]:
    """One version's own figures on the cases that only judge.

    What is unknown counts as wrong for a candidate and as right for the ``live`` version: doubt
    never speaks for the new one.
    """
    asked = [answer for answer in said if not answer.by_rule]
    costs = [answer.cost for answer in asked]
    known = [cost for cost in costs if cost is not None]
    wrong = sum(_wrong(answer, live=live) for answer in asked)
    return {
        "asked": len(asked),
        "wrong": wrong,
        "unknown": sum(answer.unknown for answer in asked),
        "error": wrong / len(asked) if asked else None,
        "automatic": sum(answer.automatic for answer in said) / len(said) if said else 0.0,
        "p95_seconds": p95([answer.seconds for answer in asked]),
        "asked_twice": sum(answer.twice for answer in asked),
        "mean_cost": sum(known) / len(known) if known and len(known) == len(costs) else None,
    }


def paired(
    pairs: Sequence[Pair], certainty: float, measure: RiskMeasure = "wrong"
) -> PairedDifference:
    """How much more often the candidate is wrong, where both were asked.

    With ``measure`` the mean loss, how much more it loses. A case that waits for its label and on
    which the two differ counts against the candidate: people may label in any order.
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


def unknown(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Answers of the candidate that nobody can tell right from wrong, newest case first."""
    open_ = [
        pair for pair in reversed(pairs) if pair.item.truth.labelled and pair.candidate.unknown
    ]
    return {
        "n": len(open_),
        "waiting": sum(not pair.item.truth.labelled for pair in pairs),
        "cases": [
            {
                **_case(pair),
                "why": pair.candidate.why,
                "content": pair.candidate.content,
                "provenance": pair.candidate.provenance,
                "confidence": pair.candidate.confidence,
            }
            for pair in open_[:MOST_UNKNOWN]
        ],
    }


def enough(n: int, gate: Json) -> dict[str, Any]:
    """Whether there is enough to judge by."""
    return criterion(
        "items",
        n >= gate["fewest"],
        f"{n:,} items that only judge; at least {gate['fewest']:,} are asked for",
        measured=n,
        limit=gate["fewest"],
        n=n,
    )


def errors(live: Json, candidate: Json, found: PairedDifference, limit: float) -> dict[str, Any]:
    """Whether it is wrong more often than the live version, by more than is allowed."""
    passed = found.n > 0 and found.upper <= limit
    if not found.n:
        line = "no item was answered by both versions, so nothing is known of it"
        return _of_difference("errors", passed, line, found, limit)
    line = (
        f"wrong on {share(candidate['error'])} instead of {share(live['error'])}: "
        f"{_change(found)}, at most {signed(limit)} is allowed"
    )
    if not passed and found.broken <= found.fixed and limit > 0.0:
        line += (
            f"; without any difference {smallest_sample(limit, found.certainty):,} items show it"
        )
    return _of_difference("errors", passed, line, found, limit)


def corrections(pairs: Sequence[Pair]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What becomes of past corrections: figures, and the criterion if there are any."""
    corrected = [pair for pair in pairs if pair.item.corrected]
    unseen = [item for item in corrected if item.item.judges]
    learnt = [entry for entry in corrected if not entry.item.judges]
    found: dict[str, Any] = {
        name: {
            "items": len(group),
            "fixed": sum(_fixed(element) for element in group),
            "broken": sum(_broken(one) for one in group),
        }
        for name, group in (("all", corrected), ("unseen", unseen), ("learnt", learnt))
    }
    if not corrected or corrected[0].live is None:
        return found, None
    fixed, broken = found["all"]["fixed"], found["all"]["broken"]
    line = (
        f"of {len(corrected):,} past corrections it fixes {fixed:,} and breaks {broken:,} "
        f"({len(learnt):,} of them taught it; of the others it fixes {found['unseen']['fixed']:,} "
        f"and breaks {found['unseen']['broken']:,})"
    )
    return found, criterion(
        "corrections", broken <= fixed, line, measured=broken, limit=fixed, n=len(corrected)
    )


def slices(
    pairs: Sequence[Pair],
    of: Slices,
    limit: float,
    certainty: float,
    measure: RiskMeasure = "wrong",
) -> Iterator[dict[str, Any]]:
    """Each group by itself; one too small to show anything fails only if it is shown worse."""
    members: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        for field, value in of(pair.item.content).items():
            members.setdefault((field, value), []).append(pair)
    for (field, value), group in sorted(members.items())[:_MOST_SLICES]:
        found = paired(group, certainty, measure)
        small = limit <= 0.0 or found.n < smallest_sample(limit, certainty)
        passed = found.lower <= limit if small else found.upper <= limit
        line = f"{field} = {value}: {_change(found)}, at most {signed(limit)} is allowed"
        if small and passed:
            line += "; too few to judge it by itself"
        row = _of_difference(f"slice {field} = {value}", passed, line, found, limit)
        yield {**row, "small": small}


def coverage(live: Json, candidate: Json, *, automatic: bool, n: int) -> dict[str, Any]:
    """How much of ``n`` items it would automate, held to where the live version automates."""
    would, does = candidate["automatic"], live.get("automatic", 0.0)
    passed = not automatic or would >= _LEAST_COVERAGE * does
    if not n:
        line = "no item judges it, so nothing is known of what it would automate"
    elif automatic:
        line = (
            f"would automate {share(would)} instead of {share(does)} (n = {n:,}), "
            "at least half is asked for"
        )
    elif would > 0.0:
        line = f"would automate {share(would)} (n = {n:,}); nothing is automatic now"
    else:
        line = "nothing is proven for it yet: it would propose only"
    return criterion(
        "automation",
        passed,
        line,
        measured=would,
        limit=_LEAST_COVERAGE * does if automatic else 0,
        n=n,
    )


def pace(live: Json, candidate: Json, limit: float) -> dict[str, Any]:
    """Whether it answers in time."""
    took, before = candidate["p95_seconds"], live.get("p95_seconds")
    if took is None:
        line = "no answer was timed, so nothing is known of its pace; in all"
    else:
        line = f"19 of 20 answers within {seconds(took)}"
    line += f" instead of {seconds(before)}" if before is not None else ""
    if twice := candidate["asked_twice"]:
        line += f" ({twice:,} asked twice, of which the quicker counts)"
    return criterion(
        "latency",
        took is not None and took <= limit,
        f"{line}, {seconds(limit)} is allowed",
        measured=took,
        limit=limit,
        n=candidate["asked"],
    )


def price(live: Json, candidate: Json, limit: float | None) -> dict[str, Any]:
    """Whether it costs too much. An unknown price passes only where the live one's is unknown."""
    costs, before = candidate["mean_cost"], live.get("mean_cost")
    told = "an unknown price" if costs is None else f"{costs:.4g} on average"
    if before is not None:
        told += f" instead of {before:.4g}"
    allowed = "no limit follows from before" if limit is None else f"{limit:.4g} is allowed"
    return criterion(
        "cost",
        limit is None or (costs is not None and costs <= limit),
        f"{told}, {allowed}",
        measured=costs,
        limit=limit,
        n=candidate["asked"],
    )


def cases(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Items that the candidate mends, and items that it breaks."""
    labelled = [pair for pair in pairs if pair.item.truth.labelled]
    return {
        "fixed": [_case(pair) for pair in labelled if _fixed(pair)][:MOST_CASES],
        "broken": [_case(pair) for pair in labelled if _broken(pair)][:MOST_CASES],
    }


def alone(candidate: Json, certainty: float) -> str:
    """What can be said of a first version, which there is nothing to compare with."""
    asked, wrong = candidate["asked"], candidate["wrong"]
    if not asked:
        return "nothing is live to compare with, and no item judges it, so nothing is known of it"
    low, high = share_interval(wrong, asked, certainty) if asked else (0.0, 1.0)
    return (
        f"nothing is live to compare with: wrong on {share(candidate['error'])} "
        f"({share(low)} to {share(high)}, n = {asked:,})"
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
) -> dict[str, Any]:
    """One line of the report."""
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


def share(value: float | None) -> str:
    """A share in per cent, as people read it."""
    return "none" if value is None else f"{value * 100:.3g} %"


def signed(value: float) -> str:
    """A difference in per cent, with its sign."""
    return f"{value * 100:+.2g} %" if value else "0 %"


def seconds(value: float | None) -> str:
    """A time in the unit people would use."""
    if value is None:
        return "no time"
    return f"{value:.3g} s" if value >= 1.0 else f"{value * 1000.0:.3g} ms"


def _change(found: PairedDifference) -> str:
    if not found.n:
        return "nothing was compared, so nothing is known"
    return (
        f"{signed(found.estimate)} ({signed(found.lower)} to {signed(found.upper)}, "
        f"n = {found.n:,}, {found.fixed:,} fixed, {found.broken:,} broken"
        f"{f', {found.waiting:,} wait for a label' if found.waiting else ''})"
    )


def _of_difference(
    name: str,
    passed: bool,  # noqa: FBT001
    line: str,
    found: PairedDifference,
    limit: float,
) -> dict[str, Any]:
    return criterion(
        name,
        passed,
        line,
        measured=found.estimate,
        lower=found.lower,
        upper=found.upper,
        n=found.n,
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
    """Whether both say exactly the same."""
    live = pair.live
    return live is not None and live.content is not None and live.content == pair.candidate.content


def _loss_added(pair: Pair) -> float:
    """The candidate's loss minus the live one's; doubt never speaks for the candidate."""
    if pair.live is None or _alike(pair):
        return 0.0
    candidate = 1.0 if pair.candidate.loss is None else pair.candidate.loss
    return candidate - (pair.live.loss or 0.0)


def _wrong(said: Prediction, *, live: bool) -> bool:
    return said.wrong and not (live and said.unknown)


def _case(pair: Pair) -> dict[str, Any]:
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
    """What 19 of 20 do not exceed."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1] if values else None
