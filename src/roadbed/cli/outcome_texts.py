"""Outcomes in the terminal's words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.figures import counted
from roadbed.kernel.json import flat


def listed(usecase: str, found: Any) -> Iterator[str]:
    """The summary, and the newest ones."""
    summary = found["summary"]
    yield f"Of {counted(summary.automatic, 'automatic answer')} in {summary.days} days:"
    right = "nothing is known of how many were right"
    if summary.told:
        right = f"{summary.right:,} of {summary.told:,} right"
    yield f"  {summary.reported:,} reported, {right}"
    if summary.told:
        yield f"  {summary.low:.1%} to {summary.high:.1%} of what is reported"
    yield "Whoever reports chooses what, so this proves nothing about the limit."
    for outcome in found["outcomes"]:
        yield f"{outcome['id']}  {outcome['task_id']}  {_word(outcome)}"
    if not found["outcomes"]:
        yield f"None yet. Report one: `roadbed outcome {usecase} TASK --right`."


def _word(each: dict[str, Any]) -> str:
    if each["withheld"]:
        return "told once it was judged blind"
    said = "right" if each["right"] else "wrong"
    said += f", right is {flat(each['output'])!r}" if each["output"] is not None else ""
    return said + (" (taken back)" if each["withdrawn_at"] else "")


def told(found: Any) -> str:
    """What became of a report."""
    opened_one = f" Review {found.outcome.review} is open." if found.outcome.review else ""
    return f"{'Known already' if found.repeated else 'Kept'} as {found.outcome.id}.{opened_one}"


def refused(line: int, error: RoadbedError) -> dict[str, Any]:
    """A line of a file that was not kept, and why."""
    return {"line": line, "code": error.code, "detail": error.problem, "remedy": error.remedy}
