"""The kinds of action items about the documents of a library."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from roadbed.inbox.finding import Find, Sources, facts_of
from roadbed.inbox.model import Asking, Kind, Waiting
from roadbed.inbox.rows import Queries
from roadbed.kernel.messages import later, several
from roadbed.knowledge.access import may_read
from roadbed.people.model import Role
from roadbed.people.permissions import Permission
from roadbed.storage.database import Row, RowT
from roadbed.storage.sql import Query, queries
from roadbed.usecases.library import Library

_SQL = queries(Queries)


def of_documents(sources: Sources) -> Sequence[Kind]:
    """What of a library waits for somebody."""
    return [
        Kind(
            name="unreadable_document",
            title=later("Correct documents"),
            permission=Permission.IMPROVE,
            button=later("See why"),
            find=_of_library(sources, _SQL["unreadable_documents"]),
            why=lambda item: several(
                "%(n)s document cannot be read, so no answer uses its present content.",
                "%(n)s documents cannot be read, so no answer uses their present content.",
                item.count,
            ),
            link=lambda item: f"/usecases/{item.use_case}/documents?state=unreadable",
        ),
        Kind(
            name="damaged_document",
            title=later("Replace damaged documents"),
            permission=Permission.IMPROVE,
            button=later("See what is damaged"),
            find=_of_library(sources, _SQL["damaged_documents"]),
            why=lambda item: several(
                "The file of %(n)s document is damaged. What it lost is missing in answers.",
                "The files of %(n)s documents are damaged. What they lost is missing in answers.",
                item.count,
            ),
            link=lambda item: f"/usecases/{item.use_case}/documents?state=damaged",
        ),
        Kind(
            name="open_family",
            title=later("Say which version is in force"),
            permission=Permission.IMPROVE,
            button=later("Compare the documents"),
            find=_of_library(sources, _SQL["open_families"]),
            why=lambda item: several(
                "%(n)s family of documents that may replace each other. Answers may come from an "
                "outdated one.",
                "%(n)s families of documents that may replace each other. Answers may come from "
                "an outdated one.",
                item.count,
            ),
            link=lambda item: f"/usecases/{item.use_case}/documents?standing=open",
        ),
        Kind(
            name="document_conflict",
            title=later("Settle contradictions"),
            permission=Permission.IMPROVE,
            button=later("Read both documents"),
            find=_of_library(sources, _SQL["open_conflicts"], all),
            why=lambda item: several(
                "%(n)s pair of documents gave different figures for a question. Answers say both.",
                "%(n)s pairs of documents gave different figures for a question. Answers say both.",
                item.count,
            ),
            link=lambda item: f"/usecases/{item.use_case}/documents#conflicts",
        ),
        Kind(
            name="outdated_document",
            title=later("Decide about outdated documents"),
            permission=Permission.IMPROVE,
            button=later("Read and decide"),
            find=_of_library(sources, _SQL["reported_documents"]),
            why=lambda item: several(
                "%(n)s document was reported as outdated. Answers use it until you leave it out.",
                "%(n)s documents were reported as outdated. Answers use them until you leave them "
                "out.",
                item.count,
            ),
            link=lambda item: f"/usecases/{item.use_case}/documents?state=reported",
        ),
        Kind(
            name="gap",
            title=later("Look at gaps in the documents"),
            permission=Permission.IMPROVE,
            button=later("See the questions"),
            find=_gaps(sources),
            why=lambda item: several(
                "No document answers %(n)s question that was asked. Add one, or dismiss it.",
                "No document answers %(n)s kinds of questions that were asked. Add some, or "
                "dismiss them.",
                item.count,
            ),
            link=lambda item: f"/usecases/{item.use_case}/gaps",
        ),
    ]


def _of_library(
    sources: Sources, query: Query[RowT], needed: Callable[[Iterable[bool]], bool] = any
) -> Find:
    """One item for a use case that declares a library: only then has it a page of documents.

    Each row is a document, with the ``item`` that is counted. An item counts if whoever asks may
    read any of its documents, or with ``all`` each of them: as the page of documents lists it.
    """

    async def find(asking: Asking) -> Sequence[Waiting]:
        documents: dict[str, list[Row]] = defaultdict(list)
        stored: Sequence[Row] = await sources.database.fetch(query, facts_of(asking))
        for row in stored:
            documents[row["use_case"]].append(row)
        waiting = []
        for name, rows in documents.items():
            library = _library(sources, name)
            if library is None:
                continue
            groups = await sources.libraries.access.of(name, asking.person)
            readable: dict[str, list[bool]] = defaultdict(list)
            for row in rows:
                readable[row["item"]].append(
                    asking.for_whomever
                    or may_read(library, row["path"], row["access_group"], groups)
                )
            items = {item for item, documents_of in readable.items() if needed(documents_of)}
            if items:
                since = min(row["since"] for row in rows if row["item"] in items)
                waiting.append(Waiting(use_case=name, count=len(items), since=since))
        return waiting

    return find


def _gaps(sources: Sources) -> Find:
    """For the domain lead. The questions are grouped only after something about them changed."""
    known: dict[str, tuple[str, int, datetime | None]] = {}

    async def find(asking: Asking) -> Sequence[Waiting]:
        waiting = []
        for name in asking.use_cases:
            library = _library(sources, name)
            if library is None or Role.DOMAIN_LEAD not in asking.viewer.roles_in(name):
                continue
            mark = await sources.libraries.gaps.mark(name)
            if name not in known or known[name][0] != mark:
                gaps = await sources.libraries.gaps.list(name, library)
                times = [gap.newest.at for gap in gaps if gap.state == "open"]
                known[name] = mark, len(times), min(times, default=None)
            _mark, count, since = known[name]
            if since is not None:
                roles = [str(Role.DOMAIN_LEAD)]
                waiting.append(Waiting(use_case=name, count=count, since=since, roles=roles))
        return waiting

    return find


def _library(sources: Sources, use_case: str) -> Library | None:
    deployment = sources.deployment(use_case)
    return deployment.loaded.declared.library if deployment is not None else None
