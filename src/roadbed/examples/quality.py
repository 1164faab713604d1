"""Quality of examples: repetitions and contradictions.

They are shown to people, who decide which one is right.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from roadbed.kernel.json import flat

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

NEAR = 0.97  # cosine of TF-IDF vectors
MOST_GROUPS = 50
_MOST_OF_A_GROUP = 20
_BLOCK = 512
_WORDS = re.compile(r"\w+")
Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One example; ``task_id`` and ``person`` are ``None`` for one that came with the folder."""

    id: str
    input: Json
    output: Json | None
    task_id: str | None
    person: str | None
    born_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ContradictionSide:
    """An answer in a contradiction, and its authors."""

    output: Json | None
    items: Sequence[Item]


@dataclass(frozen=True, kw_only=True, slots=True)
class Contradiction:
    """Equal or nearly equal inputs with different right answers; ``exact`` if equal."""

    input: str
    exact: bool
    sides: Sequence[ContradictionSide]


@dataclass(frozen=True, kw_only=True, slots=True)
class Repeated:
    """Nearly equal examples with the same answer."""

    input: str
    output: Json | None
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Quality:
    """Findings about the examples; the lists hold the largest groups only."""

    examples: int
    contradictory: int
    contradictions: Sequence[Contradiction]
    repeated: int
    repetitions: Sequence[Repeated]


def quality(items: Sequence[Item], readable: Mapping[str, Item] | None = None) -> Quality:
    """Contradictions and repetitions among examples; 20,000 take seconds.

    All are counted. Those that ``readable`` has by their ids are shown as they stand there.
    """
    groups = [[items[at] for at in group] for group in groups_of([item.input for item in items])]
    shown = readable or {}
    clashing = [entry for entry in groups if len({_key(one.output) for one in entry}) > 1]
    same = [element for element in groups if len({_key(one.output) for one in element}) == 1]
    return Quality(
        examples=len(items),
        contradictory=sum(map(len, clashing)),
        contradictions=[_contradiction(group, shown) for group in _largest(clashing)],
        repeated=sum(len(group) - 1 for group in same),
        repetitions=[
            Repeated(input=flat(first.input)[:240], output=first.output, count=len(group))
            for group in _largest(same)
            for first in [_least(group, shown)]
        ],
    )


def groups_of(inputs: Sequence[Json]) -> list[list[int]]:
    """Positions of equal or nearly equal inputs, in groups of two and more."""
    texts = [normalised(input_) for input_ in inputs]
    by_text: dict[str, list[int]] = defaultdict(list)
    for at, text in enumerate(texts):
        by_text[text].append(at)
    distinct = list(by_text)
    parent = list(range(len(distinct)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = at = parent[parent[at]]
        return at

    for one, other in _near_pairs(distinct):
        parent[root(other)] = root(one)
    groups: dict[int, list[int]] = defaultdict(list)
    for at, text in enumerate(distinct):
        groups[root(at)] += by_text[text]
    return [sorted(group) for group in groups.values() if len(group) > 1]


def normalised(input: Json) -> str:
    """The words of an input, without case, spacing and punctuation."""
    text = unicodedata.normalize("NFKC", flat(input)).casefold()
    return " ".join(_WORDS.findall(text))


def vectors(texts: Sequence[str]) -> csr_matrix:
    """Rows of unit length: TF-IDF of the words of normalised texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    weights: csr_matrix = TfidfVectorizer(analyzer=str.split, norm="l2").fit_transform(texts)
    return weights


def _near_pairs(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pairs of different texts whose cosine is at least ``NEAR``.

    Two of them must share one of the rarest words of either, for all other words together weigh too
    little: prefix filtering, Bayardo, Ma and Srikant (2007). So few pairs have to be compared.
    """
    texts = [text or "-" for text in texts]
    if len(texts) < 2:
        return
    weights = vectors(texts)
    prefixes = _prefixes(weights)
    columns = weights.T.tocsr()
    for start in range(0, len(texts), _BLOCK):
        shared = (prefixes[start : start + _BLOCK] @ columns).tocoo()
        later = shared.col != shared.row + start
        rows, others = shared.row[later] + start, shared.col[later]
        for part in range(0, len(rows), 200_000):
            one, other = rows[part : part + 200_000], others[part : part + 200_000]
            cosine = np.asarray(weights[one].multiply(weights[other]).sum(axis=1)).ravel()
            for at in np.flatnonzero(cosine >= NEAR):
                yield int(one[at]), int(other[at])


def _prefixes(weights: csr_matrix) -> csr_matrix:
    """The rarest words of each row that a pair with cosine ``NEAR`` must share (prefix filter)."""
    from scipy.sparse import csr_matrix

    frequency: npt.NDArray[np.int64] = np.bincount(weights.indices, minlength=weights.shape[1])
    indices: list[int] = []
    ends = [0]
    for row in range(weights.shape[0]):
        span = slice(weights.indptr[row], weights.indptr[row + 1])
        order = np.argsort(frequency[weights.indices[span]], kind="stable")
        gone = np.cumsum(weights.data[span][order] ** 2)
        needed = int(np.searchsorted(gone, 1.0 - NEAR**2 + 1e-9)) + 1
        indices += weights.indices[span][order[:needed]].tolist()
        ends.append(len(indices))
    return csr_matrix((np.ones(len(indices)), indices, ends), shape=weights.shape)


def _least(items: Sequence[Item], shown: Mapping[str, Item]) -> Item:
    """The first item as it is shown, or the first of which something is withheld."""
    return next((shown[item.id] for item in items if item.id in shown), items[0])


def _contradiction(items: Sequence[Item], shown: Mapping[str, Item]) -> Contradiction:
    by_output: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_output[_key(item.output)].append(item)
    sides = sorted(by_output.values(), key=len, reverse=True)
    return Contradiction(
        input=flat(_least(items, shown).input)[:240],
        exact=len({normalised(entry.input) for entry in items}) == 1,
        sides=[
            ContradictionSide(
                output=_least(side, shown).output,
                items=[shown.get(item.id, item) for item in side[:_MOST_OF_A_GROUP]],
            )
            for side in sides
        ],
    )


def _largest(groups: Sequence[list[Item]]) -> list[list[Item]]:
    return sorted(groups, key=len, reverse=True)[:MOST_GROUPS]


def _key(output: Json | None) -> str:
    return json.dumps(output, sort_keys=True)
