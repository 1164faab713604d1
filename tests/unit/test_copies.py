"""Copies: of documents with the same content one answers, and nobody is asked about the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from itertools import permutations

import pytest

from roadbed.background import relaying
from roadbed.kernel.settings import Settings
from roadbed.knowledge.copies import StoredContent, copies
from roadbed.knowledge.errors import DocumentFamilyError
from roadbed.knowledge.records import Document, FolderChange
from roadbed.work.model import JobState
from tests import libraries
from tests.browsing import browsing
from tests.conftest import Folders, Site
from tests.documents import docx, pdf
from tests.libraries import NAME, ServedShelf, Shelf

REPORT = pdf(
    ["Report of Acme. The firm sold 1,234 bicycles in the quarter, and repaired 56 of them."]
)
HANDBOOK = docx(
    [("Normal", "Everybody at the firm has thirty days of leave in each year of work.")]
)
POLICY = (
    "# Policy\n\nLast updated: {}\n\nThe firm pays a hotel of {} EUR for each night of a trip.\n"
)
FILES: dict[str, str | bytes] = {
    "report.txt": REPORT,
    "2023 Q1 AAPL.pdf": REPORT,
    "handbook.docx": HANDBOOK,
    "handbook-copy.pdf": HANDBOOK,
    "board/plan.md": "# Plan\n\nThe firm opens a hall in the harbour in the spring of the year.\n",
    "plan.md": "# Plan\n\nThe firm opens a hall in the harbour in the spring of the year.\n",
    "travel/policy-v1.md": POLICY.format("May 2, 2021", 100),
    "travel/policy-v2.md": POLICY.format("May 2, 2022", 120),
    "old/a.md": POLICY.format("May 2, 2021", 100),
}


def stored(
    path: str, *, kind: str = "pdf", added: int = 1, left_out: bool = False
) -> StoredContent:
    return StoredContent(
        document_id=path,
        path=path,
        content="hash",
        format=kind,
        added_at=datetime(2031, 1, added, tzinfo=UTC),
        is_left_out=left_out,
    )


@pytest.mark.parametrize(
    "group",
    [
        [stored("2023 Q1 AAPL.pdf", added=3), stored("report.txt"), stored("report.pdf")],
        [stored("handbook.docx", kind="docx", added=2), stored("handbook-copy.docx", kind="docx")],
        [stored("handbook.docx", kind="docx", added=2), stored("handbook.pdf", kind="docx")],
        [stored("terms_current.pdf", added=2), stored("terms.pdf")],
        [stored("z.pdf"), stored("a.pdf", added=2)],
        [stored("a.pdf"), stored("z.pdf")],
        [stored("z.pdf"), stored("archive/a.pdf"), stored("archive/b.pdf")],
        [stored("b-copy.pdf", left_out=True), stored("a.pdf")],
    ],
)
def test_the_better_name_or_the_older_document_answers(group: Sequence[StoredContent]) -> None:
    expected = {one.document_id: group[0].document_id for one in group[1:]}
    assert all(copies(order) == expected for order in permutations(group))


def test_another_content_is_no_copy() -> None:
    other = StoredContent(
        document_id="b", path="b", content="other", format="pdf", added_at=datetime.now(UTC)
    )
    assert copies([stored("a"), other]) == {}


@pytest.fixture
async def shelf(settings: Settings, folders: Folders, url: str) -> AsyncIterator[ServedShelf]:
    async with libraries.served(settings, folders, url, FILES) as made:
        yield made


@pytest.fixture
def site(shelf: ServedShelf) -> Site:
    return shelf.site


async def originals(shelf: Shelf, *groups: str) -> dict[str, str | None]:
    listing = await shelf.app.libraries.listing(NAME, shelf.library, groups=groups)
    return {one.path: one.copy_of for one in listing.documents if one.copy_of is not None}


async def answering(shelf: Shelf, question: str, *groups: str) -> set[str]:
    """The documents that answer, and that the search of the documents page finds."""
    retrieved = await shelf.app.libraries.retrieval.search(
        shelf.loaded.declared, question, groups=groups
    )
    matched = await shelf.app.libraries.search(
        NAME, shelf.library, question, groups=groups, most=10
    )
    assert {match.passage.path for match in matched} >= {
        passage.document for passage in retrieved.passages
    }
    return {passage.document for passage in retrieved.passages}


class TestLibrary:
    async def test_one_of_them_answers_and_nobody_is_asked(self, shelf: Shelf) -> None:
        assert await originals(shelf) == {
            "report.txt": "2023 Q1 AAPL.pdf",
            "handbook-copy.pdf": "handbook.docx",
            "old/a.md": "travel/policy-v1.md",
        }
        viewer = await shelf.app.people.viewer("chi")
        items = await shelf.app.inbox.items(viewer, [NAME])
        assert [item.kind for item in items if item.kind == "open_family"] == []
        assert await answering(shelf, "How many bicycles were sold?") == {"2023 Q1 AAPL.pdf"}
        assert await answering(shelf, "How many days of leave has everybody?") == {"handbook.docx"}
        assert await answering(shelf, "How many days of leave does the handbook-copy give?") == {
            "handbook.docx"
        }
        assert "old/a.md" not in await answering(shelf, "What did older versions say of a hotel?")

    async def test_the_copy_of_an_older_version_is_superseded(self, shelf: Shelf) -> None:
        copy = await shelf.document("old/a.md")
        assert (copy.standing, copy.family) == (
            "copy",
            (await shelf.document("travel/policy-v2.md")).family,
        )
        answered = await answering(shelf, "What does a hotel cost each night?")
        assert "travel/policy-v2.md" in answered
        assert not answered & {"travel/policy-v1.md", "old/a.md"}

    async def test_one_that_a_person_may_not_read_hides_none(self, shelf: Shelf) -> None:
        question = "Where does the firm open a hall?"
        plans = {"plan.md", "board/plan.md"}
        assert await answering(shelf, question) & plans == {"plan.md"}
        assert len(await answering(shelf, question, "board") & plans) == 1
        assert len([path for path in await originals(shelf, "board") if "plan" in path]) == 1

    async def test_it_does_not_depend_on_which_was_read_first(self, shelf: Shelf) -> None:
        text = "# Keys\n\nKeys of the hall are kept by the porter.\n"
        shelf.write(dict.fromkeys(("a/keys.md", "keys.md", "locks.md"), text))
        ingestion = shelf.app.libraries.ingestion
        plan = await ingestion.plan(shelf.loaded)

        async def ignored(change: FolderChange, document: Document | None) -> None:
            pass

        changes = sorted(plan.changes, key=lambda change: change.path, reverse=True)
        for change in changes:
            await ingestion.carry_out(NAME, [change], ignored, by="ana", found_at=plan.made_at)
        await ingestion.derive(NAME)
        copied = await originals(shelf)
        assert (copied["a/keys.md"], copied["locks.md"]) == ("keys.md", "keys.md")

    async def test_all_new_documents_of_a_job_are_equally_old(self, shelf: Shelf) -> None:
        text = "# Bells\n\nThe bell of the hall is rung at noon.\n"
        paths = [f"bells/{number:02}.md" for number in range(25)]  # of two steps
        shelf.write(dict.fromkeys(paths, text))
        async with relaying(shelf.app), asyncio.timeout(60):
            job = await shelf.app.ingestion_jobs.start(NAME, by="ana")
            while job.ended_at is None:
                await asyncio.sleep(0.05)
                job = await shelf.app.jobs.job(job.id)
        assert job.state is JobState.DONE
        assert len({(await shelf.document(path)).added_at for path in paths}) == 1
        copied = await originals(shelf)
        assert {copied[path] for path in paths[1:]} == {paths[0]}

    async def test_the_other_one_answers_when_it_is_gone(self, shelf: Shelf) -> None:
        (shelf.folder / "handbook.docx").unlink()
        await shelf.ingest()
        assert "handbook-copy.pdf" not in await originals(shelf)
        assert await answering(shelf, "How many days of leave has everybody?") == {
            "handbook-copy.pdf"
        }
        shelf.write({"handbook.docx": HANDBOOK})
        await shelf.ingest()
        assert (await originals(shelf))["handbook-copy.pdf"] == "handbook.docx"

    async def test_a_copy_of_what_was_left_out_does_not_answer_instead(self, shelf: Shelf) -> None:
        reports = shelf.app.libraries.reports
        document = await shelf.document("handbook.docx")
        await reports.report(NAME, document, "It is of last year.", by="ana")
        await reports.settle(NAME, document, "left_out", by="chi")
        assert await answering(shelf, "How many days of leave has everybody?") == set()

    async def test_there_is_nothing_to_decide_about_copies(self, shelf: Shelf) -> None:
        with pytest.raises(DocumentFamilyError, match="belongs to no other document"):
            await shelf.app.libraries.families.settle(
                NAME,
                shelf.library,
                await shelf.document("report.txt"),
                "current",
                groups=(),
                by="chi",
            )

    async def test_pages_say_which_one_is_searched(self, shelf: Shelf, site: Site) -> None:
        path = f"/usecases/{NAME}/documents"
        document = await shelf.document("report.txt")
        async with browsing(site, "reviewer") as browser:
            assert "copy of 2023 Q1 AAPL.pdf" in (await browser.get(path)).text
            assert "report.txt" in (await browser.get(f"{path}?standing=copy")).text
            page = await browser.get(f"{path}/{document.id}")
        assert "2023 Q1 AAPL.pdf has the same content and is searched instead." in page.text
