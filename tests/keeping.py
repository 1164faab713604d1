"""A process that is marked, as a server is: then one commit may be enough for a task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from roadbed.app import App


@asynccontextmanager
async def kept(app: App) -> AsyncIterator[None]:
    """``app`` marked and calm; the mark goes at the end."""
    keeping = asyncio.create_task(app.crash_detector.keep())
    try:
        await calm(app)
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def calm(app: App, *, wanted: bool = True) -> None:
    """Wait until the process takes things for calm, or no longer does."""
    while app.crash_detector.calm() is not wanted:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.01)
