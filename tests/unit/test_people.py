"""People on a real database: accounts, roles, disabled people, upgrades."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config

from roadbed.app import App
from roadbed.kernel.errors import RoadbedError
from roadbed.people.errors import (
    LastAdminError,
    LinkSpentError,
    NotSignedInError,
    PersonExistsError,
    PersonInvalidError,
    SignInRefusedError,
    TooManyRequestsError,
    UnknownPersonError,
    UnknownTokenError,
)
from roadbed.people.model import Role, SignInProof
from roadbed.people.passwords import Passwords
from roadbed.people.service import SQL, hashed
from roadbed.storage import migrations
from roadbed.storage.database import with_schema
from roadbed.storage.embedded import EmbeddedServer
from tests.databases import empty_database


async def test_token_holders_become_administrators(
    server: EmbeddedServer,
) -> None:
    with empty_database(server) as url:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.attributes["url"] = with_schema(url)
        with psycopg.connect(with_schema(url), autocommit=True) as connection:
            connection.execute("CREATE SCHEMA roadbed")
            await asyncio.to_thread(command.upgrade, config, "0004")
            connection.execute(
                "INSERT INTO token (hash, person, kind) VALUES "
                "('a', 'ana', 'api'), ('b', 'ana', 'session'), ('c', 'The Shop', 'api')"
            )
            await asyncio.to_thread(command.upgrade, config, "head")
            rows = connection.execute("SELECT name, admin FROM person ORDER BY name").fetchall()
            kept = connection.execute("SELECT count(*) FROM token").fetchone()
    assert rows == [("The Shop", True), ("ana", True)]
    assert kept == (3,)


class TestRoles:
    async def test_come_from_the_folder_and_from_grants(self, app: App) -> None:
        for name in ("ana", "rae"):
            await app.members.add(name, by="test")
        assert await app.people.roles("ana", "triage") == {Role.DOMAIN_LEAD}
        assert await app.people.roles("rae", "triage") == set()
        await app.members.grant("rae", "triage", "reviewer", by="ana")
        await app.members.grant("rae", "triage", "reviewer", by="ana")
        await app.members.grant("ana", "triage", "reviewer", by="ana")
        assert await app.people.roles("rae", "triage") == {Role.REVIEWER}
        assert await app.people.roles("ana", "triage") == {Role.DOMAIN_LEAD, Role.REVIEWER}
        assert await app.people.roles("ana", "elsewhere") == set()
        assert await app.people.roles("nobody", "triage") == set()
        # The pod names ben, but there is no account of this name.
        assert await app.people.roles("ben", "triage") == set()
        held = await app.members.held(use_case="triage")
        assert [(item.person, item.declared, item.known) for item in held] == [
            ("chi", True, False),
            ("ana", True, True),
            ("ben", True, False),
            ("dev", True, False),
            ("ana", False, True),
            ("rae", False, True),
        ]
        await app.members.revoke("rae", "triage", "reviewer", by="ana")
        assert await app.people.roles("rae", "triage") == set()
        noted = await app.database.fetch(
            "SELECT kind, actor, use_case FROM audit_entry WHERE subject = 'rae' ORDER BY position"
        )
        assert [tuple(row.values()) for row in noted] == [
            ("person added", "test", None),
            ("role granted", "ana", "triage"),
            ("role revoked", "ana", "triage"),
        ]

    async def test_that_cannot_be_are_refused(self, app: App) -> None:
        await app.members.add("ana", by="test")
        for person, use_case, role, error in (
            ("nobody", "triage", "reviewer", UnknownPersonError),
            ("ana", "nowhere", "reviewer", PersonInvalidError),
            ("ana", "triage", "emperor", PersonInvalidError),
        ):
            with pytest.raises(error):
                await app.members.grant(person, use_case, role, by="test")
        with pytest.raises(PersonInvalidError, match="folder's pod"):
            await app.members.revoke("ana", "triage", "domain_lead", by="test")

    async def test_end_when_a_person_is_kept_out_and_come_back(self, app: App) -> None:
        await app.members.add("boss", by="test", admin=True)
        await app.members.add("ana", by="test")
        token = await app.people.issue_token("ana")
        session = await app.people.open_session(SignInProof(person="ana", how="link"))
        link = await app.people.issue_link_code("ana")
        assert (await app.people.holder("api", token)).name == "ana"
        await app.members.disable("ana", by="boss")
        for kind, secret in (("api", token), ("session", session)):
            with pytest.raises(NotSignedInError):
                await app.people.holder(kind, secret)  # type: ignore[arg-type]
        with pytest.raises(LinkSpentError):
            await app.people.spend_link(link)
        with pytest.raises(UnknownPersonError):
            await app.people.issue_token("ana")
        assert await app.people.roles("ana", "triage") == set()
        await app.members.enable("ana", by="boss")
        assert await app.people.roles("ana", "triage") == {Role.DOMAIN_LEAD}
        with pytest.raises(NotSignedInError):
            await app.people.holder("api", token)


class TestPersons:
    @pytest.mark.parametrize(
        ("name", "more", "error"),
        [
            ("Ana", {}, PersonInvalidError),
            ("", {}, PersonInvalidError),
            ("a b", {}, PersonInvalidError),
            ("-a", {}, PersonInvalidError),
            ("a" * 65, {}, PersonInvalidError),
            ("ben", {"email": "no address"}, PersonInvalidError),
            ("ana", {}, PersonExistsError),
            ("ben", {"email": "ANA@example.org"}, PersonExistsError),
        ],
    )
    async def test_that_cannot_be_are_refused(
        self, app: App, name: str, more: dict[str, str], error: type[RoadbedError]
    ) -> None:
        await app.members.add("ana", by="test", email="ana@example.org")
        with pytest.raises(error):
            await app.members.add(name, by="test", **more)  # type: ignore[arg-type]
        assert [item.name for item in await app.members.list()] == ["ana"]

    async def test_the_first_administrator_is_created_once(self, app: App) -> None:
        made = await asyncio.gather(*(app.members.add_first("Root User") for _ in range(5)))
        assert sorted(map(str, made)) == ["None"] * 4 + ["root-user"]
        assert (await app.members.get("root-user")).admin

    async def test_the_first_is_made_of_who_is_there_but_not_of_who_is_kept_out(
        self, app: App
    ) -> None:
        await app.members.add("root", by="test")
        await app.members.disable("root", by="test")
        assert await app.members.add_first("root") is None
        await app.members.enable("root", by="test")
        assert await app.members.add_first("root") == "root"

    async def test_the_last_administrator_stays(self, app: App) -> None:
        await app.members.add("one", by="test", admin=True)
        with pytest.raises(LastAdminError):
            await app.members.disable("one", by="one")
        with pytest.raises(LastAdminError):
            await app.members.make_admin("one", admin=False, by="one")
        await app.members.add("two", by="test")
        await app.members.make_admin("two", admin=True, by="one")
        await app.members.disable("one", by="two")
        with pytest.raises(LastAdminError):
            await app.members.make_admin("two", admin=False, by="two")
        with pytest.raises(UnknownPersonError):
            await app.members.disable("nobody", by="two")

    async def test_whoever_becomes_the_last_administrator_just_now_stays(self, app: App) -> None:
        await app.members.add("one", by="test", admin=True)
        await app.members.add("two", by="test")
        async with app.database.transaction() as connection:
            await connection.execute(SQL["first_lock"])
            disabling = asyncio.create_task(app.members.disable("two", by="one"))
            await _waits_for_a_lock(app)
            for name, admin in (("two", True), ("one", False)):
                facts = {"person": name, "admin": admin, "by": "two"}
                await connection.execute(SQL["make_admin"], facts)
        with pytest.raises(LastAdminError):
            await disabling
        assert (await app.members.get("two")).disabled_at is None


async def _waits_for_a_lock(app: App) -> None:
    asked = "SELECT pid FROM pg_locks WHERE NOT granted"
    while not await app.database.fetch(asked):  # noqa: ASYNC110 - the database tells nobody
        await asyncio.sleep(0.02)


class TestTokens:
    async def test_are_kept_as_hashes_and_end_when_their_time_is_over(self, app: App) -> None:
        await app.members.add("ana", by="test")
        token = await app.people.issue_token(
            "ana", name="nightly", scopes=["read"], use_cases=["triage"], days=1, by="boss"
        )
        [kept] = await app.database.fetch("SELECT * FROM token")
        assert token not in str(kept)
        [issued] = await app.people.issued("ana")
        assert (issued.name, issued.scopes, issued.created_by) == ("nightly", ["read"], "boss")
        assert issued.id == hashed(token)[:16]
        viewer = await app.people.holder("api", token)
        assert viewer.visible(["triage", "other"]) == ["triage"]
        await app.database.fetch("UPDATE token SET expires_at = now() - interval '1 s'")
        app.people.forget()
        with pytest.raises(NotSignedInError):
            await app.people.holder("api", token)
        assert await app.people.issued("ana") == []

    async def test_are_revoked_by_their_id(self, app: App) -> None:
        await app.members.add("ana", by="test")
        token = await app.people.issue_token("ana")
        with pytest.raises(UnknownTokenError):
            await app.people.revoke(hashed(token)[:16], person="ben", by="boss")
        await app.people.revoke(hashed(token)[:16], person="ana", by="ana")
        with pytest.raises(NotSignedInError):
            await app.people.holder("api", token)
        with pytest.raises(UnknownTokenError):
            await app.people.revoke(hashed(token)[:16], person=None, by="boss")

    async def test_with_a_scope_that_is_none_are_refused(self, app: App) -> None:
        await app.members.add("ana", by="test")
        with pytest.raises(PersonInvalidError, match="submit, read"):
            await app.people.issue_token("ana", scopes=["everything"])

    async def test_asking_often_asks_the_database_rarely(
        self, app: App, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await app.members.add("ana", by="test")
        token = await app.people.issue_token("ana")
        await app.people.holder("api", token)

        async def refused(*_: object) -> None:
            raise AssertionError("the database was asked")

        monkeypatch.setattr(app.database, "fetch_one", refused)
        monkeypatch.setattr(app.database, "fetch", refused)
        for _ in range(100):
            assert (await app.people.holder("api", token)).name == "ana"


async def test_a_password_made_with_weaker_settings_is_made_again(app: App) -> None:
    from argon2 import PasswordHasher

    await app.members.add("ana", by="test")
    weak = PasswordHasher(memory_cost=8_192, time_cost=1).hash("correct horse battery")
    await app.database.fetch("UPDATE person SET password = %(weak)s", {"weak": weak})
    proof = await app.signing_in.by_password("ana", "correct horse battery", address="::1")
    [row] = await app.database.fetch("SELECT password FROM person")
    assert proof == SignInProof(person="ana", how="password", password=row["password"])
    assert "m=65536" in row["password"]


class TestAnAddressAsName:
    async def test_leads_to_its_person(self, app: App) -> None:
        await app.members.add("ana", by="test", email="Ana.B@example.org")
        await app.signing_in.set_password("ana", "correct horse battery", by="ana")
        for typed in ("ana", "Ana.B@example.org", "ana.b@EXAMPLE.org"):
            sign_in = app.signing_in.by_password(typed, "correct horse battery", address="::1")
            assert (await sign_in).person == "ana"
        for typed in ("ben@example.org", "ana@", "@", "ben@example.org\0"):
            with pytest.raises(SignInRefusedError):
                await app.signing_in.by_password(typed, "correct horse battery", address="::1")

    async def test_has_no_attempts_of_its_own(self, app: App) -> None:
        await app.members.add("ana", by="test", email="ana@example.org")
        for number in range(10):
            with pytest.raises(SignInRefusedError):
                await app.signing_in.by_password("ana", "wrong", address=f"of {number}")
        with pytest.raises(TooManyRequestsError):
            await app.signing_in.by_password("ANA@example.org", "wrong", address="of 11")


async def test_what_is_no_hash_fits_no_password() -> None:
    passwords = Passwords()
    assert not await passwords.fits("no hash at all", "x")
    assert not await passwords.fits(None, "x")
    assert await passwords.fits(await passwords.hash("x"), "x")


class TestConfirmed:
    async def test_a_declared_name_counts_for_whom_an_administrator_confirmed(
        self, app: App
    ) -> None:
        await app.members.add("ana", by="identity provider", confirmed=False)
        await app.members.add("ben", by="boss")
        assert await app.people.roles("ana", "triage") == set()
        assert await app.people.roles("ben", "triage") == {Role.ENGINEER}
        token = await app.people.issue_token("ana")
        assert not (await app.people.holder("api", token)).sees("triage")
        unbound = await app.members.unbound()
        assert [(one.person, one.known) for one in unbound] == [
            ("chi", False),
            ("ana", True),
            ("dev", False),
        ]
        # What an administrator gives counts: it was given to this person, not to a name.
        await app.members.grant("ana", "triage", "viewer", by="boss")
        assert await app.people.roles("ana", "triage") == {Role.VIEWER}
        await app.members.confirm("ana", by="boss")
        await app.members.confirm("ana", by="boss")
        assert await app.people.roles("ana", "triage") == {Role.VIEWER, Role.DOMAIN_LEAD}
        assert (await app.people.holder("api", token)).sees("triage")
        kinds = [kind for kind, *_ in await noted(app, "ana")]
        assert kinds.count("person confirmed") == 1
        with pytest.raises(UnknownPersonError):
            await app.members.confirm("nobody", by="boss")

    async def test_nobody_becomes_the_first_administrator_by_its_login(self, app: App) -> None:
        await app.members.add("root", by="identity provider", confirmed=False)
        assert await app.members.add_first("root") is None
        await app.members.make_admin("root", admin=True, by="root")
        assert (await app.members.get("root")).confirmed_at is not None


async def noted(app: App, person: str) -> list[tuple[str, str, dict[str, object]]]:
    """The log's entries about a person: event, actor, detail."""
    rows = await app.database.fetch(
        "SELECT kind, actor, detail FROM audit_entry WHERE subject = %(person)s ORDER BY position",
        {"person": person},
    )
    return [(row["kind"], row["actor"], row["detail"]) for row in rows]


async def signed_in(app: App, password: str) -> str:
    """The secret of a session that ana's password opened."""
    return await app.people.open_session(
        await app.signing_in.by_password("ana", password, address="::1")
    )


class TestAuditEntries:
    """Every event of signing in is in the audit log, with who did it."""

    async def test_links_sessions_and_tokens(self, app: App) -> None:
        await app.members.add("ana", by="boss")
        code = await app.people.issue_link_code("ana", by="boss")
        session = await app.people.open_session(await app.people.spend_link(code))
        viewer = await app.people.holder("session", session)
        assert (viewer.let_in_by, viewer.session) == ("boss", hashed(session)[:16])
        token = await app.people.issue_token("ana", session=viewer.session)
        assert (await app.people.holder("api", token)).let_in_by == "boss"
        await app.people.revoke(hashed(token)[:16], person=None, by="boss")
        await app.people.close_session(session)
        link, opened, made = (hashed(item)[:16] for item in (code, session, token))
        assert await noted(app, "ana") == [
            ("person added", "boss", {"admin": False, "confirmed": True}),
            ("link made", "boss", {"link": link, "from": None, "let_in_by": "boss"}),
            ("link used", "ana", {"link": link, "made_by": "boss"}),
            (
                "signed in",
                "ana",
                {"session": opened, "from": link, "let_in_by": "boss", "how": "link"},
            ),
            ("token made", "ana", {"token": made, "from": opened, "let_in_by": "boss"}),
            ("token ended", "boss", {"token": made}),
            ("session ended", "ana", {"session": opened}),
        ]

    async def test_passwords_and_what_ends_with_them(self, app: App) -> None:
        await app.members.add("ana", by="boss")
        token = await app.people.issue_token("ana", name="the shop")
        session = await app.people.open_session(SignInProof(person="ana", how="oidc"))
        revoked = await app.signing_in.set_password("ana", "correct horse battery", by="boss")
        assert [(item.id, item.name) for item in revoked] == [(hashed(token)[:16], "the shop")]
        for kind, secret in (("api", token), ("session", session)):
            with pytest.raises(NotSignedInError):
                await app.people.holder(kind, secret)  # type: ignore[arg-type]
        assert (await noted(app, "ana"))[-2:] == [
            ("sessions ended", "boss", {"sessions": [hashed(session)[:16]]}),
            ("password set", "boss", {"tokens_revoked": [hashed(token)[:16]]}),
        ]
        opened = await signed_in(app, "correct horse battery")
        viewer = await app.people.holder("session", opened)
        assert viewer.let_in_by == "boss"
        await app.signing_in.change_password(viewer, "correct horse battery", "another one of hers")
        again = await signed_in(app, "another one of hers")
        assert (await app.people.holder("session", again)).let_in_by == "boss"
        await app.signing_in.set_password("ana", "this one is her own", by="ana")
        own = await signed_in(app, "this one is her own")
        assert (await app.people.holder("session", own)).let_in_by is None

    async def test_disabling_names_what_ended(self, app: App) -> None:
        await app.members.add("ana", by="boss")
        token = await app.people.issue_token("ana")
        await app.members.disable("ana", by="boss")
        await app.members.enable("ana", by="boss")
        assert (await noted(app, "ana"))[-2:] == [
            ("person disabled", "boss", {"ended": [hashed(token)[:16]]}),
            ("person enabled", "boss", {}),
        ]

    async def test_a_lock_out_once_and_only_of_people(self, app: App) -> None:
        await app.members.add("ana", by="boss")
        for name in ("ana", "a password by mistake"):
            for _ in range(13):
                with pytest.raises((SignInRefusedError, TooManyRequestsError)):
                    await app.signing_in.by_password(name, "", address=f"of {name}")
        assert [kind for kind, *_ in await noted(app, "ana")].count("sign-in locked") == 1
        assert await noted(app, "a password by mistake") == []


def test_a_login_never_has_the_name_of_what_nobody_did(monkeypatch: pytest.MonkeyPatch) -> None:
    from roadbed.cli import identity

    for login, name in (("roadbed", "roadbed-login"), ("Roadbed", "roadbed-login"), ("ana", "ana")):
        monkeypatch.setattr(identity, "login", lambda name=login: name)
        assert identity.me() == name


async def test_a_link_is_shown_on_a_terminal_alone(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    from roadbed.cli import server
    from roadbed.cli.identity import me
    from roadbed.people.permissions import as_name

    await app.members.add_first(me())
    assert "code=" not in await server._way_in(app, "http://here")
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    told = await server._way_in(app, "http://here")
    assert told.startswith("Sign in once: http://here/sign-in?code=")
    assert await app.people.whose_link(told.partition("code=")[2]) == as_name(me())


async def test_a_page_that_renews_itself_hides_no_act_of_its_reader(app: App) -> None:
    """The look of a stream is remembered; a person who acts meanwhile is active all the same."""
    await app.members.add("ann", by="test")
    secret = await app.people.open_session(SignInProof(person="ann", how="oidc"))
    await app.database.fetch("UPDATE token SET last_used_at = now() - interval '10 minutes'")
    await app.people.holder("session", secret, awake=False)
    await app.people.holder("session", secret)
    [row] = await app.database.fetch(
        "SELECT last_used_at > now() - interval '1 minute' AS active FROM token "
        "WHERE kind = 'session'"
    )
    assert row["active"]
