"""Candidates of a prompt by GEPA (reflective mutation, Pareto selection): its search.

GEPA gets no folder for state (it would pickle it), no model (it would import litellm) and no
tracker, and it writes nothing. Agrawal et al., GEPA: Reflective Prompt Evolution Can Outperform
Reinforcement Learning, 2025.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from gepa.api import optimize
from gepa.core.adapter import EvaluationBatch, GEPAAdapter, ProposalFn

from roadbed.improvement.prompt_optimization.scoring import (
    BudgetHold,
    Judgement,
    ScoredCase,
    Scores,
)
from roadbed.models.prompts.price import cost
from roadbed.models.prompts.prompted import Prompted
from roadbed.models.prompts.reflection import rewritten

_SHOWN_AT_ONCE = 4  # cases a candidate is made from
_PROMPT = "prompt"
_T = TypeVar("_T")
Traced: TypeAlias = tuple[ScoredCase, Judgement]
Evaluated: TypeAlias = EvaluationBatch[Traced, Judgement]


def evolve(
    scores: Scores,
    prompted: Prompted,
    text: str,
    reflecting: Sequence[ScoredCase],
    scoring: Sequence[ScoredCase],
    hold: BudgetHold,
    *,
    seed: int,
    loop: asyncio.AbstractEventLoop,
) -> None:
    """Fill ``scores`` with candidates. Runs in a thread; model calls run on ``loop``.

    Raises ``SpentError`` when the budget is used up.
    """
    adapter: GEPAAdapter[ScoredCase, Traced, Judgement] = _Adapter(scores, prompted, hold, loop)
    rounds = hold.calls_left
    optimize(
        seed_candidate={_PROMPT: text},
        trainset=list(reflecting),
        valset=list(scoring),
        adapter=adapter,
        reflection_minibatch_size=min(_SHOWN_AT_ONCE, len(reflecting)),
        # Rounds without an error make no calls, so the budget alone would not end them.
        stop_callbacks=lambda state: hold.spent or state.i >= rounds,
        logger=_Silent(),
        run_dir=None,
        use_cloudpickle=False,
        use_wandb=False,
        use_mlflow=False,
        display_progress_bar=False,
        seed=seed,
        raise_on_exception=True,
    )


class _Silent:
    """GEPA's log would hold inputs."""

    def log(self, message: str) -> None:
        """Discard the message."""


class _Adapter:
    """What GEPA asks of a system whose texts it changes (``gepa.GEPAAdapter``)."""

    def __init__(
        self, scores: Scores, prompted: Prompted, hold: BudgetHold, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._scores = scores
        self._prompted = prompted
        self._hold = hold
        self._loop = loop
        self.propose_new_texts: ProposalFn | None = self._propose  # a field of the protocol

    def evaluate(
        self,
        batch: list[ScoredCase],
        candidate: dict[str, str],
        capture_traces: bool = False,  # noqa: FBT001, FBT002 - the signature is GEPA's
    ) -> Evaluated:
        judgements = list(self._wait(self._scores.judge(candidate[_PROMPT], batch)))
        return EvaluationBatch(
            outputs=judgements,
            scores=[float(judgement.right) for judgement in judgements],
            trajectories=list(zip(batch, judgements, strict=True)) if capture_traces else None,
        )

    def make_reflective_dataset(
        self,
        candidate: dict[str, str],  # noqa: ARG002 - the signature is GEPA's
        eval_batch: Evaluated,
        components_to_update: list[str],
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        wrong = [
            {"input": case.content, "right": case.right or "unsure", "reply": _reply(judgement)}
            for case, judgement in eval_batch.trajectories or []
            if not judgement.right
        ]
        return dict.fromkeys(components_to_update, wrong)

    def _propose(
        self,
        candidate: dict[str, str],
        reflective_dataset: Mapping[str, Sequence[Mapping[str, Any]]],
        components_to_update: list[str],
    ) -> dict[str, str]:
        return {
            item: self._wait(self._rewrite(candidate[item], reflective_dataset[item]))
            for item in components_to_update
        }

    async def _rewrite(self, text: str, failures: Sequence[Mapping[str, Any]]) -> str:
        async with self._hold.reply() as bill:
            rewriting, tokens = await rewritten(self._prompted, text, failures)
            bill.cost = cost(self._prompted.price, tokens)
        return rewriting

    def _wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _reply(judgement: Judgement) -> Mapping[str, Any] | str:
    return judgement.output if judgement.output is not None else f"unsure: {judgement.why}"
