"""A function whose confidences lie close together opens; its search is chosen once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.guarantee.threshold_search import ThresholdSearches
from roadbed.kernel.settings import Settings
from roadbed.risk.search import fixed_search
from tests.conftest import Folders

CROWDED = """
class Inquiry(BaseModel):
    text: str

usecase = UseCase(
    "triage", purpose="Route what customers write", input=Inquiry, output=Routing,
    risk_limit=0.1, rollout=DIRECT, examples_are_random_sample=True,
    pod=Pod(domain_lead="ana", engineer="ben", data_specialist="chi", risk_partner="dev"))

@usecase.decider
def decide(inquiry, context):
    number = int(inquiry.text.split()[-1])
    rank = number * 7919 % 1000
    return Answer(output=Routing(queue="returns"), confidence=0.90 + 0.00002 * rank)
"""


def rows(first: int, end: int) -> Iterator[Mapping[str, Any]]:
    """Confidences of 0.91 and more are 1 in 40 wrong, smaller ones 1 in 3."""
    for number in range(first, end):
        one_in = 40 if number * 7919 % 1000 >= 500 else 3
        queue = "delivery" if number % one_in == 0 else "returns"
        yield {"input": {"text": f"order {number}"}, "output": {"queue": queue}}


def write(folders: Folders, end: int) -> None:
    folders.write(CROWDED, examples="\n".join(json.dumps(row) for row in rows(0, end)))


async def improve(app: App) -> Mapping[str, Any]:
    improved = await app.deployer.improve(app.deployments.folder("triage"), actor="ben")
    await app.deployments.refresh("triage")
    assert improved.certificate is not None
    return improved.certificate


async def test_it_starts_where_its_confidences_are(
    settings: Settings, folders: Folders, url: str
) -> None:
    write(folders, 3_000)
    async with open_app(settings, url) as app:
        first = await improve(app)
        starts = first["detail"]["starts"]
        assert first["threshold"] == pytest.approx(0.91, abs=0.005)
        assert all(0.9 <= start <= 0.92 for start in starts)
        write(folders, 3_400)
    async with open_app(settings, url) as app:
        again = await improve(app)
        assert again["behaviour"] == first["behaviour"]
        assert again["items"] > first["items"]
        assert (again["detail"]["starts"], again["detail"]["grid"]) == (
            starts,
            first["detail"]["grid"],
        )


async def test_without_inputs_outside_the_sample_it_starts_at_fixed_confidences(
    settings: Settings, folders: Folders, url: str
) -> None:
    write(folders, 60)  # half of them judge, fewer than 40 teach
    async with open_app(settings, url) as app:
        certificate = await improve(app)
    assert certificate["detail"]["starts"] == list(fixed_search().starts)
    assert certificate["threshold"] is None


async def test_fixed_starts_would_not_open_it(
    settings: Settings, folders: Folders, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(*_: object) -> None:
        return None

    monkeypatch.setattr(ThresholdSearches, "of", none)
    write(folders, 3_000)
    async with open_app(settings, url) as app:
        assert (await improve(app))["threshold"] is None
