"""How kinds of action items are found: by one statement over the rows that cause them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from roadbed.budgets.service import Budgets
from roadbed.decisions.model import Deployment
from roadbed.inbox.model import Asking, Waiting
from roadbed.knowledge.libraries import Libraries
from roadbed.releases.service import Releases
from roadbed.storage.database import Database, Row, RowT
from roadbed.storage.sql import Query

Find = Callable[[Asking], Awaitable[Sequence[Waiting]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """What kinds read. ``deployment`` gives a served use case; ``drill_seconds`` the schedule."""

    database: Database
    releases: Releases
    budgets: Budgets
    libraries: Libraries
    deployment: Callable[[str], Deployment | None]
    drill_seconds: float


def rows_of(sources: Sources, query: Query[RowT], *facts: str) -> Find:
    """Find by one statement; ``facts`` are further columns."""

    async def find(asking: Asking) -> Sequence[Waiting]:
        rows = await sources.database.fetch(query, facts_of(asking))
        return [waiting_of(row, *facts) for row in rows]

    return find


def facts_of(asking: Asking) -> Mapping[str, object]:
    """The parameters that statements of kinds share."""
    return {
        "use_cases": list(asking.use_cases),
        "person": asking.person,
        "linker": asking.linker,
        "now": asking.now,
    }


def waiting_of(row: Row, *facts: str, roles: Sequence[str] | None = None) -> Waiting:
    """What waits, of a row; ``facts`` are columns that its sentence needs."""
    return Waiting(
        use_case=row["use_case"],
        count=row.get("count", 1),
        since=row["since"],
        due=row.get("due"),
        subject=row.get("first"),
        facts={name: row[name] for name in facts},
        roles=roles,
        barred=row.get("barred") or (),
    )
