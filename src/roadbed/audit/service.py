"""The audit log: seal entries, publish them outside the database, erase, prove."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog

from roadbed.audit import handovers, keys, notes, tree
from roadbed.audit.errors import (
    AuditBehindError,
    AuditDamagedError,
    AuditFolderError,
    AuditKeyError,
    NotSealedError,
)
from roadbed.audit.events import AuditEvent, record
from roadbed.audit.handovers import Head
from roadbed.audit.model import Bundle, Checkpoint, Growth, ReceiptProof, Verification
from roadbed.audit.notes import Signer
from roadbed.audit.proofs import Proofs
from roadbed.audit.publication import Publication
from roadbed.audit.rows import Queries
from roadbed.audit.tree import NodesOfTiles, Tile, root
from roadbed.audit.verification import verify
from roadbed.kernel.clock import Clock
from roadbed.kernel.sentences import sentence
from roadbed.storage.background import Warnings
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries

_SQL = queries(Queries)
_log = structlog.get_logger("roadbed.audit")
SEAL_SECONDS = 1.0
_LOOK_SECONDS = 0.02
_GIVE_UP_SECONDS = 30.0
MOST_AT_ONCE = 65_536  # a backlog is sealed in steps: so that memory stays bounded


class AuditLog:
    """The signed log over all audit entries. Made with the folder outside the database."""

    def __init__(
        self, database: Database, folder: Path, clock: Clock, entropy: Callable[[int], bytes]
    ) -> None:
        self.folder = folder
        self._database = database
        self._clock = clock
        self._entropy = entropy
        self._publishing = Publication(database, folder, clock)
        self._proving = Proofs(database, folder)

    async def seal(self) -> int:
        """Append pending entries to the tree and sign a checkpoint; returns their number.

        Safe for many processes at once. Raises ``AuditDamagedError`` or ``AuditKeyError``
        instead of signing on top of another key's entries, ``AuditFolderError`` without a key, and
        ``AuditBehindError`` while the folder knows a longer log than the database.
        """
        sealed = 0
        while await self._waiting():
            added = await self._seal_once()
            sealed += added
            if added < MOST_AT_ONCE:
                break
        return sealed

    async def publish(self) -> int:
        """Bring the folder up to the database; gives how many checkpoints it wrote.

        Raises ``AuditFolderError`` when it cannot be written or contradicts the database.
        """
        return await self._publishing.publish()

    async def witness(self) -> None:
        """Seal and publish all entries so far; when this returns, the folder covers them.

        Raises what both raise.
        """
        await self.seal()
        newest = await self.newest()
        until = self._clock.monotonic() + _GIVE_UP_SECONDS
        # Another process may be publishing; then it is waited for.
        while newest is not None and not await self._publishing.covers(newest.size):
            await self.publish()
            if self._clock.monotonic() > until:
                raise AuditFolderError(
                    str(self.folder), sentence("another process writes there for long")
                )
            await asyncio.sleep(_LOOK_SECONDS)

    async def leave(self) -> None:
        """Before a process ends: seal and publish, where this machine is one that does so."""
        if await asyncio.to_thread((self.folder / keys.SIGNING_KEY).exists):
            await self.seal()
            await self.publish()

    async def longer(self) -> Checkpoint | None:
        """The folder's newest checkpoint, if the database does not have it: it is a copy.

        Entries are in the database before they are in the folder, so a crash cannot cause this.
        Raises ``AuditFolderError`` or ``AuditKeyError`` where the folder cannot be read.
        """
        async with self._database.transaction() as connection:
            return await self.longer_than(connection)

    async def longer_than(self, connection: Connection) -> Checkpoint | None:
        """The same, in the caller's transaction."""
        shown = await asyncio.to_thread(self._publishing.last)
        if shown is None:
            return None
        cursor = await connection.execute(_SQL["of_size"], {"size": shown.size})
        row = await cursor.fetchone()
        if row is None or row["note"] == shown.note:
            return None
        # Leaves without their checkpoint are damage, not a copy: `verify` reports it.
        damaged = row["largest"] < shown.size <= row["leaves"]
        return None if damaged else shown

    async def rotate(self, *, by: str, reason: str) -> str:
        """Let a new key sign from here on; gives it. Both keys sign the handover.

        Raises what ``seal`` raises.
        """
        await self.witness()
        old = await asyncio.to_thread(keys.signer, self.folder, self._entropy)
        new = await asyncio.to_thread(keys.next_signer, self.folder, self._entropy)
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["lock"])
            kept = await self.head(connection)
            handover = handovers.write("rotated", old, new, kept=kept, lost=None)
            await self.note_handover(connection, handover, by=by, detail={"reason": reason})
        await asyncio.to_thread(keys.hand_over, self.folder, handover)
        return str(new.public)

    async def lock(self, connection: Connection) -> None:
        """Keep sealers waiting until the caller's transaction ends."""
        await connection.execute(_SQL["lock"])

    async def head(self, connection: Connection) -> Head:
        """How far the database's newest checkpoint goes."""
        row = await (await connection.execute(_SQL["newest"])).fetchone()
        return Head(size=row["size"], root=row["root"]) if row else Head(size=0, root=b"")

    async def note_handover(
        self,
        connection: Connection,
        handover: handovers.Handover,
        *,
        by: str,
        detail: Mapping[str, object],
    ) -> None:
        """Keep a handover in the database, with its entry. From then on the new key seals."""
        at, new = self._clock.now(), str(handover.new)
        await connection.execute(
            _SQL["hand_over"], {"note": handover.note, "new_key": new, "at": at}
        )
        event = AuditEvent(
            kind="restored" if handover.why == "restored" else "key rotated",
            subject=new,
            actor=by,
            at=at,
            detail={**detail, "handover": handover.note},
        )
        await record(connection, event)

    async def finish_handover(self) -> None:
        """Put the next key in its place, if a crash came between the database and the folder."""
        row = await self._database.fetch_one(_SQL["handed_over"])
        if row is None or not self.folder.exists():
            return
        current = await asyncio.to_thread(keys.public_key, self.folder)
        if current is not None and str(current) != row["new_key"]:
            handover = handovers.read(row["note"])
            if handover.old == current:
                await asyncio.to_thread(keys.hand_over, self.folder, handover)

    async def seal_forever(self) -> None:
        """Seal and publish every second, until cancelled. Failures are logged once a minute."""
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

    async def prove(self, position: int) -> ReceiptProof:
        """One entry's place in the signed tree.

        Raises ``UnknownEntryError``, ``NotSealedError`` or ``AuditDamagedError``.
        """
        return await self._proving.prove(position)

    async def proof_of_task(self, task_id: str) -> ReceiptProof:
        """The places of all entries of a task, its decision and its verdicts. Raises the same."""
        return await self._proving.proof_of_task(task_id)

    async def sealed_proof_of_task(self, task_id: str) -> ReceiptProof:
        """The same; what no checkpoint covers yet is sealed first."""
        try:
            return await self.proof_of_task(task_id)
        except NotSealedError:
            await self.seal()
            await self.publish()
            return await self.proof_of_task(task_id)

    async def erase(
        self,
        connection: Connection,
        positions: Sequence[int],
        *,
        by: str,
        reason: str,
        tasks: Sequence[str] = (),
        use_case: str | None = None,
    ) -> Sequence[int]:
        """Empty salt and detail of entries, in the caller's transaction; gives which ones.

        ``use_case`` is theirs, if they are of one: whoever shows its data learns of it by that.

        Commitments stay, so every proof stays valid; without salt nothing can be guessed from
        them. One entry of kind ``erased`` names who did it, why, which places, and which ``tasks``.
        """
        cursor = await connection.execute(_SQL["erase"], {"positions": list(positions)})
        erased = sorted(row["position"] for row in await cursor.fetchall())
        if erased or tasks:
            place = f" from entry {erased[0]}" if erased else ""
            event = AuditEvent(
                use_case=use_case,
                kind="erased",
                subject=f"{len(erased)}{place}",
                actor=by,
                at=self._clock.now(),
                detail={"positions": erased, "tasks": list(tasks), "reason": reason},
            )
            await record(connection, event)
        return erased

    async def _waiting(self) -> bool:
        row = await self._database.fetch_one(_SQL["waiting"])
        return row is not None and bool(row["waiting"])

    async def _may_sign(self, connection: Connection) -> Signer:
        """The key, if it is the one that signs now and no longer log is known outside."""
        restored = await (await connection.execute(_SQL["undeclared"])).fetchone()
        if (restored and restored["undeclared"]) or await self.longer_than(connection) is not None:
            raise AuditBehindError
        # Read each time: another process may have put the next one in its place.
        signer = await asyncio.to_thread(keys.signer, self.folder, self._entropy)
        row = await (await connection.execute(_SQL["handed_over"])).fetchone()
        if row is not None and row["new_key"] != str(signer.public):
            raise AuditKeyError(
                str(self.folder), sentence("the log was handed over to another key")
            )
        return signer

    async def _seal_once(self) -> int:
        async with self._database.transaction() as connection:
            # Take the lock first: the rows read after it include the previous sealer's.
            await connection.execute(_SQL["lock"])
            signer = await self._may_sign(connection)
            cursor = await connection.execute(_SQL["take"], {"most": MOST_AT_ONCE})
            taken = await cursor.fetchone()
            if taken is None or not taken["positions"]:
                return 0
            last, tiles = await self._edge(connection)
            try:
                growth = await asyncio.to_thread(
                    tree.grow, last, tiles, taken["positions"], bytes(taken["commitments"])
                )
            except LookupError as error:
                raise AuditDamagedError(str(error.args[0])) from error
            await self._put(connection, growth, signer)
        return len(taken["positions"])

    async def _edge(self, connection: Connection) -> tuple[Bundle | None, dict[Tile, bytes]]:
        """The current right edge, verified against the newest checkpoint."""
        row = await (await connection.execute(_SQL["last_bundle"])).fetchone()
        last = Bundle(**row) if row else None
        size = tree.leaves_of(last)
        wanted = tree.edge_tiles(size)
        cursor = await connection.execute(
            _SQL["tiles"],
            {"levels": [tile[0] for tile in wanted], "indexes": [tile[1] for tile in wanted]},
        )
        tiles = {(row["level"], row["index"]): row["hashes"] for row in await cursor.fetchall()}
        newest = await (await connection.execute(_SQL["newest"])).fetchone()
        if newest is None and size == 0:
            return None, {}
        if newest is None or newest["size"] != size:
            raise AuditDamagedError(
                sentence("%(size)s leaves, but the newest checkpoint is of another size", size=size)
            )
        try:
            keyring = await asyncio.to_thread(keys.keyring, self.folder)
            signed = keyring.read(newest["note"])
        except notes.NoteError as error:
            raise AuditKeyError(str(self.folder), str(error)) from error
        try:
            here = root(size, NodesOfTiles(tiles))
        except LookupError:
            here = b""
        if (signed.size, signed.root) != (size, here):
            raise AuditDamagedError(
                sentence(
                    "the newest checkpoint does not fit the tree of %(size)s leaves", size=size
                )
            )
        return last, tiles

    async def _put(self, connection: Connection, growth: Growth, signer: Signer) -> None:
        async with connection.cursor() as cursor:
            await cursor.executemany(
                _SQL["put_bundle"],
                [
                    {
                        "index": bundle.index,
                        "positions": list(bundle.positions),
                        "commitments": bundle.commitments,
                    }
                    for bundle in growth.bundles
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
