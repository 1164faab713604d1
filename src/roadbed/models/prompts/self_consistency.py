"""Self-consistency: the majority of several samples, and its confidence. Arithmetic only."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from roadbed.models.prompts.price import Tokens

Output = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One reply of the model. ``output`` is valid for the declared model.

    Without it, ``unsure`` holds the model's own reason, or ``failed`` says why there is no usable
    reply. ``replied`` is false if the model said nothing at all.
    """

    output: Output | None = None
    unsure: str | None = None
    failed: str | None = None
    replied: bool = True
    tokens: Tokens = field(default_factory=Tokens)


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbour:
    """An example like the input; ``similarity`` in [0, 1]. No output: no output was right."""

    input: Mapping[str, Any]
    output: Output | None
    similarity: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """The output with most votes; ``None`` with the ``reason`` if a person should review."""

    output: Output | None
    votes: int
    confidence: float = 0.0
    reason: str = ""


def settle(samples: Sequence[Sample], neighbours: Sequence[Neighbour]) -> Settled:
    """The output with most votes; ties: more support from neighbours, then the first.

    Confidence is the mean of a beta distribution. Each requested sample is an observation; a failed
    or unsure one counts against the output. Each neighbour is an observation weighted by its
    similarity. Errors of samples of one model are correlated, so this is not a calibrated
    probability. It ranks tasks; the certificate provides the guarantee.
    """
    counted = Counter(_key(sample.output) for sample in samples if not sample.failed)
    if not counted:
        return Settled(output=None, votes=0, reason=_why(samples))
    unsure = counted.pop(_NONE, 0)
    best = max(counted, key=lambda key: (counted[key], support(key, neighbours)), default=_NONE)
    if best == _NONE or counted[best] <= unsure:
        said = next(sample.unsure for sample in samples if sample.unsure is not None)
        return Settled(output=None, votes=unsure, reason=f"the model says: {said}")
    weight = sum(neighbour.similarity for neighbour in neighbours)
    return Settled(
        output=next(sample.output for sample in samples if _key(sample.output) == best),
        votes=counted[best],
        confidence=(1 + counted[best] + support(best, neighbours)) / (2 + len(samples) + weight),
    )


def support(key: str, neighbours: Sequence[Neighbour]) -> float:
    """The similarity of all neighbours with the output ``key``, summed."""
    return sum(neighbour.similarity for neighbour in neighbours if _key(neighbour.output) == key)


def tally(samples: Sequence[Sample]) -> Iterator[tuple[Output | None, int]]:
    """Each output with its votes, ``None`` for unsure, most votes first."""
    for key, votes in Counter(
        _key(sample.output) for sample in samples if not sample.failed
    ).items():
        yield json.loads(key), votes


def _key(output: Output | None) -> str:
    return json.dumps(output, sort_keys=True, ensure_ascii=False)


def _why(samples: Sequence[Sample]) -> str:
    reasons = Counter(sample.failed for sample in samples if sample.failed)
    return reasons.most_common(1)[0][0] if reasons else "the model was not asked"


_NONE = _key(None)
