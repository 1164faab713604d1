"""Removed versions: an older document that answers because a newer version of it was deleted.

A file may be deleted by mistake, and nobody would notice that an older text is in force again. So
answers and the page of documents say it, until a person confirms the older one or a newer one
comes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from roadbed.knowledge.access import may_read
from roadbed.knowledge.records import Document
from roadbed.knowledge.rows import FamiliesRow, FirstPagesRow, NewerRemovedRow, Queries
from roadbed.storage.database import Connection
from roadbed.storage.sql import queries
from roadbed.usecases.decider import RemovedVersion
from roadbed.usecases.library import Library

_SQL = queries(Queries)


async def store_removed(
    connection: Connection, known: Mapping[str, FamiliesRow], rows: Sequence[FirstPagesRow]
) -> None:
    """Store which versions are gone. ``known`` are the places before, ``rows`` the documents now.

    A version whose content stands in another document, as after a new name, is not gone.
    """
    contents = {row["id"]: row["content_hash"] for row in rows}
    for document_id, place in known.items():
        if document_id in contents or place["rank"] is None:
            continue
        rest = [
            (other, its["rank"])
            for other, its in known.items()
            if its["family"] == place["family"] and other in contents and its["rank"] is not None
        ]
        own = place["rank"]
        older = sorted({contents[other] for other, rank in rest if rank < own})
        if older and all(rank != own for _other, rank in rest):
            facts = {"document_id": document_id, "contents": older}
            await connection.execute(_SQL["put_removed_version"], facts)


async def confirm(
    connection: Connection,
    use_case: str,
    library: Library,
    contents: Collection[str],
    *,
    groups: Collection[str],
) -> int:
    """Forget the removed versions of documents with these contents; how many there were.

    Only those that ``groups`` may read: nobody decides about what they cannot see.
    """
    cursor = await connection.execute(_SQL["newer_removed"], {"use_case": use_case})
    readable = [
        row
        for row in await cursor.fetchall()
        if row["content_hash"] in contents
        and may_read(library, row["path"], row["access_group"], groups)
    ]
    for removed_id in sorted({row["removed_id"] for row in readable}):
        await connection.execute(_SQL["delete_removed_version"], {"document_id": removed_id})
    for document_id in sorted({row["id"] for row in readable}):
        facts = {"use_case": use_case, "document_id": document_id}
        await connection.execute(_SQL["put_change"], facts)  # answers say it no longer
    return len(readable)


def removed_of(
    rows: Sequence[NewerRemovedRow], library: Library, groups: Collection[str]
) -> Mapping[str, RemovedVersion]:
    """The newer version of each document that was removed last, of those ``groups`` may read."""
    return {
        row["id"]: RemovedVersion(document=row["path"], removed_at=row["removed_at"])
        for row in rows
        if may_read(library, row["path"], row["access_group"], groups)
    }


def with_removed(
    documents: Sequence[Document], removed: Mapping[str, RemovedVersion]
) -> Sequence[Document]:
    """``documents`` with the newer version that was removed, of those that are in force now."""
    return [
        replace(document, newer_removed=removed.get(document.id))
        if document.superseded_by is None and document.copy_of is None
        else document
        for document in documents
    ]
