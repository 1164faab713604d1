"""Detection of the encoding of a text file: certain, or the user is asked.

A byte-order mark decides, and UTF-8 that is valid from the first byte to the last. Windows-1252 is
used if it gives words of Western languages and no other code page gives words of its own languages.
In other cases the user is asked: a wrong guess would change texts without a message.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from roadbed.kernel.sentences import sentence
from roadbed.tables.account import Lines
from roadbed.tables.errors import TableError

WINDOWS = "cp1252"
# The first bytes of a file that name its encoding, the longer ones first.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHUNK = 1 << 20
_LONGEST_LINE = 1 << 24
_MOST_PLACES = 20_000
_HIGH = re.compile(rb"[\x80-\xff]")
_WESTERN = "äöüßéàâæçèêëîïôœùûÿñáíóúìòãõåøðþýšž"
_SYMBOLS = set("€£§°–—‘’‚“”„…•™©®«»¿¡²³µ´·ªº±×÷¼½¾ \xa0\xad")
_NOT_BEFORE_LETTERS = set("²³ºª°”»…")
_NOT_AFTER_LETTERS = set("„‚«¿¡§")
_WORDS = set("àèéóòåæøö")  # letters that are words by themselves
_APOSTROPHES = set("’´\xad·")  # may stand inside a word
# What else the same bytes could be: for each code page, the letters of languages it is used for.
_OTHERS = {
    "cp1250": (
        "áčďéěíňóřšťúůýž",
        "áäčďéíĺľňóôŕšťúýž",
        "ąćęłńóśźż",
        "áéíóöőúüű",
        "ăâîșțşţ",
        "čćđšž",
    ),
    "cp1251": ("абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґ",),
    "cp1253": ("αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋΐΰ",),
    "cp1254": ("çğıöşüâîûi̇",),
    "cp1257": ("āčēģīķļņšūž", "ąčęėįšųūž", "äõöüšž"),
    "mac_roman": ("äöüß", "àâæçèéêëîïôœùûüÿ", "áéíñóúü", "åäöæø", "àèéìòù"),
    "cp850": ("äöüß", "àâæçèéêëîïôùûüÿ", "áéíñóúü", "åäöæø", "àèéìòù"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoding:
    """``name`` for Python. ``others`` are lines that are not UTF-8, read as Windows-1252."""

    name: str
    said: str | None = None
    others: Lines | None = None


def find_encoding(path: Path, asked: str | None = None) -> Encoding:
    """The encoding of a file. Raises ``TableError`` if a person has to name it, and ``OSError``."""
    if asked is not None:
        return Encoding(name=_known(asked))
    with path.open("rb") as file:
        start = file.read(4096)
    for mark, name in MARKS:
        if start.startswith(mark):
            said = (
                None if name == "utf-8-sig" else f"Read as {name.upper()}: its first bytes say so."
            )
            return _checked(path, Encoding(name=name, said=said))
    if (unmarked := _without_mark(start)) is not None:
        said = f"Read as {unmarked.upper()}: every other byte is zero."
        return _checked(path, Encoding(name=unmarked, said=said))
    if _is_valid(path, "utf-8"):
        return Encoding(name="utf-8")
    return _windows(path)


def _known(asked: str) -> str:
    try:
        name = codecs.lookup(asked).name
        "".encode(name)
    except (LookupError, UnicodeError) as error:
        raise TableError(
            sentence("There is no encoding %(asked)r.", asked=asked),
            sentence("Name one such as utf-8, cp1252 or utf-16."),
        ) from error
    return "utf-8-sig" if name == "utf-8" else name


def _without_mark(start: bytes) -> str | None:
    even, odd = start[::2], start[1::2]
    if len(start) < 4 or not even or not odd:
        return None
    if odd.count(0) > 0.6 * len(odd) and not even.count(0):
        return "utf-16-le"
    if even.count(0) > 0.6 * len(even) and not odd.count(0):
        return "utf-16-be"
    return None


def _is_valid(path: Path, name: str) -> bool:
    decoder = codecs.getincrementaldecoder(name)("strict")
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _checked(path: Path, encoding: Encoding) -> Encoding:
    if not _is_valid(path, encoding.name):
        raise TableError(
            sentence(
                "%(path)s begins as %(name)s, and is not valid to its end.",
                path=path,
                name=encoding.name.removesuffix("-sig").upper(),
            ),
            sentence("Export it again, or name the right encoding with --encoding."),
        )
    return encoding


def _windows(path: Path) -> Encoding:
    """Windows-1252, of all lines or of those that are not UTF-8. Raises ``TableError``."""
    others, places, mixed = Lines(), set[bytes](), False
    with path.open("rb") as file:
        for number, line in enumerate(_lines(file), 1):
            if line.isascii():
                continue
            try:
                line.decode("utf-8")
                mixed = True
            except UnicodeDecodeError:
                others.add(number)
                if len(places) < _MOST_PLACES:
                    places.update(
                        line[max(match.start() - 1, 0) : match.start() + 2]
                        if match.start()
                        else b" " + line[:2]
                        for match in _HIGH.finditer(line)
                    )
    if not _reads_western(places):
        likely = [name for name in _OTHERS if _reads(places, name)]
        raise TableError(
            sentence(
                "%(path)s is not UTF-8 (line %(first)s), and its encoding is not certain.",
                path=path,
                first=others.first[0],
            ),
            sentence(
                "Name it with --encoding, for example --encoding %(likely)s, or save the file as "
                "UTF-8.",
                likely=likely[0],
            )
            if likely
            else sentence("Name it with --encoding, or save the file as UTF-8."),
        )
    if clashing := [name for name in _OTHERS if _reads(places, name)]:
        raise TableError(
            sentence(
                "%(path)s is not UTF-8 (line %(first)s). It can be Windows-1252 or "
                "%(clashing)s, and the texts differ.",
                path=path,
                first=others.first[0],
                clashing=clashing[0],
            ),
            sentence(
                "Name the right one: --encoding cp1252 or --encoding %(clashing)s.",
                clashing=clashing[0],
            ),
        )
    if mixed:
        return Encoding(
            name="utf-8",
            said=f"Lines that are not UTF-8 were read as Windows-1252: {others}.",
            others=others,
        )
    return Encoding(name=WINDOWS, said="Read as Windows-1252: its words say so.")


def _lines(file: object) -> Iterator[bytes]:
    while line := file.readline(_LONGEST_LINE):  # type: ignore[attr-defined]
        yield line


def _decoded(place: bytes, name: str) -> tuple[str, str, str] | None:
    try:
        text = place.decode(name)
    except UnicodeDecodeError:
        return None
    return text[0], text[1], text[2:] or " "


def _reads_western(places: set[bytes]) -> bool:
    return all(
        (text := _decoded(place, WINDOWS)) is not None and _fits(*text, letters=_WESTERN)
        for place in places
    )


def _reads(places: set[bytes], name: str) -> bool:
    """Whether the code page gives other text than Windows-1252, with words of one language."""
    texts = [(_decoded(place, name), _decoded(place, WINDOWS)) for place in places]
    if all(text == western for text, western in texts):
        return False
    return any(
        all(text is not None and _fits(*text, letters=letters) for text, _ in texts)
        for letters in _OTHERS[name]
    )


def _fits(before: str, character: str, after: str, *, letters: str) -> bool:
    """Whether a character may stand between these two in a word, or beside one."""
    if character in _SYMBOLS:
        if before.isalpha() and after.isalpha():
            return character in _APOSTROPHES
        return not (
            (after.isalpha() and character in _NOT_BEFORE_LETTERS)
            or (before.isalpha() and character in _NOT_AFTER_LETTERS)
        )
    if character.lower() not in letters:
        return False
    if not before.isalpha() and not after.isalpha():
        return letters is _WESTERN and character.lower() in _WORDS
    if character.isupper() and before.isalpha() and before.islower():
        return False
    return all(
        not neighbour.isalpha() or _script(neighbour) == _script(character)
        for neighbour in (before, after)
    )


def _script(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]
