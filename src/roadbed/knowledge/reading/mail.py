"""EML: a message, and its attachments, each read as its own format says."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from email.message import EmailMessage, Message

from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.model import Block, Extraction, Part, Position
from roadbed.knowledge.reading import attachments, encodings, html, markdown, texts, wrapped_lines
from roadbed.knowledge.reading.attachments import Collected, ReadDocument

NAME = "email"
_HEADERS = ("Subject", "From", "To", "Cc", "Date")
_LONGEST_HEADER = 2_000

# Signatures of a message are no text, and no person reads them.
_SIGNATURES = frozenset(
    ("application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature")
)
_WORD = re.compile(r"\w{2,}")
_SAID = 0.7  # of the words of a page that its plain form has, if it says the same


@dataclass
class _Content:
    """The texts of a message in their order, and its attachments with their names."""

    bodies: list[Part] = field(default_factory=list)
    attachments: list[tuple[str, bytes]] = field(default_factory=list)


def read(content: bytes, name: str, read_document: ReadDocument, depth: int = 0) -> Extraction:
    """Read a message. ``read_document`` reads an attachment: its content, name and depth.

    Raises ``DocumentUnreadableError`` if neither the message nor an attachment has text.
    """
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    made = Collected(readers=[NAME])
    subject = _header(message, "Subject")
    parts = _Content()
    _walk(message, parts, made, name)
    body = _joined(parts.bodies)
    headers = "\n".join(
        f"{header}: {value}" for header in _HEADERS if (value := _header(message, header))
    )
    made.parts.append(_message_part(headers, body, subject))
    attachments.collect(made, parts.attachments, read_document, depth)
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


def _walk(part: Message, content: _Content, made: Collected, name: str) -> None:
    """Collect what a person sees of a message: each text in its order, and what is attached."""
    kind = part.get_content_type()
    named = part.get_filename() or part.get_content_disposition() == "attachment"
    if part.is_multipart():
        inner = [child for child in part.get_payload() if isinstance(child, Message)]
        _walk_inside(part, inner, content, made, name)
    elif kind in ("text/plain", "text/html") and not named:
        content.bodies.append(_body(part, made, name))
    elif kind not in _SIGNATURES:
        data = part.get_payload(decode=True)
        if isinstance(data, bytes) and data:
            content.attachments.append((part.get_filename() or "", data))


def _walk_inside(
    part: Message, inner: Sequence[Message], content: _Content, made: Collected, name: str
) -> None:
    kind = part.get_content_type()
    if kind == "message/rfc822":
        for message in inner[:1]:
            title = part.get_filename() or f"{_header(message, 'Subject') or 'message'}.eml"
            content.attachments.append((title, message.as_bytes()))
    elif kind.startswith("message/"):  # the lines of a report about a delivery
        lines = "\n\n".join(report.as_string().strip() for report in inner)
        content.bodies.append(texts.plain_part(lines, Position(kind="message")))
    elif kind == "multipart/alternative":
        _choose(inner, content, made, name)
    else:
        for child in inner:
            _walk(child, content, made, name)


def _choose(children: Sequence[Message], content: _Content, made: Collected, name: str) -> None:
    """Of several forms of one text take the plain one, or the page if that says more."""
    forms: list[tuple[_Content, Collected]] = []
    for child in children:
        form, notes = _Content(), Collected(readers=[NAME])
        _walk(child, form, notes, name)
        forms.append((form, notes))
        content.attachments += form.attachments
    written = [(form, notes) for form, notes in forms if any(one.text for one in form.bodies)]
    if not written:
        return
    (chosen, told), *others = written
    for form, notes in others:
        if _says_more(_joined(form.bodies).text, _joined(chosen.bodies).text):
            chosen, told = form, notes
    content.bodies += chosen.bodies
    made.findings += told.findings
    made.readers += told.readers


def _says_more(text: str, other: str) -> bool:
    """Whether many words of a text are not in the other one."""
    words = set(_WORD.findall(text.lower()))
    known = set(_WORD.findall(other.lower()))
    return len(words & known) < len(words) * _SAID


def _body(part: Message, made: Collected, name: str) -> Part:
    place = Position(kind="message")
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return Part(place=place, text="")
    text, findings = encodings.decode_page(data, part.get_content_charset())
    if part.get_content_subtype() != "html":
        made.findings += findings
        return texts.plain_part(wrapped_lines.unwrapped(markdown.plain(text)), place)
    try:
        inner = html.read_page(text, findings, name)
    except DocumentUnreadableError:
        return Part(place=place, text="")
    made.readers += inner.readers
    made.findings += inner.findings
    return inner.parts[0]


def _joined(bodies: Sequence[Part]) -> Part:
    """Texts one after the other, as one part."""
    text, blocks = "", list[Block]()
    for body in bodies:
        if body.text.strip():
            text += "\n\n" if text else ""
            blocks += [
                replace(block, start=block.start + len(text), end=block.end + len(text))
                for block in body.blocks
            ]
            text += body.text
    return Part(place=Position(kind="message"), text=text, blocks=tuple(blocks))
