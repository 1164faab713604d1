"""The library of a use case at the terminal: ingested, searched, and killed in between."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from roadbed.storage.database import with_schema
from tests import documents, libraries
from tests.acceptance.test_cli import Terminal
from tests.login import __file__ as LOGIN  # noqa: N812

FILES: dict[str, str | bytes] = {
    "leave.md": "# Leave\n\nEverybody has thirty days of leave in a year.\n",
    "hr/pay.md": "# Pay\n\nSalaries of the staff are listed here.\n",
    "locked.pdf": documents.pdf(["Pay rises"], password="secret"),
}
COUNTED = """
SELECT (SELECT count(*) FROM document), (SELECT count(*) FROM document_version),
       (SELECT count(*) FROM document_change), (SELECT count(DISTINCT path) FROM document)
"""


@pytest.fixture
def terminal(tmp_path: Path, url: str) -> Terminal:
    root = libraries.declare(tmp_path / "usecases", 'access={"hr": "hr"}, ignore=["*.png"]')
    libraries.write(root, FILES)
    made = Terminal(tmp_path, url)
    made.environment["ROADBED_HOME"] = str(tmp_path / "home")
    return made


def test_a_library_from_its_folder_to_a_search(terminal: Terminal) -> None:
    assert terminal.run("documents", "list", "handbook") == "There are no documents.\n"
    printed = terminal.run("documents", "ingest", "handbook")
    assert "2 read, 0 unchanged, 0 moved, 0 gone, 0 left out" in printed
    assert "1 cannot be read; the data specialist is asked:" in printed
    assert "locked.pdf is protected by a password. Save it without a password" in printed
    listed = terminal.run("documents", "list", "handbook")
    assert "leave.md · version 1, " in listed
    assert "hr/pay.md · version 1, 8 words · only for hr" in listed
    assert "locked.pdf · never read" in listed
    only = terminal.json("documents", "list", "handbook", "--unreadable")
    assert [document["reason"] for document in only["documents"]] == ["password"]  # type: ignore[attr-defined]
    assert "thirty days" in terminal.run("documents", "search", "handbook", "days of leave")
    hidden = terminal.run("documents", "search", "handbook", "salaries")
    assert hidden == "No passage has any of these words.\n"
    assert terminal.run("documents", "reindex", "handbook") == (
        "The index of handbook is new: 2 passages.\n"
    )


def test_versions_and_contradictions_are_settled(terminal: Terminal) -> None:
    text = "The firm pays a phone of at most {} EUR for each month of a year."
    libraries.write(
        terminal.folder / "usecases" / "handbook",
        {
            "phones-2021.txt": text.format(20),
            "phones-2022.txt": text.format(30),
            "guide.txt": text.format(40),
        },
    )
    assert terminal.run("documents", "families", "handbook") == (
        "No documents belong together here.\n"
    )
    assert terminal.run("documents", "conflicts", "handbook") == "No documents are in conflict.\n"
    terminal.run("documents", "ingest", "handbook")
    listed = terminal.run("documents", "families", "handbook", "--unsettled")
    assert "! Nothing says whether these documents replace each other." in listed
    settle = ("documents", "settle", "handbook", "phones-2022.txt", "--as")
    terminal.run(*settle, "best", code=1)
    assert "Say one of current, series, separate." in terminal.errors
    assert "phones-2022.txt and its family are settled: current." in terminal.run(
        *settle, "current"
    )
    listed = terminal.run("documents", "families", "handbook")
    assert "phones-2021.txt · version · 2021 · superseded by phones-2022.txt" in listed
    refuse = ("documents", "conflicts", "handbook", "--settle", "cfl_none", "--right", "first")
    terminal.run(*refuse, code=1)
    assert "There is no contradiction 'cfl_none' here." in terminal.errors


def test_who_may_read_a_group(terminal: Terminal) -> None:
    terminal.run("documents", "ingest", "handbook")
    terminal.run("user", "add", "mia", "--admin")
    terminal.as_person("mia")
    assert terminal.run("documents", "members", "handbook") == "No access group has a member.\n"
    terminal.run("documents", "allow", "handbook", "hr", "mia")
    assert terminal.run("documents", "members", "handbook") == "hr: mia\n"
    assert "Salaries" in terminal.run("documents", "search", "handbook", "salaries")
    terminal.run("documents", "disallow", "handbook", "hr", "mia")
    assert "Salaries" not in terminal.run("documents", "search", "handbook", "salaries")
    terminal.run("documents", "disallow", "handbook", "hr", "mia", code=1)
    assert "'mia' is no member of 'hr'" in terminal.errors
    terminal.run("documents", "allow", "handbook", "board", "mia", code=1)
    assert "It declares: hr." in terminal.errors


def test_a_removed_folder_asks_for_a_word(terminal: Terminal) -> None:
    root = terminal.folder / "usecases" / "handbook"
    libraries.write(root, {f"notes/{number}.txt": f"Note {number}." for number in range(11)})
    terminal.run("documents", "ingest", "handbook")
    for file in (root / "documents" / "notes").iterdir():
        file.unlink()
    terminal.run("documents", "ingest", "handbook", code=1)
    assert "11 of 14 documents are not in" in terminal.errors
    assert "--allow-gone" in terminal.errors
    assert "11 gone" in terminal.run("documents", "ingest", "handbook", "--allow-gone")


def test_files_are_uploaded_and_deleted(terminal: Terminal) -> None:
    (terminal.folder / "trips.txt").write_text("Trips are booked by the office.")
    (terminal.folder / "plan.md").write_text("# Plan\n\nBicycles stand in the yard.\n")
    paths = [str(terminal.folder / name) for name in ("trips.txt", "plan.md")]
    printed = terminal.run("documents", "upload", "handbook", *paths, "--to", "travel/")
    assert "4 read, 0 unchanged" in printed
    listed = terminal.run("documents", "list", "handbook")
    assert "travel/plan.md · version 1, 6 words · uploaded" in listed
    assert "office" in terminal.run("documents", "search", "handbook", "who books trips")
    assert "1 gone" in terminal.run("documents", "delete", "handbook", "travel/trips.txt")
    terminal.run("documents", "delete", "handbook", "leave.md", code=1)
    assert "leave.md was not uploaded." in terminal.errors
    terminal.run("documents", "delete", "handbook", "lost.md", code=1)
    assert "There is no document 'lost.md' here." in terminal.errors
    terminal.run("documents", "upload", "handbook", paths[0], "--to", "hr", code=1)
    assert "is in a folder that you may not read" in terminal.errors
    terminal.run("documents", "upload", "handbook", "nowhere.txt", code=2)


def test_an_upgrade_that_reads_better_reads_unchanged_files_again(
    terminal: Terminal, url: str
) -> None:
    terminal.run("documents", "ingest", "handbook")
    with psycopg.connect(with_schema(url), autocommit=True) as connection:
        connection.execute("UPDATE document SET reading = 0")
        connection.execute("UPDATE document_version SET reading = 0")
        for table in ("document_part", "passage"):
            connection.execute(f"UPDATE {table} SET text = replace(text, 'thirty', 'thi rty')")
        printed = terminal.run("documents", "ingest", "handbook")
        assert "0 read, 2 unchanged, 0 moved" in printed
        assert "3 read again, because reading improved; 1 of them say something else now" in printed
        assert "1 of the unchanged ones cannot be read, as before" in printed
        listed = terminal.run("documents", "list", "handbook")
        assert "leave.md · version 2, " in listed
        assert "hr/pay.md · version 1, " in listed
        assert "thirty days" in terminal.run("documents", "search", "handbook", "days of leave")
        assert _stored(connection)[1] == 3
        again = terminal.run("documents", "ingest", "handbook")
        assert "0 read, 3 unchanged" in again
        assert "read again" not in again


def test_one_killed_in_the_middle_goes_on(terminal: Terminal, url: str) -> None:
    """Nothing is doubled and nothing lost, however often."""
    root = terminal.folder / "usecases" / "handbook"
    files: dict[str, str | bytes] = {
        f"notes/{number}.txt": f"Note {number} of a run. " * 8 for number in range(60)
    }
    libraries.write(root, {**files, "pages.pdf": documents.pdf([documents.WORDS] * 300)})
    with psycopg.connect(with_schema(url), autocommit=True) as connection:
        for kill_at in (5, 30):
            process = subprocess.Popen(
                [sys.executable, str(LOGIN), "documents", "ingest", "handbook"],
                cwd=terminal.folder,
                env=terminal.environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            while process.poll() is None and _stored(connection)[0] < kill_at:
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            assert process.wait(60) == -signal.SIGKILL
            assert kill_at <= _stored(connection)[0] < 64
        terminal.run("documents", "ingest", "handbook")
        assert _stored(connection) == (64, 63, 64, 64)  # one of them is locked
        printed = terminal.json("documents", "search", "handbook", "note run", "--most", "100")
        matches = printed["matches"]
        assert isinstance(matches, list)
        paths = [match["passage"]["path"] for match in matches]
        assert len(paths) == len(
            {
                (path, match["passage"]["part"], match["passage"]["first"])
                for path, match in zip(paths, matches, strict=True)
            }
        )
        assert set(paths) == set(files)
        assert "64 unchanged" in terminal.run("documents", "ingest", "handbook")


def _stored(connection: psycopg.Connection[tuple[int, ...]]) -> tuple[int, ...]:
    try:
        row = connection.execute(COUNTED).fetchone()
    except psycopg.errors.UndefinedTable:  # the process has not made the schema yet
        return 0, 0, 0, 0
    assert row is not None
    return row
