"""Hostile bodies, headers and addresses at every route of the API and the console."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

import httpx2
import pytest
from starlette.routing import Route

from roadbed.api import app as api
from roadbed.console import app as console
from tests.acceptance.test_api import TASKS
from tests.attacks import chance, rounds
from tests.browsing import browsing
from tests.conftest import Site
from tests.town import a_release

TEXTS = (
    "", "\x00", "a\x00b", "\x1b[2J", "\ud7ff😀 한국어", "\u202e", "<script>x</script>", "{{7*7}}",
    "' OR 1=1 --", "%00%0d%0a", "../../etc/passwd", "x" * 5_000, "${jndi:ldap://127.0.0.1/}",
    "null", "-1", "1e999", "tsk_1", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00Z",
    "=cmd|' /C calc'!A1",
)  # fmt: skip
NUMBERS = (0, -1, 2**31, 2**63, 2**64, 10**40, 1e308, -0.0, 1.5)
QUERIES = (
    "limit=-1", "limit=1e9", "cursor=%00", "q=%ff%00", "before=" + "x" * 3_000, "limit[]=1", "=&&=",
    "q=%F0%28%8C%28", "usecase=%22%27&route=x", "q=" + "%25" * 90,
)  # fmt: skip
RAW = (
    b"", b"{", b"[" * 5_000, b"\xff\xfe", b'{"input": NaN}', b'{"a":1e999}', b'"text"', b"7",
    b'{"input": {"text": "\\ud800"}}', b'{"input": {"text": "a"}}\x00', b"\x00" * 100, b"null",
    b"a" * 70_000,
    b'{"input":' * 300, b'{"input": {"text": "a"}, "input": 7}',
)  # fmt: skip
HEADERS = (
    {"Content-Type": "text/plain"}, {"Content-Type": "multipart/form-data; boundary=x"},
    {"Content-Encoding": "gzip"}, {"X-Forwarded-For": "127.0.0.1, \\"}, {"X-Forwarded-Proto": "x"},
    {"Accept": "*/*;q=" + "9" * 300}, {"If-None-Match": '"' * 500}, {"Range": "bytes=9-1,-0"},
    {"Last-Event-ID": "\\x00"}, {"X-HTTP-Method-Override": "DELETE"}, {"Cookie": "=;;=; a" * 50},
    {"Transfer-Encoding": "identity"}, {"Expect": "none"}, {"TE": "trailers"},
)  # fmt: skip
NAMED = re.compile(r"\{\w+\}")


def hostile(random: Random, depth: int = 0) -> Any:
    """Any JSON value, most of them unwelcome."""
    kind = random.randrange(7 if depth < 4 else 5)
    if kind < 2:
        return random.choice(TEXTS)
    if kind < 4:
        return random.choice(NUMBERS)
    if kind == 4:
        return random.choice((None, True, False))
    if kind == 5:
        return [hostile(random, depth + 1) for _ in range(random.randrange(4))]
    return {random.choice(TEXTS): hostile(random, depth + 1) for _ in range(random.randrange(4))}


def body_of(random: Random, fields: list[str]) -> bytes:
    """A body of the fields that routes know, or raw bytes."""
    if random.random() < 0.25:
        return random.choice(RAW)
    known = {
        name: hostile(random)
        if random.random() < 0.6
        else {name: hostile(random) for name in random.sample(["text", "queue", "x"], 2)}
        for name in random.sample(fields, random.randrange(5))
    }
    return json.dumps(known).encode()


def fields_of(document: dict[str, Any]) -> list[str]:
    """Every name of a field that the API's own description has."""
    results = set(re.findall(r'"(\w+)": \{"', json.dumps(document)))
    return sorted(results | {"input", "key", "verdict", "output", "note", "reason", "actions"})


def address_of(random: Random, path: str, real: dict[str, str]) -> str:
    """The path with real names, or hostile ones."""

    def fill(match: re.Match[str]) -> str:
        name = match.group()[1:-1]
        if name in real and random.random() < 0.7:
            return real[name]
        return "".join(f"%{byte:02x}" for byte in random.choice(TEXTS)[:200].encode()) or "x"

    result = NAMED.sub(fill, path)
    if random.random() < 0.3:
        result += "?" + random.choice(QUERIES)
    return result


@pytest.fixture
async def real(site: Site) -> dict[str, str]:
    sent = (await site.shop.post(TASKS, json={"input": {"text": "a"}})).json()
    return {
        "name": "triage",
        "task_id": sent["task"],
        "review_id": sent["review"]["id"],
        "release_id": await a_release(site.app, "triage"),
        "person": "nobody-of-this-name",
        "named": "1..1",
        "version": "1",
    }


def sound(answer: httpx2.Response, asked: object) -> None:
    """An answer that a caller can use: never a crash, never a trace, always a remedy."""
    assert answer.status_code < 500 or answer.status_code == 503, (asked, answer.text[:500])
    assert "Traceback" not in answer.text, asked
    assert 'File "/' not in answer.text, asked
    if answer.headers["content-type"] == "application/problem+json":
        told = answer.json()
        assert told["code"], asked
        assert told["remedy"], asked
    assert answer.headers["x-content-type-options"] == "nosniff", asked


async def test_no_request_to_the_api_is_answered_by_a_crash(
    site: Site, real: dict[str, str]
) -> None:
    random, document = chance("api"), api.create().openapi()
    fields = fields_of(document)
    # Everybody may halt here, and a halt would make the following requests useless.
    verbs = [
        (verb.upper(), f"{site.address}/v1{path}")
        for path, verbs in document["paths"].items()
        for verb in verbs
        if not path.endswith(("/halt", "/retire"))
    ]
    asked = 0
    for _ in range(rounds(4, 300)):
        for verb, path in verbs:
            request = (
                verb,
                site.address + address_of(random, path.removeprefix(site.address), real),
                body_of(random, fields) if verb != "GET" else b"",
                random.choice(HEADERS) if random.random() < 0.3 else {},
            )
            try:
                answer = await site.shop.request(
                    request[0], request[1], content=request[2], headers=request[3]
                )
            except httpx2.HTTPError:
                if request[3]:  # the server may hang up on what is no HTTP
                    continue
                raise
            sound(answer, request)
            asked += 1
    assert asked > 3 * len(verbs)
    await still_works(site)


async def test_no_form_or_page_of_the_console_is_answered_by_a_crash(
    site: Site, real: dict[str, str]
) -> None:
    random = chance("console")
    routes = [
        (verb, route.path)
        for route in console.create().routes
        if isinstance(route, Route)
        for verb in (route.methods or set()) - {"HEAD"}
        # A sign-out ends the session, and a live page never ends.
        if route.path != "/live" and not route.path.startswith("/sign") and "halt" not in route.path
    ]
    names = ["note", "reason", "verdict", "output.queue", "actions", "content", "what", "version"]
    async with browsing(site, "shop") as browser:
        for _ in range(rounds(2, 100)):
            for verb, path in routes:
                address = address_of(random, path, real)
                form = {name: random.choice(TEXTS) for name in random.sample(names, 4)}
                request = (verb, address, form)
                answer = await browser.request(verb, address, data=form if verb == "POST" else None)
                sound(answer, request)
    await still_works(site)


@pytest.mark.parametrize(
    "form",
    [
        {"actions": "x"},
        {"actions": "9" * 30},  # as many as it says would take all memory
        {"actions": "1", f"action.{'9' * 30}.name": "refund"},
        {"actions": "1", "action.1.name": "refund", "action.1.keep": "yes"},
        {"actions": "0", "action.new.name": "refund", "action.new.keep": "yes"}
        | {"action.new.arguments": "[" * 200_000},
        {"output.sure": "[" * 200_000},
        {"output.sure": "9" * 100_000},
    ],
    ids=lambda form: str(form)[:40],
)
async def test_no_form_of_a_review_takes_more_than_it_holds(
    site: Site, real: dict[str, str], form: dict[str, str]
) -> None:
    address = f"/usecases/triage/reviews/{real['review_id']}"
    async with browsing(site, "shop") as browser:
        for verdict in ("accept", "correct"):
            answer = await browser.post(address, data={"verdict": verdict, **form})
            sound(answer, form)
            assert answer.status_code in (403, 409, 422), answer.text[:200]


async def test_every_kind_of_raw_body_is_told_what_is_wrong(site: Site) -> None:
    for body in RAW:
        answer = await site.shop.post(TASKS, content=body)
        sound(answer, body)
        assert answer.status_code in (400, 422), body
    await still_works(site)


async def still_works(site: Site) -> None:
    sent = await site.shop.post(TASKS, json={"input": {"text": "still here"}})
    assert sent.status_code == 200, sent.text
