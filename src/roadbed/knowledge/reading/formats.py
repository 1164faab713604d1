"""Formats: the type of a file by its content. Its name only tells Markdown from plain text."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import PurePosixPath

from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.model import Format
from roadbed.knowledge.reading import encodings

SUFFIXES: dict[str, Format] = {
    ".pdf": "pdf",
    ".docx": "docx",
    ".docm": "docx",
    ".pptx": "pptx",
    ".pptm": "pptx",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".md": "markdown",
    ".markdown": "markdown",
    ".eml": "eml",
    ".txt": "txt",
    ".text": "txt",
    ".csv": "txt",
    ".log": "txt",
}
_OFFICE: tuple[tuple[str, Format], ...] = (
    ("word/", "docx"),
    ("ppt/", "pptx"),
    ("xl/", "xlsx"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # of old office files, and of encrypted new ones
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_PICTURE = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|II\*\0|MM\0\*|RIFF....WEBP|....ftyp(heic|mif1|avif)",
    re.DOTALL,
)
_START = 65_536
_HTML = re.compile(rb"<!doctype\s+html|<html[\s>]|<body[\s>]|<head[\s>]", re.IGNORECASE)
_HTML_PIECE = re.compile(rb"<(p|div|h[1-6]|table|ul|ol|span|a)[\s>]", re.IGNORECASE)
_HEADER = re.compile(rb"^([A-Za-z][A-Za-z0-9-]*):")
_HEADERS = {
    b"from", b"to", b"cc", b"subject", b"date", b"mime-version", b"received", b"message-id",
    b"content-type", b"return-path", b"reply-to", b"delivered-to", b"sender",
}  # fmt: skip
_OF_MAIL = {b"from", b"received", b"message-id", b"mime-version", b"return-path", b"date"}


def suffix(name: str) -> str:
    """The ending of a file's name, in small letters, with the dot."""
    return PurePosixPath(name.replace("\\", "/")).suffix.lower()


def detect(content: bytes, name: str) -> Format:
    """The format of ``content``.

    Raises ``DocumentUnreadableError``: ``empty``, ``password`` for an encrypted office file,
    ``scan`` for a picture, ``unknown_format``.
    """
    refuse_empty(content, name)
    if b"%PDF-" in content[:1024]:
        return "pdf"
    if content.startswith(b"PK\x03\x04"):
        return _office(content, name)
    if content.startswith(_OLE) and _ENCRYPTED in content:
        raise DocumentUnreadableError(name, UnreadableReason.PASSWORD)
    if _PICTURE.match(content):
        raise DocumentUnreadableError(name, UnreadableReason.SCAN)
    if content.startswith(_OLE) or not encodings.is_text(content):
        raise DocumentUnreadableError(name, UnreadableReason.UNKNOWN_FORMAT)
    return _text(content, name)


def refuse_empty(content: bytes, name: str) -> None:
    """Raise ``DocumentUnreadableError`` (``empty``) for a file without a character."""
    if not content.strip(b" \t\r\n\0\xef\xbb\xbf"):
        raise DocumentUnreadableError(name, UnreadableReason.EMPTY)


def renamed(kind: Format, name: str) -> bool:
    """Whether the name says another format. Plain text is no other than Markdown."""
    expected = SUFFIXES.get(suffix(name))
    texts = {"txt", "markdown"}
    return expected is not None and expected != kind and not {expected, kind} <= texts


def _office(content: bytes, name: str) -> Format:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            names = package.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        # The folder at its end is missing; the names also stand before each member.
        if any(folder.encode() in content[:_START] for folder, _ in _OFFICE):
            raise DocumentUnreadableError(name, UnreadableReason.CORRUPT, str(error)) from error
        raise DocumentUnreadableError(name, UnreadableReason.UNKNOWN_FORMAT) from error
    if "[Content_Types].xml" in names:
        for folder, kind in _OFFICE:
            if any(member.startswith(folder) for member in names):
                return kind
    raise DocumentUnreadableError(name, UnreadableReason.UNKNOWN_FORMAT)


def _text(content: bytes, name: str) -> Format:
    start = encodings.start_of(content, _START).lstrip(b"\xef\xbb\xbf \t\r\n")
    ending = suffix(name)
    if start.startswith(b"{\\rtf"):
        raise DocumentUnreadableError(name, UnreadableReason.UNKNOWN_FORMAT)
    if _is_message(start):
        return "eml"
    if ending in {".md", ".markdown"}:
        return "markdown"  # may hold pieces of HTML
    if start.startswith(b"<") and _HTML.search(start):
        return "html"
    if SUFFIXES.get(ending) == "html" and (_HTML.search(start) or _HTML_PIECE.search(start)):
        return "html"
    if start.startswith(b"<?xml"):
        raise DocumentUnreadableError(name, UnreadableReason.UNKNOWN_FORMAT)
    return "txt"


def _is_message(start: bytes) -> bool:
    """Whether it begins with lines of headers, two of them those of a message."""
    names: set[bytes] = set()
    for line in start.split(b"\n"):
        if not line.strip():
            break
        if line.startswith((b" ", b"\t", b"From ", b">From ")):
            continue
        match = _HEADER.match(line)
        if match is None:
            return False
        names.add(match[1].lower())
    return len(names & _HEADERS) >= 2 and bool(names & _OF_MAIL)
