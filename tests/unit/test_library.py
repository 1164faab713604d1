"""``Library``: what a use case declares about its documents."""

from __future__ import annotations

from typing import Any

import pytest

from roadbed import Library
from roadbed.kernel.sentences import in_source
from roadbed.models import Question
from roadbed.usecases.library import library_problems


class TestGroups:
    library = Library(access={"hr": "hr", "hr/board": "board", "Gehälter": "pay"})

    @pytest.mark.parametrize(
        ("path", "group"),
        [
            ("leave.md", None),
            ("hr", None),  # a file of this name, not the folder
            ("hr/pay.md", "hr"),
            ("hr/2024/pay.md", "hr"),
            ("hr/board/pay.md", "board"),
            ("hr/board/2024/pay.md", "board"),
            ("hr-open/pay.md", None),
            ("HR/pay.md", None),
            ("other/hr/pay.md", None),
            ("Gehälter/pay.md", "pay"),
            ("Geha\u0308lter/pay.md", "pay"),  # as some systems write the same letter
        ],
    )
    def test_the_deepest_folder_counts(self, path: str, group: str | None) -> None:
        assert self.library.group_of(path) == group

    def test_a_dot_is_the_whole_library(self) -> None:
        library = Library(access={".": "staff", "hr": "hr"})
        assert library.group_of("leave.md") == "staff"
        assert library.group_of("hr/pay.md") == "hr"


class TestProblems:
    @pytest.mark.parametrize(
        "library",
        [
            None,
            Library(),
            Library(folder="documents/handbook", language="german"),
            Library(urls="documents/urls.txt", private_hosts=("wiki.example.org",)),
            Library(urls="/srv/urls.txt"),
            Library(folder="/srv/documents", access={"hr/pay": "hr", ".": "staff-2"}),
        ],
    )
    def test_of_a_right_one_there_are_none(self, library: Library | None) -> None:
        assert list(library_problems(library, Question)) == []

    @pytest.mark.parametrize(
        ("library", "field", "words"),
        [
            ("documents", "library", "'documents' is no Library"),
            (Library(question="text"), "library.question", "no field 'text'"),
            (Library(urls="urls.txt"), "library.urls", "'urls.txt' is not below documents/"),
            (
                Library(private_hosts=("http://a",)),
                "library.private_hosts",
                "'http://a' is no name",
            ),
            (Library(earlier="before"), "library.earlier", "no field 'before' with earlier"),
            (Library(folder="policies"), "library.folder", "not below documents/"),
            (Library(folder="documents/../.."), "library.folder", "not below documents/"),
            (Library(language="klingon"), "library.language", "'klingon' is not known"),
            (Library(access={"/hr": "hr"}), "library.access", "no folder inside the library"),
            (Library(access={"../hr": "hr"}), "library.access", "no folder inside the library"),
            (Library(access={"hr/": "hr"}), "library.access", "no folder inside the library"),
            (Library(access={"hr": "H R"}), "library.access", "no name of an access group"),
            (Library(access={"hr": "*"}), "library.access", "no name of an access group"),
        ],
    )
    def test_each_mistake_says_how_to_mend_it(self, library: Any, field: str, words: str) -> None:
        [problem] = library_problems(library, Question)
        assert problem.field == field
        assert words in in_source(problem.problem)
        assert in_source(problem.remedy)
