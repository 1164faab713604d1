"""Databases of a test's own: copies of one on the newest schema, made as quickly as they can be."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

import psycopg

from roadbed.storage import migrations
from roadbed.storage.embedded import EmbeddedServer

# What saves the work of a power cut and costs a wait in every commit. The tests that kill servers
# (tests/faults) have their own servers with the default configuration.
_LASTING = ("fsync", "full_page_writes")

# A database is 700 files. An ext4 without a journal looks for an unused inode among all that were
# deleted in the last minutes: after a few dropped databases, a copy takes half a second of
# processor time there and 20 ms in memory.
_MEMORY = Path("/dev/shm")
_NEEDED_BYTES = 1 << 30
_IN_MEMORY: dict[EmbeddedServer, str] = {}


def hurry(server: EmbeddedServer) -> None:
    """From here on a commit need not reach the disk: these databases never outlive their test."""
    _set(server, "off")


@contextmanager
def in_memory(server: EmbeddedServer) -> Iterator[None]:
    """Keep the databases that are made from here on in memory, if there is room for them."""
    if not _MEMORY.is_dir() or shutil.disk_usage(_MEMORY).free < _NEEDED_BYTES:
        yield
        return
    owner = server.data.stat()  # as root, the server works as another user
    folder = _MEMORY / f"roadbed-test-{uuid4().hex[:12]}"
    folder.mkdir(mode=0o700)
    os.chown(folder, owner.st_uid, owner.st_gid)
    _administer(server, f"CREATE TABLESPACE memory LOCATION '{folder}'")
    _IN_MEMORY[server] = "TABLESPACE memory"
    try:
        yield
    finally:
        del _IN_MEMORY[server]
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def as_shipped(server: EmbeddedServer) -> Iterator[None]:
    """The server with the default configuration, temporarily."""
    _set(server, "on")
    try:
        yield
    finally:
        _set(server, "off")


@contextmanager
def database(server: EmbeddedServer) -> Iterator[str]:
    """One on the newest schema: its address."""
    with _made(server, f"TEMPLATE {_newest(server)} STRATEGY FILE_COPY") as url:
        yield url


@contextmanager
def empty_database(server: EmbeddedServer) -> Iterator[str]:
    """One without any schema: its address."""
    with _made(server, "") as url:
        yield url


@contextmanager
def copy(server: EmbeddedServer, of: str) -> Iterator[str]:
    """A copy of database ``of``, which must have no connections."""
    with _made(server, f"TEMPLATE {_name(of)} STRATEGY FILE_COPY") as url:
        yield url


@contextmanager
def _made(server: EmbeddedServer, how: str) -> Iterator[str]:
    name = f"test_{uuid4().hex}"
    _administer(server, f"CREATE DATABASE {name} {how} {_IN_MEMORY.get(server, '')}")
    try:
        yield server.url().replace("/roadbed?", f"/{name}?")
    finally:
        _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@cache
def _newest(server: EmbeddedServer) -> str:
    """A database that every migration ran in, from the first; there to be copied."""
    name = f"newest_{uuid4().hex}"
    _administer(server, f"CREATE DATABASE {name} {_IN_MEMORY.get(server, '')}")
    migrations.upgrade(server.url().replace("/roadbed?", f"/{name}?"))
    return name


def _name(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def _set(server: EmbeddedServer, value: str) -> None:
    _administer(server, *(f"ALTER SYSTEM SET {item} = {value}" for item in _LASTING))
    with psycopg.connect(_address(server), autocommit=True) as connection:
        connection.execute("SELECT pg_reload_conf()")
    while True:  # the server reads its configuration when it comes to it
        with psycopg.connect(_address(server)) as connection:
            if connection.execute(f"SHOW {_LASTING[-1]}").fetchone() == (value,):
                return


def _administer(server: EmbeddedServer, *statements: str) -> None:
    with psycopg.connect(_address(server), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def _address(server: EmbeddedServer) -> str:
    return server.url().replace("/roadbed?", "/postgres?")
