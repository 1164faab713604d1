"""Verbs: ``seal`` what was written, ``publish`` it outside the database, ``erase``, ``prove``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
from psycopg.types.json import Jsonb

from roadbed.audit import keys, notes, rules
from roadbed.audit.errors import AuditDamagedError, AuditKeyError
from roadbed.audit.model import Bundle, Checkpoint, Growth, Proof, Verification
from roadbed.audit.notes import Signer
from roadbed.audit.proving import Proving
from roadbed.audit.publishing import Publishing
from roadbed.audit.tree import NodesOfTiles, Tile, root
from roadbed.audit.verifying import verify
from roadbed.kernel.clock import Clock
from roadbed.storage.background import Warnings
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries

_SQL = queries(__package__)
_log = structlog.get_logger("roadbed.audit")
SEAL_SECONDS = 1.0
MOST_AT_ONCE = 65_536  # a backlog is sealed in steps: nobody's memory grows with it


class AuditLog:
    """The signed log over all audit entries. Made with the folder outside the database."""

    def __init__(
        self, database: Database, folder: Path, clock: Clock, entropy: Callable[[int], bytes]
    ) -> None:
        self.folder = folder
        self._database = database
        self._clock = clock
        self._entropy = entropy
        self._signer: Signer | None = None
        self._publishing = Publishing(database, folder, clock)
        self._proving = Proving(database, folder)

    async def seal(self) -> int:
        """Append what waits to the tree and sign a checkpoint; gives how many entries.

        Many processes may call it at once. Raises ``AuditDamagedError`` or ``AuditKeyError``
        instead of signing on top of what is not this key's, and ``AuditFolderError`` without a key.
        """
        sealed = 0
        while await self._waiting():
            added = await self._seal_once(await self._key())
            sealed += added
            if added < MOST_AT_ONCE:
                break
        return sealed

    async def publish(self) -> int:
        """Bring the folder up to the database; gives how many checkpoints it wrote.

        Raises ``AuditFolderError`` when it cannot be written or tells another story.
        """
        return await self._publishing.publish()

    async def seal_forever(self) -> None:
        """Seal and publish every second, until cancelled. What fails is said once a minute."""
        warnings = Warnings()
        while True:
            with warnings.caught("audit log not sealed or published"):
                await self.seal()
                await self.publish()
            await asyncio.sleep(SEAL_SECONDS)

    async def newest(self) -> Checkpoint | None:
        """The newest checkpoint, if anything was sealed."""
        row = await self._database.fetch_one(_SQL["newest"])
        return Checkpoint(**row) if row else None

    async def verify(self) -> Verification:
        """Recompute everything from its rows and compare it with the folder."""
        return await asyncio.to_thread(
            verify, self._database.url, self.folder, self._clock.monotonic
        )

    async def prove(self, position: int) -> Proof:
        """One entry's place in the signed tree.

        Raises ``UnknownEntryError``, ``NotSealedError`` or ``AuditDamagedError``.
        """
        return await self._proving.prove(position)

    async def proof_of_task(self, task_id: str) -> Proof:
        """The places of all entries of a task, its decision and its verdicts. Raises the same."""
        return await self._proving.proof_of_task(task_id)

    async def erase(
        self, connection: Connection, positions: Sequence[int], *, by: str, reason: str
    ) -> Sequence[int]:
        """Empty salt and detail of entries, in the caller's transaction; gives which ones.

        Commitments stay, so every proof stays valid; without salt nothing can be guessed from
        them. One entry of kind ``erased`` names who did it, why, and which places.
        """
        cursor = await connection.execute(_SQL["erase"], {"positions": list(positions)})
        erased = sorted(row["position"] for row in await cursor.fetchall())
        if erased:
            await connection.execute(
                _SQL["noted"],
                {
                    "use_case": None,
                    "kind": "erased",
                    "subject": f"{len(erased)} from entry {erased[0]}",
                    "actor": by,
                    "at": self._clock.now(),
                    "detail": Jsonb({"positions": erased, "reason": reason}),
                },
            )
        return erased

    async def _waiting(self) -> bool:
        row = await self._database.fetch_one(_SQL["waiting"])
        return row is not None and bool(row["waiting"])

    async def _key(self) -> Signer:
        if self._signer is None:
            self._signer = await asyncio.to_thread(keys.signer, self.folder, self._entropy)
        return self._signer

    async def _seal_once(self, signer: Signer) -> int:
        async with self._database.transaction() as connection:
            # The lock comes first: what is read behind it is what the sealer before has left.
            await connection.execute(_SQL["lock"])
            cursor = await connection.execute(_SQL["take"], {"most": MOST_AT_ONCE})
            taken = await cursor.fetchone()
            if taken is None or not taken["positions"]:
                return 0
            last, tiles = await self._edge(connection, signer)
            try:
                growth = await asyncio.to_thread(
                    rules.grow, last, tiles, taken["positions"], bytes(taken["commitments"])
                )
            except LookupError as error:
                raise AuditDamagedError(str(error.args[0])) from error
            await self._put(connection, growth, signer)
        return len(taken["positions"])

    async def _edge(
        self, connection: Connection, signer: Signer
    ) -> tuple[Bundle | None, dict[Tile, bytes]]:
        """The right edge as it stands, after proving it against the newest checkpoint."""
        row = await (await connection.execute(_SQL["last_bundle"])).fetchone()
        last = Bundle(**row) if row else None
        size = rules.leaves_of(last)
        wanted = rules.edge_tiles(size)
        cursor = await connection.execute(
            _SQL["tiles"],
            {"levels": [each[0] for each in wanted], "indexes": [each[1] for each in wanted]},
        )
        tiles = {(row["level"], row["index"]): row["hashes"] for row in await cursor.fetchall()}
        newest = await (await connection.execute(_SQL["newest"])).fetchone()
        if newest is None and size == 0:
            return None, {}
        if newest is None or newest["size"] != size:
            raise AuditDamagedError(f"{size} leaves, but the newest checkpoint is of another size")
        try:
            signed = notes.read(newest["note"], signer.public)
        except notes.NoteError as error:
            raise AuditKeyError(str(self.folder), str(error)) from error
        try:
            here = root(size, NodesOfTiles(tiles))
        except LookupError:
            here = b""
        if (signed.size, signed.root) != (size, here):
            raise AuditDamagedError(f"the newest checkpoint does not fit the tree of {size} leaves")
        return last, tiles

    async def _put(self, connection: Connection, growth: Growth, signer: Signer) -> None:
        async with connection.cursor() as cursor:
            await cursor.executemany(
                _SQL["put_bundle"],
                [
                    {
                        "index": each.index,
                        "positions": list(each.positions),
                        "commitments": each.commitments,
                    }
                    for each in growth.bundles
                ],
            )
            await cursor.executemany(
                _SQL["put_tile"],
                [
                    {"level": level, "index": index, "hashes": hashes}
                    for (level, index), hashes in growth.tiles.items()
                ],
            )
        await connection.execute(
            _SQL["put_checkpoint"],
            {
                "size": growth.size,
                "root": growth.root,
                "note": signer.sign(growth.size, growth.root),
                "at": self._clock.now(),
            },
        )
