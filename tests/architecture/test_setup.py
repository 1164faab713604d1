"""`make` installs the locked packages with hashes; an interrupted one is not complete."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from requirements.sound import faults

from tests.architecture.test_hygiene import repository_files

ROOT = Path(__file__).parents[2]
EXTRAS = ["llm", "dev", "bench"]
# Notes down what it is asked for, and fails where a file of that name says so.
PLAYED = """#!/bin/sh
case "$*" in
-c*) ;;
"-m venv"*) echo venv >>log; rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
*sound.py) ! test -e half ;;
"-m pip check") echo check >>log; echo "a 1 asks for b"; ! test -e unfit ;;
"-m pip install"*) echo "$*" >>log; ! test -e offline ;;
esac
"""


class Checkout:
    """A folder with our Makefile and a Python that installs nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "requirements").mkdir()
        for name in ("build", "base", *EXTRAS):
            (folder / "requirements" / f"{name}.txt").touch()
        (folder / "pyproject.toml").touch()
        shutil.copy(ROOT / "Makefile", folder)
        (folder / "played").write_text(PLAYED)
        (folder / "played").chmod(0o755)

    def make(self, extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", f".venv/.{extra}", f"PYTHON={self.folder / 'played'}"],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        )

    def log(self) -> list[str]:
        """The requests since the last call."""
        log = self.folder / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def has(self, extra: str) -> bool:
        return (self.folder / ".venv" / f".{extra}").exists()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def kinds(log: list[str]) -> list[str]:
    """The actions in short: the lock's name for its installation."""
    locks = [re.search(r"requirements/(\w+)\.txt| -e \.$", line) for line in log]
    return [
        line if lock is None else lock[1] or "roadbed"
        for line, lock in zip(log, locks, strict=True)
    ]


BASE = ["venv", "build", "base", "roadbed", "check"]


@pytest.mark.parametrize("extra", EXTRAS)
def test_every_step_installs_what_is_locked_and_checks_it(checkout: Checkout, extra: str) -> None:
    assert checkout.make(extra).returncode == 0
    log = checkout.log()
    assert kinds(log) == [*BASE, extra, "check"]
    for line in log:
        if "install" in line:
            assert "--no-deps" in line
            assert ("--require-hashes" in line and "--only-binary=:all:" in line) or (
                "--no-index" in line and "--no-build-isolation" in line
            )
    assert checkout.make(extra).returncode == 0
    assert checkout.log() == [], "what is complete is not installed again"


@pytest.mark.parametrize("extra", ["base", *EXTRAS])
def test_what_does_not_fit_together_stops_the_set_up(checkout: Checkout, extra: str) -> None:
    if extra != "base":
        checkout.make("base")
    (checkout.folder / "unfit").touch()
    stopped = checkout.make(extra)
    assert stopped.returncode != 0
    assert "a 1 asks for b" in stopped.stderr
    assert "make clean" in stopped.stderr
    assert not checkout.has(extra)
    (checkout.folder / "unfit").unlink()
    checkout.log()
    assert checkout.make(extra).returncode == 0
    assert checkout.log()[-1] == "check"
    assert checkout.has(extra)


@pytest.mark.parametrize("extra", ["base", *EXTRAS])
def test_an_installation_that_failed_goes_on_where_it_was(checkout: Checkout, extra: str) -> None:
    if extra != "base":
        checkout.make("base")
    (checkout.folder / "offline").touch()
    assert checkout.make(extra).returncode != 0
    assert not checkout.has(extra)
    (checkout.folder / "offline").unlink()
    checkout.log()
    assert checkout.make(extra).returncode == 0
    assert "venv" not in kinds(checkout.log()), "what is whole is kept"


@pytest.mark.parametrize("extra", EXTRAS)
def test_half_a_package_has_the_environment_made_anew(checkout: Checkout, extra: str) -> None:
    checkout.make("base")
    checkout.log()
    (checkout.folder / "half").touch()
    assert checkout.make(extra).returncode == 0
    # The played fault goes on, so that it is found again where base is looked at.
    assert kinds(checkout.log()) == ["venv", *BASE, extra, "check"]


def test_an_environment_that_lost_its_python_is_made_anew(checkout: Checkout) -> None:
    checkout.make("dev")
    checkout.log()
    (checkout.folder / ".venv" / "bin" / "python").unlink()
    assert checkout.make("dev").returncode == 0
    assert kinds(checkout.log()) == [*BASE, "dev", "check"]


def installed(folder: Path, name: str, version: str = "1.0") -> Path:
    """A package as pip leaves it, with its list of files."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (folder / f"{name}.py").write_text("1")
    (info / "METADATA").write_text("2")
    (info / "RECORD").write_text(
        f'{name}.py,sha256=0,1\n"{info.name}/METADATA",sha256=0,1\n'
        f"__pycache__/{name}.pyc,,\n{info.name}/RECORD,,\n"
    )
    return info


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """An environment that is in order."""
    (tmp_path / "base.txt").write_text("a-b==1.0 \\\n    --hash=sha256:0\npip==2.0\n")
    for name in ("pip", "A_b", "unheard_of"):
        installed(tmp_path / "packages", name)
    return tmp_path / "packages"


def test_an_environment_in_order_has_no_faults(packages: Path) -> None:
    assert list(faults(packages, packages.parent)) == []


@pytest.mark.parametrize("lost", ["RECORD", "METADATA", "../A_b.py"])
def test_a_package_without_one_of_its_files_is_found(packages: Path, lost: str) -> None:
    (packages / "A_b-1.0.dist-info" / lost).unlink()
    assert list(faults(packages, packages.parent)) == ["a-b is there in part only"]


def test_a_file_that_was_cut_off_is_found(packages: Path) -> None:
    (packages / "A_b.py").write_text("")
    assert list(faults(packages, packages.parent)) == ["a-b is there in part only"]


def test_what_an_interrupted_exchange_put_aside_is_found(packages: Path) -> None:
    """pip renames the old package, and deletes it after the new one is installed."""
    (packages / "A_b-1.0.dist-info").rename(packages / "~_b-1.0.dist-info")
    assert list(faults(packages, packages.parent)) == ["~-b is there in part only"]


def test_another_version_than_the_locked_is_found(packages: Path) -> None:
    (packages.parent / "base.txt").write_text("a-b==1.1 \\\n    --hash=sha256:0\n")
    assert list(faults(packages, packages.parent)) == ["a-b is 1.0, the locks say 1.1"]


def test_an_environment_without_pip_is_found(packages: Path) -> None:
    shutil.rmtree(packages / "pip-1.0.dist-info")
    assert list(faults(packages, packages.parent)) == ["pip is not there"]


def loose(text: str) -> Iterator[str]:
    """Lines that make pip, or a reader, install the newest versions."""
    for line in text.replace("\\\n", " ").splitlines():
        if re.search(r"\bpip3? install\b", line) and "--no-deps" not in line:
            yield line.strip()


def test_nothing_tells_pip_to_look_for_what_is_newest() -> None:
    told = {
        f"{path.relative_to(ROOT)}: {line}"
        for path in repository_files()
        if path.is_file() and path != Path(__file__)
        for line in loose(path.read_text(encoding="utf-8", errors="ignore"))
    }
    assert told == set()


def test_a_line_that_tells_pip_to_is_found() -> None:
    assert list(loose("run `pip install roadbed`\npip install --no-deps a\n")) == [
        "run `pip install roadbed`"
    ]


def planned(*words: str) -> str:
    """What ``make`` would run, where ``ARGS`` also stands in the environment."""
    done = subprocess.run(
        ["make", "--dry-run", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "ARGS": "tests/unit/test_scoring.py", "MAKEFLAGS": ""},
    )
    return done.stdout


def test_some_tests_run_without_the_other_checks() -> None:
    commands = planned("test", "ARGS=tests/unit/test_scoring.py")
    assert "pytest -q -n 0 tests/unit/test_scoring.py" in commands
    assert "--cov" not in commands
    assert "mypy" not in commands


def test_all_tests_run_with_every_check_whatever_the_environment_holds() -> None:
    commands = planned("test")
    assert "--cov" in commands
    assert "mypy" in commands
    assert "test_scoring" not in commands
