"""The demo's use case: the team that resolves an inquiry."""

import os

from pydantic import BaseModel

from roadbed import DIRECT, Budget, Pod, UseCase
from roadbed.connectors import Folder, Webhook
from roadbed.models import TextClassifier


class Inquiry(BaseModel):
    """What a customer wrote."""

    text: str


class Routing(BaseModel):
    """The queue that should have it."""

    queue: str


support = UseCase(
    "support-triage",
    purpose="Send each customer inquiry to the team that resolves it",
    input=Inquiry,
    output=Routing,
    pod=Pod(domain_lead="ana", engineer="ben", data_specialist="chi", risk_partner="dev"),
    risk_limit=0.02,
    certainty=0.95,
    rollout=DIRECT,
    budget=Budget(per_task=0.01, per_month=400, currency="EUR"),
    # The demo draws its seed from the same stream as everything that follows.
    examples_are_random_sample=True,
)
support.decider(TextClassifier(text="text", label="queue"))

# Every result goes to the other system of the demo, one queue also to a sheet that people open.
support.deliver(
    "helpdesk",
    to=Webhook(
        url=os.environ.get("ROADBED_DEMO_RECEIVER", "http://127.0.0.1:8424/"),
        private=True,  # it runs on this machine
    ),
)
support.deliver(
    "sheet",
    to=Folder(
        path=os.environ.get("ROADBED_DEMO_SHEETS", "."),
        format="xlsx",
        columns={"task": "{task.id}", "queue": "{output.queue}", "text": "{input.text}"},
    ),
    when="output.queue in ['price-match', 'interest_rate']",
)
