"""Pace: how many inputs are evaluated at once, so that each is answered within its deadline.

Inputs that run at once share processors and connections. On a busy machine all of them at once miss
their deadline together, and a version that answers well is not proven. So the number grows by one
with each early answer, and is halved when answers come late. What the first answers took is not
late: a model may be slow however few inputs run.
Source: additive increase and multiplicative decrease, Chiu & Jain 1989.
"""

from __future__ import annotations

import asyncio
from statistics import median

FEWEST, MOST = 4, 256
_EARLY, _LATE = 0.2, 0.4  # of the deadline
_ALSO_EARLY, _NOT_LATE = 1.5, 2.0  # times what the first answers took


class EvaluationPace:
    """Lets as many evaluations run as ``at_once`` says: ``async with`` around each.

    ``deadline_seconds`` is that of one evaluation.
    """

    def __init__(self, deadline_seconds: float) -> None:
        self.at_once = FEWEST
        self._deadline_seconds = deadline_seconds
        self._first: list[float] = []
        self._places = asyncio.Semaphore(FEWEST)
        self._there = FEWEST  # places that are free or taken
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
        if len(self._first) < FEWEST:
            self._first.append(seconds)
        usual, deadline = median(self._first), self._deadline_seconds
        if self._ignored:
            self._ignored -= 1
        elif seconds > max(_LATE * deadline, _NOT_LATE * usual):
            self._ignored = self.at_once
            self.at_once = max(FEWEST, self.at_once // 2)
        elif seconds <= max(_EARLY * deadline, _ALSO_EARLY * usual) and self.at_once < MOST:
            self.at_once += 1
            if self._there < self.at_once:
                self._there += 1
                self._places.release()
