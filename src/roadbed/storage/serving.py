"""The configured database, or the embedded one, which is kept running while it is used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from roadbed.kernel.settings import Settings
from roadbed.storage import migrations
from roadbed.storage.background import Warnings
from roadbed.storage.embedded import EmbeddedServer, default_home

_log = structlog.get_logger("roadbed")
_KEEP_SECONDS = 0.5


@asynccontextmanager
async def database_server(settings: Settings) -> AsyncIterator[str]:
    """The URL of the configured or the embedded database, which runs; with its current schema."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    server = EmbeddedServer(settings.home or default_home(Path.cwd()))
    starting = asyncio.create_task(asyncio.to_thread(server.start))
    keeper: asyncio.Task[None] | None = None
    try:
        url = await asyncio.shield(starting)
        keeper = asyncio.create_task(_keep(server))
        yield url
    finally:
        # A cancelled start continues in its thread: wait for its end before stopping.
        await asyncio.wait([starting])
        if keeper is not None:
            keeper.cancel()
            await asyncio.wait([keeper])
        await asyncio.to_thread(server.stop)


@asynccontextmanager
async def database_url(settings: Settings) -> AsyncIterator[str]:
    """The same on the newest schema."""
    async with database_server(settings) as url:
        await asyncio.to_thread(migrations.upgrade, url)
        yield url


async def _keep(server: EmbeddedServer) -> None:
    """Restart the embedded server whenever it is down."""
    warnings = Warnings()
    while True:
        await asyncio.sleep(_KEEP_SECONDS)
        with warnings.caught("embedded database not started again"):
            if await asyncio.to_thread(server.keep):
                _log.warning("started the embedded database again: it was down")
