"""What was signed about the log: checkpoints in the database and in the folder outside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from roadbed.audit import keys, notes
from roadbed.audit.history import HISTORY, Line
from roadbed.audit.model import Checkpoint
from roadbed.audit.notes import PublicKey
from roadbed.audit.tiles import Folder
from roadbed.storage.database import Row

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Claims:
    """Checkpoints whose signatures hold, by where they were found."""

    database: Sequence[Checkpoint]
    folder: Sequence[Checkpoint]
    newest: str | None

    @classmethod
    def read(cls, rows: Callable[[], Sequence[Row]], path: Path, say: Say) -> Claims:
        """Every checkpoint; what cannot be read or is not signed by the folder's key is said.

        The folder is read before ``rows()``: what stands in it was in the database by then.
        """
        key, lines = keys.public_key(path), _lines(path, say)
        found = rows()
        return cls._of(found, key, lines, path, say)

    @classmethod
    def _of(
        cls,
        rows: Sequence[Row],
        key: PublicKey | None,
        lines: Sequence[Line] | None,
        path: Path,
        say: Say,
    ) -> Claims:
        if key is None and rows:
            say(f"{path / keys.PUBLIC_KEY} is missing or damaged: no signature can be checked.")
        if key is not None and rows and lines is not None and not lines:
            say(f"{path / HISTORY} is missing or empty: nothing outside bears witness.")
        lines = lines or ()
        known: dict[str, Checkpoint | str] = {}
        if key is not None:
            kept = [each.note for each in lines if each.note is not None]
            for text in (*(row["note"] for row in rows), *kept):
                known.setdefault(text, _read(text, key))
        return cls(
            database=list(_stored(rows, known, say)),
            folder=list(_kept(lines, known, say)),
            newest=rows[-1]["note"] if rows else None,
        )

    def sizes(self) -> set[int]:
        """The sizes that something is claimed about."""
        return {each.size for each in (*self.database, *self.folder)}

    def against(self, leaves: int, roots: Mapping[int, bytes], *, cut: bool) -> Iterator[str]:
        """What does not agree with the tree as it was recomputed up to ``leaves``.

        ``cut``: a bundle is damaged there, so that what lies behind could not be recomputed.
        """
        last = max((each.size for each in self.database), default=0)
        if not cut and last < leaves:
            yield f"{leaves} leaves are stored, but the newest sound checkpoint covers {last}."
        here = "the database is damaged there" if cut else "the database holds no more than that"
        for where, checkpoints in (("database", self.database), ("folder", self.folder)):
            beyond = [each.size for each in checkpoints if each.size > leaves]
            if beyond:
                yield (
                    f"The {where} has a checkpoint of {max(beyond)} entries, {leaves} could be "
                    f"recomputed: {here}."
                )
            other = [
                each.size for each in checkpoints if roots.get(each.size, each.root) != each.root
            ]
            if other:
                yield (
                    f"The {where}'s checkpoint of {other[0]} entries"
                    f"{_and_more(len(other) - 1)} has another root than the entries: history "
                    "was rewritten, or a leaf changed."
                )
        stored = {each.size for each in self.database}
        if gone := [each.size for each in self.folder if each.size not in stored]:
            yield (
                f"The checkpoint of {gone[0]} entries{_and_more(len(gone) - 1)} stands in the "
                "folder, not in the database."
            )


def _lines(path: Path, say: Say) -> Sequence[Line] | None:
    """What the folder's history holds, ``None`` if that cannot be read."""
    try:
        return list(Folder(path).history())
    except OSError as error:
        say(f"{error.filename or path / HISTORY} cannot be read: {error.strerror}.")
        return None


def _read(text: str, key: PublicKey) -> Checkpoint | str:
    try:
        return notes.read(text, key)
    except notes.NoteError as error:
        return str(error)


def _stored(
    rows: Iterable[Row], known: Mapping[str, Checkpoint | str], say: Say
) -> Iterator[Checkpoint]:
    for row in rows:
        found = known.get(row["note"])
        if isinstance(found, str):
            say(f"The database's checkpoint of {row['size']} entries is forged: {found}.")
        elif found is not None:
            if (found.size, found.root) != (row["size"], row["root"]):
                say(f"The database's checkpoint of {row['size']} entries is not what was signed.")
            yield found


def _kept(
    lines: Iterable[Line], known: Mapping[str, Checkpoint | str], say: Say
) -> Iterator[Checkpoint]:
    for line in lines:
        if line.note is None:
            say(f"{line.where} cannot be read.")
            continue
        found = known.get(line.note)
        if isinstance(found, str):
            say(f"{line.where} is forged: {found}.")
        elif found is not None:
            yield found


def _and_more(more: int) -> str:
    return f" (and {more} more)" if more else ""
