"""Withholding: what a person may read of answers that quote documents of access groups.

An answer is stored once and read by many: who asked, reviewers, whoever sees receipts. Each of them
gets from it only what their own access groups may read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadbed.kernel.json import Json as Content
from roadbed.kernel.sentences import Sentence, sentence
from roadbed.knowledge.access import AccessGroups, may_read
from roadbed.knowledge.records import PassageKey, RemovedDocument
from roadbed.knowledge.service import Documents
from roadbed.usecases.library import Library

NOTE: Sentence = sentence("a passage of a document of another access group")
_KEPT = frozenset({"route"})  # a fixed choice, and no text of a document
_DEEPEST = 30  # levels of a stored content that are searched
Json = Mapping[str, Any]
DeclaredLibrary = Callable[[str], Library | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Readability:
    """What one person may read of one answer.

    ``hidden`` are paths of documents and ids of passages that the person may not read.
    ``is_behind`` says that who asked may read more: what names no document may then quote a hidden
    one.
    """

    hidden: frozenset[str] = frozenset()
    is_behind: bool = False

    def hides(self, content: object) -> bool:
        """Whether a content names what is hidden."""
        return bool(self.hidden) and not self.hidden.isdisjoint(_names(content))

    def hides_output(self, output: Json | None, *, decided: bool) -> bool:
        """Whether the text of an output is withheld: it cites what is hidden, or it may quote it.

        ``decided`` says that it is of the decider. What a person wrote without a citation is shown.
        """
        if not output:
            return False
        return self.hides(output) or (decided and self.is_behind and not output.get("citations"))

    def output(self, output: Json | None, *, decided: bool) -> Json | None:
        """An output without what the person may not read, with ``NOTE`` in its place."""
        if output is None:
            return None
        if not self.hides_output(output, decided=decided):
            if decided and self.is_behind and output.get("notes"):
                return {**output, "notes": [str(NOTE)]}
            return output
        shown = {
            name: value if name in _KEPT else without_text(value)
            for name, value in output.items()
            if name not in {"citations", "notes"}
        }
        if isinstance(citations := output.get("citations"), list):
            shown["citations"] = [self._citation(one) for one in citations]
        if "notes" in output:
            shown["notes"] = [str(NOTE)]
        return shown

    def evidence(self, evidence: Json | None) -> Json | None:
        """Evidence or provenance; only ``NOTE`` if it may quote what is hidden."""
        if evidence and (self.is_behind or self.hides(evidence)):
            return {"withheld": str(NOTE)}
        return evidence

    def input(self, input: Json | None, earlier: str | None) -> Json | None:
        """An input. ``earlier`` is its field with earlier turns: their answers may quote."""
        turns = (input or {}).get(earlier) if earlier else None
        if input is None or earlier is None or not self.is_behind or not isinstance(turns, list):
            return input
        told = [
            {**turn, "text": str(NOTE)} if isinstance(turn, Mapping) else turn for turn in turns
        ]
        return {**input, earlier: told}

    def _citation(self, citation: object) -> object:
        if not self.hides(citation):
            return citation
        empty = {"version": 1, "place": "", "passage": "", "quote": ""}
        return {"document": str(NOTE), **empty, "withheld": True}


ALL = Readability()


class Withholding:
    """Finds out what a person may read of answers.

    ``declared`` gives the library of a use case, ``None`` if it has none.
    """

    def __init__(
        self, documents: Documents, access: AccessGroups, declared: DeclaredLibrary
    ) -> None:
        self._documents = documents
        self._access = access
        self.library = declared

    def earlier(self, use_case: str) -> str | None:
        """The field of the input with earlier turns of a conversation, if it has one."""
        library = self.library(use_case)
        return library.earlier if library is not None else None

    async def unread_turns(self, use_cases: Iterable[str], viewer: str | None) -> Json:
        """Whose earlier turns are withheld from ``viewer``, for a search that must not match them.

        By use case: the ``field`` with the turns, whose ``text`` is withheld, and the ``senders``.
        Only use cases are named of which something is withheld.
        """
        unread = {}
        for name in use_cases:
            if (field := self.earlier(name)) is None:
                continue
            members = await self._access.there(name)
            own = _groups_of(viewer, members)
            senders = {person for group in members.keys() - own for person in members[group]}
            if senders := senders - {viewer}:
                unread[name] = {"field": field, "senders": sorted(senders)}
        return unread

    async def of(
        self, use_case: str, viewer: str | None, senders: Collection[str], *contents: object
    ) -> Readability:
        """What ``viewer`` may read of contents that a task of ``senders`` came to."""
        [readability] = await self.of_each(use_case, viewer, [(senders, contents)])
        return readability

    async def of_each(
        self,
        use_case: str,
        viewer: str | None,
        tasks: Sequence[tuple[Collection[str], Sequence[object]]],
    ) -> Sequence[Readability]:
        """The same for several tasks, each with its senders and contents, in their order."""
        library = self.library(use_case)
        if library is None or not tasks:
            return [ALL] * len(tasks)
        members = await self._access.there(use_case)
        own = _groups_of(viewer, members)
        if own >= {*members, *library.access.values()}:
            return [ALL] * len(tasks)
        hidden = await self._hidden(use_case, library, own, [contents for _, contents in tasks])
        return [
            Readability(
                hidden=hidden,
                is_behind=viewer not in senders
                and any(not _groups_of(sender, members) <= own for sender in senders),
            )
            for senders, _contents in tasks
        ]

    async def removed(self, use_case: str, outputs: Sequence[Any]) -> Sequence[RemovedDocument]:
        """The documents that ``outputs`` cite and that left the library.

        Give outputs as their reader may see them: what is withheld is not looked up.
        """
        cited = [
            citation.get("document")
            for output in outputs
            if isinstance(output, Mapping) and isinstance(output.get("citations"), list)
            for citation in output["citations"]
            if isinstance(citation, Mapping)
        ]
        paths = {path for path in cited if isinstance(path, str)}
        return await self._documents.removed(use_case, paths)

    async def reads_all(self, use_case: str, viewer: str | None) -> bool:
        """Whether nothing of the documents of a use case is withheld from ``viewer``.

        So it is where there is no library: that asks no database.
        """
        library = self.library(use_case)
        if library is None:
            return True
        members = await self._access.there(use_case)
        return _groups_of(viewer, members) >= {*members, *library.access.values()}

    async def _hidden(
        self, use_case: str, library: Library, groups: Collection[str], contents: object
    ) -> frozenset[str]:
        """The paths and ids in ``contents`` that ``groups`` may not read."""
        names = set(_names(contents))
        if not names:
            return frozenset()
        keys = [key for name in names if (key := PassageKey.of(name)) is not None]
        places = await self._access.places({key.version_id for key in keys})
        known = await self._documents.known(use_case, sorted(names))
        hidden = {
            str(key)
            for key in keys
            if (place := places.get(key.version_id)) and not may_read(library, *place, groups)
        }
        for name in names:
            stored = known.get(name, {}).get("access_group")
            if not may_read(library, name, stored, groups):
                hidden.add(name)
        return frozenset(hidden)


def _groups_of(person: str | None, members: Mapping[str, frozenset[str]]) -> frozenset[str]:
    return frozenset(group for group, people in members.items() if person in people)


def _names(content: object, depth: int = 0) -> Iterator[str]:
    """What may be a path or the id of a passage: values of ``document``, and texts of that form."""
    if depth > _DEEPEST:
        return
    if isinstance(content, str):
        if " " not in content and PassageKey.of(content) is not None:
            yield content
    elif isinstance(content, Mapping):
        for name, value in content.items():
            if name == "document" and isinstance(value, str):
                yield value
            else:
                yield from _names(value, depth + 1)
    elif isinstance(content, Sequence):
        for value in content:
            yield from _names(value, depth + 1)


def without_text(content: Content) -> Content:
    """A content with ``NOTE`` in place of each text."""
    if isinstance(content, str):
        return str(NOTE) if content else content
    if isinstance(content, Mapping):
        return {name: without_text(value) for name, value in content.items()}
    if isinstance(content, Sequence):
        return [without_text(value) for value in content]
    return content
