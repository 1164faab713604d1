"""The inbox counts what the pages of documents show to the same person."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

import pytest

from roadbed.kernel.settings import Settings
from tests import documents, libraries
from tests.browsing import browsing
from tests.conftest import Folders, Site, serving
from tests.libraries import NAME, Shelf

PATH = f"/usecases/{NAME}/documents"
RULE = "# {title}\n\nThe firm pays a hotel of at most {price} EUR for each night of a trip.\n"
PHONES = "# Phones\n\nThe firm pays {price} EUR a month for a phone.\n"
TRAINS = documents.pdf(["Staff travel by train in second class. A seat may be booked."] * 3)
BIKES = documents.pdf(["The garage has room for each bicycle, and a pump for its tyres."] * 3)
FILES: Mapping[str, str | bytes] = {
    "empty.txt": b"",
    "trains.pdf": TRAINS[: len(TRAINS) * 9 // 10],
    "hr/bikes.pdf": BIKES[: len(BIKES) * 9 // 10],
    "policy.md": RULE.format(title="Policy", price=120),
    "leave.md": "# Leave\n\nEverybody has thirty days of leave.\n",
    "hr/empty.txt": b"",
    "hr/guide.md": RULE.format(title="Guide", price=150),
    "hr/phones-2021.md": PHONES.format(price=20),
    "hr/phones-2022.md": PHONES.format(price=30),
}
# Kinds of action items, with what on the page says how many there are.
NUMBERS = {
    "unreadable_document": r"(\d+) documents? cannot be read",
    "open_family": r"Of (\d+) famil",
    "document_conflict": r'action="[^"]*/conflicts/',
}
KINDS = {*NUMBERS, "outdated_document", "damaged_document"}


@pytest.fixture
async def site(settings: Settings, folders: Folders, url: str) -> AsyncIterator[Site]:
    folders.write()
    root = libraries.declare(settings.usecases, 'access={"hr": "hr"}')
    libraries.write(root, FILES)
    async with serving(settings, url) as served:
        shelf = Shelf(served.app, root)
        await shelf.ingest()
        app = served.app
        await app.libraries.retrieval.search(
            shelf.loaded.declared,
            "How much does the firm pay for a hotel each night?",
            groups=frozenset({"hr"}),
        )
        for path in ("leave.md", "hr/guide.md"):
            row = await shelf.document(path)
            await app.libraries.reports.report(NAME, row, "It is the rule of last year.", by="ana")
        await app.libraries.access.add(NAME, shelf.library, "hr", "chi", by="ana")
        yield served


async def counted(site: Site, person: str) -> dict[str, int]:
    """What the inbox counts for a person, by kind."""
    items = await site.app.inbox.items(await site.app.people.viewer(person), [NAME])
    return {item.kind: item.count for item in items if item.kind in KINDS}


async def shown(site: Site, person: str) -> dict[str, int]:
    """What the page of documents says to a person, by kind."""
    async with browsing(site, person) as browser:
        page = (await browser.get(PATH)).text
        listed = {
            kind: (await browser.get(f"{PATH}/export.csv?state={state}")).text
            for kind, state in (("outdated_document", "reported"), ("damaged_document", "damaged"))
        }
    numbers = {}
    for kind in ("unreadable_document", "open_family"):
        words = re.search(NUMBERS[kind], page)
        numbers[kind] = int(words[1]) if words else 0
    numbers["document_conflict"] = len(re.findall(NUMBERS["document_conflict"], page))
    for kind, exported in listed.items():
        numbers[kind] = len(exported.strip().splitlines()) - 1
    return {kind: number for kind, number in numbers.items() if number}


async def test_inbox_and_page_say_the_same_number(site: Site) -> None:
    for person, numbers in (
        ("ben", {"unreadable_document": 1, "outdated_document": 1, "damaged_document": 1}),
        (
            "chi",
            {
                "unreadable_document": 2,
                "open_family": 1,
                "document_conflict": 1,
                "outdated_document": 2,
                "damaged_document": 2,
            },
        ),
    ):
        assert await shown(site, person) == numbers, person
        assert await counted(site, person) == numbers, person


async def test_a_new_member_of_the_group_is_asked_too(site: Site) -> None:
    app = site.app
    library = app.deployments.get(NAME).loaded.declared.library
    assert library is not None
    before = await counted(site, "ben")
    await app.libraries.access.add(NAME, library, "hr", "ben", by="ana")
    assert await counted(site, "ben") == await counted(site, "chi") != before
    await app.libraries.access.remove(NAME, "hr", "ben", by="ana")
    assert await counted(site, "ben") == before


async def test_documents_of_a_group_wait_while_everybody_is_away(site: Site) -> None:
    app = site.app
    await app.database.fetch("UPDATE document SET access_group = 'hr' WHERE path = 'empty.txt'")
    await app.members.add("adm", by="test", admin=True)
    until = app.clock.now() + timedelta(days=7)
    for person in {holder.person for holder in await app.absences.holders([NAME])}:
        await app.absences.set(person, until=until, stand_in=None)
    unattended = await app.inbox.unattended(await app.people.viewer("adm"), [NAME])
    assert "Correct documents" in {entry.title for entry in unattended}


async def damaged(site: Site, person: str) -> list[tuple[int, str, str]]:
    items = await site.app.inbox.items(await site.app.people.viewer(person), [NAME])
    return [(item.count, item.why, item.link) for item in items if item.kind == "damaged_document"]


async def test_a_damaged_document_waits_until_it_is_replaced_or_somebody_decided(
    site: Site, settings: Settings
) -> None:
    shelf = Shelf(site.app, settings.usecases / NAME)
    [(count, why, link)] = await damaged(site, "chi")
    assert (count, link) == (2, f"{PATH}?state=damaged")
    assert "damaged" in why
    async with browsing(site, "chi") as browser:
        page = (await browser.get(link)).text
        assert "trains.pdf" in page
        assert "hr/bikes.pdf" in page
        assert "leave.md" not in page
    async with browsing(site, "ben") as browser:
        page = (await browser.get(link)).text
        assert "trains.pdf" in page
        assert "hr/bikes.pdf" not in page
    row = await shelf.document("hr/bikes.pdf")
    assert row.damaged
    await site.app.libraries.reports.report(NAME, row, "No whole file is left.", by="chi")
    assert [count for count, _why, _link in await damaged(site, "chi")] == [2]
    await site.app.libraries.reports.settle(NAME, row, "kept", by="chi")
    assert not (await shelf.document("hr/bikes.pdf")).damaged
    assert [count for count, _why, _link in await damaged(site, "chi")] == [1]
    shelf.write({"trains.pdf": TRAINS})
    await shelf.ingest()
    assert await damaged(site, "chi") == []
    # A decision is about a content.
    shelf.write({"hr/bikes.pdf": BIKES[: len(BIKES) * 91 // 100]})
    await shelf.ingest()
    assert [count for count, _why, _link in await damaged(site, "chi")] == [1]
    assert await damaged(site, "ben") == []
