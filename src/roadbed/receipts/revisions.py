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
# Of a decision: what was proposed, and what says how sure it is.
PROPOSAL = (
    "output",
    "actions",
    "provenance",
    "content_hash",
    "confidence",
    "threshold",
    "evidence",
)
_UNRELEASED = (*PROPOSAL, "weak_spots")
# What may quote it.
_QUOTING = ("reason", "rule")
_RIGHT = ("verdict", "right_output", "right_actions")


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


def for_a_sender(receipt: Row, viewer: str) -> Row:
    """A receipt for a person who may submit but not read: without content of others.

    Only the sender of the task gets the answer, not a person who repeats another one's key. They
    get it if it is automatic; else, once a person has given a verdict, what is right by it. The
    route alone decides what of the decision is left out, so that a task of the sample looks like
    others.
    """
    known = [
        {"task": revision["task"], "number": revision["number"]}
        for revision in receipt["revisions"]
    ]
    review, decision = receipt["review"], receipt["decision"]
    own = receipt["source"].get("by") == viewer
    verdict = None if review is None else review["verdict"]
    if review is not None:
        told = _told(verdict) if own and verdict is not None else None
        review = {**review, "claimed_by": None, "verdict": told, "undone": []}
    if decision is not None and not own:
        decision = dict.fromkeys(decision) | {"id": decision["id"], "hidden": True}
    elif decision is not None and decision["route"] != "automatic":
        kept_back = _UNRELEASED if decision["route"] == "refused" else (*_UNRELEASED, *_QUOTING)
        decision = {**decision, **dict.fromkeys(kept_back), "hidden": True}
    return {
        **receipt,
        "revisions": known,
        "decision": decision,
        "review": review,
        "deliveries": [],
        "outcomes": [],
    }


def _told(verdict: Row) -> dict[str, object]:
    """What the sender of a task reads of a verdict: what is right."""
    return dict.fromkeys(verdict) | {name: verdict[name] for name in _RIGHT}


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
