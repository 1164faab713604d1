"""Separation of duties: who may not decide an item. Pure.

People do not decide on items that they sent, wrote or corrected, also not under another name. The
stages give the ``Parties`` of what is decided. SQL that picks work for a person asks
``may_decide``, which says the same in the database.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Bar(StrEnum):
    """The reason why a person may not decide."""

    SENT = "sent"
    WROTE = "wrote"
    CORRECTED = "corrected"
    KNOWS = "knows"
    RESERVED = "reserved"


@dataclass(frozen=True, kw_only=True, slots=True)
class Parties:
    """The people involved in an item, by name.

    ``senders`` sent the task or a corrected input of it. ``authors`` made or first requested the
    item. ``correctors`` gave the verdict that it follows from. ``knows`` have seen an answer that
    must be unknown to the person who decides. ``only`` is the one person it is reserved for,
    whatever that person knows.
    """

    senders: Collection[str] = ()
    authors: Collection[str] = ()
    correctors: Collection[str] = ()
    knows: Collection[str] = ()
    only: str | None = None


def bar(person: str, parties: Parties, *, linker: str | None = None) -> Bar | None:
    """The reason why ``person`` may not decide; ``None`` if they may.

    ``linker`` is who made the link, password or token by which ``person`` came in, if that was
    another person recently: that person may be the one who acts.
    """
    hands = {person, linker} - {None}
    reasons: Sequence[tuple[Collection[str], Bar]] = (
        (parties.senders, Bar.SENT),
        (parties.authors, Bar.WROTE),
        (parties.correctors, Bar.CORRECTED),
        (() if parties.only == person else parties.knows, Bar.KNOWS),
    )
    for names, reason in reasons:
        if hands & set(names):
            return reason
    return None if parties.only in (None, person) else Bar.RESERVED
