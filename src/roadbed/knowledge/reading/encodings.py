"""Encodings of documents: which one a text is in, and what was guessed or replaced in it. Pure.

A mark at the beginning is certain. What a page says of itself may be wrong: a proxy or an editor
has changed the bytes and not the words. UTF-8 with letters beyond ASCII that is valid to its end is
UTF-8, whatever a page says. Source of the rules for pages: WHATWG, Encoding and HTML (determining
the character encoding).
"""

from __future__ import annotations

import codecs
import re

from roadbed.knowledge.findings import DocumentFinding
from roadbed.knowledge.reading.code_pages import code_page
from roadbed.tables.encodings import MARKS

_SAMPLE = 65_536
_MOST_CONTROLS = 0.005  # of all bytes, in a text
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r\f\x1b")
_DECLARED = re.compile(
    rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w-]+)|<\?xml[^>]+encoding\s*=\s*[\"']([\w-]+)",
    re.IGNORECASE,
)
_DECLARED_WITHIN = 4096
_LEAST_ZEROS = 0.2  # of every other byte, in UTF-16 without a mark
_TAG = re.compile(rb"\s*(?:<\0[!?\w]\0|\0<\0[!?\w])")
# Python decodes these, and no browser does: they are transfer formats and no encodings of pages.
_NO_ENCODINGS = frozenset(("utf-7", "unicode_escape", "raw_unicode_escape", "punycode", "idna"))
_WINDOWS = "cp1252"
_NAMES = {"cp1250": "Windows-1250", "cp1251": "Windows-1251", _WINDOWS: "Windows-1252"}
_WESTERN = frozenset(("iso8859-1", "ascii"))


def is_text(content: bytes) -> bool:
    """Whether ``content`` is text in an encoding that is known: few control characters."""
    if any(content.startswith(mark) for mark, _ in MARKS):
        return True
    if unmarked(content) is not None:
        return True
    sample = content[:_SAMPLE] + content[-_SAMPLE:]
    return _controls(sample) <= len(sample) * _MOST_CONTROLS


def unmarked(content: bytes) -> str | None:
    """``utf-16-le`` or ``utf-16-be`` for text in it without a mark: every other byte is zero."""
    start = content[: _SAMPLE // 2 * 2]
    if len(start) < 4 or len(content) % 2:
        return None
    even, odd = start[::2], start[1::2]
    zeros = (even.count(0) / len(even), odd.count(0) / len(odd))
    tag = _TAG.match(start) is not None
    if zeros[1] > _LEAST_ZEROS and (not zeros[0] or tag):
        name = "utf-16-le"
    elif zeros[0] > _LEAST_ZEROS and (not zeros[1] or tag):
        name = "utf-16-be"
    else:
        return None
    try:
        text = codecs.getincrementaldecoder(name)().decode(start)
    except UnicodeDecodeError:
        return None
    controls = sum(1 for character in text if character < " " and character not in "\t\n\r\f")
    return name if controls <= len(text) * _MOST_CONTROLS else None


def start_of(content: bytes, length: int) -> bytes:
    """The beginning of a text as UTF-8, to look for words in it."""
    for mark, name in MARKS:
        if content.startswith(mark):
            return content[:length].decode(name, "ignore").encode("utf-8", "ignore")
    if (name_found := unmarked(content)) is not None:
        return content[:length].decode(name_found, "ignore").encode("utf-8", "ignore")
    return content[:length]


def decode(content: bytes) -> tuple[str, tuple[DocumentFinding, ...]]:
    """The text, and what was guessed or replaced in it.

    UTF-8 or what a mark or the zero bytes say. Otherwise it is a guess, of all lines, or of those
    that are not UTF-8 if others are: Windows-1250 or Windows-1251 if the language says so clearly,
    else Windows-1252.
    """
    if (certain := _certain(content)) is not None:
        return _checked(content.decode(certain, "replace"))
    lines = content.split(b"\n")
    if any(not line.isascii() and _is_utf8(line) for line in lines):
        others = [line for line in lines if not _is_utf8(line)]
        page = code_page(b"\n".join(others)) or _WINDOWS
        text = "\n".join(
            line.decode("utf-8" if _is_utf8(line) else page, "replace") for line in lines
        )
        detail = f"UTF-8, {len(others)} lines {_NAMES[page]}"
    else:
        page = code_page(content) or _WINDOWS
        text = content.decode(page, "replace")
        detail = _NAMES[page]
    guess = DocumentFinding(kind="encoding_guessed", detail=detail)
    text, replaced = _checked(text)
    return text, (guess, *replaced)


def decode_page(
    content: bytes, declared: str | None = None
) -> tuple[str, tuple[DocumentFinding, ...]]:
    """The text of a page of HTML or of a message whose header says ``declared``."""
    if _certain(content) is not None and not content.isascii():
        return decode(content)
    if (name := _known(declared) or _named(content)) is not None:
        try:
            return _checked(content.decode(name))
        except UnicodeDecodeError:
            text = content.decode(name, "replace")
            if text.count("\ufffd") <= len(text) * _MOST_CONTROLS:
                return _checked(text)
    return decode(content)


def _certain(content: bytes) -> str | None:
    for mark, name in MARKS:
        if content.startswith(mark):
            return name
    return unmarked(content) or ("utf-8" if _is_utf8(content) else None)


def _named(content: bytes) -> str | None:
    match = _DECLARED.search(content[:_DECLARED_WITHIN])
    return _known((match[1] or match[2]).decode("ascii", "ignore")) if match else None


def _known(declared: str | None) -> str | None:
    """The encoding that browsers take for a name; none for one that ASCII cannot be in."""
    if not declared:
        return None
    try:
        name = codecs.lookup(declared).name
        "".encode(name)
    except (LookupError, UnicodeError, ValueError):
        return None
    if name in _NO_ENCODINGS or name.startswith(("utf-16", "utf-32")):
        return None
    # Pages that say Latin-1 use the characters of Windows, such as the euro sign.
    return "cp1252" if name in _WESTERN else name


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _controls(sample: bytes) -> int:
    return len(sample) - len(sample.translate(None, _CONTROLS))


def _checked(text: str) -> tuple[str, tuple[DocumentFinding, ...]]:
    """The text without zero characters, and how many were replaced or could not be decoded."""
    count = text.count("\ufffd") + text.count("\0")
    # A blank, so that it never joins two words or two numbers to one.
    text = text.replace("\0", " ")
    return text, (DocumentFinding(kind="text_replaced", count=count),) if count else ()
