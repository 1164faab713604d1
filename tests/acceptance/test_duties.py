"""Separation of duties on every route: sender, corrector, and people whom others let in."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import httpx2
import pytest

from roadbed.people.permissions import BINDING, Permission
from roadbed.people.service import hashed
from roadbed.storage.embedded import EmbeddedServer
from tests.acceptance.test_people import ASKED, Asked, ids_of
from tests.town import Town, browser, building, enter, program

JUDGE = {
    "POST /v1/reviews/{review_id}/claim": {},
    "POST /v1/reviews/{review_id}/verdict": {"verdict": "reject"},
    "POST /usecases/{name}/reviews/{review_id}": {"verdict": "reject"},
}
PICK = ("POST /v1/usecases/{name}/reviews/claim", "POST /usecases/{name}/reviews/next")
# These do not judge a task: they skip it, or undo one's own verdict.
LEAVE = ("skip", "undo")
# These are about the library. They change no answer and no verdict, and are no evidence.
REPORT = {
    f"POST {prefix}/usecases/{{name}}/{path}/report"
    for prefix in ("", "/v1")
    for path in ("documents/{document_id}", "gaps/{task_id}")
}
# A rollback needs no approval, and a withdrawn sign-off has no effect.
BOUND = [
    one
    for one in ASKED
    if set(one.needs.permissions) & BINDING
    and one.method == "POST"
    and not one.path.endswith("/roll-back")
]


@pytest.fixture(scope="module")
async def town(
    server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Town]:
    async with building(server, tmp_path_factory.mktemp("duties")) as built:
        yield built


async def clients(town: Town, person: str) -> AsyncIterator[tuple[str, httpx2.AsyncClient]]:
    """One person by session, then by token."""
    for prefix, making in (("", browser), ("/v1", program)):
        async with await making(town.site, person) as client:
            yield prefix, client


async def ask(client: httpx2.AsyncClient, path: str, body: dict[str, Any]) -> httpx2.Response:
    if path.startswith("/v1"):
        return await client.post(path, json=body)
    return await client.post(path, data=body)


def test_every_route_that_judges_is_asked_here() -> None:
    of_review = {
        str(one)
        for one in ASKED
        if set(one.needs.permissions) == {Permission.REVIEW} and one.unsafe
    }
    known = {*JUDGE, *PICK}
    assert {one for one in of_review if not one.endswith(LEAVE)} - REPORT == known
    assert of_review >= REPORT
    assert {str(one) for one in BOUND} >= {
        "POST /v1/deliveries/{delivery_id}/resolve",
        "POST /deliveries/{delivery_id}",
        "POST /v1/usecases/{name}/resume",
        "POST /usecases/{name}/resume",
        "POST /v1/releases/{release_id}/sign-offs",
        "POST /releases/{release_id}",
    }


class TestSender:
    @pytest.mark.parametrize("route", JUDGE)
    async def test_judges_nothing_they_sent(self, town: Town, route: str) -> None:
        path = route.removeprefix("POST ").format(name="triage", review_id=town.own.review_id)
        async for prefix, client in clients(town, "sender"):
            if path.startswith("/v1") != bool(prefix):
                continue
            answer = await ask(client, path, JUDGE[route])
            assert answer.status_code == 403
            assert "sent this task" in answer.text
            assert "a token of their own" in answer.text

    async def test_is_given_what_others_sent(self, town: Town) -> None:
        async for prefix, client in clients(town, "sender"):
            path = (
                "/v1/usecases/triage/reviews/claim" if prefix else "/usecases/triage/reviews/next"
            )
            answer = await client.post(path)
            assert answer.status_code == 200
            assert town.own.review_id not in answer.text
            assert prefix or "1 waits for somebody else" in answer.text

    async def test_is_not_let_round_it_by_a_link_that_they_made(self, town: Town) -> None:
        """A person who sent a task signs in as another person."""
        app = town.app
        async with httpx2.AsyncClient(
            base_url=town.site.address, headers={"Origin": town.site.address}
        ) as client:
            await enter(client, await app.people.issue_link_code("reviewer", by="sender"))
            path = f"/usecases/triage/reviews/{town.own.review_id}"
            answer = await client.post(path, data={"verdict": "reject"})
            assert (answer.status_code, "sent this task" in answer.text) == (403, True)
        token = await app.people.issue_token("reviewer", by="sender")
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(base_url=town.site.address, headers=headers) as client:
            answer = await client.post(f"/v1/reviews/{town.own.review_id}/claim")
            assert answer.json()["code"] == "own_task"
            taken = await client.post("/v1/usecases/triage/reviews/claim")
            assert taken.json() == {"reviews": []}


class TestSubmitOnly:
    async def test_a_key_and_input_of_somebody_else_tell_nothing(self, town: Town) -> None:
        app, body = town.app, {"key": "theirs", "input": {"text": "unsure whose"}}
        async with await program(town.site, "sender") as client:
            sent = (await client.post("/v1/usecases/triage/tasks", json=body)).json()
        said = {"verdict": "reject", "note": "a secret of the reviewer's"}
        path = f"/v1/reviews/{sent['review']['id']}/verdict"
        async with await program(town.site, "reviewer") as client:
            assert (await client.post(path, json=said)).status_code == 200
        for person in ("narrow", "sender"):
            token = await app.people.issue_token(
                "ana" if person == "narrow" else person, scopes=["submit"]
            )
            async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as client:
                answer = await client.post(
                    f"{town.site.address}/v1/usecases/triage/tasks", json=body
                )
            result = answer.json()
            assert (answer.status_code, result["task"]) == (200, sent["task"])
            told = result["review"]["verdict"]  # whoever sent it reads what is right, nothing else
            assert (told is None) is (person == "narrow")
            assert told is None or {name for name, value in told.items() if value} == {"verdict"}
            assert "secret" not in answer.text
            assert '"reviewer":"' not in answer.text
            assert (result["decision"]["hidden"], result["decision"]["output"]) == (True, None)
            assert (result["decision"]["route"] is None) is (person == "narrow")


class TestLive:
    async def of(self, town: Town, person: str, page: str = "/usecases") -> AsyncGenerator[str]:
        client = town.browsers[person]
        async with client.stream("GET", "/live", params={"page": page, "at": "0"}) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    yield line.removeprefix("event: ")

    async def test_comes_for_ones_own_use_cases_only(self, town: Town) -> None:
        at = str(await town.app.monitoring.pulse())
        facts = {"page": "/usecases/triage", "at": at}
        async with town.browsers["viewer"].stream("GET", "/live", params=facts) as answer:
            lines = answer.aiter_lines()
            assert [await anext(lines), await anext(lines)] == [f"id: {at}", "event: ready"]
            # The first look sends the page again: a job of the use case waits.
            told = [line async for line in take(lines, "event: packed")]
            assert [line for line in told if line.startswith("id: ")] == [f"id: {at}"]
            await town.app.halts.drill("foreign", actor="eve")
            await asyncio.sleep(1.5)  # longer than it takes to look once more
            await town.app.halts.drill("triage", actor="ana")
            newest = await town.app.monitoring.pulse()
            told = [line async for line in take(lines, "event: packed")]
        assert [line for line in told if line.startswith("id: ")] == [f"id: {newest}"]

    async def test_shows_nobody_what_a_page_would_not_show_them(self, town: Town) -> None:
        mine = await content(town, "viewer", "/usecases/triage")
        assert "of foreign" not in mine
        assert "Drill now" not in mine
        assert "Drill now" in await content(town, "ana", "/usecases/triage")
        theirs = await content(town, "viewer", "/usecases/foreign")
        absent = await content(town, "viewer", "/usecases/qqqqqqq")
        assert theirs == absent.replace("qqqqqqq", "foreign")
        for page in ("/receipts", "/account", "/people", "//elsewhere", "nowhere", "/live"):
            stream = self.of(town, "viewer", page)
            assert await anext(stream) == "ready"
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(stream), 1.5)
            await stream.aclose()

    async def test_my_work_is_rendered_for_each(self, town: Town) -> None:
        pages = await asyncio.gather(
            *(content(town, who, "/") for who in ("ana", "viewer", "boss"))
        )
        assert len(set(pages)) == 3
        assert all("/usecases/foreign" not in page for page in pages[:2])
        assert "/usecases/foreign" in pages[2]

    async def test_nobody_has_any_number_of_streams(
        self, town: Town, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("roadbed.console.live._MOST_STREAMS", 2)
        first, second = self.of(town, "viewer"), self.of(town, "viewer")
        assert [await anext(first), await anext(second)] == ["ready"] * 2
        answer = await town.browsers["viewer"].get("/live")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        other = self.of(town, "ana")
        assert await anext(other) == "ready"
        for stream in (first, second, other):
            await stream.aclose()
        for _ in range(100):  # the server sees it a moment later
            async with town.browsers["viewer"].stream("GET", "/live") as answer:
                if answer.status_code == 200:
                    break
            await asyncio.sleep(0.05)
        assert answer.status_code == 200

    async def test_ends_with_the_token(self, town: Town) -> None:
        token = await town.app.people.issue_token("viewer")
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(base_url=town.site.address, headers=headers) as client,
            client.stream("GET", "/live", params={"page": "/receipts"}) as answer,
        ):
            lines = answer.aiter_lines()
            assert [await anext(lines) for _ in range(3)][1:] == ["event: ready", "data: {}"]
            await town.app.people.revoke(hashed(token)[:16], person=None, by="boss")
            assert [line async for line in lines if line] == []


async def take(lines: AsyncIterator[str], last: str) -> AsyncIterator[str]:
    """The lines up to ``last``."""
    async for line in lines:
        yield line
        if line == last:
            return


async def content(town: Town, person: str, page: str) -> str:
    """What a stream that has missed everything sends of a page."""
    facts = {"page": page, "at": "none"}
    async with town.browsers[person].stream("GET", "/live", params=facts) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: ") and line != "data: {}":
                text = line.removeprefix("data: ")
                if not text.startswith("{"):
                    text = gzip.decompress(base64.b64decode(text)).decode()
                return "".join(json.loads(text)["all"])
    raise AssertionError("the stream ended")


class TestLinked:
    @pytest.mark.parametrize("asked", ids_of(BOUND))
    async def test_binds_nobody_for_a_day(self, town: Town, asked: Asked) -> None:
        bodies = {
            "/resolve": {"what": "approve", "hash": "0" * 64},
            "/sign-offs": {"verdict": "approve", "content": "0" * 64},
            "/resume": {},
        }
        last = "/" + asked.path.rpartition("/")[2]
        body = bodies.get(last, {"what": "approve"})
        path = asked.at(town.own)
        client = (town.programs if path.startswith("/v1") else town.browsers)["linked"]
        answer = await ask(client, path, body)
        assert answer.status_code == 403, answer.text
        assert "boss made the link, password or token that you used to sign in" in answer.text

    async def test_the_pages_say_so(self, town: Town) -> None:
        page = await town.browsers["linked"].get("/usecases/triage")
        assert "boss made the link or password that you used to sign in" in page.text
        page = await town.browsers["ana"].get("/usecases/triage")
        assert "that you used to sign in" not in page.text

    async def test_what_descends_from_the_link_is_no_way_round(self, town: Town) -> None:
        """A token made in such a session, a password set in it and a session by that password."""
        app, address = town.app, town.site.address
        origin = {"Origin": address}
        password = "correct horse battery staple"
        async with httpx2.AsyncClient(base_url=address, headers=origin) as client:
            await enter(client, await app.people.issue_link_code("dev", by="boss"))
            made = await client.post("/account/tokens", data={"label": "mine", "scope": "operate"})
            token = made.text.partition('id="made">')[2].partition("<")[0]
            form = {"new": password, "again": password}
            told = await client.post("/account/password", data=form)
            assert told.status_code == 200
            assert "revoked with it:</strong>" in told.text
            assert "mine" in told.text
            headers = {"Authorization": f"Bearer {token}"}
            assert (await client.get("/v1/usecases", headers=headers)).status_code == 401
            made = await client.post("/account/tokens", data={"label": "mine", "scope": "operate"})
            token = made.text.partition('id="made">')[2].partition("<")[0]
        async with httpx2.AsyncClient(base_url=address, headers=origin) as client:
            answer = await client.post("/sign-in", data={"name": "dev", "password": password})
            assert answer.status_code == 200
            answer = await client.post("/usecases/triage/resume")
            assert (answer.status_code, "boss made the link" in answer.text) == (403, True)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(base_url=address, headers=headers) as client:
            answer = await client.post("/v1/usecases/triage/resume")
            assert answer.json()["code"] == "let_in_by_another"
            # A day later it counts: by then its owner has had the time to see it.
            await app.database.fetch(
                "UPDATE token SET let_in_at = let_in_at - interval '24 hours' WHERE person = 'dev'"
            )
            app.people.forget()
            answer = await client.post("/v1/usecases/triage/resume")
            assert answer.json()["code"] == "not_halted"

    async def test_ones_own_password_counts_at_once(self, town: Town) -> None:
        await town.app.signing_in.set_password("chi", "correct horse battery", by="chi")
        async with httpx2.AsyncClient(
            base_url=town.site.address, headers={"Origin": town.site.address}
        ) as client:
            form = {"name": "chi", "password": "correct horse battery"}
            assert (await client.post("/sign-in", data=form)).status_code == 200
            answer = await client.post("/usecases/triage/resume")
            assert (answer.status_code, "not halted" in answer.text) == (409, True)
        await town.app.signing_in.set_password("chi", "another horse battery", by="boss")
        async with httpx2.AsyncClient(
            base_url=town.site.address, headers={"Origin": town.site.address}
        ) as client:
            form = {"name": "chi", "password": "another horse battery"}
            assert (await client.post("/sign-in", data=form)).status_code == 200
            assert (await client.post("/usecases/triage/resume")).status_code == 403


class TestCorrector:
    async def test_approves_nothing_that_follows_from_their_verdict(self, town: Town) -> None:
        """The sender, and who gave the verdict, are refused where others are not."""
        delivery_id, content_hash = await a_held_delivery(town)
        body = {"what": "approve", "hash": content_hash}
        await town.app.members.grant("sender", "triage", "risk_partner", by="boss")
        for person in ("sender", "ana"):
            async for prefix, client in clients(town, person):
                path = (
                    f"/v1/deliveries/{delivery_id}/resolve"
                    if prefix
                    else f"/deliveries/{delivery_id}"
                )
                answer = await ask(client, path, body)
                assert answer.status_code == 409
                assert "You cannot approve your own request" in answer.text
        async with await program(town.site, "dev") as other:
            answer = await other.post(f"/v1/deliveries/{delivery_id}/resolve", json=body)
            assert answer.status_code == 200, answer.text
        await town.app.members.revoke("sender", "triage", "risk_partner", by="boss")


async def a_held_delivery(town: Town) -> tuple[str, str]:
    """One of a task that ``sender`` sent and ``ana`` corrected, held for an approval."""
    run, task = town.app.database.fetch, town.own.task_id
    await run(
        "INSERT INTO verdict (id, review_id, task_id, use_case, kind, right_output, agrees,"
        " reviewer, given_at) VALUES ('vdt_held', %(review)s, %(task)s, 'triage', 'correct',"
        " '{\"queue\": \"returns\"}', false, 'ana', now())",
        {"review": town.own.review_id, "task": task},
    )
    await run(
        "INSERT INTO delivery (id, use_case, task_id, destination, kind, of_verdict, state, key,"
        " content, content_hash, needs_approval, created_at) VALUES ('dlv_held', 'triage',"
        " %(task)s, 'crm', 'result', 'vdt_held', 'held', 'k', '{}', 'h', true, now())",
        {"task": task},
    )
    return "dlv_held", "h"
