"""Sources: all files of a library together, wherever they come from."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from roadbed.kernel.clock import Clock
from roadbed.kernel.sentences import Text, figure, sentence
from roadbed.knowledge.access import may_read
from roadbed.knowledge.errors import LibraryUnavailableError, NoLibraryError
from roadbed.knowledge.reading import READING
from roadbed.knowledge.reading.process import DEFAULT_LIMITS, ReadingLimits
from roadbed.knowledge.records import OmittedFiles, Origin, SourceFile
from roadbed.knowledge.sources import addresses, contents, folder
from roadbed.knowledge.sources.folder import LibraryFolder
from roadbed.knowledge.sources.model import FetchedPage, Listed, Upload
from roadbed.knowledge.sources.pages import Pages
from roadbed.knowledge.sources.uploads import Uploads
from roadbed.storage.database import Database
from roadbed.usecases.library import Library
from roadbed.usecases.loader import LoadedUseCase

ORIGINS: Sequence[Origin] = ("folder", "upload", "address")  # the first one with a path counts
DAY_SECONDS = 86_400.0
_LARGEST_LIST = 10_000_000  # bytes
_MOST_LINES_TOLD = 5


class LibrarySources:
    """The sources of libraries: folders, uploads and pages."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        fetch_seconds: float = DAY_SECONDS,
        limits: ReadingLimits = DEFAULT_LIMITS,
    ) -> None:
        self._database = database
        self.uploads = Uploads(database, clock, limits)
        self.pages = Pages(database, clock, fetch_seconds=fetch_seconds, limits=limits)

    async def files(
        self, loaded: LoadedUseCase, origins: Sequence[Origin] = ORIGINS
    ) -> tuple[dict[str, SourceFile], OmittedFiles]:
        """The files of some sources by their paths, and how many are left out.

        Of files with the same path the one of the first source counts; the others are left out.
        Raises ``NoLibraryError`` and ``LibraryUnavailableError``, also for a folder that differs
        only in case from one with an access group.
        """
        library = library_of(loaded)
        files: dict[str, SourceFile] = {}
        left_out = OmittedFiles()
        if "folder" in origins and await self._has_folder(loaded):
            files, left_out = await asyncio.to_thread(folder.files, place_of(loaded))
        stored = await self._stored(loaded, library, origins, None)
        duplicates = sum(files.setdefault(source.path, source) is not source for source in stored)
        _refuse_other_case(library, files)
        return files, replace(left_out, duplicates=duplicates)

    async def chosen(self, loaded: LoadedUseCase, paths: Sequence[str]) -> Mapping[str, SourceFile]:
        """Those of some paths that are there. Raises as ``files`` does."""
        library = library_of(loaded)
        files: dict[str, SourceFile] = {}
        if await self._has_folder(loaded):
            place = place_of(loaded)
            files = dict(await asyncio.to_thread(folder.chosen_files, place, paths))
        for source in await self._stored(loaded, library, ORIGINS, paths):
            files.setdefault(source.path, source)
        return files

    async def paths(self, loaded: LoadedUseCase) -> Mapping[str, bool]:
        """The paths of all files, without opening one: whether its server has it no more.

        Raises as ``files`` does.
        """
        stored = await self._stored(loaded, library_of(loaded), ORIGINS, None)
        listed = {source.path: source.gone for source in stored}
        if await self._has_folder(loaded):
            paths = await asyncio.to_thread(folder.paths, place_of(loaded))
            listed.update(dict.fromkeys(paths, False))
        return listed

    async def state(self, loaded: LoadedUseCase) -> str:
        """A hash that changes when ingestion may have something to do. No file is opened.

        Raises as ``files`` does. Pages are not asked.
        """
        digest = hashlib.sha256(f"{READING} ".encode())
        digest.update((await self.state_of_uploads(loaded.name)).encode())
        digest.update(repr([listed.address for listed in await self.addresses(loaded)]).encode())
        if await self._has_folder(loaded):
            digest.update((await asyncio.to_thread(folder.state, place_of(loaded))).encode())
        return digest.hexdigest()

    async def state_of_uploads(self, use_case: str) -> str:
        """A hash of the paths and contents of uploaded files."""
        uploads = await self.uploads.list(use_case)
        facts = [(upload.path, upload.content_hash) for upload in uploads]
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    async def addresses(self, loaded: LoadedUseCase) -> Sequence[Listed]:
        """The addresses that a library lists. Raises ``NoLibraryError``.

        Raises ``LibraryUnavailableError`` if the list cannot be read, or names the lines that are
        wrong.
        """
        urls = place_of(loaded).urls
        if urls is None:
            return ()
        listed, problems = addresses.listed(await asyncio.to_thread(_text_of, urls))
        if problems:
            told = "; ".join(problems[:_MOST_LINES_TOLD])
            raise LibraryUnavailableError(
                sentence(
                    "%(file)s has %(count)s wrong lines: %(lines)s.",
                    file=str(urls),
                    count=len(problems),
                    lines=told,
                ),
                sentence("Correct them. Nothing was taken out of the library."),
            )
        return listed

    async def content(self, use_case: str, source: SourceFile) -> bytes:
        """The bytes of a file.

        Raises ``FileNotFoundError`` if it was removed meanwhile, and ``OSError``.
        """
        if source.file is not None:
            return await asyncio.to_thread(source.file.read_bytes)
        return await contents.content(self._database, use_case, source.content_hash)

    async def gone_pages(
        self, loaded: LoadedUseCase, groups: Collection[str]
    ) -> Sequence[FetchedPage]:
        """Pages of listed addresses whose servers have none any more, as ``groups`` may know.

        Raises ``NoLibraryError`` and ``LibraryUnavailableError``.
        """
        library = library_of(loaded)
        listed = await self.addresses(loaded)
        known = await self.pages.list(loaded.name, [page.path for page in listed])
        return [
            page
            for page in known.values()
            if page.state == "gone" and may_read(library, page.path, None, groups)
        ]

    async def _stored(
        self,
        loaded: LoadedUseCase,
        library: Library,
        origins: Sequence[Origin],
        paths: Sequence[str] | None,
    ) -> Sequence[SourceFile]:
        """Uploaded files, then fetched pages."""
        files: list[SourceFile] = []
        if "upload" in origins:
            uploads = await self.uploads.list(loaded.name, paths)
            files += [_of_upload(upload, library) for upload in uploads]
        if "address" in origins:
            pages = await self.pages.list(loaded.name, paths)
            files += _of_pages(await self.addresses(loaded), pages, library)
        return files

    async def _has_folder(self, loaded: LoadedUseCase) -> bool:
        """Whether to read the folder. One that never was there is no fault beside other sources."""
        place = place_of(loaded)
        if await asyncio.to_thread(place.folder.is_dir):
            return True
        if place.urls is None and not await self.uploads.list(loaded.name):
            return True
        facts = {"use_case": loaded.name}
        row = await self._database.fetch_one(contents.SQL["any_of_folder"], facts)
        return row is not None and row["any"]


def _refuse_other_case(library: Library, paths: Collection[str]) -> None:
    """Raise ``LibraryUnavailableError`` if a folder is not the declared one only by its case."""
    folders = sorted({near for path in paths if (near := library.nearly_declared(path))})
    if not folders:
        return
    [folder, declared] = folders[0]
    raise LibraryUnavailableError(
        sentence(
            "%(declared)s/ has an access group, and %(folder)s/ is another "
            "folder, to which it does not apply.",
            folder=folder,
            declared=declared,
        ),
        sentence(
            "Name the folder %(declared)s, or declare %(folder)s too: Library(access=…). Delete "
            "uploads there. Nothing was read or taken out of the library.",
            folder=folder,
            declared=declared,
        ),
    )


def library_of(loaded: LoadedUseCase) -> Library:
    """The library of a use case. Raises ``NoLibraryError``."""
    if loaded.declared.library is None:
        raise NoLibraryError(loaded.name)
    return loaded.declared.library


def place_of(loaded: LoadedUseCase) -> LibraryFolder:
    """Where folder and list of a library lie. Raises ``NoLibraryError``."""
    library = library_of(loaded)
    return LibraryFolder(
        library=library,
        folder=loaded.folder / library.folder,
        urls=None if library.urls is None else loaded.folder / library.urls,
    )


def _of_upload(upload: Upload, library: Library) -> SourceFile:
    return SourceFile(
        path=upload.path,
        content_hash=upload.content_hash,
        bytes=upload.bytes,
        modified_at=upload.uploaded_at,
        group=library.group_of(upload.path),
        origin="upload",
    )


def _of_pages(
    listed: Sequence[Listed], pages: Mapping[str, FetchedPage], library: Library
) -> Iterator[SourceFile]:
    """Listed addresses that were asked."""
    for address in listed:
        page = pages.get(address.path)
        if page is None:
            continue
        fetched = page.state == "fetched"
        yield SourceFile(
            path=page.path,
            content_hash=(page.content_hash or "") if fetched else "",
            bytes=(page.bytes or 0) if fetched else 0,
            modified_at=page.modified_at,
            group=library.group_of(page.path),
            origin="address",
            address=address.address,
            failure=page.detail,
            gone=page.state == "gone",
        )


def _text_of(urls: Path) -> str:
    why: Text
    try:
        with urls.open("rb") as file:
            content = file.read(_LARGEST_LIST + 1)
        if len(content) <= _LARGEST_LIST:
            return content.decode("utf-8-sig")
        why = sentence("it has more than %(most)s bytes", most=figure(f"{_LARGEST_LIST:,}"))
    except OSError as error:
        why = error.strerror or str(error)
    except UnicodeDecodeError:
        why = sentence("it is no UTF-8")
    raise LibraryUnavailableError(
        sentence(
            "The list of addresses %(file)s cannot be read: %(why)s.", file=str(urls), why=why
        ),
        sentence("Correct it. Nothing was taken out of the library."),
    )
