"""Claims of the next reviews: free ones first, then those that nobody else can take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from roadbed.people.permissions import ALLOWS, Permission
from roadbed.reviews.rows import Queries
from roadbed.storage.database import Database
from roadbed.storage.sql import queries

_SQL = queries(Queries)
_REVIEWING = [str(role) for role, allowed in ALLOWS.items() if Permission.REVIEW in allowed]


async def claim_free(
    database: Database, facts: Mapping[str, object], most: int
) -> tuple[Sequence[str], Sequence[str]]:
    """Claim at most ``most`` reviews for a reviewer; the ids of the free ones, and of those left.

    Left are those that the reviewer skipped and that no other person can take, the longest first.
    """
    rows = await database.fetch(_SQL["claim_next"], {**facts, "most": most})
    free = [row["id"] for row in rows]
    if len(free) == most:
        return free, []
    left = await database.fetch(
        _SQL["claim_left"], {**facts, "most": most - len(free), "roles": _REVIEWING}
    )
    return free, [row["id"] for row in left]
