"""The demo's imitated language model: its protocol, and what it says to passages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from roadbed.demo import checks, imitated_model
from roadbed.demo.checks import SentenceChecks, dropped_lines
from roadbed.demo.errors import DemoModelError
from roadbed.demo.imitated_model import INVENTS_ONE_IN, PATH, ShownPassage, invention, reply
from roadbed.demo.library.questions import DOCUMENTS
from roadbed.demo.stage import NO_MODEL
from roadbed.demo.use_cases import TRIAGE, asking
from roadbed.models import DocumentAnswer, PromptedAnswers, Question
from roadbed.models.answers import replies
from roadbed.usecases.decider import Answer, Context, Retrieved, RetrievedPassage, Task, Unsure

HOTELS = ShownPassage(
    number=1,
    document="travel.pdf",
    place="page 2 › Hotels",
    text="Hotels\n\nA hotel night may cost up to EUR 145, breakfast included.",
)
PRICES = ShownPassage(
    number=2,
    document="prices.xlsx",
    place="sheet Products, rows 1-2",
    text="No. | Product | Price EUR\n001 | pH meter | 420\n007 | Rill 25 oxygen meter | 980",
)
PASSAGES = [HOTELS, PRICES]


def asked(kind: int) -> str:
    """A question about hotels for which the model does this."""
    wordings = ("What may a hotel night cost" + "?" * count for count in range(1, 2_000))
    return next(text for text in wordings if invention(text) == kind)


HONEST = asked(INVENTS_ONE_IN - 1)


def sentences(question: str) -> Sequence[Mapping[str, Any]]:
    tool, arguments = reply(question, PASSAGES)
    assert tool == "answer"
    result: Sequence[Mapping[str, Any]] = arguments["sentences"]
    return result


class TestReply:
    def test_is_the_sentence_that_has_most_words_of_the_question(self) -> None:
        [only] = sentences(HONEST)
        assert only == {
            "text": "A hotel night may cost up to EUR 145, breakfast included.",
            "passages": [1],
            "quotes": ["A hotel night may cost up to EUR 145, breakfast included."],
        }

    def test_names_the_columns_of_a_row_and_quotes_the_row(self) -> None:
        best = sentences("Quick question: price Rill 25 oxygen meter, please")[0]
        assert best["text"].startswith("No.: 007, Product: Rill 25 oxygen meter, Price EUR: 9")
        assert best["passages"] == [2]
        assert best["quotes"] == ["007 | Rill 25 oxygen meter | 980"]

    def test_is_the_same_for_the_same_question(self) -> None:
        for kind in range(4):
            assert sentences(asked(kind)) == sentences(asked(kind))

    def test_says_that_no_passage_answers(self) -> None:
        tool, arguments = reply("Where do whales sleep in winter?", PASSAGES)
        assert (tool, arguments) == (
            "not_in_documents",
            {"text": "No passage says anything about this."},
        )
        assert reply("Where do whales sleep?", [])[0] == "not_in_documents"

    def test_asks_back_where_nothing_is_named(self) -> None:
        assert reply("??? Thanks!", PASSAGES)[0] == "please_specify"

    def test_is_unsure_of_passages_without_a_sentence(self) -> None:
        heading = ShownPassage(number=1, document="a.md", place="Hotel night", text="Hotel night")
        assert reply("hotel night", [heading])[0] == "unsure"


class TestInvention:
    def test_is_chosen_for_a_few_of_all_questions(self) -> None:
        kinds = [invention(f"Question {number}?") for number in range(2_400)]
        for kind in range(3):
            assert 50 < kinds.count(kind) < 150

    def test_a_figure_that_no_passage_has(self) -> None:
        honest, invented = sentences(asked(0))
        assert honest["text"].startswith("A hotel night may cost up to EUR 145")
        assert invented["text"] == "In practice about 37 days are usual."

    def test_a_sentence_that_no_passage_supports(self) -> None:
        assert len(sentences(asked(1))) == 2

    def test_another_figure_in_the_sentence_that_answers(self) -> None:
        [only] = sentences(asked(2))
        assert "EUR 146" in only["text"]


def decided(question: str) -> Answer[Any] | Unsure:
    """The decision of ``PromptedAnswers`` with the imitated model, over its real protocol."""
    decider = PromptedAnswers(
        "answer.md",
        model="openai:imitation",
        base_url="http://imitation.example/v1",
        samples=1,
        environment={},
        transport=httpx2.ASGITransport(app=imitated_model.app),
    ).bind(Question, DocumentAnswer)
    passages = [
        RetrievedPassage(
            id=f"p{one.number}",
            document=one.document,
            version=1,
            place=one.place,
            part=0,
            text=one.text,
            score=0.9,
            matched=("hotel", "night"),
        )
        for one in PASSAGES
    ]
    retrieved = Retrieved(
        question=question,
        documents=2,
        passages=passages,
        terms=("hotel", "night"),
        weights={"hotel": 1.0, "night": 1.0},
    )
    context = Context(
        task=Task(id="tsk_1", usecase="ask", key=None, admitted_at=datetime.now(UTC)),
        deadline_seconds=60,
        prompts={"answer.md": "You answer {question}."},
        retrieved=retrieved,
    )
    return asyncio.run(decider(Question(question=question), context))


class TestProtocol:
    def test_an_answer_is_used_with_its_citation(self) -> None:
        answer = decided(HONEST)
        assert isinstance(answer, Answer)
        assert answer.output.text == "A hotel night may cost up to EUR 145, breakfast included. [1]"
        assert answer.output.citations[0].document == "travel.pdf"
        assert answer.evidence["tokens"]["complete"] is True  # type: ignore[index,call-overload]

    @pytest.mark.parametrize(
        ("kind", "reason"),
        [(0, "a number stands in no cited passage: 37"), (1, "too few of its words")],
    )
    def test_what_is_invented_is_dropped(self, kind: int, reason: str) -> None:
        answer = decided(asked(kind))
        assert isinstance(answer, Answer)
        assert answer.output.text == "A hotel night may cost up to EUR 145, breakfast included. [1]"
        [line] = dropped_lines({"evidence": answer.evidence})
        assert reason in line

    def test_an_answer_with_another_figure_is_not_used(self) -> None:
        answer = decided(asked(2))
        assert isinstance(answer, Unsure)
        assert "a number stands in no cited passage: 146" in answer.reason
        counts = SentenceChecks()
        counts.count({"evidence": answer.evidence})
        assert (counts.answers, counts.sentences, counts.refused) == (1, 1, 1)

    def test_nothing_in_the_documents_is_said(self) -> None:
        answer = decided("Where do whales sleep in winter?")
        assert isinstance(answer, Answer)
        assert answer.output.route == "not_in_documents"

    @pytest.mark.parametrize(
        ("method", "path", "body", "status"),
        [
            ("GET", PATH, b"", 404),
            ("POST", "/v1/models", b"{}", 404),
            ("POST", PATH, b"{", 400),
            ("POST", PATH, b"[]", 400),
            ("POST", PATH, b'{"model": "m", "messages": [], "tools": []}', 400),
        ],
    )
    def test_other_requests_are_refused(
        self, method: str, path: str, body: bytes, status: int
    ) -> None:
        response = asyncio.run(sent(method, path, body))
        assert response.status_code == status
        assert response.json()["error"]["message"]

    def test_a_tool_that_is_not_offered_is_not_called(self) -> None:
        user = replies.message("Where do whales sleep in winter?", [], [])
        tools = [{"type": "function", "function": {"name": "answer"}}]
        body = {"model": "m", "messages": [{"role": "user", "content": user}], "tools": tools}
        response = asyncio.run(sent("POST", PATH, json.dumps(body).encode()))
        assert response.status_code == 400


async def sent(method: str, path: str, body: bytes) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=imitated_model.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://imitation") as client:
        return await client.request(method, path, content=body)


class TestChecks:
    def test_counts_what_was_dropped_by_the_reason(self) -> None:
        counts = SentenceChecks()
        counts.count({"evidence": None})
        number = "a number stands in no cited passage"
        sentences = [
            {"sentence": "One."},
            {"sentence": "37.", "dropped": f"{number}: 37"},
            {"sentence": "38.", "dropped": f"{number}: 38"},
        ]
        counts.count({"evidence": {"model": "openai:imitation", "sentences": sentences}})
        assert counts.told().startswith(
            "The model replied to 1 question; 1 needed no model. The checks dropped 2 of its 3 "
            f"sentences ({number}: 2)."
        )

    def test_the_extra_that_is_missing_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        checks.require_language_models()
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
        with pytest.raises(DemoModelError) as error:
            checks.require_language_models()
        assert "make llm" in error.value.remedy


def test_the_demo_finds_where_to_write_the_address() -> None:
    folder = asking(DOCUMENTS, TRIAGE.right, prompted=True).folder
    assert (folder / "usecase.py").read_text(encoding="utf-8").count(NO_MODEL) == 1
    assert (folder / "prompts" / "answer.md").is_file()
