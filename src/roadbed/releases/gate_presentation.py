"""The report of a gate as rows and sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from roadbed.kernel.figures import counted
from roadbed.releases.presentation import WRITES, Report, bare, share


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
        "result": " ".join(_result(each)),
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
        {**criterion, "label": label(criterion)}
        for criterion in criteria(gate)
        if _kind(criterion) == "difference" and criterion.get("n")
    ]


def cases(gate: Report | None, what: str) -> list[Report]:
    """Items that were ``fixed`` or ``broken``."""
    return list((gate or {}).get("cases", {}).get(what, ()))


def gate_said(gate: Report) -> str:
    """The whole gate in a sentence."""
    failed = [label(criterion) for criterion in criteria(gate) if not criterion["passed"]]
    begun = f"Failed: {', '.join(failed)}." if failed else _passed(gate)
    beside = gate.get("alone") or _compared(gate)
    said = [f"{begun} {beside[0].upper()}{beside[1:]}.", _worse(gate), _cost(gate)]
    return " ".join(filter(None, said))


def _passed(gate: Report) -> str:
    rows = criteria(gate)
    known = sum(_result(row)[0] == "✓" for row in rows)
    if known == len(rows):
        return f"Passed: all {known} limits kept." if known > 1 else "Passed: its one limit kept."
    unknown = len(rows) - known
    return (
        f"Passed: {known} of {len(rows)} limits kept, and of {unknown} too little is known "
        f"to say whether {'it is' if unknown == 1 else 'they are'}."
    )


def _compared(gate: Report) -> str:
    """What it fixed and broke, of how many; nothing is known where nothing was compared."""
    n = next(
        (criterion.get("n") for criterion in criteria(gate) if criterion["name"] == "errors"), None
    )
    if n == 0:
        return "no item was answered by both versions, so nothing is known of the difference"
    of = "the items that only judge" if n is None else counted(n, "item") + " that only judge"
    return f"of {of}, {gate['fixed']:,} fixed and {gate['broken']:,} broken"


def _worse(gate: Report) -> str:
    """Where it is worse than the live version though the limit allows it, with the figures."""
    said = []
    for criterion in criteria(gate):
        more, n = criterion.get("measured"), criterion.get("n")
        if (
            _kind(criterion) != "difference"
            or not criterion["passed"]
            or not n
            or not more
            or more <= 0.0
        ):
            continue
        where = "" if criterion["name"] == "errors" else f" on {label(criterion)}"
        live, candidate = ((gate.get(side) or {}).get("error") for side in ("live", "candidate"))
        told = f"{bare(more)} points"
        if not where and live is not None and candidate is not None and candidate > live:
            told = f"{share(candidate)} instead of {share(live)}"
        allowed = f"{bare(criterion['limit'])} points allowed, n = {n:,}"
        said.append(f"It is worse{where}, within the limit: {told} wrong ({allowed}).")
    if len(said) > _MOST_WORSE:
        said[_MOST_WORSE:] = [f"So it is on {len(said) - _MOST_WORSE:,} more, listed below."]
    return " ".join(said)


def gate_lines(gate: Report | None) -> Iterator[str]:
    """The gate for a terminal."""
    for criterion in criteria(gate):
        yield f"{_result(criterion)[0]} {_headed(criterion)}"
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


def _result(each: Report) -> tuple[str, str]:
    """A criterion's sign and word: what nothing is known of has not passed, nor failed."""
    if not each["passed"]:
        return "×", "failed"
    if each.get("n") == 0:
        return "○", "nothing is known"
    return ("○", "too few to say") if each.get("small") else ("✓", "passed")


def _kind(each: Report) -> str:
    return "difference" if each["name"].startswith("slice ") else _KINDS.get(each["name"], "plain")


_MOST_WORSE = 4
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
