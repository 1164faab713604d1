"""Every claim shows its count, and of nothing it is said that nothing is known."""

from __future__ import annotations

from typing import Any

import pytest

from roadbed.kernel.json import shown
from roadbed.releases import gate_rules, reading, report, trial_rules
from roadbed.risk.paired import difference
from tests.unit.test_telling import at

GATE: dict[str, Any] = {
    "criteria": [
        {
            "name": "errors",
            "passed": True,
            "line": "wrong on 4.3 % instead of 4.1 %",
            "measured": 0.002,
            "lower": -0.001,
            "upper": 0.005,
            "n": 1_000,
            "limit": 0.005,
        }
    ],
    "live": {"error": 0.041},
    "candidate": {"error": 0.043},
    "fixed": 3,
    "broken": 5,
}


def _slice(value: str, n: int, **more: Any) -> dict[str, Any]:
    (row,) = (
        {
            **gate_rules.criterion(
                f"slice region = {value}",
                True,
                f"region = {value}",
                measured=0.02,
                lower=-0.1,
                upper=0.1,
                limit=0.05,
                n=n,
            ),
            **more,
        },
    )
    return row


class TestGate:
    def test_a_candidate_that_is_worse_within_the_limit_is_said_to_be_worse(self) -> None:
        said = report.gate_said(GATE)
        assert said == (
            "Passed: its one limit kept. Of 1,000 items that only judge, 3 fixed and 5 broken. "
            "It is worse, within the limit: 4.3 % instead of 4.1 % wrong "
            "(+0.5 points allowed, n = 1,000)."
        )

    def test_no_more_than_some_slices_are_named(self) -> None:
        rows = [_slice(str(n), 60) for n in range(9)]
        said = report.gate_said({**GATE, "criteria": rows})
        assert said.count("It is worse on region = ") == 4
        assert said.endswith("So it is on 5 more, listed below.")

    def test_what_too_little_is_known_of_has_no_tick(self) -> None:
        rows = [*GATE["criteria"], _slice("north", 3, small=True), _slice("south", 0, small=True)]
        gate = {**GATE, "criteria": rows}
        assert [each[0] for each in report.gate_lines(gate)] == ["✓", "○", "○"]
        assert [report.criterion(each)["result"] for each in rows] == [
            "✓ passed",
            "○ too few to say",
            "○ nothing is known",
        ]
        assert report.gate_said(gate).startswith(
            "Passed: 1 of 3 limits kept, and of 2 too little is known to say whether they are."
        )

    def test_slices_say_which_are_too_small(self) -> None:
        assert list(gate_rules.slices([], lambda _: {}, 0.05, 0.95)) == []
        row = gate_rules.errors({}, {}, difference(n=0, fixed=0, broken=0, certainty=0.95), 0.01)
        assert not row["passed"]
        assert row["line"] == "no item was answered by both versions, so nothing is known of it"

    def test_a_first_version_without_items_is_unknown(self) -> None:
        assert "nothing is known" in gate_rules.alone({"asked": 0, "wrong": 0, "error": None}, 0.95)


class TestCanary:
    def test_a_check_of_nothing_has_no_tick(self) -> None:
        checks = [
            trial_rules.tested_as(name, [], 0.01, 0.0125, measure="wrong")
            for name in ("wrong", "slow")
        ]
        trial = {"step": "canary", "compared": 0, "labelled": 0, "of": 9, "checks": checks}
        lines = list(reading.evidence_lines(trial))
        assert lines == [
            "○ Wrong answers: wrong: nothing is known yet, n = 0",
            "○ Slower than allowed: slower than allowed: nothing is known yet, n = 0",
        ]
        assert reading.newest(at("canary", trial=trial)) == trial


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "none"),
        (True, "yes"),
        ({"per_task": 0.01, "currency": "EUR"}, "per task: 0.01, currency: EUR"),
        ({"gate": {"fewest": 50, "checks": []}}, "gate: (fewest: 50, checks: none)"),
        (["a", None, 3], "a, none, 3"),
        ([], "none"),
    ],
)
def test_a_value_reads_without_braces_and_none(value: Any, said: str) -> None:
    assert shown(value) == said


def test_a_runner_up_that_is_no_answer_says_so() -> None:
    assert shown({"runner_up": None}, "no answer") == "runner up: no answer"
