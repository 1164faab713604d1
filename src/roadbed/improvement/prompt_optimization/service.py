"""Verb: ``search`` for a better prompt text with the model that the pod uses."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal

from roadbed.budgets.model import Aside
from roadbed.budgets.service import Budgets
from roadbed.examples.service import Examples
from roadbed.improvement.model import Proposal
from roadbed.improvement.prompt_optimization.optimizer import (
    NoProposal,
    PromptBudget,
    PromptProposal,
    optimise,
    suggestion,
)
from roadbed.improvement.prompt_optimization.scoring import BudgetHold
from roadbed.improvement.proposals import Proposals
from roadbed.improvement.training import Training
from roadbed.models.prompts.prompted import Prompted
from roadbed.usecases import patches
from roadbed.usecases.loader import LoadedUseCase
from roadbed.usecases.use_case import Budget


class PromptSearch:
    """Asks a model, so it costs money: it runs when somebody asks for it, within a budget."""

    def __init__(
        self, examples: Examples, training: Training, proposals: Proposals, budgets: Budgets
    ) -> None:
        self._examples = examples
        self._training = training
        self._proposals = proposals
        self._budgets = budgets

    async def search(
        self,
        loaded: LoadedUseCase,
        *,
        budget: PromptBudget,
        actor: str,
        seed: int = 0,
        watched: Callable[[BudgetHold], None] | None = None,
    ) -> Proposal | NoProposal:
        """A text that gets more of the ``learn`` examples right, as a proposal for a person.

        ``watched`` is given the purse, which counts, before anything is asked.
        """
        declared, prompted = loaded.declared, loaded.declared.function
        if not isinstance(prompted, Prompted):
            return NoProposal(
                reason=f"{loaded.name} asks no language model, so it has no prompt to search for."
            )
        accepted = patches.read(declared, await self._proposals.accepted(loaded.name))
        learn = await self._examples.in_use(declared, "learn")
        result = await optimise(
            declared,
            prompted,
            learn.examples,
            budget=budget,
            seed=seed,
            prompt=accepted.prompts.get(prompted.file),
            shown=accepted.examples,
            funds=_OfUseCase(self._budgets, loaded.name, declared.budget)
            if declared.budget
            else None,
            watched=watched,
            isolated=await self._training.isolated(loaded),
        )
        if not isinstance(result, PromptProposal):
            return result
        mark = f"prompt {result.file} {result.after}"
        kept = await self._proposals.put(
            loaded.name,
            suggestion(result),
            fingerprint=hashlib.sha256(mark.encode()).hexdigest(),
            rank=result.score_after - result.score_before,
            actor=actor,
        )
        return kept or NoProposal(reason="What was found has been rejected before.")


class _OfUseCase:
    """The budget of one use case, as ``Funds``."""

    def __init__(self, budgets: Budgets, name: str, budget: Budget) -> None:
        self._budgets = budgets
        self._name = name
        self._budget = budget

    async def hold(self) -> Aside | None:
        return await self._budgets.take_aside(self._name, self._budget)

    async def settle(self, held: Aside, cost: Decimal | None) -> None:
        await self._budgets.settle_aside(held, cost)
