"""Passwords as argon2id hashes, and marks of known browsers.

Checking an unknown account takes as long as a wrong password. A mark lets a person sign in from a
known browser while others guess the password. It is signed with a key derived from the stored hash,
so it needs no table and ends with the password.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_AT_ONCE = 4  # each takes 64 MiB while it runs
MARK_SECONDS = 365 * 24 * 3600


class Passwords:
    """Hashes and verifies passwords in threads, a few at a time."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._nobodys: str | None = None
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def hash(self, password: str) -> str:
        """The hash of a password."""
        async with self._gate:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def fits(self, kept: str | None, password: str) -> bool:
        """Whether the password matches; takes as long without a stored hash (``None``)."""
        if self._nobodys is None:
            self._nobodys = await self.hash(os.urandom(16).hex())
        async with self._gate:
            verified = await asyncio.to_thread(self._verify, kept or self._nobodys, password)
        return verified and kept is not None

    def is_old(self, kept: str) -> bool:
        """Whether the hash uses older settings than the current ones."""
        return self._hasher.check_needs_rehash(kept)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False


def mark(name: str, kept: str, at: datetime) -> str:
    """The mark for the browser of ``name``, whose stored hash is ``kept``."""
    moment = str(int(at.timestamp() * 1_000_000))
    return f"{moment}.{_signature(name, kept, moment)}"


def knows(name: str, kept: str | None, mark: str, now: datetime) -> bool:
    """Whether ``mark`` belongs to ``name`` and is not older than a year."""
    moment, _, signature = mark.partition(".")
    if kept is None or not (moment.isascii() and moment.isdigit() and len(moment) < 20):
        return False
    expected = _signature(name, kept, moment)
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
        return False
    age = now.timestamp() - int(moment) / 1_000_000
    return age < MARK_SECONDS


def _signature(name: str, kept: str, moment: str) -> str:
    said = f"roadbed known browser\n{moment}\n{name}"
    return hmac.new(kept.encode(), said.encode(), hashlib.sha256).hexdigest()
