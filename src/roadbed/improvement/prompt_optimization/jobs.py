"""Verbs: ``search`` for a better prompt, ``start`` such a search beside everything else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg
import structlog

from roadbed.improvement.errors import NoPromptError, SearchRunningError
from roadbed.improvement.model import Proposal
from roadbed.improvement.prompt_optimization.optimizer import NoProposal, PromptBudget
from roadbed.improvement.prompt_optimization.scoring import BudgetHold
from roadbed.improvement.prompt_optimization.service import PromptSearch
from roadbed.kernel.clock import Clock
from roadbed.kernel.errors import RoadbedError
from roadbed.models.prompts.prompted import Prompted
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases.loader import LoadedUseCase

_log = structlog.get_logger("roadbed")


SQL = queries("roadbed.improvement")


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchProgress:
    """A search of this process: ``said`` and ``proposal`` are what came of it, once it ended."""

    by: str
    began_at: datetime
    calls: int
    asked: int = 0
    ended_at: datetime | None = None
    said: str = ""
    proposal: str | None = None


class PromptSearches:
    """One search at a time for a use case, whichever process runs it."""

    def __init__(self, database: Database, search: PromptSearch, clock: Clock) -> None:
        self._database = database
        self._search = search
        self._clock = clock
        self._last: dict[str, SearchProgress] = {}
        self._purses: dict[str, BudgetHold] = {}
        self._running: set[asyncio.Task[None]] = set()

    def last(self, use_case: str) -> SearchProgress | None:
        """The search of this process that runs, or the last one; ``None`` if there was none."""
        result, purse = self._last.get(use_case), self._purses.get(use_case)
        return replace(result, asked=purse.calls) if result and purse else result

    async def search(
        self,
        loaded: LoadedUseCase,
        *,
        budget: PromptBudget,
        actor: str,
        watched: Callable[[BudgetHold], None] | None = None,
    ) -> Proposal | NoProposal:
        """A better text as a proposal, or why there is none. Raises ``SearchRunningError``."""
        async with self._alone(loaded.name):
            return await self._search.search(loaded, budget=budget, actor=actor, watched=watched)

    def start(self, loaded: LoadedUseCase, *, budget: PromptBudget, actor: str) -> SearchProgress:
        """Begin to search; ``last`` tells how it goes. It ends with the process.

        Raises ``SearchRunningError``, ``NoPromptError``.
        """
        name, before = loaded.name, self._last.get(loaded.name)
        if not isinstance(loaded.declared.function, Prompted):
            raise NoPromptError(name)
        if before and before.ended_at is None:
            raise SearchRunningError(name)
        self._purses.pop(name, None)
        self._last[name] = begun = SearchProgress(
            by=actor, began_at=self._clock.now(), calls=budget.calls
        )
        task = asyncio.create_task(self._run(loaded, budget, actor))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return begun

    async def close(self) -> None:
        """Give up what runs."""
        for item in self._running:
            item.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _run(self, loaded: LoadedUseCase, budget: PromptBudget, actor: str) -> None:
        said, proposal = "It was cut off.", None
        try:
            result = await self.search(
                loaded,
                budget=budget,
                actor=actor,
                watched=lambda purse: self._purses.update({loaded.name: purse}),
            )
            if isinstance(result, Proposal):
                said, proposal = f"{result.title}: {result.reason}", result.id
            else:
                said = result.reason
        except RoadbedError as error:
            said = str(error)
        except Exception as error:
            said = f"It failed: {type(error).__name__}."
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
