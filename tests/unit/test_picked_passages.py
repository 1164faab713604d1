"""A reviewer picks the right passages in the library instead of writing citations."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import quote

import httpx2
from markupsafe import escape

from roadbed.app import App
from roadbed.kernel.settings import Settings
from tests.browsing import browsing
from tests.conftest import serving
from tests.unit.test_corrected_answers import (
    QUESTION,
    TRAINS,
    ask,
    citation,
    library,
    ready,
)

__all__ = ["library"]  # a fixture
PASSAGES = "/usecases/ask/documents/passages"


async def opened(app: App, *, blind: bool) -> str:
    """The review of a question, ready for its reviewer."""
    await ready(app)
    review = str((await ask(app, QUESTION))["review_id"])
    facts = {"blind": blind}
    await app.database.fetch("UPDATE task SET reference = %(blind)s", facts)
    await app.database.fetch("UPDATE review SET blind = %(blind)s", facts)
    return review


async def given(browser: httpx2.AsyncClient, review: str, **form: str) -> httpx2.Response:
    shown = (await browser.post("/usecases/ask/reviews/next")).text
    content = re.search(r'name="content" value="(\w+)"', shown)
    sent = {"verdict": "correct", **form, **({"content": content[1]} if content else {})}
    return await browser.post(f"/usecases/ask/reviews/{review}", data=sent)


async def right_of(app: App) -> dict[str, object]:
    [row] = await app.database.fetch("SELECT right_output FROM verdict")
    right: dict[str, object] = row["right_output"]
    return right


async def test_passages_are_found_and_become_citations(
    settings: Settings, library: Path, url: str
) -> None:
    async with serving(settings, url) as site:
        review = await opened(site.app, blind=False)
        async with browsing(site, "reviewer") as browser:
            offered = await browser.post(PASSAGES, data={"q": "rail second class"})
            [passage] = re.findall(r'data-passage="(\w+:\d+)" data-label="([^"]+)"', offered.text)[
                :1
            ]
            assert passage[1] == f"travel.md, {TRAINS}"
            assert "Staff go by rail" in offered.text
            assert "chauffeur" not in (await browser.post(PASSAGES, data={"q": "chauffeur"})).text
            answer = await given(browser, review, cited=json.dumps([list(passage)]))
            assert "Recorded." in answer.text
        expected = await citation(site.app, "rail second class")
        right = await right_of(site.app)
        assert right == {
            "route": "answer",
            "text": expected["quote"],
            "citations": [expected],
            "notes": [],
        }


async def test_nothing_is_said_of_passages_where_nothing_was_asked(
    settings: Settings, library: Path, url: str
) -> None:
    async with serving(settings, url) as site:
        await ready(site.app)
        async with browsing(site, "reviewer") as browser:
            for words in ("", "  "):
                offered = await browser.post(PASSAGES, data={"q": words})
                assert offered.status_code == 200
                assert re.sub(r"<[^>]+>", "", offered.text).strip() == ""
            assert "No passage" in (await browser.post(PASSAGES, data={"q": "zebra"})).text


async def test_a_text_of_the_reviewer_becomes_that_of_the_right_answer(
    settings: Settings, library: Path, url: str
) -> None:
    async with serving(settings, url) as site:
        review = await opened(site.app, blind=True)
        async with browsing(site, "reviewer") as browser:
            shown = (await browser.post("/usecases/ask/reviews/next")).text
            assert "data-cite-search" in shown
            assert f'value="{QUESTION}"' in shown
            assert "do not answer this" not in shown  # the proposal of a blind item
            expected = await citation(site.app, "rail second class")
            chosen = json.dumps([[expected["passage"], "label"], [expected["passage"], "label"]])
            more = {"output.text": "Second class.", "cited": chosen}
            assert "Recorded." in (await given(browser, review, **more)).text
        right = await right_of(site.app)
        assert right["text"] == "Second class."
        assert right["citations"] == [expected]


async def test_that_nothing_is_in_the_documents_needs_no_passage(
    settings: Settings, library: Path, url: str
) -> None:
    async with serving(settings, url) as site:
        review = await opened(site.app, blind=True)
        async with browsing(site, "reviewer") as browser:
            more = {"output.route": "not_in_documents", "cited": ""}
            assert "Recorded." in (await given(browser, review, **more)).text
        assert (await right_of(site.app))["route"] == "not_in_documents"


async def test_a_passage_that_is_gone_or_hidden_is_refused(
    settings: Settings, library: Path, url: str
) -> None:
    async with serving(settings, url) as site:
        review = await opened(site.app, blind=True)
        hidden = await citation(site.app, "chauffeur gate", "board")
        async with browsing(site, "reviewer") as browser:
            for chosen in (hidden["passage"], "dov_0:1", "nonsense"):
                answer = await given(browser, review, cited=json.dumps([[chosen, "label"]]))
                assert answer.status_code == 422
                assert "not in the library any more" in answer.text
            for typed in ("{", "3", "[3]", "[[]]"):  # no passages: no answer either
                assert (await given(browser, review, cited=typed)).status_code == 422


async def test_without_a_library_nothing_is_searched(
    settings: Settings, library: Path, url: str
) -> None:
    async with serving(settings, url) as site:
        async with browsing(site, "reviewer") as browser:
            refused = await browser.post("/usecases/triage/documents/passages", data={"q": "a"})
            assert "data-cite" not in (await browser.post("/usecases/triage/reviews/next")).text
        assert refused.status_code in (404, 409)


async def test_an_outcome_is_reported_with_passages_that_are_picked(
    settings: Settings, library: Path, url: str
) -> None:
    async with serving(settings, url) as site:
        await ready(site.app)
        task = str((await ask(site.app, QUESTION))["task_id"])
        expected = await citation(site.app, "rail second class")
        chosen = json.dumps([[expected["passage"], f"travel.md, {TRAINS}"]])
        async with browsing(site, "reviewer") as browser:
            page = (await browser.get(f"/receipts/{task}")).text
            assert 'data-cite="/usecases/ask/documents/passages"' in page
            assert f'value="{QUESTION}"' in page
            assert re.search(r"<script src=\"[^\"]*cite[^\"]*\" defer>", page)
            assert 'name="output.citations"' not in page
            sent = await browser.post(
                f"/receipts/{task}/outcome", data={"turned_out": "wrong", "cited": chosen}
            )
            assert sent.status_code == 200
            shown = (await browser.get(f"/receipts/{task}")).text
        [row] = await site.app.database.fetch("SELECT output, was_right FROM outcome")
        assert row["output"]["citations"] == [expected]
        assert row["output"]["text"] == expected["quote"]
        assert not row["was_right"]
        assert f"/usecases/ask/documents/passage?id={quote(str(expected['passage']))}" in shown


async def test_a_passage_that_cannot_be_cited_is_no_outcome_and_what_was_typed_stays(
    settings: Settings, library: Path, url: str
) -> None:
    async with serving(settings, url) as site:
        await ready(site.app)
        task = str((await ask(site.app, QUESTION))["task_id"])
        hidden = await citation(site.app, "chauffeur gate", "board")
        chosen = json.dumps([[hidden["passage"], "cars.md"]])
        typed = {"output.text": "At the gate.", "output.route": "answer", "cited": chosen}
        async with browsing(site, "reviewer") as browser:
            answer = await browser.post(f"/receipts/{task}/outcome", data=typed)
        assert answer.status_code == 422
        assert "not in the library any more" in answer.text
        assert escape(chosen) in answer.text
        assert ">At the gate.</textarea>" in answer.text
        assert '<option value="answer" selected>' in answer.text
        assert not await site.app.database.fetch("SELECT id FROM outcome")
