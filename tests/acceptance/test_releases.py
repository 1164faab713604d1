"""Release steps over HTTP and in a terminal, each one with a real release."""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from roadbed.bootstrap import open_app
from roadbed.kernel.settings import Settings
from tests.acceptance.test_api import problem
from tests.acceptance.test_cli import Terminal
from tests.browsing import browsing
from tests.conftest import Folders, Site, serving
from tests.release_steps import HARMFUL, gated, signed, traffic, write

SHORT = "shadow_tasks=3, canary_tasks=4, canary_share=0.5"
RELEASES = "/usecases/triage/releases"
OTHER = "pass  # the same answers in other bytes"


class Desk(Terminal):
    """A terminal at which the people of the pod sit down in turn."""

    def say(self, person: str, *arguments: str, code: int = 0) -> str:
        self.as_person(person)
        verb, *more = arguments
        return self.run("release", verb, "triage", *more, code=code)


@pytest.fixture
def desk(tmp_path: Path, url: str, folders: Folders) -> Desk:
    write(folders, count=700)
    return Desk(tmp_path, url)


async def live(settings: Settings, url: str) -> None:
    """A first release, taken live by its people."""
    async with open_app(settings, url) as app:
        release = await signed(app, await gated(app))
        await app.releases.promote(release.id, actor="ben")


def test_from_the_plan_to_live_in_the_terminal(desk: Desk) -> None:
    for name in ("ana", "ben", "dev"):
        desk.run("user", "add", name)
    assert "`roadbed release plan triage` plans one" in desk.say("ben", "list")
    desk.run("release", "list", "nobody", code=1)
    assert "no use case" in desk.errors
    desk.say("ben", "gate", code=1)
    assert "No release of 'triage' is under way" in desk.errors
    told = desk.say("ben", "plan", "--reason", "the first one")
    assert "● planned" in told
    assert "Next: `roadbed release gate triage`" in told
    told = desk.say("ben", "gate")
    for said in ("✓ planned", "● gate", "– shadow   left out", "○ live", "✓ Items to judge by: "):
        assert said in told
    assert "○ risk partner: nobody yet" in told
    shown: Any = desk.json("release", "show", "triage")
    content = shown["release"]["content"]
    assert f"roadbed release sign triage --content {content[:12]}" in told
    desk.say("ana", "sign", "--content", content[:7], code=2)
    assert "at least 8 characters" in desk.errors
    desk.say("ana", "sign", "--content", "0" * 12, code=1)
    assert "is not what release 1 is now" in desk.errors
    told = desk.say("ana", "refuse", "--content", content[:8], "--note", "not before Monday")
    assert "ana (domain lead) refused it" in told
    assert "“not before Monday”" in told
    desk.say("ben", "promote", code=1)
    assert "ana refuses release 1: not before Monday" in desk.errors
    desk.say("ana", "take-back")
    desk.say("ana", "sign", "--content", content[:8])
    desk.say("dev", "sign", "--content", content)
    assert "is live: it decides every task" in desk.say("ben", "promote")


async def test_what_fails_or_falls_is_told_by_the_exit_code(
    desk: Desk, folders: Folders, settings: Settings, url: str
) -> None:
    await live(settings, url)
    write(folders, HARMFUL, count=700)
    desk.say("ben", "plan", "--reason", "a third of them")
    told = desk.say("ben", "gate", code=3)
    assert "failed its gate: wrong answers" in told
    assert "× gate     " in told
    desk.say("ben", "show", "--release", "7", code=1)
    assert "no release '7'" in desk.errors
    write(folders, OTHER, count=1300)  # who failed once has to show more
    desk.say("ben", "plan")
    assert "withdrawn by ben: a slip" in desk.say("ben", "withdraw", "--why", "a slip")
    await live(settings, url)
    told = desk.say("chi", "roll-back", "--why", "complaints from the south")
    assert "rolled back by chi: complaints from the south" in told
    desk.say("ben", "watch", "--release", "4", code=3)
    listed = [line.split()[:2] for line in desk.say("ben", "list").splitlines()]
    assert listed == [["4", "rolled"], ["3", "withdrawn"], ["2", "failed"], ["1", "live"]]


@asynccontextmanager
async def climbing(
    folders: Folders, settings: Settings, url: str
) -> AsyncIterator[tuple[Site, dict[str, httpx2.AsyncClient]]]:
    """A server with the usual use case, and a client for each of the pod."""
    write(folders, rollout=SHORT, count=700)
    async with climbing_again(settings, url) as served:
        yield served


@asynccontextmanager
async def climbing_again(
    settings: Settings, url: str
) -> AsyncIterator[tuple[Site, dict[str, httpx2.AsyncClient]]]:
    """The same on the folder as it is."""
    async with serving(settings, url) as site:
        pod = {
            name: httpx2.AsyncClient(
                base_url=f"{site.address}/v1",
                headers={"Authorization": f"Bearer {await site.app.people.issue_token(name)}"},
                timeout=60.0,
            )
            for name in ("ana", "ben", "dev", "chi")
        }
        try:
            yield site, pod
        finally:
            for client in pod.values():
                await client.aclose()


async def took(answer: httpx2.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()["release"]


async def test_every_rung_over_http(folders: Folders, settings: Settings, url: str) -> None:
    async with climbing(folders, settings, url) as (site, pod):
        ana, ben, dev, chi = pod.values()
        before = (await ben.get(RELEASES)).json()
        assert (before["current"], before["releases"], len(before["versions"])) == (None, [], 1)
        release = await took(await ben.post(RELEASES, json={"reason": "the first"}), 201)
        path = f"/releases/{release['id']}"
        await problem(await ben.post(RELEASES), 409, "release_under_way")
        await problem(await ben.post(f"{path}/promote"), 409, "release_step")
        assert (await took(await ben.post(f"{path}/gate")))["step"] == "gated"
        assert (await took(await ben.post(f"{path}/shadow")))["waits_for"] == "traffic"
        await problem(await ben.post(f"{path}/canary"), 409, "trial_too_short")
        await traffic(site.app, range(3))
        await problem(await ben.post(f"{path}/canary"), 409, "sign_offs_missing")
        content = (await took(await ana.get(path)))["content"]
        word = {"verdict": "approve", "content": content}
        signs = f"{path}/sign-offs"
        await problem(await ben.post(signs, json=word), 403, "sign_off_not_yours")
        await problem(await chi.post(signs, json=word), 403, "sign_off_not_yours")
        other = {"verdict": "approve", "content": "f" * 64}
        await problem(await ana.post(signs, json=other), 409, "sign_off_invalid")
        await took(await ana.post(signs, json=word | {"note": "read"}), 201)
        await took(await dev.post(signs, json={"verdict": "refuse", "content": content}), 201)
        await problem(await ben.post(f"{path}/canary"), 409, "sign_offs_missing")
        assert (await took(await dev.delete(f"{signs}/mine")))["missing"] == ["risk_partner"]
        await problem(await dev.delete(f"{signs}/mine"), 409, "sign_off_invalid")
        await took(await dev.post(signs, json=word), 201)
        assert (await took(await ben.post(f"{path}/canary")))["step"] == "canary"
        await traffic(site.app, range(3, 7))
        assert (await took(await ben.post(f"{path}/promote")))["step"] == "live"
        listed = (await ben.get(RELEASES)).json()
        assert [item["step"] for item in listed["releases"]] == ["live"]
        back = await chi.post("/usecases/triage/roll-back", json={"why": "complaints"})
        assert (await took(back))["ended_why"] == "complaints"
        back = await chi.post("/usecases/triage/roll-back", json={"why": "once more"})
        await problem(back, 409, "roll_back_impossible")


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("sign-offs", {}),
        ("sign-offs", {"verdict": "maybe", "content": "f" * 64}),
        ("sign-offs", {"verdict": ["approve"], "content": "f" * 64}),
        ("sign-offs", {"verdict": "approve"}),
        ("sign-offs", {"verdict": "approve", "content": "f" * 65}),
        ("sign-offs", {"verdict": "approve", "content": "f" * 64, "more": 1}),
        ("withdraw", {}),
        ("withdraw", {"why": "  "}),
        ("withdraw", {"why": "x" * 1001}),
        ("gate", {"now": True}),
        ("burn", {}),
    ],
)
async def test_what_does_not_fit_is_told(site: Site, verb: str, body: dict[str, Any]) -> None:
    release = await site.app.releases.plan("triage", actor="ben")
    answer = await site.shop.post(f"/releases/{release.id}/{verb}", json=body)
    assert await problem(answer, 422, "request_invalid")


async def test_unknown_and_foreign_ones_answer_alike(site: Site) -> None:
    release = await site.app.releases.plan("triage", actor="ben")
    await site.app.database.fetch(
        "INSERT INTO use_case (name, declaration, coin_seed, registered_at) "
        "SELECT 'elsewhere', declaration, coin_seed, registered_at FROM use_case"
    )
    await site.app.database.fetch("UPDATE release SET use_case = 'elsewhere'")
    for item in ("rel_none", release.id):
        assert await problem(await site.shop.get(f"/releases/{item}"), 404, "release_unknown")
        for verb in ("gate", "shadow", "canary", "promote"):
            answer = await site.shop.post(f"/releases/{item}/{verb}")
            await problem(answer, 404, "release_unknown")
        mine = await site.shop.delete(f"/releases/{item}/sign-offs/mine")
        await problem(mine, 404, "release_unknown")
        gone = await site.shop.post(f"/releases/{item}/withdraw", json={"why": "why"})
        await problem(gone, 404, "release_unknown")
    nobody = "/usecases/nobody"
    await problem(await site.shop.get(f"{nobody}/releases"), 404, "usecase_unknown")
    await problem(await site.shop.post(f"{nobody}/releases"), 404, "usecase_unknown")
    back = await site.shop.post(f"{nobody}/roll-back", json={"why": "why"})
    await problem(back, 404, "usecase_unknown")
    unknown = await site.shop.post(RELEASES, json={"version": "99"})
    await problem(unknown, 404, "version_unknown")


async def test_a_broken_folder_keeps_nobody_back_from_going_back(
    desk: Desk, settings: Settings, folders: Folders, url: str
) -> None:
    await live(settings, url)
    path = folders.parent / "triage" / "usecase.py"
    whole = path.read_text()
    path.write_text("def (:")
    async with climbing_again(settings, url) as (site, pod):
        assert (await pod["ana"].get(RELEASES)).status_code == 200
        await problem(await pod["ben"].post(RELEASES, json={}), 503, "usecase_invalid")
        async with browsing(site) as page:
            said = await page.post("/usecases/triage/roll-back", data={"why": "It is worse."})
        assert (said.status_code, "rolled back by" in said.text) == (200, True)
        assert site.app.deployments.get("triage").live.threshold is None
    # From here on nobody has its folder.
    shutil.rmtree(path.parent)
    async with climbing_again(settings, url) as (site, pod):
        back = await pod["ana"].post("/usecases/triage/roll-back", json={"why": "It is worse."})
        assert back.json()["code"] == "roll_back_impossible"
        nobody = await pod["ana"].post("/usecases/nobody/roll-back", json={"why": "It is worse."})
        assert nobody.status_code == 404
    write(folders, count=700)
    path.write_text(whole)
    await live(settings, url)
    path.write_text("def (:")
    began = time.monotonic()
    told = desk.say("ana", "roll-back", "--why", "It is worse.")
    print(f"rolled back from the terminal in {time.monotonic() - began:.2f} s")
    assert "rolled back by ana: It is worse." in told


async def test_renewed_and_retired_over_http_and_on_the_page(
    settings: Settings, folders: Folders, url: str
) -> None:
    write(folders, count=700)
    await live(settings, url)
    async with climbing_again(settings, url) as (site, pod):
        renewed = await took(await pod["ben"].post("/usecases/triage/recertify"))
        assert renewed["step"] == "live"
        async with browsing(site) as page:
            shown = (await page.get("/usecases/triage/releases")).text
            assert "Recertify" in shown
            assert "Retire triage" in shown
            said = await page.post("/usecases/triage/recertify")
            assert (said.status_code, "is live: it decides" in said.text) == (200, True)
            for form, told in (
                ({"name": "triage"}, "Give a reason"),
                ({"name": "other", "why": "It ends."}, "Type triage to retire it"),
            ):
                said = await page.post("/usecases/triage/retire", data=form)
                assert (said.status_code, told in said.text) == (422, True), said.text
        async with browsing(site, "ben") as page:
            assert "Retire triage" not in (await page.get("/usecases/triage/releases")).text
        await problem(await pod["ana"].post("/usecases/triage/retire"), 422, "request_invalid")
        why = {"why": "It ends."}
        await problem(
            await pod["ben"].post("/usecases/triage/retire", json=why), 403, "not_allowed"
        )
        ended = await pod["ana"].post("/usecases/triage/retire", json=why)
        assert ended.json() == {"use_case": "triage", "stage": "retired"}
        task = {"input": {"text": "number 7001"}}
        await problem(
            await site.shop.post("/usecases/triage/tasks", json=task), 409, "usecase_retired"
        )
        assert (await pod["ana"].get("/receipts?usecase=triage")).status_code == 200
        async with browsing(site) as page:
            shown = (await page.get("/usecases/triage/releases")).text
            assert "This use case is retired" in shown
            assert "Retire triage" not in shown
            said = await page.post(
                "/usecases/triage/retire", data={"name": "triage", "why": "Once more."}
            )
            assert "retired already" in said.text


def test_renewed_and_retired_in_the_terminal(desk: Desk) -> None:
    desk.say("ben", "recertify", code=1)
    assert "has no release" in desk.errors
    desk.say("ana", "retire", "--why", " ", code=2)
    assert "triage is retired: it takes no new tasks." in desk.say(
        "ana", "retire", "--why", "It ends."
    )
    desk.say("ana", "retire", "--why", "Once more.", code=1)
    assert "retired already" in desk.errors
