"""How the list of documents and the review desk stand on wide and narrow screens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from roadbed.kernel.settings import Settings
from tests.browser.chromium import CHROMIUM
from tests.browser.test_console import signed_in
from tests.conftest import Site, serving
from tests.unit.test_corrected_answers import ask, library, ready

__all__ = ["library"]  # a fixture
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]
LONG = "forms/EFT_Enrollment_Form_for_Suppliers.md"


@pytest.fixture
async def site(settings: Settings, library: Path, url: str) -> AsyncIterator[Site]:
    (library / "forms").mkdir()
    (library / LONG).write_text("# Suppliers\n\nThe office pays suppliers by transfer.\n")
    for number in range(40):
        (library / f"note-{number}.md").write_text(f"# Note {number}\n\nRoom {number} is open.\n")
    async with serving(settings, url) as served:
        await ready(served.app)
        yield served


@pytest.mark.parametrize("width", [1280, 390])
async def test_a_long_name_stands_beside_its_box_and_every_row_on_the_page(
    site: Site, width: int
) -> None:
    async with signed_in(site) as page:
        await page.set_viewport_size({"width": width, "height": 844})
        await page.goto(f"{site.address}/usecases/ask/documents")
        row = page.locator("tbody tr", has_text=LONG)
        box = await row.locator(".pick").bounding_box()
        name = await row.locator("th a").bounding_box()
        assert box is not None
        assert name is not None
        assert box["y"] < name["y"] + name["height"]  # on its first line
        assert name["y"] < box["y"] + box["height"]
        assert box["x"] + box["width"] <= name["x"] + 1
        if width == 1280:
            assert name["height"] < 30  # one line: no name is broken to save width
        table = page.locator(".table-box").last
        assert await table.evaluate("box => box.scrollHeight - box.clientHeight") <= 1
        await expect(page.locator("tbody tr").last).to_be_attached()
        if width == 1280:
            await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
            head = await page.locator("thead th").first.bounding_box()
            assert head is not None
            assert head["y"] >= 0  # it stays in view
        assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_the_field_with_the_focus_is_not_behind_the_buttons(site: Site) -> None:
    await ask(site.app, "How comfortable may employees sit when they ride to customers?")
    async with signed_in(site, "reviewer") as page:
        await page.set_viewport_size({"width": 390, "height": 700})
        await page.goto(f"{site.address}/usecases/ask/reviews")
        await page.locator("form.item").wait_for()
        bar = page.locator(".item .verdicts")
        for field in ("[data-cite-search]", "[name='output.text']", "[name=note]"):
            await page.locator(field).focus()
            at, over = await page.locator(field).bounding_box(), await bar.bounding_box()
            assert at is not None
            assert over is not None
            assert at["y"] + at["height"] <= over["y"] + 1, field
            assert over["width"] == 390
