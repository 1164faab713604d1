"""What a document says about its own age and period, in its path and on its first two pages. Pure.

Only these count: a cue with a date or number ("Last updated April 20, 2023", "Revision 3"), tokens
of the file name, dates of folders, and a period on the cover. A sentence in which a document claims
to supersede others does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.knowledge.dates import DATE, MONTH, PartialDate, dates, first_date

PAGES = 2
LONGEST_PAGE = 3_000  # characters of each that are looked at
_LONGEST_CUE = 80

# A cue begins a line, stands in brackets or follows a version number that does: inside of
# sentences people write of other things.
_BEGIN = (
    r"(?:^|[(\[|·–—])[ \t#*_>|-]*"
    r"(?:(?:version|versión|fassung|revision|v)[ .]?\d{1,3}(?:\.\d{1,3}){0,2}"
    r"[.,;:*_]*[ ]+[(\[|·–—-]*[ ]*)?"
)
_REVISION = re.compile(
    rf"""(?imx){_BEGIN}(?P<cue>
    (?:(?:document|policy|page)[ ](?:was[ ])?)?
    (?:last[ ](?:updated|revised|modified|amended|changed)|updated|revised|amended
      |revision(?:[ ]date)?|effective(?:[ ](?:date|from|as[ ]of))?|valid[ ]from
      |version(?:[ ](?:of|date))?|stand|fassung(?:[ ]vom)?|gültig[ ]ab
      |letzte[ ](?:aktualisierung|änderung)|zuletzt[ ](?:aktualisiert|geändert)
      |(?:última[ ])?(?:actualización|revisión)|vigente[ ]desde|mise[ ]à[ ]jour|en[ ]vigueur)
    (?:[ ](?:on|am|vom|el|le|of))?)
    (?P<between>[\s:*_.-]{{1,6}})(?P<value>[^\n]{{1,40}})"""
)
_COVER_PERIOD = re.compile(
    r"(?i)\b(?P<cue>(?:quarterly |annual |monthly |weekly )?(?:period|quarter|year|months?|week)[ ]"
    r"(?:ended|ending))\b[^.\n\d]{0,20}?(?P<value>[^\n]{4,30})"
)
_MEETING = re.compile(
    r"(?im)^[ \t#*]*(?P<cue>(?:minutes|meeting|protokoll|sitzung|acta|reunión)\b[^\n\d]{0,60}?)"
    r"(?P<value>\d[^\n]{5,30}|[A-Z][a-z]+[ ]\d[^\n]{3,20})$"
)
_QUARTER = re.compile(
    r"(?i)(?<![a-z0-9])(?:q([1-4])[ _-]*((?:19|20)\d\d)|((?:19|20)\d\d)[ _-]*q([1-4]))(?![a-z0-9])"
)
_NUMBER = re.compile(
    # A letter and three figures are an identifier: R101.
    r"(?i)(?<![a-z0-9])(?:(?:ver|version|rev|revision)[ ._-]?|[vr][ ._-]?(?!\d{3}))"
    r"(\d{1,3}(?:\.\d{1,3}){0,2})(?![\d.]*\d)"
)
# A name of a letter and a number may count valves or versions.
_COUNTED = re.compile(r"(?i)\s*([vr])[ ._-]?(\d{1,2})(?:\.\d{1,3}){0,2}\b(?![\d.]*\d)")
_NO_YEAR = re.compile(r"(?i)[a-uwxz]\d{4}")  # R1950 is the last of many; v2021 and y2021 say years
_FOLDER_NUMBER = re.compile(
    r"(?i)(?<![a-z0-9])(?:v|ver|version|rev|revision)[ ._-]?\d{1,3}(?:\.\d{1,3}){0,2}(?![\d.]*\d)"
)
_NUMBERED_CUES = ("version", "revision")
_NUMBER_VALUE = re.compile(r"(\d{1,3}(?:\.\d{1,3}){0,2})(?![\d.,/-]*\d)")
# Between a version number and its date: "Version 2.0, January 2004".
_NUMBER_BEFORE = re.compile(
    r"(?i)\d{1,3}(?:\.\d{1,3}){0,2}[ .,;:()–—-]+(?:(?:of|from|dated|vom|von|de|del|du)[ ]+)?"
)
_COPY = re.compile(r"\(\d{1,2}\)")
# A `v` before a date, as in v202109, says a version too.
_VERSION_DATE = re.compile(
    r"(?i)(?<![a-z0-9])(?:v|ver|version|rev|revision)[ ._-]?(?=(?:19|20)\d\d)"
)
_WORD = re.compile(r"[^\W_]+")
_CURRENT = frozenset(
    (
        *("current", "latest", "newest"),
        *("aktuell", "aktuelle", "aktueller", "actual", "vigente"),
    )
)
_VARIANT = frozenset(
    (
        *("executable", "executed", "signed", "copy", "kopie", "unterschrieben"),
        *("unterzeichnet", "firmado", "firmada", "copia"),
    )
)
_VERSION_WORDS = frozenset(
    (
        *("new", "old", "neu", "alt", "final", "draft", "entwurf", "borrador", "version"),
        *("ver", "rev", "revision", "updated", "revised"),
    )
)
_NO_NAME = _CURRENT | _VARIANT | _VERSION_WORDS
_PERIODIC = frozenset(
    (
        *("annual", "quarterly", "monthly", "weekly", "newsletter", "minutes", "meeting"),
        *("agenda", "protokoll", "jahresbericht", "geschäftsbericht", "quartalsbericht"),
        *("monatsbericht", "acta"),
    )
)
# Folders that hold other versions, and not other subjects.
_SHELVES = frozenset(
    (
        *("archive", "archived", "archives", "archiv", "archivo", "history", "historic"),
        *("previous", "former", "outdated", "obsolete", "superseded", "expired", "backup"),
        *("drafts", "versions", "versionen", "versiones", "approved", "published", "released"),
        *("older", "alte", "anciens"),
    )
)
_GENERIC = frozenset(("index", "readme", "license", "licence", "document", "file", "main"))


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentFacts:
    """What a document says about itself.

    ``content`` is the hash of its content. ``name`` are the words of its file name without dates
    and version words, in their order; months and other numbers are the last. ``folder`` is the
    folder that it is in. ``revised`` is the date of a ``cue`` in the text, ``named`` that of the
    file name, ``shelved`` that of a folder. ``number`` is a version number. ``period`` is what a
    document of a series is about. ``says_version`` tells that text or name speak of a version, not
    only of a date. ``subject`` are the words of the folders that tell what it is about, in the same
    order. ``counted`` are letter and number of a name that is nothing else, as ``V1``: they may be
    those of a valve, so they are no ``number``. ``covers`` are the first pages.
    """

    document_id: str
    path: str
    content: str
    name: tuple[str, ...]
    folder: str
    revised: PartialDate | None = None
    cue: str = ""
    named: PartialDate | None = None
    shelved: PartialDate | None = None
    number: tuple[int, ...] | None = None
    is_current: bool = False
    is_variant: bool = False
    says_version: bool = False
    period: str | None = None
    subject: tuple[str, ...] = ()
    counted: tuple[str, int] | None = None
    covers: tuple[str, ...] = field(default=(), repr=False)

    @property
    def date(self) -> PartialDate | None:
        """The date of the strongest evidence: the text before the name before the folder.

        A version number is stronger than the folder.
        """
        return self.revised or self.named or (None if self.number else self.shelved)

    @property
    def dated(self) -> str | None:
        """The date or the version number, as it is shown."""
        if self.date is not None:
            return self.date.label
        return ".".join(map(str, self.number)) if self.number else None

    @property
    def evidence(self) -> str:
        """Where the age or the period stands, in words."""
        if self.period is not None:
            return stored_sentence("It is about a period: %(period)s.", period=self.period)
        if self.cue:
            return stored_sentence("Its text says: “%(cue)s”.", cue=self.cue)
        if self.named is not None:
            return stored_sentence("Its file name says %(date)s.", date=self.named.label)
        if self.is_current:
            return stored_sentence("Its file name says that it is the current one.")
        if self.number is not None:
            return stored_sentence("Its file name says version %(number)s.", number=self.dated)
        if self.shelved is not None:
            return stored_sentence("Its folder says %(date)s.", date=self.shelved.label)
        return stored_sentence("Nothing says how old it is.")


def facts_of(document_id: str, path: str, content: str, pages: Sequence[str]) -> DocumentFacts:
    """What a document says about itself, from its path and the text of its first pages."""
    covers = [page[:LONGEST_PAGE] for page in pages[:PAGES]]
    stem, folder = _stem(path), str(PurePosixPath(path).parent)
    words = frozenset(word.lower() for word in _WORD.findall(stem))
    name = _spaced(stem)
    revised, cue = _revised(covers)
    counted = _counted(stem)
    number = None if counted else _numbered(name)
    text_number = None if number or (revised and not counted) else _text_number(covers)
    named = None if _NO_YEAR.fullmatch(stem) else next(dates(name), None)
    is_current = bool(words & _CURRENT)
    return DocumentFacts(
        document_id=document_id,
        path=path,
        content=content,
        name=_name(path),
        folder=folder,
        revised=revised,
        cue=cue or (text_number[1] if text_number else ""),
        named=named,
        shelved=next(dates(_folder_text(folder)), None),
        number=number or (text_number[0] if text_number else None),
        is_current=is_current,
        is_variant=bool(words & _VARIANT) or _COPY.search(stem) is not None,
        says_version=bool(
            revised or number or text_number or is_current or _VERSION_DATE.search(name)
        ),
        period=_period(name, words, named, covers),
        subject=_folder_subject(folder),
        counted=counted,
        covers=tuple(covers),
    )


def _revised(covers: Sequence[str]) -> tuple[PartialDate | None, str]:
    """The newest date that a cue gives, with the words: a history of changes names several."""
    cues = [
        (written, " ".join(match.group("cue", "between", "value")))
        for match in _cues(covers)
        if (written := _cue_date(match)) is not None
    ]
    if not cues:
        return None, ""
    written, words = max(cues, key=lambda cue: cue[0])
    return written, _shortened(words)


def _cue_date(match: re.Match[str]) -> PartialDate | None:
    """The date after a cue, or after the version number that follows it."""
    value = match.group("value").lstrip(" (:")
    number = _NUMBER_BEFORE.match(value)
    if number is None or not match.group("cue").lower().startswith(_NUMBERED_CUES):
        return first_date(value)
    written = first_date(value[number.end() :])
    # A year alone may begin the next sentence.
    return first_date(value) or (written if written and written.month else None)


def _text_number(covers: Sequence[str]) -> tuple[tuple[int, ...], str] | None:
    numbers = [
        (tuple(map(int, value.group(1).split("."))), " ".join(match.group("cue", "value")))
        for match in _cues(covers)
        if match.group("cue").lower().startswith(_NUMBERED_CUES)
        and (value := _NUMBER_VALUE.match(match.group("value")))
    ]
    if not numbers:
        return None
    number, words = max(numbers)
    return number, _shortened(words)


def _cues(covers: Sequence[str]) -> Iterator[re.Match[str]]:
    for cover in covers:
        yield from _REVISION.finditer(cover)


def _shortened(words: str) -> str:
    return " ".join(words.split())[:_LONGEST_CUE].rstrip(" ()[]|*_.")


def _period(
    name: str, words: frozenset[str], named: PartialDate | None, covers: Sequence[str]
) -> str | None:
    quarter = _QUARTER.search(name)
    if quarter:
        year = quarter.group(2) or quarter.group(3)
        return f"{year} Q{quarter.group(1) or quarter.group(4)}"
    if named is not None and words & _PERIODIC:
        return named.label
    for pattern in (_COVER_PERIOD, _MEETING):
        match = pattern.search(covers[0]) if covers else None
        if match and (written := next(dates(match.group("value")), None)) is not None:
            return written.label
    return None


def _numbered(name: str) -> tuple[int, ...] | None:
    match = _NUMBER.search(name)
    return tuple(map(int, match.group(1).split("."))) if match else None


def _counted(stem: str) -> tuple[str, int] | None:
    """Letter and number of a name that is nothing else but for words of versions; or ``None``."""
    match = _COUNTED.match(_spaced(stem))
    if match is None or _ordered_without_age(stem):
        return None
    return match.group(1).lower(), int(match.group(2))


def _folder_text(folder: str) -> str:
    """A path of folders as words. Between figures the slash may be that of a date: 2021/05."""
    return _spaced(re.sub(r"(?<!\d)/|/(?!\d)", " ", folder))


def _folder_subject(folder: str) -> tuple[str, ...]:
    text = _FOLDER_NUMBER.sub(" ", DATE.sub(" ", _VERSION_DATE.sub(" ", _folder_text(folder))))
    words = (word.lower() for word in _WORD.findall(text))
    without = _NO_NAME | _SHELVES
    return _numbers_last(word for word in words if word not in without)


def number_of(path: str) -> str | None:
    """The version number in a file name, as it is shown."""
    number = _numbered(_spaced(_stem(path)))
    return ".".join(map(str, number)) if number else None


def _stem(path: str) -> str:
    pure = PurePosixPath(path)
    # A dot inside of a name is no suffix: v1.24 Final Report, 8.01.2024.
    return pure.stem if re.fullmatch(r"\.[A-Za-z]\w{0,9}", pure.suffix) else pure.name


def _spaced(name: str) -> str:
    return re.sub(r"_+|(?<=[^\W\d])-(?=\w)|(?<=\w)-(?=[^\W\d])", " ", name)


def _name(path: str) -> tuple[str, ...]:
    """The words of a file name without dates and version words.

    Names that files have everywhere, such as *index*, are told apart by their folder.
    """
    stem = _stem(path)
    if _counted(stem) is not None:
        words = _WORD.findall(_COPY.sub(" ", _spaced(stem)).lower())
        return _numbers_last(word for word in words if word not in _NO_NAME)
    if _NO_YEAR.fullmatch(stem):
        return (stem.lower(),)
    name = _ordered_without_age(stem)
    for parent in PurePosixPath(path).parents:
        if not _GENERIC.issuperset(name) or not parent.name:
            break
        name = (*_ordered_without_age(parent.name), *name)
    return _numbers_last(name)


def _numbers_last(words: Iterable[str]) -> tuple[str, ...]:
    """Each word once, in their order, but months and then numbers behind the others.

    They may stand first or last in a name: *April news*, *news April*.
    """
    return tuple(
        sorted(dict.fromkeys(words), key=lambda word: (word.isdigit(), bool(MONTH.fullmatch(word))))
    )


def title_of(path: str) -> tuple[str, ...]:
    """The words of a file name without dates and version words, in their order."""
    return _ordered_without_age(_stem(path))


def _ordered_without_age(name: str) -> tuple[str, ...]:
    text = _QUARTER.sub(" ", _spaced(name))
    text = _VERSION_DATE.sub(" ", text)
    text = _COPY.sub(" ", _NUMBER.sub(" ", DATE.sub(" ", text)))
    words = (word.lower() for word in _WORD.findall(text))
    return tuple(word for word in words if word not in _NO_NAME)
