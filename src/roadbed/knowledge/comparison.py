"""Comparison of the best passages: with older versions of their documents, and with each other."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from itertools import combinations

from roadbed.knowledge.conflicts import ConflictVerdict, DocumentConflicts
from roadbed.knowledge.contradictions import contradictions
from roadbed.knowledge.index import LibraryIndex, LibraryIndexes
from roadbed.knowledge.known_documents import KnownDocuments
from roadbed.knowledge.precedence import OrderedVersion, Precedence
from roadbed.knowledge.records import PassageKey, StoredPassage
from roadbed.knowledge.service import Documents
from roadbed.knowledge.statements import PassageSentence, asked_statement, differing
from roadbed.usecases.decider import OlderStatement, PassageConflict
from roadbed.usecases.use_case import UseCase

_COMPARED = 3  # passages, the best ones, that are compared
_FROM_EACH = 4  # passages of each older version that may say something else
_MOST_OLDER = 3  # older versions that are told for a passage


class PassageComparison:
    """Finds what other documents say instead of the best passages."""

    def __init__(
        self, documents: Documents, conflicts: DocumentConflicts, indexes: LibraryIndexes
    ) -> None:
        self._documents = documents
        self._conflicts = conflicts
        self._indexes = indexes

    async def conflicting(
        self,
        use_case: str,
        index: LibraryIndex,
        known: KnownDocuments,
        best: Sequence[StoredPassage],
        weights: Mapping[str, float],
    ) -> tuple[frozenset[PassageKey], Sequence[PassageConflict]]:
        """The passages that a person found to be wrong, and what is undecided.

        The best passages are compared in pairs. Of two passages that differ in several figures, the
        contradiction with most of the question says which one is wrong.
        """
        wrong: set[PassageKey] = set()
        conflicts: list[PassageConflict] = []
        for one, other in combinations(best[:_COMPARED], 2):
            if not known.may_contradict(one, other):
                continue
            verdicts: list[tuple[float, ConflictVerdict | None]] = []
            for spoken in contradictions(one.text, other.text, weights, index.terms):
                verdict = await self._conflicts.note(use_case, one, other, spoken)
                verdicts.append((spoken.weight, verdict))
                if verdict is None:
                    conflicts.append(
                        PassageConflict(
                            first=str(one.key),
                            second=str(other.key),
                            first_text=spoken.first,
                            second_text=spoken.second,
                        )
                    )
            # Of two with equally much of it, neither speaks for the other one.
            decided = {verdict for weight, verdict in verdicts if weight == verdicts[0][0]}
            if decided == {"first"}:
                wrong.add(other.key)
            elif decided == {"second"}:
                wrong.add(one.key)
        return frozenset(wrong), conflicts

    async def older(
        self,
        declared: UseCase,
        index: LibraryIndex,
        precedence: Precedence,
        best: Sequence[StoredPassage],
        groups: Collection[str],
        weights: Mapping[str, float],
    ) -> Mapping[PassageKey, Sequence[OlderStatement]]:
        """What older versions say instead of what the best passages say about the question."""
        statements: dict[PassageKey, Sequence[OlderStatement]] = {}
        for passage in best[:_COMPARED]:
            versions = list(precedence.older_than(passage.document_id))
            if not versions:
                continue
            # Words of the document's name say which document is meant, not what is asked of it.
            named = set(index.terms(_words_of_path(passage.path)))
            rest = {term: weight for term, weight in weights.items() if term not in named}
            asked = asked_statement(passage.text, rest or weights, index.terms)
            if asked is None:
                continue
            search = partial(
                LibraryIndex.search,
                question=asked.text,
                groups=groups,
                most=_FROM_EACH * len(versions),
                documents=[version.document_id for version in versions],
            )
            library = declared.library
            assert library is not None
            hits = await self._indexes.ask(declared.name, library.language, search)
            stored = await self._documents.passages(hit.key for hit in hits)
            texts: dict[str, list[StoredPassage]] = {}
            for hit in hits:
                if hit.key in stored:
                    texts.setdefault(hit.document_id, []).append(stored[hit.key])
            statements[passage.key] = [
                spoken
                for version in versions
                if (spoken := _instead(version, texts, asked, rest or weights, index)) is not None
            ][:_MOST_OLDER]
        return statements


def _instead(
    version: OrderedVersion,
    texts: Mapping[str, Sequence[StoredPassage]],
    asked: PassageSentence,
    weights: Mapping[str, float],
    index: LibraryIndex,
) -> OlderStatement | None:
    """What an older version says instead of a statement; ``None``: the same, or nothing."""
    passages = texts.get(version.document_id, ())
    spoken = differing(asked, [passage.text for passage in passages], weights, index.terms)
    if spoken is None:
        return None
    number, text = spoken
    passage = passages[number]
    return OlderStatement(
        document=passage.path,
        version=passage.version,
        place=passage.position.label,
        text=text,
        dated=version.dated,
    )


def _words_of_path(path: str) -> str:
    return re.sub(r"[/_.\-]+", " ", path)
