"""The revisions of a task, as its receipts show them. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from roadbed.kernel.stored_sentences import stored_message
from roadbed.receipts.rows import RevisionsRow
from roadbed.scoring.content import same

Row = Mapping[str, Any]
# Results of a corrected input, in words.
CAME_TO = {
    "note": stored_message("kept beside the task; nothing is decided again"),
    "new": stored_message("nothing had been sent before"),
    "kept": stored_message("says the same; what was sent stands, and nothing was sent again"),
    "asked": stored_message(
        "says something else or has not been asked about; a person decides what is sent"
    ),
    "replaced": stored_message(
        "says something else; what was not sent is not sent, what could be taken back is"
    ),
}
_WAITS = stored_message("waits for its last word; until then what was sent stands")


def linked(rows: Sequence[RevisionsRow], viewer: str) -> list[dict[str, object]]:
    """The revisions of a task, oldest first; empty if there is only one.

    Parts that would reveal an answer to a blind reviewer are left out, of all revisions: the answer
    to a corrected input is mostly that to the input before.
    """
    if len(rows) < 2:
        return []
    hidden, before = any(row["withheld"] and row["by"] != viewer for row in rows), None
    links: list[dict[str, object]] = []
    for row in rows:
        effects = None if hidden else row["effects"]
        links.append(
            {
                "task": row["task"],
                "number": row["number"],
                "at": row["at"],
                "by": row["by"],
                "why": row["why"],
                "rule": row["rule"],
                "erased": row["erased"],
                "output": None if hidden else row["output"],
                "effects": effects,
                "came_to": None
                if before is None
                else _came_to(row["rule"], effects, hidden=hidden),
                "changed": [] if before is None else list(changes(before, row["input"])),
            }
        )
        before = row["input"]
    return links


def for_a_sender(receipt: Row, viewer: str) -> dict[str, Any]:
    """A receipt for a person who may submit but not read: without content of others.

    Only the sender of the task gets the answer, not a person who repeats another one's key.
    """
    known = [
        {"task": revision["task"], "number": revision["number"]}
        for revision in receipt["revisions"]
    ]
    review, decision = receipt["review"], receipt["decision"]
    if review is not None:
        review = {**review, "claimed_by": None, "verdict": None, "undone": []}
    if decision is not None and receipt["source"].get("by") != viewer:
        decision = dict.fromkeys(decision) | {"id": decision["id"], "hidden": True}
    return {
        **receipt,
        "revisions": known,
        "decision": decision,
        "review": review,
        "deliveries": [],
        "outcomes": [],
    }


def changes(before: object, after: object, field: str = "") -> Iterator[dict[str, object]]:
    """Differences of two inputs by field; a missing field is ``None``."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted(set(before) | set(after)):
            place = f"{field}.{name}".lstrip(".")
            yield from changes(before.get(name), after.get(name), place)
    elif not same(before, after):
        yield {"field": field or "input", "before": before, "after": after}


def _came_to(rule: str | None, effects: str | None, *, hidden: bool) -> str | None:
    if rule == "note":
        return CAME_TO[rule]
    return None if hidden else CAME_TO.get(effects or "", _WAITS)
