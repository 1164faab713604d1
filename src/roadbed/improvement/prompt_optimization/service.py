"""Prompt search: runs, one at a time per use case, within a budget."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import psycopg
import structlog

from roadbed.budgets.model import Aside
from roadbed.budgets.service import Budgets
from roadbed.examples.service import Examples
from roadbed.improvement.errors import NoPromptError, SearchRunningError
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
from roadbed.improvement.rows import Queries
from roadbed.kernel.clock import Clock
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.models.prompts.prompted import Prompted
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases import patches
from roadbed.usecases.loader import LoadedUseCase
from roadbed.usecases.use_case import Budget
from roadbed.versions.store import VersionStore

_log = structlog.get_logger("roadbed")
SQL = queries(Queries)


class PromptSearch:
    """Searches a better prompt. It costs money, so a person starts it with a budget."""

    def __init__(
        self, examples: Examples, store: VersionStore, proposals: Proposals, budgets: Budgets
    ) -> None:
        self._examples = examples
        self._store = store
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
        """A prompt that gets more ``learn`` examples right, as a proposal.

        ``watched`` is given the budget hold, which counts, before the first call.
        """
        declared, prompted = loaded.declared, loaded.declared.function
        if not isinstance(prompted, Prompted):
            return NoProposal(
                reason=stored_sentence(
                    "%(name)s asks no language model, so it has no prompt to search for.",
                    name=loaded.name,
                )
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
            isolated=await self._store.isolated(loaded, {}),
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
        return kept or NoProposal(
            reason=stored_sentence("What was found has been rejected before.")
        )


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


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchProgress:
    """A search of this process; ``said`` and ``proposal`` are its result."""

    by: str
    began_at: datetime
    calls: int
    asked: int = 0
    ended_at: datetime | None = None
    said: str = ""
    proposal: str | None = None


class PromptSearches:
    """Runs searches, one at a time per use case over all processes."""

    def __init__(self, database: Database, search: PromptSearch, clock: Clock) -> None:
        self._database = database
        self._search = search
        self._clock = clock
        self._last: dict[str, SearchProgress] = {}
        self._holds: dict[str, BudgetHold] = {}
        self._running: set[asyncio.Task[None]] = set()

    def last(self, use_case: str) -> SearchProgress | None:
        """The running or last search of this process; ``None`` if there was none."""
        result, hold = self._last.get(use_case), self._holds.get(use_case)
        return replace(result, asked=hold.calls) if result and hold else result

    async def search(
        self,
        loaded: LoadedUseCase,
        *,
        budget: PromptBudget,
        actor: str,
        watched: Callable[[BudgetHold], None] | None = None,
    ) -> Proposal | NoProposal:
        """Search and wait for the result. Raises ``SearchRunningError``."""
        async with self._alone(loaded.name):
            return await self._search.search(loaded, budget=budget, actor=actor, watched=watched)

    def start(self, loaded: LoadedUseCase, *, budget: PromptBudget, actor: str) -> SearchProgress:
        """Start a search; ``last`` gives its progress. It ends with the process.

        Raises ``SearchRunningError``, ``NoPromptError``.
        """
        name, before = loaded.name, self._last.get(loaded.name)
        if not isinstance(loaded.declared.function, Prompted):
            raise NoPromptError(name)
        if before and before.ended_at is None:
            raise SearchRunningError(name)
        self._holds.pop(name, None)
        self._last[name] = begun = SearchProgress(
            by=actor, began_at=self._clock.now(), calls=budget.calls
        )
        task = asyncio.create_task(self._run(loaded, budget, actor))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return begun

    async def close(self) -> None:
        """Cancel running searches."""
        for search in self._running:
            search.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _run(self, loaded: LoadedUseCase, budget: PromptBudget, actor: str) -> None:
        said, proposal = stored_sentence("It was cut off."), None
        try:
            proposed = await self.search(
                loaded,
                budget=budget,
                actor=actor,
                watched=lambda hold: self._holds.update({loaded.name: hold}),
            )
            if isinstance(proposed, Proposal):
                said, proposal = f"{proposed.title}: {proposed.reason}", proposed.id
            else:
                said = proposed.reason
        except RoadbedError as error:
            said = str(error)
        except Exception as error:
            said = stored_sentence("It failed: %(name)s.", name=type(error).__name__)
            _log.exception("search for a prompt failed", usecase=loaded.name)
        finally:
            self._last[loaded.name] = replace(
                self._last[loaded.name], ended_at=self._clock.now(), said=said, proposal=proposal
            )

    @asynccontextmanager
    async def _alone(self, use_case: str) -> AsyncIterator[None]:
        connection = await psycopg.AsyncConnection.connect(self._database.url, autocommit=True)
        async with connection:
            cursor = await connection.execute(SQL["search_alone"], {"use_case": use_case})
            if await cursor.fetchone() != (True,):
                raise SearchRunningError(use_case)
            yield
