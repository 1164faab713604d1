"""The demo outside a terminal: lines with a heading and the promise."""

from __future__ import annotations

import io
import sys

import pytest

from roadbed.demo.people import Tally
from roadbed.demo.view import RoundRow, View


def test_plain_lines_have_the_promise_and_a_head_for_each_column(
    capsys: pytest.CaptureFixture[str],
) -> None:
    view = View(
        limit=0.02,
        certainty=0.95,
        notice="A made-up shop.",
        rounds=8,
        quiet=False,
        states=True,
    )
    tally = Tally(tasks=1_000, automatic=650, wrong_automatic=7)
    row = RoundRow(
        number=2, tally=tally, threshold=0.925, reviews=434, seconds=1.6, states=["shadow", "open"]
    )
    view.open()
    with view:
        view.finished(row)
    notice, promise, heads, line = capsys.readouterr().out.splitlines()
    assert (notice, promise) == ("A made-up shop.", "At most 2% wrong, 95% certain")
    for head, cell in (
        ("round", "2 of 8"),
        ("tasks", "1,000"),
        ("automatic", "65%"),
        ("wrong", "1.1%"),
    ):
        assert heads.index(head) + len(head) == line.index(cell) + len(cell)
    assert heads.index("state") == line.index("shadow")


def test_a_terminal_without_these_signs_gets_others(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    monkeypatch.setenv("COLUMNS", "20")
    view = View(limit=0.02, certainty=0.95, notice="A shop.", rounds=1, quiet=False, states=True)
    tally = Tally(tasks=1_000, automatic=650)
    with view:
        view.finished(RoundRow(number=1, tally=tally, threshold=0.9, states=["shadow", "open"]))
    sys.stdout.flush()
    assert "#############" in written.getvalue().decode("ascii")
    assert "shadow > open" in written.getvalue().decode("ascii")
