"""Messages: what a person sees of one is read, whatever its parts are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.message import EmailMessage
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from roadbed.knowledge.model import Extraction
from roadbed.knowledge.reading.process import DocumentReader


@pytest.fixture(scope="module")
async def reader() -> AsyncIterator[DocumentReader]:
    async with DocumentReader() as opened:
        yield opened


def message(text: str = "Hello.") -> EmailMessage:
    made = EmailMessage()
    made["Subject"], made["From"], made["To"] = "Fees", "a@example.org", "b@example.org"
    made.set_content(text)
    return made


def several(kind: str, *parts: MIMEText | MIMEApplication) -> bytes:
    made = MIMEMultipart(kind)
    made["Subject"], made["From"], made["To"] = "Fees", "a@example.org", "b@example.org"
    for part in parts:
        made.attach(part)
    return made.as_bytes()


def body(extraction: Extraction) -> str:
    return extraction.parts[0].text.partition("\n\n")[2]


def labels(extraction: Extraction) -> list[str]:
    return [part.place.label for part in extraction.parts]


async def test_each_text_of_a_message_is_read_in_its_order(reader: DocumentReader) -> None:
    content = several(
        "mixed", MIMEText("The first."), MIMEText("<p>The second.</p>", "html"), MIMEText("Last.")
    )
    extraction = await reader.read(content, "fees.eml")
    assert body(extraction) == "The first.\n\nThe second.\n\nLast."
    assert labels(extraction) == [""]
    [part] = extraction.parts
    texts = [part.text[block.start : block.end] for block in part.blocks]
    assert texts[1:] == ["The first.", "The second.", "Last."]


async def test_the_page_is_read_if_it_says_more_than_the_plain_form(
    reader: DocumentReader,
) -> None:
    stub = message("Open this message in another program.")
    stub.add_alternative("<p>The fee is 77 euro.</p>", subtype="html")
    assert body(await reader.read(stub.as_bytes(), "fees.eml")) == "The fee is 77 euro."
    same = message("The fee is\n77 euro.")
    same.add_alternative("<p>The fee is 77 euro.</p>", subtype="html")
    assert body(await reader.read(same.as_bytes(), "fees.eml")) == "The fee is\n77 euro."


async def test_attachments_of_one_name_are_told_apart(reader: DocumentReader) -> None:
    made = message()
    made.add_attachment("The first.", filename="fees.txt")
    made.add_attachment("The second.", filename="fees.txt")
    extraction = await reader.read(made.as_bytes(), "fees.eml")
    assert labels(extraction) == ["", "fees.txt", "fees.txt (2)"]


async def test_an_encrypted_message_is_reported(reader: DocumentReader) -> None:
    made = message()
    made.set_content(
        bytes(range(256)), maintype="application", subtype="pkcs7-mime", filename="smime.p7m"
    )
    extraction = await reader.read(made.as_bytes(), "fees.eml")
    [finding] = extraction.findings
    assert finding.kind == "attachment_unreadable"
    assert "smime.p7m" in finding.detail


async def test_a_signature_is_no_attachment(reader: DocumentReader) -> None:
    signature = MIMEApplication(bytes(range(256)), "pkcs7-signature", name="smime.p7s")
    extraction = await reader.read(several("signed", MIMEText("Yes."), signature), "fees.eml")
    assert body(extraction) == "Yes."
    assert labels(extraction) == [""]
    assert extraction.findings == ()


async def test_the_report_of_a_delivery_is_read(reader: DocumentReader) -> None:
    content = (
        b"Subject: Failed\nFrom: a@example.org\nTo: b@example.org\nMIME-Version: 1.0\n"
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=B\n\n"
        b"--B\nContent-Type: text/plain\n\nIt failed.\n--B\nContent-Type: message/delivery-status\n"
        b"\nReporting-MTA: dns; mail.example.org\n\nFinal-Recipient: rfc822; c@example.org\n--B--\n"
    )
    extraction = await reader.read(content, "failed.eml")
    assert "It failed." in body(extraction)
    assert "c@example.org" in body(extraction)


async def test_winmail_is_reported(reader: DocumentReader) -> None:
    made = message()
    data = b"\x78\x9f\x3e\x22" + bytes(200)
    made.add_attachment(data, maintype="application", subtype="ms-tnef", filename="winmail.dat")
    [finding] = (await reader.read(made.as_bytes(), "fees.eml")).findings
    assert finding.kind == "attachment_unreadable"
    assert finding.detail.startswith("winmail.dat")
