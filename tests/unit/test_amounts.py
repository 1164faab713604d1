"""Amounts of money in texts, in every spelling, and years that are none."""

from __future__ import annotations

from decimal import Decimal

import pytest

from roadbed.kernel.amounts import amounts, without_amounts
from roadbed.knowledge.dates import dates
from roadbed.knowledge.periods import periods_of


@pytest.mark.parametrize(
    ("text", "currency", "value"),
    [
        ("at most EUR 120 a night", "EUR", "120"),
        ("at most 120 EUR a night", "EUR", "120"),
        ("at most 120EUR a night", "EUR", "120"),
        ("at most €120 a night", "EUR", "120"),
        ("höchstens 28 Euro je Nacht", "EUR", "28"),
        ("at most 120 dollars", "USD", "120"),
        ("at most US$ 28", "USD", "28"),
        ("at most CHF 5", "CHF", "5"),
        ("at most 5 Fr. a day", "CHF", "5"),
        ("EUR 1,234.50.", "EUR", "1234.5"),
        ("EUR 1.234,50.", "EUR", "1234.5"),
        ("EUR 1 234,50", "EUR", "1234.5"),
        ("CHF 1’234.50", "CHF", "1234.5"),
        ("1,2 Mio. EUR", "EUR", "1200000"),
        ("$1.2 million", "USD", "1200000"),
        ("EUR 5k", "EUR", "5000"),
        ("up to USD 2019 a year", "USD", "2019"),
    ],
)
def test_an_amount_has_a_currency_and_a_value(text: str, currency: str, value: str) -> None:
    [(_match, code, values)] = amounts(text)
    assert (code, Decimal(value) in values) == (currency, True)
    assert list(dates(text)) == []
    assert list(periods_of(text)) == []


@pytest.mark.parametrize(
    "text", ["5 days", "TOP 5", "5 % of 30", "in May 2019", "Section 1.2.3", "5 poundings", "R&D 5"]
)
def test_other_numbers_are_none(text: str) -> None:
    assert list(amounts(text)) == []
    assert without_amounts(text) == text


def test_a_year_beside_a_currency_of_something_else_is_one() -> None:
    assert [moment.year for moment in dates("EUR in 2019, 2020 and 2021: EUR 5")] == [
        2019,
        2020,
        2021,
    ]
