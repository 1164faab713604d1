"""Nothing of a document is missing without a word: page headers, formulas, deep HTML, cut PDF."""

from __future__ import annotations

import io
import signal
from collections.abc import AsyncIterator
from html import escape

import openpyxl
import pytest

from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.model import Extraction
from roadbed.knowledge.passages import passages
from roadbed.knowledge.reading import nesting, process
from roadbed.knowledge.reading.process import DocumentReader, ReadingLimits
from tests import documents
from tests.documents import WORDS


@pytest.fixture(scope="module")
async def reader() -> AsyncIterator[DocumentReader]:
    async with DocumentReader() as opened:
        yield opened


def found(extraction: Extraction) -> dict[str, str]:
    """The details of the findings by their kinds."""
    return {finding.kind: finding.detail for finding in extraction.findings}


def run(text: str) -> str:
    return f"<w:r><w:t>{escape(text)}</w:t></w:r>"


def field(instruction: str, result: str) -> str:
    return (
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'
        f"<w:r><w:instrText> {instruction} </w:instrText></w:r>"
        '<w:r><w:fldChar w:fldCharType="separate"/></w:r>'
        f'{run(result)}<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )


class TestPageHeaders:
    async def test_they_stand_before_and_after_the_body(self, reader: DocumentReader) -> None:
        content = documents.docx(
            [("Heading1", "Travel"), ("", WORDS)],
            headers=[f"<w:p>{run('Policy 12, valid from 1 May 2025')}</w:p>"],
            footers=[f"<w:p>{run('Board of the company')}</w:p>"],
        )
        extraction = await reader.read(content, "policy.docx")
        [part] = extraction.parts
        assert part.text.startswith("Policy 12, valid from 1 May 2025\n\n")
        assert part.text.endswith("\n\nBoard of the company")
        texts = [part.text[block.start : block.end] for block in part.blocks]
        assert [text.lstrip("# ") for text in texts] == [
            "Policy 12, valid from 1 May 2025", "Travel", WORDS, "Board of the company"
        ]  # fmt: skip
        assert extraction.findings == ()
        assert any("1 May 2025" in passage.text for passage in passages(extraction))

    async def test_each_is_read_once_and_page_numbers_are_not(self, reader: DocumentReader) -> None:
        header = f"<w:p>{run('Handbook')}</w:p>"
        paged = (
            f"<w:p>{run('Page ')}{field('PAGE', '73')}{run(' of ')}{field('NUMPAGES', '99')}</w:p>"
        )
        counted = f'<w:fldSimple w:instr="PAGE">{run("73")}</w:fldSimple>'
        simple = f"<w:p>{run('Staff copy, page ')}{counted}</w:p>"
        box = (
            '<w:p><w:r><mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/'
            f'markup-compatibility/2006"><mc:Choice><w:p>{run("In a box")}</w:p></mc:Choice>'
            f"<mc:Fallback><w:p>{run('In a box')}</w:p></mc:Fallback></mc:AlternateContent></w:r>"
            "</w:p>"
        )
        content = documents.docx(
            [("", WORDS)], headers=[header, header + box], footers=[paged + simple]
        )
        [part] = (await reader.read(content, "handbook.docx")).parts
        lines = [line for line in part.text.split("\n") if line]
        assert lines == ["Handbook", "In a box", WORDS, "Staff copy, page"]

    async def test_a_damaged_one_is_reported_and_the_body_is_read(
        self, reader: DocumentReader
    ) -> None:
        content = documents.docx([("", WORDS)], headers=["<w:p><x:y/></w:p>"])
        extraction = await reader.read(content, "damaged.docx")
        assert extraction.parts[0].text == WORDS
        assert "page headers" in found(extraction)["parser_warning"]

    async def test_a_document_with_nothing_else_has_no_text(self, reader: DocumentReader) -> None:
        content = documents.docx([], headers=[f"<w:p>{run('Handbook')}</w:p>"])
        with pytest.raises(DocumentUnreadableError) as caught:
            await reader.read(content, "blank.docx")
        assert caught.value.reason == "empty"


class TestFormulas:
    async def test_the_second_reader_shows_those_that_were_never_calculated(
        self, reader: DocumentReader
    ) -> None:
        book = openpyxl.Workbook()
        sheet = book.worksheets[0]
        sheet.title = "Costs & more"
        sheet.append(["Item", "Euro"])
        sheet.append(["Drum", 5])
        sheet.append(["Total", "=SUM(B2:B2)"])
        book.create_sheet("Rest")["A1"] = "Nothing else"
        book.worksheets[1].sheet_state = "hidden"
        written = io.BytesIO()
        book.save(written)
        name = "xl/worksheets/sheet1.xml"
        broken = documents.member(written.getvalue(), name).replace(
            b"</row></sheetData>", b'<c r="C3" t="d"><v>zz</v></c></row></sheetData>'
        )
        content = documents.with_member(written.getvalue(), name, broken)
        extraction = await reader.read(content, "costs.xlsx")
        assert extraction.readers == ("xberg",)
        details = found(extraction)
        assert "second_reader" in details
        assert details["formulas_not_calculated"] == "Costs & more!B3"
        assert details["hidden_sheet"] == "Rest"
        first = extraction.parts[0]
        assert first.text.endswith("\n\nB3 | =SUM(B2:B2)")
        assert "=SUM" not in extraction.parts[1].text
        assert any("=SUM(B2:B2)" in passage.text for passage in passages(extraction))


def nested(tag: str, depth: int) -> bytes:
    end = "".join(f"</{name}>" for name in reversed(tag.split("><")))
    page = f"<p>TOP</p>{f'<{tag}>' * depth}<p>DEEPWORD</p>after{end * depth}<p>END</p>"
    return f"<html><body>{page}</body></html>".encode()


class TestDeepPages:
    @pytest.mark.parametrize("tag", ["div", "ul><li", "table><tr><td", "blockquote", "span", "p"])
    @pytest.mark.parametrize("depth", [40, 60, 80, 3_000])
    async def test_the_text_is_read(self, reader: DocumentReader, tag: str, depth: int) -> None:
        [part] = (await reader.read(nested(tag, depth), "deep.html")).parts
        words = part.text.replace("|", " ").replace(">", " ").split()
        assert [word for word in words if word.isalpha()] == ["TOP", "DEEPWORD", "after", "END"]

    async def test_missing_end_tags_nest_nothing(self, reader: DocumentReader) -> None:
        rows = "".join(f"<tr><td>Hall {number}<td>opens at {number} bar" for number in range(90))
        lines = "".join(f"<p>Rule {number} of the house" for number in range(90))
        items = "".join(f"<li>Item {number}" for number in range(90))
        page = f"<body>{lines}<ul>{items}</ul><table>{rows}</table></body>"
        [part] = (await reader.read(f"<html>{page}</html>".encode(), "old.html")).parts
        for number in range(90):
            assert f"Rule {number} of" in part.text
            assert f"Item {number}" in part.text
            assert f"Hall {number} | opens at {number} bar" in part.text

    def test_an_ordinary_page_stays_as_it_is(self) -> None:
        page = "<html><body>" + "<div><p>A &amp; B<br><img src=x></div>" * 45 + "</body></html>"
        assert nesting.flattened("<p>One</p>") == "<p>One</p>"
        assert nesting.flattened(nested("div", 40).decode()) == nested("div", 40).decode()
        assert "A &amp; B<br><img src=x>" in nesting.flattened(page)

    def test_what_is_hidden_below_stays_hidden(self) -> None:
        hidden = (
            '<p hidden>ONE</p><div style="display: none">TWO<div>THREE</div></div>'
            "<script>FOUR</script><style>FIVE</style><!-- SIX -->SEVEN"
        )
        page = nesting.flattened("<div>" * 60 + hidden + "</div>" * 60 + "EIGHT")
        for word in ("ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX"):
            assert word not in page
        assert "SEVEN" in page
        assert "EIGHT" in page


class TestTables:
    @pytest.mark.parametrize("rows", [400, 3_000])
    async def test_a_table_of_empty_cells_is_no_bomb(
        self, reader: DocumentReader, rows: int
    ) -> None:
        content = documents.docx([("", WORDS)], table=[[""] * 10] * rows)
        assert WORDS in (await reader.read(content, "form.docx")).parts[0].text


class TestCutPdf:
    async def test_the_page_that_is_lost_is_named(self, reader: DocumentReader) -> None:
        whole = documents.pdf([f"Page {number}. {WORDS}" for number in range(1, 23)])
        cut = whole[: whole.rindex(b" /Resources")]  # inside of the last page
        extraction = await reader.read(cut, "cut.pdf")
        details = found(extraction)
        assert extraction.readers == ("xberg",)
        assert (len(extraction.parts), extraction.page_count) == (21, 22)
        assert details["pages_lost"] == "22"
        assert "truncated" in details

    async def test_a_whole_file_is_not_called_cut(self, reader: DocumentReader) -> None:
        extraction = await reader.read(documents.pdf([WORDS, WORDS]), "whole.pdf")
        assert extraction.findings == ()


LOOP = (
    b"%PDF-1.5\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n"
    b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 1000000000 >>\nendobj\n"
    b"trailer << /Root 1 0 R >>\n%%EOF"
)


class TestLimits:
    async def test_a_tree_of_pages_that_leads_to_itself_is_refused(self) -> None:
        limits = ReadingLimits(seconds=20.0)
        async with DocumentReader(limits) as reader:
            with pytest.raises(DocumentUnreadableError, match="1,000,000,000 pages") as caught:
                await reader.read(LOOP, "loop.pdf")
            pid = reader.pid
            await reader.read(b"A line.", "after.txt")
            assert reader.pid == pid
        assert caught.value.reason == "corrupt"

    def test_a_small_file_has_less_time(self) -> None:
        limits = ReadingLimits()
        assert limits.seconds_for(200) == 60.0
        assert limits.seconds_for(500_000) == 160.0
        assert limits.seconds_for(100_000_000) == limits.seconds == 300.0
        assert ReadingLimits(seconds=5.0).seconds_for(200) == 5.0

    @pytest.mark.parametrize(
        ("status", "printed", "reason"),
        [
            (-signal.SIGABRT, b"", UnreadableReason.MEMORY),
            (-signal.SIGABRT, b"double free or corruption", UnreadableReason.CRASHED),
            (-signal.SIGABRT, b"memory allocation of 9 bytes failed", UnreadableReason.MEMORY),
            (-signal.SIGSEGV, b"", UnreadableReason.CRASHED),
            (-signal.SIGXCPU, b"", UnreadableReason.TIME),
        ],
    )
    def test_why_a_process_ended(
        self, status: int, printed: bytes, reason: UnreadableReason
    ) -> None:
        assert process._why(status, printed) is reason
