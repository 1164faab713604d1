"""From a search for a better prompt to a version that uses it, through the product."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from roadbed.bootstrap import open_app
from roadbed.decisions.evaluation import KnownInput
from roadbed.decisions.model import LiveVersion
from roadbed.examples.service import assessed
from roadbed.improvement.model import Proposal
from roadbed.improvement.prompt_optimization.optimizer import NoProposal, PromptBudget
from roadbed.kernel.settings import Settings
from roadbed.testing import ModelServer
from tests.conftest import Folders
from tests.unit.test_prompting import TEAMS, WORST, examples, obedient

ASKS = """
from roadbed.models import Price, Prompted
usecase.decider(Prompted("route.md", model="openai:m", price=Price(input=1, output=1), samples=1))
"""


def write(folders: Folders) -> Path:
    lines = [
        json.dumps({"input": example.input.model_dump(), "output": example.output.model_dump()})
        for example in examples(120)
        if example.output
    ]
    folder = folders.write(ASKS, examples="\n".join(lines))
    (folder / "prompts").mkdir()
    (folder / "prompts" / "route.md").write_text(WORST)
    return folder


async def test_what_is_found_waits_for_a_person_and_then_decides(
    settings: Settings, folders: Folders, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folders)
    async with ModelServer(obedient) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        async with open_app(settings, url) as app:
            loaded = app.deployments.get("triage").loaded
            match = await app.prompt_search.search(
                loaded, budget=PromptBudget(calls=400), actor="chi"
            )
            assert isinstance(match, Proposal)
            assert (match.kind, match.state) == ("prompt", "open")
            await app.proposals.suggest(loaded, actor="chi")  # a look does not take it away
            assert match.id in {item.id for item in await app.proposals.list("triage")}
            assert await app.proposals.accepted("triage") == []
            await app.proposals.accept(match.id, person="ana")
            changes = await app.proposals.accepted("triage")
            candidate, _ = await app.deployer.build(
                loaded, actor="ben", reason="A better prompt.", changes=changes
            )
            judge = [case for case in await app.examples.cases(loaded.declared) if case.judges]
            version = LiveVersion(
                id=None, decider=candidate.decider, threshold=None, certificate=None, loaded=loaded
            )
            inputs = [KnownInput(id=case.id, content=case.content) for case in judge]
            made = await app.examples.evaluate(loaded, version, inputs)
            scored = assessed(loaded.declared, judge, made)
            assert len(scored.loss) > 20
            assert not scored.loss.any()
            assert not scored.unknown.any()
            assert set(TEAMS.values()) == {
                evaluation.content.output["queue"] for evaluation in made if evaluation.content
            }


async def test_without_a_model_it_says_so(settings: Settings, folders: Folders, url: str) -> None:
    folders.write()
    async with open_app(settings, url) as app:
        match = await app.prompt_search.search(
            app.deployments.get("triage").loaded, budget=PromptBudget(calls=10), actor="chi"
        )
    assert isinstance(match, NoProposal)
    assert "asks no language model" in match.reason
