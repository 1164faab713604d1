"""A use case whose queues are known from past work, and a person who only reviews."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from roadbed.kernel.settings import Settings
from tests.conftest import Folders, Site, serving

QUEUES = ("billing", "refunds", "returns")


@asynccontextmanager
async def serving_queues(settings: Settings, folders: Folders, url: str) -> AsyncIterator[Site]:
    """Thirty known cases of three queues, and ``rae``, who only reviews."""
    rows = [
        {"input": {"text": f"{queue} {number}"}, "output": {"queue": queue}}
        for queue in QUEUES
        for number in range(10)
    ]
    folders.write(examples="\n".join(json.dumps(row) for row in rows))
    async with serving(settings, url) as site:
        await site.app.members.add("rae", by="test")
        await site.app.members.grant("rae", "triage", "reviewer", by="test")
        yield site
