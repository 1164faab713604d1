"""One chromium for all tests of a process; each page has its own profile."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from playwright.async_api import Browser, Page, async_playwright

# The first one has no windows: it takes half the processor time of a chromium that hides them.
_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, _PROGRAMS)), None)
_OPTIONS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--font-render-hinting=none",  # letters as wide as a chromium with windows draws them
)


async def sends(page: Page, *keys: str) -> None:
    """Press keys of which the last sends a form; back when the page that answers listens.

    The page that is left may show the answer first, as live pages do, and what somebody types
    between the two goes to neither.
    """
    async with page.expect_event("load"):
        for key in keys:
            await page.keyboard.press(key)


async def enters(page: Page, address: str, code: str) -> None:
    """Follow a one-time link, and confirm by one key whom it lets in."""
    await page.goto(f"{address}/sign-in?code={code}")
    await page.keyboard.press("Enter")


class Shared:
    """A browser that is there from the first page on, and again should it have crashed."""

    def __init__(self) -> None:
        self._browser: Browser | None = None
        self._stack = AsyncExitStack()

    @asynccontextmanager
    async def page(self, *, bypass_csp: bool = False, touch: bool = False) -> AsyncIterator[Page]:
        """A page of usual size in its own profile."""
        if self._browser is None or not self._browser.is_connected():
            await self._launch()
        assert self._browser is not None
        context = await self._browser.new_context(
            viewport={"width": 390, "height": 844} if touch else {"width": 1280, "height": 800},
            has_touch=touch,
            bypass_csp=bypass_csp,
        )
        try:
            yield await context.new_page()
        finally:
            await context.close()

    async def end(self) -> None:
        await self._stack.aclose()
        self._browser = None

    async def _launch(self) -> None:
        await self.end()
        playwright = await self._stack.enter_async_context(async_playwright())
        self._browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=_OPTIONS)
        self._stack.push_async_callback(self._browser.close)


SHARED = Shared()
