"""These tests read the source; the lines of it that they run, others run too."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _uncounted(unmeasured: None) -> None:
    """Counting doubles the time that a walk through all syntax trees takes."""
