"""Members: people and their roles. Every change is audited."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from roadbed.kernel.sentences import sentence
from roadbed.people import permissions
from roadbed.people.errors import (
    LastAdminError,
    PersonExistsError,
    PersonInvalidError,
    UnknownPersonError,
)
from roadbed.people.model import HeldRole, Person, Role, Unbound
from roadbed.people.service import SQL, People, note
from roadbed.storage.database import Connection, Database


class Members:
    """Stores people and their roles in use cases."""

    def __init__(self, database: Database, people: People) -> None:
        self._database = database
        self._people = people

    async def list(self) -> Sequence[Person]:
        """All people by name, disabled ones last."""
        return [Person(**row) for row in await self._database.fetch(SQL["persons"], {"name": None})]

    async def get(self, name: str) -> Person:
        """One person. Raises ``UnknownPersonError``."""
        row = await self._database.fetch_one(SQL["persons"], {"name": name})
        if row is None:
            raise UnknownPersonError(name)
        return Person(**row)

    async def held(
        self, *, use_case: str | None = None, person: str | None = None
    ) -> Sequence[HeldRole]:
        """The roles held in a use case, by a person, or both; those of the pod first."""
        facts = {"use_case": use_case, "person": person}
        return [HeldRole(**row) for row in await self._database.fetch(SQL["members"], facts)]

    async def use_cases(self) -> Sequence[str]:
        """Every use case in which a role can be held, served here or not."""
        return [row["name"] for row in await self._database.fetch(SQL["use_case_names"])]

    async def add(
        self,
        name: str,
        *,
        by: str,
        display: str = "",
        email: str | None = None,
        admin: bool = False,
        confirmed: bool = True,
    ) -> Person:
        """Add a person without roles; ``confirmed`` if an administrator adds them.

        Raises ``PersonInvalidError``, ``PersonExistsError``.
        """
        if not permissions.is_name(name) or name in permissions.RESERVED:
            raise PersonInvalidError(
                sentence("%(name)r cannot be a person's name here.", name=name[:80]),
                sentence(
                    "Use at most 64 of a to z, 0 to 9, and inside '.', '_' and '-'; not roadbed."
                ),
            )
        if email is not None and ("@" not in email or len(email) > 254 or "\0" in email):
            raise PersonInvalidError(
                sentence("%(email)r is no e-mail address.", email=email[:80]),
                sentence("Give name@domain."),
            )
        facts = {
            "name": name,
            "display": display[:100].replace("\0", ""),
            "email": email or None,
            "admin": admin,
            "confirmed": confirmed,
            "by": by,
        }
        async with self._database.transaction() as connection:
            if not await (await connection.execute(SQL["add"], facts)).fetchone():
                raise PersonExistsError(name)
            detail = {"admin": admin, "confirmed": confirmed}
            await note(connection, "person added", name, by, detail)
        return await self.get(name)

    async def add_first(self, name: str) -> str | None:
        """Create an administrator if there is none; return the name, or ``None``."""
        async with self._database.transaction() as connection:
            await connection.execute(SQL["first_lock"])
            facts = {"name": permissions.as_name(name)}
            row = await (await connection.execute(SQL["first"], facts)).fetchone()
            if row is None:
                return None
            await note(connection, "person added", row["name"], "roadbed", {"admin": True})
        made: str = row["name"]
        return made

    async def grant(self, person: str, use_case: str, role: str, *, by: str) -> None:
        """Grant a role. Raises ``UnknownPersonError``, ``PersonInvalidError``."""
        await self.get(person)
        facts = {"person": person, "use_case": use_case, "role": _role(role), "by": by}
        async with self._database.transaction() as connection:
            if not await (await connection.execute(SQL["is_use_case"], facts)).fetchone():
                raise PersonInvalidError(
                    sentence(
                        "The database knows no use case %(use_case)r.", use_case=use_case[:80]
                    ),
                    sentence("Start it once with `roadbed serve`; names are case-sensitive."),
                )
            cursor = await connection.execute(SQL["grant"], facts)
            if cursor.rowcount:
                await note(connection, "role granted", person, by, {"role": role}, use_case)
        self._people.forget()

    async def revoke(self, person: str, use_case: str, role: str, *, by: str) -> None:
        """Revoke a granted role. Raises ``PersonInvalidError``, also for a declared one."""
        facts = {"person": person, "use_case": use_case, "role": _role(role), "by": by}
        async with self._database.transaction() as connection:
            if not await (await connection.execute(SQL["revoke_role"], facts)).fetchone():
                raise PersonInvalidError(
                    sentence(
                        "%(person)s was not given the role %(role)r in %(use_case)r.",
                        person=person[:80],
                        role=role,
                        use_case=use_case[:80],
                    ),
                    sentence(
                        "A role that the folder's pod declares is changed there; `roadbed "
                        "user show %(person)s` tells which is which.",
                        person=person[:80],
                    ),
                )
            await note(connection, "role revoked", person, by, {"role": role}, use_case)
        self._people.forget()

    async def confirm(self, person: str, *, by: str) -> None:
        """Confirm that folders mean this person by the name. Raises ``UnknownPersonError``."""
        await self.get(person)
        async with self._database.transaction() as connection:
            facts = {"person": person, "by": by}
            if await (await connection.execute(SQL["confirm"], facts)).fetchone():
                await note(connection, "person confirmed", person, by, {})
        self._people.forget()

    async def unbound(self) -> Sequence[Unbound]:
        """Declared names without an account or without confirmation."""
        return [Unbound(**row) for row in await self._database.fetch(SQL["unbound"])]

    async def disable(self, person: str, *, by: str) -> None:
        """Disable a person; sessions, links and tokens end. Raises ``LastAdminError``."""
        await self.get(person)
        async with self._database.transaction() as connection:
            await connection.execute(SQL["first_lock"])
            # Of anybody: they may have become an administrator, or the only one, just now.
            await self._leaves_an_admin(connection, person)
            await connection.execute(SQL["disable"], {"person": person})
            cursor = await connection.execute(SQL["end_all"], {"person": person})
            ended = [row["id"] for row in await cursor.fetchall()]
            await note(connection, "person disabled", person, by, {"ended": ended})
        self._people.forget()

    async def enable(self, person: str, *, by: str) -> None:
        """Enable a person with the previous roles; tokens have to be issued again."""
        await self.get(person)
        async with self._database.transaction() as connection:
            await connection.execute(SQL["enable"], {"person": person})
            await note(connection, "person enabled", person, by, {})

    async def make_admin(self, person: str, *, admin: bool, by: str) -> None:
        """Make a person an administrator (and confirmed), or end that.

        Raises ``LastAdminError``.
        """
        await self.get(person)
        async with self._database.transaction() as connection:
            await connection.execute(SQL["first_lock"])
            if not admin:
                await self._leaves_an_admin(connection, person)
            facts = {"person": person, "admin": admin, "by": by}
            await connection.execute(SQL["make_admin"], facts)
            await note(connection, "administrator", person, by, {"admin": admin})
        self._people.forget()

    async def is_admin(self, connection: Connection, name: str) -> bool:
        """Whether ``name`` is an enabled administrator; true while there is none at all."""
        row = await (await connection.execute(SQL["is_admin"], {"person": name})).fetchone()
        return row is not None and bool(row["admin"])

    async def after_restore(
        self,
        connection: Connection,
        *,
        disabled: Collection[str],
        demoted: Collection[str],
        roles: Collection[tuple[str, str, str]],
        tokens: Sequence[str],
        passwords: Collection[str],
        by: str,
    ) -> dict[str, int]:
        """Revoke again what was revoked after the backup was made; return the number.

        People are named by ``audit.irrevocable.person_hash``, tokens by their ids, ``roles`` by
        person, use case and role. Everybody is signed out.
        """
        await connection.execute(SQL["lock_everybody"])
        await connection.execute(SQL["end_every_session"])
        cursor = await connection.execute(SQL["hashed_persons"])
        names = {row["hash"]: row["name"] for row in await cursor.fetchall()}
        counts = dict.fromkeys(("people", "roles", "passwords"), 0)
        for name in [names[item] for item in disabled if item in names]:
            await connection.execute(SQL["disable"], {"person": name})
            await connection.execute(SQL["end_all"], {"person": name})
            await note(connection, "person disabled", name, by, {})
            counts["people"] += 1
        for name in [names[entry] for entry in demoted if entry in names]:
            await connection.execute(SQL["make_admin"], {"person": name, "admin": False, "by": by})
            await note(connection, "administrator", name, by, {"admin": False})
            counts["people"] += 1
        for person, use_case, role in roles:
            if person in names:
                facts = {"person": names[person], "use_case": use_case, "role": role, "by": by}
                await connection.execute(SQL["revoke_role"], facts)
                await note(connection, "role revoked", names[person], by, {"role": role}, use_case)
                counts["roles"] += 1
        for name in [names[password] for password in passwords if password in names]:
            await connection.execute(SQL["forget_password"], {"person": name})
            await note(connection, "password set", name, by, {})
            counts["passwords"] += 1
        revoked = await connection.execute(SQL["end_tokens_again"], {"ids": list(tokens)})
        ended = await revoked.fetchall()
        for token in ended:
            await note(connection, "token ended", token["person"], by, {"token": token["id"]})
        self._people.forget()
        return {**counts, "tokens": len(ended)}

    async def _leaves_an_admin(self, connection: Connection, person: str) -> None:
        cursor = await connection.execute(SQL["admins_left"], {"person": person})
        row = await cursor.fetchone()
        if row is not None and row["one"] and row["n"] == 0:
            raise LastAdminError(person)


def _role(role: str) -> str:
    if role not in set(Role):
        raise PersonInvalidError(
            sentence("%(role)r is no role.", role=role[:40]),
            sentence("The roles are %(roles)s.", roles=", ".join(item.value for item in Role)),
        )
    return role
