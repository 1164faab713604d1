"""Rows of the database as reviews and verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from roadbed.people.duties import Parties
from roadbed.reviews.model import RecordedVerdict, Review
from roadbed.reviews.verdicts import Shown, Verdict
from roadbed.scoring.content import Content, content_hash

_HIDDEN = (
    "output",
    "actions",
    "provenance",
    "content_hash",
    "confidence",
    "evidence",
    "reason",
    "route",
    "version",
    "reported",
)
TURNED_OUT_WRONG = "Somebody reported that this answer turned out wrong."
TAKEN_BACK = "Somebody had reported that this answer turned out wrong, and took it back."


def given_of(about: Shown, verdict: Verdict, item: Mapping[str, Any]) -> RecordedVerdict:
    """What is answered to a verdict, as ``item`` is stored."""
    right = verdict.right
    return RecordedVerdict(
        verdict_id=item["id"],
        review_id=item["review_id"],
        kind=verdict.kind,
        agrees=item["agrees"],
        loss=item["loss"],
        score_reason=item["score_reason"] or "",
        right_output=right.output if right else None,
        right_actions=right_actions(verdict),
        decided=about.content.output if about.content else None,
        decided_actions=about.content.proposed_actions if about.content else [],
        blind=about.blind,
        check=about.measured == "check",
        known=about.known.output if about.known and about.measured == "check" else None,
        passed=verdict.passed,
    )


def parties_of(row: Mapping[str, Any]) -> Parties:
    """Who had to do with a review."""
    return Parties(senders=row["senders"], knows=row["barred"], only=row["reserved_for"])


def about_of(row: Mapping[str, Any]) -> Shown:
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


def right_actions(verdict: Verdict) -> Sequence[Mapping[str, Any]] | None:
    """The right actions; ``None`` where nothing was said of them."""
    if not verdict.actions_known:
        return None
    return verdict.right.proposed_actions if verdict.right else []


def content_of(
    output: Mapping[str, Any] | None,
    actions: Sequence[Mapping[str, Any]] | None,
    provenance: Mapping[str, Any] | None,
) -> Content | None:
    """What is proposed or right; ``None`` where there is no output."""
    if output is None:
        return None
    return Content(output=output, actions=actions or (), provenance=provenance or {})


def without_answer(review: Review) -> Review:
    """A review for somebody who has still to say, without knowing, what was right."""
    hidden: dict[str, Any] = dict.fromkeys((*_HIDDEN, "verdict"))
    return replace(review, **hidden)


def review_of(row: Mapping[str, Any]) -> Review:
    """A review as its reviewer may see it."""
    hidden = row["blind"] and row["verdict"] is None
    fields = {name: row[name] for name in Review.__dataclass_fields__ if name in row}
    if row["outcome"] is not None:
        fields["reason"] = TURNED_OUT_WRONG if row["reported"] else TAKEN_BACK
    return Review(**(fields | dict.fromkeys(_HIDDEN) if hidden else fields))
