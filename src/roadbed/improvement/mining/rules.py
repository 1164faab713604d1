"""Rules: where corrections gather, and agree on the answer or not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from roadbed.improvement.mining.beam_search import search
from roadbed.improvement.mining.candidate_conditions import Facts, column, conditions
from roadbed.improvement.mining.conditions import CandidateCondition
from roadbed.improvement.mining.fields import ConditionField, tellable
from roadbed.improvement.mining.model import (
    FEWEST,
    Draft,
    ReviewedCase,
    case,
    ordered,
    supported,
)
from roadbed.kernel.json import flat

Bools = npt.NDArray[np.bool_]
_MOST_TARGETS = 10
_MOST_OF_A_KIND = 5
Set = Mapping[str, Any]


def rules(
    seen: Sequence[ReviewedCase],
    fields: Sequence[ConditionField],
    judged_on: Sequence[ReviewedCase],
) -> list[Draft]:
    """Rules that set what people set, then rules that ask a person, each best first.

    They are looked for in ``seen`` and judged on all verdicts in ``judged_on``; what one rule puts
    right counts for no second one.
    """
    answered = [item for item in seen if item.decided is not None]
    wrong = np.array([entry.wrong for entry in answered], dtype=np.bool_)
    if wrong.sum() < FEWEST:
        return []
    facts = _facts(answered)
    tried = conditions(fields, facts, wrong.tolist())
    holds = _table(tried, facts)
    everything = [element for element in judged_on if element.decided is not None]
    told = np.zeros(len(answered), dtype=np.bool_)
    drafts: list[Draft] = []
    for target in _targets(answered):
        good = np.array([_agrees(one, target) for one in answered]) & wrong & ~told
        changed = np.array([_changes(conjunction, target) for conjunction in answered])
        for conjunction in search(holds, good, changed & ~told)[:_MOST_OF_A_KIND]:
            drafts.append(_draft([tried[at] for at in conjunction.literals], everything, target))
            told |= conjunction.good
    unclear = search(holds, wrong & ~told, ~told)[:_MOST_OF_A_KIND]
    return [
        *drafts,
        *(
            _draft([tried[at] for at in conjunction.literals], everything, None)
            for conjunction in unclear
        ),
    ]


def _facts(seen: Sequence[ReviewedCase]) -> list[Facts]:
    return [{"input": item.input, "output": item.decided or {}} for item in seen]


def _table(tried: Sequence[CandidateCondition], facts: Sequence[Facts]) -> Bools:
    return np.array([item.holds(column(facts, item.field)) for item in tried], dtype=np.bool_)


def _targets(seen: Sequence[ReviewedCase]) -> list[Set]:
    """What corrections most often change an answer to."""
    counted = Counter(_key(item) for item in seen if item.wrong and item.right is not None)
    often = [key for key, n in counted.most_common() if n >= FEWEST and key != "{}"]
    targets = [json.loads(key) for key in often]
    return [entry for entry in targets if all(map(_plain, entry.values()))][:_MOST_TARGETS]


def _key(seen: ReviewedCase) -> str:
    before, after = seen.decided or {}, seen.right or {}
    return json.dumps(
        {name: value for name, value in after.items() if before.get(name, ...) != value},
        sort_keys=True,
    )


def _plain(value: object) -> bool:
    return tellable(value) or value is None or isinstance(value, bool | int | float)


def _changes(seen: ReviewedCase, target: Set) -> bool:
    return {**(seen.decided or {}), **target} != seen.decided


def _agrees(seen: ReviewedCase, target: Set) -> bool:
    return {**(seen.decided or {}), **target} == seen.right


def _draft(
    chosen: Sequence[CandidateCondition], seen: Sequence[ReviewedCase], target: Set | None
) -> Draft:
    where = np.logical_and.reduce(_table(chosen, _facts(seen)))
    applies = [condition for condition, hit in zip(seen, where, strict=True) if hit]
    touched = [apply for apply in applies if target is None or _changes(apply, target)]
    right = sum(item.wrong if target is None else _agrees(item, target) for item in touched)
    support = supported(
        cases=len(touched),
        right=right,
        wrong_now=sum(entry.wrong for entry in touched),
        matched=len(applies),
    )
    title = f"Where {' and '.join(element.words for element in chosen)}: {consequence(target)}"
    return Draft(
        kind="rule",
        title=title,
        reason=reason(support.cases, right, support.wrong_now, looks=target is None),
        support=support,
        cases=ordered(
            [
                case(one, None if target is None else {**(one.decided or {}), **target})
                for one in touched
            ]
        ),
        patch={
            "kind": "rule",
            "when": " && ".join(condition.cel for condition in chosen),
            "set": None if target is None else dict(target),
            "reason": title,
        },
        rank=support.low or 0.0,
    )


def consequence(target: Set | None) -> str:
    """What follows, in words."""
    if target is None:
        return "a person looks"
    return ", ".join(f"{name} is {flat({name: value})}" for name, value in target.items())


def reason(cases: int, right: int, wrong: int, *, looks: bool) -> str:
    """Why a rule is worth a look."""
    if looks:
        return (
            f"People corrected {right} of the {cases} answers here, and not always to the same. "
            "Every such task would go to a person."
        )
    broken = cases - wrong
    harm = f" {broken} that {'is' if broken == 1 else 'are'} right now would change." * bool(broken)
    return (
        f"It would change {cases} answers that people looked at, and {right} of them would then "
        f"be what the person said.{harm}"
    )
