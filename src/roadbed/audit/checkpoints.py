"""Signed checkpoints of the log, read from the database and from the folder outside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from roadbed.audit import keys, notes
from roadbed.audit.checkpoint_history import HISTORY, CheckpointLine
from roadbed.audit.errors import AuditFolderError, AuditKeyError
from roadbed.audit.handovers import Handover, Keyring
from roadbed.audit.model import Checkpoint
from roadbed.audit.rows import EveryCheckpointRow
from roadbed.audit.tiles import TileFolder
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoints:
    """Checkpoints whose signatures hold, by where they were found.

    ``lost`` are those that a restore set aside and that the log still has to agree with.
    """

    database: Sequence[Checkpoint]
    folder: Sequence[Checkpoint]
    lost: Sequence[Checkpoint]
    handovers: Sequence[Handover]
    newest: str | None

    @classmethod
    def read(
        cls, rows: Callable[[], Sequence[EveryCheckpointRow]], path: Path, say: Say
    ) -> Checkpoints:
        """Every checkpoint; unreadable ones, and ones not signed by the folder's key, are reported.

        The folder is read before ``rows()``: its content was in the database before.
        """
        keyring, lines = _keyring(path, say), _lines(path, say)
        stored = rows()
        return cls._of(stored, keyring, lines, path, say)

    @classmethod
    def _of(
        cls,
        rows: Sequence[EveryCheckpointRow],
        keyring: Keyring | None,
        lines: Sequence[CheckpointLine] | None,
        path: Path,
        say: Say,
    ) -> Checkpoints:
        if keyring is None and rows:
            say(
                _("%(path)s is missing or damaged: no signature can be checked.")
                % {"path": path / keys.PUBLIC_KEY}
            )
        if keyring is not None and rows and lines is not None and not lines:
            say(
                _("%(path)s is missing or empty: no copy outside to compare with.")
                % {"path": path / HISTORY}
            )
        lines = lines or ()
        known: dict[str, Checkpoint | str] = {}
        if keyring is not None:
            kept = [line.note for line in lines if line.note is not None]
            for text in (*(row["note"] for row in rows), *kept):
                known.setdefault(text, _read(text, keyring))
        return cls(
            database=list(_stored(rows, known, say)),
            folder=list(_kept(lines, known, say)),
            lost=list(_before_restores(path, keyring, say)) if keyring is not None else [],
            handovers=keyring.handovers if keyring is not None else [],
            newest=rows[-1]["note"] if rows else None,
        )

    def sizes(self) -> set[int]:
        """The sizes that something is claimed about."""
        return {checkpoint.size for checkpoint in (*self.database, *self.folder, *self.lost)}

    def against(self, leaves: int, roots: Mapping[int, bytes], *, cut: bool) -> Iterator[str]:
        """Checkpoints that contradict the tree, recomputed up to ``leaves``.

        ``cut``: a bundle is damaged there, so the rest could not be recomputed.
        """
        last = max((checkpoint.size for checkpoint in self.database), default=0)
        if not cut and last < leaves:
            message = _(
                "%(leaves)s leaves are stored, but the newest sound checkpoint covers %(last)s."
            )
            yield message % {"leaves": leaves, "last": last}
        here = _("the database holds no more than that")
        if cut:
            here = _("the database is damaged there")
        for messages, checkpoints in ((_DATABASE, self.database), (_FOLDER, self.folder)):
            too_many, another_root = messages
            beyond = [checkpoint.size for checkpoint in checkpoints if checkpoint.size > leaves]
            if beyond:
                told = {"entries": max(beyond), "leaves": leaves, "why": here}
                yield _(too_many) % told
            other = [
                entry.size
                for entry in checkpoints
                if roots.get(entry.size, entry.root) != entry.root
            ]
            if other:
                yield _(another_root) % {"entries": _entries(other)}
        for checkpoint in self.lost:
            if roots.get(checkpoint.size, checkpoint.root) != checkpoint.root:
                message = _(
                    "A restore set a checkpoint of %(n)s entries aside, and those have another "
                    "root here: history was rewritten, or a leaf changed."
                )
                yield message % {"n": checkpoint.size}
        stored = {checkpoint.size for checkpoint in self.database}
        if gone := [claim.size for claim in self.folder if claim.size not in stored]:
            message = _("The checkpoint of %(entries)s stands in the folder, not in the database.")
            yield message % {"entries": _entries(gone)}


_DATABASE = (
    later(
        "The database has a checkpoint of %(entries)s entries, %(leaves)s could be recomputed: "
        "%(why)s."
    ),
    later(
        "The database's checkpoint of %(entries)s has another root than the entries: history was "
        "rewritten, or a leaf changed."
    ),
)
_FOLDER = (
    later(
        "The folder has a checkpoint of %(entries)s entries, %(leaves)s could be recomputed: "
        "%(why)s."
    ),
    later(
        "The folder's checkpoint of %(entries)s has another root than the entries: history was "
        "rewritten, or a leaf changed."
    ),
)


def _keyring(path: Path, say: Say) -> Keyring | None:
    """The keys of the log, ``None`` if they cannot be determined."""
    if keys.public_key(path) is None:
        return None
    try:
        return keys.keyring(path)
    except (AuditFolderError, AuditKeyError) as error:
        say(error.problem)
        return None


def _before_restores(path: Path, keyring: Keyring, say: Say) -> Iterator[Checkpoint]:
    """Checkpoints of logs that restores lost, as far as the log before and after is the same."""
    for folder, lines in TileFolder(path).lost():
        number = int(folder.name.partition("-")[0])
        if not 0 < number <= len(keyring.handovers):
            say(_("%(folder)s holds a log that no handover of keys names.") % {"folder": folder})
        for line in lines:
            try:
                keyring.read_lost(line.note or "")
            except notes.NoteError as error:
                say(
                    _("%(where)s of %(folder)s is forged: %(error)s.")
                    % {"where": line.where, "folder": folder, "error": error}
                )
                continue
            with suppress(notes.NoteError):  # the database lacks entries that the restore lost
                yield keyring.read(line.note or "")


def _lines(path: Path, say: Say) -> Sequence[CheckpointLine] | None:
    """The folder's history, ``None`` if it cannot be read."""
    try:
        return list(TileFolder(path).history())
    except OSError as error:
        say(
            _("%(path)s cannot be read: %(error)s.")
            % {"path": error.filename or path / HISTORY, "error": error.strerror}
        )
        return None


def _read(text: str, keyring: Keyring) -> Checkpoint | str:
    try:
        return keyring.read(text)
    except notes.NoteError as error:
        return str(error)


def _stored(
    rows: Iterable[EveryCheckpointRow], known: Mapping[str, Checkpoint | str], say: Say
) -> Iterator[Checkpoint]:
    for row in rows:
        checkpoint = known.get(row["note"])
        if isinstance(checkpoint, str):
            say(
                _("The database's checkpoint of %(size)s entries is forged: %(problem)s.")
                % {"size": row["size"], "problem": checkpoint}
            )
        elif checkpoint is not None:
            if (checkpoint.size, checkpoint.root) != (row["size"], row["root"]):
                say(
                    _("The database's checkpoint of %(size)s entries is not what was signed.")
                    % {"size": row["size"]}
                )
            yield checkpoint


def _kept(
    lines: Iterable[CheckpointLine], known: Mapping[str, Checkpoint | str], say: Say
) -> Iterator[Checkpoint]:
    for line in lines:
        if line.note is None:
            say(_("%(where)s cannot be read.") % {"where": line.where})
            continue
        checkpoint = known.get(line.note)
        if isinstance(checkpoint, str):
            say(
                _("%(where)s is forged: %(problem)s.")
                % {"where": line.where, "problem": checkpoint}
            )
        elif checkpoint is not None:
            yield checkpoint


def _entries(sizes: Sequence[int]) -> str:
    """The size of the first checkpoint, and how many more there are."""
    if len(sizes) == 1:
        return _("%(n)s entries") % {"n": sizes[0]}
    return _("%(n)s entries (and %(more)s more)") % {"n": sizes[0], "more": len(sizes) - 1}
