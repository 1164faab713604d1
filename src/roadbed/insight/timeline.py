"""The road of a use case by the clock: its stages and waits, and how long each took. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

PROOF_DAYS, PRODUCTION_DAYS = 14.0, 56.0
_BEYOND_PROOF = ("gate", "shadow", "canary", "live")
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineStage:
    """A stage the use case was in; ``ended_at`` is ``None`` for the one it is in."""

    name: str
    began_at: datetime
    ended_at: datetime | None
    days: float
    actor: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """What held it up: a role, ``traffic``, ``labels``; no ``ended_at`` while it still does."""

    waits_for: str
    release: str | None
    began_at: datetime
    ended_at: datetime | None
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """A point of the road: days used on the way there, of those there were, and when reached."""

    name: str
    days: float
    of_days: float
    reached_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """Where a use case stands, how it came there, and what it waits for now."""

    use_case: str
    stage: str
    stages: Sequence[TimelineStage]
    waits: Sequence[Wait]
    proof: Goal
    production: Goal

    @property
    def waiting(self) -> Sequence[Wait]:
        """What it waits for now, longest first."""
        return sorted(
            (wait for wait in self.waits if wait.ended_at is None), key=lambda wait: wait.began_at
        )


def road(use_case: str, events: Sequence[Mapping[str, Any]], now: datetime) -> Timeline:
    """The road as its events tell it, oldest first; there is at least one, ``idea``."""
    stages = _stages([event for event in events if event["kind"] == "stage"], now)
    began = stages[0].began_at if stages else now
    return Timeline(
        use_case=use_case,
        stage=stages[-1].name if stages else "idea",
        stages=stages,
        waits=_waits(events, now),
        proof=_goal("proof of concept", began, stages, _BEYOND_PROOF, PROOF_DAYS, now),
        production=_goal("production", began, stages, ("live",), PRODUCTION_DAYS, now),
    )


def _stages(events: Sequence[Mapping[str, Any]], now: datetime) -> list[TimelineStage]:
    ends = [*(event["at"] for event in events[1:]), None][: len(events)]
    return [
        TimelineStage(
            name=event["stage"],
            began_at=event["at"],
            ended_at=end,
            days=((end or now) - event["at"]) / _DAY,
            actor=event["actor"],
        )
        for event, end in zip(events, ends, strict=True)
    ]


def _waits(events: Sequence[Mapping[str, Any]], now: datetime) -> list[Wait]:
    opened: dict[str, Mapping[str, Any]] = {}
    waits = []
    for event in events:
        if event["kind"] == "wait_began":
            opened.setdefault(event["waits_for"], event)
        elif event["kind"] == "wait_ended" and (began := opened.pop(event["waits_for"], None)):
            waits.append(_wait(began, event["at"], now))
    return [*waits, *(_wait(item, None, now) for item in opened.values())]


def _wait(began: Mapping[str, Any], ended: datetime | None, now: datetime) -> Wait:
    return Wait(
        waits_for=began["waits_for"],
        release=began["release"],
        began_at=began["at"],
        ended_at=ended,
        seconds=((ended or now) - began["at"]).total_seconds(),
    )


def _goal(
    name: str,
    began: datetime,
    stages: Sequence[TimelineStage],
    reached: Sequence[str],
    of_days: float,
    now: datetime,
) -> Goal:
    at = next((stage.began_at for stage in stages if stage.name in reached), None)
    return Goal(name=name, days=((at or now) - began) / _DAY, of_days=of_days, reached_at=at)
