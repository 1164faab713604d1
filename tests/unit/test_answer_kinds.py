"""What kind of thing a question asks for, and whether a text has one."""

from __future__ import annotations

import pytest

from roadbed.knowledge.answer_kinds import answer_kind, has_kind
from roadbed.usecases.decider import AnswerKind

MONEY, PERCENTAGE, DATE = AnswerKind.MONEY, AnswerKind.PERCENTAGE, AnswerKind.DATE
NUMBER, EMAIL, PHONE = AnswerKind.NUMBER, AnswerKind.EMAIL, AnswerKind.PHONE


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("What does a lunch cost?", MONEY),
        ("What fee does the agency charge?", MONEY),
        ("What is the monthly rent of the office?", MONEY),
        ("How much did they charge for parking?", MONEY),
        ("How much do we pay for parking?", NUMBER),  # or a percentage
        ("Was kostet ein Mittagessen?", MONEY),
        ("Wie hoch ist das Gehalt einer Ingenieurin?", MONEY),
        ("¿Cuánto cuesta el almuerzo?", MONEY),
        ("Combien coûte le déjeuner ?", MONEY),
        ("What percentage of bids was late?", PERCENTAGE),
        ("Wie viel Prozent kamen zu spät?", PERCENTAGE),
        ("¿Qué porcentaje llegó tarde?", PERCENTAGE),
        ("Quel pourcentage est arrivé en retard ?", PERCENTAGE),
        ("When was the contract signed?", DATE),
        ("By when must an expense be claimed?", DATE),
        ("In which year did the office open?", DATE),
        ("Bis wann gilt der Vertrag?", DATE),
        ("¿Hasta cuándo vale el contrato?", DATE),
        ("Depuis quand ?", DATE),
        ("How many days of leave are there?", NUMBER),
        ("How long is the notice period?", NUMBER),
        ("Wie lange dauert die Probezeit?", NUMBER),
        ("¿Cuántos días hay?", NUMBER),
        ("Combien de jours ?", NUMBER),
        ("What is the e-mail address of the works council?", EMAIL),
        ("Which phone number reaches support at night?", PHONE),
        # What no form of a text shows, and words that only look like one of the kinds.
        ("Who bears the cost of a repair?", None),
        ("When may a person work from home?", None),
        ("Which costs does the employer refund?", None),
        ("What is the fastest way to claim an expense?", None),
        ("Wer trägt die Kosten?", None),
        ("Why is the price list secret?", None),
        ("", None),
    ],
)
def test_the_kind_that_a_question_asks_for(question: str, kind: AnswerKind | None) -> None:
    assert answer_kind(question) is kind


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (MONEY, "A hotel may cost 120 EUR a night."),
        (MONEY, "$4.5 million"),
        (MONEY, "| Room | Price in EUR |\n| small | 40 |"),
        (MONEY, "| Room | Price |\n| small | 40 |"),
        (MONEY, "| Zimmer | Preise |\n| klein | 40,50 |"),
        (MONEY, "Parking is free of charge."),
        (MONEY, "Das Mittagessen ist kostenlos."),
        (PERCENTAGE, "They cover 80 % of it."),
        (PERCENTAGE, "Ten per cent"),
        (PERCENTAGE, "el cien por cien del salario"),
        (PERCENTAGE, "Half of the bids were late."),
        (DATE, "It was signed on 3 May 2022."),
        (DATE, "until Friday"),
        (DATE, "within 30 days"),
        (DATE, "bis Ende März"),
        (NUMBER, "Each person has 28 days."),
        (NUMBER, "two weeks"),
        (NUMBER, "drei Monate"),
        (NUMBER, "Backups are made every night."),
        (NUMBER, "Lunch lasts an hour."),
        (NUMBER, "Jede Woche"),
        (NUMBER, "nach einem Monat"),
        (NUMBER, "una semana"),
        (NUMBER, "au moins une heure"),
        (NUMBER, "until further notice"),
        (NUMBER, "unlimited"),
        (EMAIL, "Write to council@example.com."),
        (EMAIL, "council [at] example.com"),
        (PHONE, "+49 30 1234 567"),
        (PHONE, "(030) 1234-567"),
    ],
)
def test_a_text_with_a_thing_of_the_kind(kind: AnswerKind, text: str) -> None:
    assert has_kind(text, kind)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (MONEY, "The agency charges a fee for each of 12 rooms."),
        (MONEY, "| Room | Seats |\n| small | 40 |"),
        (MONEY, "Euro pallets are on the second floor."),
        (PERCENTAGE, "Most bids were late."),
        (PERCENTAGE, "12 bids were late."),
        (DATE, "It was signed by both sides."),
        (NUMBER, "Each person has leave."),
        (NUMBER, "Das ist eine Regel für einen Vertrag."),  # articles
        (NUMBER, "Es una regla de un contrato."),
        (NUMBER, "C'est une règle d'un contrat."),
        (EMAIL, "Write to the works council."),
        (PHONE, "Call support, room 12."),
    ],
)
def test_a_text_without_one(kind: AnswerKind, text: str) -> None:
    assert not has_kind(text, kind)
