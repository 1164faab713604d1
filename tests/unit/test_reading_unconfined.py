"""The confinement of the child changes no result: the same readers without it give the same.

They run in a process of their own, as xberg may end one at its teardown.
"""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from dataclasses import asdict, replace
from datetime import datetime, time
from email.message import EmailMessage
from typing import Any

import openpyxl
import pytest

from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.reading.process import DocumentReader
from tests import documents
from tests.documents import WORDS

UNCONFINED = """
import base64, json, sys
from dataclasses import asdict

from roadbed.knowledge.errors import DocumentUnreadableError
from roadbed.knowledge.reading import readers

told = []
for name, coded, second_only in json.load(sys.stdin):
    try:
        read = readers.read(base64.b64decode(coded), name, second_only=second_only)
        told.append(asdict(read))
    except DocumentUnreadableError as error:
        told.append(error.reason)
print(json.dumps(told), flush=True)
"""


def workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["Code", "Share", "Late"], ["007", 0.5, True], [], [1.25, "=A1", "#N/A"]):
        sheet.append(row)
    sheet["B2"].number_format = "0%"
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def damaged_workbook() -> bytes:
    """A workbook with a style that it does not define: openpyxl fails, xberg reads it."""
    name, content = "xl/worksheets/sheet1.xml", workbook()
    sheet = documents.member(content, name).replace(b's="1"', b's="99"')
    return documents.with_member(content, name, sheet)


def mail() -> bytes:
    made = EmailMessage()
    made["Subject"], made["From"] = "An offer", "ana@example.org"
    made.set_content("<h1>Offer</h1><p>Of 4,200.</p>", subtype="html")
    for name, content in (("offer.pdf", documents.pdf([WORDS])), ("rubbish.bin", b"\0\1\2" * 99)):
        made.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return bytes(made)


def hidden_workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"] = datetime(2026, 3, 1, 8, 30)  # noqa: DTZ001 - a workbook has no time zones
    sheet["A2"], sheet["A3"] = time(8, 30), "a\nb"
    sheet["B1"], sheet["B2"] = 7, 1234567.5
    sheet["B1"].number_format = "000"
    sheet.sheet_state = "hidden"
    book.create_sheet("Shown")
    book.active = 1
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def nested_mail() -> bytes:
    made = EmailMessage()
    made["Subject"] = "the innermost"
    made.set_content("Deep.")
    for level in range(6):
        around = EmailMessage()
        around["Subject"], around["From"] = f"level {level}", "ana@example.org"
        around.set_content(f"Around {level}.")
        around.add_attachment(made)
        made = around
    return bytes(made)


CUT = documents.pdf([WORDS] * 30, linear=True)
DOCUMENTS: list[tuple[str, bytes]] = [
    ("report.pdf", documents.pdf([WORDS, "16,411 and 7"], password="", white="hidden words")),
    ("mixed.pdf", documents.pdf([WORDS, ""], pictures=True)),
    ("cut.pdf", CUT[: len(CUT) // 2]),
    ("scan.pdf", documents.pdf([""], pictures=True)),
    ("secret.pdf", documents.pdf([WORDS], password="word")),
    ("rubbish.pdf", b"%PDF-1.7 rubbish"),
    ("policy.docx", documents.docx([("Heading1", "Fees"), ("", WORDS)], table=[["a"], ["b"]])),
    ("blank.docx", documents.docx([])),
    ("deck.pptx", documents.pptx([("Plan", WORDS, "Slowly."), ("Costs", "High.", "")])),
    ("prices.xlsx", workbook()),
    ("damaged.xlsx", damaged_workbook()),
    ("help.html", b"<!doctype html><title>Help</title><h1>A</h1><p style='color:white'>b</p>"),
    ("latin.html", "<html><meta charset='iso-8859-1'><p>Größe</p></html>".encode("latin-1")),
    ("blank.html", b"<html><body></body></html>"),
    ("notes.md", b"# One\n\ntext\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"),
    ("offer.eml", mail()),
    ("note.txt", "Größe".encode("cp1252")),
    ("renamed.docx", b"A line of text."),
    ("cut.docx", documents.docx([("", WORDS)])[:700]),
    ("bomb.docx", documents.docx([("", "a" * 9_000_000)])),
    ("locked.docx", documents.with_member(documents.docx([]), "word/styles.xml", b"<!DOCTYPE a>")),
    ("hidden.xlsx", hidden_workbook()),
    ("text.rtf", b"{\\rtf1 words}"),
    ("data.xml", b"<?xml version='1.0'?><data>7</data>"),
    ("piece.html", b"<p>A piece</p>"),
    ("letter.eml", b"From: ana@example.org\nSubject: =?x?q?bad\n\nThe \xe4 text\n"),
    ("nested.eml", nested_mail()),
    ("utf16.txt", "Größe".encode("utf-16")),
    ("rubbish.bin", bytes(range(256)) * 9),
    ("unknown.zip", b"PK\x03\x04" + b"nothing of an office" * 9),
    (
        "long.md",
        f"---\ntitle: One\n---\n# {WORDS * 4}\n\nTwo\n===\n\nThree lines\nof text\nFour\n----\n\n"
        "```\ncode\n```\n\n***\n".encode(),
    ),
    ("noise.pdf", documents.pdf(["Uif qsjdf pg uif tfswjdf jt tubufe jo uif " * 2] * 20)),
]


def unconfined(asked: list[tuple[str, bytes]], *, second_only: bool = False) -> list[Any]:
    coded = [(name, base64.b64encode(content).decode(), second_only) for name, content in asked]
    ran = subprocess.run(
        [sys.executable, "-c", UNCONFINED],
        input=json.dumps(coded),
        capture_output=True,
        text=True,
        check=False,  # it may end by a signal, after its result
    )
    return list(json.loads(ran.stdout))


async def test_the_result_is_the_same_without_confinement() -> None:
    told = unconfined(DOCUMENTS)
    assert len(told) == len(DOCUMENTS)
    async with DocumentReader() as reader:
        for (name, content), alone in zip(DOCUMENTS, told, strict=True):
            try:
                extraction = replace(await reader.read(content, name), confined=True)
            except DocumentUnreadableError as error:
                refused: str = error.reason
            else:
                refused = ""
            if refused or isinstance(alone, str):
                assert refused == alone, name
            else:
                findings = [item for item in extraction.findings if item.kind != "not_confined"]
                read = asdict(replace(extraction, findings=tuple(findings)))
                assert json.loads(json.dumps(read)) == alone, name


def test_a_workbook_that_the_first_reader_cannot_read_is_read_by_the_second() -> None:
    (read,) = unconfined([("damaged.xlsx", damaged_workbook())])
    assert read["readers"] == ["xberg"]
    kinds = [finding["kind"] for finding in read["findings"]]
    assert kinds == ["second_reader", "formulas_not_calculated"]
    assert "007" in read["parts"][0]["text"]


def test_the_second_reader_alone_reads_what_it_knows() -> None:
    asked = [document for document in DOCUMENTS if document[0] in {"mixed.pdf", "notes.md"}]
    pdf, markdown = unconfined(asked, second_only=True)
    assert pdf["readers"] == ["pypdfium2"]
    assert "second_reader" in {finding["kind"] for finding in pdf["findings"]}
    assert markdown["readers"] == ["markdown"]
    other = [document for document in DOCUMENTS if document[0].endswith((".docx", ".pptx"))][:1]
    assert unconfined(other, second_only=True) == ["crashed"]


@pytest.mark.parametrize("reason", UnreadableReason)
def test_each_reason_names_the_document_and_a_remedy(reason: UnreadableReason) -> None:
    error = DocumentUnreadableError("contract.pdf", reason, "a detail")
    assert "contract.pdf" in error.problem
    assert error.remedy.endswith(".")
    assert error.reason == reason
    assert error.detail == "a detail"
