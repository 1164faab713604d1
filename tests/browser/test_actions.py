"""A refund that a decider proposes, in a real browser: seen, removed, edited and approved."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from roadbed.deliveries.model import DeliveryState
from roadbed.kernel.settings import Settings
from tests.browser.test_console import CHROMIUM, signed_in
from tests.browser.test_deliveries import Desk
from tests.conftest import Folders, serving
from tests.unit.test_deliveries import ACTING, RULES, Ledger, Refund, all_of, pump
from tests.unit.test_trust import declared, stand

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]
REVIEW = "/usecases/triage/reviews"


@pytest.fixture
async def desk(folders: Folders, settings: Settings, url: str) -> AsyncIterator[Desk]:
    """Nothing is proven, so that every answer waits for a person."""
    folders.write(ACTING, rules=RULES)
    async with serving(settings, url) as site:
        crm, bank = Ledger(), Ledger(key_horizon=None)
        declared(site.app).deliver("crm", to=crm)
        declared(site.app).action("refund", Refund, to=bank, effect="irreversible")
        await stand(site.app, state="shadow", threshold=None, reference_rate=0.0)
        async with signed_in(site) as page:
            yield Desk(site=site, page=page, crm=crm, bank=bank)


async def told(desk: Desk) -> str:
    await desk.page.locator(".told", has_text="Recorded").first.wait_for()
    await pump(desk.site.app)
    return await desk.page.locator(".told").first.inner_text()


async def test_it_is_seen_with_its_rule_and_removed(desk: Desk) -> None:
    await desk.send("refund 100")
    await desk.go(REVIEW)
    action = desk.page.locator("fieldset[data-action=refund]")
    assert "no rule allows it by itself" in await action.inner_text()
    assert await action.locator("textarea").input_value() == '{"amount": 100.0}'
    await action.locator("input[type=checkbox]").uncheck()
    await desk.page.locator("button[data-verdict=correct]").click()
    await told(desk)
    assert desk.crm.said("output") == [{"queue": "refunds"}]
    assert desk.bank.got == []
    listed = await desk.go("/receipts")
    assert "wrong, right: the same answer with other actions" in listed
    await desk.page.locator("main a[href^='/receipts/tsk_']").first.click()
    await desk.page.locator("#decided").wait_for()
    page = await desk.page.locator("main").inner_text()
    assert "refund (100.0): it needs an approval" in page
    assert "Right actions\nnone" in page


async def test_accepting_what_was_changed_is_refused_and_nothing_is_lost(desk: Desk) -> None:
    await desk.send("refund 100")
    await desk.go(REVIEW)
    amount = desk.page.locator("fieldset[data-action=refund] textarea")
    await amount.fill('{"amount": 30}')
    await desk.page.locator("button[data-verdict=accept]").click()
    await desk.page.locator("text=You changed the actions").wait_for()
    assert await amount.input_value() == '{"amount": 30}'
    await desk.page.locator("button[data-verdict=correct]").click()
    await told(desk)
    assert desk.bank.got == []  # a person wrote it, and no rule allows it: it waits for approval
    await desk.go("/usecases/triage/deliveries?state=held")
    await desk.press("j", "Enter")
    await desk.page.wait_for_url("**/deliveries/dlv_*")
    assert '"amount": 30.0' in await desk.page.locator("pre.content").inner_text()
    await desk.press("a")  # the author of an action does not approve it
    await desk.page.locator("[role=alert]").first.wait_for()
    [held] = [item for item in await all_of(desk.site.app) if item.state is DeliveryState.HELD]
    await desk.site.app.deliveries.resolve(
        held.id, "approve", person="dev", served=["triage"], content_hash=held.content_hash
    )
    await pump(desk.site.app)
    assert desk.bank.said("action") == [{"amount": 30.0}]


async def test_a_person_who_may_approve_releases_it_by_accepting(desk: Desk) -> None:
    await desk.send("refund 100")
    await desk.go(REVIEW)
    await desk.page.locator("fieldset[data-action=refund]").wait_for()
    await desk.press("a")
    await told(desk)
    assert desk.bank.said("action") == [{"amount": 100.0}]


async def test_an_edit_that_a_rule_refuses_stays_on_the_page(desk: Desk) -> None:
    await desk.send("refund 100")
    await desk.go(REVIEW)
    amount = desk.page.locator("fieldset[data-action=refund] textarea")
    await amount.fill('{"amount": 5000}')
    await desk.page.locator("button[data-verdict=correct]").click()
    await desk.page.locator("text=is refused: far too much").wait_for()
    assert await amount.input_value() == '{"amount": 5000}'
    await amount.fill("{amount")
    await desk.page.locator("button[data-verdict=correct]").click()
    await desk.page.locator("text=are no JSON object").wait_for()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
async def test_it_fits_a_telephone_and_the_dark(
    desk: Desk, tmp_path: Path, width: int, scheme: str
) -> None:
    await desk.page.set_viewport_size({"width": width, "height": 900})
    await desk.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await desk.send("refund 100")
    await desk.go(REVIEW)
    await desk.page.locator("fieldset[data-action=refund]").wait_for()
    await desk.page.screenshot(path=tmp_path / f"{scheme}.png", full_page=True)
    wide = await desk.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    assert wide is False
