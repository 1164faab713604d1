"""Verbs: issue a token or link, open a session, say who holds one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Literal

from roadbed.kernel.clock import Clock
from roadbed.people.errors import LinkSpentError, NotSignedInError
from roadbed.storage.database import Database
from roadbed.storage.sql import queries

_SQL = queries(__package__)
_LINK_SECONDS = 15 * 60.0
_SESSION_SECONDS = 12 * 3600.0
_REMEMBER_SECONDS = 2.0  # a revoked token works this much longer at most

Kind = Literal["session", "api"]


class People:
    """Knows tokens by their hash only; the token itself is shown once, when it is made."""

    def __init__(self, database: Database, clock: Clock, entropy: Callable[[int], bytes]) -> None:
        self._database = database
        self._clock = clock
        self._entropy = entropy
        self._remembered: dict[tuple[str, Kind], tuple[float, str]] = {}

    async def issue_token(self, person: str) -> str:
        """A new API token of ``person``, without expiry."""
        return await self._issue("api", person, None)

    async def issue_link_code(self, person: str) -> str:
        """The code of a one-time sign-in link, good for 15 minutes."""
        return await self._issue("link", person, _LINK_SECONDS)

    async def open_session(self, code: str) -> str:
        """Spend a link's code for a session of 12 hours. Raises ``LinkSpentError``."""
        row = await self._database.fetch_one(_SQL["spend"], {"hash": _hash(code)})
        if row is None:
            raise LinkSpentError
        return await self._issue("session", row["person"], _SESSION_SECONDS)

    async def close_session(self, secret: str) -> None:
        """Sign out."""
        await self._database.fetch(_SQL["revoke"], {"hash": _hash(secret), "kind": "session"})
        self._remembered.pop((_hash(secret), "session"), None)

    async def holder(self, kind: Kind, secret: str) -> str:
        """Whose token or session this is. Raises ``NotSignedInError``."""
        key = (_hash(secret), kind)
        until, person = self._remembered.get(key, (0.0, ""))
        if self._clock.monotonic() < until:
            return person
        row = await self._database.fetch_one(_SQL["holder"], {"hash": key[0], "kind": kind})
        if row is None:
            self._remembered.pop(key, None)
            raise NotSignedInError
        found: str = row["person"]
        if len(self._remembered) > 1000:
            self._remembered.clear()
        self._remembered[key] = (self._clock.monotonic() + _REMEMBER_SECONDS, found)
        return found

    async def _issue(self, kind: str, person: str, seconds: float | None) -> str:
        secret = f"rb_{kind}_{self._entropy(32).hex()}"
        await self._database.fetch(
            _SQL["issue"],
            {"hash": _hash(secret), "person": person, "kind": kind, "seconds": seconds},
        )
        return secret


def _hash(secret: str) -> str:
    # The secret is 256 random bits, so a plain hash cannot be guessed back.
    return hashlib.sha256(secret.encode()).hexdigest()
