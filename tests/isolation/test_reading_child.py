"""What a process that reads documents may reach: its own folder, and nothing else."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from roadbed.executors.sandbox import landlock_version
from roadbed.knowledge.model import Extraction
from roadbed.knowledge.reading import process
from roadbed.knowledge.reading.process import DocumentReader

pytestmark = pytest.mark.skipif(
    not landlock_version(), reason="NO LANDLOCK: NOBODY LOOKED WHAT A READING CHILD REACHES"
)

PROBE = """
import json, os, socket, sys
from pathlib import Path

from roadbed.knowledge.reading import child

secret, outside, temporary, port = sys.argv[1:]
confined = child._confine({"temporary": temporary, "memory_megabytes": 2048})


def tried(attempt):
    try:
        attempt()
    except OSError as error:
        return type(error).__name__
    return "done"


def connected(family, address):
    with socket.socket(family) as client:
        client.connect(address)


print(json.dumps({
    "confined": confined,
    "reads a file": tried(lambda: Path(secret).read_text()),
    "lists a folder": tried(lambda: os.listdir(outside)),
    "writes a file": tried(lambda: Path(outside, "new").write_text("x")),
    "writes to its own": tried(lambda: Path(temporary, "new").write_text("x")),
    "connects by IPv4": tried(lambda: connected(socket.AF_INET, ("127.0.0.1", int(port)))),
    "connects by IPv6": tried(lambda: connected(socket.AF_INET6, ("::1", int(port)))),
    "asks for a name": tried(lambda: socket.getaddrinfo("localhost", 80)),
    "opens a Unix socket": tried(lambda: socket.socket(socket.AF_UNIX)),
    "signals its parent": tried(lambda: os.kill(os.getppid(), 0)),
}))
os._exit(0)
"""


def test_a_reading_child_reaches_no_file_no_network_and_no_process(tmp_path: Path) -> None:
    secret, temporary = tmp_path / "secret.txt", tmp_path / "own"
    secret.write_text("nobody reads this", encoding="utf-8")
    temporary.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        ran = subprocess.run(
            [sys.executable, "-c", PROBE, secret, tmp_path, temporary, port],
            capture_output=True,
            text=True,
            check=True,
        )
    told = json.loads(ran.stdout)
    assert told.pop("confined") == {"files": True, "network": True}
    assert told.pop("writes to its own") == "done"
    told.pop("asks for a name")  # a name of the file of hosts needs no socket
    if landlock_version() < 6:
        told.pop("signals its parent")
    assert set(told.values()) == {"PermissionError"}, told


async def test_a_reading_child_has_no_secret_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROADBED_DATABASE_URL", "postgresql://secret")
    async with DocumentReader() as reader:
        await reader.read(b"A line.", "one.txt")
        assert reader.pid is not None
        held = Path(f"/proc/{reader.pid}/environ").read_bytes()  # noqa: ASYNC240 - of the kernel
        descriptors = os.listdir(f"/proc/{reader.pid}/fd")  # noqa: PTH208
    assert b"secret" not in held
    assert len(descriptors) <= 5


def test_a_missing_limit_is_in_the_log_once_and_in_each_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "_warned", set())
    with capture_logs() as logged:
        process._warn(("Landlock",))
        process._warn(("Landlock",))
    assert [entry["missing"] for entry in logged] == ["Landlock"]
    extraction = Extraction(format="txt", parts=())
    told = process._with_confinement(extraction, ("Landlock",))
    assert not told.confined
    assert "Landlock" in str(told.findings[0].told())
    assert process._with_confinement(extraction, ()).confined
