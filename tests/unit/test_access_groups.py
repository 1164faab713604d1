"""Access groups: nobody gets a passage of a group that they are not in, on no path."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from roadbed.kernel.settings import Settings
from roadbed.knowledge.access import may_read
from roadbed.knowledge.errors import AccessGroupError, NoLibraryError
from roadbed.usecases.library import Library
from tests.libraries import NAME, Shelf
from tests.libraries import shelf as opened

FILES = {
    "open.md": "# Open\n\nSalaries are reviewed in spring.\n",
    "hr/pay.md": "# Pay\n\nSalaries of the staff are listed here.\n",
    "hr/board/pay.md": "# Board\n\nSalaries of the board are listed here.\n",
}


@pytest.fixture
async def shelf(settings: Settings, url: str) -> AsyncIterator[Shelf]:
    async with opened(settings, url, 'access={"hr": "hr", "hr/board": "board"}') as made:
        for name in ("ana", "rae"):
            await made.app.members.add(name, by="test")
        made.write(FILES)
        await made.ingest()
        yield made


def declare(shelf: Shelf, **access: str) -> None:
    """Change the declaration; the folder is not ingested."""
    shelf.loaded.declared.library = replace(
        shelf.library, access={path.replace("_", "/"): group for path, group in access.items()}
    )


async def retrieved(shelf: Shelf, *groups: str) -> set[str]:
    """What a decider gets for the question of somebody in ``groups``."""
    given = await shelf.app.libraries.retrieval.search(
        shelf.loaded.declared, "salaries", groups=groups
    )
    return {passage.document for passage in given.passages}


class TestSearch:
    @pytest.mark.parametrize(
        ("groups", "paths"),
        [
            ((), {"open.md"}),
            (("hr",), {"open.md", "hr/pay.md"}),
            (("board",), {"open.md", "hr/board/pay.md"}),
            (("hr", "board"), set(FILES)),
            (("other", "*", ""), {"open.md"}),
        ],
    )
    async def test_only_what_the_groups_may_read(
        self, shelf: Shelf, groups: tuple[str, ...], paths: set[str]
    ) -> None:
        assert set(await shelf.paths("salaries", *groups)) == paths
        assert await retrieved(shelf, *groups) == paths

    async def test_no_library_is_an_error(self, shelf: Shelf) -> None:
        with pytest.raises(NoLibraryError):
            await shelf.app.libraries.search(NAME, None, "salaries", groups=())

    async def test_hidden_passages_take_no_places(self, shelf: Shelf) -> None:
        shelf.write({f"new/{number}.txt": "Salaries, salaries, salaries." for number in range(9)})
        await shelf.ingest()
        declare(shelf, new="hr", hr="hr", hr_board="board")
        [match] = await shelf.matches("salaries", most=2)
        assert match.passage.path == "open.md"


class TestDeclaration:
    async def test_a_stricter_one_counts_before_the_next_ingestion(self, shelf: Shelf) -> None:
        assert await retrieved(shelf) == {"open.md"}
        declare(shelf, **{".": "staff", "hr": "hr", "hr_board": "board"})
        assert await shelf.paths("salaries") == []
        assert await retrieved(shelf) == set()
        assert await shelf.paths("salaries", "staff") == ["open.md"]
        assert await retrieved(shelf, "staff") == {"open.md"}

    async def test_a_looser_one_counts_after_it(self, shelf: Shelf) -> None:
        declare(shelf)
        assert await shelf.paths("salaries") == ["open.md"]
        assert await retrieved(shelf) == {"open.md"}
        summary = await shelf.ingest()
        assert (summary.moved, summary.read) == (2, 0)
        assert set(await shelf.paths("salaries")) == set(FILES)
        assert await retrieved(shelf) == set(FILES)

    async def test_another_group_needs_both_until_then(self, shelf: Shelf) -> None:
        declare(shelf, hr="people", hr_board="board")
        assert set(await shelf.paths("salaries", "hr")) == {"open.md"}
        assert set(await shelf.paths("salaries", "people")) == {"open.md"}
        assert set(await shelf.paths("salaries", "hr", "people")) == {"open.md", "hr/pay.md"}
        await shelf.ingest()
        assert set(await shelf.paths("salaries", "people")) == {"open.md", "hr/pay.md"}
        assert (await shelf.document("hr/pay.md")).group == "people"
        assert (await shelf.document("hr/pay.md")).version == 1

    def test_both_groups_are_needed(self) -> None:
        library = Library(access={"hr": "hr"})
        assert may_read(library, "open.md", None, ())
        assert not may_read(library, "open.md", "old", ())
        assert not may_read(library, "hr/pay.md", None, ["old"])
        assert not may_read(library, "hr/pay.md", "old", ["hr"])
        assert may_read(library, "hr/pay.md", "old", ["hr", "old"])


class TestMembers:
    async def test_who_is_in_a_group(self, shelf: Shelf) -> None:
        access, library = shelf.app.libraries.access, shelf.library
        assert await access.of(NAME, "rae") == frozenset()
        for _time in range(2):
            await access.add(NAME, library, "hr", "rae", by="ana")
        assert await access.of(NAME, "rae") == {"hr"}
        assert await access.of("other", "rae") == frozenset()
        assert await access.members(NAME) == {"hr": ["rae"]}
        await access.remove(NAME, "hr", "rae", by="ana")
        assert await access.of(NAME, "rae") == frozenset()
        rows = await shelf.app.database.fetch(
            "SELECT kind, subject, actor FROM audit_entry WHERE kind LIKE 'access %%' "
            "ORDER BY position"
        )
        assert [(row["kind"], row["subject"], row["actor"]) for row in rows] == [
            ("access given", "rae", "ana"),
            ("access ended", "rae", "ana"),
        ]

    async def test_what_does_not_exist_is_refused(self, shelf: Shelf) -> None:
        access, library = shelf.app.libraries.access, shelf.library
        with pytest.raises(AccessGroupError, match=r"no access group 'hra'.*board, hr"):
            await access.add(NAME, library, "hra", "rae", by="ana")
        with pytest.raises(AccessGroupError, match="no person 'zoe'"):
            await access.add(NAME, library, "hr", "zoe", by="ana")
        with pytest.raises(AccessGroupError, match="'rae' is no member of 'hr'"):
            await access.remove(NAME, "hr", "rae", by="ana")
