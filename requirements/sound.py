"""Ends with an error, and says why, if this Python's environment is to be made anew.

pip takes a package for installed as soon as it finds its name and version. When pip is interrupted
or the disk is full, a package may be there in part: the list of its files, which pip writes last,
is missing, or one of these files is. And a package of another version than the locks name may stand
in the way of what is to be installed.
"""

from __future__ import annotations

import csv
import re
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

LOCKED = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)
WITH_PYTHON = {"pip", "setuptools"}  # a new environment has its Python's own, of any version


def faults(packages: Path, locks: Path) -> Iterator[str]:
    """What is wrong with the installed ``packages``, held against every lock in ``locks``."""
    locked = {
        name: version
        for lock in locks.glob("*.txt")
        for name, version in LOCKED.findall(lock.read_text(encoding="utf-8"))
    }
    if not list(packages.glob("pip-*.dist-info")):
        yield "pip is not there"
    for info in sorted(packages.glob("*.dist-info")):
        title, _, version = info.name.removesuffix(".dist-info").partition("-")
        name = re.sub(r"[-_.]+", "-", title).lower()
        if not whole(info):
            yield f"{name} is there in part only"
        elif name not in WITH_PYTHON and locked.get(name, version) != version:
            yield f"{name} is {version}, the locks say {locked[name]}"


def whole(info: Path) -> bool:
    """Whether each file of a package is there in its size; compiled ones have none on the list."""
    record = info / "RECORD"
    if not record.is_file():
        return False
    with record.open(newline="", encoding="utf-8") as lines:
        sizes = {info.parent / name: int(size) for name, _, size in csv.reader(lines) if size}
    return all(path.is_file() and path.stat().st_size == size for path, size in sizes.items())


if __name__ == "__main__":
    if sys.prefix == sys.base_prefix:  # its configuration is gone: pip would write into the system
        sys.exit("this Python has no environment")
    if told := list(faults(Path(sysconfig.get_path("purelib")), Path(__file__).parent)):
        sys.exit("\n".join(told))
