"""What a document of an access group says is shown to nobody else, wherever an answer is shown.

``shop`` is in the group, ``reviewer`` has every role of the pod and is not, ``mia`` only asks.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from roadbed.assistants.replies import reply_of
from roadbed.background import relaying
from roadbed.kernel.settings import Settings
from roadbed.knowledge.withholding import NOTE
from roadbed.reviews.model import VerdictKind
from roadbed.usecases.library import Library
from tests import documents, libraries
from tests.acceptance.test_api import problem
from tests.acceptance.test_asking import ASK, asked, declaration, task_of, words
from tests.browsing import browsing
from tests.conftest import Folders, Site, serving
from tests.libraries import NAME, Shelf

FILES: dict[str, str | bytes] = {
    "leave.md": "# Leave\n\nEverybody has thirty days of leave in a year.\n",
    "hr/zebra-salaries.md": "# Zebras\n\nThe zebra keeper earns 91234 EUR in a year.\n",
    "hr/xylophone-scan.pdf": documents.pdf(["Redacted"], password="secret"),
    "locked.pdf": documents.pdf(["Bicycles"], password="secret"),
}
QUESTION = "What does the zebra keeper earn in a year?"
TRACES = ("91234", "zebra-salaries", "xylophone", "hr/")


@pytest.fixture
async def site(settings: Settings, folders: Folders, url: str) -> AsyncIterator[Site]:
    folders.write()
    root = settings.usecases / NAME
    root.mkdir(parents=True)
    (root / "usecase.py").write_text(declaration(), encoding="utf-8")
    libraries.write(root, FILES)
    async with serving(settings.model_copy(update={"library_seconds": 0}), url) as served:
        await Shelf(served.app, root).ingest()
        await served.app.members.add("mia", by="test")
        await served.app.members.grant("mia", NAME, "requester", by="test")
        await served.app.libraries.access.add(NAME, library(served), "hr", "shop", by="ana")
        yield served


def library(site: Site) -> Library:
    declared = site.app.deployments.get(NAME).loaded.declared.library
    assert declared is not None
    return declared


async def submitted(client: httpx2.AsyncClient, question: str = QUESTION, **more: Any) -> str:
    """The task of a question, with its review opened to be judged."""
    body = {"input": {"question": question, **more}, "wait": 20}
    answer = await client.post(f"/usecases/{NAME}/tasks", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["task"])


async def review_of(site: Site, task: str) -> str:
    """The review of a task, not blind."""
    rows = await site.app.database.fetch(
        "UPDATE review SET blind = false WHERE task_id = %(id)s RETURNING id", {"id": task}
    )
    await site.app.database.fetch(
        "UPDATE task SET reference = false WHERE id = %(id)s", {"id": task}
    )
    return str(rows[0]["id"])


async def hidden_answer(site: Site) -> dict[str, Any]:
    """An answer that cites the document of the group."""
    shown = await site.shop.get(f"/usecases/{NAME}/documents/search", params={"q": "zebra keeper"})
    passage = shown.json()["matches"][0]["passage"]
    key = passage["key"]
    citation = {
        "document": passage["path"],
        "version": passage["version"],
        "passage": f"{key['version_id']}:{key['ordinal']}",
        "quote": "The zebra keeper earns 91234 EUR in a year.",
    }
    text = "The zebra keeper earns 91234 EUR."
    return {"route": "answer", "text": text, "citations": [citation]}


async def accepted(site: Site, sender: str) -> str:
    """A question of a member of the group, whose answer the domain lead accepted."""
    await site.app.libraries.access.add(NAME, library(site), "hr", "ana", by="ana")
    task = await submitted(getattr(site, sender))
    declared = site.app.deployments.get(NAME).loaded.declared
    review = await review_of(site, task)
    await site.app.reviews.give(declared, review, VerdictKind.ACCEPT, reviewer="ana")
    return task


async def ingested(site: Site) -> str:
    """A job that ingested the library."""
    async with relaying(site.app), asyncio.timeout(60):
        job = await site.app.ingestion_jobs.start(NAME, by="ana")
        while job.ended_at is None:
            await asyncio.sleep(0.05)
            job = await site.app.jobs.job(job.id)
    return job.id


def clean(answer: httpx2.Response) -> str:
    """The text of a response, which has no trace of the document."""
    assert answer.status_code == 200, answer.text
    for trace in TRACES:
        assert trace not in answer.text, trace
    return answer.text


class TestReceipts:
    async def test_a_receipt_withholds_what_the_viewer_may_not_read(self, site: Site) -> None:
        task = await accepted(site, "shop")
        own = (await site.shop.get(f"/receipts/{task}")).json()
        assert "91234" in own["decision"]["output"]["text"]
        assert own["withheld"] is False
        clean(answer := await site.reviewer.get(f"/receipts/{task}"))
        shown = answer.json()
        assert shown["withheld"] is True
        assert shown["decision"]["output"]["text"] == str(NOTE)
        assert shown["decision"]["output"]["route"] == "answer"
        [citation, *_more] = shown["review"]["verdict"]["right_output"]["citations"]
        assert (citation["document"], citation["quote"]) == (str(NOTE), "")
        assert shown["decision"]["provenance"] == {"withheld": str(NOTE)}
        proof = await site.reviewer.get(f"/receipts/{task}/proof")
        await problem(proof, 409, "proof_hidden")

    async def test_lists_and_pages_withhold_it_too(self, site: Site) -> None:
        task = await accepted(site, "shop")
        listed = (await site.shop.get("/receipts", params={"usecase": NAME})).json()["receipts"]
        assert "91234" in json.dumps(listed)
        clean(answer := await site.reviewer.get("/receipts", params={"usecase": NAME}))
        assert [row["withheld"] for row in answer.json()["receipts"]] == [True]
        async with browsing(site, "reviewer") as browser:
            for path in (f"/receipts/{task}", "/receipts", "/receipts/export.csv"):
                clean(await browser.get(path))

    async def test_assistants_get_no_more(self, site: Site) -> None:
        task = await accepted(site, "shop")
        receipt = (await site.reviewer.get(f"/receipts/{task}")).json()
        reply = reply_of(receipt, "http://roadbed.example")
        assert reply.text == str(NOTE)
        withheld = [one for one in reply.citations if one.document == str(NOTE)]
        assert [(one.passage, one.quote) for one in withheld] == [("", "")]

    async def test_a_member_reads_it(self, site: Site) -> None:
        task = await accepted(site, "shop")
        await site.app.libraries.access.add(NAME, library(site), "hr", "reviewer", by="ana")
        shown = (await site.reviewer.get(f"/receipts/{task}")).json()
        assert "91234" in shown["decision"]["output"]["text"]
        assert shown["withheld"] is False
        await site.app.libraries.access.remove(NAME, "hr", "reviewer", by="ana")
        clean(await site.reviewer.get(f"/receipts/{task}"))

    async def test_what_everybody_may_read_is_shown(self, site: Site) -> None:
        task = await submitted(site.reviewer, "How many days of leave in a year?")
        await review_of(site, task)
        for client in (site.shop, site.reviewer):
            shown = (await client.get(f"/receipts/{task}")).json()
            assert "thirty days" in shown["decision"]["output"]["text"]
            assert shown["withheld"] is False

    async def test_earlier_turns_of_a_member_may_quote(self, site: Site) -> None:
        turn = {"question": QUESTION, "text": "The zebra keeper earns 91234 EUR."}
        task = await submitted(site.shop, "How many days of leave in a year?", earlier=[turn])
        await review_of(site, task)
        clean(answer := await site.reviewer.get(f"/receipts/{task}"))
        assert answer.json()["input"]["earlier"][0]["text"] == str(NOTE)
        clean(await site.reviewer.get("/receipts", params={"usecase": NAME}))

    async def test_a_search_does_not_match_what_is_withheld(self, site: Site) -> None:
        """Otherwise its words could be found by repeated guesses."""
        turn = {"question": "What does a keeper earn?", "text": "The zebra keeper earns 91234 EUR."}
        task = await submitted(site.shop, "How many days of leave in a year?", earlier=[turn])
        await review_of(site, task)
        for client, text, finds in (
            (site.shop, "91234", True),
            (site.reviewer, "91234", False),
            (site.reviewer, "zebra keeper", False),
            (site.reviewer, "What does a keeper earn?", True),
            (site.reviewer, "days of leave", True),
            (site.reviewer, task, True),
        ):
            for wanted in ({"usecase": NAME, "q": text}, {"q": text}):
                listed = (await client.get("/receipts", params=wanted)).json()["receipts"]
                assert [row["task_id"] for row in listed] == [task] * finds, text
        for person, finds in (("shop", True), ("reviewer", False)):
            async with browsing(site, person) as browser:
                for path in ("/receipts", "/receipts/export.csv"):
                    shown = await browser.get(path, params={"q": "91234"})
                    assert ("days of leave in a year" in shown.text) is finds, path

    async def test_the_sender_finds_the_words_of_their_own_turns(self, site: Site) -> None:
        """What they wrote themselves is shown to them, also after they left the group."""
        turn = {"question": QUESTION, "text": "The zebra keeper earns 91234 EUR."}
        task = await submitted(site.shop, "How many days of leave in a year?", earlier=[turn])
        await site.app.libraries.access.remove(NAME, "hr", "shop", by="ana")
        listed = (await site.shop.get("/receipts", params={"q": "91234"})).json()["receipts"]
        assert [row["task_id"] for row in listed] == [task]


class TestReviews:
    async def test_who_is_not_in_the_group_cannot_judge(self, site: Site) -> None:
        task = await submitted(site.shop)
        review = await review_of(site, task)
        clean(answer := await site.reviewer.get(f"/usecases/{NAME}/reviews"))
        [queued] = answer.json()["reviews"]
        assert (queued["id"], queued["withheld"]) == (review, True)
        clean(await site.reviewer.get(f"/reviews/{review}"))
        claimed = await site.reviewer.post(f"/usecases/{NAME}/reviews/claim")
        assert claimed.json() == {"reviews": []}
        clean(await site.reviewer.post(f"/reviews/{review}/claim"))
        for verdict in ("accept", "reject"):
            given = await site.reviewer.post(
                f"/reviews/{review}/verdict", json={"verdict": verdict}
            )
            await problem(given, 403, "review_withheld")
            assert "91234" not in given.text
            assert "rev_" not in given.json()["detail"]
        async with browsing(site, "reviewer") as browser:
            item = await browser.post(f"/usecases/{NAME}/reviews/next")
            assert "No review waits for you." in clean(item)
            assert "an access group that you are not in" in item.text

    async def test_what_somebody_may_not_judge_is_passed_over(self, site: Site) -> None:
        hidden = [await review_of(site, await submitted(site.shop)) for _ in range(3)]
        leave = await submitted(site.reviewer, "How many days of leave in a year?")
        free = await review_of(site, leave)
        await site.app.database.fetch(
            "UPDATE review SET blind = true, priority = priority + (id = ANY (%(ids)s))::int",
            {"ids": hidden},
        )
        await site.app.database.fetch(
            "UPDATE task SET source = source - 'by' WHERE id = %(id)s", {"id": leave}
        )
        claimed = await site.reviewer.post(f"/usecases/{NAME}/reviews/claim")
        assert [review["id"] for review in claimed.json()["reviews"]] == [free]
        held = await site.app.database.fetch("SELECT id FROM review WHERE claimed_by IS NOT NULL")
        assert [row["id"] for row in held] == [free]
        # Whoever opens one by its link is told at once.
        async with browsing(site, "reviewer") as browser:
            item = await browser.post(f"/usecases/{NAME}/reviews/next?first={hidden[0]}")
            assert "you cannot judge it" in clean(item)
        assert (await site.reviewer.post(f"/reviews/{hidden[1]}/claim")).json()["withheld"] is True

    async def test_a_member_judges_it(self, site: Site) -> None:
        await site.app.libraries.access.add(NAME, library(site), "hr", "reviewer", by="ana")
        review = await review_of(site, await submitted(site.shop))
        queued = (await site.reviewer.get(f"/usecases/{NAME}/reviews")).json()["reviews"]
        assert "91234" in queued[0]["output"]["text"]
        given = await site.reviewer.post(f"/reviews/{review}/verdict", json={"verdict": "accept"})
        assert given.status_code == 200
        assert given.json()["unreadable_for"] == []


class TestCorrections:
    async def test_who_asked_gets_no_more_than_they_may_read(self, site: Site) -> None:
        async with browsing(site, "mia") as browser:
            page = await asked(browser, QUESTION)
            task = task_of(page)
            given = await site.shop.post(
                f"/reviews/{await review_of(site, task)}/verdict",
                json={"verdict": "correct", "output": await hidden_answer(site)},
            )
            assert given.status_code == 200, given.text
            assert given.json()["unreadable_for"] == ["mia"]
            page = await browser.get(f"{ASK}/{task}")
            clean(page)
            assert str(NOTE) in words(page)
            # Nor does it go along with the next question.
            page = await asked(browser, "And in a month?", after=task)
            clean(page)
            receipt = (await site.shop.get(f"/receipts/{task_of(page)}")).json()
            assert "91234" not in json.dumps(receipt["input"])
            await site.app.libraries.access.add(NAME, library(site), "hr", "mia", by="ana")
            assert "91234" in (await browser.get(f"{ASK}/{task}")).text


class TestIngestions:
    async def test_a_job_says_nothing_of_hidden_documents(self, site: Site) -> None:
        job = await ingested(site)
        whole = (await site.shop.get(f"/jobs/{job}")).json()["job"]
        assert whole["result"]["unchanged"] == 4
        for path in (f"/jobs/{job}", f"/jobs?usecase={NAME}"):
            clean(answer := await site.reviewer.get(path))
            shown = answer.json().get("job") or answer.json()["jobs"][0]
            assert shown["result"] == {"unreadable": []}
            assert (shown["total"], shown["doing"]) == (
                100 if whole["total"] else None,
                "The documents of the library were read.",
            )
        async with browsing(site, "reviewer") as browser:
            page = await browser.get(f"/usecases/{NAME}/jobs")
            assert "4 unchanged" not in clean(page)
            clean(await browser.get(f"/usecases/{NAME}/jobs/export.csv"))

    async def test_what_cannot_be_read_is_told_to_members(self, site: Site) -> None:
        (site.app.settings.usecases / NAME / "documents/hr/empty.txt").write_bytes(b"")
        (site.app.settings.usecases / NAME / "documents/none.txt").write_bytes(b"")
        job = await ingested(site)

        async def unreadable(client: httpx2.AsyncClient) -> list[str]:
            result = (await client.get(f"/jobs/{job}")).json()["job"]["result"]
            return sorted(one["path"] for one in result["unreadable"])

        assert await unreadable(site.shop) == ["hr/empty.txt", "none.txt"]
        assert await unreadable(site.reviewer) == ["none.txt"]

    async def test_no_page_counts_hidden_documents(self, site: Site) -> None:
        listed = clean(await site.reviewer.get(f"/usecases/{NAME}/documents"))
        assert set(json.loads(listed)) == {"documents"}
        sentence = "Documents of access groups that you are not in are not listed."
        async with browsing(site, "reviewer") as browser, browsing(site, "mia") as mia:
            page = await browser.get(f"/usecases/{NAME}/documents")
            assert sentence in words(page)
            assert "belong" not in words(page)
            form = words(await mia.get(ASK))
            assert "belong" not in form
            assert "Answers come from 1 document," in form
        async with browsing(site, "dev") as browser:  # may look, and not improve
            assert sentence not in words(await browser.get(f"/usecases/{NAME}/documents"))
