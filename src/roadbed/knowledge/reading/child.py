"""Child process: reads documents that come through its standard input, without files or network.

It gets an order (limits), then for each document a frame with its name and length, and its bytes.
It answers each with one frame: the extraction, or why there is none.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from roadbed.executors import sandbox
from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.reading import frames

_SPARE_SECONDS = 5.0  # of processor time beyond the deadline that the parent keeps


def main() -> None:
    """Read documents until the input ends. The process ends without its libraries' teardown.

    xberg may crash there, after a right result.
    """
    # Nothing that a library prints may come between the frames.
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    source = _Source(sys.stdin.buffer)
    order = source.frame()
    if order is not None:
        confined = _confine(order)
        _write(answers, {"ready": True, **confined})
        while (asked := source.frame()) is not None:
            content = source.file(asked["length"])
            sandbox.limit_processor(asked["seconds"] * (os.cpu_count() or 1) + _SPARE_SECONDS)
            _write(answers, _read(content, asked), largest=asked["largest"])
    os._exit(0)


def _confine(order: Mapping[str, Any]) -> Mapping[str, object]:
    """Give up what reading does not need, before the first library for documents is loaded."""
    temporary = Path(order["temporary"])
    os.chdir(temporary)
    sandbox.end_with_parent()
    sandbox.deprioritise()
    sandbox.limit_memory(order["memory_megabytes"])
    sandbox.limit_file_size()
    sandbox.end_first()
    files = sandbox.confine([], [temporary])
    calls = sandbox.filter_system_calls(alone=True)
    sandbox.drop_capabilities()
    return {"files": files, "network": calls}


def _read(content: bytes, asked: Mapping[str, Any]) -> Mapping[str, object]:
    from roadbed.knowledge.reading import readers

    name = asked["name"]
    try:
        extraction = readers.read(content, name, second_only=asked["second_only"])
    except DocumentUnreadableError as error:
        return {"unreadable": error.reason, "detail": error.detail}
    except MemoryError:
        return {"unreadable": UnreadableReason.MEMORY, "detail": ""}
    except RecursionError:
        return {"unreadable": UnreadableReason.BOMB, "detail": "it is nested too deeply"}
    except Exception as error:  # libraries for documents raise many kinds for damaged files
        return {
            "unreadable": UnreadableReason.CORRUPT,
            "detail": f"{type(error).__name__}: {error}"[:300],
        }
    return {"extraction": asdict(extraction)}


def _write(
    answers: BinaryIO, content: Mapping[str, object], *, largest: int = frames.LARGEST
) -> None:
    data = frames.frame(content)
    if len(data) > largest:
        limit = f"its text has more than {largest:,} bytes"
        data = frames.frame({"unreadable": UnreadableReason.TOO_LARGE, "detail": limit})
    answers.write(data)
    answers.flush()


class _Source:
    """The input: frames, and the bytes of documents."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    # Any: JSON of the parent, which this process trusts.
    def frame(self) -> Mapping[str, Any] | None:
        """The next frame, or ``None`` at the end."""
        head = self._stream.read(frames.HEAD.size)
        if len(head) < frames.HEAD.size:
            return None
        (length,) = frames.HEAD.unpack(head)
        return frames.content(self._stream.read(length))

    def file(self, length: int) -> bytes:
        """The bytes of a document. Raises ``EOFError``."""
        data = self._stream.read(length)
        if len(data) < length:
            raise EOFError
        return data


if __name__ == "__main__":
    main()
