"""The ladder on a real database: up by evidence and sign-offs, down at once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from roadbed.bootstrap import App, open_app
from roadbed.kernel.settings import Settings
from roadbed.releases.model import Release
from tests.conftest import Folders

LADDER = """
from pydantic import BaseModel
from roadbed import Answer, Gate, Pod, Rollout, Unsure, UseCase

class Inquiry(BaseModel):
    text: str

class Routing(BaseModel):
    queue: str

usecase = UseCase(
    "triage", purpose="Send each inquiry to the team that resolves it",
    input=Inquiry, output=Routing,
    pod=Pod(domain_lead="ana", engineer="ben", data_specialist="chi", risk_partner="dev"),
    risk_limit=0.02, deadline_seconds=5.0, examples_are_random_sample=True,
    rollout=Rollout({rollout}),
)

@usecase.decider
def decide(inquiry, context):
    {decide}
    return Answer(output=Routing(queue=queue), confidence=0.9)
"""
RIGHT = 'queue = "even" if int(inquiry.text.split()[-1]) % 2 == 0 else "odd"'
HARMFUL = 'queue = "even" if int(inquiry.text.split()[-1]) % 3 == 0 else "odd"'
SHORT = "shadow_tasks=20, canary_tasks=40, canary_share=0.5"
DIRECTLY = "shadow_tasks=0, canary_tasks=0"


def examples(count: int) -> str:
    """Numbers with whether they are even."""
    return "\n".join(
        json.dumps(
            {
                "input": {"text": f"number {n}"},
                "output": {"queue": "even" if n % 2 == 0 else "odd"},
            }
        )
        for n in range(count)
    )


def write(
    folders: Folders, decide: str = RIGHT, *, rollout: str = DIRECTLY, count: int = 1300
) -> None:
    folder = folders.parent / "triage"
    (folder / "examples").mkdir(parents=True, exist_ok=True)
    (folder / "usecase.py").write_text(LADDER.format(decide=decide, rollout=rollout))
    (folder / "examples" / "past.jsonl").write_text(examples(count))


async def signed(app: App, release: Release) -> Release:
    """The word of the two whose word is needed."""
    assert release.content is not None
    for person in ("ana", "dev"):
        release = await app.ladder.sign(
            release.id, person=person, verdict="approve", content=release.content
        )
    return release


async def gated(app: App, actor: str = "ben") -> Release:
    release = await app.ladder.plan("triage", actor=actor)
    return await app.ladder.gate(release.id, actor=actor)


@pytest.fixture
async def app(settings: Settings, folders: Folders, url: str) -> AsyncIterator[App]:
    write(folders)
    async with open_app(settings, url) as opened:
        yield opened


async def test_a_first_release_takes_gate_and_two_words_to_decide_by_itself(app: App) -> None:
    release = await app.ladder.plan("triage", actor="ben")
    assert (release.step, release.next, release.missing) == (
        "planned",
        "gate",
        ["domain_lead", "risk_partner"],
    )
    release = await app.ladder.gate(release.id, actor="ben")
    assert release.gate is not None
    for each in release.gate["criteria"]:
        print(each["line"])
    assert release.step == "gated", release.gate["criteria"]
    assert (release.next, release.waits_for) == ("sign", "domain_lead")
    release = await signed(app, release)
    assert release.next == "promote"
    assert app.registry.get("triage").live.threshold is None
    release = await app.ladder.promote(release.id, actor="ben")
    assert release.step == "live"
    live = app.registry.get("triage").live
    assert live.threshold is not None
    assert live.id == release.version
