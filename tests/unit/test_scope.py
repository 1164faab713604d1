"""Scope: which documents a question is about, and what it names that none is about."""

from __future__ import annotations

import pytest

from roadbed.knowledge.periods import Period
from roadbed.knowledge.scope import Catalogue, Scope, scope_of

COVER = "ANNUAL REPORTS\n{name}\n(Exact name)\nFor the quarterly period ended June 30, 2031\n"


def report(path: str, name: str = "") -> tuple[str, str, str]:
    return path, path, COVER.format(name=name) if name else "Some notes about many things."


FILES = [
    report("2031 Q1 BRK.pdf", "Brook & Sons Ltd."),
    report("2031 Q2 BRK.pdf", "Brook & Sons Ltd."),
    report("2031 Q2 HLM.pdf", "HELMSMAN.COM, INC."),
]
# Shares of passages: products are in many, other companies in a few.
USAGE = {"cloudia": 0.2, "tesla": 0.001}


def asked(question: str, files: list[tuple[str, str, str]] = FILES) -> Scope:
    catalogue = Catalogue.of([scope_of(*file) for file in files])
    return catalogue.scope(question, lambda word: USAGE.get(word, 0.0))


class TestADocument:
    def test_has_the_organization_of_its_cover_and_the_words_of_its_name(self) -> None:
        scope = scope_of(*report("reports/2031 Q2 HLM.pdf", "HELMSMAN.COM, INC."))
        assert scope.names == ("HELMSMAN.COM",)
        assert {"helmsman", "helmsman.com", "hlm", "reports"} <= scope.subjects
        assert scope.periods == {Period(year=2031, quarter=2)}

    def test_has_the_period_of_its_cover_if_its_name_says_none(self) -> None:
        assert scope_of(*report("notes.pdf", "Brook Ltd.")).periods == {Period(year=2031)}

    @pytest.mark.parametrize(
        ("line", "names"),
        [
            ("Leave regulations of Brunnhof AG", ()),
            ("Bank of Brunnhof AG", ("Bank of Brunnhof",)),
            ("amazon.com, Inc.", ("amazon.com",)),
            ("Verein der Freunde GmbH", ("Verein der Freunde",)),
        ],
    )
    def test_a_heading_that_ends_with_an_organization_is_none(
        self, line: str, names: tuple[str, ...]
    ) -> None:
        assert scope_of("a", "a.md", f"# {line}\n\nText.").names == names

    def test_without_an_organization_or_period_has_none(self) -> None:
        scope = scope_of(*report("notes.pdf"))
        assert (scope.names, scope.periods) == ((), frozenset())


class TestAQuestion:
    @pytest.mark.parametrize(
        ("question", "documents"),
        [
            ("What did Brook pay in Q1 2031?", {"2031 Q1 BRK.pdf"}),
            ("In the first quarter of 2031, what did BRK pay?", {"2031 Q1 BRK.pdf"}),
            ("How much did Helmsman's staff cost?", {"2031 Q2 HLM.pdf"}),
            ("What was paid in Q2 2031?", {"2031 Q2 BRK.pdf", "2031 Q2 HLM.pdf"}),
            ("What changed in 2031?", {"2031 Q1 BRK.pdf", "2031 Q2 BRK.pdf", "2031 Q2 HLM.pdf"}),
        ],
    )
    def test_is_searched_in_the_documents_that_it_names(
        self, question: str, documents: set[str]
    ) -> None:
        scope = asked(question)
        every = {path for path, _, _ in FILES}
        assert (every if scope.documents is None else scope.documents) == documents
        # A period of all documents limits nothing.
        assert scope.is_named == (documents != every)
        assert scope.missing == ()

    @pytest.mark.parametrize(
        "question", ["Who pays for travel?", "Can I travel by train?", "What do I claim?"]
    )
    def test_that_names_nothing_is_searched_everywhere(self, question: str) -> None:
        assert asked(question) == Scope()
        assert not asked(question).is_named

    @pytest.mark.parametrize(
        "question",
        [
            "What was Tesla's revenue?",
            "Did Tesla report losses in Q2 2031?",
            "What was disclosed by Tesla?",
            "What was the margin for Tesla in Q2 2031?",
        ],
    )
    def test_about_an_owner_without_documents_says_so(self, question: str) -> None:
        assert asked(question).missing == ("Tesla",)

    def test_about_a_month_is_about_no_owner(self) -> None:
        assert asked("What did the notes of July 2031 say?").missing == ()

    def test_about_a_product_that_documents_write_of_is_searched(self) -> None:
        assert asked("What was Cloudia's revenue?").missing == ()

    def test_about_an_owner_is_searched_where_documents_have_no_owners(self) -> None:
        notes = [report("a.pdf"), report("b.pdf")]
        assert asked("What was Tesla's revenue?", notes).missing == ()

    def test_about_a_period_without_documents_names_it(self) -> None:
        assert asked("What did Brook pay in Q3 2031?").missing == ("Q3 2031",)
        assert asked("What did Helmsman pay in 2029?").missing == ()  # one document is no series

    def test_about_a_period_is_searched_in_documents_without_one_too(self) -> None:
        files = [*FILES, report("handbook.md")]
        scope = asked("What was paid for travel in Q1 2031?", files)
        assert set(scope.documents or ()) == {"2031 Q1 BRK.pdf", "handbook.md"}
        scope = asked("What did Brook pay in Q1 2031?", files)
        assert set(scope.documents or ()) == {"2031 Q1 BRK.pdf"}

    def test_about_a_year_that_documents_without_one_mention_is_searched_there(self) -> None:
        files = [*FILES, report("roadmap.md")]
        catalogue = Catalogue.of([scope_of(*file) for file in files])
        question = "What was paid for travel in 2019?"
        mentioned = catalogue.scope(question, lambda word: 0.01 if word == "2019" else 0.0)
        assert (mentioned.missing, mentioned.documents) == ((), frozenset({"roadmap.md"}))
        assert "2019" in catalogue.rest_of(question, mentioned)
        assert asked(question, files).missing == ("2019",)

    def test_about_one_of_a_series_that_is_not_there_names_its_year(self) -> None:
        files = [report(f"audit-{year}/notes.md") for year in (2029, 2031)]
        catalogue = Catalogue.of([scope_of(*file) for file in [*files, report("roadmap.md")]])
        question = "How many flaws had the 2030 security audit?"
        assert catalogue.scope(question, lambda _word: 0.01).missing == ("2030",)

    def test_about_a_release_is_searched_in_the_document_of_its_number(self) -> None:
        files = [report(f"Kites {number} report.pdf") for number in ("v1.24", "v1.25", "2")]
        for question in ("When was Kites 1.24 tested?", "What did v1.24 cost?"):
            assert set(asked(question, files).documents or ()) == {"Kites v1.24 report.pdf"}
        assert asked("What costs 1.24 EUR?", files) == Scope()

    def test_with_a_common_word_that_is_a_name_too_is_searched_everywhere(self) -> None:
        text = "Open Rails Foundation\nEverything is open."
        files = [*FILES, ("rails.md", "rails.md", text)]
        assert asked("Which shops are open on Sunday?", files) == Scope()
        assert asked("Open questions: who pays?", files) == Scope()
        assert asked("What does the Open Rails Foundation pay?", files).subjects == ("open",)

    def test_about_a_period_that_few_documents_have_is_not_missing(self) -> None:
        notes = [report(f"note {name}.md") for name in "abcd"]
        assert asked("Who paid in 2029?", [*FILES[:2], *notes]) == Scope()

    def test_without_a_period_takes_the_newest_of_a_series_and_says_so(self) -> None:
        scope = asked("What does Brook say about risks?")
        assert set(scope.documents or ()) == {"2031 Q2 BRK.pdf"}
        assert scope.assumed == "2031 Q2 BRK.pdf"

    def test_prefers_newer_documents_where_it_names_no_period(self) -> None:
        catalogue = Catalogue.of([scope_of(*file) for file in FILES])

        def newest(question: str) -> set[tuple[int, int]]:
            scope = catalogue.scope(question, lambda _word: 0.1)
            return set(catalogue.newest_of(question, scope).values())

        assert newest("What is paid for travel?") == {(2031, 1), (2031, 2)}
        assert newest("What was paid for travel in Q1 2031?") == set()
        assert newest("How did travel change over time?") == set()
        notes = [report(f"note {name}.md") for name in "abc"]
        catalogue = Catalogue.of([scope_of(*file) for file in [*FILES, *notes]])
        assert newest("What is paid for travel?") == set()  # half of them have no period

    def test_about_a_change_takes_the_whole_series(self) -> None:
        scope = asked("How did Brook's sales change over time?")
        assert set(scope.documents or ()) == {"2031 Q1 BRK.pdf", "2031 Q2 BRK.pdf"}
        assert scope.assumed is None

    def test_about_the_company_asks_which_one(self) -> None:
        scope = asked("What does the company owe?")
        assert scope.choices == ("Brook & Sons", "HELMSMAN.COM")
        assert asked("What does the company owe?", FILES[:2]).choices == ()
        titled = [report("a.md", "Brook AG"), report("b.md", "Service Desk of Brook AG")]
        assert asked("What does the company owe?", titled).choices == ()
        # One letter of somebody else among many documents of the company changes nothing.
        many = [report(f"203{n} Q1 BRK.pdf", "Brook & Sons Ltd.") for n in range(5)]
        assert asked("What does the company owe?", [*many, FILES[2]]).choices == ()

    def test_is_searched_without_the_words_that_chose_the_documents(self) -> None:
        catalogue = Catalogue.of([scope_of(*file) for file in FILES])
        for question, rest in (
            ("What did Brook's staff cost in Q1 2031?", "What did staff cost in ?"),
            ("Brook 2031?", "Brook 2031?"),
            ("Who pays?", "Who pays?"),
        ):
            scope = catalogue.scope(question, lambda word: USAGE.get(word, 0.0))
            assert catalogue.rest_of(question, scope) == rest

    @pytest.mark.parametrize(
        ("question", "documents"),
        [
            ("May a hotel be booked by the Travel Policy?", {"hr/travel-policy-v2.md"}),
            ("What does the DPA say about audits?", {"Data Processing Addendum.pdf"}),
            (
                "What does the travel-policy say, and the data processing addendum?",
                {"hr/travel-policy-v2.md", "Data Processing Addendum.pdf"},
            ),
            ("How many days of annual leave are there?", None),  # a matter, not a document
            ("What is the dpa?", None),
        ],
    )
    def test_that_names_a_document_is_searched_there(
        self, question: str, documents: set[str] | None
    ) -> None:
        paths = ("hr/travel-policy-v2.md", "Data Processing Addendum.pdf", "annual leave.md")
        files = [report(path) for path in paths]
        scope = asked(question, files)
        assert scope.documents == documents

    @pytest.mark.parametrize("question", ["", "?", "'s", "Q5 20311", "\x00" * 9, "A" * 50_000])
    def test_may_be_rubbish(self, question: str) -> None:
        assert asked(question).missing == ()

    def test_of_a_library_without_documents(self) -> None:
        assert asked("What was Tesla's revenue in Q1 2031?", []) == Scope()
