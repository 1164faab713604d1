"""Ingestion: real files, read by real processes, stored in a real database."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roadbed.kernel.clock import SystemClock
from roadbed.kernel.settings import Settings
from roadbed.knowledge.errors import (
    LibraryUnavailableError,
    NoLibraryError,
    UnknownDocumentError,
)
from roadbed.knowledge.ingestion import Ingestion
from roadbed.knowledge.reading.process import ReadingLimits
from roadbed.knowledge.records import OmittedFiles, PassageKey
from roadbed.knowledge.sources import folder as library_folder
from roadbed.knowledge.sources.service import place_of
from roadbed.storage.errors import StorageUnavailableError
from tests import documents, glyph_codes
from tests.conftest import Folders
from tests.libraries import NAME, Shelf, names_read
from tests.libraries import shelf as opened

ACCESS = 'access={"hr": "hr", "hr/board": "board"}, ignore=["*.png"]'
LEAVE = "# Leave\n\nEverybody has thirty days of leave in a year.\n"
PARENTS = "# Parents\n\nParental leave lasts sixteen weeks and is paid in full.\n"
PAY = "# Pay\n\nSalaries are paid on the last working day.\n"


@pytest.fixture
async def shelf(settings: Settings, url: str) -> AsyncIterator[Shelf]:
    async with opened(settings, url, ACCESS) as made:
        made.write({"leave.md": LEAVE, "parents.md": PARENTS, "hr/pay.md": PAY})
        yield made


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return names_read(monkeypatch)


def _locking(genuine: Callable[..., Any], locked: Path) -> Callable[..., Any]:
    def scanned(path: Path) -> Any:
        if path == locked:
            raise PermissionError(13, "Permission denied", str(path))
        return genuine(path)

    return scanned


def _refusing(genuine: Callable[..., Any], name: str = "leave.md") -> Callable[..., Any]:
    def opened(path: Path, *arguments: Any, **named: Any) -> Any:
        if path.name == name:
            raise PermissionError(13, "Permission denied")
        return genuine(path, *arguments, **named)

    return opened


class TestIncrementally:
    async def test_everything_is_read_once(self, shelf: Shelf, read: list[str]) -> None:
        first = await shelf.ingest()
        assert (first.read, first.unchanged, first.failed) == (3, 0, [])
        assert sorted(read) == ["leave.md", "parents.md", "pay.md"]
        document = await shelf.document("hr/pay.md")
        assert (document.state, document.version, document.group) == ("current", 1, "hr")
        assert (document.format, document.words) == ("markdown", 9)
        again = await shelf.ingest()
        assert (again.read, again.unchanged) == (0, 3)
        assert len(read) == 3
        assert await shelf.count("document_change") == 3

    async def test_a_touched_file_is_not_read_again(self, shelf: Shelf, read: list[str]) -> None:
        await shelf.ingest()
        os.utime(shelf.folder / "leave.md", (1, 1))
        assert (await shelf.ingest()).unchanged == 3
        assert len(read) == 3

    async def test_a_changed_file_becomes_a_version_and_the_old_one_can_be_cited(
        self, shelf: Shelf, read: list[str]
    ) -> None:
        await shelf.ingest()
        [match] = await shelf.matches("thirty days of leave", most=1)
        shelf.write({"leave.md": LEAVE.replace("thirty", "twenty-eight")})
        summary = await shelf.ingest()
        assert (summary.read, summary.unchanged) == (1, 2)
        assert read[3:] == ["leave.md"]
        stored = shelf.app.libraries.documents
        document = await shelf.document("leave.md")
        assert document.version == 2
        versions = await stored.versions(document.id)
        assert [version.number for version in versions] == [2, 1]
        cited = (await stored.passages([match.passage.key]))[match.passage.key]
        assert (cited.version, "thirty days" in cited.text) == (1, True)
        [part] = await stored.parts(document.id, 1)
        assert "thirty days" in part.text[cited.first : cited.last]
        matches = await shelf.matches("leave days")
        texts = [match.passage.text for match in matches if match.passage.path == "leave.md"]
        assert len(texts) == 1
        assert "twenty-eight" in texts[0]

    async def test_a_deleted_file_leaves_the_search_and_comes_back(self, shelf: Shelf) -> None:
        await shelf.ingest()
        (shelf.folder / "parents.md").unlink()
        assert (await shelf.ingest()).gone == 1
        assert "parents.md" not in await shelf.paths("parental leave weeks")
        document = await shelf.document("parents.md")
        assert (document.state, document.version) == ("deleted", 1)
        listed = await shelf.app.libraries.documents.documents(NAME)
        assert [one.path for one in listed] == ["hr/pay.md", "leave.md"]
        assert (await shelf.ingest()).gone == 0
        shelf.write({"parents.md": PARENTS})
        await shelf.ingest()
        again = await shelf.document("parents.md")
        assert (again.id, again.state, again.version) == (document.id, "current", 2)
        assert (await shelf.paths("parental leave weeks"))[0] == "parents.md"

    async def test_what_the_audit_log_says(self, shelf: Shelf) -> None:
        await shelf.ingest()
        shelf.write({"leave.md": LEAVE + "More.", "parents.md": b"\x00"})
        (shelf.folder / "hr/pay.md").unlink()
        await shelf.ingest()
        rows = await shelf.app.database.fetch(
            "SELECT kind, count(*)::integer AS n FROM audit_entry WHERE kind LIKE 'document %%' "
            "GROUP BY kind"
        )
        assert {row["kind"]: row["n"] for row in rows} == {
            "document added": 3,
            "document changed": 1,
            "document removed": 1,
            "document unreadable": 1,
        }


class TestUnreadable:
    async def test_the_others_are_read_and_each_says_why(self, shelf: Shelf) -> None:
        shelf.write(
            {
                "empty.txt": b"",
                "scan.pdf": documents.pdf([""], pictures=True),
                "locked.pdf": documents.pdf(["Pay rises"], password="secret"),
                "picture.jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(range(256)),
            }
        )
        summary = await shelf.ingest()
        assert summary.read == 3
        reasons = {document.path: document.reason for document in summary.failed}
        assert reasons == {
            "empty.txt": "empty",
            "scan.pdf": "scan",
            "locked.pdf": "password",
            "picture.jpg": "scan",
        }
        trouble = (await shelf.document("locked.pdf")).trouble
        assert trouble is not None
        assert trouble.problem == "locked.pdf is protected by a password."
        again = await shelf.ingest()
        assert (again.read, again.failed, again.unchanged) == (0, [], 7)

    async def test_the_version_read_before_stays_in_force(self, shelf: Shelf) -> None:
        await shelf.ingest()
        shelf.write({"leave.md": b"PK\x03\x04 damaged"})
        [failed] = (await shelf.ingest()).failed
        assert (failed.state, failed.version, failed.pages) == ("unreadable", 1, None)
        assert failed.trouble is not None
        assert "leave.md" in await shelf.paths("thirty days")
        shelf.write({"leave.md": LEAVE.replace("thirty", "forty")})
        await shelf.ingest()
        document = await shelf.document("leave.md")
        assert (document.state, document.version, document.reason) == ("current", 2, None)
        assert (await shelf.paths("forty days")) == ["leave.md"]

    async def test_a_damaged_file_does_not_replace_the_one_before(self, shelf: Shelf) -> None:
        sound = glyph_codes.printed(
            [documents.WORDS, f"{LEAVE[9:].strip()}\n{PARENTS[11:].strip()}"]
        )
        shelf.write({"leave.pdf": sound})
        await shelf.ingest()
        shelf.write({"leave.pdf": glyph_codes.cut(sound), "copy.pdf": glyph_codes.cut(sound)})
        summary = await shelf.ingest()
        assert summary.read == 0
        states = {one.path: (one.reason, one.version) for one in summary.failed}
        assert states == {"leave.pdf": ("corrupt", 1), "copy.pdf": ("corrupt", None)}
        assert "leave.pdf" in await shelf.paths("thirty days of leave")

    async def test_a_damaged_file_with_much_less_text_does_not_either(self, shelf: Shelf) -> None:
        sound = documents.pdf(
            [f"Page {number}. {documents.WORDS}" for number in range(9)], linear=True
        )
        shelf.write({"terms.pdf": sound})
        await shelf.ingest()
        shelf.write({"terms.pdf": sound[: len(sound) // 2]})
        [failed] = (await shelf.ingest()).failed
        assert (failed.reason, failed.version) == ("corrupt", 1)
        assert failed.trouble is not None
        assert "of the 189 words of the version before can be read." in failed.trouble.problem

    async def test_a_sound_file_with_much_less_text_is_read_and_says_so(self, shelf: Shelf) -> None:
        shelf.write({"terms.md": documents.WORDS * 5})
        await shelf.ingest()
        shelf.write({"terms.md": documents.WORDS * 2})
        assert (await shelf.ingest()).with_findings == 1
        document = await shelf.document("terms.md")
        assert document.version == 2
        [finding] = document.findings
        assert (finding.kind, finding.count) == ("less_text", 91)
        shelf.write({"terms.md": documents.WORDS * 2 + " More."})
        assert (await shelf.ingest()).with_findings == 0
        assert (await shelf.document("terms.md")).findings == ()

    async def test_a_file_that_may_not_be_opened_is_stored_with_the_reason(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await shelf.ingest()
        with monkeypatch.context() as patch:  # root, who may run this test, may open everything
            for name in ("open", "read_bytes"):
                patch.setattr(Path, name, _refusing(getattr(Path, name)))
            [failed] = (await shelf.ingest()).failed
            assert (failed.path, failed.reason, failed.version) == ("leave.md", "not_opened", 1)
            assert failed.trouble is not None
            assert failed.trouble.problem == "leave.md cannot be opened: Permission denied."
            assert (await shelf.ingest()).unchanged == 3
        assert "leave.md" in await shelf.paths("thirty days")
        await shelf.ingest()
        assert (await shelf.document("leave.md")).state == "current"

    async def test_a_file_over_the_limit_is_not_read(self, shelf: Shelf, read: list[str]) -> None:
        limits = ReadingLimits(largest_file=200)
        shelf.write({"leave.md": LEAVE * 10})
        libraries = shelf.app.libraries
        ingestion = Ingestion(
            libraries.documents, libraries.families, libraries.sources, SystemClock(), limits
        )
        [failed] = (await ingestion.run(shelf.loaded, by="ana")).failed
        assert (failed.path, failed.reason) == ("leave.md", "too_large")
        assert "leave.md" not in read

    async def test_one_that_is_gone_is_asked_about_no_more(self, shelf: Shelf) -> None:
        shelf.write({"empty.txt": b""})
        await shelf.ingest()
        (shelf.folder / "empty.txt").unlink()
        assert (await shelf.ingest()).gone == 1
        document = await shelf.document("empty.txt")
        assert (document.state, document.reason, document.trouble) == ("deleted", None, None)


class TestFolder:
    async def test_without_a_library_nothing_is_ingested(
        self, settings: Settings, url: str, folders: Folders
    ) -> None:
        folders.write()
        async with opened(settings, url) as made:
            loaded = made.app.deployments.get("triage").loaded
            with pytest.raises(NoLibraryError, match="triage has no library"):
                await made.app.libraries.ingestion.plan(loaded)

    async def test_a_folder_that_is_not_there_takes_nothing_out(self, shelf: Shelf) -> None:
        await shelf.ingest()
        shelf.folder.rename(shelf.root / "elsewhere")
        with pytest.raises(LibraryUnavailableError, match="is not there"):
            await shelf.ingest(allow_gone=True)
        assert len(await shelf.app.libraries.documents.documents(NAME)) == 3

    async def test_half_of_the_documents_do_not_go_without_a_word(self, shelf: Shelf) -> None:
        shelf.write({f"notes/{number}.txt": f"Note number {number}." for number in range(12)})
        await shelf.ingest()
        shutil.rmtree(shelf.folder / "notes")
        with pytest.raises(LibraryUnavailableError, match="12 of 15 documents"):
            await shelf.ingest()
        assert len(await shelf.app.libraries.documents.documents(NAME)) == 15
        assert (await shelf.ingest(allow_gone=True)).gone == 12

    async def test_of_a_few_documents_all_may_go(self, shelf: Shelf) -> None:
        await shelf.ingest()
        shutil.rmtree(shelf.folder)
        shelf.folder.mkdir()
        assert (await shelf.ingest()).gone == 3

    async def test_links_lead_nowhere_else(self, shelf: Shelf, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "secret.txt").write_text("The secret of another folder.")
        (shelf.folder / "secret.txt").symlink_to(outside / "secret.txt")
        (shelf.folder / "outside").symlink_to(outside)
        (shelf.folder / "nothing.txt").symlink_to(outside / "nothing.txt")
        (shelf.folder / "loop.txt").symlink_to("loop.txt")
        (shelf.folder / "same.md").symlink_to("leave.md")
        (shelf.folder / "open.md").symlink_to("hr/pay.md")
        os.mkfifo(shelf.folder / "pipe.txt")
        summary = await shelf.ingest()
        assert (summary.read, summary.left_out.total) == (4, 6)
        assert summary.left_out == OmittedFiles(links=5, special=1)
        assert await shelf.paths("secret") == []
        assert await shelf.paths("salaries") == []  # a link opens no access group
        # They are copies: the one that was read first answers.
        assert await shelf.paths("thirty") in (["leave.md"], ["same.md"])

    async def test_what_is_no_document_is_counted(self, shelf: Shelf) -> None:
        shelf.write(
            {
                ".hidden/plan.md": "A hidden plan.",
                ".notes.txt": "A hidden note.",
                "~$leave.docx": "A lock.",
                "Thumbs.db": "A mark.",
                "logo.png": b"\x89PNG",
            }
        )
        summary = await shelf.ingest()
        assert (summary.read, summary.left_out.total, summary.failed) == (3, 5, [])
        assert summary.left_out == OmittedFiles(patterns=5)

    async def test_a_folder_that_cannot_be_opened_costs_only_what_it_holds(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shelf.write({"travel/trips.md": "A trip of two days needs no signature.\n"})
        assert (await shelf.ingest()).read == 4
        locked = shelf.folder / "travel"
        monkeypatch.setattr(os, "scandir", _locking(os.scandir, locked))
        shelf.write({"new.md": "A new rule about parking.\n"})
        summary = await shelf.ingest()
        assert (summary.read, summary.unchanged, summary.gone) == (1, 3, 0)
        [failed] = summary.failed
        assert (failed.path, failed.state, failed.reason) == ("travel/", "unreadable", "not_opened")
        assert await shelf.paths("trip signature") == ["travel/trips.md"]
        again = await shelf.ingest()
        assert (again.read, again.unchanged, again.still_unreadable, again.failed) == (0, 5, 1, [])
        monkeypatch.undo()
        opened = await shelf.ingest()
        assert (opened.read, opened.unchanged, opened.gone) == (0, 5, 1)
        assert (await shelf.document("travel/")).state == "deleted"

    async def test_a_folder_that_differs_only_in_case_from_a_declared_one_is_an_error(
        self, shelf: Shelf
    ) -> None:
        await shelf.ingest()
        before = await shelf.count("document")
        shelf.write({"HR/bonus.md": "The bonus is 500 EUR.\n", "new.md": "New.\n"})
        with pytest.raises(LibraryUnavailableError, match=r"hr/ has an access group, and HR/"):
            await shelf.ingest()
        assert await shelf.count("document") == before
        (shelf.folder / "HR").rename(shelf.folder / "bonuses")
        assert (await shelf.ingest()).read == 2

    async def test_a_locked_folder_belongs_to_its_own_access_group(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "scandir", _locking(os.scandir, shelf.folder / "hr"))
        [failed] = (await shelf.ingest()).failed
        assert (failed.path, failed.group) == ("hr/", "hr")

    async def test_files_whose_folder_hides_their_facts_are_named(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await shelf.ingest()
        genuine = Path.stat

        def refused(path: Path, **named: Any) -> os.stat_result:
            if path.name == "pay.md":
                raise PermissionError(13, "Permission denied")
            return genuine(path, **named)

        monkeypatch.setattr(Path, "stat", refused)
        monkeypatch.setattr(Path, "read_bytes", _refusing(Path.read_bytes, "pay.md"))
        assert await asyncio.to_thread(library_folder.state, place_of(shelf.loaded))
        summary = await shelf.ingest()
        assert (summary.gone, summary.left_out.total) == (0, 0)
        assert [failed.path for failed in summary.failed] == ["hr/pay.md"]

    async def test_names_that_are_no_text_are_told_apart_for_good(self, shelf: Shelf) -> None:
        names = [b"caf\xe9.txt", b"caf\xe8.txt", "café.txt".encode(), b"new\nline.txt"]
        for number, name in enumerate(names):
            (shelf.folder / os.fsdecode(name)).write_text(
                f"Coffee number {number} costs two euros."
            )
        assert (await shelf.ingest()).read == 7
        paths = await shelf.paths("coffee")
        assert len(paths) == 4
        assert {"café.txt", "new\nline.txt"} < set(paths)
        odd = [path for path in paths if "\N{REPLACEMENT CHARACTER}" in path]
        assert len(odd) == 2
        (shelf.folder / os.fsdecode(names[0])).unlink()
        summary = await shelf.ingest()
        assert (summary.read, summary.gone, summary.unchanged) == (0, 1, 6)

    async def test_an_unknown_path_is_an_error(self, shelf: Shelf) -> None:
        with pytest.raises(UnknownDocumentError, match=r"There is no document 'gone\.md' here"):
            await shelf.document("gone.md")
        with pytest.raises(UnknownDocumentError):
            await shelf.app.libraries.documents.forget(NAME, "gone.md", by="ana")


class TestMeanwhile:
    async def test_what_is_stored_is_what_was_read(self, shelf: Shelf) -> None:
        libraries = shelf.app.libraries
        plan = await libraries.ingestion.plan(shelf.loaded)
        shelf.write({"leave.md": LEAVE.replace("thirty", "ninety")})
        (shelf.folder / "parents.md").unlink()
        async with libraries.ingestion.reading() as reader:
            read = [
                await libraries.ingestion.apply(NAME, change, reader, by="ana")
                for change in plan.changes
            ]
        assert [document.path if document else None for document in read] == [
            "hr/pay.md",
            "leave.md",
            None,
        ]
        assert await shelf.paths("ninety") == ["leave.md"]
        summary = await shelf.ingest()
        assert (summary.read, summary.gone, summary.unchanged) == (0, 0, 2)

    async def test_a_known_file_that_vanishes_meanwhile_leaves_the_search(
        self, shelf: Shelf
    ) -> None:
        await shelf.ingest()
        shelf.write({"leave.md": LEAVE + "More."})
        libraries = shelf.app.libraries
        plan = await libraries.ingestion.plan(shelf.loaded)
        (shelf.folder / "leave.md").unlink()
        async with libraries.ingestion.reading() as reader:
            await libraries.ingestion.apply(NAME, plan.changes[0], reader, by="ana")
        assert (await shelf.document("leave.md")).state == "deleted"

    async def test_two_ingestions_at_once_store_everything_once(self, shelf: Shelf) -> None:
        shelf.write({f"notes/{number}.txt": f"Note number {number}." for number in range(8)})
        await asyncio.gather(shelf.ingest(), shelf.ingest())
        assert await shelf.count("document") == 11
        assert await shelf.count("document_version") == 11
        assert await shelf.count("document_change") == 11
        shelf.write({"leave.md": LEAVE + "More."})
        (shelf.folder / "parents.md").unlink()
        await asyncio.gather(shelf.ingest(), shelf.ingest())
        assert await shelf.count("document_version") == 12
        assert (await shelf.document("leave.md")).version == 2
        assert (await shelf.document("parents.md")).state == "deleted"

    async def test_the_same_content_of_another_group_moves(self, shelf: Shelf) -> None:
        """Two ingestions at once, one of them with a newer declaration."""
        libraries = shelf.app.libraries
        plan = await libraries.ingestion.plan(shelf.loaded)
        await shelf.ingest()
        [change] = [change for change in plan.changes if change.path == "leave.md"]
        assert change.source is not None
        moved = replace(change, source=replace(change.source, group="hr"))
        async with libraries.ingestion.reading() as reader:
            await libraries.ingestion.apply(NAME, moved, reader, by="ana")
        document = await shelf.document("leave.md")
        assert (document.version, document.group) == (1, "hr")

    async def test_an_error_of_one_reader_is_told_as_it_is(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def broken(*_arguments: object, **_named: object) -> None:
            raise StorageUnavailableError("the connection was closed")

        monkeypatch.setattr(shelf.app.libraries.documents, "keep", broken)
        with pytest.raises(StorageUnavailableError):
            await shelf.ingest()

    async def test_passages_that_are_not_stored_are_left_out(self, shelf: Shelf) -> None:
        key = PassageKey(version_id="dov_none", ordinal=0)
        assert await shelf.app.libraries.documents.passages([key]) == {}
