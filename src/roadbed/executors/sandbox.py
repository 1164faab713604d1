"""Sandbox: limits of a child process: memory, processor, files, environment, sockets.

Memory and processor time are limits of the kernel (``setrlimit``). Files are limited by Landlock,
where the kernel has it: a child reads Python, the system's libraries and the copy of its own
version, and writes to its own temporary folder. Sockets, and what one process may do to others of
its account, are limited by seccomp, see ``system_calls``.
Source: Linux, Documentation/userspace-api/landlock.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import signal
import struct
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from roadbed.executors import system_calls

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH = 1
_O_PATH = getattr(os, "O_PATH", 0)
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_READ = 1 << 0 | 1 << 2 | 1 << 3  # execute, read a file, list a folder
_RIGHTS = {1: 13, 2: 14, 3: 15}  # how many rights over files a version of Landlock knows
_FILE_RIGHTS = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15  # those that a single file can have
# Files of the C library and Python for name resolution, certificates and time zones.
_SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/etc/ssl",
    "/etc/ca-certificates",
    "/etc/pki",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/mime.types",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/run/systemd/resolve",
    "/dev/urandom",
    "/dev/random",
    "/dev/zero",
    "/sys/devices/system/cpu",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/self",
)
_SCOPED = 1 << 0 | 1 << 1  # abstract Unix sockets, signals; from version 6 on
_PR_SET_SECCOMP, _PR_SET_CHILD_SUBREAPER = 22, 36
_FILTER_MODE = 2
_CAPABILITIES_VERSION = 0x20080522
_CAP_DAC_READ_SEARCH = 1 << 2
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
_NICE = 10
_LARGEST_FILE = 1_000_000_000
_libc = ctypes.CDLL(None, use_errno=True)


def environment(
    names: Iterable[str], environ: Mapping[str, str], temporary: Path
) -> Mapping[str, str]:
    """The environment of a child: what any program expects, and what its decider needs."""
    kept = {name: environ[name] for name in (*_PASSED_ON, *names) if name in environ}
    # One thread for arithmetic: a child shares the machine with the server and other children.
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**threads, **kept, "HOME": str(temporary), "TMPDIR": str(temporary)}


def limit_memory(megabytes: int) -> None:
    """Let this process allocate so much more than it has now; beyond it, ``MemoryError``."""
    most = _data_bytes() + megabytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def end_first() -> None:
    """Have the kernel end this process, not the server or the database, where memory runs out.

    Memory that processes share counts against no limit of one.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def limit_file_size() -> None:
    """Let no file that this process writes become larger than a gigabyte."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_FILE, _LARGEST_FILE))


def close_standard_error() -> None:
    """Write nothing to the log of the server past the server."""
    nothing = os.open("/dev/null", os.O_WRONLY)
    os.dup2(nothing, 2)
    os.close(nothing)


def limit_processor(seconds: float) -> None:
    """End this process once it has computed for ``seconds`` more.

    The parent ends it at a deadline; this holds where the parent is stopped or too busy.
    """
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    until = int(time.process_time() + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (until, most))


def deprioritise() -> None:
    """Let the server and the database go first where processors are short."""
    with contextlib.suppress(OSError):
        os.nice(_NICE)


def end_with_parent() -> None:
    """Have the kernel end this process when its parent ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of orphaned processes that children started."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def child_processes() -> list[int]:
    """The child processes of this one, if the kernel lists them."""
    try:
        told = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(pid) for pid in told.split()]


def filter_system_calls(*, alone: bool = False) -> bool:
    """Leave this process no socket but of the internet, and no hold on others of its account.

    ``alone`` leaves it no socket of the internet either. Only threads that start later are held to
    it. Gives whether the kernel does it. It cannot be undone, and holds for every program started.
    """
    program = system_calls.program(platform.machine(), alone=alone)
    if program is None:
        return False
    steps = ctypes.create_string_buffer(program, len(program))
    listed = struct.pack("@HP", len(program) // 8, ctypes.addressof(steps))
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return int(_libc.prctl(_PR_SET_SECCOMP, _FILTER_MODE, listed, 0, 0)) == 0


def drop_capabilities() -> None:
    """Drop the privileges of root, except for reading the files of its caller."""
    if os.geteuid() != 0:
        return
    header = struct.pack("=Ii", _CAPABILITIES_VERSION, 0)
    kept = struct.pack("=6I", _CAP_DAC_READ_SEARCH, _CAP_DAC_READ_SEARCH, 0, 0, 0, 0)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _libc.capset(header, kept)


def landlock_version() -> int:
    """The version of Landlock that the kernel has; 0 if it has none."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, 0, 1)))


def confine(readable: Sequence[Path], writable: Sequence[Path]) -> bool:
    """Let this process read ``readable`` and the system, and write to ``writable``, nothing else.

    It may signal only processes that it started, if the kernel supports it (Linux 6.12). Returns
    whether the kernel enforces the limits. It cannot be undone, and holds for every program
    started.
    """
    version = landlock_version()
    if not version:
        return False
    rights = (1 << _RIGHTS.get(version, 16)) - 1
    if version < 5:
        rights &= (1 << 15) - 1
    attributes = struct.pack("=Q", rights)
    if version >= 6:  # the network stays as it is
        attributes = struct.pack("=3Q", rights, 0, _SCOPED)
    ruleset = _libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    try:
        code = [Path(folder) for folder in (sys.prefix, sys.base_prefix, *sys.path) if folder]
        for path in (*map(Path, _SYSTEM), *code, *readable):
            _allow(ruleset, path, _READ & rights)
        _allow(ruleset, Path("/dev/null"), rights)
        for path in writable:
            _allow(ruleset, path, rights)
        _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        return int(_libc.syscall(_RESTRICT_SELF, ruleset, 0)) == 0
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    """Add one path, with all below it, where it exists."""
    with contextlib.suppress(OSError):
        opened = os.open(path, _O_PATH | os.O_CLOEXEC)
        try:
            if not path.is_dir():
                rights &= _FILE_RIGHTS
            rule = struct.pack("=Qi", rights, opened)
            _libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
        finally:
            os.close(opened)


def _data_bytes() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0


def how_ended(status: int) -> str:
    """In which way a child process ended, by its exit status as ``subprocess`` gives it."""
    if status == -signal.SIGXCPU:
        return "its process used more processor time than it may"
    if status < 0:
        return f"its process was ended by {signal.Signals(-status).name}"
    return f"its process ended with exit code {status}"
