"""Sign-offs: people approve or refuse the content of a release, and may withdraw that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.kernel.sentences import Sentence, joined, sentence
from roadbed.people import duties
from roadbed.people.duties import Parties
from roadbed.people.model import named
from roadbed.releases import lifecycle
from roadbed.releases.errors import (
    CannotDecideError,
    NotYoursToSignError,
    SignOffError,
    SignOffsMissingError,
)
from roadbed.releases.repository import ReleaseLog, ReleaseRepository
from roadbed.releases.rows import AutomationStateRow, Queries, ReleasesRow
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.versions.model import Release

_SQL = queries(Queries)
_SHORT = 12  # characters of a hash that people compare


class SignOffs:
    """Records sign-offs. A sign-off counts for exactly the content it was given on, and expires."""

    def __init__(
        self,
        database: Database,
        ids: Ids,
        clock: Clock,
        repository: ReleaseRepository,
        log: ReleaseLog,
    ) -> None:
        self._database = database
        self._ids = ids
        self._clock = clock
        self._repository = repository
        self._log = log

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
        release = await self._repository.get(release_id)
        held = await self._repository.roles(release.use_case, person)
        holders = {**await self._repository.holders(release_id), person: held}
        async with self._database.transaction() as connection:
            release, _ = await self._repository.lock(connection, release_id, holders)
            check(release, person, content, verdict)
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
            await self._log.record_audit(
                connection, release.use_case, f"{facts['id']} {verdict}", person, said
            )
            release, _ = await self._repository.lock(connection, release_id, holders)
            await self._log.update_waits(connection, release)

    async def withdraw_sign_off(self, release_id: str, *, person: str) -> None:
        """Withdraw the sign-off of ``person``. Raises ``SignOffError`` if there is none."""
        holders = await self._repository.holders(release_id)
        async with self._database.transaction() as connection:
            release, _ = await self._repository.lock(connection, release_id, holders)
            if release.step not in lifecycle.UNDER_WAY:
                raise SignOffError(
                    sentence(
                        "Release %(number)s is %(step)s.",
                        number=release.number,
                        step=sentence(release.step.replace("_", " ")),
                    ),
                    sentence("It needs no sign-off any more."),
                )
            facts = {"release": release_id, "person": person, "at": self._clock.now()}
            cursor = await connection.execute(_SQL["withdraw_sign_off"], facts)
            rows = await cursor.fetchall()
            if not rows:
                raise SignOffError(
                    sentence(
                        "%(person)s has no sign-off on release %(number)s.",
                        person=person,
                        number=release.number,
                    ),
                    sentence("Nothing needs to be done."),
                )
            for row in rows:
                await self._log.record_audit(
                    connection,
                    release.use_case,
                    f"{row['id']} withdrawn",
                    person,
                    {"role": row["role"], "verdict": row["verdict"]},
                )
            release, _ = await self._repository.lock(connection, release_id, holders)
            await self._log.update_waits(connection, release)


def check_sign_offs(release: Release) -> None:
    """Raises ``SignOffsMissingError`` unless all sign-offs for this content are given now."""
    against = lifecycle.refused(release.sign_offs)
    if against:
        raise SignOffsMissingError(
            sentence(
                "%(person)s refuses release %(number)s: %(note)s.",
                person=against.person,
                number=release.number,
                note=against.note.rstrip("."),
            )
            if against.note
            else sentence(
                "%(person)s refuses release %(number)s.",
                person=against.person,
                number=release.number,
            ),
            sentence(
                "Resolve it with them. They can withdraw the refusal, or withdraw the release."
            ),
        )
    if release.missing:
        lapsed = [
            sentence(
                "the sign-off of %(person)s does not count (%(why)s)",
                person=off.person,
                why=sentence(str(off.why_not)),
            )
            for off in release.sign_offs
            if not off.counts and off.role in release.missing and off.why_not != "withdrawn"
        ]
        raise SignOffsMissingError(
            sentence(
                "Release %(number)s still needs the sign-off of the %(roles)s; %(lapsed)s.",
                number=release.number,
                roles=_named(release.missing),
                lapsed=joined(", ", lapsed),
            )
            if lapsed
            else sentence(
                "Release %(number)s still needs the sign-off of the %(roles)s.",
                number=release.number,
                roles=_named(release.missing),
            ),
            sentence(
                "`roadbed release sign %(use_case)s` signs; each role needs another person, "
                "and none of them may be an author.",
                use_case=release.use_case,
            ),
        )


def check_gate_still_holds(release: Release, row: ReleasesRow, state: AutomationStateRow) -> None:
    """Raises ``CannotDecideError`` if the result of the gate no longer holds."""
    if state["halted"]:
        raise CannotDecideError(
            sentence("%(use_case)r is halted.", use_case=release.use_case),
            sentence("Two people resume it. Until then there is no promotion; rollback works."),
        )
    if state["live_version"] != release.base:
        raise CannotDecideError(
            sentence(
                "Another version went live since the gate of release %(number)s.",
                number=release.number,
            ),
            sentence("Run the gate again, or withdraw the release and plan another."),
        )
    seen = (row["gate"] or {}).get("alarm_at")
    if (datetime.fromisoformat(seen) if seen else None) != state["alarm_at"]:
        raise CannotDecideError(
            sentence(
                "An alarm was raised since the gate of release %(number)s.", number=release.number
            ),
            sentence("The gate result is stale; run it again."),
        )
    if (row["gate"] or {}).get("erased"):
        if release.step == "gated":
            raise CannotDecideError(
                sentence(
                    "A task in the report of release %(number)s was erased since its gate.",
                    number=release.number,
                ),
                sentence("The gate result is stale; run it again."),
            )
        return  # a trial goes on: its report cannot be compared with what was signed any more
    exact = lifecycle.content_of(
        behaviour=release.behaviour,
        threshold=release.certificate["threshold"] if release.certificate else None,
        certificate=release.certificate["id"] if release.certificate else None,
        plan=release.plan,
        gate=release.gate or {},
    )
    if exact != release.content:
        raise CannotDecideError(
            sentence(
                "The stored report of release %(number)s is not what was signed.",
                number=release.number,
            ),
            sentence("Somebody changed the database. Withdraw the release and plan another."),
        )


def check(release: Release, person: str, content: str, verdict: str) -> None:
    """Raise ``SignOffError`` if ``person`` cannot give ``verdict`` on exactly ``content`` now."""
    if release.content is None or release.step not in lifecycle.UNDER_WAY:
        raise SignOffError(
            sentence(
                "Release %(number)s is %(step)s: there is nothing to sign.",
                number=release.number,
                step=sentence(release.step.replace("_", " ")),
            ),
            sentence("A release is signed after its gate and before it is live."),
        )
    if verdict not in ("approve", "refuse"):
        raise SignOffError(
            sentence("%(verdict)r is no verdict.", verdict=verdict),
            sentence("Use approve or refuse."),
        )
    if content != release.content:
        raise SignOffError(
            sentence(
                "What you sign (%(content)s) is not what release %(number)s is now "
                "(%(content_2)s).",
                content=content[:_SHORT],
                number=release.number,
                content_2=release.content[:_SHORT],
            ),
            sentence("Read the release again and sign its present content."),
        )
    if duties.bar(person, Parties(authors=release.authors)) is not None:
        raise NotYoursToSignError(
            sentence(
                "%(person)s is an author of release %(number)s.",
                person=person,
                number=release.number,
            ),
            sentence("Nobody signs off their own work: ask somebody else of the pod."),
        )
    if any(off.person == person and off.counts for off in release.sign_offs):
        raise SignOffError(
            sentence(
                "%(person)s has signed off release %(number)s already.",
                person=person,
                number=release.number,
            ),
            sentence("Withdraw that sign-off first."),
        )


def _named(roles: Sequence[str]) -> Sentence:
    return Sentence(partial(named, roles))


def _role(release: Release, person: str, held: frozenset[str], role: str | None) -> str:
    required = list(release.plan["sign_offs"])
    if not required:
        raise SignOffError(
            sentence("Release %(number)s needs no sign-off.", number=release.number),
            sentence("Take its next step."),
        )
    if role is not None and role not in required:
        raise SignOffError(
            sentence(
                "Release %(number)s needs no sign-off by a %(role)s.",
                number=release.number,
                role=_named([role]),
            ),
            sentence("It needs the %(required)s.", required=_named(required)),
        )
    possible = [wanted for wanted in ([role] if role else required) if wanted in held]
    if not possible:
        roles = _named([role] if role else required)
        raise NotYoursToSignError(
            sentence(
                "%(person)s is not %(roles)s of %(use_case)r.",
                person=person,
                roles=roles,
                use_case=release.use_case,
            ),
            sentence("Ask a person who holds this role in the pod."),
        )
    return next((role for role in possible if role in release.missing), possible[0])
