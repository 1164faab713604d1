"""Timeline: the events of a use case, one sentence each, from rows of several tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from roadbed.insight.rows import (
    EventsRow,
    NotedAuditRow,
    NotedHaltsRow,
    NotedProposalsRow,
    NotedReleasesRow,
    NotedVersionsRow,
)
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later, localised, several
from roadbed.kernel.stored_sentences import reworded

_STAGES = {
    "idea": later("Registered."),
    "proof": later("Proof of concept: it proposes, people decide."),
    "gate": later("Before the gate."),
    "shadow": later("In shadow: a candidate answers without effect."),
    "canary": later("As canary: a candidate decides a share of the tasks."),
    "live": later("Live."),
    "retired": later("Retired."),
}
_ENDS = {
    "failed": later("%(release)s failed its gate"),
    "rolled_back": later("%(release)s rolled back"),
    "withdrawn": later("%(release)s withdrawn"),
}
_DECIDED = {"accepted": later("Accepted “%(title)s”"), "rejected": later("Rejected “%(title)s”")}


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineEvent:
    """An event: its kind and a sentence."""

    at: datetime
    kind: str
    words: str
    actor: str


def _told(reason: str | None) -> str:
    """A reason, which code or a person gave, in the language of whoever reads."""
    return reworded(reason or "", certain=True)


def halt_events(rows: Sequence[NotedHaltsRow]) -> Iterator[TimelineEvent]:
    """Halts, resumes and drills; of scheduled drills only the newest is listed."""
    own = [row for row in rows if row["kind"] == "drill" and row["actor"] == "roadbed"]
    newest = max(own, key=lambda row: row["asked_at"], default=None)
    for row in rows:
        if row["kind"] == "drill" and row["actor"] == "roadbed" and row is not newest:
            continue
        fenced = row["fenced_seconds"]
        words = _("A drill of the stop.")
        if row["kind"] != "drill":
            words = _("Halted: %(reason)s") % {"reason": f"{_told(row['reason'])}{_dot(row)}"}
        if fenced is not None:
            took = _("Nothing new could start after %(ms)s ms.")
            words = f"{words} {took % {'ms': localised(f'{fenced * 1000:,.0f}')}}"
        if row is newest:
            of = several(
                "It was the newest of %(n)s drill made by the clock.",
                "It was the newest of %(n)s drills made by the clock.",
                len(own),
            )
            words = f"{words} {of}"
        kind = "drill" if row["kind"] == "drill" else "halt"
        yield _event(row["asked_at"], kind, words, row["actor"])
        if kind == "halt" and row["resumed_at"]:
            by = row["resumed_by"] or "roadbed"
            told = {"one": row["resume_asked_by"], "other": row["resumed_by"]}
            words = _("Resumed by %(one)s and %(other)s.") % told
            yield _event(row["resumed_at"], "resume", words, by)


def audit_events(rows: Sequence[NotedAuditRow]) -> Iterator[TimelineEvent]:
    """State changes and incidents from the audit log; erased entries are left out."""
    for row in rows:
        detail = row["detail"] or {}
        if row["kind"] == "state" and "after" in detail:
            words = _("From %(before)s to %(after)s: %(reason)s") % {
                "before": detail.get("before"),
                "after": detail["after"],
                "reason": _told(detail.get("reason", "")),
            }
            yield _event(row["at"], "state", words, row["actor"])
        elif row["kind"] == "incident" and "title" in detail:
            words = _("Incident: %(title)s") % {"title": detail["title"]}
            yield _event(row["at"], "incident", words, row["actor"])


def release_events(rows: Sequence[NotedReleasesRow]) -> Iterator[TimelineEvent]:
    """Releases that went live, and releases that ended before or after that."""
    for row in rows:
        told = {"number": row["number"], "version": row["version_number"]}
        name = _("Release %(number)s") % told
        if row["version_number"] is not None:
            name = _("Release %(number)s (version %(version)s)") % told
        if row["live_at"]:
            words = _("%(release)s live: %(reason)s") % {
                "release": name,
                "reason": _told(row["reason"]),
            }
            yield _event(row["live_at"], "live", words, row["author"])
        if row["ended_at"] and row["step"] in _ENDS:
            why = f": {_told(row['ended_why'])}" if row["ended_why"] else "."
            words = _(_ENDS[row["step"]]) % {"release": name} + why
            yield _event(row["ended_at"], row["step"], words, row["ended_by"] or "roadbed")


def stage_events(rows: Sequence[EventsRow]) -> Iterator[TimelineEvent]:
    """Stages of the use case, as they were reached."""
    for row in rows:
        if row["kind"] == "stage" and row["stage"] in _STAGES:
            yield _event(row["at"], "stage", _(_STAGES[row["stage"]]), row["actor"])


def version_events(rows: Sequence[NotedVersionsRow]) -> Iterator[TimelineEvent]:
    """Versions that went live without a release."""
    for row in rows:
        if row["live_since"] and not row["released"]:
            told = {"number": row["number"], "reason": _told(row["reason"])}
            words = _("Version %(number)s in service: %(reason)s") % told
            yield _event(row["live_since"], "version", words, row["made_by"])


def proposal_events(rows: Sequence[NotedProposalsRow]) -> Iterator[TimelineEvent]:
    """Proposals that a person accepted or rejected."""
    for row in rows:
        if row["decided_at"] and row["state"] in _DECIDED:
            note = f": {row['note']}" if row["note"] else "."
            words = _(_DECIDED[row["state"]]) % {"title": _told(row["title"])} + note
            yield _event(row["decided_at"], row["state"], words, row["decided_by"] or "roadbed")


def _event(at: datetime, kind: str, words: str, actor: str) -> TimelineEvent:
    return TimelineEvent(at=at, kind=kind.replace("_", " "), words=words.strip(), actor=actor)


def _dot(row: NotedHaltsRow) -> str:
    return "" if str(row["reason"]).endswith((".", "!", "?")) else "."
