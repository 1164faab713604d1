"""Verb: ``halt`` a use case. From its return on, nothing of it can settle as automatic."""

from __future__ import annotations

from roadbed.storage.database import Database
from roadbed.storage.sql import queries

_SQL = queries(__package__)


async def halt(database: Database, use_case: str, *, reason: str, actor: str) -> int | None:
    """Raise the epoch and stop automation; gives the new epoch, ``None`` for an unknown name.

    Waits for the settlements that are committing right now; every later one sees the new epoch.
    """
    async with database.transaction() as connection:
        await connection.execute(_SQL["fence"], {"use_case": use_case})
        row = await (await connection.execute(_SQL["halt"], {"use_case": use_case})).fetchone()
        if row is None:
            return None
        epoch = int(row["halt_epoch"])
        await connection.execute(
            _SQL["note"],
            {"use_case": use_case, "epoch": str(epoch), "actor": actor, "reason": reason},
        )
        await connection.execute(_SQL["tell"], {"use_case": use_case})
    return epoch
