"""System calls: the filter (seccomp) of a child process.

Landlock limits which files a child opens and whom it signals. It does not limit what a process may
do to others of its account without a file or a signal: take away their limits, their processors or
their priority, change the mode of a file that it may not open, use shared memory and keys of the
account. The database and other services of the machine trust the account as well, and listen on
Unix sockets.
Source: Linux, Documentation/userspace-api/seccomp_filter and landlock (current limitations).
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

_LOAD, _AND, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EACCES
_IGNORE = 0x00050000  # "done", and nothing was done
_NUMBER, _MACHINE, _FIRST, _SECOND = 0, 4, 16, 24  # places in what the kernel tells of a call
_OTHER_NUMBERS = 0x40000000  # the same system calls again, of another kind of program
_FAMILIES = (socket.AF_INET, socket.AF_INET6, 16)  # and netlink, which resolves names
_KIND_OF_SOCKET = 0xF

# Numbers on x86-64 and on ARM64; ``None`` where the machine has no such call.
_Numbers = tuple[int | None, int | None]
_SOCKET: _Numbers = (41, 198)
_SOCKET_PAIR: _Numbers = (53, 199)
_SET_PRIORITY: _Numbers = (141, 140)
# Their first argument names a process; 0 is the caller.
_OF_A_PROCESS: Mapping[str, _Numbers] = MappingProxyType(
    {
        "prlimit64": (302, 261),
        "sched_setaffinity": (203, 122),
        "sched_setparam": (142, 118),
        "sched_setscheduler": (144, 119),
        "sched_setattr": (314, 274),
    }
)
_REFUSED: Mapping[str, _Numbers] = MappingProxyType(
    {
        "io_uring_setup": (425, 425),  # opens sockets past the filter
        "ioprio_set": (251, 30),
        "ptrace": (101, 117),
        "process_vm_readv": (310, 270),
        "process_vm_writev": (311, 271),
        "pidfd_getfd": (438, 438),
        "chown": (92, None),
        "fchown": (93, 55),
        "lchown": (94, None),
        "fchownat": (260, 54),
        "setxattr": (188, 5),
        "lsetxattr": (189, 6),
        "fsetxattr": (190, 7),
        "setxattrat": (463, 463),
        "removexattr": (197, 14),
        "lremovexattr": (198, 15),
        "fremovexattr": (199, 16),
        "removexattrat": (466, 466),
        "file_setattr": (469, 469),
        "inotify_add_watch": (254, 27),
        "fanotify_mark": (301, 263),
        "add_key": (248, 217),
        "request_key": (249, 218),
        "keyctl": (250, 219),
        "shmget": (29, 194),
        "shmat": (30, 196),
        "shmctl": (31, 195),
        "semget": (64, 190),
        "semop": (65, 193),
        "semctl": (66, 191),
        "semtimedop": (220, 192),
        "msgget": (68, 186),
        "msgsnd": (69, 189),
        "msgrcv": (70, 188),
        "msgctl": (71, 187),
    }
)
# What copies or unpacks files calls these, and would fail for no reason that matters here.
_IGNORED: Mapping[str, _Numbers] = MappingProxyType(
    {
        "chmod": (90, None),
        "fchmod": (91, 52),
        "fchmodat": (268, 53),
        "fchmodat2": (452, 452),
        "utime": (132, None),
        "utimes": (235, None),
        "futimesat": (261, None),
        "utimensat": (280, 88),
    }
)
# What the kernel calls a machine, by its name.
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Step:
    """One instruction. ``then`` and ``otherwise`` name what follows; ``None`` is the next one."""

    code: int
    operand: int
    then: str | None = None
    otherwise: str | None = None
    name: str | None = None


def program(machine: str, *, alone: bool = False) -> bytes | None:
    """The filter for a machine by its name; ``None`` where its numbers are not known.

    ``alone`` refuses sockets of the internet too, so that the process reaches no other machine.
    """
    if machine not in _MACHINES:
        return None
    steps = list(_steps(*_MACHINES[machine], families=() if alone else _FAMILIES))
    places = {step.name: place for place, step in enumerate(steps) if step.name is not None}

    def jump(place: int, name: str | None) -> int:
        return 0 if name is None else places[name] - place - 1

    return b"".join(
        struct.pack(
            "=HBBI", step.code, jump(place, step.then), jump(place, step.otherwise), step.operand
        )
        for place, step in enumerate(steps)
    )


def _steps(column: int, machine: int, families: Sequence[int]) -> Iterator[_Step]:
    yield _Step(code=_LOAD, operand=_MACHINE)
    yield _Step(code=_IF_EQUAL, operand=machine, otherwise="refuse")
    yield _Step(code=_LOAD, operand=_NUMBER)
    yield _Step(code=_IF_AT_LEAST, operand=_OTHER_NUMBERS, then="refuse")
    targets = (("refuse", _REFUSED), ("ignore", _IGNORED), ("itself", _OF_A_PROCESS))
    for target, calls in targets:
        for numbers in calls.values():
            if (number := numbers[column]) is not None:
                yield _Step(code=_IF_EQUAL, operand=number, then=target)
    special = (("socket", _SOCKET), ("pair", _SOCKET_PAIR), ("priority", _SET_PRIORITY))
    for target, numbers in special:
        yield _Step(code=_IF_EQUAL, operand=numbers[column] or 0, then=target)
    yield _Step(code=_RETURN, operand=_ALLOW)
    yield _Step(code=_LOAD, operand=_FIRST, name="socket")
    for family in families:
        yield _Step(code=_IF_EQUAL, operand=family, then="allow")
    yield _Step(code=_RETURN, operand=_REFUSE)
    # A pair of datagram sockets could be connected to a socket of the machine afterwards.
    yield _Step(code=_LOAD, operand=_SECOND, name="pair")
    yield _Step(code=_AND, operand=_KIND_OF_SOCKET)
    yield _Step(code=_IF_EQUAL, operand=socket.SOCK_STREAM, then="allow", otherwise="refuse")
    # Of this process alone: a group and an account have other processes too.
    yield _Step(code=_LOAD, operand=_SECOND, name="priority")
    yield _Step(code=_IF_EQUAL, operand=0, otherwise="refuse")
    yield _Step(code=_LOAD, operand=_FIRST, name="itself")
    yield _Step(code=_IF_EQUAL, operand=0, then="allow", otherwise="refuse")
    yield _Step(code=_RETURN, operand=_ALLOW, name="allow")
    yield _Step(code=_RETURN, operand=_IGNORE, name="ignore")
    yield _Step(code=_RETURN, operand=_REFUSE, name="refuse")
