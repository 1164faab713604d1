"""The demo's use case with documents: questions that the library of a company answers."""

import os

from roadbed import DIRECT, Cited, Library, Pod, UseCase
from roadbed.models import DocumentAnswer, DocumentAnswers, Question

ask = UseCase(
    "ask",
    purpose="Answer questions from the documents, and say where the answer stands",
    input=Question,
    output=DocumentAnswer,
    # An answer is right if its first citation is a right place.
    scorer=Cited(),
    library=Library(folder=os.environ.get("ROADBED_DEMO_LIBRARY", "documents")),
    pod=Pod(domain_lead="ana", engineer="ben", data_specialist="chi", risk_partner="dev"),
    # Whoever asks reads the passage itself, so a wrong one costs a moment.
    risk_limit=0.10,
    certainty=0.95,
    rollout=DIRECT,
    # The demo draws its seed from the same stream as everything that follows.
    examples_are_random_sample=True,
)
# Short passages: a question of many words has only a part of them in one passage.
ask.decider(DocumentAnswers(least_support=0.2))
