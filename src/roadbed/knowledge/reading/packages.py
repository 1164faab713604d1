"""Packages: office files are ZIP archives of XML; what must not be unpacked is refused before."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator

from roadbed.kernel.sentences import figure, sentence
from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.findings import DocumentFinding

LARGEST_UNPACKED = 400_000_000  # bytes of all members together
_LARGEST_MEMBER = 100_000_000
MOST_MEMBERS = 20_000
_HIGHEST_RATIO = 200  # of a member's size to its packed size; XML of office files has 5 to 40
_SMALL = 5_000_000  # bytes; a smaller member does no harm, whatever its ratio
_DECLARED = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)
_PROLOGUE = 4096
_MOST_NAMED = 20
_WHITE = re.compile(
    rb'<w:color\s[^>]*w:val="F{6}"|<w:vanish(?:\s*/>|>)|<w:vanish\s+w:val="(?:1|true)"'
)


def check(content: bytes, name: str) -> None:
    """Refuse a package that expands too far, or whose XML declares entities.

    Raises ``DocumentUnreadableError``: ``bomb``, ``corrupt`` or ``password``.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            members = package.infolist()
            _check_sizes(members, name)
            for member in members:
                if member.filename.endswith((".xml", ".rels")):
                    with package.open(member) as file:
                        if _DECLARED.search(file.read(_PROLOGUE)):
                            raise DocumentUnreadableError(
                                name,
                                UnreadableReason.BOMB,
                                sentence(
                                    "%(member)s declares XML entities", member=member.filename
                                ),
                            )
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise DocumentUnreadableError(name, UnreadableReason.CORRUPT, str(error)) from error
    except RuntimeError as error:  # the only one that zipfile raises: a member has a password
        raise DocumentUnreadableError(name, UnreadableReason.PASSWORD) from error


def member(content: bytes, name: str) -> bytes | None:
    """One member of a package that was checked, or ``None``."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        try:
            return package.read(name)
        except (KeyError, zipfile.BadZipFile):
            return None


def findings(content: bytes) -> Iterator[DocumentFinding]:
    """What every office file may hold and no reader reads: macros, and files inside of it."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        names = package.namelist()
        if any(name.endswith("vbaProject.bin") for name in names):
            yield DocumentFinding(kind="macros")
        embedded = [name for name in names if "/embeddings/" in name]
        # The numbers of a chart have a workbook of their own, and stand in the chart, too.
        listed = [name for name in names if "/charts/_rels/" in name] if embedded else ()
        of_charts = b"".join(package.read(name) for name in listed)
        left = [
            name for name in embedded if name.rpartition("/")[2].encode() + b'"' not in of_charts
        ]
    if left:
        detail = ", ".join(left[:_MOST_NAMED])
        yield DocumentFinding(kind="embedded_left_out", count=len(left), detail=detail)


def has_pictures(content: bytes) -> bool:
    """Whether the package holds pictures."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        return any("/media/" in name for name in package.namelist())


def hidden_runs(document: bytes) -> int:
    """How many runs of a DOCX are white or hidden. White is also used on dark cells."""
    return len(_WHITE.findall(document))


def _check_sizes(members: list[zipfile.ZipInfo], name: str) -> None:
    total = sum(member.file_size for member in members)
    if len(members) > MOST_MEMBERS:
        raise DocumentUnreadableError(
            name,
            UnreadableReason.BOMB,
            sentence("%(count)s members", count=figure(f"{len(members):,}")),
        )
    if total > LARGEST_UNPACKED:
        raise DocumentUnreadableError(
            name,
            UnreadableReason.BOMB,
            sentence("%(size)s bytes unpacked", size=figure(f"{total:,}")),
        )
    for member in members:
        ratio = member.file_size / max(member.compress_size, 1)
        if member.file_size > _LARGEST_MEMBER or (
            member.file_size > _SMALL and ratio > _HIGHEST_RATIO
        ):
            raise DocumentUnreadableError(
                name,
                UnreadableReason.BOMB,
                sentence(
                    "%(member)s has %(size)s bytes unpacked",
                    member=member.filename,
                    size=figure(f"{member.file_size:,}"),
                ),
            )
