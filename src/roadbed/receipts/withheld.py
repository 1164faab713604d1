"""Receipts as a person may read them whose access groups lack a document that they quote. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from roadbed.knowledge.withholding import NOTE, Readability

Row = Mapping[str, Any]


def senders_of(receipt: Row) -> Collection[str]:
    """Who sent the task of a receipt; empty for one without a sender."""
    by = receipt["source"].get("by")
    return () if by is None else (str(by),)


def quoting(receipt: Row) -> list[object]:
    """The parts of a receipt that name documents."""
    decision, verdict = receipt["decision"] or {}, (receipt["review"] or {}).get("verdict") or {}
    return [
        *(decision.get(name) for name in ("output", "actions", "provenance", "evidence")),
        *(verdict.get(name) for name in ("right_output", "right_actions")),
        *(outcome["output"] for outcome in receipt["outcomes"]),
        *(revision.get("output") for revision in receipt["revisions"]),
    ]


def outputs_of(receipt: Row) -> list[Row | None]:
    """The outputs of a receipt: decided, right, and of outcomes."""
    decision, verdict = receipt["decision"] or {}, (receipt["review"] or {}).get("verdict") or {}
    reported = [outcome["output"] for outcome in receipt["outcomes"]]
    return [decision.get("output"), verdict.get("right_output"), *reported]


def readable(receipt: Row, readability: Readability, earlier: str | None) -> Row:
    """A receipt without what ``readability`` withholds; ``withheld`` says whether it did.

    ``earlier`` is the field of the input with earlier turns of a conversation.
    """
    shown = {
        **receipt,
        "input": readability.input(receipt["input"], earlier),
        "sent": readability.input(receipt["sent"], earlier),
        "decision": _decision(receipt["decision"], readability),
        "review": _review(receipt["review"], receipt["decision"], readability),
        "deliveries": [_delivery(one, receipt, readability) for one in receipt["deliveries"]],
        "outcomes": [_outcome(outcome, readability) for outcome in receipt["outcomes"]],
        "revisions": [_revision(one, readability, earlier) for one in receipt["revisions"]],
    }
    return {**shown, "withheld": shown != receipt}


def readable_row(row: Row, readability: Readability, earlier: str | None) -> Row:
    """A row of a list of receipts, in the same way."""
    output, right = row["output"], row["right_output"]
    shown = {
        **row,
        "input": readability.input(row["input"], earlier),
        "output": readability.output(output, decided=True),
        "right_output": readability.output(right, decided=right == output),
        "reason": _reason(
            row["reason"], readability, hidden=readability.hides_output(output, decided=True)
        ),
    }
    return {**shown, "withheld": shown != row}


def _decision(decision: Row | None, readability: Readability) -> Row | None:
    if decision is None:
        return None
    quoted = [decision[name] for name in ("output", "actions", "provenance", "evidence")]
    hidden = readability.hides(quoted) or readability.hides_output(decision["output"], decided=True)
    return {
        **decision,
        "output": readability.output(decision["output"], decided=True),
        "actions": None if hidden else decision["actions"],
        "provenance": readability.evidence(decision["provenance"]),
        "evidence": readability.evidence(decision["evidence"]),
        "reason": _reason(decision["reason"], readability, hidden=hidden),
        "weak_spots": [] if hidden and decision["weak_spots"] else decision["weak_spots"],
    }


def _review(review: Row | None, decision: Row | None, readability: Readability) -> Row | None:
    verdict = review["verdict"] if review is not None else None
    if review is None or verdict is None:
        return review
    right = verdict["right_output"]
    decided = decision is not None and right == decision["output"]
    hidden = readability.hides([right, verdict["right_actions"]]) or readability.hides_output(
        right, decided=decided
    )
    told = {
        **verdict,
        "right_output": readability.output(right, decided=decided),
        "right_actions": None if hidden else verdict["right_actions"],
        "score_reason": _reason(verdict["score_reason"], readability, hidden=hidden),
        "note": str(NOTE) if hidden and verdict["note"] else verdict["note"],
    }
    return {**review, "verdict": told}


def _delivery(delivery: Row, receipt: Row, readability: Readability) -> Row:
    """What was sent of an answer: its key and what its receiver said may quote it."""
    decided = (receipt["decision"] or {}).get("output")
    right = ((receipt["review"] or {}).get("verdict") or {}).get("right_output")
    hidden = readability.hides_output(decided, decided=True) or readability.hides_output(
        right, decided=right == decided
    )
    if not hidden:
        return delivery
    reason = str(NOTE) if delivery["reason"] else None
    return {**delivery, "reason": reason, "key": None, "reference": None}


def _outcome(outcome: Row, readability: Readability) -> Row:
    output = outcome["output"]
    hidden = readability.hides(output)
    return {
        **outcome,
        "output": readability.output(output, decided=False),
        "note": str(NOTE) if hidden and outcome["note"] else outcome["note"],
    }


def _revision(revision: Row, readability: Readability, earlier: str | None) -> Row:
    output = readability.output(revision["output"], decided=True)
    changed = revision["changed"]
    if readability.is_behind and earlier:  # its turns quote earlier answers
        changed = [one for one in changed if not str(one["field"]).startswith(earlier)]
    return {**revision, "output": output, "changed": changed}


def _reason(text: str | None, readability: Readability, *, hidden: bool) -> str | None:
    """A text that a decider or a scorer wrote beside an answer; it may quote it."""
    return str(NOTE) if text and (hidden or readability.is_behind) else text
