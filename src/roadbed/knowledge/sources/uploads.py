"""Uploads: files of a library that people send. They are stored before they are acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from roadbed.audit.events import AuditEvent, record
from roadbed.kernel.clock import Clock
from roadbed.kernel.sentences import figure, sentence
from roadbed.knowledge.access import may_read
from roadbed.knowledge.errors import (
    UnknownDocumentError,
    UploadNotAllowedError,
    UploadRefusedError,
)
from roadbed.knowledge.reading.process import DEFAULT_LIMITS, ReadingLimits
from roadbed.knowledge.sources import contents, upload_paths
from roadbed.knowledge.sources.contents import SQL, ContentKey
from roadbed.knowledge.sources.model import UnreadUpload, Upload
from roadbed.storage.database import Connection, Database
from roadbed.usecases.library import Library


class Uploads:
    """The uploaded files of libraries. Backups hold them, and all machines see them."""

    def __init__(
        self, database: Database, clock: Clock, limits: ReadingLimits = DEFAULT_LIMITS
    ) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits

    @property
    def largest_file(self) -> int:
        """The bytes that a file may have."""
        return self._limits.largest_file

    async def put(
        self,
        use_case: str,
        library: Library,
        path: str,
        content: BinaryIO,
        *,
        folder: Path,
        groups: Collection[str],
        by: str,
    ) -> Upload:
        """Store a file at a path of the library, in place of one that was uploaded there before.

        ``folder`` is that of the library, whose files come first. ``groups`` are those of the
        person ``by``: nobody writes where they may not read. The next ingestion reads the file.
        Raises ``UploadRefusedError`` and ``UploadNotAllowedError``.
        """
        path = self.checked(library, path, groups)
        key = await asyncio.to_thread(contents.key_of, content)
        self._check_size(path, key.bytes)
        if await asyncio.to_thread((folder / path).exists):
            raise _taken(path)
        facts = {"use_case": use_case, "path": path, "content_hash": key.content_hash}
        async with self._database.transaction() as connection:
            await contents.lock(connection, use_case)
            origin = await self._origin(connection, facts)
            if origin not in (None, "upload"):
                raise _taken(path)
            await contents.keep(connection, use_case, key, content)
            await connection.execute(
                SQL["put_upload"], {**facts, "by": by, "at": self._clock.now()}
            )
            await contents.delete_unused(connection, use_case)
            await record(connection, _event("document uploaded", facts, key, by))
        [upload] = await self.list(use_case, [path])
        return upload

    async def delete(
        self, use_case: str, library: Library, path: str, *, groups: Collection[str], by: str
    ) -> None:
        """Remove an uploaded file; the next ingestion takes its document out of the search.

        Raises ``UnknownDocumentError``, also for a path that ``groups`` may not read, and
        ``UploadRefusedError`` for a document of another source.
        """
        facts = {"use_case": use_case, "path": path}
        if not may_read(library, path, None, groups):
            raise UnknownDocumentError(path)
        async with self._database.transaction() as connection:
            await contents.lock(connection, use_case)
            row = await (await connection.execute(SQL["delete_upload"], facts)).fetchone()
            if row is None:
                if await self._origin(connection, facts) is None:
                    raise UnknownDocumentError(path)
                raise UploadRefusedError(
                    sentence("%(path)s was not uploaded.", path=path),
                    sentence("Remove it from the folder, or its address from the list."),
                )
            await contents.delete_unused(connection, use_case)
            await record(connection, _event("upload deleted", facts, None, by))

    async def list(self, use_case: str, paths: Sequence[str] | None = None) -> Sequence[Upload]:
        """The uploaded files by path, or those of some ``paths``."""
        facts = {"use_case": use_case, "paths": None if paths is None else list(paths)}
        return [Upload(**row) for row in await self._database.fetch(SQL["uploads"], facts)]

    async def unread(
        self, use_case: str, library: Library, *, groups: Collection[str]
    ) -> Sequence[UnreadUpload]:
        """The files that ``groups`` may read and that wait for an ingestion, oldest first."""
        rows = await self._database.fetch(SQL["unread_uploads"], {"use_case": use_case})
        return [UnreadUpload(**row) for row in rows if may_read(library, row["path"], None, groups)]

    def checked(self, library: Library, path: str, groups: Collection[str]) -> str:
        """The path as it is stored. Raises ``UploadRefusedError``, ``UploadNotAllowedError``."""
        path = upload_paths.checked(path, library.ignore)
        if not may_read(library, path, None, groups):
            raise UploadNotAllowedError(path)
        if (folders := library.nearly_declared(path)) is not None:
            raise UploadRefusedError(
                sentence(
                    "%(declared)s/ has an access group, and %(folder)s/ is another "
                    "folder, to which it does not apply.",
                    folder=folders[0],
                    declared=folders[1],
                ),
                sentence(
                    "Upload it to %(declared)s/, or name the folder otherwise.", declared=folders[1]
                ),
            )
        return path

    def _check_size(self, path: str, size: int) -> None:
        if size > self._limits.largest_file:
            raise UploadRefusedError(
                sentence(
                    "%(path)s has %(size)s bytes, and %(largest)s are allowed.",
                    path=path,
                    size=figure(f"{size:,}"),
                    largest=figure(f"{self._limits.largest_file:,}"),
                ),
                sentence("Split the file and add its pieces."),
            )
        if not size:
            raise UploadRefusedError(
                sentence("%(path)s is empty.", path=path),
                sentence("Check that the file is complete, and upload it again."),
            )

    async def _origin(self, connection: Connection, facts: Mapping[str, str]) -> str | None:
        row = await (await connection.execute(SQL["origin_at"], facts)).fetchone()
        return row and row["origin"]


def _taken(path: str) -> UploadRefusedError:
    return UploadRefusedError(
        sentence("%(path)s is a document of another source of the library.", path=path),
        sentence("Upload it with another name, or replace the file where it is."),
    )


def _event(kind: str, facts: Mapping[str, str], key: ContentKey | None, by: str) -> AuditEvent:
    detail: dict[str, object] = {}
    if key is not None:
        detail = {"content_hash": key.content_hash, "bytes": key.bytes}
    return AuditEvent(
        use_case=facts["use_case"], kind=kind, subject=facts["path"], actor=by, detail=detail
    )
