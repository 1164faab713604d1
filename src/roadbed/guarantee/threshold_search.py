"""Threshold search of a version without training data: chosen once, from inputs off the sample."""

from __future__ import annotations

import numpy as np

from roadbed.decisions.evaluation import MeteredCalls
from roadbed.decisions.model import LiveVersion
from roadbed.examples.model import Candidate
from roadbed.examples.service import Examples
from roadbed.guarantee.rows import Queries
from roadbed.risk import search
from roadbed.risk.certificate import smallest_sample
from roadbed.risk.search import Search
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases.loader import LoadedUseCase

_SQL = queries(Queries)


class ThresholdSearches:
    """Chooses the search of a behaviour once, and keeps it.

    A function is tested again with each label. That is valid only for thresholds and starts that do
    not change, so they are chosen at the first test that could prove something.
    """

    def __init__(self, database: Database, examples: Examples) -> None:
        self._database = database
        self._examples = examples

    async def of(
        self,
        loaded: LoadedUseCase,
        candidate: Candidate,
        behaviour: str,
        items: int,
        calls: MeteredCalls | None,
    ) -> Search | None:
        """The search for a test on ``items`` items; ``None`` for the one that needs no data.

        Raises as ``Examples.evaluate``.
        """
        declared = loaded.declared
        needed = smallest_sample(declared.risk_limit, 1.0 - declared.certainty, share=1.0)
        if candidate.out_of_fold is not None or items < needed:
            return None
        facts = {"behaviour": behaviour, "items": needed}
        if kept := await self._database.fetch_one(_SQL["first_look"], facts):
            return Search(
                grid=tuple(kept["grid"]), starts=tuple(kept["starts"]), shares=tuple(kept["shares"])
            )
        inputs = await self._examples.outside_sample(declared.name, most=search.MOST)
        if len(inputs) < search.FEWEST:
            return None
        version = LiveVersion(
            id=None, decider=candidate.decider, threshold=None, certificate=None, loaded=loaded
        )
        evaluations = await self._examples.evaluate(loaded, version, inputs, calls)
        return search.search_among(np.array([made.confidence for made in evaluations]))
