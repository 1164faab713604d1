"""``evaluate_many``: evaluations beside the path of tasks, on inputs that somebody keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from roadbed.decisions.evaluation import Evaluation, EvaluationContext, evaluate
from roadbed.decisions.metered_calls import MeteredCalls
from roadbed.decisions.model import LiveVersion
from roadbed.intake.model import AdmittedTask, Unread
from roadbed.kernel.ids import TaskId
from roadbed.scoring.content import Json

_MOST_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownInput:
    """An input that is evaluated beside the path of tasks: no task arrived."""

    id: str
    content: Json


async def evaluate_many(
    version: LiveVersion,
    inputs: Sequence[KnownInput],
    context: EvaluationContext,
    paying: MeteredCalls,
    *,
    untold: bool = False,
) -> list[Evaluation]:
    """``evaluate`` for many inputs, in their order, paid by ``paying``.

    ``untold``: an answer may leave its price untold, and is then charged at its worst. Raises
    ``EvaluationBudgetError``, ``PriceUnknownError``.
    """
    loaded, limit = version.loaded or context.use_case, asyncio.Semaphore(_MOST_AT_ONCE)
    reading = replace(version, loaded=loaded)

    async def one(known: KnownInput) -> Evaluation:
        task = AdmittedTask(
            id=TaskId(f"tsk_{known.id}"),
            use_case=loaded.name,
            key=None,
            input=Unread(),
            content=known.content,
            source={"surface": "evaluation"},
            reference=False,
            reference_rate=0.0,
            admitted_at=context.clock.now(),
        )
        async with limit:
            return await evaluate(reading, task, context)

    questions = [partial(one, known) for known in inputs]
    return await paying.ask(questions, lambda evaluation: evaluation.answer, untold=untold)
