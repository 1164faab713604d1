"""Pages of a list that is ordered by id: what to read, and what was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

COUNTED = 10_000  # rows that a page counts at most
RowT = TypeVar("RowT")


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """Which rows of a list: those ``before`` an id, or ``after`` it, in the order of the list.

    Ids sort by time, so ``oldest`` first is ascending. ``before`` and ``after`` mean older and
    newer in both orders. ``ids`` leaves only these rows. Without ``most``, all rows.
    """

    oldest: bool = False
    before: str | None = None
    after: str | None = None
    ids: Sequence[str] | None = None
    most: int | None = None

    @property
    def against(self) -> bool:
        """Whether the rows are read against the order of the list: the page before this id."""
        return bool(self.before) if self.oldest else bool(self.after)

    def facts(self, *, counted: int = 0) -> dict[str, object]:
        """Parameters of a statement: one row more than asked, which tells whether there are more.

        The statement counts at most ``counted`` rows, and none without.
        """
        edge = self.before or (f"{self.after}0" if self.after else None)
        return {
            "oldest": self.oldest != self.against,
            "before": self.before,
            "after": self.after,
            "edge": edge,
            "ids": None if self.ids is None else list(self.ids),
            "most": None if self.most is None else self.most + 1,
            "counted": counted,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Portion(Generic[RowT]):
    """Rows of one page, in the order of the list.

    ``total`` is the number of all rows, and more than ``COUNTED`` for more than it. ``first`` is
    the place of the first of these rows, from 1, where that is known. ``earlier`` and ``later`` say
    whether there are rows before and after them in the order of the list.
    """

    rows: Sequence[RowT]
    total: int
    first: int | None
    earlier: bool
    later: bool


def portion(rows: Sequence[RowT], asked: Slice, *, total: int, newer: int) -> Portion[RowT]:
    """The page of ``rows`` as a statement read them with ``asked.facts``.

    ``newer`` counts the rows from the edge on that are newer, the edge among them.
    """
    more = asked.most is not None and len(rows) > asked.most
    rows = rows[: asked.most]
    if asked.against:
        rows = list(reversed(rows))
    before = newer if newer <= COUNTED else None  # rows of the list before the edge
    if asked.oldest:
        before = total - newer if total <= COUNTED else None
    if not (asked.before or asked.after):
        before = 0
    elif asked.against and before is not None:
        before = max(before - len(rows), 0)
    return Portion(
        rows=rows,
        total=total,
        first=None if before is None else before + 1,
        earlier=more if asked.against else bool(asked.before or asked.after),
        later=bool(rows) if asked.against else more,
    )
