"""Office files: DOCX, PPTX and XLSX that office programs open, the same bytes for the same text.

Members are stored without compression and with a fixed date, because compressed bytes depend on the
version of a library.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

_OFFICE = "application/vnd.openxmlformats-officedocument"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_P = "http://schemas.openxmlformats.org/presentationml/2006/main"
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_DATE = (2026, 2, 1, 0, 0, 0)
_NAMESPACES = f'xmlns:a="{_A}" xmlns:r="{_RELATIONS}" xmlns:p="{_P}"'


def docx(title: str, blocks: Sequence[tuple[str, str]]) -> bytes:
    """A DOCX of (style, text): ``Title``, ``Heading1``, ``Heading2`` or ``Normal``."""
    paragraphs = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr>'
        f'<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'
        for style, text in blocks
    )
    page = '<w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1134" w:right="1134" w:bottom="1134" '
    page += 'w:left="1134" w:header="709" w:footer="709" w:gutter="0"/>'
    return _package(
        title,
        "word/document.xml",
        f"{_OFFICE}.wordprocessingml.document.main+xml",
        {
            "word/document.xml": f'<w:document xmlns:w="{_W}"><w:body>{paragraphs}'
            f"<w:sectPr>{page}</w:sectPr></w:body></w:document>",
            "word/styles.xml": f'<w:styles xmlns:w="{_W}">{_styles()}</w:styles>',
            "word/_rels/document.xml.rels": _relations({"rId1": ("styles", "styles.xml")}),
        },
        {"word/styles.xml": f"{_OFFICE}.wordprocessingml.styles+xml"},
    )


def _styles() -> str:
    default = (
        "<w:docDefaults><w:rPrDefault><w:rPr>"
        '<w:rFonts w:ascii="Calibri" w:hAnsi="Calibri"/><w:sz w:val="22"/><w:lang w:val="en-GB"/>'
        '</w:rPr></w:rPrDefault><w:pPrDefault><w:pPr><w:spacing w:after="120" w:line="276" '
        'w:lineRule="auto"/></w:pPr></w:pPrDefault></w:docDefaults>'
        '<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/>'
        "</w:style>"
    )
    styles = (("Title", "Title", None, 48), ("Heading1", "heading 1", 0, 32))
    return default + "".join(
        f'<w:style w:type="paragraph" w:styleId="{style}"><w:name w:val="{name}"/>'
        '<w:basedOn w:val="Normal"/><w:next w:val="Normal"/><w:qFormat/><w:pPr><w:keepNext/>'
        '<w:spacing w:before="240" w:after="80"/>'
        + (f'<w:outlineLvl w:val="{level}"/>' if level is not None else "")
        + f'</w:pPr><w:rPr><w:b/><w:sz w:val="{size}"/></w:rPr></w:style>'
        for style, name, level, size in (*styles, ("Heading2", "heading 2", 1, 26))
    )


def xlsx(title: str, sheets: Mapping[str, Sequence[Sequence[str]]]) -> bytes:
    """An XLSX; a cell that is a number without a leading zero is one, others are text."""
    members = {
        f"xl/worksheets/sheet{number}.xml": _sheet(rows)
        for number, rows in enumerate(sheets.values(), 1)
    }
    types = dict.fromkeys(members, f"{_OFFICE}.spreadsheetml.worksheet+xml")
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{number}" r:id="rId{number}"/>'
        for number, name in enumerate(sheets, 1)
    )
    targets = {
        f"rId{n}": ("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, 1 + len(sheets))
    }
    members["xl/workbook.xml"] = (
        f'<workbook xmlns="{_S}" xmlns:r="{_RELATIONS}"><sheets>{listed}</sheets></workbook>'
    )
    members["xl/_rels/workbook.xml.rels"] = _relations(
        {**targets, "rId9": ("styles", "styles.xml")}
    )
    members["xl/styles.xml"] = (
        f'<styleSheet xmlns="{_S}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/>'
        '</font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2">'
        '<fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/>'
        '</fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/>'
        '</border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" '
        'borderId="0"/></cellStyleXfs><cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" '
        'borderId="0" xfId="0"/><xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" '
        'applyFont="1"/></cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" '
        'builtinId="0"/></cellStyles></styleSheet>'
    )
    types["xl/styles.xml"] = f"{_OFFICE}.spreadsheetml.styles+xml"
    main = f"{_OFFICE}.spreadsheetml.sheet.main+xml"
    return _package(title, "xl/workbook.xml", main, members, types)


def _sheet(rows: Sequence[Sequence[str]]) -> str:
    written = "".join(
        f'<row r="{number}">'
        + "".join(
            _cell(f"{chr(64 + column)}{number}", value, bold=number == 1)
            for column, value in enumerate(row, 1)
            if value
        )
        + "</row>"
        for number, row in enumerate(rows, 1)
    )
    widths = "".join(
        f'<col min="{n}" max="{n}" width="{max(map(len, column)) + 3}" customWidth="1"/>'
        for n, column in enumerate(zip(*rows, strict=True), 1)
    )
    return (
        f'<worksheet xmlns="{_S}"><cols>{widths}</cols><sheetData>{written}</sheetData></worksheet>'
    )


def _cell(place: str, value: str, *, bold: bool) -> str:
    style = ' s="1"' if bold else ""
    if value.replace(".", "", 1).isdigit() and (value[0] != "0" or value.startswith("0.")):
        return f'<c r="{place}"{style}><v>{value}</v></c>'
    return f'<c r="{place}"{style} t="inlineStr"><is><t>{escape(value)}</t></is></c>'


def pptx(title: str, slides: Sequence[tuple[str, Sequence[str], str]]) -> bytes:
    """A PPTX of (title, lines, speaker notes), with the master and the theme that programs need."""
    kind = f"{_OFFICE}.presentationml"
    members = {
        "ppt/slideMasters/slideMaster1.xml": _master(
            "sldMaster",
            '<p:sldLayoutIdLst><p:sldLayoutId id="2147483649" r:id="rId1"/></p:sldLayoutIdLst>',
        ),
        "ppt/slideMasters/_rels/slideMaster1.xml.rels": _relations(
            {
                "rId1": ("slideLayout", "../slideLayouts/slideLayout1.xml"),
                "rId2": ("theme", "../theme/theme1.xml"),
            }
        ),
        "ppt/slideLayouts/slideLayout1.xml": f'<p:sldLayout {_NAMESPACES} type="obj" preserve="1">'
        f'<p:cSld name="Title and Content">{_tree(_shapes("", [""]))}</p:cSld><p:clrMapOvr>'
        "<a:masterClrMapping/></p:clrMapOvr></p:sldLayout>",
        "ppt/slideLayouts/_rels/slideLayout1.xml.rels": _relations(
            {"rId1": ("slideMaster", "../slideMasters/slideMaster1.xml")}
        ),
        "ppt/notesMasters/notesMaster1.xml": _master("notesMaster", ""),
        "ppt/notesMasters/_rels/notesMaster1.xml.rels": _relations(
            {"rId1": ("theme", "../theme/theme2.xml")}
        ),
        "ppt/theme/theme1.xml": _theme(),
        "ppt/theme/theme2.xml": _theme(),
    }
    types = {
        "ppt/slideMasters/slideMaster1.xml": f"{kind}.slideMaster+xml",
        "ppt/slideLayouts/slideLayout1.xml": f"{kind}.slideLayout+xml",
        "ppt/notesMasters/notesMaster1.xml": f"{kind}.notesMaster+xml",
        "ppt/theme/theme1.xml": f"{_OFFICE}.theme+xml",
        "ppt/theme/theme2.xml": f"{_OFFICE}.theme+xml",
    }
    targets = {
        "rId1": ("slideMaster", "slideMasters/slideMaster1.xml"),
        "rId2": ("notesMaster", "notesMasters/notesMaster1.xml"),
        "rId3": ("theme", "theme/theme1.xml"),
    }
    ids = ""
    for number, (heading, lines, notes) in enumerate(slides, 1):
        at, spoken = f"ppt/slides/slide{number}.xml", f"ppt/notesSlides/notesSlide{number}.xml"
        members[at] = _page("sld", _shapes(heading, lines))
        members[spoken] = _page("notes", _shape(2, "body", 'type="body" idx="1"', [notes]))
        types |= {at: f"{kind}.slide+xml", spoken: f"{kind}.notesSlide+xml"}
        members[f"ppt/slides/_rels/slide{number}.xml.rels"] = _relations(
            {
                "rId1": ("slideLayout", "../slideLayouts/slideLayout1.xml"),
                "rId2": ("notesSlide", f"../notesSlides/notesSlide{number}.xml"),
            }
        )
        members[f"ppt/notesSlides/_rels/notesSlide{number}.xml.rels"] = _relations(
            {
                "rId1": ("notesMaster", "../notesMasters/notesMaster1.xml"),
                "rId2": ("slide", f"../slides/slide{number}.xml"),
            }
        )
        targets[f"rId{9 + number}"] = ("slide", f"slides/slide{number}.xml")
        ids += f'<p:sldId id="{255 + number}" r:id="rId{9 + number}"/>'
    members["ppt/presentation.xml"] = (
        f'<p:presentation {_NAMESPACES}><p:sldMasterIdLst><p:sldMasterId id="2147483648" '
        'r:id="rId1"/></p:sldMasterIdLst><p:notesMasterIdLst><p:notesMasterId r:id="rId2"/>'
        f"</p:notesMasterIdLst><p:sldIdLst>{ids}</p:sldIdLst>"
        '<p:sldSz cx="12192000" cy="6858000"/><p:notesSz cx="6858000" cy="9144000"/>'
        "</p:presentation>"
    )
    members["ppt/_rels/presentation.xml.rels"] = _relations(targets)
    main = f"{kind}.presentation.main+xml"
    return _package(title, "ppt/presentation.xml", main, members, types)


def _page(element: str, shapes: str) -> str:
    return (
        f"<p:{element} {_NAMESPACES}><p:cSld>{_tree(shapes)}</p:cSld>"
        f"<p:clrMapOvr><a:masterClrMapping/></p:clrMapOvr></p:{element}>"
    )


def _master(element: str, layouts: str) -> str:
    colours = 'bg1="lt1" tx1="dk1" bg2="lt2" tx2="dk2" hlink="hlink" folHlink="folHlink" '
    colours += " ".join(f'accent{n}="accent{n}"' for n in range(1, 7))
    shapes = _shapes("", [""]) if element == "sldMaster" else ""
    return (
        f'<p:{element} {_NAMESPACES}><p:cSld><p:bg><p:bgRef idx="1001"><a:schemeClr val="bg1"/>'
        f"</p:bgRef></p:bg>{_tree(shapes)}</p:cSld><p:clrMap {colours}/>{layouts}</p:{element}>"
    )


def _tree(shapes: str) -> str:
    return (
        '<p:spTree><p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr>'
        f"<p:grpSpPr/>{shapes}</p:spTree>"
    )


def _shapes(title: str, lines: Sequence[str]) -> str:
    return _shape(2, "title", 'type="title"', [title], (457200, 1143000)) + _shape(
        3, "content", 'idx="1"', lines, (1600200, 4525963)
    )


def _shape(
    number: int,
    name: str,
    placeholder: str,
    lines: Sequence[str],
    place: tuple[int, int] | None = None,
) -> str:
    frame = (
        f'<a:xfrm><a:off x="609600" y="{place[0]}"/><a:ext cx="10972800" cy="{place[1]}"/></a:xfrm>'
        if place
        else ""
    )
    text = "".join(
        f'<a:p><a:r><a:rPr lang="en-GB"/><a:t>{escape(line)}</a:t></a:r></a:p>'
        if line
        else "<a:p/>"
        for line in lines
    )
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="{number}" name="{name}"/><p:cNvSpPr/><p:nvPr>'
        f"<p:ph {placeholder}/></p:nvPr></p:nvSpPr><p:spPr>{frame}</p:spPr><p:txBody><a:bodyPr/>"
        f"<a:lstStyle/>{text}</p:txBody></p:sp>"
    )


def _theme() -> str:
    colours = {
        "dk1": "1B1F24", "lt1": "FFFFFF", "dk2": "1F3A4D", "lt2": "EEF2F4", "accent1": "1F6F8B",
        "accent2": "6C8E3C", "accent3": "B5651D", "accent4": "7A5C8E", "accent5": "A33B3B",
        "accent6": "55606A", "hlink": "1F6F8B", "folHlink": "7A5C8E",
    }  # fmt: skip
    scheme = "".join(
        f'<a:{name}><a:srgbClr val="{value}"/></a:{name}>' for name, value in colours.items()
    )
    font = '<a:latin typeface="Calibri"/><a:ea typeface=""/><a:cs typeface=""/>'
    fill = '<a:solidFill><a:schemeClr val="phClr"/></a:solidFill>'
    effect = "<a:effectStyle><a:effectLst/></a:effectStyle>"
    return (
        f'<a:theme xmlns:a="{_A}" name="Plain"><a:themeElements><a:clrScheme name="Plain">{scheme}'
        f'</a:clrScheme><a:fontScheme name="Plain"><a:majorFont>{font}</a:majorFont><a:minorFont>'
        f'{font}</a:minorFont></a:fontScheme><a:fmtScheme name="Plain"><a:fillStyleLst>{fill * 3}'
        f"</a:fillStyleLst><a:lnStyleLst>{f'<a:ln>{fill}</a:ln>' * 3}</a:lnStyleLst>"
        f"<a:effectStyleLst>{effect * 3}</a:effectStyleLst><a:bgFillStyleLst>{fill * 3}"
        "</a:bgFillStyleLst></a:fmtScheme></a:themeElements></a:theme>"
    )


def _package(
    title: str, main: str, kind: str, members: Mapping[str, str], types: Mapping[str, str]
) -> bytes:
    overrides = "".join(
        f'<Override PartName="/{name}" ContentType="{content}"/>'
        for name, content in {
            main: kind,
            **types,
            "docProps/core.xml": "application/vnd.openxmlformats-package.core-properties+xml",
        }.items()
    )
    core = "http://schemas.openxmlformats.org/package/2006/metadata/core-properties"
    everything = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default '
        f'Extension="xml" ContentType="application/xml"/>{overrides}</Types>',
        "_rels/.rels": _relations({"rId1": ("officeDocument", main)}).replace(
            "</Relationships>",
            f'<Relationship Id="rId2" Type="{_PACKAGE}/relationships/metadata/core-properties" '
            'Target="docProps/core.xml"/></Relationships>',
        ),
        "docProps/core.xml": f'<cp:coreProperties xmlns:cp="{core}" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>{escape(title)}</dc:title><dc:creator>Roadbed sample data</dc:creator>"
        "</cp:coreProperties>",
        **members,
    }
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as target:
        for name, content in everything.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system = 3
            target.writestr(
                entry, f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{content}'
            )
    return written.getvalue()


def _relations(targets: Mapping[str, tuple[str, str]]) -> str:
    listed = "".join(
        f'<Relationship Id="{name}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for name, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{listed}</Relationships>'
