"""Kills servers, workers and the database under load; the receiver's own ledger is the judge.

``python -m tests.faults.harness --kills 1000`` runs the long form and prints its account.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import psycopg
from psycopg.rows import dict_row

from roadbed.storage import migrations
from roadbed.storage.database import with_schema
from roadbed.storage.embedded import ROOT_HOME, EmbeddedServer
from roadbed.testing import Receiver
from tests.warm import Spawned, Warm

CLIENTS = 8
_READY_SECONDS = 60.0
USECASE = """
import os
import signal
import time

from pydantic import BaseModel
from roadbed import DIRECT, Answer, Pod, UseCase
from roadbed.connectors import Webhook

class Inquiry(BaseModel):
    text: str

class Routing(BaseModel):
    queue: str

usecase = UseCase(
    "triage", purpose="Send each inquiry to the team that resolves it",
    input=Inquiry, output=Routing,
    pod=Pod(domain_lead="ana", engineer="client", data_specialist="chi", risk_partner="dev"),
    risk_limit=0.02, rollout=DIRECT,
)
usecase.deliver("crm", to=Webhook(url="{url}/effects", private=True))

@usecase.decider
def decide(inquiry, context):
    if "slow" in inquiry.text:  # longer than one commit waits for
        time.sleep(0.08)
    if "poison" in inquiry.text:
        os.kill(os.getpid(), signal.SIGKILL)
    return Answer(output=Routing(queue="returns"), confidence=0.9)
"""


class Slow(Receiver):
    """Makes the effect at once and answers a little later: kills fall in between."""

    seconds: float = 0.03

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        async def late(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                await asyncio.sleep(random.uniform(0.0, 2 * self.seconds))
            await send(message)

        await super()._app(scope, receive, late)


@dataclass
class Account:
    """Acknowledged requests of clients, and the effects at the receiver."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: dict[str, str] = field(default_factory=dict)  # key -> task
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    for_people: int = 0
    why: Counter[str] = field(default_factory=Counter)  # with people: the reasons
    arrivals: int = 0
    at_once: int = 0  # decided and stored in one commit
    admitted: int = 0  # on disk before they were decided
    first_answers: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def summary(self) -> dict[str, Any]:
        waits = sorted(self.first_answers)
        return {
            "seed": self.seed,
            "kills": dict(self.kills),
            "acknowledged": len(self.acknowledged),
            "lost": len(self.lost),
            "duplicated": len(self.duplicated),
            "with_people": self.for_people,
            "why": dict(self.why.most_common(5)),
            "in_one_commit": self.at_once,
            "in_two_commits": self.admitted,
            "requests_at_the_receiver": self.arrivals,
            "first_answer_after_a_kill_p99_seconds": round(waits[int(0.99 * (len(waits) - 1))], 2)
            if waits
            else None,
            "seconds": round(self.seconds),
        }


class Child:
    """A process of the product that is started again whenever it dies.

    With ``warm`` it is forked from there: most of a start is imports, where nothing can be lost.
    """

    def __init__(
        self,
        *arguments: str,
        environment: Mapping[str, str],
        log: Path,
        module: str = "roadbed",
        warm: Warm | None = None,
    ) -> None:
        self._module = module
        self._warm = warm
        self._starts = 0
        self._arguments = arguments
        self._log = log
        self._environment = environment
        self._process: asyncio.subprocess.Process | Spawned | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def starts(self) -> int:
        """How often it was started."""
        return self._starts

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def said(self) -> str:
        """The end of its output, over all restarts."""
        return self._log.read_text(errors="replace")[-2_000:]

    async def start(self) -> None:
        await self._spawn()
        self._keeper = asyncio.create_task(self._keep())

    def kill(self) -> None:
        if self._process and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)

    async def ended(self) -> None:
        """Wait until the process of now has ended."""
        if isinstance(self._process, Spawned):
            await asyncio.to_thread(self._process.wait)
        elif self._process:
            await self._process.wait()

    async def stop(self) -> None:
        if self._keeper:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        self.kill()
        await self.ended()

    async def _spawn(self) -> None:
        self._starts += 1
        with self._log.open("ab") as log:
            if self._warm:
                self._process = self._warm.spawn(
                    *self._arguments,
                    module=self._module,
                    cwd=Path.cwd(),
                    env=self._environment,
                    streams=(log.fileno(),) * 3,
                )
                return
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self._module,
                *self._arguments,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def _keep(self) -> None:
        while self._process:
            await self.ended()
            await asyncio.sleep(0.05)
            await self._spawn()


async def run(
    kills: int,
    *,
    seed: int,
    remembers: bool = True,
    server: str = "roadbed",
    victims: Sequence[str] = ("server", "worker", "worker", "database"),
    warm: Warm | None = None,
) -> Account:
    """Kill ``kills`` times at random moments under load, then let everything come to its end.

    ``server`` is the module that serves; of ``victims`` one is drawn each time.
    """
    chance = random.Random(seed)
    account = Account(seed=seed)
    began = time.monotonic()
    async with Slow(remembers=remembers) as receiver, stage(receiver, server, warm=warm) as at:
        prove(at.url)
        await at.worker.start()
        await asyncio.sleep(3.0)  # by then the server has read the current state
        stop = asyncio.Event()
        clients = [
            asyncio.create_task(_client(at, number, account, stop)) for number in range(CLIENTS)
        ]
        for number in range(1, kills + 1):
            await asyncio.sleep(chance.uniform(0.1, 0.9))
            await _kill(chance.choice(victims), at, account)
            if number % 100 == 0:
                print(f"{number} kills, {len(account.acknowledged)} tasks", file=sys.stderr)
        await asyncio.sleep(1.0)
        stop.set()
        await asyncio.gather(*clients)
        await _ended(at)
        _judge(at, receiver, account)
    account.seconds = time.monotonic() - began
    return account


@dataclass
class Stage:
    database: EmbeddedServer
    url: str
    address: str
    token: str
    server: Child
    worker: Child

    async def ready_at_once(self) -> None:
        """Wait until the server decides with one commit."""
        for number in range(600):
            result = await self.send(f"harmless {number}")
            if result is not None:
                way = _one(
                    self.url,
                    "SELECT task.xmin::text = decision.xmin::text AS at_once FROM task"
                    " JOIN decision ON decision.task_id = task.id WHERE task.id = %s",
                    result["task"],
                )
                if way["at_once"]:
                    return
            await asyncio.sleep(0.1)
        raise AssertionError(f"every task is admitted first: {self.server.said()}")

    async def until_decided(self, text: str, *, key: str) -> dict[str, Any]:
        """Send it until its receipt has a decision."""
        for _ in range(600):
            result = await self.send(text, key=key)
            if result is not None and result["decision"]:
                return result
            await asyncio.sleep(0.1)
        raise AssertionError(f"{text!r} was never decided: {self.server.said()}")

    async def send(self, text: str, *, key: str | None = None) -> dict[str, Any] | None:
        """The receipt, or nothing if no answer came."""
        headers = {"Authorization": f"Bearer {self.token}"}
        body = {"input": {"text": text}} | ({"key": key} if key else {})
        async with httpx2.AsyncClient(headers=headers, timeout=10.0) as http:
            with contextlib.suppress(httpx2.HTTPError):
                address = f"{self.address}/v1/usecases/triage/tasks"
                response = await http.post(address, json=body)
                if response.status_code in (200, 202):
                    result: dict[str, Any] = response.json()
                    return result
        return None

    def database_pid(self) -> int:
        return int((self.database.data / "postmaster.pid").read_text().splitlines()[0])


@asynccontextmanager
async def stage(
    receiver: Receiver,
    server: str = "roadbed",
    *,
    isolation: str = "process",
    warm: Warm | None = None,
) -> AsyncIterator[Stage]:
    parent = ROOT_HOME if os.geteuid() == 0 else Path(tempfile.gettempdir())
    database = EmbeddedServer(parent / f"roadbed-faults-{uuid4().hex[:12]}")
    folder = Path(tempfile.mkdtemp(prefix="roadbed-faults-"))
    (folder / "triage").mkdir()
    code = USECASE.replace("{url}", receiver.url)
    (folder / "triage" / "usecase.py").write_text(code)
    url = await asyncio.to_thread(database.start)
    port = _free_port()
    # Killed processes are not measured: coverage would slow each of many starts.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    environment = {
        **kept,
        "ROADBED_DATABASE_URL": url,
        "ROADBED_USECASES": str(folder),
        "ROADBED_LEASE_SECONDS": "2",
        # Long enough to be seen, short enough that most tasks take one commit all the same.
        "ROADBED_CAREFUL_SECONDS": "0.3",
        "ROADBED_AUDIT_DIR": str(folder / "audit"),
        "ROADBED_ISOLATION": isolation,
    }
    try:
        await asyncio.to_thread(migrations.upgrade, url)
        await _run(environment, warm, "user", "add", "client")
        token = await _run(environment, warm, "user", "token", "client")
        at = Stage(
            database=database,
            url=url,
            address=f"http://127.0.0.1:{port}",
            token=token.strip().splitlines()[-1],
            server=Child(
                "serve",
                "--port",
                str(port),
                environment=environment,
                log=folder / "server.log",
                module=server,
                warm=warm,
            ),
            worker=Child("worker", environment=environment, log=folder / "worker.log", warm=warm),
        )
        await at.server.start()
        await _ready(at)
        try:
            yield at
        finally:
            await at.worker.stop()
            await at.server.stop()
    finally:
        database.start()  # it may be down: stopping wants one that runs
        database.stop_now()
        shutil.rmtree(database.home, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def prove(url: str) -> None:
    """Put a threshold in force, as a certificate would, with nothing drawn for review."""
    with psycopg.connect(with_schema(url), autocommit=True) as connection:
        connection.execute(
            "UPDATE use_case SET state = 'open', threshold = 0.5, reference_rate = 0.0"
        )


async def _kill(what: str, stage: Stage, account: Account) -> None:
    account.kills[what] += 1
    if what == "database":
        os.kill(
            stage.database_pid(), signal.SIGQUIT
        )  # immediate mode: no checkpoint, recovery at start
        while await asyncio.to_thread(stage.database.running):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.05)
        await asyncio.to_thread(stage.database.start)
    else:
        (stage.server if what == "server" else stage.worker).kill()
    began = time.monotonic()
    before = len(account.acknowledged)
    while (  # noqa: ASYNC110 - no event
        len(account.acknowledged) == before and time.monotonic() - began < _READY_SECONDS
    ):
        await asyncio.sleep(0.02)
    account.first_answers.append(time.monotonic() - began)


async def _client(stage: Stage, number: int, account: Account, stop: asyncio.Event) -> None:
    """Send tasks one after the other; each until it is acknowledged, always under the same key."""
    headers = {"Authorization": f"Bearer {stage.token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=5.0) as http:
        task = 0
        while not stop.is_set():
            key = f"{number}-{task}"
            text = f"slow parcel {key}" if task % 10 == 9 else f"parcel {key}"
            body = {"key": key, "input": {"text": text}}
            try:
                address = f"{stage.address}/v1/usecases/triage/tasks"
                response = await http.post(address, json=body)
                if response.status_code in (200, 202):
                    account.acknowledged[key] = response.json()["task"]
                    task += 1
                    await asyncio.sleep(0.05)
                    continue
            except httpx2.HTTPError:
                pass
            await asyncio.sleep(0.1)


async def _ended(stage: Stage) -> None:
    """Until nothing is decided, waits or is under way any more."""
    row: dict[str, Any] = {}
    for _ in range(600):
        with contextlib.suppress(psycopg.Error):
            row = _one(
                stage.url,
                "SELECT (SELECT count(*) FROM in_flight) AS undecided,"
                " (SELECT count(*) FROM delivery"
                "  WHERE state IN ('planned', 'waiting', 'sending')) AS unsent,"
                " (SELECT jsonb_agg(to_jsonb(example)) FROM"
                "  (SELECT id, state, attempt, reason, next_at FROM delivery"
                "   WHERE state IN ('planned', 'waiting', 'sending') LIMIT 3) AS example)"
                " AS examples",
            )
            if row["undecided"] == row["unsent"] == 0:
                return
        await asyncio.sleep(0.2)
    raise AssertionError(
        f"two minutes after the last kill something is under way: {row}\n"
        f"server: {stage.server.said()}\nworker: {stage.worker.said()}"
    )


def _judge(stage: Stage, receiver: Receiver, account: Account) -> None:
    made = Counter({key: len(effects) for key, effects in receiver.effects.items()})
    account.arrivals = len(receiver.arrivals)
    for key, task in account.acknowledged.items():
        row = _one(
            stage.url,
            "SELECT decision.route, decision.reason_code, delivery.state, delivery.reason"
            " FROM decision LEFT JOIN delivery USING (task_id) WHERE decision.task_id = %s",
            task,
        )
        with_people = row.get("route") == "review" or row.get("state") in ("unknown", "held")
        account.for_people += with_people
        if with_people:
            account.why[f"{row.get('reason_code')}, {row.get('state')}: {row.get('reason')}"] += 1
        if made[task] == 0 and not with_people:
            account.lost.append(key)
    ways = _one(
        stage.url,
        "SELECT count(*) FILTER (WHERE task.xmin::text = decision.xmin::text) AS at_once,"
        " count(*) FILTER (WHERE task.xmin::text <> decision.xmin::text) AS admitted"
        " FROM task JOIN decision ON decision.task_id = task.id",
    )
    account.at_once, account.admitted = ways["at_once"], ways["admitted"]
    account.duplicated = [key for key, count in made.items() if count > 1]


def _one(url: str, statement: str, *values: object) -> dict[str, Any]:
    with psycopg.connect(with_schema(url), row_factory=dict_row) as connection:
        return connection.execute(statement, values).fetchone() or {}


async def _run(environment: Mapping[str, str], warm: Warm | None, *arguments: str) -> str:
    if warm:
        done = await asyncio.to_thread(
            lambda: warm.run(*arguments, cwd=Path.cwd(), env=environment, timeout=60)
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "roadbed",
        *arguments,
        env=dict(environment),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def _ready(stage: Stage) -> None:
    async with httpx2.AsyncClient(timeout=2.0) as http:
        for _ in range(int(_READY_SECONDS / 0.1)):
            with contextlib.suppress(httpx2.HTTPError):
                await http.get(f"{stage.address}/v1/openapi.json")
                return
            await asyncio.sleep(0.1)
    raise AssertionError("the server did not start")


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--forgetful", action="store_true", help="a receiver without keys")
    options = parser.parse_args()
    account = asyncio.run(run(options.kills, seed=options.seed, remembers=not options.forgetful))
    print(json.dumps(account.summary(), indent=2))
    sys.exit(bool(account.lost or account.duplicated))


if __name__ == "__main__":
    main()
