"""What pages say: nothing hides in it, and a reason reads as a sentence."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from markupsafe import Markup

from roadbed.console import formatting
from roadbed.deliveries.model import DeliveryState
from roadbed.reviews.presentation import answer_line, judgement


def test_marks_that_turn_or_swallow_text_are_shown() -> None:
    content = {"to": "12\u202e34", "tag": "a\U000e0041b", "line": "one\ntwo\u2028three", "ü": "ß"}
    shown = formatting.readable(content)
    assert "\\u202e" in shown
    assert "\\udb40\\udc41" in shown
    assert "\\u2028" in shown
    assert '"ü": "ß"' in shown
    assert json.loads(shown) == content


def test_a_page_shows_marks_that_turn_text_around() -> None:
    for mark in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069":
        assert formatting.upright(f"a{mark}b") == f"a\\u{ord(mark):04x}b"
    safe = formatting.upright(Markup("<b>\u202e</b>"))
    assert isinstance(safe, Markup)
    assert safe == "<b>\\u202e</b>"


@pytest.mark.parametrize(
    "value",
    [
        "nim\u200c",
        "\U0001f468\u200d\U0001f469",
        "\u200fab",
        5,
        None,
        formatting.Unchanged("\u202e"),
    ],
)
def test_a_page_shows_everything_else_as_it_is(value: Any) -> None:
    assert formatting.upright(value) is value


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("TemporaryError: 503 busy", "503 busy."),
        ("no rule allows it", "No rule allows it."),
        ("Nobody approved it in time.", "Nobody approved it in time."),
        ("RefusedError: ", ""),
        (None, ""),
    ],
)
def test_a_reason_reads_as_a_sentence(reason: str | None, said: str) -> None:
    assert formatting.sentence(reason) == said


def test_every_state_has_a_sign_and_its_meaning() -> None:
    assert set(formatting.DELIVERY_STATES) == {item.value for item in DeliveryState}


def test_nobody_waits_thousandths_of_a_second() -> None:
    now = datetime.now(UTC)
    assert formatting.left(now + timedelta(milliseconds=32.2), now) == "less than a second left"
    assert formatting.span(0.0322) == "less than a second"
    assert formatting.span(90.0) == formatting.duration(90.0)


B2B, RETURNS = {"queue": "b2b"}, {"queue": "returns"}


@pytest.mark.parametrize(
    ("route", "output", "verdict", "agrees", "right", "said"),
    [
        (None, None, None, None, None, "deciding"),
        ("automatic", B2B, None, None, None, "answered b2b · not judged yet"),
        ("automatic", B2B, "accept", True, B2B, "answered b2b · right"),
        ("automatic", B2B, "correct", True, B2B, "answered b2b · right"),
        ("automatic", B2B, "correct", False, RETURNS, "answered b2b · wrong, right: returns"),
        ("automatic", B2B, "correct", None, RETURNS, "answered b2b · wrong, right: returns"),
        ("automatic", B2B, "reject", False, None, "answered b2b · wrong, no answer is right"),
        (
            "automatic",
            B2B,
            "correct",
            False,
            B2B,
            "answered b2b · wrong, right: the same answer with other actions",
        ),
        ("review", B2B, None, None, None, "proposed b2b · waits for a person"),
        ("review", B2B, "accept", True, B2B, "proposed b2b · right"),
        (
            "review",
            B2B,
            "correct",
            False,
            RETURNS,
            "proposed b2b · wrong, corrected by a person: returns",
        ),
        ("review", B2B, "reject", False, None, "proposed b2b · wrong, no answer is right"),
        ("review", None, None, None, None, "no answer · waits for a person"),
        ("review", None, "correct", False, RETURNS, "no answer · answered by a person: returns"),
        ("review", None, "reject", False, None, "no answer · no answer is right"),
        ("refused", None, None, None, None, "refused"),
    ],
)
def test_an_answer_is_told_with_whether_it_was_right(
    route: str | None, output: Any, verdict: str | None, agrees: Any, right: Any, said: str
) -> None:
    line = answer_line(route=route, output=output, verdict=verdict, agrees=agrees, right=right)
    assert line == said


def test_a_verdict_names_who_gave_it() -> None:
    told = judgement("correct", output=B2B, agrees=False, right=RETURNS, by="rae")
    assert told == "wrong, right: returns, by rae"


def test_times_that_are_left() -> None:
    now = datetime.now(UTC)
    assert formatting.left(now + timedelta(hours=3), now) == "3 hours left"
    assert formatting.left(now, now) == "time is over"
    assert formatting.milliseconds(None) == "not yet"
    assert formatting.milliseconds(1.2345) == "1,234 ms"
