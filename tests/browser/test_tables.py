"""Tables in a real browser: sort, columns, pages, selection by keys, and a narrow page."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Locator, Page

from tests.browser.test_console import CHROMIUM, signed_in
from tests.conftest import Site
from tests.unit.test_exports import HOSTILE, fill
from tests.unit.test_release_cases import store_all

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]


@pytest.fixture
async def page(site: Site) -> AsyncIterator[Page]:
    """A page of ana, on a site with 130 tasks."""
    await fill(site)
    async with signed_in(site) as signed:
        yield signed


async def firsts(page: Page) -> list[str]:
    return await page.locator("tbody th a").all_inner_texts()


async def downloaded(page: Page, click: Locator) -> list[list[str]]:
    """The rows of the CSV file that a click gives, without the heading."""
    async with page.expect_download() as begun:
        await click.click()
    path = await (await begun.value).path()
    text = await asyncio.to_thread(lambda: path.read_bytes().decode())
    return list(csv.reader(io.StringIO(text, newline="")))[1:]


async def test_sort_columns_and_pages_are_links(site: Site, page: Page) -> None:
    await page.goto(f"{site.address}/receipts?usecase=triage")
    assert await page.locator(".table-count").inner_text() == "1–50 of 130"
    newest = await firsts(page)
    head = page.locator("th", has_text="Arrived")
    assert await head.get_attribute("aria-sort") == "descending"
    await page.keyboard.press("]")
    await page.wait_for_url("**before=**")
    assert await page.locator(".table-count").inner_text() == "51–100 of 130"
    await page.keyboard.press("[")
    await page.wait_for_url("**after=**")
    assert await firsts(page) == newest
    await page.get_by_role("link", name="Arrived").click()
    await page.wait_for_url("**sort=arrived**")
    assert await head.get_attribute("aria-sort") == "ascending"
    assert (await firsts(page))[0] == "erased" or "number 0" in (await firsts(page))[0]
    await page.get_by_text("Columns", exact=True).click()
    await page.get_by_role("checkbox", name="Confidence").check()
    await page.get_by_role("checkbox", name="Verdict").uncheck()
    await page.locator(".table-columns button").click()
    await page.wait_for_url("**columns=**")
    heads = await page.locator("thead th").all_inner_texts()
    assert "Confidence" in heads
    assert "Verdict" not in heads
    assert await page.locator("th[aria-sort=ascending]").count() == 1
    assert "usecase=triage" in page.url


async def test_rows_are_selected_by_keys_and_exported(site: Site, page: Page) -> None:
    await page.goto(f"{site.address}/receipts?q=number&sort=arrived")
    assert await page.locator(".table-selected").is_hidden()
    for key in ("j", "Space", "j", "j", "Space"):
        await page.keyboard.press(key)
    assert await page.locator("[data-selected]").inner_text() == "2 selected:"
    shown = await firsts(page)
    chosen = page.locator(".table-selected").get_by_role("button", name="CSV")
    read = await downloaded(page, chosen)
    assert [row[0] for row in read] == [shown[0], shown[2]]
    everything = await downloaded(page, page.locator(".table-export a").first)
    assert [row[0] for row in everything[:50]] == shown
    assert len(everything) > 100


async def test_rows_that_lead_nowhere_are_reached_and_selected_by_keys(
    site: Site, page: Page, url: str
) -> None:
    """The first of the broken cases was imported: it has no receipt. The second has one."""
    path = await store_all(site, url)
    await page.goto(f"{site.address}{path}")
    await page.get_by_role("link", name="All 43 broken cases").click()
    await page.wait_for_url("**/cases?change=broken")
    await page.keyboard.press("j")
    await page.keyboard.press("Space")
    assert await page.locator("[data-selected]").inner_text() == "1 selected:"
    chosen = page.locator(".table-selected").get_by_role("button", name="CSV")
    [row] = await downloaded(page, chosen)
    assert row[1:] == ["broken", "returns", "returns", "right 0", "imported"]
    await page.locator("tbody th span").first.focus()
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/receipts/tsk_b*1")


async def test_without_script_a_selection_can_be_exported(site: Site, page: Page) -> None:
    browser = page.context.browser
    assert browser is not None
    context = await browser.new_context(
        java_script_enabled=False, storage_state=await page.context.storage_state()
    )
    try:
        plain = await context.new_page()
        await plain.goto(f"{site.address}/receipts?columns=task,nonsense,id&density=compact")
        assert "There is no column “nonsense”." in await plain.locator("main").inner_text()
        await plain.locator("input[name=row]").nth(1).check()
        wanted = await plain.locator("input[name=row]").nth(1).get_attribute("value")
        chosen = plain.locator(".table-selected").get_by_role("button", name="CSV")
        read = await downloaded(plain, chosen)
        assert [row[1] for row in read] == [wanted]
    finally:
        await context.close()


@pytest.mark.parametrize("width", [390, 1440])
async def test_a_page_never_scrolls_sideways(site: Site, page: Page, url: str, width: int) -> None:
    release = await store_all(site, url)
    await page.set_viewport_size({"width": width, "height": 844})
    everything = "task,state,answer,verdict,arrived,usecase,revision,confidence,reason,key,id"
    for path in (
        release,
        f"{release}/cases",
        "/",
        "/receipts",
        f"/receipts?columns={everything}",
    ):
        await page.goto(f"{site.address}{path}")
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert await page.locator("main script, main img").count() == 0
    texts = await firsts(page)
    assert any(HOSTILE[4].splitlines()[0] in text for text in texts)
    assert any("\\u202e" in text for text in texts)  # what turns the direction is escaped
    if width == 390:
        # What a row is about stays in view while its other cells scroll.
        box = page.locator(".table-box")
        await box.evaluate("box => { box.scrollLeft = 400; }")
        first = await page.locator("tbody th").first.bounding_box()
        around = await box.bounding_box()
        assert first is not None
        assert around is not None
        assert abs(first["x"] - around["x"]) < 2
