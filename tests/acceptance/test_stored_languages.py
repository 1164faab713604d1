"""Sentences that were stored in English are in the language of whoever reads a page.

Pages are read in the pseudo-language, in which no English is left besides what people wrote.
"""

from __future__ import annotations

import json
from html import unescape

import pytest

from roadbed.console import formatting
from roadbed.kernel.messages import speaking
from roadbed.kernel.settings import Settings
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.testing.planted import planted
from roadbed.usecases.destinations import RefusedError
from tests.browsing import browsing
from tests.conftest import Folders, Site, serving
from tests.messages import PSEUDO, pseudo
from tests.plain_english import plain_english
from tests.release_steps import draw_all, live, traffic, write
from tests.unit.test_decisions import RUBBISH, RULES, decide
from tests.unit.test_deliveries import Ledger, pump
from tests.unit.test_proposals import play, write_orders
from tests.unit.test_rollback import SENDS, in_canary
from tests.unit.test_trust import EVEN, answer, declared, stand

OTHER = {"Accept-Language": PSEUDO.replace("_", "-")}
FIELDS = ("slice worse by", "canary share", "sign off hours")  # of a declaration
PURPOSE = "Send each inquiry to the team that resolves it"


def few(count: int) -> str:
    """Lines of examples."""
    lines = [{"input": {"text": f"back {n}"}, "output": {"queue": "returns"}} for n in range(count)]
    return "\n".join(map(json.dumps, lines))


async def read(site: Site, path: str, *values: str, person: str = "reviewer") -> str:
    """A page in the pseudo-language, of which nothing is English but ``values``."""
    async with browsing(site, person) as browser:
        page = await browser.get(path, headers=OTHER)
    assert page.status_code == 200, path
    left = plain_english(page.text, PURPOSE, *values)
    assert not left, f"{path}: {left}"
    return unescape(page.text)


async def submit(site: Site, text: str) -> str:
    """The id of a task that was decided."""
    answer = await site.shop.post("/usecases/triage/tasks", json={"input": {"text": text}})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["task"])


class TestRouting:
    async def test_a_receipt_says_why_in_the_language_of_its_reader(self, site: Site) -> None:
        await stand(site.app, state="shadow", threshold=None, reference_rate=0.0)
        task = await submit(site, "back")
        page = await read(site, f"/receipts/{task}")
        assert pseudo("Nothing is proven for this version yet.") in page
        receipt = (await site.shop.get(f"/receipts/{task}", headers=OTHER)).json()
        assert "Nothing is proven for this version yet." in str(receipt)

    async def test_figures_and_reasons_inside_are_kept(self, site: Site) -> None:
        await stand(site.app, threshold=0.95, reference_rate=0.0)
        below, unsure = await submit(site, "back"), await submit(site, "unsure")
        message = pseudo(
            "Confidence %(score)s is below %(threshold)s, the threshold at which the risk limit "
            "is proven."
        )
        assert message % {"score": "0.900", "threshold": "0.950"} in await read(
            site, f"/receipts/{below}"
        )
        page = await read(site, f"/receipts/{unsure}", "it says so")
        assert pseudo("The decider is unsure: %(reason)s") % {"reason": "it says so"} in page

    @pytest.mark.usefixtures("rubbish")
    async def test_answers_that_cannot_be_used(self, site: Site) -> None:
        await stand(site.app, reference_rate=0.0)
        for text in ("none", "text", "raises", "nan", "high", "bool", "evidence"):
            task = await submit(site, text)
            await read(site, f"/receipts/{task}", "object is not callable")
        await read(site, "/usecases/triage/reviews")
        await read(site, "/receipts")

    @pytest.mark.usefixtures("ruled")
    async def test_rules_that_apply_and_rules_that_fail(self, site: Site) -> None:
        await stand(site.app, reference_rate=0.0)
        for text in ("my lawyer writes", "casino", "hello"):
            await read(site, f"/receipts/{await submit(site, text)}", text)


class TestDeliveries:
    async def test_the_reasons_of_deliveries(self, site: Site) -> None:
        app = site.app
        crm = Ledger(
            trouble=[
                RefusedError(stored_sentence("It answered %(status)s.", status=403), cause="403")
            ]
        )
        use_case = app.deployments.get("triage").loaded.declared
        use_case.deliver("crm", to=crm)
        use_case.deliver("never", to=Ledger(), when="output.queue == 'none'")
        use_case.deliver("odd", to=Ledger(), when="input.missing == 1")
        await stand(app, reference_rate=0.0)
        task = await submit(site, "back")
        await pump(app)
        page = await read(site, f"/receipts/{task}")
        assert pseudo("It answered %(status)s.") % {"status": "403"} in page
        await read(site, "/usecases/triage/deliveries?state=all", "'none'", "input.missing == 1")
        for delivery in await app.deliveries.list("triage", most=20):
            await read(site, f"/deliveries/{delivery.id}", "'none'", "no such key")
        await read(site, "/usecases/triage")
        await read(site, "/", "ana, dev, shop", "ben, chi, shop")

    async def test_reasons_that_statements_write(self, site: Site) -> None:
        app = site.app
        app.deployments.get("triage").loaded.declared.deliver(
            "crm", to=Ledger(), when="input.missing == 1"
        )
        await stand(app, reference_rate=0.0)
        await submit(site, "back")
        await pump(app)
        await app.database.fetch("UPDATE delivery SET approve_until = now() - interval '1 hour'")
        await pump(app)
        page = await read(site, "/usecases/triage/deliveries?state=all", "input.missing == 1")
        assert pseudo("Nobody approved it in time.") in page


class TestGuarantee:
    async def test_alarms_and_their_notices(
        self, folders: Folders, settings: Settings, url: str
    ) -> None:
        folders.write(EVEN)
        async with serving(settings, url) as site:
            app = site.app
            await stand(app)
            for decision in [await decide(app, f"number {number}") for number in range(8)]:
                await answer(app, decision, "other")
                await app.running_audit.inspect(declared(app))
            await app.deployments.refresh("triage")
            assert app.deployments.get("triage").live.state == "halted"
            page = await read(site, "/usecases/triage/trust")
            assert pseudo(" audited automatic answers were wrong").strip("[·]") in page
            await read(site, "/usecases/triage")
            await read(site, "/usecases/triage/notebook")
            await read(site, "/")

    async def test_why_nothing_is_proven(
        self, folders: Folders, settings: Settings, url: str
    ) -> None:
        folders.write(examples=few(20))
        async with serving(settings, url) as site:
            app = site.app
            await app.deployer.improve(app.deployments.get("triage").loaded, actor="ben")
            page = await read(site, "/usecases/triage/trust")
            assert pseudo("Nothing can be automatic yet: ").strip("[·]") in page


class TestProposals:
    async def test_titles_and_reasons(self, folders: Folders, settings: Settings, url: str) -> None:
        made = planted(1, accepted=120)
        write_orders(folders, made)
        async with serving(settings, url) as site:
            await play(site.app, made.seen)
            proposals = (await site.reviewer.post("/usecases/triage/proposals")).json()["proposals"]
            assert len(proposals) > 2
            async with browsing(site, "reviewer") as browser:
                page = await browser.get("/usecases/triage/proposals", headers=OTHER)
            shown = unescape(page.text)
            for proposal in proposals:
                for text in {proposal["title"], proposal["reason"]}:
                    with speaking(PSEUDO):
                        told = formatting.stored(text)
                    assert text not in shown, text
                    assert told in shown or proposal["kind"] == "rule", text
            await site.reviewer.post(f"/proposals/{proposals[0]['id']}/accept", json={})
            async with browsing(site, "reviewer") as browser:
                page = await browser.get("/usecases/triage/notebook", headers=OTHER)
            assert proposals[0]["title"] not in unescape(page.text)


class TestReleases:
    async def test_gate_trial_and_rollback(
        self, folders: Folders, settings: Settings, url: str
    ) -> None:
        write(folders, more=SENDS)
        async with serving(settings, url) as site:
            app = site.app
            await live(app)
            release_id = await in_canary(app, folders)
            await draw_all(app)
            await app.releases.check_trial(release_id)
            await read(site, f"/releases/{release_id}", *FIELDS)
            await traffic(app, range(7000, 7060), label=True)
            release = await app.releases.check_trial(release_id)
            assert release.step == "rolled_back"
            page = await read(site, f"/releases/{release_id}", *FIELDS)
            message = "The canary of release %(number)s is shown to be worse: %(breach)s."
            assert pseudo(message).partition("%")[0] in page
            for path in ("releases", "notebook", "deliveries?state=all", "versions", "trust"):
                await read(site, f"/usecases/triage/{path}")
            await read(site, "/usecases/triage/versions/1..2")
            await read(site, "/usecases/triage")


@pytest.fixture
def rubbish(folders: Folders) -> None:
    folders.write(RUBBISH)


@pytest.fixture
def ruled(folders: Folders) -> None:
    folders.write(rules=RULES)
