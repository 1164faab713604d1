"""Old copies restored under load: nothing is sent twice, and erased data stays erased.

``python -m tests.faults.restores --copies 100`` takes copies at random moments, goes on working,
puts each copy back and declares it. The receiver's own ledger is the judge. It prints a table, and
JSON on the last line.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import uuid4

import psycopg

from roadbed.app import App
from roadbed.background import relaying, running
from roadbed.bootstrap import open_app
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.settings import Settings
from roadbed.people.service import hashed
from roadbed.recovery import programs
from roadbed.recovery.backup import back_up
from roadbed.recovery.errors import RestoreRefusedError
from roadbed.recovery.restore import restore
from roadbed.recovery.service import Recovery
from roadbed.storage.database import with_schema
from roadbed.storage.embedded import ROOT_HOME, EmbeddedServer
from roadbed.testing import Receiver
from tests import databases
from tests.faults.harness import USECASE, prove

CLIENTS = 4
WAYS = ("roadbed backup", "pg_dump")
_MARK = "Ottilie Quarzbach"


@dataclass
class Copy:
    """One copy and its results. From ``sent_twice`` on all counts should be 0."""

    seed: int
    way: str
    tasks: int = 0  # in the copy
    sent_since: int = 0  # effects made after the copy
    erased: int = 0  # tasks of the copy, erased after it
    for_people: int = 0  # deliveries a person is asked about
    sent_twice: int = 0
    sent_undeclared: int = 0
    texts_back: int = 0
    halts_lost: int = 0
    people_back: int = 0
    tokens_back: int = 0
    findings: int = 0
    undetected: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> int:
        return sum(
            (
                self.sent_twice,
                self.sent_undeclared,
                self.texts_back,
                self.halts_lost,
                self.people_back,
                self.tokens_back,
                self.findings,
                self.undetected,
            )
        )


class _Answering(Receiver):
    """Makes each effect at once. Its answers wait while ``answers`` is cleared."""

    def __init__(self) -> None:
        super().__init__(remembers=False)
        self.answers = asyncio.Event()
        self.answers.set()
        self.waiting = asyncio.Event()

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        async def answered(message: dict[str, Any]) -> None:
            if not self.answers.is_set():
                self.waiting.set()
                await self.answers.wait()
            await send(message)

        await super()._app(scope, receive, answered)


@dataclass
class _Scene:
    settings: Settings
    url: str
    receiver: _Answering
    folder: Path
    erased: list[str] = field(default_factory=list)
    token: str = ""

    def effects(self) -> Counter[str]:
        return Counter({key: len(made) for key, made in self.receiver.effects.items()})

    @asynccontextmanager
    async def working(self) -> AsyncIterator[App]:
        """The services with all background work, including the relay."""
        async with AsyncExitStack() as stack:
            app = await stack.enter_async_context(open_app(self.settings, self.url))
            await stack.enter_async_context(running(app))
            await stack.enter_async_context(relaying(app))
            yield app


async def run(server: EmbeddedServer, seed: int, *, way: str, planted: bool = False) -> Copy:
    """One copy under load, put back. ``planted``: of a build that never looks for a restore."""
    chance = random.Random(seed)
    copy = Copy(seed=seed, way=way)
    folder = Path(tempfile.mkdtemp(prefix="roadbed-restores-"))
    with databases.database(server) as url:
        try:
            async with _Answering() as receiver:
                scene = _Scene(_settings(folder, receiver), url, receiver, folder)
                target = await _until_the_copy(scene, chance, copy)
                await asyncio.to_thread(_put_back, scene, target, way)
                if planted:
                    with mock.patch.object(Recovery, "detect", _blind):
                        await _go_on(scene, copy, declared=False)
                else:
                    await _go_on(scene, copy, declared=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return copy


async def _blind(_: Recovery) -> None:
    return None


def _settings(folder: Path, receiver: Receiver) -> Settings:
    code = USECASE.replace("{url}", receiver.url)
    for name in ("triage", "refunds"):
        (folder / "usecases" / name).mkdir(parents=True)
        text = code.replace('"triage"', f'"{name}"')
        (folder / "usecases" / name / "usecase.py").write_text(text)
    return Settings(
        usecases=folder / "usecases",
        audit_dir=folder / "audit",
        home=folder / "home",
        lease_seconds=1.0,
        port=0,
    )


async def _until_the_copy(scene: _Scene, chance: random.Random, copy: Copy) -> Path:
    """Work, take the copy at a random moment, work on, do what must stay; gives the copy."""
    target = scene.folder / "copy"
    async with scene.working() as app:
        await app.members.add("ana", by="test", admin=True)
        await app.members.add("ben", by="test")
        scene.token = await app.people.issue_token("ben")
        other = await app.people.issue_token("ana")
        await asyncio.to_thread(prove, scene.url)
        for name in app.deployments.names():
            await app.deployments.refresh(name)
        stop = asyncio.Event()
        known: list[str] = []
        clients = [
            asyncio.create_task(_client(app, number, known, stop)) for number in range(CLIENTS)
        ]
        await asyncio.sleep(chance.uniform(0.5, 1.5))
        before = scene.effects().total()
        victims = [task for task in known if task in scene.receiver.effects][:3]
        # The copy holds at least one delivery whose effect is made and whose answer is not there.
        scene.receiver.answers.clear()
        await scene.receiver.waiting.wait()
        if copy.way == "pg_dump":
            await asyncio.to_thread(_dump, scene.url, target)
        else:
            await back_up(app.database.url, app.audit, app.clock, target)
        scene.receiver.answers.set()
        await asyncio.sleep(chance.uniform(0.0, 1.0))
        for task in victims:
            await _erase(app, task, scene)
        await app.halts.halt("refunds", reason="wrong refunds", actor="ana")
        await app.people.revoke(hashed(other)[:16], person="ana", by="ana")
        await app.members.disable("ben", by="ana")
        scene.token = other
        stop.set()
        await asyncio.gather(*clients)
        await asyncio.sleep(chance.uniform(0.0, 1.0))
        await app.audit.witness()
        copy.erased = len(scene.erased)
        copy.sent_since = scene.effects().total() - before
    return target


async def _client(app: App, number: int, known: list[str], stop: asyncio.Event) -> None:
    task = 0
    while not stop.is_set():
        name = "refunds" if task % 5 == 4 else "triage"
        content = {"text": f"{_MARK} {number}-{task} wants her parcel"}
        with contextlib.suppress(RoadbedError):
            admission, decision = await app.decisions.submit(
                name, content, key=f"{number}-{task}", source={"by": "shop"}, waits=task % 2 == 0
            )
            known.append(admission.task.id)
            if decision is not None:
                await decision
        task += 1
        await asyncio.sleep(0.02)


async def _erase(app: App, task: str, scene: _Scene) -> None:
    """Erase a task whose delivery has come to its end."""
    for _ in range(100):
        try:
            await app.erasure.erase(task, by="ana", reason="asked for")
        except RoadbedError as error:
            if error.code != "erasure_too_early":
                raise
            await asyncio.sleep(0.05)
        else:
            scene.erased.append(task)
            return


def _dump(url: str, target: Path) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        programs.dump(programs.folder_for(18), url, row[0], target)


def _put_back(scene: _Scene, target: Path, way: str) -> None:
    if way == "pg_dump":
        clear = "DROP SCHEMA roadbed CASCADE;"
        programs.load(programs.folder_for(18), scene.url, target, clear, "SELECT 1;")
    else:
        _restore_when_unused(scene, target)


def _restore_when_unused(scene: _Scene, target: Path) -> None:
    """A busy server still shows connections of processes that were killed a moment ago."""
    for _ in range(100):
        try:
            restore(scene.url, scene.folder / "audit", target, replace=True)
        except RestoreRefusedError:
            time.sleep(0.3)
        else:
            return
    restore(scene.url, scene.folder / "audit", target, replace=True)


async def _go_on(scene: _Scene, copy: Copy, *, declared: bool) -> None:
    before = scene.effects().total()
    async with scene.working() as app:
        row = await app.database.fetch_one("SELECT count(*) AS n FROM task")
        copy.tasks = row["n"] if row else 0
        copy.undetected = int(app.recovery.standing is None)
        await asyncio.sleep(0.5)
        copy.sent_undeclared = scene.effects().total() - before
        if declared:
            await app.recovery.declare(by="ana", reason="the disk was lost")
        await asyncio.sleep(2.0)
        await _judge(app, scene, copy)


async def _judge(app: App, scene: _Scene, copy: Copy) -> None:
    copy.sent_twice = sum(count > 1 for count in scene.effects().values())
    row = await app.database.fetch_one(
        "SELECT count(*) AS n FROM delivery WHERE state IN ('unknown', 'held')"
    )
    copy.for_people = row["n"] if row else 0
    rows = await app.database.fetch(
        "SELECT id FROM task WHERE id = ANY (%(ids)s) AND input::text LIKE %(mark)s",
        {"ids": scene.erased, "mark": f"%{_MARK}%"},
    )
    copy.texts_back = len(rows)
    standing = await app.halts.standing("refunds")
    copy.halts_lost = int(standing is None)
    copy.people_back = int((await app.members.get("ben")).disabled_at is None)
    try:
        await app.people.holder("api", scene.token)
        copy.tokens_back = 1
    except RoadbedError:
        copy.tokens_back = 0
    with contextlib.suppress(RoadbedError):
        await app.audit.witness()
    verified = await asyncio.to_thread(_verified, scene)
    copy.findings = len(verified)
    copy.problems = verified[:3]


def _verified(scene: _Scene) -> list[str]:
    import time

    from roadbed.audit.verification import verify

    folder = scene.folder / "audit"
    return [
        finding.problem
        for finding in verify(with_schema(scene.url), folder, time.monotonic).findings
    ]


@contextlib.contextmanager
def _server() -> Any:
    parent = ROOT_HOME if os.geteuid() == 0 else Path(tempfile.gettempdir())
    server = EmbeddedServer(parent / f"roadbed-restores-{uuid4().hex[:12]}")
    server.start()
    try:
        yield server
    finally:
        server.stop_now()
        shutil.rmtree(server.home, ignore_errors=True)


_COLUMNS: Mapping[str, str] = {
    "way": "way",
    "tasks": "tasks",
    "sent_since": "sent since",
    "erased": "erased",
    "for_people": "for people",
    "sent_twice": "sent twice",
    "sent_undeclared": "sent halted",
    "texts_back": "texts back",
    "halts_lost": "halts lost",
    "people_back": "people back",
    "tokens_back": "tokens back",
    "findings": "audit findings",
    "undetected": "undetected",
}


def _line(values: Mapping[str, Any]) -> str:
    return "  ".join(f"{values[name]!s:>{len(title)}}" for name, title in _COLUMNS.items())


async def _all(copies: int, seed: int, *, planted: bool) -> list[Copy]:
    done = []
    with _server() as server:
        print("  ".join(_COLUMNS.values()).replace("way", f"{'way':>14}", 1))
        for number in range(copies):
            copy = await run(server, seed + number, way=WAYS[number % len(WAYS)], planted=planted)
            values = asdict(copy) | {"way": f"{copy.way:>14}"}
            print(_line(values), *copy.problems, flush=True)
            done.append(copy)
    return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--planted", action="store_true", help="a build that never looks")
    options = parser.parse_args()
    done = asyncio.run(_all(options.copies, options.seed, planted=options.planted))
    total = {name: sum(getattr(copy, name) for copy in done) for name in _COLUMNS if name != "way"}
    print(json.dumps({"copies": len(done), "seed": options.seed, **total}))
    sys.exit(any(copy.wrong for copy in done))


if __name__ == "__main__":
    main()
