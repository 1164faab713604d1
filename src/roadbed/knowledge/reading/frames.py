"""Frames between this process and a reading child: a length (4 bytes, big-endian), then JSON."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

HEAD = struct.Struct(">I")
LARGEST = 128 * 1024 * 1024


class BrokenFrameError(ValueError):
    """Bytes that are no frame: the other side is broken."""


def frame(content: Mapping[str, object]) -> bytes:
    """``content`` as one frame. Characters that are no text (lone surrogates) are replaced."""
    data = json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
    return HEAD.pack(len(data)) + data


# Any: JSON of the other side; who reads it checks it.
def content(data: bytes) -> Mapping[str, Any]:
    """The object in a frame. Raises ``BrokenFrameError``."""
    try:
        read = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BrokenFrameError("a frame that is no JSON") from error
    if not isinstance(read, dict):
        raise BrokenFrameError("a frame that is no object")
    return read
