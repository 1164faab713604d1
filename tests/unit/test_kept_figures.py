"""Figures that are kept: an act makes them old at once in every process, traffic after seconds."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from roadbed.insight.kept_figures import KeptFigures
from tests.conftest import Site
from tests.unit.test_trust import stand


class Clock:
    """A clock that only the test moves."""

    seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.seconds


class Figure:
    """A figure that counts how often it was computed."""

    def __init__(self, kept: KeptFigures) -> None:
        self._kept = kept
        self._times = 0

    async def read(self, about: object = None) -> int:
        return await self._kept.read("figure", "triage", self._compute, about=about)

    async def _compute(self) -> int:
        await asyncio.sleep(0)
        self._times += 1
        return self._times


async def test_an_act_makes_a_figure_old_at_once_in_every_process(site: Site) -> None:
    clock = Clock()
    figures = [Figure(KeptFigures(site.app.database, clock, busy_from=0)) for _ in range(2)]
    assert [await figure.read() for figure in figures * 2] == [1, 1, 1, 1]
    await site.app.halts.drill("triage", actor="ana")
    assert [await figure.read() for figure in figures * 2] == [2, 2, 2, 2]


async def test_an_erasure_makes_a_figure_old_at_once(site: Site) -> None:
    await stand(site.app, reference_rate=0.0)
    figure = Figure(KeptFigures(site.app.database, Clock(), busy_from=0))
    sent = await site.shop.post("/usecases/triage/tasks", json={"input": {"text": "Ottilie"}})
    before = await site.app.monitoring.pulse()
    assert [await figure.read(), await figure.read()] == [1, 1]
    await site.app.erasure.erase(sent.json()["task"], by="chi", reason="asked for")
    assert await figure.read() == 2
    assert (await site.app.monitoring.moved(before))[1] == ["triage"]  # so are open pages


async def test_traffic_makes_a_figure_old_after_seconds(site: Site) -> None:
    clock = Clock()
    figure = Figure(KeptFigures(site.app.database, clock, busy_from=0))
    assert await figure.read() == 1
    sent = await site.shop.post("/usecases/triage/tasks", json={"input": {"text": "a"}})
    assert sent.status_code == 200
    assert await figure.read() == 1
    clock.seconds = 5.0
    assert await figure.read() == 2
    clock.seconds = 64.0
    assert await figure.read() == 2
    clock.seconds = 65.0
    assert await figure.read() == 3


async def test_those_who_come_together_compute_once(site: Site) -> None:
    figure = Figure(KeptFigures(site.app.database, Clock(), busy_from=0))
    assert await asyncio.gather(*(figure.read() for _ in range(20))) == [1] * 20
    assert await figure.read(about="another version") == 2


async def test_what_costs_little_is_not_kept(site: Site) -> None:
    figure = Figure(site.app.kept_figures)
    assert [await figure.read(), await figure.read()] == [1, 2]
