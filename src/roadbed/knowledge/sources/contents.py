"""Contents: the bytes of uploaded files and fetched pages, in PostgreSQL, by their SHA-256."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import BinaryIO

from roadbed.knowledge.sources.rows import Queries
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries

SQL = queries(Queries)
_PIECE_BYTES = 1_048_576


@dataclass(frozen=True, kw_only=True, slots=True)
class ContentKey:
    """What a content is stored by. ``bytes`` is its size."""

    content_hash: str
    bytes: int


def key_of(content: BinaryIO) -> ContentKey:
    """The key of a file, which is read from its beginning."""
    content.seek(0)
    digest = hashlib.sha256()
    size = 0
    while piece := content.read(_PIECE_BYTES):
        digest.update(piece)
        size += len(piece)
    return ContentKey(content_hash=digest.hexdigest(), bytes=size)


async def lock(connection: Connection, use_case: str) -> None:
    """Let no other transaction write sources of this use case before this one ends."""
    await connection.execute(SQL["lock_sources"], {"use_case": use_case})


async def keep(connection: Connection, use_case: str, key: ContentKey, content: BinaryIO) -> None:
    """Store a content that is not stored yet. The caller holds ``lock``."""
    facts = {"use_case": use_case, "content_hash": key.content_hash, "bytes": key.bytes}
    cursor = await connection.execute(SQL["put_content"], facts)
    if not cursor.rowcount:
        return
    await asyncio.to_thread(content.seek, 0)
    ordinal = 0
    while piece := await asyncio.to_thread(content.read, _PIECE_BYTES):
        await connection.execute(SQL["put_piece"], {**facts, "ordinal": ordinal, "content": piece})
        ordinal += 1


async def delete_unused(connection: Connection, use_case: str) -> None:
    """Remove contents that no file or page has any more. The caller holds ``lock``."""
    await connection.execute(SQL["delete_unused_contents"], {"use_case": use_case})


async def content(database: Database, use_case: str, content_hash: str) -> bytes:
    """The bytes of a content. Raises ``FileNotFoundError`` if it was removed meanwhile."""
    facts = {"use_case": use_case, "content_hash": content_hash}
    stored = await database.fetch_one(SQL["content_size"], facts)
    whole = bytearray()
    ordinal = 0
    while stored is not None and len(whole) < stored["bytes"]:
        row = await database.fetch_one(SQL["piece"], {**facts, "ordinal": ordinal})
        if row is None:
            stored = None
        else:
            whole += row["content"]
            ordinal += 1
    if stored is None:
        raise FileNotFoundError(content_hash)
    return bytes(whole)
