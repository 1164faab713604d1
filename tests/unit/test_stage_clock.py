"""Timeline of a use case: chart and headline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from roadbed.console import timeline
from roadbed.insight.stage_clock import chart_of, days, stage_timeline

BEGAN = datetime(2026, 10, 1, tzinfo=UTC)


def at(kind: str, name: str, day: float) -> dict[str, Any]:
    return {
        "kind": kind,
        "stage": name if kind == "stage" else None,
        "waits_for": None if kind == "stage" else name,
        "release": None,
        "actor": "ben",
        "at": BEGAN + timedelta(days=day),
    }


def drawn(*events: Any, day: float) -> Any:
    now = BEGAN + timedelta(days=day)
    return chart_of(stage_timeline("triage", list(events), now), now)


IDEA, PROOF = at("stage", "idea", 0), at("stage", "proof", 4)


@pytest.mark.parametrize(
    ("events", "day", "words"),
    [
        ([IDEA, PROOF], 10, "Proof of concept: 4 left of 14 days."),
        ([IDEA, PROOF], 20, "Proof of concept: not reached; 14 days are over by 6 days."),
        ([IDEA, at("stage", "gate", 9)], 20, "Proof of concept: reached after 9 of 14 days."),
        ([IDEA, at("stage", "gate", 19)], 20, "reached after 19 days, 14 were meant."),
        ([IDEA, at("stage", "live", 50)], 60, "Production: reached after 50 of 56 days."),
        ([IDEA], 0.01, "Stage: idea, for under an hour."),
        (
            [IDEA, at("wait_began", "risk_partner", 7)],
            10,
            "Waits for the risk partner, 3 days.",
        ),
        ([IDEA, at("wait_began", "traffic", 9.5)], 10, "Waits for more tasks, 12 hours."),
    ],
)
def test_the_headline_says_where_it_stands(
    events: list[dict[str, Any]], day: float, words: str
) -> None:
    assert words in drawn(*events, day=day).headline


def test_stages_lie_on_one_line_up_to_the_last_target() -> None:
    result = drawn(IDEA, PROOF, day=28)
    assert [(span.left, span.width) for span in result.spans] == [(0.0, 0.0714), (0.0714, 0.4286)]
    assert (result.today, [target.at for target in result.targets]) == (0.5, [0.25, 1.0])


def test_beyond_the_last_target_the_line_grows() -> None:
    result = drawn(IDEA, PROOF, day=112)
    assert 0.9 < result.today < 1.0
    assert result.targets[1].at < 0.5
    assert result.targets[1].state == "missed"


def test_who_goes_up_and_down_for_years_is_shown_as_of_late() -> None:
    events = [at("stage", ("live", "canary")[n % 2], n) for n in range(40)]
    assert len(drawn(*events, day=50).spans) == 12


def test_before_anything_happened_there_is_a_line_all_the_same() -> None:
    result = drawn(day=0)
    assert result.spans == []
    assert "<svg" in timeline.plot(result)


def test_the_plot_says_what_the_lines_say_and_hides_no_markup() -> None:
    events = [IDEA, PROOF, at("stage", "<b>", 6)]
    result = drawn(*events, day=10)
    plot = str(timeline.plot(result))
    assert "14 days: proof" in plot
    assert "8 weeks: production" in plot
    assert "<b>" not in plot
    assert any(line.startswith("proof of concept  2026-10-05") for line in result.lines)
    assert result.facts["says"] == result.headline


def test_durations_are_in_the_unit_that_suits_them() -> None:
    assert [days(item) for item in (0.001, 0.05, 0.5, 1.0, 12.4)] == [
        "under an hour",
        "1 hour",
        "12 hours",
        "1 day",
        "12 days",
    ]
