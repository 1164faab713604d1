"""Conditions of rules: fields, single conditions in CEL and in words, and candidates to try."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, TypeAlias, TypeGuard

from pydantic import BaseModel

from roadbed.improvement.mining.model import FEWEST

LONGEST_VALUE = 60  # characters: longer texts are not names
Place = Literal["input", "output"]
FieldKind = Literal["text", "number", "flag"]
_KINDS: Mapping[str, FieldKind] = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "flag",
}
Test = Literal["is", "starts", "contains", "least", "below"]
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# Reserved words of CEL; a field with such a name is read by index.
_RESERVED = re.compile(
    "as|break|const|continue|else|false|for|function|if|import|in|let|loop|namespace|null|package"
    "|return|true|var|void|while"
)
Value: TypeAlias = str | float | int | bool
_MOST = 240
_FEWEST_OF_A_GROUP = 8
_TESTS = ("is", "starts", "contains", "least", "below")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9./_:-]{1,39}", re.ASCII)
_WORDS = re.compile(r"\w{3,}")
_LONGEST_PREFIX = 6
_CUTS = 12
_SAMPLE = 1_000  # texts whose words are counted, to find distinctive ones
_LONGEST_READ = 1_000  # characters of a text
_LEAST_INT, _MOST_INT = -(2**53), 2**53  # beyond, a number read as JSON may be another one
Facts = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ConditionField:
    """A scalar field of the input or output; ``optional`` if it may be null."""

    place: Place
    name: str
    kind: FieldKind
    optional: bool


def fields_of(model: type[BaseModel], place: Place) -> list[ConditionField]:
    """Fields with one text, number or boolean, in the declared order."""
    return list(_fields(model.model_json_schema(mode="serialization", by_alias=False), place))


def tellable(value: object) -> TypeGuard[str]:
    """Whether a text may be used in a rule: short, without invisible characters."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= LONGEST_VALUE
        and all(unicodedata.category(sign)[0] != "C" for sign in value)
        and all(unicodedata.category(sign) not in {"Zl", "Zp"} for sign in value)
    )


def _fields(schema: Mapping[str, Any], place: Place) -> Iterator[ConditionField]:
    named = schema.get("$defs", {})
    for name, declared in schema.get("properties", {}).items():
        options = [_resolved(option, named) for option in declared.get("anyOf", [declared])]
        kinds = {str(option.get("type")) for option in options}
        plain = kinds - {"null"}
        if len(plain) == 1 and (kind := _KINDS.get(next(iter(plain)))) and tellable(name):
            yield ConditionField(place=place, name=name, kind=kind, optional="null" in kinds)


def _resolved(schema: Mapping[str, Any], named: Mapping[str, Any]) -> Mapping[str, Any]:
    resolved: Mapping[str, Any] = named.get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
    return resolved


@dataclass(frozen=True, kw_only=True, slots=True)
class CandidateCondition:
    """One test of one field."""

    field: ConditionField
    test: Test
    value: Value

    def holds(self, values: Sequence[object]) -> list[bool]:
        """Whether it holds for each of ``values``; agrees with the expression ``cel``."""
        wanted, sort = self.value, _sort(self.value)
        if self.test == "is":
            return [value == wanted and _sort(value) == sort for value in values]
        if isinstance(wanted, str):
            if self.test == "starts":
                return [isinstance(value, str) and value.startswith(wanted) for value in values]
            return [isinstance(value, str) and wanted in value for value in values]
        if self.test == "least":
            return [_is_number(value) and value >= wanted for value in values]
        return [_is_number(value) and value < wanted for value in values]

    @property
    def cel(self) -> str:
        """The condition as a CEL expression."""
        place = _place(self.field)
        value = quoted(self.value)
        if self.test == "is":
            return f"{place} == {value}"
        body = {
            "starts": f"{place}.startsWith({value})",
            "contains": f"{place}.contains({value})",
            "least": f"{place} >= {value}",
            "below": f"{place} < {value}",
        }[self.test]
        # Comparing null is an error in CEL, and an error sends the task to review.
        return f"{place} != null && {body}" if self.field.optional else body

    @property
    def words(self) -> str:
        """The condition in words."""
        name = self.field.name if self.field.place == "input" else f"the answer's {self.field.name}"
        value = f'"{self.value}"' if isinstance(self.value, str) else _number(self.value)
        return {
            "is": f"{name} is {self.value if isinstance(self.value, str) else value}",
            "starts": f"{name} starts with {value}",
            "contains": f"{name} contains {value}",
            "least": f"{name} is at least {value}",
            "below": f"{name} is below {value}",
        }[self.test]


def quoted(value: Value) -> str:
    """A value as a CEL literal, escaped.

    Raises ``ValueError`` for a number that has no literal.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + "".join(_escaped(sign) for sign in value) + '"'
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be written down")
    return f"{float(value)!r}" if isinstance(value, float) else str(value)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _sort(value: object) -> str:
    """The type for comparisons: in CEL, unlike in Python, ``1 == true`` is false."""
    if isinstance(value, bool):
        return "flag"
    return "number" if isinstance(value, int | float) else type(value).__name__


def _escaped(sign: str) -> str:
    if sign in '"\\':
        return "\\" + sign
    return f"\\u{ord(sign):04x}" if ord(sign) < 32 or 127 <= ord(sign) < 160 else sign


def _place(field: ConditionField) -> str:
    plain = _WORD.fullmatch(field.name) and not _RESERVED.fullmatch(field.name)
    return f"{field.place}.{field.name}" if plain else f"{field.place}[{quoted(field.name)}]"


def _number(value: Value) -> str:
    return quoted(value) if isinstance(value, bool | str) else f"{value:g}"


def conditions(
    fields: Sequence[ConditionField], facts: Sequence[Facts], wrong: Sequence[bool]
) -> list[CandidateCondition]:
    """Candidate conditions that hold for at least ``FEWEST`` corrected cases, simplest first."""
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


def column(facts: Sequence[Facts], field: ConditionField) -> list[object]:
    """The value of a field in each case."""
    return [fact[field.place].get(field.name) for fact in facts]


def _flags(
    field: ConditionField, _: Sequence[Any], wrong: Sequence[Any]
) -> Iterator[CandidateCondition]:
    for value in (True, False):
        if sum(wrong_value is value for wrong_value in wrong) >= FEWEST:
            yield CandidateCondition(field=field, test="is", value=value)


def _cuts(
    field: ConditionField, values: Sequence[Any], wrong: Sequence[Any]
) -> Iterator[CandidateCondition]:
    numbers = sorted({number for number in values if _is_exact_number(number)})
    bad = sorted(number for number in wrong if _is_exact_number(number))
    if len(numbers) < 2 or len(bad) < FEWEST:
        return
    # Quantiles of the corrected cases.
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
    bad = Counter(text for text in wrong if isinstance(text, str))
    texts = [text for text in values if isinstance(text, str) and text]
    yield from _common(field, "is", {text: n for text, n in bad.items() if tellable(text)})
    if field.place == "output" or not texts:
        return
    if sum(bool(_CODE.fullmatch(text)) for text in texts) >= 0.9 * len(texts):
        yield from _common(field, "starts", _counted(bad, _prefixes))
    if sum(" " in text.strip() for text in texts) >= 0.3 * len(texts):
        yield from _common(field, "contains", _distinctive_words(bad, texts))


def _common(
    field: ConditionField, test: Test, counts: Mapping[str, float]
) -> Iterator[CandidateCondition]:
    often = [value for value, n in counts.items() if n >= FEWEST]
    best = sorted(often, key=lambda value: (-counts[value], value))
    yield from (CandidateCondition(field=field, test=test, value=value) for value in best)


def _distinctive_words(bad: Counter[str], texts: Sequence[str]) -> Mapping[str, float]:
    """Words of corrected texts, weighted by how rare they are in other texts."""
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


def _is_exact_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or _LEAST_INT < value < _MOST_INT
