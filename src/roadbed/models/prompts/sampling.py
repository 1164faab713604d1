"""Sampling: several replies of one model, in parallel and under one deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import stamina
from pydantic import BaseModel, ValidationError

from roadbed.models.prompts.endpoint import NoReplyError
from roadbed.models.prompts.price import UNKNOWN, Tokens
from roadbed.models.prompts.rendering import ANSWER, UNSURE
from roadbed.models.prompts.requests import ConversationLine, ModelAnswer, ModelRequest
from roadbed.models.prompts.self_consistency import Sample

_FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 10.0
_LEAST_SECONDS = 0.1  # no model replies faster, so with less time left no retry starts
_MOST_SAID = 300  # characters of a text by the model


async def samples(
    line: ConversationLine,
    asked: ModelRequest,
    read: Callable[[ModelAnswer, Tokens], Sample],
    *,
    count: int,
    end: float,
) -> Sequence[Sample]:
    """``count`` samples, each valid or with its reason, by ``end`` of the event loop's clock.

    ``read`` makes a sample of a reply and of the tokens that it cost.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_Attempts(line, asked, end).sample(read)) for _ in range(count)]
    return [task.result() for task in tasks]


class _Attempts:
    """The attempts at one sample, and what they have cost so far."""

    def __init__(self, line: ConversationLine, asked: ModelRequest, end: float) -> None:
        self._line = line
        self._asked = asked
        self._end = end
        self._spent = Tokens()
        self._failed = "the model did not reply in time"
        self._under_way = self._tried = False

    async def sample(self, read: Callable[[ModelAnswer, Tokens], Sample]) -> Sample:
        try:
            async with asyncio.timeout_at(self._end):
                reply = await self._reply()
        except NoReplyError as error:
            return Sample(failed=error.reason, replied=False, tokens=self._spent)
        except TimeoutError:
            if self._under_way:  # the provider may charge for a cancelled call
                self._spent += UNKNOWN
            return Sample(failed=self._failed, replied=False, tokens=self._spent)
        return read(reply, self._spent + reply.tokens)

    async def _reply(self) -> ModelAnswer:
        async for attempt in stamina.retry_context(
            on=self._again,
            attempts=None,
            timeout=None,  # the surrounding deadline applies
            wait_initial=_FIRST_WAIT_SECONDS,
            wait_max=_LONGEST_WAIT_SECONDS,
        ):
            with attempt:
                return await self._ask()
        raise AssertionError("retrying ends with a reply or an error")

    async def _ask(self) -> ModelAnswer:
        left = self._end - asyncio.get_running_loop().time()
        if self._tried and left < _LEAST_SECONDS:  # a retry would only add cost
            raise NoReplyError(self._failed)
        self._tried = self._under_way = True
        try:
            reply = await self._line.ask(self._asked)
        except NoReplyError as error:
            self._under_way = False
            self._failed = f"{error.reason}, until the time was up"
            if error.billed:
                self._spent += UNKNOWN
            raise
        self._under_way = False
        return reply

    def _again(self, error: Exception) -> bool | float:
        """Whether to retry, or after how many seconds; not if the deadline would pass."""
        if not isinstance(error, NoReplyError) or not error.again:
            return False
        wait = error.after_seconds or 0.0
        if asyncio.get_running_loop().time() + wait >= self._end:
            return False
        return wait or True


def read(reply: ModelAnswer, tokens: Tokens, *, output: type[BaseModel]) -> Sample:
    """A reply, validated against the declared output."""
    if reply.problem:
        return Sample(failed=reply.problem, tokens=tokens)
    if reply.tool == UNSURE:
        return Sample(unsure=reason_of(reply.arguments), tokens=tokens)
    if reply.tool != ANSWER:
        return Sample(failed="the model called a tool that it does not have", tokens=tokens)
    try:
        valid = output.model_validate(reply.arguments)
        content = valid.model_dump(mode="json")
        output.model_validate(content)  # the chosen output is built from this value
        return Sample(output=content, tokens=tokens)
    except ValidationError as error:
        return Sample(failed=f"the model's reply does not fit: {misfit(error)}", tokens=tokens)
    except Exception as error:  # a validator of the pod, or a value that JSON does not have
        kind = type(error).__name__
        return Sample(failed=f"the model's reply could not be checked: {kind}", tokens=tokens)


def misfit(error: ValidationError) -> str:
    """The first place where a reply does not fit its schema."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"]))[:80] or "it"
    return f"{where}: {first['msg'][:160]}"


def reason_of(arguments: Any) -> str:
    """The reason that a model gave, in one line."""
    reason = arguments.get("reason") if isinstance(arguments, dict) else None
    said = " ".join(reason.split()) if isinstance(reason, str) else ""
    return said[:_MOST_SAID] or "no reason given"
