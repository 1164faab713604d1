"""Coming in: links, passwords, an identity provider, sessions, limits, addresses; over HTTP."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from joserfc.jwk import RSAKey
from pydantic import SecretStr

from roadbed.demo.server import free_port
from roadbed.kernel.settings import Settings
from roadbed.people import passwords
from roadbed.people.service import hashed
from roadbed.web import SESSION_COOKIE, NotLoopbackError, create
from tests.browsing import browsing
from tests.conftest import Folders, Site, serving
from tests.provider import CLIENT, SECRET, Forger, forging

PASSWORD = "correct horse battery"


@asynccontextmanager
async def browser(site: Site, **headers: str) -> AsyncIterator[httpx2.AsyncClient]:
    origin = {"Origin": site.address, **headers}
    async with httpx2.AsyncClient(base_url=site.address, headers=origin) as client:
        yield client


async def sign_in(client: httpx2.AsyncClient, name: str, password: str) -> httpx2.Response:
    return await client.post("/sign-in", data={"name": name, "password": password})


async def by_link(site: Site, client: httpx2.AsyncClient, person: str = "ana") -> None:
    code = await site.app.people.issue_link_code(person)
    assert (await enter(client, code)).status_code == 200


async def enter(client: httpx2.AsyncClient, code: str, **headers: str) -> httpx2.Response:
    return await client.post("/sign-in/link", data={"code": code}, headers=headers)


class TestLinks:
    async def test_opening_one_does_not_spend_it(self, site: Site) -> None:
        code = await site.app.people.issue_link_code("ana")
        async with browser(site) as messenger:
            for _ in range(3):
                answer = await messenger.get(f"/sign-in?code={code}")
                assert answer.status_code == 200
                assert "signs you in as <strong>ana</strong>" in answer.text
                assert "set-cookie" not in answer.headers
            assert (await messenger.get("/")).status_code == 401
        async with browser(site) as reader:
            assert (await enter(reader, code)).status_code == 200
            assert (await reader.get("/")).status_code == 200
            for spent in (await enter(reader, code), await reader.get(f"/sign-in?code={code}")):
                assert spent.status_code == 403
                assert "has been used or has expired" in spent.text

    async def test_not_for_who_is_kept_out_and_not_from_another_site(self, site: Site) -> None:
        code = await site.app.people.issue_link_code("ana")
        async with browser(site) as client:
            foreign = await enter(client, code, Origin="https://elsewhere.example")
            assert foreign.status_code == 403
            await site.app.members.disable("ana", by="test")
            assert (await client.get(f"/sign-in?code={code}")).status_code == 403
            assert (await enter(client, code)).status_code == 403
            await site.app.members.enable("ana", by="test")
            assert (await enter(client, code)).status_code == 403  # it ended with the sessions


class TestPasswords:
    async def test_one_is_set_after_a_link_and_then_opens(self, site: Site) -> None:
        async with browser(site) as first, browser(site) as second:
            await by_link(site, first)
            page = await first.post("/account/password", data={"new": PASSWORD, "again": "other"})
            assert (page.status_code, "differ" in page.text) == (422, True)
            page = await first.post("/account/password", data={"new": "short", "again": "short"})
            assert (page.status_code, "shorter than 12" in page.text) == (422, True)
            form = {"new": PASSWORD, "again": PASSWORD}
            assert (await first.post("/account/password", data=form)).status_code == 303
            assert (await sign_in(second, "ana", PASSWORD)).status_code == 200
            assert (await second.get("/account")).status_code == 200
            wrong = {**form, "current": "not it at all"}
            assert (await second.post("/account/password", data=wrong)).status_code == 403
            changed = {"current": PASSWORD, "new": PASSWORD + "!", "again": PASSWORD + "!"}
            assert (await second.post("/account/password", data=changed)).status_code == 303
            # Who changes a password ends every session but the one that did.
            assert (await first.get("/account")).status_code == 401
            assert (await second.get("/account")).status_code == 200
            assert (await sign_in(first, "ana", PASSWORD)).status_code == 403

    async def test_is_kept_as_argon2id_and_shown_nowhere(self, site: Site) -> None:
        await site.app.signing_in.set_password("ana", PASSWORD, by="ana")
        row = await site.app.database.fetch_one("SELECT password FROM person WHERE name = 'ana'")
        assert row is not None
        assert row["password"].startswith("$argon2id$v=19$m=65536,")
        async with browser(site) as client:
            await sign_in(client, "ana", PASSWORD)
            for path in ("/account", "/usecases/triage/members"):
                assert "argon2" not in (await client.get(path)).text

    async def test_unknown_and_known_accounts_answer_alike_and_do_the_same_work(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await site.app.signing_in.set_password("ana", PASSWORD, by="ana")
        await site.app.signing_in.set_password("ben", PASSWORD, by="ben")
        await site.app.members.add("boss", by="test", admin=True)
        await site.app.members.disable("ben", by="test")
        passwords = site.app.signing_in._passwords
        verify, verified = passwords._verify, list[str]()

        def counted(kept: str, password: str) -> bool:
            verified.append(kept)
            return verify(kept, password)

        monkeypatch.setattr(passwords, "_verify", counted)
        seen: dict[str, list[tuple[int, str, bool]]] = {}
        async with browser(site) as client:
            # ana has a password, ben is disabled, chi has none, nix does not exist.
            for name in ("ana", "ben", "chi", "nix"):
                answers = [await sign_in(client, name, "wrong password")]
                assert len(verified) == 1, name
                verified.clear()
                site.app.signing_in._of_account._buckets[name].left = 0.0
                answers.append(await sign_in(client, name, PASSWORD))
                assert verified == []
                seen[name] = [
                    (
                        answer.status_code,
                        answer.text.replace(name, "·"),
                        "retry-after" in answer.headers,
                    )
                    for answer in answers
                ]
                # A second may begin between one name and the next.
                assert 55 <= int(answers[-1].headers["retry-after"]) <= 60
        assert seen["ana"] == seen["ben"] == seen["chi"] == seen["nix"]
        refused, limited = seen["ana"]
        assert (refused[0], limited[0]) == (403, 429)
        assert "too often" in limited[1]

    async def test_strangers_lock_nobody_out_of_a_browser_they_signed_in_with(
        self, site: Site
    ) -> None:
        for name in ("ana", "ben"):
            await site.app.signing_in.set_password(name, PASSWORD, by=name)
        site.app.signing_in._of_address._most = 1000
        async with browser(site) as own, browser(site) as stranger, browser(site) as other:
            answer = await sign_in(own, "ana", PASSWORD)
            [known] = [
                line for line in answer.headers.get_list("set-cookie") if "roadbed_known" in line
            ]
            for said in ("HttpOnly", "SameSite=strict", "Path=/sign-in"):
                assert said in known
            await sign_in(other, "ben", PASSWORD)
            for _ in range(12):
                refused = await sign_in(stranger, "ana", "wrong password")
            assert refused.status_code == 429
            assert (await sign_in(stranger, "ana", PASSWORD)).status_code == 429
            assert (await sign_in(other, "ana", PASSWORD)).status_code == 429
            assert (await sign_in(own, "ana", PASSWORD)).status_code == 200
            # That browser has no more attempts than an unknown one.
            statuses = [(await sign_in(own, "ana", "wrong")).status_code for _ in range(12)]
            assert (statuses[0], statuses[-1]) == (403, 429)
            # A new password ends what browsers know.
            site.app.signing_in._of_browser._buckets.clear()
            await site.app.signing_in.set_password("ana", PASSWORD + "!", by="ana")
            assert (await sign_in(own, "ana", PASSWORD + "!")).status_code == 429

    async def test_strangers_keep_nobody_from_changing_a_password(self, site: Site) -> None:
        await site.app.signing_in.set_password("ana", PASSWORD, by="ana")
        async with browser(site) as own, browser(site) as stranger:
            await sign_in(own, "ana", PASSWORD)
            for _ in range(12):
                refused = await sign_in(stranger, "ana", "wrong password")
            assert refused.status_code == 429
            form = {"current": "wrong", "new": PASSWORD + "!", "again": PASSWORD + "!"}
            # That browser has no more attempts than an unknown one.
            wrong = [
                (await own.post("/account/password", data=form)).status_code for _ in range(11)
            ]
            assert (set(wrong[:10]), wrong[10]) == ({403}, 422)
            site.app.signing_in._of_session._buckets.clear()
            changed = await own.post("/account/password", data={**form, "current": PASSWORD})
            assert changed.status_code == 303

    async def test_one_that_was_changed_while_it_was_tried_opens_nothing(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        signing_in = site.app.signing_in
        await signing_in.set_password("ana", PASSWORD, by="ana")
        fits = signing_in._passwords.fits

        async def slowly(kept: str | None, password: str) -> bool:
            verified = await fits(kept, password)
            await signing_in.set_password("ana", PASSWORD + "!", by="ana")
            return verified

        async with browser(site) as client:
            monkeypatch.setattr(signing_in._passwords, "fits", slowly)
            assert (await sign_in(client, "ana", PASSWORD)).status_code == 403
            monkeypatch.undo()
            assert (await sign_in(client, "ana", PASSWORD + "!")).status_code == 200

    def test_a_mark_is_good_for_one_person_and_a_year(self) -> None:
        now = datetime(2026, 11, 27, tzinfo=UTC)
        mark = passwords.mark("ana", "$argon2id$kept", now)
        assert passwords.knows("ana", "$argon2id$kept", mark, now)
        assert not passwords.knows("ben", "$argon2id$kept", mark, now)
        assert not passwords.knows("ana", "$argon2id$other", mark, now)
        assert not passwords.knows("ana", None, mark, now)
        assert not passwords.knows("ana", "$argon2id$kept", mark, now + timedelta(days=366))
        for forged in ("", ".", "1.é", f"{'9' * 30}.{mark}", mark + "0", "²" + mark):
            assert not passwords.knows("ana", "$argon2id$kept", forged, now)

    async def test_an_address_that_tries_many_names_is_held_up(self, site: Site) -> None:
        site.app.signing_in._of_address._most = 3
        async with browser(site) as client:
            statuses = [(await sign_in(client, f"p{n}", "x")).status_code for n in range(5)]
            assert statuses == [403, 403, 403, 429, 429]
            assert (await client.get("/sign-in/provider")).status_code == 429


class TestSessions:
    async def test_every_sign_in_has_a_new_id_and_ends_the_one_before(self, site: Site) -> None:
        async with browser(site) as client:
            await by_link(site, client)
            first = client.cookies[SESSION_COOKIE]
            await by_link(site, client)
            second = client.cookies[SESSION_COOKIE]
        assert first != second
        async with browser(site, Cookie=f"{SESSION_COOKIE}={first}") as old:
            assert (await old.get("/account")).status_code == 401

    async def test_are_listed_ended_one_by_one_and_all_at_once(self, site: Site) -> None:
        async with (
            browser(site, **{"User-Agent": "laptop"}) as one,
            browser(site, **{"User-Agent": "phone"}) as two,
            browser(site) as three,
            browser(site) as foreign,
        ):
            for item in (one, two, three):
                await by_link(site, item)
            await by_link(site, foreign, "ben")
            page = (await one.get("/account")).text
            assert "laptop" in page
            assert "phone" in page
            phone = hashed(two.cookies[SESSION_COOKIE])[:16]
            assert (await foreign.post(f"/account/held/{phone}/end")).status_code == 404
            assert (await two.get("/account")).status_code == 200
            assert (await one.post(f"/account/held/{phone}/end")).status_code == 303
            assert (await two.get("/account")).status_code == 401
            assert (await one.post("/account/sessions/end")).status_code == 303
            assert (await three.get("/account")).status_code == 401
            assert (await one.get("/account")).status_code == 200
            assert (await foreign.get("/account")).status_code == 200

    async def test_one_left_alone_ends_though_its_page_renews_itself(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        folders.write()
        settings = settings.model_copy(update={"idle_seconds": 3.0})
        async with serving(settings, url) as site, browser(site) as client, browser(site) as used:
            await by_link(site, client)
            await by_link(site, used)
            for _ in range(4):
                await asyncio.sleep(1.1)
                site.app.people.forget()  # the two seconds it is remembered are not what is asked
                async with client.stream("GET", "/live"):
                    pass
                assert (await used.get("/")).status_code == 200
            assert (await client.get("/")).status_code == 401

    async def test_the_cookie_is_strict_and_out_of_reach(self, site: Site) -> None:
        code = await site.app.people.issue_link_code("ana")
        async with browser(site) as client:
            answer = await enter(client, code)
        [cookie] = [
            item
            for item in answer.headers.get_list("set-cookie")
            if item.startswith(SESSION_COOKIE + "=rb")
        ]
        for word in ("HttpOnly", "SameSite=strict", "Path=/"):
            assert word in cookie
        assert "Secure" not in cookie

    async def test_a_token_of_ones_own_is_made_shown_once_and_ended(self, site: Site) -> None:
        async with browser(site) as client:
            await by_link(site, client)
            form: dict[str, Any] = {"label": "nightly", "scope": ["submit", "read"], "days": "7"}
            page = await client.post("/account/tokens", data=form)
            made = re.search(r"rb_api_[0-9a-f]{64}", page.text)
            assert made is not None
            headers = {"Authorization": f"Bearer {made[0]}"}
            listed = await client.get("/account")
            assert made[0] not in listed.text
            assert "submit, read" in listed.text
            async with httpx2.AsyncClient(base_url=site.address, headers=headers) as program:
                assert (await program.get("/v1/usecases/triage")).status_code == 200
                claim = await program.post("/v1/usecases/triage/reviews/claim")
                assert claim.status_code == 403
                ending = f"/account/held/{hashed(made[0])[:16]}/end"
                assert (await client.post(ending)).status_code == 303
                assert (await program.get("/v1/usecases/triage")).status_code == 401
            await client.post("/account/tokens", data=form | {"days": ""})
            listed = await client.get("/account")
            assert "<td>until you revoke it</td>" in listed.text
            assert "<td>revoked</td>" not in listed.text
            for wrong in ({}, {"scope": ["everything"]}, {"scope": ["read"], "days": "-1"}):
                answer = await client.post("/account/tokens", data={"label": "x", **wrong})
                assert answer.status_code == 422


class TestLimits:
    async def test_a_person_may_ask_so_often_and_no_more(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        folders.write()
        settings = settings.model_copy(update={"requests_per_minute": 4})
        async with serving(settings, url) as site:
            answers = [await site.shop.get("/usecases") for _ in range(6)]
            assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2
            assert answers[-1].json()["code"] == "too_many_requests"
            assert 1 <= int(answers[-1].headers["retry-after"]) <= 15
            assert (await site.reviewer.get("/usecases")).status_code == 200


class TestAddresses:
    async def test_the_public_name_is_answered_and_its_cookie_is_secure(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        folders.write()
        settings = settings.model_copy(update={"address": "https://roadbed.example"})
        async with serving(settings, url) as site:
            code = await site.app.people.issue_link_code("ana")
            async with httpx2.AsyncClient(base_url=site.address) as client:
                public = {"Host": "roadbed.example"}
                answer = await enter(client, code, **public, Origin="https://roadbed.example")
                assert answer.status_code == 200
                assert "Secure" in answer.headers["set-cookie"]
                other = await client.get("/sign-in", headers={"Host": "elsewhere.example"})
                assert other.status_code == 400
                assert "does not answer under this name" in other.text

    async def test_only_its_own_scheme_and_host_are_its_own_pages(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        folders.write()
        settings = settings.model_copy(update={"address": "https://roadbed.example"})
        async with (
            serving(settings, url) as site,
            httpx2.AsyncClient(base_url=site.address) as client,
        ):
            public = {"Host": "roadbed.example"}
            for origin, status in (
                ("http://roadbed.example", 403),
                ("https://roadbed.example:444", 403),
                ("https://roadbed.example", 403),
            ):
                answer = await client.post(
                    "/sign-in",
                    data={"name": "ana", "password": "wrong"},
                    headers={**public, "Origin": origin},
                )
                assert answer.status_code == status
                foreign = "another site" in answer.text
                assert foreign == (origin != "https://roadbed.example")
                assert answer.headers["strict-transport-security"] == "max-age=31536000"
            here = await client.get("/sign-in")
            assert "strict-transport-security" not in here.headers

    async def test_who_asks_is_believed_of_trusted_proxies_alone(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        folders.write()
        seen: list[str] = []
        proxy = {"trusted_proxies": (ip_network("127.0.0.0/8"),)}
        for update in ({}, proxy):
            async with serving(settings.model_copy(update=update), url) as site:
                site.app.signing_in.knock = seen.append  # type: ignore[method-assign, assignment]
                async with browser(site) as client:
                    forwarded = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
                    answer = await client.get("/sign-in/provider", headers=forwarded)
                    assert answer.status_code == 403
                    answer = await client.post("/sign-in", data={}, headers=forwarded)
                    # Its origin says http; a trusted proxy says that it came by https.
                    assert ("another site" in answer.text) is bool(update)
        assert seen == ["127.0.0.1", "127.0.0.1", "203.0.113.7"]

    def test_listening_to_others_needs_the_public_address(self) -> None:
        with pytest.raises(NotLoopbackError, match="ROADBED_ADDRESS"):
            create(Settings(host="0.0.0.0"))
        with pytest.raises(NotLoopbackError):
            create(Settings(host="0.0.0.0", address="http://localhost:1"))
        assert create(Settings(host="0.0.0.0", address="https://roadbed.example"))


@pytest.fixture(scope="module")
def forger() -> Iterator[Forger]:
    with forging() as provider:
        yield provider


def at_provider(settings: Settings, issuer: str, **more: Any) -> Settings:
    secret = SecretStr(SECRET)
    update = {"oidc_issuer": issuer, "oidc_client_id": CLIENT, "oidc_client_secret": secret, **more}
    return settings.model_copy(update=update)


@asynccontextmanager
async def with_forger(
    forger: Forger, settings: Settings, folders: Folders, url: str, **more: Any
) -> AsyncIterator[Site]:
    folders.write()
    async with serving(at_provider(settings, forger.issuer, **more), url) as site:
        await site.app.database.fetch(
            "UPDATE person SET email = 'Ana@Example.org' WHERE name = 'ana'"
        )
        yield site


async def begin(client: httpx2.AsyncClient) -> str:
    answer = await client.get("/sign-in/provider")
    assert answer.status_code == 303
    there: str = answer.headers["location"]
    return there


async def back(client: httpx2.AsyncClient, code: str, state: str) -> httpx2.Response:
    # The browser comes from the provider's page.
    headers = {"Sec-Fetch-Site": "cross-site", "Accept": "text/html"}
    return await client.get("/sign-in/back", params={"code": code, "state": state}, headers=headers)


async def whoever(client: httpx2.AsyncClient) -> str | None:
    page = await client.get("/account")
    match = re.search(r"<h1>([a-z0-9.-]+)", page.text)
    return match[1] if page.status_code == 200 and match else None


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """A third-party provider in a separate process."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    address = f"http://localhost:{port}"
    for _ in range(200):
        try:
            httpx2.get(f"{address}/.well-known/openid-configuration")
            break
        except httpx2.HTTPError:
            assert process.poll() is None
            time.sleep(0.1)
    yield address
    process.terminate()
    process.wait(10)


class TestAProvider:
    async def test_signs_in_whom_it_knows_by_a_verified_address(
        self, provider: str, settings: Settings, folders: Folders, url: str
    ) -> None:
        folders.write()
        async with (
            serving(at_provider(settings, provider), url) as site,
            browser(site) as client,
            httpx2.AsyncClient() as plain,
        ):
            await site.app.database.fetch(
                "UPDATE person SET email = 'ana@example.org' WHERE name = 'ana'"
            )
            claims = {"email": "ana@example.org", "email_verified": True, "name": "Ana A."}
            await plain.put(f"{provider}/users/s-1", json=claims)
            await client.get("/usecases/triage", headers={"Accept": "text/html"})
            assert "Sign in with your organisation" in (await client.get("/sign-in")).text
            there = await begin(client)
            sent = await plain.post(there, data={"sub": "s-1"})
            returned = dict(parse_qsl(urlsplit(sent.headers["location"]).query))
            page = await back(client, returned["code"], returned["state"])
            assert page.status_code == 200
            assert "url=/usecases/triage" in page.text
            assert await whoever(client) == "ana"
            # From now on the subject counts, even if the address changes.
            await site.app.database.fetch("UPDATE person SET email = NULL WHERE name = 'ana'")
            there = await begin(client)
            sent = await plain.post(there, data={"sub": "s-1"})
            returned = dict(parse_qsl(urlsplit(sent.headers["location"]).query))
            assert (await back(client, returned["code"], returned["state"])).status_code == 200


class TestAForgingProvider:
    async def test_the_way_there_carries_what_protects_the_way_back(
        self, forger: Forger, settings: Settings, folders: Folders, url: str
    ) -> None:
        async with with_forger(forger, settings, folders, url) as site, browser(site) as client:
            answer = await client.get("/sign-in/provider")
            asked = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
            assert asked["code_challenge_method"] == "S256"
            assert asked["response_type"] == "code"
            assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
            cookie = answer.headers["set-cookie"]
            for word in ("HttpOnly", "SameSite=lax", "Path=/sign-in/back"):
                assert word in cookie
            kept = await site.app.database.fetch("SELECT * FROM sign_in")
            assert asked["state"] not in str(kept)
            code, state = forger.code(answer.headers["location"])
            assert (await back(client, code, state)).status_code == 200
            assert await whoever(client) == "ana"
            assert await site.app.database.fetch("SELECT * FROM sign_in") == []

    @pytest.mark.parametrize(
        ("claims", "options"),
        [
            ({"nonce": "another"}, {}),
            ({"nonce": None}, {}),
            ({"aud": "somebody else"}, {}),
            ({"aud": [CLIENT, "another"]}, {}),
            ({"aud": [CLIENT, "another"], "azp": "another"}, {}),
            ({"iss": "https://elsewhere.example"}, {}),
            ({"exp": 1_000_000_000}, {}),
            ({"exp": None}, {}),
            ({"iat": 9_999_999_999}, {}),
            ({"sub": None}, {}),
            ({"sub": ""}, {}),
            ({"sub": "s" * 256}, {}),  # cut to a length, two people could be one
            ({"sub": 5}, {}),
            ({"at_hash": "not-of-this-token"}, {}),
            ({}, {"algorithm": "none"}),
            ({}, {"algorithm": "HS256"}),
            ({}, {"signer": RSAKey.generate_key(2048, {"kid": "one"})}),
        ],
    )
    async def test_a_token_that_is_not_right_opens_nothing(
        self,
        forger: Forger,
        settings: Settings,
        folders: Folders,
        url: str,
        claims: dict[str, Any],
        options: dict[str, Any],
    ) -> None:
        async with with_forger(forger, settings, folders, url) as site, browser(site) as client:
            code, state = forger.code(await begin(client), claims, **options)
            answer = await back(client, code, state)
            assert answer.status_code == 403
            assert "not valid" in answer.text
            assert SESSION_COOKIE not in client.cookies
            # The same provider, telling the truth, still gets in.
            code, state = forger.code(await begin(client))
            assert (await back(client, code, state)).status_code == 200

    async def test_states_work_once_in_their_own_browser_and_codes_once(
        self, forger: Forger, settings: Settings, folders: Folders, url: str
    ) -> None:
        async with (
            with_forger(forger, settings, folders, url) as site,
            browser(site) as client,
            browser(site) as victim,
        ):
            code, state = forger.code(await begin(client))
            # Somebody else's browser is made to come back with the attacker's code.
            await begin(victim)
            assert (await back(victim, code, state)).status_code == 403
            assert await whoever(victim) is None
            # It is spent now, for its own browser too.
            assert (await back(client, code, state)).status_code == 403
            code, _ = forger.code(await begin(client))
            assert (await back(client, code, "forged")).status_code == 403
            began = await begin(client)
            code, state = forger.code(began)
            assert (await back(client, code, state)).status_code == 200
            assert (await back(client, code, state)).status_code == 403
            _, state = forger.code(await begin(client))
            assert (await back(client, code, state)).status_code == 403
            refused = await client.get("/sign-in/back?error=access_denied&state=x")
            assert refused.status_code == 403
            await begin(client)
            await site.app.database.fetch("UPDATE sign_in SET expires_at = now()")
            assert (await back(client, *forger.code(began))).status_code == 403

    async def test_a_new_key_is_fetched_when_it_signs(
        self, forger: Forger, settings: Settings, folders: Folders, url: str
    ) -> None:
        async with with_forger(forger, settings, folders, url) as site, browser(site) as client:
            assert (await back(client, *forger.code(await begin(client)))).status_code == 200
            forger.key = RSAKey.generate_key(2048, {"kid": "two"})
            began = await begin(client)
            assert (await back(client, *forger.code(began))).status_code == 200
            asked = forger.asked.count("/.well-known/openid-configuration")
            await begin(client)
            assert forger.asked.count("/.well-known/openid-configuration") == asked

    async def test_an_address_nobody_verified_or_inherited_leads_nowhere(
        self, forger: Forger, settings: Settings, folders: Folders, url: str
    ) -> None:
        async with with_forger(forger, settings, folders, url) as site, browser(site) as client:
            for unverified in (False, None, "true"):
                claims = {"email_verified": unverified}
                answer = await back(client, *forger.code(await begin(client), claims))
                assert (answer.status_code, "not verified" in answer.text) == (403, True)
            alike = {"email": "an\N{FEMININE ORDINAL INDICATOR}@example.org"}
            kelvin = {"email": "\N{KELVIN SIGN}ate@example.org", "sub": "subject-3"}
            await site.app.members.add("kate", by="test", email="Kate@example.org")
            for other in (alike, kelvin):
                answer = await back(client, *forger.code(await begin(client), other))
                assert answer.status_code == 403, other
            assert (await back(client, *forger.code(await begin(client)))).status_code == 200
            heir = {"sub": "subject-2"}
            answer = await back(client, *forger.code(await begin(client), heir))
            assert (answer.status_code, "No account here has" in answer.text) == (403, True)
            await site.app.members.add("boss", by="test", admin=True)
            await site.app.members.disable("ana", by="boss")
            assert (await back(client, *forger.code(await begin(client)))).status_code == 403

    @pytest.mark.parametrize("claim", ["email", "preferred_username"])
    async def test_an_address_counts_unsaid_where_that_is_set_and_never_where_it_is_denied(
        self, forger: Forger, settings: Settings, folders: Folders, url: str, claim: str
    ) -> None:
        said = {"email": None, claim: "ANA@example.org", "email_verified": None}
        more = {"oidc_claim": claim}
        async with (
            with_forger(forger, settings, folders, url, **more) as site,
            browser(site) as client,
        ):
            answer = await back(client, *forger.code(await begin(client), said))
            assert (answer.status_code, "not verified" in answer.text) == (403, True)
        trusting = {**more, "oidc_trust_addresses": True}
        async with (
            with_forger(forger, settings, folders, url, **trusting) as site,
            browser(site) as client,
        ):
            for denied in (False, "false", 0, ""):
                claims = {**said, "email_verified": denied}
                answer = await back(client, *forger.code(await begin(client), claims))
                assert (answer.status_code, "not verified" in answer.text) == (403, True)
            stranger = said | {claim: "eve@example.org", "sub": "s-9"}
            answer = await back(client, *forger.code(await begin(client), stranger))
            assert (answer.status_code, "eve@example.org" in answer.text) == (403, True)
            assert (await back(client, *forger.code(await begin(client), said))).status_code == 200
            assert await whoever(client) == "ana"

    async def test_each_tab_has_a_sign_in_of_its_own(
        self, forger: Forger, settings: Settings, folders: Folders, url: str
    ) -> None:
        async with with_forger(forger, settings, folders, url) as site, browser(site) as client:
            one, two = [forger.code(await begin(client)) for _ in range(2)]
            assert (await back(client, *two)).status_code == 200
            assert (await back(client, *one)).status_code == 200
            assert await whoever(client) == "ana"
            assert {name for name in client.cookies if "begun" in name} == set()

    async def test_who_is_signed_in_goes_on_from_a_way_back_that_was_used_or_took_too_long(
        self, forger: Forger, settings: Settings, folders: Folders, url: str
    ) -> None:
        async with (
            with_forger(forger, settings, folders, url) as site,
            browser(site) as client,
            browser(site) as stranger,
        ):
            await client.get("/usecases/triage", headers={"Accept": "text/html"})
            code = forger.code(await begin(client))
            assert (await back(client, *code)).status_code == 200
            again = await back(client, *code)
            assert (again.status_code, 'url=/sign-in/already"' in again.text) == (403, True)
            assert (await client.get("/sign-in/already")).headers["location"] == "/"
            await client.get("/sign-in/back", params={"code": "x", "state": "forged"})
            assert await whoever(client) == "ana"
            await stranger.get("/usecases/triage", headers={"Accept": "text/html"})
            refused = await stranger.get("/sign-in/already")
            assert (refused.status_code, "did not begin here" in refused.text) == (403, True)

    async def test_who_is_created_has_no_role_and_no_name_that_means_somebody(
        self, forger: Forger, settings: Settings, folders: Folders, url: str
    ) -> None:
        async with (
            with_forger(forger, settings, folders, url, oidc_create=True) as site,
            browser(site) as client,
        ):
            await site.app.database.fetch("DELETE FROM person WHERE name = 'dev'")
            for subject, wanted, name in (
                ("n-1", "dev", "dev-2"),  # a pod declares it, though no account has it yet
                ("n-2", "ben", "ben-2"),
                ("n-3", "Übel Ding", "bel-ding"),
                ("n-4", "roadbed", "roadbed-2"),  # the actor in the log for events without a person
            ):
                claims = {
                    "sub": subject,
                    "preferred_username": wanted,
                    "email": f"{subject}@example.org",
                    "email_verified": subject != "n-2",
                }
                began = await begin(client)
                assert (await back(client, *forger.code(began, claims))).status_code == 200
                assert await whoever(client) == name
                person = await site.app.members.get(name)
                assert (person.roles, person.admin) == ({}, False)
                assert person.email == (None if subject == "n-2" else f"{subject}@example.org")
                assert (await client.get("/usecases/triage")).status_code == 404

    async def test_a_name_taken_before_a_folder_declares_it_gives_nothing(
        self, forger: Forger, settings: Settings, folders: Folders, url: str
    ) -> None:
        folders.write()
        more = {"oidc_claim": "preferred_username", "oidc_create": True}
        claims = {"preferred_username": "frank", "sub": "squatter"}
        chosen = at_provider(settings, forger.issuer, **more)
        async with serving(chosen, url) as site, browser(site) as client:
            assert (
                await back(client, *forger.code(await begin(client), claims))
            ).status_code == 200
            assert await whoever(client) == "frank"
        code = folders.parent / "triage" / "usecase.py"
        code.write_text(
            code.read_text().replace('data_specialist="chi"', 'data_specialist="frank"')
        )
        async with (
            serving(chosen, url) as site,
            browser(site) as client,
            browsing(site, "boss", admin=True) as boss,
        ):
            assert (
                await back(client, *forger.code(await begin(client), claims))
            ).status_code == 200
            assert (await client.get("/usecases/triage")).status_code == 404
            assert "still has to confirm that this is you" in (await client.get("/account")).text
            page = (await boss.get("/people")).text
            assert "triage names frank as data specialist: not confirmed." in page
            assert "? not confirmed" in (await boss.get("/usecases/triage/members")).text
            assert (await client.post("/people/frank/confirm")).status_code == 403
            page = (await boss.post("/people/frank/confirm")).text
            assert "Not confirmed" not in page
            assert (await client.get("/usecases/triage")).status_code == 200
            assert "do not count yet" not in (await boss.get("/people")).text

    async def test_another_claim_may_be_the_name(
        self, forger: Forger, settings: Settings, folders: Folders, url: str
    ) -> None:
        more = {"oidc_claim": "preferred_username"}
        async with (
            with_forger(forger, settings, folders, url, **more) as site,
            browser(site) as client,
        ):
            await site.app.members.add("kim", by="test")
            for claim, status in (
                ("chi", 200),
                ("Chi!", 403),
                ("nobody", 403),
                (None, 403),
                ("Dev", 200),
                ("\u212aim", 403),  # a sign for kelvin, whose small letter is a k
            ):
                claims = {"preferred_username": claim, "sub": f"s-{claim}"}
                answer = await back(client, *forger.code(await begin(client), claims))
                assert answer.status_code == status, claim

    async def test_one_that_lies_about_itself_or_is_gone_is_told(
        self, forger: Forger, settings: Settings, folders: Folders, url: str
    ) -> None:
        folders.write()
        settings = at_provider(settings, forger.issuer)
        wrong = {
            "issuer": "https://elsewhere.example",
            "token_endpoint": "http://elsewhere.example/token",
            "jwks_uri": "file:///etc/passwd",
        }
        async with serving(settings, url) as site, browser(site) as client:
            for name, value in wrong.items():
                right = forger.described[name]
                forger.described[name] = value
                assert (await client.get("/sign-in/provider")).status_code == 403
                forger.described[name] = right
        gone = at_provider(settings, f"http://127.0.0.1:{free_port()}")
        async with serving(gone, url, people=False) as site, browser(site) as client:
            answer = await client.get("/sign-in/provider")
            assert (answer.status_code, "does not answer" in answer.text) == (403, True)

    async def test_without_one_set_up_there_is_none(self, site: Site) -> None:
        async with browser(site) as client:
            assert "organisation" not in (await client.get("/sign-in")).text
            for path in ("/sign-in/provider", "/sign-in/back?code=a&state=b"):
                assert (await client.get(path)).status_code == 403
