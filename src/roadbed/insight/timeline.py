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

_STAGES = {
    "idea": "Registered.",
    "proof": "Proof of concept: it proposes, people decide.",
    "gate": "Before the gate.",
    "shadow": "In shadow: a candidate answers without effect.",
    "canary": "As canary: a candidate decides a share of the tasks.",
    "live": "Live.",
    "retired": "Retired.",
}
_ENDS = {
    "failed": "failed its gate",
    "rolled_back": "rolled back",
    "withdrawn": "withdrawn",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineEvent:
    """An event: its kind and a sentence."""

    at: datetime
    kind: str
    words: str
    actor: str


def halt_events(rows: Sequence[NotedHaltsRow]) -> Iterator[TimelineEvent]:
    """Halts, resumes and drills; of scheduled drills only the newest is listed."""
    own = [row for row in rows if row["kind"] == "drill" and row["actor"] == "roadbed"]
    newest = max(own, key=lambda row: row["asked_at"], default=None)
    for row in rows:
        if row["kind"] == "drill" and row["actor"] == "roadbed" and row is not newest:
            continue
        fenced = row["fenced_seconds"]
        took = "" if fenced is None else f" Nothing new could start after {fenced * 1000:,.0f} ms."
        if row["kind"] == "drill":
            of = f" It was the newest of {len(own):,} drills made by the clock." * (row is newest)
            yield _event(row["asked_at"], "drill", f"A drill of the stop.{took}{of}", row["actor"])
            continue
        yield _event(
            row["asked_at"], "halt", f"Halted: {row['reason']}{_dot(row)}{took}", row["actor"]
        )
        if row["resumed_at"]:
            both = f"{row['resume_asked_by']} and {row['resumed_by']}"
            by = row["resumed_by"] or "roadbed"
            yield _event(row["resumed_at"], "resume", f"Resumed by {both}.", by)


def audit_events(rows: Sequence[NotedAuditRow]) -> Iterator[TimelineEvent]:
    """State changes and incidents from the audit log; erased entries are left out."""
    for row in rows:
        detail = row["detail"] or {}
        if row["kind"] == "state" and "after" in detail:
            words = f"From {detail.get('before')} to {detail['after']}: {detail.get('reason', '')}"
            yield _event(row["at"], "state", words, row["actor"])
        elif row["kind"] == "incident" and "title" in detail:
            yield _event(row["at"], "incident", f"Incident: {detail['title']}", row["actor"])


def release_events(rows: Sequence[NotedReleasesRow]) -> Iterator[TimelineEvent]:
    """Releases that went live, and releases that ended before or after that."""
    for row in rows:
        name = f"Release {row['number']}"
        if row["version_number"] is not None:
            name += f" (version {row['version_number']})"
        if row["live_at"]:
            yield _event(row["live_at"], "live", f"{name} live: {row['reason']}", row["author"])
        if row["ended_at"] and row["step"] in _ENDS:
            why = f": {row['ended_why']}" if row["ended_why"] else "."
            words = f"{name} {_ENDS[row['step']]}{why}"
            yield _event(row["ended_at"], row["step"], words, row["ended_by"] or "roadbed")


def stage_events(rows: Sequence[EventsRow]) -> Iterator[TimelineEvent]:
    """Stages of the use case, as they were reached."""
    for row in rows:
        if row["kind"] == "stage" and row["stage"] in _STAGES:
            yield _event(row["at"], "stage", _STAGES[row["stage"]], row["actor"])


def version_events(rows: Sequence[NotedVersionsRow]) -> Iterator[TimelineEvent]:
    """Versions that went live without a release."""
    for row in rows:
        if row["live_since"] and not row["released"]:
            words = f"Version {row['number']} in service: {row['reason']}"
            yield _event(row["live_since"], "version", words, row["made_by"])


def proposal_events(rows: Sequence[NotedProposalsRow]) -> Iterator[TimelineEvent]:
    """Proposals that a person accepted or rejected."""
    for row in rows:
        if row["decided_at"] and row["state"] in ("accepted", "rejected"):
            note = f": {row['note']}" if row["note"] else "."
            words = f"{row['state'].capitalize()} “{row['title']}”{note}"
            yield _event(row["decided_at"], row["state"], words, row["decided_by"] or "roadbed")


def _event(at: datetime, kind: str, words: str, actor: str) -> TimelineEvent:
    return TimelineEvent(at=at, kind=kind.replace("_", " "), words=words.strip(), actor=actor)


def _dot(row: NotedHaltsRow) -> str:
    return "" if str(row["reason"]).endswith((".", "!", "?")) else "."
