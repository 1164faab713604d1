"""The history of published checkpoints, in files: all of today, one a minute of earlier days.

``checkpoints.log`` holds today, ``checkpoints/<day>.log`` each day before: one JSON object a line,
the signed note and when it was written here. A later checkpoint binds all that an earlier one
does, so thinning takes nothing from what is witnessed, only from how finely.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from roadbed.audit.keys import replace

HISTORY = "checkpoints.log"
DAYS = "checkpoints"
_LONGEST_LINE = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointLine:
    """One line and its place (``where``); ``note`` is ``None`` if it cannot be read."""

    where: str
    note: str | None
    at: datetime | None


class CheckpointHistory:
    """The files below ``folder``. Every method may raise ``OSError``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._today = folder / HISTORY
        self._tidied: date | None = None

    def add(self, notes: Sequence[str], now: datetime) -> None:
        """Write ``notes`` down behind the others."""
        with self._today.open("ab+") as history:
            _drop_torn_line(history.fileno())
            for note in notes:
                line = {"at": now.isoformat(timespec="seconds"), "note": note}
                history.write(json.dumps(line).encode() + b"\n")
            history.flush()
            os.fsync(history.fileno())

    def tidy(self, today: date) -> None:
        """Write one file per day before ``today``, with the last line of every minute.

        Call it after ``add``, so that there is an entry of today. A line without a time is
        left where it is.
        """
        if self._tidied == today:
            return
        older: dict[str, list[bytes]] = {}
        kept: list[bytes] = []
        for line in _lines(self._today):
            at = _read(line)[1]
            if at is None or at.date() >= today:
                kept.append(line)
            else:
                older.setdefault(at.date().isoformat(), []).append(line)
        for day, lines in older.items():
            path = self._folder / DAYS / f"{day}.log"
            before = _lines(path) if path.exists() else []
            replace(path, b"".join(_thinned([*before, *lines])))
        if older:
            sync(self._folder / DAYS)
            sync(self._folder)
            replace(self._today, b"".join(kept))
        self._tidied = today

    def lines(self) -> Iterator[CheckpointLine]:
        """Every line, oldest first, each note once."""
        # Today's come first: what goes to its day meanwhile is seen twice then, instead of never.
        today = list(_found(self._today, HISTORY)) if self._today.exists() else []
        seen: set[str] = set()
        for line in [*self._days(), *today]:
            if line.note is None or line.note not in seen:
                yield line
            if line.note is not None:
                seen.add(line.note)

    def last(self) -> str | None:
        """The newest readable note, or ``None``."""
        for path in [self._today, *sorted((self._folder / DAYS).glob("*.log"), reverse=True)]:
            if not path.exists():
                continue
            with path.open("rb") as history:
                history.seek(max(0, path.stat().st_size - _LONGEST_LINE))
                whole = history.read().rpartition(b"\n")[0]
            if whole:
                return _read(whole.rpartition(b"\n")[2])[0]
        return None

    def _days(self) -> Iterator[CheckpointLine]:
        for path in sorted((self._folder / DAYS).glob("*.log")):
            yield from _found(path, f"{DAYS}/{path.name}")


def sync(folder: Path) -> None:
    """Make renames in ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _found(path: Path, name: str) -> Iterator[CheckpointLine]:
    for number, line in enumerate(_lines(path), 1):
        note, at = _read(line)
        yield CheckpointLine(where=f"Line {number} of {name}", note=note, at=at)


def _lines(path: Path) -> list[bytes]:
    with path.open("rb") as lines:
        return list(lines)


def _thinned(lines: Iterable[bytes]) -> list[bytes]:
    """The last line of each minute; one that has no time is kept."""
    kept: dict[object, bytes] = {}
    for line in lines:
        at = _read(line)[1]
        kept[line if at is None else at.replace(second=0, microsecond=0)] = line
    return list(kept.values())


def _read(line: bytes) -> tuple[str | None, datetime | None]:
    """Note and time of a line; a plain text is a note without a time."""
    try:
        entry = json.loads(line)
        if isinstance(entry, str):
            return entry, None
        note, at = entry["note"], datetime.fromisoformat(entry["at"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None, None
    return (note, at) if isinstance(note, str) and at.tzinfo is not None else (None, None)


def _drop_torn_line(handle: int) -> None:
    """Remove an incomplete line that a crash left; nothing depends on it."""
    length = os.fstat(handle).st_size
    begin = max(0, length - _LONGEST_LINE)
    tail = os.pread(handle, length - begin, begin)
    os.ftruncate(handle, length - len(tail.rpartition(b"\n")[2]))
