"""The pages of documents, and the action item for those that cannot be read."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator

import pytest
from openpyxl import Workbook

from roadbed.app import App
from roadbed.kernel.settings import Settings
from roadbed.knowledge.vectors import VectorState
from roadbed.people.model import Role
from tests import documents, libraries
from tests.browsing import browsing
from tests.conftest import Folders, Site
from tests.libraries import NAME, ServedShelf, Shelf

PATH = f"/usecases/{NAME}/documents"
FILES: dict[str, str | bytes] = {
    "leave.md": "# Leave\n\nEverybody has thirty days of leave & no more.\n",
    "hr/pay.md": "# Pay\n\nSalaries of the staff, and days of leave.\n",
    "deck.pdf": documents.pdf([documents.WORDS, "The second page is about bicycles."]),
    "empty.txt": b"",
    "locked.pdf": documents.pdf(["Pay rises"], password="secret"),
}


@pytest.fixture
async def shelf(settings: Settings, folders: Folders, url: str) -> AsyncIterator[ServedShelf]:
    async with libraries.served(settings, folders, url, FILES, 'access={"hr": "hr"}') as made:
        yield made


@pytest.fixture
def site(shelf: ServedShelf) -> Site:
    return shelf.site


async def waiting(app: App, person: str) -> list[tuple[str, str, int, str]]:
    viewer = await app.people.viewer(person)
    items = await app.inbox.items(viewer, [NAME, "triage"])
    return [
        (item.use_case, item.link, item.count, item.why)
        for item in items
        if item.kind == "unreadable_document"
    ]


class TestList:
    async def test_a_database_without_the_extension_is_named(
        self, site: Site, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def refused() -> VectorState:
            return VectorState.NO_EXTENSION

        words = "searched by words only"
        async with browsing(site, "reviewer") as browser:
            assert words not in (await browser.get(PATH)).text
            monkeypatch.setattr(shelf.app.libraries.vectors, "state", refused)
            assert words in (await browser.get(PATH)).text

    async def test_what_is_read_and_what_is_not(self, site: Site) -> None:
        async with browsing(site, "reviewer") as browser:
            page = await browser.get(PATH)
        assert page.status_code == 200
        assert "2 documents cannot be read. Correct the files, then ingest again." in page.text
        assert "Documents of access groups that you are not in are not listed." in page.text
        assert "leave.md" in page.text
        assert "locked.pdf is protected by a password." in page.text
        assert "hr/pay.md" not in page.text

    async def test_why_one_cannot_be_read_stands_beside_its_state(self, site: Site) -> None:
        async with browsing(site, "reviewer") as browser:
            page = await browser.get(PATH)
        heads = re.findall(r'<th scope="col"[^>]*>(?:<a[^>]*>)?([^<]+)', page.text)
        assert [head.strip() for head in heads[:3]] == ["Document", "State", "Findings"]

    async def test_only_those_that_cannot_be_read(self, site: Site) -> None:
        async with browsing(site, "reviewer") as browser:
            page = await browser.get(f"{PATH}?state=unreadable")
            assert "empty.txt" in page.text
            assert "leave.md" not in page.text
            exported = await browser.get(f"{PATH}/export.csv?state=unreadable")
            unknown = await browser.get(f"{PATH}?state=lost")
        rows = list(csv.DictReader(io.StringIO(exported.text.removeprefix("\ufeff"))))
        assert [row["Document"] for row in rows] == ["empty.txt", "locked.pdf"]
        assert "There is no state “lost”." in unknown.text

    async def test_a_search_gives_passages_that_lead_to_their_place(self, site: Site) -> None:
        async with browsing(site, "reviewer") as browser:
            page = await browser.get(f"{PATH}?q=days of leave")
            assert "thirty days of leave &amp; no more" in page.text
            assert "Salaries" not in page.text
            address = page.text.split('<li><p><a href="')[1].split('"')[0].replace("&amp;", "&")
            opened = await browser.get(address.split("#")[0])
            none = await browser.get(f"{PATH}?q=zebra")
        assert '<mark id="passage">' in opened.text
        marked = opened.text.split('<mark id="passage">')[1].split("</mark>")[0]
        assert "thirty days of leave &amp; no more." in marked
        assert "No passage that you may read has any of these words." in none.text

    async def test_without_a_library_there_is_neither_tab_nor_page(self, site: Site) -> None:
        async with browsing(site, "reviewer") as browser:
            assert f'href="{PATH}"' in (await browser.get(f"/usecases/{NAME}/trust")).text
            assert "/documents" not in (await browser.get("/usecases/triage/trust")).text
            refused = await browser.get("/usecases/triage/documents")
            offered = await browser.get("/palette?q=documents")
        assert refused.status_code == 409
        assert "has no library" in refused.text
        assert PATH in offered.text
        assert "/usecases/triage/documents" not in offered.text

    async def test_an_empty_library_names_the_command(self, shelf: Shelf, site: Site) -> None:
        for path in FILES:
            (shelf.folder / path).unlink()
        await shelf.ingest()
        async with browsing(site, "reviewer") as browser:
            page = await browser.get(PATH)
        assert "No document is read yet." in page.text
        assert "roadbed documents ingest handbook" in page.text


class TestLength:
    async def test_is_in_the_units_of_the_format(self, shelf: Shelf, site: Site) -> None:
        slides = documents.pptx([("Leave", "Everybody has thirty days of leave.", "")])
        shelf.write({"slides.pptx": slides})
        book = Workbook()
        for name in ("Prices", "Old prices"):
            book.create_sheet(name).append(["Bicycle", 900])
        del book["Sheet"]
        book.save(shelf.folder / "prices.xlsx")
        await shelf.ingest()
        async with browsing(site, "reviewer") as browser:
            listed = await browser.get(f"{PATH}?sort=-pages")
            exported = await browser.get(f"{PATH}/export.csv?sort=pages")
            deck = await shelf.document("slides.pptx")
            opened = await browser.get(f"{PATH}/{deck.id}")
        rows = list(csv.DictReader(io.StringIO(exported.text.removeprefix("\ufeff"))))
        lengths = {row["Document"]: row["Length"] for row in rows}
        assert lengths["slides.pptx"] == "1 slide"
        assert lengths["prices.xlsx"] == "2 sheets"
        assert lengths["deck.pdf"] == "2 pages"
        assert lengths["leave.md"] == ""
        # It is sorted by the number; what has none comes last.
        assert rows[0]["Document"] == "slides.pptx"
        assert "2 sheets" in listed.text
        assert '<th scope="col">Length</th>' in opened.text
        assert "<td>1 slide</td>" in opened.text


class TestDocument:
    async def test_pages_and_versions(self, shelf: Shelf, site: Site) -> None:
        deck = await shelf.document("deck.pdf")
        shelf.write({"deck.pdf": documents.pdf(["A new deck."])})
        await shelf.ingest()
        async with browsing(site, "reviewer") as browser:
            newest = await browser.get(f"{PATH}/{deck.id}")
            second = await browser.get(f"{PATH}/{deck.id}?version=1&part=1&from=4&to=15")
            for wrong in ("version=9", "version=1&part=2"):
                assert (await browser.get(f"{PATH}/{deck.id}?{wrong}")).status_code == 404
            odd = await browser.get(f"{PATH}/{deck.id}?version=1&part=x&from=-1&to=99999999999")
        assert "Version 2 is searched." in newest.text
        assert "A new deck." in newest.text
        assert '<mark id="passage">second page</mark> is about bicycles.' in second.text
        assert "Previous part" in second.text
        assert "Next part" not in second.text
        assert "<mark" not in odd.text

    async def test_outside_the_access_group_there_is_none(self, shelf: Shelf, site: Site) -> None:
        pay = await shelf.document("hr/pay.md")
        leave = await shelf.document("leave.md")
        async with browsing(site, "reviewer") as browser:
            assert (await browser.get(f"{PATH}/{pay.id}")).status_code == 404
            assert (await browser.get(f"{PATH}/{leave.id}")).status_code == 200
            other = await browser.get(f"/usecases/triage/documents/{leave.id}")
            assert other.status_code == 404
            access = shelf.app.libraries.access
            await access.add(NAME, shelf.library, "hr", "reviewer", by="ana")
            page = await browser.get(f"{PATH}/{pay.id}")
        assert page.status_code == 200
        assert "Only members of hr may read it." in page.text

    async def test_one_that_was_never_read_says_why(self, shelf: Shelf, site: Site) -> None:
        empty = await shelf.document("empty.txt")
        leave = await shelf.document("leave.md")
        shelf.write({"leave.md": b""})
        await shelf.ingest()
        async with browsing(site, "reviewer") as browser:
            page = await browser.get(f"{PATH}/{empty.id}")
            older = await browser.get(f"{PATH}/{leave.id}")
            assert "empty.txt contains no text." in page.text
            assert "older version searched" in older.text
            assert "thirty days" in older.text
            (shelf.folder / "leave.md").unlink()
            await shelf.ingest()
            gone = await browser.get(f"{PATH}/{leave.id}")
        assert "The file is gone, so no search finds it." in gone.text
        assert "thirty days" in gone.text


async def test_the_data_specialist_is_asked_until_all_can_be_read(shelf: Shelf, site: Site) -> None:
    app = site.app
    await app.members.add("rae", by="test")
    await app.members.grant("rae", NAME, Role.REVIEWER, by="test")
    why = "2 documents cannot be read, so no answer uses their present content."
    item = (NAME, f"{PATH}?state=unreadable", 2, why)
    assert await waiting(app, "chi") == [item]
    assert await waiting(app, "ben") == [item]  # the same permission
    assert await waiting(app, "rae") == []
    (shelf.folder / "locked.pdf").unlink()
    await shelf.ingest()
    assert [count for _name, _link, count, _why in await waiting(app, "chi")] == [1]
    shelf.write({"empty.txt": "Now it has words."})
    await shelf.ingest()
    assert await waiting(app, "chi") == []
