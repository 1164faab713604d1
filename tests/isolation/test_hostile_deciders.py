"""A compromised decider: its remaining access to the server and the machine."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog.testing

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.decisions.model import Reason
from roadbed.executors.sandbox import landlock_version
from roadbed.kernel.settings import Settings
from roadbed.usecases.loader import load
from tests.conftest import Folders
from tests.isolation.test_children import decide, returns

HOSTILE = """
import fcntl, json, os, resource, shutil, signal, socket, stat, struct, threading, time
from pathlib import Path

os._exit = lambda code: time.sleep(600)  # nobody ends it but the kernel

def channels():
    for number in range(3, 64):
        try:
            with socket.socket(fileno=os.dup(number)) as found:
                if found.family == socket.AF_UNIX and found.type == socket.SOCK_STREAM:
                    yield number
        except OSError:
            pass

def tried(work):
    try:
        return repr(work())
    except OSError as error:
        return type(error).__name__

def connected(family, address):
    with socket.socket(family) as client:
        client.settimeout(2)
        client.connect(address)
    return "connected"

def through_a_pair(address):
    with socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0] as one:
        one.connect(address)
        one.send(b"forged")
    return "sent"

def priority(which, of):
    os.setpriority(which, of, 19)
    return "done"

def mode(path):
    os.chmod(path, 0o777)
    return "done"

def copied():
    path = Path(os.environ["TMPDIR"]) / "one"
    path.write_text("text")
    path.touch()
    return Path(shutil.copy2(path, path.with_name("two"))).read_text()

def flood(pipe):
    fcntl.fcntl(pipe, fcntl.F_SETFL, 0)
    while True:
        os.write(pipe, bytes(65536))

def pipes():
    for number in range(3, 64):
        try:
            if stat.S_ISFIFO(os.fstat(number).st_mode):
                yield number
        except OSError:
            pass

def daemon():
    ours, theirs = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(theirs, str(os.getpid()).encode())
            os.closerange(0, 64)
            time.sleep(600)
        os.kill(os.getpid(), signal.SIGKILL)
    os.wait()
    return int(os.read(ours, 20))

asked = 0

@usecase.decider
def decide(inquiry, context):
    global asked
    asked += 1
    what, _, given = inquiry.text.partition(" ")
    evidence = {"pid": os.getpid()}
    if what == "frame":
        given = given.replace('"NUMBER"', str(asked))
        head = struct.pack(">IB", len(given), 0)
        for number in channels():
            os.write(number, head + given.encode())
        time.sleep(0.3)
    elif what == "raw":
        for number in channels():
            os.write(number, bytes.fromhex(given))
        time.sleep(600)
    elif what == "large":
        body = b'{"printed": [' + b"[]," * (int(given) // 3) + b"[]]}"
        for number in channels():
            try:
                with socket.socket(fileno=os.dup(number)) as channel:
                    channel.sendall(struct.pack(">IB", len(body), 0) + body)
            except OSError:
                pass
        time.sleep(600)
    elif what == "deaf":
        for number in list(channels()):
            socket.socket(fileno=number).shutdown(socket.SHUT_RDWR)
        time.sleep(600)
    elif what == "daemon":
        evidence["daemon"] = daemon()
    elif what == "exit":
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "unix":
        evidence["said"] = tried(lambda: connected(socket.AF_UNIX, given))
    elif what == "abstract":
        evidence["said"] = tried(lambda: connected(socket.AF_UNIX, "\\0" + given))
    elif what == "internet":
        evidence["said"] = tried(lambda: connected(socket.AF_INET, ("127.0.0.1", int(given))))
    elif what == "rights":
        status = Path("/proc/self/status").read_text()
        evidence["said"] = status.partition("CapEff:")[2].split()[0]
    elif what == "signal":
        evidence["said"] = tried(lambda: os.kill(int(given), 0))
    elif what == "pair":
        evidence["said"] = tried(lambda: through_a_pair(given))
    elif what == "limit":
        core = resource.RLIMIT_CORE
        evidence["said"] = tried(lambda: resource.prlimit(int(given), core, (0, 0)))
    elif what == "processors":
        evidence["said"] = tried(lambda: os.sched_setaffinity(int(given), {0}))
    elif what == "priority":
        which, _, of = given.partition(" ")
        evidence["said"] = tried(lambda: priority(int(which), int(of)))
    elif what == "mode":
        evidence["said"] = tried(lambda: mode(given))
    elif what == "attribute":
        evidence["said"] = tried(lambda: os.setxattr(given, "user.mine", b"1"))
    elif what == "copy":
        evidence["said"] = tried(copied)
    elif what == "flood":
        for number in pipes():
            threading.Thread(target=flood, args=(number,), daemon=True).start()
        evidence["said"] = str(len(list(pipes())))
    elif what == "print":
        for number in range(int(given)):
            print("line", number)
    elif what == "deep":
        os.chdir(os.environ["TMPDIR"])
        for _ in range(3000):
            os.mkdir("a")
            os.chdir("a")
    elif what == "write":
        os.write(2, given.encode())
        (Path(os.environ["TMPDIR"]) / "mine").write_text(given)
    elif what == "read":
        evidence["said"] = tried(Path(given).read_text)
    elif what == "limits":
        evidence["said"] = Path("/proc/self/oom_score_adj").read_text().strip()
        evidence["home"] = os.environ["HOME"]
    elif what == "answer":
        evidence["said"] = "x" * int(given)
    return Answer(output=Routing(queue="returns"), confidence=0.9, evidence=evidence)
"""
FORGED = [
    {"answers": 5},
    {"answers": [5]},
    {"answers": [{"number": []}]},
    {"answers": [{"number": "NUMBER"}]},
    {"answers": [{"number": "NUMBER", "other": "a\0b"}]},
    {"answers": [{"number": "NUMBER", "other": "\ud800"}]},
    {"answers": [{"number": "NUMBER", "output": {"$odd": "a\0b"}}]},
    {"answers": [{"number": "NUMBER", "output": {"queue": "\ud800"}, "actions": [{"$odd": "\0"}]}]},
    {"answers": [{"number": "NUMBER", "output": {}, "confidence": {"$odd": "\ud800"}}]},
    {"answers": [{"number": "NUMBER", "output": {}, "cost": "1e999999999"}]},
    {"answers": [{"number": "NUMBER", "output": {}, "cost": "1e-999999999"}]},
    {"answers": [{"number": "NUMBER", "unsure": [[[]]], "evidence": [[]]}]},
    {"printed": [[]]},
]


@pytest.fixture
async def app(settings: Settings, folders: Folders, url: str) -> object:
    folders.write(HOSTILE, deadline=4.0)
    async with open_app(settings.model_copy(update={"isolation": "process"}), url) as opened:
        yield opened


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[str]:
    """A server on this machine's socket, as the embedded database is one."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        yield path


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def gone(pid: int, seconds: float = 10.0) -> bool:
    for _ in range(int(seconds / 0.05)):
        if not lives(pid):
            return True
        await asyncio.sleep(0.05)
    return False


class TestForgedFrames:
    async def test_whatever_it_says_the_server_goes_on(self, app: App) -> None:
        for content in FORGED:
            pid = (await decide(app, "before")).evidence["pid"]
            decision = await decide(app, f"frame {json.dumps(content)}")
            assert decision.routed.code != Reason.DECIDER_TIMEOUT, content
            after = await decide(app, "after")
            assert returns(after), content
            assert after.evidence["pid"] == pid or await gone(pid), content

    async def test_what_is_no_frame_ends_it(self, app: App) -> None:
        for content in ("ffffffff00", "0000000100ff", "0000000100" + b"5".hex()):
            pid = (await decide(app, "before")).evidence["pid"]
            assert not returns(await decide(app, f"raw {content}"))
            assert await gone(pid)

    async def test_a_frame_that_would_fill_the_memory_is_not_read(self, app: App) -> None:
        pid = (await decide(app, "before")).evidence["pid"]
        with structlog.testing.capture_logs() as logged:
            decision = await decide(app, "large 5000000")
        assert decision.routed.code != Reason.DECIDER_TIMEOUT
        assert await gone(pid)
        problem = next(entry["problem"] for entry in logged if "problem" in entry)
        assert problem.startswith("a frame of")
        assert returns(await decide(app, "after"))

    async def test_an_answer_that_is_too_large_fails_alone(self, app: App) -> None:
        pid = (await decide(app, "first")).evidence["pid"]
        decision = await decide(app, "answer 2000000")
        assert "larger than" in decision.routed.reason
        assert (await decide(app, "after")).evidence["pid"] == pid


class TestWhatStays:
    async def test_one_that_hangs_up_is_ended(self, app: App) -> None:
        pid = (await decide(app, "first")).evidence["pid"]
        assert not returns(await decide(app, "deaf"))
        assert await gone(pid)

    async def test_what_it_started_ends_with_it(self, app: App) -> None:
        daemon = (await decide(app, "daemon")).evidence["daemon"]
        await decide(app, "exit")
        assert await gone(daemon)
        assert returns(await decide(app, "after"))


class TestReach:
    @pytest.mark.skipif(not landlock_version(), reason="NO LANDLOCK: FILES ARE NOT CONFINED HERE")
    async def test_no_other_use_case_and_not_the_log(
        self,
        capfd: pytest.CaptureFixture[str],
        settings: Settings,
        folders: Folders,
        url: str,
    ) -> None:
        folders.write(HOSTILE, deadline=4.0)
        folders.write(HOSTILE, deadline=4.0, name="other")
        async with open_app(settings.model_copy(update={"isolation": "process"}), url) as opened:
            home = (await decide(opened, "limits")).evidence["home"]
            await decide(opened, "write forged entry")
            for use_case, said in (("triage", "'forged entry'"), ("other", "PermissionError")):
                evidence = (await decide(opened, f"read {home}/mine", use_case)).evidence
                assert evidence["said"] == said
            assert (await decide(opened, "limits", "other")).evidence["said"] == "1000"
        assert "forged entry" not in capfd.readouterr().err

    @pytest.mark.skipif(not landlock_version(), reason="NO LANDLOCK: FILES ARE NOT CONFINED HERE")
    async def test_no_other_version_of_its_use_case(self, app: App, folders: Folders) -> None:
        home = (await decide(app, "limits")).evidence["home"]
        await decide(app, "write what a later version may not find")
        edited = await app.store.copy(load(folders.write(f"{HOSTILE}\n# edited", deadline=4.0)))
        await app.deployer.register(edited)
        await app.deployments.add(edited)
        after = (await decide(app, f"read {home}/mine")).evidence
        assert after["said"] == "PermissionError"
        assert (await decide(app, "limits")).evidence["home"] != home

    async def test_the_internet_but_no_socket_of_the_machine(self, app: App, listener: str) -> None:
        for text in (f"unix {listener}", f"abstract {os.urandom(8).hex()}"):
            assert (await decide(app, text)).evidence["said"] == "PermissionError"
        with socket.create_server(("127.0.0.1", 0)) as server:
            said = (await decide(app, f"internet {server.getsockname()[1]}")).evidence["said"]
        assert said == "'connected'"

    async def test_no_socket_of_the_machine_through_a_pair(self, app: App, tmp_path: Path) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.bind(path := str(tmp_path / "log"))
            log.setblocking(False)
            assert (await decide(app, f"pair {path}")).evidence["said"] == "PermissionError"
            with pytest.raises(BlockingIOError):
                log.recv(100)

    async def test_no_hold_on_the_server(self, app: App) -> None:
        limits, mine = resource.getrlimit(resource.RLIMIT_CORE), os.getpid()
        for text in (
            f"limit {mine}",
            f"processors {mine}",
            f"priority {os.PRIO_PROCESS} {mine}",
            f"priority {os.PRIO_PGRP} 0",
            f"priority {os.PRIO_USER} 0",
        ):
            assert (await decide(app, text)).evidence["said"] == "PermissionError", text
        assert resource.getrlimit(resource.RLIMIT_CORE) == limits

    async def test_no_file_of_the_server_is_changed_from_outside(
        self, app: App, tmp_path: Path
    ) -> None:
        (secret := tmp_path / "key").touch(0o600)
        await decide(app, f"mode {secret}")
        assert secret.stat().st_mode & 0o777 == 0o600
        said = (await decide(app, f"attribute {secret}")).evidence["said"]
        assert said == "PermissionError"

    async def test_files_of_its_own_can_be_copied(self, app: App) -> None:
        assert (await decide(app, "copy")).evidence["said"] == "'text'"

    async def test_the_process_that_starts_the_others_cannot_be_held_up(self, app: App) -> None:
        pid = (await decide(app, "flood")).evidence["pid"]
        await decide(app, "exit")
        assert await gone(pid)
        after = await decide(app, "flood")
        assert returns(after)
        assert after.evidence["said"] == "0"

    async def test_no_right_of_root(self, app: App) -> None:
        rights = int((await decide(app, "rights")).evidence["said"], 16)
        assert rights & ~(1 << 2) == 0

    @pytest.mark.skipif(landlock_version() < 6, reason="SIGNALS ARE NOT CONFINED HERE")
    async def test_no_signal_to_the_server(self, app: App) -> None:
        said = (await decide(app, f"signal {os.getpid()}")).evidence["said"]
        assert said == "PermissionError"


async def test_what_it_prints_does_not_fill_the_log(app: App) -> None:
    with structlog.testing.capture_logs() as logged:
        assert returns(await decide(app, "print 5000"))
    lines = [entry for entry in logged if "text" in entry]
    assert 50 <= len(lines) <= 200
    assert lines[0]["text"] == "line 0"
    assert "more" in lines[-1]["text"]


async def test_folders_in_each_other_do_not_keep_the_server_from_ending(
    settings: Settings, folders: Folders, url: str
) -> None:
    folders.write(HOSTILE, deadline=4.0)
    async with open_app(settings.model_copy(update={"isolation": "process"}), url) as opened:
        assert returns(await decide(opened, "deep"))
