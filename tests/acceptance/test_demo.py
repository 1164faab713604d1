"""The demo, played as a whole."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import httpx2
import psutil
import psycopg
import pytest

from roadbed.demo.datasets import load
from roadbed.demo.errors import DemoDataError, DemoPortError
from roadbed.demo.library.questions import DOCUMENTS
from roadbed.demo.sample.inquiries import generate, queue_phrasings
from roadbed.demo.server import port_for
from roadbed.storage.database import with_schema
from roadbed.storage.embedded import ROOT_HOME, EmbeddedServer
from tests.databases import database

Start = Callable[..., subprocess.Popen[str]]


# The demo itself is measured where it is asked for, never its server and worker: other tests show
# which of their lines run, and measured, they take twice as long.
MOTHER = """
import os, runpy
for name in [name for name in os.environ if name.startswith("COV")]:
    del os.environ[name]
runpy.run_module("roadbed", run_name="__main__", alter_sys=True)
"""


# On the path of the demo: its ingestion is late if a worker runs, which begins one by itself.
LATE = """
import os, sys, time
if sys.orig_argv[3:5] == ["documents", "ingest"]:
    import psutil, psycopg
    from roadbed.storage.database import with_schema
    siblings = psutil.Process(os.getppid()).children()
    if any(sibling.cmdline()[-1:] == ["worker"] for sibling in siblings):
        ended = "SELECT FROM job WHERE ended_at IS NOT NULL"
        url = with_schema(os.environ["ROADBED_DATABASE_URL"])
        with psycopg.connect(url, autocommit=True) as connection:
            while connection.execute(ended).fetchone() is None:
                time.sleep(0.1)
"""


@contextmanager
def starting(url: str, folder: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def demo(
        *more: str, measured: bool = False, data: Path | None = None, path: Path | None = None
    ) -> subprocess.Popen[str]:
        dropped = "ROADBED_" if measured else ("ROADBED_", "COV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        process = subprocess.Popen(
            [sys.executable, *(("-c", MOTHER) if measured else ("-m", "roadbed")), "demo", *more],
            cwd=folder,
            text=True,
            env={
                **kept,
                **({"ROADBED_DATA_DIR": str(data)} if data else {}),
                **({"PYTHONPATH": str(path)} if path else {}),
                # As `make demo` plays it: that installs no embedding model.
                "ROADBED_EMBEDDINGS": "none",
                "ROADBED_DATABASE_URL": url,
                "ROADBED_AUDIT_DIR": str(folder / "audit"),
                "ROADBED_PORT": "0",  # demos of several tests run at the same time
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield demo
    for process in started:
        process.terminate()
        process.wait(20)
        for pipe in filter(None, (process.stdout, process.stderr)):
            pipe.close()


@pytest.fixture
def start(url: str, tmp_path: Path) -> Iterator[Start]:
    with starting(url, tmp_path) as demo:
        yield demo


@dataclass(frozen=True, kw_only=True)
class Show:
    """A demo that keeps serving after one round, in which its server was killed."""

    folder: Path
    url: str
    told: str
    kills: int


@pytest.fixture(scope="module")
def show(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    folder = tmp_path_factory.mktemp("show")
    with database(server) as url, starting(url, folder) as start:
        demo = start("--rounds", "1", measured=True)
        kills: list[int] = []
        killer = threading.Thread(target=kill_servers, args=(demo, url, kills))
        killer.start()
        assert demo.stdout is not None
        told = ""
        while "admin, the administrator" not in told:
            line = demo.stdout.readline()
            assert line, told
            told += line
        killer.join()
        yield Show(folder=folder, url=url, told=told, kills=len(kills))


def kill_servers(demo: subprocess.Popen[str], url: str, kills: list[int]) -> None:
    """Three times, each after 150 tasks more."""
    mother = psutil.Process(demo.pid)
    with psycopg.connect(with_schema(url), autocommit=True) as connection:
        for _ in range(3):
            before = count(connection)
            while demo.poll() is None and count(connection) < before + 150:
                time.sleep(0.05)
            if demo.poll() is not None:
                return
            for child in mother.children():
                if "serve" in child.cmdline():
                    child.send_signal(signal.SIGKILL)
                    kills.append(child.pid)
            time.sleep(1.5)


def count(connection: psycopg.Connection[tuple[int]]) -> int:
    row = connection.execute("SELECT count(*) FROM task").fetchone()
    return row[0] if row else 0


def test_it_ends_with_one_summary_object(start: Start) -> None:
    demo = start("--once", "--json", "--rounds", "3")
    output, errors = demo.communicate(timeout=500)
    assert demo.returncode == 0, errors
    summary = json.loads(output.splitlines()[-1])
    assert set(summary) == {
        "tasks",
        "automatic",
        "wrong_automatic",
        "limit",
        "certainty",
        "reviews",
        "rounds",
        "decisions_per_second",
        "seconds",
    }
    assert summary["tasks"] == 3_000
    assert [round_["tasks"] for round_ in summary["rounds"]] == [1_000] * 3
    assert summary["rounds"][-1]["automatic"] > 400
    assert summary["wrong_automatic"] <= 0.03 * summary["automatic"]


def test_it_answers_from_the_documents_of_a_made_up_company(start: Start, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(LATE)
    demo = start("--use-case", "ask", "--rounds", "1", measured=True, path=tmp_path)
    assert demo.stdout is not None
    told = ""
    while "admin, the administrator" not in told:
        line = demo.stdout.readline()
        assert line, told
        told += line
    assert "Tarnbeck Instruments is a made-up company" in told
    assert "Documents: 7 read, " in told
    assert "notice-test-bench-3.pdf holds pictures of pages and no text" in told
    [automatic] = re.findall(r"^  1 of 1     250 +(\d+)%", told, re.MULTILINE)
    assert int(automatic) > 40
    assert "[handbook.docx › Working time › Working from home]" in told
    assert "The documents do not answer this." in told
    [address] = re.findall(r"^Ask: (\S+)/usecases/ask/ask$", told, re.MULTILINE)
    codes = dict(re.findall(r"^  (\w+), .*code=(\S+)$", told, re.MULTILINE))
    with httpx2.Client(base_url=address, headers={"Origin": address}) as browser:
        browser.post("/sign-in/link", data={"code": codes["you"]}).raise_for_status()
        page = browser.get("/usecases/ask/ask").raise_for_status()
        listed = browser.get("/usecases/ask/documents").raise_for_status()
    assert "question" in page.text
    assert "notice-test-bench-3.pdf" in listed.text


@pytest.mark.skipif(
    find_spec("pydantic_ai") is None, reason="THE EXTRA llm IS NOT INSTALLED: make llm"
)
def test_a_language_model_answers_and_what_it_invents_is_dropped(start: Start) -> None:
    demo = start("--use-case", "ask", "--with-model", "--rounds", "1", "--once", measured=True)
    output, errors = demo.communicate(timeout=500)
    assert demo.returncode == 0, errors
    assert "The language model is an imitation" in output
    assert "Nothing leaves it." in output
    [dropped] = re.findall(r"The checks dropped (\d+) of its \d+ sentences", output)
    assert int(dropped) > 0
    assert "a number stands in no cited passage" in output
    assert re.search(r"How much may a hotel night cost\?.*\n  .*EUR 145.* \[1\]\n  \[1\] ", output)
    assert "What are the core hours?" in output
    assert "Dropped: “In practice about " in output


def test_it_answers_sample_questions_from_a_folder_of_documents(
    start: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "a-documents"
    folder.mkdir(parents=True)
    shutil.copy(DOCUMENTS / "it-help.html", folder)
    demo = start("--data", "documents", "--once", data=tmp_path / "data")
    output, errors = demo.communicate(timeout=200)
    assert demo.returncode == 0, errors
    assert "Documents: 1 read, " in output
    assert len(re.findall(r"\?.*\n  \S", output)) == 12  # each question has an answer
    assert "Who may approve travel? (a person looks at it first)" in output


def test_documents_that_are_not_there_end_it_with_a_remedy(start: Start, tmp_path: Path) -> None:
    demo = start("--data", "documents", data=tmp_path)
    _, errors = demo.communicate(timeout=200)
    assert demo.returncode == 1
    assert "ROADBED_DATA_DIR" in errors


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--use-case", "ask", "--drift"), "support-triage"),
        (("--use-case", "ask", "--data", "clinc150"), "support-triage"),
        (("--data", "documents", "--rounds", "2"), "has no rounds"),
        (("--with-model",), "--use-case ask"),
        (("--use-case", "ask", "--data", "documents", "--with-model"), "--use-case ask"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    start: Start, options: tuple[str, ...], reason: str
) -> None:
    demo = start(*options)
    _, errors = demo.communicate(timeout=200)
    assert demo.returncode == 2
    assert reason in errors


def test_whatever_ends_it_ends_its_server(start: Start) -> None:
    demo = start("--once", "--rounds", "2")
    mother = psutil.Process(demo.pid)
    for _ in range(300):
        servers = [child for child in mother.children() if "serve" in child.cmdline()]
        if servers:
            break
        time.sleep(0.1)
    demo.terminate()
    demo.communicate(timeout=60)
    assert servers
    assert not any(server.is_running() for server in servers)


def test_a_server_killed_in_the_middle_loses_nothing_and_does_nothing_twice(show: Show) -> None:
    assert show.kills >= 2
    assert show.told.count("started again") == show.kills
    with psycopg.connect(with_schema(show.url)) as connection:
        # What arrives after the show is on its way while this is asked.
        facts = connection.execute("""
            WITH beside AS (
                SELECT task_id FROM measure UNION ALL SELECT id FROM task WHERE key LIKE 'later-%'
            )
            SELECT (SELECT count(*) FROM task WHERE key IS NOT NULL
                    AND id NOT IN (SELECT task_id FROM beside)),
                   (SELECT count(DISTINCT key) FROM task
                    WHERE id NOT IN (SELECT task_id FROM beside)),
                   (SELECT count(*) FROM decision
                    WHERE task_id NOT IN (SELECT task_id FROM beside)),
                   (SELECT count(*) FROM in_flight WHERE task_id NOT IN
                    (SELECT id FROM task WHERE key LIKE 'later-%')),
                   (SELECT count(*) FROM decision WHERE route = 'review'
                    AND task_id NOT IN (SELECT task_id FROM review)),
                   (SELECT count(*) FROM audit_entry WHERE kind = 'decided'
                    AND subject NOT IN (SELECT task_id FROM beside)),
                   (SELECT count(*) FROM review WHERE closed_at IS NULL
                    AND task_id NOT IN (SELECT task_id FROM beside)),
                   (SELECT count(*) FROM verdict
                    WHERE task_id NOT IN (SELECT task_id FROM beside) AND undone_at IS NULL)
                   - (SELECT count(*) FROM example
                      WHERE origin = 'review' AND withdrawn_at IS NULL
                      AND task_id NOT IN
                      (SELECT id FROM task WHERE key LIKE 'later-%'))""").fetchone()
    assert facts == (1_000, 1_000, 1_000, 0, 0, 1_000, 0, 0)


def test_the_address_comes_before_the_rounds_and_one_signs_in_at_once(show: Show) -> None:
    at = {word: show.told.index(word) for word in ("Sample data", "Roadbed serves at", "1 of 1")}
    assert sorted(at, key=lambda word: at[word]) == list(at)
    assert at["Roadbed serves at"] < show.told.index("Sign in once as you, an engineer: ")
    assert show.told.index("Sign in once as you") < show.told.index("At most 2% wrong")
    [first] = re.findall(r"^Roadbed serves at (\S+)$", show.told, re.MULTILINE)
    [last] = re.findall(r"Still serving at (\S+)", show.told)
    assert first == last
    [code] = re.findall(
        r"^Sign in once as you, an engineer: \S+code=(\S+)$", show.told, re.MULTILINE
    )
    with httpx2.Client(base_url=first, headers={"Origin": first}) as browser:
        browser.post("/sign-in/link", data={"code": code}).raise_for_status()
        desk = browser.get("/usecases/support-triage/reviews").raise_for_status()
        assert "Waiting for review" in desk.text
        assert browser.get("/people").status_code == 403  # an engineer, no administrator


def test_what_its_processes_log_is_a_file_and_not_in_its_table(show: Show) -> None:
    assert "[warning]" not in show.told
    assert (show.folder / ".roadbed" / "demo.log").exists()


def test_after_the_show_work_arrives_and_the_next_version_needs_two_words(show: Show) -> None:
    codes = dict(re.findall(r"^  (\w+), .*code=(\S+)$", show.told, re.MULTILINE))
    [address] = re.findall(r"Still serving at (\S+)", show.told)
    assert list(codes) == ["you", "ana", "dev", "admin"]
    environment = show.folder / ".roadbed" / "demo.env"
    assert environment.stat().st_mode & 0o077 == 0
    plan = f"{sys.executable} -m roadbed release plan support-triage --json"
    done = subprocess.run(
        ["bash", "-c", f"set -a; . {environment}; {plan}"],
        check=True,
        capture_output=True,
        text=True,
        cwd=show.folder,
    )
    release = json.loads(done.stdout)["release"]
    assert release["missing"] == ["domain_lead", "risk_partner"]
    assert release["plan"]["shadow_tasks"] == 50
    with httpx2.Client(base_url=address, headers={"Origin": address}) as browser:
        browser.post("/sign-in/link", data={"code": codes["dev"]}).raise_for_status()
        page = browser.get(f"/releases/{release['id']}").raise_for_status()
    assert "Release 1 is planned" in page.text
    with psycopg.connect(with_schema(show.url), autocommit=True) as connection:
        for _ in range(100):
            row = connection.execute(
                "SELECT count(*) FROM task JOIN decision ON decision.task_id = task.id"
                " WHERE task.key LIKE 'later-%'"
            ).fetchone()
            if row and row[0] >= 3:
                break
            time.sleep(0.2)
    assert row
    assert row[0] >= 3


@pytest.mark.parametrize("after", ["Starting the database", "Roadbed serves at"])
def test_ctrl_c_ends_it_at_any_time_without_a_traceback(after: str, start: Start) -> None:
    demo = start("--rounds", "1")
    mother = psutil.Process(demo.pid)
    assert demo.stdout is not None
    while after not in (line := demo.stdout.readline()):
        assert line
    children = mother.children(recursive=True)
    demo.send_signal(signal.SIGINT)
    told, errors = demo.communicate(timeout=120)
    assert (demo.returncode, errors) == (0, "")
    assert "Traceback" not in told
    assert not [child for child in children if child.is_running()]


@pytest.mark.parametrize("again", ["at once", "later"])
def test_no_way_to_end_it_leaves_its_database_running(again: str, tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROADBED_")}
    # As root the server works as another user, who may not enter every temporary folder.
    parent = ROOT_HOME if os.geteuid() == 0 else tmp_path
    home = EmbeddedServer(parent / f"roadbed-ending-{uuid4().hex[:12]}")
    demo = subprocess.Popen(
        [sys.executable, "-m", "roadbed", "demo", "--rounds", "1", "--port", "0"],
        cwd=tmp_path,
        text=True,
        env={**kept, "ROADBED_HOME": str(home.home)},
        stdout=subprocess.PIPE,
    )
    assert demo.stdout is not None
    while "Roadbed serves at" not in (line := demo.stdout.readline()):
        assert line
    assert home.running()
    demo.send_signal(signal.SIGTERM)
    if again == "later":
        time.sleep(1.2)
    demo.send_signal(signal.SIGTERM)  # as `timeout` and make hand on the same one
    demo.communicate(timeout=120)
    assert not home.running()
    for folder in parent.glob(f"{home.home.name}*"):
        shutil.rmtree(folder)


def test_a_port_that_was_asked_for_is_taken_or_refused() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(DemoPortError, match=f"port {taken}") as error:
            port_for(taken, 8423)
        assert "--port" in error.value.remedy
        assert port_for(None, taken) not in {0, taken}
    assert port_for(None, taken) == taken
    assert port_for(taken, 8423) == taken
    assert port_for(0, taken) != 0


def test_a_data_set_that_is_not_there_is_said(tmp_path: Path) -> None:
    for name in ("clinc150", "nonsense"):
        with pytest.raises(DemoDataError, match="sample"):
            load(name, rounds=1, data_dir=tmp_path)


@pytest.mark.skipif("ROADBED_DATA_DIR" not in os.environ, reason="ROADBED_DATA_DIR is not set")
def test_the_real_data_have_the_promised_shape() -> None:
    stream = load("clinc150", rounds=10, data_dir=Path(os.environ["ROADBED_DATA_DIR"]))
    assert (len(stream.seed), [len(round_) for round_ in stream.rounds]) == (1_800, [1_500] * 10)
    rows = [*stream.seed, *(row for part in stream.rounds for row in part)]
    out_of_scope = sum(queue is None for _, queue in rows) / len(rows)
    assert out_of_scope == pytest.approx(0.17, abs=0.001)
    assert len({queue for _, queue in rows}) == 131


class TestSample:
    def test_is_the_same_for_the_same_seed_and_all_different_texts(self) -> None:
        first, second = generate(2_000), generate(2_000)
        assert first == second
        assert generate(2_000, seed=8) != first
        assert len({item.text for item in first}) == 2_000

    def test_has_24_queues_and_15_percent_that_belong_to_none(self) -> None:
        result = generate(9_600)
        queues = {item.queue for item in result}
        assert queues == {*queue_phrasings(), None}
        assert len(queue_phrasings()) == 24
        assert sum(entry.queue is None for entry in result) / 9_600 == pytest.approx(0.15, abs=0.01)
        assert all("{" not in element.text and element.text.isprintable() for element in result)

    def test_is_printed_as_a_table(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "roadbed.demo.sample", "--count", "50"],
            check=True,
            capture_output=True,
            text=True,
        )
        assert done.stdout.splitlines()[0] == "text,queue"
        assert len(done.stdout.splitlines()) == 51


def test_a_world_that_changes_has_new_kinds_and_then_other_answers() -> None:
    stream = load("sample", rounds=None, data_dir=None, drift=True)
    assert len(stream.rounds) == 10
    known = {queue for _, queue in stream.seed}
    early = {queue for part in stream.rounds[:3] for _, queue in part}
    late = {queue for _, queue in stream.rounds[3]}
    assert early <= known
    assert late > known
    plain = load("sample", rounds=10, data_dir=None)
    before, after = dict(plain.rounds[8]), dict(stream.rounds[8])
    changed = {text for text, queue in after.items() if before[text] != queue}
    assert 0.05 < len(changed) / len(after) < 0.3
    assert set(stream.events) == {4, 7}


def test_drift_is_noticed_and_told(start: Start) -> None:
    demo = start("--once", "--drift", "--rounds", "4")
    output, errors = demo.communicate(timeout=500)
    assert demo.returncode == 0, errors
    assert "queues join that nobody had seen before" in output
    # New kinds are found by their alarm or by the errors they cause, whichever is first.
    assert re.search(r"^  (cautious|halted): ", output, re.MULTILINE)
    assert re.search(r"→ (cautious|halted)", output)
