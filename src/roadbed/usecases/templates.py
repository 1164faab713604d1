"""Templates: the texts of the files in a new folder.

Every inserted value is a Python or Markdown literal: text of others never becomes code.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from roadbed.kernel.labels import normal_label

_MOST_LABELS = 200


def declared_labels(field: str, labels: Iterable[str]) -> str:
    """The argument ``labels`` of a generated use case; no argument for more than 200 labels.

    It stands in for ``{labels}`` of ``TRAINED``. The labels are escaped, in alphabetical order.
    """
    names = sorted({normal_label(label) for label in labels} - {""})
    if len(names) > _MOST_LABELS:
        return ""
    lines = "".join(f"            {literal(name)},\n" for name in names)
    return (
        "    # Any other value is stopped until the domain lead confirms it as new.\n"
        f"    labels={{\n        {literal(field)}: [\n{lines}        ],\n    }},\n"
    )


def literal(text: str) -> str:
    """A text as Python source, in double quotes where every character of it can be seen."""
    return json.dumps(text, ensure_ascii=False) if text.isprintable() else repr(text)


TRAINED = '''"""What this use case decides, for whom, and who answers for it."""

from pydantic import BaseModel

from roadbed import DIRECT, Pod, UseCase
from roadbed.models import TextClassifier


class Input(BaseModel):
{fields}

class Output(BaseModel):
    label: str


usecase = UseCase(
    {name},
    purpose="Give each text the label that people gave texts like it",
    input=Input,
    output=Output,
{labels}\
    # One name may stand for all four while you try it out; before it matters, name four people.
    pod=Pod(
        domain_lead={person},
        engineer={person},
        data_specialist={person},
        risk_partner={person},
    ),
    risk_limit=0.02,
    certainty=0.95,
    # What you improve is live at once; without this line two people sign off every version.
    rollout=DIRECT,
    # True only if the rows under examples/ were drawn at random from the work that will arrive.
    examples_are_random_sample={random_sample},
)
usecase.decider(TextClassifier(text={text}, label="label"))
'''

FUNCTION = '''"""What this use case decides, for whom, and who answers for it."""

from pydantic import BaseModel

from roadbed import DIRECT, Answer, Context, Pod, Unsure, UseCase


class Inquiry(BaseModel):
    text: str


class Routing(BaseModel):
    queue: str


usecase = UseCase(
    {name},
    purpose="Send each inquiry to the team that resolves it",
    input=Inquiry,
    output=Routing,
    # Any other queue is stopped until the domain lead confirms it as new.
    labels={{"queue": ["refunds", "returns", "delivery"]}},
    # One name may stand for all four while you try it out; before it matters, name four people.
    pod=Pod(
        domain_lead={person},
        engineer={person},
        data_specialist={person},
        risk_partner={person},
    ),
    risk_limit=0.02,
    certainty=0.95,
    # What you improve is live at once; without this line two people sign off every version.
    rollout=DIRECT,
)


@usecase.decider
def decide(inquiry: Inquiry, context: Context) -> Answer[Routing] | Unsure:
    """Call your model here. The confidence only has to order answers; Roadbed proves the rest."""
    if "refund" in inquiry.text.lower():
        return Answer(output=Routing(queue="refunds"), confidence=0.9)
    return Unsure(reason="it names nothing this decider knows")
'''

ANSWERS = '''"""What this use case answers, for whom, and who answers for it."""

from roadbed import DIRECT, Cited, Library, Pod, UseCase
from roadbed.models import DocumentAnswer, DocumentAnswers, Question

usecase = UseCase(
    {name},
    purpose="Answer questions from our documents, and say where the answer stands",
    input=Question,
    output=DocumentAnswer,
    # An answer is right if its first citation is a right place.
    scorer=Cited(),
    # access={{"hr": "hr"}} lets only members of the group hr have passages from the folder hr.
    library=Library(folder={folder}),
    # One name may stand for all four while you try it out; before it matters, name four people.
    pod=Pod(
        domain_lead={person},
        engineer={person},
        data_specialist={person},
        risk_partner={person},
    ),
    risk_limit=0.05,
    certainty=0.95,
    # What you improve is live at once; without this line two people sign off every version.
    rollout=DIRECT,
)
# It shows passages. For sentences of a language model, checked against the passages, write
# PromptedAnswers("answer.md", model="openai:NAME") instead, from roadbed.models, with the prompt in
# prompts/answer.md: docs/how-to/use-a-language-model.md.
usecase.decider(DocumentAnswers())
'''

PROMPTED = '''"""What this use case decides, for whom, and who answers for it."""

from typing import Literal

from pydantic import BaseModel

from roadbed import DIRECT, Pod, UseCase
from roadbed.models import Prompted


class Inquiry(BaseModel):
    text: str


class Routing(BaseModel):
    queue: Literal["returns", "billing", "delivery"]


usecase = UseCase(
    {name},
    purpose="Send each inquiry to the team that resolves it",
    input=Inquiry,
    output=Routing,
    # One name may stand for all four while you try it out; before it matters, name four people.
    pod=Pod(
        domain_lead={person},
        engineer={person},
        data_specialist={person},
        risk_partner={person},
    ),
    risk_limit=0.02,
    certainty=0.95,
    # What you improve is live at once; without this line two people sign off every version.
    rollout=DIRECT,
)
usecase.decider(
    Prompted(
        "route.md",
        # Or "anthropic:NAME"; for a server of your own, add base_url="http://host/v1". The key
        # comes from OPENAI_API_KEY or ANTHROPIC_API_KEY.
        model="openai:gpt-6-luna",
        # Without a price the cost of a task stays unknown, and no budget can hold it:
        # price=Price(input=…, output=…, currency="EUR") per million tokens, from roadbed.models.
    )
)
'''

ROUTE = """\
You send inquiries of customers to the team that resolves them. Read {text}.

- returns: something is to be sent back or exchanged
- billing: invoices, payments, refunds that did not arrive
- delivery: where a parcel is, and when it comes
"""
