"""Notes of an answer from documents: which older versions they name."""

from __future__ import annotations

from roadbed.models.answers.notes import notes_of
from roadbed.usecases.decider import OlderStatement, Retrieved, RetrievedPassage

NAMES = {2022: "policy-2022.md", 2023: "policy-2023.md", 2024: "policy-2024.md"}
SAYS = {2022: "A trip lasts 5 days.", 2023: "A trip lasts 7 days.", 2024: "A trip lasts 9 days."}


def passage(year: int, *older: int) -> RetrievedPassage:
    return RetrievedPassage(
        id=f"dov_{year}:0",
        document=NAMES[year],
        version=1,
        place="",
        part=0,
        text=SAYS[year],
        score=1.0,
        superseded_by=None if year == 2024 else NAMES[2024],
        older=[
            OlderStatement(document=NAMES[one], version=1, place="", text=SAYS[one])
            for one in older
        ],
    )


def differing(*cited: RetrievedPassage) -> list[str]:
    """The notes that say what an older version says instead."""
    retrieved = Retrieved(question="How long is a trip?", documents=3, passages=cited)
    return [note for note in notes_of(retrieved, cited) if "differs" in note]


def note(year: int) -> str:
    return f"An older version, {NAMES[year]}, differs: it says “{SAYS[year]}”"


def test_an_answer_from_the_version_in_force_names_the_older_ones() -> None:
    assert differing(passage(2024, 2023, 2022)) == [note(2023), note(2022)]
    assert differing(passage(2024, 2023), passage(2023)) == [note(2023)]


def test_an_answer_from_an_older_version_does_not_name_itself() -> None:
    assert differing(passage(2023), passage(2024, 2023)) == []


def test_what_is_older_than_a_newer_version_is_not_compared_with_the_answer() -> None:
    assert differing(passage(2023, 2022), passage(2024, 2023, 2022)) == [note(2022)]
    assert differing(passage(2022), passage(2024, 2023, 2022)) == []
