"""The demo's use case with documents and a language model: sentences that the checks confirm."""

from roadbed import DIRECT, Cited, Library, Pod, UseCase
from roadbed.models import DocumentAnswer, Price, PromptedAnswers, Question

ask = UseCase(
    "ask",
    purpose="Answer questions from the documents, and say where the answer stands",
    input=Question,
    output=DocumentAnswer,
    # An answer is right if its first citation is a right place.
    scorer=Cited(),
    library=Library(folder="documents"),
    pod=Pod(domain_lead="ana", engineer="ben", data_specialist="chi", risk_partner="dev"),
    # Whoever asks reads the cited words, so a wrong answer costs a moment.
    risk_limit=0.10,
    certainty=0.95,
    rollout=DIRECT,
    # The demo draws its seed from the same stream as everything that follows.
    examples_are_random_sample=True,
)
ask.decider(
    PromptedAnswers(
        "answer.md",
        model="openai:imitation",
        # The demo writes the address of its imitated model here. It is on this machine.
        base_url="http://127.0.0.1:9/v1",
        price=Price(input="0", output="0", currency="EUR"),
        # The imitation always replies the same, so a second sample would say nothing.
        samples=1,
    )
)
