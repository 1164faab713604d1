"""Support checks: what of a sentence stands in the passages that it cites."""

from __future__ import annotations

import os
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.models.answers.figures import Day, figures, values_in
from roadbed.models.answers.support import (
    CitedPassage,
    best_quote,
    found_quote,
    is_claim,
    overall,
    support,
)
from roadbed.models.answers.wording import content_words, sentences, stem

TRAVEL = (
    "A hotel may cost 120 EUR a night. Staff travel by train in second class. "
    "From 1 March 2024 the office approves dearer hotels, at most 1,250.50 EUR a trip."
)


def problem(sentence: str, *texts: str, quotes: tuple[str, ...] = (), asked: str = "") -> str:
    sources = [CitedPassage(text=text, around="travel.md Travel › Hotels") for text in texts]
    result = support(
        sentence, sources, quotes=quotes, asked=asked, mentioned=" ".join(texts)
    ).problem()
    return result or ""


class TestNumbers:
    @pytest.mark.parametrize(
        ("sentence", "passage"),
        [
            ("The trip costs 1250.5 EUR.", "The trip costs 1,250.50 EUR."),
            ("The trip costs 1.250,50 EUR.", "The trip costs 1,250.50 EUR."),
            ("The trip costs 1 250.50 EUR.", "The trip costs 1'250.50 EUR."),
            ("Leave is 30 days a year.", "Leave is thirty days a year."),
            ("Leave is twenty-five days.", "Leave is 25 days."),
            ("The fee is one hundred and twenty EUR.", "The fee is 120 EUR."),
            ("Growth was 5 % a year.", "Growth was 5 percent a year."),
            ("Sales were 1.2 million EUR.", "Sales were 1,200,000 EUR."),
            ("Sales were $1.2bn in all.", "Sales were 1,200 million in all."),
            ("Net sales were 383,285 million.", "Net sales (in millions): 383,285."),
            ("The rate is 5.", "The rate is 5 %."),
            ("Version 1.2.3 is current.", "Version 1.2.3 is current."),
            ("It grew by −3 points.", "It grew by -3 points."),
        ],
    )
    def test_one_number_in_two_spellings_is_confirmed(self, sentence: str, passage: str) -> None:
        assert problem(sentence, passage) == ""

    @pytest.mark.parametrize(
        ("sentence", "passage"),
        [
            ("A hotel may cost 150 EUR a night.", TRAVEL),
            ("A hotel may cost 12 EUR a night.", TRAVEL),
            ("Growth was 5 % a year.", "Growth was 5 points a year."),
            ("Leave is thirty days.", "Leave is thirteen days."),
            ("Sales were 1.2 billion EUR.", "Sales were 1.2 million EUR."),
            ("Version 1.2.4 is current.", "Version 1.2.3 is current."),
        ],
    )
    def test_another_number_is_not(self, sentence: str, passage: str) -> None:
        assert "a number stands in no cited passage" in problem(sentence, passage)

    @pytest.mark.parametrize("written", ["EUR 120", "€120", "120 euros", "120 Euro", "120"])
    @pytest.mark.parametrize("stored", ["120 EUR", "EUR 120.00", "€ 120", "120 euros"])
    def test_one_amount_in_two_spellings_is_confirmed(self, written: str, stored: str) -> None:
        assert problem(f"A hotel may cost {written} a night.", f"A hotel may cost {stored}.") == ""

    @pytest.mark.parametrize("written", ["USD 120", "$120", "120 dollars", "CHF 120"])
    @pytest.mark.parametrize("stored", ["120 EUR", "EUR 120.00", "€ 120", "120 euros"])
    def test_the_amount_in_another_currency_is_not(self, written: str, stored: str) -> None:
        told = problem(f"A hotel may cost {written} a night.", f"A hotel may cost {stored}.")
        assert told.startswith("a number stands in no cited passage")

    def test_a_table_may_give_the_currency_in_its_heading(self) -> None:
        assert problem("A hotel costs $120.", "In dollars: hotel 120, train 60.") == ""

    def test_an_abbreviated_amount_may_have_a_code(self) -> None:
        told = "The office approves EUR 1.2m for a hotel."
        assert problem(told, "The office approves 1,200,000 EUR for a hotel.") == ""

    def test_a_number_that_one_reader_alone_saw_confirms_nothing(self) -> None:
        source = CitedPassage(text="A hotel may cost 120 EUR a night.", doubtful=["120"])
        result = support("A hotel may cost 120 EUR.", [source])
        assert result.doubtful == ("120",)
        assert "a number was read with doubt: 120" in (result.problem() or "")
        sure = CitedPassage(text="The limit for a hotel is 120.00 EUR.")
        assert support("A hotel may cost 120 EUR.", [source, sure]).problem() is None

    def test_the_number_of_an_entry_in_a_list_is_none(self) -> None:
        assert problem("2. Staff travel by train in second class.", TRAVEL) == ""

    @given(st.integers(0, 10**9))
    def test_thousands_may_be_separated_or_not(self, value: int) -> None:
        for written in (f"{value}", f"{value:,}", f"{value:,}".replace(",", "\u202f")):
            assert (Decimal(value), "") in values_in(f"It costs {written} EUR.")

    @given(st.text(max_size=200))
    def test_any_text_has_figures(self, text: str) -> None:
        assert len(figures(text).rest) == len(text)
        assert all(value.is_finite() for value, _ in values_in(text))
        assert 0.0 <= support(text, [CitedPassage(text=text)]).score <= 1.0


class TestDates:
    @pytest.mark.parametrize(
        "written",
        [
            "2024-03-01",
            "March 1, 2024",
            "1st of March 2024",
            "01.03.2024",
            "1 März 2024",
            "3/1/2024",
        ],
    )
    def test_one_date_in_two_spellings_is_confirmed(self, written: str) -> None:
        assert problem(f"The office approves dearer hotels from {written}.", TRAVEL) == ""

    def test_a_part_of_a_date_is_confirmed(self) -> None:
        assert problem("The office approves dearer hotels since March 2024.", TRAVEL) == ""
        assert problem("The office approves dearer hotels since 2024.", TRAVEL) == ""

    def test_another_date_is_not(self) -> None:
        told = problem("The office approves dearer hotels from 2 March 2024.", TRAVEL)
        assert told == "a date stands in no cited passage: 2 March 2024"
        assert problem("The office approves dearer hotels since March 2023.", TRAVEL)

    def test_more_of_a_date_than_the_passage_says_is_not_confirmed(self) -> None:
        assert problem("It began on 4 May 2021.", "It began in May 2021.")

    def test_a_date_that_can_be_read_in_two_ways_has_both_readings(self) -> None:
        [date] = figures("on 3/5/2024").dates
        assert date.readings == {Day(2024, 3, 5), Day(2024, 5, 3)}

    def test_the_verb_may_is_no_month(self) -> None:
        assert figures("Up to 12 may attend in 2024.").dates == ()
        assert figures("99/99/2024").dates == ()


class TestNamesQuotesAndAddresses:
    def test_a_name_must_stand_in_a_cited_passage(self) -> None:
        assert "a name stands in no cited passage: Berlin" in problem(
            "A hotel in Berlin may cost 120 EUR a night.", TRAVEL
        )
        assert problem("In Travel, a hotel may cost 120 EUR a night.", TRAVEL) == ""  # the place
        assert problem("Staff of ACME's travel by train.", "ACME: staff travel by train.") == ""
        assert problem("The PDFs stay in the office.", "Each PDF stays in the office.") == ""

    def test_a_name_of_the_question_may_stand_elsewhere_in_its_documents(self) -> None:
        page = "Net sales were 10 million."
        sources = [CitedPassage(text=page)]
        asked = "What were Apple's net sales?"
        sentence = "The net sales of Apple were 10 million."
        cover = "Apple Inc. Quarterly report"
        assert support(sentence, sources, asked=asked, mentioned=cover).names == ()
        assert support(sentence, sources, asked=asked, mentioned="").names == ("Apple",)
        assert support(sentence, sources, mentioned=cover).names == ("Apple",)

    def test_quoted_words_must_stand_there(self) -> None:
        assert problem('Staff travel "by  train in second-class".', TRAVEL) == ""
        assert problem("Staff travel by train.", TRAVEL, quotes=("travel by TRAIN in",)) == ""
        assert "a quote stands in no cited passage" in problem(
            "Staff travel by train.", TRAVEL, quotes=("travel by train in first class",)
        )
        assert "a quote" in problem('Staff travel "always by taxi".', TRAVEL)

    def test_a_quote_is_given_in_the_words_of_the_passage(self) -> None:
        assert found_quote("it’s second class", "Now: It's  second-class.") == "It's  second-class"
        assert found_quote("class", "subclass") is None
        assert found_quote("!?", TRAVEL) is None
        assert best_quote("the train", TRAVEL) == "Staff travel by train in second class."
        assert best_quote("x", "") == ""

    @pytest.mark.parametrize(
        "address",
        [
            "https://evil.example/x",
            "![hotel](http://evil.example/p?q=120)",
            "www.evil.example",
            "mail@evil.example",
            "//evil.example/x",
            "evil.example",
        ],
    )
    def test_an_address_must_stand_there(self, address: str) -> None:
        sentence = f"A hotel may cost 120 EUR a night, see {address}."
        assert "an address stands in no cited passage" in problem(sentence, TRAVEL)
        assert problem(sentence, f"{TRAVEL} See {address}.") == ""


class TestWords:
    def test_words_must_be_shared(self) -> None:
        told = problem("Employees receive generous pensions after retirement.", TRAVEL)
        assert told == "too few of its words stand in the cited passages"

    def test_endings_do_not_matter(self) -> None:
        assert stem("travelling") == stem("travelled")
        assert stem("Hotels") == stem("hotel")
        assert stem("2024") == "2024"
        assert content_words("The staff's trains") == {stem("staff"), stem("train")}

    def test_words_that_stand_together_support_more_than_scattered_ones(self) -> None:
        together = support("Staff travel by train.", [CitedPassage(text=TRAVEL)])
        scattered = support(
            "Staff travel by train.",
            [
                CitedPassage(
                    text="Staff eat. A b c. D e f. G h i. Travel? J k. L m. N o. A train is red."
                )
            ],
        )
        assert together.share == scattered.share == 1.0
        assert together.score > scattered.score

    def test_a_negation_on_one_side_only_is_reported(self) -> None:
        sources = [CitedPassage(text="Staff may book first class.")]
        assert support("Staff may not book first class.", sources).negation
        assert support("Staff can't book first class.", sources).negation
        assert not support("Staff may book first class.", sources).negation
        assert support("Staff can't book first class.", sources).facts()["negation"]

    def test_a_sentence_that_claims_nothing_is_neither_right_nor_wrong(self) -> None:
        for sentence in (
            "The documents do not mention pensions.",
            "Let me know if you need more.",
            "Which year?",
            "I don't know.",
        ):
            assert not is_claim(sentence)
            assert support(sentence, [CitedPassage(text=TRAVEL)]).score == 0.5
        assert is_claim("A hotel may cost 120 EUR.")

    def test_facts_say_what_is_missing(self) -> None:
        facts = support("A hotel in Rome may cost 99 EUR.", [CitedPassage(text=TRAVEL)]).facts()
        assert facts["missing"] == {"numbers": ["99"], "names": ["Rome"]}

    def test_an_answer_is_the_mean_of_its_sentences(self) -> None:
        good = support("Staff travel by train.", [CitedPassage(text=TRAVEL)])
        bad = support("Bananas ripen quickly.", [CitedPassage(text=TRAVEL)])
        assert overall([good, bad], [3, 1]) == pytest.approx(0.75 * good.score)
        assert overall([], []) == 0.0

    def test_sentences(self) -> None:
        assert sentences("One.\nTwo! Three") == ["One.", "Two!", "Three"]
        assert sentences("First: 1. Eat. 2. Sleep") == ["First: 1. Eat.", "2. Sleep"]


def test_no_passage_supports_nothing() -> None:
    assert support("Staff travel by train.", []).problem()


@pytest.mark.skipif(
    "ROADBED_DATA_DIR" not in os.environ,
    reason="ROADBED_DATA_DIR is not set: NOBODY COMPARED THE CHECKS WITH PEOPLE",
)
@pytest.mark.usefixtures("unmeasured")
class TestAgainstPeople:
    """The floor: at least the agreement of plain word overlap, on answers that people rated."""

    def test_the_checks_agree_with_people_at_least_as_well_as_word_overlap(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
        import answer_checks

        facts = answer_checks.measure(Path(os.environ["ROADBED_DATA_DIR"]))
        for part in ("all", "other"):
            for figure in ("rho", "auroc"):
                assert facts[f"checks_{part}_{figure}"] > facts[f"words_{part}_{figure}"]
        assert facts["checks_all_rho"] >= 0.64
        assert facts["checks_all_auroc"] >= 0.855
        sys.modules.pop("answer_checks", None)
