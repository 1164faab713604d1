"""Asks a decider, under a deadline, and makes of whatever happens an answer or a reason."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

from roadbed.decisions import rules
from roadbed.decisions.model import Answered, LiveVersion, NotAnswered, Reason
from roadbed.decisions.workplaces import (
    BatchPlace,
    Call,
    CoroutinePlace,
    Failed,
    FunctionPlace,
    Place,
    is_coroutine,
)
from roadbed.intake.model import AdmittedTask
from roadbed.usecases.deciders import (
    Context,
    FunctionDecider,
    Needs,
    Task,
    Trainable,
    is_trainable,
    needs_of,
)
from roadbed.usecases.model import UseCase


class Runner:
    """Runs the deciders of one use case. Nothing a decider does can raise out of ``ask``."""

    def __init__(self, declared: UseCase) -> None:
        self._declared = declared
        self._places: dict[type[Place], Place] = {}
        self._kinds: dict[int, type[Place]] = {}
        self._came_back: object = None
        self._looked_at: object = None
        self._free = True  # no decider yet: nobody is asked

    def warm(self, version: LiveVersion) -> bool:
        """Whether its decider has come back once: a first call may import and load for seconds."""
        return self._came_back is version.decider

    def free(self, decider: FunctionDecider | Trainable | None) -> bool:
        """Whether ``decider`` works in this process and costs nothing, as far as it tells.

        It names no secret, prompt or currency that it needs, and is no coroutine: what waits, waits
        for somebody else.
        """
        if decider is not self._looked_at:
            self._looked_at = decider
            self._free = needs_of(decider) == Needs() and not is_coroutine(decider)
        return self._free

    async def ask(
        self, live: LiveVersion, task: AdmittedTask, *, seconds: float
    ) -> Answered | NotAnswered:
        """What the live decider makes of ``task`` within ``seconds``."""
        if live.decider is None:
            return _not(Reason.NO_VERSION, "No version has been trained yet.", cost=_NOTHING)
        if seconds <= 0:
            return replace(self._too_late(), cost=_NOTHING)
        place = self._place(live.decider)
        stuck = place.losses.stuck
        if stuck and not place.losses.try_again():
            return _not(
                Reason.DECIDER_FAILED,
                "The decider hangs on every thread it was given; it is tried again about once a "
                "minute.",
                cost=_NOTHING,
            )
        answer = await self._within(place, live.decider, task, seconds)
        if stuck and getattr(answer, "code", None) is not Reason.DECIDER_TIMEOUT:
            place.losses.answered()
        return answer

    def close(self) -> None:
        """Let the threads go."""
        for place in self._places.values():
            place.close()

    def close_later(self) -> None:
        """Let the threads go once every call under way has met its deadline."""
        seconds = self._declared.deadline_seconds + 1.0
        asyncio.get_running_loop().call_later(seconds, self.close)

    async def _within(
        self,
        place: Place,
        decider: FunctionDecider | Trainable,
        task: AdmittedTask,
        seconds: float,
    ) -> Answered | NotAnswered:
        loop = asyncio.get_running_loop()
        seen = Task(id=task.id, usecase=task.use_case, key=task.key, admitted_at=task.admitted_at)
        call = Call(
            decider=decider,
            input=task.input,
            result=loop.create_future(),
            context=Context(task=seen, deadline_seconds=seconds),
        )
        timer = loop.call_later(seconds, self._expire, place, call)
        place.put(call)
        try:
            result = await call.result
        finally:
            timer.cancel()
        if result is _EXPIRED:
            return self._too_late()
        self._came_back = decider
        if isinstance(result, Failed):
            return _not(Reason.DECIDER_FAILED, f"The decider failed: {result.sentence}")
        return rules.read_answer(result, self._declared.output, self._declared.actions)

    def _expire(self, place: Place, call: Call) -> None:
        if not call.result.done():
            call.give(_EXPIRED)
            place.expire(call)

    def _place(self, decider: FunctionDecider | Trainable) -> Place:
        kind = self._kinds.get(id(decider)) or self._kinds.setdefault(id(decider), _kind(decider))
        if kind not in self._places:
            self._places[kind] = kind(self._declared.name, asyncio.get_running_loop())
        return self._places[kind]

    def _too_late(self) -> NotAnswered:
        return _not(
            Reason.DECIDER_TIMEOUT,
            f"The decider did not answer within {self._declared.deadline_seconds:g} s.",
        )


_EXPIRED = object()
_NOTHING = Decimal(0)  # the decider was not asked


def _kind(decider: FunctionDecider | Trainable) -> type[Place]:
    if is_trainable(decider):
        return BatchPlace
    return CoroutinePlace if is_coroutine(decider) else FunctionPlace


def _not(code: Reason, reason: str, *, cost: Decimal | None = None) -> NotAnswered:
    return NotAnswered(code=code, reason=reason, evidence={}, cost=cost)
