"""What ends while somebody signs in, or is about to make something: it opens and makes nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from roadbed.app import App
from roadbed.people.errors import (
    NotInvitedError,
    NotSignedInError,
    SignInRefusedError,
    UnknownPersonError,
)
from roadbed.people.model import Identity, SignInProof
from roadbed.people.permissions import Viewer
from roadbed.people.service import People, hashed
from roadbed.storage.database import Row
from tests.conftest import Site

OLD, NEW = "correct horse battery", "another horse battery"


def client_of(site: Site) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=site.address, headers={"Origin": site.address})


def meanwhile(
    patch: pytest.MonkeyPatch, service: object, verb: str, happens: Callable[[], Awaitable[object]]
) -> None:
    """Let something happen just before ``verb`` is called."""
    called = getattr(service, verb)

    async def after(*facts: Any, **named: Any) -> Any:
        await happens()
        return await called(*facts, **named)

    patch.setattr(service, verb, after)


async def sessions(app: App) -> int:
    return len(await app.people.issued("ana", kinds=["session"]))


@pytest.mark.parametrize("again", [NEW, OLD])
async def test_a_password_that_is_replaced_opens_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    """Also if it is replaced by an equal one: whoever did so meant to end what was there."""
    signing_in = site.app.signing_in
    await signing_in.set_password("ana", OLD, by="ana")
    meanwhile(
        monkeypatch,
        site.app.people,
        "open_session",
        lambda: signing_in.set_password("ana", again, by="ana"),
    )
    async with client_of(site) as client:
        response = await client.post("/sign-in", data={"name": "ana", "password": OLD})
    assert (response.status_code, response.headers.get("set-cookie")) == (403, None)
    assert "Name or password is wrong" in response.text
    assert await sessions(site.app) == 0


async def test_a_link_that_is_revoked_opens_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = site.app.people
    code = await people.issue_link_code("ana")
    meanwhile(monkeypatch, people, "open_session", lambda: people.close_sessions("ana", by="ana"))
    async with client_of(site) as client:
        response = await client.post("/sign-in/link", data={"code": code})
    assert (response.status_code, response.headers.get("set-cookie")) == (403, None)
    assert await sessions(site.app) == 0


async def test_who_is_disabled_meanwhile_does_not_come_in(site: Site) -> None:
    app = site.app
    await app.members.add("boss", by="test", admin=True)
    proof = SignInProof(person="ana", how="oidc")
    await app.members.disable("ana", by="boss")
    with pytest.raises(UnknownPersonError):
        await app.people.open_session(proof)


async def test_a_change_under_way_is_waited_for(app: App) -> None:
    """The password is replaced, but not yet committed: the session is not made beside it."""
    await app.members.add("ana", by="test")
    await app.signing_in.set_password("ana", OLD, by="ana")
    proof = await app.signing_in.by_password("ana", OLD, address="::1")
    async with app.database.transaction() as connection:
        await connection.execute("UPDATE person SET password = 'another'")
        opening = asyncio.create_task(app.people.open_session(proof))
        while not await app.database.fetch("SELECT 1 FROM pg_locks WHERE NOT granted"):
            assert not opening.done()
            await asyncio.sleep(0.01)
    with pytest.raises(SignInRefusedError):
        await opening
    assert await sessions(app) == 0


class TestAnEndedSession:
    """Another process remembers it for two seconds. It makes nothing that lasts longer."""

    async def viewer(self, app: App) -> Viewer:
        for name in ("ana", "ben"):
            await app.members.add(name, by="test")
        opened = await app.people.open_session(SignInProof(person="ana", how="oidc"))
        viewer = await app.people.holder("session", opened)
        other = People(app.database, app.clock, os.urandom)
        await other.revoke(hashed(opened)[:16], person="ana", by="ana")
        return viewer

    async def test_makes_no_token_and_no_link(self, app: App) -> None:
        viewer = await self.viewer(app)
        with pytest.raises(NotSignedInError):
            await app.people.issue_token("ana", session=viewer.session)
        with pytest.raises(NotSignedInError):
            await app.people.issue_link_code("ben", by="ana", session=viewer.session)
        assert await app.database.fetch("SELECT 1 FROM token WHERE kind <> 'session'") == []

    async def test_sets_no_password(self, app: App) -> None:
        viewer = await self.viewer(app)
        with pytest.raises(NotSignedInError):
            await app.signing_in.change_password(viewer, "", NEW)
        assert not (await app.members.get("ana")).has_password

    async def test_sets_none_if_it_ends_while_the_password_is_hashed(
        self, app: App, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await app.members.add("ana", by="test")
        opened = await app.people.open_session(SignInProof(person="ana", how="oidc"))
        viewer = await app.people.holder("session", opened)
        meanwhile(
            monkeypatch,
            app.signing_in._passwords,
            "hash",
            lambda: app.people.close_sessions("ana", by="ana"),
        )
        with pytest.raises(NotSignedInError):
            await app.signing_in.change_password(viewer, "", NEW)
        assert not (await app.members.get("ana")).has_password


async def test_of_two_changes_of_one_password_the_second_is_refused(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    await app.members.add("ana", by="test")
    await app.signing_in.set_password("ana", OLD, by="ana")
    opened = await app.people.open_session(
        await app.signing_in.by_password("ana", OLD, address="::1")
    )
    viewer = await app.people.holder("session", opened)
    both_compared = asyncio.Barrier(2)
    hashes = app.signing_in._passwords.hash

    async def together(password: str) -> str:
        await both_compared.wait()
        return await hashes(password)

    monkeypatch.setattr(app.signing_in._passwords, "hash", together)
    changes = [app.signing_in.change_password(viewer, OLD, f"{NEW} {n}") for n in range(2)]
    ended = await asyncio.gather(*changes, return_exceptions=True)
    assert sorted(type(item).__name__ for item in ended) == ["SignInRefusedError", "list"]


def known_as(subject: str) -> Identity:
    return Identity(
        issuer="https://provider",
        subject=subject,
        name=None,
        email="ana@example.org",
        display="Ana",
        nick="ana",
    )


def wait_for_both(app: App, patch: pytest.MonkeyPatch) -> None:
    """Two sign-ins find the person of an address before either is linked to it."""
    both_found = asyncio.Barrier(2)
    by_claim = app.signing_in._by_claim

    async def together(identity: Identity) -> Row | None:
        row = await by_claim(identity)
        await both_found.wait()
        return row

    patch.setattr(app.signing_in, "_by_claim", together)


async def test_two_identities_at_once_do_not_become_one_person(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address was given to somebody else. Both come in for the first time at one moment."""
    await app.members.add("ana", by="test", email="ana@example.org")
    wait_for_both(app, monkeypatch)
    ended = await asyncio.gather(
        app.signing_in.by_identity(known_as("one")),
        app.signing_in.by_identity(known_as("two")),
        return_exceptions=True,
    )
    assert {type(item) for item in ended} == {SignInProof, NotInvitedError}
    assert len(await app.database.fetch("SELECT 1 FROM identity")) == 1


async def test_one_identity_in_two_windows_is_one_person(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    await app.members.add("ana", by="test", email="ana@example.org")
    wait_for_both(app, monkeypatch)
    identity = known_as("one")
    ended = await asyncio.gather(*(app.signing_in.by_identity(identity) for _ in range(2)))
    assert ended == [SignInProof(person="ana", how="oidc")] * 2
