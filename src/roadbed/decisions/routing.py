"""Routing: pure rules for what counts as an answer, and which route a task takes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from roadbed.decisions.model import (
    Answered,
    LiveVersion,
    NotAnswered,
    Reason,
    Route,
    Routed,
    Trial,
)
from roadbed.intake.model import AdmittedTask
from roadbed.kernel.storable import cleaned, is_storable
from roadbed.kernel.stored_sentences import stored_message, stored_sentence
from roadbed.risk.automation_state import State
from roadbed.risk.slices import FEWEST_LABELS
from roadbed.usecases.business_rules import BusinessRules, Fired
from roadbed.usecases.decider import Answer, Unsure
from roadbed.usecases.destinations import Action, ActionKind
from roadbed.usecases.parsing import UnfitError, read_form
from roadbed.usecases.use_case import UseCase

_MOST_CHARACTERS = 20_000  # of an output, its provenance or its evidence
_UNSURE = stored_message("The decider is unsure: %(reason)s")
UNSURE = _UNSURE % {"reason": ""}  # how such a reason begins


def read_answer(
    given: object, output: type[BaseModel], kinds: Mapping[str, ActionKind] = MappingProxyType({})
) -> Answered | NotAnswered:
    """The result of a decider, checked against the declared output and actions.

    A result that does not fit is no answer.
    """
    if isinstance(given, Unsure):
        return NotAnswered(
            code=Reason.UNSURE,
            reason=cleaned(_UNSURE % {"reason": given.reason}),
            evidence=_evidence(given.evidence),
            cost=_price(given.cost),
        )
    if not isinstance(given, Answer):
        return _invalid(
            stored_sentence(
                "it gave %(type)s instead of Answer or Unsure", type=type(given).__name__
            )
        )
    for name in ("confidence", "cautious"):
        if problem := _share(name, getattr(given, name), optional=name == "cautious"):
            return _invalid(problem)
    if problem := _cost(given.cost):
        return _invalid(problem)
    content = _output(given.output, output)
    if isinstance(content, str):
        return _invalid(content)
    actions = checked_actions(kinds, given.actions)
    if isinstance(actions, str):
        return _invalid(actions)
    provenance = _provenance(given.provenance)
    if isinstance(provenance, str):
        return _invalid(provenance)
    return Answered(
        output=content,
        confidence=float(given.confidence),
        cautious=None if given.cautious is None else float(given.cautious),
        evidence=_evidence(given.evidence),
        cost=_price(given.cost),
        actions=actions,
        provenance=provenance,
    )


def checked_actions(
    kinds: Mapping[str, ActionKind], proposed: Sequence[object]
) -> list[dict[str, object]] | str:
    """Proposed actions as JSON, or what is wrong with them."""
    actions: list[dict[str, Any]] = []
    for proposal in proposed:
        if not isinstance(proposal, Action):
            return stored_sentence(
                "it proposes %(type)s instead of an Action", type=type(proposal).__name__
            )
        kind = kinds.get(proposal.name)
        if kind is None:
            return stored_sentence(
                "it proposes the action %(name)r, which is not declared", name=proposal.name
            )
        arguments = _arguments(kind, proposal.arguments)
        if isinstance(arguments, str):
            return stored_sentence(
                "the action %(name)r: %(problem)s", name=proposal.name, problem=arguments
            )
        action: dict[str, Any] = {"name": proposal.name, "arguments": arguments}
        if kind.after is not None:
            needed = [place for place, one in enumerate(actions) if one["name"] == kind.after]
            if not needed:
                return stored_sentence(
                    "it proposes %(name)r without %(first)r before it",
                    name=proposal.name,
                    first=kind.after,
                )
            action["after"] = needed[-1]
        actions.append(action)
    for name, kind in kinds.items():
        if sum(action["name"] == name for action in actions) > kind.per_task:
            return stored_sentence(
                "it proposes %(name)r more than %(most)s times for one task",
                name=name,
                most=kind.per_task,
            )
    return actions


def _arguments(kind: ActionKind, given: object) -> dict[str, Any] | str:
    try:
        return read_form(kind.arguments, given).form
    except UnfitError as error:
        place, problem = error.fields[0]
        return f"{place or 'arguments'}: {problem}"


def route(
    held: Routed | None,
    score: float,
    live: LiveVersion,
    *,
    halted: bool,
    slices: Mapping[str, str] = MappingProxyType({}),
) -> Routed:
    """``automatic`` only if all conditions hold; review in every other case.

    ``held`` stops the answer with any score; ``score`` is compared with the threshold.
    """
    if held is not None and held.code in _FIRST:
        return held
    if halted:
        return to_review(Reason.HALTED, stored_sentence("The use case is halted."))
    if held is not None and held.code is not Reason.COST_UNKNOWN:
        return held
    if live.state is State.HALTED:
        return to_review(
            Reason.AUDIT_HALTED,
            stored_sentence("The running audit halted automation until a new proof."),
        )
    if live.threshold is None:
        return to_review(
            Reason.NOT_PROVEN, stored_sentence("Nothing is proven for this version yet.")
        )
    if live.pooling and (rare := live.pooling.too_rare(slices)):
        field, value, labels = rare
        return to_review(
            Reason.SLICE_UNKNOWN,
            stored_sentence(
                "Only %(labels)s labels are known for %(field)s = %(value)r; %(needed)s are "
                "needed.",
                labels=labels,
                field=field,
                value=value,
                needed=FEWEST_LABELS,
            ),
        )
    return held or _compare(score, live, live.threshold)


def score(
    confidence: float, cautious: float | None, live: LiveVersion, slices: Mapping[str, str]
) -> float:
    """The value that is compared with the threshold in force; 0 if it is unknown."""
    if confidence <= 0.0 or (live.pooling and live.pooling.too_rare(slices)):
        return 0.0
    if live.cautious:
        return cautious or 0.0
    return live.pooling.score(confidence, slices) if live.pooling else confidence


def slices_of(declared: UseCase, content: Mapping[str, object]) -> dict[str, str]:
    """The slices an input lies in, by field."""
    return {name: str(content.get(name, "")) for name in declared.slices}


def held_by_rule(fired: Fired) -> Routed:
    """The route that a rule before or after the decider asks for."""
    if fired.failed:
        return Routed(
            route=Route.REVIEW,
            code=Reason.RULE_FAILED,
            rule=fired.rule,
            reason=stored_sentence("An error in a rule: %(problem)s.", problem=fired.reason),
        )
    return Routed(
        route=Route(fired.route),
        code=Reason.RULE,
        rule=fired.rule,
        reason=stored_sentence(
            "The rule %(rule)r applies: %(reason)s", rule=fired.rule, reason=fired.reason
        ),
    )


def to_review(code: Reason, reason: str) -> Routed:
    """The route to a person."""
    return Routed(route=Route.REVIEW, code=code, reason=reason)


def _compare(score: float, live: LiveVersion, threshold: float) -> Routed:
    below, reached = _CAUTIOUS if live.cautious else _PROVEN
    figures = {"score": f"{score:.3f}", "threshold": f"{threshold:.3f}"}
    if score <= 0.0 or score < threshold:
        return to_review(Reason.BELOW_THRESHOLD, below % figures)
    return Routed(route=Route.AUTOMATIC, code=Reason.PROVEN, reason=reached % figures)


_PROVEN = (
    stored_message(
        "Confidence %(score)s is below %(threshold)s, the threshold at which the risk limit is "
        "proven."
    ),
    stored_message(
        "Confidence %(score)s is at least %(threshold)s, the threshold at which the risk limit is "
        "proven."
    ),
)
_CAUTIOUS = (
    stored_message(
        "Cautious confidence %(score)s is below %(threshold)s, the stricter threshold of cautious "
        "mode, used while new kinds of work appear."
    ),
    stored_message(
        "Cautious confidence %(score)s is at least %(threshold)s, the stricter threshold of "
        "cautious mode, used while new kinds of work appear."
    ),
)


def cost_unknown() -> Routed:
    """With a budget, an answer of unknown cost goes to a person."""
    return to_review(
        Reason.COST_UNKNOWN,
        stored_sentence("The decider did not report its cost, and the use case has a budget."),
    )


def screen_actions(
    answer: Answered, content: Mapping[str, object], rules: BusinessRules
) -> Sequence[dict[str, object]]:
    """Each proposed action with the decision of the rules and the reason."""
    if not answer.actions:
        return ()
    facts = {"input": content, "output": answer.output, "confidence": answer.confidence}
    screened = []
    for number, action in enumerate(answer.actions):
        decide, why = rules.decide_action(action["name"], action["arguments"], facts)
        screened.append({**action, "n": number, "decide": decide, "reason": why})
    return screened


def action_refused(actions: Sequence[Mapping[str, object]]) -> Routed | None:
    """With a refused action the whole answer is doubtful, so it goes to a person."""
    for action in actions:
        if action["decide"] == "refuse":
            return to_review(
                Reason.ACTION_REFUSED,
                stored_sentence(
                    "The proposed action %(name)r is refused: %(reason)s.",
                    name=action["name"],
                    reason=action["reason"],
                ),
            )
    return None


def in_canary(trial: Trial, task: AdmittedTask) -> bool:
    """Whether the candidate decides this task: by its bucket, which depends on its key."""
    if trial.step != "canary":
        return False
    held = task.content.get(trial.sticky_by) if trial.sticky_by else None
    named = (
        task.key or task.revises or task.id if held is None else json.dumps(held, sort_keys=True)
    )
    digest = hashlib.sha256(f"{trial.release} {named}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < trial.share


def priority(code: Reason, *, reference: bool) -> int:
    """Priority of a review in the queue: 3 before 2 before 1, older reviews first within each.

    The sample comes first, because the guarantee rests on it; then what went wrong.
    """
    if reference:
        return 3
    return 2 if code in _WENT_WRONG else 1


# Routes by a rule apply also while the use case is halted.
_FIRST = {Reason.RULE, Reason.RULE_FAILED}
_WENT_WRONG = {
    Reason.RULE_FAILED,
    Reason.DECIDER_FAILED,
    Reason.DECIDER_TIMEOUT,
    Reason.INVALID_ANSWER,
    Reason.INTERRUPTED,
}


def _share(name: str, given: object, *, optional: bool) -> str | None:
    """Why a number is not a valid confidence."""
    if given is None and optional:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float):
        return stored_sentence("its %(name)s is not a number", name=name)
    if not (math.isfinite(given) and 0.0 <= given <= 1.0):
        return stored_sentence(
            "its %(name)s %(value)s is not within 0 and 1", name=name, value=given
        )
    return None


def _invalid(what: str) -> NotAnswered:
    return NotAnswered(
        code=Reason.INVALID_ANSWER,
        evidence={},
        reason=cleaned(
            stored_sentence("The decider's answer cannot be used: %(problem)s.", problem=what)
        ),
    )


def _output(given: object, output: type[BaseModel]) -> Mapping[str, Any] | str:
    """The output as JSON, or what is wrong with it. A fault here is the decider's, not ours."""
    try:
        content = read_form(output, given).form
    except UnfitError as error:
        place, problem = error.fields[0]
        return f"{place or 'output'}: {problem}"
    if not is_storable(content, most_characters=_MOST_CHARACTERS):
        return stored_sentence(
            "its output has more than %(most)s characters", most=format(_MOST_CHARACTERS, ",")
        )
    return content


def _provenance(given: object) -> Mapping[str, Any] | str:
    """Where values came from is a part of what is proposed: it must be storable as it is."""
    if not isinstance(given, Mapping):
        return stored_sentence("its provenance is no mapping")
    if not _moderate(given):
        return stored_sentence("its provenance is not plain JSON of moderate size")
    read: dict[str, Any] = json.loads(json.dumps(given))  # keys are text, as they are stored
    return read


def _evidence(given: object) -> Mapping[str, Any]:
    """Evidence is for reading only: parts that cannot be shown are replaced by a note."""
    if isinstance(given, Mapping) and _moderate(given):
        return dict(given)
    return {
        "left_out": stored_sentence("the decider's evidence is not plain JSON of moderate size")
    }


def _moderate(content: Mapping[str, Any]) -> bool:
    return not content or is_storable(content, most_characters=_MOST_CHARACTERS)


def _cost(given: object) -> str | None:
    """Why a number is not a valid cost."""
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, Decimal | int | float):
        return stored_sentence("its cost is a %(type)s, not a number", type=type(given).__name__)
    if math.isfinite(given) and given >= 0:
        return None
    return stored_sentence("its cost is %(value)s, no amount of money", value=given)


def _price(given: Decimal | float | None) -> Decimal | None:
    """A cost for sums; ``None`` (unknown) for an invalid one."""
    return None if given is None or _cost(given) else Decimal(str(given))
