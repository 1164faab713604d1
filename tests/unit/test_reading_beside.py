"""What stands beside the text of a document: form fields, notes, comments, footnotes, drawings."""

from __future__ import annotations

import io
import zlib
from collections.abc import AsyncIterator
from email.message import EmailMessage
from html import escape
from typing import Any

import openpyxl
import pytest
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment

from roadbed.knowledge.model import Extraction
from roadbed.knowledge.passages import passages
from roadbed.knowledge.reading import office_xml, readers
from roadbed.knowledge.reading.process import DocumentReader
from tests import documents
from tests.documents import WORDS

RECTANGLE = "/Rect [50 600 250 620]"


@pytest.fixture(scope="module")
async def reader() -> AsyncIterator[DocumentReader]:
    async with DocumentReader() as opened:
        yield opened


def found(extraction: Extraction) -> dict[str, str]:
    """The details of the findings by their kinds."""
    details: dict[str, list[str]] = {}
    for finding in extraction.findings:
        details.setdefault(finding.kind, []).append(finding.detail)
    return {kind: "; ".join(same) for kind, same in details.items()}


def labelled(extraction: Extraction) -> dict[str, str]:
    return {part.place.label: part.text for part in extraction.parts}


def text_field(name: str, value: str, more: str = "") -> str:
    return f"/Subtype /Widget /FT /Tx /T ({name}) /V ({value}) {RECTANGLE} {more}"


def note(text: str, more: str = "") -> str:
    return f"/Subtype /Text /Contents ({text}) {RECTANGLE} {more}"


class TestPdfForms:
    async def test_fields_are_read_with_their_names(self, reader: DocumentReader) -> None:
        box = f"/Subtype /Widget /FT /Btn /T (terms) /TU (I accept the terms) {RECTANGLE}"
        countries = "/Opt [[(NO) (Norway)] [(SE) (Sweden)]]"
        drawn = "/AP << /N << /Yes null /Off null >> >>"
        fields = [
            text_field("name", "Jane Doe", "/TU (Full name)"),
            text_field("empty", ""),
            f"/Subtype /Widget /FT /Ch /T (land) /V (NO) /Ff 131072 {RECTANGLE} {countries}",
            f"{box} /V /Yes /AS /Yes {drawn}",
            f"{box.replace('terms)', 'news)')} /V /Off /AS /Off {drawn}",
        ]
        content = documents.pdf([WORDS, "Second page"], annotations=[[], fields])
        extraction = await reader.read(content, "form.pdf")
        assert labelled(extraction) == {
            "page 1": WORDS,
            "page 2": "Second page",
            "page 2 › form fields": (
                "Full name: Jane Doe\nland: Norway\nI accept the terms: \u2612\n"
                "I accept the news: \u2610"
            ),
        }
        assert extraction.findings == ()
        assert extraction.doubtful == ()
        [passage] = [one for one in passages(extraction) if "Jane Doe" in one.text]
        assert passage.place.label == "page 2 › form fields"

    async def test_passwords_are_not_read(self, reader: DocumentReader) -> None:
        fields = [
            text_field("pin", "hunter2secret", "/Ff 8192"),
            text_field("name", "Jane Doe"),
        ]
        content = documents.pdf([WORDS], annotations=[fields])
        extraction = await reader.read(content, "form.pdf")
        assert "hunter2secret" not in "".join(part.text for part in extraction.parts)
        assert found(extraction) == {"password_left_out": "page 1, form field pin"}

    async def test_hidden_fields_and_notes_are_read_and_reported(
        self, reader: DocumentReader
    ) -> None:
        beside = [text_field("rate", "7 percent", "/F 2"), note("Pay at once", "/F 34")]
        content = documents.pdf([WORDS], annotations=[beside])
        extraction = await reader.read(content, "form.pdf")
        assert labelled(extraction)["page 1 › hidden form fields"] == "rate: 7 percent"
        assert labelled(extraction)["page 1 › hidden note"] == "Pay at once"
        [finding] = extraction.findings
        assert (finding.kind, finding.count) == ("hidden_text", 2)
        assert finding.detail == "page 1, form field rate, page 1, hidden note"

    async def test_a_form_of_fields_alone_is_not_empty(self, reader: DocumentReader) -> None:
        fields = [text_field("name", "Jane Doe")]
        content = documents.pdf([""], pictures=True, annotations=[fields])
        extraction = await reader.read(content, "scan.pdf")
        assert labelled(extraction) == {"page 1 › form fields": "name: Jane Doe"}
        assert found(extraction) == {"pages_without_text": "1"}

    async def test_an_encrypted_form_is_read(self, reader: DocumentReader) -> None:
        content = documents.pdf(
            [WORDS],
            password="",
            annotations=[["/Subtype /Widget /FT /Tx /T <> /V <> /Rect [0 0 9 9]"]],
        )
        extraction = await reader.read(content, "form.pdf")
        assert extraction.parts[0].text == WORDS
        assert extraction.readers == ("xberg", "pypdfium2")

    async def test_a_form_of_another_program_is_reported(self, reader: DocumentReader) -> None:
        form = "/NeedsRendering true /AcroForm << /Fields [] /XFA (form) >>"
        extraction = await reader.read(documents.pdf(["Please wait."], catalog=form), "form.pdf")
        assert "form_left_out" in found(extraction)

    async def test_attached_files_are_reported(self, reader: DocumentReader) -> None:
        files = (
            "/Names << /EmbeddedFiles << /Names [(terms.txt) << /Type /Filespec /F (terms.txt) "
            "/UF (terms.txt) >>] >> >>"
        )
        extraction = await reader.read(documents.pdf([WORDS], catalog=files), "portfolio.pdf")
        assert found(extraction) == {"embedded_left_out": "terms.txt"}


class TestPdfAttachments:
    async def test_they_are_read_each_by_its_own_format(self, reader: DocumentReader) -> None:
        files = {
            "offer.pdf": documents.pdf(["Offer of 4,200", "Second page"]),
            "terms.docx": documents.docx([("Heading1", "Terms"), ("", "Payment in 30 days.")]),
            "invoice.xml": b"<?xml version='1.0'?><Invoice><Total>4200</Total></Invoice>",
            "rubbish.bin": bytes(range(256)) * 4,
        }
        content = documents.pdf([WORDS], files=files)
        extraction = await reader.read(content, "portfolio.pdf")
        told = {part.place.label: part.text for part in extraction.parts}
        assert told["page 1"] == WORDS
        assert told["offer.pdf › page 2"] == "Second page"
        [terms] = [text for label, text in told.items() if label.startswith("terms.docx")]
        assert "Payment in 30 days." in terms
        assert extraction.page_count == 1
        [*_others, unreadable] = extraction.findings
        assert unreadable.kind == "attachment_unreadable"
        assert "rubbish.bin" in unreadable.detail

    async def test_an_encrypted_one_too(self, reader: DocumentReader) -> None:
        content = documents.pdf([WORDS], password="", files={"a.txt": b"Keys are at the door."})
        extraction = await reader.read(content, "portfolio.pdf")
        assert extraction.parts[1].text == "Keys are at the door."
        assert extraction.parts[1].place.attachment

    async def test_a_scan_with_an_attached_text_is_read(self, reader: DocumentReader) -> None:
        files = {"a.txt": b"Keys are at the door."}
        content = documents.pdf([""], pictures=True, files=files)
        extraction = await reader.read(content, "scan.pdf")
        assert labelled(extraction) == {"a.txt": "Keys are at the door."}
        assert found(extraction) == {"pages_without_text": "1"}

    async def test_attachments_too_deep_inside_each_other_are_named(
        self, reader: DocumentReader
    ) -> None:
        made = documents.pdf(["level 0"])
        for level in range(1, 8):
            made = documents.pdf([f"level {level}"], files={f"level {level - 1}.pdf": made})
        extraction = await reader.read(made, "nested.pdf")
        assert len(extraction.parts) == 5
        [omitted] = extraction.findings
        assert omitted.kind == "attachments_omitted"
        assert "level 2.pdf" in omitted.detail

    async def test_those_of_an_attachment_have_both_names(self, reader: DocumentReader) -> None:
        message = EmailMessage()
        message["Subject"] = "Both"
        message.set_content("See both.")
        inside = documents.pdf([WORDS], files={"a.txt": b"One.", "b.pdf": documents.pdf(["Two."])})
        message.add_attachment(inside, maintype="application", subtype="pdf", filename="p.pdf")
        extraction = await reader.read(bytes(message), "both.eml")
        labels = [part.place.label for part in extraction.parts]
        assert labels[1:] == ["p.pdf › page 1", "p.pdf › a.txt", "p.pdf › b.pdf › page 1"]

    async def test_a_bomb_costs_the_attachment_and_not_the_pages(
        self, reader: DocumentReader
    ) -> None:
        bomb = zlib.compress(bytes(900_000_000), 9)
        content = documents.pdf([WORDS], files={"bomb.txt": bomb}, files_filter="/FlateDecode")
        extraction = await reader.read(content, "portfolio.pdf")
        assert labelled(extraction) == {"page 1": WORDS}
        assert found(extraction)["embedded_left_out"] == "bomb.txt"


class TestPdfNotes:
    async def test_they_are_read_with_page_and_author(self, reader: DocumentReader) -> None:
        notes = [
            note("The fee is 45 EUR", "/T (Anna)"),
            f"/Subtype /FreeText /Contents (Signed on 30 July 2020) {RECTANGLE}",
            f"/Subtype /Link /Contents (a link) {RECTANGLE}",
            f"/Subtype /Highlight /Contents (Please check) {RECTANGLE}",
            f"/Subtype /Square {RECTANGLE}",
        ]
        content = documents.pdf([WORDS, "Second"], annotations=[[], notes])
        extraction = await reader.read(content, "contract.pdf")
        assert labelled(extraction) == {
            "page 1": WORDS,
            "page 2": "Second",
            "page 2 › note by Anna": "The fee is 45 EUR",
            "page 2 › note": "Signed on 30 July 2020\n\nPlease check",
        }
        assert extraction.findings == ()


def workbook() -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Costs"
    for row in (["Item", "Euro", "Code"], ["Drum", 5, "A"], ["Pipe", 7, "B"], ["Saw", 9, "C"]):
        sheet.append(row)
    return book


def saved(book: openpyxl.Workbook) -> bytes:
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


class TestWorkbooks:
    async def test_comments_are_read_with_their_cell(self, reader: DocumentReader) -> None:
        book = workbook()
        book.worksheets[0]["B2"].comment = Comment("Anna:\nOnly until May", "Anna")
        extraction = await reader.read(saved(book), "costs.xlsx")
        assert labelled(extraction)["sheet Costs › comment at B2 by Anna"] == "Only until May"
        [passage] = [one for one in passages(extraction) if "until May" in one.text]
        assert passage.place.label == "sheet Costs › comment at B2 by Anna"
        assert extraction.findings == ()

    async def test_threaded_comments_are_read_without_their_copy(
        self, reader: DocumentReader
    ) -> None:
        book = workbook()
        book.worksheets[0]["B2"].comment = Comment("[Threaded comment] A newer program", "tc={1}")
        content = saved(book)
        listed = "xl/worksheets/_rels/sheet1.xml.rels"
        kinds = "http://schemas.microsoft.com/office/2017/10/relationships"
        relations = documents.member(content, listed).replace(
            b"</Relationships>",
            f'<Relationship Id="t" Type="{kinds}/threadedComment" '
            'Target="../threadedComments/threadedComment1.xml"/></Relationships>'.encode(),
        )
        content = documents.with_member(content, listed, relations)
        listed = "xl/_rels/workbook.xml.rels"
        relations = documents.member(content, listed).replace(
            b"</Relationships>",
            f'<Relationship Id="p" Type="{kinds}/person" Target="persons/person.xml"/>'
            "</Relationships>".encode(),
        )
        content = documents.with_member(content, listed, relations)
        space = "http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments"
        content = documents.with_member(
            content,
            "xl/persons/person.xml",
            f'<people xmlns="{space}"><person displayName="Anna" id="1"/></people>'.encode(),
        )
        content = documents.with_member(
            content,
            "xl/threadedComments/threadedComment1.xml",
            f'<ThreadedComments xmlns="{space}">'
            '<threadedComment ref="B2" personId="1" id="a"><text>Is it final?</text>'
            '</threadedComment><threadedComment ref="B2" personId="1" id="b" parentId="a">'
            "<text>Yes, 5 euro</text></threadedComment></ThreadedComments>".encode(),
        )
        extraction = await reader.read(content, "costs.xlsx")
        label = "sheet Costs › comment at B2 by Anna"
        assert labelled(extraction)[label] == "Is it final?\n\nYes, 5 euro"
        assert len(extraction.parts) == 2

    async def test_hidden_rows_and_columns_are_read_and_reported(
        self, reader: DocumentReader
    ) -> None:
        book = workbook()
        sheet = book.worksheets[0]
        sheet.row_dimensions[3].hidden = True
        sheet.row_dimensions[4].hidden = True
        sheet.row_dimensions[9].hidden = True
        sheet.column_dimensions["C"].hidden = True
        sheet.column_dimensions["F"].hidden = True
        sheet["A6"], sheet["A6"].number_format = 12.5, ";;;"
        extraction = await reader.read(saved(book), "costs.xlsx")
        assert "Pipe | 7 | B" in extraction.parts[0].text
        assert "12.5" in extraction.parts[0].text
        assert found(extraction) == {"hidden_text": "Costs!A6, Costs, rows 3-4, Costs, column 3"}

    async def test_titles_of_charts_are_read(self, reader: DocumentReader) -> None:
        book = workbook()
        sheets: list[Any] = [book.worksheets[0], book.create_chartsheet("Diagram")]
        for number, sheet in enumerate(sheets):
            chart = BarChart()
            chart.title = f"Costs of tools {number}"
            chart.add_data(Reference(book.worksheets[0], min_col=2, min_row=1, max_row=3))
            sheet.add_chart(chart)
        book.create_sheet("Last")["A1"] = "The end"
        extraction = await reader.read(saved(book), "costs.xlsx")
        assert labelled(extraction)["sheet Costs › chart"] == "Costs of tools 0"
        assert labelled(extraction)["sheet Diagram › chart"] == "Costs of tools 1"
        assert labelled(extraction)["sheet Last"] == "The end"

    async def test_a_damaged_comment_is_reported_and_the_cells_are_read(
        self, reader: DocumentReader
    ) -> None:
        book = workbook()
        book.worksheets[0]["B2"].comment = Comment("Only until May", "Anna")
        content = documents.with_member(saved(book), "xl/comments/comment1.xml", b"<comments")
        extraction = await reader.read(content, "costs.xlsx")
        assert "Drum | 5 | A" in extraction.parts[0].text
        assert "comments and drawings" in found(extraction)["parser_warning"]


def run(text: str, style: str = "") -> str:
    return f'<w:r><w:rPr>{style}</w:rPr><w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def word(*paragraphs: str, **parts: str) -> bytes:
    """A DOCX of the XML of its paragraphs and parts."""
    whole = documents.docx([("", "PLACE")], parts=parts)
    body = "".join(f"<w:p>{paragraph}</w:p>" for paragraph in paragraphs)
    document = documents.member(whole, "word/document.xml")
    replaced = document.replace(b"<w:p><w:r><w:t>PLACE</w:t></w:r></w:p>", body.encode())
    assert replaced != document
    return documents.with_member(whole, "word/document.xml", replaced)


class TestWord:
    async def test_footnotes_and_endnotes_are_told_apart(self, reader: DocumentReader) -> None:
        def written(kind: str, text: str) -> str:
            return (
                f'<w:{kind} w:id="0" w:type="separator"><w:p/></w:{kind}>'
                f'<w:{kind} w:id="2"><w:p>{run(text)}</w:p></w:{kind}>'
            )

        content = word(
            f'{run("The fee is 45")}<w:r><w:footnoteReference w:id="2"/></w:r>{run(" euro.")}'
            '<w:r><w:endnoteReference w:id="2"/></w:r>',
            run(WORDS),
            footnotes=written("footnote", "Since May."),
            endnotes=written("endnote", "See the law."),
        )
        extraction = await reader.read(content, "rules.docx")
        assert labelled(extraction) == {
            "": f"The fee is 45[1] euro.[e1]\n\n{WORDS}",
            "footnotes": "[1] Since May.",
            "endnotes": "[e1] See the law.",
        }

    async def test_comments_are_read_with_their_words_and_author(
        self, reader: DocumentReader
    ) -> None:
        content = word(
            f'{run("The fee is ")}<w:commentRangeStart w:id="7"/>{run("45 euro")}'
            '<w:commentRangeEnd w:id="7"/><w:r><w:commentReference w:id="7"/></w:r>',
            comments=f'<w:comment w:id="7" w:author="Anna"><w:p>{run("Or 50?")}</w:p></w:comment>',
        )
        extraction = await reader.read(content, "rules.docx")
        assert labelled(extraction) == {
            "": "The fee is 45 euro",
            "comment at “45 euro” by Anna": "Or 50?",
        }

    async def test_what_tracked_changes_take_away_is_not_in_force(
        self, reader: DocumentReader
    ) -> None:
        content = word(
            f'{run("Pay within ")}<w:del w:id="1"><w:r><w:delText>30</w:delText></w:r></w:del>'
            f'<w:ins w:id="2">{run("45")}</w:ins>{run(" days.")}',
            f'<w:moveFrom w:id="3">{run("The old place.")}</w:moveFrom>{run("Here.")}',
            f'<w:moveTo w:id="4">{run("The new place.")}</w:moveTo>',
        )
        [part] = (await reader.read(content, "rules.docx")).parts
        assert part.text == "Pay within 45 days.\n\nHere.\n\nThe new place."

    async def test_numbers_stay_whole_where_their_format_changes(
        self, reader: DocumentReader
    ) -> None:
        content = word(
            run("Fee 1", "<w:b/>") + run("6", "<w:i/>") + run(",411 of 5*3*2"),
            run("Area 10 m") + run("2", '<w:vertAlign w:val="superscript"/>') + run(" here"),
            run("under", '<w:u w:val="single"/>') + run("lined [x](y) `q` a|b <u>"),
            run("# 5 is no heading"),
        )
        [part] = (await reader.read(content, "rules.docx")).parts
        assert part.text.split("\n\n") == [
            "Fee 16,411 of 5*3*2",
            "Area 10 m^2 here",
            "underlined [x](y) `q` a|b <u>",
            "# 5 is no heading",
        ]
        assert [block.kind for block in part.blocks] == ["text"] * 4

    async def test_a_damaged_footnote_is_reported_and_the_text_is_read(
        self, reader: DocumentReader
    ) -> None:
        content = word(
            f'{run(WORDS)}<w:r><w:footnoteReference w:id="2"/></w:r>', footnotes="<w:footnote"
        )
        extraction = await reader.read(content, "rules.docx")
        assert WORDS in extraction.parts[0].text
        assert "footnotes" in found(extraction)["parser_warning"]

    def test_a_part_that_would_take_too_much_memory_is_not_parsed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(office_xml, "LARGEST", 500)
        extraction = readers.read(word(run(WORDS * 9)), "rules.docx")
        assert WORDS in extraction.parts[0].text
        assert "more than 500 bytes" in found(extraction)["parser_warning"]

    async def test_embedded_files_are_reported(self, reader: DocumentReader) -> None:
        content = documents.with_member(
            word(run(WORDS)), "word/embeddings/oleObject1.bin", b"\xd0\xcf"
        )
        extraction = await reader.read(content, "rules.docx")
        assert found(extraction) == {"embedded_left_out": "word/embeddings/oleObject1.bin"}


A = "http://schemas.openxmlformats.org/drawingml/2006/main"
C = "http://schemas.openxmlformats.org/drawingml/2006/chart"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def shape(*runs: str, hidden: str = "") -> str:
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="9" name="box" {hidden}/><p:cNvSpPr/><p:nvPr/></p:nvSpPr>'
        f"<p:spPr/><p:txBody><a:bodyPr/><a:p>{''.join(runs)}</a:p></p:txBody></p:sp>"
    )


def words(text: str, style: str = "") -> str:
    return f"<a:r><a:rPr {style}/><a:t>{escape(text)}</a:t></a:r>"


def deck(*shapes: str, attributes: str = "") -> bytes:
    """A PPTX of two slides; the first one has more shapes."""
    content = documents.pptx([("Costs", "All of them", ""), ("End", "Thanks", "")])
    name = "ppt/slides/slide1.xml"
    slide = documents.member(content, name).decode()
    slide = slide.replace("</p:spTree>", f"{''.join(shapes)}</p:spTree>")
    slide = slide.replace("<p:sld ", f"<p:sld {attributes} ")
    return documents.with_member(content, name, slide.encode())


def related(content: bytes, part: str, kind: str, target: str, xml: str) -> bytes:
    """A package with one more part to which ``part`` refers as rId9."""
    folder, _, name = part.rpartition("/")
    space = "http://schemas.openxmlformats.org/package/2006/relationships"
    relation = f'<Relationship Id="rId9" Type="{R}/{kind}" Target="../{target}"/>'
    listed = f'<Relationships xmlns="{space}">{relation}</Relationships>'.encode()
    content = documents.with_member(content, f"{folder}/_rels/{name}.rels", listed)
    return documents.with_member(content, f"ppt/{target}", xml.encode())


class TestPresentations:
    async def test_numbers_and_words_stay_whole(self, reader: DocumentReader) -> None:
        content = deck(
            shape(words("T", 'b="1"'), words("hreats "), words("1"), words("6,411")),
            shape(words("10"), words("2", 'baseline="30000"'), words("old", 'strike="sngStrike"')),
        )
        extraction = await reader.read(content, "deck.pptx")
        assert extraction.parts[0].text == ("Costs\n\nAll of them\n\nThreats 16,411\n\n10^2~~old~~")
        assert [block.kind for block in extraction.parts[0].blocks][:2] == ["heading", "text"]
        assert extraction.parts[0].blocks[1].headings == ("Costs",)
        assert extraction.findings == ()

    async def test_groups_and_tables_are_read_in_their_order(self, reader: DocumentReader) -> None:
        cells = [["Item", "Euro"], ["Drum", "5"]]
        rows = "".join(
            "<a:tr>"
            + "".join(f"<a:tc><a:txBody><a:p>{words(cell)}</a:p></a:txBody></a:tc>" for cell in row)
            + "</a:tr>"
            for row in cells
        )
        content = deck(
            f"<p:grpSp><p:grpSp>{shape(words('In a group'))}</p:grpSp></p:grpSp>",
            "<p:graphicFrame><a:graphic><a:graphicData>"
            f"<a:tbl>{rows}</a:tbl></a:graphicData></a:graphic></p:graphicFrame>",
            shape(words("Below")),
        )
        part = (await reader.read(content, "deck.pptx")).parts[0]
        assert part.text.endswith("In a group\n\nItem | Euro\nDrum | 5\n\nBelow")
        [table] = [block for block in part.blocks if block.kind == "table"]
        assert table.header == "Item | Euro"

    async def test_charts_are_read_as_tables(self, reader: DocumentReader) -> None:
        points = [("tx", ["Sales"]), ("cat", ["East", "West"]), ("val", ["19.2", "21.4"])]
        series = "".join(
            f"<c:{kind}><c:strRef><c:strCache>"
            + "".join(f'<c:pt idx="{at}"><c:v>{text}</c:v></c:pt>' for at, text in enumerate(texts))
            + f"</c:strCache></c:strRef></c:{kind}>"
            for kind, texts in points
        )
        chart = (
            f'<c:chartSpace xmlns:c="{C}" xmlns:a="{A}"><c:chart><c:title><c:tx><c:rich><a:p>'
            f"{words('Sales of 2031')}</a:p></c:rich></c:tx></c:title><c:plotArea><c:barChart>"
            f"<c:ser>{series}</c:ser></c:barChart></c:plotArea></c:chart></c:chartSpace>"
        )
        content = deck(
            f'<p:graphicFrame><a:graphic><a:graphicData><c:chart xmlns:c="{C}" r:id="rId9"/>'
            "</a:graphicData></a:graphic></p:graphicFrame>"
        )
        content = related(content, "ppt/slides/slide1.xml", "chart", "charts/chart1.xml", chart)
        extraction = await reader.read(content, "deck.pptx")
        text = extraction.parts[0].text
        assert text.endswith("Sales of 2031\n\n | Sales\nEast | 19.2\nWest | 21.4")

    async def test_hidden_slides_and_shapes_are_read_and_reported(
        self, reader: DocumentReader
    ) -> None:
        hidden = shape(words("Not shown"), hidden='hidden="1"')
        extraction = await reader.read(deck(hidden), "deck.pptx")
        assert "Not shown" in extraction.parts[0].text
        assert found(extraction) == {"hidden_text": "slide 1, 1 of its shapes"}
        extraction = await reader.read(deck(attributes='show="0"'), "deck.pptx")
        assert "All of them" in extraction.parts[0].text
        assert found(extraction) == {"hidden_text": "slide 1"}

    async def test_comments_are_read_with_their_slide(self, reader: DocumentReader) -> None:
        space = "http://schemas.openxmlformats.org/presentationml/2006/main"
        comments = (
            f'<p:cmLst xmlns:p="{space}"><p:cm authorId="0"><p:text>Is it 19?</p:text></p:cm>'
            "</p:cmLst>"
        )
        content = related(
            deck(), "ppt/slides/slide1.xml", "comments", "comments/comment1.xml", comments
        )
        extraction = await reader.read(content, "deck.pptx")
        assert labelled(extraction)["slide 1 › comment"] == "Is it 19?"

    async def test_a_damaged_slide_is_left_to_the_first_reader(
        self, reader: DocumentReader
    ) -> None:
        content = documents.with_member(deck(), "ppt/slides/slide2.xml", b"<p:sld")
        extraction = await reader.read(content, "deck.pptx")
        assert extraction.readers == ("xberg",)
        assert "ParseError" in found(extraction)["second_reader"]
        assert "All of them" in extraction.parts[0].text
