"""Notebook: the lessons of a use case, from corrections, proposals and releases."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from roadbed.improvement.confusions import ReviewedAnswer, confusions
from roadbed.improvement.readable import readable_proposals
from roadbed.insight import timeline
from roadbed.insight.lessons import (
    Lesson,
    lesson_of_confusion,
    lesson_of_proposal,
    lesson_of_rollback,
)
from roadbed.insight.rows import (
    NotedProposalsRow,
    NotedRecentRow,
    NotedReleasesRow,
    NotedVerdictsRow,
    NotedVersionsRow,
    Queries,
)
from roadbed.insight.timeline import TimelineEvent
from roadbed.kernel.clock import Clock
from roadbed.kernel.figures import listed, percent
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import number, several
from roadbed.knowledge.readable_cases import Reader
from roadbed.people.model import named
from roadbed.storage.database import Database, Row
from roadbed.storage.sql import queries
from roadbed.usecases.errors import UnknownUseCaseError
from roadbed.versions.rows import NotedUseCaseRow
from roadbed.versions.rows import Queries as VersionQueries

_MOST_OPEN = 20
_ROLES = ("domain_lead", "engineer", "data_specialist", "risk_partner")
# Of these kinds a proposal is about all corrections, not about one group of them.
_ABOUT_ALL = ("model", "examples")
_SQL = queries(Queries)
_VERSIONS = queries(VersionQueries)
_MOST = 3_000  # verdicts, the newest ones
_SPECIAL = re.compile(r"([\\`*_\[\]{}|~$#!])")
_ADDRESS = re.compile(r"(?i):(?=//)|(?<=www)\.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Notebook:
    """Summary, lessons and events of a use case; lessons largest first, events oldest first."""

    use_case: str
    purpose: str
    in_short: Sequence[str]
    important: Sequence[str]
    lessons: Sequence[Lesson]
    verdicts: int
    corrections: int
    events: Sequence[TimelineEvent]
    made_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """The rows of a notebook; ``versions`` and ``releases`` are oldest first.

    All verdicts are counted. Those that ``readable`` has by their tasks are shown as they stand
    there: the reader may not read all of them.
    """

    use_case: NotedUseCaseRow
    verdicts: Sequence[ReviewedAnswer]
    proposals: Sequence[NotedProposalsRow]
    releases: Sequence[NotedReleasesRow]
    versions: Sequence[NotedVersionsRow]
    events: Sequence[TimelineEvent]
    recent: NotedRecentRow
    now: datetime
    readable: Mapping[str, ReviewedAnswer] = field(default_factory=dict)


def compose(given: Material) -> Notebook:
    """Compose the notebook of a use case."""
    by_task = {verdict.task_id: verdict for verdict in given.verdicts}
    told = [proposal for proposal in given.proposals if proposal["kind"] not in _ABOUT_ALL]
    covered = {case.get("task_id") for proposal in told for case in proposal["cases"]}
    lessons = [
        lesson_of_proposal(proposal, by_task, given.releases, given.readable) for proposal in told
    ]
    rolled_back = _rolled_back(given)
    lessons += [
        lesson_of_rollback(release, verdicts, given.readable) for release, verdicts in rolled_back
    ]
    covered |= {verdict.task_id for ended, verdicts in rolled_back for verdict in verdicts}
    left = [
        verdict for verdict in given.verdicts if verdict.agrees or verdict.task_id not in covered
    ]
    lessons += [
        lesson_of_confusion(confusion, given.verdicts, given.versions, given.readable)
        for confusion in confusions(left)[:_MOST_OPEN]
    ]
    lessons.sort(key=lambda lesson: (-lesson.n, lesson.seen))
    declared = given.use_case["declaration"]
    return Notebook(
        use_case=given.use_case["name"],
        purpose=declared["purpose"],
        in_short=_in_short(given),
        important=[lesson.short for lesson in _important(lessons)],
        lessons=lessons,
        verdicts=len(given.verdicts),
        corrections=sum(not verdict.agrees for verdict in given.verdicts),
        events=sorted(given.events, key=lambda event: event.at),
        made_at=given.now,
    )


def _rolled_back(given: Material) -> list[tuple[NotedReleasesRow, list[ReviewedAnswer]]]:
    """Candidates that were rolled back before they were live, with the corrections of each.

    These corrections need no further action: the candidate decides nothing any more.
    """
    in_service = {version["number"] for version in given.versions if version["live_since"]}
    ended = {
        release["version_number"]: release
        for release in given.releases
        if release["step"] == "rolled_back" and release["version_number"] not in in_service
    }
    wrong: dict[int, list[ReviewedAnswer]] = {}
    for verdict in given.verdicts:
        if not verdict.agrees and (number := verdict.version) is not None and number in ended:
            wrong.setdefault(number, []).append(verdict)
    return [(ended[number], verdicts) for number, verdicts in wrong.items()]


def _important(lessons: Sequence[Lesson]) -> list[Lesson]:
    """Three lessons: acted on before open, the largest first."""
    kept = [lesson for lesson in lessons if lesson.state not in ("rejected", "undone")]
    return sorted(kept, key=lambda lesson: (lesson.state in ("open", "proposed"), -lesson.n))[:3]


def _in_short(given: Material) -> list[str]:
    declared, use_case = given.use_case["declaration"], given.use_case
    people = {role: name for role in _ROLES if (name := declared["pod"].get(role))}
    pod = [f"{name} ({named([role])})" for role, name in people.items()]
    purpose = f"{declared['purpose'].rstrip('.')}."
    sentences = [purpose, _("The pod: %(people)s.") % {"people": listed(pod)}]
    live = next((version for version in given.versions if version["live"]), None)
    if live is None:
        return [*sentences, _("No version decides; nothing is live yet."), _promise(declared)]
    since = f"{live['live_since']:%Y-%m-%d}"
    sentences.append(
        _("Version %(number)s is live since %(day)s, made by %(person)s.")
        % {"number": live["number"], "day": since, "person": live["made_by"]}
    )
    if use_case["halted"]:
        sentences.append(_("It is halted: everything goes to people."))
    elif use_case["threshold"] is None and use_case["stage"] in ("idea", "proof"):
        sentences.append(_("It only proposes: nothing has been automatic yet."))
    elif use_case["threshold"] is None:
        sentences.append(_("Nothing is automatic at the moment: people decide."))
    else:
        tasks = given.recent["tasks"]
        share = _("no task has arrived yet")
        if tasks:
            share = several(
                "%(share)s of the last %(n)s task",
                "%(share)s of the last %(n)s tasks",
                tasks,
                share=percent(given.recent["automatic"] / tasks),
            )
        sentences.append(
            _("It answers from confidence %(threshold)s on by itself, %(share)s.")
            % {"threshold": number(use_case["threshold"], 3), "share": share}
        )
    return [*sentences, _promise(declared)]


def _promise(declared: Row) -> str:
    message = _(
        "The limit: at most %(limit)s of automatic answers wrong, with %(certainty)s certainty."
    )
    return message % {
        "limit": percent(declared["risk_limit"]),
        "certainty": percent(declared["certainty"]),
    }


class Notebooks:
    """Reads notebooks. Calls no model and loads no folder of a use case."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def read(self, use_case: str, reader: Reader | None = None) -> Notebook:
        """The notebook of a use case. Raises ``UnknownUseCaseError``.

        What ``reader`` may not read is withheld from it; without one nothing is.

        A verdict that waits for a second review is left out, so that a reader of the notebook may
        still be the second reviewer.
        """
        named = {"use_case": use_case, "most": _MOST}
        row = await self._database.fetch_one(_VERSIONS["noted_use_case"], named)
        if row is None:
            raise UnknownUseCaseError(use_case)
        verdicts = await self._database.fetch(_SQL["noted_verdicts"], named)
        stored = await self._database.fetch(_SQL["noted_proposals"], named)
        proposals: Any = await readable_proposals(reader, stored)
        releases = await self._database.fetch(_SQL["noted_releases"], named)
        versions = await self._database.fetch(_SQL["noted_versions"], named)
        halts = await self._database.fetch(_SQL["noted_halts"], named)
        audit = await self._database.fetch(_SQL["noted_audit"], named)
        stages = await self._database.fetch(_SQL["events"], named)
        (recent,) = await self._database.fetch(_SQL["noted_recent"], named)
        given = Material(
            use_case=row,
            verdicts=[ReviewedAnswer(**verdict) for verdict in verdicts],
            proposals=proposals,
            releases=releases,
            versions=versions,
            events=[
                *timeline.stage_events(stages),
                *timeline.version_events(versions),
                *timeline.release_events(releases),
                *timeline.proposal_events(proposals),
                *timeline.halt_events(halts),
                *timeline.audit_events(audit),
            ],
            recent=recent,
            now=self._clock.now(),
            readable=await _readable(reader, verdicts),
        )
        return await asyncio.to_thread(compose, given)


async def _readable(
    reader: Reader | None, verdicts: Sequence[NotedVerdictsRow]
) -> Mapping[str, ReviewedAnswer]:
    """The verdicts of which something is withheld from ``reader``, as they may read them."""
    if reader is None:
        return {}
    names = [entry.name for entry in fields(ReviewedAnswer)]
    return {
        verdict["task_id"]: ReviewedAnswer(**{name: shown[name] for name in names})
        for verdict, shown in zip(verdicts, await reader.read(verdicts), strict=True)
        if shown is not verdict
    }


def markdown(notebook: Notebook) -> str:
    """The notebook as a Markdown document."""
    return "\n".join(_lines(notebook)) + "\n"


def escaped(text: str) -> str:
    """Text in one line, escaped: Markdown shows it as it is, without HTML, links or mentions."""
    line = "".join(
        sign if sign.isprintable() else _escape_code(sign) for sign in " ".join(text.split())
    )
    line = _SPECIAL.sub(r"\\\1", line.replace("&", "&amp;"))
    line = line.replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
    return _ADDRESS.sub(lambda match: f"&#{ord(match[0])};", line)


def _escape_code(sign: str) -> str:
    return json.dumps(sign)[1:-1]


def _lines(notebook: Notebook) -> Iterator[str]:
    yield "# " + _("Notebook of %(use_case)s") % {"use_case": escaped(notebook.use_case)}
    yield ""
    yield _("As of %(moment)s.") % {"moment": f"{notebook.made_at:%Y-%m-%d %H:%M} UTC"}
    yield ""
    yield "## " + _("In short")
    yield ""
    yield escaped(" ".join(notebook.in_short))
    if notebook.important:
        yield ""
        yield _("What matters most:")
        yield ""
        for place, sentence in enumerate(notebook.important, 1):
            yield f"{place}. {escaped(sentence)}"
    yield ""
    yield "## " + _("What was learned")
    yield ""
    yield _("%(corrections)s corrections among %(verdicts)s verdicts.") % {
        "corrections": number(notebook.corrections),
        "verdicts": number(notebook.verdicts),
    }
    for lesson in notebook.lessons:
        yield ""
        yield from _lesson(lesson)
    yield ""
    yield "## " + _("What happened")
    yield ""
    for event in notebook.events:
        by = "" if event.actor == "roadbed" else f" ({escaped(event.actor)})"
        yield f"- {event.at:%Y-%m-%d %H:%M} UTC: {escaped(event.words)}{by}"


def _lesson(lesson: Lesson) -> Iterator[str]:
    yield f"### {escaped(lesson.seen)}"
    yield ""
    told = {"n": number(lesson.n)}
    if lesson.first_at and lesson.last_at:
        told |= {"first": f"{lesson.first_at:%Y-%m-%d}", "last": f"{lesson.last_at:%Y-%m-%d}"}
        yield "- " + _("%(n)s times, %(first)s to %(last)s") % told
    else:
        yield "- " + _("%(n)s times") % told
    if lesson.why:
        yield f"- {escaped(lesson.why)}"
    if lesson.words:
        words = escaped(", ".join(lesson.words))
        yield "- " + _("Words that tell them: %(words)s") % {"words": words}
    for example in lesson.examples:
        note = f" ({escaped(example.note)})" if example.note else ""
        told = {
            "input": escaped(example.input),
            "answer": escaped(example.decided),
            "right": escaped(example.right),
        }
        yield "- " + _("“%(input)s”: answered %(answer)s, right %(right)s") % told + note
    for said in lesson.done or [_("Nothing was done about it yet.")]:
        yield f"- {escaped(said)}"
    if lesson.changed:
        yield "- " + _("What it changed: %(change)s.") % {"change": escaped(lesson.changed)}
