"""Families in a library: derived after an ingestion, settled by people, obeyed by the search."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from roadbed.kernel.settings import Settings
from roadbed.knowledge.errors import DocumentFamilyError
from roadbed.people.model import Role
from roadbed.usecases.decider import Retrieved
from tests import libraries
from tests.browsing import browsing
from tests.conftest import Folders, Site
from tests.libraries import NAME, ServedShelf, Shelf

PATH = f"/usecases/{NAME}/documents"
TERMS = """# Travel policy

{cue}

Staff travel by train in second class and the firm pays for a seat.

A hotel may cost {price} EUR a night. Ask the office before you book a dearer one.

Taxis are paid between nine in the evening and six in the morning.
"""


def terms(cue: str, price: int) -> str:
    return TERMS.format(cue=cue, price=price)


FILES: dict[str, str | bytes] = {
    "travel-policy-v1.md": terms("Last updated: May 2, 2021", 100),
    "travel-policy-v2.md": terms("Last updated: June 1, 2022", 120),
    "travel-policy-v2-signed.md": terms("Last updated: June 1, 2022", 120),
    "leave.md": "# Leave\n\nEverybody has thirty days of leave.\n",
    "phones-2021.md": "# Phones\n\nThe firm pays 20 EUR a month for a phone.\n",
    "phones-2022.md": "# Phones\n\nThe firm pays 30 EUR a month for a phone.\n",
}


@pytest.fixture
async def shelf(settings: Settings, folders: Folders, url: str) -> AsyncIterator[ServedShelf]:
    async with libraries.served(settings, folders, url, FILES) as made:
        yield made


@pytest.fixture
def site(shelf: ServedShelf) -> Site:
    return shelf.site


async def standings(shelf: Shelf, *groups: str) -> dict[str, tuple[str | None, str | None]]:
    """What each document is to others, and what supersedes it."""
    listing = await shelf.app.libraries.listing(NAME, shelf.library, groups=groups)
    return {one.path: (one.standing, one.superseded_by) for one in listing.documents}


async def retrieved(shelf: Shelf, question: str, *groups: str) -> Retrieved:
    declared = shelf.loaded.declared
    return await shelf.app.libraries.retrieval.search(declared, question, groups=groups)


async def cited(shelf: Shelf, question: str, *groups: str) -> list[str]:
    """The documents of the passages for a question, best first, each once."""
    answer = await retrieved(shelf, question, *groups)
    return list(dict.fromkeys(passage.document for passage in answer.passages))


async def settle(shelf: Shelf, path: str, kind: Any, *groups: str) -> None:
    await shelf.app.libraries.families.settle(
        NAME, shelf.library, await shelf.document(path), kind, groups=groups, by="chi"
    )


async def waiting(shelf: Shelf, person: str) -> list[tuple[str, int]]:
    items = await shelf.app.inbox.items(await shelf.app.people.viewer(person), [NAME])
    return [(item.link, item.count) for item in items if item.kind == "open_family"]


async def reviewer(shelf: Shelf) -> None:
    """Add ``rae``, who reviews and may decide nothing about documents."""
    await shelf.app.members.add("rae", by="test")
    await shelf.app.members.grant("rae", NAME, Role.REVIEWER, by="test")


class TestDerived:
    async def test_what_replaces_what_and_what_stands_alone(self, shelf: Shelf) -> None:
        assert await standings(shelf) == {
            "travel-policy-v1.md": ("version", "travel-policy-v2.md"),
            "travel-policy-v2.md": ("version", None),
            "travel-policy-v2-signed.md": ("variant", None),
            "leave.md": (None, None),
            "phones-2021.md": ("open", None),
            "phones-2022.md": ("open", None),
        }
        first = await shelf.document("travel-policy-v1.md")
        assert first.dated == "2021-05-02"
        assert first.evidence == "Its text says: “Last updated : May 2, 2021”."

    async def test_nothing_is_written_where_nothing_changed(self, shelf: Shelf) -> None:
        before = await shelf.count("document_change")
        assert await shelf.app.libraries.families.refresh(NAME) == 0
        await shelf.ingest()
        assert await shelf.count("document_change") == before

    async def test_a_new_version_supersedes_the_others_and_goes_again(self, shelf: Shelf) -> None:
        newest = "travel-policy-v3.md"
        shelf.write({newest: terms("Last updated: May 1, 2023", 150)})
        await shelf.ingest()
        assert (await standings(shelf))["travel-policy-v2.md"] == ("version", newest)
        (shelf.folder / newest).unlink()
        await shelf.ingest()
        assert (await standings(shelf))["travel-policy-v2.md"] == ("version", None)


class TestSearch:
    async def test_the_version_in_force_answers_and_the_older_one_differs(
        self, shelf: Shelf
    ) -> None:
        answer = await retrieved(shelf, "How much may a hotel cost?")
        first = answer.passages[0]
        assert (first.document, first.dated) == ("travel-policy-v2.md", "2022-06-01")
        assert "120 EUR" in first.text
        [older] = first.older
        assert (older.document, older.dated) == ("travel-policy-v1.md", "2021-05-02")
        assert older.text == "A hotel may cost 100 EUR a night."
        assert {passage.document for passage in answer.passages} == {"travel-policy-v2.md"}

    async def test_where_versions_agree_nothing_is_told(self, shelf: Shelf) -> None:
        answer = await retrieved(shelf, "When are taxis paid?")
        assert answer.passages[0].document == "travel-policy-v2.md"
        assert all(not passage.older for passage in answer.passages)

    @pytest.mark.parametrize(
        "question",
        [
            "How much might a hotel cost in 2021?",
            "How much might a hotel cost in May 2021?",
            "How much may a hotel cost by version 2021-05-02?",
            "What does travel-policy-v1 say a hotel may cost?",
        ],
    )
    async def test_a_question_that_names_an_older_one_gets_it(
        self, shelf: Shelf, question: str
    ) -> None:
        answer = await retrieved(shelf, question)
        first = answer.passages[0]
        assert (first.document, first.superseded_by) == (
            "travel-policy-v1.md",
            "travel-policy-v2.md",
        )
        assert answer.missing == ()

    async def test_a_question_about_older_versions_gets_all(self, shelf: Shelf) -> None:
        paths = await cited(shelf, "How much might a hotel cost in older versions?")
        assert {"travel-policy-v1.md", "travel-policy-v2.md"} <= set(paths)

    async def test_an_open_family_is_searched_whole(self, shelf: Shelf) -> None:
        assert set(await cited(shelf, "How much is a phone a month?")) >= {
            "phones-2021.md",
            "phones-2022.md",
        }

    async def test_what_a_person_may_not_read_supersedes_nothing(self, shelf: Shelf) -> None:
        secret = "board/travel-policy-v3.md"
        shelf.write({secret: terms("Last updated: May 1, 2023", 900)})
        await shelf.ingest()
        assert (await standings(shelf))["travel-policy-v2.md"] == ("version", None)
        assert await cited(shelf, "How much may a hotel cost?") == ["travel-policy-v2.md"]
        assert (await standings(shelf, "board"))["travel-policy-v2.md"] == ("version", secret)
        assert await cited(shelf, "How much may a hotel cost?", "board") == [secret]
        with pytest.raises(DocumentFamilyError, match="may not read every document"):
            await settle(shelf, "travel-policy-v2.md", "series")


class TestSettled:
    async def test_a_decision_before_the_next_ingestion_keeps_other_families(
        self, shelf: Shelf
    ) -> None:
        await shelf.app.database.fetch("DELETE FROM document_fingerprint")  # as an upgrade does
        await settle(shelf, "phones-2022.md", "current")
        assert (await standings(shelf))["travel-policy-v1.md"] == ("version", "travel-policy-v2.md")
        assert (await standings(shelf))["phones-2021.md"] == ("version", "phones-2022.md")

    async def test_the_data_specialist_says_which_one_is_in_force(self, shelf: Shelf) -> None:
        await reviewer(shelf)
        assert await waiting(shelf, "chi") == [(f"{PATH}?standing=open", 1)]
        assert await waiting(shelf, "rae") == []
        await settle(shelf, "phones-2022.md", "current")
        assert await waiting(shelf, "chi") == []
        assert (await standings(shelf))["phones-2021.md"] == ("version", "phones-2022.md")
        assert await cited(shelf, "How much is a phone a month?") == ["phones-2022.md"]
        [event] = await shelf.app.database.fetch(
            "SELECT kind, actor, detail FROM audit_entry WHERE kind = 'versions settled'"
        )
        assert event["actor"] == "chi"

    async def test_it_holds_until_a_document_changes(self, shelf: Shelf) -> None:
        await settle(shelf, "phones-2021.md", "current")
        shelf.write({"leave.md": "# Leave\n\nEverybody has thirty-one days of leave.\n"})
        await shelf.ingest()
        assert (await standings(shelf))["phones-2022.md"] == ("version", "phones-2021.md")
        shelf.write({"phones-2022.md": "# Phones\n\nThe firm pays 40 EUR a month for a phone.\n"})
        await shelf.ingest()
        assert (await standings(shelf))["phones-2022.md"] == ("open", None)

    @pytest.mark.parametrize("kind", ["series", "separate"])
    async def test_a_series_or_strangers_are_all_searched(self, shelf: Shelf, kind: str) -> None:
        await settle(shelf, "phones-2022.md", kind)
        assert (await standings(shelf))["phones-2021.md"] == (kind, None)
        assert len(await cited(shelf, "How much is a phone a month?")) >= 2
        await settle(shelf, "phones-2022.md", "current")  # the newest decision counts
        assert await cited(shelf, "How much is a phone a month?") == ["phones-2022.md"]

    async def test_one_that_stands_alone_has_nothing_to_settle(self, shelf: Shelf) -> None:
        with pytest.raises(DocumentFamilyError, match="belongs to no other"):
            await settle(shelf, "leave.md", "series")


class TestPages:
    async def test_the_list_says_what_replaces_what(self, site: Site) -> None:
        async with browsing(site, "reviewer") as browser:
            page = await browser.get(PATH)
            only = await browser.get(f"{PATH}?standing=open")
        assert "superseded by travel-policy-v2.md" in page.text
        assert "Of 1 family of documents nobody knows which one is in force." in page.text
        assert "phones-2021.md" in only.text
        assert "leave.md" not in only.text

    async def test_a_document_shows_its_family_with_the_evidence(
        self, shelf: Shelf, site: Site
    ) -> None:
        first = await shelf.document("travel-policy-v1.md")
        await reviewer(shelf)
        async with browsing(site, "rae") as browser:
            page = await browser.get(f"{PATH}/{first.id}")
            refused = await browser.post(f"{PATH}/{first.id}/family", data={"kind": "series"})
        assert refused.status_code == 403
        assert "travel-policy-v2.md is in force instead" in page.text
        assert "Its text says: “Last updated : June 1, 2022”." in page.text
        assert "signed or copied" in page.text
        assert "This one is in force" not in page.text  # a reviewer decides nothing

    async def test_a_family_is_settled_on_the_page(self, shelf: Shelf, site: Site) -> None:
        newest = await shelf.document("phones-2022.md")
        async with browsing(site, "reviewer") as browser:
            page = await browser.get(f"{PATH}/{newest.id}")
            assert "Nothing says whether these documents replace each other." in page.text
            assert "This one is in force" in page.text
            wrong = await browser.post(f"{PATH}/{newest.id}/family", data={"kind": "best"})
            assert wrong.status_code == 409
            assert "&#39;best&#39; is no decision about documents." in wrong.text
            settled = await browser.post(f"{PATH}/{newest.id}/family", data={"kind": "current"})
            assert "superseded by phones-2022.md" in settled.text
        assert (await standings(shelf))["phones-2021.md"] == ("version", "phones-2022.md")


class TestApi:
    async def test_shows_and_settles_a_family(self, shelf: Shelf, site: Site) -> None:
        newest = await shelf.document("phones-2022.md")
        shown = (await site.shop.get(f"{PATH}/{newest.id}")).json()
        assert [one["path"] for one in shown["family"]] == ["phones-2021.md", "phones-2022.md"]
        assert shown["document"]["why"].startswith("Nothing says whether")
        path = f"{PATH}/{newest.id}/family"
        wrong = await site.shop.post(path, json={"kind": "best"})
        assert (wrong.status_code, wrong.json()["code"]) == (409, "document_family_invalid")
        settled = (await site.shop.post(path, json={"kind": "current"})).json()
        assert [one["superseded_by"] for one in settled["family"]] == [None, "phones-2022.md"]


async def test_a_search_leaves_out_what_is_superseded_unless_it_is_named(shelf: Shelf) -> None:
    text = (
        "# Parking\n\nLast updated {year}-03-01\n\nA parking lot of the firm costs {price} EUR.\n"
    )
    shelf.write(
        {
            "parking-2021.md": text.format(year=2021, price=90),
            "parking-2022.md": text.format(year=2022, price=95),
        }
    )
    await shelf.ingest()
    present = await shelf.paths("What may a parking lot cost?")
    assert present[0] == "parking-2022.md"
    assert "parking-2021.md" not in present
    assert "parking-2021.md" in await shelf.paths("What did a parking lot cost in 2021?")


async def test_numbers_of_valves_hide_no_document(shelf: Shelf) -> None:
    text = (
        "# Data sheet\n\nThe valve in hall {hall} opens at {bar} bar.\n\n"
        "It is checked by {who} each year.\n"
    )
    halls = (1, 2, 3)
    shelf.write(
        {f"valves/V{hall}.txt": text.format(who="ana", hall=hall, bar=3 * hall) for hall in halls}
        | {
            f"pumps/valve-v{hall}.txt": text.format(who="ben", hall=hall, bar=3 * hall)
            for hall in halls
        }
        | {
            f"risks/R10{hall}.txt": text.format(who="chi", hall=hall, bar=3 * hall)
            for hall in halls
        }
        | {
            f"rooms/r{hall * 31}.txt": text.format(who="dev", hall=hall, bar=3 * hall)
            for hall in halls
        }
    )
    await shelf.ingest()
    places = await standings(shelf)
    for hall in halls:
        assert places[f"valves/V{hall}.txt"] == ("open", None)
        assert places[f"pumps/valve-v{hall}.txt"] == ("open", None)
        assert places[f"risks/R10{hall}.txt"] == (None, None)
        assert places[f"rooms/r{hall * 31}.txt"] == (None, None)
    answer = await retrieved(shelf, "At how many bar does the valve in hall 1 open?")
    assert "The valve in hall 1 opens at 3 bar." in answer.passages[0].text
    assert await waiting(shelf, "chi") == [(f"{PATH}?standing=open", 3)]


async def test_equal_names_in_folders_of_other_subjects_are_no_families(shelf: Shelf) -> None:
    cities = ("berlin", "madrid")
    hours = "# Hours\n\nThe desk opens at {hour} and closes in the evening.\n"
    rules = "# Rules\n\nLast updated: May {hour}, 2023\n\nThe desk opens at {hour} each day.\n"
    shelf.write(
        {f"{city}/hours.md": hours.format(hour=8 + n) for n, city in enumerate(cities)}
        | {f"{city}/rules.md": rules.format(hour=8 + n) for n, city in enumerate(cities)}
    )
    await shelf.ingest()
    places = await standings(shelf)
    for city in cities:
        assert places[f"{city}/hours.md"] == (None, None)
        assert places[f"{city}/rules.md"] == ("open", None)


async def test_bare_version_numbers_are_a_question_for_the_data_specialist(shelf: Shelf) -> None:
    before = await waiting(shelf, "chi")
    fee = "The fee of the workshop is {fee} EUR for a day. It is due before the workshop begins."
    seats = "# Workshops\n\nA workshop has twelve seats, and lunch is served at noon.\n\n"
    files = {f"fees/v{number}.txt": seats + fee.format(fee=90 * number) for number in (2, 3)}
    files |= {f"fees/q{number}.txt": seats + fee.format(fee=80 * number) for number in (2, 3)}
    shelf.write(files)
    await shelf.ingest()
    [(link, count)] = await waiting(shelf, "chi")
    assert (link, count) == (f"{PATH}?standing=open", sum(n for _link, n in before) + 1)
    document = await shelf.document("fees/v2.txt")
    assert document.why == "Nothing says whether these documents replace each other."
    assert {"fees/v2.txt", "fees/v3.txt"} <= set(
        await cited(shelf, "What is the fee of the workshop?")
    )
    for number in (2, 3):
        assert (await shelf.document(f"fees/q{number}.txt")).standing in (None, "single")
    await shelf.app.libraries.families.settle(
        NAME, shelf.library, await shelf.document("fees/v3.txt"), "current", groups=(), by="chi"
    )
    assert await waiting(shelf, "chi") == before
    assert (await standings(shelf))["fees/v2.txt"] == ("version", "fees/v3.txt")
