"""The import contracts of .importlinter hold."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def lint(config: Path, *, source: Path) -> subprocess.CompletedProcess[str]:
    """``lint-imports`` of this environment, on the packages below ``source``."""
    program = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert program is not None, "lint-imports is missing: make .venv/.dev"
    return subprocess.run(
        [program, "--no-logo", "--no-cache", "--config", str(config)],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_room_keeps_to_its_contracts() -> None:
    done = lint(ROOT / ".importlinter", source=ROOT / "src")
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_no_cycle_with_the_imports_of_types(tmp_path: Path) -> None:
    config = tmp_path / "contracts"
    config.write_text(
        "[importlinter]\nroot_package = roadbed\nexclude_type_checking_imports = False\n"
        "[importlinter:contract:siblings]\nname = No cycle\ntype = acyclic_siblings\n"
        "ancestors =\n    roadbed\n"
    )
    done = lint(config, source=ROOT / "src")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_stage_that_reaches_upwards_is_found(tmp_path: Path) -> None:
    package = tmp_path / "planted"
    for name, text in {"low": "import planted.high\n", "high": ""}.items():
        (package / name).mkdir(parents=True)
        (package / name / "__init__.py").write_text(text)
    (package / "__init__.py").write_text("")
    config = tmp_path / "contracts"
    config.write_text(
        "[importlinter]\nroot_package = planted\n"
        "[importlinter:contract:layers]\nname = Planted\ntype = layers\n"
        "containers = planted\nlayers =\n    high\n    low\n"
    )
    done = lint(config, source=tmp_path)
    assert done.returncode == 1
    assert "planted.low is not allowed to import planted.high" in done.stdout
