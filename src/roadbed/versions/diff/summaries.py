"""The one sentence in which a difference between two versions is told."""

from __future__ import annotations

from collections.abc import Sequence

from roadbed.kernel.figures import counted, listed, percent
from roadbed.versions.diff import texts
from roadbed.versions.diff.sides import Area, Change, Prompt, Side


def summary(
    a: Side,
    b: Side,
    changes: Sequence[Change],
    prompts: Sequence[Prompt],
    files: Sequence[texts.FileDifference],
) -> str:
    """``Version 7 differs from version 6 in 2 rules and 512 more examples.``."""
    if a.number == b.number:
        first = " It is the first, so there is nothing to compare it with." if b.number == 1 else ""
        return f"Version {b.number} beside itself: nothing differs.{first}"

    def n(area: Area) -> int:
        return sum(change.area == area for change in changes)

    parts = [
        n("rules") and counted(n("rules"), "rule"),
        n("declaration") and counted(n("declaration"), "part of the declaration", _PARTS),
        n("patches") and counted(n("patches"), "accepted change"),
        prompts and counted(len(prompts), "prompt"),
        n("learning") and _more(a, b),
        n("threshold") and "its threshold",
    ]
    named = [part for part in parts if isinstance(part, str)]
    if not named and files:
        named = [counted(len(files), "file")]
    if not named:
        same = a.digests == b.digests and a.trained == b.trained
        return f"Versions {a.number} and {b.number} do the same." if same else _alike(a, b)
    said = f"Version {b.number} differs from version {a.number} in {listed(named)}"
    if a.share is not None and b.share is not None and n("threshold"):
        now, then = (percent(item.share or 0.0) for item in (b, a))
        return f"{said}; it automates {now} of the reference sample instead of {then}."
    return f"{said}."


_PARTS = "parts of the declaration"


def _alike(a: Side, b: Side) -> str:
    return f"Versions {a.number} and {b.number} differ in nothing that can be told in words."


def _more(a: Side, b: Side) -> str:
    more = b.learned_from - a.learned_from
    if more == 0:
        return "being trained again"
    return f"{abs(more):,} {'more' if more > 0 else 'fewer'} example{'' if abs(more) == 1 else 's'}"
