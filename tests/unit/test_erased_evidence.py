"""Erasing what was found wrong makes no version look better: an erased item counts as wrong."""

from __future__ import annotations

import asyncio

import pytest

from roadbed.app import App
from roadbed.guarantee import presentation
from roadbed.risk.automation_state import State
from tests.unit.test_decisions import decide
from tests.unit.test_trust import answer, declared, even, stand

__all__ = ["even"]


@pytest.mark.usefixtures("even")
async def test_an_item_of_the_sample_that_is_erased_counts_as_wrong(app: App) -> None:
    await stand(app, threshold=None, state="shadow")
    decisions = await asyncio.gather(*(decide(app, f"number {n}") for n in range(300)))
    for number, decision in enumerate(decisions):
        await answer(app, decision, "other" if number % 10 == 0 else None)
    for decision in decisions[::10]:
        await app.erasure.erase(decision.task_id, by="chi", reason="asked for")
    loaded = app.deployments.get("triage").loaded
    improved = await app.deployer.improve(loaded, actor="ana")
    await app.deployments.refresh("triage")
    certificate = improved.certificate
    assert certificate is not None
    assert (certificate["items"], certificate["threshold"]) == (300, None)
    assert app.deployments.get("triage").live.state is State.SHADOW
    detail = certificate["detail"]
    assert (detail["erased"], detail["labelled"], detail["waiting"]) == (30, 270, 0)
    assert any("30 items of the sample were erased" in line for line in presentation.sample(detail))
    # Nothing is evaluated on them: the gate and the commands see those that are there.
    cases = await app.examples.cases(declared(app))
    assert len(cases) == 270
