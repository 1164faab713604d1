"""Whether corrections improve a use case in each round, and bad candidates are rejected.

Real inquiries (CLINC150, from ROADBED_DATA_DIR) through the whole product on a real PostgreSQL:
decisions, reviews, gate, sign-offs, canary, promotion. Queues are eight of the ten domains of the
set; 17 % of the work belongs to none of them: the other two domains, and what the set calls out of
scope. People are simulated: they give the known right answer to whatever Roadbed asks them about,
and to nothing else, so that every version learns from corrections alone. What is automatic is held
against the best threshold there is for the version in service: the one that all work still to come
would show, which nobody can know then; and against the best in hindsight for the very tasks of the
round, luck included. Each round a bad candidate is made as well, with two queues swapped; what it
does in canary is measured by letting it past the gate by hand. At the end a task set with a planted
rule, a wrong reference record and a misspelt value: what improvement suggests first.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import report
from closed_loop import LIMIT, OUTSIDE, ROUNDS, SEED, SIZE, Labelled, ask, best, read
from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.decisions.model import Decision, Route
from roadbed.improvement.mining.mine import mine
from roadbed.kernel.settings import Settings
from roadbed.people.errors import PersonExistsError
from roadbed.reviews.model import VerdictKind
from roadbed.storage import migrations
from roadbed.storage.embedded import ROOT_HOME, EmbeddedServer
from roadbed.testing.planted import Order, Placement, planted
from roadbed.usecases.decider import LabelledExample, Trainable
from roadbed.versions.model import Release

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
    """The result of a round."""

    tasks: int = 0
    automatic: int = 0
    wrong: int = 0
    asked: int = 0
    best: float = 0.0
    hindsight: float = 0.0
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

    def __init__(self, app: App, queues: Sequence[str], seed: int) -> None:
        self.app = app
        self.queues = queues
        self.truth: dict[str, str | None] = {}
        self.chance = random.Random(seed)
        self.row = Round()

    @property
    def declared(self) -> Any:
        return self.app.deployments.get(NAME).loaded.declared

    async def tasks(self, tasks: Sequence[Labelled], trial: Release | None) -> int:
        """Decide, review, check the canary; returns the number of tasks until its end."""
        for start in range(0, len(tasks), CHUNK):
            part = tasks[start : start + CHUNK]
            await asyncio.gather(*(self._decide(item) for item in part))
            await self.app.decisions.compared()
            await self._answer_all()
            await self.app.running_audit.inspect(self.declared)
            if trial is not None:
                trial = await self.app.releases.check_trial(trial.id)
                await self.app.deployments.refresh(NAME)
                if trial.step != "canary" or trial.waits_for is None:
                    return start + len(part)
            await self.app.deployments.refresh(NAME)
        return len(tasks)

    async def _decide(self, task: Labelled) -> None:
        text, right = task
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
                await self.app.new_labels.give(
                    self.declared,
                    review.id,
                    VerdictKind.CORRECT if right else VerdictKind.REJECT,
                    reviewer="rae",
                    output={"queue": right} if right else None,
                    new_labels=True,
                    confirms=True,
                )

    async def gated(self, reason: str) -> Release:
        """A candidate before its gate."""
        planned = await self.app.releases.plan(NAME, actor="ben", reason=reason)
        return await self.app.releases.gate(planned.id, actor="ben")

    async def to_canary(self, release: Release) -> Release:
        """Two people sign off."""
        for person in ("ana", "dev"):
            with suppress(PersonExistsError):
                await self.app.members.add(person, by="benchmark")
            release = await self.app.releases.sign(
                release.id, person=person, verdict="approve", content=str(release.content)
            )
        release = await self.app.releases.canary(release.id, actor="ben")
        await self.app.deployments.refresh(NAME)
        return release

    async def better(self, tasks: Sequence[Labelled]) -> int:
        """The round's own candidate, up to live if it deserves it; gives the tasks that took."""
        release = await self.gated("what people corrected")
        fixes = (release.gate or {})["corrections"]["all"]
        self.row.fixed, self.row.broken = fixes["fixed"], fixes["broken"]
        if release.step != "gated":
            await self._clear(release)
            return 0
        release = await self.to_canary(release)
        took = await self.tasks(tasks, release)
        release = await self.app.releases.get(release.id)
        if release.step == "canary" and release.waits_for is None:
            await self.app.releases.promote(release.id, actor="ben")
            self.row.promoted = True
        else:
            await self._clear(release)
        await self.app.deployments.refresh(NAME)
        return took

    async def worse(self, tasks: Sequence[Labelled]) -> int:
        """A candidate taught with two queues swapped: at the gate, then in canary by force."""
        a, b = self.chance.sample(sorted(self.queues), 2)
        await self._swap(a, b)
        planned = await self.app.releases.plan(NAME, actor="ben", reason=f"{a} and {b} swapped")
        await self._swap(a, b)
        release = await self.app.releases.gate(planned.id, actor="ben")
        self.row.bad_promoted = release.step == "gated"
        if release.step != "gated":
            await self.app.database.fetch(
                "UPDATE release SET step = 'gated', ended_at = NULL, ended_why = NULL "
                "WHERE id = %(id)s",
                {"id": release.id},
            )
            release = await self.app.releases.get(release.id)
        release = await self.to_canary(release)
        took = await self.tasks(tasks, release)
        release = await self.app.releases.get(release.id)
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

    def best_possible(self, tasks: Sequence[Labelled]) -> float:
        """The share that the best threshold of the version in service automates of ``tasks``."""
        service = self.app.deployments.get(NAME)
        declared = service.loaded.declared
        examples = [
            LabelledExample(
                input=declared.input(text=text),
                output=declared.output(queue=right) if right else None,
            )
            for text, right in tasks
        ]
        given = ask(cast("Trainable", service.live.decider), examples, declared.output)
        return best(
            [
                (answer.confidence, answer.output["queue"] != right) if answer else (0.0, True)
                for answer, (_, right) in zip(given, tasks, strict=True)
            ]
        )

    async def _swap(self, a: str, b: str) -> None:
        outputs = {"a_output": json.dumps({"queue": a}), "b_output": json.dumps({"queue": b})}
        await self.app.database.fetch(SWAP, {"use_case": NAME, "a": a, "b": b, **outputs})

    async def _clear(self, release: Release) -> None:
        if release.ended_at is None:
            await self.app.releases.withdraw(release.id, actor="ben", why="the benchmark goes on")
        await self.app.deployments.refresh(NAME)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[App]:
    """The product on its own embedded database."""
    parent = ROOT_HOME if os.geteuid() == 0 else Path(tempfile.gettempdir())
    with tempfile.TemporaryDirectory(prefix="roadbed-bench-", dir=parent) as home:
        server = EmbeddedServer(Path(home))
        url = await asyncio.to_thread(server.start)
        try:
            migrations.upgrade(url)
            # The best possible threshold is found by asking the decider itself, so it runs here.
            settings = Settings(
                usecases=folder,
                audit_dir=folder.parent / "audit",
                home=Path(home),
                isolation="none",
            )
            async with open_app(settings, url) as app:
                yield app
        finally:
            await asyncio.to_thread(server.stop)


async def turn(data: Path, rounds: int, seed: int) -> list[Round]:
    """All rounds, with both candidates in each."""
    first, parts, queues = drawn(data, seed)
    with tempfile.TemporaryDirectory(prefix="roadbed-flywheel-") as parent:
        folder = Path(parent) / "usecases" / NAME
        (folder / "examples").mkdir(parents=True)
        (folder / "usecase.py").write_text(FOLDER)
        lines = [json.dumps(_line(item)) for item in first]
        (folder / "examples" / "past.jsonl").write_text("\n".join(lines))
        async with opened(folder.parent) as app:
            wheel = Flywheel(app, queues, seed)
            await app.deployer.improve(app.deployments.folder(NAME), actor="ben")
            await app.deployments.refresh(NAME)
            return [await _round(wheel, number, parts) for number in range(1, rounds + 1)]


async def _round(wheel: Flywheel, number: int, parts: Sequence[list[Labelled]]) -> Round:
    wheel.row, began, tasks = Round(), time.monotonic(), parts[number - 1]
    used = await wheel.better(tasks)
    if number > 1:
        used += await wheel.worse(tasks[used:])
    await wheel.tasks(tasks[used:], None)
    row = wheel.row
    row.seconds, row.hindsight = time.monotonic() - began, best(row.outcomes)
    row.best = wheel.best_possible([task for part in parts[number - 1 :] for task in part])
    print(
        f"round {number}: {row.automatic / row.tasks:.1%} automatic (best {row.best:.1%}, "
        f"in hindsight {row.hindsight:.1%}), "
        f"{row.wrong} wrong, {row.asked} asked; "
        f"{'promoted' if row.promoted else 'not promoted'}, fixed {row.fixed}, broke {row.broken}; "
        f"bad stopped after {row.bad_stopped_after} tasks, {row.bad_wrong_automatic} wrong; "
        f"{row.seconds:.0f} s",
        flush=True,
    )
    return row


def drawn(data: Path, seed: int) -> tuple[list[Labelled], list[list[Labelled]], list[str]]:
    """Past work and ten rounds of tasks with their right queues, and the queues there are."""
    domains = json.loads((data / "b-clinc150/domains.json").read_text(encoding="utf-8"))
    of = {intent: domain for domain, intents in domains.items() for intent in intents}
    rows, out_of_scope, _ = read(data)
    chance = random.Random(seed)
    apart = set(chance.sample(sorted(domains), 2))
    known = [(text, of[str(intent)]) for text, intent in rows if of[str(intent)] not in apart]
    none: list[Labelled] = [(text, None) for text, intent in rows if of[str(intent)] in apart]
    none += [(text, None) for text in out_of_scope]
    chance.shuffle(known)
    chance.shuffle(none)
    parts = []
    for size in [SEED] + [SIZE] * ROUNDS:
        strange = round(size * OUTSIDE)
        part: list[Labelled] = [none.pop() for _ in range(strange)]
        part += [known.pop() for _ in range(size - strange)]
        chance.shuffle(part)
        parts.append(part)
    return parts[0], parts[1:], sorted(set(domains) - apart)


def first_three(seeds: int = 24) -> dict[str, float]:
    """In how many of the planted task sets each mistake is among the first three suggestions."""
    kinds = {"rule": 0, "record": 0, "alias": 0}
    for seed in range(seeds):
        result = planted(seed)
        tables = {"products": result.table}
        drafts = mine(result.seen, input=Order, output=Placement, tables=tables)
        for item in {draft.kind for draft in drafts[:3]} & set(kinds):
            kinds[item] += 1
    return {kind: many / seeds for kind, many in kinds.items()}


def _line(example: Labelled) -> dict[str, Any]:
    text, queue = example
    return {"input": {"text": text}, "output": {"queue": queue} if queue else None}


def tell(runs: Sequence[Sequence[Round]], planted: dict[str, float], began: float) -> None:
    rounds = [row for run in runs for row in run]
    fifth = [run[4] for run in runs if len(run) > 4]
    reached = [row.automatic / row.tasks / row.best for row in fifth if row.best]
    lucky = [row.automatic / row.tasks / row.hindsight for row in fifth if row.hindsight]
    bad = [row for row in rounds if row.bad_stopped_after is not None or row.bad_promoted]
    stopped = [row.bad_stopped_after or 10**6 for row in bad]
    harmful = sum(row.broken > row.fixed for row in rounds if row.promoted)
    last = [run[-1] for run in runs]
    report.table(
        [
            (
                "automatic in the last round",
                f"{report.median([row.automatic / row.tasks for row in last]):.1%}",
                "no figure",
                "",
            ),
            (
                "automatic ÷ best possible, round 5",
                f"{report.median(reached):.3f}" if reached else "not played",
                "at least 0.95",
                report.judged(report.median(reached), 0.95) if reached else "",
            ),
            (
                "the same, best in hindsight for these tasks",
                f"{report.median(lucky):.3f}" if lucky else "not played",
                "no figure",
                "",
            ),
            (
                "wrong among automatic, all rounds",
                f"{sum(r.wrong for r in rounds) / max(1, sum(r.automatic for r in rounds)):.2%}",
                f"at most {LIMIT:.0%}",
                "",
            ),
            (
                "promoted versions that break more than they fix",
                f"{harmful} of {sum(row.promoted for row in rounds)}",
                "0",
                report.judged(float(harmful), 0.0, least=False) if not harmful else "missed",
            ),
            (
                "bad candidates promoted",
                f"{sum(row.bad_promoted for row in rounds)} of {len(bad)}",
                "0",
                "reached" if not any(row.bad_promoted for row in rounds) else "missed",
            ),
            (
                "tasks until a bad canary is stopped, worst",
                f"{max(stopped)}" if stopped else "none",
                "at most 300",
                report.judged(float(max(stopped)), 300, least=False) if stopped else "",
            ),
            *(
                (f"planted: {what}", f"{share:.0%} of runs", "100 %", "")
                for what, share in planted.items()
            ),
        ]
    )
    report.end(
        {
            "benchmark": "flywheel",
            "seconds": round(time.monotonic() - began, 1),
            "planted": planted,
            "rounds": [
                {name: getattr(row, name) for name in Round.__slots__ if name != "outcomes"}
                for row in rounds
            ],
            "machine": report.machine("psycopg", "scikit-learn"),
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--runs", type=int, default=1)
    arguments = parser.parse_args()
    data, began = Path(os.environ["ROADBED_DATA_DIR"]), time.monotonic()
    runs = [asyncio.run(turn(data, arguments.rounds, seed)) for seed in range(arguments.runs)]
    tell(runs, first_three(), began)


if __name__ == "__main__":
    main()
