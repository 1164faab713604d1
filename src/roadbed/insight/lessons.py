"""Lessons: groups of corrections, what was done about each, and what that changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from roadbed.improvement.confusions import Confusion, ReviewedAnswer
from roadbed.insight.rows import NotedProposalsRow, NotedReleasesRow, NotedVersionsRow
from roadbed.kernel.json import flat
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later, number, several
from roadbed.kernel.stored_sentences import reworded
from roadbed.storage.database import Row

State = Literal["released", "learned", "accepted", "proposed", "rejected", "undone", "open"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LessonCase:
    """An example: input, answer, right answer, and a reviewer's note."""

    task: str | None
    input: str
    decided: str
    right: str
    note: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """The error rate among reviewed tasks with the same right answer."""

    wrong: int
    of: int

    @property
    def words(self) -> str:
        return _("%(wrong)s of %(of)s wrong") % {
            "wrong": number(self.wrong),
            "of": number(self.of),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """A group of corrections: what was ``seen``, what was ``done``, what it ``changed``.

    ``why`` is the reason of the proposal. ``n`` counts the corrections. ``version`` is the number
    of the version that contains the change.
    """

    seen: str
    why: str | None
    n: int
    words: Sequence[str]
    examples: Sequence[LessonCase]
    state: State
    done: Sequence[str]
    changed: str | None
    before: Rate | None
    after: Rate | None
    first_at: datetime | None
    last_at: datetime | None
    version: int | None = None

    @property
    def short(self) -> str:
        """The lesson in one sentence."""
        end = self.changed or _(_ENDS[self.state]) % {"version": self.version}
        return _("%(lesson)s: %(end)s.") % {"lesson": self.seen.rstrip("."), "end": end}


_SHOWN = 240
Readable = Mapping[str, ReviewedAnswer]  # by task: verdicts as the reader may read them
_ENDS: Mapping[State, str] = {
    "released": later("answered to by version %(version)s"),
    "learned": later("version %(version)s has learned from it"),
    "accepted": later("accepted, not yet released"),
    "proposed": later("a proposal waits for a decision"),
    "rejected": later("a proposal was rejected"),
    "undone": later("it was rolled back"),
    "open": later("nothing was done about it yet"),
}


def _stored(text: str | None) -> str:
    """A text that code or a person stored, in the language of whoever reads."""
    return reworded(text or "", certain=True)


def lesson_of_proposal(
    proposal: NotedProposalsRow,
    by_task: Mapping[str, ReviewedAnswer],
    releases: Sequence[NotedReleasesRow],
    readable: Readable,
) -> Lesson:
    """The lesson of a proposal; ``by_task`` are all verdicts, releases are oldest first.

    The proposal is as it is shown; verdicts that are shown otherwise than stored are ``readable``.
    """
    cases = proposal["cases"]
    verdicts = [by_task[case["task_id"]] for case in cases if case.get("task_id") in by_task]
    wrong = [verdict for verdict in verdicts if not verdict.agrees]
    release = _release_of(proposal, releases)
    state, done = _decided(proposal, release)
    version = release["version_number"] if release and release["live_at"] else None
    pairs = {verdict.pair for verdict in wrong}
    at = release["live_at"] if release else None
    before, after = _rates([*by_task.values()], pairs, at)
    tasks = {case.get("task_id") for case in cases}
    return Lesson(
        seen=f"{_stored(proposal['title']).rstrip('.')}.",
        why=_stored(proposal["reason"]),
        n=int(proposal["support"].get("wrong_now") or len(wrong) or len(cases)),
        words=(),
        examples=[_case(case, by_task, readable) for case in cases[:2]],
        state=state,
        done=done,
        changed=_on_gate(release, tasks) or _changed(before, after, version),
        before=before,
        after=after,
        first_at=min((verdict.given_at for verdict in wrong), default=proposal["made_at"]),
        last_at=max((verdict.given_at for verdict in wrong), default=proposal["made_at"]),
        version=version,
    )


def lesson_of_confusion(
    confusion: Confusion,
    verdicts: Sequence[ReviewedAnswer],
    versions: Sequence[NotedVersionsRow],
    readable: Readable,
) -> Lesson:
    """The lesson of a group that no proposal covers; versions are oldest first."""
    n = len(confusion.verdicts)
    hidden = (readable[one.task_id].pair for one in confusion.verdicts if one.task_id in readable)
    answer, right = next(hidden, (confusion.decided, confusion.right))
    learned = _learned(confusion, versions)
    at = learned["live_since"] if learned else None
    before, after = _rates(verdicts, {(confusion.decided, confusion.right)}, at)
    version = learned["number"] if learned else None
    done = []
    if learned and (until := learned["learned_until"]):
        k = sum(verdict.given_at <= until for verdict in confusion.verdicts)
        message = _(
            "Version %(version)s, live since %(day)s, was made after %(some)s of these %(n)s."
        )
        done = [message % {"version": version, "day": _day(at), "some": k, "n": n}]
    return Lesson(
        seen=_("Answered “%(answer)s”, right was “%(right)s”.")
        % {"answer": answer, "right": right},
        why=None,
        n=n,
        words=confusion.words,
        examples=[_example(example, readable) for example in confusion.examples],
        state="learned" if learned else "open",
        done=done,
        changed=_changed(before, after, version),
        before=before,
        after=after,
        first_at=min(verdict.given_at for verdict in confusion.verdicts),
        last_at=max(verdict.given_at for verdict in confusion.verdicts),
        version=version,
    )


def lesson_of_rollback(
    release: NotedReleasesRow, verdicts: Sequence[ReviewedAnswer], readable: Readable
) -> Lesson:
    """The lesson of a candidate that was rolled back; ``verdicts`` are its errors."""
    newest = sorted(verdicts, key=lambda verdict: verdict.given_at)[::-1]
    n = len(verdicts)
    return Lesson(
        seen=several(
            "Version %(version)s answered %(n)s task wrong on its way into service.",
            "Version %(version)s answered %(n)s tasks wrong on its way into service.",
            n,
            version=release["version_number"],
        ),
        why=_stored(release["reason"]),
        n=n,
        words=(),
        examples=[_example(verdict, readable) for verdict in newest[:2]],
        state="undone",
        done=[_("Rolled back: %(why)s") % {"why": _stored(release["ended_why"])}],
        changed=None,
        before=None,
        after=None,
        first_at=newest[-1].given_at,
        last_at=newest[0].given_at,
        version=release["version_number"],
    )


def _learned(confusion: Confusion, versions: Sequence[NotedVersionsRow]) -> NotedVersionsRow | None:
    """The first version in service that could learn from most of these corrections."""
    half = sorted(verdict.given_at for verdict in confusion.verdicts)[
        (len(confusion.verdicts) - 1) // 2
    ]
    return next(
        (
            version
            for version in versions
            if version["live_since"]
            and version["learned_until"]
            and version["learned_until"] >= half
        ),
        None,
    )


def _release_of(
    proposal: NotedProposalsRow, releases: Sequence[NotedReleasesRow]
) -> NotedReleasesRow | None:
    """The first live release that contains the proposal, else the newest one."""
    carrying = [release for release in releases if proposal["id"] in release["proposals"]]
    live = [release for release in carrying if release["live_at"]]
    return live[0] if live else carrying[-1] if carrying else None


def _decided(
    proposal: NotedProposalsRow, release: NotedReleasesRow | None
) -> tuple[State, list[str]]:
    told = {"how": _how(proposal)}
    if proposal["state"] == "rejected":
        return "rejected", [_("Rejected%(how)s.") % told]
    if proposal["state"] != "accepted":
        proposed = _("Proposed on %(day)s; nobody has decided yet.")
        return "proposed", [proposed % {"day": _day(proposal["made_at"])}]
    done = (_("Accepted, edited,%(how)s.") if proposal["edited"] else _("Accepted%(how)s.")) % told
    if release is None:
        return "accepted", [done]
    released = _("In release %(number)s, which is %(step)s.")
    if release["live_at"]:
        released = _("Released with version %(version)s on %(day)s, %(step)s.")
        if release["step"] in ("live", "retired"):
            released = _("Released with version %(version)s on %(day)s.")
    facts = {
        "number": release["number"],
        "version": release["version_number"],
        "day": _day(release["live_at"]),
        "step": _step(release),
    }
    return "released" if release["live_at"] else "accepted", [done, released % facts]


def _how(proposal: NotedProposalsRow) -> str:
    """By whom, when and with which note a proposal was decided; each may be missing."""
    by, at, note = proposal["decided_by"], proposal["decided_at"], proposal["note"]
    said = _(" by %(person)s") % {"person": by} if by else ""
    said += _(" on %(day)s") % {"day": _day(at)} if at else ""
    return said + (_(": “%(note)s”") % {"note": note} if note else "")


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d}" if at else ""


def _step(release: NotedReleasesRow) -> str:
    return _(str(release["step"]).replace("_", " "))


def _rates(
    verdicts: Sequence[ReviewedAnswer], pairs: set[tuple[str, str]], at: datetime | None
) -> tuple[Rate | None, Rate | None]:
    """The error rates of these pairs before and since ``at``."""
    if not pairs:
        return None, None
    rights = {right for decided, right in pairs}
    same = [verdict for verdict in verdicts if verdict.pair[1] in rights]

    def rate(some: Sequence[ReviewedAnswer]) -> Rate | None:
        return Rate(wrong=sum(item.pair in pairs for item in some), of=len(some)) if some else None

    before = rate([verdict for verdict in same if at is None or verdict.decided_at < at])
    return before, rate(
        [verdict for verdict in same if at is not None and verdict.decided_at >= at]
    )


def _changed(before: Rate | None, after: Rate | None, version: int | None) -> str | None:
    if version is None or before is None:
        return None
    if after is None:
        message = _("%(before)s before version %(version)s; none of this kind was judged since")
        return message % {"before": before.words, "version": version}
    message = _("%(before)s before version %(version)s, %(after)s since")
    return message % {"before": before.words, "version": version, "after": after.words}


def _on_gate(release: NotedReleasesRow | None, tasks: set[str | None]) -> str | None:
    """The gate result of a release on these cases."""
    cases = (release["gate"] or {}).get("cases") if release else None
    if not isinstance(cases, Mapping):
        return None
    fixed, broken = (
        sum(item.get("task") in tasks for item in cases.get(name) or [])
        for name in ("fixed", "broken")
    )
    if not fixed and not broken:
        return None
    return several(
        "on %(n)s case the gate saw %(fixed)s fixed and %(broken)s broken",
        "on %(n)s cases the gate saw %(fixed)s fixed and %(broken)s broken",
        len(tasks),
        fixed=number(fixed),
        broken=number(broken),
    )


def _case(case: Row, by_task: Mapping[str, ReviewedAnswer], readable: Readable) -> LessonCase:
    task = case.get("task_id", "")
    verdict = readable.get(task) or by_task.get(task)
    return LessonCase(
        task=case.get("task_id") or None,
        input=str(case.get("input", ""))[:_SHOWN],
        decided=_flat(case.get("before")),
        right=_flat(case.get("right")),
        note=verdict.note if verdict else None,
    )


def _example(verdict: ReviewedAnswer, readable: Readable) -> LessonCase:
    verdict = readable.get(verdict.task_id, verdict)
    decided, right = verdict.pair
    return LessonCase(
        task=verdict.task_id,
        input=flat(verdict.input)[:_SHOWN],
        decided=decided,
        right=right,
        note=verdict.note,
    )


def _flat(output: object) -> str:
    return flat(output) if isinstance(output, Mapping) else _("no answer")
