"""Inbox: what waits for a person, from all kinds, and the feed of notices and action items."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from roadbed.inbox.model import ActionItem, Asking, FeedEntry, Kind, Waiting
from roadbed.inbox.rows import Queries
from roadbed.kernel.clock import Clock
from roadbed.kernel.messages import gettext as _
from roadbed.people.absences import Absences, Holder
from roadbed.people.model import Role
from roadbed.people.permissions import ALLOWS, Permission, Viewer
from roadbed.storage.database import Database
from roadbed.storage.sql import queries

_SQL = queries(Queries)


@dataclass(frozen=True, kw_only=True, slots=True)
class Unattended:
    """What waits in a use case while everybody who may answer it is away."""

    use_case: str
    title: str
    people: Sequence[str]
    back: datetime


class Inbox:
    """Reads what waits. Nothing is stored: an item is the row that causes it."""

    def __init__(
        self, database: Database, absences: Absences, kinds: Sequence[Kind], clock: Clock
    ) -> None:
        self._database = database
        self._absences = absences
        self._clock = clock
        self._named = {kind.name: kind for kind in kinds}
        # Kinds that share a way to find are read once.
        self._finders = list({kind.find: kind for kind in reversed(kinds)}.values())[::-1]

    async def items(self, viewer: Viewer, use_cases: Sequence[str]) -> Sequence[ActionItem]:
        """What ``viewer`` may answer now in ``use_cases``: by due time, then the oldest first."""
        now = self._clock.now()
        holders = await self._absences.holders(viewer.visible(use_cases))
        waiting_by_finder = await asyncio.gather(
            *(
                self._find(
                    finder,
                    viewer,
                    [name for name in use_cases if viewer.may(name, finder.permission)],
                    now,
                )
                for finder in self._finders
            )
        )
        items = [
            _item(self._named[waiting.kind or finder.name], waiting, viewer, holders, now)
            for finder, waits in zip(self._finders, waiting_by_finder, strict=True)
            for waiting in waits
        ]
        return sorted(items, key=lambda item: (item.due is None, item.due or item.since, item.id))

    async def unattended(self, viewer: Viewer, use_cases: Sequence[str]) -> Sequence[Unattended]:
        """For administrators: what waits while everybody who may answer it is away."""
        managed = [name for name in use_cases if viewer.everywhere(Permission.MANAGE_PEOPLE)]
        if not managed:
            return []
        now, result = self._clock.now(), []
        holders = await self._absences.holders(managed)
        if not any(holder.until for holder in holders):
            return []
        everybody = Viewer(name="", roles={name: frozenset(Role) for name in managed})
        for finder in self._finders:
            for waiting in await self._find(finder, everybody, managed, now):
                kind = self._named[waiting.kind or finder.name]
                away = _all_away(kind, waiting, holders)
                if away:
                    result.append(
                        Unattended(
                            use_case=waiting.use_case,
                            title=_(kind.title),
                            people=sorted({holder.person for holder in away}),
                            back=min(holder.until for holder in away if holder.until),
                        )
                    )
        return result

    async def feed(
        self, viewer: Viewer, use_cases: Sequence[str], *, after: datetime, most: int
    ) -> Sequence[FeedEntry]:
        """Open notices and action items that are newer than ``after``, the oldest first.

        At most ``most`` of them, and those of the same moment as the last: so whoever goes on after
        that moment misses none.
        """
        facts = {"use_cases": viewer.visible(use_cases), "after": after, "most": most}
        notices = [
            FeedEntry(
                id=row["id"],
                type="notice",
                use_case=row["use_case"],
                at=row["at"],
                text=row["text"],
                link=f"/usecases/{row['use_case']}",
            )
            for row in await self._database.fetch(_SQL["notices"], facts)
        ]
        items = [
            FeedEntry(
                id=item.id,
                type="action_item",
                use_case=item.use_case,
                at=item.since,
                text=item.why,
                link=item.link,
            )
            for item in await self.items(viewer, use_cases)
            if item.since > after
        ]
        entries = sorted([*notices, *items], key=lambda entry: (entry.at, entry.id))
        last = entries[:most][-1].at if entries else after
        return [entry for entry in entries if entry.at <= last]

    async def counts(self, use_case: str) -> Mapping[str, int]:
        """How many reviews, proposals and deliveries wait in a use case, for whomever."""
        row = await self._database.fetch_one(_SQL["counts"], {"use_case": use_case})
        assert row is not None  # it counts, so it has one row
        return {
            "reviews": row["reviews"],
            "proposals": row["proposals"],
            "deliveries": row["deliveries"],
        }

    async def _find(
        self, kind: Kind, viewer: Viewer, use_cases: Sequence[str], now: datetime
    ) -> Sequence[Waiting]:
        if not use_cases:
            return []
        asking = Asking(
            person=viewer.name,
            linker=viewer.let_in_by,
            viewer=viewer,
            use_cases=use_cases,
            now=now,
        )
        return await kind.find(asking)


def _item(
    kind: Kind, waiting: Waiting, viewer: Viewer, holders: Sequence[Holder], now: datetime
) -> ActionItem:
    roles = _roles(kind, waiting)
    able = _able(waiting, roles, holders)
    own = {holder.role for holder in able if holder.person == viewer.name}
    return ActionItem(
        id=":".join(filter(None, (kind.name, waiting.use_case, waiting.subject))),
        kind=kind.name,
        title=_(kind.title),
        use_case=waiting.use_case,
        subject=waiting.subject,
        count=waiting.count,
        why=kind.why(waiting),
        since=waiting.since,
        due=waiting.due,
        overdue=waiting.due is not None and waiting.due < now,
        who=roles,
        others=sorted(
            {
                holder.person
                for holder in able
                if holder.person != viewer.name and holder.until is None
            }
        ),
        stands_in_for=sorted(
            {
                holder.person
                for holder in able
                if holder.stand_in == viewer.name and holder.role in own
            }
        ),
        link=kind.link(waiting),
        button=_(kind.button),
    )


def _roles(kind: Kind, waiting: Waiting) -> Sequence[str]:
    """The roles that may answer."""
    if waiting.roles is not None:
        return list(waiting.roles)
    return [role.value for role, allowed in ALLOWS.items() if kind.permission in allowed]


def _able(waiting: Waiting, roles: Sequence[str], holders: Sequence[Holder]) -> Sequence[Holder]:
    """Those who hold one of ``roles`` and are not barred."""
    return [
        holder
        for holder in holders
        if holder.use_case == waiting.use_case
        and holder.role in roles
        and holder.person not in waiting.barred
    ]


def _all_away(kind: Kind, waiting: Waiting, holders: Sequence[Holder]) -> Sequence[Holder]:
    """The people without whom this cannot be answered, where all of them are away; else nobody.

    Where ``waiting`` names roles, each has to answer: one role whose people are all away is enough.
    """
    groups = [[role] for role in waiting.roles] if waiting.roles else [_roles(kind, waiting)]
    able = [_able(waiting, roles, holders) for roles in groups]
    return [holder for group in able if all(member.until for member in group) for holder in group]
