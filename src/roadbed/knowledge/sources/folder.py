"""The folder of a library: its files, and what is left out of it."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from roadbed.kernel.sentences import sentence
from roadbed.kernel.storable import cleaned
from roadbed.knowledge.errors import LibraryUnavailableError
from roadbed.knowledge.records import OmittedFiles, SourceFile
from roadbed.knowledge.sources.upload_paths import NO_DOCUMENTS
from roadbed.usecases.library import Library

# Of a path that differs from the name of its file: characters that were not text, a hash, or the
# mark of a folder that cannot be opened.
_ODD = re.compile("\ufffd|#[0-9a-f]{8}$|/$")


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryFolder:
    """Where the files of a library lie, and its list of addresses, which is no document."""

    library: Library
    folder: Path
    urls: Path | None


def files(place: LibraryFolder) -> tuple[dict[str, SourceFile], OmittedFiles]:
    """The files of a folder by their paths, and how many are left out.

    A folder below it that cannot be opened is listed like a file that cannot be opened. Raises
    ``LibraryUnavailableError``.
    """
    with _unavailable(place.folder):
        listed, left_out = _listed(place)
        return _described(listed, place.library), left_out


def paths(place: LibraryFolder) -> frozenset[str]:
    """The paths of the files. Raises ``LibraryUnavailableError``."""
    with _unavailable(place.folder):
        listed, _left_out = _listed(place)
        return frozenset(listed)


def chosen_files(place: LibraryFolder, paths: Sequence[str]) -> Mapping[str, SourceFile]:
    """Those of some paths that are there. The whole folder is listed only for odd names.

    Raises ``LibraryUnavailableError``.
    """
    library, folder = place.library, place.folder
    with _unavailable(folder):
        if any(_ODD.search(path) for path in paths):
            listed, _left_out = _listed(place)
            return _described({path: listed[path] for path in paths if path in listed}, library)
        root = folder.resolve()
        named = {path: folder / path for path in paths}
        return _described(
            {path: file for path, file in named.items() if _belongs(file, path, root, library)},
            library,
        )


def _described(listed: Mapping[str, Path], library: Library) -> dict[str, SourceFile]:
    sources = ((path, _source(file, path, library)) for path, file in listed.items())
    return {path: source for path, source in sources if source is not None}


def state(place: LibraryFolder) -> str:
    """A hash of the names, sizes and times of the files, and of what is declared.

    No file is opened. Raises ``LibraryUnavailableError``.
    """
    with _unavailable(place.folder):
        listed, _left_out = _listed(place)
        access = sorted(place.library.access.items())
        digest = hashlib.sha256(repr(access).encode())
        for path, file in listed.items():
            try:
                facts = file.stat()
            except FileNotFoundError:  # removed since the folder was listed
                continue
            except OSError:  # its folder is locked
                digest.update(f"\0{path}\0".encode())
                continue
            digest.update(f"\0{path}\0{facts.st_size}\0{facts.st_mtime_ns}".encode())
        return digest.hexdigest()


@contextmanager
def _unavailable(folder: Path) -> Iterator[None]:
    """Raises ``LibraryUnavailableError`` for a folder that is not there or cannot be read."""
    if not folder.is_dir():
        raise LibraryUnavailableError(
            sentence("The library's folder %(folder)s is not there.", folder=str(folder)),
            sentence("Create it, or mount it again. Nothing was taken out of the library."),
        )
    try:
        yield
    except OSError as error:
        raise LibraryUnavailableError(
            sentence(
                "%(path)s cannot be read: %(why)s.",
                path=str(error.filename or folder),
                why=error.strerror or str(error),
            ),
            sentence("Give Roadbed the right to read it. Nothing was taken out of the library."),
        ) from error


def _listed(place: LibraryFolder) -> tuple[dict[str, Path], OmittedFiles]:
    """The files of a folder by the paths that can be stored, and how many are left out."""
    library, folder = place.library, place.folder
    patterns = (*NO_DOCUMENTS, *library.ignore)
    root = folder.resolve()
    listed: dict[str, Path] = {}
    fitting = links = special = 0
    for file, locked in _files(folder):
        if file == place.urls:
            continue
        relative = file.relative_to(folder)
        path = f"{_path(relative)}/" if locked else _path(relative)
        if any(_fits(part, patterns) for part in relative.parts):
            fitting += 1
        elif locked or _belongs(file, path, root, library):
            listed[path] = file
        elif file.is_symlink():
            links += 1
        else:
            special += 1
    return listed, OmittedFiles(patterns=fitting, links=links, special=special)


def _files(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Every file below a folder, in the order of names. Links to folders are not followed.

    A folder below it that cannot be opened is given itself, marked with ``True``. Raises
    ``OSError`` if the folder itself cannot be opened.
    """
    for entry in _entries(folder):
        path = Path(entry.path)
        if not entry.is_dir(follow_symlinks=False):
            yield path, False
            continue
        try:
            yield from _files(path)
        except FileNotFoundError:  # removed a moment ago
            continue
        except OSError:
            yield path, True


def _entries(folder: Path) -> Sequence[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _path(relative: Path) -> str:
    """A path as it can be stored. One that is no text keeps a mark that tells it from others."""
    raw = os.fsencode(relative.as_posix())
    path = cleaned(raw.decode("utf-8", "replace"))
    if path.encode() == raw:
        return path
    return f"{path}#{hashlib.sha256(raw).hexdigest()[:8]}"


def _belongs(file: Path, path: str, root: Path, library: Library) -> bool:
    """Whether it is a regular file below the root: a link may lead anywhere.

    A link to a document of another access group would open that group to the readers of this one.
    """
    try:
        target = file.resolve()
        if not (target.is_relative_to(root) and stat.S_ISREG(target.stat().st_mode)):
            return False
    except FileNotFoundError:
        return not file.is_symlink()  # removed a moment ago, or a link to nothing
    except PermissionError:
        return not _is_link(file)  # reading it says why
    except (OSError, RuntimeError):  # a link to itself
        return False
    return library.group_of(_path(target.relative_to(root))) == library.group_of(path)


def _is_link(file: Path) -> bool:
    """Whether it is a link. A file whose folder does not let its entries be looked at may be one.

    Nothing of such a file is read, so it opens no access group.
    """
    try:
        return stat.S_ISLNK(file.lstat().st_mode)
    except OSError:
        return False


def _source(file: Path, path: str, library: Library) -> SourceFile | None:
    """The facts of a file; ``None`` if it is gone. One that cannot be opened has no hash."""
    size, modified_at, digest = 0, None, ""
    try:
        facts = file.stat()
        size, modified_at = facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC)
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
    except FileNotFoundError:
        return None
    except OSError:  # reading it says why
        pass
    return SourceFile(
        path=path,
        file=file,
        content_hash=digest,
        bytes=size,
        modified_at=modified_at,
        group=library.group_of(path),
    )
