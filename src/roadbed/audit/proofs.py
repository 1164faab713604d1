"""Proofs that entries are in the signed tree, for people who do not trust this server."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from roadbed.audit import keys, notes, tree
from roadbed.audit.errors import (
    AuditDamagedError,
    NotSealedError,
    UnknownEntryError,
)
from roadbed.audit.model import Checkpoint, EntryProof, ReceiptProof
from roadbed.audit.tree import (
    TILE_WIDTH,
    NodeHash,
    NodesOfTiles,
    included,
    inclusion_nodes,
    leaf_hash,
    proof,
)
from roadbed.storage.database import Connection, Database, Row
from roadbed.storage.sql import queries

_SQL = queries(__package__)
FORMAT = "roadbed/proof/1"


class Proofs:
    """Reads proofs out of stored tiles: a few rows, however large the tree."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    async def prove(self, position: int) -> ReceiptProof:
        """The proof of one entry, and of its erasure if it was erased."""
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["snapshot"])
            return await self._document(connection, f"entry {position}", [position])

    async def proof_of_task(self, task_id: str) -> ReceiptProof:
        """The proof of every entry of a task."""
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["snapshot"])
            cursor = await connection.execute(_SQL["of_task"], {"task": task_id})
            positions = [row["position"] for row in await cursor.fetchall()]
            return await self._document(connection, task_id, positions)

    async def _document(
        self, connection: Connection, subject: str, positions: Sequence[int]
    ) -> ReceiptProof:
        rows = await self._places(connection, positions)
        if not rows:
            raise UnknownEntryError(subject)
        if erased := [row["position"] for row in rows if row["salt"] is None]:
            cursor = await connection.execute(_SQL["erasures"], {"positions": erased})
            named = [row["position"] for row in await cursor.fetchall()]
            rows += await self._places(connection, named)
        keyring = keys.keyring(self._folder)
        newest = await (await connection.execute(_SQL["newest"])).fetchone()
        if newest is None:
            raise NotSealedError(rows[0]["position"])
        try:
            checkpoint = keyring.read(newest["note"])
            entries = await self._entries(connection, rows, checkpoint)
        except (LookupError, notes.NoteError) as error:
            raise AuditDamagedError(str(error.args[0])) from error
        return ReceiptProof(
            format=FORMAT,
            public_key=str(keyring.key_of(checkpoint.note)),
            checkpoint=checkpoint.note,
            handovers=[handover.note for handover in keyring.handovers],
            entries=entries,
        )

    async def _places(self, connection: Connection, positions: Sequence[int]) -> list[Row]:
        cursor = await connection.execute(_SQL["places"], {"positions": list(positions)})
        return list(await cursor.fetchall())

    async def _entries(
        self, connection: Connection, rows: Sequence[Row], checkpoint: Checkpoint
    ) -> list[EntryProof]:
        for row in rows:
            if row["index"] is None:
                raise NotSealedError(row["position"])
        size = checkpoint.size
        leaves = [row["index"] * TILE_WIDTH + row["place"] - 1 for row in rows]
        if max(leaves) >= size:
            raise LookupError("there are more leaves than the newest checkpoint says")
        wanted = tree.tiles_of(
            node for leaf in leaves for nodes in inclusion_nodes(leaf, size) for node in nodes
        )
        cursor = await connection.execute(
            _SQL["tiles"],
            {"levels": [tile[0] for tile in wanted], "indexes": [tile[1] for tile in wanted]},
        )
        of = NodesOfTiles(
            {(row["level"], row["index"]): row["hashes"] for row in await cursor.fetchall()}
        )
        return [_entry(row, leaf, checkpoint, of) for row, leaf in zip(rows, leaves, strict=True)]


def _entry(row: Row, leaf: int, checkpoint: Checkpoint, of: NodeHash) -> EntryProof:
    """One entry, checked here first: no proof goes out that fails. Raises ``LookupError``."""
    hashes = proof(inclusion_nodes(leaf, checkpoint.size), of)
    kept = row["salt"] is not None
    if kept and sha256(row["salt"] + row["payload"].encode()).digest() != row["commitment"]:
        raise LookupError(f"entry {row['position']} differs from the sealed one")
    if not included(leaf_hash(row["commitment"]), leaf, checkpoint.size, hashes, checkpoint.root):
        raise LookupError(f"entry {row['position']} does not lead to the newest checkpoint")
    return EntryProof(
        position=row["position"],
        leaf=leaf,
        payload=row["payload"] if kept else None,
        salt=row["salt"].hex() if kept else None,
        commitment=row["commitment"].hex(),
        hashes=[hash_.hex() for hash_ in hashes],
    )
