"""Live pages in a real browser: what somebody opened, chose, typed or marked survives a change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page

from roadbed.kernel.settings import Settings
from tests.browser.chromium import CHROMIUM
from tests.browser.test_console import send, signed_in
from tests.conftest import Folders, Site, serving
from tests.release_steps import gated, write

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]
SAYS = "text => document.getElementById('main').textContent.includes(text)"
TAKE = "html => { take(`<main id='main'>${html}</main>`); }"
SHOW = "html => { document.getElementById('main').innerHTML = html; asRead(); }"


@pytest.fixture
async def page(site: Site) -> AsyncIterator[Page]:
    async with signed_in(site) as signed:
        yield signed


@pytest.fixture
async def still(site: Site, page: Page) -> Page:
    """A page without a stream, whose content only the test changes."""
    await page.goto(f"{site.address}/account")
    return page


async def streaming(page: Page) -> None:
    await page.locator("body[data-streaming]").wait_for()


async def test_a_page_is_one_request_and_its_stream(site: Site, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(site.address)))
    await page.goto(f"{site.address}/usecases/triage")
    await streaming(page)
    files = [path for path in asked if path.startswith("/static/")]
    asked.clear()
    await page.goto(f"{site.address}/usecases/triage/trust")
    await streaming(page)
    kept = await page.evaluate(
        "performance.getEntriesByType('resource').filter("
        "one => one.name.includes('/static/')).map(one => one.transferSize)"
    )
    assert files
    assert set(kept) == {0}, "static files are loaded once"
    assert [path.split("?")[0] for path in asked if not path.startswith("/static/")] == [
        "/usecases/triage/trust",
        "/live",
    ]


async def test_what_somebody_opened_and_marked_stays(site: Site, page: Page) -> None:
    await send(site, 3)
    await page.goto(f"{site.address}/usecases/triage")
    await streaming(page)
    await page.evaluate("""() => {
        document.querySelectorAll('main details').forEach(part => { part.open = true; });
        document.getSelection().selectAllChildren(document.querySelector('h1'));
        document.querySelector('h1').same = true;
        window.scrollTo(0, 200);
    }""")
    was_open = await page.locator("main details[open]").count()
    assert was_open
    await send(site, 2, "more")
    await page.wait_for_function(SAYS, arg="5 reviews wait")
    assert await page.locator("main details[open]").count() >= was_open
    assert await page.evaluate("document.getSelection().toString()") == "triage"
    assert await page.evaluate("document.querySelector('h1').same")
    assert await page.evaluate("window.scrollY") == 200


async def test_what_is_typed_chosen_and_focused_stays(still: Page) -> None:
    await still.evaluate(
        SHOW,
        """<p>old</p><form action="/a"><input name="note"><input type="hidden" name="at" value="1">
        <select name="as"><option>one<option>two</select></form>
        <form action="/b"><textarea name="why"></textarea><button>Send</button></form>
        <div id="box"><p>1<p>2<p>3<p>4<p>5<p>6</div>""",
    )
    await still.locator("[name=note]").fill("half a sen")
    await still.locator("[name=as]").select_option("two")
    await still.locator("[name=note]").focus()
    await still.keyboard.press("End")
    await still.evaluate(
        TAKE,
        """<p>new</p><form action="/c"><button>Another</button></form>
        <form action="/a"><input name="note" value="theirs">
        <input type="hidden" name="at" value="1"><select name="as"><option>one<option>two</select>
        </form><form action="/b"><textarea name="why">set</textarea><button>Send</button></form>
        <div id="box"><p>1<p>2<p>3<p>4<p>5<p>7</div>""",
    )
    assert "new" in await still.locator("main").inner_text()
    await still.keyboard.type("tence")
    assert await still.locator("[name=note]").input_value() == "half a sentence"
    assert await still.locator("[name=as]").input_value() == "two"
    assert await still.locator("[name=why]").input_value() == "set"
    assert await still.locator("main form").evaluate_all(
        "forms => forms.map(form => form.getAttribute('action'))"
    ) == ["/c", "/a", "/b"]
    assert await still.locator("main [id^=live-]").count() == 0


async def test_a_key_never_comes_to_press_another_button(still: Page) -> None:
    def rows(*names: str) -> str:
        return "<ul data-list>" + "".join(
            f"<li><a href='/{name}'>{name}</a><form method='post' action='/labels'>"
            f"<input type='hidden' name='label' value='{name}'><button>Confirm</button></form>"
            for name in names
        )

    labelled = "document.activeElement.closest('li')?.querySelector('a').textContent ?? ''"
    await still.evaluate(SHOW, rows("b", "c"))
    await still.locator("li:has-text('b') button").focus()
    await still.evaluate(TAKE, rows("a", "b", "c"))
    assert await still.evaluate(labelled) == "b"
    await still.evaluate(TAKE, rows("c", "a"))
    assert await still.evaluate(labelled) == ""
    await still.locator("li a", has_text="c").focus()
    await still.evaluate(TAKE, rows("d", "e", "c"))
    assert await still.evaluate("document.activeElement.getAttribute('href')") == "/c"


async def test_a_word_stays_about_what_was_read(still: Page) -> None:
    def signs(content: str, other: str = "") -> str:
        return (
            f"<p>{content}</p>{other}<form action='/releases/1'><input type='hidden' name='what'"
            f" value='x'><input type='hidden' name='content' value='{content}' data-read></form>"
        )

    await still.evaluate(SHOW, signs("first"))
    value = "document.querySelector('[data-read]').value"
    for html in (signs("second"), signs("third", "<form action='/x'></form>"), "<p>gone</p>"):
        await still.evaluate(TAKE, html)
    await still.evaluate(TAKE, signs("fourth"))
    assert await still.evaluate(value) == "first"
    assert await still.evaluate(
        "new FormData(document.querySelector('main form')).get('content')"
    ) == ("first")


async def test_a_signature_is_about_what_was_read(
    folders: Folders, settings: Settings, url: str
) -> None:
    write(folders, rollout="shadow_tasks=0, canary_tasks=4, canary_share=0.5", count=700)
    async with serving(settings, url) as site, signed_in(site) as page:
        release = await gated(site.app)
        await page.goto(f"{site.address}/releases/{release.id}")
        await streaming(page)
        again = await site.app.releases.gate(release.id, actor="ben")
        await page.locator(f"[data-copy='{again.content}']").wait_for()
        assert await page.locator("[data-read]").input_value() == release.content


async def test_updates_can_be_paused(site: Site, page: Page) -> None:
    await page.goto(f"{site.address}/usecases/triage")
    await streaming(page)
    button = page.locator("[data-pause]")
    await button.click()
    assert await button.inner_text() == "Updates paused"
    assert await button.get_attribute("aria-pressed") == "true"
    await send(site, 2)
    await asyncio.sleep(1.5)  # longer than a difference takes
    assert "No review waits" in await page.locator("#headline").inner_text()
    # For this person in this browser, until they say otherwise; then the page catches up.
    await page.goto(f"{site.address}/usecases/triage/trust")
    assert await button.inner_text() == "Updates paused"
    await page.goto(f"{site.address}/usecases/triage")
    await send(site, 1, "later")
    await button.click()
    await page.wait_for_function(SAYS, arg="3 reviews wait")
    assert await button.get_attribute("aria-pressed") == "false"
    await page.goto(f"{site.address}/account")
    assert await button.is_hidden()


@pytest.mark.parametrize("key", ["a", "Enter"])
async def test_a_key_that_is_held_down_does_not_confirm(
    folders: Folders, settings: Settings, url: str, key: str
) -> None:
    """Signing takes a second press of the key; one that repeats itself is no second press."""
    write(folders, rollout="shadow_tasks=0, canary_tasks=4, canary_share=0.5", count=700)
    async with serving(settings, url) as site, signed_in(site) as page:
        release = await gated(site.app)
        await page.goto(f"{site.address}/releases/{release.id}")
        await page.locator("#act button[value=approve]").focus()
        await page.keyboard.down(key)
        await page.wait_for_url("**confirm=approve**")
        form = page.locator("form.confirm")
        await form.wait_for()
        for _ in range(3):
            await page.keyboard.down(key)  # as a key that is held
        assert await form.evaluate("form => form.dataset.sent ?? 'not sent'") == "not sent"
        await page.keyboard.up(key)
        await page.keyboard.press(key)
        await page.wait_for_url(f"{site.address}/releases/{release.id}")
        signed = await site.app.releases.get(release.id)
        assert [sign_off.person for sign_off in signed.sign_offs] == ["ana"]
