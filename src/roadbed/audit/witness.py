"""External witnesses: the newest checkpoint is sent to another system, rate-limited."""

from __future__ import annotations

import asyncio
import fcntl
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from roadbed.audit import keys, notes
from roadbed.audit.errors import AuditFolderError, AuditKeyError
from roadbed.audit.model import Checkpoint
from roadbed.audit.rows import Queries
from roadbed.kernel.clock import Clock
from roadbed.kernel.sentences import sentence
from roadbed.storage.background import Warnings
from roadbed.storage.database import Database
from roadbed.storage.sql import queries

_SQL = queries(Queries)
LOOK_SECONDS = 1.0
AGAIN_SECONDS = 60.0
Send = Callable[[Checkpoint], Awaitable[None]]
Told = tuple[datetime, str]


class Witness:
    """Sends news at most every ``every_seconds``; after a failure within a minute.

    Many processes may serve one database: ``told-<name>`` in the folder records what was sent last
    and when, so that only one of them sends it, and a restart does not.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        clock: Clock,
        *,
        name: str,
        every_seconds: float,
        send: Send,
    ) -> None:
        self.name = name
        self._database = database
        self._folder = folder
        self._clock = clock
        self._every = timedelta(seconds=every_seconds)
        self._again_seconds = min(every_seconds, AGAIN_SECONDS)
        self._send = send
        self._not_before = float("-inf")  # monotonic
        self._here: Told | None = None  # what this process sent, even if it could not be kept
        self._warnings = Warnings()

    async def tell(self) -> bool:
        """Send the newest checkpoint if there is a new one and it is due.

        Raises any error of sending, and ``AuditFolderError`` or ``AuditKeyError``.
        """
        if self._clock.monotonic() < self._not_before:
            return False
        try:
            with self._alone() as mine:
                return mine and await self._send_if_due()
        except OSError as error:
            raise AuditFolderError(
                str(self._folder), error.strerror or sentence("it cannot be used")
            ) from error

    async def tell_forever(self) -> None:
        """Check every second, until cancelled. Failures are logged once a minute and retried."""
        while True:
            try:
                await self.tell()
            except Exception as error:
                self._warnings.say("audit witness not told", error, witness=self.name)
            await asyncio.sleep(LOOK_SECONDS)

    async def _send_if_due(self) -> bool:
        last, now = self._last(), self._clock.now()
        # A time in the future is that of a clock which was wrong.
        if last is not None and timedelta(0) <= now - last[0] < self._every:
            return False
        restored = await self._database.fetch_one(_SQL["undeclared"])
        if restored is not None and restored["undeclared"]:  # entries sealed there were sent before
            return False
        row = await self._database.fetch_one(_SQL["newest"])
        if row is None or (last is not None and row["note"] == last[1]):
            return False
        newest = Checkpoint(**row)
        self._not_before = self._clock.monotonic() + self._again_seconds
        self._require_ours(newest)
        await self._send(newest)
        self._here = now, newest.note
        content = json.dumps({"at": now.isoformat(), "note": newest.note}).encode()
        await asyncio.to_thread(keys.replace, self._path, content)
        return True

    @property
    def _path(self) -> Path:
        return self._folder / f"told-{self.name}"

    def _last(self) -> Told | None:
        """The checkpoint that any process sent last."""
        try:
            entry = json.loads(self._path.read_bytes())
            kept = datetime.fromisoformat(entry["at"]), str(entry["note"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return self._here
        if kept[0].tzinfo is None:
            return self._here
        return max(kept, self._here) if self._here else kept

    def _require_ours(self, checkpoint: Checkpoint) -> None:
        """Require that the folder's key has signed the checkpoint before it is sent."""
        keyring = keys.keyring(self._folder)
        try:
            keyring.read(checkpoint.note)
        except notes.NoteError as error:
            raise AuditKeyError(str(self._folder), str(error)) from error

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether this process may send now; the others leave it to that one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f".sending-{self.name}").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
