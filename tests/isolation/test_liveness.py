"""A child that loads or waits for a processor is not taken for one that hangs."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path

import pytest

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.decisions.model import Decision, Reason
from roadbed.executors import liveness
from roadbed.executors.child_executor import ChildExecutor
from roadbed.executors.children import Source
from roadbed.executors.fork_server import PRELOADED
from roadbed.executors.in_process import DeciderCall
from roadbed.executors.isolated import DeciderProcesses
from roadbed.executors.liveness import Patience, Silence, waited_seconds
from roadbed.kernel.settings import Settings
from roadbed.models.prompts.requests import modules_of
from roadbed.usecases.loader import load
from tests.conftest import Folders
from tests.isolation.test_children import decide, returns

# It sleeps with the lock of the interpreter, so that no other thread answers meanwhile.
SLOW_LIBRARY = "import ctypes\nctypes.PyDLL(None).sleep(3)\n"
LOADING = """
import sys
from roadbed.usecases.decider import Needs

def decide(inquiry, context):
    known = "slow_library" in sys.modules
    import slow_library
    return Answer(
        output=Routing(queue="returns"), confidence=0.9,
        evidence={"known": known},
    )
"""
ON_FIRST_USE = LOADING + "\nusecase.decider(decide)\n"
DECLARED = LOADING + '\ndecide.needs = Needs(modules=["slow_library"])\nusecase.decider(decide)\n'
PLAIN = """
import sys
LOADED = {"cel", "roadbed.connectors.webhook"} <= set(sys.modules)

@usecase.decider
def decide(inquiry, context):
    return Answer(output=Routing(queue="returns"), confidence=0.9, evidence={"loaded": LOADED})
"""
HANGS = """
import ctypes

@usecase.decider
def decide(inquiry, context):
    if "hang" in inquiry.text:
        ctypes.PyDLL(None).sleep(60)
    return Answer(output=Routing(queue="returns"), confidence=0.9)
"""
PROMPTED = """
from roadbed.models import Prompted
usecase.decider(Prompted("route.md", model="openai:small", base_url="http://127.0.0.1:9/v1"))
"""
LEFT_BEHIND = """
import importlib, json, os, sys
def sockets():
    names = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
    return [name for name in names if os.path.exists(name) and "socket" in os.readlink(name)]
before = sockets()
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps([len(os.listdir("/proc/self/task")), len(sockets()) - len(before)]))
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that takes three seconds to import."""
    (tmp_path / "libraries").mkdir()
    (tmp_path / "libraries/slow_library.py").write_text(SLOW_LIBRARY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "libraries"))


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("code", "known"), [(DECLARED, True), (ON_FIRST_USE, False)], ids=["declared", "first use"]
)
async def test_a_child_that_loads_is_not_ended(
    settings: Settings,
    folders: Folders,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    *,
    known: bool,
) -> None:
    suspected: list[DeciderCall] = []
    monkeypatch.setattr(ChildExecutor, "suspect", lambda _, calls: suspected.extend(calls))
    folders.write(code, deadline=40.0)
    async with open_app(settings.model_copy(update={"isolation": "process"}), url) as app:
        decisions = await asyncio.gather(*_calls(app, 30))
    assert [one.routed.reason for one in decisions if not returns(one)] == []
    assert suspected == []
    # Which of them comes first in its child is not fixed.
    assert all(one.evidence["known"] for one in decisions) is known


async def test_a_new_child_that_hangs_in_its_answer_is_ended(
    settings: Settings, folders: Folders, url: str
) -> None:
    folders.write(HANGS, deadline=12.0)
    async with open_app(settings.model_copy(update={"isolation": "process"}), url) as app:
        hung, *others = await asyncio.gather(decide(app, "hang"), *_calls(app, 20))
        assert hung.routed.code == Reason.DECIDER_TIMEOUT
        assert [one.routed.reason for one in others if not returns(one)] == []
        assert returns(await decide(app, "afterwards"))


def test_what_our_deciders_need_is_imported_once_in_the_process_that_forks(
    folders: Folders, tmp_path: Path
) -> None:
    processes = DeciderProcesses(enabled=True)
    prompted = _source(processes, folders.write(PROMPTED))
    assert set(modules_of("openai")) < set(prompted.preloaded)
    assert set(prompted.modules) == set(modules_of("openai"))
    of_a_pod = _source(processes, folders.write(DECLARED, name="other"))
    assert (of_a_pod.modules, of_a_pod.preloaded) == (("slow_library",), ())


async def test_what_nearly_every_pod_imports_is_loaded_before_the_fork(
    settings: Settings, folders: Folders, url: str
) -> None:
    folders.write(PLAIN)
    async with open_app(settings.model_copy(update={"isolation": "process"}), url) as app:
        assert (await decide(app, "hello")).evidence["loaded"] is True


def left_behind(modules: Sequence[str]) -> list[int]:
    """How many threads and further sockets a process has that imported modules."""
    told = subprocess.run(
        [sys.executable, "-c", LEFT_BEHIND, *modules], capture_output=True, check=True, timeout=120
    )
    counts: list[int] = json.loads(told.stdout)
    return counts


def test_what_every_fork_server_imports_starts_no_thread_and_opens_no_socket() -> None:
    assert left_behind(PRELOADED) == [1, 0]


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_what_is_imported_before_a_fork_starts_no_thread_and_opens_no_socket(
    provider: str,
) -> None:
    pytest.importorskip("pydantic_ai", reason="the extra llm is not installed: make llm")
    assert left_behind(["roadbed.models.answers.prompted", *modules_of(provider)]) == [1, 0]


class TestSilence:
    """Times are given; nothing waits."""

    @pytest.fixture
    def waits(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
        """How long each thread has waited for a processor so far."""
        waits = {"1": 5.0}

        def told(_: int) -> Mapping[str, float]:
            return dict(waits)

        monkeypatch.setattr(liveness, "waited_seconds", told)
        return waits

    def test_it_counts_until_there_is_a_sign_of_life(self, waits: dict[str, float]) -> None:
        silence = Silence(0.0)
        assert silence.measured(0.5, 1, period=0.5) == 0.0  # what it waited before counts too
        assert silence.measured(1.0, 1, period=0.5) == 0.5
        assert silence.measured(1.5, 1, period=0.5) == 1.0
        silence.end(1.75)
        assert silence.measured(2.0, 1, period=0.5) == 0.25
        assert silence.longest == 1.75
        assert silence.elapsed(3.0) == 1.25
        assert waits == {"1": 5.0}

    def test_waiting_for_a_processor_does_not_count(self, waits: dict[str, float]) -> None:
        silence = Silence(0.0)
        silence.measured(0.5, 1, period=0.5)
        waits.update({"1": 5.25, "2": 0.125})
        assert silence.measured(1.0, 1, period=0.5) == 0.25
        waits["1"] = 9.0
        assert silence.measured(1.5, 1, period=0.5) == 0.25

    def test_a_late_look_counts_as_one_period(self, waits: dict[str, float]) -> None:
        silence = Silence(0.0)
        silence.measured(0.5, 1, period=0.5)
        assert silence.measured(9.0, 1, period=0.5) == 0.5
        assert waits

    def test_all_time_counts_where_the_kernel_tells_nothing(self) -> None:
        silence = Silence(0.0)
        assert silence.measured(0.5, None, period=0.5) == 0.5
        assert silence.measured(1.0, None, period=0.5) == 1.0

    def test_a_restart_is_no_silence(self) -> None:
        silence = Silence(0.0)
        silence.restart(60.0)
        silence.end(60.5)
        assert silence.longest == 0.5

    def test_the_kernel_tells_it_of_a_process_and_nothing_of_none(self) -> None:
        assert all(seconds >= 0.0 for seconds in waited_seconds(os.getpid()).values())
        assert waited_seconds(os.getpid())
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        assert waited_seconds(ended.pid) == {}


class TestPatience:
    def test_a_new_child_gets_twice_what_others_took(self) -> None:
        patience, first, second = Patience(seconds=1.0), Silence(0.0), Silence(0.0)
        assert patience.of(first) == float("inf")
        first.end(3.0)
        patience.learn(first)
        assert (patience.of(first), patience.of(second)) == (1.0, 6.0)
        second.end(0.25)
        patience.learn(second)
        assert patience.of(Silence(0.0)) == 6.0

    def test_only_the_time_before_the_first_answer_is_learnt(self) -> None:
        patience, silence = Patience(seconds=1.0), Silence(0.0)
        patience.learn(silence)
        silence.end(50.0)
        patience.learn(silence)
        assert patience.of(Silence(0.0)) == 1.0


def _calls(app: App, count: int) -> list[Coroutine[None, None, Decision]]:
    return [decide(app, f"order {number}") for number in range(count)]


def _source(processes: DeciderProcesses, folder: Path) -> Source:
    return processes._source(load(folder), {})
