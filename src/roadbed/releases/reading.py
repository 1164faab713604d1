"""The report of a gate and the reading of a trial as rows that surfaces show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Report = Mapping[str, Any]


def limits(plan: Report) -> list[str]:
    """What a plan fixes, in sentences."""
    gate = plan["gate"]
    found = [
        f"wrong more often than the live version by at most {_share(gate['worse_by'])} of all",
        f"within each slice by at most {_share(gate['slice_worse_by'])}",
        "of past corrections no more broken than fixed",
        f"at most {gate['slower_by']:g} times as slow, {gate['dearer_by']:g} times as dear",
        f"shown on {gate['fewest']:,} items or more",
    ]
    return found + [f"passed by {each['name']}" for each in gate.get("checks", ())]


def criteria(gate: Report | None) -> list[Report]:
    """What the gate measured, each with its limit."""
    return list((gate or {}).get("criteria", ()))


def criterion(each: Report) -> dict[str, Any]:
    """One of them as words."""
    kind = _kind(each)
    write, sign = _WRITES[kind], "≥" if each["name"] in ("items", "automation") else "≤"
    lower, upper = each.get("lower"), each.get("upper")
    return {
        "label": label(each),
        "passed": each["passed"],
        "line": each["line"],
        "measured": write(each["measured"]) if each.get("measured") is not None else "–",
        "interval": interval,
        "n": f"{each['n']:,}" if each.get("n") is not None else "–",
        "limit": f"{sign} {write(each['limit'])}" if each.get("limit") is not None else "–",
    }


def label(each: Report) -> str:
    """What a criterion is called."""
    name: str = each["name"]
    return _LABELS.get(name, name.removeprefix("slice "))


def differences(gate: Report | None) -> list[dict[str, Any]]:
    """The paired comparisons, with interval and limit."""
    return [
        {**each, "label": label(each)}
        for each in criteria(gate)
        if _kind(each) == "difference" and each.get("n")
    ]


def cases(gate: Report | None, what: str) -> list[Report]:
    """Items that were ``fixed`` or ``broken``."""
    return list((gate or {}).get("cases", {}).get(what, ()))


def gate_said(gate: Report) -> str:
    """The whole gate in a sentence."""
    failed = [label(each) for each in criteria(gate) if not each["passed"]]
    begun = f"Failed: {', '.join(failed)}." if failed else "Everything it had to reach, it reached."
    beside = gate.get("alone") or f"{gate['fixed']:,} fixed, {gate['broken']:,} broken"
    return f"{begun} {beside[0].upper()}{beside[1:]}."


def beside(gate: Report | None) -> list[tuple[str, str, str]]:
    """Live version and candidate, each by itself: what, the one's figure, the other's."""
    sides = [(gate or {}).get(each) or {} for each in ("live", "candidate")]
    live, candidate = sides
    if not candidate:
        return []
    return [
        (what, _figure(live, name), _figure(candidate, name)) for name, what in _FIGURES.items()
    ]


def _figure(side: Report, name: str) -> str:
    value = side.get(name)
    return "–" if value is None else _WRITES[_SIDES.get(name, "plain")](value)


def gate_lines(gate: Report | None) -> Iterator[str]:
    """The gate for a terminal."""
    for each in criteria(gate):
        yield f"{'✓' if each['passed'] else '×'} {label(each)}: {each['line']}"


def checks(trial: Report | None) -> list[dict[str, Any]]:
    """Each check of a canary with its evidence and the line at which it is rolled back."""
    return [
        {**each, "said": f"{each['evidence']:.2g} of {each['line']:.0f}, n = {each['n']:,}"}
        for each in (trial or {}).get("checks", ())
    ]


def evidence_lines(trial: Report | None) -> Iterator[str]:
    """The checks for a terminal."""
    for each in checks(trial):
        yield f"{each['label']}: evidence {each['said']}"


def _share(share: float) -> str:
    return f"{share * 100:g} %"


def _bare(share: float) -> str:
    return f"{share * 100:+.1f}".replace("-", "−")


def _points(share: float) -> str:
    return f"{_bare(share)} points"


def _kind(each: Report) -> str:
    return "difference" if each["name"].startswith("slice ") else _KINDS.get(each["name"], "plain")


_LABELS = {
    "items": "Items to judge by",
    "errors": "Wrong answers",
    "corrections": "Corrections broken",
    "automation": "Automated",
    "latency": "19 of 20 answers within",
    "cost": "Mean cost",
}
_KINDS = {
    "items": "count",
    "errors": "difference",
    "corrections": "count",
    "automation": "share",
    "latency": "seconds",
}
_FIGURES = {
    "asked": "items asked",
    "error": "wrong",
    "automatic": "would be automatic",
    "p95_seconds": "19 of 20 answers within",
    "mean_cost": "mean cost",
}
_SIDES = {"asked": "count", "error": "share", "automatic": "share", "p95_seconds": "seconds"}
_WRITES: Mapping[str, Callable[[float], str]] = {
    "difference": _points,
    "share": lambda share: f"{share * 100:.1f} %",
    "seconds": lambda seconds: f"{seconds * 1000:,.3g} ms",
    "count": lambda count: f"{count:,.0f}",
    "plain": lambda figure: f"{figure:.4g}",
}
