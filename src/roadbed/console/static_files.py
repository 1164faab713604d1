"""Static files: scripts, styles and the icon, under addresses that contain their content's hash.

A file that changes gets another address. So browsers keep each one for good and never ask again.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from mimetypes import guess_type
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

PREFIX = "/static"
_FOLDER = Path(__file__).parent / "static"
_SERVED = (".js", ".css", ".svg")
_HASH_LENGTH = 16
_KEEP = "public, max-age=31536000, immutable"


@dataclass(frozen=True, kw_only=True, slots=True)
class StaticFile:
    """A file as it is sent: ``path`` below ``PREFIX``, its content as it is and compressed."""

    path: str
    etag: str
    media_type: str
    content: bytes
    compressed: bytes


def _read(file: Path) -> StaticFile:
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:_HASH_LENGTH]
    return StaticFile(
        path=f"/{digest}/{file.relative_to(_FOLDER).as_posix()}",
        etag=f'W/"{digest}"',  # weak: the same for both encodings
        media_type=guess_type(file.name)[0] or "application/octet-stream",
        content=content,
        compressed=gzip.compress(content, mtime=0),
    )


FILES: Mapping[str, StaticFile] = {
    file.relative_to(_FOLDER).as_posix(): _read(file)
    for file in sorted(_FOLDER.rglob("*"))
    if file.suffix in _SERVED
}
_BY_PATH = {file.path: file for file in FILES.values()}


def address(name: str) -> str:
    """The address of a file by its name below ``static/``. Raises ``KeyError``."""
    return PREFIX + FILES[name].path


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a file; 404 for an unknown name or for the hash of another content."""
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    file = _BY_PATH.get(path)
    if file is None:
        raise HTTPException(404)
    if scope["method"] not in {"GET", "HEAD"}:
        raise HTTPException(405)
    await _answer(file, Headers(scope=scope))(scope, receive, send)


def _answer(file: StaticFile, asked: Headers) -> Response:
    headers = {"cache-control": _KEEP, "etag": file.etag, "vary": "accept-encoding"}
    if file.etag in asked.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if accepts_gzip(asked):
        headers["content-encoding"] = "gzip"
        return Response(file.compressed, headers=headers, media_type=file.media_type)
    return Response(file.content, headers=headers, media_type=file.media_type)


def accepts_gzip(asked: Headers) -> bool:
    """Whether a client takes gzip."""
    for offer in asked.get("accept-encoding", "").split(","):
        coding, _, quality = offer.partition(";")
        if coding.strip().lower() == "gzip":
            return quality.replace(" ", "").lower() not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
