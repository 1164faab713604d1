"""A label that was never seen before: over HTTP, on the pages and at the terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from roadbed.kernel.settings import Settings
from tests.browsing import browsing
from tests.conftest import Folders, Site
from tests.queues import QUEUES, serving_queues


@pytest.fixture
async def site(settings: Settings, folders: Folders, url: str) -> AsyncIterator[Site]:
    async with serving_queues(settings, folders, url) as served:
        yield served


async def asked(site: Site, text: str = "unsure") -> str:
    sent = await site.shop.post("/usecases/triage/tasks", json={"input": {"text": text}})
    return str(sent.json()["review"]["id"])


async def rae(site: Site) -> httpx2.AsyncClient:
    token = await site.app.people.issue_token("rae")
    return httpx2.AsyncClient(
        base_url=f"{site.address}/v1", headers={"Authorization": f"Bearer {token}"}
    )


def correct(queue: str, **more: Any) -> dict[str, Any]:
    return {"verdict": "correct", "output": {"queue": queue}, **more}


class TestOverHTTP:
    async def test_a_typing_error_is_refused_with_what_was_meant(self, site: Site) -> None:
        path = f"/reviews/{await asked(site)}/verdict"
        refused = await site.reviewer.post(path, json=correct("refnds"))
        assert refused.status_code == 422
        body = refused.json()
        assert body["code"] == "label_unknown"
        assert body["detail"] == "No queue is called refnds. Did you mean refunds?"
        assert body["labels"] == [
            {"field": "queue", "value": "refnds", "suggestion": "refunds", "can_be_new": True}
        ]
        assert (await site.reviewer.post(path, json=correct("refunds"))).status_code == 200

    async def test_a_new_label_of_a_reviewer_waits_for_the_domain_lead(self, site: Site) -> None:
        path = f"/reviews/{await asked(site)}/verdict"
        async with await rae(site) as reviewer:
            held = await reviewer.post(path, json=correct("safety", new_labels=True))
            assert held.status_code == 202
            assert held.json()["held"]["waits_for"] == "domain_lead"
            decided = {"field": "queue", "value": "safety", "new": True}
            refused = await reviewer.post("/usecases/triage/labels", json=decided)
            assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
        labels = (await site.reviewer.get("/usecases/triage/labels")).json()
        assert labels["known"] == {"queue": list(QUEUES)}
        assert [(one["field"], one["value"]) for one in labels["waiting"]] == [("queue", "safety")]
        rows = await site.app.database.fetch("SELECT count(*) AS n FROM verdict")
        assert rows[0]["n"] == 0
        given = await site.reviewer.post("/usecases/triage/labels", json=decided)
        assert given.json() == {"field": "queue", "value": "safety", "given": 1}
        again = await site.reviewer.post("/usecases/triage/labels", json=decided)
        assert (again.status_code, again.json()["code"]) == (409, "label_not_waiting")
        [verdict] = await site.app.database.fetch("SELECT reviewer FROM verdict")
        assert verdict["reviewer"] == "rae"

    async def test_only_the_role_that_the_use_case_names_confirms_it(self, site: Site) -> None:
        site.app.deployments.get("triage").loaded.declared.new_labels_by = "risk_partner"
        path = f"/reviews/{await asked(site)}/verdict"
        held = await site.reviewer.post(path, json=correct("safety", new_labels=True))
        assert held.json()["held"]["waits_for"] == "risk_partner"
        decided = {"field": "queue", "value": "safety", "new": False}
        refused = await site.reviewer.post("/usecases/triage/labels", json=decided)
        assert (refused.status_code, refused.json()["code"]) == (403, "label_not_yours")

    async def test_whoever_confirms_them_says_so_with_the_verdict(self, site: Site) -> None:
        path = f"/reviews/{await asked(site)}/verdict"
        given = await site.reviewer.post(path, json=correct("safety", new_labels=True))
        assert (given.status_code, given.json()["right_output"]) == (200, {"queue": "safety"})

    async def test_that_is_none_is_asked_again(self, site: Site) -> None:
        review = await asked(site)
        async with await rae(site) as reviewer:
            verdict = correct("refnds", new_labels=True)
            await reviewer.post(f"/reviews/{review}/verdict", json=verdict)
        decided = {"field": "queue", "value": "refnds", "new": False}
        answer = await site.reviewer.post("/usecases/triage/labels", json=decided)
        assert answer.json()["asked_again"] == 1
        claimed = await site.reviewer.post("/usecases/triage/reviews/claim")
        assert [one["id"] for one in claimed.json()["reviews"]] == [review]

    @pytest.mark.parametrize(
        "body",
        [
            {"field": "queue", "value": "safety"},
            {"field": "queue", "value": "safety", "new": "yes"},
            {"field": "", "value": "safety", "new": True},
            {"field": "queue", "value": "safety", "new": True, "more": 1},
        ],
    )
    async def test_a_word_on_a_label_that_does_not_fit_is_refused(
        self, site: Site, body: dict[str, Any]
    ) -> None:
        answer = await site.reviewer.post("/usecases/triage/labels", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")


class TestOnThePages:
    async def test_the_lead_confirms_or_refuses_what_waits(self, site: Site) -> None:
        async with browsing(site, "rae") as reviewer:
            for queue in ("safety", "refnds"):
                review = await asked(site)
                held = await reviewer.post(
                    f"/usecases/triage/reviews/{review}",
                    data={"verdict": "correct", "output.queue": queue, "new_labels": "yes"},
                )
                assert "Stored, but not counted yet" in held.text
            page = (await reviewer.get("/usecases/triage/labels")).text
            assert "2 labels wait to be confirmed as new by ana" in page
            assert "Confirm" not in page.partition("<ul")[2].partition("</ul>")[0]
            assert "confirmed as new" in (await reviewer.get("/usecases/triage/reviews")).text
            word = {"field": "queue", "value": "safety", "new": "yes"}
            assert (await reviewer.post("/usecases/triage/labels", data=word)).status_code == 403
        async with browsing(site) as lead:
            page = (await lead.get("/usecases/triage/labels")).text
            assert "Confirm “safety” as new" in page
            assert "Did they mean <strong>refunds</strong>?" in page
            await lead.post("/usecases/triage/labels", data=word)
            word = {"field": "queue", "value": "refnds", "new": "no"}
            page = (await lead.post("/usecases/triage/labels", data=word)).text
            assert "No label waits" in page
            assert "safety" in page
        async with browsing(site, "ben") as engineer:
            refused = await engineer.post("/usecases/triage/labels", data=word)
            assert refused.status_code == 403
            assert "decides whether a label is new" in refused.text
