"""Verbs: ``sign`` a release's content, ``take_back`` one's word."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.people import duties
from roadbed.people.duties import Parties
from roadbed.people.model import named
from roadbed.releases import lifecycle
from roadbed.releases.errors import NotYoursToSignError, SignOffError, SignOffsMissingError
from roadbed.releases.release_log import ReleaseLog
from roadbed.releases.repository import ReleaseRepository
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.versions.model import Release

_SQL = queries(__package__)
_SHORT = 12  # characters of a hash that people compare


class SignOffs:
    """Takes people's words on a release. A word binds what it was given on, and expires."""

    def __init__(
        self,
        database: Database,
        ids: Ids,
        clock: Clock,
        book: ReleaseRepository,
        journal: ReleaseLog,
    ) -> None:
        self._database = database
        self._ids = ids
        self._clock = clock
        self._book = book
        self._journal = journal

    async def sign(
        self,
        release_id: str,
        *,
        person: str,
        verdict: Literal["approve", "refuse"],
        content: str,
        role: str | None,
        note: str | None,
    ) -> None:
        """``person`` agrees to exactly ``content``, or refuses it. Raises ``SignOffError``."""
        release = await self._book.get(release_id)
        held = await self._book.roles(release.use_case, person)
        holders = {**await self._book.holders(release_id), person: held}
        async with self._database.transaction() as connection:
            release, _ = await self._book.hold(connection, release_id, holders)
            _may_sign(release, person, content, verdict)
            as_role = _role(release, person, held, role)
            now = self._clock.now()
            facts = {
                "id": self._ids.new("sgn"),
                "release": release_id,
                "role": as_role,
                "person": person,
                "content": content,
                "verdict": verdict,
                "note": note,
                "at": now,
                "expires_at": now + timedelta(hours=float(release.plan["sign_off_hours"])),
            }
            await connection.execute(_SQL["sign"], facts)
            said = {"role": as_role, "verdict": verdict, "content": content, "note": note}
            await self._journal.note(
                connection, release.use_case, f"{facts['id']} {verdict}", person, said
            )
            release, _ = await self._book.hold(connection, release_id, holders)
            await self._journal.wait_of(connection, release)

    async def take_back(self, release_id: str, *, person: str) -> None:
        """``person`` no longer says what they said. Raises ``SignOffError`` if it was nothing."""
        holders = await self._book.holders(release_id)
        async with self._database.transaction() as connection:
            release, _ = await self._book.hold(connection, release_id, holders)
            if release.step not in lifecycle.UNDER_WAY:
                raise SignOffError(
                    f"Release {release.number} is {release.step.replace('_', ' ')}.",
                    "Nothing waits for a word on it any more.",
                )
            facts = {"release": release_id, "person": person, "at": self._clock.now()}
            cursor = await connection.execute(_SQL["take_back"], facts)
            rows = await cursor.fetchall()
            if not rows:
                raise SignOffError(
                    f"No word of {person} stands on release {release.number}.",
                    "Nothing needs to be done.",
                )
            for row in rows:
                await self._journal.note(
                    connection,
                    release.use_case,
                    f"{row['id']} withdrawn",
                    person,
                    {"role": row["role"], "verdict": row["verdict"]},
                )
            release, _ = await self._book.hold(connection, release_id, holders)
            await self._journal.wait_of(connection, release)


def agreed(release: Release) -> None:
    """Raises ``SignOffsMissingError`` unless everybody needed agrees now, to this content."""
    against = lifecycle.refused(release.sign_offs)
    if against:
        said = f": {against.note.rstrip('.')}" if against.note else ""
        raise SignOffsMissingError(
            f"{against.person} refuses release {release.number}{said}.",
            "Settle it with them; they can take it back, or the release is withdrawn.",
        )
    if release.missing:
        lapsed = [
            f"{off.person}'s word does not count ({off.why_not})"
            for off in release.sign_offs
            if not off.counts and off.role in release.missing and off.why_not != "withdrawn"
        ]
        raise SignOffsMissingError(
            f"Release {release.number} still needs the word of the {named(release.missing)}"
            + (f"; {', '.join(lapsed)}." if lapsed else "."),
            f"`roadbed release sign {release.use_case}` gives it, each by another person, "
            "none of them an author.",
        )


def _may_sign(release: Release, person: str, content: str, verdict: str) -> None:
    if release.content is None or release.step not in lifecycle.UNDER_WAY:
        raise SignOffError(
            f"Release {release.number} is {release.step.replace('_', ' ')}: "
            "there is nothing to sign.",
            "A release is signed after its gate and before it is live.",
        )
    if verdict not in ("approve", "refuse"):
        raise SignOffError(f"{verdict!r} cannot be said.", "Say approve or refuse.")
    if content != release.content:
        raise SignOffError(
            f"What you sign ({content[:_SHORT]}) is not what release {release.number} is now "
            f"({release.content[:_SHORT]}).",
            "Look at it again and sign what stands there.",
        )
    if duties.bar(person, Parties(authors=release.authors)) is not None:
        raise NotYoursToSignError(
            f"{person} is an author of release {release.number}.",
            "Nobody signs off their own work: ask somebody else of the pod.",
        )
    if any(off.person == person and off.counts for off in release.sign_offs):
        raise SignOffError(
            f"A word of {person} stands on release {release.number} already.",
            "Take it back first, to say something else.",
        )


def _role(release: Release, person: str, held: frozenset[str], role: str | None) -> str:
    required = list(release.plan["sign_offs"])
    if not required:
        raise SignOffError(f"Release {release.number} needs nobody's word.", "Take its next step.")
    if role is not None and role not in required:
        raise SignOffError(
            f"Release {release.number} needs no word of a {role.replace('_', ' ')}.",
            f"It needs the {named(required)}.",
        )
    possible = [item for item in ([role] if role else required) if item in held]
    if not possible:
        wanted = named([role] if role else required)
        raise NotYoursToSignError(
            f"{person} is not {wanted} of {release.use_case!r}.",
            "The pod names who may; ask one of them.",
        )
    return next((entry for entry in possible if entry in release.missing), possible[0])
