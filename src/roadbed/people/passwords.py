"""Passwords as argon2id hashes. An unknown account takes as long as a wrong password."""

from __future__ import annotations

import asyncio
import os

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_AT_ONCE = 4  # each takes 64 MiB while it runs


class Passwords:
    """Hashes and compares, in threads, a few at a time."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._nobodys: str | None = None
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def hash(self, password: str) -> str:
        """What is kept of a password."""
        async with self._gate:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def fits(self, kept: str | None, password: str) -> bool:
        """Whether it is the password. Without one kept the same work is done; the answer is no."""
        if self._nobodys is None:
            self._nobodys = await self.hash(os.urandom(16).hex())
        async with self._gate:
            verified = await asyncio.to_thread(self._verify, kept or self._nobodys, password)
        return verified and kept is not None

    def is_old(self, kept: str) -> bool:
        """Whether it was made with weaker settings than those of now."""
        return self._hasher.check_needs_rehash(kept)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False
