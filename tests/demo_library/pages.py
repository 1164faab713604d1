"""PDF files: pages of text, and a scan, which is a picture of a page."""

from __future__ import annotations

import random
import textwrap
from collections.abc import Sequence
from itertools import groupby

_WIDTH, _HEIGHT, _LEFT, _TOP = 595, 842, 62, 780  # points: A4
_LINE_CHARACTERS = 92
_SPECKS = 900
_DARK = 140  # of 255; a darker pixel of the scan is black


def policy(text: str) -> bytes:
    """A PDF of a text whose pages are separated by ``---`` and whose headings begin with ``##``."""
    return _pdf([(_written(page), None) for page in text.split("\n---\n")])


def scan(text: str) -> bytes:
    """A PDF that holds one picture: a printed page, slightly turned, with specks of dust.

    Each version of pdfium may draw letters a little differently.
    """
    import pypdfium2

    turned = "0.99985 0.01745 -0.01745 0.99985 50 770 Tm"
    lines = " ".join(f"({_literal(line)}) Tj T*" for line in text.split("\n"))
    printed = _pdf([(f"BT /F1 14 Tf 24 TL {turned} {lines} ET", None)])
    document = pypdfium2.PdfDocument(printed)
    bitmap = document[0].render(scale=1.6, grayscale=True).to_numpy()
    height, width = bitmap.shape[:2]
    dark = [[bool(pixel < _DARK) for pixel in row] for row in bitmap.reshape(height, width)]
    document.close()
    chance = random.Random(3)
    for _ in range(_SPECKS):
        dark[chance.randrange(height)][chance.randrange(width)] = True
    picture = b"".join(_packed(row) for row in dark)
    return _pdf([(f"q {_WIDTH} 0 0 {_HEIGHT} 0 0 cm /I1 Do Q", (width, height, picture))])


def _written(page: str) -> str:
    """The operators that write a page: a size for the title and each kind of line."""
    parts, at = [], _TOP
    is_cover = not page.strip().startswith("## ")
    for number, paragraph in enumerate(page.strip().split("\n\n")):
        heading = paragraph.startswith("## ")
        title = number == 0 and not heading
        for row, line in enumerate(paragraph.removeprefix("## ").split("\n")):
            bold = heading or (title and row == 0)
            size = 20 if title and row == 0 else 13 if heading else 10.5
            for piece in textwrap.wrap(line, _LINE_CHARACTERS):
                parts.append(
                    f"BT /{'F2' if bold else 'F1'} {size} Tf {_LEFT} {at} Td "
                    f"({_literal(piece)}) Tj ET"
                )
                at -= round(size * 1.4)
        # Lines of a cover stand apart: readers join lines that are close to each other.
        at -= 4 if heading else 24 if is_cover else 10
    return "\n".join(parts)


def _packed(row: Sequence[bool]) -> bytes:
    """A row of pixels, eight in a byte, white is 1, as runs (PDF 1.7, 7.4.5)."""
    bits = [not dark for dark in row]
    bits += [True] * (-len(bits) % 8)
    data = bytes(
        sum(bit << (7 - place) for place, bit in enumerate(bits[start : start + 8]))
        for start in range(0, len(bits), 8)
    )
    coded = bytearray()
    for value, run in groupby(data):
        left = len(list(run))
        while left:
            length = min(left, 128)
            coded += bytes([0, value]) if length == 1 else bytes([257 - length, value])
            left -= length
    return bytes(coded)


def _pdf(pages: Sequence[tuple[str, tuple[int, int, bytes] | None]]) -> bytes:
    """Pages of (operators, picture); a picture is (width, height, runs of pixels)."""
    objects: list[bytes] = [b"", b"", _font("Helvetica"), _font("Helvetica-Bold")]
    kids = []
    for operators, picture in pages:
        resources = "/Font << /F1 3 0 R /F2 4 0 R >>"
        if picture is not None:
            width, height, data = picture
            objects.append(
                _stream(
                    "/Type /XObject /Subtype /Image /ColorSpace /DeviceGray /BitsPerComponent 1 "
                    f"/Width {width} /Height {height} /Filter /RunLengthDecode ",
                    data + b"\x80",
                )
            )
            resources += f" /XObject << /I1 {len(objects)} 0 R >>"
        objects.append(_stream("", operators.encode("cp1252")))
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_WIDTH} {_HEIGHT}] "
            f"/Resources << {resources} >> /Contents {len(objects)} 0 R >>".encode()
        )
        kids.append(f"{len(objects)} 0 R")
    objects[0] = b"<< /Type /Catalog /Pages 2 0 R >>"
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(kids)}] >>".encode()
    written, places = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(written))
        written += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    start = len(written)
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    written += f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n{table}".encode()
    written += f"trailer\n<< /Size {len(places) + 1} /Root 1 0 R >>\n".encode()
    return bytes(written + f"startxref\n{start}\n%%EOF\n".encode())


def _font(name: str) -> bytes:
    return (
        f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>".encode()
    )


def _stream(head: str, data: bytes) -> bytes:
    return f"<< {head}/Length {len(data)} >>\nstream\n".encode() + data + b"\nendstream"


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
