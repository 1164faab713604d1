"""Parquet files: flat columns, one row group per batch.

Written by hand: the smallest package that writes them is larger than Roadbed with all else that it
needs (docs/decisions/0041-exports.md). Of the format (parquet-format 2.9) it uses what each reader
knows: data pages of version 1, plain encoding, gzip, and no dictionary. Numbers in the footer are
in Thrift's compact protocol.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from roadbed.exports.model import CellKind, ExportCell, Heading

_MAGIC = b"PAR1"
_BOOLEAN, _INT64, _DOUBLE, _BYTES = 0, 2, 5, 6  # physical types
_TYPES = {
    CellKind.TEXT: _BYTES,
    CellKind.WHOLE: _INT64,
    CellKind.NUMBER: _DOUBLE,
    CellKind.MOMENT: _INT64,
    CellKind.TRUTH: _BOOLEAN,
}
_PLAIN, _RLE = 0, 3  # encodings
_GZIP, _OPTIONAL, _UTF8, _TIMESTAMP_MICROS = 2, 1, 0, 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Types of the compact protocol.
_TRUE, _I32, _I64, _BINARY, _LIST, _STRUCT = 1, 5, 6, 8, 9, 12
_Chunk = tuple[int, int, int, int]  # offset, size, uncompressed size, values


class ParquetWriter:
    """Writes each batch of rows as a row group."""

    def __init__(self, file: BinaryIO, headings: Sequence[Heading]) -> None:
        self._file = file
        self._headings = headings
        self._offset = 0
        self._groups: list[tuple[int, list[_Chunk]]] = []
        self._write(_MAGIC)

    def add(self, rows: Sequence[Sequence[ExportCell]]) -> None:
        """Add rows as one row group."""
        columns = list(zip(*rows, strict=True)) or [() for _ in self._headings]
        chunks = [
            self._column(heading.kind, cells)
            for heading, cells in zip(self._headings, columns, strict=True)
        ]
        self._groups.append((len(rows), chunks))

    def close(self) -> None:
        """Write the footer, which names all row groups."""
        footer = self._footer()
        self._write(footer + struct.pack("<I", len(footer)) + _MAGIC)

    def _column(self, kind: CellKind, cells: Sequence[ExportCell]) -> _Chunk:
        content = _levels(cells) + _plain(kind, cells)
        packer = zlib.compressobj(4, wbits=31)
        packed = packer.compress(content) + packer.flush()
        page = _Struct()
        page.whole(1, 0)  # a data page
        page.whole(2, len(content))
        page.whole(3, len(packed))
        header = _Struct()
        header.whole(1, len(cells))
        header.whole(2, _PLAIN)
        header.whole(3, _RLE)
        header.whole(4, _RLE)
        page.struct(5, header)
        offset, head = self._offset, page.end()
        self._write(head + packed)
        return offset, len(head) + len(packed), len(head) + len(content), len(cells)

    def _footer(self) -> bytes:
        root = _Struct()
        root.text(4, "table")
        root.whole(5, len(self._headings))
        footer = _Struct()
        footer.whole(1, 1)
        footer.structs(2, [root, *map(_schema, _unique(self._headings))])
        footer.long(3, sum(rows for rows, _ in self._groups))
        footer.structs(4, [self._group(rows, chunks) for rows, chunks in self._groups])
        footer.text(6, "roadbed")
        return footer.end()

    def _group(self, rows: int, chunks: Sequence[_Chunk]) -> _Struct:
        group = _Struct()
        columns = []
        for heading, chunk in zip(_unique(self._headings), chunks, strict=True):
            offset, size, unpacked, values = chunk
            about = _Struct()
            about.whole(1, _TYPES[heading.kind])
            about.wholes(2, [_PLAIN, _RLE])
            about.texts(3, [heading.title])
            about.whole(4, _GZIP)
            about.long(5, values)
            about.long(6, unpacked)
            about.long(7, size)
            about.long(9, offset)
            column = _Struct()
            column.long(2, offset)
            column.struct(3, about)
            columns.append(column)
        group.structs(1, columns)
        group.long(2, sum(unpacked for _, _, unpacked, _ in chunks))
        group.long(3, rows)
        return group

    def _write(self, content: bytes) -> None:
        self._file.write(content)
        self._offset += len(content)


class _Struct:
    """A structure of the compact protocol; fields are added in the order of their numbers."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._last = 0

    def whole(self, number: int, value: int) -> None:
        self._field(number, _I32, _zigzag(value))

    def long(self, number: int, value: int) -> None:
        self._field(number, _I64, _zigzag(value))

    def truth(self, number: int) -> None:
        self._field(number, _TRUE, b"")

    def text(self, number: int, value: str) -> None:
        self._field(number, _BINARY, _text(value))

    def struct(self, number: int, value: _Struct) -> None:
        self._field(number, _STRUCT, value.end())

    def structs(self, number: int, values: Sequence[_Struct]) -> None:
        self._field(number, _LIST, _list(_STRUCT, [value.end() for value in values]))

    def wholes(self, number: int, values: Sequence[int]) -> None:
        self._field(number, _LIST, _list(_I32, [_zigzag(value) for value in values]))

    def texts(self, number: int, values: Sequence[str]) -> None:
        self._field(number, _LIST, _list(_BINARY, [_text(value) for value in values]))

    def end(self) -> bytes:
        return b"".join(self._parts) + b"\0"

    def _field(self, number: int, kind: int, content: bytes) -> None:
        self._parts.append(bytes([(number - self._last) << 4 | kind]) + content)
        self._last = number


def _schema(heading: Heading) -> _Struct:
    column = _Struct()
    column.whole(1, _TYPES[heading.kind])
    column.whole(3, _OPTIONAL)
    column.text(4, heading.title)
    if heading.kind is CellKind.TEXT:
        column.whole(6, _UTF8)
        text = _Struct()
        text.struct(1, _Struct())
        column.struct(10, text)
    elif heading.kind is CellKind.MOMENT:
        column.whole(6, _TIMESTAMP_MICROS)
        unit = _Struct()
        unit.struct(2, _Struct())
        moment = _Struct()
        moment.truth(1)  # it is UTC
        moment.struct(2, unit)
        logical = _Struct()
        logical.struct(8, moment)
        column.struct(10, logical)
    return column


def _unique(headings: Sequence[Heading]) -> Sequence[Heading]:
    """A file holds no two columns of one name."""
    seen: dict[str, int] = {}
    result = []
    for heading in headings:
        seen[heading.title] = seen.get(heading.title, 0) + 1
        again = f" {seen[heading.title]}" if seen[heading.title] > 1 else ""
        result.append(Heading(title=heading.title + again, kind=heading.kind))
    return result


def _levels(cells: Sequence[ExportCell]) -> bytes:
    """Which cells hold a value: runs of ones and zeros, with their length before them."""
    runs: list[bytes] = []
    start = 0
    for index in range(1, len(cells) + 1):
        filled = cells[start] is not None
        if index == len(cells) or (cells[index] is not None) is not filled:
            runs.append(_varint((index - start) << 1) + (b"\1" if filled else b"\0"))
            start = index
    content = b"".join(runs)
    return struct.pack("<I", len(content)) + content


def _plain(kind: CellKind, cells: Sequence[ExportCell]) -> bytes:
    filled = [cell for cell in cells if cell is not None]
    if kind is CellKind.TEXT:
        return b"".join(
            struct.pack("<I", len(text)) + text
            for text in (str(cell).encode(errors="replace") for cell in filled)
        )
    if kind is CellKind.NUMBER:
        return struct.pack(f"<{len(filled)}d", *filled)
    if kind is CellKind.TRUTH:
        bits = sum(1 << index for index, cell in enumerate(filled) if cell)
        return bits.to_bytes((len(filled) + 7) // 8, "little")
    return struct.pack(f"<{len(filled)}q", *map(_integer, filled))


def _integer(cell: ExportCell) -> int:
    if isinstance(cell, datetime):
        return (cell - _EPOCH) // _MICROSECOND
    assert isinstance(cell, int)  # the kind of its column says so
    return cell


def _text(value: str) -> bytes:
    content = value.encode()
    return _varint(len(content)) + content


def _list(kind: int, items: Sequence[bytes]) -> bytes:
    size = len(items)
    head = bytes([size << 4 | kind]) if size < 15 else bytes([0xF0 | kind]) + _varint(size)
    return head + b"".join(items)


def _zigzag(value: int) -> bytes:
    return _varint(value << 1 if value >= 0 else (-value << 1) - 1)


def _varint(value: int) -> bytes:
    result = bytearray()
    while value > 0x7F:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    result.append(value)
    return bytes(result)
