"""A use case with release steps, for tests: which queue a number belongs to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress

from roadbed.app import App
from roadbed.decisions.model import Decision
from roadbed.people.errors import PersonExistsError
from roadbed.reviews.model import VerdictKind
from roadbed.usecases.loader import load
from roadbed.versions.model import Release
from tests.conftest import Folders

USECASE = """
import time
from pydantic import BaseModel
from roadbed import Answer, Check, Gate, Pod, Rollout, Unsure, UseCase
from roadbed.connectors import Webhook

class Inquiry(BaseModel):
    text: str

class Routing(BaseModel):
    queue: str

usecase = UseCase(
    "triage", purpose="Send each inquiry to the team that resolves it",
    input=Inquiry, output=Routing,
    pod=Pod(domain_lead="ana", engineer="ben", data_specialist="chi", risk_partner="dev"),
    risk_limit=0.02, deadline_seconds=5.0, examples_are_random_sample=True, slices={slices},
    rollout=Rollout({rollout}),
)
{more}

@usecase.decider
def decide(inquiry, context):
    n = int(inquiry.text.split()[-1])
    queue = "even" if n % 2 == 0 else "odd"
    {decide}
    return Answer(output=Routing(queue=queue), confidence=0.9, cost=0)
"""
RIGHT = "pass"
# Right on the gate's items, wrong on later tasks.
LATER = 'queue = queue if n < 2000 else "elsewhere"'
HARMFUL = 'queue = queue if n % 5 else "elsewhere"'
TRIED = "shadow_tasks=10, canary_tasks=20, canary_share=0.5"
AT_ONCE = "shadow_tasks=0, canary_tasks=0"
PEOPLE = ("ana", "dev")


def examples(count: int) -> str:
    """Numbers and the queue that is right for each."""
    return "\n".join(
        json.dumps(
            {"input": {"text": f"number {n}"}, "output": {"queue": "odd" if n % 2 else "even"}}
        )
        for n in range(count)
    )


def write(
    folders: Folders,
    decide: str = RIGHT,
    *,
    rollout: str = AT_ONCE,
    count: int = 1300,
    slices: Sequence[str] = (),
    more: str = "",
) -> None:
    """The folder of ``triage``, with a line in its decider that may spoil it."""
    folder = folders.parent / "triage"
    (folder / "examples").mkdir(parents=True, exist_ok=True)
    declared = USECASE.format(decide=decide, rollout=rollout, slices=tuple(slices), more=more)
    (folder / "usecase.py").write_text(declared)
    (folder / "examples" / "past.jsonl").write_text(examples(count))


async def edit(
    app: App, folders: Folders, decide: str = RIGHT, *, rollout: str = AT_ONCE, **more: str
) -> None:
    """Another folder on disk, as a restart would find it."""
    write(folders, decide, rollout=rollout, **more)  # type: ignore[arg-type]
    loaded = load(folders.parent / "triage")
    await app.deployer.register(loaded)
    await app.deployments.add(loaded)


async def pod(app: App) -> None:
    """Accounts for the people that the folder names: a name without an account has no effect."""
    for name in ("ana", "ben", "chi", "dev"):
        with suppress(PersonExistsError):
            await app.members.add(name, by="test")


async def gated(app: App, actor: str = "ben", version: str | None = None) -> Release:
    await pod(app)
    release = await app.releases.plan("triage", actor=actor, version=version)
    return await app.releases.gate(release.id, actor=actor)


async def signed(app: App, release: Release, people: Sequence[str] = PEOPLE) -> Release:
    assert release.content is not None, release
    await pod(app)
    for person in people:
        release = await app.releases.sign(
            release.id, person=person, verdict="approve", content=release.content
        )
    return release


async def live(app: App) -> Release:
    """The folder's version, live after all steps that its plan has."""
    release = await signed(app, await gated(app))
    if release.plan["shadow_tasks"]:
        release = await app.releases.shadow(release.id, actor="ben")
        await reviewed(app, range(5000, 5000 + release.plan["shadow_tasks"]))
    if release.plan["canary_tasks"]:
        release = await app.releases.canary(release.id, actor="ben")
        await reviewed(app, range(6000, 6000 + release.plan["canary_tasks"]))
    return await app.releases.promote(release.id, actor="ben")


async def canary(app: App) -> Release:
    """The folder's version, as far as its canary."""
    release = await signed(app, await gated(app))
    await app.releases.shadow(release.id, actor="ben")
    await reviewed(app, range(5000, 5000 + release.plan["shadow_tasks"]))
    return await app.releases.canary(release.id, actor="ben")


async def traffic(app: App, numbers: Sequence[int], *, label: bool = False) -> list[Decision]:
    """Tasks decided, and compared where a candidate is tried; labelled rightly if asked."""
    results = []
    for n in numbers:
        _, task = await app.decisions.submit(
            "triage", {"text": f"number {n}"}, key=None, source={"surface": "test"}
        )
        assert task is not None
        decision = await task
        assert decision is not None
        results.append(decision)
        if label:
            await label_one(app, decision, n)
    await app.decisions._trials.settled()
    return results


async def reviewed(app: App, numbers: Sequence[int]) -> None:
    """Traffic of which all that waits for a person is labelled: it would count as wrong."""
    for n, decision in zip(numbers, await traffic(app, numbers), strict=True):
        if decision.review_id is not None:
            await label_one(app, decision, n)


async def label_one(app: App, decision: Decision, n: int) -> None:
    assert decision.review_id is not None
    await app.reviews.give(
        app.deployments.get("triage").loaded.declared,
        decision.review_id,
        VerdictKind.CORRECT,
        reviewer="rae",
        output={"queue": "odd" if n % 2 else "even"},
    )


async def draw_all(app: App) -> None:
    """Every task is a sample item from here on, so that each gets a label."""
    await app.database.fetch("UPDATE use_case SET reference_rate = 1.0")
    await app.deployments.refresh("triage")


async def until(holds: object, seconds: float = 10.0) -> None:
    for _ in range(int(seconds / 0.02)):
        if await holds():  # type: ignore[operator]
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came")
