"""Chat programs: signed questions over real HTTP, answers at once or later, and attacks."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

from roadbed import background
from roadbed.assistants.chat_accounts import ChatAccounts, unlink_everybody
from roadbed.assistants.chat_requests import ChatLink
from roadbed.assistants.errors import ChatAccountInvalidError
from roadbed.assistants.slack import SlackDialect
from roadbed.assistants.teams import TeamsDialect
from roadbed.kernel.settings import Settings
from roadbed.knowledge.findings import ORDER_DOUBTFUL
from tests.acceptance.test_api import problem
from tests.acceptance.test_mcp import HOSTILE, QUESTION, automate, declare, doubt_the_order
from tests.conftest import Folders, Site, serving
from tests.libraries import decided_citations

SLACK = "slack-signing-secret"
TEAMS = base64.b64encode(b"teams-token-of-32-bytes-of-chance").decode()
ACCOUNT = "T1/U1"
APPS = (
    "chat_apps=[__import__('roadbed').SlackApp('SLACK_SECRET', private=True), "
    "__import__('roadbed').TeamsWebhook('TEAMS_SECRET')], "
)


@pytest.fixture
async def site(
    settings: Settings,
    folders: Folders,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Site]:
    folders.write()
    declare(folders.parent, tmp_path / "documents", APPS)
    monkeypatch.setenv("SLACK_SECRET", SLACK)
    monkeypatch.setenv("TEAMS_SECRET", TEAMS)
    async with serving(settings, url) as served:
        loaded = served.app.deployments.get("ask").loaded
        await served.app.libraries.ingestion.run(loaded, by="ana")
        await accounts(served).link("slack", ACCOUNT, "shop", by="ana")
        await accounts(served).link("teams", ACCOUNT, "shop", by="ana")
        yield served


def accounts(site: Site) -> ChatAccounts:
    return ChatAccounts(site.app.database, site.app.clock)


def slack(
    text: str = QUESTION,
    *,
    secret: str = SLACK,
    ago: float = 0.0,
    reply_to: str = "",
    more: str = "",
    **fields: str,
) -> tuple[bytes, dict[str, str]]:
    """A signed slash command."""
    given = {"team_id": "T1", "user_id": "U1", "text": text, "response_url": reply_to}
    given |= {"trigger_id": f"{time.monotonic_ns()}"} | fields
    body = urlencode(given).encode() + more.encode()
    moment = str(int(time.time() - ago))
    digest = hmac.new(secret.encode(), f"v0:{moment}:".encode() + body, hashlib.sha256)
    return body, {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": moment,
        "X-Slack-Signature": f"v0={digest.hexdigest()}",
    }


def teams(
    text: str = QUESTION,
    *,
    secret: str = TEAMS,
    ago: float = 0.0,
    fields: Mapping[str, Any] | None = None,
) -> tuple[bytes, dict[str, str]]:
    """A signed message to an outgoing webhook."""
    activity = {
        "type": "message",
        "id": f"{time.monotonic_ns()}",
        "timestamp": (datetime.now(UTC) - timedelta(seconds=ago)).isoformat(),
        "text": f"<at>Roadbed</at>&nbsp;{text}",
        "from": {"id": "29:1", "aadObjectId": "U1"},
        "channelData": {"tenant": {"id": "T1"}},
    } | dict(fields or {})
    body = json.dumps(activity).encode()
    digest = hmac.new(base64.b64decode(secret), body, hashlib.sha256).digest()
    return body, {"Authorization": f"HMAC {base64.b64encode(digest).decode()}"}


async def send(
    site: Site, kind: str, request: tuple[bytes, Mapping[str, Any]], name: str = "ask"
) -> httpx2.Response:
    body, headers = request
    async with httpx2.AsyncClient() as http:
        path = f"{site.address}/v1/usecases/{name}/chat/{kind}"
        return await http.post(path, content=body, headers=dict(headers))


async def said(site: Site, kind: str, request: tuple[bytes, Mapping[str, str]]) -> dict[str, Any]:
    response = await send(site, kind, request)
    assert response.status_code == 200, response.text
    message: dict[str, Any] = response.json()
    return message


@asynccontextmanager
async def listening(status: int = 200) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """A chat program that takes later answers: its address, and what arrived."""
    arrived: list[dict[str, Any]] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        arrived.append(json.loads(await reader.readexactly(length)))
        writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: 2\r\n\r\nok".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/commands/1", arrived


@asynccontextmanager
async def replying(site: Site, processes: int = 2) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(background._reply_in_chats(site.app)) for _ in range(processes)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def waiting(site: Site) -> int:
    rows = await site.app.database.fetch("SELECT count(*)::integer AS n FROM chat_reply")
    return int(rows[0]["n"])


async def until(condition: Any) -> None:
    while not await condition():  # noqa: ASYNC110 - another process may change it
        await asyncio.sleep(0.05)


async def judged(site: Site, text: str = "At most 120 EUR.") -> None:
    claimed = (await site.reviewer.post("/usecases/ask/reviews/claim")).json()["reviews"][0]
    cited = await decided_citations(site.app, claimed["task_id"])
    right = {"route": "answer", "text": text, "citations": cited}
    body = {"verdict": "correct", "output": right}
    given = await site.reviewer.post(f"/reviews/{claimed['id']}/verdict", json=body)
    assert given.status_code == 200, given.text


async def tasks(site: Site) -> int:
    return len(await site.app.database.fetch("SELECT 1 FROM task"))


class TestAnswers:
    async def test_a_released_answer_comes_at_once(self, site: Site) -> None:
        await automate(site)
        message = await said(site, "slack", slack())
        assert message["response_type"] == "ephemeral"
        section, actions = message["blocks"]
        assert section["text"]["type"] == "plain_text"
        assert "120 EUR" in section["text"]["text"]
        receipt, document = actions["elements"]
        assert "/receipts/tsk_" in receipt["url"]
        assert "/usecases/ask/documents/doc_" in document["url"]
        task = receipt["url"].rpartition("/")[2]
        sent = await site.app.receipts.get(task, viewer="shop")
        assert sent["source"] == {"surface": "slack", "by": "shop"}
        assert await waiting(site) == 0

    async def test_a_held_answer_follows_once_when_a_person_gave_it(self, site: Site) -> None:
        async with listening() as (address, arrived), replying(site):
            message = await said(site, "slack", slack(reply_to=address))
            assert "A person checks the answer" in message["text"]
            assert "comes here" in message["text"]
            assert "120" not in json.dumps(message)
            assert await waiting(site) == 1
            assert arrived == []
            await judged(site)
            await until(lambda: _true(arrived))
            await asyncio.sleep(1.5)  # two senders look again
        assert len(arrived) == 1
        assert "At most 120 EUR." in arrived[0]["blocks"][0]["text"]["text"]
        assert await waiting(site) == 0

    async def test_a_busy_chat_gets_it_later_and_a_broken_one_never_twice(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("roadbed.assistants.chat_replies._AGAIN_SECONDS", 0.1)
        for status, times in ((503, 2), (500, 1)):
            async with listening(status) as (address, arrived), replying(site, 1):
                await said(site, "slack", slack(reply_to=address))
                await judged(site)
                await until(lambda messages=arrived, least=times: _true(len(messages) >= least))
                if status == 500:
                    await until(lambda: _none_waiting(site))
                    assert len(arrived) == 1
            await site.app.database.fetch("DELETE FROM chat_reply")

    async def test_a_halt_holds_later_answers_back(self, site: Site) -> None:
        async with listening() as (address, arrived):
            await said(site, "slack", slack(reply_to=address))
            await site.app.database.fetch("UPDATE use_case SET halted = true WHERE name = 'ask'")
            await judged(site)
            assert len(await accounts(site).ready()) == 1
            task, use_case = (await accounts(site).ready())[0]
            assert await accounts(site).take(task, use_case) is None
            await site.app.database.fetch("UPDATE use_case SET halted = false WHERE name = 'ask'")
            async with replying(site, 1):
                await until(lambda: _true(arrived))

    async def test_later_answers_reach_no_metadata_service_and_no_stranger(
        self, site: Site
    ) -> None:
        await said(site, "slack", slack(reply_to="http://169.254.169.254/latest"))
        await judged(site)
        async with replying(site, 1):
            await until(lambda: _none_waiting(site))
        declared = site.app.deployments.get("ask").loaded.declared
        object.__setattr__(declared.chat_apps[0], "private", False)
        for address in (
            "https://hooks.slack.com.evil.example/1",
            "http://hooks.slack.com/1",
            "https://hooks.slack.com:8443/1",
            "https://a@hooks.slack.com/1",
            "https://[::1/",
            "https://hooks.slack.com/" + "x" * 600,
        ):
            message = await said(site, "slack", slack(address, reply_to=address))
            assert "comes here" not in message["text"]
        assert await waiting(site) == 0
        await said(site, "slack", slack(reply_to="https://hooks.slack.com/commands/1"))
        assert await waiting(site) == 1

    async def test_a_page_whose_order_is_not_clear_is_named(self, site: Site) -> None:
        await automate(site)
        assert str(ORDER_DOUBTFUL) not in (await said(site, "teams", teams()))["text"]
        await doubt_the_order(site)
        assert str(ORDER_DOUBTFUL) in (await said(site, "teams", teams()))["text"]

    async def test_a_channel_reads_no_answer_of_an_access_group(self, site: Site) -> None:
        await automate(site)
        message = await said(site, "teams", teams())
        assert message["type"] == "message"
        assert "120 EUR" in message["text"]
        assert HOSTILE.partition("@")[0] in message["text"]
        assert "eve@" not in message["text"]  # entities: no mention, no link, no picture
        library = site.app.deployments.get("ask").loaded.declared.library
        assert library is not None
        await site.app.libraries.access.add("ask", library, "board", "shop", by="ana")
        message = await said(site, "teams", teams("What is the salary of an engineer?"))
        assert "90,000" not in message["text"]
        assert "/receipts/tsk_" in message["text"]
        message = await said(site, "slack", slack("What is the salary of a senior engineer?"))
        assert "90,000" in message["blocks"][0]["text"]["text"]

    def test_text_is_no_markup(self) -> None:
        text = "<!channel> ![x](http://e/p) <b>*bold*</b> [a](b) `c` #d ~e~ _f_\n&lt;"
        links = [ChatLink(label="<a>", url='https://console/"x"')]
        message = SlackDialect().written(text, links)
        assert "<" not in str(message["text"])
        assert '"type": "mrkdwn"' not in json.dumps(message)
        message = TeamsDialect().written(text, links)
        written = str(message["text"]).replace("<br/>", "").replace("</a>", "")
        shown, _, link = written.partition("<a ")
        assert link == 'href="https://console/&quot;x&quot;">&#60;a&#62;'
        assert not set("<>[]!*`#~_&") & set(re.sub("&#[0-9]+;", "", shown))


class TestPeople:
    @pytest.mark.parametrize("kind", ["slack", "teams"])
    async def test_an_account_asks_as_its_person_only(self, site: Site, kind: str) -> None:
        request = slack if kind == "slack" else teams
        sent = await tasks(site)
        await accounts(site).unlink(kind, ACCOUNT, by="ana")
        assert "linked to nobody here" in (await said(site, kind, request()))["text"]
        await accounts(site).link(kind, ACCOUNT, "dev", by="ana")  # no role in ask
        assert "no use case" in (await said(site, kind, request()))["text"]
        await site.app.members.grant("dev", "ask", "viewer", by="ana")
        assert "may" in (await said(site, kind, request()))["text"]
        await accounts(site).link(kind, ACCOUNT, "shop", by="ana")
        assert "question behind" in (await said(site, kind, request("")))["text"]
        assert await tasks(site) == sent

    async def test_links_are_checked_and_audited(self, site: Site) -> None:
        for kind, account, person in (
            ("irc", ACCOUNT, "shop"),
            ("slack", "U1", "shop"),
            ("slack", "T1/" + "x" * 300, "shop"),
            ("slack", "T1/\x1b", "shop"),
            ("slack", ACCOUNT, "nobody"),
        ):
            with pytest.raises(ChatAccountInvalidError):
                await accounts(site).link(kind, account, person, by="ana")
        with pytest.raises(ChatAccountInvalidError):
            await accounts(site).unlink("slack", "T1/U2", by="ana")
        listed = [(one.kind, one.person) for one in await accounts(site).accounts()]
        assert listed == [("slack", "shop"), ("teams", "shop")]
        async with site.app.database.transaction() as connection:
            await unlink_everybody(connection, by="ana")  # as the declaration of a restore does
        assert await accounts(site).accounts() == []
        rows = await site.app.database.fetch(
            "SELECT subject, actor FROM audit_entry WHERE kind = 'chat account linked'"
        )
        assert [(row["subject"], row["actor"]) for row in rows] == [("shop", "ana")] * 2


class TestAttacks:
    @pytest.mark.parametrize("kind", ["slack", "teams"])
    async def test_what_is_not_signed_right_is_refused_in_one_way(
        self, site: Site, kind: str
    ) -> None:
        request: Any = slack if kind == "slack" else teams
        body, headers = request()
        other = "another" if kind == "slack" else base64.b64encode(b"another").decode()
        signature = "X-Slack-Signature" if kind == "slack" else "Authorization"
        bodies = set()
        requests: list[tuple[bytes, Mapping[str, Any]]] = [
            (body + b" ", headers),
            (body, headers | {signature: headers[signature][:-3] + "abc"}),
            (body, headers | {signature: ""}),
            (body, headers | {signature: b"HMAC v0=\xfc"}),
            (body, {}),
            request(secret=other),
            request(ago=301),
            request(ago=-302),
        ]
        for forged in requests:
            refused = await problem(await send(site, kind, forged), 401, "chat_request_refused")
            bodies.add(json.dumps(refused))
        elsewhere = await send(site, kind, request(), "triage")
        bodies.add(json.dumps(await problem(elsewhere, 401, "chat_request_refused")))
        nowhere = await send(site, kind, request(), "none")
        bodies.add(json.dumps(await problem(nowhere, 401, "chat_request_refused")))
        unknown = await send(site, "irc", request())
        bodies.add(json.dumps(await problem(unknown, 401, "chat_request_refused")))
        assert len(bodies) == 1
        assert await tasks(site) == 0

    @pytest.mark.parametrize("kind", ["slack", "teams"])
    async def test_a_request_is_answered_once(self, site: Site, kind: str) -> None:
        request = slack() if kind == "slack" else teams()
        answers = await asyncio.gather(*(send(site, kind, request) for _ in range(5)))
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
        refused = await send(site, kind, request)
        await problem(refused, 409, "chat_request_repeated")
        assert await tasks(site) == 1

    @pytest.mark.parametrize("kind", ["slack", "teams"])
    async def test_large_and_odd_requests_are_refused(
        self, site: Site, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        request: Any = slack if kind == "slack" else teams
        await problem(await send(site, kind, request("x" * 70_000)), 413, "body_too_large")
        odd = (
            [
                slack(more="&user_id=U2"),
                slack(team_id=""),
                slack(user_id="<!channel>"),
                slack(more="&" + "&".join(f"a{number}=1" for number in range(99))),
            ]
            if kind == "slack"
            else [
                teams(fields={"timestamp": "2026-01-01T00:00:00"}),
                teams(fields={"timestamp": "never"}),
                teams(fields={"channelData": {}}),
                teams(fields={"from": {"aadObjectId": "<b>"}}),
                teams(fields={"from": []}),
            ]
        )
        for given in odd:
            await problem(await send(site, kind, given), 401, "chat_request_refused")
        long = await said(site, kind, request("x" * 5_000))
        assert "4000" in long["text"].replace(",", "")
        monkeypatch.setenv("SLACK_SECRET", "")
        monkeypatch.setenv("TEAMS_SECRET", "no base64!")
        await problem(await send(site, kind, request()), 401, "chat_request_refused")
        assert await tasks(site) == 0


async def _true(value: object) -> bool:
    return bool(value)


async def _none_waiting(site: Site) -> bool:
    return await waiting(site) == 0
