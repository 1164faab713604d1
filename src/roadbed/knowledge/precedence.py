"""Precedence: which versions of documents count for a question. Pure.

The version in force counts. An older one counts if the question names its date or number, or asks
about older versions. A signed, executable or copied variant counts where its name is in the
question: it says what its original says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from roadbed.knowledge.dates import PartialDate, dates, first_date
from roadbed.knowledge.document_facts import number_of

_NUMBER = re.compile(
    r"(?i)\b(?:v|version|rev|revision|edition)[ ._-]?(\d{1,3}(?:\.\d{1,3}){0,2})\b(?![.,]?\d)"
)
_DATE = r"(?:(?:19|20)\d\d\b|[A-Za-z]{3,9}\.?[ ](?:\d{1,2},?[ ])?(?:19|20)\d\d\b)"
_KINDS = (
    r"(?:version|edition|revision|polic(?:y|ie)|contract|agreement|term|one|text|document|rule"
    r"|regulation|handbook|manual|guideline|guide|addendum|price[ ]list|limit)s?"
)
_WORDS_BETWEEN = r"(?:(?!(?:to|of|in|for|and|with|the|a|an)\b)[\w'’-]+[ ]){0,2}"
_GERMAN_KINDS = (
    r"[\w-]*(?:version|fassung|ausgabe|richtlinie|regelung|regel|ordnung|vertrag|handbuch"
    r"|vereinbarung|dokument|preisliste)(?:en|es|s|n)?"
)
_LATIN_KINDS = (
    r"(?:versi[óo]n|edici[óo]n|pol[íi]tica|norma|contrato|documento|reglamento|édition|politique"
    r"|contrat|document|règle|règlement)(?:es|s)?"
)
_LATIN_OLD = r"(?:anterior|antigu[oa]|previ[oa]|ancien(?:ne)?|précédente?|antérieure?)(?:es|s)?"
# Questions about what was in force before, in English, German, Spanish and French.
_OLDER = re.compile(
    rf"(?i)\b(?:previous|earlier|older|former|superseded|outdated|old|prior)[ ]"
    rf"{_WORDS_BETWEEN}{_KINDS}\b"
    r"|\b(?:all|both|the|between)[ ]versions\b|\bused to\b|\bin the past\b"
    r"|\bchange[ds]?[ ](?:from|since|between|over)\b"
    r"|\b(?:was|were|did|had|could|might)\b[^?.]*\b(?:previously|formerly|before)[ ]*[?.!]*[ ]*$"
    r"|\bbefore[ ](?:that|then|now|the[ ](?:change|update|revision|new[ ]\w+))\b"
    rf"|\b(?:was|were|did|had|could|might)\b[^?.]*\bbefore[ ](?:{_DATE})"
    r"|\b(?:alte|ältere|frühere|vorherige|vorige|bisherige)[nrsm]?[ ](?:[\w-]+[ ]){0,1}"
    rf"{_GERMAN_KINDS}\b|\b(?:galt(?:en)?|war(?:en)?|durfte[nt]?|wurde[nt]?|konnte[nt]?)\b[^?.]*"
    r"\b(?:früher|vorher|zuvor|damals)\b"
    rf"|\b{_LATIN_KINDS}[ ](?:\w+[ ]){{0,3}}{_LATIN_OLD}\b|\b{_LATIN_OLD}[ ]{_LATIN_KINDS}\b"
    r"|\b(?:antes|auparavant|avant)[ ]*[?.!]*[ ]*$"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderedVersion:
    """A document that is a version: its rank in its family, and the date or number that it says."""

    document_id: str
    path: str
    family: str
    rank: int
    dated: str | None
    is_variant: bool = False

    def is_named_in(self, moments: Sequence[PartialDate], numbers: Sequence[str]) -> bool:
        """Whether one of some dates and numbers of a question is that of this version."""
        if self.dated in numbers or number_of(self.path) in numbers:
            return True
        if self.dated is None:
            return False
        own = first_date(self.dated)
        return own is not None and any(moment.holds(own) for moment in moments)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What a question leaves out of the search, and the older documents that it names; ids."""

    left_out: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Precedence:
    """The versions that somebody may read: by family, newest first.

    ``copies`` are the ids of documents with the content of another one, which answers instead.
    """

    families: Mapping[str, Sequence[OrderedVersion]]
    of_document: Mapping[str, OrderedVersion]
    copies: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, versions: Sequence[OrderedVersion], copies: Mapping[str, str] | None = None
    ) -> Precedence:
        """Prepare versions for questions. What is true of a document is true of its copies."""
        families: dict[str, list[OrderedVersion]] = {}
        for version in versions:
            families.setdefault(version.family, []).append(version)
        for members in families.values():
            members.sort(key=lambda version: (-version.rank, version.is_variant, version.path))
        kept = {name: members for name, members in families.items() if len(members) > 1}
        of_document = {one.document_id: one for members in kept.values() for one in members}
        copies = copies or {}
        of_document |= {
            copy: of_document[original]
            for copy, original in copies.items()
            if original in of_document
        }
        return cls(families=kept, of_document=of_document, copies=copies)

    def choice(self, question: str) -> Choice:
        """Which documents ``question`` leaves out, and which older ones it names."""
        if _OLDER.search(question):
            return Choice(left_out=frozenset(self.copies))
        moments, numbers = list(dates(question)), _NUMBER.findall(question)
        words = question.lower()
        left_out: set[str] = set(self.copies)
        named: set[str] = set()
        for members in self.families.values():
            top = members[0].rank
            wanted = [
                version
                for version in members
                if (version.is_named_in(moments, numbers) and not version.is_variant)
                or PurePosixPath(version.path).stem.lower() in words
            ]
            older = {version.document_id for version in wanted if version.rank < top}
            if older:
                named |= older
                chosen = {version.document_id for version in wanted}
            else:
                chosen = {members[0].document_id, *(one.document_id for one in wanted)}
            left_out |= {one.document_id for one in members} - chosen
        return Choice(left_out=frozenset(left_out), named=frozenset(named))

    def current_of(self, document_id: str) -> OrderedVersion | None:
        """The version that supersedes a document; ``None``: it is in force, or stands alone."""
        version = self.of_document.get(document_id)
        if version is None:
            return None
        newest = self.families[version.family][0]
        return newest if newest.rank > version.rank else None

    def newer_than(self, document_id: str) -> Iterator[OrderedVersion]:
        """The versions that came after a document."""
        version = self.of_document.get(document_id)
        if version is not None:
            for other in self.families[version.family]:
                if other.rank > version.rank:
                    yield other

    def older_than(self, document_id: str) -> Iterator[OrderedVersion]:
        """The older versions of a document, newest first, without variants."""
        version = self.of_document.get(document_id)
        if version is not None:
            for other in self.families[version.family]:
                if other.rank < version.rank and not other.is_variant:
                    yield other
