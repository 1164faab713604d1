"""Checks that the citations of an output that somebody gives as right stand in the library.

What a person says is right is released to whoever asked, and it teaches. A citation that stands
nowhere would be shown to them as checked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.json import Json
from roadbed.kernel.sentences import Text, sentence
from roadbed.knowledge.access import AccessGroups, may_read
from roadbed.knowledge.errors import UnknownDocumentError
from roadbed.knowledge.passage_corrections import key_of
from roadbed.knowledge.service import Documents
from roadbed.usecases.library import Library
from roadbed.usecases.use_case import UseCase

_LONGEST_SHOWN = 200  # characters


class CitationInvalidError(RoadbedError):
    """A right answer cites what stands nowhere, or an answer cites nothing."""

    code = "citation_invalid"


class CitationChecks:
    """Checks right outputs of use cases that answer from documents."""

    def __init__(self, documents: Documents, access: AccessGroups) -> None:
        self._documents = documents
        self._access = access

    async def check(self, declared: UseCase, output: Mapping[str, Json], *, by: str) -> None:
        """Raises ``CitationInvalidError`` unless ``output`` fits its route and its citations stand.

        A citation with the id of a passage must name its document and quote its words. One without
        it, as examples of a folder have it, must name a document of the library. An answer has a
        citation; another route has none. What ``by`` may not read stands nowhere for them. Nothing
        is checked of other use cases.
        """
        citations = output.get("citations")
        if declared.library is None or not isinstance(citations, list):
            return
        given = [citation for citation in citations if isinstance(citation, Mapping)]
        _check_route(output.get("route"), given)
        groups = await self._access.of(declared.name, by) if given else frozenset()
        for citation in given:
            await self._check_one(declared.name, declared.library, citation, groups)

    async def _check_one(
        self,
        use_case: str,
        library: Library,
        citation: Mapping[str, Json],
        groups: Collection[str],
    ) -> None:
        path, quote = str(citation.get("document") or ""), str(citation.get("quote") or "")
        name = str(citation.get("passage") or "")
        if not name:
            documents = await self._documents.documents(use_case)
            if not any(
                document.path == path and may_read(library, path, document.group, groups)
                for document in documents
            ):
                raise _not_here(sentence("The library has no document %(path)r.", path=_cut(path)))
            return
        key = key_of(name)
        passages = await self._documents.passages([] if key is None else [key])
        passage = next(iter(passages.values()), None)
        if (
            passage is None
            or not await self._is_of(use_case, passage.document_id)
            or not may_read(library, passage.path, passage.group, groups)
        ):
            raise _not_here(sentence("The library has no passage %(passage)r.", passage=_cut(name)))
        version = citation.get("version")
        if path != passage.path or (version is not None and version != passage.version):
            raise _not_here(
                sentence(
                    "The passage %(passage)r stands in %(path)s, version %(version)s.",
                    passage=name,
                    path=passage.path,
                    version=passage.version,
                )
            )
        if _plain(quote) not in _plain(passage.text):
            raise _not_here(
                sentence("%(path)s does not say “%(quote)s”.", path=path, quote=_cut(quote))
            )

    async def _is_of(self, use_case: str, document_id: str) -> bool:
        try:
            await self._documents.by_id(use_case, document_id)
        except UnknownDocumentError:
            return False
        return True


def _check_route(route: Json, citations: Sequence[Mapping[str, Json]]) -> None:
    if route == "answer" and not citations:
        raise CitationInvalidError(
            sentence("The right answer cites no passage."),
            sentence(
                "Choose the passage that says so. If no document does, the route is "
                "not_in_documents."
            ),
        )
    if route != "answer" and citations:
        raise CitationInvalidError(
            sentence("An answer with the route %(route)s cites nothing.", route=_cut(str(route))),
            sentence("Leave the passages out, or choose the route answer."),
        )


def _not_here(problem: Text) -> CitationInvalidError:
    return CitationInvalidError(
        problem, sentence("Choose a passage of a search in the documents; it fills in all of this.")
    )


def _plain(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str) -> str:
    return text[:_LONGEST_SHOWN]
