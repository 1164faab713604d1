"""Answers from documents without a model: through the whole product, with real files."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.decisions.decider_runner import without_library
from roadbed.kernel.clock import SystemClock
from roadbed.kernel.settings import Settings
from roadbed.knowledge.errors import NoLibraryError
from roadbed.models import DocumentAnswer, DocumentAnswers, Question
from roadbed.models.answers.passages import support_of
from roadbed.usecases import scaffold
from roadbed.usecases.decider import Context, Retrieved, RetrievedPassage, Task, Unsure
from roadbed.usecases.loader import load
from tests.browsing import browsing
from tests.conftest import Folders, serving

HANDBOOK = """# Travel

## Trains

Staff travel by train in second class. The firm pays for a seat.

## Hotels

A hotel may cost 120 EUR a night. Ask the office before you book a dearer one.
"""
SALARIES = "# Salaries\n\nThe salary of a senior engineer is 90,000 EUR. Nobody else may know it.\n"


class TestSupport:
    """The share of the question's words, and what the search by meaning adds to it."""

    @staticmethod
    def support(similarity: float | None, background: float | None, **passage_facts: Any) -> float:
        passage = RetrievedPassage(
            id="a",
            document="a",
            version=1,
            place="",
            part=0,
            text="a",
            score=1.0,
            similarity=similarity,
            **{"matched": ["leave"], **passage_facts},
        )
        terms = ["leave", "parent"]
        return support_of(
            Retrieved(
                question="leave of parents",
                documents=1,
                passages=[passage],
                terms=terms,
                weights=dict.fromkeys(terms, 1.0),
                background=background,
            )
        )

    def test_without_a_search_by_meaning_it_is_the_share_of_the_words(self) -> None:
        assert self.support(None, None) == self.support(0.9, None) == 0.5

    def test_a_nearer_passage_supports_more(self) -> None:
        supports = [self.support(similarity, 0.8) for similarity in (None, 0.8, 0.84, 0.9, 1.0)]
        assert supports == sorted(supports)
        assert supports[0] < 0.5 < supports[3]
        assert self.support(0.84, 0.8) == pytest.approx(0.5)

    def test_another_word_of_the_same_meaning_counts_half(self) -> None:
        assert self.support(None, None, related=["parent"]) == 0.75

    def test_a_passage_without_the_kind_that_is_asked_for_supports_less(self) -> None:
        assert self.support(None, None, has_kind=False) == pytest.approx(0.2)
        # Not even with all the words of the question it is an answer.
        whole = self.support(None, None, matched=["leave", "parent"], has_kind=False)
        assert whole < DocumentAnswers()._least_support

    def test_it_lies_between_0_and_1(self) -> None:
        assert 0.0 <= self.support(-1.0, 0.99) <= self.support(1.0, 0.0) == 1.0
        assert self.support(1.0, 1.0) == 0.5


@pytest.fixture
def library(folders: Folders, tmp_path: Path) -> Path:
    """The use case ``ask`` over a folder with two documents, one of them for a group."""
    documents = tmp_path / "documents"
    (documents / "board").mkdir(parents=True)
    (documents / "travel.md").write_text(HANDBOOK, encoding="utf-8")
    (documents / "board" / "salaries.md").write_text(SALARIES, encoding="utf-8")
    folder = folders.parent / "ask"
    scaffold.write_answers(folder, documents, person="ana")
    declared = (folder / "usecase.py").read_text(encoding="utf-8")
    inside = "Library(access={'board': 'board'}, "
    (folder / "usecase.py").write_text(declared.replace("Library(", inside, 1), encoding="utf-8")
    return documents


async def ingested(app: App) -> None:
    await app.libraries.ingestion.run(app.deployments.get("ask").loaded, by="ana")


async def ask(app: App, question: str, by: str = "ben") -> Mapping[str, Any]:
    """The decision on a question."""
    admission, running = await app.decisions.submit(
        "ask", {"question": question}, key=None, source={"surface": "http", "by": by}
    )
    assert running is not None
    await running
    row = await app.database.fetch_one(
        "SELECT output, reason, route, confidence FROM decision WHERE task_id = %(task)s",
        {"task": admission.task.id},
    )
    assert row is not None
    return row


async def output(app: App, question: str, by: str = "ben") -> Any:
    """What was decided: a receipt would hide what is judged blind."""
    decision = await ask(app, question, by)
    assert decision["output"] is not None, decision["reason"]
    return decision["output"]


@pytest.mark.parametrize("isolation", ["none", "process"])
async def test_a_question_is_answered_with_the_passage_and_its_place(
    settings: Settings, library: Path, url: str, isolation: str
) -> None:
    async with open_app(settings.model_copy(update={"isolation": isolation}), url) as app:
        await ingested(app)
        answer = await output(app, "How much may a hotel cost?")
        assert answer["route"] == "answer"
        first = answer["citations"][0]
        assert first["document"] == "travel.md"
        assert first["place"] == "Travel › Hotels"
        assert "120 EUR a night" in first["quote"]
        assert first["quote"] in answer["text"]
        # The citation stays valid when the document says something else.
        (library / "travel.md").write_text(HANDBOOK.replace("120", "150"), encoding="utf-8")
        await ingested(app)
        [document] = [
            one for one in await app.libraries.documents.documents("ask") if one.path == "travel.md"
        ]
        assert document.version == 2
        [old] = await app.libraries.documents.parts(document.id, first["version"])
        assert first["quote"] in old.text
        assert "150 EUR" in (await output(app, "How much may a hotel cost?"))["text"]


async def test_passages_of_a_group_are_for_its_members_alone(
    settings: Settings, library: Path, url: str
) -> None:
    async with open_app(settings, url) as app:
        await ingested(app)
        question = "What is the salary of a senior engineer?"
        await app.members.add("chi", by="test")
        declared = app.deployments.get("ask").loaded.declared.library
        assert declared is not None
        await app.libraries.access.add("ask", declared, "board", "chi", by="ana")
        assert "90,000 EUR" in (await output(app, question, by="chi"))["text"]
        other = await output(app, question, by="ben")
        assert other["route"] == "not_in_documents"
        assert "90,000" not in str(other)
        await app.libraries.access.remove("ask", "board", "chi", by="ana")
        assert (await output(app, question, by="chi"))["route"] == "not_in_documents"


async def test_what_no_passage_says_is_not_in_the_documents(
    settings: Settings, library: Path, url: str
) -> None:
    async with open_app(settings, url) as app:
        await ingested(app)
        answer = await output(app, "Which parental leave does the cafeteria offer on Sundays?")
        assert answer["route"] == "not_in_documents"
        assert answer["citations"] == []
        words = "No passage mentions: parental, leave, cafeteria, offer, Sundays"
        assert words in answer["text"]


async def test_a_passage_without_the_kind_of_thing_that_is_asked_for_is_no_answer(
    settings: Settings, library: Path, url: str
) -> None:
    (library / "travel.md").write_text(HANDBOOK.split("## Hotels")[0], encoding="utf-8")
    async with open_app(settings, url) as app:
        await ingested(app)
        assert (await output(app, "Who pays for a seat in the train?"))["route"] == "answer"
        priced = await output(app, "What does a seat in the train cost?")
        assert priced["route"] == "not_in_documents"
        assert "No passage about it has an amount of money." in priced["text"]


async def test_words_that_only_say_the_kind_need_not_stand_in_a_passage(
    settings: Settings, library: Path, url: str
) -> None:
    (library / "services.md").write_text(
        "# Services\n\nRepairs are completed within seven working days.\n\n"
        "# Contacts\n\nTravel desk: +49 30 1234 567, travel@example.com\n",
        encoding="utf-8",
    )
    asked = {
        "How long do repairs take?": "seven working days",
        "What is the phone number of the travel desk?": "1234 567",
        "Which e-mail address does the travel desk have?": "travel@example.com",
    }
    async with open_app(settings, url) as app:
        await ingested(app)
        answers = {question: await output(app, question) for question in asked}
    assert [answer["route"] for answer in answers.values()] == ["answer"] * 3
    for question, words in asked.items():
        assert words in answers[question]["text"]


async def test_the_name_of_a_document_is_no_support_for_what_it_does_not_say(
    settings: Settings, library: Path, url: str
) -> None:
    (library / "travel.md").rename(library / "travel-policy.md")
    (library / "canteen-rules.md").write_text("# Canteen\n\nLunch is served at noon.\n")
    async with open_app(settings, url) as app:
        await ingested(app)
        # Its words stand in each of its passages: they say nothing about this question.
        signed = await output(app, "When was the travel policy laminated?")
        assert signed["route"] == "not_in_documents"
        # Others may mention it: only the documents that the question names were searched.
        assert signed["text"].endswith("None of their passages mentions: laminated.")
        assert (await output(app, "What is the travel policy?"))["route"] == "answer"
        hotels = await output(app, "What does the travel policy say about hotels?")
        assert hotels["citations"][0]["place"] == "Travel › Hotels"


async def test_a_question_without_words_is_asked_back(
    settings: Settings, library: Path, url: str
) -> None:
    async with open_app(settings, url) as app:
        await ingested(app)
        for question in ("?!", "What is the of and"):
            assert (await output(app, question))["route"] == "please_specify"


async def test_of_a_question_in_another_language_nothing_is_certain(
    settings: Settings, library: Path, url: str
) -> None:
    async with open_app(settings, url) as app:
        await ingested(app)
        for question, is_certain in (
            ("Wie viel kostet eine Nacht?", False),
            ("¿Cuánto cuesta una noche?", False),
            ("Is there a nursery for toddlers?", True),
        ):
            decision = await ask(app, question)
            assert decision["output"]["route"] == "not_in_documents"
            assert (decision["confidence"] > 0.5) is is_certain
            assert ("in another language" not in decision["output"]["text"]) is is_certain


async def test_a_question_that_names_nothing_is_asked_back(
    settings: Settings, library: Path, url: str
) -> None:
    async with open_app(settings, url) as app:
        await ingested(app)
        for question in ("May I do that?", "Who decides it?"):
            assert (await output(app, question))["route"] == "please_specify", question
        assert (await output(app, "Who is the CEO?"))["route"] == "not_in_documents"


async def test_two_questions_that_no_passage_answers_together_are_asked_one_by_one(
    settings: Settings, library: Path, url: str
) -> None:
    async with open_app(settings, url) as app:
        await ingested(app)
        asked = await output(
            app, "What does the canteen of the harbour serve, and how much may a hotel cost?"
        )
        assert (asked["route"], asked["text"]) == (
            "please_specify",
            "These are two questions. Ask one at a time.",
        )
        together = "How do staff travel by train and who pays for a seat?"
        assert (await output(app, together))["route"] == "answer"


def test_a_question_is_not_blank() -> None:
    with pytest.raises(ValidationError, match="The question is empty"):
        Question(question=" \n")


async def test_an_answer_that_cites_a_right_place_is_right_whatever_its_words_are(
    settings: Settings, library: Path, url: str
) -> None:
    async with open_app(settings, url) as app:
        await ingested(app)
        declared = app.deployments.get("ask").loaded.declared
        answer = await output(app, "How much may a hotel cost?")
        [right] = [one for one in answer["citations"] if one["place"] == "Travel › Hotels"]
        wrong = {**right, "place": "Travel › Trains"}
        score = declared.scorer.score(answer, {**answer, "text": "x", "citations": [right]}, {})
        assert score.loss == 0.0
        given = {**answer, "citations": [right]}
        assert declared.scorer.score(given, {**answer, "citations": [wrong]}, {}).loss == 1.0


async def test_without_documents_nothing_is_answered(
    settings: Settings, library: Path, url: str
) -> None:
    async with open_app(settings, url) as app:  # nothing was ingested
        decision = await ask(app, "How much may a hotel cost?")
        assert (decision["output"], decision["route"]) == (None, "review")
        assert "there is no document to search" in decision["reason"]


async def test_an_index_that_is_damaged_is_built_anew(
    settings: Settings, library: Path, url: str
) -> None:
    async with open_app(settings, url) as app:
        await ingested(app)
        await output(app, "How much may a hotel cost?")
        damage(Path(f"{settings.home}-indexes"))
    async with open_app(settings, url) as app:
        answer = await output(app, "How much may a hotel cost?")
        assert "120 EUR a night" in answer["text"]


async def test_a_search_that_fails_sends_the_question_to_a_person(
    settings: Settings, library: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise NoLibraryError("ask")

    async with open_app(settings, url) as app:
        await ingested(app)
        monkeypatch.setattr(app.libraries.retrieval, "search", broken)
        decision = await ask(app, "How much may a hotel cost?")
        assert decision["route"] == "review"
        assert decision["reason"].startswith("The library cannot be searched: The use case ask")


async def test_a_search_that_takes_too_long_is_a_decision_that_took_too_long(
    settings: Settings, library: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    declared = settings.usecases / "ask" / "usecase.py"
    text = declared.read_text(encoding="utf-8")
    quick = text.replace("    risk_limit=", "    deadline_seconds=0.2,\n    risk_limit=", 1)
    declared.write_text(quick, encoding="utf-8")
    async with open_app(settings, url) as app:
        await ingested(app)
        monkeypatch.setattr(app.libraries.retrieval, "search", slow)
        decision = await ask(app, "How much may a hotel cost?")
        assert decision["route"] == "review"
        assert "did not answer within 0.2 s" in decision["reason"]


async def test_a_decider_that_is_asked_without_a_library_gets_nothing(app: App) -> None:
    """Evaluations outside the product, such as those of prompts, have no library."""
    declared = app.deployments.get("triage").loaded.declared
    admission, running = await app.decisions.submit(
        "triage", {"text": "a"}, key=None, source={"by": "ben"}
    )
    assert running is not None
    await running
    assert await without_library(declared, admission.task) is None


async def test_documents_are_no_behaviour_only_where_a_library_searches_them(
    settings: Settings, library: Path, folders: Folders
) -> None:
    """A released version is what was signed: code may read any other folder of that name."""
    inside = folders.write(name="inside") / "documents"
    inside.mkdir()
    (inside / "prices.csv").write_text("a,b", encoding="utf-8")
    assert "documents/prices.csv" in load(inside.parent).files
    declared = inside.parent / "usecase.py"
    text = declared.read_text(encoding="utf-8")
    begun = "from roadbed import Library\n" + text.replace(
        "usecase = UseCase(", "usecase = UseCase(library=Library(question='text'), name=", 1
    )
    declared.write_text(begun, encoding="utf-8")
    assert set(load(inside.parent).files) == {"usecase.py"}


async def test_files_that_only_a_search_finds_damaged_are_built_anew(
    settings: Settings, library: Path, url: str
) -> None:
    async with open_app(settings, url) as app:
        await ingested(app)
        await output(app, "How much may a hotel cost?")
        [index] = app.libraries.indexes._indexes.values()
        search = index.search
        calls = []

        def broken(*asked: Any, **more: Any) -> Any:
            calls.append(asked)
            if len(calls) == 1:
                raise ValueError("Data corrupted")
            return search(*asked, **more)

        index.search = broken  # type: ignore[method-assign]
        answer = await output(app, "What may a hotel cost?")
        assert "120 EUR a night" in answer["text"]
        assert len(calls) == 2


async def test_a_reviewer_reads_an_answer_as_its_text_and_where_it_stands(
    settings: Settings, library: Path, url: str
) -> None:
    async with serving(settings, url) as site:
        await ingested(site.app)
        await ask(site.app, "How much may a hotel cost?", by="chi")
        await site.app.database.fetch("UPDATE task SET reference = false")
        await site.app.database.fetch("UPDATE review SET blind = false")
        async with browsing(site, "reviewer") as browser:
            receipts = (await browser.get("/receipts")).text
            [task] = set(re.findall(r"/receipts/(tsk_[0-9a-f]+)", receipts))
            review = (await browser.post("/usecases/ask/reviews/next")).text
            receipt = (await browser.get(f"/receipts/{task}")).text
        for text in (review, receipt):
            assert "A hotel may cost 120 EUR a night." in text
            assert "Travel › Hotels" in text
            assert "/usecases/ask/documents/passage?id=dov_" in text
            assert "&#34;quote&#34;" not in text  # it is no JSON


def damage(indexes: Path) -> None:
    """Overwrite the files of every index."""
    for file in indexes.rglob("*"):
        if file.is_file() and {"passages", "pages"} & {*file.parts}:
            file.write_bytes(b"rubbish")


class TestTheDecider:
    def test_refuses_models_without_its_fields(self) -> None:
        class Other(BaseModel):
            text: str

        with pytest.raises(ValueError, match="Other has no field 'question'"):
            DocumentAnswers().bind(Other, DocumentAnswer)
        with pytest.raises(ValueError, match="Other has no field 'route'"):
            DocumentAnswers().bind(Question, Other)
        with pytest.raises(ValueError, match="most is 1 to 20"):
            DocumentAnswers(most=0)

    def test_without_a_library_is_unsure(self) -> None:
        task = Task(id="t", usecase="ask", key=None, admitted_at=SystemClock().now())
        given = DocumentAnswers()(Question(question="a"), Context(task=task, deadline_seconds=1.0))
        assert isinstance(given, Unsure)
        assert "no library" in given.reason


async def test_a_name_in_a_row_of_a_list_is_not_missing(
    settings: Settings, library: Path, url: str
) -> None:
    letter = "# Letter {number}\n\nBrook Ltd.\n\nThe office answers letter {number} about desks."
    for number in range(150):
        text = letter.format(number=number)
        (library / f"letter-{number}.md").write_text(text, encoding="utf-8")
    table = "| supplier | contract ends |\n|---|---|\n| Helmsman | 2031-03-31 |\n"
    (library / "suppliers.md").write_text(f"# Suppliers\n\nBrook Ltd.\n\n{table}", encoding="utf-8")
    async with open_app(settings, url) as app:
        await ingested(app)
        answer = await output(app, "When ends the contract with Helmsman?")
        assert answer["route"] == "answer"
        assert answer["citations"][0]["document"] == "suppliers.md"
        other = await output(app, "What do the wages of Helmsman cost?")
        assert (other["route"], other["citations"]) == ("not_in_documents", [])
        assert "Helmsman" in other["text"]
