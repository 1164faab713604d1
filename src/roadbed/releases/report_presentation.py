"""Presentation of reports: the figures of a plan, a gate and a trial as rows and sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, TypedDict

from roadbed.kernel.figures import interval, listed, percent
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later, localised, number, several
from roadbed.kernel.stored_sentences import reworded
from roadbed.usecases.rollout import QUICK_SECONDS
from roadbed.versions.model import Release

Report = Mapping[str, Any]
Standing = Literal["worse", "worse within the limit", "equal", "better"]


class CriterionRow(TypedDict):
    """The texts of one criterion in a table."""

    label: str
    passed: bool
    result: str
    standing: str
    line: str
    measured: str
    interval: str
    n: str
    limit: str


def plan_limits(plan: Report) -> list[str]:
    """The limits that a plan fixes, as phrases."""
    gate = plan["gate"]
    limits = [
        _("wrong more often than the live version by at most %(share)s of all")
        % {"share": percent(gate["worse_by"])},
        _("within each slice by at most %(share)s") % {"share": percent(gate["slice_worse_by"])},
        _("of past corrections no more broken than fixed"),
        _("at most %(slower)s times as slow, %(dearer)s times as dear")
        % {
            "slower": localised(f"{gate['slower_by']:g}"),
            "dearer": localised(f"{gate['dearer_by']:g}"),
        },
        several("shown on %(n)s item or more", "shown on %(n)s items or more", gate["fewest"]),
    ]
    checks = gate.get("checks", ())
    return limits + [_("passed by %(check)s") % {"check": check["name"]} for check in checks]


def side_by_side(report: Report | None) -> list[tuple[str, str, str]]:
    """For each figure: its label, that of the live version, that of the candidate."""
    live, candidate = ((report or {}).get(side) or {} for side in ("live", "candidate"))
    if not candidate:
        return []
    return [
        (_(label), _figure(live, name), _figure(candidate, name))
        for name, label in _FIGURES.items()
        if name in candidate
    ]


def _figure(side: Report, name: str) -> str:
    figure = side.get(name)
    if figure is None or (name == "automatic" and side.get("asked") == 0):
        return "–"  # of no item nothing is known
    return WRITES[_SIDES.get(name, "plain")](figure)


def share(part: float) -> str:
    """A share of the answers with one decimal: ``4.1 %``."""
    return f"{localised(f'{part * 100:.1f}')} %"


def signed_points(share: float) -> str:
    """A difference of shares with its sign, in percentage points."""
    return localised(f"{share * 100:+.1f}".replace("-", "−"))


def _points(share: float) -> str:
    return _("%(difference)s points") % {"difference": signed_points(share)}


_FIGURES = {
    "asked": later("items compared"),
    "error": later("wrong, automatic or not"),
    "automatic": later("would be automatic"),
    "no_answer": later("no answer"),
    "p95_seconds": later("19 of 20 answers within"),
    "mean_cost": later("mean cost"),
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
    "seconds": lambda seconds: _("%(n)s ms") % {"n": localised(f"{seconds * 1000:,.3g}")},
    "count": lambda count: localised(f"{count:,.0f}"),
    "plain": lambda figure: localised(f"{figure:.4g}"),
}


def criteria(gate: Report | None) -> list[Report]:
    """The criteria of a gate report, each with its figure and limit."""
    return list((gate or {}).get("criteria", ()))


def standing(criterion: Report, gate: Report) -> Standing | None:
    """How the candidate stands to the live version by one criterion; ``None``: not compared.

    It is *worse within the limit* where it is worse and passed. Answers and corrections are *equal*
    if exactly as many were broken as fixed; an interval that covers zero does not make it equal,
    because few items always cover it. Other figures are equal if they are written the same, times
    also if both are too short to be noticed. Of a slice that is too small to be judged by itself,
    nothing is said.
    """
    difference = _worse_by(criterion, gate)
    if difference is None or _too_few(criterion):
        return None
    if difference <= 0:
        return "better" if difference < 0 else "equal"
    return "worse within the limit" if criterion["passed"] else "worse"


def _too_few(criterion: Report) -> bool:
    """Whether a small slice shows neither that it is within the limit nor that it is not."""
    upper = criterion.get("upper")
    within = upper is not None and upper <= criterion["limit"]
    return bool(criterion.get("small")) and criterion["passed"] and not within


def _worse_by(criterion: Report, gate: Report) -> float | None:
    """How much worse the candidate is, by the sign; ``None`` where nothing is compared."""
    measured, name = criterion.get("measured"), criterion["name"]
    if measured is None or criterion.get("n") == 0:
        return None
    if _kind(criterion) == "difference":
        return float(measured)
    if name == "corrections":
        return float(measured - criterion["limit"])
    live = (gate.get("live") or {}).get(_COMPARED.get(name, ""))
    if live is None:
        return None
    write = WRITES[_kind(criterion)]
    unnoticed = name == "latency" and max(live, measured) <= QUICK_SECONDS
    if unnoticed or write(live) == write(measured):
        return 0.0
    return float(live - measured if name == "automation" else measured - live)


def _stored(line: str) -> str:
    """A line of a stored report in the language of whoever reads."""
    return reworded(line, certain=True)


def criterion_row(criterion: Report, gate: Report) -> CriterionRow:
    """A criterion of a gate report as the texts of a table row."""
    kind = _kind(criterion)
    write, sign = WRITES[kind], "≥" if criterion["name"] in ("items", "automation") else "≤"
    lower, upper, limit = criterion.get("lower"), criterion.get("upper"), criterion.get("limit")
    interval = "–"
    if lower is not None and upper is not None:
        interval = _("%(lower)s to %(upper)s") % {
            "lower": signed_points(lower),
            "upper": signed_points(upper),
        }
    return {
        "label": criterion_label(criterion),
        "passed": criterion["passed"],
        "result": " ".join(_result(criterion)),
        "standing": _(_STANDINGS[word]) if (word := standing(criterion, gate)) else "–",
        "line": _headed(criterion),
        "measured": write(criterion["measured"]) if _is_measured(criterion) else "–",
        "interval": interval,
        "n": number(criterion["n"]) if criterion.get("n") is not None else "–",
        "limit": f"{sign} {write(limit)}" if limit is not None else "–",
    }


def _is_measured(criterion: Report) -> bool:
    """Whether there is a figure: a share or time of no item is none, a count of none is 0."""
    unknown = criterion.get("n") == 0 and _kind(criterion) != "count"
    return criterion.get("measured") is not None and not unknown


def criterion_label(criterion: Report) -> str:
    """The name of a criterion as people read it."""
    name: str = criterion["name"]
    return _(_LABELS[name]) if name in _LABELS else name.removeprefix("slice ")


def differences(gate: Report | None) -> list[Report]:
    """The paired comparisons of a gate report, with interval and limit."""
    return [
        {**criterion, "label": criterion_label(criterion)}
        for criterion in criteria(gate)
        if _kind(criterion) == "difference" and criterion.get("n")
    ]


def cases(gate: Report | None, what: str) -> list[Report]:
    """The items of a gate report that the candidate ``fixed`` or ``broken``, as ``what`` says."""
    return list((gate or {}).get("cases", {}).get(what, ()))


def unknown_cases(gate: Report | None) -> list[Report]:
    """The answers of the candidate in a gate report that no review has judged, with the reason."""
    return list(((gate or {}).get("unknown") or {}).get("cases", ()))


def gate_summary(gate: Report) -> str:
    """The gate report in a few sentences."""
    failed = [criterion_label(criterion) for criterion in criteria(gate) if not criterion["passed"]]
    result = _passed(gate)
    if failed:
        result = _("Failed: %(limits)s.") % {"limits": ", ".join(failed)}
    compared = _stored(gate.get("alone") or "") or _compared(gate)
    said = f"{compared[0].upper()}{compared[1:]}."
    sentences = [result, standings(gate), said, _worse(gate), _cost(gate)]
    return " ".join(filter(None, sentences))


def _passed(gate: Report) -> str:
    rows = criteria(gate)
    known = sum(_result(row)[0] == "✓" for row in rows)
    if known == len(rows):
        if known <= 1:
            return _("Passed: its one limit kept.")
        return _("Passed: all %(n)s limits kept.") % {"n": known}
    return several(
        "Passed: %(known)s of %(of)s limits kept, and of %(n)s too little is known to say whether "
        "it is.",
        "Passed: %(known)s of %(of)s limits kept, and of %(n)s too little is known to say whether "
        "they are.",
        len(rows) - known,
        known=known,
        of=len(rows),
    )


def _compared(gate: Report) -> str:
    """What the candidate fixed and broke, and of how many items."""
    n = next(
        (criterion.get("n") for criterion in criteria(gate) if criterion["name"] == "errors"), None
    )
    if n == 0:
        return _("no item was answered by both versions, so nothing is known of the difference")
    told = {"fixed": number(gate["fixed"]), "broken": number(gate["broken"])}
    if n is None:
        message = _("of the items that only judge, %(fixed)s fixed and %(broken)s broken")
        return message % told
    return several(
        "of %(n)s item that only judge, %(fixed)s fixed and %(broken)s broken",
        "of %(n)s items that only judge, %(fixed)s fixed and %(broken)s broken",
        n,
        **told,
    )


def standings(gate: Report | None) -> str:
    """How the candidate stands to the live version by each figure, worst first, in one sentence."""
    rows: dict[Standing, list[str]] = {}
    slices: dict[Standing, int] = {}
    for criterion in criteria(gate):
        word = standing(criterion, gate or {})
        if word is None:
            continue
        of = rows.setdefault(word, [])
        if criterion["name"].startswith("slice "):
            slices[word] = slices.get(word, 0) + 1
        else:
            of.append(_in(criterion))
    parts = []
    for word in _WORST_FIRST:
        if word in rows:
            where = rows[word]
            if word in slices:
                where = [*where, several("%(n)s slice", "%(n)s slices", slices[word])]
            told = {"standing": _(_STANDINGS[word]), "figures": listed(where)}
            parts.append(_("%(standing)s in %(figures)s") % told)
    if not parts:
        return ""
    return _("Compared with the live version it is %(standings)s.") % {
        "standings": "; ".join(parts)
    }


def _in(criterion: Report) -> str:
    """The figure of a criterion, as a sentence names it."""
    return _(_IN[criterion["name"]]) if criterion["name"] in _IN else criterion_label(criterion)


def _worse(gate: Report) -> str:
    """Where the candidate is worse than the live version, within the limit; with figures."""
    sentences = []
    for criterion in criteria(gate):
        if (
            _kind(criterion) != "difference"
            or standing(criterion, gate) != "worse within the limit"
        ):
            continue
        change = _points(criterion["measured"])
        if criterion["name"] == "errors":
            change = _instead(gate) or change
        message = _("%(of)s: %(change)s wrong (%(allowed)s points allowed, n = %(n)s).")
        if (criterion.get("lower") or 0.0) <= 0.0:
            message = _(
                "%(of)s: %(change)s wrong (%(allowed)s points allowed, n = %(n)s, may be chance)."
            )
        told = {"of": criterion_label(criterion), "change": change}
        told |= {"allowed": signed_points(criterion["limit"]), "n": number(criterion["n"])}
        sentences.append(message % told)
    if len(sentences) > _MOST_WORSE:
        left_out = {"n": number(len(sentences) - _MOST_WORSE)}
        sentences[_MOST_WORSE:] = [_("It is also worse on %(n)s more, listed below.") % left_out]
    return " ".join(sentences)


def _instead(gate: Report) -> str:
    """Both shares of wrong answers, where they show that the candidate's is higher."""
    live, candidate = ((gate.get(side) or {}).get("error") for side in ("live", "candidate"))
    if live is None or candidate is None or candidate <= live:
        return ""
    told = {"candidate": share(candidate), "live": share(live)}
    return _("%(candidate)s instead of %(live)s") % told


def gate_lines(gate: Report | None) -> Iterator[str]:
    """The gate report as lines for a terminal."""
    for criterion in criteria(gate):
        word = standing(criterion, gate or {})
        line = f"{_result(criterion)[0]} {_headed(criterion)}"
        yield f"{line} · {_(_STANDINGS[word])}" if word else line
    if cost := _cost(gate or {}):
        yield cost


def _cost(gate: Report) -> str:
    """The cost of the evaluation; empty where it was free."""
    if "spent" not in gate or gate["spent"] == 0:
        return ""
    if gate["spent"] is None:
        return _("The cost of the evaluation is not known.")
    spent = f"{localised(format(gate['spent'], ',.4g'))} {gate['currency']}".rstrip()
    return _("The evaluation cost %(amount)s.") % {"amount": spent}


def _headed(criterion: Report) -> str:
    """The line of a criterion, after its name unless the line begins with it."""
    name, line = criterion_label(criterion), _stored(criterion["line"])
    return line if line.startswith(name) else f"{name}: {line}"


def _result(criterion: Report) -> tuple[str, str]:
    """The sign and the word of a criterion. Without data it neither passed nor failed."""
    if not criterion["passed"]:
        return "×", _("failed")
    if criterion.get("n") == 0:
        return "○", _("nothing is known")
    return ("○", _("too few to say")) if criterion.get("small") else ("✓", _("passed"))


def _kind(criterion: Report) -> str:
    name: str = criterion["name"]
    return "difference" if name.startswith("slice ") else _KINDS.get(name, "plain")


_MOST_WORSE = 4
_WORST_FIRST: tuple[Standing, ...] = ("worse", "worse within the limit", "equal", "better")
_STANDINGS: Mapping[Standing, str] = {
    "worse": later("worse"),
    "worse within the limit": later("worse within the limit"),
    "equal": later("equal"),
    "better": later("better"),
}
# The figure of the live version that a criterion is compared with.
_COMPARED = {"automation": "automatic", "latency": "p95_seconds", "cost": "mean_cost"}
_IN = {
    "errors": later("wrong answers"),
    "corrections": later("past corrections"),
    "automation": later("share automated"),
    "latency": later("time to answer"),
    "cost": later("mean cost"),
}
_LABELS = {
    "items": later("Items to judge by"),
    "errors": later("Wrong answers"),
    "corrections": later("Corrections broken"),
    "automation": later("Automated"),
    "latency": later("19 of 20 answers within"),
    "cost": later("Mean cost"),
}


_KINDS = {
    "items": "count",
    "errors": "difference",
    "corrections": "count",
    "automation": "share",
    "latency": "seconds",
}


def current_trial(release: Release) -> Report:
    """The report of the trial that runs, or of the last one; empty before its first report."""
    trial = release.trial or {}
    if release.step in ("shadow", "canary") and trial.get("step") != release.step:
        return {}
    return trial


def differing(release: Release) -> list[Report]:
    """The tasks of the current trial on which the two versions differ, newest first."""
    return list(reversed(current_trial(release).get("differ", ())))


def trial_checks(trial: Report) -> list[Report]:
    """The checks of a canary, each with its evidence and the limit at which it is rolled back."""
    return [
        {
            **check,
            "label": _(_CHECKS[check["name"]]) if check["name"] in _CHECKS else check["name"],
            "line": _stored(check["line"]),
            "sign": "×" if check["breached"] else "✓" if check["n"] else "○",
            "said": _("%(evidence)s of %(limit)s, n = %(n)s")
            % {
                "evidence": localised(f"{check['evidence']:.2g}"),
                "limit": localised(f"{check['limit']:.0f}"),
                "n": number(check["n"]),
            },
        }
        for check in trial.get("checks", ())
    ]


def agreement(trial: Report) -> str:
    """How often live version and candidate agree, in one sentence."""
    agreed = trial.get("agreement") or {}
    if not agreed.get("n"):
        return ""
    return _("The two agree on %(share)s (%(interval)s).") % {
        "share": share(agreed["share"]),
        "interval": interval(agreed["lower"], agreed["upper"], agreed["n"]),
    }


def trial_lines(trial: Report) -> Iterator[str]:
    """The trial report as lines for a terminal."""
    if agreed := agreement(trial):
        yield agreed
    for check in trial_checks(trial):
        line = f"{check['sign']} {check['label']}: {check['line']}"
        told = {"check": line, "evidence": check["said"]}
        yield _("%(check)s; evidence %(evidence)s") % told if check["n"] else line


_CHECKS = {
    "wrong": later("Wrong answers"),
    "failing": later("No answer"),
    "slow": later("Slower than allowed"),
    "dear": later("Dearer than allowed"),
}
