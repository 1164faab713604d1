"""Forms of questions: question words and negation in four languages."""

from __future__ import annotations

import pytest

from roadbed.knowledge.question_forms import question_form
from roadbed.knowledge.question_words import QuestionWords


def is_same(one: str, other: str, library: str = "english") -> bool:
    """Whether two questions to a library have the same form."""
    language_of = QuestionWords(library).language_of
    first, second = (question_form(text, language_of(text)) for text in (one, other))
    return first.may_ask_for_the_same(second)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How much does the firm pay?", "How much does the firm not pay?"),
        ("How much does the firm pay?", "How much doesn't the firm pay?"),
        ("How much does the firm pay?", "How much doesn’t the firm pay?"),
        ("How much does the firm pay?", "Who must the firm pay?"),
        ("How much does the firm pay?", "How does the firm pay?"),
        ("How much does the firm pay?", "How long does the firm pay?"),
        ("How much does the firm pay?", "Does the firm pay?"),
        ("Who may enter with a badge?", "Who may enter without a badge?"),
        ("Who may not enter with a badge?", "Who may enter without a badge?"),
        ("Who may not enter without a badge?", "Who may enter without a badge?"),
        ("Wie viel zahlt die Firma?", "Wie viel zahlt die Firma nicht?"),
        ("Wie viel zahlt die Firma?", "Wann zahlt die Firma?"),
        ("Was zahlt die Firma für Schuhe?", "Wen zahlt die Firma für Schuhe?"),
        ("Wer hat einen Schlüssel?", "Wer hat keinen Schlüssel?"),
        ("¿Cuánto paga la empresa?", "¿Cuánto no paga la empresa?"),
        ("¿Cuánto paga la empresa?", "¿Quién paga la empresa?"),
        ("¿Quién paga botas?", "¿Cuándo paga botas?"),
        ("¿Qué paga la empresa?", "¿Por qué paga la empresa?"),
        ("¿Quién entra con llave?", "¿Quién entra sin la llave de la casa?"),
        ("Combien paie la société ?", "Combien ne paie pas la société ?"),
        ("Combien paie la société ?", "Qui paie la société ?"),
        ("Quand est-ce que la société paie ?", "Comment est-ce que la société paie ?"),
    ],
)
@pytest.mark.parametrize("library", ["english", "german", "spanish", "french"])
def test_negation_and_question_words_tell_questions_apart(
    one: str, other: str, library: str
) -> None:
    assert not is_same(one, other, library)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How much does the firm pay for shoes?", "For shoes, how much will a firm pay?"),
        ("How much does the firm pay for shoes?", "pay of the firm for shoes"),
        ("What shoes does the firm pay for?", "Which shoes does the firm pay for?"),
        ("How much is paid to the staff?", "How much was paid to the staff?"),
        ("Where do I leave a comment for the office?", "Where do I leave a note for the office?"),
        ("Who doesn't pay for the shoes?", "Who does not pay for the shoes?"),
        ("Who can't pay for the shoes?", "Who cannot pay for the shoes?"),
        ("Wie viel zahlt die Firma?", "Wieviel zahlt eine Firma?"),
        ("Welche Schuhe zahlt die Firma?", "Welchen Schuh zahlt die Firma?"),
        ("Warum zahlt die Firma?", "Wieso zahlt die Firma?"),
        ("¿Cuánto paga la empresa?", "Cuanto paga la empresa"),
        ("¿Qué paga la empresa que fabrica?", "que paga la empresa"),
        ("¿Por qué paga la empresa?", "por que paga la empresa"),
        ("Combien paie la société ?", "Combien est-ce que la société paie ?"),
        ("Qui ne paie pas la société ?", "Qui n'est-ce pas que la société paie ?"),
    ],
)
def test_the_same_question_may_be_put_otherwise(one: str, other: str) -> None:
    assert is_same(one, other)
