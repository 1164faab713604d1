"""What the pages of a release show: its evidence as rows and plots, and whose word is asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from roadbed.console import charts
from roadbed.releases import reading, telling
from roadbed.releases.model import Release, SignOff
from roadbed.releases.rules import named

_BACK = {
    "shadow": "The candidate stops answering at once. The live version never stopped deciding.",
    "canary": "Every task goes to the live version at once; what was under way comes to its end.",
    "live": "The version before decides every task at once, with the proof it had. "
    "What was sent stays sent.",
}


def moving(release: Release, roles: Collection[str], person: str) -> dict[str, Any]:
    """The sentence, the ladder and the next step."""
    mine, _ = telling.may_sign(release, roles, person)
    free = release.next in telling.VERBS and release.waits_for is None
    return {
        "called": telling.name(release),
        "told": telling.sentence(release),
        "asked": telling.asked(release, mine),
        "rungs": telling.rungs(release),
        "verb": telling.VERBS[release.next or ""] if free else None,
        "may_gate": release.step == "gated",
        "may_withdraw": release.step in ("planned", "gated"),
    }


def back(release: Release | None) -> dict[str, Any]:
    """Whether it can be rolled back, and what that does."""
    said = _BACK.get(release.step, "") if release else ""
    if release and release.step == "live" and release.base is None:
        said = ""  # nothing was live before it
    return {"may_roll_back": bool(said), "back_said": said}


def signing(
    release: Release, pod: Mapping[str, str], roles: Collection[str], person: str
) -> dict[str, Any]:
    """Who has to agree, who did, and what the reader, who has ``roles``, may say."""
    mine, cannot = telling.may_sign(release, roles, person)
    given = [each for each in release.sign_offs if each.withdrawn_at is None]
    return {
        "signs": [
            *(_signed(each) for each in release.sign_offs),
            *(_nobody(role, pod.get(role)) for role in telling.silent(release)),
        ],
        "my_roles": mine,
        "cannot": cannot,
        "my_word": release.step in telling.UNDER_WAY
        and any(each.person == person for each in given),
    }


def gate(release: Release) -> dict[str, Any]:
    """The report of the gate as tables and a plot."""
    report = release.gate or {}
    rows = reading.differences(report)
    return {
        "planned": reading.limits(release.plan),
        "gate_said": reading.gate_said(report) if report else "",
        "criteria": [reading.criterion(each) for each in reading.criteria(report)],
        "differences": rows,
        "beside": reading.beside(report),
        "proof_said": (report.get("proof") or {}).get("says", ""),
        "declares": report.get("declares", []),
        "gate_plot": charts.differences(rows),
        "fixed": reading.cases(report, "fixed"),
        "broken": reading.cases(report, "broken"),
    }


def trial(release: Release) -> dict[str, Any]:
    """The newest reading of shadow or canary as a table and a plot."""
    newest = reading.newest(release)
    rows = reading.checks(newest)
    return {
        "trial_said": _sentence(telling.compared(release)),
        "agreement": reading.agreement(newest),
        "trial_beside": reading.beside(newest),
        "evidence": rows,
        "evidence_plot": charts.evidence(rows),
        "differing": newest.get("differ", []),
    }


def _signed(each: SignOff) -> dict[str, Any]:
    word = "approved" if each.verdict == "approve" else "refused"
    sign = "✓" if word == "approved" else "×"
    told = f"{each.person} {word}"
    if not each.counts:
        sign, told = "–", f"{told}, which does not count: {each.why_not}"
    until = each.expires_at if each.counts else None
    return {
        "role": named([each.role]),
        "sign": sign,
        "word": told,
        "at": each.given_at,
        "until": until,
        "note": each.note,
    }


def _nobody(role: str, person: str | None) -> dict[str, Any]:
    word = f"nobody yet; {person} can" if person else "nobody yet"
    nothing = {"at": None, "until": None, "note": None}
    return {"role": named([role]), "sign": "○", "word": word, **nothing}


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""
