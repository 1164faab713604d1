"""``python -m roadbed`` as another login of this machine, by a patched system call.

The product asks the system whose process it is; no variable of the environment changes that.
"""

from __future__ import annotations

import os
import pwd
import runpy
import sys
from pathlib import Path

AS = "TESTS_LOGIN"


def sit_down() -> None:
    """Let the system give the name in ``TESTS_LOGIN``, if one is there, for this process's own."""
    if name := os.environ.pop(AS, None):
        own = pwd.getpwuid(os.getuid())
        pwd.getpwuid = lambda _: pwd.struct_passwd((name, *own[1:]))


if __name__ == "__main__":
    sit_down()
    sys.path[0] = str(Path.cwd())
    runpy.run_module("roadbed", run_name="__main__", alter_sys=True)
