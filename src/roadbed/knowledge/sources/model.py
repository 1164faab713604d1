"""Records of the sources of a library: uploaded files and fetched pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

PageState = Literal["fetched", "failed", "gone"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """An uploaded file. ``content_hash`` is the SHA-256 of its bytes."""

    path: str
    content_hash: str
    bytes: int
    uploaded_by: str
    uploaded_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class UnreadUpload:
    """An uploaded file that is stored, and that no ingestion has read yet as it is now."""

    path: str
    uploaded_by: str
    uploaded_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """An address of the list of a library, and the path of its document."""

    path: str
    address: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchedPage:
    """What an address gave, and when it was asked last.

    ``content_hash`` and ``bytes`` are of its newest content, also after a failure; ``detail`` says
    what failed. ``etag`` and ``last_modified`` are sent back to ask whether it changed.
    """

    path: str
    address: str
    state: PageState
    detail: str | None
    content_hash: str | None
    bytes: int | None
    etag: str | None
    last_modified: str | None
    modified_at: datetime | None
    asked_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PageContent:
    """The body of a page, with what its server says about its state."""

    content: bytes
    etag: str | None = None
    last_modified: str | None = None
    modified_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class UnchangedPage:
    """The page is as it was when it was fetched before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PageFailure:
    """Why a page gave no document. ``gone``: its server says that there is none any more.

    ``unreachable``: its host gave no answer at all.
    """

    detail: str
    gone: bool = False
    unreachable: bool = False


FetchResult = PageContent | UnchangedPage | PageFailure
