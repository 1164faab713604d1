"""Selection of prompt examples that represent the others."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from roadbed.examples.quality import Item, groups_of, normalised, vectors
from roadbed.improvement.mining.model import ChangedCase, Draft, Support
from roadbed.kernel.json import flat
from roadbed.kernel.stored_sentences import stored_sentence

MOST_CHOSEN = 24
_MOST_CONSIDERED = 2_000
_FEWEST = 4
_ALIKE = 0.3  # cosine from which a chosen example represents another
Similar = npt.NDArray[np.float64]


def examples(items: Sequence[Item]) -> Draft | None:
    """At most 24 examples that cover the others and every answer; ``None`` if there are too few.

    Contradictory examples are left out whole, of nearly equal ones the newest stays.
    """
    usable = _usable(sorted(items, key=lambda example: example.born_at)[-_MOST_CONSIDERED:])
    if len(usable) < _FEWEST:
        return None
    rows = vectors([normalised(item.input) or "-" for item in usable])
    similar = np.asarray((rows @ rows.T).todense())
    chosen = _choose(similar, [_key(item) for item in usable])
    near = int((similar[chosen].max(axis=0) >= _ALIKE).sum())
    picked = [usable[at] for at in chosen]
    kinds = len({_key(element) for element in picked})
    return Draft(
        kind="examples",
        title=stored_sentence(
            "Show %(n)s examples in the prompt, chosen from %(of)s", n=len(picked), of=len(usable)
        ),
        reason=stored_sentence(
            "They cover %(kinds)s different answers, and %(near)s of the %(of)s examples are close "
            "to one of them. Contradictory ones and repetitions were left out.",
            kinds=kinds,
            near=near,
            of=len(usable),
        ),
        support=Support(cases=len(usable), right=near, wrong_now=0, matched=len(items)),
        cases=[
            ChangedCase(
                task_id=one.task_id or "",
                input=flat(one.input)[:240],
                before=None,
                after=one.output,
                right=one.output,
            )
            for one in picked
        ],
        patch={
            "kind": "examples",
            "examples": [{"input": example.input, "output": example.output} for example in picked],
        },
        rank=0.2,
    )


def _usable(items: Sequence[Item]) -> list[Item]:
    """Examples without contradictions and repetitions."""
    left = set(range(len(items)))
    for group in groups_of([item.input for item in items]):
        same = len({_key(items[at]) for at in group}) == 1
        left -= set(group[:-1] if same else group)
    return [items[at] for at in sorted(left)]


def _choose(similar: Similar, answers: Sequence[str]) -> list[int]:
    """One per answer, most frequent first, then greedily the largest gain in coverage.

    Greedy facility location: Nemhauser, Wolsey and Fisher (1978).
    """
    chosen: list[int] = []
    covered = np.zeros(len(answers))
    by_count = [answer for answer, _ in Counter(answers).most_common(MOST_CHOSEN)]
    for wanted in [*by_count, *[None] * (MOST_CHOSEN - len(by_count))]:
        allowed = [
            at
            for at, answer in enumerate(answers)
            if at not in chosen and (wanted is None or answer == wanted)
        ]
        if not allowed:
            break
        gains = np.maximum(similar[allowed], covered).sum(axis=1) - covered.sum()
        best = allowed[int(np.argmax(gains))]
        if wanted is None and gains.max() < 1e-9:
            break
        chosen.append(best)
        covered = np.maximum(covered, similar[best])
    return chosen


def _key(item: Item) -> str:
    return json.dumps(item.output, sort_keys=True)
