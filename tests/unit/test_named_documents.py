"""Questions that name a document: answered from it, or not in it. The texts are made up.

The words that name a document choose it. They are no sign that it says what is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import cast

import pytest

from roadbed.kernel.clock import SystemClock
from roadbed.kernel.settings import Settings
from roadbed.models import DocumentAnswer, DocumentAnswers, Question
from roadbed.usecases.decider import Answer, Context, Task
from tests import libraries
from tests.libraries import Shelf

ENGLISH = MappingProxyType(
    {
        "travel-policy.md": """# Travel policy

This travel policy applies to all business trips of employees.

## Trains

Employees travel by train in second class. The company pays for a seat reservation.

## Hotels

A hotel may cost 120 EUR a night, breakfast included. Dearer hotels need the approval of a manager.

## Flights

Flights in economy class are allowed for trips of more than six hours. Book flights through the
travel office two weeks before the trip.

## Expenses

Hand in receipts within 30 days after the trip. Taxis are paid between 22:00 and 06:00 only.
""",
        "remote-work-policy.md": """# Remote work policy

The remote work policy is for employees with a permanent contract.

## Days

Employees may work from home on up to three days a week. The team agrees on one day in the office.

## Equipment

The company lends a screen, a keyboard and a chair. The equipment stays the property of the company.

## Security

Work laptops are locked when nobody sits at them. Confidential calls are not taken in public places.
""",
        "lease.md": """# Lease of the office

The lease is between Nordhof Estates and Birkwerk Tools.

## Rent

The rent is 4,200 EUR a month and is due on the third working day. The deposit is three rents.

## Notice

Either party may end the lease with six months of notice to the end of a quarter.

## Use

The rooms are used as an office. The tenant may sublet one room with written consent.

## Repairs

The tenant pays small repairs of up to 150 EUR. The landlord repairs the roof and the heating.
""",
        "employee-handbook.md": """# Employee handbook

Welcome to Birkwerk Tools. The employee handbook answers the first questions of new colleagues.

## Leave

Everybody has thirty days of paid leave a year. Leave of more than three weeks needs approval.

## Sickness

Call your manager before nine on the first day. A doctor's note is needed from the fourth day.

## Working hours

The core time is from ten to three. Overtime is balanced with free time within two months.

## Probation

The probation lasts six months. Either side may end the contract with two weeks of notice.
""",
        "price-list.md": """# Price list

All prices of this price list are without tax and valid for one year.

| article | price |
| --- | --- |
| Torque wrench 40 | 89 EUR |
| Bench vice large | 240 EUR |
| Bench vice small | 130 EUR |
| Cordless drill 18 | 175 EUR |

Delivery is free from an order of 500 EUR. Smaller orders cost 12 EUR for delivery.
""",
        "parking.md": """# Parking rules

The parking rules are for the yard behind the house.

## Visitors

Visitors park on the marked places beside the gate. Employees park behind the hall.
""",
        "canteen.md": """# Canteen notice

A notice of the canteen about prices and times.

## Guests

A guest pays 9 EUR for a lunch. Lunch is served from half past eleven to two.
""",
        "data-protection-policy.md": """# Data protection policy

The data protection policy says how Birkwerk Tools handles personal data.

## Retention

Applications of candidates are deleted after six months. Invoices are kept for ten years.

## Requests

A person who asks for their data gets an answer within one month.

## Breaches

Report a loss of data to the data protection officer within 24 hours.
""",
    }
)
GERMAN = MappingProxyType(
    {
        "reiserichtlinie.md": """# Reiserichtlinie

Diese Reiserichtlinie gilt für alle Dienstreisen der Beschäftigten.

## Bahn

Bahnfahrten werden in der zweiten Klasse gebucht. Die Sitzplatzreservierung zahlt die Firma.

## Hotel

Ein Hotel darf 110 EUR pro Nacht kosten. Teurere Zimmer genehmigt die Leitung.

## Belege

Belege werden innerhalb von 30 Tagen nach der Reise eingereicht.
""",
        "mietvertrag.md": """# Mietvertrag

Der Mietvertrag betrifft das Büro im zweiten Stock.

## Miete

Die Miete beträgt 3.100 EUR im Monat. Die Kaution beträgt drei Monatsmieten.

## Kündigung

Die Kündigungsfrist beträgt sechs Monate zum Ende eines Quartals.
""",
        "handbuch.md": """# Handbuch

## Urlaub

Alle haben dreißig Tage Urlaub im Jahr.

## Krankheit

Ein Attest ist ab dem vierten Tag nötig.
""",
    }
)
SPANISH = MappingProxyType(
    {
        "política-de-viajes.md": """# Política de viajes

Esta política de viajes vale para todos los viajes de trabajo.

## Trenes

Los empleados viajan en tren en segunda clase. La empresa paga la reserva del asiento.

## Hoteles

Un hotel puede costar 100 EUR por noche. Los hoteles más caros los aprueba la dirección.
""",
        "contrato-de-alquiler.md": """# Contrato de alquiler

El contrato de alquiler es de la oficina en la calle Mayor.

## Renta

La renta es de 2.800 EUR al mes. La fianza es de dos meses.

## Preaviso

El preaviso es de tres meses.
""",
        "manual-del-empleado.md": """# Manual del empleado

## Vacaciones

Cada empleado tiene treinta días de vacaciones al año.
""",
    }
)
LIBRARIES = MappingProxyType({"english": ENGLISH, "german": GERMAN, "spanish": SPANISH})

# Language, question, and a piece of the text that answers it.
ANSWERED = (
    ("english", "According to the travel policy, what may a hotel cost?", "120 EUR"),
    ("english", "In which class do employees travel by train as per the travel policy?", "second"),
    ("english", "What does the travel policy say about taxis?", "Taxis are paid"),
    ("english", "According to the remote work policy, how many days may I work at home?", "three"),
    ("english", "In the remote work policy, which equipment does the company lend?", "a chair"),
    ("english", "According to the lease, how long is the notice?", "six months"),
    ("english", "What does the lease say about small repairs?", "150 EUR"),
    ("english", "As per the employee handbook, when is a doctor's note needed?", "fourth day"),
    ("english", "What does the employee handbook say about overtime?", "Overtime is balanced"),
    ("english", "According to the price list, what does the cordless drill cost?", "175 EUR"),
    ("english", "Per the data protection policy, when are applications deleted?", "six months"),
    ("english", "Does the travel policy allow economy flights?", "economy class"),
    ("english", "According to the parking rules, where do visitors park?", "beside the gate"),
    ("english", "What does a guest pay for lunch as per the canteen notice?", "9 EUR"),
    ("german", "Was darf ein Hotel laut der Reiserichtlinie kosten?", "110 EUR"),
    ("german", "Was sagt die Reiserichtlinie zu Belegen?", "30 Tagen"),
    ("german", "Wie hoch ist die Miete gemäß dem Mietvertrag?", "3.100 EUR"),
    ("spanish", "Según la política de viajes, ¿en qué clase se viaja en tren?", "segunda"),
    ("spanish", "¿Qué dice el contrato de alquiler sobre la fianza?", "dos meses"),
)
# Language, question, and the document that it names. The first ones are about its topic.
ON_TOPIC = (
    ("english", "According to the travel policy, may I bring my dog?"),
    ("english", "According to the travel policy, may I travel with my spouse?"),
    ("english", "What does the travel policy say about rental cars?"),
    ("english", "As per the lease, may the tenant keep pets in the rooms?"),
    ("english", "According to the employee handbook, how long is parental leave?"),
    ("english", "Does the remote work policy allow work from abroad?"),
    ("english", "In the data protection policy, what is said about cameras?"),
    ("english", "According to the price list, what does the hammer drill cost?"),
    ("english", "According to the parking rules, may visitors charge bicycles?"),
    ("english", "As per the canteen notice, is lunch vegan?"),
    ("german", "Darf ich laut der Reiserichtlinie meinen Hund mitnehmen?"),
    ("spanish", "Según la política de viajes, ¿puedo viajar con mi perro?"),
)
OFF_TOPIC = (
    ("english", "According to the travel policy, who founded the company?"),
    ("english", "What does the lease say about the dress code?"),
    ("english", "As per the employee handbook, what is the password of the wifi?"),
    ("english", "Per the price list, which trains may employees book?"),
    ("english", "In the remote work policy, how are invoices numbered?"),
    ("english", "What does the data protection policy say about the canteen?"),
    ("english", "According to the lease, how do I reset the printer?"),
    ("english", "According to the parking rules, what is probation?"),
    ("english", "According to the canteen notice, who repairs ceilings?"),
    ("german", "Was sagt der Mietvertrag zu Haustieren?"),
    ("german", "Wie lautet laut Handbuch das Passwort des Druckers?"),
    ("spanish", "Según el contrato de alquiler, ¿quién limpia las ventanas?"),
)


async def answers(
    settings: Settings, url: str, language: str, questions: Sequence[str]
) -> Mapping[str, Answer[DocumentAnswer]]:
    """What the shipped decider says to questions to the library in a language."""
    made: dict[str, Answer[DocumentAnswer]] = {}
    async with libraries.shelf(settings, url, f"language={language!r}") as shelf:
        shelf.write(LIBRARIES[language])
        await shelf.ingest()
        for question in questions:
            made[question] = await answer(shelf, question)
    return made


async def answer(shelf: Shelf, question: str) -> Answer[DocumentAnswer]:
    retrieved = await shelf.app.libraries.retrieval.search(
        shelf.loaded.declared, question, groups=frozenset()
    )
    name = shelf.loaded.declared.name
    task = Task(id="tsk", usecase=name, key=None, admitted_at=SystemClock().now())
    context = Context(task=task, deadline_seconds=1.0, retrieved=retrieved)
    made = DocumentAnswers()(Question(question=question), context)
    assert isinstance(made, Answer)
    assert isinstance(made.output, DocumentAnswer)
    return cast("Answer[DocumentAnswer]", made)


@pytest.mark.parametrize(
    ("language", "least"),
    [("english", (14, 6, 8)), ("german", (3, 1, 2)), ("spanish", (2, 1, 1))],
)
async def test_a_named_document_is_answered_from_and_no_other_answer_is_made(
    settings: Settings, url: str, language: str, least: tuple[int, int, int]
) -> None:
    """How many are right: with an answer, without one on the topic, without one off the topic.

    The counts must not fall. What still gets an answer has half of its words in one passage.
    """
    answered = [(question, text) for name, question, text in ANSWERED if name == language]
    absent = [
        [question for name, question in cases if name == language]
        for cases in (ON_TOPIC, OFF_TOPIC)
    ]
    questions = [question for question, _text in answered] + absent[0] + absent[1]
    made = await answers(settings, url, language, questions)
    right = [sum(shows(made[question], text) for question, text in answered)]
    right += [
        sum(made[question].output.route == "not_in_documents" for question in group)
        for group in absent
    ]
    assert all(count >= expected for count, expected in zip(right, least, strict=True)), right


def shows(made: Answer[DocumentAnswer], text: str) -> bool:
    """Whether an answer shows the text that answers its question."""
    quotes = [citation.quote for citation in made.output.citations]
    return made.output.route == "answer" and any(text in quote for quote in quotes)
