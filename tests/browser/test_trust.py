"""The Trust page, notices and the card of weak spots, in a real browser."""

from __future__ import annotations

import json

import pytest

from roadbed.kernel.settings import Settings
from tests.browser.test_console import CHROMIUM, signed_in
from tests.conftest import Folders, Site, serving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]
EXAMPLES = "\n".join(
    json.dumps(
        {
            "input": {"text": f"send it back, number {number}{' in the long run' * (number % 3)}"},
            "output": {"queue": "refunds" if number % 40 == 0 else "returns"},
        }
    )
    for number in range(1_400)
)
DECIDER = """
usecase.examples_are_random_sample = True

@usecase.decider
def decide(inquiry, context):
    sure = 0.95 if "long" in inquiry.text else 0.6
    return Answer(output=Routing(queue="returns"), confidence=sure, cautious=0.4)
"""


PROOF = """
WITH proof AS (
    INSERT INTO certificate (id, use_case, behaviour, look, threshold, cautious, risk_limit,
                             certainty, items, covered, errors, detail, issued_at)
    SELECT 'crt_1', use_case, behaviour, 1, 0.5, false, 0.02, 0.95, 400, 300, 1, '{}', now()
    FROM version RETURNING id)
UPDATE version SET certificate = proof.id FROM proof
"""


async def halt(site: Site) -> None:
    """Wrong labels on automatic answers, until the audit speaks."""
    app = site.app
    await app.database.fetch(
        "UPDATE use_case SET state = 'open', threshold = 0.5, reference_rate = 1.0"
    )
    await app.deployments.refresh("triage")
    for number in range(8):
        answer = await site.shop.post(
            "/usecases/triage/tasks", json={"input": {"text": f"one {number}"}}
        )
        review = answer.json()["review"]["id"]
        given = await site.reviewer.post(
            f"/reviews/{review}/verdict",
            json={"verdict": "correct", "output": {"queue": "other"}, "new_kind": False},
        )
        assert given.status_code == 200
    while await app.running_audit.inspect(app.declared()[0]):
        pass
    await app.deployments.refresh("triage")


async def test_it_says_what_is_promised_and_what_would_end_it(
    folders: Folders, settings: Settings, url: str
) -> None:
    folders.write(DECIDER, examples=EXAMPLES)
    async with serving(settings, url) as site:
        await site.app.deployer.improve(site.app.deployments.get("triage").loaded, actor="ana")
        await site.app.deployments.refresh("triage")
        async with signed_in(site) as page:
            await page.goto(f"{site.address}/usecases/triage")
            await page.keyboard.press("g")
            await page.keyboard.press("p")
            await page.wait_for_url("**/trust")
            text = await page.locator("main").inner_text()
            for said in ("What stops automation", "harm", "new certificate", "By slice"):
                assert said in text
            slider = page.locator("[data-whatif] input")
            before = await page.locator("#whatif-said").inner_text()
            await slider.press("End")
            after = await page.locator("#whatif-said").inner_text()
            assert before != after
            assert "15\N{NO-BREAK SPACE}%" in after
            await page.keyboard.press("Escape")
            await page.keyboard.press("t")
            assert await page.locator("details[open]").count() >= 2
            await page.goto(f"{site.address}/usecases/triage/weak")
            assert "Where it fails" in await page.locator("h1").inner_text()
            for width in (390, 1280):
                await page.set_viewport_size({"width": width, "height": 800})
                await page.goto(f"{site.address}/usecases/triage/trust")
                wide = await page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width


async def test_a_halt_stands_at_the_top_until_it_is_seen(
    folders: Folders, settings: Settings, url: str
) -> None:
    folders.write(DECIDER)
    async with serving(settings, url) as site:
        await site.app.database.fetch(PROOF)
        async with signed_in(site) as page:
            await page.goto(f"{site.address}/usecases/triage")
            proof = await page.get_by_role("region", name="What is proven").inner_text()
            assert "So at most" in proof
        await halt(site)
        async with signed_in(site) as page:
            await page.goto(f"{site.address}/usecases/triage")
            assert "Halted" in await page.locator(".alert").inner_text()
            assert "nothing is promised now" in await page.locator("#figures-now").inner_text()
            proof = await page.get_by_role("region", name="What is proven").inner_text()
            assert "the running audit halted it" in proof
            assert "So at most" not in proof
            notices = page.locator(".notice")
            waiting = await notices.count()
            assert waiting >= 1
            await notices.first.get_by_role("button").click()
            await page.wait_for_url("**/trust")
            assert await page.locator(".notice").count() == waiting - 1
            assert "halted" in await page.locator("#state").inner_text()
            assert "roadbed improve triage" in await page.locator("main").inner_text()


async def test_the_api_says_the_same_and_lets_notices_be_seen(
    folders: Folders, settings: Settings, url: str
) -> None:
    folders.write(DECIDER)
    async with serving(settings, url) as site:
        await halt(site)
        trust = (await site.shop.get("/usecases/triage/trust")).json()
        assert trust["state"] == "halted"
        assert trust["audit"]["wrong"] == trust["audit"]["sampled"]
        assert "nothing is promised" in trust["promise"]
        [notice, *_] = (await site.shop.get("/usecases/triage/notices")).json()["notices"]
        assert notice["seen_by"] is None
        assert (await site.reviewer.post(f"/notices/{notice['id']}/seen")).status_code == 200
        again = await site.reviewer.post(f"/notices/{notice['id']}/seen")
        assert (again.status_code, again.json()["code"]) == (404, "notice_unknown")
        kept = (await site.shop.get("/usecases/triage/notices")).json()["notices"]
        assert kept[0]["seen_by"] == "reviewer"


async def test_a_halt_by_a_person_is_the_state_on_every_page(
    folders: Folders, settings: Settings, url: str
) -> None:
    folders.write(DECIDER)
    async with serving(settings, url) as site, signed_in(site) as page:
        await site.app.halts.halt("triage", reason="a fire", actor="ana")
        await page.goto(f"{site.address}/usecases/triage/trust")
        assert "halted" in await page.locator("#state").inner_text()
        assert (
            "Nothing is automatic while it is halted."
            in await page.locator(".lead").first.inner_text()
        )
        await page.goto(f"{site.address}/usecases/triage")
        assert "halted" in await page.locator(".title .chip").first.inner_text()
