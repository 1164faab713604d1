"""Shared fixtures: a real PostgreSQL, a real app, use-case folders."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import hypothesis
import pytest
import uvicorn
from httpx2._config import DEFAULT_TIMEOUT_CONFIG
from pydantic import SecretStr

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.kernel.settings import Settings
from roadbed.listener import configured
from roadbed.people.errors import PersonExistsError
from roadbed.storage.embedded import ROOT_HOME, EmbeddedServer
from roadbed.web import create
from tests import databases
from tests.databases import database, hurry, in_memory
from tests.scheduling import Scheduling
from tests.warm import Warm

ROUTING = """
from pydantic import BaseModel
from roadbed import DIRECT, Answer, Pod, Unsure, UseCase

class Inquiry(BaseModel):
    text: str

class Routing(BaseModel):
    queue: str

usecase = UseCase(
    "{name}", purpose="Send each inquiry to the team that resolves it",
    input=Inquiry, output=Routing,
    pod=Pod(domain_lead="ana", engineer="ben", data_specialist="chi", risk_partner="dev"),
    risk_limit=0.02, deadline_seconds={deadline}, examples_are_random_sample=True, rollout=DIRECT,
)
"""
DECIDE = """
@usecase.decider
def decide(inquiry, context):
    if "unsure" in inquiry.text:
        return Unsure(reason="it says so")
    return Answer(output=Routing(queue="returns"), confidence=0.9, evidence={"words": ["back"]})
"""

# Tests of embeddings name their model. All other classifiers do without: vectors take most of the
# time, and what is tested does not depend on them.
os.environ["ROADBED_EMBEDDINGS"] = "none"
WARM = Warm()

# A client of a test waits longer than the five seconds that clients wait by themselves: on a busy
# machine an answer may take them, and says nothing of the code.
for phase in ("connect", "read", "write", "pool"):
    setattr(DEFAULT_TIMEOUT_CONFIG, phase, 60.0)
UNMEASURED = Warm(measured=False)

# How long something takes on a busy machine says nothing of the code. All else stays as Hypothesis
# has it, which in CI takes a profile of its own: this one stands on whichever is in use.
hypothesis.settings.register_profile(
    "roadbed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("roadbed")


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """An embedded server of this test process's own."""
    # As root the server works as another user, who may not enter every temporary folder.
    parent = ROOT_HOME if os.geteuid() == 0 else Path(tempfile.gettempdir())
    home = parent / f"roadbed-test-{uuid4().hex[:12]}"
    result = EmbeddedServer(home)
    result.start()
    hurry(result)
    with in_memory(result):
        yield result
        result.stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the command line is forked from ends before the measurements are put together."""
    folder = tmp_path_factory.getbasetemp()
    WARM.started = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    yield
    WARM.end()
    UNMEASURED.end()


@pytest.fixture(scope="session", autouse=True)
def _no_authorities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No certificates are trusted: reading the system's takes 30 ms per HTTP client.

    Tests speak to loopback only, and those of TLS bring a certificate of their own.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SSL_CERT_FILE", raising=False)
        patch.setenv("SSL_CERT_DIR", str(tmp_path_factory.mktemp("authorities")))
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """How ``-n`` shares the tests among its processes."""
    return Scheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Count the lines of modules where the first process of ``-n`` loads them, not in the others.

    All processes collect all tests. Counting doubles the time that this takes.
    """
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":
        return (yield)
    with uncounted():
        return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Count the lines of the first only where tests differ in a seed, or in light and dark."""
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            again = item.callspec.indices.get("seed", 0) > 0
            if again or item.callspec.params.get("scheme") == "dark":
                item.fixturenames.insert(0, "unmeasured")


@contextmanager
def uncounted() -> Iterator[None]:
    """Lines that run in this thread are not counted.

    Threads are counted all the same: pytest-cov's ``no_cover`` would lose those that live on.
    """
    counting = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(counting)


@pytest.fixture
def unmeasured() -> Iterator[None]:
    """For a test that runs by the thousand what others run: counting takes longer than it does."""
    with uncounted():
        yield


@pytest.fixture(autouse=True)
def _own_settings() -> None:
    """Nothing of a developer's own settings leaks into a test."""
    for name in [item for item in os.environ if item.startswith("ROADBED_")]:
        if name not in {"ROADBED_DATA_DIR", "ROADBED_EMBEDDINGS"}:
            del os.environ[name]


@pytest.fixture
def url(server: EmbeddedServer) -> Iterator[str]:
    """A database of this test's own, on the newest schema."""
    with database(server) as address:
        yield address


@pytest.fixture
def as_shipped(server: EmbeddedServer) -> Iterator[None]:
    """The test server with the default configuration, which the doctor requires."""
    with databases.as_shipped(server):
        yield


class Folders:
    """Writes use-case folders below one parent."""

    def __init__(self, parent: Path) -> None:
        self.parent = parent

    def write(
        self,
        decide: str = DECIDE,
        *,
        name: str = "triage",
        rules: str | None = None,
        deadline: float = 5.0,
        examples: str | None = None,
    ) -> Path:
        """A folder with ``decide`` below the usual declaration."""
        folder = self.parent / name
        folder.mkdir(parents=True, exist_ok=True)
        declared = ROUTING.format(name=name, deadline=deadline)
        (folder / "usecase.py").write_text(declared + decide)
        if rules is not None:
            (folder / "rules.yaml").write_text(rules)
        if examples is not None:
            (folder / "examples").mkdir(exist_ok=True)
            (folder / "examples" / "past.jsonl").write_text(examples)
        return folder


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """Where this test's use cases live."""
    return Folders(tmp_path / "usecases")


@pytest.fixture
def settings(folders: Folders, tmp_path: Path) -> Settings:
    """Settings for this test's use cases and versions, with a short lease."""
    return Settings(
        usecases=folders.parent,
        audit_dir=tmp_path / "audit",
        home=tmp_path / "home",
        lease_seconds=1.0,
        port=0,
        isolation="none",  # tests/isolation covers child processes
    )


@pytest.fixture
async def app(settings: Settings, folders: Folders, url: str) -> AsyncIterator[App]:
    """The services with one use case, ``triage``, that a function decides."""
    if not folders.parent.exists():
        folders.write()
    async with open_app(settings, url) as opened:
        yield opened


@dataclass(frozen=True, kw_only=True)
class Site:
    """A running server on a real socket, with a client for two people."""

    app: App
    address: str
    shop: httpx2.AsyncClient
    reviewer: httpx2.AsyncClient


@pytest.fixture
async def site(settings: Settings, folders: Folders, url: str) -> AsyncIterator[Site]:
    """API and console, served by uvicorn, with the use cases that the test wrote before."""
    if not folders.parent.exists():
        folders.write()
    async with serving(settings, url) as served:
        yield served


async def _people(app: App) -> None:
    """The pod of ``ROUTING``, and two people with all roles in every use case."""
    for name in ("ana", "ben", "chi", "dev", "shop", "reviewer"):
        with suppress(PersonExistsError):  # a second server on the same database
            await app.members.add(name, by="test")
    # Straight into the table: a folder that cannot be loaded is not known to the database.
    for use_case in [*app.deployments.names(), *app.broken]:
        for role in ("domain_lead", "engineer", "reviewer"):
            for name in ("shop", "reviewer"):
                await app.database.fetch(
                    "INSERT INTO membership (use_case, person, role, granted_by) VALUES "
                    "(%(use_case)s, %(name)s, %(role)s, 'test') ON CONFLICT DO NOTHING",
                    {"use_case": use_case, "name": name, "role": role},
                )
    app.people.forget()


@asynccontextmanager
async def serving(settings: Settings, url: str, *, people: bool = True) -> AsyncIterator[Site]:
    """Serve ``settings.usecases`` on a free port; with ``people``, the pod and two who may all."""
    application = create(settings.model_copy(update={"database_url": SecretStr(url)}))
    server = uvicorn.Server(configured(application, settings, host="127.0.0.1", port=0))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server._serve())
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event
        await asyncio.sleep(0.01)
    app = application.roadbed
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    if people:
        await _people(app)
    clients = [
        httpx2.AsyncClient(
            base_url=f"{address}/v1",
            headers={"Authorization": f"Bearer {await app.people.issue_token(name)}"},
        )
        for name in (("shop", "reviewer") if people else ())
    ]
    clients += [httpx2.AsyncClient() for _ in range(2 - len(clients))]
    try:
        yield Site(app=app, address=address, shop=clients[0], reviewer=clients[1])
    finally:
        for client in clients:
            await client.aclose()
        server.should_exit = True
        await task
