"""Checks of patches: edited and accepted patches against the use case and its verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from roadbed.improvement.errors import ProposalEditError
from roadbed.improvement.mining.model import (
    ChangedCase,
    Draft,
    Json,
    ReviewedCase,
    Support,
    case,
    ordered,
    supported,
)
from roadbed.improvement.mining.rules import reason
from roadbed.improvement.mining.rules import titled as rule_title
from roadbed.kernel.sentences import sentence
from roadbed.usecases.errors import PatchError
from roadbed.usecases.loader import LoadedUseCase
from roadbed.usecases.parsing import UnfitError, read_form
from roadbed.usecases.patches import Patches, RulePatch, read
from roadbed.usecases.use_case import UseCase

_LONGEST = 2_000
_SAME = 0.6  # share of a rule's cases from which on it nearly duplicates another rule
_HOLDS = {
    "rule": {"when", "set", "reason"},
    "alias": {"field", "found", "meant"},
    "record": {"table", "key", "field", "value"},
    "superseded": {"table", "key", "by"},
    "examples": {"examples"},
    "prompt": {"file", "text"},
}


def unsettled(seen: Sequence[ReviewedCase], patches: Patches) -> list[ReviewedCase]:
    """Verdicts that ``patches`` do not explain, with the rules applied."""
    left = [verdict for verdict in seen if not _touched(verdict, patches)]
    return [ruled for verdict in left if (ruled := _ruled(verdict, patches.rules))]


def edited(loaded: LoadedUseCase, patch: Json, written: Json) -> Json:
    """The patch with a person's edits. Raises ``ProposalEditError`` if it does not fit."""
    holds = _HOLDS[patch["kind"]]
    if written.get("kind", patch["kind"]) != patch["kind"]:
        raise ProposalEditError(sentence("a proposal stays of its kind"))
    if unknown := set(written) - holds - {"kind", "id"}:
        raise ProposalEditError(
            sentence("it has no %(unknown)s", unknown=", ".join(sorted(unknown))[:80])
        )
    whole = {**patch, **written, "id": patch["id"], "kind": patch["kind"]}
    checked(loaded, [whole])
    told_anew = patch["kind"] == "rule" and "reason" not in written
    return {**whole, "reason": titled(whole)} if told_anew else whole


def checked(loaded: LoadedUseCase, patches: Sequence[Json]) -> Patches:
    """Validate patches against the use case. Raises ``ProposalEditError``."""
    try:
        for patch in patches:
            _CHECKS.get(patch["kind"], _texts)(loaded, patch)
        return read(loaded.declared, patches)
    except (PatchError, ValueError, TypeError, KeyError) as error:
        detail = str(error.__cause__ or error) if isinstance(error, PatchError) else str(error)
        raise ProposalEditError(detail.strip().rstrip(".").split("\n")[0][:300]) from error


def repeats(
    draft: Draft, rejected: Sequence[tuple[RulePatch, int]], seen: Sequence[ReviewedCase]
) -> bool:
    """Whether a rule nearly repeats a rejected one with less than twice its cases.

    ``rejected`` are rules, each with the cases it rested on.
    """
    if draft.kind != "rule" or draft.patch is None:
        return False
    about = {case.task_id for case in draft.cases}
    rows = [verdict for verdict in seen if verdict.task_id in about and verdict.decided is not None]
    return any(
        rule.set == draft.patch["set"]
        and draft.support.cases < 2 * cases
        and sum(_holds(rule, row) for row in rows) >= _SAME * len(rows)
        for rule, cases in rejected
    )


def recounted(
    declared: UseCase, rule: RulePatch, seen: Sequence[ReviewedCase]
) -> tuple[Support, Sequence[ChangedCase]]:
    """Effect of a rule on the verdicts. Raises ``ProposalEditError`` if it fails on one."""
    cases: list[ChangedCase] = []
    matched = right = wrong = 0
    for verdict in seen:
        if verdict.decided is None or not _applies(rule, verdict):
            continue
        matched += 1
        after = None if rule.set is None else _output(declared, {**verdict.decided, **rule.set})
        if rule.set is not None and after == verdict.decided:
            continue
        wrong += verdict.wrong
        right += verdict.wrong if rule.set is None else after == verdict.right
        cases.append(case(verdict, after))
    support = supported(cases=len(cases), right=right, wrong_now=wrong, matched=matched)
    return support, ordered(cases)


def titled(patch: Json) -> str:
    """An edited rule in one sentence."""
    return rule_title(patch["when"], patch["set"])


def reasoned(patch: Json, support: Support) -> str:
    """The support of an edited rule in one sentence."""
    return reason(support.cases, support.right, support.wrong_now, looks=patch["set"] is None)


def _touched(seen: ReviewedCase, patches: Patches) -> bool:
    texts = {name: value for name, value in seen.input.items() if isinstance(value, str)}
    return (
        any(texts.get(alias.field) == alias.found for alias in patches.aliases)
        or any(record.key in texts.values() for record in patches.records)
        or any(record.key in texts.values() for record in patches.superseded)
    )


def _ruled(seen: ReviewedCase, rules: Sequence[RulePatch]) -> ReviewedCase | None:
    """The case after ``rules``; ``None`` if one of them sends it to review."""
    for rule in rules:
        if seen.decided is None:
            break
        if not _holds(rule, seen):
            continue
        if rule.set is None:
            return None
        seen = replace(seen, decided={**seen.decided, **rule.set})
    return seen


def _applies(rule: RulePatch, seen: ReviewedCase) -> bool:
    facts = {"input": seen.input, "output": seen.decided, "confidence": float(seen.confidence)}
    try:
        applies = rule.program.execute(facts)
    except Exception as error:
        raise ProposalEditError(
            sentence(
                "the condition fails on task %(task_id)s: %(error)s",
                task_id=seen.task_id,
                error=error,
            )
        ) from error
    if not isinstance(applies, bool):
        raise ProposalEditError(sentence("the condition does not answer yes or no"))
    return applies


def _holds(rule: RulePatch, seen: ReviewedCase) -> bool:
    try:
        return _applies(rule, seen)
    except ProposalEditError:
        return False


def _output(declared: UseCase, content: Json) -> Json:
    try:
        return read_form(declared.output, content).form
    except UnfitError as error:
        raise ProposalEditError(str(error)) from error


def _rule(loaded: LoadedUseCase, patch: Json) -> None:
    if not isinstance(patch["when"], str) or not 0 < len(patch["when"]) <= _LONGEST:
        raise ValueError(f"the condition is no text of at most {_LONGEST:,} characters")
    if patch["set"] is None:
        return
    if not isinstance(patch["set"], Mapping) or not patch["set"]:
        raise ValueError("set is neither an object of output fields nor null")
    fields = loaded.declared.output.model_fields
    for name, value in patch["set"].items():
        if name not in fields:
            raise ValueError(f"the output has no field {str(name)[:60]!r}")
        try:
            _adapter(fields[name]).validate_python(value)
        except ValidationError as error:
            raise ValueError(f"{name}: {_first(error)}") from error


def _adapter(field: FieldInfo) -> TypeAdapter[Any]:
    annotated: Any = Annotated[field.annotation, field]
    return TypeAdapter(annotated)


def _record(loaded: LoadedUseCase, patch: Json) -> None:
    _texts(loaded, patch)
    table = loaded.records.get(patch["table"])
    if table is None:
        raise ValueError(f"there is no data/{patch['table']}.csv")
    for key in (patch["key"], patch.get("by", patch["key"])):
        if key not in table:
            raise ValueError(f"data/{patch['table']}.csv has no record {key!r}")
    if patch["kind"] == "record" and patch["field"] not in table[patch["key"]]:
        raise ValueError(f"data/{patch['table']}.csv has no column {patch['field']!r}")


def _texts(_: LoadedUseCase, patch: Json) -> None:
    for name in _HOLDS[patch["kind"]] - {"examples", "text"}:
        value = patch[name]
        if not isinstance(value, str) or not 0 < len(value) <= _LONGEST or "\0" in value:
            raise ValueError(f"{name} is no text of at most {_LONGEST:,} characters")


def _examples(loaded: LoadedUseCase, patch: Json) -> None:
    for example in patch["examples"]:
        try:
            read_form(loaded.declared.input, example["input"])
            if example["output"] is not None:
                read_form(loaded.declared.output, example["output"])
        except UnfitError as error:
            raise ValueError(f"an example does not fit: {error}") from error


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")


_CHECKS = {"rule": _rule, "record": _record, "superseded": _record, "examples": _examples}
