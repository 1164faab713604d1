"""Verb: ``read`` the notebook of a use case."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from roadbed.improvement.confusions import ReviewedAnswer
from roadbed.insight import events
from roadbed.insight.notebook import Material, Notebook, notebook
from roadbed.kernel.clock import Clock
from roadbed.storage.database import Database, Row
from roadbed.storage.sql import queries
from roadbed.usecases.errors import UnknownUseCaseError

_SQL = queries(__package__)
_VERSIONS = queries("roadbed.versions")
_MOST = 3_000  # verdicts, newest first: what is older was learned long ago


class Notebooks:
    """Reads what was learnt; changes nothing. No model is asked and no folder loaded."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def read(self, use_case: str) -> Notebook:
        """The notebook of a use case. Raises ``UnknownUseCaseError``.

        A verdict that waits for a second look is left out, so that whoever reads this may still be
        the one who looks.
        """
        named = {"use_case": use_case, "most": _MOST}
        row = await self._database.fetch_one(_VERSIONS["noted_use_case"], named)
        if row is None:
            raise UnknownUseCaseError(use_case)
        parts = {
            name: await self._database.fetch(_SQL[f"noted_{name}"], named)
            for name in ("verdicts", "proposals", "releases", "versions", "halts", "audit")
        }
        stages = await self._database.fetch(_SQL["events"], named)
        given = Material(
            use_case=row,
            verdicts=[_verdict(verdict) for verdict in parts["verdicts"]],
            proposals=parts["proposals"],
            releases=parts["releases"],
            versions=parts["versions"],
            events=_events(parts, stages),
            recent=await self._database.fetch_one(_SQL["noted_recent"], named) or {},
            now=self._clock.now(),
        )
        return await asyncio.to_thread(notebook, given)


def _events(parts: dict[str, Sequence[Row]], stages: Sequence[Row]) -> list[events.TimelineEvent]:
    return [
        *events.of_stages(stages),
        *events.of_versions(parts["versions"]),
        *events.of_releases(parts["releases"]),
        *events.of_proposals(parts["proposals"]),
        *events.of_halts(parts["halts"]),
        *events.of_audit(parts["audit"]),
    ]


def _verdict(row: Row) -> ReviewedAnswer:
    facts: dict[str, Any] = dict(row)
    return ReviewedAnswer(**facts)
