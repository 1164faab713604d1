"""The report of a gate as rows and sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from roadbed.releases.gate_words import WRITES, Report, bare


def criteria(gate: Report | None) -> list[Report]:
    """What the gate measured, each with its limit."""
    return list((gate or {}).get("criteria", ()))


def criterion(each: Report) -> dict[str, Any]:
    """One of them as words."""
    kind = _kind(each)
    write, sign = WRITES[kind], "≥" if each["name"] in ("items", "automation") else "≤"
    lower, upper = each.get("lower"), each.get("upper")
    interval = "–"
    if lower is not None and upper is not None:
        interval = f"{bare(lower)} to {bare(upper)}"
    return {
        "label": label(each),
        "passed": each["passed"],
        "line": _headed(each),
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
    counted = f"of the items that only judge, {gate['fixed']:,} fixed and {gate['broken']:,} broken"
    beside = gate.get("alone") or counted
    return " ".join(filter(None, [f"{begun} {beside[0].upper()}{beside[1:]}.", _cost(gate)]))


def gate_lines(gate: Report | None) -> Iterator[str]:
    """The gate for a terminal."""
    for each in criteria(gate):
        yield f"{'✓' if each['passed'] else '×'} {_headed(each)}"
    if said := _cost(gate or {}):
        yield said


def _cost(gate: Report) -> str:
    """What asking both versions came to; nothing where it was free."""
    if "spent" not in gate or gate["spent"] == 0:
        return ""
    if gate["spent"] is None:
        return "What it cost to ask is not known."
    return f"Asking cost {gate['spent']:,.4g} {gate['currency']}".rstrip() + "."


def _headed(each: Report) -> str:
    """Its line under its name, which some lines begin with."""
    name, line = label(each), str(each["line"])
    return line if line.startswith(name) else f"{name}: {line}"


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
