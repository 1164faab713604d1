"""Pure rules of the path: what counts as an answer, and which way a task goes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from roadbed.decisions.model import (
    Answered,
    LiveVersion,
    NotAnswered,
    Reason,
    Route,
    Routed,
)
from roadbed.usecases.deciders import Answer, Unsure
from roadbed.usecases.rulebook import Fired

_MOST_EVIDENCE = 20_000  # characters


def read_answer(given: object, output: type[BaseModel]) -> Answered | NotAnswered:
    """What a decider gave, checked against the declared output. Anything odd is no answer."""
    if isinstance(given, Unsure):
        return NotAnswered(
            code=Reason.UNSURE,
            reason=f"The decider is unsure: {given.reason}",
            evidence=_evidence(given.evidence),
            cost=given.cost,
        )
    if not isinstance(given, Answer):
        return _invalid(f"it gave {type(given).__name__} instead of Answer or Unsure")
    confidence = given.confidence
    if isinstance(confidence, bool) or not isinstance(confidence, int | float):
        return _invalid("its confidence is not a number")
    if not (math.isfinite(confidence) and 0.0 <= confidence <= 1.0):
        return _invalid(f"its confidence {confidence} is not within 0 and 1")
    content = _output(given.output, output)
    if isinstance(content, str):
        return _invalid(content)
    return Answered(
        output=content,
        confidence=float(confidence),
        evidence=_evidence(given.evidence),
        cost=given.cost,
    )


def route(
    answer: Answered | NotAnswered, live: LiveVersion, *, halted: bool, fired: Fired | None
) -> Routed:
    """``automatic`` only where everything agrees; a person in every other case."""
    if fired and fired.failed:
        return Routed(
            route=Route.REVIEW,
            code=Reason.RULE_FAILED,
            rule=fired.rule,
            reason=f"An error in a rule: {fired.reason}.",
        )
    if fired:
        return Routed(
            route=Route(fired.route),
            code=Reason.RULE,
            rule=fired.rule,
            reason=f"The rule {fired.rule!r} applies: {fired.reason}",
        )
    if halted:
        return _review(Reason.HALTED, "The use case is halted.")
    if isinstance(answer, NotAnswered):
        return _review(answer.code, answer.reason)
    if live.threshold is None:
        return _review(Reason.NOT_PROVEN, "Nothing is proven for this version yet.")
    if answer.confidence < live.threshold:
        return _review(
            Reason.BELOW_THRESHOLD,
            f"Confidence {answer.confidence:.3f} is below {live.threshold:.3f}, "
            "from where on the error limit is proven.",
        )
    return Routed(
        route=Route.AUTOMATIC,
        code=Reason.PROVEN,
        reason=f"Confidence {answer.confidence:.3f} is at least {live.threshold:.3f}, "
        "from where on the error limit is proven.",
    )


def priority(code: Reason, *, reference: bool) -> int:
    """Where a review stands in the queue: 3 before 2 before 1, older first within.

    The sample comes first, since everything automatic rests on it; then what went wrong.
    """
    if reference:
        return 3
    return 2 if code in _WENT_WRONG else 1


_WENT_WRONG = {
    Reason.RULE_FAILED,
    Reason.DECIDER_FAILED,
    Reason.DECIDER_TIMEOUT,
    Reason.INVALID_ANSWER,
    Reason.INTERRUPTED,
}


def _review(code: Reason, reason: str) -> Routed:
    return Routed(route=Route.REVIEW, code=code, reason=reason)


def _invalid(what: str) -> NotAnswered:
    return NotAnswered(
        code=Reason.INVALID_ANSWER,
        evidence={},
        reason=f"The decider's answer cannot be used: {what}.",
    )


def _output(given: object, output: type[BaseModel]) -> Mapping[str, Any] | str:
    """The output as JSON, or what is wrong with it. A fault here is the decider's, not ours."""
    try:
        # Instances are checked again: pydantic builds them without checks when asked to.
        raw = given.model_dump(warnings=False) if isinstance(given, BaseModel) else given
        content: dict[str, Any] = output.model_validate(raw, extra="forbid").model_dump(mode="json")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'output'}: {first['msg']}"
    return content if _storable(content) else "its output holds text that cannot be stored"


def _evidence(given: object) -> Mapping[str, Any]:
    """Evidence is for reading only: what cannot be shown is left out, and that is said."""
    if isinstance(given, Mapping) and _storable(given):
        return dict(given)
    return {"left_out": "the decider's evidence is not plain JSON of moderate size"}


def _storable(content: object) -> bool:
    try:
        text = json.dumps(content, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return len(text) <= _MOST_EVIDENCE and "\\u0000" not in text and "\\ud" not in text
