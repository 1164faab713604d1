"""Corrections of answers: which corrected answer fits a question, and where its passages stand.

A version keeps the corrected answers that it learned. The passages of one come first if its
question is nearly the same. A passage that the library does not have any more is not used, nor one
that whoever asks may not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from roadbed.knowledge.access import may_read
from roadbed.knowledge.question_forms import QuestionForm, question_form
from roadbed.knowledge.question_words import QuestionWords
from roadbed.knowledge.records import PassageKey, StoredPassage
from roadbed.knowledge.service import Documents
from roadbed.usecases.corrected_answers import CorrectedAnswer, CorrectedPassage
from roadbed.usecases.library import Library

NEARLY_SAME = 0.8  # of the terms of each question, in the other one
_MOST_KNOWN = 20_000  # questions whose terms are kept
_WORD = re.compile(r"\w+")
_SENTENCE_ENDS = re.compile(r"(^|[.?!:])\s*$")
_PASSAGE = re.compile(r"(\w+):(\d{1,9})")
Terms = Callable[[str], Collection[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownAnswer:
    """A corrected answer that fits a question, with its passages as they stand now.

    ``text`` is that of the answer; it is empty unless the questions have the same terms and no
    cited passage is lacking.
    """

    answer: CorrectedAnswer
    passages: Sequence[StoredPassage]
    text: str


class PassageCorrections:
    """Finds the corrected answer for a question."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._known: dict[tuple[str, str, str], frozenset[str]] = {}

    async def find(
        self,
        use_case: str,
        library: Library,
        corrected: Sequence[CorrectedAnswer],
        question: str,
        *,
        terms: Terms,
        groups: Collection[str],
    ) -> KnownAnswer | None:
        """The corrected answer to nearly the same question; ``None`` if none has a passage left.

        Of several that are equally near, the newest counts. ``terms`` gives the words of a question
        as they are searched.
        """

        def kept(text: str) -> frozenset[str]:
            key = use_case, library.language, text
            if key not in self._known:
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known[key] = frozenset(terms(text))
            return self._known[key]

        asked = frozenset(terms(question))
        language_of = QuestionWords(library.language).language_of
        for answer, exact in nearest(corrected, question, asked, kept, language_of):
            passages = await self._passages(use_case, library, answer.citations, groups)
            if passages:
                whole = exact and len(passages) == len(set(answer.citations))
                return KnownAnswer(
                    answer=answer, passages=passages, text=answer.text if whole else ""
                )
        return None

    async def _passages(
        self,
        use_case: str,
        library: Library,
        citations: Sequence[CorrectedPassage],
        groups: Collection[str],
    ) -> Sequence[StoredPassage]:
        """The passages of citations in the versions in force, in their order, each once."""
        cited = {citation: key_of(citation.passage) for citation in citations}
        same = await self._documents.same_passages(
            use_case, [key for key in cited.values() if key is not None]
        )
        present: list[PassageKey] = []
        for citation, key in cited.items():
            now = same.get(key) if key is not None else None
            if key is None:  # an example of a folder names document and place only
                now = await self._documents.passage_at(use_case, citation.document, citation.place)
            if now is not None and now not in present:
                present.append(now)
        stored = await self._documents.passages(present)
        return [
            passage
            for key in present
            if (passage := stored.get(key)) is not None
            and may_read(library, passage.path, passage.group, groups)
        ]


def key_of(passage: str) -> PassageKey | None:
    """The key in the id of a passage, as citations have it; ``None`` for another text."""
    match = _PASSAGE.fullmatch(passage)
    return PassageKey(version_id=match[1], ordinal=int(match[2])) if match else None


def nearest(
    corrected: Sequence[CorrectedAnswer],
    question: str,
    asked: frozenset[str],
    terms: Terms,
    language_of: Callable[[str], str],
) -> Sequence[tuple[CorrectedAnswer, bool]]:
    """Corrected answers to nearly the same question, the nearest first, and whether all terms fit.

    Two questions are nearly the same if each has at least ``NEARLY_SAME`` of the terms of the
    other, and the same figures and names: a year tells two questions apart that share all else.
    They must deny the same, and ask with the same question word if both have one: "How much does it
    cost?" is neither "Who pays?" nor "What does it not cost?". ``language_of`` gives the language
    of a question.
    """

    def form_of(text: str) -> QuestionForm:
        return question_form(text, language_of(text))

    near: list[tuple[float, int, CorrectedAnswer]] = []
    marks, form = _marks(question), form_of(question)
    for place, answer in enumerate(corrected):
        likeness = likeness_of(asked, frozenset(terms(answer.question)))
        if (
            likeness >= NEARLY_SAME
            and _marks(answer.question) == marks
            and form_of(answer.question).may_ask_for_the_same(form)
        ):
            near.append((likeness, place, answer))
    near.sort(key=lambda ranked: (-ranked[0], -ranked[1]))
    return [(answer, likeness == 1.0) for likeness, _place, answer in near]


def likeness_of(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of the terms of each question that the other has, the smaller one; in [0, 1]."""
    common = len(one & other)
    return common / max(len(one), len(other)) if common else 0.0


def _marks(question: str) -> frozenset[str]:
    """The figures and names of a question. A capital at the start of a sentence makes no name."""
    marks = set()
    for match in _WORD.finditer(question):
        word = match[0]
        begins = _SENTENCE_ENDS.search(question, 0, match.start()) is not None
        capital = any(sign.isupper() for sign in (word[1:] if begins else word))
        if capital or any(sign.isdigit() for sign in word):
            marks.add(word)
    return frozenset(marks)
