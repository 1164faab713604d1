"""Where a version fails: the groups of tasks on which it is wrong more often than elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from roadbed.risk.curve import share_interval

FEWEST = 8  # items of a group before anything is said about it
MOST_VALUES = 20
_MOST_EXAMPLES = 3
_LONGEST_TEXT = 60  # characters: what is longer is no name of a group


@dataclass(frozen=True, kw_only=True, slots=True)
class WeakSpot:
    """Tasks whose ``field`` is ``value``: ``n`` items, ``wrong`` of them answered wrongly.

    ``lower`` and ``upper`` bound the share; ``automatic`` is the share above the threshold and
    ``wrong_automatic`` how many of those were wrong. ``examples`` are positions of wrong items.
    """

    field: str
    value: str
    n: int
    wrong: int
    lower: float
    upper: float
    automatic: float
    wrong_automatic: int
    examples: tuple[int, ...]


def groups_of(contents: Sequence[Mapping[str, object]]) -> list[dict[str, str]]:
    """Fields of the inputs that have few values, and how long each input's text is, by thirds."""
    names = sorted({name for each in contents for name in each})
    found: list[dict[str, str]] = [{} for _ in contents]
    for name in names:
        values = [str(each.get(name, "")) for each in contents]
        distinct = set(values)
        short = max(map(len, distinct)) <= _LONGEST_TEXT
        if 2 <= len(distinct) <= MOST_VALUES and short:
            for group, value in zip(found, values, strict=True):
                group[name] = value
    lengths = np.array([sum(len(str(value)) for value in each.values()) for each in contents])
    if len(set(lengths.tolist())) >= FEWEST:
        low, high = np.quantile(lengths, [1 / 3, 2 / 3])
        for group, length in zip(found, lengths.tolist(), strict=True):
            group["length"] = "short" if length <= low else "long" if length > high else "middling"
    return found


def weak_spots(
    groups: Sequence[Mapping[str, str]],
    wrong: npt.NDArray[np.bool_],
    automatic: npt.NDArray[np.bool_],
    certainty: float,
    *,
    most: int = 12,
) -> tuple[WeakSpot, ...]:
    """Groups clearly worse than the whole, the costliest first: arrays of shape (n,)."""
    members: dict[tuple[str, str], list[int]] = {}
    for number, group in enumerate(groups):
        for field, value in group.items():
            members.setdefault((field, value), []).append(number)
    overall = float(wrong.mean()) if len(wrong) else 0.0
    found = []
    for (field, value), positions in members.items():
        index = np.array(positions)
        k, n = int(wrong[index].sum()), len(index)
        lower, upper = share_interval(k, n, certainty)
        if n < FEWEST or lower <= overall:
            continue
        spot = WeakSpot(
            field=field,
            value=value,
            n=n,
            wrong=k,
            lower=lower,
            upper=upper,
            automatic=float(automatic[index].mean()),
            wrong_automatic=int((wrong & automatic)[index].sum()),
            examples=tuple(index[wrong[index]][:_MOST_EXAMPLES].tolist()),
        )
        found.append((k - n * overall, spot))
    return tuple(spot for _, spot in sorted(found, key=lambda each: -each[0])[:most])
