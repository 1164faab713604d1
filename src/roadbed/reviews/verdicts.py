"""Verdicts: the right content, its score, what it releases, and the rows they are read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypedDict

from roadbed.decisions.routing import checked_actions
from roadbed.kernel.sentences import sentence
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.people.duties import Parties
from roadbed.reviews.errors import LabelUnknownError, VerdictError
from roadbed.reviews.model import RecordedVerdict, VerdictKind
from roadbed.reviews.rows import ClaimedRow, ShownRow
from roadbed.scoring.content import Content, content_hash, same
from roadbed.scoring.scorers import Score, Truth, agree, assess, is_wrong
from roadbed.usecases.business_rules import BusinessRules
from roadbed.usecases.destinations import Action
from roadbed.usecases.labels import normal_output, not_listed
from roadbed.usecases.parsing import UnfitError, form_of, read_form
from roadbed.usecases.use_case import UseCase

Json = Mapping[str, Any]  # what a use case declares: any JSON
Row = Mapping[str, Any]  # of the database


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """The subject of a verdict: the decision of a task, as it was shown.

    ``content_hash`` is the one it was stored with, which may name sources that are not stored.
    ``known`` is the right content of a reviewer check.
    """

    task_id: str
    blind: bool
    input: Json
    parties: Parties
    content: Content | None
    content_hash: str | None
    route: str
    confidence: float | None
    measured: str | None
    known: Content | None
    known_actions: bool
    proposed_right: bool | None
    revises: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """A person's verdict on a content. ``right`` is ``None`` if no answer is right."""

    kind: VerdictKind
    right: Content | None
    actions_known: bool
    score: Score
    agrees: bool
    released: Sequence[Json]
    passed: bool | None


def read_verdict(
    declared: UseCase,
    shown: Shown,
    kind: VerdictKind,
    *,
    output: Json | None,
    actions: Sequence[Json] | None,
    rules: BusinessRules | None,
    may_approve: bool,
) -> Verdict:
    """A verdict with its score. Raises ``VerdictError`` when it does not fit the review.

    *Accept* says that the shown content is right and releases it: an action that needs an approval
    is released if the person may approve, otherwise held.
    """
    shown = replace(shown, input=form_of(declared.input, shown.input))
    right, known = _right(declared, shown, kind, output, actions)
    score = _score(declared, shown, kind, right, actions_known=known)
    keeps = kind is VerdictKind.CORRECT
    released = [] if right is None else _released(shown, right, rules, written=keeps)
    return Verdict(
        kind=kind,
        right=right,
        actions_known=known,
        score=score,
        agrees=not is_wrong(score, declared.tolerance),
        released=[
            {**action, "approved": may_approve and kind is VerdictKind.ACCEPT}
            for action in released
        ],
        passed=_passed(declared, shown, kind, right),
    )


def _right(
    declared: UseCase,
    shown: Shown,
    kind: VerdictKind,
    output: Json | None,
    actions: Sequence[Json] | None,
) -> tuple[Content | None, bool]:
    """The right content, and whether its actions were judged."""
    if kind is not VerdictKind.CORRECT:
        if output is not None or actions is not None:
            raise VerdictError(
                sentence("A verdict of %(kind)s carries no output and no actions.", kind=kind),
                sentence("Leave them out, or use `correct`."),
            )
        return (shown.content, True) if kind is VerdictKind.ACCEPT else (None, True)
    if output is None:
        raise VerdictError(
            sentence("A correction needs the right output."),
            sentence("Send it as `output`, or use `reject` if no answer is right."),
        )
    right = Content(output=as_declared(declared, output))
    if actions is None:
        return right, False
    return replace(right, actions=_actions(declared, actions)), True


def _actions(declared: UseCase, given: Sequence[Json]) -> Sequence[Json]:
    """Actions as a person wrote them, checked like those of a decider."""
    read = []
    if not isinstance(given, list | tuple) or not all(isinstance(one, Mapping) for one in given):
        raise VerdictError(
            sentence("The actions are no list of objects."),
            sentence("Send name and arguments of each."),
        )
    for action in given:
        if set(action) - {"name", "arguments"} or not isinstance(action.get("name"), str):
            raise VerdictError(
                sentence("An action has a name and arguments, and nothing else."),
                sentence(
                    "Send the actions that are right, in their order; an empty list if none is."
                ),
            )
        arguments = action.get("arguments") or {}
        if not isinstance(arguments, Mapping):
            raise VerdictError(
                sentence("The arguments of an action are no object."), sentence("Send its fields.")
            )
        read.append(Action(name=action["name"], arguments=arguments))
    checked = checked_actions(declared.actions, read)
    if isinstance(checked, str):
        raise VerdictError(
            sentence(
                "These actions are not allowed: %(checked)s.",
                checked=checked.removeprefix("it proposes "),
            ),
            sentence("Correct the action, or remove it with the actions that need it."),
        )
    return checked


def _score(
    declared: UseCase,
    shown: Shown,
    kind: VerdictKind,
    right: Content | None,
    *,
    actions_known: bool,
) -> Score:
    """The score of the decision, stored with the verdict."""
    if kind is VerdictKind.ACCEPT:
        return Score(loss=0.0)
    other = right is None or shown.content is None or not same(right.output, shown.content.output)
    if declared.scorer.needs_person and shown.content is not None and other:
        return Score(loss=1.0, why=stored_sentence("A person judged exactly this answer."))
    truth = Truth(right=right, actions_known=actions_known)
    return assess(declared.scorer, shown.content, truth, shown.input)


def _released(
    shown: Shown, right: Content, rules: BusinessRules | None, *, written: bool
) -> list[dict[str, Any]]:
    """The right actions with what rules decide on them.

    Raises ``VerdictError`` for one that is refused and that a person has ``written`` as right;
    where they accept what was shown, it is left out.
    """
    # The result of a rule for an action is valid only together with the same output.
    kept = shown.content is not None and same(shown.content.output, right.output)
    proposed = list(shown.content.actions) if shown.content and kept else []
    facts = {"input": shown.input, "output": right.output, "confidence": shown.confidence or 0.0}
    judged = []
    for number, action in enumerate(right.actions):
        known = next((other for other in proposed if _alike(other, action)), None)
        if known is not None and "decide" in known:
            decide, why = known["decide"], known["reason"]
        elif rules is None:
            decide, why = "review", "a person wrote it"
        else:
            decide, why = rules.decide_action(action["name"], action["arguments"], facts)
        if written and decide == "refuse":
            raise VerdictError(
                sentence("The action %(name)r is refused: %(why)s.", name=action["name"], why=why),
                sentence("Remove it, or change it so that the rule allows it."),
            )
        judged.append(
            {
                "n": number,
                "name": action["name"],
                "arguments": action["arguments"],
                "after": action.get("after"),
                "decide": decide,
                "reason": why,
            }
        )
    return _sent(judged)


def _sent(actions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that are not refused, and need none that is."""
    sent: dict[int, dict[str, Any]] = {}
    for action in actions:
        if action["decide"] != "refuse" and (action["after"] is None or action["after"] in sent):
            sent[action["n"]] = action
    return list(sent.values())


def _alike(one: Json, other: Json) -> bool:
    return one["name"] == other["name"] and same(one["arguments"], other["arguments"])


def _passed(
    declared: UseCase, shown: Shown, kind: VerdictKind, right: Content | None
) -> bool | None:
    """Whether a verdict on a case whose answer is known found it; ``None`` for other tasks."""
    if shown.measured != "check":
        return None
    if declared.scorer.needs_person:
        return (kind is VerdictKind.ACCEPT) == shown.proposed_right
    return agree(
        declared.scorer,
        right,
        shown.known,
        shown.input,
        tolerance=declared.tolerance,
        actions=shown.known_actions and kind is not VerdictKind.REJECT,
    )


def as_declared(declared: UseCase, output: Json) -> dict[str, Any]:
    """``output`` as a use case writes its answers, each label in its one form.

    Raises ``VerdictError``, and ``LabelUnknownError`` for a label that its model does not list.
    """
    normal = normal_output(declared, output)
    if unknown := not_listed(declared, normal):
        raise LabelUnknownError(unknown)
    try:
        return read_form(declared.output, normal).form
    except UnfitError as error:
        raise VerdictError(
            sentence("The output does not fit: %(error)s.", error=error),
            sentence("Send the fields that the use case declares."),
        ) from error


class VerdictItem(TypedDict):
    """A verdict as it is stored, and what follows from it."""

    id: str
    example_id: str
    review_id: str
    task_id: str
    revises: str | None
    approve_seconds: float
    use_case: str
    kind: VerdictKind
    output: Json | None
    right_actions: Sequence[Json] | None
    right_hash: str | None
    effect_hash: str | None
    output_hash: str | None
    shown: str | None
    loss: float | None
    agrees: bool
    score_reason: str | None
    actions: Sequence[Json] | None
    measured: bool
    passed: bool | None
    note: str | None
    new_kind: bool
    deliveries: Sequence[Json] | None
    sends: bool
    reviewer: str
    linker: str | None
    given_at: datetime
    carries: str | None


def given_of(about: Shown, verdict: Verdict, record: VerdictItem) -> RecordedVerdict:
    """The response to a verdict, from its stored ``record``."""
    right = verdict.right
    return RecordedVerdict(
        verdict_id=record["id"],
        review_id=record["review_id"],
        kind=verdict.kind,
        agrees=record["agrees"],
        loss=record["loss"],
        score_reason=record["score_reason"] or "",
        right_output=right.output if right else None,
        right_actions=right_actions(verdict),
        decided=about.content.output if about.content else None,
        decided_actions=about.content.proposed_actions if about.content else [],
        blind=about.blind,
        check=about.measured == "check",
        known=about.known.output if about.known and about.measured == "check" else None,
        passed=verdict.passed,
    )


def parties_of(row: ShownRow | ClaimedRow) -> Parties:
    """Who had to do with a review."""
    return Parties(senders=row["senders"], knows=row["barred"], only=row["reserved_for"])


def about_of(row: ShownRow | ClaimedRow) -> Shown:
    """What a verdict is about, of a row that ``shown`` or ``claimed`` gave."""
    content = content_of(row["output"], row["actions"], row["provenance"])
    return Shown(
        task_id=row["task_id"],
        blind=row["blind"],
        input=row["input"],
        parties=parties_of(row),
        content=content,
        content_hash=row["content_hash"] or content_hash(content),
        route=row["route"],
        confidence=row["confidence"],
        measured=row["measured"],
        known=content_of(row["known"], row["known_actions"], None),
        known_actions=row["known_actions"] is not None,
        proposed_right=row["proposed_right"],
        revises=row["revises"],
    )


def right_actions(verdict: Verdict) -> Sequence[Json] | None:
    """The right actions; ``None`` if the verdict is not about them."""
    if not verdict.actions_known:
        return None
    return verdict.right.proposed_actions if verdict.right else []


def content_of(
    output: Json | None,
    actions: Sequence[Json] | None,
    provenance: Json | None,
) -> Content | None:
    """What is proposed or right; ``None`` where there is no output."""
    if output is None:
        return None
    return Content(output=output, actions=actions or (), provenance=provenance or {})
