"""Assessment: compares a proposed content with the labels of a case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from roadbed.scoring.content import Content, Json, same
from roadbed.scoring.scorers import RIGHT, Score, Scorer


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """The labels of a case.

    ``right`` is the right content; ``None`` if no answer is right. ``actions_known`` says
    whether its actions were judged too: an imported example has an output alone. ``losses`` are
    contents that a person judged, by hash. ``labelled`` is false without any label.
    """

    right: Content | None
    actions_known: bool = False
    losses: Mapping[str, float] = field(default_factory=dict)
    labelled: bool = True


NO_LABEL = Truth(right=None, labelled=False)


def assess(
    scorer: Scorer,
    proposed: Content | None,
    truth: Truth,
    input: Json,
    *,
    known_as: str | None = None,
) -> Score:
    """The score of ``proposed``; unknown if the labels do not decide it.

    An empty answer is right only if no answer is right. Actions must be the right ones, in their
    order; unjudged ones are unknown. ``known_as`` is the hash of ``proposed`` where it was stored
    without its provenance.
    """
    if not truth.labelled:
        return Score.unknown("It has no label yet.")
    if proposed is None:
        return RIGHT if truth.right is None else Score(loss=1.0, why="It gave no answer.")
    judged = truth.losses.get(known_as or proposed.hash) if truth.losses else None
    if judged is not None:
        return Score(loss=judged, why="A person judged exactly this answer.")
    if truth.right is None:
        return Score(loss=1.0, why="No answer would be right.")
    score = scorer.score(proposed.output, truth.right.output, input)
    if score.loss is None or score.loss >= 1.0:
        return score
    return _with_actions(score, proposed, truth, truth.right)


def is_wrong(score: Score, tolerance: float = 0.0) -> bool:
    """Whether a score counts as wrong. Unknown never counts as right."""
    return score.loss is None or not score.loss <= tolerance


def agree(
    scorer: Scorer,
    one: Content | None,
    other: Content | None,
    input: Json,
    *,
    tolerance: float = 0.0,
    actions: bool = False,
) -> bool:
    """Whether two people's answers agree, with either of the two as the right one."""
    return not any(
        is_wrong(assess(scorer, left, Truth(right=right, actions_known=actions), input), tolerance)
        for left, right in ((one, other), (other, one))
    )


def _with_actions(score: Score, proposed: Content, truth: Truth, right: Content) -> Score:
    if not truth.actions_known:
        if proposed.actions:
            return Score.unknown("Nobody has judged the actions it proposes.")
        return score
    if same(proposed.proposed_actions, right.proposed_actions):
        return score
    return Score(loss=1.0, why="Its actions differ from the right ones.")
