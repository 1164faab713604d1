"""What takes long to load is loaded by whom it serves only."""

from __future__ import annotations

import subprocess
import sys

import pytest
from scipy import stats

from roadbed.risk import distributions


def test_they_are_those_of_scipy() -> None:
    assert distributions.beta is stats.beta
    assert distributions.binom is stats.binom
    assert distributions.norm is stats.norm
    with pytest.raises(AttributeError, match="no attribute 'gamma'"):
        _ = distributions.gamma


def test_a_command_starts_without_them_and_a_server_with_them() -> None:
    told = "import sys; print('scipy.stats' in sys.modules)"
    loads = "from roadbed.risk import distributions; distributions.load()"
    for first, wanted in (("import roadbed.bootstrap", "False"), (loads, "True")):
        result = subprocess.run(
            [sys.executable, "-c", f"{first}; {told}"], capture_output=True, text=True, check=True
        )
        assert result.stdout.strip() == wanted
