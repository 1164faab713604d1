"""Versions, replays, timeline and notebook over HTTP and from the terminal."""

from __future__ import annotations

import pytest

from roadbed.kernel.settings import Settings
from tests import pilot
from tests.acceptance.test_api import problem
from tests.acceptance.test_cli import Terminal
from tests.conftest import Folders, serving

USECASE = "/usecases/triage"


async def test_over_http_from_two_versions_to_a_notebook(
    folders: Folders, settings: Settings, url: str
) -> None:
    pilot.start(folders)
    async with serving(settings, url) as site:
        [decision, *_] = await pilot.past(site.app, folders)
        get = site.shop.get
        listed = (await get(f"{USECASE}/versions?limit=1")).json()
        assert [version["number"] for version in listed["versions"]] == [2]
        assert listed["versions"][0]["live"] is True
        older = (await get(f"{USECASE}/versions?before={listed['next']}")).json()
        assert [item["number"] for item in older["versions"]] == [1]
        one = (await get(f"{USECASE}/versions/2")).json()
        assert set(one["files"]) == {"usecase.py", "rules.yaml", "prompts/answer.md"}
        apart = (await get(f"{USECASE}/versions/1..{one['version']['id']}")).json()
        assert apart["summary"].startswith("Version 2 differs from version 1 in 1 rule")
        assert [prompt["file"] for prompt in apart["prompts"]] == ["answer.md"]
        timeline = (await get(f"{USECASE}/timeline")).json()
        assert timeline["waits"] == ["Waits for the risk partner, 3 days."]
        assert [stage["name"] for stage in timeline["timeline"]["stages"]][-1] == "canary"
        assert timeline["road"] == timeline["timeline"]  # the old name, for one release
        notebook = (await get(f"{USECASE}/notebook")).json()
        assert notebook["corrections"] == 8
        document = await get(f"{USECASE}/notebook?format=markdown")
        assert document.headers["content-type"].startswith("text/markdown")
        assert "<script>" not in document.text
        said = await site.shop.post(f"/receipts/{decision.task_id}/replay", json={"version": 2})
        assert said.status_code == 200
        assert (said.json()["same"], said.json()["right"]) == (False, True)


async def test_what_a_client_can_get_wrong(folders: Folders, settings: Settings, url: str) -> None:
    pilot.start(folders)
    async with serving(settings, url) as site:
        await site.app.database.fetch("UPDATE use_case SET reference_rate = 1.0")
        await site.app.deployments.refresh("triage")
        sent = await site.shop.post(f"{USECASE}/tasks", json={"input": {"text": "back"}})
        replay = f"/receipts/{sent.json()['task']}/replay"
        get, post = site.reviewer.get, site.reviewer.post
        await problem(await get("/usecases/none/versions"), 404, "usecase_unknown")
        await problem(await get("/usecases/none/notebook"), 404, "usecase_unknown")
        await problem(await get("/usecases/none/timeline"), 404, "usecase_unknown")
        await problem(await get(f"{USECASE}/versions/9"), 404, "version_unknown")
        await problem(await get(f"{USECASE}/versions/1..9"), 404, "version_unknown")
        await problem(await get(f"{USECASE}/versions/1.."), 404, "version_unknown")
        await problem(await get(f"{USECASE}/notebook?format=pdf"), 422, "request_invalid")
        await problem(await post(replay, json={"version": "1"}), 409, "replay_blind")
        for body in ({}, {"version": None}, {"version": True}, {"version": "x" * 99}, {"a": 1}):
            await problem(await post(replay, json=body), 422, "request_invalid")
        for odd in ("%00", "%ED%A0%80", "1%00", "1..%00", "%F0%9F%98%80"):
            result = await get(f"{USECASE}/versions/{odd}")
            assert (
                result.status_code == 422 if "%00" in odd else result.status_code in {200, 404}
            ), odd
        for odd in ("\0", "\u202e", " 1 "):
            assert (await post(replay, json={"version": odd})).status_code in {404, 409, 422}
        none = await post("/receipts/tsk_none/replay", json={"version": "1"})
        await problem(none, 404, "task_unknown")
        unsigned = await site.shop.post(
            replay, json={"version": "1"}, headers={"Authorization": ""}
        )
        assert unsigned.status_code == 401


@pytest.fixture
def terminal(folders: Folders, url: str) -> Terminal:
    pilot.start(folders)
    return Terminal(folders.parent.parent, url)


def test_from_the_terminal(folders: Folders, terminal: Terminal) -> None:
    task = terminal.json("submit", "triage", '{"text": "I want my money"}')["task"]
    pilot.start(folders, pilot.SECOND, pilot.MORE_RULES)
    terminal.json("submit", "triage", '{"text": "another"}')
    listed = terminal.run("version", "list", "triage")
    assert "live since" in listed.splitlines()[0]
    assert "never live" not in listed
    shown = terminal.run("version", "show", "triage", "2")
    assert "usecase.py" in shown
    apart = terminal.run("version", "diff", "1", "2", "--usecase", "triage")
    for said in ("Error limit lowered from 2 % to 1 %.", "[-kind-]{+brief+}", "+ REFUNDS ="):
        assert said in apart
    assert terminal.json("version", "diff", "2", "2", "--usecase", "triage")["changes"] == []
    replayed = terminal.json("receipt", str(task), "--on", "2")
    assert replayed["output"] == {"queue": "refunds"}
    told = terminal.run("receipt", str(task), "--on", "2")
    assert told.startswith("Version 2 says something else. Nothing was stored.")
    assert "Proof of concept" in terminal.run("timeline", "triage")
    assert terminal.json("timeline", "triage")["says"]
    assert "The pod: ana" in terminal.run("notebook", "triage")
    assert terminal.run("notebook", "triage", "--markdown").startswith("# Notebook of triage")
    assert terminal.json("notebook", "triage")["use_case"] == "triage"
    for arguments in (("version", "list"), ("timeline",), ("notebook",)):
        terminal.run(*arguments, "none", code=1)
        assert "none" in terminal.errors
    terminal.run("version", "show", "triage", "9", code=1)
    assert "There is no version '9'." in terminal.errors
