"""Planted secrets of every kind, used and refused, then searched for everywhere."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from pydantic import SecretStr
from starlette.routing import Route
from structlog.testing import capture_logs

from roadbed.api import app as api
from roadbed.connectors import Chat, Email, PostgresTable, Rest, Webhook
from roadbed.connectors.rest import Call
from roadbed.console import app as console
from roadbed.kernel.settings import Settings
from roadbed.people.model import SignInProof
from roadbed.people.service import hashed
from roadbed.testing import Receiver, Reply
from roadbed.testing.receiver import ReceivedRequest
from roadbed.web import SESSION_COOKIE
from tests.acceptance.test_api import TASKS
from tests.attacks import rounds
from tests.browsing import browsing
from tests.conftest import Folders, Site, serving
from tests.unit.test_deliveries import at_once, pump
from tests.unit.test_trust import declared, stand

OF_EACH = rounds(6, 20)  # of eleven kinds
# Values that are shown once to their owner and nowhere afterwards.
PEOPLE = ("ana", "ben", "chi", "dev", "reviewer")


class Echoing(Receiver):
    """Refuses, and quotes the request's headers."""

    def _work(self, arrival: ReceivedRequest) -> Reply:
        return Reply(status=400, body=f"{dict(arrival.headers)} at {arrival.path}".encode())


def word(kind: str, number: int) -> str:
    """A recognisable secret, as long as real ones."""
    return f"planted-{kind}-{hashed(f'{kind} {number}')[:24]}"


def environment(address: str) -> dict[str, str]:
    """Secrets of connectors and providers, by the name of their variable."""
    results = {}
    for n in range(OF_EACH):
        signing = base64.b64encode(word("signing", n).encode()).decode()
        results[f"SIGN_{n}"] = f"whsec_{signing}"
        results[f"TOKEN_{n}"] = f"Bearer {word('token', n)}"
        results[f"CHAT_{n}"] = f"{address}/{word('chat', n)}"
        results[f"MAIL_{n}"] = word("mail", n)
        results[f"DSN_{n}"] = f"postgresql://u:{word('dsn', n)}@127.0.0.1:1/none"
        results[f"PROVIDER_{n}_API_KEY"] = word("provider", n)
    return results


def spellings(secret: str) -> Iterator[str]:
    """A secret as it might be written down: plain, quoted, in base64."""
    bare = secret.removeprefix("Bearer ").removeprefix("whsec_")
    if "://" in bare:
        bare = max(re.findall(r"planted-\w+-\w+", bare), key=len)
    yield bare
    yield quote(bare, safe="")
    yield base64.b64encode(bare.encode()).decode().rstrip("=")
    yield base64.urlsafe_b64encode(bare.encode()).decode().rstrip("=")


async def used_by_connectors(site: Site, address: str) -> None:
    use_case = declared(site.app)
    call: Call = {"path": "/x", "body": {"a": "{output.queue}"}}
    for n in range(OF_EACH):
        for name, to in (
            ("hook", Webhook(address, secret=f"SIGN_{n}", private=True)),
            (
                "rest",
                Rest(address, call, auth_header=("Authorization", f"TOKEN_{n}"), private=True),
            ),
            ("chat", Chat(f"CHAT_{n}", "{output.queue}", private=True)),
            (
                "mail",
                Email(
                    host="127.0.0.1",
                    port=1,
                    sender="a@example.org",
                    to="b@example.org",
                    subject="s",
                    text="t",
                    username="u",
                    password=f"MAIL_{n}",
                    tls="tls",
                    private=True,
                ),
            ),
            ("table", PostgresTable(f"DSN_{n}", "t", "k", {})),
        ):
            use_case.deliver(f"{name}-{n}", to=to)
    await stand(site.app, reference_rate=0.0)
    sent = await site.shop.post(TASKS, json={"input": {"text": "plain"}})
    assert sent.status_code == 200, sent.text
    for _ in range(4):
        await pump(site.app, 2)
        await at_once(site.app)


async def used_by_people(site: Site) -> list[str]:
    """Passwords, tokens, sessions and links: right ones, wrong ones, spent ones."""
    people, made = site.app.people, []
    for n in range(OF_EACH):
        person = PEOPLE[n % len(PEOPLE)]
        token = await people.issue_token(person, name=f"token {n}")
        session = await people.open_session(SignInProof(person=person, how="link"))
        code = await people.issue_link_code(person)
        made += [token, session, code, word("password", n), word("guess", n)]
        async with httpx2.AsyncClient(base_url=site.address) as client:
            client.headers["Origin"] = site.address
            bearer = {"Authorization": f"Bearer {token}"}
            assert (await client.get("/v1/usecases", headers=bearer)).status_code == 200
            for path in ("/v1/receipts/none", "/v1/usecases/none"):
                await client.get(path, headers=bearer)
            await client.get("/v1/usecases", headers={"Authorization": f"Bearer {token}x"})
            await client.get("/", headers={"Cookie": f"{SESSION_COOKIE}={session}"})
            await client.post("/sign-in/link", data={"code": f"{code}x"})
            await client.post("/sign-in/link", data={"code": code})
            await client.post("/sign-in/link", data={"code": code})
            guess = {"name": f"somebody-{n}", "password": word("guess", n)}
            await client.post("/sign-in", data=guess)
    for n in range(0, OF_EACH, 5):
        name = PEOPLE[n % len(PEOPLE)]
        await site.app.signing_in.set_password(name, word("password", n), by=name)
    return made


async def everything(site: Site) -> Mapping[str, str]:
    """Each place where something can be read: rows, pages, answers of the API."""
    app, result = site.app, {}
    tables = await app.database.fetch(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'roadbed'"
    )
    for table in tables:
        rows = await app.database.fetch(f"SELECT * FROM {table['table_name']}")
        result[f"table {table['table_name']}"] = repr(rows)
    [task] = await app.database.fetch("SELECT id FROM task LIMIT 1")
    [delivery] = await app.database.fetch("SELECT id FROM delivery LIMIT 1")
    named = {"name": "triage", "task_id": task["id"], "delivery_id": delivery["id"], "named": "1"}
    await app.members.make_admin("shop", admin=True, by="test")

    def filled(path: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda match: named.get(match.group(1), "ana"), path)

    for path, verbs in api.create().openapi()["paths"].items():
        if "get" in verbs:
            answer = await site.shop.get(f"{site.address}/v1{filled(path)}")
            result[f"/v1{path}"] = answer.text
    async with browsing(site, "shop") as browser:
        for route in console.create().routes:
            if isinstance(route, Route) and "GET" in (route.methods or ()):
                if route.path == "/live" or route.path.startswith("/sign-"):
                    continue
                result[route.path] = (await browser.get(filled(route.path))).text
    return result


def files(folder: Path) -> Mapping[str, str]:
    """Every file that was written, such as tiles of the audit log; not the pod's own folders."""
    return {
        str(path): path.read_bytes().decode("latin-1")
        for path in folder.rglob("*")
        if path.is_file() and "usecases" not in path.parts
    }


async def test_none_of_them_is_anywhere(
    folders: Folders,
    settings: Settings,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folders.write()
    own = [word("database", 0), word("client", 0)]
    settings = settings.model_copy(update={"oidc_client_secret": SecretStr(own[1])})
    async with Echoing() as receiver:
        planted = environment(receiver.url)
        for name, value in planted.items():
            monkeypatch.setenv(name, value)
        with capture_logs() as logged:
            joined = "&" if "?" in url else "?"
            async with serving(settings, f"{url}{joined}password={own[0]}") as site:
                await used_by_connectors(site, receiver.url)
                made = await used_by_people(site)
                results = dict(await everything(site))
        assert len(receiver.arrivals) >= 3 * OF_EACH  # they were used
    said = capfd.readouterr()
    results |= files(tmp_path)
    results |= {"the log": repr(logged), "standard output": said.out, "standard error": said.err}
    secrets = [*planted.values(), *made, *own]
    assert len(secrets) >= rounds(60, 200)
    assert len(results) > 60
    for secret in secrets:
        for spelling in spellings(secret):
            places = [place for place, text in results.items() if spelling in text]
            assert places == [], spelling
