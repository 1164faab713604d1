"""Rules from corrections: beam search for conjunctions, corrected for multiple testing."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from roadbed.improvement.mining.conditions import (
    CandidateCondition,
    ConditionField,
    Facts,
    column,
    conditions,
    tellable,
)
from roadbed.improvement.mining.model import (
    FEWEST,
    Draft,
    ReviewedCase,
    case,
    ordered,
    supported,
)
from roadbed.kernel.json import flat
from roadbed.kernel.stored_sentences import stored_message, stored_sentence
from roadbed.risk import distributions

Bools = npt.NDArray[np.bool_]
_MOST_LITERALS = 3
_BEAM = 16
_LEAST_SHARE = 0.4
_ALPHA = 0.02  # probability of any rule if corrections are random
_MOST_TARGETS = 10
_MOST_OF_A_KIND = 5
Set = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Conjunction:
    """A conjunction of conditions (by position): ``n`` eligible cases, ``k`` of them good.

    ``proof`` is a lower bound of the share, corrected for the number of conditions tried.
    """

    literals: tuple[int, ...]
    n: int
    k: int
    proof: float
    good: Bools


def search(holds: Bools, good: Bools, eligible: Bools) -> list[Conjunction]:
    """Conjunctions of rows of ``holds`` (literals x cases) with a high share of ``good`` cases.

    Each is significant after correction; of those with the same good cases the shortest is
    returned. Best first.
    """
    if eligible.sum() < FEWEST or good.sum() < FEWEST or not len(holds):
        return []
    distinct = _distinct(holds[:, eligible])
    table, hits = holds[np.ix_(distinct, np.flatnonzero(eligible))], good[eligible]
    base = float(hits.mean())
    beam: list[tuple[tuple[int, ...], Bools]] = [((), np.ones(len(hits), dtype=np.bool_))]
    kept: list[Conjunction] = []
    for length in range(1, _MOST_LITERALS + 1):
        tried = math.comb(len(distinct), length)
        alpha = _ALPHA / _MOST_LITERALS / max(tried, 1)
        beam, proven = _step(table, hits, beam, alpha)
        kept += [conjunction for conjunction in proven if conjunction.proof > base]
    kept = _undominated(kept)
    return [
        Conjunction(
            tuple(int(distinct[at]) for at in conjunction.literals),
            conjunction.n,
            conjunction.k,
            conjunction.proof,
            good_of,
        )
        for conjunction in kept
        for good_of in [_spread(conjunction.good, eligible)]
    ]


def _step(
    table: Bools, hits: Bools, beam: list[tuple[tuple[int, ...], Bools]], alpha: float
) -> tuple[list[tuple[tuple[int, ...], Bools]], list[Conjunction]]:
    """Extend each conjunction by one literal; return the next beam and the proven ones."""
    if not beam:
        return [], []
    masks = np.array([mask for _, mask in beam], dtype=np.float32)
    weights = table.astype(np.float32)
    n = masks @ weights.T
    k = (masks * hits) @ weights.T
    before = masks.sum(axis=1, keepdims=True)
    score = np.where((k >= FEWEST) & (n < before), _wilson(k, n), -1.0)
    proof = np.zeros_like(score)
    sure = score >= _LEAST_SHARE / 2
    proof[sure] = distributions.beta.ppf(alpha, k[sure], n[sure] - k[sure] + 1)
    onward: dict[tuple[int, ...], Bools] = {}
    proven: dict[tuple[int, ...], Conjunction] = {}
    for at in np.argsort(-score, axis=None, kind="stable")[: _BEAM * 40]:
        row, column = divmod(int(at), score.shape[1])
        if score[row, column] < 0.0 or (len(onward) >= _BEAM and len(proven) >= _BEAM * 4):
            break
        literals = tuple(sorted({*beam[row][0], column}))
        mask = beam[row][1] & table[column]
        if len(onward) < _BEAM:
            onward.setdefault(literals, mask)
        size, right = int(n[row, column]), int(k[row, column])
        if proof[row, column] > 0.0 and right >= _LEAST_SHARE * size:
            proven.setdefault(
                literals, Conjunction(literals, size, right, float(proof[row, column]), mask & hits)
            )
    return list(onward.items()), list(proven.values())


def _undominated(conjunctions: list[Conjunction]) -> list[Conjunction]:
    """Best first, without conjunctions that mostly repeat the good cases of a better one."""
    kept: list[Conjunction] = []
    told = None
    for conjunction in sorted(
        conjunctions, key=lambda one: (-one.proof, len(one.literals), -one.k)
    ):
        new = conjunction.good if told is None else conjunction.good & ~told
        if new.sum() >= max(FEWEST, conjunction.k / 2):
            kept.append(conjunction)
            told = conjunction.good if told is None else told | conjunction.good
    return kept


def _distinct(table: Bools) -> npt.NDArray[np.intp]:
    """Positions of distinct literals; literals that always hold are left out."""
    packed = np.packbits(table, axis=1)
    _, first = np.unique(packed, axis=0, return_index=True)
    useful = [at for at in sorted(first) if FEWEST <= table[at].sum() < table.shape[1]]
    return np.array(useful, dtype=np.intp)


def _spread(part: Bools, eligible: Bools) -> Bools:
    whole = np.zeros(len(eligible), dtype=np.bool_)
    whole[eligible] = part
    return whole


def _wilson(
    k: npt.NDArray[np.float32], n: npt.NDArray[np.float32], z: float = 1.96
) -> npt.NDArray[np.float64]:
    """Lower end of the Wilson interval (1927); fast, used to order the search."""
    size = np.maximum(n.astype(float), 1e-9)
    share = k / size
    middle = share + z * z / (2 * size)
    spread = z * np.sqrt(share * (1 - share) / size + z * z / (4 * size * size))
    bounds: npt.NDArray[np.float64] = (middle - spread) / (1 + z * z / size)
    return bounds


def rules(
    seen: Sequence[ReviewedCase],
    fields: Sequence[ConditionField],
    judged_on: Sequence[ReviewedCase],
) -> list[Draft]:
    """Rules that set an output, then rules that ask for review, each best first.

    They are looked for in ``seen`` and judged on all verdicts in ``judged_on``; what one rule puts
    right counts for no second one.
    """
    answered = [verdict for verdict in seen if verdict.decided is not None]
    wrong = np.array([verdict.wrong for verdict in answered], dtype=np.bool_)
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
    return [{"input": verdict.input, "output": verdict.decided or {}} for verdict in seen]


def _table(tried: Sequence[CandidateCondition], facts: Sequence[Facts]) -> Bools:
    return np.array(
        [condition.holds(column(facts, condition.field)) for condition in tried], dtype=np.bool_
    )


def _targets(seen: Sequence[ReviewedCase]) -> list[Set]:
    """The most frequent changes that corrections make."""
    counted = Counter(
        _key(verdict) for verdict in seen if verdict.wrong and verdict.right is not None
    )
    often = [key for key, n in counted.most_common() if n >= FEWEST and key != "{}"]
    targets = [json.loads(key) for key in often]
    return [target for target in targets if all(map(_plain, target.values()))][:_MOST_TARGETS]


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
    right = sum(
        verdict.wrong if target is None else _agrees(verdict, target) for verdict in touched
    )
    support = supported(
        cases=len(touched),
        right=right,
        wrong_now=sum(verdict.wrong for verdict in touched),
        matched=len(applies),
    )
    title = titled(" and ".join(element.words for element in chosen), target)
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


def titled(condition: str, target: Set | None) -> str:
    """A rule in one sentence."""
    if target is None:
        return stored_sentence("Where %(condition)s: a person looks", condition=condition)
    consequence = ", ".join(f"{name} is {flat({name: value})}" for name, value in target.items())
    return stored_sentence(
        "Where %(condition)s: %(consequence)s", condition=condition, consequence=consequence
    )


def reason(cases: int, right: int, wrong: int, *, looks: bool) -> str:
    """The reason for a rule in words."""
    if looks:
        return stored_sentence(
            "People corrected %(right)s of the %(cases)s answers here, and not always to the same. "
            "Every such task would go to a person.",
            right=right,
            cases=cases,
        )
    said = stored_sentence(
        "It would change %(cases)s answers that people looked at, and %(right)s of them would then "
        "be what the person said.",
        cases=cases,
        right=right,
    )
    if not (broken := cases - wrong):
        return said
    message = _HARM[broken > 1]
    return message % {"said": said, "broken": broken}


_HARM = (
    stored_message("%(said)s %(broken)s that is right now would change."),
    stored_message("%(said)s %(broken)s that are right now would change."),
)
