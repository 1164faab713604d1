"""A wrong setting ends a command with the name of the setting and a remedy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from roadbed.kernel.settings import Settings, SettingsError


def test_each_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROADBED_EMBEDDINGS", "best")
    monkeypatch.setenv("ROADBED_TRUSTED_PROXIES", "10.0.0.0/8,the proxy")
    with pytest.raises(SettingsError) as wrong:
        Settings()
    assert "ROADBED_EMBEDDINGS cannot be 'best'" in wrong.value.problem
    assert "'auto', 'local' or 'none'" in wrong.value.problem
    assert "ROADBED_TRUSTED_PROXIES cannot be 'the proxy'" in wrong.value.problem


def test_a_long_value_is_cut_and_a_right_one_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROADBED_AUDIT_MAIL_PASSWORD", "sesame")
    monkeypatch.setenv("ROADBED_PORT", "9" * 1_000)
    with pytest.raises(SettingsError) as wrong:
        Settings()
    assert len(wrong.value.problem) < 300
    assert "sesame" not in str(wrong.value)


@pytest.mark.parametrize("command", ["up", "worker", "doctor", "new", "backup", "inbox"])
def test_a_command_says_it_without_a_traceback(command: str, tmp_path: Path) -> None:
    words = {"new": ["new", "triage"], "backup": ["backup", "all.tar"]}.get(command, [command])
    done = subprocess.run(
        [sys.executable, "-m", "roadbed", *words],
        cwd=tmp_path,
        env={**os.environ, "ROADBED_SENDERS": "many"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    problem, remedy = done.stderr.splitlines()
    assert problem.startswith("ROADBED_SENDERS cannot be 'many': ")
    assert remedy.startswith("Correct the variable in the environment or unset it.")
    assert [*tmp_path.iterdir()] == []
