"""The embedded database under real processes: the remaining ones keep it running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from roadbed.storage.embedded import ROOT_HOME, EmbeddedServer
from tests.conftest import Folders


@pytest.fixture
def home() -> Iterator[Path]:
    parent = ROOT_HOME if os.geteuid() == 0 else Path(tempfile.gettempdir())
    home = parent / f"roadbed-test-{uuid4().hex[:12]}"
    yield home
    subprocess.run(["rm", "-rf", str(home)], check=True)


@contextmanager
def running(
    environment: dict[str, str], *arguments: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process and the first line it said."""
    process = subprocess.Popen(
        [sys.executable, "-m", "roadbed", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def answers(address: str, status: int) -> None:
    """Wait until a page that asks the database answers so."""
    for _ in range(600):
        try:
            if httpx2.get(f"{address}/sign-in?code=none").status_code == status:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{address} does not answer {status}")


def test_serve_goes_on_without_the_process_that_started_the_database(
    home: Path, tmp_path: Path
) -> None:
    Folders(tmp_path / "usecases").write()
    environment = {name: value for name, value in os.environ.items() if name[:3] != "COV"} | {
        "ROADBED_HOME": str(home),
        "ROADBED_AUDIT_DIR": str(tmp_path / "audit"),
        "ROADBED_USECASES": str(tmp_path / "usecases"),
    }
    database = EmbeddedServer(home)
    with running(environment, "worker") as (worker, _):
        with running(environment, "serve", "--port", "0") as (_, told):
            address = told.split()[-1]
            answers(address, 403)
            worker.send_signal(signal.SIGTERM)
            worker.wait(timeout=60)
            answers(address, 403)
            pid = int((database.data / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGKILL)
            while database.answers():
                time.sleep(0.01)
            answers(address, 403)
            assert int((database.data / "postmaster.pid").read_text().split()[0]) != pid
        assert not database.running()
