"""Text of others never controls a terminal and never adds a line to a log."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import pytest
import structlog

from roadbed.cli.output import fail, say, show, tell
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.terminal import one_line, visible

# Clears the screen, puts text into the clipboard, the same by one character, rings, turns around.
HOSTILE = "\x1b[2J \x1b]52;c;cm0gLXJm\x07 \x9b31m \x7f \r \u202eevil\u2066 \u2028"


@pytest.mark.parametrize(
    "speak",
    [
        say,
        tell,
        lambda text: show({"said": text}, as_json=True, text=str),
        lambda text: show({}, as_json=False, text=lambda: text),
        lambda text: fail(RoadbedError(text, text)),
    ],
    ids=["say", "tell", "json", "text", "fail"],
)
def test_nothing_that_is_printed_acts(
    speak: Callable[[str], object], capsys: pytest.CaptureFixture[str]
) -> None:
    speak(HOSTILE)
    captured = capsys.readouterr()
    printed = (captured.out + captured.err).replace("\n", "")
    assert "evil" in printed
    assert "\\u001b" in printed
    assert printed.isprintable()


def test_what_json_means_stays_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    text = HOSTILE + "\n\ttab"
    show({"said": text}, as_json=True, text=str)
    assert json.loads(capsys.readouterr().out) == {"said": text}


def test_a_line_of_the_log_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    class Writes:
        def write(self, text: str) -> None:
            written.append(text)

        def flush(self) -> None:
            """Nothing is held back."""

    monkeypatch.setattr(sys, "stderr", Writes())
    logger = structlog.wrap_logger(structlog.PrintLogger(sys.stderr))
    logger.info("a decider printed", text=f"{HOSTILE}\n2026 [info] forged")
    entry = "".join(written)
    assert entry.count("\n") == 1
    assert "\x9b" not in entry
    assert "\\u001b[2J" in entry


def test_what_people_write_stays_as_it_is() -> None:
    for text in ("Größe 3 €\n\tnext", "שלום", "こんにちは 🎉", "a\u200db"):
        assert visible(text) == text
    assert one_line("one\ntwo") == "one\\ntwo"
