"""Stage clock: the stages and waits of a use case, their lengths, and the goals in days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from roadbed.insight.rows import EventsRow, Queries
from roadbed.kernel.clock import Clock
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import several
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases.errors import UnknownUseCaseError

PROOF_DAYS, PRODUCTION_DAYS = 14.0, 56.0
_BEYOND_PROOF = ("gate", "shadow", "canary", "live")
_DAY = timedelta(days=1)
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
_MOST = 12  # stages shown, newest: some use cases change stage for years
_AHEAD = 1.06  # width of the chart after the last goal, relative to the days passed
_SQL = queries(Queries)


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
    """A wait for a role, ``traffic`` or ``labels``; ``ended_at`` is ``None`` while it lasts."""

    waits_for: str
    release: str | None
    began_at: datetime
    ended_at: datetime | None
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """A stage to reach within ``of_days``: the days used, and when it was reached."""

    name: str
    days: float
    of_days: float
    reached_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """The stage of a use case, the stages and waits before it, and its two goals."""

    use_case: str
    stage: str
    stages: Sequence[TimelineStage]
    waits: Sequence[Wait]
    proof: Goal
    production: Goal

    @property
    def waiting(self) -> Sequence[Wait]:
        """The open waits, longest first."""
        return sorted(
            (wait for wait in self.waits if wait.ended_at is None), key=lambda wait: wait.began_at
        )


def stage_timeline(use_case: str, events: Sequence[EventsRow], now: datetime) -> Timeline:
    """The timeline of a use case from its stage events, oldest first."""
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


def _stages(events: Sequence[EventsRow], now: datetime) -> list[TimelineStage]:
    ends = [*(event["at"] for event in events[1:]), None][: len(events)]
    return [
        TimelineStage(
            name=event["stage"] or "idea",
            began_at=event["at"],
            ended_at=end,
            days=((end or now) - event["at"]) / _DAY,
            actor=event["actor"],
        )
        for event, end in zip(events, ends, strict=True)
    ]


def _waits(events: Sequence[EventsRow], now: datetime) -> list[Wait]:
    opened: dict[str | None, EventsRow] = {}
    waits = []
    for event in events:
        if event["kind"] == "wait_began":
            opened.setdefault(event["waits_for"], event)
        elif event["kind"] == "wait_ended" and (began := opened.pop(event["waits_for"], None)):
            waits.append(_wait(began, event["at"], now))
    return [*waits, *(_wait(event, None, now) for event in opened.values())]


def _wait(began: EventsRow, ended: datetime | None, now: datetime) -> Wait:
    return Wait(
        waits_for=began["waits_for"] or "",
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


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartSpan:
    """A stage in the chart; ``left`` and ``width`` are shares of the whole width."""

    name: str
    began_at: datetime
    ended_at: datetime | None
    days: float
    left: float
    width: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartGoal:
    """A goal in the chart, at share ``at`` of the whole width."""

    name: str
    due_at: datetime
    at: float
    days: float
    of_days: float
    reached_at: datetime | None
    state: Literal["reached", "reached late", "ahead", "missed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineChart:
    """A timeline as a chart; ``today`` is a share of the whole width."""

    headline: str
    waits: Sequence[str]
    spans: Sequence[ChartSpan]
    targets: Sequence[ChartGoal]
    today: float

    @property
    def facts(self) -> dict[str, object]:
        """Headline and waits for programs, beside the timeline itself."""
        return {"says": self.headline, "waits": list(self.waits)}

    @property
    def lines(self) -> list[str]:
        """The chart as lines of text."""
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


def chart_of(timeline: Timeline, now: datetime) -> TimelineChart:
    """The chart from the first day to the last goal, or to today if that is later."""
    began = timeline.stages[0].began_at if timeline.stages else now
    whole = max(timeline.production.of_days, (now - began) / timedelta(days=1) * _AHEAD)

    def share(at: datetime) -> float:
        return round((at - began) / timedelta(days=1) / whole, 4)

    spans = [
        ChartSpan(
            name=NAMES.get(stage.name, stage.name),
            began_at=stage.began_at,
            ended_at=stage.ended_at,
            days=stage.days,
            left=share(stage.began_at),
            width=round(share(stage.ended_at or now) - share(stage.began_at), 4),
        )
        for stage in timeline.stages[-_MOST:]
    ]
    targets = [_target(goal, began, now, whole) for goal in (timeline.proof, timeline.production)]
    waits = [_waiting(wait) for wait in timeline.waiting]
    return TimelineChart(
        headline=_headline(timeline, targets, waits),
        waits=waits,
        spans=spans,
        targets=targets,
        today=share(now),
    )


def days(value: float) -> str:
    """A duration in the unit that suits it."""
    if value >= 1.0:
        return several("%(n)s day", "%(n)s days", round(value))
    hours = round(value * 24)
    return several("%(n)s hour", "%(n)s hours", hours) if hours else _("under an hour")


def _target(goal: Goal, began: datetime, now: datetime, whole: float) -> ChartGoal:
    due = began + timedelta(days=goal.of_days)
    state: Literal["reached", "reached late", "ahead", "missed"]
    if goal.reached_at:
        state = "reached" if goal.reached_at <= due else "reached late"
    else:
        state = "ahead" if now <= due else "missed"
    return ChartGoal(
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


def _headline(timeline: Timeline, targets: Sequence[ChartGoal], waits: Sequence[str]) -> str:
    stage = NAMES.get(timeline.stage, timeline.stage)
    since = days(timeline.stages[-1].days) if timeline.stages else "under an hour"
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


class StageClock:
    """Reads stage events; the stages of the lifecycle write them in their own transactions."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def timeline(self, use_case: str) -> Timeline:
        """The timeline of a use case against 14 days to a proof and 8 weeks to production.

        Raises ``UnknownUseCaseError``.
        """
        events = await self._database.fetch(_SQL["events"], {"use_case": use_case})
        if not events:  # registration writes the first event
            raise UnknownUseCaseError(use_case)
        return stage_timeline(use_case, events, self._clock.now())
