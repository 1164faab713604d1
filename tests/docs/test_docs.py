"""The documentation is run and compared with the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from roadbed.cli.main import app
from roadbed.kernel.settings import Settings
from roadbed.statuses import STATUS
from tests.conftest import UNMEASURED

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"<!-- run: (\w+) -->\n```(\w+)\n(.*?)```", re.DOTALL)
BLOCKS = [
    pytest.param(kind, code, page, id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, (kind, _, code) in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")))
]


@pytest.fixture(scope="module")
def warm() -> Iterator[Path]:
    """The folder of a ``roadbed`` command that is forked from a warm process."""
    with UNMEASURED.on_path() as folder:
        yield folder


@pytest.mark.parametrize(("kind", "code", "page"), BLOCKS)
def test_every_block_runs(
    kind: str, code: str, page: Path, tmp_path: Path, url: str, warm: Path
) -> None:
    command = (
        [sys.executable, "-c", code]
        if kind == "python"
        else ["bash", "-euo", "pipefail", "-c", code]
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    quick = {}
    if page.name != "README.md":  # whose commands run with the default configuration
        path = f"{warm}:{path}"
        quick = {"ROADBED_ISOLATION": "none"}
    # Not measured: the verbs are, where they are tested, and a start would take much longer.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={
            **kept,
            **quick,
            "PATH": path,
            "ROADBED_DATABASE_URL": url,
            "ROADBED_AUDIT_DIR": str(tmp_path / "audit"),
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_blocks_to_run() -> None:
    assert len(BLOCKS) >= 3


def test_the_readme_names_the_commands_that_ci_runs() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo\nmake test" in readme
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_every_setting_is_documented_and_nothing_else() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `ROADBED_(\w+)`", page, re.MULTILINE))
    assert named == {name.upper() for name in Settings.model_fields}


def test_every_verb_is_documented_and_nothing_else() -> None:
    page = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
    verbs = {
        command.name or (command.callback.__name__ if command.callback else "")
        for command in app.registered_commands
        if not command.hidden
    } | {group.name for group in app.registered_groups}
    assert set(re.findall(r"^\| `roadbed (\w+)`", page, re.MULTILINE)) == verbs


def test_every_error_code_is_documented_with_its_status() -> None:
    page = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
    results = {
        code: int(status)
        for code, status in re.findall(r"^\| `(\w+)` \| (\d+) ", page, re.MULTILINE)
    }
    assert results == STATUS


# A package with its module or folder, such as `releases/lifecycle.py` or `versions/diff/`.
MODULE = re.compile(r"`(?:src/roadbed/)?((?:[a-z_]+/)+[a-z_]*(?:\.(?:py|sql|html))?)")
NAMED = re.compile(r"`([a-z_/]+\.py): (\w+)`")
# These pages name modules as they were at the time of writing.
HISTORY = {"moved-names.md", *(path.name for path in (ROOT / "docs/decisions").iterdir())}


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.name not in HISTORY],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_modules_that_are_named_exist(page: Path) -> None:
    packages = {path.name for path in (ROOT / "src/roadbed").iterdir() if path.is_dir()}
    for name in MODULE.findall(page.read_text(encoding="utf-8")):
        if name.split("/")[0] in packages or name.endswith((".py", ".sql")):
            assert (ROOT / "src/roadbed" / name).exists() or (ROOT / name).exists(), name
    for module, name in NAMED.findall(page.read_text(encoding="utf-8")):
        assert name in (ROOT / "src/roadbed" / module).read_text(encoding="utf-8"), name


CONTRIBUTING = ROOT / "CONTRIBUTING.md"
FENCED = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
DEFINED = re.compile(
    r"^\s*(?:async )?(?:def|class) (\w+)|^\s*(\w+)(?:: [^=\n]+)? = |\"(ROADBED_\w+)\"", re.MULTILINE
)
# A name with an underscore, or with capitals and small letters.
PYTHON_NAME = re.compile(r"\b(?:_\w+|[A-Za-z]+_\w+|[A-Z][a-z]+\w*)\b")
WORD = re.compile(r"[a-z]+")
PATH = re.compile(r"(?:[\w*-]+/)+[\w.*-]*|[\w*-]+\.(?:py|sql|md|txt|toml|html|sha256)")
# Commands, and the file that the reader of an example writes.
NOT_OURS = {"git", "make", "venv", "test_receipt_list.py", "tests/unit/test_receipt_list.py"}


@cache
def defined_names() -> set[str]:
    """What the code and the tests define: classes, functions, variables, statements, folders."""
    names: set[str] = set()
    for folder in (ROOT / "src/roadbed", ROOT / "tests"):
        for path in folder.rglob("*.py"):
            names.update(*DEFINED.findall(path.read_text(encoding="utf-8")))
            names |= {path.stem, path.parent.name}
    for path in (ROOT / "src/roadbed").rglob("queries.sql"):
        names.update(re.findall(r"^-- name: (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
    return names | {path.name for path in ROOT.iterdir() if path.is_dir()}


def is_path(name: str) -> bool:
    """Whether a file or folder, given from the root, from the package or by its name, exists."""
    roots = (ROOT, ROOT / "src/roadbed")
    if any(any(root.glob(name)) for root in roots):
        return True
    return "/" not in name and any((ROOT / "src/roadbed").rglob(name))


def names_of_nothing(text: str) -> list[str]:
    """What stands in backticks, looks like a Python name or a path, and does not exist."""
    defined, results = defined_names(), []
    for span in re.findall(r"`([^`\n]+)`", FENCED.sub("", text)):
        rest = re.sub(r"^make \w+( (ARGS|NAME)=)?|^--.*", "", span)
        for path in PATH.findall(rest):
            rest = rest.replace(path, "")
            if path not in NOT_OURS and "NNNN" not in path and not path.startswith("venv/"):
                results += [path] if not is_path(path) else []
        names = [rest] if WORD.fullmatch(rest) else PYTHON_NAME.findall(rest)
        results += [name for name in names if name not in defined | NOT_OURS]
    return results


def test_names_in_contributing_exist() -> None:
    assert names_of_nothing(CONTRIBUTING.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("in `_ours` of it", ["_ours"]),
        ("the class `Feilds`", ["Feilds"]),
        ("call `events.record(x, AuditEvnt(y))`", ["AuditEvnt"]),
        ("`inbox/kind.py` and `scorer.py`", ["inbox/kind.py", "scorer.py"]),
        ('`make test ARGS="tests/unit/test_score.py"`', ["tests/unit/test_score.py"]),
        ("the package `scorings`, the query `lists`", ["scorings", "lists"]),
        ("```\n`_ours`\n```\n`Fields`, `_hide`, `list`, `service.py`, `risk`", []),
    ],
)
def test_a_name_of_nothing_is_noticed(text: str, named: list[str]) -> None:
    assert names_of_nothing(text) == named


def test_decision_records_are_numbered_without_a_gap() -> None:
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs/decisions").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
