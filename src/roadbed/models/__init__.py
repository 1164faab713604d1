"""Models: the built-in deciders. Names load on first use, because scikit-learn imports slowly.

Know the contract of deciders; nothing of tasks, versions or the database. Own no table.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roadbed.models.answers.contract import Citation, DocumentAnswer, Question, Turn
    from roadbed.models.answers.judging import Judge, JudgeAgreement
    from roadbed.models.answers.passages import DocumentAnswers
    from roadbed.models.answers.prompted import PromptedAnswers
    from roadbed.models.embeddings.endpoint import EndpointEmbeddings
    from roadbed.models.embeddings.local import LocalEmbeddings
    from roadbed.models.embeddings.protocol import Embeddings
    from roadbed.models.prompts.fallback import LanguageModel
    from roadbed.models.prompts.price import Price
    from roadbed.models.prompts.prompted import Prompted
    from roadbed.models.text.classifier import TextClassifier

__all__ = [
    "Citation",
    "DocumentAnswer",
    "DocumentAnswers",
    "Embeddings",
    "EndpointEmbeddings",
    "Judge",
    "JudgeAgreement",
    "LanguageModel",
    "LocalEmbeddings",
    "Price",
    "Prompted",
    "PromptedAnswers",
    "Question",
    "TextClassifier",
    "Turn",
]
_WHERE = {
    "Citation": "answers.contract",
    "DocumentAnswer": "answers.contract",
    "DocumentAnswers": "answers.passages",
    "Embeddings": "embeddings.protocol",
    "EndpointEmbeddings": "embeddings.endpoint",
    "Judge": "answers.judging",
    "JudgeAgreement": "answers.judging",
    "LanguageModel": "prompts.fallback",
    "LocalEmbeddings": "embeddings.local",
    "Price": "prompts.price",
    "Prompted": "prompts.prompted",
    "PromptedAnswers": "answers.prompted",
    "Question": "answers.contract",
    "TextClassifier": "text.classifier",
    "Turn": "answers.contract",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module 'roadbed.models' has no attribute {name!r}")
    return getattr(import_module(f"roadbed.models.{_WHERE[name]}"), name)
