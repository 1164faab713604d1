"""Every claim shows its count, and of nothing it is said that nothing is known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from roadbed.cli import outcomes, proposals, trust
from roadbed.cli.versions import rows_of
from roadbed.console import formatting
from roadbed.guarantee import outlook, presentation
from roadbed.guarantee.model import Volume
from roadbed.improvement.model import support
from roadbed.kernel.json import shown
from roadbed.releases import criteria, report_presentation, trial_statistics
from roadbed.risk.forecast import Forecast
from roadbed.risk.paired import difference
from roadbed.versions.service import Version
from tests.unit.test_release_presentation import AT, at

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
            **criteria.criterion(
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
        said = report_presentation.gate_summary(GATE)
        assert said == (
            "Passed: its one limit kept. Compared with the live version it is worse within the "
            "limit in wrong answers. Of 1,000 items that only judge, 3 fixed and 5 broken. "
            "Wrong answers: 4.3 % instead of 4.1 % wrong "
            "(+0.5 points allowed, n = 1,000, may be chance)."
        )

    def test_no_more_than_some_slices_are_named(self) -> None:
        rows = [_slice(str(n), 60) for n in range(9)]
        said = report_presentation.gate_summary({**GATE, "criteria": rows})
        assert said.count("region = ") == 4
        assert said.endswith("It is also worse on 5 more, listed below.")

    @pytest.mark.parametrize(
        ("criterion", "word"),
        [
            ({"name": "errors", "measured": 0.002, "passed": True}, "worse within the limit"),
            ({"name": "errors", "measured": 0.02, "passed": False}, "worse"),
            ({"name": "errors", "measured": 0.0, "passed": True}, "equal"),
            ({"name": "errors", "measured": 0.0, "passed": False}, "equal"),  # too few items
            ({"name": "errors", "measured": -0.001, "passed": True}, "better"),
            ({"name": "errors", "measured": 0.0, "passed": False, "n": 0}, None),
            ({"name": "slice a = b", "measured": 0.08, "passed": True, "small": True}, None),
            (
                {"name": "slice a = b", "measured": 0.1, "upper": 0.2, "passed": False}
                | {"small": True},
                "worse",
            ),
            ({"name": "corrections", "measured": 2, "limit": 2, "passed": True}, "equal"),
            ({"name": "corrections", "measured": 3, "limit": 2, "passed": False}, "worse"),
            ({"name": "automation", "measured": 0.5, "passed": True}, "worse within the limit"),
            ({"name": "automation", "measured": 0.8, "passed": True}, "better"),
            ({"name": "latency", "measured": 0.40001, "passed": True}, "equal"),
            ({"name": "latency", "measured": 0.39, "passed": True}, "better"),
            ({"name": "latency", "measured": 0.5, "passed": True}, "worse within the limit"),
            ({"name": "cost", "measured": None, "passed": False}, None),
            ({"name": "cost", "measured": 0.1, "passed": True}, None),  # the live one is unknown
            ({"name": "items", "measured": 60, "passed": True}, None),
        ],
    )
    def test_each_compared_figure_is_better_equal_or_worse(
        self, criterion: dict[str, Any], word: str | None
    ) -> None:
        whole = {"n": 60, "line": "", "limit": 0.05, "upper": 0.09, "lower": -0.01} | criterion
        gate = {"live": {"automatic": 0.6, "p95_seconds": 0.4, "mean_cost": None}}
        assert report_presentation.standing(whole, gate) == word
        assert report_presentation.criterion_row(whole, gate)["standing"] == (word or "–")

    def test_the_summary_names_every_compared_figure_worst_first(self) -> None:
        rows = [
            criteria.criterion("automation", True, "more", measured=0.8, limit=0.3, n=60),
            *GATE["criteria"],
            _slice("north", 60),
            criteria.criterion("latency", True, "slower", measured=0.09, limit=0.1, n=60),
        ]
        gate = {**GATE, "criteria": rows, "live": {"automatic": 0.6, "p95_seconds": 0.004}}
        assert report_presentation.standings(gate) == (
            "Compared with the live version it is worse within the limit in wrong answers and "
            "1 slice; equal in time to answer; better in share automated."
        )
        assert report_presentation.standings(None) == ""

    def test_what_too_little_is_known_of_has_no_tick(self) -> None:
        rows = [*GATE["criteria"], _slice("north", 3, small=True), _slice("south", 0, small=True)]
        gate = {**GATE, "criteria": rows}
        assert [line[0] for line in report_presentation.gate_lines(gate)] == ["✓", "○", "○"]
        assert [report_presentation.criterion_row(row, gate)["result"] for row in rows] == [
            "✓ passed",
            "○ too few to say",
            "○ nothing is known",
        ]
        assert report_presentation.gate_summary(gate).startswith(
            "Passed: 1 of 3 limits kept, and of 2 too little is known to say whether they are."
        )

    def test_of_no_item_no_share_is_shown(self) -> None:
        side = {"asked": 0, "error": None, "automatic": 0.0}
        beside = {row[0]: row[2] for row in report_presentation.side_by_side({"candidate": side})}
        assert beside == {
            "items compared": "0",
            "wrong, automatic or not": "–",
            "would be automatic": "–",
        }

    def test_slices_say_which_are_too_small(self) -> None:
        assert list(criteria.slices([], lambda _: {}, 0.05, 0.95)) == []
        row = criteria.errors({}, {}, difference(n=0, fixed=0, broken=0, certainty=0.95), 0.01)
        assert not row["passed"]
        assert row["line"] == "no item was answered by both versions, so nothing is known of it"

    def test_a_first_version_without_items_is_unknown(self) -> None:
        assert "nothing is known" in criteria.alone({"asked": 0, "wrong": 0, "error": None}, 0.95)


class TestCanary:
    def test_a_check_of_nothing_has_no_tick(self) -> None:
        checks = [
            trial_statistics.tested_as(name, [], 0.01, 0.0125, measure="wrong")
            for name in ("wrong", "slow")
        ]
        trial = {"step": "canary", "compared": 0, "labelled": 0, "of": 9, "checks": checks}
        lines = list(report_presentation.trial_lines(trial))
        assert lines == [
            "○ Wrong answers: wrong: nothing is known yet, n = 0",
            "○ Slower than allowed: slower than allowed: nothing is known yet, n = 0",
        ]
        assert report_presentation.current_trial(at("canary", trial=trial)) == trial


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


def _proposal(kind: str, **more: Any) -> Any:
    said = {"cases": 59, "right": 0, "wrong_now": 59, "matched": 80, "low": None, "high": None}
    return SimpleNamespace(
        id="prp_1", kind=kind, title="Learn", reason="", patch=None, support={**said, **more}
    )


class TestProposals:
    def test_a_terminal_says_the_same_of_a_suggestion_as_the_page(self) -> None:
        model = _proposal("model")
        assert support(model) == "59 of 80 newer verdicts were corrections."
        assert "59 of 80 newer verdicts" in "\n".join(proposals._lines([model], "triage"))

    def test_nothing_is_known_without_cases(self) -> None:
        assert "nothing is known" in support(_proposal("rule", cases=0, low=0.0, high=1.0))

    def test_of_no_examples_it_is_not_known_whether_they_agree(self) -> None:
        none = SimpleNamespace(examples=0, contradictory=0, repeated=0, contradictions=())
        (line,) = proposals._quality(none)
        assert "not known" in line


def _foretold(days: float | None, *, labelled: int, tasks: float = 20.0, needed: int = 150) -> str:
    soon = Forecast(needed=None if days is None else needed, there=0, coverage=0.5, days=days)
    return outlook.forecast(
        soon, soon, opened=False, tasks=tasks, can_double=False, labelled=labelled, fewest=96
    )


class TestForecast:
    def test_beyond_a_year_it_is_said_to_be_of_no_use(self) -> None:
        said = _foretold(4_500.0, labelled=60, tasks=1.0)
        assert "4500" not in said
        assert said.startswith("At 1 task a day it would not open within a year")
        assert "less than 1 task a day" in _foretold(900.0, labelled=60, tasks=0.2)

    def test_one_is_singular(self) -> None:
        said = _foretold(1.2, labelled=60, tasks=1.0, needed=1)
        assert said == "Opens in about 1 day at 1 task a day: 0 of about 1 label is there."

    def test_without_a_label_it_is_a_guess(self) -> None:
        for days in (0.5, 20.0, 900.0):
            said = _foretold(days, labelled=0)
            assert said.startswith("No label has been counted yet, so")
            # The figure that a certification names, beside that of the forecast.
            assert "Without an error at least 96 labels above a threshold are needed." in said

    @pytest.mark.parametrize(
        ("labelled", "said"),
        [
            (0, "there is no forecast"),
            (1, "With 1 labelled item of the sample it is too early"),
            (400, "By 400 labelled items of the sample this version will not open"),
        ],
    )
    def test_that_it_never_opens_needs_evidence(self, labelled: int, said: str) -> None:
        assert said in _foretold(None, labelled=labelled)


class TestWeakSpots:
    @pytest.mark.parametrize(
        ("detail", "said"),
        [
            ({}, "Nothing is known of where version 3 fails: it answered no labelled item"),
            ({"answered": 0, "weak": []}, "Nothing is known"),
            ({"answered": 1, "weak": []}, "it answered only 1 labelled item"),
            ({"answered": 812, "weak": []}, "By 812 labelled items no kind of work is clearly"),
            ({"answered": 812, "weak": [1], "error": 0.05}, "worse on 1 kind of work than on all"),
        ],
    )
    def test_the_card_says_of_how_many_it_speaks(self, detail: Any, said: str) -> None:
        told = outlook.weak(3, detail)
        assert said in told
        assert "about as good everywhere" not in told

    def test_no_version_has_no_card(self) -> None:
        assert outlook.weak(None, {}).startswith("No version has been certified yet")


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((0, 0, 0), "this version has given no automatic answer yet"),
        ((1, 0, 0), "its only automatic answer was not drawn for the audit"),
        ((40, 0, 0), "none of its 40 automatic answers was drawn for the audit"),
        ((1, 0, 1), "its only automatic answer was drawn and is not judged"),
        ((40, 0, 1), "1 of its 40 automatic answers was drawn and is not judged"),
        ((1_400, 0, 3), "3 of its 1,400 automatic answers were drawn, and none is judged"),
    ],
)
def test_an_audit_without_an_estimate_says_why(counts: tuple[int, int, int], said: str) -> None:
    automated, sampled, waiting = counts
    audit: Any = SimpleNamespace(automated=automated, sampled=sampled, waiting=waiting)
    assert said in presentation.unaudited(audit)


def test_nothing_reported_says_nothing_of_what_was_right() -> None:
    summary = SimpleNamespace(automatic=1, days=30, reported=0, right=0, told=0)
    lines = list(outcomes.listed_text("triage", {"summary": summary, "outcomes": []}))
    assert lines[:2] == [
        "Of 1 automatic answer in 30 days:",
        "  0 reported, the number of right ones is unknown",
    ]


def test_what_a_version_would_automate_shows_of_how_many_items() -> None:
    version = Version(
        id="ver_1",
        number=1,
        behaviour="b",
        made_by="ana",
        reason="First.",
        made_at=AT,
        learned_from=10,
        learned_until=AT,
        threshold=0.8,
        share=0.62,
        items=1_213,
        live=True,
        live_since=AT,
        retired_at=None,
    )
    (line,) = rows_of([version])
    assert "automatic from 0.800, 62% of the sample (n = 1,213)" in line


class TestSample:
    def test_of_an_empty_sample_nothing_is_known(self) -> None:
        (said,) = presentation.sample({"labelled": 0, "waiting": 0, "overdue": 0})
        assert said.startswith("No label of the sample has been counted yet, so nothing is known")

    def test_one_item_is_singular(self) -> None:
        said = presentation.sample({"labelled": 1, "waiting": 1, "overdue": 1})
        assert said[0] == "1 item of the sample is labelled, or late and counted as wrong."
        assert said[2].startswith("1 more waits for a label.")
        assert said[3].startswith("1 label is late")


@pytest.mark.parametrize(
    ("tasks", "reviews", "said"),
    [
        (1.0, 1.0, "1 review of 1 task a day"),
        (3_118.0, 1_791.4, "1,791 reviews of 3,118 tasks a day"),
        (1.4, 0.3, "0.3 reviews of 1.4 tasks a day"),
    ],
)
def test_reviews_of_tasks_a_day(tasks: float, reviews: float, said: str) -> None:
    assert (
        presentation.reviews_a_day(Volume(tasks=tasks, reviews=reviews, review_hours=0.0)) == said
    )


def _overview(tasks: int) -> Any:
    recent = {"tasks": tasks, "automatic": tasks}
    waiting = {"waiting": 0, "oldest": None}
    return SimpleNamespace(
        reviews=waiting, risk_limit=0.02, certainty=0.95, halted=False, recent=recent
    )


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        (0, "Ready to automate, but no task has arrived yet: at most 2 % wrong"),
        (1, "Automating 100 % of the last 1 task: at most 2 % wrong"),
    ],
)
def test_the_headline_says_of_how_many_tasks_it_speaks(tasks: int, said: str) -> None:
    live: Any = SimpleNamespace(state="open", threshold=0.9)
    assert formatting.headline(_overview(tasks), live, AT).startswith(said)


def test_a_reviewer_is_not_timed_in_thousandths_of_a_second() -> None:
    assert formatting.span(0.0024) == "less than a second"
    assert formatting.span(None) == "none"


REVIEWER: dict[str, Any] = {
    "reviewer": "ana",
    "verdicts": 1,
    "known_wrong": 0,
    "missed": 0,
    "second_looks": 0,
    "overturned": 0,
}


def test_of_a_reviewer_who_was_shown_no_known_case_nothing_is_said() -> None:
    assert trust._known(SimpleNamespace(**REVIEWER)) == "no reviewer check with a mistake yet"
    assert trust._second(SimpleNamespace(**REVIEWER)) == "no second review yet"
    seen = SimpleNamespace(**{**REVIEWER, "known_wrong": 1, "second_looks": 2, "overturned": 1})
    assert trust._known(seen) == "missed 0 of 1 known mistake"
    assert trust._second(seen) == "changed in 1 of 2 second reviews"
