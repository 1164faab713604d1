"""A release in words: each step, what it waits for, whose sign-off is needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from roadbed.cli import release_texts
from roadbed.console.releases import moving
from roadbed.people.model import Role
from roadbed.people.permissions import Viewer
from roadbed.releases import presentation, report_presentation
from roadbed.usecases.rollout import Rollout
from roadbed.versions.identity import rollout_facts
from roadbed.versions.model import Release, SignOff

AT = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
BOTH = ("domain_lead", "risk_partner")
TRIAL = {"compared": 143, "of": 200, "labelled": 41, "fixed": 2, "broken": 0, "step": "canary"}

WORSE = {
    "criteria": [
        {"name": "errors", "passed": True, "line": "", "measured": 0.002, "limit": 0.01, "n": 900}
    ]
}


def at(step: str, **more: Any) -> Release:
    """A release at ``step`` that came there in order."""
    steps = ("planned", "gated", "shadow", "canary", "live")
    reached = steps.index(step) if step in steps else 1
    times = {
        f"{name}_at": AT + timedelta(days=n) if n <= reached else None
        for n, name in enumerate(steps)
    }
    blank = dict.fromkeys(Release.__dataclass_fields__)
    known: dict[str, Any] = {
        **blank,
        "id": "rel_1",
        "use_case": "triage",
        "number": 3,
        "step": step,
        "version_number": None if step == "planned" else 7,
        "author": "ben",
        "authors": ("ben",),
        "plan": rollout_facts(Rollout()),
        "content": None if step == "planned" else "c0ffee" * 8,
        "sign_offs": (),
        "missing": (),
        **times,
        **more,
    }
    return Release(**known)


def word(person: str, role: str, verdict: Any, *, counts: bool = True) -> SignOff:
    return SignOff(
        id="sgn_1",
        role=role,
        person=person,
        verdict=verdict,
        content="c0ffee" * 8,
        note=None,
        given_at=AT,
        expires_at=AT + timedelta(days=7),
        withdrawn_at=None,
        counts=counts,
        why_not=None if counts else "expired",
    )


@pytest.mark.parametrize(
    ("release", "said"),
    [
        (at("planned", next="gate"), "Release 3 is planned, and what it has to reach is fixed."),
        (
            at("gated", missing=BOTH),
            (
                "Version 7 passed its gate. Before it decides anything, the domain lead and risk "
                "partner have to agree."
            ),
        ),
        (at("gated"), "Version 7 passed its gate, and everybody who has to agree did."),
        (
            at("gated", gate=WORSE),
            (
                "Version 7 passed its gate, worse within the limit in wrong answers, and everybody "
                "who has to agree did."
            ),
        ),
        (
            at("gated", sign_offs=[word("dev", "risk_partner", "refuse")]),
            "Version 7 passed its gate, but dev (risk partner) refused it.",
        ),
        (at("shadow"), "Version 7 runs in shadow, without any effect; nothing compared yet."),
        (
            at("canary", trial=TRIAL),
            (
                "Version 7 is in canary: it decides 10 % of the tasks; 143 of 200 compared, "
                "2 answers fixed, none broken."
            ),
        ),
        (
            at("canary", trial=TRIAL | {"labelled": 0}),
            (
                "Version 7 is in canary: it decides 10 % of the tasks; 143 of 200 compared, "
                "none of them labelled yet."
            ),
        ),
        (
            at("canary", trial=TRIAL | {"compared": 0, "labelled": 0}),
            "Version 7 is in canary: it decides 10 % of the tasks; nothing compared yet.",
        ),
        (
            at("canary", trial=TRIAL | {"compared": 1201, "fixed": 1}),
            (
                "Version 7 is in canary: it decides 10 % of the tasks; 1,201 compared, "
                "1 answer fixed, none broken."
            ),
        ),
        (
            at("canary", trial=TRIAL | {"step": "shadow"}),
            "Version 7 is in canary: it decides 10 % of the tasks; nothing compared yet.",
        ),
        (at("live"), "Version 7 is live: it decides every task."),
        (
            at("rolled_back", ended_by="ana", ended_why="Complaints."),
            "Version 7 was rolled back by ana: Complaints.",
        ),
    ],
)
def test_every_step_has_a_sentence(release: Release, said: str) -> None:
    assert presentation.sentence(release) == said


@pytest.mark.parametrize(
    ("release", "signs"),
    [
        (at("planned"), "●○○○○"),
        (at("gated"), "✓●○○○"),
        (at("gated", plan=rollout_facts(Rollout(shadow_tasks=0))), "✓●–○○"),
        (at("shadow"), "✓✓●○○"),
        (at("canary"), "✓✓✓●○"),
        (at("canary", shadow_at=None, plan=rollout_facts(Rollout(shadow_tasks=0))), "✓✓–●○"),
        (at("live"), "✓✓✓✓●"),
        (at("failed"), "✓×–––"),
        (replace(at("canary"), step="rolled_back"), "✓✓✓×–"),
        (replace(at("live"), step="rolled_back"), "✓✓✓✓×"),
        (replace(at("live"), step="retired"), "✓✓✓✓✓"),
    ],
)
def test_the_steps_show_how_far_a_release_came(release: Release, signs: str) -> None:
    assert "".join(step.sign for step in presentation.steps(release)) == signs


@pytest.mark.parametrize(("role", "may"), [(Role.REVIEWER, True), (Role.VIEWER, False)])
def test_who_may_review_is_led_to_the_tasks_for_which_a_release_waits(
    role: Role, may: bool
) -> None:
    viewer = Viewer(name="eve", roles={"triage": frozenset({role})})
    shown = moving(at("canary", next="promote", waits_for="labels"), [], viewer)
    assert shown["reviews"] is may
    assert not moving(at("canary", next="promote", waits_for="traffic"), [], viewer)["reviews"]


@pytest.mark.parametrize(
    ("release", "told"),
    [
        # A shadow needs no sign-off: whoever reads this must not wait for one.
        (
            at("gated", missing=BOTH, next="shadow"),
            "release 3: begin shadow (ben), needs the sign-off of the domain lead and risk partner",
        ),
        (
            at("shadow", missing=BOTH, next="sign", waits_for="domain_lead"),
            "release 3, waits for the domain lead and risk partner",
        ),
        (
            at("canary", next="promote", waits_for="traffic"),
            "release 3: promote, waits for more tasks",
        ),
        (at("canary", next="promote"), "release 3: promote (ben)"),
    ],
)
def test_the_next_step_names_what_it_waits_for(release: Release, told: str) -> None:
    assert presentation.next_step(release, "ben") == told


def test_waits_show_their_beginning() -> None:
    release = at("shadow", missing=["risk_partner"], waits_for="traffic")
    assert presentation.waiting(release) == [
        ("for more tasks", AT + timedelta(days=2)),
        ("for the risk partner", AT + timedelta(days=1)),
    ]
    assert presentation.waiting(at("live")) == []


def test_who_may_sign_off_and_why_others_may_not() -> None:
    release = at("gated", missing=BOTH, next="shadow")
    mine, _ = presentation.may_sign(release, {"risk_partner", "engineer"}, "dev")
    assert mine == ["risk_partner"]
    needed = presentation.needed_from_reader(release, mine)
    assert needed == "Your sign-off is needed, as risk partner."
    assert presentation.needed_from_reader(release, []) == "Next: begin shadow."
    assert presentation.needed_from_reader(at("live"), []) == "You need to do nothing."
    waits = at("canary", next="promote", waits_for="labels")
    assert presentation.needed_from_reader(waits, []) == "You need to do nothing."
    asked = presentation.needed_from_reader(waits, [], reviews=True)
    assert asked == "Next: review the tasks on which the two differ."
    for roles, person, why in (
        ({"domain_lead"}, "ben", "You made this release"),
        ({"engineer"}, "eve", "You are not the domain lead or risk partner"),
    ):
        assert why in presentation.may_sign(release, roles, person)[1]
    signed = replace(release, sign_offs=[word("ana", "domain_lead", "approve")])
    assert "You have signed off" in presentation.may_sign(signed, set(BOTH), "ana")[1]
    assert presentation.may_sign(at("live"), set(BOTH), "ana") == ([], "")


def test_a_report_becomes_rows_and_lines() -> None:
    gate = {
        "criteria": [
            {"name": "items", "passed": True, "line": "60 items", "measured": 60, "limit": 50},
            {
                "name": "slice region = north",
                "passed": False,
                "line": "region = north: worse",
                "measured": 0.08,
                "lower": -0.01,
                "upper": 0.17,
                "n": 60,
                "limit": 0.05,
            },
        ],
        "fixed": 1,
        "broken": 6,
    }
    first, second = (
        report_presentation.criterion_row(row, gate) for row in report_presentation.criteria(gate)
    )
    assert (first["measured"], first["limit"], first["interval"]) == ("60", "≥ 50", "–")
    assert (second["measured"], second["interval"]) == ("+8.0 points", "−1.0 to +17.0")
    assert [difference["label"] for difference in report_presentation.differences(gate)] == [
        "region = north"
    ]
    said = (
        "Failed: region = north. Compared with the live version it is worse in 1 slice. "
        "Of the items that only judge, 1 fixed and 6 broken."
    )
    assert report_presentation.gate_summary(gate) == said
    assert list(report_presentation.gate_lines(gate))[1] == "× region = north: worse · worse"
    assert "region = north" in presentation.sentence(at("failed", gate=gate))


async def test_watching_says_only_what_changed_and_ends_with_the_release(
    capsys: pytest.CaptureFixture[str],
) -> None:
    waiting = at("canary", trial=TRIAL, waits_for="traffic", next="promote")
    fell = replace(waiting, step="rolled_back", ended_why="worse", waits_for=None)
    seen = iter([waiting, waiting, fell])

    async def look(_: str) -> Release:
        return next(seen)

    async def reads_all(*_: object) -> None:
        return None

    services: Any = SimpleNamespace(
        releases=SimpleNamespace(check_trial=look),
        libraries=SimpleNamespace(cases=SimpleNamespace(reader=reads_all)),
    )
    assert await release_texts.follow(services, waiting, every=0.0, as_json=False) is fell
    assert capsys.readouterr().out.splitlines() == [
        presentation.sentence(waiting),
        "It waits for more tasks; `roadbed release watch triage` follows it.",
        "Version 7 was rolled back: worse.",
    ]


def test_the_terminal_names_who_signed_and_the_evidence() -> None:
    check = {"name": "wrong", "breached": False, "line": "wrong on 1 of 41", "n": 41}
    trial = TRIAL | {"checks": [check | {"evidence": 1.4, "limit": 80.0}]}
    given = [word("ana", "domain_lead", "approve"), word("dev", "risk_partner", "refuse")]
    lapsed = word("eve", "engineer", "approve", counts=False)
    release = at("canary", trial=trial, sign_offs=[*given, lapsed], missing=[*BOTH, "engineer"])
    text = release_texts.told(release)
    for said in (
        "✓ Wrong answers: wrong on 1 of 41; evidence 1.4 of 80, n = 41",
        "✓ domain lead: ana approved",
        "× risk partner: dev refused",
        "eve approved, 2026-11-01 09:00 UTC, does not count: expired",
        "○ engineer: nobody yet",
        "Content c0ffee",
    ):
        assert said in text
    assert "risk partner: nobody yet" not in text
    assert release_texts.listed([], "triage").endswith("`roadbed release plan triage` plans one.")
