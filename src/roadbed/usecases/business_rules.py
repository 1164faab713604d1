"""Business rules: what ``rules.yaml`` decides before and after the decider.

A rule before or after the decider can only stop an answer: it sends the task to a person, or
refuses it. A rule for an action allows it, asks a person, or refuses it; without a rule a person is
asked. Conditions are CEL. If a condition fails on a task, the task goes to a person; an error never
lets anything through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from roadbed.kernel.sentences import sentence
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.usecases.conditions import Condition, compiled
from roadbed.usecases.errors import Problem, UseCaseError

Route = Literal["review", "refused"]
_SEES = {
    "before": {"input"},
    "after": {"input", "output", "confidence"},
    "actions": {"input", "output", "confidence", "action"},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One condition with what follows from it."""

    name: str
    when: str
    route: Route
    reason: str
    program: Condition = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionRule:
    """When an action is let through, put before a person, or refused."""

    name: str
    action: str
    when: str
    decide: Literal["allow", "review", "refuse"]
    reason: str
    program: Condition = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fired:
    """A rule that applied to a task; ``failed`` when its condition could not be evaluated."""

    rule: str
    route: Route
    reason: str
    failed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class BusinessRules:
    """The rules of one use case, in the order written: the first that fires decides."""

    before: tuple[Rule, ...] = ()
    after: tuple[Rule, ...] = ()
    actions: tuple[ActionRule, ...] = ()

    def check_before(self, input: Mapping[str, object]) -> Fired | None:
        """The first rule that holds this input back."""
        return _first(self.before, {"input": input})

    def check_after(
        self, input: Mapping[str, object], output: Mapping[str, object], confidence: float
    ) -> Fired | None:
        """The first rule that holds this answer back."""
        return _first(self.after, {"input": input, "output": output, "confidence": confidence})

    def decide_action(
        self, name: str, arguments: Mapping[str, object], facts: Mapping[str, object]
    ) -> tuple[str, str]:
        """``allow``, ``review`` or ``refuse`` for a proposed action, and why."""
        for rule in self.actions:
            if rule.action != name:
                continue
            try:
                applies = rule.program.execute({**facts, "action": dict(arguments)})
            except Exception as error:
                return "review", _failed(rule, error)
            if not isinstance(applies, bool):  # it may be the rule that refuses
                return "review", _vague(rule)
            if applies:
                return rule.decide, rule.reason
        return "review", stored_sentence("no rule allows it by itself")


def _failed(rule: Rule | ActionRule, error: Exception) -> str:
    return stored_sentence(
        "the rule %(name)r could not be evaluated: %(error)s", name=rule.name, error=error
    )


def _vague(rule: Rule | ActionRule) -> str:
    return stored_sentence("the rule %(name)r did not answer yes or no", name=rule.name)


def _first(rules: tuple[Rule, ...], facts: Mapping[str, object]) -> Fired | None:
    for rule in rules:
        try:
            applies = rule.program.execute(dict(facts))
        except Exception as error:
            return Fired(
                rule=rule.name,
                route="review",
                failed=True,
                reason=_failed(rule, error),
            )
        if not isinstance(applies, bool):
            return Fired(
                rule=rule.name,
                route="review",
                failed=True,
                reason=_vague(rule),
            )
        if applies:
            return Fired(rule=rule.name, route=rule.route, reason=rule.reason)
    return None


def read_rules(path: Path) -> BusinessRules:
    """The rules in ``path``, none when there is no such file. Raises ``UseCaseError``."""
    if not path.exists():
        return BusinessRules()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise UseCaseError(
            path.parent.name,
            [
                Problem(
                    file=path,
                    line=mark.line + 1 if mark else 1,
                    problem=sentence("This is no YAML."),
                    remedy=sentence("Correct this line; see docs/reference/rules.md."),
                )
            ],
        ) from error
    by_moment: dict[str, list[Any]] = {moment: [] for moment in _SEES}
    problems: list[Problem] = []
    for rule in _rules(content or {}, path):
        if isinstance(rule, Problem):
            problems.append(rule)
        else:
            by_moment[rule[0]].append(rule[1])
    if problems:
        raise UseCaseError(path.parent.name, problems)
    return BusinessRules(**{moment: tuple(rules) for moment, rules in by_moment.items()})


def _rules(content: object, path: Path) -> Iterator[tuple[str, Rule | ActionRule] | Problem]:
    if not isinstance(content, dict) or set(content) - set(_SEES):
        yield Problem(
            file=path,
            problem=sentence("It must hold the lists before:, after: and actions:, nothing else."),
            remedy=sentence("See docs/reference/rules.md."),
        )
        return
    for moment, sees in _SEES.items():
        for number, entry in enumerate(content.get(moment) or [], 1):
            try:
                rule = _action_rule if moment == "actions" else _rule
                yield moment, rule(entry, sees)
            except ValueError as error:
                yield Problem(
                    file=path,
                    problem=sentence(
                        "Rule %(number)s under %(moment)s: %(error)s.",
                        number=number,
                        moment=moment,
                        error=error,
                    ),
                    remedy=sentence(
                        "A rule has name, when (CEL), route (review or refused) and reason; "
                        "one for an action has name, action, when, decide and reason."
                    ),
                )


def _rule(entry: object, sees: set[str]) -> Rule:
    if not isinstance(entry, dict) or set(entry) != {"name", "when", "route", "reason"}:
        raise ValueError("it needs exactly name, when, route and reason")
    if entry["route"] not in ("review", "refused"):
        raise ValueError(f"the route {entry['route']!r} is neither review nor refused")
    return Rule(
        name=str(entry["name"]),
        when=str(entry["when"]),
        route=entry["route"],
        reason=str(entry["reason"]),
        program=compiled(entry["when"], sees),
    )


def _action_rule(entry: object, sees: set[str]) -> ActionRule:
    if not isinstance(entry, dict) or set(entry) != {"name", "action", "when", "decide", "reason"}:
        raise ValueError("it needs exactly name, action, when, decide and reason")
    if entry["decide"] not in ("allow", "review", "refuse"):
        raise ValueError(f"it decides {entry['decide']!r}, not allow, review or refuse")
    return ActionRule(
        name=str(entry["name"]),
        action=str(entry["action"]),
        when=str(entry["when"]),
        decide=entry["decide"],
        reason=str(entry["reason"]),
        program=compiled(entry["when"], sees),
    )
