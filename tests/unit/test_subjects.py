"""Whether texts of one template are about different things."""

from __future__ import annotations

import pytest

from roadbed.knowledge.subjects import differ

POLICY = """# Travel policy

Last updated: {date}. Version {version}

Staff of Brook Ltd travel by train in second class.

A hotel in Berlin may cost {price} EUR a night. {person} of the office books a dearer one.
"""


@pytest.mark.parametrize(
    ("one", "other", "numbers"),
    [
        ("The valve in hall 1 opens at 3 bar.", "The valve in hall 2 opens at 6 bar.", (1, 2)),
        ("A hall 1 has a valve.\n" * 3, "A hall 2 has a valve.\n" * 3, (1, 2)),
        ("# Risk: fire\n\nIt is rare.", "# Risk: flood\n\nIt is rare.", (None, None)),
        ("# Risk: fire\n\nIt burns.", "# Risk: flood\n\nIt pours.", (1, 2)),
        (
            "# Hours\n\nThe office in Berlin opens at 8.",
            "# Hours\n\nThe office in San Sebastian opens at 9.",
            (None, None),
        ),
        ("Valve\nIt is the valve V1 of a pump.", "Valve\nIt is the valve V2 of a pump.", (1, 2)),
    ],
)
def test_titles_names_and_identifiers_tell_subjects(
    one: str, other: str, numbers: tuple[int | None, int | None]
) -> None:
    assert differ([one], [other], numbers)
    assert differ([other], [one], (numbers[1], numbers[0]))
    assert not differ([one], [one], numbers)


def test_amounts_dates_and_single_names_are_those_of_versions() -> None:
    older = POLICY.format(date="May 2, 2029", version=1, price=100, person="Ask Ann")
    newer = POLICY.format(date="2030-06-01", version=2, price=120, person="Ask Bob")
    assert not differ([older], [newer], (1, 2))


def test_an_owner_who_changes_its_name_writes_much_anew() -> None:
    older = "# Brook terms\n\nAll pay. Data stay here. A court of the city decides."
    newer = "# Beck terms\n\nAll pay. Data may go to others. You waive a court."
    assert not differ([older], [newer], (None, None))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("# Terms v1\n\nAll pay.", "# Terms v2\n\nAll pay."),
        ("# Terms 2029\n\nAll pay.", "# Terms of service 2030\n\nAll pay."),
        ("# Law\n\nData follow the Act of it.", "# Law\n\nData follow the Data Act of it."),
        ("", "# Terms\n\nAll pay."),
        ("All pay 1 EUR for it.", "Nobody owes 2 EUR any more."),
        ("A fee of 1 EUR. A fee of 2 EUR.", "A fee of 2 EUR. A fee of 1 EUR."),
    ],
)
def test_what_cannot_be_compared_does_not_differ(one: str, other: str) -> None:
    assert not differ([one], [other], (1, 2))
