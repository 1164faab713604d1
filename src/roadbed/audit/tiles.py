"""The copy of the log outside the database, in the layout of C2SP tlog-tiles.

``checkpoint``, ``tile/<level>/<index>`` and ``tile/entries/<index>`` can be served as they are by
any web server (https://c2sp.org/tlog-tiles). Beside them ``checkpoints.log`` keeps every checkpoint
ever written, one JSON string a line, so that a database cut short or forked is found out.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from roadbed.audit.keys import replace
from roadbed.audit.model import Checkpoint
from roadbed.audit.rules import pieces
from roadbed.audit.tree import HASH_BYTES, TILE_WIDTH, Tile

HISTORY = "checkpoints.log"
_LONGEST_LINE = 4096


class Folder:
    """The files below ``path``. Every method may raise ``OSError``."""

    def __init__(self, path: Path) -> None:
        self.path = path

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
        leaves = pieces(commitments)
        content = b"".join([len(each).to_bytes(2, "big") + each for each in leaves])
        self._put("tile/entries", index, len(leaves), content)

    def put_checkpoints(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Add to the history, then show the last one. Its tiles must be there already."""
        path = self.path / HISTORY
        with path.open("ab+") as history:
            self._drop_torn_line(history.fileno())
            for each in checkpoints:
                history.write(json.dumps(each.note).encode() + b"\n")
            history.flush()
            os.fsync(history.fileno())
        replace(self.path / "checkpoint", checkpoints[-1].note.encode())
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def history(self) -> Iterator[str | None]:
        """Every checkpoint's note in the order written; ``None`` for a line that is none."""
        path = self.path / HISTORY
        if path.exists():
            with path.open("rb") as lines:
                yield from map(_note, lines)

    def last(self) -> str | None:
        """The note written last, ``None`` if there is none that can be read."""
        path = self.path / HISTORY
        if not path.exists():
            return None
        with path.open("rb") as history:
            history.seek(max(0, path.stat().st_size - _LONGEST_LINE))
            whole = history.read().rpartition(b"\n")[0]
        return _note(whole.rpartition(b"\n")[2]) if whole else None

    def _put(self, kind: str, index: int, width: int, content: bytes) -> None:
        path = self.path / kind / _numbered(index)
        partial = path.with_name(f"{path.name}.p")
        if width < TILE_WIDTH:
            replace(partial / str(width), content)
            return
        replace(path, content)
        shutil.rmtree(partial, ignore_errors=True)  # a full tile takes the place of its beginnings

    def _drop_torn_line(self, handle: int) -> None:
        """What a crash left of a line: it was never relied on."""
        length = os.fstat(handle).st_size
        begin = max(0, length - _LONGEST_LINE)
        tail = os.pread(handle, length - begin, begin)
        os.ftruncate(handle, length - len(tail.rpartition(b"\n")[2]))


def _note(line: bytes) -> str | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, str) else None


def _numbered(index: int) -> str:
    """1234067 as x001/x234/067."""
    digits = f"{index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return "/".join([*(f"x{each}" for each in parts[:-1]), parts[-1]])
