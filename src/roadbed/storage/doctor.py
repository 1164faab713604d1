"""Doctor: checks the conditions of durability and of the guarantee, with remedies."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import psycopg

from roadbed.storage.database import with_schema
from roadbed.storage.failures import OVER_SECONDS

OLDEST_SERVER = 160_000
_LEAST_FREE_BYTES = 1_000_000_000
_MOST_CLOCK_SECONDS = 2.0
_PROVIDER_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")

State = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The result of one check. ``remedy`` is empty if nothing has to be done."""

    name: str
    state: State
    found: str
    remedy: str = ""


def examine(
    url: str,
    folder: Path,
    environment: Mapping[str, str] = os.environ,
    *,
    wanted: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> list[Finding]:
    """Every finding, in a fixed order. Needs a server that answers.

    ``wanted`` has the use cases that ask with each provider's key, by the key's name.
    """
    with psycopg.connect(with_schema(url), autocommit=True) as connection:
        findings = [*_server(connection)]
        findings.append(_background(connection))
    return [*findings, _disk(folder), _root(folder), _keys(environment, wanted)]


def _server(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[Finding]:
    def setting(name: str) -> str:
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
        return str(row[0]) if row else ""

    version = int(setting("server_version_num"))
    yield _finding(
        "server version",
        version >= OLDEST_SERVER,
        setting("server_version"),
        "Use PostgreSQL 16 or newer.",
    )
    for name, remedy in (
        ("fsync", "Set fsync = on: without it a power cut loses acknowledged work."),
        ("full_page_writes", "Set full_page_writes = on: a power cut may tear pages without it."),
    ):
        yield _finding(name, setting(name) == "on", setting(name), remedy)
    commit = setting("synchronous_commit")
    yield _finding(
        "synchronous_commit",
        commit in {"on", "remote_apply", "remote_write"},
        commit,
        "Set synchronous_commit = on: acknowledged means on disk.",
    )
    yield _vectors(connection)
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    there = row[0] if row else None
    apart = abs((datetime.now(UTC) - there).total_seconds()) if isinstance(there, datetime) else 1e9
    yield _finding(
        "clock",
        apart <= _MOST_CLOCK_SECONDS,
        f"{apart:.3f} s apart from the server's",
        "Let both machines take their time from the same source (NTP).",
    )


def _vectors(connection: psycopg.Connection[tuple[object, ...]]) -> Finding:
    """Whether passages of documents can be searched by meaning."""
    ready = connection.execute("SELECT prepare_vectors(), vector_schema() IS NOT NULL").fetchone()
    row = connection.execute(
        "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"
    ).fetchone()
    offered = str(row[0]) if row else "missing"
    return _finding(
        "extension vector",
        ready == (True, True),
        offered if row is None or ready == (True, True) else f"{offered}, not created",
        (
            "Install pgvector 0.8 or newer on the server."
            if row is None
            else "Let an administrator of the server run CREATE EXTENSION vector, 0.8 or newer."
        )
        + " Without it documents are searched by words only.",
        wrong="warning",
    )


def _background(connection: psycopg.Connection[tuple[object, ...]]) -> Finding:
    """Failures of background work in all processes."""
    rows = connection.execute(
        "SELECT work, about, problem FROM background_failure "
        "WHERE last_at > now() - make_interval(secs => %s) ORDER BY since LIMIT 20",
        [OVER_SECONDS],
    ).fetchall()
    return _finding(
        "background work",
        not rows,
        "; ".join(f"{work} ({about}): {problem}" for work, about, problem in rows) or "all done",
        "Look at the log of serve and worker, and correct what the problem names.",
    )


def _disk(folder: Path) -> Finding:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return _finding(
        "disk",
        free >= _LEAST_FREE_BYTES,
        f"{free / 1e9:.1f} GB free at {folder}",
        "Free some space: at least 1 GB.",
    )


def _root(folder: Path) -> Finding:
    """As root the embedded server runs as another user, which must reach the data folder."""
    private = [
        parent for parent in folder.parents if parent.exists() and not parent.stat().st_mode & 0o001
    ]
    return _finding(
        "data folder",
        os.geteuid() != 0 or not private,
        str(folder),
        "As root, set ROADBED_HOME to a folder below /var/lib/roadbed.",
    )


def _keys(environment: Mapping[str, str], wanted: Mapping[str, Sequence[str]]) -> Finding:
    """Whether the keys of model providers are set; their values are never shown."""
    missing = [name for name in wanted if not environment.get(name)]
    if missing:
        return Finding(
            name="provider keys",
            state="wrong",
            found="; ".join(f"{item} is not set" for item in missing),
            remedy="; ".join(
                f"Set {entry}, without which {', '.join(wanted[entry])} can ask no language model"
                for entry in missing
            )
            + ". Until then their tasks go to people.",
        )
    present = [name for name in dict.fromkeys([*wanted, *_PROVIDER_KEYS]) if environment.get(name)]
    return Finding(
        name="provider keys",
        state="ok" if present else "warning",
        found=", ".join(present) or "none set",
        remedy=""
        if present
        else "Only needed if a decider calls a model provider: set "
        + " or ".join(_PROVIDER_KEYS)
        + ".",
    )


def _finding(
    name: str,
    good: bool,  # noqa: FBT001 - read beside its test
    observed: str,
    remedy: str,
    *,
    wrong: State = "wrong",
) -> Finding:
    return Finding(
        name=name, state="ok" if good else wrong, found=observed, remedy="" if good else remedy
    )
