"""Sentences on declarations, rules and accepted changes, and on what changed in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

import yaml

from roadbed.kernel.figures import amount, percent
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later, localised, several
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
        told = {"now": after.get("purpose"), "before": before.get("purpose")}
        yield _("The purpose is now “%(now)s”, before “%(before)s”.") % told
    yield from _numbers(before, after, _PLAIN)
    yield from _budget(before.get("budget"), after.get("budget"))
    yield from _pod(before.get("pod") or {}, after.get("pod") or {})
    yield from _listed(_SLICES, before.get("slices") or [], after.get("slices") or [])
    yield from _rollout(before.get("rollout") or {}, after.get("rollout") or {})
    for side in ("input", "output"):
        yield from _fields(side, before.get(side) or {}, after.get(side) or {})
    if before.get("trainable") != after.get("trainable"):
        learns = after.get("trainable")
        yield (
            _("The decider learns from examples now.")
            if learns
            else _("The decider no longer learns.")
        )
    for name in sorted((set(before) | set(after)) - _OWN_SENTENCES - set(_PLAIN)):
        if before.get(name) != after.get(name):
            told = {
                "name": _title(name),
                "before": _json(before, name),
                "now": _json(after, name),
            }
            yield _("%(name)s changed from %(before)s to %(now)s.") % told


def _moved(label: str, before: float | None, after: float | None, show: Callable[..., str]) -> str:
    """How a figure changed, for example ``Error limit lowered from 2 % to 1 %.``."""
    told = {"what": _(label), "now": show(after) if after is not None else ""}
    if before is None:
        return _("%(what)s set to %(now)s; there was none.") % told
    told["before"] = show(before)
    if after is None:
        return _("%(what)s taken away; it was %(before)s.") % told
    if after < before:
        return _("%(what)s lowered from %(before)s to %(now)s.") % told
    return _("%(what)s raised from %(before)s to %(now)s.") % told


def _seconds(value: float) -> str:
    return _("%(n)s s") % {"n": localised(f"{value:g}")}


def _hours(value: float) -> str:
    return _("%(n)s h") % {"n": localised(f"{value:g}")}


def _number(value: float) -> str:
    return localised(f"{value:,g}")


_Table = Mapping[str, tuple[str, Callable[..., str]]]
_PLAIN: _Table = {
    "risk_limit": (later("Error limit"), percent),
    "certainty": (later("Certainty"), percent),
    "deadline_seconds": (later("Deadline"), _seconds),
    "label_within_hours": (later("Time for a label of the sample"), _hours),
    "approve_within_hours": (later("Time for an approval"), _hours),
}
_ROLLOUT: _Table = {
    "sign_off_hours": (later("Time a sign-off is good for"), _hours),
    "shadow_tasks": (later("Tasks in shadow"), _number),
    "canary_tasks": (later("Tasks compared as canary"), _number),
    "canary_share": (later("Share of the canary"), percent),
    "margin": (later("Margin of the canary"), percent),
}
_GATE: _Table = {
    "worse_by": (later("What the gate lets it be worse by"), percent),
    "slice_worse_by": (later("What the gate lets a slice be worse by"), percent),
    "slower_by": (later("How many times slower the gate lets it be"), _number),
    "dearer_by": (later("How many times dearer the gate lets it be"), _number),
    "fewest": (later("Items the gate needs"), _number),
}


def _numbers(before: Declaration, after: Declaration, table: _Table) -> Iterator[str]:
    for name, (label, show) in table.items():
        if before.get(name) != after.get(name):
            yield _moved(label, before.get(name), after.get(name), show)


def _budget(before: Declaration | None, after: Declaration | None) -> Iterator[str]:
    if before == after:
        return
    if not before or not after:
        message = _("The budget was taken away.") if before else _("A budget was set: %(sums)s.")
        yield message % {"sums": _sums(after or {})}
        return
    for name, label in _BUDGET.items():
        if before.get(name) != after.get(name):
            money = after.get("currency", "")
            yield _moved(
                label,
                before.get(name),
                after.get(name),
                lambda value, money=money: amount(value, money),
            )
    if before.get("currency") != after.get("currency"):
        told = {"now": after.get("currency"), "before": before.get("currency")}
        yield _("The budget is in %(now)s, before in %(before)s.") % told


def _sums(budget: Declaration) -> str:
    parts = [
        _(message) % {"amount": amount(budget[name], budget.get("currency", ""))}
        for name, message in _SUMS.items()
        if budget.get(name) is not None
    ]
    return ", ".join(parts)


_BUDGET = {
    "per_task": later("Budget per task"),
    "per_month": later("Budget per month"),
    "per_day": later("Budget per day"),
}
_SUMS = {
    "per_task": later("%(amount)s per task"),
    "per_day": later("%(amount)s per day"),
    "per_month": later("%(amount)s per month"),
}


def _pod(before: Declaration, after: Declaration) -> Iterator[str]:
    for role in sorted(set(before) | set(after)):
        if before.get(role) != after.get(role):
            told = {
                "role": named([role]),
                "now": after.get(role) or _("nobody"),
                "before": before.get(role) or _("nobody"),
            }
            yield _("The %(role)s is %(now)s, before %(before)s.") % told


def _listed(
    messages: tuple[str, str], before: Sequence[str], after: Sequence[str]
) -> Iterator[str]:
    """``messages`` say of a name that it was added, and that it was removed."""
    added, removed = messages
    for name in after:
        if name not in before:
            yield _(added) % {"name": name}
    for name in before:
        if name not in after:
            yield _(removed) % {"name": name}


_SLICES = (later("Slice %(name)s added."), later("Slice %(name)s removed."))
_CHECKS = (later("External check %(name)s added."), later("External check %(name)s removed."))


def _rollout(before: Declaration, after: Declaration) -> Iterator[str]:
    if not before or not after:
        return
    if before.get("sign_offs") != after.get("sign_offs"):
        now, then = (named(rollout.get("sign_offs") or []) for rollout in (after, before))
        yield _("Signed off by %(now)s, before by %(before)s.") % {"now": now, "before": then}
    yield from _numbers(before, after, _ROLLOUT)
    if before.get("sticky_by") != after.get("sticky_by"):
        key = after.get("sticky_by") or _("the key of the task")
        yield _("A canary bucket is kept by %(key)s.") % {"key": key}
    old, new = before.get("gate") or {}, after.get("gate") or {}
    yield from _numbers(old, new, _GATE)
    checks = [[check["name"] for check in gate.get("checks") or []] for gate in (old, new)]
    yield from _listed(_CHECKS, *checks)


def _fields(side: str, before: Declaration, after: Declaration) -> Iterator[str]:
    old, new = (schema.get("properties") or {} for schema in (before, after))
    messages = _FIELDS[side]
    for name in new:
        if name not in old:
            yield _(messages.new) % {"name": name, "type": _type(new[name])}
    for name in old:
        if name not in new:
            yield _(messages.gone) % {"name": name}
        elif old[name] != new[name]:
            told = {"name": name, "now": _type(new[name]), "before": _type(old[name])}
            other_type = told["now"] != told["before"]
            yield _(messages.of_type if other_type else messages.changed) % told


class _Fields(NamedTuple):
    """The messages about a field of one side."""

    new: str
    gone: str
    changed: str
    of_type: str


_FIELDS = {
    "input": _Fields(
        new=later("The input has a new field %(name)s (%(type)s)."),
        gone=later("The input has no field %(name)s any more."),
        changed=later("The input's field %(name)s changed."),
        of_type=later("The input's field %(name)s changed: %(now)s, before %(before)s."),
    ),
    "output": _Fields(
        new=later("The output has a new field %(name)s (%(type)s)."),
        gone=later("The output has no field %(name)s any more."),
        changed=later("The output's field %(name)s changed."),
        of_type=later("The output's field %(name)s changed: %(now)s, before %(before)s."),
    ),
}


def _type(schema: Declaration) -> str:
    if "enum" in schema:
        return _("one of %(values)s") % {"values": ", ".join(map(str, schema["enum"]))[:200]}
    if "anyOf" in schema:
        return reduce(
            lambda first, last: _("%(first)s or %(last)s") % {"first": first, "last": last},
            map(_type, schema["anyOf"]),
        )
    if "type" not in schema and "$ref" not in schema:
        return _("anything")
    return str(schema.get("type") or schema["$ref"].rpartition("/")[2])


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
    message = _(_RULES.get((rule["moment"], "action" in rule), _OF_DECIDER))
    return message % {
        "moment": rule["moment"],
        "action": rule.get("action", ""),
        "when": rule.get("when", "?"),
        "follows": next((rule[key] for key in _FOLLOWS if key in rule), _("nothing")),
    }


# By the moment of a rule, and whether it is about an action.
_OF_DECIDER = later("%(moment)s the decider, when %(when)s → %(follows)s")
_RULES = {
    ("before", False): later("before the decider, when %(when)s → %(follows)s"),
    ("after", False): later("after the decider, when %(when)s → %(follows)s"),
    ("actions", False): later("for the decider, when %(when)s → %(follows)s"),
    ("before", True): later("before the action %(action)s, when %(when)s → %(follows)s"),
    ("after", True): later("after the action %(action)s, when %(when)s → %(follows)s"),
    ("actions", True): later("for the action %(action)s, when %(when)s → %(follows)s"),
}


def changed_parts(before: Rule, after: Rule) -> str:
    """The parts of a rule that changed, in one phrase."""
    parts = [
        _(_PARTS[name]) if name in _PARTS else name
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
    told = reduce(
        lambda first, last: _("%(first)s and %(last)s") % {"first": first, "last": last}, parts
    )
    return _("%(parts)s changed") % {"parts": told}


_PARTS = {
    "when": later("condition"),
    "route": later("route"),
    "decide": later("decision"),
    "reason": later("reason"),
}


def describe_patch(content: Mapping[str, object]) -> str:
    """An accepted change in one line."""
    kind = content.get("kind")
    if kind == "alias":
        alias, meant = _of(content, "found"), _of(content, "meant")
        told = {"found": alias, "meant": meant, "field": _of(content, "field")}
        return _("Read “%(found)s” as “%(meant)s” in %(field)s") % told
    if kind == "rule":
        then = content.get("set")
        told = {"when": _of(content, "when"), "values": _flat(then)}
        if then:
            return _("Where %(when)s, set %(values)s") % told
        return _("Where %(when)s, a person looks") % told
    if kind == "record":
        names = ("field", "key", "table", "value")
        told = {name: _of(content, name) for name in names}
        return _("%(field)s of %(key)s in %(table)s is “%(value)s”") % told
    if kind == "superseded":
        told = {name: _of(content, name) for name in ("by", "key", "table")}
        return _("%(by)s stands for %(key)s in %(table)s") % told
    if kind == "examples":
        message = _("%(n)s examples chosen for the prompt")
        return message % {"n": _count(content.get("examples"))}
    if kind == "corrected_answers":
        count = _count(content.get("answers"))
        return several("%(n)s corrected answer", "%(n)s corrected answers", count)
    if kind == "prompt":
        return _("Prompt %(file)s rewritten") % {"file": _of(content, "file")}
    return _("A change of kind %(kind)s") % {"kind": kind}


def _of(content: Mapping[str, object], name: str) -> str:
    return str(content.get(name, "?"))[:_WIDEST]


def _count(content: object) -> int:
    return len(content) if isinstance(content, list | tuple) else 0


def _flat(content: object) -> str:
    if isinstance(content, Mapping):
        message = _("%(name)s to %(value)s")
        parts = [message % {"name": name, "value": _plain(content[name])} for name in content]
        return ", ".join(parts)[:_WIDEST]
    return _plain(content)


def _plain(value: object) -> str:
    return f"“{value}”" if isinstance(value, str) else json.dumps(value, default=str)


def _unused_name(taken: Mapping[str, Rule], name: str) -> str:
    """``name``, or with a number if a rule of that name is there already."""
    unused, number = name, 2
    while unused in taken:
        unused, number = f"{name} ({number})", number + 1
    return unused
