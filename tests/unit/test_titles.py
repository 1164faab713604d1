"""Documents that a question names by "according to"."""

from __future__ import annotations

import pytest

from roadbed.knowledge.scope import Catalogue, scope_of
from roadbed.knowledge.titles import referred_titles

PATHS = {"l": "lease.md", "t": "travel-policy-2024.md", "r": "remote_policy.pdf", "m": "Miete.md"}


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("According to the lease, how long is the notice?", {"According to the lease": {"l"}}),
        ("How long is the notice as per our Lease?", {"as per our Lease": {"l"}}),
        ("According to the travel policy?", {"According to the travel policy": {"t"}}),
        ("According to the policy?", {"According to the policy": {"t", "r"}}),
        ("Wie lang ist die Frist laut der Miete?", {"laut der Miete": {"m"}}),
        ("Selon le lease, combien de jours ?", {"Selon le lease": {"l"}}),
        ("Según la miete, ¿cuántos días?", {"Según la miete": {"m"}}),
        ("What does the lease say about pets?", {"does the lease say": {"l"}}),
        ("Do the lease provide for pets?", {"Do the lease provide": {"l"}}),
        ("What does the lease cost?", {}),
        ("May I sublet per our lease?", {"per our lease": {"l"}}),
        ("In the lease, who pays?", {"In the lease,": {"l"}}),
        ("Who pays in the lease?", {}),
        ("Was sagt die Miete zu Hunden?", {"sagt die Miete": {"m"}}),
        ("Was steht in der Miete?", {"steht in der Miete": {"m"}}),
        ("¿Qué dice la miete sobre perros?", {"dice la miete": {"m"}}),
        ("Que dit le lease sur les chiens ?", {"dit le lease": {"l"}}),
        ("How long is the notice of the lease?", {}),
        ("According to whom?", {}),
        ("According to", {}),
    ],
)
def test_the_documents_that_an_answer_shall_come_from(
    question: str, named: dict[str, set[str]]
) -> None:
    assert dict(referred_titles(question, PATHS)) == named


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("According to the lease contract, who pays?", "According to the lease contract"),
        ("Who pays as per the lease contract rules?", "as per the lease contract rules"),
        ("What does the lease contract say of pets?", "does the lease contract say"),
        ("According to the lease who pays, and when?", "According to the lease"),
        ("Was kostet laut Miete ein Hund, wenn er groß ist?", "laut Miete"),
        ("According to the lease: rules for pets?", "According to the lease"),
    ],
)
def test_a_name_goes_on_with_words_that_choose_a_document_too(question: str, named: str) -> None:
    assert dict(referred_titles(question, PATHS)) == {named: {"l"} if "lease" in named else {"m"}}


def test_a_name_of_all_documents_tells_nothing() -> None:
    paths = {"a": "old/lease.md", "b": "new/lease.md"}
    assert dict(referred_titles("According to the lease?", paths)) == {}


def test_only_they_are_searched_and_the_name_is_no_word_of_the_search() -> None:
    catalogue = Catalogue.of([scope_of(key, path, "") for key, path in PATHS.items()])
    question = "According to the lease, how long is the notice period?"
    scope = catalogue.scope(question, lambda word: 0.1)
    assert scope.documents == frozenset({"l"})
    assert "lease" not in catalogue.rest_of(question, scope)
    assert "notice period" in catalogue.rest_of(question, scope)
