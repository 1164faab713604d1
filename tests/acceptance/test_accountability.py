"""Who owns it and who is called: on the use case's page and in every receipt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from roadbed.kernel.settings import Settings
from tests.acceptance.test_api import TASKS
from tests.acceptance.test_cli import Terminal
from tests.browsing import browsing
from tests.conftest import Folders, Site, serving
from tests.unit.test_trust import stand

RULES = """
after:
  - {name: never, when: "input.text == 'refuse me'", route: refused, reason: not ours}
"""
SLOW = """
import asyncio

@usecase.decider
async def decide(inquiry, context):
    if inquiry.text == "slow":
        await asyncio.sleep(2)
    return Answer(output=Routing(queue="returns"), confidence=0.9)
"""
NAMED = ("ana, owns it", "ben, called when it breaks", "chi, looks after", "dev, watches the risk")
POD = {
    "domain_lead": "ana",
    "engineer": "ben",
    "data_specialist": "chi",
    "risk_partner": "dev",
}


async def receipts(site: Site) -> dict[str, Any]:
    """One receipt of every kind."""

    async def send(text: str, **more: Any) -> dict[str, Any]:
        answer = await site.shop.post(TASKS, json={"input": {"text": text}, **more})
        assert answer.status_code in {200, 202}, answer.text
        return dict(answer.json())

    await stand(site.app, reference_rate=0.0)
    results = {"answered": await send("take it"), "refused": await send("refuse me")}
    results["deciding"] = await send("slow", wait=0)
    erased = await send("forget me")
    await site.app.erasure.erase(erased["task"], by="ana", reason="asked for")
    results["erased"] = erased
    await stand(site.app, reference_rate=1.0)
    results["blind"] = await send("drawn")
    await stand(site.app, reference_rate=0.0, threshold=None)
    results["in_review"] = await send("look at it")
    return results


async def test_on_the_page_and_in_every_receipt(
    folders: Folders, settings: Settings, url: str
) -> None:
    folders.write(SLOW, rules=RULES)
    async with serving(settings, url) as site, browsing(site, "reviewer") as browser:
        page = (await browser.get("/usecases/triage")).text
        assert all(item in page for item in NAMED)
        shown = (await site.shop.get("/usecases/triage")).json()
        assert shown["declaration"]["pod"] == POD
        for kind, receipt in (await receipts(site)).items():
            assert receipt["pod"] == POD, kind
            again = (await site.reviewer.get(f"/receipts/{receipt['task']}")).json()
            assert again["pod"] == POD, kind
            if kind in {"answered", "refused", "deciding", "in_review"}:
                assert receipt["state"] == kind
            page = (await browser.get(f"/receipts/{receipt['task']}")).text
            assert all(entry in page for entry in NAMED), kind
            assert '<h2 id="pod">Pod' in page


def test_in_the_terminal(tmp_path: Path, url: str) -> None:
    Folders(tmp_path / "usecases").write()
    terminal = Terminal(tmp_path, url)
    told = terminal.run("submit", "triage", '{"text": "hello"}')
    assert "Owner        ana, domain lead" in told
    assert "Contact      ben, engineer" in told
