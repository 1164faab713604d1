"""The input and the output of a use case that answers questions from documents."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, field_validator
from pydantic_core import PydanticCustomError

LONGEST_QUESTION = 4_000  # characters
LONGEST_ANSWER = 20_000  # characters
MOST_TURNS = 10


class Turn(BaseModel):
    """An earlier question of the same conversation, and the text of the answer to it."""

    question: str = Field(max_length=LONGEST_QUESTION)
    text: str = Field(default="", max_length=LONGEST_ANSWER)


class Question(BaseModel):
    """A question, in plain words. ``earlier`` are the turns before it, the oldest first."""

    question: str = Field(min_length=1, max_length=LONGEST_QUESTION)
    earlier: list[Turn] = Field(default_factory=list, max_length=MOST_TURNS)

    @field_validator("question")
    @classmethod
    def _has_words(cls, question: str) -> str:
        if not question.strip():
            raise PydanticCustomError("question_empty", "The question is empty. Ask it in words")
        return question


class Citation(BaseModel):
    """Where a part of an answer stands, word for word.

    ``place`` is the position in the document as people read it (``page 4``), ``passage`` the id of
    the passage: with it the citation stays valid when the document changes.
    """

    document: str
    version: int = 1
    place: str = ""
    passage: str = ""
    quote: str = ""


class DocumentAnswer(BaseModel):
    """An answer from documents.

    ``route`` is ``answer``, ``not_in_documents`` if the library has none, or ``please_specify`` if
    the question can mean several things. ``text`` is what the person who asked reads. ``notes`` say
    what that person should know beside it: an older version that differs, or documents in conflict.
    They are not a part of what is right or wrong.
    """

    route: Literal["answer", "not_in_documents", "please_specify"]
    text: str = ""
    citations: list[Citation] = Field(default_factory=list, max_length=20)
    notes: list[str] = Field(default_factory=list, max_length=10)
