"""Ids: a prefix for the type, then 28 characters that sort by creation time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import NewType

from roadbed.kernel.clock import Clock

TaskId = NewType("TaskId", str)
DecisionId = NewType("DecisionId", str)
ReviewId = NewType("ReviewId", str)
VerdictId = NewType("VerdictId", str)
ExampleId = NewType("ExampleId", str)
VersionId = NewType("VersionId", str)
CertificateId = NewType("CertificateId", str)
_AT_ONCE = 64
_TIME = 12  # digits of the milliseconds
_forks = 0


def _forked() -> None:
    """Drop buffered random bytes after a fork: parent and child must not share them."""
    global _forks  # noqa: PLW0603 - there is one process
    _forks += 1


os.register_at_fork(after_in_child=_forked)


def made_before(one: str, other: str) -> bool:
    """Whether the first of two ids is older; within a millisecond it is not."""
    return one.partition("_")[2][:_TIME] < other.partition("_")[2][:_TIME]


class Ids:
    """Makes ids from a clock and a source of random bytes, both passed in.

    48 bits of milliseconds before 64 random bits, in hex: rows written together lie together in an
    index, and an id gives nothing away but its age. Random bytes are fetched for many ids at once.
    """

    def __init__(self, clock: Clock, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._entropy = entropy
        self._spare: list[str] = []
        self._forks = _forks

    def new(self, prefix: str) -> str:
        """``prefix_`` and 28 hexadecimal digits."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        return f"{prefix}_{milliseconds:012x}{self._random()}"

    def _random(self) -> str:
        if self._spare and self._forks == _forks:
            with contextlib.suppress(IndexError):  # another thread used the last one
                return self._spare.pop()
        self._forks = _forks
        drawn = self._entropy(8 * _AT_ONCE).hex()
        self._spare = [drawn[start : start + 16] for start in range(16, len(drawn), 16)]
        return drawn[:16]

    def task(self) -> TaskId:
        return TaskId(self.new("tsk"))

    def decision(self) -> DecisionId:
        return DecisionId(self.new("dec"))

    def review(self) -> ReviewId:
        return ReviewId(self.new("rev"))

    def verdict(self) -> VerdictId:
        return VerdictId(self.new("vdt"))

    def example(self) -> ExampleId:
        return ExampleId(self.new("exa"))

    def certificate(self) -> CertificateId:
        return CertificateId(self.new("crt"))
