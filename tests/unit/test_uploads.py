"""Uploaded files: stored by their content, limited, audited, and read by the same ingestion."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from roadbed.kernel.settings import Settings
from roadbed.knowledge.errors import (
    UnknownDocumentError,
    UploadNotAllowedError,
    UploadRefusedError,
)
from roadbed.knowledge.reading.process import ReadingLimits
from roadbed.knowledge.sources import upload_paths
from roadbed.knowledge.sources.model import Upload
from roadbed.knowledge.sources.uploads import Uploads
from roadbed.recovery.backup import back_up
from roadbed.recovery.restore import restore
from tests.libraries import NAME, Shelf
from tests.libraries import shelf as opened
from tests.unit.test_library_restore import _wait_for_ended_connections

LEAVE = b"# Leave\n\nEverybody has thirty days of leave in a year.\n"
ACCESS = 'access={"hr": "hr"}, ignore=["*.png"]'


@pytest.fixture
async def shelf(settings: Settings, url: str) -> AsyncIterator[Shelf]:
    async with opened(settings, url, ACCESS) as made:
        yield made


async def put(shelf: Shelf, path: str, content: bytes, by: str = "ana") -> Upload:
    return await shelf.app.libraries.upload(shelf.loaded, path, io.BytesIO(content), by=by)


class TestStored:
    async def test_an_upload_becomes_a_document(self, shelf: Shelf) -> None:
        upload = await put(shelf, "travel/leave.md", LEAVE)
        assert (upload.path, upload.bytes, upload.uploaded_by) == (
            "travel/leave.md",
            len(LEAVE),
            "ana",
        )
        assert (await shelf.ingest()).read == 1
        document = await shelf.document("travel/leave.md")
        assert (document.origin, document.state, document.version) == ("upload", "current", 1)
        assert document.modified_at == upload.uploaded_at
        assert await shelf.paths("days of leave") == ["travel/leave.md"]
        assert (await shelf.ingest()).unchanged == 1

    async def test_another_content_replaces_it(self, shelf: Shelf) -> None:
        await put(shelf, "leave.md", LEAVE)
        await shelf.ingest()
        await put(shelf, "leave.md", LEAVE.replace(b"thirty", b"forty"), by="ben")
        assert (await shelf.ingest()).read == 1
        assert (await shelf.document("leave.md")).version == 2
        assert await shelf.count("source_content") == 1
        [upload] = await shelf.app.libraries.sources.uploads.list(NAME)
        assert upload.uploaded_by == "ben"

    async def test_equal_contents_are_stored_once_and_go_with_the_last(self, shelf: Shelf) -> None:
        await put(shelf, "a.md", LEAVE)
        await put(shelf, "b.md", LEAVE)
        assert (await shelf.count("source_content"), await shelf.count("source_piece")) == (1, 1)
        libraries = shelf.app.libraries
        await libraries.delete_upload(shelf.loaded, "a.md", by="ana")
        assert await shelf.count("source_content") == 1
        await libraries.delete_upload(shelf.loaded, "b.md", by="ana")
        assert (await shelf.count("source_content"), await shelf.count("source_piece")) == (0, 0)

    async def test_a_deleted_one_leaves_the_search(self, shelf: Shelf) -> None:
        for number in range(12):
            await put(shelf, f"{number}.md", LEAVE + str(number).encode())
        await shelf.ingest()
        uploads = await shelf.app.libraries.sources.uploads.list(NAME)
        for upload in uploads:  # also of most of them: somebody deleted each
            await shelf.app.libraries.delete_upload(shelf.loaded, upload.path, by="ana")
        assert (await shelf.ingest()).gone == 12
        assert await shelf.paths("days of leave") == []
        with pytest.raises(UnknownDocumentError):
            await shelf.app.libraries.delete_upload(shelf.loaded, "0.md", by="ana")

    async def test_a_large_one_comes_back_byte_by_byte(self, shelf: Shelf) -> None:
        content = os.urandom(3_500_000)
        upload = await put(shelf, "large.bin", content)
        assert await shelf.count("source_piece") == 4
        files, _ = await shelf.app.libraries.sources.files(shelf.loaded)
        source = files["large.bin"]
        assert (source.content_hash, source.bytes) == (upload.content_hash, len(content))
        assert await shelf.app.libraries.sources.content(NAME, source) == content

    async def test_the_audit_log_says_who_did_what(self, shelf: Shelf) -> None:
        upload = await put(shelf, "leave.md", LEAVE)
        await shelf.app.libraries.delete_upload(shelf.loaded, "leave.md", by="ben")
        rows = await shelf.app.database.fetch(
            "SELECT kind, subject, actor, detail FROM audit_entry "
            "WHERE kind IN ('document uploaded', 'upload deleted') ORDER BY at, kind"
        )
        assert [(row["kind"], row["subject"], row["actor"]) for row in rows] == [
            ("document uploaded", "leave.md", "ana"),
            ("upload deleted", "leave.md", "ben"),
        ]
        assert rows[0]["detail"] == {"content_hash": upload.content_hash, "bytes": len(LEAVE)}

    async def test_a_library_of_uploads_needs_no_folder(self, shelf: Shelf) -> None:
        shelf.folder.rmdir()
        await put(shelf, "leave.md", LEAVE)
        assert (await shelf.ingest()).read == 1


class TestRefused:
    @pytest.mark.parametrize(
        "path",
        [
            "",
            "/etc/passwd",
            "../secret.md",
            "hr/../../secret.md",
            "a//b.md",
            "a/./b.md",
            "a/",
            "a\\b.md",
            "a\nb.md",
            "a\x00b.md",
            "a\u202egpj.md",  # turns the direction of text
            "a\u200bb.md",
            " a.md",
            "a.md ",
            "a.",
            ".hidden/a.md",
            "~$plan.docx",
            "a.tmp",
            "photo.png",
            "x" * 201 + ".md",
            "ä" * 101,
            "a/" * 600 + "b.md",
        ],
    )
    async def test_paths_that_are_no_document(self, shelf: Shelf, path: str) -> None:
        with pytest.raises(UploadRefusedError):
            await put(shelf, path, LEAVE)
        assert await shelf.count("uploaded_file") == 0

    def test_letters_with_accents_have_one_spelling(self) -> None:
        assert upload_paths.checked("Gebu\u0308hren.md") == "Geb\u00fchren.md"

    async def test_empty_and_too_large_ones(self, shelf: Shelf) -> None:
        with pytest.raises(UploadRefusedError, match="is empty"):
            await put(shelf, "empty.md", b"")
        app = shelf.app
        uploads = Uploads(app.database, app.clock, ReadingLimits(largest_file=10))
        with pytest.raises(UploadRefusedError, match="11 bytes, and 10 are allowed"):
            await uploads.put(
                NAME,
                shelf.library,
                "large.md",
                io.BytesIO(b"x" * 11),
                folder=shelf.folder,
                groups=(),
                by="ana",
            )
        assert await shelf.count("source_content") == 0

    async def test_nobody_writes_where_they_may_not_read(self, shelf: Shelf) -> None:
        with pytest.raises(UploadNotAllowedError):
            await put(shelf, "hr/pay.md", LEAVE)
        await shelf.app.members.add("ana", by="test")
        await shelf.app.libraries.access.add(NAME, shelf.library, "hr", "ana", by="ana")
        await put(shelf, "hr/pay.md", LEAVE)
        with pytest.raises(UnknownDocumentError):
            await shelf.app.libraries.delete_upload(shelf.loaded, "hr/pay.md", by="ben")
        await shelf.ingest()
        assert (await shelf.document("hr/pay.md")).group == "hr"
        assert await shelf.paths("days of leave") == []

    @pytest.mark.parametrize("path", ["HR/pay.md", "Hr/deep/pay.md"])
    async def test_a_folder_that_differs_only_in_case_from_a_declared_one(
        self, shelf: Shelf, path: str
    ) -> None:
        with pytest.raises(UploadRefusedError, match=r"hr/ has an access group") as refused:
            await put(shelf, path, LEAVE)
        assert "Upload it to hr/" in str(refused.value.remedy)
        assert (await put(shelf, "other/HR/pay.md", LEAVE)).path == "other/HR/pay.md"
        assert await shelf.count("source_content") == 1

    async def test_a_file_of_the_folder_is_not_replaced(self, shelf: Shelf) -> None:
        shelf.write({"leave.md": LEAVE, "old.md": LEAVE})
        with pytest.raises(UploadRefusedError, match="another source"):
            await put(shelf, "leave.md", b"Nobody has leave.")
        await shelf.ingest()
        (shelf.folder / "old.md").unlink()
        with pytest.raises(UploadRefusedError, match="another source"):
            await put(shelf, "old.md", b"Nobody has leave.")

    async def test_the_folder_comes_first_if_both_have_a_path(self, shelf: Shelf) -> None:
        await put(shelf, "leave.md", LEAVE)
        await shelf.ingest()
        shelf.write({"leave.md": LEAVE.replace(b"thirty", b"forty")})
        summary = await shelf.ingest()
        assert (summary.read, summary.left_out.total) == (1, 1)
        assert (await shelf.document("leave.md")).origin == "folder"
        (shelf.folder / "leave.md").unlink()
        await shelf.ingest()
        document = await shelf.document("leave.md")
        assert (document.origin, document.version) == ("upload", 3)

    async def test_the_same_content_from_the_folder_makes_no_version(self, shelf: Shelf) -> None:
        await put(shelf, "leave.md", LEAVE)
        await shelf.ingest()
        shelf.write({"leave.md": LEAVE})
        assert (await shelf.ingest()).moved == 1
        document = await shelf.document("leave.md")
        assert (document.origin, document.version) == ("folder", 1)


async def test_a_backup_holds_uploads(settings: Settings, url: str, tmp_path: Path) -> None:
    backup = tmp_path / "one.backup"
    content = LEAVE + os.urandom(2_000_000).hex().encode()
    async with opened(settings, url) as shelf:
        await put(shelf, "leave.md", content)
        await shelf.app.audit.witness()
        await back_up(shelf.app.database.url, shelf.app.audit, shelf.app.clock, backup)
        await shelf.app.libraries.delete_upload(shelf.loaded, "leave.md", by="ana")
        await put(shelf, "later.md", b"Bicycles.")
    assert settings.audit_dir is not None
    _wait_for_ended_connections(url)
    restore(url, settings.audit_dir, backup, replace=True)
    async with opened(settings, url) as shelf:
        files, _ = await shelf.app.libraries.sources.files(shelf.loaded)
        assert list(files) == ["leave.md"]
        stored = await shelf.app.libraries.sources.content(NAME, files["leave.md"])
        assert stored == content
