"""Decider runner: calls a decider under a deadline; the result is an answer or a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeAlias
from weakref import WeakKeyDictionary

from roadbed.decisions import routing
from roadbed.decisions.model import Answered, LiveVersion, NotAnswered, Reason
from roadbed.executors.child_executor import ChildExecutor
from roadbed.executors.children import Source
from roadbed.executors.in_process import (
    BatchExecutor,
    CoroutineExecutor,
    DeciderCall,
    Failed,
    FunctionExecutor,
    InProcessExecutor,
    is_coroutine,
)
from roadbed.executors.isolated import IsolatedDecider
from roadbed.intake.model import AdmittedTask
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.secrets import KNOWN, mask
from roadbed.kernel.storable import cleaned
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.usecases.corrected_answers import CorrectedAnswer
from roadbed.usecases.decider import (
    Context,
    FunctionDecider,
    Needs,
    Retrieved,
    Task,
    Trainable,
    is_trainable,
    needs_of,
)
from roadbed.usecases.patches import loads
from roadbed.usecases.use_case import UseCase

Decider: TypeAlias = FunctionDecider | Trainable | IsolatedDecider
Corrected: TypeAlias = Sequence[CorrectedAnswer]
# What the library of a use case has for the question of a task, and what the version keeps of
# corrections; ``None`` without a library.
Retrieve: TypeAlias = Callable[[UseCase, AdmittedTask, Corrected], Awaitable[Retrieved | None]]


async def without_library(
    declared: UseCase,  # noqa: ARG001
    task: AdmittedTask,  # noqa: ARG001
    corrected: Corrected = (),  # noqa: ARG001
) -> Retrieved | None:
    """Nothing, for use cases without a library; a decider that needs passages answers nothing."""
    return None


class DeciderRunner:
    """Runs the deciders of one use case. ``ask`` never raises an error of a decider."""

    def __init__(self, declared: UseCase, retrieve: Retrieve) -> None:
        self._declared = declared
        self._retrieve = retrieve
        self._executors: dict[type[InProcessExecutor], InProcessExecutor] = {}
        self._children: dict[Source, ChildExecutor] = {}
        self._kinds: dict[int, type[InProcessExecutor]] = {}
        self._corrected: WeakKeyDictionary[object, Corrected] = WeakKeyDictionary()
        self._answered: object = None
        self._charged: object = None
        self._examined: object = None
        self._free = True  # no decider yet: no call

    def warm(self, version: LiveVersion) -> bool:
        """Whether its decider has answered once: a first call may import and load for seconds."""
        return self._answered is version.decider

    def free(self, decider: Decider | None) -> bool:
        """Whether ``decider`` runs on this machine and costs nothing, as far as it declares.

        It declares no secret, prompt or currency, and it is no coroutine, since a coroutine waits
        for another system. None of its answers had a price. Whether it opens a socket or a file is
        unknown.
        """
        if decider is not self._examined:
            self._examined = decider
            waits = (
                decider.kind == "coroutine"
                if isinstance(decider, IsolatedDecider)
                else is_coroutine(decider)
            )
            self._free = replace(needs_of(decider), modules=()) == Needs() and not waits
        return self._free and decider is not self._charged

    async def ask(
        self, live: LiveVersion, task: AdmittedTask, *, seconds: float
    ) -> Answered | NotAnswered:
        """The answer of the live decider to ``task`` within ``seconds``."""
        if live.decider is None:
            return _not(
                Reason.NO_VERSION,
                stored_sentence("No version has been trained yet."),
                cost=_NOTHING,
            )
        if seconds <= 0:
            return replace(self._too_late(), cost=_NOTHING)
        executor = self._executor(live.decider)
        stuck = executor.losses.stuck
        if stuck and not executor.losses.try_again():
            return _not(
                Reason.DECIDER_FAILED,
                stored_sentence(
                    "The decider hangs on all of its threads. It is tried again after a minute, "
                    "and less often each time it hangs again."
                ),
                cost=_NOTHING,
            )
        retrieved: Retrieved | NotAnswered | None = None
        if self._declared.library is not None:
            began = asyncio.get_running_loop().time()
            retrieved = await self._retrieved(live.decider, task, seconds)
            seconds -= asyncio.get_running_loop().time() - began
        if isinstance(retrieved, NotAnswered):
            return retrieved
        answer = await self._within(executor, live.decider, task, seconds, retrieved)
        if stuck and getattr(answer, "code", None) is not Reason.DECIDER_TIMEOUT:
            executor.losses.answered()
        return answer

    async def _retrieved(
        self, decider: Decider, task: AdmittedTask, seconds: float
    ) -> Retrieved | NotAnswered | None:
        """What the library has for the question, within ``seconds``, or why nothing is known."""
        try:
            async with asyncio.timeout(seconds):
                return await self._retrieve(self._declared, task, self._kept_by(decider))
        except TimeoutError:
            return replace(self._too_late(), cost=_NOTHING)
        except RoadbedError as error:
            reason = stored_sentence("The library cannot be searched: %(error)s", error=error)
            return _not(Reason.DECIDER_FAILED, reason, cost=_NOTHING)

    def _kept_by(self, decider: Decider) -> Corrected:
        """The corrected answers that a version keeps. They are read once."""
        if decider not in self._corrected:
            if isinstance(decider, IsolatedDecider):
                kept: Corrected = loads(self._declared, decider.source.files).corrected
            else:
                kept = getattr(decider, "corrected", ())
            self._corrected[decider] = kept
        return self._corrected[decider]

    def close(self) -> None:
        """End threads and child processes."""
        for executor in (*self._executors.values(), *self._children.values()):
            executor.close()

    def close_later(self) -> None:
        """End threads and child processes once the deadline of every running call has passed."""
        seconds = self._declared.deadline_seconds + 1.0
        asyncio.get_running_loop().call_later(seconds, self.close)

    async def _within(
        self,
        executor: InProcessExecutor | ChildExecutor,
        decider: Decider,
        task: AdmittedTask,
        seconds: float,
        retrieved: Retrieved | None,
    ) -> Answered | NotAnswered:
        loop = asyncio.get_running_loop()
        seen = Task(id=task.id, usecase=task.use_case, key=task.key, admitted_at=task.admitted_at)
        call = DeciderCall(
            decider=decider,
            input=task.input,
            result=loop.create_future(),
            context=Context(task=seen, deadline_seconds=seconds, retrieved=retrieved),
            content=task.content,
            output=self._declared.output,
        )
        timer = loop.call_later(seconds, self._expire, executor, call)
        executor.put(call)
        try:
            result = await call.result
        finally:
            timer.cancel()
        if result is _EXPIRED:
            return self._too_late()
        self._answered = decider
        if isinstance(result, Failed):
            return _not(
                Reason.DECIDER_FAILED,
                stored_sentence("The decider failed: %(error)s", error=mask(result.sentence)),
            )
        answer = routing.read_answer(result, self._declared.output, self._declared.actions)
        if answer.cost:
            self._charged = decider
        return _without_secrets(answer)

    def _expire(self, executor: InProcessExecutor | ChildExecutor, call: DeciderCall) -> None:
        if not call.result.done():
            call.give(_EXPIRED)
            executor.expire(call)

    def _executor(self, decider: Decider) -> InProcessExecutor | ChildExecutor:
        if isinstance(decider, IsolatedDecider):
            return self._children.get(decider.source) or self._child_executor(decider)
        kind = self._kinds.get(id(decider)) or self._kinds.setdefault(id(decider), _kind(decider))
        if kind not in self._executors:
            self._executors[kind] = kind(self._declared.name, asyncio.get_running_loop())
        return self._executors[kind]

    def _child_executor(self, decider: IsolatedDecider) -> ChildExecutor:
        """Children for a decider asked for the first time; those of older versions end soon."""
        loop = asyncio.get_running_loop()
        for source in list(self._children)[:-1]:
            old = self._children.pop(source)
            loop.call_later(self._declared.deadline_seconds + 1.0, old.close)
        executor = ChildExecutor(loop, decider)
        self._children[decider.source] = executor
        return executor

    def _too_late(self) -> NotAnswered:
        return _not(
            Reason.DECIDER_TIMEOUT,
            stored_sentence(
                "The decider did not answer within %(seconds)s s.",
                seconds=format(self._declared.deadline_seconds, "g"),
            ),
        )


def _without_secrets(answer: Answered | NotAnswered) -> Answered | NotAnswered:
    """The same answer with secrets masked; none, where what it proposes holds one."""
    if isinstance(answer, NotAnswered):
        return replace(answer, reason=mask(answer.reason), evidence=KNOWN.mask_all(answer.evidence))
    if KNOWN.stands_in([answer.output, answer.actions, answer.provenance]):
        return NotAnswered(
            code=Reason.INVALID_ANSWER,
            reason=stored_sentence(
                "The decider's answer cannot be used: it holds the value of a secret."
            ),
            evidence=KNOWN.mask_all(answer.evidence),
            cost=answer.cost,
        )
    if KNOWN.stands_in(answer.evidence):
        return replace(answer, evidence=KNOWN.mask_all(answer.evidence))
    return answer


_EXPIRED = object()
_NOTHING = Decimal(0)  # the decider was not asked


def _kind(decider: FunctionDecider | Trainable) -> type[InProcessExecutor]:
    if is_trainable(decider):
        return BatchExecutor
    return CoroutineExecutor if is_coroutine(decider) else FunctionExecutor


def _not(code: Reason, reason: str, *, cost: Decimal | None = None) -> NotAnswered:
    # The error of a broken decider may contain anything.
    return NotAnswered(code=code, reason=cleaned(reason), evidence={}, cost=cost)
