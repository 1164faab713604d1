"""EML: a message, and its attachments, each read as its own format says."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from email.message import EmailMessage, Message

from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.findings import DocumentFinding
from roadbed.knowledge.model import Block, DoubtfulNumber, Extraction, Part, Position
from roadbed.knowledge.reading import encodings, html, texts

NAME = "email"
DEEPEST = 4  # messages inside messages
MOST_ATTACHMENTS = 200  # of a message, with those inside its attachments
_HEADERS = ("Subject", "From", "To", "Cc", "Date")
_LONGEST_HEADER = 2_000

ReadDocument = Callable[[bytes, str, int], Extraction]


@dataclass
class _Collected:
    """What a message and its attachments give together."""

    parts: list[Part] = field(default_factory=list)
    findings: list[DocumentFinding] = field(default_factory=list)
    doubtful: list[DoubtfulNumber] = field(default_factory=list)
    readers: list[str] = field(default_factory=lambda: [NAME])
    omitted: list[str] = field(default_factory=list)


def read(content: bytes, name: str, read_document: ReadDocument, depth: int = 0) -> Extraction:
    """Read a message. ``read_document`` reads an attachment: its content, name and depth.

    Raises ``DocumentUnreadableError`` if neither the message nor an attachment has text.
    """
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    made = _Collected()
    subject = _header(message, "Subject")
    body = _body(message, name, made)
    headers = "\n".join(
        f"{header}: {value}" for header in _HEADERS if (value := _header(message, header))
    )
    made.parts.append(_message_part(headers, body, subject))
    attachments = list(_attachments(message))
    for number, (title, data) in enumerate(attachments):
        if depth >= DEEPEST or number >= MOST_ATTACHMENTS:
            made.omitted.append(title)
        else:
            _add(made, title, data, read_document, depth)
    if made.omitted:
        made.findings.append(
            DocumentFinding(
                kind="attachments_omitted",
                count=len(made.omitted),
                detail=", ".join(made.omitted[:20]),
            )
        )
    if not any(part.text.strip() for part in made.parts):
        raise DocumentUnreadableError(name, UnreadableReason.EMPTY)
    return Extraction(
        format="eml",
        parts=tuple(part for part in made.parts if part.text.strip()),
        title=subject or None,
        readers=tuple(dict.fromkeys(made.readers)),
        findings=tuple(made.findings),
        doubtful=tuple(made.doubtful),
    )


def _add(
    made: _Collected, title: str, data: bytes, read_document: ReadDocument, depth: int
) -> None:
    try:
        inner = read_document(data, title, depth + 1)
    except DocumentUnreadableError as error:
        made.findings.append(
            DocumentFinding(kind="attachment_unreadable", detail=f"{error.problem} {error.remedy}")
        )
        return
    made.parts += [replace(part, place=_inside(part.place, title)) for part in inner.parts]
    made.doubtful += [replace(doubt, place=_inside(doubt.place, title)) for doubt in inner.doubtful]
    made.findings += [
        replace(finding, detail=f"{title}: {finding.detail}") for finding in inner.findings
    ]
    made.readers += inner.readers


def _inside(place: Position, title: str) -> Position:
    return replace(place, attachment=(title, *place.attachment))


def _message_part(headers: str, body: Part, subject: str) -> Part:
    """The headers as the first paragraph, the body behind it."""
    shift = len(headers) + 2 if headers else 0
    headings = (subject,) if subject else ()
    blocks = tuple(
        replace(
            block,
            start=block.start + shift,
            end=block.end + shift,
            headings=(*headings, *block.headings),
        )
        for block in body.blocks
    )
    if headers:
        head = Block(kind="text", start=0, end=len(headers), headings=headings)
        blocks = (head, *blocks)
    text = f"{headers}\n\n{body.text}" if headers else body.text
    return Part(place=Position(kind="message"), text=text.rstrip(), blocks=blocks)


def _header(message: Message, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())[:_LONGEST_HEADER]
    except Exception:  # a malformed header; the module raises many kinds of errors
        return ""


def _body(message: EmailMessage, name: str, made: _Collected) -> Part:
    place = Position(kind="message")
    body = message.get_body(("plain", "html"))
    if body is None:
        return Part(place=place, text="")
    data = body.get_payload(decode=True)
    if not isinstance(data, bytes):
        return Part(place=place, text="")
    text, findings = encodings.decode_page(data, body.get_content_charset())
    if body.get_content_subtype() != "html":
        made.findings += findings
        return texts.plain_part(text, place)
    try:
        inner = html.read_page(text, findings, name)
    except DocumentUnreadableError:
        return Part(place=place, text="")
    made.readers += inner.readers
    made.findings += inner.findings
    return inner.parts[0]


def _attachments(message: EmailMessage) -> Iterator[tuple[str, bytes]]:
    for number, part in enumerate(message.iter_attachments(), 1):
        if part.get_content_type() == "message/rfc822":
            inner = part.get_payload()
            if isinstance(inner, list) and inner and isinstance(inner[0], Message):
                title = part.get_filename() or f"{_header(inner[0], 'Subject') or number}.eml"
                yield title, inner[0].as_bytes()
            continue
        data = part.get_payload(decode=True)
        if isinstance(data, bytes) and data:
            yield part.get_filename() or f"attachment {number}", data
