"""The version in force is deleted: answers and people are told until somebody decides."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from roadbed.kernel.settings import Settings
from roadbed.knowledge.errors import DocumentFamilyError
from roadbed.models.answers.notes import notes_of
from tests import libraries
from tests.browsing import browsing
from tests.conftest import Folders, Site
from tests.libraries import NAME, ServedShelf, Shelf

PATH = f"/usecases/{NAME}/documents"
POLICY = (
    "# Policy\n\nLast updated: {}\n\nThe firm pays a hotel of {} EUR for each night of a trip.\n"
)
FIRST, SECOND = POLICY.format("May 2, 2021", 100), POLICY.format("May 2, 2022", 120)
QUESTION = "What does the firm pay for a hotel each night?"


@pytest.fixture
async def shelf(settings: Settings, folders: Folders, url: str) -> AsyncIterator[ServedShelf]:
    files = {
        "policy-v1.md": FIRST,
        "policy-v2.md": SECOND,
        "leave.md": "# Leave\n\nEverybody has thirty days of leave.\n",
    }
    async with libraries.served(settings, folders, url, files) as made:
        yield made


@pytest.fixture
def site(shelf: ServedShelf) -> Site:
    return shelf.site


async def remove(shelf: Shelf, *paths: str) -> None:
    for path in paths:
        (shelf.folder / path).unlink()
    await shelf.ingest(allow_gone=True)


async def notes(shelf: Shelf, *groups: str) -> list[str]:
    retrieved = await shelf.app.libraries.retrieval.search(
        shelf.loaded.declared, QUESTION, groups=groups
    )
    policies = [one for one in retrieved.passages if "policy" in one.document]
    return [note for note in notes_of(retrieved, policies[:1]) if "removed" in note]


async def waiting(shelf: Shelf) -> list[tuple[str, int]]:
    items = await shelf.app.inbox.items(await shelf.app.people.viewer("chi"), [NAME])
    return [(item.link, item.count) for item in items if item.kind == "open_family"]


async def settle(shelf: Shelf, path: str, *groups: str) -> None:
    await shelf.app.libraries.families.settle(
        NAME, shelf.library, await shelf.document(path), "current", groups=groups, by="chi"
    )


async def test_the_older_one_answers_with_a_note_until_it_is_confirmed(shelf: Shelf) -> None:
    assert await notes(shelf) == []
    await remove(shelf, "policy-v2.md")
    today = shelf.app.clock.now().date().isoformat()
    assert await notes(shelf) == [f"A newer version, policy-v2.md, was removed on {today}."]
    assert await waiting(shelf) == [(f"{PATH}?standing=open", 1)]
    await shelf.ingest()
    assert len(await notes(shelf)) == 1
    await settle(shelf, "policy-v1.md")
    assert await notes(shelf) == []
    assert await waiting(shelf) == []
    with pytest.raises(DocumentFamilyError, match="belongs to no other document"):
        await settle(shelf, "policy-v1.md")


async def test_the_page_of_the_older_one_says_it_and_confirms_it(shelf: Shelf, site: Site) -> None:
    await remove(shelf, "policy-v2.md")
    document = await shelf.document("policy-v1.md")
    async with browsing(site, "chi") as browser:
        listing = (await browser.get(f"{PATH}?standing=open")).text
        assert "policy-v1.md" in listing
        assert "leave.md" not in listing
        page = (await browser.get(f"{PATH}/{document.id}")).text
        assert "A newer version, policy-v2.md, was removed on " in page
        after = await browser.post(f"{PATH}/{document.id}/family", data={"kind": "current"})
    assert after.status_code == 200
    assert "was removed on" not in after.text
    assert await notes(shelf) == []


@pytest.mark.parametrize("path", ["policy-v2.md", "policy-v3.md", "other/policy v2.md"])
async def test_a_newer_one_ends_it(shelf: Shelf, path: str) -> None:
    await remove(shelf, "policy-v2.md")
    text = POLICY.format("May 2, 2023", 150) if "v3" in path else SECOND
    shelf.write({path: text})
    await shelf.ingest()
    assert await waiting(shelf) == []
    assert await notes(shelf) == []


async def test_a_new_name_removes_nothing(shelf: Shelf) -> None:
    (shelf.folder / "policy-v2.md").rename(shelf.folder / "policy-v2 final.md")
    await shelf.ingest(allow_gone=True)
    assert await notes(shelf) == []
    assert await waiting(shelf) == []


async def test_an_older_one_may_be_removed(shelf: Shelf) -> None:
    await remove(shelf, "policy-v1.md")
    assert await notes(shelf) == []
    assert await waiting(shelf) == []


async def test_of_several_that_are_left_the_one_in_force_has_the_note(shelf: Shelf) -> None:
    shelf.write({"policy-v3.md": POLICY.format("May 2, 2023", 150)})
    await shelf.ingest()
    await remove(shelf, "policy-v3.md")
    [note] = await notes(shelf)
    assert "policy-v3.md" in note
    assert await waiting(shelf) == [(f"{PATH}?standing=open", 1)]
    await settle(shelf, "policy-v2.md")
    assert await notes(shelf) == []
    assert await waiting(shelf) == []


async def test_one_that_a_person_may_not_read_is_not_named(shelf: Shelf) -> None:
    shelf.write({"board/policy-v3.md": POLICY.format("May 2, 2023", 900)})
    await shelf.ingest()
    await remove(shelf, "board/policy-v3.md")
    assert await notes(shelf) == []
    [note] = await notes(shelf, "board")
    assert "board/policy-v3.md" in note
