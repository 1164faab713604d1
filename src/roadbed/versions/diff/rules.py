"""Rules and accepted changes as a reader takes them in: by name, condition and what follows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

Rule = Mapping[str, str]
_MOMENTS = ("before", "after", "actions")
_FOLLOWS = ("route", "decide")
_WIDEST = 300


def read(content: bytes | None) -> dict[str, Rule]:
    """The rules of a stored ``rules.yaml`` by name; what cannot be read is left out.

    They were checked when the version was made; here they are only shown, never evaluated.
    """
    try:
        given = yaml.safe_load((content or b"").decode("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return {}
    found: dict[str, Rule] = {}
    for moment in _MOMENTS:
        entries = given.get(moment) if isinstance(given, dict) else None
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict) and "name" in entry:
                rule = {"moment": moment} | {str(k): str(v) for k, v in entry.items()}
                found[_free(found, rule["name"])] = rule
    return found


def said(rule: Rule) -> str:
    """What it says in a line."""
    follows = next((rule[item] for item in _FOLLOWS if item in rule), "nothing")
    of = f"the action {rule['action']}" if "action" in rule else "the decider"
    place = "for" if rule["moment"] == "actions" else rule["moment"]
    return f"{place} {of}, when {rule.get('when', '?')} → {follows}"


def moved(before: Rule, after: Rule) -> str:
    """Which parts of it changed."""
    names = {"when": "condition", "route": "route", "decide": "decision", "reason": "reason"}
    parts = [
        names.get(name, name)
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
    return f"{' and '.join(parts)} changed"


def patch(content: Mapping[str, Any]) -> str:
    """An accepted change in a line."""
    kind = content.get("kind")
    if kind == "alias":
        found, meant = _of(content, "found"), _of(content, "meant")
        return f"Read “{found}” as “{meant}” in {_of(content, 'field')}"
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
        return f"{len(content.get('examples') or [])} examples chosen for the prompt"
    if kind == "prompt":
        return f"Prompt {_of(content, 'file')} rewritten"
    return f"A change of kind {kind}"


def _of(content: Mapping[str, Any], name: str) -> str:
    return str(content.get(name, "?"))[:_WIDEST]


def _flat(content: object) -> str:
    if isinstance(content, Mapping):
        return ", ".join(f"{name} to {_plain(value)}" for name, value in content.items())[:_WIDEST]
    return _plain(content)


def _plain(value: object) -> str:
    return f"“{value}”" if isinstance(value, str) else json.dumps(value, default=str)


def _free(taken: Mapping[str, Rule], name: str) -> str:
    """Two rules of one name are two rules."""
    found, number = name, 2
    while found in taken:
        found, number = f"{name} ({number})", number + 1
    return found
