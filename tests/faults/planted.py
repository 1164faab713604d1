"""A server that acknowledges before it stores: the harness must find the loss.

``python -m tests.faults.planted serve …`` is ``roadbed serve …`` with that fault.
"""

from __future__ import annotations

import asyncio
from typing import Any

from roadbed.cli.main import run
from roadbed.decisions.service import Decisions

_STORES = Decisions._stored_at_once
_LATE: set[asyncio.Task[bool]] = set()


async def _told_first(self: Decisions, *of: Any) -> bool:
    async def store() -> bool:
        await asyncio.sleep(0.1)
        return await _STORES(self, *of)

    late = asyncio.create_task(store())
    _LATE.add(late)
    late.add_done_callback(_LATE.discard)
    return True


if __name__ == "__main__":
    Decisions._stored_at_once = _told_first  # type: ignore[assignment,method-assign]
    run()
