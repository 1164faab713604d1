"""The demo's use case: the team that resolves an inquiry."""

from pydantic import BaseModel

from roadbed import Budget, Pod, UseCase
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
    budget=Budget(per_task=0.01, per_month=400, currency="EUR"),
    # The demo draws its seed from the same stream as everything that follows.
    examples_are_random_sample=True,
)
support.decider(TextClassifier(text="text", label="queue"))
