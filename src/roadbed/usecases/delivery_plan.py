"""Delivery plan: checks of declared destinations and actions, and the deliveries of one result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from roadbed.kernel.sentences import Sentence, sentence
from roadbed.usecases import placeholders
from roadbed.usecases.conditions import Condition, compiled
from roadbed.usecases.declaration import Declaration
from roadbed.usecases.destinations import ActionKind, Destination, Effect
from roadbed.usecases.errors import Problem

_SEES = {"input", "output", "task", "decision"}
_KNOWN = ("task.id", "task.key", "input.", "output.", "action.", "delivery.id", "decision.")
_VERBS = ("send", "look_up", "compensate", "problems")


def destination_problems(declared: Declaration, destination: Destination) -> list[Problem]:
    """Every mistake in one ``deliver``."""
    return [
        *_name(declared, destination.name),
        *_connector(destination.name, destination.to),
        *_template(declared, "key", destination.key),
        *(
            _template(declared, "in_order_of", destination.in_order_of)
            if destination.in_order_of
            else ()
        ),
        *_condition(destination.when),
        *_after(declared, destination),
    ]


def action_problems(declared: Declaration, action: ActionKind) -> list[Problem]:
    """Every mistake in one ``action``."""
    return [
        *_name(declared, action.name),
        *_connector(action.name, action.to),
        *_template(declared, "key", action.key),
        *_needed(declared, action),
        *_effect(action),
    ]


def condition(text: str) -> Condition:
    """A compiled ``when``. Raises ``ValueError``."""
    return compiled(text, _SEES)


def plan(declared: Declaration) -> list[dict[str, object]]:
    """The deliveries that a result gives rise to, in order; ``after`` is a place in this list."""
    places = {name: number for number, name in enumerate(declared.destinations)}
    return [
        {
            "n": places[destination.name],
            "destination": destination.name,
            "after": places[destination.after] if destination.after else None,
        }
        for destination in declared.destinations.values()
    ]


def _name(declared: Declaration, name: object) -> Iterator[Problem]:
    from roadbed.usecases.validation import NAME

    if not isinstance(name, str) or not NAME.fullmatch(name):
        yield Problem(
            field="deliver",
            problem=sentence("%(name)r is no name for a destination.", name=name),
            remedy=sentence("Use lower-case words joined by hyphens."),
        )
    if name in declared.destinations or name in declared.actions:
        yield Problem(
            field="deliver",
            problem=sentence("Two destinations or actions are called %(name)r.", name=name),
            remedy=sentence("Give each its own name; receipts and keys go by it."),
        )


def _connector(name: str, to: object) -> Iterator[Problem]:
    missing = [verb for verb in _VERBS if not callable(getattr(type(to), verb, None))]
    if missing:
        yield Problem(
            field="deliver",
            problem=sentence(
                "What %(name)r delivers to is no connector: it has no %(missing)s.",
                name=name,
                missing=", ".join(missing),
            ),
            remedy=sentence("Use one of roadbed.connectors, or write one; see docs/how-to."),
        )
        return
    for problem in to.problems():  # type: ignore[attr-defined]  # looked at above
        yield Problem(
            field="deliver", problem=f"{name}: {problem}", remedy=sentence("Correct this setting.")
        )


def _template(declared: Declaration, field: str, text: str) -> Iterator[Problem]:
    try:
        asked = placeholders.fields(text)
    except ValueError as error:
        yield Problem(
            field=field, problem=f"{error}.", remedy=sentence("Write {task.id} and the like.")
        )
        return
    for name in asked:
        if problem := _unknown(declared, name):
            yield Problem(
                field=field,
                problem=sentence(
                    "The template %(text)r asks for {%(name)s}: %(problem)s.",
                    text=text,
                    name=name,
                    problem=problem,
                ),
                remedy=sentence(
                    "Name task.id, task.key, input.<field>, output.<field> or action.<field>."
                ),
            )
    if field == "key" and not asked:
        yield Problem(
            field=field,
            problem=sentence("The key %(text)r is the same for every task.", text=text),
            remedy=sentence('Put something of the task in it, such as "{task.id}".'),
        )


def _unknown(declared: Declaration, asked: str) -> Sentence | None:
    if not asked.startswith(_KNOWN):
        return sentence("there is no such thing")
    room, _, rest = asked.partition(".")
    if room in ("input", "output"):
        fields = getattr(getattr(declared, room), "model_fields", {})
        if rest.split(".")[0] not in fields:
            name = rest.split(".")[0]
            return sentence("the %(room)s has no field %(name)r", room=room, name=name)
    return None


def _condition(when: str | None) -> Iterator[Problem]:
    if when is None:
        return
    try:
        condition(when)
    except Exception as error:
        yield Problem(
            field="when",
            problem=sentence(
                "The condition %(when)r cannot be used: %(error)s.", when=when, error=error
            ),
            remedy=sentence("Write CEL over input, output, task and decision."),
        )


def _after(declared: Declaration, destination: Destination) -> Iterator[Problem]:
    if destination.after is not None and destination.after not in declared.destinations:
        yield Problem(
            field="after",
            problem=sentence(
                "%(name)r comes after %(after)r, which is not declared before it.",
                name=destination.name,
                after=destination.after,
            ),
            remedy=sentence("Declare the earlier destination first."),
        )


def _needed(declared: Declaration, action: ActionKind) -> Iterator[Problem]:
    if action.after is not None and action.after not in declared.actions:
        yield Problem(
            field="action",
            problem=sentence(
                "%(name)r comes after %(after)r, which is not declared before it.",
                name=action.name,
                after=action.after,
            ),
            remedy=sentence("Declare the action that comes first before it."),
        )


def _effect(action: ActionKind) -> Iterator[Problem]:
    if action.effect is Effect.REVERSIBLE and not getattr(action.to, "can_compensate", False):
        yield Problem(
            field="action",
            problem=sentence(
                "The action %(name)r is called reversible, but cannot be taken back.",
                name=action.name,
            ),
            remedy=sentence("Give its connector a way to compensate, or call it irreversible."),
        )
    if action.per_task < 1 or (action.per_day is not None and action.per_day < 1):
        yield Problem(
            field="action",
            problem=sentence("The action %(name)r has a limit below 1.", name=action.name),
            remedy=sentence("Leave it undeclared if it must never happen."),
        )


# Any: a row of a query of deliveries.
def facts(row: Mapping[str, Any]) -> dict[str, Any]:
    """The facts for templates and conditions, which are also the default content."""
    seen = {
        "delivery": {"id": row["id"]},
        "use_case": row["use_case"],
        "task": _task(row),
        "input": row["input"],
        "output": row["output"],
        "decision": {
            "id": row["decision_id"],
            "route": row["route"],
            "version": row["version"],
            "confidence": row["confidence"],
            "at": row["decided_at"].isoformat(),
            "reviewed_by": row["reviewer"],
        },
    }
    if row["provenance"]:
        seen["provenance"] = row["provenance"]
    if row["arguments"] is not None:
        seen["action"] = row["arguments"]
    return seen


def _task(row: Mapping[str, Any]) -> dict[str, Any]:
    """The task as receivers know it: a revision goes by the id and key of the first."""
    if row["revises"] is None:
        return {"id": row["task_id"], "key": row["task_key"]}
    return {"id": row["revises"], "key": row["task_key"], "revision": row["revision"]}
