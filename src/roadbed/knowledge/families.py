"""Families of documents: a series, whose documents each have a period, or versions of one document.

Texts cannot tell the two apart: quarterly reports resemble each other as much as versions of a
contract do. So what a document says about itself decides: a period on its cover or in its name, or
a revision and its date. Titles of files and the commonest year are no evidence, and neither is a
text that claims to supersede others. Where evidence is missing or in conflict, or where documents
of one template may be about different things, a person decides.
Pure: no database; today's date is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations, pairwise
from typing import Literal

from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.knowledge.dates import PartialDate
from roadbed.knowledge.document_facts import DocumentFacts
from roadbed.knowledge.subjects import differ

LEAST_CONTAINMENT = 0.4  # of the runs of five words of the shorter document
FamilyKind = Literal["series", "versions", "separate", "open"]
MemberKind = Literal["series", "version", "variant", "separate", "open"]
SettlementKind = Literal["current", "series", "separate"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Settlement:
    """What a person decided about a family.

    ``contents`` are the content hashes of its documents then, ``current`` that of the one in
    force, ``by`` is who decided. It holds for a family whose documents were all among them. A
    series may grow.
    """

    kind: SettlementKind
    contents: frozenset[str]
    current: str | None = None
    by: str = ""

    def holds_for(self, members: Sequence[DocumentFacts]) -> bool:
        """Whether it decides a family of these documents."""
        contents = {member.content for member in members}
        if self.kind == "current" and self.current not in contents:
            return False
        if self.kind != "series":
            return contents <= self.contents
        fresh = [member for member in members if member.content not in self.contents]
        known = len(contents & self.contents)
        return known >= 2 and not any(member.says_version for member in fresh)


@dataclass(frozen=True, kw_only=True, slots=True)
class FamilyMember:
    """The place of a document in its family.

    ``rank`` orders versions: the highest is in force, and a variant has that of its original; it is
    ``None`` where there is no order. ``dated`` is the date or number of the version, or the period,
    as it is shown. ``evidence`` says in words where it stands.
    """

    document_id: str
    kind: MemberKind
    rank: int | None
    dated: str | None
    evidence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """Documents that belong together. ``why`` says why a person is needed, if one is."""

    kind: FamilyKind
    members: tuple[FamilyMember, ...]
    why: str | None = None


def related(
    documents: Sequence[DocumentFacts], containment: Callable[[str, str], float]
) -> Sequence[Sequence[DocumentFacts]]:
    """The families of two and more documents. Pairs are chained.

    ``containment`` gives the share of the shorter of two documents, by their ids, that stands in
    the other one. It is asked only for documents whose names fit, and are not yet together.
    """
    roots = {document.document_id: document.document_id for document in documents}

    def root(identifier: str) -> str:
        while roots[identifier] != identifier:
            roots[identifier] = roots[roots[identifier]]
            identifier = roots[identifier]
        return identifier

    for one, other in name_pairs(documents):
        first, second = root(one.document_id), root(other.document_id)
        together = first != second and (
            containment(one.document_id, other.document_id) >= LEAST_CONTAINMENT
        )
        if together:
            roots[max(first, second)] = min(first, second)
    groups: dict[str, list[DocumentFacts]] = {}
    for document in documents:
        groups.setdefault(root(document.document_id), []).append(document)
    return [group for group in groups.values() if len(group) > 1]


def name_pairs(
    documents: Sequence[DocumentFacts],
) -> Sequence[tuple[DocumentFacts, DocumentFacts]]:
    """The pairs whose names are equal without dates and version words.

    They are equal if they have the same words in the same order. A name that says *current* fits
    longer ones of its folder too: it is often shorter. Equal names in folders that tell different
    subjects fit only if both documents say a version.
    """
    by_name: dict[tuple[str, ...], list[DocumentFacts]] = {}
    for document in documents:
        by_name.setdefault(document.name, []).append(document)
    pairs = [
        (one, other)
        for group in by_name.values()
        for one, other in combinations(group, 2)
        if _are_near(one, other) or (one.says_version and other.says_version)
    ]
    pairs += _counted_pairs(documents)
    for one in documents:
        if not one.is_current or len(one.name) < 2:
            continue
        pairs += [
            (one, other)
            for name, group in by_name.items()
            if len(name) - len(one.name) == 1 and _is_within(one.name, name)
            for other in group
            if other.folder == one.folder and not other.is_current
        ]
    return pairs


def _are_near(one: DocumentFacts, other: DocumentFacts) -> bool:
    """Whether the folders of two documents tell no different subjects."""
    return _is_within(one.subject, other.subject) or _is_within(other.subject, one.subject)


def _is_within(words: Sequence[str], others: Sequence[str]) -> bool:
    """Whether words stand among others, in their order."""
    rest = iter(others)
    return all(word in rest for word in words)


def _counted_pairs(
    documents: Sequence[DocumentFacts],
) -> Sequence[tuple[DocumentFacts, DocumentFacts]]:
    """The pairs of a folder whose names are only a letter and a number, if these may be versions.

    They may if they count up from one, or if the texts say so. Of others, neighbours may if their
    texts do not have the numbers too, as those of valves and rooms: then a person is asked.
    """
    groups: dict[tuple[str, str], list[DocumentFacts]] = {}
    for document in documents:
        if document.counted is not None:
            groups.setdefault((document.folder, document.counted[0]), []).append(document)
    pairs: list[tuple[DocumentFacts, DocumentFacts]] = []
    for group in groups.values():
        if _count_up(group) or _count_themselves(*group):
            pairs += combinations(group, 2)
        else:
            pairs += filter(_may_be_versions, pairwise(sorted(group, key=_counted_number)))
    return pairs


def _count_up(group: Sequence[DocumentFacts]) -> bool:
    numbers = sorted({_counted_number(document) for document in group})
    return numbers in [list(range(first, first + len(numbers))) for first in (0, 1)]


def _may_be_versions(pair: tuple[DocumentFacts, DocumentFacts]) -> bool:
    """Whether two neighbours, counted by the same letter, may be versions of one document.

    A gap between versions is common: not each of them is kept. ``R`` counts rooms and risks as
    often as revisions, so a gap is taken for that.
    """
    one, other = pair
    numbers = _counted_number(one), _counted_number(other)
    is_gap = numbers[1] - numbers[0] > 1
    is_revision = one.counted is not None and one.counted[0] == "r"
    return not (is_gap and is_revision) and not differ(one.covers, other.covers, numbers)


def _counted_number(document: DocumentFacts) -> int:
    return document.counted[1] if document.counted is not None else 0


def judged(
    members: Sequence[DocumentFacts], today: date, settlements: Sequence[Settlement] = ()
) -> Family:
    """What a family is, and the place of each document. ``settlements`` are newest first."""
    for settlement in settlements:
        if settlement.holds_for(members):
            return _settled(members, settlement)
    periods = [member for member in members if member.period]
    if periods:
        return _series(members, periods)
    if not any(member.says_version for member in members):
        return _open(
            members,
            stored_sentence("Nothing says whether these documents replace each other."),
        )
    return _versions(members, today)


def _series(members: Sequence[DocumentFacts], periods: Sequence[DocumentFacts]) -> Family:
    if any(member.says_version for member in members):
        why = stored_sentence("Some say a period of their own, some say a revision.")
        return _open(members, why)
    if len(periods) < len(members):
        return _open(members, stored_sentence("Some say a period of their own, some say none."))
    originals = [member for member in members if not member.is_variant]
    if len({member.period for member in originals}) < len(originals):
        return _open(members, stored_sentence("Two of these documents are of the same period."))
    return Family(kind="series", members=tuple(_of_series(member) for member in members))


def _of_series(member: DocumentFacts) -> FamilyMember:
    return FamilyMember(
        document_id=member.document_id,
        kind="series",
        rank=None,
        dated=member.period or (member.date.label if member.date else None),
        evidence=member.evidence,
    )


def _versions(members: Sequence[DocumentFacts], today: date) -> Family:
    variants = _variants(members)
    originals = [member for member in members if member.document_id not in variants]
    why = _obstacle(originals, today)
    if why is not None:
        return _open(members, why)
    ordered = _ordered(originals)
    why = _doubt([document_id for group in ordered for document_id in group], originals)
    if why is not None:
        return _open(members, why)
    ranks = {document_id: rank for rank, group in enumerate(ordered) for document_id in group}
    ranks |= {variant: ranks[original] for variant, original in variants.items()}
    return Family(
        kind="versions",
        members=tuple(
            _placed(member, ranks[member.document_id], is_variant=member.document_id in variants)
            for member in members
        ),
    )


def _placed(member: DocumentFacts, rank: int | None, *, is_variant: bool = False) -> FamilyMember:
    return FamilyMember(
        document_id=member.document_id,
        kind="variant" if is_variant else "version",
        rank=rank,
        dated=member.dated,
        evidence=member.evidence,
    )


def _variants(members: Sequence[DocumentFacts]) -> Mapping[str, str]:
    """The signed, executable and copied documents, with the original of each."""
    originals = [member for member in members if not member.is_variant]
    variants: dict[str, str] = {}
    for member in members:
        if member.is_variant:
            same = [other for other in originals if _age(other) == _age(member)]
            if len(same) == 1:
                variants[member.document_id] = same[0].document_id
    return variants


def _age(member: DocumentFacts) -> tuple[PartialDate | None, tuple[int, ...] | None, bool]:
    return member.date, member.number, member.is_current


def _obstacle(originals: Sequence[DocumentFacts], today: date) -> str | None:
    """Why versions cannot be ordered without a person; ``None``: they can."""
    later = [member for member in originals if member.date and member.date.is_after(today)]
    if later:
        return stored_sentence(
            "%(path)s says a date that has not come yet: %(date)s.",
            path=later[0].path,
            date=later[0].dated,
        )
    marked = [member for member in originals if member.is_current]
    if len(marked) > 1:
        return stored_sentence("Several names say that theirs is the current one.")
    newest = [_newest(originals, age) for age in _AGES]
    known = [document for document in newest if document is not None]
    if not known:
        silent = [m for m in originals if not (m.date or m.number or m.is_current)]
        if silent:
            return stored_sentence("Nothing says how old %(path)s is.", path=silent[0].path)
        return stored_sentence("Two of these documents say the same date.")
    if any(document is not known[0] for document in (*known, *marked)):
        other = next(document for document in (*known, *marked) if document is not known[0])
        return stored_sentence(
            "The evidence is in conflict: it speaks for %(one)s and for %(other)s.",
            one=known[0].path,
            other=other.path,
        )
    return None


def _doubt(order: Sequence[str], originals: Sequence[DocumentFacts]) -> str | None:
    """Why ordered documents may be no versions of one another; ``None``: nothing speaks for it."""
    by_id = {member.document_id: member for member in originals}
    for one, other in pairwise(by_id[document_id] for document_id in order):
        paths = {"one": one.path, "other": other.path}
        if not _are_near(one, other):
            return stored_sentence("%(one)s and %(other)s are in different folders.", **paths)
        if one.counted and other.counted and not _count_themselves(one, other):
            return stored_sentence(
                "The numbers of %(one)s and %(other)s may be no versions.", **paths
            )
        if differ(one.covers, other.covers, (_name_number(one), _name_number(other))):
            return stored_sentence("%(one)s and %(other)s may be about different things.", **paths)
    return None


def _count_themselves(*members: DocumentFacts) -> bool:
    """Whether the texts call the numbers of the names versions: ``V2`` says "Version 2"."""
    return all(
        member.counted and member.number and member.counted[1] == member.number[0]
        for member in members
    )


def _name_number(member: DocumentFacts) -> int | None:
    if member.counted is not None:
        return member.counted[1]
    return member.number[0] if member.number and len(member.number) == 1 else None


def _newest(
    originals: Sequence[DocumentFacts], age: Callable[[DocumentFacts], PartialDate | None]
) -> DocumentFacts | None:
    """The one document that is newer than all others by one kind of evidence, if all have it.

    Of one whose name says *current*, the date may be missing.
    """
    ages = [(member, age(member)) for member in originals]
    missing = [member for member, value in ages if value is None]
    if len(missing) == 1 and missing[0].is_current:
        return missing[0]
    if missing:
        return None
    dated = [(value, member) for member, value in ages if value is not None]
    top, newest = max(dated, key=lambda pair: pair[0])
    others = [value for value, member in dated if member is not newest]
    return None if any(top.holds(other) for other in others) else newest


def _number(member: DocumentFacts) -> PartialDate | None:
    """A version number as if it were a date, to be compared like one."""
    if member.number is None:
        return None
    padded = (*member.number, 0, 0)[:3]
    return PartialDate(*(part + 1 for part in padded))


_AGES: tuple[Callable[[DocumentFacts], PartialDate | None], ...] = (
    lambda member: member.date,
    lambda member: member.named,
    _number,
)


def _ordered(originals: Sequence[DocumentFacts]) -> Sequence[Sequence[str]]:
    """The ids from the oldest to the newest; those of one age together."""
    by_date = all(member.date or member.is_current for member in originals)

    def key(member: DocumentFacts) -> tuple[bool, PartialDate]:
        value = member.date if by_date else _number(member)
        return member.is_current, value or PartialDate(0)

    groups: dict[tuple[bool, PartialDate], list[str]] = {}
    for member in sorted(originals, key=key):
        groups.setdefault(key(member), []).append(member.document_id)
    return list(groups.values())


def _open(members: Sequence[DocumentFacts], why: str) -> Family:
    placed = [replace(_placed(member, None), kind="open") for member in members]
    return Family(kind="open", members=tuple(placed), why=why)


def _settled(members: Sequence[DocumentFacts], settlement: Settlement) -> Family:
    evidence = (
        stored_sentence("%(person)s decided it.", person=settlement.by)
        if settlement.by
        else stored_sentence("A person decided it.")
    )
    if settlement.kind == "current":
        rest = [member for member in members if member.content != settlement.current]
        ordered = _ordered([replace(member, is_current=False) for member in rest])
        ranks = {document_id: rank for rank, group in enumerate(ordered) for document_id in group}
        placed = [
            replace(_placed(member, ranks.get(member.document_id, len(ordered))), evidence=evidence)
            for member in members
        ]
        return Family(kind="versions", members=tuple(placed))
    kind: Literal["series", "separate"] = settlement.kind
    placed = [replace(_of_series(member), kind=kind, evidence=evidence) for member in members]
    return Family(kind=kind, members=tuple(placed))
