"""The road of a use case as a page shows it: what is reached, what it waits for, on one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from roadbed.insight.timeline import Goal, Timeline, Wait
from roadbed.kernel.figures import counted

NAMES: Mapping[str, str] = {
    "idea": "idea",
    "proof": "proof of concept",
    "gate": "gate",
    "shadow": "shadow",
    "canary": "canary",
    "live": "live",
    "retired": "retired",
}
_WAITS = {"traffic": "more tasks", "labels": "labels from reviewers"}
_MOST = 12  # stages, the last ones: some go up and down for years
_AHEAD = 1.06  # how much of the line lies beyond today


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A stage on the line: from ``left`` to ``left + width``, both shares of the whole line."""

    name: str
    began_at: datetime
    ended_at: datetime | None
    days: float
    left: float
    width: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A goal on the line at share ``at`` of it; ``state`` says how it stands."""

    name: str
    due_at: datetime
    at: float
    days: float
    of_days: float
    reached_at: datetime | None
    state: Literal["reached", "reached late", "ahead", "missed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """The line: ``headline`` in a sentence, spans, targets, today as a share of the line."""

    headline: str
    waits: Sequence[str]
    spans: Sequence[Span]
    targets: Sequence[Target]
    today: float

    @property
    def facts(self) -> dict[str, Any]:
        """What a program may want beside the road itself."""
        return {"says": self.headline, "waits": list(self.waits)}

    @property
    def lines(self) -> list[str]:
        """It as text."""
        rows = [self.headline]
        for span in self.spans:
            until = f"{span.ended_at:%Y-%m-%d}" if span.ended_at else "now"
            rows.append(f"{span.name:18}{span.began_at:%Y-%m-%d}–{until:12}{days(span.days):>12}")
        for goal in self.targets:
            at = f" on {goal.reached_at:%Y-%m-%d}" if goal.reached_at else ""
            rows.append(
                f"{goal.name:18}{goal.state}{at}: {goal.days:.0f} of {goal.of_days:.0f} days, "
                f"due {goal.due_at:%Y-%m-%d}"
            )
        return [*rows, *self.waits]


def picture(road: Timeline, now: datetime) -> Picture:
    """The road on one line from its first day to the last target, or to today if that is later."""
    began = road.stages[0].began_at if road.stages else now
    whole = max(road.production.of_days, (now - began) / timedelta(days=1) * _AHEAD)

    def share(at: datetime) -> float:
        return round((at - began) / timedelta(days=1) / whole, 4)

    spans = [
        Span(
            name=NAMES.get(stage.name, stage.name),
            began_at=stage.began_at,
            ended_at=stage.ended_at,
            days=stage.days,
            left=share(stage.began_at),
            width=round(share(stage.ended_at or now) - share(stage.began_at), 4),
        )
        for stage in road.stages[-_MOST:]
    ]
    targets = [_target(item, began, now, whole) for item in (road.proof, road.production)]
    waits = [_waiting(entry) for entry in road.waiting]
    return Picture(
        headline=_headline(road, targets, waits),
        waits=waits,
        spans=spans,
        targets=targets,
        today=share(now),
    )


def days(value: float) -> str:
    """A duration in the unit that suits it."""
    if value >= 1.0:
        return counted(round(value), "day")
    hours = round(value * 24)
    return counted(hours, "hour") if hours else "under an hour"


def _target(goal: Goal, began: datetime, now: datetime, whole: float) -> Target:
    due = began + timedelta(days=goal.of_days)
    state: Literal["reached", "reached late", "ahead", "missed"]
    if goal.reached_at:
        state = "reached" if goal.reached_at <= due else "reached late"
    else:
        state = "ahead" if now <= due else "missed"
    return Target(
        name=goal.name,
        due_at=due,
        at=round(goal.of_days / whole, 4),
        days=goal.days,
        of_days=goal.of_days,
        reached_at=goal.reached_at,
        state=state,
    )


def _waiting(wait: Wait) -> str:
    what = _WAITS.get(wait.waits_for, f"the {wait.waits_for.replace('_', ' ')}")
    return f"Waits for {what}, {days(wait.seconds / 86_400)}."


def _headline(road: Timeline, targets: Sequence[Target], waits: Sequence[str]) -> str:
    stage = NAMES.get(road.stage, road.stage)
    since = days(road.stages[-1].days) if road.stages else "under an hour"
    said = f"Stage: {stage}, for {since}."
    told = {
        "reached": "reached after {used} of {of} days",
        "reached late": "reached after {used} days, {of} were meant",
        "ahead": "{left} left of {of} days",
        "missed": "not reached; {of} days are over by {over}",
    }
    parts = []
    for target in targets:
        if target.state == "reached" and target.days < 0.5:
            parts.append(f"{target.name.capitalize()}: reached within a day.")
            continue
        text = told[target.state].format(
            used=f"{target.days:.0f}",
            of=f"{target.of_days:.0f}",
            left=f"{target.of_days - target.days:.0f}",
            over=days(target.days - target.of_days),
        )
        parts.append(f"{target.name.capitalize()}: {text}.")
    return " ".join([said, *parts, *waits])
