"""Account of the rows of a table: used, cleaned, left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

_MOST_NAMED = 20


@dataclass(slots=True)
class Lines:
    """How many rows something happened to, and the lines of the first twenty, counted from 1."""

    count: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, line: int) -> None:
        """Count the row that begins on ``line``."""
        self.count += 1
        if len(self.first) < _MOST_NAMED:
            self.first.append(line)

    def __str__(self) -> str:
        named = ", ".join(map(str, self.first))
        word = "line" if self.count == 1 else "lines"
        return (
            f"{self.count:,} ({word} {named}{' and more' if self.count > len(self.first) else ''})"
        )


@dataclass(slots=True)
class Account:
    """Rows by their result.

    ``rows`` counts all after the header, without blank lines: each is either used or in one place
    of ``left_out``. ``changed`` counts rows whose cells were cleaned, by what was done, ``noted``
    rows that were read as they are and are worth a look. ``guessed`` holds sentences.
    """

    rows: int = 0
    used: int = 0
    blank: int = 0
    left_out: dict[str, Lines] = field(default_factory=dict)
    changed: dict[str, Lines] = field(default_factory=dict)
    noted: dict[str, Lines] = field(default_factory=dict)
    guessed: list[str] = field(default_factory=list)

    def leave_out(self, why: str, line: int) -> None:
        """Count a row that is not used."""
        self.left_out.setdefault(why, Lines()).add(line)

    def change(self, what: str, line: int) -> None:
        """Count a row whose cells were cleaned."""
        self.changed.setdefault(what, Lines()).add(line)

    def note(self, what: str, line: int) -> None:
        """Count a row that a person may want to check."""
        self.noted.setdefault(what, Lines()).add(line)

    def sentences(self) -> Iterator[str]:
        """The account as sentences."""
        yield from self.guessed
        if self.blank:
            yield f"Blank lines skipped: {self.blank:,}."
        for what, lines in (self.noted | self.changed).items():
            yield f"{what}: {lines}."
        for why, lines in self.left_out.items():
            yield f"Left out, {why}: {lines}."

    def as_json(self) -> dict[str, object]:
        """The account as data."""
        return {
            "rows": self.rows,
            "used": self.used,
            "blank": self.blank,
            "guessed": list(self.guessed),
            "left_out": {why: _plain(lines) for why, lines in self.left_out.items()},
            "changed": {what: _plain(lines) for what, lines in self.changed.items()},
            "noted": {what: _plain(lines) for what, lines in self.noted.items()},
        }


def _plain(lines: Lines) -> dict[str, object]:
    return {"count": lines.count, "lines": list(lines.first)}
