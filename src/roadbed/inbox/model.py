"""Records of the inbox: action items, their kinds, and what a kind is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from roadbed.people.permissions import Permission, Viewer


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """Who asks for what waits, and where they may act.

    ``person`` and ``linker`` are excluded from what they sent, wrote or corrected. ``use_cases``
    are those in which the person holds the permission of the kind.
    """

    person: str
    linker: str | None
    viewer: Viewer
    use_cases: Sequence[str]
    now: datetime

    @property
    def for_whomever(self) -> bool:
        """Whether it is asked what waits at all, not what waits for a person."""
        return not self.person


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """What a kind finds: ``count`` things in a use case that wait since ``since``.

    ``kind`` names the kind where one ``find`` serves several. ``subject`` names one of them (a
    release, a delivery) where there is one. ``due`` is when it has to be answered. ``facts`` are
    for the sentence and the link. ``roles`` have to answer, each for itself, where not every role
    with the permission will do. ``barred`` are people who may not, whatever their roles.
    """

    use_case: str
    count: int
    since: datetime
    due: datetime | None = None
    subject: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    roles: Sequence[str] | None = None
    barred: Collection[str] = ()
    kind: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of action item.

    ``permission`` is what its answer needs. ``find`` returns what waits for the person who asks,
    never what that person may not answer; kinds with the same permission may share one. ``why`` is
    one sentence about why it matters. ``link`` leads to the button that answers it, whose words are
    ``button``.
    """

    name: str
    title: str
    permission: Permission
    button: str
    find: Callable[[Asking], Awaitable[Sequence[Waiting]]]
    why: Callable[[Waiting], str]
    link: Callable[[Waiting], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionItem:
    """What waits for the person who asked.

    ``who`` are the roles that may answer it, ``others`` the people here who may, besides the person
    who asked. ``stands_in_for`` are absent people for whom that person answers.
    """

    id: str
    kind: str
    title: str
    use_case: str
    subject: str | None
    count: int
    why: str
    since: datetime
    due: datetime | None
    overdue: bool
    who: Sequence[str]
    others: Sequence[str]
    stands_in_for: Sequence[str]
    link: str
    button: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedEntry:
    """An entry of the feed: a notice, or an action item from the moment it waits."""

    id: str
    type: str
    use_case: str
    at: datetime
    text: str
    link: str
