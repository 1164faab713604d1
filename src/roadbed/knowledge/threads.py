"""Threads: what a follow-up question is searched with. Pure.

"And in second class?" finds nothing by itself: the words of the question before it are missing. A
question that refers back is searched together with the one that it continues. What the new question
names itself, a period or an owner, takes the place of what the earlier one named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from roadbed.knowledge.scope import without_replaced
from roadbed.models.answers.wording import FUNCTION_WORDS
from roadbed.usecases.library import Library

_FEWEST_WORDS = 2  # with fewer words that carry meaning a question does not stand alone
_MOST_BACK = 3  # follow-ups in a row
_WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)?")
_BEGINNING = re.compile(
    r"^\W*(?:and|but|or|so|then|what about|how about|what if|also|und|aber|oder|y|pero)\b",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"\b(?:it|its|they|them|their|theirs|he|him|his|she|her|hers|the same|the others?|the former"
    r"|the latter|dasselbe|davon|dafür|dazu|deren)\b",
    re.IGNORECASE,
)
# Words that also stand in questions of their own: they refer back in a short one only.
_WEAK_PRONOUN = re.compile(r"\b(?:that|those|these|this)\b", re.IGNORECASE)
_FEW_WORDS = 3
_SECOND_QUESTION = re.compile(
    r"\b(?:(?:and|or)\s+(?:what|how|when|where|who|whom|which|why)"
    r"|(?:und|oder|sowie)\s+(?:was|wie|wann|wo|wer|wem|wen|welche[rsmn]?|warum)"
    r"|(?:y|o)\s+(?:qué|cómo|cuándo|dónde|quién|cuál|cuáles|cuánt[oa]s?|por qué)"
    r"|(?:et|ou)\s+(?:quels?|quelles?|comment|quand|où|qui|combien|pourquoi))\b"
    r"|\?\s+(?=[^?]*\?)",
    re.IGNORECASE,
)
_PART_WORDS = 2  # that carry meaning, in each of two questions
# Words that ask; they carry no meaning of their own.
_ASKING = FUNCTION_WORDS | {"much", "many", "long", "often", "please", "tell", "same", "why"}


def refers_back(question: str) -> bool:
    """Whether a question continues another one: a pronoun, "and …", "the same", or few words."""
    words = [word.lower() for word in _WORD.findall(question)]
    if not words:
        return False
    if _BEGINNING.search(question) or _PRONOUN.search(question):
        return True
    meaning = len([word for word in words if word not in _ASKING])
    is_weak = _WEAK_PRONOUN.search(question) is not None
    return meaning < (_FEW_WORDS if is_weak else _FEWEST_WORDS)


def names_nothing(question: str) -> bool:
    """Whether a question that stands alone means something that it does not name.

    "May I do that?" does. "Who is the CEO?" does not, as short as it is.
    """
    words = [word.lower() for word in _WORD.findall(question)]
    meaning = [word for word in words if word not in _ASKING]
    # With more words of meaning, a pronoun may stand for one of them: "visitors and their cars".
    points = any(one.search(question) for one in (_BEGINNING, _PRONOUN, _WEAK_PRONOUN))
    return not meaning or (points and len(meaning) == 1)


def asks_twice(question: str) -> bool:
    """Whether a text holds two questions, each with words that carry meaning.

    "What does a desk cost, and who orders it for me?" does, "how and when are desks ordered?" does
    not.
    """
    return any(
        min(_meaning(question[: match.start()]), _meaning(question[match.end() :])) >= _PART_WORDS
        for match in _SECOND_QUESTION.finditer(question)
    )


def _meaning(text: str) -> int:
    return sum(word.lower() not in _ASKING for word in _WORD.findall(text))


def searched(question: str, earlier: Sequence[str]) -> str:
    """The text to search for ``question`` after the questions ``earlier``, the oldest first.

    The question itself, if it stands alone. Else the question before it is added, without the
    periods and owners that the new one replaces; and what that one continues, at most three back.
    """
    text = question
    newest = question
    for before in list(reversed(earlier))[:_MOST_BACK]:
        if not refers_back(newest):
            break
        newest = before
        text = f"{text} {without_replaced(before, text)}".strip()
    return text


def searched_text(library: Library, content: Mapping[str, object]) -> str:
    """The text to search for an input: its question, and what that one continues."""
    turns = content.get(library.earlier) if library.earlier is not None else None
    asked = [
        str(turn.get("question") or "")
        for turn in (turns if isinstance(turns, list) else [])
        if isinstance(turn, Mapping)
    ]
    return searched(str(content.get(library.question) or ""), [text for text in asked if text])
