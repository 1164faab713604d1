"""Incidents and erasure over HTTP and in the console: one file, one step that cannot be undone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from roadbed.kernel.settings import Settings
from roadbed.reviews.model import VerdictKind
from tests.acceptance.test_api import TASKS, problem
from tests.browsing import browsing
from tests.conftest import Folders, Site, serving
from tests.unit.test_deliveries import Ledger, pump
from tests.unit.test_trust import declared, stand

INCIDENTS = "/usecases/triage/incidents"
TITLE = "Wrong <script>document.title='owned'</script> refunds"


@pytest.fixture
async def ledger(site: Site) -> Ledger:
    result = Ledger()
    declared(site.app).deliver("crm", to=result)
    await stand(site.app, reference_rate=0.0)
    return result


def hour_ago() -> str:
    return (datetime.now(UTC) - timedelta(hours=1)).isoformat()


async def task(site: Site, text: str = "my name is Ada Lovelace") -> str:
    sent = await site.shop.post(TASKS, json={"input": {"text": text}})
    assert sent.status_code == 200, sent.text
    return str(sent.json()["task"])


class TestIncidents:
    async def test_http_gives_one_file_and_gives_it_again(self, site: Site, ledger: Ledger) -> None:
        first = await task(site)
        await pump(site.app)
        body = {"title": TITLE, "since": hour_ago()}
        answer = await site.shop.post(INCIDENTS, json=body)
        assert answer.status_code == 200, answer.text
        result = answer.json()
        assert answer.headers["content-disposition"] == (
            f'attachment; filename="incident-triage-{result["incident"]}.json"'
        )
        assert [receipt["task"] for receipt in result["receipts"]] == [first]
        assert result["summary"]["by_state"] == {"delivered": 1}
        assert (result["title"], result["declared_by"]) == (TITLE, "shop")
        assert len(ledger.got) == 1
        await task(site, "later")
        again = (await site.reviewer.get(f"{INCIDENTS}/{result['incident']}")).json()
        assert (again["until"], again["summary"]) == (result["until"], result["summary"])
        assert (again["declared_by"], again["collected_by"]) == ("shop", "reviewer")
        rows = await site.app.database.fetch("SELECT 1 FROM audit_entry WHERE kind = 'incident'")
        assert len(rows) == 1  # reading it again declares nothing

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({}, "request_invalid"),
            ({"title": " ", "since": "2026-01-01T00:00:00Z"}, "request_invalid"),
            ({"title": "x"}, "request_invalid"),
            ({"title": "x", "since": "yesterday"}, "request_invalid"),
            ({"title": "x", "since": 5}, "request_invalid"),
            ({"title": "x", "since": "2026-01-01T00:00:00Z", "more": 1}, "request_invalid"),
            ({"title": "x\0", "since": "2026-01-01T00:00:00Z"}, "request_invalid"),
            ({"title": "x" * 1001, "since": "2026-01-01T00:00:00Z"}, "request_invalid"),
            ({"title": "x", "since": "2026-01-01T00:00:00"}, "request_invalid"),
            ({"title": "x", "since": "9999-01-01T00:00:00Z"}, "incident_invalid"),
            (
                {"title": "x", "since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
                "incident_invalid",
            ),
        ],
    )
    async def test_what_does_not_fit_is_told(
        self, site: Site, body: dict[str, Any], code: str
    ) -> None:
        answer = await site.shop.post(INCIDENTS, json=body)
        assert (await problem(answer, 422, code))["status"] == 422

    async def test_unknown_and_foreign_ones_answer_alike(
        self, folders: Folders, settings: Settings, url: str
    ) -> None:
        for name in ("triage", "other"):
            folders.write(name=name)
        async with serving(settings, url) as site:
            body = {"title": "x", "since": hour_ago()}
            result = (await site.shop.post(INCIDENTS, json=body)).json()
            foreign = await site.shop.get(f"/usecases/other/incidents/{result['incident']}")
            missing = await site.shop.get("/usecases/other/incidents/inc_none")
            told = await problem(foreign, 404, "incident_unknown")
            other = await problem(missing, 404, "incident_unknown")
            assert told["detail"].replace(result["incident"], "inc_none") == other["detail"]
            await problem(
                await site.shop.post("/usecases/nobody/incidents", json=body),
                404,
                "usecase_unknown",
            )
            async with browsing(site) as browser:
                for path in ("", "/file"):
                    foreign = await browser.get(
                        f"/usecases/other/incidents/{result['incident']}{path}"
                    )
                    assert foreign.status_code == 404
                assert (await browser.get("/usecases/nobody/incidents")).status_code == 404

    async def test_a_use_case_whose_folder_broke_has_incidents_too(
        self, folders: Folders, settings: Settings, url: str
    ) -> None:
        folder = folders.write()
        async with serving(settings, url) as site:
            await task(site)
        (folder / "usecase.py").write_text("def broken(:\n")
        async with serving(settings, url) as site:
            body = {"title": "x", "since": hour_ago()}
            result = (await site.shop.post(INCIDENTS, json=body)).json()
            assert result["summary"]["tasks"] == 1
            async with browsing(site) as browser:
                assert (await browser.get("/usecases/triage/incidents")).status_code == 200

    async def test_a_blind_reviewer_learns_nothing_from_it(self, site: Site) -> None:
        declared(site.app).deliver("crm", to=Ledger(), key="{task.id}-{output.queue}")
        await stand(site.app, reference_rate=1.0)
        await task(site)
        await pump(site.app)
        body = {"title": "x", "since": hour_ago()}
        answer = await site.reviewer.post(INCIDENTS, json=body)
        [effect] = answer.json()["effects"]
        assert (effect["state"], effect["withheld"]) == ("delivered", True)
        assert "returns" not in answer.text

    async def test_the_page_asks_counts_and_gives_the_file(
        self, site: Site, ledger: Ledger
    ) -> None:
        await task(site)
        await pump(site.app)
        await site.app.halts.halt("triage", reason="wrong", actor="ana")
        async with browsing(site) as browser:
            operate = (await browser.get("/usecases/triage/deliveries")).text
            assert 'href="/usecases/triage/incidents"' in operate
            assert (
                "Collect all receipts and effects"
                in (await browser.get("/usecases/triage/halt")).text
            )
            form = (await browser.get("/usecases/triage/incidents")).text
            assert 'type="datetime-local" name="since" value="20' in form
            since = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M}"
            given = {"since": since, "until": "", "title": TITLE}
            page = await browser.post("/usecases/triage/incidents", data=given)
            assert page.status_code == 200
            assert "/usecases/triage/incidents/inc_" in str(page.url)
            assert "<script>document" not in page.text
            assert "1 task and 1 effect are in this period" in page.text
            row = "delivered</span></th><td>1</td>"
            assert row in page.text
            assert '<th scope="row">halts and drills</th><td>1</td>' in page.text
            file = await browser.get(f"{page.url}/file")
            assert file.headers["content-disposition"].startswith("attachment;")
            assert file.headers["content-type"] == "application/json"
            assert file.json()["summary"]["tasks"] == len(file.json()["receipts"]) == 1

    async def test_the_time_it_proposes_fits_however_much_was_done(
        self, site: Site, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("roadbed.receipts.incidents.MOST_TASKS", 6)
        for _ in range(9):
            await task(site)
        await pump(site.app)
        for table, column in (("decision", "decided_at"), ("delivery_attempt", "at")):
            await site.app.database.fetch(
                f"UPDATE {table} SET {column} = {column} - interval '1 minute' * n FROM "
                f"(SELECT id, row_number() OVER () AS n FROM {table}) AS o WHERE o.id = {table}.id"
            )
        async with browsing(site) as browser:
            form = (await browser.get("/usecases/triage/incidents")).text
            typed = dict(re.findall(r'name="(since|until)" value="([^"]*)"', form))
            page = await browser.post("/usecases/triage/incidents", data={**typed, "title": "x"})
            assert page.status_code == 200, page.text
            assert "are in this period" in page.text
            typed["since"] = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M}"
            page = await browser.post("/usecases/triage/incidents", data={**typed, "title": "x"})
            assert (page.status_code, "more than 6 tasks" in page.text) == (422, True)
            proposed = re.search(r"the last begins at ([^.]*)\.", page.text)
            assert proposed is not None
        body = {"title": "x", "since": proposed[1]}
        answer = await site.reviewer.post(INCIDENTS, json=body)
        assert answer.status_code == 200, answer.text
        assert 0 < answer.json()["summary"]["tasks"] <= 6

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"title": " "}, "Describe what happened"),
            ({"since": "then"}, "This is not a valid time"),
            ({"since": ""}, "This is not a valid time"),
            ({"since": "2099-01-01T00:00"}, "begins before it ends"),
            ({"until": "2000-01-01T00:00"}, "begins before it ends"),
        ],
    )
    async def test_a_mistake_stands_beside_what_was_typed(
        self, site: Site, given: dict[str, str], words: str
    ) -> None:
        async with browsing(site) as browser:
            typed = {"since": "2026-01-01T00:00", "until": "", "title": "wrong & late", **given}
            page = await browser.post("/usecases/triage/incidents", data=typed)
        assert page.status_code == 422
        assert words in page.text
        if "title" not in given:
            assert 'value="wrong &amp; late"' in page.text


class TestErasure:
    async def test_http_erases_for_good_and_the_receipt_says_so(
        self, site: Site, ledger: Ledger
    ) -> None:
        first = await task(site)
        await pump(site.app)
        await problem(
            await site.shop.post(f"/receipts/{first}/erase", json={}), 422, "request_invalid"
        )
        answer = await site.shop.post(f"/receipts/{first}/erase", json={"reason": "asked for"})
        assert answer.json() == {"task": first, "entries": 2}
        receipt = (await site.shop.get(f"/receipts/{first}")).json()
        assert (receipt["erased"], receipt["input"]) == (True, {})
        assert "Lovelace" not in str(receipt)
        again = await site.shop.post(f"/receipts/{first}/erase", json={"reason": "once more"})
        assert again.json()["entries"] == 0
        await problem(
            await site.shop.post("/receipts/tsk_none/erase", json={"reason": "x"}),
            404,
            "task_unknown",
        )
        await site.app.audit.seal()
        await site.app.audit.publish()
        assert (await site.app.audit.verify()).findings == []

    async def test_what_is_under_way_is_not_erased(self, site: Site) -> None:
        await stand(site.app, state="shadow", threshold=None)
        waiting = await task(site)
        answer = await site.shop.post(f"/receipts/{waiting}/erase", json={"reason": "x"})
        await problem(answer, 409, "erasure_too_early")
        async with browsing(site) as browser:
            given = {"reason": "x", "sure": "yes"}
            page = await browser.post(f"/receipts/{waiting}/erase", data=given)
            assert page.status_code == 409
            assert "is not at its end" in page.text

    async def test_a_task_of_a_use_case_not_served_is_a_missing_one(
        self, folders: Folders, settings: Settings, url: str
    ) -> None:
        folder = folders.write()
        async with serving(settings, url) as site:
            await stand(site.app, reference_rate=0.0)
            first = await task(site)
        folder.rename(folder.parent.parent / "away")
        folders.write(name="other")
        async with serving(settings, url) as site:
            answer = await site.shop.post(f"/receipts/{first}/erase", json={"reason": "x"})
            await problem(answer, 404, "task_unknown")
            async with browsing(site) as browser:
                page = await browser.get(f"/receipts/{first}/erase")
                assert page.status_code == 404

    async def test_the_button_asks_once_more(self, site: Site, ledger: Ledger) -> None:
        first = await task(site)
        await pump(site.app)
        async with browsing(site) as browser:
            assert f"/receipts/{first}/erase" in (await browser.get(f"/receipts/{first}")).text
            asked = await browser.get(f"/receipts/{first}/erase")
            assert "It cannot be undone." in asked.text
            for given, words in (
                ({"sure": "yes", "reason": " "}, "Give a reason"),
                ({"reason": "asked <for>"}, "Confirm that you know"),
            ):
                page = await browser.post(f"/receipts/{first}/erase", data=given)
                assert (page.status_code, words in page.text) == (422, True)
            assert 'value="asked &lt;for&gt;"' in page.text
            assert "Lovelace" in (await browser.get(f"/receipts/{first}")).text
            given = {"reason": "asked for", "sure": "yes"}
            page = await browser.post(f"/receipts/{first}/erase", data=given)
            assert page.status_code == 200
            assert "The content of this task was erased" in page.text
            assert "Lovelace" not in page.text
            assert f"/receipts/{first}/erase" not in page.text
            assert (await browser.get("/receipts")).status_code == 200
            [sent] = (await site.shop.get(f"/receipts/{first}")).json()["deliveries"]
            assert (await browser.get(f"/deliveries/{sent['id']}")).status_code == 200

    async def test_another_site_s_page_cannot_erase(self, site: Site, ledger: Ledger) -> None:
        first = await task(site)
        await pump(site.app)
        async with browsing(site) as browser:
            given = {"reason": "asked for", "sure": "yes"}
            page = await browser.post(
                f"/receipts/{first}/erase", data=given, headers={"Origin": "https://evil.example"}
            )
            assert page.status_code == 403
        assert not (await site.shop.get(f"/receipts/{first}")).json()["erased"]


@pytest.fixture
async def site(folders: Folders, settings: Settings, url: str) -> AsyncIterator[Site]:
    folders.write()
    async with serving(settings, url) as served:
        yield served


async def test_marks_that_turn_text_around_do_not_act_on_any_page(site: Site) -> None:
    mark = "\u202e"
    sent = await task(site, f"my name {mark}is Ada")
    await site.app.members.add("ray", by="test", display=f"Rae {mark}R.")
    review = (await site.app.reviews.queue("triage", reviewer="rae"))[0].id
    await site.app.reviews.give(
        declared(site.app), review, VerdictKind.REJECT, reviewer="rae", note=f"no {mark}one"
    )
    await site.app.halts.halt("triage", reason=f"stop {mark}it", actor="dev")
    async with browsing(site, "boss", admin=True) as client:
        for path in (
            f"/receipts/{sent}",
            f"/receipts?q={mark}is",
            "/people",
            "/people/ray",
            "/usecases/triage",
            "/usecases/triage/halt",
            "/usecases/triage/notebook",
        ):
            page = (await client.get(path)).text
            page = page.replace(f'name="q" value="{mark}is"', "")
            assert mark not in page, path
        assert r"my name \u202eis Ada" in (await client.get(f"/receipts/{sent}")).text
