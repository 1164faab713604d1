"""The output of the demo: a table with one line per round."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from roadbed.demo.people import Tally


@dataclass(slots=True)
class RoundRow:
    """One round. ``threshold`` is ``None`` while nothing was proven; ``reviews`` closed in it."""

    number: int
    tally: Tally
    threshold: float | None
    reviews: int = 0
    seconds: float = 0.0
    states: list[str] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return self.tally.tasks / self.seconds if self.seconds else 0.0


_HEADINGS = (
    "round",
    "tasks",
    "automatic",
    "",
    "wrong",
    "proven from",
    "reviewed",
    "decisions",
)


_SIGNS = ("█", "·", " → ")
_PLAIN_SIGNS = ("#", ".", " > ")
_WIDTHS = (8, 6, 9, 20, 6, 11, 8, 9, 0)


class View:
    """A live table on a terminal, plain lines elsewhere, nothing at all when ``quiet``."""

    def __init__(
        self,
        *,
        limit: float,
        certainty: float,
        notice: str,
        rounds: int,
        quiet: bool,
        states: bool,
    ) -> None:
        self._headings = (*_HEADINGS, "state") if states else _HEADINGS
        self._limit = limit
        self._certainty = certainty
        self._notice = notice
        self._rounds = rounds
        self._console = Console(quiet=quiet, highlight=False)
        self._live = Live(console=self._console, refresh_per_second=8, transient=True)
        self._drawn_at = 0.0
        self._bar, self._no_bar, self._arrow = _signs(self._console.encoding)
        self._step = ""
        self.rows: list[RoundRow] = []

    def open(self) -> None:
        """Say what the data are, before anything starts."""
        self.note(self._notice)

    def place(self, number: int) -> str:
        """Which round it is, of how many."""
        return f"Round {number} of {self._rounds}"

    def __enter__(self) -> View:
        if self._console.is_terminal:
            self._live.start()
        else:
            self._plain(self._promise)
            self._plain(_in_columns(self._headings))
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()
            self._console.print(self._table())

    def step(self, what: str) -> None:
        """Report progress."""
        self._step = what
        self.draw(now=True)

    def note(self, what: str) -> None:
        """A line that stays; an address in it is not broken in two."""
        self._console.print(what, soft_wrap=True, markup=False)

    def draw(self, *, now: bool = False) -> None:
        """Draw, at most eight times a second."""
        if self._console.is_terminal and (now or time.monotonic() - self._drawn_at > 0.12):
            self._drawn_at = time.monotonic()
            self._live.update(Group(self._table(), Text(self._step, style="dim")))

    def finished(self, row: RoundRow) -> None:
        """A round is over."""
        if not self._console.is_terminal:
            self._plain(_in_columns(self._cells(row)))

    @property
    def _promise(self) -> str:
        return f"At most {self._limit:.0%} wrong, {self._certainty:.0%} certain"

    def _plain(self, line: str) -> None:
        """A line without wrapping: the width of the reader is unknown."""
        self._console.print(line, soft_wrap=True)

    def _cells(self, row: RoundRow) -> list[str]:
        tally = row.tally
        rate = tally.automatic / tally.tasks if tally.tasks else 0.0
        wrong = f"{tally.wrong_automatic / tally.automatic:.1%}" if tally.automatic else "none"
        return [
            f"{row.number} of {self._rounds}",
            f"{tally.tasks:,}",
            f"{rate:.0%}",
            self._bar * round(rate * 20) or self._no_bar,
            wrong,
            "nothing yet" if row.threshold is None else f"{row.threshold:.3f}",
            f"{row.reviews:,}",
            f"{row.per_second:,.0f}/s",
            self._arrow.join(row.states),
        ][: len(self._headings)]

    def _table(self) -> Table:
        table = Table(
            title=self._promise,
            title_justify="left",
            box=None,
            pad_edge=False,
        )
        for heading in self._headings:
            table.add_column(heading, justify="left" if heading in ("", "state") else "right")
        for row in self.rows:
            table.add_row(*self._cells(row))
        return table


def _signs(encoding: str) -> tuple[str, str, str]:
    """The signs of a bar, of none and of a change that this encoding has."""
    try:
        "".join(_SIGNS).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return _PLAIN_SIGNS
    return _SIGNS


def summary_line(rows: Sequence[RoundRow], limit: float) -> str:
    """The run in a sentence."""
    automatic = sum(row.tally.automatic for row in rows)
    wrong = sum(row.tally.wrong_automatic for row in rows)
    tasks = sum(row.tally.tasks for row in rows)
    if not automatic:
        return f"{tasks:,} tasks, none automatic: not enough evidence for a limit of {limit:.0%}."
    last = rows[-1].tally
    return (
        f"{automatic:,} of {tasks:,} tasks were automatic, {wrong / automatic:.1%} of them "
        f"wrong (limit {limit:.0%}); in the last round {last.automatic / last.tasks:.0%}."
    )


def _in_columns(cells: Sequence[str]) -> str:
    """One line of the table where it is written line by line, under the headings."""
    padded = [
        cell.ljust(width) if heading in ("", "state") else cell.rjust(width)
        for cell, heading, width in zip(cells, (*_HEADINGS, "state"), _WIDTHS, strict=False)
    ]
    return "  ".join(padded).rstrip()
