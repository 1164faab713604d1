"""Forms of questions: what one asks for, and what it denies. Pure.

The words that are searched say what a question is about. Two questions about the same may still ask
for different things: "How much does the firm pay?", "Who must the firm pay?" and "How much does the
firm not pay?" are searched alike. In English, German, Spanish and French their small words tell
them apart.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_WORD = re.compile(r"[^\W\d_]+")
_NOT = re.compile(r"n['’]t\b|\bcannot\b|\b(?:ca|do|does|did|is|are|was|were|wo|must|should)nt\b")


def _spellings(lines: Sequence[str]) -> Mapping[str, str]:
    """The first word of each line by each word of it."""
    return {word: line.split()[0] for line in lines for word in line.split()}


# Words that ask; those of a line ask for the same.
_ASKING = _spellings(
    (
        *("what which", "who whom", "whose", "when", "where", "how"),
        "why wherefore",
        *("wer", "wen", "wem", "wessen", "was", "wann", "wo", "woher", "wohin", "wie"),
        *("womit", "wofür", "wodurch", "worüber", "wovon", "wozu", "woran", "worauf", "worin"),
        "warum wieso weshalb weswegen",
        "welche welcher welches welchem welchen",
        "quién quien quiénes quienes",
        "cuál cual cuáles cuales",
        "cuánto cuanto cuánta cuanta",
        "cuántos cuantos cuántas cuantas",
        "dónde donde adónde adonde",
        *("qué", "cuándo", "cómo", "porqué"),
        *("qui", "quoi", "quand", "où", "comment", "combien", "pourquoi"),
        "quel quelle quels quelles",
        "lequel laquelle lesquels lesquelles",
    )
)
# Without an accent they ask only where a question begins; further on they join sentences.
_BEGINNING = _spellings(("qué que qu", "cuándo cuando", "cómo como"))
_FIRST = 2  # words of a question in which it begins: "a que", "por que"
# Such a word belongs to the one that asks: "how long", "how often".
_MEASURES = frozenset(
    (
        *("much", "many", "long", "often", "far", "old", "high", "big", "large", "late", "early"),
        *("soon", "fast", "quickly", "viel", "viele", "lange", "lang", "oft", "weit", "alt"),
        *("hoch", "groß", "spät", "früh", "schnell", "bald"),
    )
)
_DENYING = _spellings(
    (
        (
            "not no nicht kein keine keiner keines keinem keinen pas aucun aucune "
            "ningún ninguno ninguna"
        ),
        "never nie niemals nunca jamás jamais",
        "without ohne sin sans",
        "nobody none niemand niemandem niemanden nadie",
        "nothing nichts nada rien",
        "neither nor weder ni",
    )
)
# They are other words in the other languages: "it was", "a comment", "a sin".
_ONLY_IN = {"was": "german", "comment": "french", "sin": "spanish"}


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionForm:
    """What a question asks for, by its question words, and its words that deny, in any order.

    Without question words it asks whether something is so, or is no question but words to look for.
    """

    asking: frozenset[str]
    denying: Sequence[str]

    def may_ask_for_the_same(self, other: QuestionForm) -> bool:
        """Whether both deny the same and ask with the same words, or one has none that ask."""
        same = self.asking == other.asking or not self.asking or not other.asking
        return same and self.denying == other.denying


def question_form(question: str, language: str) -> QuestionForm:
    """The form of a question in ``language``, as the search index calls it (``english``).

    The language decides only on words that several languages have.
    """
    text = unicodedata.normalize("NFC", question).lower().replace("wieviel", "wie viel")
    text = _NOT.sub(" not ", text)
    words = [word for word in _WORD.findall(text) if _ONLY_IN.get(word, language) == language]
    asking = frozenset(_asking(words))
    if not asking and text.rstrip().endswith("?"):
        asking = frozenset(("?",))
    return QuestionForm(asking=asking, denying=tuple(sorted(_denying(words))))


def _asking(words: Sequence[str]) -> Iterator[str]:
    for place, word in enumerate(words):
        asks = _ASKING.get(word) or (_BEGINNING.get(word) if place < _FIRST else None)
        following = words[place + 1] if place + 1 < len(words) else ""
        if asks in ("how", "wie") and following in _MEASURES:
            yield f"{asks} {following}"
        elif asks == "qué" and place and words[place - 1] == "por":
            yield "porqué"
        elif asks is not None:
            yield asks


def _denying(words: Sequence[str]) -> Iterator[str]:
    denying = [_DENYING[word] for word in words if word in _DENYING]
    # French denies with two words, of which the second says how: "ne … pas", "n'… jamais".
    if not denying and ("ne" in words or "n" in words):
        denying.append("not")
    yield from denying
