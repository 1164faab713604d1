"""Deliveries and the halt in a real browser: buttons, keys, narrow and dark."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from playwright.async_api import Page

from roadbed.deliveries.model import DeliveryState
from roadbed.kernel.settings import Settings
from roadbed.usecases.destinations import RefusedError, UnknownOutcomeError
from tests.browser.chromium import enters
from tests.browser.test_console import CHROMIUM, signed_in
from tests.conftest import Folders, Site, serving
from tests.unit.test_deliveries import ACTING, RULES, Ledger, Refund, all_of, pump
from tests.unit.test_trust import declared, stand

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]
TASKS = "/usecases/triage/tasks"


@dataclass
class Desk:
    """A signed-in page on a use case that refunds, with the receivers it sends to."""

    site: Site
    page: Page
    crm: Ledger
    bank: Ledger

    async def send(self, *texts: str) -> None:
        for text in texts:
            answer = await self.site.shop.post(TASKS, json={"input": {"text": text}})
            assert answer.status_code == 200, answer.text
        await pump(self.site.app)

    async def go(self, path: str) -> str:
        await self.page.goto(f"{self.site.address}{path}")
        return await self.page.locator("main").inner_text()

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)


@pytest.fixture
async def desk(folders: Folders, settings: Settings, url: str) -> AsyncIterator[Desk]:
    folders.write(ACTING, rules=RULES)
    async with serving(settings, url) as site:
        crm, bank = Ledger(), Ledger(key_horizon=None)
        declared(site.app).deliver("crm", to=crm)
        declared(site.app).action("refund", Refund, to=bank, effect="irreversible")
        await stand(site.app, reference_rate=0.0)
        async with signed_in(site) as page:
            yield Desk(site=site, page=page, crm=crm, bank=bank)


async def test_one_is_read_and_approved_by_keyboard(desk: Desk) -> None:
    await desk.send("refund 100", "refund 200")
    await desk.go("/usecases/triage")
    await desk.press("g", "d")
    await desk.page.wait_for_url("**/deliveries")
    assert "2 need a person" in await desk.page.locator("main").inner_text()
    await desk.press("j", "Enter")
    await desk.page.wait_for_url("**/deliveries/dlv_*")
    shown = await desk.page.locator("pre.content").inner_text()
    assert '"amount": 200.0' in shown
    await desk.press("a")
    await desk.page.locator("#state", has_text="waiting").wait_for()
    assert "Approved by\nana" in await desk.page.locator("main").inner_text()
    await pump(desk.site.app)
    assert desk.bank.said("action") == [{"amount": 200.0}]
    await desk.page.reload()
    assert "delivered" in await desk.page.locator("#state").inner_text()
    assert "delivered" in await desk.page.locator(".moments").inner_text()
    await desk.go("/usecases/triage/deliveries?state=held")
    await desk.press("j", "Enter")
    await desk.page.wait_for_url("**/deliveries/dlv_*")
    await desk.press("x")
    await desk.page.locator("#state", has_text="refused").wait_for()
    await pump(desk.site.app)
    assert len(desk.bank.got) == 1


async def test_what_changed_since_it_was_read_is_not_approved(desk: Desk) -> None:
    await desk.send("refund 100")
    [held] = [item for item in await all_of(desk.site.app) if item.state is DeliveryState.HELD]
    await desk.go(f"/deliveries/{held.id}")
    await desk.site.app.database.fetch(
        "UPDATE delivery SET content_hash = 'other' WHERE id = %(id)s", {"id": held.id}
    )
    await desk.press("a")
    said = desk.page.locator(".problem")
    await said.wait_for()
    assert "not the content that would be sent" in await said.inner_text()


async def test_a_dead_letter_is_sent_again_and_an_unknown_one_decided(desk: Desk) -> None:
    desk.crm.trouble = [RefusedError("no such account <b>")]
    await desk.send("plain")
    assert "1 needs a person" in await desk.go("/usecases/triage/deliveries")
    await desk.page.locator("a", has_text="Result to crm").click()
    assert "such account <b>" in await desk.page.locator(".lead").inner_text()
    await desk.page.get_by_role("button", name="Send again").click()
    await desk.page.locator("#state", has_text="waiting").wait_for()
    await pump(desk.site.app)
    assert len(desk.crm.got) == 1
    desk.bank.trouble = [UnknownOutcomeError("cut off")]
    await desk.send("refund 10")
    [unknown] = [
        item for item in await all_of(desk.site.app) if item.state is DeliveryState.UNKNOWN
    ]
    assert "may have been made or not" in await desk.go(f"/deliveries/{unknown.id}")
    await desk.page.locator("textarea").fill("it is on their statement")
    await desk.page.get_by_role("button", name="It happened").click()
    await desk.page.locator("#state", has_text="delivered").wait_for()
    assert "statement" in await desk.page.locator(".lead").inner_text()


async def test_the_halt_from_key_to_second_person(desk: Desk) -> None:
    desk.crm.seconds = 0.3
    answer = await desk.site.shop.post(TASKS, json={"input": {"text": "plain"}})
    await desk.site.app.relay.round(declared(desk.site.app))
    await desk.go("/usecases/triage/reviews")
    under_way = asyncio.create_task(desk.site.app.relay.round(declared(desk.site.app)))
    await under_way
    await desk.press("!")
    await desk.page.wait_for_url("**/triage/halt")
    desk.crm.seconds = 0.0
    await desk.page.keyboard.type("wrong refunds")
    await desk.press("Enter")
    await desk.page.locator("h1", has_text="Halted").wait_for()
    text = await desk.page.locator("main").inner_text()
    assert "Fenced after" in text
    assert "Two people resume it" in text
    for path in ("", "/reviews", "/trust", "/weak", "/deliveries"):
        assert "triage is halted" in await desk.go(f"/usecases/triage{path}")
        assert "wrong refunds" in await desk.page.locator(".halted").inner_text()
    assert "is halted" in await desk.go(f"/receipts/{answer.json()['task']}")
    await desk.page.get_by_role("button", name="Request a resume").click()
    await desk.page.wait_for_url("**/triage/halt")
    assert "You requested a resume" in await desk.page.locator(".halted").inner_text()
    assert await desk.page.get_by_role("button", name="resume").count() == 0
    await desk.site.app.halts.resume("triage", actor="ben")
    assert "is halted" not in await desk.go("/usecases/triage")


async def test_a_second_person_agrees_and_everything_can_be_halted(desk: Desk) -> None:
    await desk.go("/")
    await desk.press("!")
    await desk.page.wait_for_url("**/halt")
    await desk.page.get_by_label("Why").fill("a fire")
    await desk.page.get_by_role("button", name="Halt all now").click()
    await desk.page.locator("h1", has_text="Everything is halted").wait_for()
    assert "a fire" in await desk.page.locator("table").inner_text()
    assert "Halted" in await (await desk.page.goto(desk.site.address)).text()  # type: ignore[union-attr]
    await desk.site.app.halts.resume("triage", actor="ben")
    await desk.go("/usecases/triage")
    await desk.page.get_by_role("button", name="Confirm the resume").click()
    await desk.page.wait_for_url("**/usecases/triage")
    assert await desk.page.locator(".halted").count() == 0


async def test_a_drill_says_how_quickly_it_can_be_stopped(desk: Desk) -> None:
    assert "No drill yet" in await desk.go("/usecases/triage")
    await desk.page.get_by_role("button", name="Drill now").click()
    await desk.page.wait_for_url("**/triage#stop")
    text = await desk.page.locator("section", has=desk.page.locator("#stop")).inner_text()
    assert "Newest drill" in text
    assert "n = 1" in text


async def test_what_a_blind_reviewer_must_not_know_is_withheld(desk: Desk) -> None:
    await stand(desk.site.app, reference_rate=1.0)
    await desk.send("refund 100")
    for row in await desk.site.app.database.fetch("SELECT id FROM delivery"):
        text = await desk.go(f"/deliveries/{row['id']}")
        assert "belongs to the reference sample" in text
        assert "refunds" not in text
        assert await desk.page.get_by_role("button", name="Approve").count() == 0
    assert "refunds" not in await desk.go("/usecases/triage/deliveries")


async def test_a_link_leads_through_the_sign_in_to_its_page(desk: Desk) -> None:
    await desk.send("refund 100")
    [held] = [item for item in await all_of(desk.site.app) if item.state is DeliveryState.HELD]
    path = f"{desk.site.address}/deliveries/{held.id}"
    await desk.page.context.clear_cookies()
    refused = await desk.page.goto(path)
    assert refused is not None
    assert refused.status == 401
    code = await desk.site.app.people.issue_link_code("ana")
    await enters(desk.page, desk.site.address, code)
    await desk.page.wait_for_url(path)
    assert "Action to refund" in await desk.page.locator("h1").inner_text()
    # From a message in another site's page the browser keeps the strict cookie back at first.
    await desk.page.goto("data:text/html,<a>elsewhere</a>")
    await desk.page.evaluate(
        "href => Object.assign(document.querySelector('a'), {href}).click()", path
    )
    await desk.page.locator("pre.content").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_fit_a_telephone(desk: Desk, scheme: str) -> None:
    await desk.site.app.halts.drill("triage", actor="a_long_name_" * 6)
    desk.crm.trouble = [RefusedError("a_long_word_" * 20)]
    await desk.send("plain " + "a_long_word_" * 20, "refund 100")
    result = await all_of(desk.site.app)
    task = result[0].task_id
    await desk.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    await desk.page.set_viewport_size({"width": 390, "height": 844})
    paths = [f"/deliveries/{item.id}" for item in result]
    paths += ["/", "/halt", f"/receipts/{task}"]
    paths += [f"/usecases/triage{entry}" for entry in ("", "/deliveries", "/halt")]
    for halted in (False, True):
        if halted:
            await desk.site.app.halts.halt("triage", reason="long_reason_" * 20, actor="ben")
        for path in paths:
            await desk.go(path)
            wide = await desk.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= 390, path
            assert await desk.page.locator("h1").count() == 1


async def test_empty_pages_say_what_will_stand_there(
    folders: Folders, settings: Settings, url: str
) -> None:
    folders.write()
    async with serving(settings, url) as site, signed_in(site) as page:
        await page.goto(f"{site.address}/usecases/triage/deliveries")
        assert "no destination is declared" in await page.locator("main").inner_text()
        declared(site.app).deliver("crm", to=Ledger())
        await page.reload()
        assert "roadbed worker" in await page.locator("main").inner_text()
        missing = await page.goto(f"{site.address}/deliveries/dlv_none")
        assert missing is not None
        assert missing.status == 404
        nobody = await page.goto(f"{site.address}/usecases/nobody/halt")
        assert nobody is not None
        assert nobody.status == 404


async def test_all_that_a_receiver_refused_goes_out_by_one_button(desk: Desk) -> None:
    desk.crm.trouble = [RefusedError("It answered 403.", cause="403")] * 2
    await desk.send("plain", "plain too")
    page = await desk.go("/usecases/triage")
    assert "nothing reaches crm: it answers 403" in page
    assert "2 failed at crm" in await desk.go("/usecases/triage/deliveries")
    await desk.page.get_by_role("button", name="Send all of them again").click()
    await desk.page.wait_for_load_state()
    await pump(desk.site.app)
    assert len(desk.crm.got) == 2
    assert "nothing reaches crm" not in await desk.go("/usecases/triage")
