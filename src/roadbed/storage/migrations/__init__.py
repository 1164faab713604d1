"""Migrations: ``upgrade`` brings a database to the newest schema."""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg import sql

from roadbed.storage.database import SCHEMA, with_schema
from roadbed.storage.errors import StorageUnavailableError

NEWEST = "0050"
_LOCK = 0x524F4144  # one process migrates at a time


def upgrade(url: str) -> None:
    """Bring the database at ``url`` to the newest schema; many processes may call it at once."""
    try:
        with psycopg.connect(with_schema(url), autocommit=True) as connection:
            if _current(connection) == NEWEST:
                return
            connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
            if _current(connection) != NEWEST:
                connection.execute(
                    sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(SCHEMA))
                )
                _run_alembic(url)
    except psycopg.OperationalError as error:
        raise StorageUnavailableError(str(error).strip().splitlines()[0]) from error


def knows(version: str) -> bool:
    """Whether this Roadbed can bring a schema of this version to the newest."""
    return version.isalnum() and any(Path(__file__).parent.glob(f"versions/m{version}_*.py"))


def _current(connection: psycopg.Connection[tuple[object, ...]]) -> object:
    if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return row[0] if row else None


def _run_alembic(url: str) -> None:
    # Imported here: the import takes half a second, and most starts need no migration.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["url"] = with_schema(url)
    command.upgrade(config, "head")
