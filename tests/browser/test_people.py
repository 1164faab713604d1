"""Signing in and managing people in a real browser: by keyboard, narrow and dark."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page

from roadbed.web import SESSION_COOKIE
from tests.browser.chromium import CHROMIUM, SHARED, enters
from tests.conftest import Site

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]
PASSWORD = "correct horse battery"


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with SHARED.page() as tab:
        yield tab


async def enter(site: Site, page: Page, person: str) -> None:
    code = await site.app.people.issue_link_code(person)
    await enters(page, site.address, code)
    await page.wait_for_url(f"{site.address}/")


async def test_a_long_address_signs_in_where_a_name_is_asked_for(site: Site, page: Page) -> None:
    address = f"Zoe.{'z' * 60}@example.org"
    await site.app.members.add("zoe", by="test", email=address)
    await site.app.signing_in.set_password("zoe", PASSWORD, by="zoe")
    await page.goto(f"{site.address}/sign-in")
    await page.keyboard.type(address)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{site.address}/")
    assert await page.locator("header [href='/account']").inner_text() == "zoe"


async def test_name_and_password_by_keyboard_lead_to_the_page_wanted(
    site: Site, page: Page
) -> None:
    await site.app.signing_in.set_password("ana", PASSWORD, by="ana")
    answer = await page.goto(f"{site.address}/usecases/triage/trust")
    assert answer is not None
    assert answer.status == 401
    await page.keyboard.type("Ana")
    await page.keyboard.press("Tab")
    await page.keyboard.type("not this")
    await page.keyboard.press("Enter")
    await page.locator(".problem", has_text="Name or password is wrong").wait_for()
    assert await page.get_by_label("Name").input_value() == "ana"
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/usecases/triage/trust")
    [cookie] = [
        cooky for cooky in await page.context.cookies() if cooky.get("name") == SESSION_COOKIE
    ]
    assert cookie.get("httpOnly")
    assert cookie.get("sameSite") == "Strict"
    await page.goto(f"{site.address}/usecases/triage")
    await page.keyboard.press("g")
    await page.keyboard.press("m")
    await page.wait_for_url("**/members")
    text = await page.locator("main").inner_text()
    assert "domain lead" in text
    await page.keyboard.press("g")
    await page.keyboard.press("y")
    await page.wait_for_url("**/account")
    assert "this one" in await page.locator("main").inner_text()


async def test_an_administrator_gives_a_role_and_takes_it_back(site: Site, page: Page) -> None:
    await site.app.members.add("boss", by="test", admin=True)
    await enter(site, page, "boss")
    await page.get_by_role("link", name="People", exact=True).click()
    await page.get_by_label("Name, as in a pod").fill("rae")
    await page.get_by_role("textbox", name="In full").fill("<b>Rae</b>")
    await page.get_by_role("button", name="Add", exact=True).click()
    await page.wait_for_url("**/people/rae")
    assert "<b>Rae</b>" in await page.locator("h1").inner_text()
    await page.locator("select[name=role]").select_option("reviewer")
    await page.get_by_role("button", name="Give this role").click()
    await page.get_by_role("button", name="Revoke reviewer of triage").wait_for()
    assert await site.app.people.roles("rae", "triage") == {"reviewer"}
    await page.get_by_role("button", name="Make a one-time link").click()
    link = await page.locator("#made").inner_text()
    assert link.startswith(f"{site.address}/sign-in?code=rb_link_")
    await page.go_back()
    await page.get_by_role("button", name="Revoke reviewer of triage").click()
    await page.get_by_text("Nobody gave one yet").wait_for()
    await page.get_by_role("button", name="Disable").click()
    await page.get_by_role("button", name="Enable").wait_for()
    assert "Disabled" in await page.locator(".lead").inner_text()


async def test_what_a_viewer_may_not_do_is_not_offered(site: Site, page: Page) -> None:
    await site.app.members.add("vera", by="test")
    await enter(site, page, "vera")
    assert "You have no role yet." in await page.locator("main").inner_text()
    await site.app.members.grant("vera", "triage", "viewer", by="test")
    await page.goto(f"{site.address}/usecases/triage")
    for name in ("Drill now", "Halt triage", "Review g r", "People"):
        for role in ("button", "link"):
            result = page.get_by_role(role, name=name, exact=True)
            assert await result.count() == 0, name
    refused = await page.goto(f"{site.address}/usecases/triage/reviews")
    assert refused is not None
    assert refused.status == 403
    assert "reviewer" in await page.locator("main").inner_text()


async def test_who_sent_a_task_and_who_was_let_in_are_told_what_they_cannot_do(
    site: Site, page: Page
) -> None:
    await site.shop.post("/usecases/triage/tasks", json={"input": {"text": "unsure of it"}})
    await enter(site, page, "shop")
    await page.goto(f"{site.address}/usecases/triage/reviews")
    await page.get_by_text("No review waits for you.").wait_for()
    await page.get_by_text("1 waits for somebody else: you sent the task").wait_for()
    await page.context.clear_cookies()
    await enters(page, site.address, await site.app.people.issue_link_code("ana", by="boss"))
    await page.wait_for_url(f"{site.address}/")
    await page.get_by_text("boss made the link or password that you used to sign in").wait_for()
    await site.app.halts.halt("triage", reason="look at it", actor="ana")
    await page.goto(f"{site.address}/usecases/triage/halt")
    assert await page.get_by_role("button", name="Request a resume").count() == 0
    await page.goto(f"{site.address}/usecases/triage/reviews")
    await page.get_by_text("unsure of it").wait_for()


async def test_an_administrator_confirms_who_came_by_sign_in(site: Site, page: Page) -> None:
    await site.app.members.add("boss", by="test", admin=True)
    await site.app.members.add("frank", by="identity provider", confirmed=False)
    await enter(site, page, "boss")
    await page.get_by_role("link", name="People", exact=True).click()
    await page.get_by_text("signed in for the first time").wait_for()
    await page.get_by_role("link", name="frank", exact=True).first.click()
    await page.get_by_role("button", name="Confirm frank").click()
    await page.get_by_text("Not confirmed").wait_for(state="detached")
    assert (await site.app.members.get("frank")).confirmed_at is not None


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_fit_a_telephone_and_are_named_for_everybody(
    site: Site, page: Page, scheme: str
) -> None:
    await site.app.members.add("boss", by="test", admin=True)
    long = "a" * 64
    await site.app.members.add(long, by="test", display="long name " * 9, email=f"{long}@x.org")
    await site.app.members.grant(long, "triage", "data_specialist", by="test")
    other = "b" * 64
    await site.app.members.add(other, by="identity provider", confirmed=False)
    await site.app.people.issue_token("boss", name="long_word_" * 9, scopes=["read"])
    await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.goto(f"{site.address}/sign-in")
    await looks_right(page)
    await enter(site, page, "boss")
    people = (f"/people/{long}", f"/people/{other}")
    for path in ("/account", "/people", *people, "/usecases/triage/members"):
        await page.goto(f"{site.address}{path}")
        await looks_right(page)


async def looks_right(page: Page) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360, page.url
    unnamed = await page.evaluate("""
        [...document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a')]
            .filter(field => !(field.labels?.length || field.textContent.trim()
                              || field.getAttribute('aria-label'))).length""")
    assert unnamed == 0, page.url
    assert await page.locator("h1").count() == 1
