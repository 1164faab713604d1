"""Sign-in by password or identity provider, and changes of passwords."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from roadbed.kernel.clock import Clock
from roadbed.people import passwords, permissions
from roadbed.people.errors import (
    AddressNotVerifiedError,
    NotInvitedError,
    NotSignedInError,
    PasswordError,
    SignInRefusedError,
    TooManyRequestsError,
    UnknownPersonError,
)
from roadbed.people.members import Members
from roadbed.people.model import Identity, Issued, SignInProof
from roadbed.people.passwords import Passwords
from roadbed.people.permissions import Viewer
from roadbed.people.rate_limit import Limit
from roadbed.people.service import SQL, People, end_sessions, note
from roadbed.storage.database import Connection, Database, Row

_OWN = {"set_by": None, "set_at": None}
_LOCK_NOTED_SECONDS = 600.0


class SignIn:
    """Identifies people. The result is an ``SignInProof``, with which a session is opened."""

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
        self._of_session = Limit(clock, most=10, seconds=60.0)  # which strangers cannot use up
        self._of_address = Limit(clock, most=30, seconds=10.0)
        self._locked: dict[str, float] = {}  # of whom a lock-out was noted, until when it stays so

    def knock(self, address: str) -> None:
        """Count an attempt from this address. Raises ``TooManyRequestsError``."""
        self._of_address.spend(address)

    async def by_password(
        self, name: str, password: str, *, address: str, known: str = ""
    ) -> SignInProof:
        """Whom the password admits. Raises ``SignInRefusedError``, ``TooManyRequestsError``.

        An account that does not exist, has no password or is disabled answers like a wrong
        password, after the same time and with the same limit. ``known`` is what ``known_browser``
        gave this browser before: it has a limit of its own, which strangers cannot use up. A
        person's e-mail address stands for their name.
        """
        self.knock(address)
        name = await self._named(name)
        row = await self._database.fetch_one(SQL["password"], {"name": name.replace("\0", "")})
        kept: str | None = row["password"] if row else None
        if passwords.knows(name, kept, known, self._clock.now()):
            self._of_browser.spend(known)
        else:
            try:
                self._of_account.spend(name[: permissions.LONGEST_PASSWORD])
            except TooManyRequestsError:
                await self._note_lock_out(name, address)
                raise
        tried = password if len(password) <= permissions.LONGEST_PASSWORD else ""
        if not await self._passwords.fits(kept, tried) or row is None or kept is None:
            raise SignInRefusedError
        if self._passwords.is_old(kept):
            kept = await self._renewed(row["name"], kept, password)
        return SignInProof(person=row["name"], how="password", password=kept)

    async def known_browser(self, proof: SignInProof) -> str | None:
        """The mark for a browser in which somebody signed in; ``None`` without a password.

        A password that was replaced meanwhile makes no mark that counts.
        """
        kept, name = proof.password, proof.person
        if kept is None:
            row = await self._database.fetch_one(SQL["password"], {"name": name})
            kept = row["password"] if row else None
        return passwords.mark(name, kept, self._clock.now()) if kept else None

    async def set_password(self, name: str, password: str, *, by: str) -> Sequence[Issued]:
        """A new password; every session ends. Gives the tokens that were revoked with it.

        Raises ``PasswordError``, ``UnknownPersonError``.
        """
        self._judge(name, password)
        other = {"set_by": by, "set_at": self._clock.now()} if by != name else _OWN
        return await self._keep(name, password, other, by=by)

    async def change_password(
        self, viewer: Viewer, current: str, password: str
    ) -> Sequence[Issued]:
        """Change one's own password; all other sessions end. Returns the revoked tokens.

        The current one is asked for, unless there is none or the session was opened by a one-time
        link just now. Raises ``SignInRefusedError``, ``PasswordError``, ``TooManyRequestsError``,
        ``NotSignedInError`` if the session has ended.
        """
        self._of_session.spend(viewer.name)
        facts = {"id": viewer.session, "person": viewer.name}
        row = await self._database.fetch_one(SQL["opened"], facts)
        if row is None:
            raise NotSignedInError
        fresh = permissions.fresh_from_link(row["opened_by"], row["created_at"], self._clock.now())
        asked = row["password"] is not None and not fresh
        if asked and not await self._passwords.fits(row["password"], current):
            raise SignInRefusedError
        self._judge(viewer.name, password)
        # The person who issued the link or password may be the one who sets this password.
        other = {"set_by": row["let_in_by"], "set_at": row["let_in_at"]}
        return await self._keep(
            viewer.name, password, other, by=viewer.name, but=viewer.session, before=row["password"]
        )

    async def by_identity(self, identity: Identity) -> SignInProof:
        """The person behind an identity, linked to it from then on.

        Raises ``AddressNotVerifiedError``, ``NotInvitedError``.
        """
        row = await self._database.fetch_one(SQL["identity"], asdict(identity))
        if row is None:
            row = await self._by_claim(identity)
            if row is not None and not row["closed"]:
                row = await self._link(identity, row["name"])
            elif row is None and self._creates:
                row = await self._invite(identity)
        if row is not None and not row["closed"]:
            return SignInProof(person=row["name"], how="oidc")
        if row is None and identity.unverified is not None:
            raise AddressNotVerifiedError(identity.unverified)
        raise NotInvitedError(identity.email or identity.name or identity.nick)

    async def _named(self, typed: str) -> str:
        """The name of the person with an address; other text is returned unchanged."""
        if "@" not in typed:
            return typed
        row = await self._database.fetch_one(SQL["of_address"], {"email": typed.replace("\0", "")})
        return str(row["name"]) if row else typed

    async def _by_claim(self, identity: Identity) -> Row | None:
        if identity.name is not None:
            # Names are lower-case ASCII; other letters could be folded into them.
            name = identity.name.lower() if identity.name.isascii() else identity.name
            return await self._database.fetch_one(SQL["by_name"], asdict(identity) | {"name": name})
        if identity.email is not None:
            return await self._database.fetch_one(SQL["by_email"], asdict(identity))
        return None

    async def _renewed(self, name: str, kept: str, password: str) -> str:
        """The hash with current settings, in the place of ``kept`` if that is still there."""
        facts = {"name": name, "before": kept, "password": await self._passwords.hash(password)}
        row = await self._database.fetch_one(SQL["rehash"], facts)
        if row is None:  # by another sign-in at the same time, or the password is another now
            row = await self._database.fetch_one(SQL["password"], {"name": name})
            if row is None or not await self._passwords.fits(row["password"], password):
                raise SignInRefusedError
        return str(row["password"])

    async def _invite(self, identity: Identity) -> Row | None:
        """Add a person without a role, under a free name."""
        rows = await self._database.fetch(SQL["names_taken"])
        taken = permissions.RESERVED | {row["name"] for row in rows}
        made = await self._members.add(
            permissions.free_name(permissions.as_name(identity.name or identity.nick), taken),
            by="identity provider",
            display=identity.display,
            confirmed=False,
            email=identity.email if identity.name is None else None,
        )
        return await self._link(identity, made.name)

    async def _link(self, identity: Identity, person: str) -> Row | None:
        """The person linked to the identity, by this sign-in or by another at the same time.

        ``None`` if the person has another identity meanwhile.
        """
        facts = {**asdict(identity), "person": person}
        async with self._database.transaction() as connection:
            await connection.execute(SQL["lock_person"], facts)
            linked = await (await connection.execute(SQL["link_identity"], facts)).fetchone()
            if linked is not None:
                detail = {"issuer": identity.issuer, "subject": identity.subject}
                await note(connection, "identity linked", person, "identity provider", detail)
            return await (await connection.execute(SQL["identity"], facts)).fetchone()

    async def _note_lock_out(self, name: str, address: str) -> None:
        """Once for a while, and of people only: what else is typed there may be a password."""
        now = self._clock.monotonic()
        known = await self._database.fetch_one(SQL["persons"], {"name": name.replace("\0", "")})
        if known is None or now < self._locked.get(name, 0.0):
            return
        self._locked[name] = now + _LOCK_NOTED_SECONDS
        async with self._database.transaction() as connection:
            await note(connection, "sign-in locked", name, "roadbed", {"address": address})

    async def _still(
        self, connection: Connection, name: str, before: str | None, session: str
    ) -> None:
        """Lock the person. Raises if password or session ended while a password was hashed."""
        facts = {"name": name, "before": before, "descends": session, "by": name}
        if not await (await connection.execute(SQL["password_unchanged"], facts)).fetchone():
            raise SignInRefusedError
        if not await (await connection.execute(SQL["in_force"], facts)).fetchone():
            raise NotSignedInError

    def _judge(self, name: str, password: str) -> None:
        if why := permissions.password_problem(password, name):
            raise PasswordError(why)

    async def _keep(
        self,
        name: str,
        password: str,
        other: Mapping[str, object],
        *,
        by: str,
        but: str | None = None,
        before: str | None = None,
    ) -> Sequence[Issued]:
        """``other`` is who else may know it, since when. Gives the tokens that end with it.

        In the session ``but`` nobody sets it over another one than ``before``, which was compared.
        """
        facts = {"name": name, "password": await self._passwords.hash(password), **other}
        async with self._database.transaction() as connection:
            if but is not None:
                await self._still(connection, name, before, but)
            if not await (await connection.execute(SQL["set_password"], facts)).fetchone():
                raise UnknownPersonError(name)
            await end_sessions(connection, name, by=by, but=but)
            cursor = await connection.execute(SQL["revoke_tokens"], {"person": name})
            revoked = [Issued(**row) for row in await cursor.fetchall()]
            detail = {"tokens_revoked": [token.id for token in revoked]}
            await note(connection, "password set", name, by, detail)
        self._people.forget()
        return revoked
