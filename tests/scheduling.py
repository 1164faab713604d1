"""Which tests one test process runs one after the other.

The marker ``xdist_group`` of pytest-xdist 3.8 says it no longer: it writes a field of the test that
pytest 9.2 does not read (https://github.com/pytest-dev/pytest-xdist/issues/1386).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from xdist.scheduler.loadscope import LoadScopeScheduling

ROOT = Path(__file__).parents[1]
# Each starts servers of its own and kills them; two at a time would slow each other.
_FAULTS = "tests/faults/"


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # the package has no types
    """A fixture of a module is made once; all other tests go to whichever process is free.

    The largest groups come first, so that single tests are left for the end.
    """

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def scope_of(nodeid: str) -> str:
    """The group of the test; a test without one is its own."""
    file = nodeid.partition("::")[0]
    if file.startswith(_FAULTS):
        return _FAULTS
    return file if _shares_fixtures(file) else nodeid


@cache
def _shares_fixtures(file: str) -> bool:
    return 'scope="module"' in (ROOT / file).read_text(encoding="utf-8")
