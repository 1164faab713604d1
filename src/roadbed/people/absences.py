"""Absences: who is away until when, and who stands in. A stand-in gets no role by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from roadbed.audit.events import AuditEvent, record
from roadbed.kernel.clock import Clock
from roadbed.kernel.sentences import Sentence, sentence
from roadbed.people.errors import AbsenceError, UnknownPersonError
from roadbed.people.model import named
from roadbed.people.rows import Queries
from roadbed.storage.database import Database, Row
from roadbed.storage.sql import queries

_SQL = queries(Queries)
_LONGEST = timedelta(days=366)


@dataclass(frozen=True, kw_only=True, slots=True)
class Absence:
    """``person`` is away until ``until``; ``stand_in`` answers meanwhile, if somebody does."""

    person: str
    until: datetime
    stand_in: str | None
    set_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """Somebody with a role in a use case; ``until`` and ``stand_in`` are set while away."""

    use_case: str
    role: str
    person: str
    until: datetime | None
    stand_in: str | None


class Absences:
    """Stores absences. A stand-in already holds each role of the person who is away."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of(self, person: str) -> Absence | None:
        """The absence of ``person`` that is not over."""
        facts = {"person": person, "now": self._clock.now()}
        row = await self._database.fetch_one(_SQL["absence"], facts)
        return Absence(**row) if row else None

    async def holders(self, use_cases: Sequence[str]) -> Sequence[Holder]:
        """Everybody with a role in ``use_cases``, by use case, role and name."""
        facts = {"use_cases": list(use_cases), "now": self._clock.now()}
        return [Holder(**row) for row in await self._database.fetch(_SQL["holders"], facts)]

    async def set(self, person: str, *, until: datetime, stand_in: str | None) -> Absence:
        """Note that ``person`` is away. Raises ``AbsenceError``."""
        now = self._clock.now()
        if not now < until <= now + _LONGEST:
            raise AbsenceError(
                sentence("The end of an absence lies in the future, at most a year from now."),
                sentence("Give the day on which you are back."),
            )
        if stand_in == person:
            raise AbsenceError(
                sentence("You cannot stand in for yourself."), sentence("Name another person.")
            )
        facts = {"person": person, "until": until, "stand_in": stand_in, "at": now}
        async with self._database.transaction() as connection:
            if not await (await connection.execute(_SQL["is_person"], facts)).fetchone():
                raise UnknownPersonError(person)
            if stand_in is not None:
                cursor = await connection.execute(_SQL["roles_missing"], facts)
                missing = await cursor.fetchall()
                if missing:
                    raise AbsenceError(_lacks(stand_in, missing), _REMEDY)
                absent = await connection.execute(_SQL["stands_in_until"], facts)
                away = await absent.fetchone()
                if away:
                    back = f"{away['until']:%-d %B %Y}"
                    raise AbsenceError(
                        sentence(
                            "%(stand_in)s is away until %(until)s.", stand_in=stand_in, until=back
                        ),
                        sentence("Name somebody who is here."),
                    )
            await connection.execute(_SQL["set_absence"], facts)
            detail = {"until": until.isoformat(), "stand_in": stand_in}
            await record(connection, _event(person, "away", now, detail))
        return Absence(person=person, until=until, stand_in=stand_in, set_at=now)

    async def end(self, person: str) -> bool:
        """Note that ``person`` is back; returns whether they were away."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            cursor = await connection.execute(_SQL["end_absence"], {"person": person})
            if not await cursor.fetchone():
                return False
            await record(connection, _event(person, "back", now, {}))
        return True


_REMEDY = sentence("Name somebody who holds your roles, or ask an administrator to grant them.")


def _lacks(stand_in: str, missing: Sequence[Row]) -> Sentence:
    """The sentence about the roles that a stand-in lacks, or about a name that nobody has."""
    if any(row["unknown"] for row in missing):
        return sentence("There is nobody called %(stand_in)r who can sign in.", stand_in=stand_in)
    use_case = str(missing[0]["use_case"])
    roles = [str(row["role"]) for row in missing if row["use_case"] == use_case]
    return sentence(
        "%(stand_in)s is not %(roles)s of %(use_case)r, as you are.",
        stand_in=stand_in,
        roles=Sentence(partial(named, roles)),
        use_case=use_case,
    )


def _event(person: str, said: str, at: datetime, detail: Mapping[str, object]) -> AuditEvent:
    told = {"said": said, **detail}
    return AuditEvent(kind="absence", subject=person, actor=person, at=at, detail=told)
