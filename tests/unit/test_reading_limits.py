"""Bad documents: each gives a clear reason, and the documents after it are read."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import openpyxl
import pytest

from roadbed.knowledge.errors import DocumentUnreadableError
from roadbed.knowledge.reading.process import DocumentReader, ReadingLimits
from tests import documents, glyph_codes
from tests.documents import WORDS

_MAIN = "word/document.xml"
LAUGHS = "".join(
    f'<!ENTITY a{level} "{f"&a{level - 1};" * 10 if level else "ha"}">' for level in range(10)
)
_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


@pytest.fixture(scope="module")
async def reader() -> AsyncIterator[DocumentReader]:
    async with DocumentReader() as opened:
        yield opened


async def refused(reader: DocumentReader, content: bytes, name: str) -> DocumentUnreadableError:
    """The refusal of a document. The next document is read all the same."""
    with pytest.raises(DocumentUnreadableError) as caught:
        await reader.read(content, name)
    error = caught.value
    assert name in error.problem
    assert error.remedy
    assert (await reader.read(b"A line.", "after.txt")).parts[0].text == "A line."
    return error


def bomb() -> bytes:
    """A DOCX of 200 kB whose text has 200 MB."""
    text = "a" * 200_000_000
    body = f"<w:document {_W}><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>"
    return documents.docx([], body=body)


def with_entities() -> bytes:
    """A DOCX whose text is an entity that expands to ten thousand million characters."""
    text = f"<w:document {_W}><w:body><w:p><w:r><w:t>&a9;</w:t></w:r></w:p></w:body></w:document>"
    main = f'<?xml version="1.0"?><!DOCTYPE laughs [{LAUGHS}]>{text}'.encode()
    return documents.with_member(documents.docx([("", WORDS)]), _MAIN, main)


def old_office_file(*, encrypted: bool) -> bytes:
    """The beginning of a compound file, as old and as encrypted office files have it."""
    folder = "EncryptedPackage" if encrypted else "WordDocument"
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + folder.encode("utf-16-le") + bytes(99)


def empty_workbook() -> bytes:
    written = io.BytesIO()
    openpyxl.Workbook().save(written)
    return written.getvalue()


def other_archive() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("notes/one.txt", WORDS)
    return written.getvalue()


def linear() -> bytes:
    """A PDF whose pages come after the tree of pages."""
    return documents.pdf([f"{WORDS}\n{WORDS}"] * 3, linear=True)


LEAVE = (
    "Every employee has thirty days of annual leave.\nA certificate is needed for sick leave.\n"
    "Up to five days may be carried over until the end of March."
)
SHIFTED = "".join(
    chr(ord(letter) - 29) if letter.isalpha() else letter for letter in f"{WORDS}\n" * 20
)


class TestRefused:
    @pytest.mark.parametrize(
        ("name", "content", "reason"),
        [
            ("secret.pdf", documents.pdf([WORDS], password="word"), "password"),
            ("scan.pdf", documents.pdf(["", ""], pictures=True), "scan"),
            ("picture.pdf", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "scan"),
            ("photo.docx", b"\xff\xd8\xff\xe0" + bytes(range(256)), "scan"),
            ("page.tif", b"II*\0" + bytes(range(256)), "scan"),
            ("blank.pdf", documents.pdf([""]), "empty"),
            ("cut.pdf", documents.pdf([WORDS])[:300], "corrupt"),
            ("lost.pdf", linear()[: len(linear()) * 2 // 5], "corrupt"),
            ("rubbish.pdf", b"%PDF-1.7 " + bytes(range(256)) * 20, "corrupt"),
            ("rubbish.bin", bytes(range(256)) * 40, "unknown_format"),
            ("empty.docx", b"", "empty"),
            ("spaces.txt", b" \n\t\r\n", "empty"),
            ("cut.docx", documents.docx([("", WORDS)])[:700], "corrupt"),
            ("old.doc", old_office_file(encrypted=False), "unknown_format"),
            ("secret.docx", old_office_file(encrypted=True), "password"),
            ("blank.xlsx", empty_workbook(), "empty"),
            ("archive.zip", other_archive(), "unknown_format"),
            ("text.rtf", b"{\\rtf1 words}", "unknown_format"),
            ("data.xml", b"<?xml version='1.0'?><data>7</data>", "unknown_format"),
            ("laughs.docx", with_entities(), "bomb"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    async def test_the_reason_says_what_is_wrong(
        self, reader: DocumentReader, name: str, content: bytes, reason: str
    ) -> None:
        assert (await refused(reader, content, name)).reason == reason

    async def test_a_zip_bomb_is_not_unpacked(self, reader: DocumentReader) -> None:
        error = await refused(reader, bomb(), "bomb.docx")
        assert error.reason == "bomb"
        assert "200,0" in error.problem

    async def test_characters_with_wrong_codes_are_no_text(self, reader: DocumentReader) -> None:
        pages = [SHIFTED.replace("\n", "\n")] * 2
        content = documents.pdf(pages)
        assert (await refused(reader, content, "shifted.pdf")).reason == "nonsense"

    async def test_a_cut_file_whose_letters_are_numbers_of_glyphs_is_damaged(
        self, reader: DocumentReader
    ) -> None:
        whole = glyph_codes.printed([WORDS, LEAVE])
        assert WORDS in (await reader.read(whole, "leave.pdf")).parts[0].text
        error = await refused(reader, glyph_codes.cut(whole), "leave.pdf")
        assert error.reason == "corrupt"
        assert ".." not in str(error)

    async def test_a_whole_file_whose_letters_are_numbers_of_glyphs_is_not_readable(
        self, reader: DocumentReader
    ) -> None:
        content = documents.pdf([glyph_codes.as_letters(f"{WORDS}\n{LEAVE}")])
        assert (await refused(reader, content, "leave.pdf")).reason == "nonsense"

    async def test_a_damaged_file_that_is_read_says_so(self, reader: DocumentReader) -> None:
        whole = documents.pdf([f"{WORDS}\n{LEAVE}"] * 3)
        cut = whole[: len(whole) * 9 // 10]
        extraction = await reader.read(cut, "leave.pdf")
        assert extraction.readers == ("xberg",)
        assert [finding.kind for finding in extraction.findings] == ["damaged", "truncated"]

    async def test_a_page_without_readable_words_is_named(self, reader: DocumentReader) -> None:
        content = documents.pdf(
            [WORDS, LEAVE, glyph_codes.as_letters(f"{WORDS}\n{LEAVE}"), *[WORDS] * 9]
        )
        findings = (await reader.read(content, "leave.pdf")).findings
        assert [(one.kind, one.detail) for one in findings] == [("pages_nonsense", "3")]

    async def test_a_file_over_the_limit_is_never_opened(
        self, reader: DocumentReader, tmp_path: Path
    ) -> None:
        path = tmp_path / "orders.csv"
        with path.open("wb") as file:
            file.truncate(300_000_000)
        with pytest.raises(DocumentUnreadableError, match="300,000,000 bytes") as caught:
            await reader.read_file(path)
        assert caught.value.reason == "too_large"

    async def test_more_text_than_allowed_is_too_large(self) -> None:
        async with DocumentReader(ReadingLimits(largest_text=10_000)) as reader:
            content = f"{WORDS}\n".encode() * 500
            assert (await refused(reader, content, "long.txt")).reason == "too_large"


class TestRead:
    @pytest.mark.parametrize(
        ("name", "content", "kind"),
        [
            ("renamed.docx", documents.pdf([WORDS]), "pdf"),
            ("renamed.txt", documents.docx([("", WORDS)]), "docx"),
            ("renamed.pdf", f"{WORDS}\n".encode(), "txt"),
        ],
    )
    async def test_the_content_counts_and_not_the_name(
        self, reader: DocumentReader, name: str, content: bytes, kind: str
    ) -> None:
        extraction = await reader.read(content, name)
        assert extraction.format == kind
        assert WORDS in extraction.parts[0].text
        assert [item.kind for item in extraction.findings] == ["renamed"]

    @pytest.mark.parametrize("name", ["../../etc/passwd", "a\nb\0c", "✓ ü.txt", "x" * 5_000, ""])
    async def test_a_name_is_only_a_name(self, reader: DocumentReader, name: str) -> None:
        assert (await reader.read(WORDS.encode(), name)).parts[0].text == WORDS

    async def test_entities_of_html_do_not_expand(self, reader: DocumentReader) -> None:
        content = f"<!DOCTYPE html [{LAUGHS}]><html><body><p>{WORDS} &a9;</p></body></html>"
        extraction = await reader.read(content.encode(), "laughs.html")
        assert WORDS in extraction.parts[0].text
        assert len(extraction.parts[0].text) < 2_000

    async def test_2000_pages_are_read(self, reader: DocumentReader) -> None:
        content = documents.pdf([f"Page {number}. {WORDS}" for number in range(1, 2_001)])
        extraction = await reader.read(content, "long.pdf")
        assert extraction.page_count == len(extraction.parts) == 2_000
        assert extraction.parts[-1].text.startswith("Page 2000.")
        assert extraction.readers == ("xberg", "pypdfium2")


async def busy(reader: DocumentReader) -> int:
    """The process of the reader once it works on its document."""
    while reader.pid is None or not reader.reading:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.01)
    return reader.pid


class TestChild:
    async def test_a_crash_costs_only_the_document_and_the_second_reader_reads_it(self) -> None:
        content = documents.pdf([WORDS] * 3_000)
        async with DocumentReader() as reader:
            reading = asyncio.create_task(reader.read(content, "long.pdf"))
            pid = await busy(reader)
            os.kill(pid, signal.SIGSEGV)
            extraction = await reading
            assert extraction.readers == ("pypdfium2",)
            assert extraction.page_count == 3_000
            assert [item.kind for item in extraction.findings] == ["second_reader"]
            assert (await reader.read(b"A line.", "after.txt")).words == 2

    async def test_a_crash_without_a_second_reader_is_reported(self) -> None:
        content = b"<html><body>" + f"<p>{WORDS}</p>".encode() * 200_000
        async with DocumentReader() as reader:
            reading = asyncio.create_task(reader.read(content, "long.html"))
            os.kill(await busy(reader), signal.SIGSEGV)
            with pytest.raises(DocumentUnreadableError, match="SIGSEGV") as caught:
                await reading
            assert caught.value.reason == "crashed"

    @pytest.mark.parametrize("name", ["long.txt", "long.html"])
    async def test_memory_ends_before_that_of_the_machine(self, name: str) -> None:
        async with DocumentReader(ReadingLimits(memory_megabytes=64)) as reader:
            content = b"<html><body>" + f"<p>{WORDS}</p>\n".encode() * 300_000
            error = await refused(reader, content, name)
        assert error.reason == "memory"

    async def test_a_document_that_takes_too_long_is_given_up(self) -> None:
        async with DocumentReader(ReadingLimits(seconds=0.2)) as reader:
            content = documents.pdf([f"{WORDS}\n" * 40] * 3_000)
            with pytest.raises(DocumentUnreadableError) as caught:
                await reader.read(content, "long.pdf")
            assert caught.value.reason == "time"
            assert reader.pid is None

    async def test_a_child_is_replaced_after_so_many_documents(self) -> None:
        pids = set()
        async with DocumentReader(ReadingLimits(documents=2)) as reader:
            for number in range(4):
                await reader.read(WORDS.encode(), f"{number}.txt")
                pids.add(reader.pid)
        assert len(pids) == 2

    async def test_closing_leaves_no_process_and_no_folder(self) -> None:
        async with DocumentReader() as reader:
            await reader.read(WORDS.encode(), "one.txt")
            pid = reader.pid
            assert pid is not None
            folder = reader.folder
            assert folder is not None
            assert folder.is_dir()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert not folder.exists()

    async def test_documents_asked_for_together_are_read_in_turn(self) -> None:
        async with DocumentReader() as reader:
            read = await asyncio.gather(
                *(reader.read(f"Text {number}".encode(), "a.txt") for number in range(8))
            )
        assert [extraction.parts[0].text for extraction in read] == [
            f"Text {number}" for number in range(8)
        ]
