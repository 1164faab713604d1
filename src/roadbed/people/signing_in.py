"""Verbs: sign in by password or at an identity provider, set a password."""

from __future__ import annotations

from dataclasses import asdict

from psycopg.types.json import Jsonb

from roadbed.kernel.clock import Clock
from roadbed.people import browsers, rules
from roadbed.people.errors import (
    NotInvitedError,
    PasswordError,
    SignInRefusedError,
    UnknownPersonError,
)
from roadbed.people.limits import Limit
from roadbed.people.members import Members
from roadbed.people.model import Identity
from roadbed.people.passwords import Passwords
from roadbed.people.rules import Viewer
from roadbed.people.service import SQL, People
from roadbed.storage.database import Database, Row


class SigningIn:
    """Finds out who somebody is. What it gives is a person's name; a session is opened with it."""

    def __init__(
        self, database: Database, clock: Clock, people: People, members: Members, *, creates: bool
    ) -> None:
        self._database = database
        self._clock = clock
        self._people = people
        self._members = members
        self._creates = creates
        self._passwords = Passwords()
        self._of_account = Limit(clock, most=10, seconds=60.0)
        self._of_browser = Limit(clock, most=10, seconds=60.0)
        self._of_address = Limit(clock, most=30, seconds=10.0)

    def knock(self, address: str) -> None:
        """Count an attempt from this address. Raises ``TooManyRequestsError``."""
        self._of_address.spend(address)

    async def by_password(self, name: str, password: str, *, address: str, known: str = "") -> str:
        """The person's name. Raises ``SignInRefusedError``, ``TooManyRequestsError``.

        An account that does not exist, has no password or is disabled answers like a wrong
        password, as late, and runs into the same limit. ``known`` is what ``known_browser`` gave
        this browser before: it has a limit of its own, which strangers cannot use up.
        """
        self.knock(address)
        row = await self._database.fetch_one(SQL["password"], {"name": name.replace("\0", "")})
        kept: str | None = row["password"] if row else None
        if browsers.knows(name, kept, known, self._clock.now()):
            self._of_browser.spend(known)
        else:
            self._of_account.spend(name[: rules.LONGEST_PASSWORD])
        tried = password if len(password) <= rules.LONGEST_PASSWORD else ""
        if not await self._passwords.fits(kept, tried):
            raise SignInRefusedError
        if kept and self._passwords.is_old(kept):
            await self._keep(name, password, changed=False)
        return name

    async def known_browser(self, name: str) -> str | None:
        """What a browser may keep in which ``name`` has signed in; ``None`` without a password."""
        row = await self._database.fetch_one(SQL["password"], {"name": name})
        kept: str | None = row["password"] if row else None
        return browsers.mark(name, kept, self._clock.now()) if kept else None

    async def set_password(self, name: str, password: str) -> None:
        """A new password; every session ends. Raises ``PasswordError``, ``UnknownPersonError``."""
        self._judge(name, password)
        await self._keep(name, password)
        await self._people.close_sessions(name)

    async def change_password(self, viewer: Viewer, current: str, password: str) -> None:
        """One's own; every other session ends.

        The current one is asked for, unless there is none or the session was opened by a one-time
        link just now. Raises ``SignInRefusedError``, ``PasswordError``, ``TooManyRequestsError``.
        """
        self._of_account.spend(viewer.name)
        facts = {"id": viewer.session, "person": viewer.name}
        row = await self._database.fetch_one(SQL["opened"], facts)
        if row is None:
            raise SignInRefusedError
        fresh = rules.fresh_from_link(row["opened_by"], row["created_at"], self._clock.now())
        asked = row["password"] is not None and not fresh
        if asked and not await self._passwords.fits(row["password"], current):
            raise SignInRefusedError
        self._judge(viewer.name, password)
        await self._keep(viewer.name, password)
        await self._people.close_sessions(viewer.name, but=viewer.session)

    async def by_identity(self, identity: Identity) -> str:
        """The person behind an identity, linked to it from then on. Raises ``NotInvitedError``."""
        row = await self._database.fetch_one(SQL["identity"], asdict(identity))
        if row is None:
            row = await self._by_claim(identity)
            if row is not None and not row["closed"]:
                await self._link(identity, row["name"])
        if row is not None and not row["closed"]:
            found: str = row["name"]
            return found
        if row is not None or not self._creates:
            raise NotInvitedError
        return await self._invite(identity)

    async def _by_claim(self, identity: Identity) -> Row | None:
        if identity.name is not None:
            return await self._database.fetch_one(SQL["by_name"], asdict(identity))
        if identity.email is not None:
            return await self._database.fetch_one(SQL["by_email"], asdict(identity))
        return None

    async def _invite(self, identity: Identity) -> str:
        """Somebody new, without a role, under a name that means nobody yet."""
        taken = {row["name"] for row in await self._database.fetch(SQL["names_taken"])}
        made = await self._members.add(
            rules.free_name(rules.as_name(identity.name or identity.nick), taken),
            by="identity provider",
            display=identity.display,
            email=identity.email if identity.name is None else None,
        )
        await self._link(identity, made.name)
        return made.name

    async def _link(self, identity: Identity, person: str) -> None:
        facts = {**asdict(identity), "person": person}
        await self._database.fetch(SQL["link_identity"], facts)

    def _judge(self, name: str, password: str) -> None:
        if why := rules.password_problem(password, name):
            raise PasswordError(why)

    async def _keep(self, name: str, password: str, *, changed: bool = True) -> None:
        facts = {"name": name, "password": await self._passwords.hash(password)}
        async with self._database.transaction() as connection:
            if not await (await connection.execute(SQL["set_password"], facts)).fetchone():
                raise UnknownPersonError(name)
            if changed:
                note = {"use_case": None, "kind": "password changed", "subject": name}
                await connection.execute(SQL["note"], {**note, "actor": name, "detail": Jsonb({})})
