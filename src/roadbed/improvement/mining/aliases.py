"""Aliases: a value that means another one, as people's answers show."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from roadbed.improvement.mining.fields import ConditionField, tellable
from roadbed.improvement.mining.model import FEWEST, Draft, ReviewedCase, case, ordered, supported
from roadbed.improvement.mining.text import misspelt

# What makes a mistake in the data likelier than its counts alone: it has a second witness.
WITNESS = 0.25
_MOST_ROWS = 200
_MOST_OTHERS = 20
_FEWEST_UNLIKE = 8
_SHARE, _SHARE_UNLIKE, _SHARE_OF_OTHERS = 0.8, 0.9, 0.5


def aliases(seen: Sequence[ReviewedCase], fields: Sequence[ConditionField]) -> list[Draft]:
    """Values answered wrongly, whose right answers are those of another, known value."""
    drafts: list[Draft] = []
    for field in fields:
        if field.kind == "text" and field.place == "input":
            drafts += _of_field(field.name, seen)
    return drafts


def _of_field(name: str, seen: Sequence[ReviewedCase]) -> Iterator[Draft]:
    by_value: dict[str, list[ReviewedCase]] = defaultdict(list)
    for item in seen:
        if tellable(value := item.input.get(name)):
            by_value[value].append(item)
    known = {
        value: rows[-_MOST_ROWS:]
        for value, rows in by_value.items()
        if len(rows) >= FEWEST and _share_wrong(rows) <= 0.3
    }
    for value, rows in by_value.items():
        if sum(row.wrong for row in rows) >= FEWEST and _share_wrong(rows) >= 0.6:
            yield from _alias(name, value, rows[-_MOST_ROWS:], known)


def _alias(
    name: str, value: str, rows: Sequence[ReviewedCase], known: dict[str, list[ReviewedCase]]
) -> Iterator[Draft]:
    alike = [item for item in known if misspelt(value, item)]
    others = sorted(
        (entry for entry in known if entry not in alike),
        key=lambda candidate: -len(known[candidate]),
    )[:_MOST_OTHERS]
    if alike:
        best = max(
            alike,
            key=lambda candidate: (_right(name, rows, known[candidate]), len(known[candidate])),
        )
        enough = _right(name, rows, known[best]) >= max(FEWEST, _SHARE * len(rows))
    else:
        counts = sorted(
            ((_right(name, rows, known[other]), other) for other in others), reverse=True
        )
        # One single answer is no pattern to know a value by.
        if len(counts) < 2 or len(rows) < _FEWEST_UNLIKE or len({_key(row) for row in rows}) < 2:
            return
        best = counts[0][1]
        enough = counts[0][0] >= _SHARE_UNLIKE * len(rows)
        enough = enough and counts[1][0] <= _SHARE_OF_OTHERS * len(rows)
    if enough:
        yield _draft(name, value, best, rows, known[best], likely=bool(alike))


def _right(name: str, rows: Sequence[ReviewedCase], known: Sequence[ReviewedCase]) -> int:
    return sum(_expected(name, row, known) == _key(row) for row in rows)


def _expected(name: str, row: ReviewedCase, known: Sequence[ReviewedCase]) -> str:
    """What was right for the most similar tasks that had the known value."""
    alike = [
        sum(
            other.input.get(field) == content
            for field, content in row.input.items()
            if field != name
        )
        for other in known
    ]
    most = max(alike)
    nearest = [_key(other) for other, n in zip(known, alike, strict=True) if n == most]
    return Counter(nearest).most_common(1)[0][0]


def _key(seen: ReviewedCase) -> str:
    return json.dumps(seen.right, sort_keys=True)


def _share_wrong(rows: Sequence[ReviewedCase]) -> float:
    return sum(row.wrong for row in rows) / len(rows)


def _draft(
    name: str,
    value: str,
    meant: str,
    rows: Sequence[ReviewedCase],
    known: Sequence[ReviewedCase],
    *,
    likely: bool,
) -> Draft:
    wrong = sum(row.wrong for row in rows)
    support = supported(
        cases=len(rows), right=_right(name, rows, known), wrong_now=wrong, matched=len(rows)
    )
    spelt = " It looks like a misspelling of it." if likely else ""
    after = [json.loads(_expected(name, item, known)) for item in rows]
    return Draft(
        kind="alias",
        title=f'Read "{value}" as "{meant}" where it stands in {name}',
        reason=(
            f'People corrected {wrong} of {len(rows)} answers where {name} is "{value}"; '
            f'{support.right} of the right answers are those of "{meant}".{spelt}'
        ),
        support=support,
        cases=ordered([case(row, then) for row, then in zip(rows, after, strict=True)]),
        patch={"kind": "alias", "field": name, "found": value, "meant": meant},
        rank=(support.low or 0.0) + WITNESS,
    )
