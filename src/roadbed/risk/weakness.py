"""Weak spots: groups of tasks on which a version errs more often than overall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from roadbed.risk.curve import share_interval
from roadbed.risk.losses import Bools, Losses, checked

FEWEST = 8  # smallest group that is reported
MOST_VALUES = 20
_MOST_EXAMPLES = 3
_LONGEST_TEXT = 60  # characters of a group value


@dataclass(frozen=True, kw_only=True, slots=True)
class WeakSpot:
    """A group ``field`` = ``value``: ``n`` items, ``wrong`` with a loss above 0.

    ``loss`` is the mean loss with its interval ``lower`` to ``upper``. ``automatic`` is the share
    above the threshold, ``wrong_automatic`` the number of errors there. ``examples`` are positions
    of wrong items.
    """

    field: str
    value: str
    n: int
    wrong: int
    loss: float
    lower: float
    upper: float
    automatic: float
    wrong_automatic: int
    examples: tuple[int, ...]


def groups_of(contents: Sequence[Mapping[str, object]]) -> list[dict[str, str]]:
    """Group values per input: fields with few values, and text length in terciles."""
    names = sorted({name for content in contents for name in content})
    groups: list[dict[str, str]] = [{} for _ in contents]
    for name in names:
        values = [str(item.get(name, "")) for item in contents]
        distinct = set(values)
        short = max(map(len, distinct)) <= _LONGEST_TEXT
        if 2 <= len(distinct) <= MOST_VALUES and short:
            for group, value in zip(groups, values, strict=True):
                group[name] = value
    lengths = np.array([sum(len(str(value)) for value in entry.values()) for entry in contents])
    if len(set(lengths.tolist())) >= FEWEST:
        low, high = np.quantile(lengths, [1 / 3, 2 / 3])
        for group, length in zip(groups, lengths.tolist(), strict=True):
            group["length"] = "short" if length <= low else "long" if length > high else "middling"
    return groups


def weak_spots(
    groups: Sequence[Mapping[str, str]],
    wrong: Losses,
    automatic: Bools,
    certainty: float,
    *,
    most: int = 12,
) -> tuple[WeakSpot, ...]:
    """Groups whose lower bound exceeds the overall loss, largest excess first. Shapes (n,).

    ``wrong`` holds bools or losses in [0, 1]. Raises ``ValueError`` outside [0, 1].
    """
    losses = checked(wrong)
    failed = losses > 0.0
    members: dict[tuple[str, str], list[int]] = {}
    for number, group in enumerate(groups):
        for field, value in group.items():
            members.setdefault((field, value), []).append(number)
    overall = float(losses.mean()) if len(losses) else 0.0
    spots = []
    for (field, value), positions in members.items():
        index = np.array(positions)
        total, n = float(losses[index].sum()), len(index)
        lower, upper = share_interval(total, n, certainty)
        if n < FEWEST or lower <= overall:
            continue
        spot = WeakSpot(
            field=field,
            value=value,
            n=n,
            wrong=int(failed[index].sum()),
            loss=total / n,
            lower=lower,
            upper=upper,
            automatic=float(automatic[index].mean()),
            wrong_automatic=int((failed & automatic)[index].sum()),
            examples=tuple(index[failed[index]][:_MOST_EXAMPLES].tolist()),
        )
        spots.append((total - n * overall, spot))
    return tuple(spot for _, spot in sorted(spots, key=lambda scored: -scored[0])[:most])
