"""The vocabulary: other words of the same meaning, and what a search finds with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from importlib.resources import files
from pathlib import Path

import pytest

from roadbed.kernel.settings import Settings
from roadbed.knowledge.index import LibraryIndex
from roadbed.knowledge.vocabulary import KnownPhrase, SearchVocabulary
from roadbed.usecases.library import LANGUAGES
from tests.libraries import NAME, Shelf
from tests.libraries import shelf as opened

NAMES = ("english", "german", "spanish", "french")


def words(text: str) -> list[str]:
    return text.lower().split()


class TestSearchVocabulary:
    known = SearchVocabulary(
        {("revenue",): [("net", "sales")], ("cost", "of", "revenue"): [("cogs",)]}
    )

    def test_each_known_phrase_gives_its_others(self) -> None:
        assert self.known.alternatives(["total", "revenue"]) == [
            KnownPhrase(("revenue",), [("net", "sales")])
        ]

    def test_a_longer_phrase_hides_a_shorter_one(self) -> None:
        assert self.known.alternatives(words("the cost of revenue")) == [
            KnownPhrase(("cost", "of", "revenue"), [("cogs",)])
        ]

    def test_unknown_words_give_nothing(self) -> None:
        assert self.known.alternatives(["bicycle"]) == []
        assert SearchVocabulary.of("klingon", words).alternatives(["revenue"]) == []

    @pytest.mark.parametrize("language", NAMES)
    def test_each_file_is_a_list_of_groups(self, language: str) -> None:
        assert language in LANGUAGES
        text = files("roadbed.knowledge.vocabulary").joinpath(f"{language}.txt").read_text("utf-8")
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        phrases = [[phrase.strip() for phrase in line.split(" = ")] for line in lines]
        assert all(len(group) > 1 and all(group) for group in phrases)
        repeated = [group for group in phrases if max(Counter(group).values()) > 1]
        assert repeated == []

    @pytest.mark.parametrize(
        ("language", "asked", "other"),
        [
            ("english", "What was the revenue?", "net sales"),
            ("english", "What does R&D cost?", "research and development"),
            ("english", "Headcounts in Europe", "employees"),
            ("german", "Wie viel Urlaub gibt es?", "Ferien"),
            ("spanish", "¿Cuántos empleados hay?", "plantilla"),
            ("french", "Quel est le préavis ?", "délai de préavis"),
        ],
    )
    def test_word_endings_do_not_matter(
        self, tmp_path: Path, language: str, asked: str, other: str
    ) -> None:
        index = LibraryIndex(tmp_path, language)
        phrase = tuple(index.terms(other))
        assert any(phrase in known.others for known in index.related(asked))


@pytest.fixture
async def shelf(settings: Settings, url: str) -> AsyncIterator[Shelf]:
    async with opened(settings, url) as made:
        made.write(
            {
                "pay.txt": "The headcount was 120 in May.",
                "rooms.txt": "The staff room is on the first floor.",
                "trips.txt": "Net sales of trips were 10 in May.",
                "sales.txt": "A net protects the garden. There is a sale of apples.",
            }
        )
        await made.ingest()
        yield made


class TestSearch:
    async def test_other_words_find_a_passage_that_has_none_of_the_question(
        self, shelf: Shelf
    ) -> None:
        assert sorted(await shelf.paths("turnover")) == ["sales.txt", "trips.txt"]

    async def test_the_words_of_the_question_come_first(self, shelf: Shelf) -> None:
        assert (await shelf.paths("headcount"))[0] == "pay.txt"
        assert "rooms.txt" in await shelf.paths("headcount")

    async def test_it_can_be_left_out(self, shelf: Shelf) -> None:
        await shelf.app.libraries.indexes.caught_up(NAME, "english")
        search = partial(LibraryIndex.search, question="turnover", groups=(), most=9, related=False)
        assert await shelf.app.libraries.indexes.ask(NAME, "english", search) == []
