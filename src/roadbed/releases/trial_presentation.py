"""The newest reading of shadow or canary as rows and sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from roadbed.releases.presentation import Report
from roadbed.versions.model import Release


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
            **check,
            "label": _CHECKS.get(check["name"], check["name"]),
            "sign": "×" if check["breached"] else "✓" if check["n"] else "○",
            "said": f"{check['evidence']:.2g} of {check['limit']:.0f}, n = {check['n']:,}",
        }
        for check in trial.get("checks", ())
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
    for check in checks(trial):
        said = f"{check['sign']} {check['label']}: {check['line']}"
        yield f"{said}; evidence {check['said']}" if check["n"] else said


_CHECKS = {
    "wrong": "Wrong answers",
    "failing": "No answer",
    "slow": "Slower than allowed",
    "dear": "Dearer than allowed",
}
