"""Permissions: every route of both surfaces, called by people of every role, over HTTP."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass

import httpx2
import pytest
from starlette.responses import Response
from starlette.routing import Route

from roadbed import access
from roadbed.access import Guarded, Requirement, UndeclaredRouteError, declared, guard
from roadbed.api import renamed as api_renamed
from roadbed.api.app import create as create_api
from roadbed.console import renamed as console_renamed
from roadbed.console.app import create as create_console
from roadbed.people.permissions import Permission
from roadbed.storage.embedded import EmbeddedServer
from tests.town import NARROW, ROLES, Ids, Town, building

P = Permission
# The permissions of each role in `triage`, written by hand a second time.
POD = {P.VIEW, P.SUBMIT, P.HALT, P.NOTICE, P.RESUME, P.SIGN, P.INCIDENT, P.CONFIRM_LABELS}
JUDGES = {P.REVIEW, P.REPORT_OUTCOMES}
MAY: dict[str, set[Permission]] = {
    "stranger": set(),
    "viewer": {P.VIEW},
    "asker": {P.SUBMIT, P.ASK},
    "reviewer": {P.VIEW, P.SUBMIT, P.HALT} | JUDGES,
    "ana": POD | JUDGES | {P.APPROVE, P.DELIVER, P.DRILL, P.IMPROVE, P.RELEASE, P.RETIRE, P.ERASE},
    "ben": POD | JUDGES | {P.DELIVER, P.DRILL, P.IMPROVE, P.RELEASE},
    "chi": POD | JUDGES | {P.DELIVER, P.IMPROVE, P.ERASE},
    "dev": POD | {P.APPROVE, P.DRILL, P.ERASE},
    "boss": {P.VIEW, P.HALT, P.RETIRE, P.MANAGE_PEOPLE},
    "narrow": {P.SUBMIT},
    "records": {P.REPORT_OUTCOMES},
}
MAY["linked"] = MAY["ana"] - {P.APPROVE, P.SIGN, P.RESUME}
OPEN = {
    "GET /sign-in",
    "POST /sign-in",
    "POST /sign-in/link",
    "GET /sign-in/already",
    "GET /sign-in/provider",
    "GET /sign-in/back",
    "POST /sign-out",
    "POST /v1/usecases/{name}/chat/{kind}",  # signed instead: test_chat.py
}
# Permissions that a mistake on a handler must never open.
MUST_NEED = {
    "POST /v1/usecases/{name}/tasks": P.SUBMIT,
    "POST /v1/tasks/{task_id}/revisions": P.SUBMIT,
    "POST /v1/usecases/{name}/outcomes": P.REPORT_OUTCOMES,
    "POST /v1/outcomes/{outcome_id}/withdraw": P.REPORT_OUTCOMES,
    "POST /receipts/{task_id}/outcome": P.REPORT_OUTCOMES,
    "POST /v1/reviews/{review_id}/verdict": P.REVIEW,
    "POST /v1/usecases/{name}/reviews/claim": P.REVIEW,
    "POST /usecases/{name}/reviews/{review_id}": P.REVIEW,
    "POST /v1/jobs/{job_id}/pause": P.IMPROVE,
    "POST /v1/jobs/{job_id}/resume": P.IMPROVE,
    "POST /v1/jobs/{job_id}/cancel": P.IMPROVE,
    "POST /jobs/{job_id}": P.IMPROVE,
    "POST /v1/usecases/{name}/documents/{document_id}/family": P.IMPROVE,
    "POST /usecases/{name}/documents/{document_id}/family": P.IMPROVE,
    "POST /v1/usecases/{name}/documents/conflicts/{conflict_id}": P.IMPROVE,
    "POST /usecases/{name}/documents/conflicts/{conflict_id}": P.IMPROVE,
    "PUT /v1/usecases/{name}/documents/files": P.IMPROVE,
    "DELETE /v1/usecases/{name}/documents/files": P.IMPROVE,
    "POST /v1/usecases/{name}/documents/ingest": P.IMPROVE,
    "POST /usecases/{name}/documents/upload": P.IMPROVE,
    "POST /usecases/{name}/documents/{document_id}/delete": P.IMPROVE,
    "POST /usecases/{name}/documents/ingest": P.IMPROVE,
    "POST /v1/usecases/{name}/documents/{document_id}/erase": P.ERASE,
    "POST /usecases/{name}/documents/{document_id}/erase": P.ERASE,
    "GET /usecases/{name}/documents/{document_id}/erase": P.ERASE,
    "POST /v1/usecases/{name}/labels": P.CONFIRM_LABELS,
    "POST /usecases/{name}/labels": P.CONFIRM_LABELS,
    "POST /v1/usecases/{name}/halt": P.HALT,
    "POST /v1/usecases/{name}/resume": P.RESUME,
    "POST /usecases/{name}/resume": P.RESUME,
    "POST /v1/usecases/{name}/retire": P.RETIRE,
    "POST /usecases/{name}/retire": P.RETIRE,
    "POST /v1/usecases/{name}/recertify": P.RELEASE,
    "POST /usecases/{name}/recertify": P.RELEASE,
    "POST /people": P.MANAGE_PEOPLE,
    "POST /people/{person}/grant": P.MANAGE_PEOPLE,
    "POST /people/{person}/confirm": P.MANAGE_PEOPLE,
    "POST /people/{person}/disable": P.MANAGE_PEOPLE,
    "GET /people": P.MANAGE_PEOPLE,
}
FINE = {200, 201, 202, 303, 409, 422}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A route of one surface."""

    method: str
    path: str
    needs: Requirement

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def unsafe(self) -> bool:
        return self.method != "GET"

    def at(self, ids: Ids, **more: str) -> str:
        return self.path.format(
            **{"person": "extra", "token_id": "none", "format": "csv", "kind": "slack"}
            | {**asdict(ids), **more}
        )


def is_old(prefix: str, path: str) -> bool:
    """Whether it is a path of an earlier release."""
    renamed = api_renamed.RENAMED if prefix else console_renamed.RENAMED
    return any(path == old or path.startswith(f"{old}/") for old in renamed)


def routes() -> Iterator[Asked]:
    for prefix, app in (("/v1", create_api()), ("", create_console())):
        for route in app.routes:
            if is_old(prefix, getattr(route, "path", "")):
                continue  # tests/acceptance/test_renamed.py
            if isinstance(route, Route) and (needed := declared(route)) is not None:
                method = min((route.methods or set()) - {"HEAD"})
                yield Asked(method=method, path=prefix + route.path, needs=needed)


ROUTES = list(routes())
ASKED = [item for item in ROUTES if item.needs.by is not None]
OF_A_USE_CASE = [entry for entry in ASKED if re.search(r"{(name|\w+_id)}", entry.path)]
OF_A_USE_CASE = [element for element in OF_A_USE_CASE if "token_id" not in element.path]


def ids_of(requests: list[Asked]) -> list[object]:
    return [pytest.param(one, id=str(one)) for one in requests]


@pytest.fixture(scope="module")
async def town(
    server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Town]:
    async with building(server, tmp_path_factory.mktemp("town")) as built:
        yield built


def client_of(town: Town, asked: Asked, person: str) -> httpx2.AsyncClient:
    """Sessions on the console's pages, tokens on the API; who is narrow has a token alone."""
    by_token = asked.path.startswith("/v1") or person in NARROW
    return (town.programs if by_token else town.browsers)[person]


async def status_of(client: httpx2.AsyncClient, asked: Asked, path: str, person: str) -> int:
    if path == "/live":
        async with client.stream("GET", path) as answer:
            return answer.status_code
    return (await ask(client, asked, path, person)).status_code


async def ask(
    client: httpx2.AsyncClient, asked: Asked, path: str, person: str = "ana"
) -> httpx2.Response:
    if not asked.unsafe:
        return await client.get(path)
    # A word this person may say, of a delivery or release of which nothing can be said any more.
    what = "approve" if P.APPROVE in MAY.get(person, ()) else "replay"
    if path.startswith("/releases/"):
        what = "promote" if P.RELEASE in MAY.get(person, ()) else "refuse"
    if asked.method == "DELETE":
        return await client.delete(path)
    if asked.method == "PUT":
        return await client.put(path, content=b"")
    if not path.startswith("/v1"):
        return await client.post(path, data={"what": what, "destination": "crm"})
    if path == "/v1/mcp":
        return await client.post(path, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    return await client.post(path, json={"what": what} if path.endswith("/resolve") else {})


def expected(asked: Asked, person: str) -> set[int]:
    """By the table above and by how the route finds its use case."""
    by, wanted = asked.needs.by, set(asked.needs.permissions)
    if person in {"nobody", "disabled"}:
        return {401}
    if by is access.own:
        return {403} if person in NARROW else FINE
    if by is access.listing:
        return {403} if person in NARROW else FINE
    if wanted & MAY[person]:
        # Nobody but its sender reads a question here, and a passage needs an id:
        # tests/acceptance/test_asking.py and test_mcp.py.
        absent = "/ask/{task_id}" in asked.path or asked.path.endswith("/documents/passage")
        absent = absent or (person == "asker" and str(asked) == "GET /v1/receipts/{task_id}")
        return {404} if absent else FINE
    if person == "stranger" and by not in {access.somewhere, access.everywhere}:
        return {404}
    return {403}


@pytest.mark.parametrize("asked", ids_of(ASKED))
async def test_everybody_gets_what_the_table_says(town: Town, asked: Asked) -> None:
    for person in ROLES:
        if asked.unsafe:
            await town.restore()
        whose = "extra" if asked.path.startswith("/people") else person
        known = "{token_id}" in asked.path and whose not in {"nobody", "disabled", *NARROW}
        more = {"token_id": await town.token_id(whose)} if known else {}
        path = asked.at(town.own, **more)
        status = await status_of(client_of(town, asked, person), asked, path, person)
        assert status in expected(asked, person), f"{person}: {status}"


@pytest.mark.parametrize("asked", ids_of(OF_A_USE_CASE))
async def test_what_is_foreign_answers_like_what_is_missing(town: Town, asked: Asked) -> None:
    missing = town.foreign.missing()
    for person in ("viewer", "reviewer", "ana", "stranger"):
        client = client_of(town, asked, person)
        foreign = await ask(client, asked, asked.at(town.foreign))
        absent = await ask(client, asked, asked.at(missing))
        assert foreign.status_code == absent.status_code == 404
        assert told(foreign, town.foreign) == told(absent, missing)
        # An id of another use case below the name of one's own is no way around either.
        if "{name}" in asked.path and "_id}" in asked.path:
            mixed = await ask(client, asked, asked.at(town.foreign, name="triage"))
            assert (mixed.status_code, "of foreign" in mixed.text) == (404, False)


def told(answer: httpx2.Response, ids: Ids) -> tuple[str, dict[str, str]]:
    """The parts of a response except the request's values and times."""
    text = answer.text
    for identifier in asdict(ids).values():
        text = text.replace(identifier, "·")
    kept = {name: value for name, value in answer.headers.items() if name != "date"}
    return text, kept


class TestDeclarations:
    def test_every_route_says_what_it_needs_and_is_checked(self) -> None:
        for app in (create_api(), create_console()):
            for route in app.routes:
                if getattr(route, "path", "") in {"/openapi.json", "/static"}:
                    continue
                assert isinstance(route, Route)
                assert isinstance(route.app, Guarded), route.path
        assert len(ASKED) > 60

    def test_only_the_way_in_is_open(self) -> None:
        assert {str(item) for item in ROUTES if item.needs.by is None} == OPEN

    def test_a_silent_route_keeps_the_server_from_starting(self) -> None:
        async def silent(_: object) -> Response:
            return Response()

        with pytest.raises(UndeclaredRouteError, match="@needs"):
            guard([Route("/silent", silent)])

    @pytest.mark.parametrize(("route", "permission"), MUST_NEED.items())
    def test_what_matters_needs_what_it_must(self, route: str, permission: Permission) -> None:
        [result] = [item for item in ROUTES if str(item) == route]
        assert result.needs.permissions == (permission,)


class TestLists:
    async def test_hold_what_one_may_see_and_nothing_else(self, town: Town) -> None:
        seen: dict[str, tuple[set[str], set[str]]] = {}
        for person in ("stranger", "viewer", "ana", "boss"):
            client = town.programs[person]
            names = (await client.get("/v1/usecases")).json()["usecases"]
            rows = (await client.get("/v1/receipts")).json()["receipts"]
            seen[person] = {name["name"] for name in names}, {row["use_case"] for row in rows}
        assert seen["stranger"] == (set(), set())
        assert seen["viewer"] == seen["ana"] == ({"triage"}, {"triage"})
        assert seen["boss"] == ({"triage", "foreign"}, {"triage", "foreign"})
        rows = await town.programs["ana"].get("/v1/receipts?usecase=foreign")
        none = await town.programs["ana"].get("/v1/receipts?usecase=nothing")
        assert rows.json() == none.json() == {"receipts": [], "next": None}

    async def test_pages_name_no_foreign_use_case(self, town: Town) -> None:
        await town.app.halts.halt("foreign", reason="theirs alone", actor="eve")
        for path in ("/", "/receipts", "/halt", "/account", "/receipts?usecase=triage"):
            page = await town.browsers["ana"].get(path)
            assert page.status_code == 200
            assert "theirs alone" not in page.text
            assert ">foreign<" not in page.text, path
        page = await town.browsers["boss"].get("/")
        assert "theirs alone" in page.text or ">foreign<" in page.text
        await town.app.halts.resume("foreign", actor="eve")
        await town.app.halts.resume("foreign", actor="fay")

    async def test_a_cursor_of_another_use_case_is_unknown(self, town: Town) -> None:
        path = "/v1/usecases/triage/reviews?cursor="
        foreign = await town.programs["ana"].get(path + town.foreign.review_id)
        absent = await town.programs["ana"].get(path + town.foreign.missing().review_id)
        assert told(foreign, town.foreign) == told(absent, town.foreign.missing())

    async def test_halting_all_halts_what_one_may(self, town: Town) -> None:
        halts = (await town.programs["reviewer"].post("/v1/halt", json={"reason": "a"})).json()
        assert [halt["use_case"] for halt in halts["halts"]] == ["triage"]
        every = (await town.programs["boss"].post("/v1/halt", json={"reason": "b"})).json()
        assert {item["use_case"] for item in every["halts"]} == {"triage", "foreign"}
        for name, people in (("triage", ("ana", "dev")), ("foreign", ("eve", "fay"))):
            for person in people:
                await town.app.halts.resume(name, actor=person)

    async def test_buttons_stand_where_they_may_be_pressed(self, town: Town) -> None:
        marks = {"Drill now": P.DRILL, 'data-key="!"': P.HALT, "Review <kbd>": P.REVIEW}
        for person in ("viewer", "reviewer", "ana", "chi", "dev", "boss"):
            page = (await town.browsers[person].get("/usecases/triage")).text
            shown = {needed for mark, needed in marks.items() if mark in page}
            assert shown == set(marks.values()) & MAY[person], person
            page = (await town.browsers[person].get("/")).text
            assert ('href="/people"' in page) is (person == "boss")


class TestOrigins:
    @pytest.mark.parametrize("asked", ids_of([item for item in ROUTES if item.unsafe]))
    async def test_a_page_of_another_site_does_nothing(self, town: Town, asked: Asked) -> None:
        browser = town.browsers["ana"]
        path = asked.at(town.own)
        for origin in ("https://elsewhere.example", "null", town.site.address + "0"):
            answer = await browser.post(path, headers={"Origin": origin})
            assert answer.status_code == 403
            assert "another site" in answer.text or answer.json()["code"] == "forbidden_origin"
        del browser.headers["Origin"]
        try:
            assert (await browser.post(path)).status_code == 403
        finally:
            browser.headers["Origin"] = town.site.address
        assert (await browser.get("/account")).status_code == 200


class TestSeparation:
    async def test_a_token_is_narrowed_to_scopes_and_use_cases(self, town: Town) -> None:
        people = town.app.people
        await town.app.members.grant("ben", "foreign", "engineer", by="boss")
        token = await people.issue_token("ben", scopes=["read"], use_cases=["foreign"], days=1)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(base_url=town.site.address, headers=headers) as client:
            listed = (await client.get("/v1/usecases")).json()["usecases"]
            assert [item["name"] for item in listed] == ["foreign"]
            assert (await client.get("/v1/usecases/foreign")).status_code == 200
            assert (await client.get("/v1/usecases/triage")).status_code == 404
            sent = await client.post("/v1/usecases/foreign/tasks", json={"input": {"text": "a"}})
            assert (sent.status_code, sent.json()["code"]) == (403, "not_allowed")
        await town.app.members.revoke("ben", "foreign", "engineer", by="boss")

    async def test_no_token_manages_people_and_none_opens_ones_own_page(self, town: Town) -> None:
        for path in ("/people", "/account"):
            answer = await town.programs["boss"].get(path)
            assert answer.status_code == 403
            assert "Sign in to the console" in answer.text

    async def test_the_sender_alone_is_told_its_use_case_is_not_there(self, town: Town) -> None:
        body = {"input": {"text": "a"}}
        for person in ("stranger", "eve"):
            client = town.programs.get(person) or town.programs["stranger"]
            sent = await client.post("/v1/usecases/triage/tasks", json=body)
            gone = await client.post("/v1/usecases/xxxxxx/tasks", json=body)
            assert (sent.status_code, gone.status_code) == (404, 404)
            assert sent.text.replace("triage", "·") == gone.text.replace("xxxxxx", "·")
        refused = await town.programs["viewer"].post("/v1/usecases/triage/tasks", json=body)
        assert json.loads(refused.text)["code"] == "not_allowed"

    async def test_revoking_takes_effect_within_two_seconds(self, town: Town) -> None:
        token = await town.app.people.issue_token("extra")
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(base_url=town.site.address, headers=headers) as client:
            assert (await client.get("/v1/usecases/foreign")).status_code == 200
            # As another process does it: this one is not told, and remembers two seconds.
            await town.app.database.fetch(
                "UPDATE membership SET revoked_at = now() WHERE person = 'extra'"
            )
            await asyncio.sleep(2.0)
            assert (await client.get("/v1/usecases/foreign")).status_code == 404
            await town.app.database.fetch(
                "UPDATE person SET disabled_at = now() WHERE name = 'extra'"
            )
            await asyncio.sleep(2.0)
            assert (await client.get("/v1/usecases/foreign")).status_code == 401
        await town.restore()
