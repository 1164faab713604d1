"""Questions in the console: who asks, what they read of the answer, and what is wrong with it."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

import httpx2
import pytest

from roadbed.cli.receipts import receipt_text
from roadbed.kernel.settings import Settings
from roadbed.knowledge import passages
from roadbed.reviews.model import VerdictKind
from roadbed.scoring.content import Json
from roadbed.usecases.templates import ANSWERS
from tests import documents, libraries
from tests.browsing import browsing
from tests.conftest import Folders, Site, serving
from tests.libraries import NAME, Shelf, decided_citations

ASK = f"/usecases/{NAME}/ask"
LEAVE = "# Leave\n\nEverybody has thirty days of leave in a year.\n"
PAY = "# Pay\n\nSalaries are paid on the last working day of the month.\n"


@asynccontextmanager
async def asking(settings: Settings, folders: Folders, url: str) -> AsyncIterator[Site]:
    """A library of two documents, one of them for a group, and two people who only ask."""
    folders.write()
    root = settings.usecases / NAME
    root.mkdir(parents=True)
    (root / "usecase.py").write_text(declaration(), encoding="utf-8")
    libraries.write(root, {"leave.md": LEAVE, "hr/pay.md": PAY})
    async with serving(settings, url) as served:
        await Shelf(served.app, root).ingest()
        for person in ("mia", "eve"):
            await served.app.members.add(person, by="test")
            await served.app.members.grant(person, NAME, "requester", by="test")
        yield served


@pytest.fixture
async def site(settings: Settings, folders: Folders, url: str) -> AsyncIterator[Site]:
    async with asking(settings, folders, url) as served:
        yield served


def declaration() -> str:
    """What ``roadbed new --from-folder`` writes, with a folder for a group."""
    text = ANSWERS.format(name=repr(NAME), folder=repr("documents"), person=repr("ana"))
    return text.replace("Library(folder=", 'Library(access={"hr": "hr"}, folder=')


async def asked(browser: httpx2.AsyncClient, question: str, **fields: str) -> httpx2.Response:
    """Send the form as a browser does; the answer is the page that it leads to."""
    return await browser.post(ASK, data={"question": question, **fields})


def task_of(response: httpx2.Response) -> str:
    return response.url.path.rpartition("/")[2]


def words(response: httpx2.Response) -> str:
    """The text of a page, without its tags."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", response.text)))


async def give(site: Site, task: str, kind: VerdictKind, output: Json | None = None) -> None:
    """Close the review of a task, as ``ana``."""
    declared = site.app.deployments.get(NAME).loaded.declared
    rows = await site.app.database.fetch(
        "UPDATE review SET blind = false WHERE task_id = %(id)s RETURNING id", {"id": task}
    )
    await site.app.reviews.give(declared, rows[0]["id"], kind, reviewer="ana", output=output)


async def released(site: Site, task: str) -> None:
    """Make the decision of a task one that went out without a review."""
    await site.app.database.fetch(
        "UPDATE decision SET route = 'automatic' WHERE task_id = %(id)s", {"id": task}
    )
    await site.app.database.fetch("DELETE FROM review WHERE task_id = %(id)s", {"id": task})
    await site.app.database.fetch(
        "UPDATE task SET reference = false WHERE id = %(id)s", {"id": task}
    )


async def test_an_answer_is_not_shown_before_a_person_checked_it(site: Site) -> None:
    async with browsing(site, "mia") as browser:
        page = await asked(browser, "How many days of leave in a year?")
        assert page.status_code == 200
        told = words(page)
        assert "A person checks the answer to this question." in told
        assert "This is what the search gives. It is no answer." in told
        assert "Everybody has thirty days of leave" in told
        assert "<mark>leave</mark>" in page.text
        await give(site, task_of(page), VerdictKind.ACCEPT)
        told = words(await browser.get(page.url.path))
        assert "A person checked this answer." in told
        assert "No person has checked" not in told
        assert "Everybody has thirty days of leave" in told
        assert "It is no answer" not in told


async def test_a_citation_opens_the_document_at_its_passage(site: Site) -> None:
    async with browsing(site, "mia") as browser:
        page = await asked(browser, "How many days of leave in a year?")
        await released(site, task_of(page))
        page = await browser.get(page.url.path)
        assert "answered" in words(page)
        assert "A person checked" not in words(page)
        assert "No person has checked this answer." in words(page)
        assert "support it weakly" not in words(page)
        await site.app.database.fetch(
            "UPDATE decision SET evidence = jsonb_set(evidence, '{support}', '0.51') "
            "WHERE task_id = %(id)s",
            {"id": task_of(page)},
        )
        weak = words(await browser.get(page.url.path))
        assert "The documents support it weakly: 0.51, where 1 is best." in weak
        [link] = re.findall(r'href="(/usecases/handbook/documents/[^"]+)"', page.text)
        document = await browser.get(html.unescape(link))
        assert document.status_code == 200
        marked = re.findall(r'<mark id="passage">(.*?)</mark>', document.text, re.DOTALL)
        assert len(marked) == 1
        assert "thirty days of leave" in marked[0]
        # Whoever may only ask is shown no way into what they may not read.
        assert f'"/usecases/{NAME}"' not in document.text + page.text
        assert "/receipts/" not in page.text


async def test_a_citation_of_a_page_whose_order_is_not_clear_says_so(site: Site) -> None:
    kinds = [["Travel", "Class"], ["Train\nPlane\nBus", "Second\nEconomy\nAny"]]
    root = site.app.settings.usecases / NAME
    libraries.write(root, {"travel.pdf": documents.pdf([""], drawn=documents.drawn_table(kinds))})
    shelf = Shelf(site.app, root)
    await shelf.ingest()
    note = "The order of the words of this page is not clear. Look at the original file."
    async with browsing(site, "mia") as browser:
        page = await asked(browser, "Which class of train travel?")
        assert "Train Second Plane" in " ".join(words(page).replace("|", " ").split())
        assert words(page).count(note) == 1
        await released(site, task_of(page))
        page = await browser.get(page.url.path)
        assert words(page).count(note) == 1
        links = re.findall(r'href="(/usecases/handbook/documents/[^"]+)"', page.text)
        assert note in words(await browser.get(html.unescape(links[0])))
        sure = await asked(browser, "How many days of leave in a year?")
        assert note not in words(sure)
    # Answers that cite a passage find it also when the doubt about its page is gone.
    [match] = await shelf.matches("train")
    assert match.passage.position.is_order_doubtful
    place = replace(match.passage.position, is_order_doubtful=False)
    assert match.passage.id == passages._id(match.passage.text, place)


async def test_a_citation_in_a_receipt_opens_the_document_too(site: Site) -> None:
    async with browsing(site, "mia") as mia, browsing(site, "ana") as ana:
        task = task_of(await asked(mia, "How many days of leave in a year?"))
        await give(site, task, VerdictKind.ACCEPT)
        receipt = await ana.get(f"/receipts/{task}")
        links = re.findall(r'href="(/usecases/handbook/documents/passage[^"]+)"', receipt.text)
        assert links
        document = await ana.get(html.unescape(links[0]))
        assert document.status_code == 200
        assert "thirty days of leave" in document.text.partition('<mark id="passage">')[2]
        for nothing in ("", "dov_none:1", "x", "a:b:c", "1:99999999999"):
            absent = await ana.get(f"/usecases/{NAME}/documents/passage?id={nothing}")
            assert absent.status_code == 404, nothing


async def test_nobody_else_reads_a_question(site: Site) -> None:
    async with (
        browsing(site, "mia") as mia,
        browsing(site, "eve") as eve,
        browsing(site, "ana") as ana,
    ):
        task = task_of(await asked(mia, "How many days of leave in a year?"))
        for other in (eve, ana):
            assert (await other.get(f"{ASK}/{task}")).status_code == 404
            answer = await other.post(f"{ASK}/{task}/wrong", data={"note": "no"})
            assert answer.status_code == 404
        # Nor does it come along as an earlier question.
        page = await asked(eve, "And the next one?", after=task)
        assert "days of leave in a year" not in words(page)
        missing = await mia.get(f"{ASK}/tsk_{'0' * 28}")
        assert missing.status_code == 404


async def test_whoever_only_asks_reads_nothing_else(site: Site) -> None:
    async with browsing(site, "mia") as browser:
        home = await browser.get("/")
        assert f'href="{ASK}"' in home.text
        task = task_of(await asked(browser, "How many days of leave in a year?"))
        for path in (
            f"/usecases/{NAME}",
            f"/usecases/{NAME}/documents",
            f"/usecases/{NAME}/outcomes",
            f"/receipts/{task}",
        ):
            assert (await browser.get(path)).status_code in {403, 404}, path


async def test_passages_of_other_groups_are_not_shown(site: Site) -> None:
    library = site.app.deployments.get(NAME).loaded.declared.library
    assert library is not None
    async with browsing(site, "mia") as browser:
        page = await asked(browser, "When are salaries paid?")
        assert "last working day" not in page.text
        assert "an access group" not in words(page)
        await site.app.libraries.access.add(NAME, library, "hr", "mia", by="ana")
        assert "last working day" in (await browser.get(page.url.path)).text


async def test_a_form_sent_twice_is_one_question(site: Site) -> None:
    async with browsing(site, "mia") as browser:
        form = await browser.get(ASK)
        [nonce] = re.findall(r'name="nonce" value="([^"]+)"', form.text)
        first, second = [
            task_of(await asked(browser, "How many days of leave?", nonce=nonce)) for _ in range(2)
        ]
        assert first == second
        # Back, and another question in the same form.
        assert task_of(await asked(browser, "How many weeks of leave?", nonce=nonce)) != first


async def test_what_cannot_be_asked_stays_in_the_form(site: Site) -> None:
    async with browsing(site, "mia") as browser:
        long = "days of leave " * 300
        page = await asked(browser, long)
        assert page.status_code == 422
        assert "at most 4" in words(page)
        assert long.strip()[:200] in words(page)
        for nothing in ("", "   "):
            assert (await asked(browser, nothing)).status_code == 422
        strange = await asked(browser, "<script>alert(1)</script> \u202e {{ 7 * 7 }}")
        assert strange.status_code == 200
        assert "<script>alert" not in strange.text
        assert "49" not in words(strange)
    async with browsing(site, "ana") as ana:
        assert (await ana.get("/usecases/triage/ask")).status_code == 409
        assert (await ana.post("/usecases/triage/ask", data={"question": "a"})).status_code == 409
        assert (await ana.get("/usecases/nowhere/ask")).status_code == 404


async def test_a_wrong_answer_goes_to_a_person_and_nothing_changes_before(site: Site) -> None:
    async with browsing(site, "mia") as browser:
        page = await asked(browser, "How many days of leave in a year?")
        task = task_of(page)
        await released(site, task)
        page = await browser.post(f"{ASK}/{task}/wrong", data={"note": "It is 32 since May."})
        told = words(page)
        assert "You said that this answer is wrong." in told
        assert "This is wrong" not in told
        assert "thirty days" in told
        [review] = await site.app.reviews.queue(NAME, reviewer="ana")
        assert review.reported is not None
        assert review.reported["note"] == "It is 32 since May."
        assert not review.blind
        # The sender never reviews it.
        assert await site.app.reviews.queue(NAME, reviewer="mia") == []
        cited = await decided_citations(site.app, task)
        right = {"route": "answer", "text": "It is 32.", "citations": cited}
        await give(site, task, VerdictKind.CORRECT, right)
        told = words(await browser.get(page.url.path))
        assert "It is 32." in told
        assert "You said" not in told


async def test_a_doubt_about_a_checked_answer_waits_for_whoever_may_decide(site: Site) -> None:
    async with browsing(site, "mia") as browser, browsing(site, "ana") as ana:
        page = await asked(browser, "How many days of leave in a year?")
        await give(site, task_of(page), VerdictKind.ACCEPT)
        assert "Answer reports about checked answers" not in words(await ana.get("/"))
        await browser.post(f"{page.url.path}/wrong", data={"note": ""})
        assert "You said that this answer is wrong." in words(await browser.get(page.url.path))
        assert "Answer reports about checked answers" in words(await ana.get("/"))
        [outcome] = (await site.app.outcomes.repository.newest(NAME, most=5)).outcomes
        await site.app.outcomes.withdraw(outcome.id, by="ana")
        assert "Answer reports about checked answers" not in words(await ana.get("/"))


async def test_a_question_in_the_middle_of_being_answered_cannot_be_called_wrong(
    site: Site,
) -> None:
    async with browsing(site, "mia") as browser:
        page = await asked(browser, "How many days of leave in a year?")
        await site.app.database.fetch("DELETE FROM review")
        await site.app.database.fetch("DELETE FROM decision")
        told = words(await browser.get(page.url.path))
        assert "The answer is being written. It appears here." in told
        refused = await browser.post(f"{page.url.path}/wrong", data={"note": "no"})
        assert refused.status_code == 409
        assert "not decided yet" in words(refused)


async def test_a_conversation_shows_its_earlier_questions(site: Site) -> None:
    async with browsing(site, "mia") as browser:
        first = task_of(await asked(browser, "How many days of leave in a year?"))
        page = await asked(browser, "And until when can they be taken?", after=first)
        assert page.text.index("days of leave in a year") < page.text.index("until when can they")
        [row] = await site.app.database.fetch(
            "SELECT source, input FROM task WHERE id = %(id)s", {"id": task_of(page)}
        )
        assert row["source"]["after"] == first
        # What is not answered yet comes along without a text.
        assert row["input"]["earlier"] == [
            {"question": "How many days of leave in a year?", "text": ""}
        ]
        # A question that refers back is searched with the words that it continues.
        assert "thirty days of leave" in words(page)
        form = words(await browser.get(ASK))
        assert "And until when can they be taken?" in form


async def test_the_other_ways_a_question_ends(site: Site) -> None:
    async with browsing(site, "mia") as browser:
        none = await asked(browser, "What is the colour of the sky?")
        await give(site, task_of(none), VerdictKind.REJECT)
        assert "there is no right answer to this question here" in words(
            await browser.get(none.url.path)
        )
        refused = await asked(browser, "What is the colour of the sea?")
        await site.app.database.fetch(
            "UPDATE decision SET route = 'refused', reason = 'it is not ours'"
            " WHERE task_id = %(id)s",
            {"id": task_of(refused)},
        )
        assert "Refused: it is not ours" in words(await browser.get(refused.url.path))
        absent = await asked(browser, "What is the notice period of Acme Holdings?")
        await released(site, task_of(absent))
        told = words(await browser.get(absent.url.path))
        assert "not in the documents" in told


async def test_a_cited_document_that_was_removed_is_named_with_its_date(
    site: Site, settings: Settings
) -> None:
    """What was quoted stays, and the citation still leads to the version that was read."""
    shelf = Shelf(site.app, settings.usecases / NAME)
    gone = "was removed from the library on"
    async with browsing(site, "mia") as browser, browsing(site, "ana") as lead:
        page = await asked(browser, "How many days of leave in a year?")
        task = task_of(page)
        await released(site, task)
        receipt = (await site.shop.get(f"/receipts/{task}")).json()
        assert receipt["removed_documents"] == []
        for shown in (await browser.get(page.url.path), await lead.get(f"/receipts/{task}")):
            assert gone not in words(shown)
        (shelf.folder / "leave.md").unlink()
        await shelf.ingest()
        receipt = (await site.shop.get(f"/receipts/{task}")).json()
        [removed] = receipt["removed_documents"]
        document = await shelf.document("leave.md")
        assert removed["document"] == "leave.md"
        assert datetime.fromisoformat(removed["removed_at"]) == document.changed_at
        on = (
            f"leave.md {gone} {document.changed_at:%Y-%m-%d %H:%M:%S} UTC. What was quoted is kept."
        )
        for shown in (await browser.get(page.url.path), await lead.get(f"/receipts/{task}")):
            assert words(shown).count(on) == 1
            assert "Everybody has thirty days of leave in a year." in words(shown)
        assert "Removed" in receipt_text(await site.app.receipts.get(task, viewer="ana"))
        # It is back: the citation is as good as before.
        shelf.write({"leave.md": LEAVE})
        await shelf.ingest()
        assert gone not in words(await browser.get(page.url.path))
        assert gone not in words(await lead.get(f"/receipts/{task}"))


async def test_of_a_removed_document_only_its_readers_are_told(
    site: Site, settings: Settings
) -> None:
    app, shelf = site.app, Shelf(site.app, settings.usecases / NAME)
    await app.libraries.access.add(NAME, shelf.library, "hr", "mia", by="ana")
    async with browsing(site, "mia") as browser, browsing(site, "ana") as lead:
        page = await asked(browser, "When are salaries paid?")
        task = task_of(page)
        await released(site, task)
        (shelf.folder / "hr" / "pay.md").unlink()
        await shelf.ingest()
        assert "hr/pay.md was removed" in words(await browser.get(page.url.path))
        receipt = await lead.get(f"/receipts/{task}")
        assert "was removed from the library" not in words(receipt)
        assert "pay.md" not in receipt.text
    assert (await app.receipts.get(task, viewer="ana"))["removed_documents"] == []
