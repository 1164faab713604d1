"""People are told what became of the right answers that they wrote: proof, or teaching."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx2
import pytest

from roadbed.app import App
from roadbed.cli.proposals import _improved
from roadbed.examples.model import WrittenAnswers
from roadbed.examples.presentation import use_of
from roadbed.kernel.settings import Settings
from tests.browsing import browsing
from tests.conftest import Site, serving
from tests.unit.test_corrected_answers import (
    QUESTION,
    ask,
    citation,
    correct,
    improve,
    library,
    ready,
)

__all__ = ["library"]  # a fixture
SAMPLE = "proves versions and never teaches one"
PAGES = ("/usecases/ask/proposals", "/usecases/ask/versions")


async def drawing(app: App, rate: float) -> None:
    """Tasks are drawn for the sample at this rate from now on."""
    await ready(app)
    await app.database.fetch("UPDATE use_case SET reference_rate = %(rate)s", {"rate": rate})
    await app.deployments.refresh("ask")


async def given(browser: httpx2.AsyncClient, app: App, question: str, **form: str) -> str:
    """What the desk says after a right answer to a question."""
    review = (await ask(app, question))["review_id"]
    shown = (await browser.post(f"/usecases/ask/reviews/next?first={review}")).text
    content = re.search(r'name="content" value="(\w+)"', shown)
    sent = {"verdict": "correct", **form, **({"content": content[1]} if content else {})}
    answer = await browser.post(f"/usecases/ask/reviews/{review}", data=sent)
    assert "Recorded." in answer.text
    return answer.text


async def test_desk_and_pages_say_what_proves_and_what_teaches(
    settings: Settings, library: Path, url: str
) -> None:
    async with serving(settings, url) as site:
        app = site.app
        await drawing(app, 1.0)
        right = await citation(app, "rail second class")
        cited = {"cited": json.dumps([[right["passage"], "label"]])}
        async with browsing(site, "reviewer") as browser:
            for path in PAGES:
                assert "Right answers that people wrote" not in (await browser.get(path)).text
            told = await given(browser, app, QUESTION, **cited)
            assert SAMPLE in told
            assert 'href="/usecases/ask/proposals"' in told
            for path in PAGES:
                page = (await browser.get(path)).text
                assert "for the proof of versions 1 (" in page
                assert "for teaching the next version 0. Of new tasks, 100 % are drawn." in page
            await drawing(app, 0.0)
            told = await given(browser, app, "Which seats may I book?", **cited)
            assert "Your answer teaches the next version." in told
            none = {"output.route": "not_in_documents"}
            told = await given(browser, app, "Who feeds the cat?", **none)
            assert "Your answer cites no passage, so it teaches nothing." in told
            for path in PAGES:
                page = (await browser.get(path)).text
                assert "for the proof of versions 1 (" in page
                assert "for teaching the next version 1. 1 cites no passage" in page
                assert "Of new tasks, 0 % are drawn." in page
        declared = app.deployments.get("ask").loaded.declared
        assert await app.examples.written(declared) == WrittenAnswers(prove=1, teach=1, unused=1)
        assert (await improve(app)).learned_from == 1


async def test_what_teaches_is_what_the_next_version_learns_from(
    settings: Settings, library: Path, url: str
) -> None:
    async with serving(settings, url) as site:
        app = site.app
        await ready(app)
        right = await citation(app, "rail second class")
        odd: list[dict[str, object]] = [
            {"route": "answer", "text": "t", "citations": [right]},
            {"route": "please_specify", "text": "t", "citations": []},
            {"route": "not_in_documents", "citations": []},
        ]
        for number, output in enumerate(odd):
            await correct(app, f"What about case {number}?", output)
        declared = app.deployments.get("ask").loaded.declared
        assert await app.examples.written(declared) == WrittenAnswers(prove=0, teach=1, unused=2)
        assert (await improve(app)).learned_from == 1


async def test_a_function_without_documents_learns_nothing_and_says_nothing(site: Site) -> None:
    declared = site.app.deployments.get("triage").loaded.declared
    assert declared.trainable is None
    assert await site.app.examples.written(declared) is None
    assert await site.app.examples.use_of_verdict(declared, "ver_none") is None
    async with browsing(site, "reviewer") as browser:
        page = await browser.get("/usecases/triage/proposals")
    assert "Right answers that people wrote" not in page.text


@pytest.mark.parametrize(("learned_from", "is_told"), [(0, True), (3, False)])
def test_the_command_says_so_where_it_had_nothing_to_teach(
    learned_from: int, is_told: bool
) -> None:
    class Improvement:
        version, number, seconds, note, use_case = "ver_1", 2, 0.1, "Nothing is proven.", "ask"

    improvement = Improvement()
    improvement.learned_from = learned_from  # type: ignore[attr-defined]
    use = use_of(WrittenAnswers(prove=4, teach=0, unused=2), 0.2)
    lines = list(_improved(improvement, 0, use))
    assert (use in lines) is is_told
    assert "for the proof of versions 4 (" in use
    assert "2 cite no passage, so they do neither. Of new tasks, 20 % are drawn." in use
    assert use_of(None, 0.2) == use_of(WrittenAnswers(prove=0, teach=0, unused=0), 0.2) == ""
