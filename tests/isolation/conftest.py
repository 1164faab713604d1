"""An app whose deciders run in child processes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.kernel.settings import Settings
from tests.conftest import Folders


@pytest.fixture
async def isolated(settings: Settings, folders: Folders, url: str) -> AsyncIterator[App]:
    """The services with the test's use cases, in the default configuration."""
    if not folders.parent.exists():
        folders.write()
    async with open_app(settings.model_copy(update={"isolation": "process"}), url) as opened:
        yield opened
