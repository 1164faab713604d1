"""Erased tasks of the sample: they count as wrong, and leave nothing in proofs and reports."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from roadbed.app import App
from roadbed.guarantee import presentation
from roadbed.risk.automation_state import State
from roadbed.storage.database import with_schema
from tests.unit.test_decisions import decide
from tests.unit.test_recovery import everything_in
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


REPORTS = """
INSERT INTO behaviour (hash, use_case, folder_hash, files, artifacts, learned_from, made_at)
VALUES ('b1', 'triage', 'f', '{}', '{}', 1, now());
INSERT INTO release (id, use_case, number, behaviour, step, reason, author, plan, content,
                     planned_at, gate, trial)
SELECT 'rel_1', 'triage', 1, 'b1', 'retired', 'r', 'ben', '{"sign_offs": []}', 'c', now(),
       jsonb_build_object('cases', jsonb_build_object('fixed', said.cases, 'broken', said.cases),
                          'unknown', jsonb_build_object('n', 2, 'cases', said.cases)),
       jsonb_build_object('differ', said.cases)
FROM (SELECT jsonb_build_array(
          jsonb_build_object('task', %(gone)s::text, 'input', 'Ottilie Quarzbach', 'right', '{}'),
          jsonb_build_object('task', %(kept)s::text, 'input', 'somebody else', 'right', '{}'),
          jsonb_build_object('task', NULL, 'input', 'a row of the folder')) AS cases) AS said
"""


@pytest.mark.usefixtures("even")
async def test_nothing_of_it_stays_in_proofs_and_reports(app: App, url: str) -> None:
    await stand(app, threshold=None, state="shadow")
    texts = [f"Quarzbach {n}" if n % 4 == 0 else f"number {n}" for n in range(120)]
    decisions = await asyncio.gather(*(decide(app, text) for text in texts))
    for number, decision in enumerate(decisions):
        await answer(app, decision, "other" if number % 4 == 0 else None)
    await app.deployer.improve(app.deployments.get("triage").loaded, actor="ana")
    await app.deployments.refresh("triage")
    facts = {"gone": decisions[0].task_id, "kept": decisions[1].task_id}
    with psycopg.connect(with_schema(url), autocommit=True) as connection:
        for statement in REPORTS.strip().split(";"):
            connection.execute(statement, facts if "%(" in statement else None)
    [spot, *_] = await weak(app)
    assert spot["examples"][0]["right"] == {"queue": "other"}
    assert "Quarzbach" in spot["examples"][0]["input"]
    for decision in decisions[::4]:
        await app.erasure.erase(decision.task_id, by="chi", reason="asked for")
    assert "Quarzbach" not in everything_in(url)
    assert [spot["examples"] for spot in await weak(app)] == [[]] * len(await weak(app))
    release = await app.releases.get("rel_1")
    left = ["somebody else", "a row of the folder"]
    assert release.gate is not None
    for cases in (*release.gate["cases"].values(), release.gate["unknown"]["cases"]):
        assert [case["input"] for case in cases] == left
    assert release.trial is not None
    assert [case["input"] for case in release.trial["differ"]] == left


@pytest.mark.usefixtures("even")
async def test_whoever_looks_a_second_time_finds_the_first_label_nowhere(
    app: App, url: str
) -> None:
    await stand(app, threshold=None, state="shadow")
    decisions = await asyncio.gather(*(decide(app, f"number {n}") for n in range(120)))
    for number, decision in enumerate(decisions):
        await answer(app, decision, "other" if number % 4 == 0 else None)
    await app.deployer.improve(app.deployments.get("triage").loaded, actor="ana")
    await app.deployments.refresh("triage")
    [spot, *_] = await weak(app)
    shown = len(spot["examples"])
    gone = {"gone": decisions[0].task_id, "kept": decisions[1].task_id}
    with psycopg.connect(with_schema(url), autocommit=True) as connection:
        for statement in REPORTS.strip().split(";"):
            connection.execute(statement, gone if "%(" in statement else None)
        # As a second look leaves it: a task that was made of the label, and waits.
        connection.execute(
            "INSERT INTO measure (task_id, use_case, kind, of_verdict, made_at)"
            " SELECT %(other)s, 'triage', 'second', verdict.id, now() FROM verdict"
            " WHERE task_id = %(gone)s",
            {"other": (await decide(app, "number 500")).task_id, **gone},
        )
    [spot, *_] = await weak(app)
    inputs = [example["input"] for example in spot["examples"]]
    assert len(inputs) in (shown, shown - 1)
    assert "number 0" not in inputs
    release = await app.releases.get("rel_1")
    assert release.gate is not None
    assert [case["input"] for case in release.gate["cases"]["broken"]] == [
        "somebody else",
        "a row of the folder",
    ]


async def weak(app: App) -> list[dict[str, Any]]:
    report = await app.reports.report(app.deployments.get("triage"))
    assert report.proof is not None
    spots: list[dict[str, Any]] = report.proof["detail"]["weak"]
    assert spots
    return spots
