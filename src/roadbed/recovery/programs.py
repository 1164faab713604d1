"""PostgreSQL's own programs, which write and load the dump of a backup."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import IO

from psycopg.pq import Conninfo

from roadbed.kernel.sentences import sentence
from roadbed.recovery.errors import BackupError
from roadbed.storage.database import SCHEMA
from roadbed.storage.embedded import client_programs

_VERSION = re.compile(r"(\d+)")
# PostgreSQL 16 does not know it, but the programs of later versions set it.
_UNKNOWN_SETTING = b"SET transaction_timeout ="


def folder_for(server: int) -> Path:
    """The programs for a server of this major version. Raises ``BackupError``.

    Those that come with Roadbed serve every server that is not newer than they are; for a newer one
    they are looked for on the path.
    """
    own = client_programs()
    beside = shutil.which("pg_dump")
    for folder in [own, *([Path(beside).parent] if beside else [])]:
        shown = subprocess.run(
            [str(folder / "pg_dump"), "--version"], capture_output=True, text=True, check=False
        )
        version = _VERSION.search(shown.stdout)
        if version and int(version[0]) >= server and (folder / "psql").exists():
            return folder
    raise BackupError(
        sentence(
            "the server is PostgreSQL %(server)s, and no pg_dump of that version is here",
            server=server,
        ),
        sentence(
            "Install the client programs of PostgreSQL %(server)s (pg_dump, pg_restore, "
            "psql) and put them on the PATH.",
            server=server,
        ),
    )


def dump(programs: Path, url: str, snapshot: str, target: Path) -> None:
    """Dump Roadbed's schema as of a snapshot. Raises ``BackupError``."""
    done = subprocess.run(
        [
            str(programs / "pg_dump"),
            "--format=custom",
            f"--schema={SCHEMA}",
            f"--snapshot={snapshot}",
            "--no-owner",
            "--no-privileges",
            f"--file={target}",
        ],
        env=_environment(url),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise BackupError(_last_line(done.stderr))


def load(programs: Path, url: str, source: Path, before: str, behind: str) -> None:
    """Load a dump in one transaction, between two statements. Raises ``BackupError``."""
    with tempfile.TemporaryFile() as said:
        reader = subprocess.Popen(
            [
                str(programs / "pg_restore"),
                "--file=-",
                "--no-owner",
                "--no-privileges",
                str(source),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
        )
        writer = subprocess.Popen(
            [
                str(programs / "psql"),
                "--no-psqlrc",
                "--quiet",
                "--single-transaction",
                "--set=ON_ERROR_STOP=1",
                "--output=/dev/null",
                "--file=-",
            ],
            env=_environment(url),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        assert reader.stdout is not None
        assert writer.stdin is not None
        with reader, writer:
            whole = _feed(reader, reader.stdout, writer.stdin, before, behind)
        if reader.returncode or writer.returncode or not whole:
            said.seek(0)
            raise BackupError(_last_line(said.read().decode(errors="replace")))


def _feed(
    reader: subprocess.Popen[bytes], dumped: IO[bytes], to: IO[bytes], before: str, behind: str
) -> bool:
    """Send the whole dump; returns whether all was accepted. A part is never committed."""
    try:
        to.write(f"{before}\n".encode())
        for line in dumped:
            if not line.startswith(_UNKNOWN_SETTING):
                to.write(line)
            if line.startswith(b"COPY "):
                break
        shutil.copyfileobj(dumped, to, 1 << 20)
        if reader.wait():
            to.write(b"\\.\nROLLBACK; SELECT 1 / 0;\n")
        to.write(f"{behind}\n".encode())
        to.close()
    except BrokenPipeError:
        reader.kill()
        return False
    return True


def _environment(url: str) -> dict[str, str]:
    """Where to connect to, without a password on a command line."""
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith("ROADBED_")
    }
    for option in Conninfo.parse(url.encode()):
        if option.val is not None and option.envvar is not None:
            variables[option.envvar.decode()] = option.val.decode()
    return variables


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return (lines[-1] if lines else "a program of PostgreSQL ended without a message").rstrip(".")[
        :500
    ]
