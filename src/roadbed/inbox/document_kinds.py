"""The kinds of action items about the documents of a library."""

from __future__ import annotations

from collections.abc import Sequence

from roadbed.inbox.finding import Find, Sources, facts_of, waiting_of
from roadbed.inbox.model import Asking, Kind, Waiting
from roadbed.inbox.rows import Queries
from roadbed.kernel.messages import later, several
from roadbed.people.permissions import Permission
from roadbed.storage.database import RowT
from roadbed.storage.sql import Query, queries

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
            find=_of_library(sources, _SQL["open_conflicts"]),
            why=lambda item: several(
                "%(n)s pair of documents gave different figures for a question. Answers say both.",
                "%(n)s pairs of documents gave different figures for a question. Answers say both.",
                item.count,
            ),
            link=lambda item: f"/usecases/{item.use_case}/documents#conflicts",
        ),
    ]


def _of_library(sources: Sources, query: Query[RowT]) -> Find:
    """One item for a use case that declares a library: only then has it a page of documents."""

    async def find(asking: Asking) -> Sequence[Waiting]:
        rows = await sources.database.fetch(query, facts_of(asking))
        return [waiting_of(row) for row in rows if _has_library(sources, row["use_case"])]

    return find


def _has_library(sources: Sources, use_case: str) -> bool:
    deployment = sources.deployment(use_case)
    return deployment is not None and deployment.loaded.declared.library is not None
