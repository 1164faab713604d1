"""Outstanding work after a restore: pure arithmetic on the irrevocable events outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadbed.audit.irrevocable_events import IrrevocableEvent

_NARROW = frozenset({"tightened", "cautious", "halted"})
_ENDED = frozenset({"rolled_back", "retired"})
# What an event is about, and the fact that names it.
_MEMBERSHIPS = {
    "role revoked": ("role", "role"),
    "role granted": ("role", "role"),
    "access ended": ("access", "group"),
    "access given": ("access", "group"),
}
# What an event is about, if its subject says which one.
_SUBJECTS = {
    "person disabled": "closed",
    "person enabled": "closed",
    "administrator": "admin",
    "document erased": "document",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Outstanding:
    """Irrevocable events that the restored database does not have.

    ``halts`` and ``looks`` name use cases: halted when the database was lost, or changed since the
    copy in a way that a person has to check. People are hashes. ``documents`` are the entries of
    erased documents.
    """

    tasks: Sequence[str]
    documents: Sequence[IrrevocableEvent]
    halts: Sequence[str]
    looks: Sequence[str]
    disabled: Sequence[str]
    demoted: Sequence[str]
    roles: Sequence[tuple[str, str, str]]
    tokens: Sequence[str]
    passwords: Sequence[str]
    access: Sequence[tuple[str, str, str]]


def outstanding(events: Iterable[tuple[IrrevocableEvent, bool]]) -> Outstanding:
    """``events`` in the order they happened, each with whether the database has it.

    The last event about something counts. If the database has that one it needs nothing.
    """
    last: dict[tuple[str, ...], tuple[IrrevocableEvent, bool]] = {}
    for event, here in events:
        for about in _about(event):
            last.pop(about, None)
            last[about] = event, here
    missing = {about: event for about, (event, here) in last.items() if not here}

    def of(what: str) -> list[tuple[tuple[str, ...], IrrevocableEvent]]:
        return [(about, event) for about, event in missing.items() if about[0] == what]

    return Outstanding(
        tasks=[about[1] for about, _ in of("task")],
        documents=[event for _, event in of("document")],
        halts=[about[1] for about, event in of("halt") if event.kind == "halted"],
        looks=sorted(
            {about[1] for about, event in of("state") if event.facts.get("after") in _NARROW}
            | {about[1] for about, event in of("release") if event.facts.get("step") in _ENDED}
        ),
        disabled=[about[1] for about, event in of("closed") if event.kind == "person disabled"],
        demoted=[about[1] for about, event in of("admin") if not event.facts.get("admin")],
        roles=[
            (about[1], about[2], about[3])
            for about, event in of("role")
            if event.kind == "role revoked"
        ],
        tokens=[about[1] for about, _ in of("token")],
        passwords=[about[1] for about, _ in of("password")],
        access=[
            (about[1], about[2], about[3])
            for about, event in of("access")
            if event.kind == "access ended"
        ],
    )


def _about(event: IrrevocableEvent) -> list[tuple[str, ...]]:
    facts: Mapping[str, Any] = event.facts
    use_case = event.use_case or ""
    match event.kind:
        case "erased":
            return [("task", task) for task in facts.get("tasks", [])]
        case "halted" | "resumed":
            return [("halt", use_case)]
        case "state":
            return [("state", use_case)]
        case "release":
            return [("release", use_case, event.subject)]
        case "person disabled" | "person enabled" | "administrator" | "document erased":
            return [(_SUBJECTS[event.kind], event.subject)]
        case "role revoked" | "role granted" | "access ended" | "access given":
            what, name = _MEMBERSHIPS[event.kind]
            return [(what, event.subject, use_case, str(facts.get(name, "")))]
        case "token ended":
            return [("token", str(facts.get("token", "")))]
        case "password set":
            tokens = [("token", str(token)) for token in facts.get("tokens_revoked", [])]
            return [("password", event.subject), *tokens]
    return []
