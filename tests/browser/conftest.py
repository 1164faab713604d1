from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.browser.chromium import SHARED


@pytest.fixture(scope="session", autouse=True)
async def _chromium() -> AsyncIterator[None]:
    yield
    await SHARED.end()
