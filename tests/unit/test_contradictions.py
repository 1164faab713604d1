"""Contradictions between documents: what is one, who decides, and what answers say of it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import pytest

from roadbed.kernel.settings import Settings
from roadbed.knowledge.contradictions import contradictions, of_one_time
from roadbed.models.answers.notes import notes_of
from tests import libraries
from tests.browsing import browsing
from tests.conftest import Folders, Site
from tests.libraries import NAME, ServedShelf, Shelf

PATH = f"/usecases/{NAME}/documents"
POLICY = "# Policy\n\nThe firm pays a hotel of at most 120 EUR for each night of a trip.\n"
GUIDE = "# Guide\n\nThe firm pays a hotel of at most 150 EUR for each night of a trip.\n"
QUESTION = "How much does the firm pay for a hotel each night?"


def terms(text: str) -> list[str]:
    words = "".join(letter if letter.isalnum() else " " for letter in text.lower()).split()
    return [word for word in words if len(word) > 2 or word.isdigit()]


class TestSentences:
    @pytest.mark.parametrize(
        ("one", "other", "is_one"),
        [
            (
                "The firm pays a hotel of at most 120 EUR for each night.",
                "The firm pays a hotel of at most 150 EUR for each night.",
                True,
            ),
            (
                "An audit report is kept for 5 years by the office.",
                "The office keeps, by law, an audit report for 7 years.",
                False,  # the words are too different to be sure
            ),
            (
                "The yearly audit of the office begins on May 3, 2022.",
                "The yearly audit of the office begins on June 4, 2022.",
                True,
            ),
            (
                "The firm pays a hotel of at most $120 for each night.",
                "The firm pays a hotel of at most 120 EUR for each night.",
                False,  # other kinds of figures
            ),
            (
                "In 2021 the firm paid hotels of at most 120 EUR for each night.",
                "In 2022 the firm paid hotels of at most 150 EUR for each night.",
                False,  # two years, two figures
            ),
            (
                "A seat in Paris costs the firm at most 120 EUR for each month.",
                "A seat in Rome costs the firm at most 150 EUR for each month.",
                False,  # two names, two figures
            ),
            (
                "The firm pays a hotel as note 4 of the office says.",
                "The firm pays a hotel as note 7 of the office says.",
                False,  # a number without a unit counts something
            ),
            (
                "Hotels that the firm pays for each night: 120 EUR",
                "Hotels that the firm pays for each night: 150 EUR",
                False,  # lines of a list have another one above them
            ),
            (
                "The firm pays a hotel of at most EUR 120 for each night.",
                "The firm pays a hotel of at most EUR 150 for each night.",
                True,
            ),
            (
                "The firm pays a hotel of at most EUR 120 for each night.",
                "The firm pays a hotel of at most €150 for each night.",
                True,
            ),
            (
                "The firm pays a hotel of at most USD 28 for each night.",
                "The firm pays a hotel of at most 35 dollars for each night.",
                True,
            ),
            (
                "Breakfast on a trip of the firm costs at most CHF 5 a day.",
                "Breakfast on a trip of the firm costs at most CHF 8 a day.",
                True,
            ),
            (
                "The firm pays a hotel of at most 28 Euro for each night.",
                "The firm pays a hotel of at most EUR 28.00 for each night.",
                False,  # one amount
            ),
            (
                "The firm pays a hotel of at most EUR 1,234.50 for each night.",
                "The firm pays a hotel of at most EUR 1.234,50 for each night.",
                False,  # one amount, as two languages write it
            ),
            (
                "Die Firma zahlt einem Hotel je Nacht höchstens EUR 1.234,50.",
                "Die Firma zahlt einem Hotel je Nacht höchstens 1.334,50 Euro.",
                True,
            ),
            (
                "The firm pays a vendor of at most EUR 1.2 million for each year.",
                "The firm pays a vendor of at most EUR 1,200,000 for each year.",
                False,  # one amount
            ),
            (
                "The firm pays a vendor of at most EUR 2000 for each year.",
                "The firm pays a vendor of at most EUR 1950 for each year.",
                True,  # no years
            ),
            (
                "The firm pays a hotel of at most USD 120 for each night.",
                "The firm pays a hotel of at most EUR 150 for each night.",
                False,  # two currencies
            ),
            (
                "The firm pays a hotel of 120 EUR for each night, at most 120 EUR.",
                "The firm pays a hotel of 120 EUR for each night.",
                False,
            ),
        ],
    )
    def test_contradict_where_only_one_kind_of_figure_differs(
        self, one: str, other: str, is_one: bool
    ) -> None:
        weights = dict.fromkeys((*terms(one), *terms(other)), 1.0)
        assert len(contradictions(one, other, weights, terms)) == is_one
        assert len(contradictions(other, one, weights, terms)) == is_one

    def test_that_nobody_asked_for_do_not_count(self) -> None:
        assert contradictions(POLICY, GUIDE, {"bicycle": 1.0}, terms) == []

    @pytest.mark.parametrize(
        ("one", "other", "is_same"),
        [
            ("audit-2021/report.md", "audit-2025/summary.md", False),
            ("minutes 2021-05-01.md", "minutes 2021-05-02.md", False),
            ("policy.md", "handbook 2021.md", True),
            ("policy 2021.md", "handbook 2021-05.md", True),
        ],
    )
    def test_documents_of_two_rounds_have_their_own_figures(
        self, one: str, other: str, is_same: bool
    ) -> None:
        assert of_one_time(one, other) is is_same


@pytest.fixture
async def shelf(settings: Settings, folders: Folders, url: str) -> AsyncIterator[ServedShelf]:
    files = {
        "policy.md": POLICY,
        "guide.md": GUIDE,
        "board/limits.md": GUIDE.replace("150", "900"),
        "trains.md": "# Trains\n\nStaff travel by train in second class.\n",
    }
    async with libraries.served(settings, folders, url, files) as made:
        yield made


@pytest.fixture
def site(shelf: ServedShelf) -> Site:
    return shelf.site


async def told(shelf: Shelf, *groups: str) -> tuple[list[str], list[str]]:
    """The documents of the passages for the question, and the notes of an answer."""
    declared = shelf.loaded.declared
    retrieved = await shelf.app.libraries.retrieval.search(declared, QUESTION, groups=groups)
    documents = [passage.document for passage in retrieved.passages]
    return documents, notes_of(retrieved, retrieved.passages[:3])


async def waiting(shelf: Shelf) -> list[tuple[str, int]]:
    items = await shelf.app.inbox.items(await shelf.app.people.viewer("chi"), [NAME])
    return [(item.link, item.count) for item in items if item.kind == "document_conflict"]


class TestLibrary:
    async def test_a_question_brings_one_up_once(self, shelf: Shelf) -> None:
        assert await waiting(shelf) == []
        _documents, [note] = await told(shelf)
        assert note.startswith("Two documents are in conflict: ")
        assert "guide.md says “The firm pays a hotel of at most 150 EUR" in note
        assert "policy.md says “The firm pays a hotel of at most 120 EUR" in note
        await told(shelf)
        assert await waiting(shelf) == [(f"{PATH}#conflicts", 1)]

    @pytest.mark.parametrize(
        ("right", "left"), [("policy.md", ["policy.md"]), ("guide.md", ["guide.md"])]
    )
    async def test_the_right_one_alone_answers_once_it_is_settled(
        self, shelf: Shelf, site: Site, right: str, left: list[str]
    ) -> None:
        await told(shelf)
        [conflict] = (await site.shop.get(f"{PATH}/conflicts")).json()["conflicts"]
        verdict = "first" if conflict["first_path"] == right else "second"
        path = f"{PATH}/conflicts/{conflict['id']}"
        settled = (await site.shop.post(path, json={"right": verdict})).json()["conflict"]
        assert (settled["verdict"], settled["settled_by"]) == (verdict, "shop")
        documents, notes = await told(shelf)
        assert [one for one in documents if one != "trains.md"] == left
        assert notes == []
        assert await waiting(shelf) == []
        # It holds while both passages stay as they are.
        shelf.write({"guide.md": GUIDE.replace("150", "160")})
        await shelf.ingest()
        assert len((await told(shelf))[1]) == 1
        assert await waiting(shelf) == [(f"{PATH}#conflicts", 1)]

    async def test_two_figures_of_the_same_passages_are_settled_each(
        self, shelf: Shelf, site: Site
    ) -> None:
        meals = "The firm pays for the meals of each night of a trip at most {} EUR a day.\n"
        shelf.write({"policy.md": POLICY + meals.format(40), "guide.md": GUIDE + meals.format(60)})
        await shelf.ingest()
        _documents, notes = await told(shelf)
        assert len(notes) == 2
        assert await waiting(shelf) == [(f"{PATH}#conflicts", 2)]
        conflicts = (await site.shop.get(f"{PATH}/conflicts")).json()["conflicts"]
        hotel, food = sorted(conflicts, key=lambda one: "meals" in one["first_text"])
        assert "hotel" in hotel["first_text"]
        assert "meals" in food["first_text"]
        right = "first" if food["first_path"] == "policy.md" else "second"
        await site.shop.post(f"{PATH}/conflicts/{food['id']}", json={"right": right})
        # Who is right about meals is not known to be right about hotels.
        documents, [note] = await told(shelf)
        assert {"policy.md", "guide.md"} <= set(documents)
        assert "hotel" in note
        assert await waiting(shelf) == [(f"{PATH}#conflicts", 1)]
        wrong = "second" if hotel["first_path"] == "policy.md" else "first"
        await site.shop.post(f"{PATH}/conflicts/{hotel['id']}", json={"right": wrong})
        documents, notes = await told(shelf)
        assert (documents.count("guide.md"), documents.count("policy.md"), notes) == (1, 0, [])
        asked = "What does the firm pay for meals a day?"
        retrieved = await shelf.app.libraries.retrieval.search(
            shelf.loaded.declared, asked, groups=()
        )
        answered = {passage.document for passage in retrieved.passages}
        assert "policy.md" in answered
        assert "guide.md" not in answered
        assert retrieved.conflicts == []

    async def test_both_may_be_right(self, shelf: Shelf, site: Site) -> None:
        await told(shelf)
        async with browsing(site, "reviewer") as browser:
            page = await browser.get(PATH)
            assert "The firm pays a hotel of at most 150 EUR" in page.text
            [conflict] = (await site.shop.get(f"{PATH}/conflicts")).json()["conflicts"]
            path = f"{PATH}/conflicts/{conflict['id']}"
            after = await browser.post(path, data={"right": "both"})
        assert "Contradictions" not in after.text
        documents, notes = await told(shelf)
        assert {"policy.md", "guide.md"} <= set(documents)
        assert notes == []

    async def test_the_second_of_two_people_reads_who_decided(
        self, shelf: Shelf, site: Site
    ) -> None:
        await told(shelf)
        [conflict] = (await site.shop.get(f"{PATH}/conflicts")).json()["conflicts"]
        path = f"{PATH}/conflicts/{conflict['id']}"
        async with browsing(site, "reviewer") as one, browsing(site, "ana") as other:
            opened = await other.get(PATH)
            assert 'name="seen" value=""' in opened.text
            assert (await one.post(path, data={"right": "second", "seen": ""})).status_code == 200
            late = await other.post(path, data={"right": "first", "seen": ""})
            assert late.status_code == 409
            assert "reviewer decided about this contradiction" in late.text
            assert "reviewer decided: the second one is right." in late.text
            assert 'name="seen" value="second"' in late.text
            # Whoever has read it may decide again.
            again = await other.post(path, data={"right": "first", "seen": "second"})
            assert "ana decided: the first one is right." in again.text
        [conflict] = (await site.shop.get(f"{PATH}/conflicts")).json()["conflicts"]
        assert (conflict["verdict"], conflict["settled_by"]) == ("first", "ana")

    async def test_over_http_a_decision_may_depend_on_the_one_that_was_read(
        self, shelf: Shelf, site: Site
    ) -> None:
        await told(shelf)
        [conflict] = (await site.shop.get(f"{PATH}/conflicts")).json()["conflicts"]
        path = f"{PATH}/conflicts/{conflict['id']}"
        right = {"right": "second", "seen": conflict["verdict"]}
        assert (await site.reviewer.post(path, json=right)).status_code == 200
        late = await site.shop.post(path, json={"right": "first", "seen": None})
        assert (late.status_code, late.json()["code"]) == (409, "document_conflict_decided")
        assert late.json()["detail"] == (
            "reviewer decided about this contradiction after you read it: "
            f"{conflict['second_path']} is right."
        )
        both = {"right": "both", "seen": "second"}
        assert (await site.shop.post(path, json=both)).json()["conflict"]["verdict"] == "both"
        late = await site.shop.post(path, json={"right": "first", "seen": "second"})
        assert late.json()["detail"].endswith("after you read it: both documents are right.")
        for seen in ("", "neither", 3, ["first"]):
            refused = await site.shop.post(path, json={"right": "first", "seen": seen})
            assert (refused.status_code, refused.json()["code"]) == (
                409,
                "document_conflict_invalid",
            )
        # Without it the newest decision counts, as before.
        newest = await site.shop.post(path, json={"right": "first"})
        assert newest.json()["conflict"]["verdict"] == "first"

    async def test_in_the_terminal_too(
        self, shelf: Shelf, site: Site, settings: Settings, url: str
    ) -> None:
        await told(shelf)
        [conflict] = (await site.shop.get(f"{PATH}/conflicts")).json()["conflicts"]
        await site.reviewer.post(f"{PATH}/conflicts/{conflict['id']}", json={"right": "both"})
        environment = {
            **os.environ,
            "ROADBED_DATABASE_URL": url,
            "ROADBED_USECASES": str(settings.usecases),
            "ROADBED_HOME": str(settings.home),
            "ROADBED_AUDIT_DIR": str(settings.audit_dir),
        }

        async def typed(*more: str) -> tuple[int | None, str]:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "roadbed", "documents", "conflicts", NAME),
                *("--settle", conflict["id"], "--right", "first", *more),
                env=environment,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            output, _errors = await child.communicate()
            return child.returncode, output.decode()

        code, output = await typed("--seen", "none")
        assert (code, "reviewer decided about this contradiction" in output) == (1, True)
        assert "both documents are right" in output
        code, output = await typed("--seen", "neither")
        assert (code, "neither" in output) == (1, True)
        code, output = await typed("--seen", "both")
        assert code == 0
        assert output.startswith(f"{conflict['id']} · {conflict['first_path']}\n")

    @pytest.mark.parametrize("copied", ["a-copy.md", "z-copy.md"])
    async def test_a_copy_of_the_wrong_one_opens_it_not_again(
        self, shelf: Shelf, site: Site, copied: str
    ) -> None:
        await told(shelf)
        [conflict] = (await site.shop.get(f"{PATH}/conflicts")).json()["conflicts"]
        right = "first" if conflict["first_path"] == "guide.md" else "second"
        await site.shop.post(f"{PATH}/conflicts/{conflict['id']}", json={"right": right})
        # The document that was found wrong is gone, and its content comes back with another name.
        (shelf.folder / "policy.md").unlink()
        await shelf.ingest()
        shelf.write({copied: POLICY})
        await shelf.ingest()
        documents, notes = await told(shelf)
        assert copied not in documents
        assert "policy.md" not in documents
        assert notes == []
        assert await waiting(shelf) == []

    async def test_what_cannot_be_settled_says_why(self, shelf: Shelf, site: Site) -> None:
        await told(shelf)
        [conflict] = (await site.shop.get(f"{PATH}/conflicts")).json()["conflicts"]
        for identifier, right, answer in (
            (conflict["id"], "neither", (409, "document_conflict_invalid")),
            ("cfl_none", "both", (404, "conflict_unknown")),
        ):
            path = f"{PATH}/conflicts/{identifier}"
            refused = await site.shop.post(path, json={"right": right})
            assert (refused.status_code, refused.json()["code"]) == answer
        other = await site.shop.get("/usecases/triage/documents/conflicts")
        assert other.json()["code"] == "no_library"

    async def test_of_documents_that_a_person_may_not_read_are_not_told(
        self, shelf: Shelf, site: Site
    ) -> None:
        _documents, notes = await told(shelf, "board")
        assert any("limits.md" in note for note in notes)
        shown = (await site.shop.get(f"{PATH}/conflicts")).text
        assert "limits.md" not in shown
        assert "900" not in shown
        _documents, notes = await told(shelf)
        assert not any("limits.md" in note for note in notes)

    async def test_one_whose_document_is_gone_waits_for_nobody(self, shelf: Shelf) -> None:
        await told(shelf)
        (shelf.folder / "guide.md").unlink()
        await shelf.ingest()
        assert await waiting(shelf) == []
