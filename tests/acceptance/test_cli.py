"""The command line as a person uses it: real processes, a database of their own."""

from __future__ import annotations

import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psycopg
import pytest

from roadbed.cli.main import app
from roadbed.storage.database import with_schema
from tests.conftest import WARM, Folders
from tests.login import AS
from tests.login import __file__ as LOGIN  # noqa: N812

GROUPS = {str(group.name) for group in app.registered_groups}
PAST = "text,team\n" + "".join(
    f"{greeting} {phrase} {n},{team}\n"
    for n in range(14)
    for greeting in ("hi", "hello")
    for phrase, team in (
        ("send it back", "returns"),
        ("parcel is late", "delivery"),
        ("charged twice", "billing"),
    )
)


@dataclass
class Beside:
    """Output of a process: the first line while it runs, everything after its end."""

    told: str
    errors: str = ""
    code: int | None = None


class Terminal:
    """Runs ``roadbed`` in a folder, on a given database.

    Each verb starts once in every test run as it does for everybody; from then on it is forked from
    a warm process and its deciders run inside it. The lines of that start are counted only where a
    verb has verbs of its own: others run again, and a start that is measured takes twice as long.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "ROADBED_DATABASE_URL": url,
            "ROADBED_USECASES": str(folder / "usecases"),
            "ROADBED_AUDIT_DIR": str(folder / "audit"),
        }

    def run(self, *arguments: str, code: int = 0, typed: str | None = None) -> str:
        """Its standard output; the exit code must be ``code``."""
        if not WARM.first(arguments[0]):
            done = WARM.run(
                *arguments,
                cwd=self.folder,
                env={"ROADBED_ISOLATION": "none"} | self.environment,
                typed=typed,
                timeout=500,
            )
        else:
            left = () if arguments[0] in GROUPS else ("COV",)
            done = subprocess.run(
                [sys.executable, str(LOGIN), *arguments],
                cwd=self.folder,
                check=False,
                env={k: v for k, v in self.environment.items() if not k.startswith(left)},
                capture_output=True,
                text=True,
                input=typed,
                timeout=500,
            )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        self.errors = done.stderr
        return done.stdout

    @contextmanager
    def beside(self, *arguments: str) -> Iterator[Beside]:
        """One that runs on until SIGTERM ends it, forked from a warm process."""
        reading, writing = os.pipe()
        with (
            os.fdopen(reading) as output,
            tempfile.TemporaryFile("w+") as errors,
            Path(os.devnull).open() as keyboard,
        ):
            process = WARM.spawn(
                *arguments,
                cwd=self.folder,
                env=self.environment,
                streams=(keyboard.fileno(), writing, errors.fileno()),
            )
            os.close(writing)
            beside = Beside(told=output.readline())
            try:
                yield beside
            finally:
                process.send_signal(signal.SIGTERM)
                beside.told += output.read()
                beside.code = process.wait(60)
                errors.seek(0)
                beside.errors = errors.read()
        assert "Traceback" not in beside.errors

    def as_person(self, name: str) -> Self:
        """Another person uses the terminal: another login, if each login is one person's."""
        self.environment[AS] = name
        self.environment["ROADBED_TRUST_MACHINE_LOGINS"] = "true"
        return self

    def json(self, *arguments: str, code: int = 0) -> dict[str, object]:
        result: dict[str, object] = json.loads(
            self.run(*arguments, "--json", code=code).splitlines()[-1]
        )
        return result


@pytest.fixture
def terminal(tmp_path: Path, url: str) -> Terminal:
    return Terminal(tmp_path, url)


def test_from_a_table_of_past_work_to_a_receipt(terminal: Terminal) -> None:
    (terminal.folder / "past.csv").write_text(PAST)
    told = terminal.run("new", "desk", "--from-csv", "past.csv", "--label", "team")
    assert "84 of 84 rows as examples, 3 labels" in told
    assert "no mistakes" in terminal.run("check", "usecases/desk")
    assert "Version 1" in terminal.run("improve", "desk")
    again = terminal.json("improve", "desk")
    assert (again["number"], "Nothing new" in str(again["note"])) == (1, True)
    assert again["written_answers"] == {"prove": 0, "teach": 0, "unused": 0}
    told = terminal.run("submit", "desk", '{"text": "my parcel is late"}', "--key", "k")
    assert "delivery" in told
    receipt = terminal.json("submit", "desk", '{"text": "my parcel is late"}', "--key", "k")
    assert receipt["state"] == "in_review"
    shown = terminal.run("receipt", str(receipt["task"]))
    assert "Nothing is proven" in shown
    told = terminal.run("trust", "desk")
    assert "SHADOW" in told
    assert "roadbed improve desk" in told
    told = terminal.run("stress", "desk", "--items", "20", "--picture", "stress.svg")
    assert "as in the pilot" in told
    assert "Nothing is proven" in told
    assert (terminal.folder / "stress.svg").read_text().startswith("<svg")
    trust = terminal.json("trust", "desk")
    assert trust["threshold"] is None


def test_reviews_by_keys_and_by_command(terminal: Terminal) -> None:
    Folders(terminal.folder / "usecases").write()
    terminal.as_person("ana")
    for number in range(6):
        terminal.run("submit", "triage", json.dumps({"text": f"number {number}"}))
    assert "6 wait for others" in terminal.run("review", "list", "triage")
    terminal.as_person("rae")
    waiting = terminal.json("review", "list", "triage")["reviews"]
    assert isinstance(waiting, list)
    assert len(waiting) == 6
    assert "number" in terminal.run("review", "list", "triage")
    typed = "a\ne\n{bad\nu\nx\nu\nx\ns\nq\n"
    told = terminal.run("review", "work", "triage", typed=typed)
    assert "Proposed" in told or "Blind" in told
    terminal.run("submit", "nope", "{}", code=1)
    assert str(terminal.folder / "usecases") in terminal.errors
    assert "not a JSON object" in told or "no answer to accept" in told
    receipt = terminal.as_person("ana").json("submit", "triage", '{"text": "one more"}')
    review = str(receipt["review"]["id"])  # type: ignore[index]
    terminal.as_person("rae")
    told = terminal.run("review", "verdict", review, "correct", "--output", '{"queue": "x"}')
    assert "Recorded" in told
    terminal.run("review", "undo", review)
    terminal.run("review", "skip", review)
    terminal.run("review", "verdict", review, "maybe", code=1)
    assert "accept, correct or reject" in terminal.errors
    terminal.run("review", "verdict", review, "correct", "--output", "{", code=1)
    assert "Nothing waits" in terminal.run("review", "work", "triage", typed="x\n" * 8)
    assert "Nothing waits" in terminal.run("review", "list", "nobody")


def waiting_for(terminal: Terminal) -> list[str]:
    """The reviews that wait for the person at the terminal."""
    result = terminal.json("review", "list", "triage")["reviews"]
    assert isinstance(result, list)
    return [review["id"] for review in result]


def test_a_label_that_was_never_seen_is_asked_about(terminal: Terminal) -> None:
    rows = [
        {"input": {"text": f"{queue} {number}"}, "output": {"queue": queue}}
        for queue in ("billing", "refunds", "returns")
        for number in range(10)
    ]
    Folders(terminal.folder / "usecases").write(examples="\n".join(map(json.dumps, rows)))
    for name in ("ana", "rae"):
        terminal.run("user", "add", name)
    for number in range(3):
        text = json.dumps({"text": f"unsure {number}"})
        terminal.as_person("shop").run("submit", "triage", text)
    terminal.run("user", "grant", "rae", "triage", "reviewer")
    first = waiting_for(terminal.as_person("rae"))[0]
    typing_error = ("review", "verdict", first, "correct", "--output", '{"queue": "refnds"}')
    terminal.run(*typing_error, code=1)
    assert "No queue is called refnds. Did you mean refunds?" in terminal.errors
    # One key accepts the suggestion; another one confirms that the label is new.
    typed = 'e\n{"queue": "refnds"}\ny\ne\n{"queue": "safety"}\nn\nq\n'
    told = terminal.run("review", "work", "triage", typed=typed)
    assert "Did you mean refunds?" in told
    assert "Recorded" in told
    assert "the domain lead has to confirm safety as new" in told
    assert "queue: 'safety' waits to be confirmed" in terminal.run("review", "labels", "triage")
    terminal.run("review", "confirm-label", "triage", "safety", code=1)
    assert "decides whether a label is new" in terminal.errors
    terminal.as_person("ana")
    terminal.run("review", "confirm-label", "triage", "other", code=1)
    told = terminal.run("review", "confirm-label", "triage", "safety")
    assert "1 verdict counts now" in told
    [third] = waiting_for(terminal.as_person("rae"))
    held = (
        "review",
        "verdict",
        third,
        "correct",
        "--output",
        '{"queue": "retuns"}',
        "--new-labels",
    )
    assert "Stored, but not counted yet" in terminal.run(*held)
    terminal.as_person("ana")
    told = terminal.run("review", "confirm-label", "triage", "retuns", "--refuse")
    assert "1 review is open again" in told
    # A skipped review returns if nobody else can take it, and a skip can be undone.
    terminal.as_person("rae").run("review", "skip", third)
    assert "The review waits again" in terminal.run("review", "undo", third)


def test_outcomes_one_by_one_and_from_files(terminal: Terminal) -> None:
    Folders(terminal.folder / "usecases").write()
    assert "None yet" in terminal.run("outcome", "triage")
    for number in range(3):
        text = json.dumps({"text": f"number {number}"})
        terminal.run("submit", "triage", text, "--key", f"order {number}")
    told = terminal.json("outcome", "triage", "order 0", "--right", "--source", "crm")
    outcome = told["outcome"]
    assert isinstance(outcome, dict)
    assert (outcome["right"], outcome["source"], told["repeated"]) == (True, "crm", False)
    again = terminal.run("outcome", "triage", outcome["task_id"], "--right", "--source", "crm")
    assert "Known before as out_" in again
    table = terminal.folder / "outcomes.csv"
    table.write_text(
        "task_key,right,queue,note\norder 1,no,,late\norder 9,yes,,\n"
        "order 2,,billing,\norder 2,,,\n"
    )
    told = terminal.json("outcome", "triage", "--from", str(table), code=3)
    assert (told["kept"], told["repeated"]) == (2, 0)
    refused = told["refused"]
    assert isinstance(refused, list)
    assert [(item["line"], item["code"]) for item in refused] == [
        (3, "task_unknown"),
        (5, "outcome_invalid"),
    ]
    assert "outcomes.csv:3: There is no task with the key 'order 9'" in terminal.errors
    table.write_text(table.read_text().replace("order 9,yes,,\n", "").replace("order 2,,,\n", ""))
    told_again = terminal.run("outcome", "triage", "--from", str(table))
    assert "Stored 2, 2 of them known before." in told_again
    lines = terminal.folder / "outcomes.jsonl"
    lines.write_text('{"task_key": "order 0", "right": false}\n{\n')
    terminal.run("outcome", "triage", "--from", "outcomes.jsonl", code=3)
    assert "outcomes.jsonl:2: It is not JSON" in terminal.errors
    listed = terminal.json("outcome", "triage")["outcomes"]
    assert isinstance(listed, list)
    assert len(listed) == 4
    assert "is no proof of the limit" in terminal.run("outcome", "triage")
    review = terminal.json("review", "list", "triage")["reviews"]
    for entry in review if isinstance(review, list) else []:
        arguments = ("review", "verdict", entry["id"], "correct", "--output", '{"queue": "x"}')
        terminal.run(*arguments)
    receipt = terminal.run("receipt", outcome["task_id"])
    assert "Outcomes" in receipt
    assert "right, by" in receipt
    for wrong in (("order 0", "--from", "x.csv"), ("--right",)):
        terminal.run("outcome", "triage", *wrong, code=2)
    terminal.run("outcome", "triage", "order 0", "--output", "{", code=1)
    terminal.run("outcome", "triage", "--from", "none.csv", code=1)
    assert "cannot be read" in terminal.errors
    terminal.run("outcome", "nobody", code=1)


def test_mistakes_are_told_with_the_fix_and_stable_exit_codes(terminal: Terminal) -> None:
    for name in ("Bad Name", "", "../outside", "a/b", str(terminal.folder / "x"), "n" * 300):
        terminal.run("new", name, code=1)
        assert "cannot stand in an address" in terminal.errors
        assert "Use lower-case words joined by hyphens" in terminal.errors
    assert not list(terminal.folder.rglob("usecase.py"))
    terminal.run("new", "desk", "--from-csv", "none.csv", code=1)
    assert "cannot be read" in terminal.errors
    assert "roadbed up" in terminal.run("new", "desk")
    folder = terminal.folder / "usecases" / "desk"
    terminal.run("submit", "desk", "{", code=1)
    assert "not a JSON object" in terminal.errors
    terminal.run("submit", "desk", "[]", code=1)
    terminal.run("submit", "desk", '{"text": "a", "text": "b"}', code=1)
    assert "stands twice" in terminal.errors
    assert "Unsure" not in terminal.run("submit", "desk", "-", typed='{"text": "refund"}')
    terminal.run("submit", "nobody", "{}", code=1)
    assert "no use case" in terminal.errors
    (folder / "usecase.py").write_text("def broken(:\n")
    result = terminal.json("check", "usecases/desk", code=3)
    assert result["ok"] is False
    assert "usecase.py:1" in terminal.run("check", "usecases/desk", code=3)
    terminal.run("improve", "desk", code=1)
    assert "cannot be used" in terminal.errors
    terminal.run("receipt", "tsk_none", code=1)
    assert "no task" in terminal.errors


def test_input_of_a_use_case_with_documents_is_shown_with_its_own_field(
    terminal: Terminal,
) -> None:
    (terminal.folder / "papers").mkdir()
    (terminal.folder / "papers" / "leave.txt").write_text("Thirty days of leave.")
    terminal.run("new", "handbook", "--from-folder", "papers")
    terminal.run("submit", "handbook", "{", code=1)
    assert """'{"question": "Where is my order?"}'""" in terminal.errors
    terminal.run("documents", "ingest", "other", code=1)
    assert "There is no use case 'other' here." in terminal.errors


def test_a_library_that_lists_nothing_says_why(terminal: Terminal) -> None:
    (terminal.folder / "papers").mkdir()
    (terminal.folder / "papers" / "leave.txt").write_text("Thirty days of leave.")
    terminal.run("new", "handbook", "--from-folder", "papers")
    assert "1 read" in terminal.run("documents", "ingest", "handbook")
    for only, told in (
        (["--unreadable"], "Every document can be read.\n"),
        (["--findings"], "No document has findings.\n"),
    ):
        assert terminal.run("documents", "list", "handbook", *only) == told
    for arguments in (["list"], ["list", "--findings"], ["families"], ["members"], ["conflicts"]):
        terminal.run("documents", *arguments, "nobody", code=1)
        assert "nobody" in terminal.errors
    terminal.run("documents", "search", "handbook", " ", code=2)
    assert "The question is empty." in terminal.errors
    terminal.run("submit", "handbook", '{"question": " "}', code=1)
    assert "question: The question is empty." in terminal.errors


def test_the_inbox_before_the_first_start_says_what_adds_a_person(terminal: Terminal) -> None:
    terminal.run("new", "desk")
    told = terminal.run("inbox")
    assert "is not known here yet" in told
    assert "The first `roadbed up` adds whoever starts it" in told
    terminal.run("user", "add", "rae")
    assert "rae has no role here" in terminal.as_person("rae").run("inbox")


@pytest.mark.usefixtures("as_shipped")
def test_links_tokens_and_the_doctor(terminal: Terminal) -> None:
    assert "/sign-in?code=" in terminal.run("user", "link")
    terminal.run("user", "token", "shop", code=1)
    assert "roadbed user add" in terminal.errors
    terminal.run("user", "add", "shop")
    assert str(terminal.json("user", "token", "shop")["token"]).startswith("rb_api_")
    assert "fsync" in terminal.run("doctor")
    terminal.environment["ROADBED_DATABASE_URL"] = "postgresql://nobody@/none?host=/nowhere"
    terminal.run("doctor", code=1)
    assert "does not answer" in terminal.errors
    terminal.environment["ROADBED_HOST"] = "0.0.0.0"
    terminal.run("serve", code=1)
    assert "does not listen on 0.0.0.0" in terminal.errors
    assert "ROADBED_ADDRESS" in terminal.errors


def test_the_log_is_verified_and_a_receipt_proven(terminal: Terminal) -> None:
    Folders(terminal.folder / "usecases").write()
    assert "No checkpoint yet" in terminal.run("audit", "checkpoint")
    receipt = terminal.json("submit", "triage", '{"text": "my parcel"}')
    task = str(receipt["task"])
    assert "entries written to" not in terminal.run("receipt", task)
    assert "Proof of 1 entry written" in terminal.run("receipt", task, "--proof", "proof.json")
    program = Path(__file__).parents[2] / "docs" / "verify_receipt.py"
    done = subprocess.run(
        [sys.executable, str(program), str(terminal.folder / "proof.json")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert task in done.stdout
    assert json.loads(terminal.run("receipt", task, "--proof"))["format"] == "roadbed/proof/1"
    terminal.run("receipt", task, "--proof", "none/proof.json", code=1)
    assert "cannot be written" in terminal.errors
    terminal.run("receipt", task, "proof.json", code=2)
    terminal.run("receipt", "tsk_none", "--proof", code=1)
    assert "no entry" in terminal.errors
    assert terminal.json("audit", "checkpoint")["size"] == 2
    assert "\n2\n" in terminal.run("audit", "checkpoint")
    assert "The log is unchanged" in terminal.run("audit", "verify")
    (terminal.folder / "audit" / "checkpoints.log").write_text("{\n")
    told = terminal.run("audit", "verify", code=3)
    assert "Line 1 of checkpoints.log cannot be read" in told
    result = terminal.json("audit", "verify", code=3)
    assert result["entries"] == 2


@pytest.mark.usefixtures("as_shipped")
def test_a_use_case_that_asks_a_language_model(terminal: Terminal) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        terminal.environment.pop(name, None)
    assert "its prompt and the model" in terminal.run("new", "desk", "--prompted")
    assert "no mistakes" in terminal.run("check", "usecases/desk")
    told = terminal.run("doctor", code=3)
    assert "OPENAI_API_KEY is not set" in told
    assert "desk can ask no language model" in told
    terminal.environment["OPENAI_API_KEY"] = "sk-s3cret"
    told = terminal.run("doctor")
    assert "OPENAI_API_KEY" in told
    assert "s3cret" not in told
    (terminal.folder / "past.csv").write_text(PAST)
    terminal.run("new", "other", "--prompted", "--from-csv", "past.csv", code=2)
    assert "not several" in terminal.errors


def test_the_first_start_makes_an_administrator_and_a_link(terminal: Terminal) -> None:
    terminal.as_person("root")
    terminal.run("user", "add", "rae")
    with terminal.beside("serve", "--port", "0") as served:
        time.sleep(1.5)
    assert "root is the administrator now" in served.errors
    # The output goes to a file, as in a journal.
    assert "/sign-in?code=" not in served.told + served.errors
    assert "`roadbed user link` prints a one-time link" in served.errors
    assert "administrator" in terminal.run("user", "list")
    with terminal.beside("up", "--port", "0") as served:
        time.sleep(1.5)
    assert "administrator now" not in served.errors
    assert "/sign-in?code=" not in served.told + served.errors
    assert "/sign-in;" in served.told
    assert "/sign-in?code=" in terminal.run("user", "link")
    terminal.run("user", "disable", "root", code=1)
    assert "last administrator" in terminal.errors
    terminal.run("user", "admin", "rae")
    terminal.run("user", "disable", "root")
    terminal.run("user", "admin", "rae", "--off", code=1)
    terminal.run("user", "enable", "root")


def test_the_person_at_a_terminal_is_its_account_whatever_the_environment_says(
    terminal: Terminal,
) -> None:
    Folders(terminal.folder / "usecases").write()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        terminal.environment[name] = "ana"
    result = terminal.json("submit", "triage", '{"text": "unsure"}')
    own = pwd.getpwuid(os.getuid()).pw_name
    assert result["source"] == {"surface": "cli", "by": own}
    terminal.run("review", "verdict", str(result["review"]["id"]), "reject", code=1)  # type: ignore[index]
    assert "another person has to review it" in terminal.errors
    for verb in ("list", "work"):
        told = terminal.run("review", verb, "triage")
        assert f"Nothing waits for {own}; 1 waits for others" in told
        assert "a token of its own" in told


def test_a_login_of_a_company_is_one_name_everywhere(terminal: Terminal) -> None:
    terminal.as_person("ana@corp.example")
    terminal.run("new", "desk")
    terminal.run("user", "link")
    assert "ana is the administrator now" in terminal.errors
    assert "no mistakes" in terminal.run("check", "usecases/desk")
    sent = terminal.json("submit", "desk", '{"text": "x"}')
    assert sent["source"] == {"surface": "cli", "by": "ana"}
    assert sent["pod"] == dict.fromkeys(sent["pod"], "ana")  # type: ignore[call-overload]
    assert "domain_lead, engineer, risk_partner of desk" in terminal.run("user", "list")
    # Another login may have the same name, so that neither binds at a terminal.
    terminal.run("halt", "desk", "--reason", "x")
    terminal.run("resume", "desk", code=1)
    assert "the login 'ana@corp.example' of this machine" in terminal.errors


def test_a_login_that_nobody_verified_halts_and_binds_nothing(terminal: Terminal) -> None:
    Folders(terminal.folder / "usecases").write()
    terminal.as_person("ana").run("submit", "triage", '{"text": "makes it known"}')
    terminal.run("user", "add", "ana")
    terminal.run("user", "add", "rae")
    terminal.run("user", "grant", "rae", "triage", "reviewer")
    terminal.run("halt", "triage", "--reason", "anybody may")
    del terminal.environment["ROADBED_TRUST_MACHINE_LOGINS"]
    terminal.run("halt", "triage", "--reason", "so does anybody unknown")
    terminal.run("resume", "triage", code=1)
    assert "Nobody has verified that the login 'ana'" in terminal.errors
    assert "ROADBED_TRUST_MACHINE_LOGINS" in terminal.errors
    terminal.as_person("rae").run("resume", "triage", code=1)
    assert "needs the permission 'resume'" in terminal.errors
    terminal.as_person("ben").run("resume", "triage", code=1)  # declared, but without an account
    assert "needs the permission 'resume'" in terminal.errors
    assert "ana requested to resume" in terminal.as_person("ana").run("resume", "triage")
    told = terminal.run("user", "list")
    assert "triage names ben as engineer, who is nobody here." in told


def test_roles_and_tokens_are_given_and_taken_back(terminal: Terminal) -> None:
    Folders(terminal.folder / "usecases").write()
    terminal.as_person("root")
    terminal.run("submit", "triage", '{"text": "makes it known"}')
    terminal.run("user", "add", "rae", "--display", "Rae R.", "--email", "rae@example.org")
    terminal.run("user", "add", "rae", code=1)
    assert "already" in terminal.errors
    assert "reviewer of triage" in terminal.run("user", "grant", "rae", "triage", "reviewer")
    shown = terminal.json("user", "show", "rae")
    assert shown["roles"][0]["granted_by"] == "root"  # type: ignore[index]
    token = str(
        terminal.json(
            "user", "token", "rae", "--scope", "submit", "--usecase", "triage", "--days", "90"
        )["token"]
    )
    listed = terminal.run("user", "show", "rae")
    assert token not in listed
    assert "reviewer of triage, by root" in listed
    assert "submit; triage; until 20" in listed
    result = terminal.json("user", "tokens", "rae")["tokens"][0]["id"]  # type: ignore[index]
    terminal.run("user", "revoke-token", result)
    terminal.run("user", "revoke", "rae", "triage", "reviewer")
    assert "There is no valid token" in terminal.run("user", "tokens")


def test_a_password_is_typed_twice_or_read(terminal: Terminal) -> None:
    terminal.run("user", "add", "rae")
    terminal.run("user", "password", "rae", "--stdin", typed="short\n", code=1)
    assert "12 characters" in terminal.errors
    terminal.run("user", "password", "rae", "--stdin", typed="correct horse battery\n")
    terminal.run("user", "token", "rae", "--label", "the shop")
    told = terminal.run("user", "password", "rae", typed="another good one\nanother good one\n")
    assert "These tokens were revoked with it:" in told
    assert "the shop" in told
    assert "is confirmed" in terminal.run("user", "confirm", "rae")
    assert "/sign-in?code=" in terminal.run("user", "link", "rae")


SLOW = """
import time
from pathlib import Path
Path({begun!r}).touch()
time.sleep(1.5)
"""


@pytest.mark.parametrize("verb", ["serve", "up", "worker"])
def test_one_signal_ends_a_start_that_is_under_way(terminal: Terminal, verb: str) -> None:
    begun = terminal.folder / "begun"
    code = Folders(terminal.folder / "usecases").write() / "usecase.py"
    code.write_text(code.read_text() + SLOW.format(begun=str(begun)))
    terminal.environment |= {"ROADBED_ISOLATION": "none", "ROADBED_PORT": "0"}
    process = subprocess.Popen(
        [sys.executable, "-m", "roadbed", verb],
        cwd=terminal.folder,
        env=terminal.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not begun.exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    told, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert told in ("", "Ended.\n")


def test_a_new_folder_is_served_where_it_was_written(terminal: Terminal) -> None:
    """As a new user does it: no setting names a folder, and deciders run in processes of theirs."""
    for name in ("ROADBED_USECASES", "ROADBED_AUDIT_DIR"):
        del terminal.environment[name]
    terminal.run("new", "desk")
    with terminal.beside("up", "--port", "0") as server:
        assert server.told.startswith("Roadbed serves 1 use case at "), server.told
    assert "not served" not in server.told + server.errors
    assert (terminal.folder / "usecases" / "desk" / "usecase.py").exists()


def test_a_port_that_is_taken_is_said_in_two_lines(terminal: Terminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        terminal.run("serve", "--port", str(port), code=1)
    said, remedy = terminal.errors.splitlines()
    assert said == f"The server cannot listen on 127.0.0.1, port {port}: Address already in use."
    assert "--port" in remedy


def test_links_name_the_port_where_the_server_listens(terminal: Terminal) -> None:
    assert "Nobody yet" in terminal.run("user", "list")
    terminal.run("user", "token", "shop", code=1)
    assert "`roadbed user add shop`" in terminal.errors
    assert terminal.run("user", "token").startswith("rb_")
    assert "is the administrator now" in terminal.errors
    assert "http://127.0.0.1:8423/sign-in?code=" in terminal.run("user", "link")
    assert "No server runs on this machine" in terminal.errors
    process = subprocess.Popen(
        [sys.executable, "-m", "roadbed", "serve", "--port", "0"],
        cwd=terminal.folder,
        env=terminal.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    address = process.stdout.readline().split()[-1]
    try:
        with psycopg.connect(with_schema(terminal.environment["ROADBED_DATABASE_URL"])) as database:
            while not database.execute("SELECT FROM process").fetchall():
                database.rollback()
                time.sleep(0.02)
        told = terminal.run("user", "link")
        assert told.startswith(f"{address}/sign-in?code=")
        assert terminal.errors == ""
        terminal.environment["ROADBED_ADDRESS"] = "https://roadbed.example/"
        assert terminal.run("user", "link").startswith("https://roadbed.example/sign-in?code=")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


@contextmanager
def serving_once(terminal: Terminal, verb: str = "serve") -> Iterator[tuple[str, str]]:
    """The first output of a server, which is then stopped."""
    process = subprocess.Popen(
        [sys.executable, "-m", "roadbed", verb, "--port", "0"],
        cwd=terminal.folder,
        env=terminal.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    told = process.stdout.readline()
    time.sleep(1.5)
    process.send_signal(signal.SIGTERM)
    rest, errors = process.communicate(timeout=60)
    yield told + rest, errors
