"""Corrections of data: aliases of values, wrong records and superseded records."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from roadbed.improvement.mining.conditions import ConditionField, tellable
from roadbed.improvement.mining.model import (
    FEWEST,
    Draft,
    Json,
    ReviewedCase,
    case,
    ordered,
    supported,
)
from roadbed.kernel.stored_sentences import stored_message, stored_sentence
from roadbed.usecases.decider import Records

_DIGITS = re.compile(r"\d+")
_FEWEST_LETTERS = 4
# Added to the rank: an error in the data is supported by a second source.
WITNESS = 0.25
_MOST_ROWS = 200
_MOST_OTHERS = 20
_FEWEST_UNLIKE = 8
_SHARE, _SHARE_UNLIKE, _SHARE_OF_OTHERS = 0.8, 0.9, 0.5
_FEWEST_LINKED = 5
_LEAST_LINKED = 0.4
Table = Mapping[str, Mapping[str, str]]
Links = Mapping[str, str]  # an output field, and the column it is read from


def misspelt(one: str, other: str) -> bool:
    """Whether ``one`` is probably a misspelling of ``other``.

    Digits must be the same, and there must be some letters: 7001 is no misspelling of 7002.
    """
    a, b = _plain(one), _plain(other)
    if a == b:
        return True
    if _DIGITS.findall(a) != _DIGITS.findall(b):
        return False
    shorter = min(sum(sign.isalpha() for sign in text) for text in (a, b))
    return shorter >= _FEWEST_LETTERS and distance(a, b) <= (1 if shorter < 8 else 2)


def distance(one: str, other: str) -> int:
    """Optimal string alignment distance: edits, with transpositions counted once.

    Damerau (1964), in the restricted form.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        new = [i]
        for j, b in enumerate(other, 1):
            best = min(row[j] + 1, new[j - 1] + 1, row[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, before[j - 2] + 1)
            new.append(best)
        before, row = row, new
    return row[-1]


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def aliases(seen: Sequence[ReviewedCase], fields: Sequence[ConditionField]) -> list[Draft]:
    """Values with wrong answers whose right answers match those of a known value."""
    drafts: list[Draft] = []
    for field in fields:
        if field.kind == "text" and field.place == "input":
            drafts += _aliases_of(field.name, seen)
    return drafts


def _aliases_of(name: str, seen: Sequence[ReviewedCase]) -> Iterator[Draft]:
    by_value: dict[str, list[ReviewedCase]] = defaultdict(list)
    for verdict in seen:
        if tellable(value := verdict.input.get(name)):
            by_value[value].append(verdict)
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
    alike = [other for other in known if misspelt(value, other)]
    others = sorted(
        (other for other in known if other not in alike),
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
        # A single right answer does not identify a value.
        if len(counts) < 2 or len(rows) < _FEWEST_UNLIKE or len({_key(row) for row in rows}) < 2:
            return
        best = counts[0][1]
        enough = counts[0][0] >= _SHARE_UNLIKE * len(rows)
        enough = enough and counts[1][0] <= _SHARE_OF_OTHERS * len(rows)
    if enough:
        yield _alias_draft(name, value, best, rows, known[best], likely=bool(alike))


def _right(name: str, rows: Sequence[ReviewedCase], known: Sequence[ReviewedCase]) -> int:
    return sum(_expected(name, row, known) == _key(row) for row in rows)


def _expected(name: str, row: ReviewedCase, known: Sequence[ReviewedCase]) -> str:
    """The right answer of the most similar tasks with the known value."""
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


def _alias_draft(
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
    message = _CORRECTED[likely]
    told = {
        "wrong": wrong,
        "answers": len(rows),
        "name": name,
        "value": value,
        "right": support.right,
        "meant": meant,
    }
    after = [json.loads(_expected(name, row, known)) for row in rows]
    return Draft(
        kind="alias",
        title=stored_sentence(
            'Read "%(value)s" as "%(meant)s" where it stands in %(name)s',
            value=value,
            meant=meant,
            name=name,
        ),
        reason=message % told,
        support=support,
        cases=ordered([case(row, then) for row, then in zip(rows, after, strict=True)]),
        patch={"kind": "alias", "field": name, "found": value, "meant": meant},
        rank=(support.low or 0.0) + WITNESS,
    )


def records(seen: Sequence[ReviewedCase], tables: Records) -> list[Draft]:
    """Records whose value people always correct to the same other value."""
    answered = [
        verdict for verdict in seen if verdict.decided is not None and verdict.right is not None
    ]
    return [
        draft
        for name, table in tables.items()
        for field in sorted({field for verdict in answered for field in verdict.input})
        for draft in _records_of(name, table, field, answered)
    ]


def _records_of(
    name: str, table: Table, field: str, seen: Sequence[ReviewedCase]
) -> Iterator[Draft]:
    by_key: dict[str, list[ReviewedCase]] = defaultdict(list)
    for verdict in seen:
        if isinstance(key := verdict.input.get(field), str) and key in table:
            by_key[key].append(verdict)
    links = _links(table, [(key, row) for key, rows in by_key.items() for row in rows])
    for key, about in by_key.items() if links else ():
        rows = [verdict for verdict in about if _from(table[key], links, verdict)]
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
        yield _record_draft(
            "superseded",
            stored_sentence(
                'In %(name)s, "%(by)s" has taken the place of "%(key)s"', name=name, by=by, key=key
            ),
            stored_sentence(
                'People answered all %(n)s tasks about "%(key)s" as %(where)s says of "%(by)s".',
                n=len(rows),
                key=key,
                where=where,
                by=by,
            ),
            {"kind": "superseded", "table": name, "key": key, "by": by},
            rows,
            changed,
        )
        return
    for out, value in changed.items():
        column, text = links[out], as_text(value)
        if tellable(text) and tellable(key):
            yield _record_draft(
                "record",
                stored_sentence(
                    'In %(name)s, %(column)s of "%(key)s" should be %(text)s',
                    name=name,
                    column=column,
                    key=key,
                    text=text,
                ),
                stored_sentence(
                    '%(where)s says %(before)r for "%(key)s"; people said %(text)r all %(n)s '
                    "times, and nobody said otherwise.",
                    where=where,
                    before=table[key].get(column, ""),
                    key=key,
                    text=text,
                    n=len(rows),
                ),
                {"kind": "record", "table": name, "key": key, "field": column, "value": text},
                rows,
                {out: value},
            )


def _record_draft(
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
        cases=ordered([case(row, {**(row.decided or {}), **changed}) for row in rows]),
        patch=patch,
        rank=(support.low or 0.0) + WITNESS,
    )


def _links(table: Table, hits: Sequence[tuple[str, ReviewedCase]]) -> Links:
    """The column from which each output field is read, inferred from the answers."""
    if len(hits) < _FEWEST_LINKED:
        return {}
    columns = list(next(iter(table.values())))
    links: dict[str, str] = {}
    for out in hits[0][1].decided or {}:
        said = [as_text(_decided_value(case_, out)) for _, case_ in hits]
        told = {
            column: _kappa(
                said, [_cell(table[key], column, _decided_value(case_, out)) for key, case_ in hits]
            )
            for column in columns
        }
        best = max(columns, key=lambda column: (told[column], column == out))
        if told[best] >= _LEAST_LINKED:
            links[out] = best
    return links


def _kappa(said: Sequence[str], told: Sequence[str]) -> float:
    """Cohen's kappa (1960)."""
    n = len(said)
    a, b = Counter(said), Counter(told)
    chance = sum(a[label] * b[label] for label in a) / (n * n)
    share = sum(x == y for x, y in zip(said, told, strict=True)) / n
    return 0.0 if chance >= 1.0 else (share - chance) / (1.0 - chance)


def _cell(record: Mapping[str, str], column: str, said: object) -> str:
    """A cell as text, in the form of the answer if both are equal."""
    return as_text(said) if same(record.get(column), said) else str(record.get(column))


def _from(record: Mapping[str, str], links: Links, seen: ReviewedCase) -> bool:
    """Whether the answer equals the record in all linked columns."""
    return all(same(record.get(column), _decided_value(seen, out)) for out, column in links.items())


def _decided_value(seen: ReviewedCase, out: str) -> object:
    return (seen.decided or {}).get(out)


def _agreed(rows: Sequence[ReviewedCase], out: str) -> object:
    """The common right value; ``None`` if the rows differ."""
    first = (rows[0].right or {}).get(out)
    return first if all((row.right or {}).get(out) == first for row in rows) else None


def _successor(table: Table, key: str, changed: Mapping[str, object]) -> str | None:
    """The only other record that matches the changes; one field suffices only if it is the key."""
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
    """Whether a cell and an answer's value are equal."""
    if text is None or value is None:
        return False
    if isinstance(value, bool) or not isinstance(value, int | float):
        return text == as_text(value)
    try:
        return float(text) == float(value)
    except ValueError:
        return False


def as_text(value: object) -> str:
    """A value as the text of a cell."""
    return str(value).lower() if isinstance(value, bool) else str(value)


# Why one spelling should be read as another: without and with a likely misspelling.
_CORRECTED = (
    stored_message(
        'People corrected %(wrong)s of %(answers)s answers where %(name)s is "%(value)s"; '
        '%(right)s of the right answers are those of "%(meant)s".'
    ),
    stored_message(
        'People corrected %(wrong)s of %(answers)s answers where %(name)s is "%(value)s"; '
        '%(right)s of the right answers are those of "%(meant)s". It looks like a misspelling of '
        "it."
    ),
)
