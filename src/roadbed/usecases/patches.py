"""Patches: accepted changes outside the code: rules, aliases, records, examples, prompts.

Corrected answers are among them for use cases with a library.

A patch changes what a version does without a change of its folder. The patches of a version are one
of its artifacts, ``patches.json``, so they are part of its hash. ``Patched`` wraps the decider with
them, so that live traffic, the gate, the certificate and a replay all see the same behaviour.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from pydantic import BaseModel

from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.usecases.conditions import Condition, compiled
from roadbed.usecases.corrected_answers import CorrectedAnswer, read_corrected
from roadbed.usecases.decider import (
    Answer,
    Context,
    FunctionDecider,
    LabelledExample,
    OutOfFold,
    Records,
    Trainable,
    Unsure,
    needs_of,
)
from roadbed.usecases.errors import PatchError
from roadbed.usecases.parsing import UnfitError, read_stored, written
from roadbed.usecases.use_case import UseCase

ARTIFACT = "patches.json"
_SEES = {"input", "output", "confidence"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Alias:
    """``found`` in the input's ``field`` means ``meant``."""

    id: str
    field: str
    found: str
    meant: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RulePatch:
    """Where ``when`` (CEL) holds, ``set`` replaces fields of the output.

    Without ``set`` a person looks.
    """

    id: str
    when: str
    set: Mapping[str, Any] | None
    reason: str
    program: Condition = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordPatch:
    """In reference table ``table``, record ``key`` has ``value`` as its ``field``."""

    id: str
    table: str
    key: str
    field: str
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Superseded:
    """In reference table ``table``, ``by`` replaces record ``key``."""

    id: str
    table: str
    key: str
    by: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Patches:
    """All that was accepted, in the order of acceptance."""

    aliases: tuple[Alias, ...] = ()
    rules: tuple[RulePatch, ...] = ()
    records: tuple[RecordPatch, ...] = ()
    superseded: tuple[Superseded, ...] = ()
    examples: tuple[Mapping[str, Any], ...] = ()
    prompts: Mapping[str, str] = field(default_factory=dict)
    corrected: tuple[CorrectedAnswer, ...] = ()


# Any: stored JSON, checked here; what does not fit raises ``PatchError``.
def read(declared: UseCase, content: Sequence[Mapping[str, Any]]) -> Patches:
    """Patches from their JSON, checked against the models. Raises ``PatchError``."""
    by_kind: dict[str, list[Any]] = {"alias": [], "rule": [], "record": [], "superseded": []}
    examples: list[Mapping[str, Any]] = []
    prompts: dict[str, str] = {}
    corrected: list[CorrectedAnswer] = []
    for patch in content:
        try:
            kind, rest = patch["kind"], {k: v for k, v in patch.items() if k != "kind"}
            if kind == "examples":
                examples = list(rest["examples"])  # the newest choice replaces the one before
            elif kind == "corrected_answers":
                corrected = [read_corrected(answer) for answer in rest["answers"]]
            elif kind == "prompt":
                prompts[rest["file"]] = rest["text"]
            else:
                by_kind[kind].append(_MAKE[kind](declared, rest))
        except (KeyError, TypeError, ValueError) as error:
            raise PatchError(str(patch.get("id", "?")), str(error)) from error
    return Patches(
        aliases=tuple(by_kind["alias"]),
        rules=tuple(by_kind["rule"]),
        records=tuple(by_kind["record"]),
        superseded=tuple(by_kind["superseded"]),
        examples=tuple(examples),
        prompts=prompts,
        corrected=tuple(corrected),
    )


def loads(declared: UseCase, files: Mapping[str, bytes]) -> Patches:
    """The patches among a version's artifacts; none if there are none. Raises ``PatchError``."""
    data = files.get(ARTIFACT)
    return read(declared, json.loads(data)) if data else Patches()


def dumps(content: Sequence[Mapping[str, object]]) -> Mapping[str, bytes]:
    """The artifact of these patches; nothing for none, so that an unpatched hash stays."""
    if not content:
        return {}
    return {ARTIFACT: json.dumps(list(content), sort_keys=True, ensure_ascii=False).encode()}


def patched(
    decider: FunctionDecider | Trainable, patches: Patches, declared: UseCase, records: Records
) -> FunctionDecider | Trainable:
    """``decider`` wrapped with its patches; the decider itself if there are none."""
    if patches == Patches() and not (records or declared.prompts):
        return decider
    around = _Around(patches, declared, _mended(records, patches))
    if declared.trainable is not None:
        return PatchedTrainable(decider, around)  # type: ignore[arg-type]  # told by the declaration
    if inspect.iscoroutinefunction(decider) or inspect.iscoroutinefunction(
        getattr(decider, "__call__", None)  # noqa: B004  # an object with an async __call__
    ):
        return around.coroutine(decider)
    return around.plain(decider)  # type: ignore[arg-type]  # told by the declaration


class PatchedTrainable:
    """A trainable that sees patched inputs and whose answers are patched."""

    def __init__(self, inner: Trainable, around: _Around) -> None:
        self._inner = inner
        self._around = around

    def fit(self, examples: Sequence[LabelledExample], *, seed: int) -> Self:
        changed = [
            LabelledExample(input=self._around.input(example.input)[0], output=example.output)
            for example in examples
        ]
        return type(self)(self._inner.fit(changed, seed=seed), self._around)

    @property
    def out_of_fold(self) -> OutOfFold:
        return self._inner.out_of_fold

    def decide_many(self, inputs: Sequence[BaseModel]) -> Sequence[Answer[BaseModel] | Unsure]:
        changed = [self._around.input(input_) for input_ in inputs]
        answers = self._inner.decide_many([input_ for input_, _ in changed])
        return [
            self._around.answer(answer, seen, done)
            for answer, (seen, done) in zip(answers, changed, strict=True)
        ]

    def save(self) -> Mapping[str, bytes]:
        return self._inner.save()

    def load(self, files: Mapping[str, bytes]) -> Self:
        return type(self)(self._inner.load(files), self._around)

    def __getattr__(self, name: str) -> Any:
        # Attributes of a decider outside the contract: kinds, labels.
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._inner, name)


class _Around:
    """Patches an input before, and an answer after."""

    def __init__(self, patches: Patches, declared: UseCase, records: Records) -> None:
        self._patches = patches
        self._declared = declared
        self._records = records
        self._aliases = {(alias.field, alias.found): alias for alias in patches.aliases}

    def input(self, input: BaseModel) -> tuple[BaseModel, list[str]]:
        """The input with aliases replaced, and a sentence for each replacement."""
        done: list[str] = []
        changes: dict[str, Any] = {}
        for name in {alias.field for alias in self._patches.aliases}:
            value = getattr(input, name, None)
            alias = self._aliases.get((name, value)) if isinstance(value, str) else None
            if alias:
                changes[name] = alias.meant
                done.append(f"{name}: {alias.found!r} read as {alias.meant!r} ({alias.id})")
        return (input.model_copy(update=changes) if changes else input), done

    def answer(
        self, answer: Answer[BaseModel] | Unsure, input: BaseModel, done: list[str]
    ) -> Answer[BaseModel] | Unsure:
        """The answer after the rules, with the changes added to its evidence."""
        if isinstance(answer, Answer) and isinstance(answer.output, BaseModel):
            for rule in self._patches.rules:
                answer = self._ruled(answer, rule, input, done)
                if isinstance(answer, Unsure):
                    break
        if not done or not isinstance(answer, Answer | Unsure):
            return answer
        return replace(answer, evidence={**answer.evidence, "patched": done})

    def context(self, context: Context) -> Context:
        """The decider's context, with the accepted changes."""
        return replace(
            context,
            records=self._records,
            prompts={**self._declared.prompts, **self._patches.prompts},
            examples=self._patches.examples,
        )

    def plain(self, function: FunctionDecider) -> FunctionDecider:
        def decide(input: BaseModel, context: Context) -> Answer[BaseModel] | Unsure:
            changed, done = self.input(input)
            given: Any = function(changed, self.context(context))
            return self.answer(given, changed, done)

        return self._described(decide, function)

    def coroutine(self, function: Any) -> FunctionDecider:
        async def decide(input: BaseModel, context: Context) -> Answer[BaseModel] | Unsure:
            changed, done = self.input(input)
            return self.answer(await function(changed, self.context(context)), changed, done)

        return self._described(decide, function)

    def _described(self, around: Any, inner: object) -> FunctionDecider:
        """A wrapper has the needs of its decider, and says what the version keeps."""
        around.needs = needs_of(inner)
        around.corrected = self._patches.corrected
        decide: FunctionDecider = around
        return decide

    def _ruled(
        self, answer: Answer[BaseModel], rule: RulePatch, input: BaseModel, done: list[str]
    ) -> Answer[BaseModel] | Unsure:
        output = written(answer.output)
        facts = {
            "input": written(input),
            "output": output,
            "confidence": float(answer.confidence),
        }
        try:
            applies = rule.program.execute(facts)
        except Exception as error:
            return self._doubtful(
                answer,
                stored_sentence(
                    "the accepted rule %(rule)s failed: %(error)s", rule=rule.id, error=error
                ),
            )
        if applies is not True:
            return answer
        done.append(f"{rule.reason} ({rule.id})")
        if rule.set is None:
            return self._doubtful(answer, rule.reason)
        try:
            changed = read_stored(self._declared.output, {**output, **rule.set}).value
        except UnfitError as error:
            return self._doubtful(
                answer,
                stored_sentence(
                    "the accepted rule %(rule)s does not fit: %(error)s", rule=rule.id, error=error
                ),
            )
        return replace(answer, output=changed)

    @staticmethod
    def _doubtful(answer: Answer[BaseModel], reason: str) -> Unsure:
        """Send to a person; answer and cost of the decider are kept."""
        return Unsure(reason=reason, evidence=answer.evidence, cost=answer.cost)


def _mended(records: Records, patches: Patches) -> Records:
    """The reference tables with wrong values replaced and superseded records redirected."""
    tables = {name: dict(table) for name, table in records.items()}
    for record in patches.records:
        table = tables.get(record.table, {})
        if record.key in table:
            table[record.key] = {**table[record.key], record.field: record.value}
    for old in patches.superseded:
        table = tables.get(old.table, {})
        if old.key in table and old.by in table:
            table[old.key] = table[old.by]
    return tables


def _alias(declared: UseCase, content: Mapping[str, Any]) -> Alias:
    if content["field"] not in declared.input.model_fields:
        raise ValueError(f"the input has no field {content['field']!r}")
    return Alias(**content)


def _rule(declared: UseCase, content: Mapping[str, Any]) -> RulePatch:
    names = set(declared.output.model_fields)
    if unknown := set(content["set"] or {}) - names:
        raise ValueError(f"the output has no field {sorted(unknown)}")
    return RulePatch(program=compiled(content["when"], _SEES), **content)


_MAKE: Mapping[str, Callable[[UseCase, Mapping[str, Any]], object]] = {
    "alias": _alias,
    "rule": _rule,
    "record": lambda _, content: RecordPatch(**content),
    "superseded": lambda _, content: Superseded(**content),
}
