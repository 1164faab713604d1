"""The documentation is run and compared with the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
