"""The search index of a library: always what the database says, whatever happened to its files."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from roadbed.kernel.settings import Settings
from roadbed.knowledge import index as indexing
from roadbed.knowledge.index import LibraryIndex, LibraryIndexes
from roadbed.storage.folders import indexes_folder
from tests.libraries import NAME, Shelf
from tests.libraries import shelf as opened

FILES = {
    "leave.md": "# Leave\n\nEverybody has thirty days of leave in a year.\n",
    "parents.md": "# Parents\n\nParental leave lasts sixteen weeks and is paid in full.\n",
    "pay/table.txt": "Salaries are paid on the last working day.\n",
}
QUESTIONS = ("thirty days", "parental leave weeks", "salaries", "paid", "leave", "table")


@pytest.fixture
async def shelf(settings: Settings, url: str) -> AsyncIterator[Shelf]:
    async with opened(settings, url) as made:
        made.write(FILES)
        await made.ingest()
        yield made


@pytest.fixture
def folder(settings: Settings) -> Path:
    return indexes_folder(settings) / NAME / f"{indexing.FORM}-english"


def answers(index: LibraryIndex) -> Sequence[Sequence[tuple[str, int, float]]]:
    """Document, passage and score of every hit, without those of equal scores in another order."""
    return [
        sorted(
            (hit.document_id, hit.key.ordinal, round(hit.score, 4))
            for hit in index.search(question, groups=(), most=100)
        )
        for question in QUESTIONS
    ]


async def current(shelf: Shelf) -> LibraryIndex:
    return await shelf.app.libraries.indexes.caught_up(NAME, "english")


class TestCatchingUp:
    async def test_after_changes_it_finds_what_one_built_anew_finds(
        self, shelf: Shelf, tmp_path: Path
    ) -> None:
        await current(shelf)
        shelf.write({"leave.md": "# Leave\n\nForty days of leave.\n", "new.txt": "Paid tables."})
        (shelf.folder / "parents.md").unlink()
        await shelf.ingest()
        caught_up = answers(await current(shelf))
        other = LibraryIndexes(shelf.app.database, tmp_path / "other")
        anew = answers(await other.caught_up(NAME, "english"))
        keys = [[hit[:2] for hit in hits] for hits in caught_up]
        assert keys == [[hit[:2] for hit in hits] for hits in anew]
        assert any(keys)
        rebuilt = await shelf.app.libraries.indexes.rebuild(NAME, "english")
        assert answers(rebuilt) == anew

    async def test_more_changes_than_one_commit_takes(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(indexing, "_AT_ONCE", 2)
        index = await current(shelf)
        assert index.passages == 3
        assert index.marker[0] == 3

    async def test_a_crash_before_the_marker_doubles_nothing(
        self, shelf: Shelf, folder: Path
    ) -> None:
        first = await current(shelf)
        before = answers(first)
        (folder / "marker.json").unlink()
        again = await LibraryIndexes(shelf.app.database, folder.parents[1]).caught_up(
            NAME, "english"
        )
        assert again.passages == 3
        assert answers(again) == before

    @pytest.mark.parametrize("harm", ["deleted", "damaged", "half", "marker"])
    async def test_harm_to_its_files_is_mended(self, shelf: Shelf, folder: Path, harm: str) -> None:
        before = answers(await current(shelf))
        if harm == "deleted":
            shutil.rmtree(folder)
        elif harm == "damaged":
            (folder / "passages" / "meta.json").write_text("{")
        elif harm == "half":
            shutil.rmtree(folder / "passages")
            (folder / "passages").mkdir()
            (folder / "passages" / "meta.json").write_text("")
        else:
            (folder / "marker.json").write_text('{"number": "?"}')
        for indexes in (
            LibraryIndexes(shelf.app.database, folder.parents[1]),
            shelf.app.libraries.indexes,
        ):
            assert answers(await indexes.caught_up(NAME, "english")) == before

    async def test_a_marker_of_another_database_builds_it_anew(
        self, shelf: Shelf, folder: Path
    ) -> None:
        """A restored copy numbers its changes again, with tokens of its own."""
        await current(shelf)
        shelf.write({"later.txt": "A later document about bicycles."})
        await shelf.ingest()
        assert await shelf.paths("bicycles") == ["later.txt"]
        await shelf.app.database.fetch("DELETE FROM document_change WHERE number = 4 RETURNING 1")
        await shelf.app.database.fetch(
            "INSERT INTO document_change (number, use_case, document_id) OVERRIDING SYSTEM VALUE "
            "SELECT 4, use_case, id FROM document WHERE path = 'leave.md' RETURNING 1"
        )
        index = await current(shelf)
        assert index.passages == 3  # the later document has no change in this history
        assert "later.txt" not in await shelf.paths("bicycles")

    async def test_an_index_of_an_earlier_release_is_removed(
        self, shelf: Shelf, folder: Path
    ) -> None:
        older, other = folder.parent / "1-english", folder.parent / "notes"
        for kept in (older, other):
            kept.mkdir(parents=True)
            (kept / "text").write_text("Everybody has thirty days of leave.")
        await current(shelf)
        assert (older.exists(), other.exists()) == (False, True)

    async def test_without_any_change_it_holds_nothing(self, shelf: Shelf, folder: Path) -> None:
        await current(shelf)
        await shelf.app.database.fetch("DELETE FROM document_change RETURNING 1")
        index = await current(shelf)
        assert (index.passages, index.marker) == (0, (0, ""))
        assert index.search("leave", groups=(), most=10) == []

    async def test_two_at_once_and_one_process_that_looks_on(
        self, shelf: Shelf, folder: Path
    ) -> None:
        others = [LibraryIndexes(shelf.app.database, folder.parents[1]) for _ in range(3)]
        indexes = await asyncio.gather(
            *(other.caught_up(NAME, "english") for other in others), current(shelf)
        )
        assert {index.passages for index in indexes} == {3}
        await others[0].rebuild(NAME, "english")
        assert {tuple(map(tuple, answers(index))) for index in indexes} == {
            tuple(map(tuple, answers(indexes[0])))
        }
        held = indexes[0].lock()
        assert held is not None
        assert indexes[1].lock() is None
        shelf.write({"new.txt": "Bicycles."})
        await shelf.ingest()
        waiting = asyncio.create_task(current(shelf))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        indexes[0].unlock(held)
        assert (await waiting).passages == 4


class TestQuestions:
    @pytest.mark.parametrize(
        "question",
        [
            "leave AND NOT days",
            "text:leave",
            "leave OR group:*",
            '"days leave"~2',
            "leave -days",
            "R&D: leave?",
            "(leave",
            "leave^1000 [a TO z]",
            "LEAVE",
            "léave",
        ],
    )
    async def test_a_question_is_words_and_never_syntax(self, shelf: Shelf, question: str) -> None:
        assert "leave.md" in await shelf.paths(question)

    @pytest.mark.parametrize("question", ["", "   ", "?!… — *", "\x00", "zebra"])
    async def test_without_a_known_word_there_is_no_match(
        self, shelf: Shelf, question: str
    ) -> None:
        assert await shelf.paths(question) == []

    async def test_a_long_question_is_cut(self, shelf: Shelf) -> None:
        question = "leave " + " ".join(f"word{number}" for number in range(7_000))
        assert len(question) > 50_000
        assert len((await current(shelf)).terms(question)) == indexing.MOST_TERMS
        assert "leave.md" in await shelf.paths(question)
        assert await shelf.paths("x" * 50_000) == []

    async def test_words_of_the_title_and_the_heading_count(self, shelf: Shelf) -> None:
        assert await shelf.paths("table") == ["pay/table.txt"]
        assert (await shelf.paths("parents"))[0] == "parents.md"

    async def test_only_function_words_find_what_has_them(self, shelf: Shelf) -> None:
        assert (await current(shelf)).terms("the") == ["the"]
        assert await shelf.paths("on the") == ["pay/table.txt"]

    async def test_a_search_within_no_document_finds_nothing(self, shelf: Shelf) -> None:
        index = await current(shelf)
        assert index.search("leave", groups=(), most=10, documents=[]) == []
        assert index.pages("leave", groups=(), most=10, documents=[]) == []

    async def test_a_page_is_found_by_what_stands_anywhere_on_it(self, shelf: Shelf) -> None:
        filler = "Nothing of the sort. " * 40
        shelf.write(
            {
                "long.md": f"Kites may fly at noon. {filler}The fee is due at once.",
                "other.md": f"Boats may sail at noon. {filler}The fee is due at once.",
            }
        )
        await shelf.ingest()
        index = await current(shelf)
        [page, *_] = index.pages("kites fee", groups=(), most=10)
        keys = {hit.key for hit in index.search("kites fee", groups=(), most=10)}
        of_page = {key for key in keys if key.version_id == page[0]}
        assert (page[1], len(of_page)) == (0, 2)
        assert len(index.pages("fee", groups=(), most=10)) == 2
        (shelf.folder / "long.md").unlink()
        await shelf.ingest()
        assert len((await current(shelf)).pages("fee", groups=(), most=10)) == 1


async def test_the_language_removes_its_endings(settings: Settings, url: str) -> None:
    async with opened(settings, url, 'language="german"') as made:
        made.write({"urlaub.md": "# Urlaub\n\nDie Beschäftigten erhalten dreißig Urlaubstage.\n"})
        await made.ingest()
        assert await made.paths("Erhält ein Beschäftigter Geld?") == ["urlaub.md"]
        assert await made.paths("Geld") == []
