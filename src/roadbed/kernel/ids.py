"""Ids: a prefix that says what it is, then 28 characters that sort by time of birth."""

from __future__ import annotations

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


class Ids:
    """Makes ids from a clock and a source of random bytes, both passed in.

    48 bits of milliseconds before 64 random bits, in hex: rows written together lie together in an
    index, and an id gives nothing away but its age.
    """

    def __init__(self, clock: Clock, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._entropy = entropy

    def new(self, prefix: str) -> str:
        """``prefix_`` and 28 hexadecimal digits."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        return f"{prefix}_{milliseconds:012x}{self._entropy(8).hex()}"

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
