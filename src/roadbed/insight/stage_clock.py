"""Stage clock: the stages and waits of a use case, their lengths, and the goals in days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from roadbed.insight.rows import EventsRow, Queries
from roadbed.kernel.clock import Clock
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later, localised, several
from roadbed.people.model import named
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases.errors import UnknownUseCaseError

PROOF_DAYS, PRODUCTION_DAYS = 14.0, 56.0
_BEYOND_PROOF = ("gate", "shadow", "canary", "live")
_DAY = timedelta(days=1)
NAMES: Mapping[str, str] = {
    "idea": later("idea"),
    "proof": later("proof of concept"),
    "gate": later("gate"),
    "shadow": later("shadow"),
    "canary": later("canary"),
    "live": later("live"),
    "retired": later("retired"),
}
_WAITS = {"traffic": later("more tasks"), "labels": later("labels from reviewers")}
_STATES = {
    "reached": later("reached"),
    "reached late": later("reached late"),
    "ahead": later("ahead"),
    "missed": later("missed"),
}
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
        proof=_goal(later("proof of concept"), began, stages, _BEYOND_PROOF, PROOF_DAYS, now),
        production=_goal(later("production"), began, stages, ("live",), PRODUCTION_DAYS, now),
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

    @property
    def words(self) -> str:
        """What is to be reached, in words."""
        return _(self.name)

    @property
    def state_in_words(self) -> str:
        """Whether it was reached, in words."""
        return _(_STATES[self.state])


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
            until = f"{span.ended_at:%Y-%m-%d}" if span.ended_at else _("now")
            rows.append(f"{span.name:18}{span.began_at:%Y-%m-%d}–{until:12}{days(span.days):>12}")
        for goal in self.targets:
            message = _("%(state)s: %(used)s of %(of)s days, due %(due)s")
            if goal.reached_at:
                message = _("%(state)s on %(day)s: %(used)s of %(of)s days, due %(due)s")
            told = {
                "state": goal.state_in_words,
                "day": f"{goal.reached_at:%Y-%m-%d}" if goal.reached_at else "",
                "used": localised(f"{goal.days:.0f}"),
                "of": localised(f"{goal.of_days:.0f}"),
                "due": f"{goal.due_at:%Y-%m-%d}",
            }
            rows.append(f"{goal.words:18}{message % told}")
        return [*rows, *self.waits]


def chart_of(timeline: Timeline, now: datetime) -> TimelineChart:
    """The chart from the first day to the last goal, or to today if that is later."""
    began = timeline.stages[0].began_at if timeline.stages else now
    whole = max(timeline.production.of_days, (now - began) / timedelta(days=1) * _AHEAD)

    def share(at: datetime) -> float:
        return round((at - began) / timedelta(days=1) / whole, 4)

    spans = [
        ChartSpan(
            name=_(NAMES.get(stage.name, stage.name)),
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
    told = {"time": days(wait.seconds / 86_400)}
    if wait.waits_for in _WAITS:
        return _("Waits for %(what)s, %(time)s.") % {**told, "what": _(_WAITS[wait.waits_for])}
    return _("Waits for the %(role)s, %(time)s.") % {**told, "role": named([wait.waits_for])}


def _headline(timeline: Timeline, targets: Sequence[ChartGoal], waits: Sequence[str]) -> str:
    stage = _(NAMES.get(timeline.stage, timeline.stage))
    since = days(timeline.stages[-1].days if timeline.stages else 0.0)
    said = _("Stage: %(stage)s, for %(time)s.") % {"stage": stage, "time": since}
    return " ".join([said, *map(_goal_line, targets), *waits])


def _goal_line(target: ChartGoal) -> str:
    messages = {
        "reached": _("%(goal)s: reached after %(used)s of %(of)s days."),
        "reached late": _("%(goal)s: reached after %(used)s days, %(of)s were meant."),
        "ahead": _("%(goal)s: %(left)s left of %(of)s days."),
        "missed": _("%(goal)s: not reached; %(of)s days are over by %(over)s."),
    }
    message = messages[target.state]
    if target.state == "reached" and target.days < 0.5:
        message = _("%(goal)s: reached within a day.")
    return message % {
        "goal": target.words[:1].upper() + target.words[1:],
        "used": localised(f"{target.days:.0f}"),
        "of": localised(f"{target.of_days:.0f}"),
        "left": localised(f"{target.of_days - target.days:.0f}"),
        "over": days(target.days - target.of_days),
    }


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
