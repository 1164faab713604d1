"""Differences of texts, by word and by line, of bounded size. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff
from typing import Literal

from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import number

Sign = Literal["+", "-", " "]
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_MOST_WORDS = 4_000
_MOST_BYTES = 200_000
_MOST_LINES = 3_000
_SHOWN = 300
_WIDEST = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A part of a text or a line of it: added, removed, or the same in both."""

    sign: Sign
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FileDifference:
    """One file: ``lines`` as a unified difference, ``left_out`` how many more there are.

    ``note`` says why there are none where a file cannot be shown.
    """

    path: str
    sign: Literal["+", "-", "~"]
    lines: Sequence[Piece]
    left_out: int
    note: str | None = None


def compare_words(before: str, after: str) -> list[Piece]:
    """The words of both texts in order. Long texts are compared by line."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    if max(len(old), len(new)) > _MOST_WORDS:
        old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    return list(_joined(_pieces(old, new)))


def compare_file(path: str, before: bytes | None, after: bytes | None) -> FileDifference:
    """How a file changed. ``None`` is a file that does not exist."""
    sign: Literal["+", "-", "~"] = "+" if before is None else "-" if after is None else "~"
    if max(len(before or b""), len(after or b"")) > _MOST_BYTES:
        return _unshown(path, sign, _("Too large to show."))
    try:
        old, new = (_lines(content) for content in (before, after))
    except UnicodeDecodeError:
        return _unshown(path, sign, _("Not text."))
    if max(len(old), len(new)) > _MOST_LINES:
        return _unshown(
            path,
            sign,
            _("%(before)s lines became %(now)s; too many to show.")
            % {"before": number(len(old)), "now": number(len(new))},
        )
    lines = [
        Piece(sign=line[0], text=line[1:][:_WIDEST])  # type: ignore[arg-type]  # one of three signs
        if line[0] in "+- "
        else Piece(sign=" ", text=line[:_WIDEST])
        for line in list(unified_diff(old, new, lineterm="", n=2))[2:]
    ]
    return FileDifference(
        path=path, sign=sign, lines=lines[:_SHOWN], left_out=max(len(lines) - _SHOWN, 0)
    )


def _unshown(path: str, sign: Literal["+", "-", "~"], note: str) -> FileDifference:
    return FileDifference(path=path, sign=sign, lines=(), left_out=0, note=note)


def _lines(content: bytes | None) -> list[str]:
    text = (content or b"").decode("utf-8")
    if "\0" in text:
        raise UnicodeDecodeError("utf-8", b"\0", 0, 1, "a text holds no zero byte")
    return text.splitlines()


def _pieces(old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            yield Piece(sign=" ", text="".join(old[a:b]))
            continue
        if a < b:
            yield Piece(sign="-", text="".join(old[a:b]))
        if c < d:
            yield Piece(sign="+", text="".join(new[c:d]))


def _joined(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Join changes that only white space separates."""
    held: dict[Sign, str] = {}
    for piece in pieces:
        if piece.sign == " " and (not held or piece.text.strip()):
            yield from (Piece(sign=sign, text=text) for sign, text in _in_order(held))
            held = {}
            yield piece
            continue
        for sign in ("+", "-") if piece.sign == " " else (piece.sign,):
            held[sign] = held.get(sign, "") + piece.text
    yield from (Piece(sign=sign, text=text) for sign, text in _in_order(held))


def _in_order(held: dict[Sign, str]) -> Iterator[tuple[Sign, str]]:
    for sign in ("-", "+"):
        if text := held.get(sign):
            yield sign, text
