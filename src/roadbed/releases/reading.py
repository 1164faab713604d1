"""The report of a gate and the reading of a trial as rows that surfaces show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from roadbed.releases.model import Release

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
    interval = "–"
    if lower is not None and upper is not None:
        interval = f"{_bare(lower)} to {_bare(upper)}"
    return {
        "label": label(each),
        "passed": each["passed"],
        "line": _headed(each),
        "measured": write(each["measured"]) if each.get("measured") is not None else "–",
        "interval": interval,
        "n": f"{each['n']:,}" if each.get("n") is not None else "–",
        "limit": f"{sign} {write(each['limit'])}" if each.get("limit") is not None else "–",
    }


def _headed(each: Report) -> str:
    """Its line under its name, which some lines begin with."""
    name, line = label(each), str(each["line"])
    return line if line.startswith(name) else f"{name}: {line}"


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
    counted = f"of the items that only judge, {gate['fixed']:,} fixed and {gate['broken']:,} broken"
    beside = gate.get("alone") or counted
    return f"{begun} {beside[0].upper()}{beside[1:]}."


def beside(report: Report | None) -> list[tuple[str, str, str]]:
    """Live version and candidate, each by itself: what, the one's figure, the other's."""
    sides = [(report or {}).get(each) or {} for each in ("live", "candidate")]
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
    return "–" if value is None else _WRITES[_SIDES.get(name, "plain")](value)


def gate_lines(gate: Report | None) -> Iterator[str]:
    """The gate for a terminal."""
    for each in criteria(gate):
        yield f"{'✓' if each['passed'] else '×'} {_headed(each)}"


def newest(release: Release) -> Report:
    """The reading of the trial that runs, or of the last one; empty before its first look."""
    trial = release.trial or {}
    if release.step in ("shadow", "canary") and trial.get("step") != release.step:
        return {}
    return trial


def checks(trial: Report) -> list[dict[str, Any]]:
    """Each check of a canary with its evidence and the line at which it is rolled back."""
    return [
        {
            **each,
            "label": _CHECKS.get(each["name"], each["name"]),
            "said": f"{each['evidence']:.2g} of {each['limit']:.0f}, n = {each['n']:,}",
        }
        for each in trial.get("checks", ())
    ]


def agreement(trial: Report) -> str:
    """How often the two said the same."""
    found = trial.get("agreement") or {}
    if not found.get("n"):
        return ""
    return (
        f"The two agree on {found['share'] * 100:.1f} % "
        f"({found['lower'] * 100:.1f}–{found['upper'] * 100:.1f} %, n = {found['n']:,})."
    )


def evidence_lines(trial: Report) -> Iterator[str]:
    """The trial for a terminal."""
    if said := agreement(trial):
        yield said
    for each in checks(trial):
        sign = "×" if each["breached"] else "✓"
        yield f"{sign} {each['label']}: {each['line']}; evidence {each['said']}"


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
    "no_answer": "no answer",
    "p95_seconds": "19 of 20 answers within",
    "mean_cost": "mean cost",
}
_CHECKS = {
    "wrong": "Wrong answers",
    "failing": "No answer",
    "slow": "Slower than allowed",
    "dear": "Dearer than allowed",
}
_SIDES = {
    "asked": "count",
    "no_answer": "count",
    "error": "share",
    "automatic": "share",
    "p95_seconds": "seconds",
}
_WRITES: Mapping[str, Callable[[float], str]] = {
    "difference": _points,
    "share": lambda share: f"{share * 100:.1f} %",
    "seconds": lambda seconds: f"{seconds * 1000:,.3g} ms",
    "count": lambda count: f"{count:,.0f}",
    "plain": lambda figure: f"{figure:.4g}",
}
