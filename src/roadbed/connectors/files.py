"""Files: written whole or not at all, under names that cannot leave their folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.usecases.destinations import TemporaryError, UnknownOutcomeError

NAME_CHARACTERS = 80
_LOCK_SECONDS = 10.0
_LOOK_SECONDS = 0.02


def safe_name(text: str, key: str) -> str:
    """A file name without ending: letters, digits, ``.``, ``_`` and ``-``, and the key's hash."""
    kept = re.sub(r"[^A-Za-z0-9._-]+", "_", text).lstrip(".")[:NAME_CHARACTERS]
    return f"{kept or 'file'}-{digest(key)}"


def digest(key: str) -> str:
    """The form of a key in a file name."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def write_whole(target: Path, content: bytes) -> None:
    """Write ``target`` atomically: a crash leaves the old file or the new one.

    Raises ``TemporaryError`` if nothing changed, ``UnknownOutcomeError`` if that is not known.
    """
    try:
        number, name = tempfile.mkstemp(prefix=".part-", dir=target.parent)
    except OSError as error:
        raise TemporaryError(_write_problem(target, error)) from error
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp lets only the owner read; other users must be able to read the file.
        Path(name).chmod(0o640)
        Path(name).replace(target)
    except OSError as error:
        with suppress(OSError):
            Path(name).unlink()
        raise TemporaryError(_write_problem(target, error)) from error
    _keep(target)


def remove(target: Path) -> bool:
    """Remove a file for good; whether it was there. Raises as ``write_whole``."""
    try:
        target.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise TemporaryError(_write_problem(target, error)) from error
    _keep(target)
    return True


def is_there(target: Path) -> bool:
    """Whether a file exists at this path; a link does not count."""
    return target.is_file() and not target.is_symlink()


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold ``target`` against other processes; the system frees it when the holder dies.

    Raises ``TemporaryError`` after ten seconds.
    """
    until = time.monotonic() + _LOCK_SECONDS
    try:
        number = os.open(target, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise TemporaryError(_write_problem(target, error)) from error
    try:
        while not _taken(number):
            if time.monotonic() > until:
                raise TemporaryError(
                    stored_sentence("%(name)s is held by another process.", name=target.name)
                )
            time.sleep(_LOOK_SECONDS)
        yield
    finally:
        os.close(number)


def _taken(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _keep(target: Path) -> None:
    """Sync the folder, so that the name survives a power failure."""
    try:
        number = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
    except OSError as error:
        raise UnknownOutcomeError(_write_problem(target, error)) from error


def _write_problem(target: Path, error: OSError) -> str:
    return stored_sentence(
        "%(name)s cannot be written in %(parent)s: %(error)s.",
        name=target.name,
        parent=target.parent,
        error=error.strerror or error,
    )
