"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from typing import Never, TypedDict

from roadbed.storage.sql import Query


class LockSourcesRow(TypedDict):
    """A row of ``lock_sources``."""

    pg_advisory_xact_lock: str | None


class PieceRow(TypedDict):
    """A row of ``piece``."""

    content: bytes


class ContentSizeRow(TypedDict):
    """A row of ``content_size``."""

    bytes: int


class UploadsRow(TypedDict):
    """A row of ``uploads``."""

    path: str
    content_hash: str
    bytes: int
    uploaded_by: str
    uploaded_at: datetime


class UnreadUploadsRow(TypedDict):
    """A row of ``unread_uploads``."""

    path: str
    uploaded_by: str
    uploaded_at: datetime


class DeleteUploadRow(TypedDict):
    """A row of ``delete_upload``."""

    content_hash: str


class OriginAtRow(TypedDict):
    """A row of ``origin_at``."""

    origin: str


class PagesRow(TypedDict):
    """A row of ``pages``."""

    path: str
    address: str
    state: str
    detail: str | None
    content_hash: str | None
    bytes: int | None
    etag: str | None
    last_modified: str | None
    modified_at: datetime | None
    asked_at: datetime


class AnyOfFolderRow(TypedDict):
    """A row of ``any_of_folder``."""

    any: bool


class Queries(TypedDict):
    """The statements of ``roadbed.knowledge.sources``."""

    lock_sources: Query[LockSourcesRow]
    put_content: Query[Never]
    put_piece: Query[Never]
    piece: Query[PieceRow]
    content_size: Query[ContentSizeRow]
    delete_unused_contents: Query[Never]
    uploads: Query[UploadsRow]
    unread_uploads: Query[UnreadUploadsRow]
    put_upload: Query[Never]
    delete_upload: Query[DeleteUploadRow]
    origin_at: Query[OriginAtRow]
    pages: Query[PagesRow]
    put_page: Query[Never]
    page_unchanged: Query[Never]
    page_failed: Query[Never]
    delete_unlisted_pages: Query[Never]
    erase_page: Query[Never]
    any_of_folder: Query[AnyOfFolderRow]
