"""A process that runs one kind of job, for tests/unit/test_work.py: python -m … URL FILE."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from roadbed.kernel.clock import SystemClock
from roadbed.kernel.ids import Ids
from roadbed.kernel.json import Json, JsonObject
from roadbed.storage.database import Database
from roadbed.work.engine import Engine
from roadbed.work.model import Job, JobKind, Progress
from roadbed.work.service import Jobs


def counting(log: Path) -> JobKind:
    """Steps that write their names to ``log``; a step waits while the file ``hold-N`` exists.

    After a job, its state is written to ``after``. Then ``hold-after`` holds the process back, and
    ``fail-after`` lets what follows fail.
    """

    async def run(progress: Progress, arguments: JsonObject) -> Json:
        total = 0
        for number in range(int(str(arguments["steps"]))):

            async def step(number: int = number) -> Json:
                if number == arguments.get("fails"):
                    raise ValueError(f"step {number} cannot be done")
                with log.open("a") as lines:
                    lines.write(f"{number} {os.getpid()}\n")
                while (log.parent / f"hold-{number}").exists():  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.02)
                return number

            total += int(str(await progress.step(f"count {number}", step)))
            await progress.report(number + 1, int(str(arguments["steps"])), f"counted {number}")
        return {"total": total}

    async def follow(job: Job) -> None:
        with log.with_name("after").open("a") as lines:
            lines.write(f"{job.id} {job.state} {os.getpid()}\n")
        if log.with_name("fail-after").exists():
            raise ValueError("nothing can follow")
        while log.with_name("hold-after").exists():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)

    return JobKind(name="counting", run=run, follow=follow)


async def work(url: str, log: Path) -> None:
    """Run jobs until killed."""
    clock = SystemClock()
    async with Database(url) as database:
        jobs = Jobs(database, Ids(clock), clock)
        jobs.register(counting(log))
        await Engine(database, jobs, clock, sweep_seconds=0.5).run()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], Path(sys.argv[2])))
