"""Reference tables: a record with a wrong value, and one whose place another has taken."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from roadbed.improvement.mining.aliases import WITNESS
from roadbed.improvement.mining.fields import tellable
from roadbed.improvement.mining.model import (
    FEWEST,
    Draft,
    Json,
    ReviewedCase,
    case,
    ordered,
    supported,
)
from roadbed.usecases.decider import Records

_FEWEST_LINKED = 5
_LEAST_LINKED = 0.4
Table = Mapping[str, Mapping[str, str]]
Links = Mapping[str, str]  # an output field, and the column it is read from


def records(seen: Sequence[ReviewedCase], tables: Records) -> list[Draft]:
    """Records whose value people keep correcting to one other, and nobody confirms."""
    answered = [item for item in seen if item.decided is not None and item.right is not None]
    return [
        draft
        for name, table in tables.items()
        for field in sorted({field for entry in answered for field in entry.input})
        for draft in _of_field(name, table, field, answered)
    ]


def _of_field(name: str, table: Table, field: str, seen: Sequence[ReviewedCase]) -> Iterator[Draft]:
    by_key: dict[str, list[ReviewedCase]] = defaultdict(list)
    for item in seen:
        if isinstance(key := item.input.get(field), str) and key in table:
            by_key[key].append(item)
    links = _links(table, [(key, row) for key, rows in by_key.items() for row in rows])
    for key, about in by_key.items() if links else ():
        rows = [entry for entry in about if _from(table[key], links, entry)]
        if len(rows) < FEWEST:
            continue
        right = {out: _agreed(rows, out) for out in links}
        changed = {
            out: value
            for out, value in right.items()
            if value is not None and not same(table[key].get(links[out]), value)
        }
        if changed and all(row.wrong for row in rows) and None not in right.values():
            yield from _drafts(name, table, key, links, changed, rows)


def _drafts(
    name: str, table: Table, key: str, links: Links, changed: Json, rows: Sequence[ReviewedCase]
) -> Iterator[Draft]:
    by = _successor(table, key, {links[out]: value for out, value in changed.items()})
    where = f"data/{name}.csv"
    if by is not None:
        yield _draft(
            "superseded",
            f'In {name}, "{by}" has taken the place of "{key}"',
            f'People answered all {len(rows)} tasks about "{key}" as {where} says of "{by}".',
            {"kind": "superseded", "table": name, "key": key, "by": by},
            rows,
            changed,
        )
        return
    for out, value in changed.items():
        column, text = links[out], as_text(value)
        if tellable(text) and tellable(key):
            yield _draft(
                "record",
                f'In {name}, {column} of "{key}" should be {text}',
                f'{where} says {table[key].get(column, "")!r} for "{key}"; people said {text!r} '
                f"all {len(rows)} times, and nobody said otherwise.",
                {"kind": "record", "table": name, "key": key, "field": column, "value": text},
                rows,
                {out: value},
            )


def _draft(
    kind: str, title: str, reason: str, patch: Json, rows: Sequence[ReviewedCase], changed: Json
) -> Draft:
    right = sum({**(row.decided or {}), **changed} == row.right for row in rows)
    support = supported(
        cases=len(rows), right=right, wrong_now=sum(r.wrong for r in rows), matched=len(rows)
    )
    return Draft(
        kind="superseded" if kind == "superseded" else "record",
        title=title,
        reason=reason,
        support=support,
        cases=ordered([case(item, {**(item.decided or {}), **changed}) for item in rows]),
        patch=patch,
        rank=(support.low or 0.0) + WITNESS,
    )


def _links(table: Table, hits: Sequence[tuple[str, ReviewedCase]]) -> Links:
    """Which output field is read from which column, if the answers say so."""
    if len(hits) < _FEWEST_LINKED:
        return {}
    columns = list(next(iter(table.values())))
    links: dict[str, str] = {}
    for out in hits[0][1].decided or {}:
        said = [as_text(_said(case_, out)) for _, case_ in hits]
        told = {
            column: _kappa(
                said, [_cell(table[key], column, _said(case_, out)) for key, case_ in hits]
            )
            for column in columns
        }
        best = max(columns, key=lambda column: (told[column], column == out))
        if told[best] >= _LEAST_LINKED:
            links[out] = best
    return links


def _kappa(said: Sequence[str], told: Sequence[str]) -> float:
    """Agreement beyond chance, Cohen (1960)."""
    n = len(said)
    a, b = Counter(said), Counter(told)
    chance = sum(a[item] * b[item] for item in a) / (n * n)
    share = sum(x == y for x, y in zip(said, told, strict=True)) / n
    return 0.0 if chance >= 1.0 else (share - chance) / (1.0 - chance)


def _cell(record: Mapping[str, str], column: str, said: object) -> str:
    """A table's text, in the words of the answer if it is the same."""
    return as_text(said) if same(record.get(column), said) else str(record.get(column))


def _from(record: Mapping[str, str], links: Links, seen: ReviewedCase) -> bool:
    """Whether the answer was read from the record; another one says nothing about it."""
    return all(same(record.get(column), _said(seen, out)) for out, column in links.items())


def _said(seen: ReviewedCase, out: str) -> object:
    return (seen.decided or {}).get(out)


def _agreed(rows: Sequence[ReviewedCase], out: str) -> object:
    """The one value that people gave, ``None`` if they differ."""
    first = (rows[0].right or {}).get(out)
    return first if all((row.right or {}).get(out) == first for row in rows) else None


def _successor(table: Table, key: str, changed: Mapping[str, object]) -> str | None:
    """The one other record that says all this; a single field may be chance, but not the key."""
    key_column = next(iter(next(iter(table.values()))))
    if len(changed) < 2 and key_column not in changed:
        return None
    fitting = [
        other
        for other, record in table.items()
        if other != key and all(same(record.get(column), v) for column, v in changed.items())
    ]
    return fitting[0] if len(fitting) == 1 else None


def same(text: str | None, value: object) -> bool:
    """Whether a table's text and an answer's value are the same thing."""
    if text is None or value is None:
        return False
    if isinstance(value, bool) or not isinstance(value, int | float):
        return text == as_text(value)
    try:
        return float(text) == float(value)
    except ValueError:
        return False


def as_text(value: object) -> str:
    """A value as a table holds it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
