"""Access groups: who may read which documents of a library."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from psycopg.errors import ForeignKeyViolation

from roadbed.audit.events import AuditEvent, record
from roadbed.audit.irrevocable_events import person_hash
from roadbed.kernel.clock import Clock
from roadbed.kernel.sentences import sentence
from roadbed.knowledge.errors import AccessGroupError
from roadbed.knowledge.rows import Queries
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries
from roadbed.usecases.library import Library

_SQL = queries(Queries)


def may_read(library: Library, path: str, group: str | None, groups: Collection[str]) -> bool:
    """Whether members of ``groups`` may read a document that is stored with ``group``.

    The declaration counts at once and the stored group until the next ingestion: where they
    differ, only members of both may read.
    """
    return all(needed is None or needed in groups for needed in (group, library.group_of(path)))


def is_limited(library: Library, groups: Collection[str]) -> bool:
    """Whether a library declares an access group that is not among ``groups``."""
    return not set(library.access.values()) <= set(groups)


class AccessGroups:
    """The members of access groups. Folders get their group from the declaration."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of(self, use_case: str, person: str) -> frozenset[str]:
        """The groups of a person in a use case."""
        facts = {"use_case": use_case, "person": person}
        rows = await self._database.fetch(_SQL["groups_of"], facts)
        return frozenset(row["access_group"] for row in rows)

    async def there(self, use_case: str) -> Mapping[str, frozenset[str]]:
        """The members of each group that has some, or that is stored with a document."""
        groups: dict[str, set[str]] = {}
        for row in await self._database.fetch(_SQL["groups_there"], {"use_case": use_case}):
            people = groups.setdefault(row["access_group"], set())
            if row["person"] is not None:
                people.add(row["person"])
        return {group: frozenset(people) for group, people in groups.items()}

    async def members(self, use_case: str) -> Mapping[str, Sequence[str]]:
        """The members of each group that has some."""
        members: dict[str, list[str]] = {}
        for row in await self._database.fetch(_SQL["members"], {"use_case": use_case}):
            members.setdefault(row["access_group"], []).append(row["person"])
        return members

    async def places(self, versions: Collection[str]) -> Mapping[str, tuple[str, str | None]]:
        """The path and the access group of the document of each version, by its id.

        Erased ones too: what an answer quotes of them is withheld as before.
        """
        rows = await self._database.fetch(_SQL["places_of"], {"versions": sorted(versions)})
        return {row["id"]: (row["path"], row["access_group"]) for row in rows}

    async def add(
        self, use_case: str, library: Library, group: str, person: str, *, by: str
    ) -> None:
        """Let a person read the documents of a group. Raises ``AccessGroupError``."""
        if group not in library.access.values():
            raise AccessGroupError(
                sentence("The library has no access group %(group)r.", group=group),
                sentence(
                    "It declares: %(groups)s.",
                    groups=", ".join(sorted(set(library.access.values()))) or "-",
                ),
            )
        facts = {"use_case": use_case, "access_group": group, "person": person, "by": by}
        try:
            async with self._database.transaction() as connection:
                cursor = await connection.execute(
                    _SQL["add_member"], {**facts, "at": self._clock.now()}
                )
                if cursor.rowcount:
                    await record(connection, _event("access given", facts))
        except ForeignKeyViolation as error:
            raise AccessGroupError(
                sentence("There is no person %(person)r.", person=person),
                sentence("`roadbed user list` shows everybody."),
            ) from error

    async def remove(self, use_case: str, group: str, person: str, *, by: str) -> None:
        """End what ``add`` gave. Raises ``AccessGroupError`` if the person is no member."""
        facts = {"use_case": use_case, "access_group": group, "person": person, "by": by}
        async with self._database.transaction() as connection:
            if not await (await connection.execute(_SQL["remove_member"], facts)).fetchone():
                raise AccessGroupError(
                    sentence("%(person)r is no member of %(group)r.", person=person, group=group),
                    sentence("`roadbed documents members` shows who is."),
                )
            await record(connection, _event("access ended", facts))

    async def end_again(
        self, connection: Connection, ended: Iterable[tuple[str, str, str]], *, by: str
    ) -> int:
        """End again what ended after a backup was made; the number of memberships.

        ``ended`` names the ``person_hash``, the use case and the group of each.
        """
        count = 0
        for person, use_case, group in ended:
            cursor = await connection.execute(_SQL["members"], {"use_case": use_case})
            for row in await cursor.fetchall():
                if (person_hash(row["person"]), row["access_group"]) == (person, group):
                    facts = {
                        "use_case": use_case,
                        "access_group": group,
                        "person": row["person"],
                        "by": by,
                    }
                    await connection.execute(_SQL["remove_member"], facts)
                    await record(connection, _event("access ended", facts))
                    count += 1
        return count


def _event(kind: str, facts: Mapping[str, str]) -> AuditEvent:
    return AuditEvent(
        use_case=facts["use_case"],
        kind=kind,
        subject=facts["person"],
        actor=facts["by"],
        detail={"group": facts["access_group"]},
    )
