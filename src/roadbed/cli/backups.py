"""``backup``, ``restore`` and ``restored``: write a backup, restore it, declare the restore."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from roadbed.cli.identity import me
from roadbed.cli.output import Json, fail, opened, run, show
from roadbed.kernel.errors import RoadbedError


def backup(
    target: Annotated[Path, typer.Argument(help="A new file, or a folder for it.")],
    json: Json = False,
) -> None:
    """Write database, keys and the audit folder to one file. Work continues meanwhile."""

    async def work() -> dict[str, Any]:
        from roadbed.recovery.backup import back_up

        async with opened(only=[]) as app:
            return await back_up(app.database.url, app.audit, app.clock, target)

    made = run(work())
    show(
        made,
        as_json=json,
        text=lambda: (
            f"{made['file']} holds {made['tasks']:,} tasks and {made['audit']['entries']:,} "
            f"entries of the audit log ({made['bytes'] / 1e6:,.1f} MB).\n"
            "It contains the signing key of the log: keep it secret.\n"
            f"This key verifies it; keep it elsewhere: {made['audit']['public_key'] or 'none yet'}"
        ),
    )


def restore(
    source: Annotated[Path, typer.Argument(help="A file that `roadbed backup` wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Drop the present content of the database.")
    ] = False,
    public_key: Annotated[
        str | None,
        typer.Option("--public-key", help="The key of the audit log that signed it."),
    ] = None,
    unverified: Annotated[
        bool,
        typer.Option("--unverified", help="Restore it whoever wrote it; the database runs it."),
    ] = False,
    json: Json = False,
) -> None:
    """Restore a backup while nothing runs. Everything stays halted until `roadbed restored`."""
    try:
        restored = _restore(source, replace=replace, public_key=public_key, unverified=unverified)
    except RoadbedError as error:
        raise fail(error) from None
    show(
        restored,
        as_json=json,
        text=lambda: (
            f"The backup of {restored['made_at']} is restored. The audit folder was "
            f"{restored['witness']}.\n"
            "Everything is halted and nothing is sent. Next: `roadbed restored --reason TEXT`."
        ),
    )


def restored(
    reason: Annotated[str, typer.Option(help="The reason for the restore. Other people read it.")],
    json: Json = False,
) -> None:
    """Declare a restore, as an administrator: repeat erasures and halts, then work continues."""
    if not reason.strip():
        raise typer.BadParameter("Give a reason with --reason.")

    async def work() -> Any:
        async with opened(only=[]) as app:
            return await app.recovery.declare(by=me(), reason=reason.strip())

    declared = run(work())
    show(declared, as_json=json, text=lambda: _declared(declared))


def _restore(
    source: Path, *, replace: bool, public_key: str | None, unverified: bool
) -> dict[str, Any]:
    from roadbed.kernel.settings import Settings
    from roadbed.recovery.restore import restore as put_back
    from roadbed.storage.folders import audit_folder
    from roadbed.storage.serving import database_server

    settings = Settings()

    async def work() -> dict[str, Any]:
        async with database_server(settings) as url:
            return await asyncio.to_thread(
                put_back,
                url,
                audit_folder(settings),
                source,
                replace=replace,
                public_key=public_key,
                unverified=unverified,
            )

    return run(work())


def _declared(declared: Any) -> str:
    taken = [
        f"{declared.people} people",
        f"{declared.roles} roles",
        f"{declared.tokens} tokens",
        f"{declared.passwords} passwords",
        f"{declared.access} members of access groups",
    ]
    key = declared.public_key.partition("+")[0]
    lines = [
        f"The restore is declared. After entry {declared.kept:,} the key {key} signs the log.",
        f"  erased again: {declared.erased} tasks, {declared.documents} documents",
        f"  halted again: {', '.join(declared.halted) or 'no use case'}",
        f"  revoked again: {', '.join(taken)}",
        f"  may have been sent, a person has to resolve them: {declared.unknown} deliveries",
    ]
    if declared.lost is None:
        lines.append(
            "  No witness has newer data than this database. Erasures, halts and revocations after "
            "the backup are unknown here. Repeat them by hand."
        )
    lines += [
        f"  COULD NOT BE READ, nothing in it was repeated: {path}" for path in declared.unread
    ]
    return "\n".join(lines)
