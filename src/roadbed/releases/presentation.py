"""How figures of a plan, a gate and a trial are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from roadbed.kernel.figures import counted, percent

Report = Mapping[str, Any]


def limits(plan: Report) -> list[str]:
    """What a plan fixes, in sentences."""
    gate = plan["gate"]
    fewest = counted(gate["fewest"], "item")
    found = [
        f"wrong more often than the live version by at most {percent(gate['worse_by'])} of all",
        f"within each slice by at most {percent(gate['slice_worse_by'])}",
        "of past corrections no more broken than fixed",
        f"at most {gate['slower_by']:g} times as slow, {gate['dearer_by']:g} times as dear",
        f"shown on {fewest} or more",
    ]
    return found + [f"passed by {check['name']}" for check in gate.get("checks", ())]


def beside(report: Report | None) -> list[tuple[str, str, str]]:
    """Live version and candidate, each by itself: what, the one's figure, the other's."""
    sides = [(report or {}).get(item) or {} for item in ("live", "candidate")]
    live, candidate = sides
    if not candidate:
        return []
    return [
        (what, _figure(live, name), _figure(candidate, name))
        for name, what in _FIGURES.items()
        if name in candidate
    ]


def _figure(side: Report, name: str) -> str:
    value = side.get(name)
    return "–" if value is None else WRITES[_SIDES.get(name, "plain")](value)


def share(part: float) -> str:
    """A share of the answers with one decimal: ``4.1 %``."""
    return f"{part * 100:.1f} %"


def bare(share: float) -> str:
    """A difference of shares with its sign, in percentage points."""
    return f"{share * 100:+.1f}".replace("-", "−")


def _points(share: float) -> str:
    return f"{bare(share)} points"


_FIGURES = {
    "asked": "items compared",
    "error": "wrong",
    "automatic": "would be automatic",
    "no_answer": "no answer",
    "p95_seconds": "19 of 20 answers within",
    "mean_cost": "mean cost",
}


_SIDES = {
    "asked": "count",
    "no_answer": "count",
    "error": "share",
    "automatic": "share",
    "p95_seconds": "seconds",
}


WRITES: Mapping[str, Callable[[float], str]] = {
    "difference": _points,
    "share": share,
    "seconds": lambda seconds: f"{seconds * 1000:,.3g} ms",
    "count": lambda count: f"{count:,.0f}",
    "plain": lambda figure: f"{figure:.4g}",
}
