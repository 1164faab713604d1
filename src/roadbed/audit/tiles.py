"""The tile folder: the copy of the log outside the database, in the layout of C2SP tlog-tiles.

``checkpoint``, ``tile/<level>/<index>`` and ``tile/entries/<index>`` can be served unchanged by any
web server (https://c2sp.org/tlog-tiles). Beside them ``history.py`` keeps what was shown before, so
that a database cut short or forked is found out.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from roadbed.audit import irrevocable_events
from roadbed.audit.checkpoint_history import DAYS, HISTORY, CheckpointHistory, CheckpointLine, sync
from roadbed.audit.keys import replace
from roadbed.audit.model import Checkpoint
from roadbed.audit.tree import HASH_BYTES, TILE_WIDTH, Tile, pieces

ENTRIES = "tile/entries"
LOST = "lost"


class TileFolder:
    """The files below ``path``. Every method may raise ``OSError``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._history = CheckpointHistory(path)

    @contextmanager
    def writing(self) -> Iterator[bool]:
        """Whether this process may write now: one at a time, the others leave it to that one."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".writing").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def put_tile(self, tile: Tile, hashes: bytes) -> None:
        """A tile of hashes, full or partial."""
        level, index = tile
        self._put(f"tile/{level}", index, len(hashes) // HASH_BYTES, hashes)

    def put_entries(self, index: int, commitments: bytes) -> None:
        """The leaves of level-0 tile ``index``, each behind its length in two bytes."""
        self._put(ENTRIES, index, len(commitments) // HASH_BYTES, as_entries(commitments))

    def put_checkpoints(self, checkpoints: Sequence[Checkpoint], now: datetime) -> None:
        """Add to the history, then show the last one. Its tiles must be there already."""
        self._history.add([checkpoint.note for checkpoint in checkpoints], now)
        replace(self.path / "checkpoint", checkpoints[-1].note.encode())
        sync(self.path)
        self._history.tidy(now.date())

    def put_events(self, events: Sequence[irrevocable_events.IrrevocableEvent]) -> None:
        """Add what stays to the journal. It must be there before a checkpoint covers it."""
        irrevocable_events.add(self.path, events)

    def set_aside(self, number: int, size: int) -> None:
        """Move the copy of a log of ``size`` entries, which a restore lost, into ``lost``.

        ``number`` is the number of the handover. Idempotent. The history is moved last: while it is
        here, the folder knows the longer log.
        """
        target = self.path / LOST / f"{number:04d}-{size}"
        target.mkdir(parents=True, exist_ok=True)
        for name in ("tile", "checkpoint", irrevocable_events.JOURNAL, DAYS, HISTORY):
            if (self.path / name).exists():
                (self.path / name).replace(target / name)
        sync(target)
        sync(self.path)
        self._history = CheckpointHistory(self.path)

    def lost(self) -> Iterator[tuple[Path, Iterator[CheckpointLine]]]:
        """The folders and histories that restores set aside, in their order."""
        for path in sorted((self.path / LOST).glob("[0-9]*-*")):
            yield path, CheckpointHistory(path).lines()

    def history(self) -> Iterator[CheckpointLine]:
        """Every checkpoint's line in the order written."""
        return self._history.lines()

    def last(self) -> str | None:
        """The newest readable note, or ``None``."""
        return self._history.last()

    def parts(self, kind: str, index: int) -> Iterator[tuple[int, bytes]]:
        """What there is of a tile: its beginnings by their width, and the whole."""
        path = self.path / kind / _numbered(index)
        partial = path.with_name(f"{path.name}.p")
        # The whole comes last: it may take the place of its beginnings meanwhile.
        beginnings = sorted(partial.iterdir()) if partial.is_dir() else []
        for item in [*(part for part in beginnings if part.name.isdecimal()), path]:
            try:
                content = item.read_bytes()
            except FileNotFoundError:
                continue
            yield TILE_WIDTH if item == path else int(item.name), content

    def name(self, kind: str, index: int, width: int) -> str:
        """The file of a tile of this width, below the folder."""
        whole = f"{kind}/{_numbered(index)}"
        return whole if width == TILE_WIDTH else f"{whole}.p/{width}"

    def _put(self, kind: str, index: int, width: int, content: bytes) -> None:
        path = self.path / kind / _numbered(index)
        partial = path.with_name(f"{path.name}.p")
        if width < TILE_WIDTH:
            replace(partial / str(width), content)
            return
        replace(path, content)
        shutil.rmtree(partial, ignore_errors=True)  # a full tile takes the place of its beginnings


def as_entries(commitments: bytes) -> bytes:
    """Leaves as an entries tile holds them, each behind its length in two bytes."""
    return b"".join([len(piece).to_bytes(2, "big") + piece for piece in pieces(commitments)])


def _numbered(index: int) -> str:
    """1234067 as x001/x234/067."""
    digits = f"{index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
