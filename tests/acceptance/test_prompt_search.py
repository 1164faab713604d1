"""A search for a better prompt in the background, started on the page or over HTTP."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from roadbed.improvement.errors import SearchRunningError
from roadbed.improvement.prompt_optimization.optimizer import PromptBudget
from roadbed.kernel.settings import Settings
from roadbed.testing import ModelCall, ModelReply, ModelServer
from tests.acceptance.test_api import problem
from tests.browsing import browsing
from tests.conftest import Folders, Site, serving
from tests.unit.test_prompt_search import write
from tests.unit.test_prompting import obedient

SEARCH = "/usecases/triage/prompt-search"


@asynccontextmanager
async def searching(
    settings: Settings, url: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Site, httpx2.AsyncClient]]:
    """A server whose use case asks ``server``, and a client of its engineer."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    async with serving(settings, url) as site:
        token = await site.app.people.issue_token("ben")
        async with httpx2.AsyncClient(
            base_url=f"{site.address}/v1", headers={"Authorization": f"Bearer {token}"}
        ) as ben:
            yield site, ben


def patient(folders: Folders) -> None:
    """A use case with a long deadline, as imports take long on a busy machine."""
    path = write(folders) / "usecase.py"
    path.write_text(path.read_text().replace("deadline_seconds=5.0", "deadline_seconds=60.0"))


async def ended(ben: httpx2.AsyncClient) -> Any:
    for _ in range(600):
        result = (await ben.get(SEARCH)).json()["search"]
        if result["ended_at"]:
            return result
        await asyncio.sleep(0.1)
    raise AssertionError


def slowly(call: ModelCall) -> ModelReply:
    return dataclasses.replace(obedient(call), seconds=0.05)


async def test_it_runs_by_itself_and_what_it_finds_waits(
    folders: Folders, settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient(folders)
    async with (
        ModelServer(slowly) as server,
        searching(settings, url, server, monkeypatch) as (site, ben),
    ):
        assert (await ben.get(SEARCH)).json() == {"search": None}
        begun = await ben.post(SEARCH, json={"calls": 300, "money": "1.5"})
        assert (begun.status_code, begun.json()["search"]["calls"]) == (202, 300)
        await problem(await ben.post(SEARCH, json={}), 409, "search_running")
        async with browsing(site) as page:
            shown = (await page.get("/usecases/triage/proposals")).text
            assert "began a search" in shown
            assert "Search for a better prompt" not in shown
            said = await page.post("/usecases/triage/prompt-search")
            assert (said.status_code, "searched for already" in said.text) == (409, True)
        while not server.calls:  # noqa: ASYNC110 - the server has no event
            await asyncio.sleep(0.01)
        with pytest.raises(SearchRunningError):  # as the terminal would
            await site.app.prompt_search.search(
                site.app.deployments.get("triage").loaded, budget=PromptBudget(), actor="chi"
            )
        result = await ended(ben)
        assert result["by"] == "ben"
        assert 0 < result["asked"] <= 300
        waiting = (await ben.get("/usecases/triage/proposals")).json()["proposals"]
        assert result["proposal"] in {item["id"] for item in waiting}
        async with browsing(site) as page:
            shown = (await page.get("/usecases/triage/proposals")).text
            assert "A better text of prompts/route.md" in shown
            again = await page.post("/usecases/triage/prompt-search")
            assert (again.status_code, "began a search" in again.text) == (200, True)


async def test_what_is_cut_off_asks_nothing_more(
    folders: Folders, settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient(folders)
    async with ModelServer(slowly) as server:
        async with searching(settings, url, server, monkeypatch) as (site, ben):
            await ben.post(SEARCH, json={})
            while len(server.calls) < 20:  # noqa: ASYNC110 - the server has no event
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        asked = len(server.calls)
        await asyncio.sleep(0.3)
        assert len(server.calls) == asked
        last = site.app.prompt_search.last("triage")
        assert last is not None
        assert last.said == "It was cut off."


async def test_whatever_goes_wrong_is_said(
    folders: Folders, settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient(folders)
    async with (
        ModelServer(obedient) as server,
        searching(settings, url, server, monkeypatch) as (site, ben),
    ):
        for wrong in ({"calls": 0}, {"calls": True}, {"money": "much"}, {"money": "-1"}, {"x": 1}):
            await problem(await ben.post(SEARCH, json=wrong), 422, "request_invalid")

        async def fails(*_: object, **__: object) -> None:
            raise ValueError("a secret")

        monkeypatch.setattr(site.app.prompt_search._search, "search", fails)
        await ben.post(SEARCH, json={})
        assert (await ended(ben))["said"] == "It failed: ValueError."

        async def taken(*_: object, **__: object) -> None:
            raise SearchRunningError("triage")

        monkeypatch.setattr(site.app.prompt_search._search, "search", taken)
        await ben.post(SEARCH, json={})
        assert "being searched for already" in (await ended(ben))["said"]


async def test_without_a_prompt_there_is_nothing_to_search(site: Site) -> None:
    await problem(await site.shop.post(SEARCH, json={}), 409, "no_prompt")
    async with browsing(site) as page:
        assert "A better prompt" not in (await page.get("/usecases/triage/proposals")).text
