"""Irrevocable events, which no restore may undo, in the folder outside the database.

``irrevocable.log`` holds one JSON object a line: erasures, halts, revocations, and later events
that revoke one of these. A checkpoint of ``size`` entries stands in the folder only after every
such entry below it does, so whoever knows the checkpoint knows them all. Ids and hashes only: no
names of people, no texts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from roadbed.audit.rows import IrrevocableRow

JOURNAL = "irrevocable.log"
# Kinds of audit entries, and which of their facts are ids, numbers or states.
_FACTS: Mapping[str, Sequence[str]] = {
    "erased": ("tasks",),
    "document erased": ("versions", "path", "waiting"),
    "halted": ("epoch",),
    "resumed": (),
    "state": ("after", "version"),
    "release": ("step",),
    "person disabled": (),
    "person enabled": (),
    "administrator": ("admin",),
    "role revoked": ("role",),
    "role granted": ("role",),
    "access ended": ("group",),
    "access given": ("group",),
    "token ended": ("token",),
    "password set": ("tokens_revoked",),
}
KINDS = tuple(_FACTS)
_OF_PEOPLE = frozenset(
    {
        "person disabled",
        "person enabled",
        "administrator",
        "role revoked",
        "role granted",
        "access ended",
        "access given",
        "password set",
        "token ended",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class IrrevocableEvent:
    """Something that stays. ``leaf`` is its place in the log; ``subject`` an id, or a hash."""

    leaf: int
    kind: str
    use_case: str | None
    subject: str
    facts: Mapping[str, Any]


def person_hash(name: str) -> str:
    """The hash that identifies a person. ``people/queries.sql`` computes the same."""
    return sha256(f"roadbed/person/{name}".encode()).hexdigest()


def event(leaf: int, row: IrrevocableRow) -> IrrevocableEvent:
    """The stored part of an audit entry (``kind``, ``use_case``, ``subject``, ``detail``)."""
    kind, detail = row["kind"], row["detail"] or {}
    subject = row["subject"]
    if kind in _OF_PEOPLE:
        subject = person_hash(subject)
    elif kind == "release":
        subject = subject.partition(" ")[0]
    elif kind == "state":
        subject = row["use_case"] or subject
    facts = {name: detail[name] for name in _FACTS[kind] if name in detail}
    return IrrevocableEvent(
        leaf=leaf, kind=kind, use_case=row["use_case"], subject=subject, facts=facts
    )


def add(folder: Path, events: Sequence[IrrevocableEvent]) -> None:
    """Append events; they are on disk when this returns. Raises ``OSError``.

    The file is created even without events: if it is missing, all events are written again.
    """
    if not events and exists(folder):
        return
    with (folder / JOURNAL).open("ab+") as journal:
        _drop_torn_line(journal.fileno())
        for event in events:
            line = {
                "leaf": event.leaf,
                "kind": event.kind,
                "use_case": event.use_case,
                "subject": event.subject,
                "facts": event.facts,
            }
            journal.write(json.dumps(line).encode() + b"\n")
        journal.flush()
        os.fsync(journal.fileno())


def exists(folder: Path) -> bool:
    """Whether the folder has a journal: those that older versions wrote have none."""
    return (folder / JOURNAL).exists()


def events(folder: Path) -> list[IrrevocableEvent]:
    """Every event, each once, in the order of the log. Raises ``OSError``, ``ValueError``."""
    try:
        lines = (folder / JOURNAL).read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    read = [IrrevocableEvent(**json.loads(line)) for line in lines if line.endswith(b"\n")]
    return _once(read)


def _once(events: Iterable[IrrevocableEvent]) -> list[IrrevocableEvent]:
    """Events by their place, each once: a crash before the checkpoint repeats some."""
    return [event for _, event in sorted({other.leaf: other for other in events}.items())]


def _drop_torn_line(handle: int) -> None:
    """Remove an incomplete line that a crash left; it is written again later."""
    length = os.fstat(handle).st_size
    end = length
    while end and os.pread(handle, 1, end - 1) != b"\n":
        end -= 1
    if end != length:
        os.ftruncate(handle, end)
