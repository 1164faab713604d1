"""Open labels, from the queue to the proof and to its readers."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from roadbed.app import App
from roadbed.cli.trust import trust_text
from roadbed.guarantee.presentation import above
from roadbed.reviews.model import VerdictKind
from roadbed.risk.missing_labels import cut_sizes
from roadbed.usecases.loader import load
from tests.browsing import browsing
from tests.conftest import Folders, Site
from tests.unit.test_decisions import decide
from tests.unit.test_trust import declared, stand

LIMIT = 0.1
DRAWN = 150
ALWAYS = """
@usecase.decider
def decide(inquiry, context):
    return Answer(output=Routing(queue="billing"), confidence=0.9)
"""
# Fitted, so that it has one look, by the exact test.
FITTED = """
import numpy as np
from roadbed.usecases.decider import OutOfFold

class Always:
    out_of_fold = OutOfFold(confidence=np.full(60, 0.9), wrong=np.zeros(60, dtype=bool))

    def fit(self, examples, *, seed):
        return self

    def decide_many(self, inquiries):
        return [Answer(output=Routing(queue="billing"), confidence=0.9) for _ in inquiries]

    def save(self):
        return {"state": b""}

    def load(self, files):
        return self

usecase.decider(Always())
"""


async def drawn(app: App, count: int) -> list[str]:
    """The reviews of ``count`` tasks of the sample, in the order drawn."""
    await stand(app, threshold=None, state="shadow", reference_rate=1.0)
    declared(app).risk_limit = LIMIT
    for start in range(0, count, 10):
        await asyncio.gather(*(decide(app, f"number {start + more}") for more in range(10)))
    rows = await app.database.fetch(
        "SELECT review.id FROM review JOIN task ON task.id = review.task_id"
        " WHERE task.reference ORDER BY task.admitted_at, task.id"
    )
    return [row["id"] for row in rows]


async def label(app: App, reviews: list[str]) -> None:
    for start in range(0, len(reviews), 10):
        await asyncio.gather(
            *(
                app.reviews.give(
                    declared(app),
                    review,
                    VerdictKind.CORRECT,
                    reviewer="ana",
                    output={"queue": "billing"},
                )
                for review in reviews[start : start + 10]
            )
        )


async def proof(app: App) -> tuple[dict[str, Any], str]:
    looked = await app.deployer.improve(app.deployments.get("triage").loaded, actor="ben")
    assert looked.certificate is not None
    return dict(looked.certificate), looked.note


@pytest.fixture
def always(folders: Folders) -> None:
    folders.write(ALWAYS)


@pytest.mark.usefixtures("always")
class TestTheNewestWait:
    async def test_the_others_prove_it_and_everything_says_what_waits(self, site: Site) -> None:
        reviews = await drawn(site.app, DRAWN)
        await label(site.app, reviews[:-12])
        result, note = await proof(site.app)
        assert result["threshold"] is not None, result["detail"]["why_not"]
        assert result["detail"]["counted"] == 135  # nine tenths: fixed beforehand
        assert (result["covered"], result["errors"], result["detail"]["late"]) == (135, 0, 0)
        said = "135 of the first 135 of 150 reference items, 0 wrong; 12 of the sample wait"
        assert said in note
        report = await site.app.reports.report(site.app.deployments.get("triage"))
        assert said in trust_text(report)
        async with browsing(site) as browser:
            for page in ("/usecases/triage", "/usecases/triage/trust"):
                assert said in (await browser.get(page)).text

    async def test_of_some_in_between_each_counts_as_wrong(self, app: App) -> None:
        reviews = await drawn(app, DRAWN)
        await label(app, [*reviews[:20], *reviews[21:-3]])
        result, note = await proof(app)
        assert result["detail"]["late"] == 1
        assert "1 wrong (1 because the label is missing); 4 of the sample wait for a label" in note

    async def test_too_many_that_wait_prove_nothing_and_are_named(self, app: App) -> None:
        reviews = await drawn(app, 60)
        await label(app, reviews[30:])
        result, note = await proof(app)
        assert result["threshold"] is None
        assert "30 are wrong (30 of them still wait for a label)" in note


async def test_one_look_pays_for_choosing_its_part(app: App, folders: Folders) -> None:
    folders.write(FITTED)
    loaded = load(folders.parent / "triage")
    await app.deployer.register(loaded)
    await app.deployments.add(loaded)
    reviews = await drawn(app, DRAWN)  # nothing of it is live, so that every second one is drawn
    await label(app, reviews[:-6])
    result, note = await proof(app)
    assert result["threshold"] == 0.9, result["detail"]["why_not"]
    counted = result["detail"]["counted"]
    assert counted in cut_sizes(len(reviews), np.zeros(len(reviews), dtype=bool))
    assert counted <= len(reviews) - 6
    assert (result["items"], result["covered"], result["errors"]) == (len(reviews), counted, 0)
    assert result["detail"]["p_value"] > float(binom.cdf(0, counted, LIMIT))
    assert "6 of the sample wait for a label" in note


def test_older_certificates_are_shown_without_missing_parts() -> None:
    row = {"covered": 480, "items": 500, "errors": 2, "detail": {}}
    assert above(row) == "480 of 500 reference items, 2 wrong"
    row["detail"] = {"counted": 500, "late": 1, "waiting": 1}
    assert above(row) == (
        "480 of 500 reference items, 2 wrong (1 because the label is missing); "
        "1 of the sample waits for a label"
    )
