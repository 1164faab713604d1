"""Sentences on declarations, rules and accepted changes, and on what changed in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import yaml

from roadbed.kernel.figures import amount, percent
from roadbed.people.model import named

Declaration = Mapping[str, Any]
_OWN_SENTENCES = {"pod", "slices", "budget", "input", "output", "purpose", "trainable", "rollout"}
Rule = Mapping[str, str]
_MOMENTS = ("before", "after", "actions")
_FOLLOWS = ("route", "decide")
_WIDEST = 300


def declaration_changes(before: Declaration, after: Declaration) -> Iterator[str]:
    """One sentence for each part that differs; none if one of the two is not stored."""
    if not before or not after:
        return
    if before.get("purpose") != after.get("purpose"):
        yield f"The purpose is now “{after.get('purpose')}”, before “{before.get('purpose')}”."
    yield from _numbers(before, after, _PLAIN)
    yield from _budget(before.get("budget"), after.get("budget"))
    yield from _pod(before.get("pod") or {}, after.get("pod") or {})
    yield from _listed("slice", before.get("slices") or [], after.get("slices") or [])
    yield from _rollout(before.get("rollout") or {}, after.get("rollout") or {})
    for side in ("input", "output"):
        yield from _fields(side, before.get(side) or {}, after.get(side) or {})
    if before.get("trainable") != after.get("trainable"):
        learns = after.get("trainable")
        yield f"The decider {'learns from examples now' if learns else 'no longer learns'}."
    for name in sorted((set(before) | set(after)) - _OWN_SENTENCES - set(_PLAIN)):
        if before.get(name) != after.get(name):
            yield f"{_title(name)} changed from {_json(before, name)} to {_json(after, name)}."


def _moved(label: str, before: float | None, after: float | None, show: Callable[..., str]) -> str:
    """How a figure changed, for example ``Error limit lowered from 2 % to 1 %.``."""
    if before is None:
        return f"{label} set to {show(after)}; there was none."
    if after is None:
        return f"{label} taken away; it was {show(before)}."
    way = "lowered" if after < before else "raised"
    return f"{label} {way} from {show(before)} to {show(after)}."


def _seconds(value: float) -> str:
    return f"{value:g} s"


def _hours(value: float) -> str:
    return f"{value:g} h"


def _number(value: float) -> str:
    return f"{value:,g}"


_Table = Mapping[str, tuple[str, Callable[..., str]]]
_PLAIN: _Table = {
    "risk_limit": ("Error limit", percent),
    "certainty": ("Certainty", percent),
    "deadline_seconds": ("Deadline", _seconds),
    "label_within_hours": ("Time for a label of the sample", _hours),
    "approve_within_hours": ("Time for an approval", _hours),
}
_ROLLOUT: _Table = {
    "sign_off_hours": ("Time a sign-off is good for", _hours),
    "shadow_tasks": ("Tasks in shadow", _number),
    "canary_tasks": ("Tasks compared as canary", _number),
    "canary_share": ("Share of the canary", percent),
    "margin": ("Margin of the canary", percent),
}
_GATE: _Table = {
    "worse_by": ("What the gate lets it be worse by", percent),
    "slice_worse_by": ("What the gate lets a slice be worse by", percent),
    "slower_by": ("How many times slower the gate lets it be", _number),
    "dearer_by": ("How many times dearer the gate lets it be", _number),
    "fewest": ("Items the gate needs", _number),
}


def _numbers(before: Declaration, after: Declaration, table: _Table) -> Iterator[str]:
    for name, (label, show) in table.items():
        if before.get(name) != after.get(name):
            yield _moved(label, before.get(name), after.get(name), show)


def _budget(before: Declaration | None, after: Declaration | None) -> Iterator[str]:
    if before == after:
        return
    if not before or not after:
        yield "The budget was taken away." if before else f"A budget was set: {_sums(after or {})}."
        return
    for name in ("per_task", "per_month", "per_day"):
        if before.get(name) != after.get(name):
            money = after.get("currency", "")
            yield _moved(
                f"Budget {name.replace('_', ' ')}",
                before.get(name),
                after.get(name),
                lambda value, money=money: amount(value, money),
            )
    if before.get("currency") != after.get("currency"):
        yield f"The budget is in {after.get('currency')}, before in {before.get('currency')}."


def _sums(budget: Declaration) -> str:
    parts = [
        f"{amount(budget[name], budget.get('currency', ''))} {name.replace('_', ' ')}"
        for name in ("per_task", "per_day", "per_month")
        if budget.get(name) is not None
    ]
    return ", ".join(parts)


def _pod(before: Declaration, after: Declaration) -> Iterator[str]:
    for role in sorted(set(before) | set(after)):
        if before.get(role) != after.get(role):
            name = role.replace("_", " ")
            yield f"The {name} is {after.get(role, 'nobody')}, before {before.get(role, 'nobody')}."


def _listed(what: str, before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    for name in after:
        if name not in before:
            yield f"{_title(what)} {name} added."
    for name in before:
        if name not in after:
            yield f"{_title(what)} {name} removed."


def _rollout(before: Declaration, after: Declaration) -> Iterator[str]:
    if not before or not after:
        return
    if before.get("sign_offs") != after.get("sign_offs"):
        now, then = (named(rollout.get("sign_offs") or []) for rollout in (after, before))
        yield f"Signed off by {now}, before by {then}."
    yield from _numbers(before, after, _ROLLOUT)
    if before.get("sticky_by") != after.get("sticky_by"):
        yield f"A canary bucket is kept by {after.get('sticky_by') or 'the key of the task'}."
    old, new = before.get("gate") or {}, after.get("gate") or {}
    yield from _numbers(old, new, _GATE)
    checks = [[check["name"] for check in gate.get("checks") or []] for gate in (old, new)]
    yield from _listed("external check", *checks)


def _fields(side: str, before: Declaration, after: Declaration) -> Iterator[str]:
    old, new = (schema.get("properties") or {} for schema in (before, after))
    for name in new:
        if name not in old:
            yield f"The {side} has a new field {name} ({_type(new[name])})."
    for name in old:
        if name not in new:
            yield f"The {side} has no field {name} any more."
        elif old[name] != new[name]:
            kinds = _type(old[name]), _type(new[name])
            change = f": {kinds[1]}, before {kinds[0]}" if kinds[0] != kinds[1] else ""
            yield f"The {side}'s field {name} changed{change}."


def _type(schema: Declaration) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))[:200]
    if "anyOf" in schema:
        return " or ".join(_type(option) for option in schema["anyOf"])
    return str(schema.get("type") or schema.get("$ref", "anything").rpartition("/")[2])


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _json(declared: Declaration, name: str) -> str:
    return json.dumps(declared.get(name), ensure_ascii=False)[:200]


def read_rules(content: bytes | None) -> dict[str, Rule]:
    """The rules of a stored ``rules.yaml`` by name; unreadable parts are left out.

    They were validated when the version was made. Here they are only shown, never evaluated.
    """
    try:
        given = yaml.safe_load((content or b"").decode("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return {}
    rules: dict[str, Rule] = {}
    for moment in _MOMENTS:
        entries = given.get(moment) if isinstance(given, dict) else None
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict) and "name" in entry:
                rule = {"moment": moment} | {str(k): str(v) for k, v in entry.items()}
                rules[_unused_name(rules, rule["name"])] = rule
    return rules


def describe_rule(rule: Rule) -> str:
    """A rule in one line."""
    follows = next((rule[key] for key in _FOLLOWS if key in rule), "nothing")
    of = f"the action {rule['action']}" if "action" in rule else "the decider"
    place = "for" if rule["moment"] == "actions" else rule["moment"]
    return f"{place} {of}, when {rule.get('when', '?')} → {follows}"


def changed_parts(before: Rule, after: Rule) -> str:
    """The parts of a rule that changed, in one phrase."""
    names = {"when": "condition", "route": "route", "decide": "decision", "reason": "reason"}
    parts = [
        names.get(name, name)
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
    return f"{' and '.join(parts)} changed"


def describe_patch(content: Mapping[str, object]) -> str:
    """An accepted change in one line."""
    kind = content.get("kind")
    if kind == "alias":
        alias, meant = _of(content, "found"), _of(content, "meant")
        return f"Read “{alias}” as “{meant}” in {_of(content, 'field')}"
    if kind == "rule":
        then = content.get("set")
        follows = f"set {_flat(then)}" if then else "a person looks"
        return f"Where {_of(content, 'when')}, {follows}"
    if kind == "record":
        where = f"{_of(content, 'field')} of {_of(content, 'key')} in {_of(content, 'table')}"
        return f"{where} is “{_of(content, 'value')}”"
    if kind == "superseded":
        return f"{_of(content, 'by')} stands for {_of(content, 'key')} in {_of(content, 'table')}"
    if kind == "examples":
        return f"{_count(content.get('examples'))} examples chosen for the prompt"
    if kind == "prompt":
        return f"Prompt {_of(content, 'file')} rewritten"
    return f"A change of kind {kind}"


def _of(content: Mapping[str, object], name: str) -> str:
    return str(content.get(name, "?"))[:_WIDEST]


def _count(content: object) -> int:
    return len(content) if isinstance(content, list | tuple) else 0


def _flat(content: object) -> str:
    if isinstance(content, Mapping):
        return ", ".join(f"{name} to {_plain(value)}" for name, value in content.items())[:_WIDEST]
    return _plain(content)


def _plain(value: object) -> str:
    return f"“{value}”" if isinstance(value, str) else json.dumps(value, default=str)


def _unused_name(taken: Mapping[str, Rule], name: str) -> str:
    """``name``, or with a number if a rule of that name is there already."""
    unused, number = name, 2
    while unused in taken:
        unused, number = f"{name} ({number})", number + 1
    return unused
