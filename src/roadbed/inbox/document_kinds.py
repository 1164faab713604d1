"""The kinds of action items of documents: what of a library waits for somebody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from roadbed.inbox.model import Asking, Kind, Waiting
from roadbed.inbox.rows import Queries
from roadbed.kernel.messages import later, several
from roadbed.people.permissions import Permission
from roadbed.storage.database import Row
from roadbed.storage.sql import Query, queries

_SQL = queries(Queries)
# Finds the items of one statement, for use cases that declare a library.
FindByQuery = Callable[[Query[Row]], Callable[[Asking], Awaitable[Sequence[Waiting]]]]


def of_documents(find: FindByQuery) -> Sequence[Kind]:
    """The kinds of documents. ``find`` makes what reads the items of a statement."""
    return [
        Kind(
            name="unreadable_document",
            title=later("Correct documents"),
            permission=Permission.IMPROVE,
            button=later("See why"),
            find=find(_SQL["unreadable_documents"]),
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
            find=find(_SQL["open_families"]),
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
            find=find(_SQL["open_conflicts"]),
            why=lambda item: several(
                "%(n)s pair of documents gave different figures for a question. Answers say both.",
                "%(n)s pairs of documents gave different figures for a question. Answers say both.",
                item.count,
            ),
            link=lambda item: f"/usecases/{item.use_case}/documents#conflicts",
        ),
    ]
