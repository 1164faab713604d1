"""Checks of reading that need no file: numbers of two readers, answers of a child."""

from __future__ import annotations

from typing import Any

import pytest

from roadbed.executors import sandbox
from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.reading import frames, process, torn_words
from roadbed.knowledge.reading.pdf import _Checked, _repaired, missing_numbers


@pytest.mark.parametrize(
    ("first", "second", "whole"),
    [
        ("Cash 16,41 1 paid", "Cash 16,411 paid", "Cash 16,411 paid"),
        ("1 1.5 % of 8", "11.5 % of 8", "11.5 % of 8"),
        ("| 1 17,662 | 3 |", "117,662 3", "| 117,662 | 3 |"),
        ("1 2 and 12", "1 2 and 12", "1 2 and 12"),  # both are there: nothing was torn
        ("16,41 1", "nothing of it", "16,41 1"),
        ("Item 1 16,41 1", "Item 1 16,411", "Item 1 16,411"),
    ],
)
def test_torn_numbers_are_taken_from_the_second_reader(first: str, second: str, whole: str) -> None:
    checked = _Checked()
    assert _repaired(first, second, checked) == whole
    assert len(checked.repaired) == (first != whole)


@pytest.mark.parametrize(
    ("first", "second", "missing"),
    [
        ("Cash 16,41 of 5", "Cash 16,411 of 5", ["16,41"]),
        ("Cash 16,411", "Cash 16, 411", []),  # the second reader put a space in
        ("7 of 7", "none", ["7"]),
        ("007 and 2024-01-02", "007 on 2024-01-02", []),
        ("no numbers", "12", []),
    ],
)
def test_numbers_that_only_one_reader_has_are_doubtful(
    first: str, second: str, missing: list[str]
) -> None:
    assert list(missing_numbers(first, second)) == missing


class TestAnswers:
    @pytest.mark.parametrize(
        "answer",
        [
            {},
            {"extraction": {"format": "exe", "parts": []}},
            {"extraction": {"format": "pdf", "parts": [{"place": 7, "text": "a"}]}},
            {"unreadable": "no such reason"},
        ],
    )
    def test_an_invalid_answer_is_the_end_of_its_child(self, answer: dict[str, Any]) -> None:
        with pytest.raises(process._ChildEndedError):
            process._extraction(answer, "one.pdf")

    def test_a_reason_becomes_the_error(self) -> None:
        with pytest.raises(DocumentUnreadableError) as caught:
            process._extraction({"unreadable": "scan", "detail": "x" * 9_000}, "one.pdf")
        assert caught.value.reason is UnreadableReason.SCAN
        assert len(caught.value.detail) <= 1_000

    @pytest.mark.parametrize("data", [b"no json", b"[1]", b"[" * 100_000])
    def test_a_frame_that_is_no_object_is_broken(self, data: bytes) -> None:
        with pytest.raises(frames.BrokenFrameError):
            frames.content(data)

    def test_a_lone_surrogate_does_not_break_a_frame(self) -> None:
        data = frames.frame({"text": "a\ud800b"})
        assert frames.content(data[frames.HEAD.size :]) == {"text": "a?b"}

    @pytest.mark.parametrize(
        ("status", "printed", "reason"),
        [
            (-24, b"", UnreadableReason.TIME),
            (-6, b"memory allocation of 7 bytes failed", UnreadableReason.MEMORY),
            (-11, b"", UnreadableReason.CRASHED),
            (1, b"", UnreadableReason.CRASHED),
        ],
    )
    def test_how_a_child_ended_gives_the_reason(
        self, status: int, printed: bytes, reason: UnreadableReason
    ) -> None:
        assert process._why(status, printed) is reason
        assert "process" in sandbox.how_ended(status)


@pytest.mark.parametrize(
    ("first", "second", "mended"),
    [
        (
            "T otal net sales and T echnology",
            "Total net\nsales, Technology",
            "Total net sales and Technology",
        ),
        ("Plan A names it", "Plan A names it", "Plan A names it"),
        ("Plan A names it", "Plan A\nnames it, Anames", "Plan A names it"),
        ("V alue", "Worth", "V alue"),
    ],
)
def test_a_first_letter_that_stands_apart_joins_its_word(
    first: str, second: str, mended: str
) -> None:
    assert torn_words.mended(first, second) == mended
