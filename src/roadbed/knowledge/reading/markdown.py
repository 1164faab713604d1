"""Markdown: text with headings and tables, as blocks. Other readers give Markdown too."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from roadbed.knowledge.model import Block, BlockKind, Part, Position
from roadbed.knowledge.reading import merged_cells, wrapped_lines

_BREAKS = re.compile("\u00ad\n?|[\u200b\u2060\ufeff]")
# Letters that are drawn as one: a search for "office" would not find the word with one of them.
_LIGATURES = str.maketrans(
    {
        "\ufb00": "ff",
        "\ufb01": "fi",
        "\ufb02": "fl",
        "\ufb03": "ffi",
        "\ufb04": "ffl",
        "\ufb05": "st",
        "\ufb06": "st",
    }
)
_HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*?)(?:\s+#+)?\s*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})\s*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_SEPARATOR = re.compile(r"\s*\|?(\s*:?-+:?\s*\|)*\s*:?-+:?\s*\|?\s*$")
_CELLS = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r" {0,3}([-*_])(\s*\1){2,}\s*$")
_IMAGE = re.compile(r"\\?!\[([^\]]*)\]\([^)]*\)")
_LINK = re.compile(r"\[([^\]]+)\]\((?:[^()\s]|\([^()]*\))*(?:\s+\"[^\"]*\")?\)")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_STRONG = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*|(?<!\w)__(?=\S)(\S+\s.*?)(?<=\S)__(?!\w)")
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=\S)([^*]+?)(?<=\S)\*(?![\w*])")
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_PROTECTED = 0x10FE00  # behind it no font has signs
_SIGNS = {_PROTECTED + sign: sign for sign in range(128)}
_FILE_NAME = re.compile(r"\.\w{2,5}$")
_LONGEST_HEADING = 200  # characters; a longer one is a paragraph in bold letters


@dataclass
class _Open:
    """What is put together line by line."""

    text: list[str]
    length: int
    blocks: list[Block]
    headings: list[tuple[int, str]]
    width: int | None = None
    repeats: merged_cells.Repeats | None = None

    def add(self, kind: BlockKind, content: str, *, header: str | None = None) -> None:
        if self.repeats is not None:  # not in a table, or in one within a cell
            content = content.replace(merged_cells.CONTINUED, "")
        if not content.strip():
            return
        start = self.length
        self.text.append(content)
        self.length += len(content) + 2  # the empty line after a block
        self.blocks.append(
            Block(
                kind=kind,
                start=start,
                end=start + len(content),
                headings=tuple(title for _, title in self.headings),
                header=header,
            )
        )

    def add_heading(self, level: int, title: str) -> None:
        if not title or len(title) > _LONGEST_HEADING:
            self.add("text", title)
            return
        while self.headings and self.headings[-1][0] >= level:
            self.headings.pop()
        self.headings.append((level, title))
        self.add("heading", title)


def plain(text: str) -> str:
    """A text with one kind of line break, without characters that only change how words look.

    Ligatures become their letters. Soft hyphens and spaces without width stand inside words: a
    search would find their halves.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _BREAKS.sub("", text)
    return text if text.isascii() else text.translate(_LIGATURES)


def part(
    content: str,
    place: Position,
    headings: Sequence[tuple[int, str]] = (),
    *,
    width: int | None = None,
    repeats: merged_cells.Repeats | None = None,
) -> tuple[Part, tuple[tuple[int, str], ...]]:
    """``content`` as a part, and the headings (level, title) that hold at its end.

    ``headings`` are those that hold at its beginning, on a page that continues a section. ``width``
    is the one at which the lines of its paragraphs were broken, in characters. With ``repeats``,
    cells that continue the one above (``merged_cells.CONTINUED``) get its value.
    """
    made = _Open(
        text=[], length=0, blocks=[], headings=list(headings), width=width, repeats=repeats
    )
    lines = plain(content).split("\n")
    at = 0
    while at < len(lines):
        at = _take(lines, at, made)
    return (
        Part(place=place, text="\n\n".join(made.text), blocks=tuple(made.blocks)),
        tuple(made.headings),
    )


def inline(text: str) -> str:
    """Text without the signs of Markdown: emphasis, links, images, escapes."""
    # An escaped sign is no sign of what follows. Readers escape the one of an image.
    text = _ESCAPED.sub(lambda sign: sign[0] if sign[1] == "!" else _protected(sign[1]), text)
    text = _IMAGE.sub(lambda image: "" if _FILE_NAME.search(image[1]) else image[1], text)
    text = _BREAK.sub(" ", text)
    text = _LINK.sub(r"\1", text)
    text = _STRONG.sub(lambda strong: strong[1] or strong[2], text)
    text = _EMPHASIS.sub(r"\1", text)
    text = _CODE.sub(r"\1", text)
    return _ESCAPED.sub(r"\1", text).translate(_SIGNS).strip()


def _protected(sign: str) -> str:
    return chr(_PROTECTED + ord(sign))


def heading(line: str) -> tuple[int, str] | None:
    """Level and title of a heading, or ``None`` for any other line."""
    match = _HEADING.match(line)
    return (len(match[1]), inline(match[2])) if match else None


def table_end(lines: Sequence[str], at: int) -> int:
    """The line after the table that begins at line ``at``, which is ``at`` where none begins."""
    if not _is_table(lines, at):
        return at
    return max(_until(lines, at, lambda line: "|" not in line), at + 1)


def cells(line: str) -> Sequence[str]:
    """The cells of a row of a table; none for the line below its names."""
    if _SEPARATOR.match(line):
        return ()
    return [" ".join(inline(cell).split()) for cell in _CELLS.split(line.strip().strip("|"))]


def _take(lines: Sequence[str], at: int, made: _Open) -> int:
    """Add the block that begins at line ``at``; gives the line after it."""
    line = lines[at]
    if not line.strip() or _RULE.match(line):
        return at + 1
    if match := _FENCE.match(line):
        return _take_code(lines, at, match[1], made)
    if (title := heading(line)) is not None:
        made.add_heading(*title)
        return at + 1
    if _is_table(lines, at):
        return _take_table(lines, at, made)
    return _take_paragraph(lines, at, made)


def _take_code(lines: Sequence[str], at: int, fence: str, made: _Open) -> int:
    end = _until(lines, at + 1, lambda line: line.strip().startswith(fence))
    made.add("text", "\n".join(line.rstrip() for line in lines[at + 1 : end]).strip("\n"))
    return end + 1


def _is_table(lines: Sequence[str], at: int) -> bool:
    if lines[at].lstrip().startswith("|"):
        return True
    following = lines[at + 1] if at + 1 < len(lines) else ""
    return "|" in lines[at] and "|" in following and _SEPARATOR.match(following) is not None


def _take_table(lines: Sequence[str], at: int, made: _Open) -> int:
    end = table_end(lines, at)
    rows = [cells(line) for line in lines[at:end] if not _SEPARATOR.match(line)]
    named = end - at > 1 and _SEPARATOR.match(lines[at + 1]) is not None and any(rows[0])
    if made.repeats is not None:
        rows = list(merged_cells.continued(rows, made.repeats))
    rows_with_text = [" | ".join(row) for row in rows if any(row)]
    made.add("table", "\n".join(rows_with_text), header=rows_with_text[0] if named else None)
    return end


def _take_paragraph(lines: Sequence[str], at: int, made: _Open) -> int:
    end = at + 1
    while end < len(lines) and not _begins_other(lines, end):
        if match := _UNDERLINE.match(lines[end]):
            for written in _cleaned(lines[at : end - 1], made.width):
                made.add("text", written)
            made.add_heading(1 if match[1][0] == "=" else 2, inline(lines[end - 1]))
            return end + 1
        end += 1
    for written in _cleaned(lines[at:end], made.width):
        made.add("text", written)
    return end


def _begins_other(lines: Sequence[str], at: int) -> bool:
    line = lines[at]
    return (
        not line.strip()
        or _HEADING.match(line) is not None
        or _FENCE.match(line) is not None
        or _is_table(lines, at)
    )


def _cleaned(lines: Sequence[str], width: int | None) -> Iterator[str]:
    goes_on = [False] * len(lines)
    if width is not None:
        goes_on[1:] = wrapped_lines.going_on(lines, width)
    text = ""
    for line, follows in zip(lines, goes_on, strict=True):
        written = inline(line)
        if not written or written in ("-", "*"):
            continue
        text += (" " if follows else "\n") + written if text else written
    if text:
        yield text


def _until(lines: Sequence[str], at: int, ends: Callable[[str], bool]) -> int:
    while at < len(lines) and not ends(lines[at]):
        at += 1
    return at
