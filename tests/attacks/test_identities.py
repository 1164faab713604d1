"""Hosts, origins, cookies and credentials that are not ours."""

from __future__ import annotations

from random import Random

import httpx2

from roadbed.people.model import SignInProof
from roadbed.people.service import hashed
from roadbed.web import SESSION_COOKIE
from tests.acceptance.test_api import TASKS
from tests.attacks import chance, rounds
from tests.browsing import browsing
from tests.conftest import Site

HOSTS = (
    "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1@evil.example",
    "[::ffff:127.0.0.1]", "0.0.0.0", "127.1", "2130706433", "127.0.0.1%00", "evil.example:80",
)  # fmt: skip
ORIGINS = (
    "null", "https://evil.example", "file://", "chrome-extension://x", "http://127.0.0.1.evil.example",
    "http://evil.example#{host}", "http://evil.example/{host}", "http://evil.example?{host}",
    "http://{host}.evil.example", "http://a@evil.example", "javascript:{host}", "//", "http://",
)  # fmt: skip
BEARERS = (
    "Bearer", "Bearer null", "Bearer undefined", "Basic YW5hOmFuYQ==", "Bearer rbd_",
    "bearer ' OR 1=1", "Bearer %00", "Bearer " + "a" * 4_000, "Digest username=ana",
    "Bearer {hash}", "Token {token}",
)  # fmt: skip


def changed(random: Random, secret: str) -> str:
    """A secret with one character of it changed, cut off, doubled or put in other letters."""
    at = random.randrange(len(secret))
    return random.choice(
        (
            secret[:at] + random.choice("abcXYZ019-_") * 2 + secret[at + 1 :],
            secret[:at],
            secret + secret[:at],
            secret.swapcase(),
            f'"{secret}',
        )
    )


# What other sites of this host may have left in the browser; ours is in the place of OWN.
COOKIES = (
    'prefs={"a":1}; OWN', "OWN; list=[1, 2]", "a b=c d; OWN", "name=Zoë; OWN", "OWN; 名=値",
    "seen; OWN; ; =; x", "path=/somewhere; OWN; domain=elsewhere; expires", 'open="no end; OWN',
    "a=b\\073; OWN", "$Version=1; OWN; $Path=/", "a=b,c=d; OWN", "OWN", "OWN;", "OWN ;a",
)  # fmt: skip


async def test_a_name_that_is_not_ours_is_not_answered(site: Site) -> None:
    async with httpx2.AsyncClient(base_url=site.address) as client:
        for host in HOSTS:
            for path in ("/", "/v1/usecases", "/static/console.css", "/sign-in"):
                answer = await client.get(path, headers={"Host": host})
                assert answer.status_code == 400, (host, path)


async def test_no_foreign_origin_uses_a_session(site: Site) -> None:
    host = site.address.removeprefix("http://")
    async with browsing(site) as browser:
        for origin in ORIGINS:
            for path in ("/usecases/triage/halt", "/v1/usecases/triage/halt", TASKS):
                address = path if path.startswith(("/usecases/triage/h", "/v1")) else f"/v1{path}"
                answer = await browser.post(
                    address,
                    json={"input": {"text": "a"}, "reason": "x"},
                    headers={"Origin": origin.format(host=host)},
                )
                assert answer.status_code == 403, (origin, address)
    assert await site.app.database.fetch("SELECT 1 FROM task") == []
    assert await site.app.database.fetch("SELECT 1 FROM halt") == []


async def test_cookies_of_others_change_nothing(site: Site) -> None:
    secret = await site.app.people.open_session(SignInProof(person="ana", how="link"))
    async with httpx2.AsyncClient(base_url=site.address) as client:
        for others in COOKIES:
            cookie = others.replace("OWN", f"{SESSION_COOKIE}={secret}").encode()
            for headers in ([(b"Cookie", cookie)], [(b"Cookie", cookie), (b"Cookie", b"a=1")]):
                answer = await client.get("/account", headers=headers)
                assert answer.status_code == 200, headers


async def test_no_cookie_but_the_right_one_signs_in(site: Site) -> None:
    random = chance("cookies")
    secret = await site.app.people.open_session(SignInProof(person="ana", how="link"))
    async with httpx2.AsyncClient(base_url=site.address) as client:
        right = {"Cookie": f"{SESSION_COOKIE}={secret}"}
        assert (await client.get("/", headers=right)).status_code == 200
        for _ in range(rounds(60, 3_000)):
            name = random.choice((SESSION_COOKIE, SESSION_COOKIE.upper(), f"{SESSION_COOKIE}x"))
            given = secret if name != SESSION_COOKIE else changed(random, secret)
            if given.strip('"') == secret and name == SESSION_COOKIE:
                continue
            cookie = f"{random.choice(('a=b; ', ';;', ''))}{name}={given}"
            answer = await client.get("/", headers={"Cookie": cookie})
            assert answer.status_code == 401, cookie


async def test_no_credential_but_the_right_one_is_taken(site: Site) -> None:
    random = chance("bearers")
    token = await site.app.people.issue_token("ana")
    wrong = [bearer.format(hash=hashed(token), token=token) for bearer in BEARERS]
    wrong += [f"Bearer {changed(random, token)}" for _ in range(rounds(60, 3_000))]
    async with httpx2.AsyncClient(base_url=site.address) as client:
        for bearer in wrong:
            if bearer in ("Bearer ", f"Bearer {token}"):
                continue
            answer = await client.get("/v1/usecases", headers={"Authorization": bearer})
            assert answer.status_code == 401, bearer
        right = {"Authorization": f"Bearer {token}"}
        assert (await client.get("/v1/usecases", headers=right)).status_code == 200
