"""Reports that a document is outdated: who decides, what is searched, and for how long."""

from __future__ import annotations

import pytest

from roadbed.bootstrap import open_app
from roadbed.kernel.settings import Settings
from roadbed.knowledge.errors import DocumentReportError
from tests import libraries
from tests.browsing import browsing
from tests.conftest import Folders, serving
from tests.libraries import NAME, Shelf, shelf

LEAVE = "# Leave\n\nEverybody has thirty days of leave.\n"
NEWER = "# Leave\n\nEverybody has twenty days of leave.\n"
PATH = f"/usecases/{NAME}/documents"


async def test_what_was_left_out_stays_out_until_its_content_changes(
    settings: Settings, folders: Folders, url: str
) -> None:
    folders.write()
    async with shelf(settings, url) as library:
        library.write({"leave.md": LEAVE, "other.md": "# Leave\n\nA leave is asked for early.\n"})
        await library.ingest()
        reports, loaded = library.app.libraries.reports, library.loaded.declared
        leave = await library.document("leave.md")
        reported = await reports.report(NAME, leave, " It says thirty. ", by="ben")
        assert (reported.reason, reported.state, reported.version) == ("It says thirty.", "open", 1)
        assert await library.paths("days of leave") == ["leave.md", "other.md"]  # nothing yet
        assert [report.id for report in await reports.open(NAME)] == [reported.id]
        [left_out] = await reports.settle(NAME, leave, "left_out", by="chi", note="2024")
        assert (left_out.settled_by, left_out.note) == ("chi", "2024")
        assert await reports.open(NAME) == []
        assert await library.paths("days of leave") == ["other.md"]
        retrieved = await library.app.libraries.retrieval.search(loaded, "days", groups=())
        assert (retrieved.documents, list(retrieved.passages)) == (1, [])
        assert (await library.document("leave.md")).left_out
        (library.folder / "leave.md").unlink()  # gone and back with the same content
        await library.ingest()
        library.write({"leave.md": LEAVE})
        await library.ingest()
        assert await library.paths("days of leave") == ["other.md"]
        await library.app.libraries.indexes.rebuild(NAME, "english")
        assert await library.paths("days of leave") == ["other.md"]
        library.write({"leave.md": NEWER})
        await library.ingest()
        assert await library.paths("days of leave") == ["leave.md", "other.md"]
        assert not (await library.document("leave.md")).left_out
        library.write({"leave.md": LEAVE})  # the content that a person judged
        await library.ingest()
        assert await library.paths("days of leave") == ["other.md"]
        await reports.settle(NAME, await library.document("leave.md"), "kept", by="chi")
        assert await library.paths("days of leave") == ["leave.md", "other.md"]
    async with open_app(settings, url) as app:
        kinds = [
            row["kind"]
            for row in await app.database.fetch(
                "SELECT kind FROM audit_entry WHERE kind LIKE 'document %' ORDER BY at"
            )
        ]
    assert [kind for kind in kinds if kind.split()[1] in ("reported", "left", "kept")] == [
        "document reported",
        "document left out",
        "document kept",
    ]


async def test_what_cannot_be_reported_or_decided(
    settings: Settings, folders: Folders, url: str
) -> None:
    folders.write()
    async with shelf(settings, url) as library:
        library.write({"leave.md": LEAVE, "empty.txt": b""})
        await library.ingest()
        reports = library.app.libraries.reports
        leave, empty = await library.document("leave.md"), await library.document("empty.txt")
        for reason in ("", " \n", "x" * 2_001):
            with pytest.raises(DocumentReportError, match="1 to 2000 characters"):
                await reports.report(NAME, leave, reason, by="ben")
        with pytest.raises(DocumentReportError, match="No version of empty"):
            await reports.report(NAME, empty, "Nothing.", by="ben")
        with pytest.raises(DocumentReportError, match="Nobody reported the version in force"):
            await reports.settle(NAME, leave, "left_out", by="chi")
        await reports.report(NAME, leave, "Old.", by="ben")
        await reports.report(NAME, leave, "Older.", by="ben")
        await reports.report(NAME, leave, "Oldest.", by="eve")
        assert [report.reason for report in await reports.of(leave.id)] == ["Oldest.", "Older."]
        await reports.settle(NAME, leave, "left_out", by="chi")
        with pytest.raises(DocumentReportError, match="left out of the search already"):
            await reports.report(NAME, await library.document("leave.md"), "Old.", by="ben")


async def test_the_pages_of_a_report(settings: Settings, folders: Folders, url: str) -> None:
    folders.write()
    root = libraries.declare(settings.usecases, 'access={"hr": "hr"}')
    libraries.write(root, {"leave.md": LEAVE, "hr/pay.md": "# Pay\n\nSalaries.\n"})
    async with serving(settings, url) as site:
        library = Shelf(site.app, root)
        await library.ingest()
        leave, pay = await library.document("leave.md"), await library.document("hr/pay.md")
        await site.app.members.add("rae", by="test")
        await site.app.members.grant("rae", NAME, "reviewer", by="boss")
        async with browsing(site, "rae") as browser:
            page = await browser.post(f"{PATH}/{leave.id}/report", data={"reason": "It is <old>."})
            assert "It is &lt;old&gt;." in page.text
            assert "Leave out of the search" not in page.text  # the data specialist decides
            refused = await browser.post(f"{PATH}/{pay.id}/report", data={"reason": "Old."})
            assert refused.status_code == 404
            empty = await browser.post(f"{PATH}/{leave.id}/report", data={"reason": ""})
            assert empty.status_code == 422
        viewer = await site.app.people.viewer("chi")
        items = await site.app.inbox.items(viewer, [NAME])
        [item] = [entry for entry in items if entry.kind == "outdated_document"]
        assert (item.count, item.link) == (1, f"{PATH}?state=reported")
        async with browsing(site, "chi") as browser:
            assert "reported as outdated" in (await browser.get(item.link)).text
            settled = {"state": "left_out", "note": "See the new one."}
            page = await browser.post(f"{PATH}/{leave.id}/settle", data=settled)
            assert "left out as outdated" in page.text
            assert "left out by chi" in page.text
            assert "leave.md" in (await browser.get(f"{PATH}?state=left_out")).text
            kept = await browser.post(f"{PATH}/{leave.id}/settle", data={"state": "kept"})
            assert "kept by chi" in kept.text
            await browser.post(f"{PATH}/{leave.id}/settle", data={"state": "nonsense"})
        items = await site.app.inbox.items(viewer, [NAME])
        assert "outdated_document" not in {entry.kind for entry in items}


async def test_a_report_over_http(settings: Settings, folders: Folders, url: str) -> None:
    folders.write()
    root = libraries.declare(settings.usecases)
    libraries.write(root, {"leave.md": LEAVE})
    async with serving(settings, url) as site:
        library = Shelf(site.app, root)
        await library.ingest()
        leave = await library.document("leave.md")
        await site.app.members.grant("shop", NAME, "data_specialist", by="boss")
        address = f"{PATH}/{leave.id}"
        answer = await site.shop.post(f"{address}/report", json={"reason": "Old."})
        assert answer.json()["report"]["state"] == "open"
        for body in ({}, {"reason": 3}):
            assert (await site.shop.post(f"{address}/report", json=body)).status_code == 422
        assert (await site.shop.post(f"{address}/settle", json={"state": "x"})).status_code == 422
        settled = await site.shop.post(f"{address}/settle", json={"state": "left_out"})
        assert settled.json()["reports"][0]["state"] == "left_out"
        shown = (await site.shop.get(address)).json()
        assert shown["document"]["left_out"] is True
        assert shown["reports"][0]["reason"] == "Old."
        assert (await site.shop.get(f"{PATH}/search?q=leave")).json() == {"matches": []}
