"""Scorers: the loss in [0, 1] of a proposed output against the right one.

``assess`` compares a proposed content with the labels of a case.

A use case declares one. ``0`` is right and ``1`` is completely wrong. *Unknown* is a separate
score: it never counts as right.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.scoring.citations import citations_of, same_citation
from roadbed.scoring.content import Content, Json, canonical, same

_LONGEST_WHY = 500  # characters
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # characters that a UTF-8 database refuses


def _float(value: object) -> float | None:
    """A finite number as a float; ``None`` for anything else, and for an integer too large."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _shown(value: object) -> str:
    try:
        return repr(value)[:40]
    except Exception:
        return type(value).__name__


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """A loss in [0, 1]; ``None`` where it is unknown. ``why`` is a plain sentence.

    Raises ``ValueError`` for any other loss, NaN included: so every score is valid.
    ``why`` is cut to 500 characters, and characters that cannot be stored are replaced.
    """

    loss: float | None
    why: str = ""

    def __post_init__(self) -> None:
        if self.loss is not None:
            loss = _float(self.loss)
            if loss is None or not 0.0 <= loss <= 1.0:
                raise ValueError(f"a loss of {_shown(self.loss)} is not one from 0 to 1")
            object.__setattr__(self, "loss", loss)
        object.__setattr__(self, "why", UNSTORABLE.sub("\ufffd", str(self.why)[:_LONGEST_WHY]))

    @classmethod
    def unknown(cls, why: str) -> Score:
        """A score for an answer that cannot be judged."""
        return cls(loss=None, why=why)


RIGHT = Score(loss=0.0)


class Scorer(Protocol):
    """Gives the loss of a proposed output. Pure: no I/O, the same answer for the same arguments.

    ``needs_person``: only a person can decide, so an answer without a verdict is unknown.
    """

    @property
    def needs_person(self) -> bool: ...

    def score(self, proposed: Json, right: Json, input: Json) -> Score:
        """The score of ``proposed`` where ``right`` is right for ``input``, all plain JSON."""
        ...

    def facts(self) -> Mapping[str, object]:
        """Its description as JSON, for pages and certificates."""
        ...

    def problems(self, fields: Mapping[str, object]) -> Iterator[str]:
        """What does not fit an output model with these ``fields``, one sentence each."""
        ...


@dataclass(frozen=True, slots=True)
class Exact:
    """Right is what equals the right output. The default; it fits labels."""

    needs_person: bool = field(default=False, init=False)

    def score(self, proposed: Json, right: Json, input: Json) -> Score:  # noqa: ARG002
        return RIGHT if same(proposed, right) else _differs(_fields(proposed, right))

    def facts(self) -> Mapping[str, object]:
        return {"scorer": "exact"}

    def problems(self, fields: Mapping[str, object]) -> Iterator[str]:  # noqa: ARG002
        yield from ()


class Fields:
    """Right is what equals the right output in the named fields; the others do not matter."""

    needs_person = False

    def __init__(self, *names: str) -> None:
        self.names = names

    def score(self, proposed: Json, right: Json, input: Json) -> Score:  # noqa: ARG002
        wrong = [name for name in self.names if not same(proposed.get(name), right.get(name))]
        return _differs(wrong) if wrong else RIGHT

    def facts(self) -> Mapping[str, object]:
        return {"scorer": "fields", "fields": list(self.names)}

    def problems(self, fields: Mapping[str, object]) -> Iterator[str]:
        if not self.names:
            yield "Fields() names no field"
        yield from _missing(self.names, fields)


class Cited:
    """Right is an answer from documents whose first citation is a right one, whatever its words.

    ``route`` names the field that says whether there is an answer: it must be equal. Two answers
    are compared by the citations in the field ``citations``: the first of the proposed must be a
    right one, as ``same_citation`` says. It is what people read as the answer. A right one further
    down does not help them: the first may say the opposite. Without a right citation the loss is
    unknown.
    """

    needs_person = False

    def __init__(self, *, route: str = "route", citations: str = "citations") -> None:
        self.route = route
        self.citations = citations

    def score(self, proposed: Json, right: Json, input: Json) -> Score:  # noqa: ARG002
        if same(proposed, right):
            return RIGHT
        if not same(proposed.get(self.route), right.get(self.route)):
            return _differs([self.route])
        known = citations_of(right.get(self.citations))
        given = citations_of(proposed.get(self.citations))[:1]
        if not known and not given:
            return RIGHT
        if not known:
            return Score(loss=None, why=stored_sentence("No right citation is known."))
        is_right = any(same_citation(one, other) for one in given for other in known)
        return RIGHT if is_right else _differs([self.citations])

    def facts(self) -> Mapping[str, object]:
        return {
            "scorer": "cited",
            "route": self.route,
            "citations": self.citations,
            "counts": "first",
            "compares": "passages",
        }

    def problems(self, fields: Mapping[str, object]) -> Iterator[str]:
        yield from _missing((self.route, self.citations), fields)


class Within:
    """Right is a number that lies close enough to the right one; other fields must be equal.

    A number is right if it differs by at most ``absolute``, or by at most the share ``relative`` of
    the right number. ``fields`` names the numbers; without it every number of the output is meant.
    """

    needs_person = False

    def __init__(
        self,
        *,
        absolute: float | None = None,
        relative: float | None = None,
        fields: Sequence[str] = (),
    ) -> None:
        self.absolute = absolute
        self.relative = relative
        self.names = (fields,) if isinstance(fields, str) else tuple(fields)

    def score(self, proposed: Json, right: Json, input: Json) -> Score:  # noqa: ARG002
        wrong = [
            name
            for name in {**right, **proposed}
            if not self._right(name, proposed.get(name), right.get(name))
        ]
        return _differs(wrong) if wrong else RIGHT

    def facts(self) -> Mapping[str, object]:
        return {
            "scorer": "within",
            "absolute": self.absolute,
            "relative": self.relative,
            "fields": list(self.names),
        }

    def problems(self, fields: Mapping[str, object]) -> Iterator[str]:
        if self.absolute is None and self.relative is None:
            yield "Within() needs absolute= or relative="
        for name, value in (("absolute", self.absolute), ("relative", self.relative)):
            if value is not None and not (_number(value) and math.isfinite(value) and value >= 0):
                yield f"Within({name}={value!r}) is no distance"
        yield from _missing(self.names, fields)

    def _right(self, name: str, proposed: object, right: object) -> bool:
        meant = not self.names or name in self.names
        if not (meant and _number(proposed) and _number(right)):
            return same(proposed, right)
        distance = abs(float(proposed) - float(right))  # type: ignore[arg-type]
        if not math.isfinite(distance):
            return False
        close = self.absolute is not None and distance <= self.absolute
        limit = None if self.relative is None else self.relative * abs(float(right))  # type: ignore[arg-type]
        return close or (limit is not None and distance <= limit)


class Sets:
    """Lists compared as sets: order and repetition do not matter.

    The loss is the mean over the named fields of 1 − |both| / |either|, so that half of the labels
    are half right; with ``risk_measure="wrong"`` and no tolerance only equal sets are right. Fields
    that are not named must be equal.
    """

    needs_person = False

    def __init__(self, *names: str) -> None:
        self.names = names

    def score(self, proposed: Json, right: Json, input: Json) -> Score:  # noqa: ARG002
        others = [name for name in _fields(proposed, right) if name not in self.names]
        if others:
            return _differs(others)
        losses = [_distance(proposed.get(name), right.get(name)) for name in self.names]
        loss = sum(losses) / len(losses) if losses else 0.0
        wrong = [name for name, part in zip(self.names, losses, strict=True) if part]
        return Score(loss=loss, why=_differs(wrong).why) if loss else RIGHT

    def facts(self) -> Mapping[str, object]:
        return {"scorer": "sets", "fields": list(self.names)}

    def problems(self, fields: Mapping[str, object]) -> Iterator[str]:
        if not self.names:
            yield "Sets() names no field"
        yield from _missing(self.names, fields)


@dataclass(frozen=True, slots=True)
class Judged:
    """Only a person can decide whether an answer is right: free text, a summary, a reply.

    An answer is right or wrong only by a verdict on exactly this answer. Any other answer is
    unknown until a person judges it.
    """

    needs_person: bool = field(default=True, init=False)

    def score(self, proposed: Json, right: Json, input: Json) -> Score:  # noqa: ARG002
        if same(proposed, right):
            return RIGHT
        return Score.unknown(stored_sentence("Nobody has judged this answer yet."))

    def facts(self) -> Mapping[str, object]:
        return {"scorer": "judged"}

    def problems(self, fields: Mapping[str, object]) -> Iterator[str]:  # noqa: ARG002
        yield from ()


# A declared scorer of one of these classes runs without the guard for code of a pod.
BUILT_IN = frozenset({Exact, Fields, Within, Sets, Cited, Judged})


def _distance(one: object, other: object) -> float:
    """1 − |both| / |either| of two lists."""
    if not (isinstance(one, list | tuple) and isinstance(other, list | tuple)):
        return 0.0 if same(one, other) else 1.0
    left, right = ({canonical(value) for value in side} for side in (one, other))
    return 1.0 - len(left & right) / len(left | right) if left | right else 0.0


def _fields(proposed: Json, right: Json) -> list[str]:
    """The fields in which two outputs differ."""
    names = {**right, **proposed}
    return [name for name in names if not same(proposed.get(name), right.get(name))]


def _differs(names: Sequence[str]) -> Score:
    return Score(
        loss=1.0,
        why=stored_sentence("It differs in %(names)s.", names=", ".join(names))
        if names
        else stored_sentence("It differs."),
    )


def compared_fields(scorer: Scorer) -> Sequence[str] | None:
    """The fields of the output that a scorer compares; ``None``: all, or it does not say."""
    match scorer:
        case Fields():
            return scorer.names
        case Cited():
            return scorer.route, scorer.citations
        case _:
            return None


def _missing(names: Sequence[str], fields: Mapping[str, Any]) -> Iterator[str]:
    for name in names:
        if name not in fields:
            yield f"The output has no field {name!r} to score"


def _number(value: object) -> bool:
    return _float(value) is not None


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
        return Score.unknown(stored_sentence("It has no label yet."))
    if proposed is None:
        return (
            RIGHT
            if truth.right is None
            else Score(loss=1.0, why=stored_sentence("It gave no answer."))
        )
    judged = truth.losses.get(known_as or proposed.hash) if truth.losses else None
    if judged is not None:
        return Score(loss=judged, why=stored_sentence("A person judged exactly this answer."))
    if truth.right is None:
        return Score(loss=1.0, why=stored_sentence("No answer would be right."))
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
            return Score.unknown(stored_sentence("Nobody has judged the actions it proposes."))
        return score
    if same(proposed.proposed_actions, right.proposed_actions):
        return score
    return Score(loss=1.0, why=stored_sentence("Its actions differ from the right ones."))
