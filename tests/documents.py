"""Documents that tests write: PDF, DOCX, PPTX and XLSX, well made and damaged on purpose."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from xml.sax.saxutils import escape

WORDS = "The price of the service is stated in the contract and is paid at the end of the month."
_PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_P = "http://schemas.openxmlformats.org/presentationml/2006/main"
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_OFFICE = "application/vnd.openxmlformats-officedocument"


def pdf(
    pages: Sequence[str],
    *,
    password: str | None = None,
    pictures: bool = False,
    white: str = "",
    linear: bool = False,
    annotations: Sequence[Sequence[str]] = (),
    catalog: str = "",
    drawn: str = "",
    files: Mapping[str, bytes] = MappingProxyType({}),
    files_filter: str = "",
) -> bytes:
    """A PDF with a line of text for each line of a page.

    ``password`` encrypts it (RC4, 40 bits); an empty one opens without asking. ``pictures`` puts a
    grey picture on each page. ``white`` is text in white at the foot of each page. ``linear`` puts
    the tree of pages first, with a trailer, so that what a truncated file still has can be found.
    ``annotations`` are the entries of those of each page; what has a field type (``/FT``) is a
    field of the form. ``catalog`` are more entries of the catalog,
    ``drawn`` more operators of each page; the font is ``/F1``. ``files`` are attached; they are
    compressed already if ``files_filter`` names how.
    """
    document = _Pdf(password)
    font = document.add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    picture = document.add(
        "<< /Type /XObject /Subtype /Image /Width 8 /Height 8 /ColorSpace /DeviceGray "
        "/BitsPerComponent 8",
        bytes(range(0, 256, 4)),
    )
    tree, root = document.reserve(), document.reserve()
    kids = []
    fields: list[int] = []
    for index, page in enumerate(pages):
        written = annotations[index] if index < len(annotations) else ()
        beside = [document.add(f"<< /Type /Annot {entries} >>") for entries in written]
        named = zip(beside, written, strict=True)
        fields += [number for number, entries in named if "/FT" in entries]
        lines = [f"({_literal(line)}) Tj T*" for line in page.split("\n") if line]
        content = f"BT /F1 11 Tf 14 TL 50 800 Td {' '.join(lines)} ET"
        if white:
            content += f" BT 1 1 1 rg /F1 11 Tf 50 40 Td ({_literal(white)}) Tj ET"
        content += f" {drawn}"
        if pictures:
            content += " q 500 0 0 700 50 50 cm /I1 Do Q"
        stream = document.add("<<", content.encode("cp1252"))
        kids.append(
            document.add(
                f"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 595 842] /Contents {stream} 0 R "
                f"/Resources << /Font << /F1 {font} 0 R >> /XObject << /I1 {picture} 0 R >> >> "
                f"/Annots [{_references(beside)}] >>"
            )
        )
    document.fill(tree, f"<< /Type /Pages /Count {len(kids)} /Kids [{_references(kids)}] >>")
    form = f"/AcroForm << /Fields [{_references(fields)}] >>" if fields else ""
    specs = []
    compressed = f"/Filter {files_filter}" if files_filter else ""
    for title, data in files.items():
        stream = document.add(f"<< /Type /EmbeddedFile {compressed}", data)
        specs.append(
            f"({title}) << /Type /Filespec /F ({title}) /UF ({title}) /EF << /F {stream} 0 R >> >>"
        )
    if specs:
        catalog += f" /Names << /EmbeddedFiles << /Names [{' '.join(specs)}] >> >>"
    document.fill(root, f"<< /Type /Catalog /Pages {tree} 0 R {form} {catalog} >>")
    return document.written(root, linear=linear)


def drawn_table(
    rows: Sequence[Sequence[str]], *, borders: bool = True, gap: float = 0, by_cell: bool = False
) -> str:
    """Operators that draw a table: its text line by line through all cells, or cell by cell."""
    wide, high = 160, 60
    boxes, texts = [], []
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            left, top = 50 + column * (wide + gap), 780 - number * (high + gap)
            boxes.append(f"{left} {top - high} {wide} {high} re S")
            for line, text in enumerate(cell.split("\n")):
                order = (number, column, line) if by_cell else (number, line, column)
                down = top - 15 - 14 * line
                texts.append((order, f"BT /F1 10 Tf {left + 4} {down} Td ({text}) Tj ET"))
    return " ".join([*(boxes if borders else ()), *(text for _, text in sorted(texts))])


def docx(
    paragraphs: Sequence[tuple[str, str]],
    *,
    table: Sequence[Sequence[str]] = (),
    body: str | None = None,
    headers: Sequence[str] = (),
    footers: Sequence[str] = (),
    parts: Mapping[str, str] | None = None,
) -> bytes:
    """A DOCX of (style, text), ``Heading1`` or empty; ``body`` replaces all of its XML.

    ``headers`` and ``footers`` are the XML of the paragraphs of page headers and footers. ``parts``
    are the XML inside of other parts, such as ``footnotes`` or ``comments``.
    """
    beside = parts or {}
    written = "".join(
        "<w:p>"
        + (f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else "")
        + f"<w:r><w:t>{escape(text)}</w:t></w:r></w:p>"
        for style, text in paragraphs
    )
    rows = "".join(
        "<w:tr>"
        + "".join(f"<w:tc><w:p><w:r><w:t>{escape(cell)}</w:t></w:r></w:p></w:tc>" for cell in row)
        + "</w:tr>"
        for row in table
    )
    written += f"<w:tbl>{rows}</w:tbl>" if rows else ""
    listed = [
        (f"rId{number}", kind, f"{kind}{number}.xml", xml)
        for number, (kind, xml) in enumerate(
            [*(("header", xml) for xml in headers), *(("footer", xml) for xml in footers)], 2
        )
    ]
    used = "".join(f'<w:{kind}Reference r:id="{name}"/>' for name, kind, _, _ in listed)
    section = f"<w:sectPr>{used}</w:sectPr>" if used else ""
    main = body or (
        f'<w:document xmlns:w="{_W}" xmlns:r="{_R}"><w:body>{written}{section}</w:body>'
        "</w:document>"
    )
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="Heading{level}"><w:name w:val="heading {level}"/>'
        f'<w:pPr><w:outlineLvl w:val="{level - 1}"/></w:pPr></w:style>'
        for level in (1, 2, 3)
    )
    return _package(
        "word/document.xml",
        f"{_OFFICE}.wordprocessingml.document.main+xml",
        {
            "word/document.xml": main,
            "word/styles.xml": f'<w:styles xmlns:w="{_W}">{styles}</w:styles>',
            "word/_rels/document.xml.rels": _relations(
                {
                    "rId1": ("styles", "styles.xml"),
                    **{name: (kind, file) for name, kind, file, _ in listed},
                    **{f"rId{kind}": (kind, f"{kind}.xml") for kind in beside},
                }
            ),
            **{
                f"word/{file}": f'<w:{kind} xmlns:w="{_W}">{xml}</w:{kind}>'
                for _, kind, file, xml in listed
            },
            **{
                f"word/{kind}.xml": f'<w:{kind} xmlns:w="{_W}">{xml}</w:{kind}>'
                for kind, xml in beside.items()
            },
        },
        {
            "word/styles.xml": f"{_OFFICE}.wordprocessingml.styles+xml",
            **{
                f"word/{file}": f"{_OFFICE}.wordprocessingml.{kind}+xml"
                for _, kind, file, _ in listed
            },
            **{f"word/{kind}.xml": f"{_OFFICE}.wordprocessingml.{kind}+xml" for kind in beside},
        },
    )


def pptx(slides: Sequence[tuple[str, str, str]]) -> bytes:
    """A PPTX of (title, text, speaker notes); a slide without notes has an empty text there."""
    members: dict[str, str] = {}
    types: dict[str, str] = {}
    relations: dict[str, tuple[str, str]] = {}
    ids = ""
    for number, (title, text, notes) in enumerate(slides, 1):
        relations[f"rId{number}"] = ("slide", f"slides/slide{number}.xml")
        ids += f'<p:sldId id="{255 + number}" r:id="rId{number}"/>'
        members[f"ppt/slides/slide{number}.xml"] = _slide("sld", {"title": title, "body": text})
        types[f"ppt/slides/slide{number}.xml"] = f"{_OFFICE}.presentationml.slide+xml"
        if notes:
            at = f"ppt/notesSlides/notesSlide{number}.xml"
            members[at] = _slide("notes", {"body": notes})
            types[at] = f"{_OFFICE}.presentationml.notesSlide+xml"
            members[f"ppt/slides/_rels/slide{number}.xml.rels"] = _relations(
                {"rId1": ("notesSlide", f"../notesSlides/notesSlide{number}.xml")}
            )
    members["ppt/presentation.xml"] = (
        f'<p:presentation xmlns:p="{_P}" xmlns:r="{_R}"><p:sldIdLst>{ids}</p:sldIdLst>'
        "</p:presentation>"
    )
    members["ppt/_rels/presentation.xml.rels"] = _relations(relations)
    return _package(
        "ppt/presentation.xml",
        f"{_OFFICE}.presentationml.presentation.main+xml",
        members,
        types,
    )


def member(package: bytes, name: str) -> bytes:
    """The content of one member of an office file."""
    with zipfile.ZipFile(io.BytesIO(package)) as source:
        return source.read(name)


def with_member(package: bytes, name: str, content: bytes) -> bytes:
    """An office file with one of its members exchanged, or with one more."""
    written = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(package)) as source,
        zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for listed in source.namelist():
            if listed != name:
                target.writestr(listed, source.read(listed))
        target.writestr(name, content)
    return written.getvalue()


def _package(main: str, kind: str, members: Mapping[str, str], types: Mapping[str, str]) -> bytes:
    overrides = "".join(
        f'<Override PartName="/{name}" ContentType="{content}"/>'
        for name, content in {main: kind, **types}.items()
    )
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.'
            'relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>'
            f"{overrides}</Types>",
        )
        target.writestr("_rels/.rels", _relations({"rId1": ("officeDocument", main)}))
        for name, content in members.items():
            target.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{content}')
    return written.getvalue()


def _relations(targets: Mapping[str, tuple[str, str]]) -> str:
    listed = "".join(
        f'<Relationship Id="{name}" Type="{_R}/{kind}" Target="{target}"/>'
        for name, (kind, target) in targets.items()
    )
    return (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f"{listed}</Relationships>"
    )


def _slide(element: str, texts: Mapping[str, str]) -> str:
    shapes = "".join(
        f'<p:sp><p:nvSpPr><p:cNvPr id="{number}" name="{kind}"/><p:cNvSpPr/><p:nvPr>'
        f'<p:ph type="{kind}"/></p:nvPr></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/>'
        f"<a:p><a:r><a:t>{escape(text)}</a:t></a:r></a:p></p:txBody></p:sp>"
        for number, (kind, text) in enumerate(texts.items(), 2)
    )
    return (
        f'<p:{element} xmlns:p="{_P}" xmlns:a="{_A}" xmlns:r="{_R}"><p:cSld><p:spTree>'
        '<p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'
        f"{shapes}</p:spTree></p:cSld></p:{element}>"
    )


def _references(numbers: Sequence[int]) -> str:
    return " ".join(f"{number} 0 R" for number in numbers)


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


class _Pdf:
    """Objects of a PDF, its table of them and, if asked, its encryption (PDF 1.4, 3.5)."""

    def __init__(self, password: str | None) -> None:
        self._objects: list[tuple[str, bytes | None]] = []
        self._id = hashlib.md5(b"a document of a test").digest()
        self._key: bytes | None = None
        self._owner = b""
        if password is not None:
            padded = (password.encode() + _PADDING)[:32]
            self._owner = _rc4(hashlib.md5(padded).digest()[:5], padded)
            seed = padded + self._owner + (-4).to_bytes(4, "little", signed=True) + self._id
            self._key = hashlib.md5(seed).digest()[:5]

    def add(self, head: str, stream: bytes | None = None) -> int:
        """Add an object; its number. ``head`` of a stream is an open dictionary."""
        self._objects.append((head, stream))
        return len(self._objects)

    def reserve(self) -> int:
        return self.add("")

    def fill(self, number: int, head: str) -> None:
        self._objects[number - 1] = (head, None)

    def written(self, root: int, *, linear: bool) -> bytes:
        trailer = f"/Root {root} 0 R"
        if self._key is not None:
            user = _rc4(self._key, _PADDING)
            encryption = self.add(
                f"<< /Filter /Standard /V 1 /R 2 /P -4 /O <{self._owner.hex()}> "
                f"/U <{user.hex()}> >>"
            )
            trailer += f" /Encrypt {encryption} 0 R /ID [<{self._id.hex()}> <{self._id.hex()}>]"
        data = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
        places = []
        for number, (head, stream) in enumerate(self._objects, 1):
            if linear and number == root + 1:
                data += f"trailer\n<< /Size {len(self._objects) + 1} {trailer} >>\n".encode()
            places.append(len(data))
            data += f"{number} 0 obj\n{head}".encode()
            if stream is not None:
                stream = self._encrypted(number, stream)
                data += f" /Length {len(stream)} >>\nstream\n".encode() + stream + b"\nendstream"
            data += b"\nendobj\n"
        start = len(data)
        data += f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n".encode()
        data += "".join(f"{place:010d} 00000 n \n" for place in places).encode()
        data += f"trailer\n<< /Size {len(places) + 1} {trailer} >>\n".encode()
        return bytes(data + f"startxref\n{start}\n%%EOF\n".encode())

    def _encrypted(self, number: int, stream: bytes) -> bytes:
        if self._key is None:
            return stream
        key = hashlib.md5(self._key + number.to_bytes(3, "little") + b"\0\0").digest()[:10]
        return _rc4(key, stream)


def _rc4(key: bytes, data: bytes) -> bytes:
    state = list(range(256))
    at = 0
    for index in range(256):
        at = (at + state[index] + key[index % len(key)]) % 256
        state[index], state[at] = state[at], state[index]
    one = other = 0
    coded = bytearray()
    for byte in data:
        one = (one + 1) % 256
        other = (other + state[one]) % 256
        state[one], state[other] = state[other], state[one]
        coded.append(byte ^ state[(state[one] + state[other]) % 256])
    return bytes(coded)
