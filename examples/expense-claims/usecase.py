"""Which account an expense claim belongs to. A decider may be a plain function like this one."""

from pydantic import BaseModel, Field

from roadbed import Answer, Context, Pod, Unsure, UseCase

ACCOUNTS = {
    "travel": ("train", "flight", "taxi", "hotel", "parking"),
    "meals": ("lunch", "dinner", "restaurant", "coffee"),
    "office": ("paper", "toner", "desk", "chair", "keyboard"),
    "training": ("course", "conference", "workshop", "book"),
}


class Claim(BaseModel):
    """What an employee handed in."""

    purpose: str
    amount: float = Field(ge=0, description="in euros")


class Posting(BaseModel):
    """Where it is booked."""

    account: str


claims = UseCase(
    "expense-claims",
    purpose="Book each expense claim on the right account",
    input=Claim,
    output=Posting,
    pod=Pod(domain_lead="ana", engineer="ben", data_specialist="chi", risk_partner="dev"),
    risk_limit=0.02,
    certainty=0.95,
)


@claims.decider
def book(claim: Claim, context: Context) -> Answer[Posting] | Unsure:
    """The account whose words the purpose names; the more of them, the surer."""
    words = claim.purpose.lower().split()
    found = {name: sum(word in words for word in named) for name, named in ACCOUNTS.items()}
    best, second = sorted(found, key=lambda name: -found[name])[:2]
    if found[best] == found[second]:
        return Unsure(reason="no account's words stand out", evidence=found)
    confidence = 0.6 + 0.1 * min(found[best] - found[second], 3)
    return Answer(output=Posting(account=best), confidence=confidence, evidence=found)
