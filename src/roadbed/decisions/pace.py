"""Pace: how many inputs are evaluated at once, so that each is answered within its deadline.

Inputs that run at once share processors and connections. On a busy machine all of them at once miss
their deadline together, and a version that answers well is not proven. So the number grows by one
with each early answer, and is halved when answers come late.
Source: additive increase and multiplicative decrease, Chiu & Jain 1989.
"""

from __future__ import annotations

import asyncio

FEWEST, FIRST, MOST = 4, 16, 256
_EARLY, _LATE = 0.2, 0.4  # of the deadline


class EvaluationPace:
    """Lets as many evaluations run as ``at_once`` says: ``async with`` around each.

    ``deadline_seconds`` is that of one evaluation.
    """

    def __init__(self, deadline_seconds: float) -> None:
        self.at_once = FIRST
        self._deadline_seconds = deadline_seconds
        self._places = asyncio.Semaphore(FIRST)
        self._there = FIRST  # places that are free or taken
        self._ignored = 0  # answers that began before the number was halved

    async def __aenter__(self) -> None:
        await self._places.acquire()

    async def __aexit__(self, *_: object) -> None:
        if self._there > self.at_once:
            self._there -= 1
        else:
            self._places.release()

    def learn(self, seconds: float) -> None:
        """An evaluation took ``seconds``."""
        if self._ignored:
            self._ignored -= 1
        elif seconds > _LATE * self._deadline_seconds:
            self._ignored = self.at_once
            self.at_once = max(FEWEST, self.at_once // 2)
        elif seconds <= _EARLY * self._deadline_seconds and self.at_once < MOST:
            self.at_once += 1
            if self._there < self.at_once:
                self._there += 1
                self._places.release()
