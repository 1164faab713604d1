"""Whether corrections make the use case better, round by round, and bad candidates stay out.

Real inquiries (CLINC150, from ROADBED_DATA_DIR) through the whole product on a real PostgreSQL:
decisions, reviews, gate, sign-offs, canary, promotion. Queues are the ten domains of the set, 17 %
of the work belongs to none of them. People are simulated: they give the known right answer to
whatever Roadbed asks them about, and to nothing else, so that every version learns from corrections
alone. Each round a bad candidate is made as well, with the labels of two queues swapped; what it
does in canary is measured by letting it past the gate by hand.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from closed_loop import LIMIT, best, stream
from roadbed.bootstrap import App, open_app
from roadbed.decisions.model import Decision, Route
from roadbed.kernel.settings import Settings
from roadbed.releases.model import Release
from roadbed.reviews.model import VerdictKind
from roadbed.storage import migrations
from roadbed.storage.embedded import ROOT_HOME, EmbeddedServer
from roadbed.usecases.deciders import LabelledExample

NAME = "triage"
CHUNK = 50  # tasks between two looks, as people answer meanwhile
FOLDER = f"""
from pydantic import BaseModel
from roadbed import Pod, Rollout, UseCase
from roadbed.models import TextClassifier

class Inquiry(BaseModel):
    text: str

class Routing(BaseModel):
    queue: str

usecase = UseCase(
    "{NAME}", purpose="Send each inquiry to the domain that resolves it",
    input=Inquiry, output=Routing,
    pod=Pod(domain_lead="ana", engineer="ben", data_specialist="chi", risk_partner="dev"),
    risk_limit={LIMIT}, examples_are_random_sample=True, check_share=0, second_look_share=0,
    rollout=Rollout(shadow_tasks=0, canary_tasks=150),
)
usecase.decider(TextClassifier(text="text", label="queue"))
"""
SWAP = """
UPDATE example SET output = CASE output ->> 'queue' WHEN %(a)s THEN %(b_output)s::jsonb
                                                    ELSE %(a_output)s::jsonb END
WHERE use_case = %(use_case)s AND purpose = 'learn' AND output ->> 'queue' IN (%(a)s, %(b)s)
"""


@dataclass(slots=True)
class Round:
    """What a round came to."""

    tasks: int = 0
    automatic: int = 0
    wrong: int = 0
    asked: int = 0
    best: float = 0.0
    fixed: int = 0
    broken: int = 0
    promoted: bool = False
    bad_promoted: bool = False
    bad_stopped_after: int | None = None
    bad_wrong_automatic: int = 0
    seconds: float = 0.0
    outcomes: list[tuple[float, bool]] = field(default_factory=list)


class Flywheel:
    """One use case with the people around it."""

    def __init__(self, app: App, queues: dict[str, str], seed: int) -> None:
        self.app = app
        self.queues = queues
        self.truth: dict[str, str | None] = {}
        self.chance = random.Random(seed)
        self.row = Round()

    @property
    def declared(self) -> Any:
        return self.app.registry.get(NAME).loaded.declared

    async def tasks(self, tasks: Sequence[LabelledExample], trial: Release | None) -> int:
        """Decide, answer what is asked, look at the canary; gives how many it took to end it."""
        for start in range(0, len(tasks), CHUNK):
            part = tasks[start : start + CHUNK]
            await asyncio.gather(*(self._decide(each) for each in part))
            await self.app.decisions.compared()
            await self._answer_all()
            await self.app.trust.look(self.declared)
            if trial is not None:
                trial = await self.app.ladder.look(trial.id)
                await self.app.registry.refresh(NAME)
                if trial.step != "canary" or trial.next == "promote":
                    return start + len(part)
            await self.app.registry.refresh(NAME)
        return len(tasks)

    async def _decide(self, task: LabelledExample) -> None:
        text = str(task.input.model_dump()["text"])
        right = task.output.model_dump()["queue"] if task.output else None
        self.truth[text] = right
        _, running = await self.app.decisions.submit(
            NAME, {"text": text}, key=None, source={"surface": "bench"}
        )
        decision = await running if running else None
        if decision is None:
            raise RuntimeError("a task was not decided here")
        self._count(decision, right)

    def _count(self, decision: Decision, right: str | None) -> None:
        given = decision.output["queue"] if decision.output else None
        wrong = given is None or given != right
        automatic = decision.routed.route is Route.AUTOMATIC
        self.row.tasks += 1
        self.row.automatic += automatic
        self.row.wrong += automatic and wrong
        self.row.outcomes.append((decision.confidence or 0.0, wrong))

    async def _answer_all(self) -> None:
        while waiting := await self.app.reviews.claim_next(NAME, reviewer="rae", most=200):
            self.row.asked += len(waiting)
            for review in waiting:
                right = self.truth[review.input["text"]]
                await self.app.reviews.give(
                    self.declared,
                    review.id,
                    VerdictKind.CORRECT if right else VerdictKind.REJECT,
                    reviewer="rae",
                    output={"queue": right} if right else None,
                )

    async def gated(self, reason: str) -> Release:
        """A candidate before its gate."""
        planned = await self.app.ladder.plan(NAME, actor="ben", reason=reason)
        return await self.app.ladder.gate(planned.id, actor="ben")

    async def to_canary(self, release: Release) -> Release:
        """Two people sign what they see."""
        for person in ("ana", "dev"):
            release = await self.app.ladder.sign(
                release.id, person=person, verdict="approve", content=str(release.content)
            )
        release = await self.app.ladder.canary(release.id, actor="ben")
        await self.app.registry.refresh(NAME)
        return release

    async def better(self, tasks: Sequence[LabelledExample]) -> int:
        """The round's own candidate, up to live if it deserves it; gives the tasks that took."""
        release = await self.gated("what people corrected")
        fixes = (release.gate or {}).get("corrections", {})
        self.row.fixed, self.row.broken = len(fixes.get("fixed", [])), len(fixes.get("broken", []))
        if release.step != "gated":
            await self._clear(release)
            return 0
        release = await self.to_canary(release)
        took = await self.tasks(tasks, release)
        release = await self.app.ladder.get(release.id)
        if release.next == "promote":
            await self.app.ladder.promote(release.id, actor="ben")
            self.row.promoted = True
        else:
            await self._clear(release)
        await self.app.registry.refresh(NAME)
        return took

    async def worse(self, tasks: Sequence[LabelledExample]) -> int:
        """A candidate taught with two queues swapped: at the gate, then in canary by force."""
        a, b = self.chance.sample(sorted(set(self.queues.values())), 2)
        await self._swap(a, b)
        planned = await self.app.ladder.plan(NAME, actor="ben", reason=f"{a} and {b} swapped")
        await self._swap(a, b)
        release = await self.app.ladder.gate(planned.id, actor="ben")
        self.row.bad_promoted = release.step == "gated"
        if release.step != "gated":
            await self.app.database.fetch(
                "UPDATE release SET step = 'gated', ended_at = NULL, ended_why = NULL "
                "WHERE id = %(id)s",
                {"id": release.id},
            )
            release = await self.app.ladder.get(release.id)
        release = await self.to_canary(release)
        took = await self.tasks(tasks, release)
        release = await self.app.ladder.get(release.id)
        if release.step == "rolled_back":
            self.row.bad_stopped_after = took
            self.row.bad_promoted = False
        rows = await self.app.database.fetch(
            "SELECT task.input ->> 'text' AS text, decision.output ->> 'queue' AS queue "
            "FROM decision JOIN task ON task.id = decision.task_id "
            "WHERE decision.version = %(version)s AND decision.route = 'automatic'",
            {"version": release.version},
        )
        self.row.bad_wrong_automatic = sum(self.truth[r["text"]] != r["queue"] for r in rows)
        await self._clear(release)
        return took

    async def _swap(self, a: str, b: str) -> None:
        outputs = {"a_output": json.dumps({"queue": a}), "b_output": json.dumps({"queue": b})}
        await self.app.database.fetch(SWAP, {"use_case": NAME, "a": a, "b": b, **outputs})

    async def _clear(self, release: Release) -> None:
        if release.ended_at is None:
            await self.app.ladder.withdraw(release.id, actor="ben", why="the benchmark goes on")
        await self.app.registry.refresh(NAME)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[App]:
    """The product on an embedded database of its own."""
    parent = ROOT_HOME if os.geteuid() == 0 else Path(tempfile.gettempdir())
    with tempfile.TemporaryDirectory(prefix="roadbed-bench-", dir=parent) as home:
        server = EmbeddedServer(Path(home))
        url = await asyncio.to_thread(server.start)
        try:
            migrations.upgrade(url)
            settings = Settings(usecases=folder, audit_dir=folder.parent / "audit", home=Path(home))
            async with open_app(settings, url) as app:
                yield app
        finally:
            await asyncio.to_thread(server.stop)


async def turn(data: Path, rounds: int, seed: int) -> list[Round]:
    """All rounds, with both candidates in each."""
    domains = json.loads((data / "b-clinc150/domains.json").read_text(encoding="utf-8"))
    queues = {intent: domain for domain, intents in domains.items() for intent in intents}
    first, parts = stream(data, seed, drift=False)
    with tempfile.TemporaryDirectory(prefix="roadbed-flywheel-") as parent:
        folder = Path(parent) / "usecases" / NAME
        (folder / "examples").mkdir(parents=True)
        (folder / "usecase.py").write_text(FOLDER)
        lines = [json.dumps(_line(_mapped(each, queues))) for each in first]
        (folder / "examples" / "past.jsonl").write_text("\n".join(lines))
        async with opened(folder.parent) as app:
            wheel = Flywheel(app, queues, seed)
            await app.releases.improve(app.registry.folder(NAME), actor="ben")
            await app.registry.refresh(NAME)
            return [
                await _round(wheel, number, [_mapped(each, queues) for each in part])
                for number, part in enumerate(parts[:rounds], 1)
            ]


async def _round(wheel: Flywheel, number: int, tasks: list[LabelledExample]) -> Round:
    wheel.row, began = Round(), time.monotonic()
    used = await wheel.better(tasks)
    if number > 1:
        used += await wheel.worse(tasks[used:])
    await wheel.tasks(tasks[used:], None)
    row = wheel.row
    row.best, row.seconds = best(row.outcomes), time.monotonic() - began
    print(
        f"round {number}: {row.automatic / row.tasks:.1%} automatic (best {row.best:.1%}), "
        f"{row.wrong} wrong, {row.asked} asked; "
        f"{'promoted' if row.promoted else 'not promoted'}, fixed {row.fixed}, broke {row.broken}; "
        f"bad stopped after {row.bad_stopped_after} tasks, {row.bad_wrong_automatic} wrong; "
        f"{row.seconds:.0f} s",
        flush=True,
    )
    return row


def _mapped(example: LabelledExample, queues: dict[str, str]) -> LabelledExample:
    if example.output is None:
        return example
    queue = queues[str(example.output.model_dump()["queue"])]
    return LabelledExample(
        input=example.input, output=type(example.output).model_validate({"queue": queue})
    )


def _line(example: LabelledExample) -> dict[str, Any]:
    return {
        "input": example.input.model_dump(),
        "output": example.output.model_dump() if example.output else None,
    }
