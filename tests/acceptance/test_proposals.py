"""Proposals over HTTP and in a terminal: refused requests and their errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from roadbed.bootstrap import open_app
from roadbed.kernel.settings import Settings
from roadbed.testing.planted import planted
from tests.acceptance.test_api import problem
from tests.acceptance.test_cli import Terminal
from tests.conftest import Folders, Site, serving
from tests.unit.test_proposals import play, write_orders

LIST = "/usecases/triage/proposals"


@pytest.fixture
async def orders(folders: Folders, settings: Settings, url: str) -> AsyncIterator[Site]:
    made = planted(1, accepted=120)
    write_orders(folders, made)
    async with serving(settings, url) as site:
        await play(site.app, made.seen)
        yield site


async def test_over_http(orders: Site) -> None:
    api = orders.reviewer
    assert (await api.get(LIST)).json() == {"proposals": []}
    result = (await api.post(LIST)).json()["proposals"]
    assert {item["kind"] for item in result} == {"rule", "record", "alias"}
    assert (await api.get(LIST)).json()["proposals"] == result
    by_kind = {entry["kind"]: entry["id"] for entry in result}
    rule = f"/proposals/{by_kind['rule']}"
    assert (await api.get(rule)).json()["proposal"]["patch"]["set"] == {"line": "garden"}
    wrong = {"edited": {"set": {"line": "nowhere"}}}
    told = await problem(await api.post(f"{rule}/accept", json=wrong), 422, "proposal_invalid")
    assert "line" in told["detail"]
    edited = {"edited": {"when": 'input.region == "north"'}, "note": "simpler"}
    done = (await api.post(f"{rule}/accept", json=edited)).json()["proposal"]
    assert (done["state"], done["edited"], done["decided_by"]) == ("accepted", True, "reviewer")
    told = await problem(await api.post(f"{rule}/reject", json={}), 409, "proposal_decided")
    assert "accepted by reviewer" in told["detail"]
    alias = f"/proposals/{by_kind['alias']}"
    assert (await api.post(f"{alias}/reject", json={"note": "no"})).json()["proposal"][
        "note"
    ] == "no"
    assert (await api.post(f"{alias}/take-back")).json()["proposal"]["state"] == "open"
    listed = (await api.get(LIST, params={"state": ["accepted", "rejected"]})).json()["proposals"]
    assert [element["id"] for element in listed] == [by_kind["rule"]]
    quality = (await api.get("/usecases/triage/examples/quality")).json()["quality"]
    assert quality["examples"] >= 160


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/proposals/prp_none/accept", {}, 404, "proposal_unknown"),
        ("/proposals/prp_here/accept", {"edited": "x"}, 422, "request_invalid"),
        ("/proposals/prp_here/accept", {"other": 1}, 422, "request_invalid"),
        ("/proposals/prp_here/reject", {"note": 1}, 422, "request_invalid"),
        ("/usecases/none/proposals", {}, 404, "usecase_unknown"),
    ],
)
async def test_what_does_not_fit_is_refused(
    site: Site, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    await site.app.database.fetch(
        "INSERT INTO proposal (id, use_case, kind, title, reason, support, cases, fingerprint,"
        " rank, made_at)"
        " VALUES ('prp_here', 'triage', 'model', 'x', 'x', '{}', '[]', 'x', 1, now())"
    )
    told = await problem(await site.reviewer.post(path, json=body), status, code)
    assert told["detail"]


async def test_an_unknown_state_is_refused(site: Site) -> None:
    refused = await site.reviewer.get(LIST, params={"state": "odd"})
    assert refused.status_code == 422


@pytest.fixture
async def terminal(tmp_path: Path, settings: Settings, url: str, folders: Folders) -> Terminal:
    made = planted(1, accepted=120)
    write_orders(folders, made)
    async with open_app(settings, url) as app:
        await play(app, made.seen)
    return Terminal(tmp_path, url)


def test_in_a_terminal(terminal: Terminal) -> None:
    result: Any = terminal.json("proposals", "list", "triage", "--suggest")["proposals"]
    rule = next(item for item in result if item["kind"] == "rule")["id"]
    told = terminal.run("proposals", "show", rule)
    assert 'Where region is north and code starts with "7": line is garden' in told
    assert "20 of 20 changed answers would be right: 83.2–100.0 %, n = 20" in told
    assert '"set": {' in told
    terminal.run("proposals", "accept", rule, "--edit", "[]", code=1)
    assert "not a JSON object" in terminal.errors
    terminal.run("proposals", "accept", rule, "--edit", '{"when": "input.none"}', code=1)
    assert "nothing was changed" in terminal.errors
    assert "is accepted now" in terminal.run("proposals", "accept", rule, "--note", "seen")
    terminal.run("proposals", "reject", rule, code=1)
    assert "is accepted by" in terminal.errors
    assert "is open now" in terminal.run("proposals", "take-back", rule)


def test_what_a_terminal_says_of_examples_and_of_nothing(terminal: Terminal) -> None:
    assert "--suggest` looks for new ones" in terminal.run("proposals", "list", "triage")
    assert "contradict one another" in terminal.run("proposals", "quality", "triage")
    terminal.run("proposals", "list", "triage", "--state", "odd", code=2)
