"""Bad input on every input and output path: no code runs, no foreign link, no leak, no forgery."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openpyxl import load_workbook
from starlette.routing import Route
from structlog.testing import capture_logs

from roadbed.api import app as api
from roadbed.app import App
from roadbed.connectors import Chat, EgressPool, Email, Folder, PostgresTable, Rest, Webhook
from roadbed.connectors.folder import read_csv
from roadbed.connectors.rest import Call
from roadbed.console import app as console
from roadbed.kernel.clock import SystemClock
from roadbed.kernel.settings import Settings
from roadbed.testing import Receiver, Reply, make_request
from roadbed.testing.receiver import ReceivedRequest
from roadbed.usecases.destinations import UnknownOutcomeError
from tests.acceptance.test_api import TASKS
from tests.browsing import browsing
from tests.conftest import Folders, Site, serving
from tests.libraries import PAGES
from tests.town import a_release
from tests.unit.test_connectors import Mails, mail, smtp
from tests.unit.test_decisions import decide
from tests.unit.test_deliveries import Ledger, all_of, at_once, pump
from tests.unit.test_trust import declared, stand

EVIL = (
    "<img src=https://evil.example/x><script>owned()</script>"
    "![i](https://evil.example/y)[l](javascript:owned()) https://evil.example/z 'onload=\"x"
)
ECHO = """
@usecase.decider
def decide(inquiry, context):
    return Answer(output=Routing(queue=inquiry.text), confidence=0.9,
                  evidence={"why": inquiry.text})
"""


@pytest.fixture
async def site(folders: Folders, settings: Settings, url: str) -> AsyncIterator[Site]:
    folders.write(ECHO)
    async with serving(settings, url) as served:
        yield served


def posts() -> Iterator[str]:
    """Every address that changes something, with any name filled in."""
    for route in console.create().routes:
        if isinstance(route, Route) and "POST" in (route.methods or ()):
            yield re.sub(r"\{\w+\}", "triage", route.path)
    for path, verbs in api.create().openapi()["paths"].items():
        if "post" in verbs:
            yield "/v1" + re.sub(r"\{\w+\}", "triage", path)


def pages() -> list[str]:
    """Every page, with names to be filled in."""
    results = [
        route.path
        for route in console.create().routes
        if isinstance(route, Route) and "GET" in (route.methods or ())
    ]
    # A sign-in ends the session, and without a provider there is none to ask.
    return [item for item in results if item != "/live" and not item.startswith("/sign-in")]


class TestPages:
    async def test_no_verb_can_be_used_by_a_page_of_another_site(self, site: Site) -> None:
        addresses = list(posts())
        assert len(addresses) > 25
        async with browsing(site) as browser:
            for address in addresses:
                for origin in ("https://evil.example", "null", f"{site.address}.evil.example"):
                    answer = await browser.post(address, headers={"Origin": origin})
                    assert answer.status_code == 403, (address, origin)
                del browser.headers["Origin"]
                answer = await browser.post(address, headers={"Sec-Fetch-Site": "cross-site"})
                assert answer.status_code == 403, address
                browser.headers["Origin"] = site.address

    async def test_no_verb_is_done_for_a_stranger(self, site: Site) -> None:
        own = {"Origin": site.address}
        async with httpx2.AsyncClient(base_url=site.address, headers=own) as stranger:
            for address in posts():
                if not address.startswith("/sign-"):  # those are for strangers
                    answer = await stranger.post(address, json={"reason": "x"})
                    assert answer.status_code == 401, address

    async def test_nothing_in_any_page_runs_or_leads_out(self, site: Site) -> None:
        """Input from outside is on every page; every link and image is our own."""
        app = site.app
        declared(app).deliver("crm", to=Ledger(trouble=[ValueError(EVIL)], key_horizon=None))
        await stand(app, reference_rate=0.0)
        sent = (await site.shop.post(TASKS, json={"key": EVIL, "input": {"text": EVIL}})).json()
        await pump(app)
        [delivery] = await all_of(app)
        result = await site.shop.post(
            "/usecases/triage/incidents", json={"title": EVIL, "since": "2026-01-01T00:00:00Z"}
        )
        await app.halts.halt("triage", reason=EVIL, actor=EVIL)
        facts = {"id": "ntc_1", "text": EVIL}
        await app.database.fetch(
            "INSERT INTO notice (id, use_case, kind, text, at) "
            "VALUES (%(id)s, 'triage', 'budget', %(text)s, now())",
            facts,
        )
        waiting = (await site.shop.post(TASKS, json={"input": {"text": EVIL + "2"}})).json()
        named = {
            "name": "triage",
            "delivery_id": delivery.id,
            "incident_id": result.json()["incident"],
            "review_id": waiting["review"]["id"],
            "release_id": await a_release(app, "triage"),
            "named": "1..1",
            "person": "ana",
            "format": "csv",
            "document_id": "doc_none",
        }
        await app.members.make_admin("ana", admin=True, by="test")  # whose pages are all there are
        looked = 0
        async with browsing(site) as browser:
            for page in pages():
                for task in (sent["task"], waiting["task"]):
                    address = page.format(**named, task_id=task)
                    answer = await browser.get(address)
                    if any(path in page for path in PAGES):  # of a use case that has no library
                        assert answer.status_code in {404, 409}, address
                        harmless(answer)
                        continue
                    assert answer.status_code == 200, address
                    if not answer.headers["content-type"].startswith("text/html"):
                        assert answer.headers["content-disposition"].startswith("attachment")
                        continue
                    looked += "evil.example" in answer.text
                    harmless(answer)
            for address in (f"/receipts?q={EVIL}", f"/receipts?usecase={EVIL}", "/sign-in?code=<b"):
                harmless(await browser.get(address))
            harmless(await browser.get(f"/usecases/{EVIL}"))
        assert looked >= 10

    @pytest.mark.parametrize(
        "path",
        [
            "/static/../app.py",
            "/static/..%2fapp.py",
            "/static/%2e%2e/app.py",
            "/static/....//app.py",
            "/static//etc/passwd",
            "/static/..%5capp.py",
            "/usecases/..%2f..%2fetc/halt",
            "/usecases/..%2ftriage/incidents",
            "/v1/usecases/..%2ftriage/budget",
            "/v1/receipts/..%2f..%2fusecases",
        ],
    )
    async def test_no_path_climbs_out(self, site: Site, path: str) -> None:
        async with browsing(site) as browser:
            answer = await browser.get(httpx2.URL(site.address).copy_with(raw_path=path.encode()))
            assert answer.status_code == 404
            assert "def create" not in answer.text


def harmless(answer: httpx2.Response) -> None:
    """No foreign script, and only our own addresses in links."""
    text = answer.text
    assert "<img" not in text
    assert re.findall(r"<script(?! src=\"/static/)", text) == []
    for attribute in re.findall(r'\s(?:href|src|action|formaction)="([^"]*)"', text):
        assert re.match(r"/(?!/)|[#?]", attribute), (str(answer.url), attribute)
    assert not re.search(r"<[^>]*\son\w+=\"", text)
    policy = answer.headers["content-security-policy"]
    for rule in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"):
        assert rule in policy
    assert answer.headers["x-frame-options"] == "DENY"


class TestWayOut:
    @pytest.fixture
    async def pool(self) -> AsyncIterator[EgressPool]:
        result = EgressPool({}, SystemClock())
        yield result
        await result.aclose()

    async def test_a_mail_is_plain_text_and_loads_nothing(self, pool: EgressPool) -> None:
        mails = Mails()
        for port in smtp(mails):
            await mail(port).send(make_request(EVIL), pool.attempt(5.0))
        [message] = mails.taken
        assert message.get_content_type() == "text/plain"
        assert not message.is_multipart()
        assert EVIL in message.get_content()

    @pytest.mark.parametrize("heading", ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1"])
    async def test_a_heading_never_calculates(
        self, pool: EgressPool, tmp_path: Path, heading: str
    ) -> None:
        for kind in ("csv", "xlsx"):
            connector = Folder(tmp_path, format=kind, columns={heading: "{output.note}"})
            sent = await connector.send(make_request("=2+2"), pool.attempt(5.0))
            file = tmp_path / str(sent.reference).split("#", maxsplit=1)[0]
            if kind == "csv":
                assert read_csv(file) == [{heading: "=2+2"}]
                assert f'"\'{heading}"' in file.read_bytes().decode()
                continue
            sheet = load_workbook(file).active
            assert sheet is not None
            first = next(sheet.iter_rows(min_row=1, max_row=1))
            assert {item.data_type for item in first} == {"s"}

    async def test_huge_headers_of_a_receiver_are_bounded(self, pool: EgressPool) -> None:
        async with Receiver() as receiver:
            receiver.always = Reply(headers={f"x-{n}": "a" * 60_000 for n in range(50)})
            with pytest.raises(UnknownOutcomeError):
                await Webhook(receiver.url, private=True).send(make_request(), pool.attempt(5.0))


class Echoing(Receiver):
    """Refuses, and quotes the request's headers."""

    def _work(self, arrival: ReceivedRequest) -> Reply:
        token = arrival.headers.get("authorization", "")
        return Reply(status=400, body=f"{token} is not allowed at {arrival.path}".encode())


class TestSecrets:
    """Two hundred of them, used, echoed and refused; none comes out anywhere."""

    COUNT = 40

    def planted(self) -> dict[str, str]:
        results = {}
        for n in range(self.COUNT):
            key = base64.b64encode(f"planted-{n:03d}-signing-key-xyz".encode()).decode()
            results[f"SIGN_{n}"] = f"whsec_{key}"
            results[f"TOKEN_{n}"] = f"Bearer planted-{n:03d}-token"
            results[f"CHAT_{n}"] = f"PLACE/planted-{n:03d}-hook"
            results[f"MAIL_{n}"] = f"planted-{n:03d}-mail"
            results[f"DSN_{n}"] = f"postgresql://u:planted-{n:03d}-dsn@127.0.0.1:1/none"
        return results

    async def test_none_is_in_logs_rows_errors_or_exports(
        self,
        folders: Folders,
        settings: Settings,
        url: str,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        folders.write(ECHO)
        secrets = self.planted()
        assert len(secrets) == 200
        async with Echoing() as receiver:
            for name, value in secrets.items():
                secrets[name] = value.replace("PLACE", receiver.url)
                monkeypatch.setenv(name, secrets[name])
            with capture_logs() as logged:
                async with serving(settings, url) as site:
                    await self.send_everywhere(site, receiver.url)
                    shown = await self.everything(site)
        assert len(receiver.arrivals) >= 3 * self.COUNT  # they were used
        said = capfd.readouterr()
        everywhere = "\n".join([shown, repr(logged), said.out, said.err])
        assert "planted" not in everywhere
        for name, value in secrets.items():
            assert value not in everywhere, name

    async def send_everywhere(self, site: Site, address: str) -> None:
        use_case = declared(site.app)
        shaped: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": 1,
            "sender": "a@example.org",
            "to": "b@example.org",
            "subject": "s",
            "text": "t",
            "username": "u",
            "tls": "tls",
            "private": True,
        }
        for n in range(self.COUNT):
            create: Call = {"path": "/x", "body": {"a": "{output.queue}"}}
            token = ("Authorization", f"TOKEN_{n}")
            for name, to in (
                ("hook", Webhook(address, secret=f"SIGN_{n}", private=True)),
                ("rest", Rest(address, create, auth_header=token, private=True)),
                ("chat", Chat(f"CHAT_{n}", "{output.queue}", private=True)),
                ("mail", Email(**shaped, password=f"MAIL_{n}")),
                ("table", PostgresTable(f"DSN_{n}", "t", "k", {})),
            ):
                use_case.deliver(f"{name}-{n}", to=to)
        await stand(site.app, reference_rate=0.0)
        await decide(site.app, "plain")
        for _ in range(6):
            await pump(site.app, 2)
            await at_once(site.app)

    async def everything(self, site: Site) -> str:
        """All rows of all tables, all pages about it, the export and the API's answers."""
        app: App = site.app
        tables = await app.database.fetch(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'roadbed'"
        )
        results = []
        for table in tables:
            rows = await app.database.fetch(f"SELECT * FROM {table['table_name']}")
            results.append(repr(rows))
        states = {item.state for item in await all_of(app)}
        assert states == {"failed", "waiting"}, states
        body = {"title": "x", "since": "2026-01-01T00:00:00Z"}
        results.append((await site.shop.post("/usecases/triage/incidents", json=body)).text)
        results.append((await site.shop.get("/usecases/triage/deliveries?limit=200")).text)
        results.append((await site.shop.get("/usecases/triage")).text)
        async with browsing(site) as browser:
            results.append((await browser.get("/usecases/triage/deliveries")).text)
            some = (await all_of(app))[::7]
            results += [(await browser.get(f"/deliveries/{entry.id}")).text for entry in some]
        return "\n".join(results)


class TestTyped:
    """What somebody wrote into a form is there again when the form cannot be taken."""

    WHY = "A sentence that took a while: <b>all</b> queues are wrong."
    SHOWN = "A sentence that took a while: &lt;b&gt;all&lt;/b&gt; queues are wrong."

    async def test_by_somebody_who_lost_the_role_or_the_session_meanwhile(self, site: Site) -> None:
        async with browsing(site, "shop") as browser:
            await site.app.database.fetch(
                "DELETE FROM membership WHERE person = 'shop' RETURNING 1"
            )
            site.app.people.forget()
            answer = await browser.post("/usecases/triage/halt", data={"reason": self.WHY})
            assert answer.status_code == 404
            assert self.SHOWN in answer.text, "what was typed is lost with the role"
            browser.cookies.clear()
            answer = await browser.post("/usecases/triage/halt", data={"reason": self.WHY})
            assert answer.status_code == 401
            assert self.SHOWN in answer.text, "what was typed is lost with the session"
            assert 'href="/sign-in"' in answer.text, "it does not say where to sign in"

    @pytest.mark.parametrize(
        ("path", "form"),
        [
            ("/usecases/triage/retire", {"name": "triga", "why": WHY}),
            ("/usecases/triage/roll-back", {"why": WHY}),
            ("/usecases/triage/resume", {"note": WHY}),
        ],
    )
    async def test_in_a_form_of_a_use_case(
        self, path: str, form: dict[str, str], site: Site
    ) -> None:
        async with browsing(site, "ana") as browser:
            if "resume" in path:
                await site.app.halts.halt("triage", reason="test", actor="ana")
                await site.app.halts.resume("triage", actor="ana", note="")
            answer = await browser.post(path, data=form)
            assert 400 <= answer.status_code < 500
            for text in form.values():
                assert text.replace("<", "&lt;").replace(">", "&gt;") in answer.text

    async def test_in_a_release(self, site: Site) -> None:
        planned = await site.app.releases.plan("triage", actor="ben")
        async with browsing(site, "ben") as browser:
            answer = await browser.post("/usecases/triage/releases", data={"reason": self.WHY})
            assert answer.status_code == 409
            assert self.SHOWN in answer.text
            await site.app.releases.withdraw(planned.id, actor="ben", why="in another tab")
            form = {"what": "withdraw", "why": self.WHY}
            answer = await browser.post(f"/releases/{planned.id}", data=form)
            assert answer.status_code == 409
            assert self.SHOWN in answer.text, "the reason to withdraw is lost"

    async def test_about_a_person_and_a_token(self, site: Site) -> None:
        async with browsing(site, "root", admin=True) as browser:
            form = {"name": "ana", "display": "Ana of Sales", "email": "ana@example.org"}
            answer = await browser.post("/people", data=form)
            assert answer.status_code == 422
            assert all(f'value="{text}"' in answer.text for text in form.values())
            token = {"label": "the till", "usecase": "triage", "days": "many", "scope": "submit"}
            answer = await browser.post("/account/tokens", data=token)
            assert answer.status_code == 422
            assert all(f'value="{token[name]}"' in answer.text for name in ("label", "usecase"))
            assert 'value="submit" checked' in answer.text
