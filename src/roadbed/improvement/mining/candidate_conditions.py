"""Which single conditions are worth trying, read from the cases that were corrected."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from roadbed.improvement.mining.conditions import CandidateCondition, Test
from roadbed.improvement.mining.fields import ConditionField, tellable
from roadbed.improvement.mining.model import FEWEST

_MOST = 240
_FEWEST_OF_A_GROUP = 8
_TESTS = ("is", "starts", "contains", "least", "below")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9./_:-]{1,39}", re.ASCII)
_WORDS = re.compile(r"\w{3,}")
_LONGEST_PREFIX = 6
_CUTS = 12
_SAMPLE = 1_000  # texts whose words are counted to tell the telling ones
_LONGEST_READ = 1_000  # characters of a text
_LEAST_INT, _MOST_INT = -(2**53), 2**53  # beyond, a number read as JSON may be another one
Facts = Mapping[str, Mapping[str, Any]]


def conditions(
    fields: Sequence[ConditionField], facts: Sequence[Facts], wrong: Sequence[bool]
) -> list[CandidateCondition]:
    """Conditions that hold for at least ``FEWEST`` corrected cases, the simplest first."""
    groups: dict[tuple[str, str, str], list[CandidateCondition]] = {}
    for field in fields:
        values = column(facts, field)
        tried = _flags if field.kind == "flag" else _cuts if field.kind == "number" else _texts
        for one in tried(field, values, [v for v, bad in zip(values, wrong, strict=True) if bad]):
            groups.setdefault((field.place, field.name, one.test), []).append(one)
    each_has = max(_FEWEST_OF_A_GROUP, _MOST // max(len(groups), 1))
    chosen = [one for group in groups.values() for one in group[:each_has]]
    return sorted(
        chosen, key=lambda condition: (condition.field.place, _TESTS.index(condition.test))
    )


def column(facts: Sequence[Facts], field: ConditionField) -> list[Any]:
    """The values of a field, one a case."""
    return [fact[field.place].get(field.name) for fact in facts]


def _flags(
    field: ConditionField, _: Sequence[Any], wrong: Sequence[Any]
) -> Iterator[CandidateCondition]:
    for value in (True, False):
        if sum(item is value for item in wrong) >= FEWEST:
            yield CandidateCondition(field=field, test="is", value=value)


def _cuts(
    field: ConditionField, values: Sequence[Any], wrong: Sequence[Any]
) -> Iterator[CandidateCondition]:
    numbers = sorted({item for item in values if _is_number(item)})
    bad = sorted(entry for entry in wrong if _is_number(entry))
    if len(numbers) < 2 or len(bad) < FEWEST:
        return
    # Where the corrected cases lie: the ends of their range, and steps between.
    steps = {bad[round(part * (len(bad) - 1) / _CUTS)] for part in range(_CUTS + 1)}
    for value in sorted(steps):
        yield CandidateCondition(field=field, test="least", value=value)
        later = next((number for number in numbers if number > value), None)
        if later is not None:
            yield CandidateCondition(field=field, test="below", value=later)
    if len(numbers) <= 20:
        for value, n in Counter(bad).items():
            if n >= FEWEST:
                yield CandidateCondition(field=field, test="is", value=value)


def _texts(
    field: ConditionField, values: Sequence[Any], wrong: Sequence[Any]
) -> Iterator[CandidateCondition]:
    bad = Counter(item for item in wrong if isinstance(item, str))
    texts = [value for value in values if isinstance(value, str) and value]
    yield from _common(field, "is", {text: n for text, n in bad.items() if tellable(text)})
    if field.place == "output" or not texts:
        return
    if sum(bool(_CODE.fullmatch(text)) for text in texts) >= 0.9 * len(texts):
        yield from _common(field, "starts", _counted(bad, _prefixes))
    if sum(" " in entry.strip() for entry in texts) >= 0.3 * len(texts):
        yield from _common(field, "contains", _telling(bad, texts))


def _common(
    field: ConditionField, test: Test, counts: Mapping[str, float]
) -> Iterator[CandidateCondition]:
    often = [value for value, n in counts.items() if n >= FEWEST]
    best = sorted(often, key=lambda value: (-counts[value], value))
    yield from (CandidateCondition(field=field, test=test, value=item) for item in best)


def _telling(bad: Counter[str], texts: Sequence[str]) -> Mapping[str, float]:
    """Words of corrected texts, those first that stand in few others."""
    some = texts[:: max(1, len(texts) // _SAMPLE)]
    of_some = _counted(Counter(some), _words)
    often = {word: n for word, n in _counted(bad, _words).items() if n >= FEWEST}
    scale = len(texts) / len(some)
    return {
        word: n + n / max(of_some[word] * scale, n) for word, n in often.items() if tellable(word)
    }


def _counted(texts: Counter[str], parts: Any) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text, n in texts.items():
        for part in parts(text):
            counts[part] += n
    return counts


def _prefixes(text: str) -> set[str]:
    whole = len(text) if _CODE.fullmatch(text) else 0
    return {text[:length] for length in range(1, min(whole, _LONGEST_PREFIX + 1))}


def _words(text: str) -> set[str]:
    words = _WORDS.findall(text[:_LONGEST_READ])
    pairs = {f"{a} {b}" for a, b in pairwise(words)}
    return {*words, *(pair for pair in pairs if pair in text)}


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or _LEAST_INT < value < _MOST_INT
