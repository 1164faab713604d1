"""Corrections of answers from documents: they teach the next version, and only that one."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed import DIRECT, Pod, UseCase
from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.kernel.settings import Settings
from roadbed.knowledge.citation_checks import CitationInvalidError
from roadbed.knowledge.passage_corrections import key_of, likeness_of, nearest
from roadbed.knowledge.records import PassageKey
from roadbed.models import DocumentAnswer, Question
from roadbed.reviews.model import VerdictKind
from roadbed.usecases import scaffold
from roadbed.usecases.corrected_answers import (
    CorrectedAnswer,
    CorrectedPassage,
    corrected_answer,
    read_corrected,
)
from roadbed.usecases.errors import PatchError
from roadbed.usecases.patches import read
from tests.conftest import Folders

HANDBOOK = """# Travel

## Trains

Staff go by rail in second class. The firm pays for a seat.

## Hotels

A hotel may cost 120 EUR a night. Ask the office before you book a dearer one.
"""
BOARD = "# Cars\n\nThe chauffeur waits at the gate for members of the board.\n"
HOTELS = """# Hotel rules

Last updated: {month}

Whoever stays over for the firm books a room early. The price is at most {price} EUR for each night
with breakfast. The bill goes to the office within ten days, with the name of whoever was met.
"""
TRAINS = "Travel › Trains"
QUESTION = "How comfortable may employees sit when they ride to customers?"


@pytest.fixture
def library(folders: Folders, tmp_path: Path) -> Path:
    """The use case ``ask`` over a folder with two documents, one of them for a group."""
    documents = tmp_path / "documents"
    (documents / "board").mkdir(parents=True)
    (documents / "travel.md").write_text(HANDBOOK, encoding="utf-8")
    (documents / "board" / "cars.md").write_text(BOARD, encoding="utf-8")
    folder = folders.parent / "ask"
    scaffold.write_answers(folder, documents, person="ana")
    declared = (folder / "usecase.py").read_text(encoding="utf-8")
    inside = "Library(access={'board': 'board'}, "
    (folder / "usecase.py").write_text(declared.replace("Library(", inside, 1), encoding="utf-8")
    return documents


async def ready(app: App) -> None:
    """The documents are read, and no question is drawn for the blind sample."""
    await app.libraries.ingestion.run(app.deployments.get("ask").loaded, by="ana")
    await app.database.fetch("UPDATE use_case SET reference_rate = 0.0")
    await app.deployments.refresh("ask")


async def ask(app: App, question: str, by: str = "ben") -> Mapping[str, Any]:
    """The decision on a question."""
    admission, running = await app.decisions.submit(
        "ask", {"question": question}, key=None, source={"surface": "http", "by": by}
    )
    assert running is not None
    await running
    row = await app.database.fetch_one(
        "SELECT decision.*, review.id AS review_id FROM decision "
        "LEFT JOIN review ON review.task_id = decision.task_id "
        "WHERE decision.task_id = %(task)s",
        {"task": admission.task.id},
    )
    assert row is not None
    return row


async def citation(app: App, words: str, *groups: str) -> dict[str, object]:
    """The best passage for some words, as a citation."""
    declared = app.deployments.get("ask").loaded.declared
    retrieved = await app.libraries.retrieval.search(declared, words, groups=groups)
    best = retrieved.passages[0]
    return {
        "document": best.document,
        "version": best.version,
        "place": best.place,
        "passage": best.id,
        "quote": best.text,
    }


async def correct(app: App, question: str, right: Mapping[str, object]) -> None:
    """Ask, and say what is right."""
    decision = await ask(app, question)
    await app.reviews.give(
        app.deployments.get("ask").loaded.declared,
        decision["review_id"],
        VerdictKind.CORRECT,
        reviewer="chi",
        output=right,
    )


async def improve(app: App) -> Any:
    loaded = app.deployments.get("ask").loaded
    improved = await app.deployer.improve(
        loaded, actor="ana", changes=await app.proposals.accepted("ask")
    )
    await app.deployments.refresh("ask")
    return improved


async def test_a_correction_is_not_given_for_what_is_denied_or_asked_otherwise(
    settings: Settings, library: Path, url: str
) -> None:
    async with open_app(settings, url) as app:
        await ready(app)
        right = await citation(app, "rail second class")
        corrected = "How much does the company pay for safety shoes?"
        await correct(app, corrected, {"route": "answer", "text": "90 EUR", "citations": [right]})
        await improve(app)
        for same in (corrected, "For safety shoes, how much does a company pay?"):
            assert (await ask(app, same))["output"]["text"] == "90 EUR"
        for other in (
            "How much does the company not pay for safety shoes?",
            "Who must the company pay for safety shoes?",
            "When does the company pay for safety shoes?",
        ):
            assert "corrected" not in (await ask(app, other))["evidence"]


@pytest.mark.parametrize("isolation", ["none", "process"])
async def test_a_corrected_answer_is_given_by_the_next_version(
    settings: Settings, library: Path, url: str, isolation: str
) -> None:
    settings = settings.model_copy(update={"isolation": isolation})
    async with open_app(settings, url) as app:
        await ready(app)
        before = await ask(app, QUESTION)
        assert before["output"]["route"] == "not_in_documents"
        right = await citation(app, "rail second class")
        assert right["place"] == TRAINS
        text = "Second class, with a seat."
        await correct(app, QUESTION, {"route": "answer", "text": text, "citations": [right]})
        unchanged = await ask(app, QUESTION)
        assert unchanged["output"] == before["output"]  # a correction changes no live version
        improved = await improve(app)
        assert improved.learned_from == 1
        after = await ask(app, QUESTION)
        assert after["output"]["citations"] == [right]
        assert after["output"]["text"] == text
        assert "A person said which passage is right" in after["evidence"]["corrected"]
        assert after["version"] != before["version"]
        like = await ask(app, "How comfortable may employees sit when they ride to a customer now?")
        assert like["output"]["citations"] == [right]
        [kept] = (await app.versions.show("ask", after["version"])).patches
        assert kept == "1 corrected answer"
    async with open_app(settings, url) as app:  # a restart keeps what the version learned
        again = await ask(app, QUESTION)
        assert (again["version"], again["output"]["citations"]) == (after["version"], [right])


async def test_a_correction_holds_where_its_passage_still_says_the_same(
    settings: Settings, library: Path, url: str
) -> None:
    async with open_app(settings, url) as app:
        await ready(app)
        right = await citation(app, "rail second class")
        text = "Second class, with a seat."
        await correct(app, QUESTION, {"route": "answer", "text": text, "citations": [right]})
        await improve(app)
        (library / "travel.md").write_text("# New\n\nNothing.\n\n" + HANDBOOK, encoding="utf-8")
        await ready(app)
        moved = (await ask(app, QUESTION))["output"]
        assert (moved["text"], moved["citations"][0]["version"]) == (text, 2)
        changed = HANDBOOK.replace("second class", "first class")
        (library / "travel.md").write_text(changed, encoding="utf-8")
        await ready(app)
        assert "corrected" not in (await ask(app, QUESTION))["evidence"]


async def test_a_corrected_answer_opens_no_document_to_others(
    settings: Settings, library: Path, url: str
) -> None:
    async with open_app(settings, url) as app:
        await ready(app)
        for person in ("chi", "dev", "eve"):
            await app.members.add(person, by="test")
        declared = app.deployments.get("ask").loaded.declared.library
        assert declared is not None
        for person in ("chi", "dev"):  # who corrects reads what the right answer cites
            await app.libraries.access.add("ask", declared, "board", person, by="ana")
        right = await citation(app, "chauffeur gate", "board")
        text = "The chauffeur waits."
        await correct(app, QUESTION, {"route": "answer", "text": text, "citations": [right]})
        await improve(app)
        assert (await ask(app, QUESTION, by="dev"))["output"]["text"] == text
        other = await ask(app, QUESTION, by="eve")
        assert "chauffeur" not in str(other["output"])
        assert other["output"]["route"] == "not_in_documents"


async def test_a_correction_whose_passage_is_gone_changes_nothing(
    settings: Settings, library: Path, url: str
) -> None:
    async with open_app(settings, url) as app:
        await ready(app)
        right = await citation(app, "rail second class")
        await correct(app, QUESTION, {"route": "answer", "text": "Well.", "citations": [right]})
        await improve(app)
        (library / "travel.md").write_text("# Cars\n\nThe firm has none.\n", encoding="utf-8")
        await app.libraries.ingestion.run(app.deployments.get("ask").loaded, by="ana")
        answer = (await ask(app, QUESTION))["output"]
        assert answer["route"] == "not_in_documents"


class TestARightAnswerCites:
    """What stands in the library, or it is refused."""

    @pytest.fixture
    async def app(self, settings: Settings, library: Path, url: str) -> AsyncIterator[App]:
        async with open_app(settings, url) as app:
            await ready(app)
            yield app

    @pytest.mark.parametrize(
        ("changed", "problem"),
        [
            ({"passage": "dov_none:0"}, "The library has no passage 'dov_none:0'."),
            ({"passage": "?"}, "The library has no passage '?'."),
            ({"version": 7}, "stands in travel.md, version 1."),
            ({"document": "other.md"}, "stands in travel.md, version 1."),
            ({"quote": "All hotels are free."}, "does not say “All hotels are free.”"),
            ({"document": "gone.md", "passage": ""}, "The library has no document 'gone.md'."),
        ],
    )
    async def test_a_passage_and_its_words(
        self, app: App, changed: Mapping[str, object], problem: str
    ) -> None:
        right = {**await citation(app, "rail second class"), **changed}
        answer = {"route": "answer", "text": "Well.", "citations": [right]}
        with pytest.raises(CitationInvalidError, match=re.escape(problem)):
            await correct(app, QUESTION, answer)
        sent = {"task": (await ask(app, QUESTION))["task_id"], "output": answer}
        declared = app.deployments.get("ask").loaded.declared
        with pytest.raises(CitationInvalidError, match=re.escape(problem)):
            await app.outcomes.report(declared, sent, by="dev")
        assert await app.database.fetch("SELECT 1 FROM verdict") == []
        assert await app.database.fetch("SELECT 1 FROM outcome") == []

    async def test_a_part_of_a_passage_is_enough(self, app: App) -> None:
        right = {**await citation(app, "rail second class"), "quote": "by  rail\nin second"}
        await correct(app, QUESTION, {"route": "answer", "text": "Second.", "citations": [right]})
        [row] = await app.database.fetch("SELECT right_output FROM verdict")
        assert row["right_output"]["citations"] == [right]

    async def test_at_least_one_and_only_for_an_answer(self, app: App) -> None:
        with pytest.raises(CitationInvalidError, match="cites no passage"):
            await correct(app, QUESTION, {"route": "answer", "text": "Trust me.", "citations": []})
        right = await citation(app, "rail second class")
        with pytest.raises(CitationInvalidError, match="please_specify cites nothing"):
            await correct(app, QUESTION, {"route": "please_specify", "citations": [right]})
        await correct(app, QUESTION, {"route": "not_in_documents", "text": "", "citations": []})


async def test_a_correction_that_means_an_older_version_counts(
    settings: Settings, library: Path, url: str
) -> None:
    old = "What may a hotel have cost under the rules of the year before?"
    for version, month, price in ((1, "March 2020", 90), (2, "May 2021", 140)):
        text = HOTELS.format(month=month, price=price)
        (library / f"hotel-rules-v{version}.md").write_text(text, encoding="utf-8")
    async with open_app(settings, url) as app:
        await ready(app)
        right = await citation(app, "older version of the hotel rules: price of a room 90 EUR")
        assert right["document"] == "hotel-rules-v1.md"
        await correct(app, old, {"route": "answer", "text": "90 EUR.", "citations": [right]})
        await improve(app)
        answer = (await ask(app, old))["output"]
        assert (answer["text"], answer["citations"]) == ("90 EUR.", [right])
        assert "hotel-rules-v1.md is superseded by hotel-rules-v2.md." in answer["notes"]


async def test_a_right_answer_of_a_folder_names_document_and_place(
    settings: Settings, library: Path, url: str
) -> None:
    examples = settings.usecases / "ask" / "examples"
    examples.mkdir()
    right = {"route": "answer", "citations": [{"document": "travel.md", "place": TRAINS}]}
    known = json.dumps({"input": {"question": QUESTION}, "output": right})
    (examples / "known.jsonl").write_text(known, encoding="utf-8")
    async with open_app(settings, url) as app:
        await ready(app)
        await app.database.fetch("UPDATE example SET purpose = 'learn'")
        await improve(app)
        [cited] = (await ask(app, QUESTION))["output"]["citations"]
        assert (cited["place"], cited["version"]) == (TRAINS, 1)


def answered(question: str, name: str = "exm_1") -> CorrectedAnswer:
    return CorrectedAnswer(
        id=name,
        question=question,
        text="",
        citations=(CorrectedPassage(document="a", place="", passage=""),),
    )


def words(text: str) -> list[str]:
    return text.lower().strip("?").split()


def near(known: str, asked: str) -> bool:
    asked_words = frozenset(words(asked))
    return bool(nearest([answered(known)], asked, asked_words, words, lambda _: "english"))


class TestNearlyTheSameQuestion:
    def test_has_four_of_five_terms_of_the_other(self) -> None:
        assert near("which leave do interns get", "which leave do trainees get")
        assert not near("which leave do interns get", "which leave have trainees")
        assert not near("leave", "which leave do interns get each year")

    def test_has_the_same_figures_and_names(self) -> None:
        assert not near("which leave do we get in 2023", "which leave do we get in 2024")
        assert not near("what did the firm Acme earn", "what did the firm Apex earn")
        assert near("What did the firm earn", "what did the firm earn")
        assert not near("does the rule apply to US staff", "does the rule apply to us staff")

    def test_has_the_same_question_word_and_denies_the_same(self) -> None:
        known = "how much may a firm pay for shoes of the staff"
        assert near(known, "for shoes of the staff how much may a firm pay")
        assert not near(known, "how many may a firm pay for shoes of the staff")
        assert not near(known, "how much may a firm not pay for shoes of the staff")

    def test_comes_in_the_order_of_likeness_then_age(self) -> None:
        known = [
            answered("which leave do interns get", "old"),
            answered("which leave do trainees get", "near"),
            answered("which leave do interns get", "new"),
        ]
        asked = "which leave do interns get"
        ranked = nearest(known, asked, frozenset(words(asked)), words, lambda _: "english")
        assert [(answer.id, exact) for answer, exact in ranked] == [
            ("new", True),
            ("old", True),
            ("near", False),
        ]

    @given(st.frozensets(st.text(max_size=3)), st.frozensets(st.text(max_size=3)))
    def test_likeness_is_a_share_that_is_the_same_both_ways(
        self, one: frozenset[str], other: frozenset[str]
    ) -> None:
        assert 0.0 <= likeness_of(one, other) == likeness_of(other, one) <= 1.0
        assert (likeness_of(one, other) == 1.0) == (one == other and bool(one))


class TestACorrectedAnswer:
    def test_is_read_as_it_was_written(self) -> None:
        cited = {"document": "a.md", "place": "p", "passage": "dov_1:2", "quote": "secret"}
        output = {"route": "answer", "text": "t", "citations": [cited]}
        written = corrected_answer("exm_1", {"q": "why"}, output, question="q")
        assert written is not None
        assert "secret" not in str(written)
        kept = read_corrected(written)
        assert kept.citations == (CorrectedPassage(document="a.md", place="p", passage="dov_1:2"),)
        assert (kept.id, kept.question, kept.text) == ("exm_1", "why", "t")

    @pytest.mark.parametrize(
        "output",
        [
            None,
            {"route": "not_in_documents", "citations": [{"document": "a"}]},
            {"route": "answer", "citations": []},
            {"route": "answer", "citations": "a"},
            {"route": "answer", "citations": [{"place": "p"}, 3]},
        ],
    )
    def test_needs_a_citation(self, output: dict[str, object] | None) -> None:
        assert corrected_answer("exm_1", {"q": "why"}, output, question="q") is None

    def test_needs_a_question(self) -> None:
        output = {"route": "answer", "citations": [{"document": "a"}]}
        assert corrected_answer("exm_1", {"q": 3}, output, question="q") is None

    def test_that_is_damaged_is_refused(self) -> None:
        declared = UseCase(
            "ask",
            purpose="Answer questions of the staff from documents",
            input=Question,
            output=DocumentAnswer,
            rollout=DIRECT,
            pod=Pod(domain_lead="a", engineer="a", data_specialist="a", risk_partner="a"),
            risk_limit=0.05,
        )
        with pytest.raises(PatchError):
            read(declared, [{"kind": "corrected_answers", "answers": [{"id": "exm_1"}]}])

    def test_names_a_passage_by_version_and_number(self) -> None:
        assert key_of("dov_01:12") == PassageKey(version_id="dov_01", ordinal=12)
        assert key_of("") is None
        assert key_of("dov_01:x") is None
