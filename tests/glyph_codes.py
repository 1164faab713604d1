"""A PDF as browsers print it: text as numbers of glyphs, and what they mean at the end of the file.

If its end is cut off, a reader can still find the pages, but takes the numbers for letters.
"""

from __future__ import annotations

from collections.abc import Sequence

_SHIFT = 29  # between the code of a letter and the number of its glyph, in common fonts


def printed(pages: Sequence[str]) -> bytes:
    """A PDF with a line of text for each line of a page. Only ASCII."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "",  # the tree of pages
        (
            "<< /Type /Font /Subtype /Type0 /BaseFont /Arial /Encoding /Identity-H "
            "/DescendantFonts [4 0 R] /ToUnicode {last} 0 R >>"
        ),
        (
            "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Arial /CIDToGIDMap /Identity /DW 500 "
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> "
            "/FontDescriptor 5 0 R >>"
        ),
        (
            "<< /Type /FontDescriptor /FontName /Arial /Flags 4 /Ascent 900 /Descent -200 "
            "/CapHeight 700 /ItalicAngle 0 /StemV 80 /FontBBox [0 -200 1000 900] >>"
        ),
    ]
    kids = []
    for page in pages:
        lines = " ".join(f"<{_glyphs(line)}> Tj T*" for line in page.split("\n"))
        objects.append(_stream(f"BT /F1 11 Tf 14 TL 50 800 Td {lines} ET"))
        kids.append(f"{len(objects) + 1} 0 R")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {len(objects)} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(kids)}] >>"
    objects.append(_stream(_meanings()))
    objects[2] = objects[2].replace("{last}", str(len(objects)))
    written, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(written))
        written += f"{number} 0 obj\n{content}\nendobj\n".encode("ascii")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    end += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(written)}\n%%EOF"
    return written + end.encode("ascii")


def cut(content: bytes) -> bytes:
    """The beginning of such a PDF: its pages, without the meanings of its glyphs."""
    return content[: content.rindex(b"begincmap")]


def as_letters(text: str) -> str:
    """What a reader takes the numbers of the glyphs for."""
    lines = ([ord(letter) - _SHIFT for letter in line] for line in text.split("\n"))
    return "\n".join("".join(chr(code) for code in line if code > 32) for line in lines)


def _glyphs(line: str) -> str:
    return "".join(f"{ord(letter) - _SHIFT:04X}" for letter in line)


def _meanings() -> str:
    pairs = "\n".join(f"<{code - _SHIFT:04X}> <{code:04X}>" for code in range(32, 127))
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap "
        "1 begincodespacerange <0000> <FFFF> endcodespacerange\n"
        f"95 beginbfchar\n{pairs}\nendbfchar endcmap end end"
    )


def _stream(content: str) -> str:
    return f"<< /Length {len(content)} >>\nstream\n{content}\nendstream"
