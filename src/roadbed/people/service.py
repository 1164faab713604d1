"""Sessions, one-time links and API tokens: issue, verify, revoke."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from roadbed.audit.events import AuditEvent, record
from roadbed.kernel.clock import Clock
from roadbed.kernel.sentences import sentence
from roadbed.people.errors import (
    LinkSpentError,
    NotSignedInError,
    PersonInvalidError,
    SignInRefusedError,
    UnknownPersonError,
    UnknownTokenError,
)
from roadbed.people.model import How, Issued, Role, SignInProof
from roadbed.people.permissions import LINK_SECONDS, SCOPES, Viewer, reach
from roadbed.people.rows import HolderRow, Queries
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries

SQL = queries(Queries)
SESSION_SECONDS = 12 * 3600.0
_REMEMBER_SECONDS = 2.0  # a revoked token or role works this much longer at most
_MOST_REMEMBERED = 1000
_ID_LENGTH = 16
_CALLED = {"api": "token", "link": "link", "session": "session"}

Kind = Literal["session", "api"]


class People:
    """Issues and verifies secrets. Stores hashes only; a token is shown once."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        entropy: Callable[[int], bytes],
        *,
        idle_seconds: float = SESSION_SECONDS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._entropy = entropy
        self._idle_seconds = idle_seconds
        # Until when, whose, and whether it is still to be noted that the person is active.
        self._remembered: dict[tuple[str, Kind], tuple[float, Viewer, bool]] = {}

    async def issue_token(
        self,
        person: str,
        *,
        name: str = "",
        scopes: Sequence[str] | None = None,
        use_cases: Sequence[str] | None = None,
        days: float | None = None,
        by: str | None = None,
        session: str | None = None,
    ) -> str:
        """A new API token of ``person``; without ``days`` it does not expire.

        ``scopes`` and ``use_cases`` limit it. ``session`` is the id of the session that creates it.
        Raises ``UnknownPersonError``, ``PersonInvalidError``, ``NotSignedInError`` if that session
        has ended.
        """
        if unknown := set(scopes or ()) - set(SCOPES):
            raise PersonInvalidError(
                sentence("%(unknown)r is no scope.", unknown=", ".join(sorted(unknown))[:100]),
                sentence("The scopes are %(scopes)s.", scopes=", ".join(SCOPES)),
            )
        return await self._issue(
            "api",
            person,
            None if days is None else days * 86_400.0,
            label=name[:100],
            scopes=list(scopes) if scopes else None,
            use_cases=list(use_cases) if use_cases else None,
            by=by or person,
            descends=session,
        )

    async def issue_link_code(
        self, person: str, *, by: str | None = None, session: str | None = None
    ) -> str:
        """The code of a one-time sign-in link of 15 minutes.

        Raises ``UnknownPersonError``, ``NotSignedInError`` if ``session`` has ended.
        """
        return await self._issue("link", person, LINK_SECONDS, by=by or person, descends=session)

    async def whose_link(self, code: str) -> str:
        """The person of a link. Raises ``LinkSpentError``."""
        row = await self._database.fetch_one(SQL["whose"], {"hash": hashed(code)})
        if row is None:
            raise LinkSpentError
        name: str = row["person"]
        return name

    async def spend_link(self, code: str) -> SignInProof:
        """Use a link once; return whom it admits. Raises ``LinkSpentError``."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(SQL["spend"], {"hash": hashed(code)})
            row = await cursor.fetchone()
            if row is None:
                raise LinkSpentError
            name: str = row["person"]
            detail = {"link": _id(code), "made_by": row["created_by"]}
            await note(connection, "link used", name, name, detail)
        return SignInProof(person=name, how="link", link=code)

    async def open_session(
        self,
        proof: SignInProof,
        *,
        browser: str = "",
        instead_of: str | None = None,
    ) -> str:
        """A session of 12 hours, always with a new secret; ``instead_of`` ends. Gives its secret.

        What the person proved must still hold: raises ``UnknownPersonError`` if they were disabled
        meanwhile, ``SignInRefusedError`` if the password was changed, ``LinkSpentError`` if the
        link was revoked.
        """
        if instead_of:
            await self.close_session(instead_of)
        return await self._issue(
            "session",
            proof.person,
            SESSION_SECONDS,
            label=browser[:200],
            opened_by=proof.how,
            by=proof.person,
            descends=None if proof.link is None else _id(proof.link),
            password=proof.password,
        )

    async def close_session(self, secret: str) -> None:
        """Sign out."""
        facts = {"hash": hashed(secret), "kind": "session"}
        async with self._database.transaction() as connection:
            row = await (await connection.execute(SQL["revoke"], facts)).fetchone()
            if row is not None:
                person = row["person"]
                await note(connection, "session ended", person, person, {"session": row["id"]})
        self.forget()

    async def close_sessions(self, person: str, *, by: str, but: str | None = None) -> None:
        """Sign out everywhere; the session with the id ``but`` stays."""
        async with self._database.transaction() as connection:
            await end_sessions(connection, person, by=by, but=but)
        self.forget()

    async def close_all_sessions(self, *, by: str) -> int:
        """Sign everybody out and end every link; gives how many there were."""
        async with self._database.transaction() as connection:
            await connection.execute(SQL["lock_everybody"])
            ended = (await connection.execute(SQL["end_every_session"])).rowcount
            await note(connection, "everybody signed out", "sessions", by, {"ended": ended})
        self.forget()
        return ended

    async def issued(
        self, person: str | None, *, kinds: Sequence[Kind] = ("api",)
    ) -> Sequence[Issued]:
        """Tokens or sessions in force, newest first; ``None`` for everybody's."""
        facts = {"person": person, "kinds": list(kinds), "idle": self._idle_seconds}
        return [Issued(**row) for row in await self._database.fetch(SQL["issued"], facts)]

    async def revoke(self, token_id: str, *, person: str | None, by: str) -> None:
        """End a token or session by its id; of ``person``, if given. ``UnknownTokenError``."""
        facts = {"id": token_id, "person": person}
        async with self._database.transaction() as connection:
            row = await (await connection.execute(SQL["revoke_one"], facts)).fetchone()
            if row is None:
                raise UnknownTokenError(token_id)
            what = _CALLED[row["kind"]]
            await note(connection, f"{what} ended", row["person"], by, {what: row["id"]})
        self.forget()

    async def holder(self, kind: Kind, secret: str, *, awake: bool = True) -> Viewer:
        """The viewer of a token or session. Raises ``NotSignedInError``.

        ``awake`` says that a person acts, not a page that refreshes itself: an idle session ends.
        """
        key = (hashed(secret), kind)
        if (remembered := self._remembered.get(key)) is not None:
            until, viewer, untouched = remembered
            if self._clock.monotonic() < until and not (awake and untouched):
                return viewer
        facts = {"hash": key[0], "kind": kind, "idle": self._idle_seconds}
        row = await self._database.fetch_one(SQL["holder"], facts)
        if row is None:
            self._remembered.pop(key, None)
            raise NotSignedInError
        if row["stale"] and awake:
            await self._database.fetch(SQL["touch"], {"hash": key[0]})
        viewer = _viewer(row, kind)
        if len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.clear()
        until = self._clock.monotonic() + _REMEMBER_SECONDS
        self._remembered[key] = (until, viewer, row["stale"] and not awake)
        return viewer

    async def viewer(self, name: str) -> Viewer:
        """A person by name, as a viewer without a session; without roles where nobody has it."""
        row = await self._database.fetch_one(SQL["persons"], {"name": name})
        if row is None or row["disabled_at"] is not None:
            return Viewer(name=name)
        roles = {held: frozenset(map(Role, roles)) for held, roles in row["roles"].items()}
        return Viewer(name=name, admin=row["admin"], roles=roles)

    async def roles(self, person: str, use_case: str) -> frozenset[Role]:
        """The roles of ``person`` in ``use_case`` now, declared by its folder or granted.

        Empty for unknown and disabled people. A declared role counts if an administrator created or
        confirmed the person.
        """
        facts = {"person": person, "use_case": use_case}
        rows = await self._database.fetch(SQL["roles"], facts)
        return frozenset(Role(row["role"]) for row in rows)

    def forget(self) -> None:
        """Drop the cache after a change in this process."""
        self._remembered.clear()

    async def _issue(
        self,
        kind: str,
        person: str,
        seconds: float | None,
        *,
        label: str = "",
        scopes: list[str] | None = None,
        use_cases: list[str] | None = None,
        opened_by: How | None = None,
        by: str,
        descends: str | None = None,
        password: str | None = None,
    ) -> str:
        """``descends`` is the id of the link or session that it comes from.

        The person is locked while it is made. So what ends a person's sessions either sees this
        one, or was there before it and is seen here.
        """
        secret = f"rb_{kind}_{self._entropy(32).hex()}"
        facts = {
            "hash": hashed(secret),
            "person": person,
            "kind": kind,
            "seconds": seconds,
            "label": label.replace("\0", ""),
            "scopes": scopes,
            "use_cases": use_cases,
            "by": by,
            "opened_by": opened_by,
            "descends": descends,
        }
        async with self._database.transaction() as connection:
            holder = await (await connection.execute(SQL["admit"], facts)).fetchone()
            if holder is None:
                raise UnknownPersonError(person)
            if opened_by == "password" and holder["password"] != password:
                raise SignInRefusedError
            parent = await connection.execute(SQL["in_force"], facts)
            if descends is not None and await parent.fetchone() is None:
                raise LinkSpentError if kind == "session" else NotSignedInError
            row = await (await connection.execute(SQL["issue"], facts)).fetchone()
            if row is None:
                raise UnknownPersonError(person)
            what = _CALLED[kind]
            detail = {what: _id(secret), "from": descends, "let_in_by": row["let_in_by"]}
            if opened_by is not None:
                detail["how"] = opened_by
            done = "signed in" if kind == "session" else f"{what} made"
            await note(connection, done, person, by, detail)
        return secret


async def note(
    connection: Connection,
    kind: str,
    person: str,
    by: str,
    detail: Mapping[str, object],
    use_case: str | None = None,
) -> None:
    """Write an audit entry in the transaction of the change."""
    event = AuditEvent(use_case=use_case, kind=kind, subject=person, actor=by, detail=detail)
    await record(connection, event)


async def end_sessions(
    connection: Connection, person: str, *, by: str, but: str | None = None
) -> None:
    """End every session and open link of a person but the one with the id ``but``."""
    await connection.execute(SQL["lock_person"], {"person": person})
    cursor = await connection.execute(SQL["revoke_sessions"], {"person": person, "but": but})
    if ended := [row["id"] for row in await cursor.fetchall()]:
        await note(connection, "sessions ended", person, by, {"sessions": ended})


def hashed(secret: str) -> str:
    """The hash of a secret. With 256 random bits a plain hash is safe."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _id(secret: str) -> str:
    """The public id of a token, link or session."""
    return hashed(secret)[:_ID_LENGTH]


def _viewer(row: HolderRow, kind: Kind) -> Viewer:
    return Viewer(
        name=row["name"],
        admin=row["admin"],
        roles={name: frozenset(map(Role, roles)) for name, roles in row["roles"].items()},
        scopes=reach(row["scopes"]) if kind == "api" else None,
        use_cases=None if row["use_cases"] is None else frozenset(row["use_cases"]),
        session=row["id"] if kind == "session" else None,
        let_in_by=row["let_in_by"],
        let_in_until=row["let_in_until"],
    )
