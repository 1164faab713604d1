"""The library of the demo: its documents can be read, and its questions have right places."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from roadbed.demo.documents import documents_stream, library_stream
from roadbed.demo.errors import DemoDataError
from roadbed.demo.library import questions
from roadbed.demo.library.questions import (
    DOCUMENTS,
    generate,
    of_prices,
    read_passages,
    right_output,
    written,
)
from roadbed.demo.use_cases import TRIAGE, DemoUseCase, asking
from roadbed.knowledge.errors import DocumentUnreadableError
from roadbed.knowledge.model import Passage
from roadbed.knowledge.reading.process import DocumentReader
from roadbed.usecases.loader import load
from tests.demo_library.contents import documents

SCAN = "notice-test-bench-3.pdf"


@pytest.fixture(scope="module")
async def library() -> Mapping[str, Sequence[Passage]]:
    return await read_passages(DOCUMENTS)


class TestDocuments:
    def test_are_those_that_the_script_writes(self) -> None:
        made = documents()
        stored = {
            file.relative_to(DOCUMENTS).as_posix(): file.read_bytes()
            for file in DOCUMENTS.rglob("*")
            if file.is_file()
        }
        assert made.keys() == stored.keys()
        # pdfium draws the scan, and another version may draw a letter differently.
        assert [path for path in made if made[path] != stored[path]] in ([], [SCAN])
        assert sum(map(len, stored.values())) < 1_000_000

    async def test_can_be_read_but_for_the_scan(
        self, library: Mapping[str, Sequence[Passage]]
    ) -> None:
        assert [path for path, passages in library.items() if not passages] == [SCAN]
        async with DocumentReader() as reader:
            with pytest.raises(DocumentUnreadableError) as caught:
                await reader.read_file(DOCUMENTS / SCAN)
            assert caught.value.reason == "scan"
            for path in library:
                if path != SCAN:
                    extraction = await reader.read_file(DOCUMENTS / path)
                    assert extraction.findings == (), path
                    assert extraction.doubtful == (), path

    async def test_say_that_the_company_is_made_up(
        self, library: Mapping[str, Sequence[Passage]]
    ) -> None:
        for path, passages in library.items():
            text = " ".join(passage.text for passage in passages)
            assert "made up" in text or "made-up" in text or path == SCAN, path
        assert "made-up company" in questions.NOTICE

    async def test_have_slides_with_notes_sheets_and_an_attachment(
        self, library: Mapping[str, Sequence[Passage]]
    ) -> None:
        labels = [passage.place.label for passages in library.values() for passage in passages]
        for start in ("notes of slide 7", "sheet Services", "page 3", "offer-2026-118.md"):
            assert any(label.startswith(start) for label in labels), start
        prices = " ".join(passage.text for passage in library["price-list.xlsx"])
        assert "007 | Rill 25 oxygen meter" in prices


class TestQuestions:
    def test_are_answerable_missing_and_unclear(self) -> None:
        kinds = Counter(item.kind for item in written())
        assert kinds["answer"] >= 40
        assert kinds["not_in_documents"] >= 12
        assert kinds["please_specify"] >= 6

    def test_have_each_text_and_each_id_once(self) -> None:
        items = [*written(), *of_prices()]
        texts = Counter(text for item in items for text in item.questions)
        assert [text for text, count in texts.items() if count > 1] == []
        assert len({item.id for item in items}) == len(items)

    async def test_have_places_that_exist_and_hold_the_answer(
        self, library: Mapping[str, Sequence[Passage]]
    ) -> None:
        for item in [*written(), *of_prices()]:
            output = right_output(item, library)
            assert output.route == item.kind
            assert len(output.citations) == len(item.places), item.id
            assert bool(output.citations) == (item.kind == "answer"), item.id

    async def test_without_an_answer_are_answered_nowhere(
        self, library: Mapping[str, Sequence[Passage]]
    ) -> None:
        text = " ".join(passage.text for passages in library.values() for passage in passages)
        for word in (
            "canteen",
            "dog",
            "stock option",
            "drone",
            "bench 2",
            "099",
            "trade union",
            "17025",
        ):
            assert word not in text, word

    def test_arrive_in_many_wordings_and_the_same_each_time(self) -> None:
        asked = generate(1_000)
        assert asked == generate(1_000)
        assert len({text for text, _ in asked}) == 1_000
        kinds = Counter(item.kind for _, item in asked)
        assert 700 < kinds["answer"] < 900
        assert kinds["please_specify"] > 10
        assert all(text.strip() for text, _ in asked)


class TestStream:
    @pytest.mark.parametrize(
        "use_case", [TRIAGE, asking(DOCUMENTS, lambda _: {})], ids=lambda use_case: use_case.name
    )
    def test_knows_what_its_use_case_declares(self, use_case: DemoUseCase, tmp_path: Path) -> None:
        folder = tmp_path / use_case.name
        shutil.copytree(use_case.folder, folder)
        declared = load(folder).declared
        assert declared.name == use_case.name
        assert (declared.risk_limit, declared.certainty) == (use_case.limit, use_case.certainty)
        assert use_case.field in declared.input.model_fields
        assert bool(declared.destinations) == use_case.delivers
        assert (declared.trainable is not None) == use_case.trained

    def test_of_the_library_has_rounds_and_right_outputs(self) -> None:
        stream = library_stream(2)
        assert [len(part) for part in stream.rounds] == [250, 250]
        label = next(label for _, label in stream.seed if label == "annual-leave")
        right = stream.use_case.output(label)
        assert right is not None
        assert right["citations"][0]["place"] == "Leave › Annual leave"
        assert stream.use_case.is_right(right, label)
        assert not stream.use_case.is_right({"route": "answer", "citations": []}, label)
        assert not stream.use_case.is_right(right, None)
        assert TRIAGE.is_right({"queue": "returns"}, "returns")

    def test_of_documents_that_are_not_there_says_where_they_should_be(
        self, tmp_path: Path
    ) -> None:
        with pytest.raises(DemoDataError) as caught:
            documents_stream(tmp_path)
        assert str(tmp_path / "a-documents") in str(caught.value)
        (tmp_path / "a-documents").mkdir()
        stream = documents_stream(tmp_path)
        assert len(stream.shown) == 12
        assert stream.use_case.documents == tmp_path / "a-documents"
