"""How many tasks this process may hold in memory, and how they are shared among use cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from roadbed.intake.errors import OverloadedError


class InFlight:
    """At most ``most`` tasks, of one use case at most three times what all leave free.

    So a single use case holds three quarters, and one that is slow never all: the others find room.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: Counter[str] = Counter()
        self._all = 0

    @contextmanager
    def admitting(self, use_case: str) -> Iterator[None]:
        """Count a task while it is admitted. Raises ``OverloadedError``."""
        free, held = self._most - self._all, self._held[use_case]
        if free <= 0:
            raise OverloadedError(self._all)
        if held >= 3 * free:
            raise OverloadedError(held, use_case)
        self.begin(use_case)
        try:
            yield
        finally:
            self.end(use_case)

    def begin(self, use_case: str) -> None:
        """Count a task that is decided here."""
        self._held[use_case] += 1
        self._all += 1

    def end(self, use_case: str) -> None:
        """It is decided."""
        self._held[use_case] -= 1
        self._all -= 1

    def room(self, use_case: str) -> int:
        """How many more tasks this use case may hold."""
        free, held = self._most - self._all, self._held[use_case]
        if free > 0 and not held:
            return max(3 * free // 4, 1)
        return max((3 * free - held) // 4, 0)
