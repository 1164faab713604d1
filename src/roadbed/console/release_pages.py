"""What the pages of a release show: its evidence as rows and plots, and whose word is asked for."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from roadbed.console import release_charts
from roadbed.releases import presentation, report_presentation
from roadbed.versions.model import Release

_BACK = {
    "shadow": "The candidate stops answering at once. The live version never stopped deciding.",
    "canary": "Every task goes to the live version at once; what was under way comes to its end.",
    "live": "The version before decides every task at once, with the proof it had. "
    "What was sent stays sent.",
}


def moving(release: Release, roles: Collection[str], person: str) -> dict[str, Any]:
    """The sentence, the release steps and the next step."""
    mine, _ = presentation.may_sign(release, roles, person)
    free = release.next in presentation.VERBS and release.waits_for is None
    return {
        "called": presentation.name(release),
        "told": presentation.sentence(release),
        "asked": presentation.needed_from_reader(release, mine),
        "rungs": presentation.steps(release),
        "verb": presentation.VERBS[release.next or ""] if free else None,
        "may_gate": release.step == "gated",
        "may_withdraw": release.step in ("planned", "gated"),
    }


def back(release: Release | None) -> dict[str, Any]:
    """Whether it can be rolled back, and what that does."""
    said = _BACK.get(release.step, "") if release else ""
    if release and release.step == "live" and release.base is None:
        said = ""  # nothing was live before it
    return {"may_roll_back": bool(said), "back_said": said}


def gate(release: Release) -> dict[str, Any]:
    """The report of the gate as tables and a plot."""
    shown = release.gate or {}
    rows = report_presentation.differences(shown)
    return {
        "planned": report_presentation.plan_limits(release.plan),
        "gate_said": report_presentation.gate_summary(shown) if shown else "",
        "criteria": [
            report_presentation.criterion_row(criterion)
            for criterion in report_presentation.criteria(shown)
        ],
        "differences": rows,
        "beside": report_presentation.side_by_side(shown),
        "proof_said": (shown.get("proof") or {}).get("says", ""),
        "declares": shown.get("declares", []),
        "gate_plot": release_charts.differences(rows),
        "fixed": report_presentation.cases(shown, "fixed"),
        "broken": report_presentation.cases(shown, "broken"),
    }


def trial(release: Release) -> dict[str, Any]:
    """The newest reading of shadow or canary as a table and a plot."""
    newest = report_presentation.current_trial(release)
    rows = report_presentation.trial_checks(newest)
    return {
        "trial_said": _sentence(presentation.trial_progress(release)),
        "agreement": report_presentation.agreement(newest),
        "trial_beside": report_presentation.side_by_side(newest),
        "evidence": rows,
        "evidence_plot": release_charts.evidence(rows),
        "differing": newest.get("differ", []),
    }


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""
