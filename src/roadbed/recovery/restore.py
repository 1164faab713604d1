"""Restore of a backup into an unused database; the declaration is a separate step."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from roadbed.audit import keys
from roadbed.audit.checkpoint_history import CheckpointHistory
from roadbed.audit.notes import NoteError, PublicKey
from roadbed.kernel.sentences import sentence
from roadbed.recovery import archive, programs
from roadbed.recovery.archive import ArchiveReader
from roadbed.recovery.errors import BackupError, BackupUnverifiedError, RestoreRefusedError
from roadbed.recovery.rows import Queries
from roadbed.recovery.signature import SIGNATURE, is_signed
from roadbed.storage import migrations
from roadbed.storage.database import BlockingConnection
from roadbed.storage.sql import queries

_SQL = queries(Queries)
_PATIENCE_SECONDS, _LOOK_SECONDS = 2.0, 0.1


def restore(
    url: str,
    folder: Path,
    source: Path,
    *,
    replace: bool,
    public_key: str | None = None,
    unverified: bool = False,
) -> archive.Manifest:
    """Load ``source`` into the database at ``url``; gives its manifest, and who the witness is.

    The database runs what is in a backup, so it has to be signed by ``public_key``, or by a key of
    the witness in ``folder``, unless it is said to be ``unverified``.

    The witness in ``folder`` stays if there is one, since it may know more than the backup; only
    without one the backup's takes its place. With ``replace`` the content of the database is
    dropped. Raises ``BackupInvalidError``, ``BackupUnverifiedError``, ``RestoreRefusedError``,
    ``BackupError``; the database is then as it was.
    """
    with archive.reading(source) as backup:
        server = _require_unused(url, replace=replace)
        kept = _require_same_log(folder, backup)
        if not unverified:
            _require_signed(backup, _trusted(folder, public_key))
        programs_folder = programs.folder_for(server)
        with tempfile.TemporaryDirectory(prefix="roadbed-restore-") as beside:
            dumped = Path(beside) / archive.DUMP
            try:
                backup.copy(archive.DUMP, dumped)
            except OSError as error:
                raise BackupError(f"{error.filename or beside}: {error.strerror}") from error
            if not kept:
                _put_folder(folder, backup)
            programs.load(programs_folder, url, dumped, _SQL["clear"], _SQL["mark"])
        migrations.upgrade(url)
        return {**backup.manifest, "witness": "kept" if kept else "restored"}


def _require_unused(url: str, *, replace: bool) -> int:
    """The server's major version. Raises ``RestoreRefusedError``."""
    try:
        with BlockingConnection.connect(url, row_factory=dict_row, autocommit=True) as connection:
            (row,) = connection.execute(_SQL["standing"]).fetchall()
            # The server ends the sessions of a process that stopped a moment after it.
            patience = time.monotonic() + _PATIENCE_SECONDS
            while row["others"] and time.monotonic() < patience:
                time.sleep(_LOOK_SECONDS)
                (row,) = connection.execute(_SQL["standing"]).fetchall()
            used = connection.execute(_SQL["in_use"]).fetchone() if row["made"] else None
    except psycopg.Error as error:
        raise BackupError(str(error).strip().splitlines()[0]) from error
    if row["others"]:
        raise RestoreRefusedError(
            sentence(
                "%(others)s connections of a running Roadbed use this database",
                others=row["others"],
            ),
            sentence("Stop every `roadbed serve`, `up` and `worker`, then repeat."),
        )
    if used and used["in_use"] and not replace:
        raise RestoreRefusedError(
            sentence("the database is not empty"),
            sentence("Say --replace to drop what is in it; `roadbed backup` keeps that first."),
        )
    return row["number"] // 10_000


def _require_same_log(folder: Path, backup: ArchiveReader) -> bool:
    """Whether the folder has a witness of this log. Raises ``RestoreRefusedError`` of another's."""
    if not (folder / keys.PUBLIC_KEY).exists() and not _has_history(folder):
        return False
    written = backup.manifest["audit"].get("public_key")
    try:
        key = PublicKey.read(written) if written else None
    except NoteError:
        key = None
    if key is not None and key not in keys.keyring(folder).all:
        raise RestoreRefusedError(
            sentence(
                "the audit folder %(folder)s belongs to another log, or is older than the backup",
                folder=folder,
            ),
            sentence(
                "Set ROADBED_AUDIT_DIR to the right one, or move this one away: then the "
                "backup's is put there."
            ),
        )
    return True


def _trusted(folder: Path, public_key: str | None) -> Sequence[PublicKey]:
    """The keys that may have signed a backup. Raises ``RestoreRefusedError`` for what is none."""
    if public_key is None:
        return keys.keyring(folder).all if (folder / keys.PUBLIC_KEY).exists() else ()
    try:
        return (PublicKey.read(public_key),)
    except NoteError as error:
        raise RestoreRefusedError(
            sentence("what --public-key gives is no key (%(error)s)", error=error),
            sentence("Give the line of the file %(file)s.", file=keys.PUBLIC_KEY),
        ) from error


def _require_signed(backup: ArchiveReader, trusted: Sequence[PublicKey]) -> None:
    if is_signed(backup.manifest, trusted):
        return
    if SIGNATURE not in backup.manifest:
        detail = sentence("is not signed: an earlier Roadbed made it, or somebody altered it")
    elif not trusted:
        detail = sentence("cannot be verified: no key of the audit log is here")
    else:
        detail = sentence("was altered, or signed by a key that is not known here")
    raise BackupUnverifiedError(backup.path, detail)


def _has_history(folder: Path) -> bool:
    return folder.exists() and CheckpointHistory(folder).last() is not None


def _put_folder(folder: Path, backup: ArchiveReader) -> None:
    """The backup's witness, in the place of none. Whole, or not there."""
    partial = folder.with_name(f".{folder.name}.restoring")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True, mode=0o700)
        for name in backup.audit_files():
            secret = Path(name).name.startswith(keys.SIGNING_KEY)
            backup.copy(
                name, partial / name.removeprefix(archive.AUDIT), 0o600 if secret else 0o644
            )
        if folder.exists():
            for path in partial.iterdir():
                path.rename(folder / path.name)
            partial.rmdir()
        else:
            partial.rename(folder)
    except OSError as error:
        raise BackupError(f"{error.filename or folder}: {error.strerror}") from error
