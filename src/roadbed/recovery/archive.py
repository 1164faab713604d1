"""The backup file: a tar with the dump, the audit folder, and a manifest of hashes.

It holds the key that signs the audit log, so only its owner may read it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from roadbed.audit.notes import Signer
from roadbed.kernel.sentences import sentence
from roadbed.recovery.errors import BackupError, BackupInvalidError
from roadbed.recovery.signature import SIGNATURE, signed
from roadbed.storage import migrations

Manifest = dict[str, Any]  # parsed JSON, checked when a backup is opened

FORMAT = "roadbed-backup/1"
MANIFEST = "manifest.json"
DUMP = "database.dump"
AUDIT = "audit/"
_SECRET = 0o600
_MOST_MANIFEST_BYTES = 64_000_000


class ArchiveWriter:
    """Adds files to a backup and remembers their hashes."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._files: dict[str, dict[str, Any]] = {}

    def add(self, name: str, path: Path) -> None:
        """A file's content as it is now. Raises ``OSError``."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            hashing = _Hashing(file, size)
            self._put(name, size, hashing)
        self._files[name] = {"bytes": size, "sha256": hashing.digest()}

    def close(self, facts: Mapping[str, object], signer: Signer | None) -> None:
        """Add the manifest, the last of all, signed if there is a key."""
        manifest = {"format": FORMAT, **facts, "files": self._files}
        if signer is not None:
            manifest[SIGNATURE] = signed(manifest, signer)
        content = json.dumps(manifest, indent=2).encode()
        self._put(MANIFEST, len(content), io.BytesIO(content))

    def _put(self, name: str, size: int, content: Any) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, _SECRET
        self._tar.addfile(member, content)


class _Hashing:
    """Reads ``size`` bytes of a file and hashes them."""

    def __init__(self, file: Any, size: int) -> None:
        self._file = file
        self._left = size
        self._hash = hashlib.sha256()

    def read(self, most: int) -> bytes:
        content: bytes = self._file.read(min(most, self._left))
        self._left -= len(content)
        self._hash.update(content)
        return content

    def digest(self) -> str:
        return self._hash.hexdigest()


@contextmanager
def writing(target: Path) -> Iterator[ArchiveWriter]:
    """A new backup; it gets its name when it is whole and on disk. Raises ``BackupError``."""
    partial = target.with_name(f".{target.name}.partial")
    try:
        if target.exists():
            raise BackupError(
                sentence("%(target)s is there already", target=target),
                sentence("Name another file, or remove it."),
            )
        partial.unlink(missing_ok=True)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _SECRET)
        try:
            with os.fdopen(handle, "wb") as file:
                with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
                    yield ArchiveWriter(tar)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(target)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise BackupError(f"{error.filename or target}: {error.strerror}") from error


class ArchiveReader:
    """A backup whose every hash was checked."""

    def __init__(self, path: Path, tar: tarfile.TarFile, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self._tar = tar

    def copy(self, name: str, target: Path, mode: int = _SECRET) -> None:
        """One file of it, written new. Raises ``OSError``."""
        target.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(handle, "wb") as file:
            source = self._tar.extractfile(name)
            while source is not None and (content := source.read(1 << 20)):
                file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def audit_files(self) -> list[str]:
        """The files of the witness's folder."""
        return [name for name in self.manifest["files"] if name.startswith(AUDIT)]


@contextmanager
def reading(path: Path) -> Iterator[ArchiveReader]:
    """Open and check a backup. Raises ``BackupInvalidError`` and changes nothing."""
    try:
        with tarfile.open(path, mode="r:") as tar:
            manifest = _manifest(path, tar)
            for name, facts in manifest["files"].items():
                _check(path, tar, name, facts)
            yield ArchiveReader(path, tar, manifest)
    except (tarfile.TarError, EOFError) as error:
        raise BackupInvalidError(
            path, sentence("it is no whole backup (%(error)s)", error=error)
        ) from error
    except OSError as error:
        raise BackupInvalidError(path, error.strerror or sentence("it cannot be read")) from error


def _manifest(path: Path, tar: tarfile.TarFile) -> Manifest:
    members = {member.name: member for member in tar.getmembers()}
    last = members.get(MANIFEST)
    source = tar.extractfile(last) if last is not None and last.isreg() else None
    if last is None or source is None or last.size > _MOST_MANIFEST_BYTES:
        raise BackupInvalidError(path, sentence("it has no manifest"))
    try:
        manifest: Manifest = json.loads(source.read())
        known = manifest["format"] == FORMAT
        files: Mapping[str, Mapping[str, Any]] = manifest["files"]
        schema = str(manifest["schema"])
        manifest["audit"].get("public_key")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BackupInvalidError(path, sentence("its manifest cannot be read")) from error
    if not known:
        raise BackupInvalidError(path, sentence("it is a backup of another format"))
    if not migrations.knows(schema):
        raise BackupInvalidError(
            path,
            sentence("it was made by a newer Roadbed %(version)s", version=manifest.get("roadbed")),
        )
    strange = [
        name
        for name in {*members, *files} - {MANIFEST}
        if name not in files
        or name not in members
        or not _is_plain(members[name])
        or not _is_ours(name)
        or not isinstance(files[name], dict)
    ]
    if strange or DUMP not in files or len(tar.getmembers()) != len(members):
        raise BackupInvalidError(
            path,
            sentence("its files are not those of its manifest: %(strange)s", strange=strange[:3]),
        )
    return manifest


def _is_plain(member: tarfile.TarInfo) -> bool:
    """Whether it is a regular file without holes: a sparse file could fill the disk."""
    return member.isreg() and not member.issparse()


def _is_ours(name: str) -> bool:
    """Whether it is a file of a backup, and would be written inside the audit folder."""
    if name == DUMP:
        return True
    parts = name.removeprefix(AUDIT).split("/")  # an empty part makes the rest an absolute path
    return name.startswith(AUDIT) and not {"", ".", ".."} & set(parts)


def _check(path: Path, tar: tarfile.TarFile, name: str, facts: Mapping[str, Any]) -> None:
    digest = hashlib.sha256()
    source = tar.extractfile(name)
    while source is not None and (content := source.read(1 << 20)):
        digest.update(content)
    if digest.hexdigest() != facts.get("sha256"):
        raise BackupInvalidError(
            path, sentence("%(name)s differs from the backed up file", name=name)
        )
