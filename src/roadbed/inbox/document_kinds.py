"""The kinds of action items about the documents of a library."""

from __future__ import annotations

from collections.abc import Sequence

from roadbed.inbox.finding import Find, Sources, facts_of, waiting_of
from roadbed.inbox.model import Asking, Kind, Waiting
from roadbed.inbox.rows import Queries
from roadbed.kernel.messages import later, several
from roadbed.people.permissions import Permission
from roadbed.storage.sql import queries

_SQL = queries(Queries)


def of_documents(sources: Sources) -> Sequence[Kind]:
    """What of a library waits for somebody."""
    return [
        Kind(
            name="unreadable_document",
            title=later("Correct documents"),
            permission=Permission.IMPROVE,
            button=later("See why"),
            find=_unreadable(sources),
            why=lambda item: several(
                "%(n)s document cannot be read, so no answer uses its present content.",
                "%(n)s documents cannot be read, so no answer uses their present content.",
                item.count,
            ),
            link=lambda item: f"/usecases/{item.use_case}/documents?state=unreadable",
        ),
    ]


def _unreadable(sources: Sources) -> Find:
    """One item for a use case that declares a library: only then has it a page of documents."""

    async def find(asking: Asking) -> Sequence[Waiting]:
        rows = await sources.database.fetch(_SQL["unreadable_documents"], facts_of(asking))
        return [waiting_of(row) for row in rows if _has_library(sources, row["use_case"])]

    return find


def _has_library(sources: Sources, use_case: str) -> bool:
    deployment = sources.deployment(use_case)
    return deployment is not None and deployment.loaded.declared.library is not None
