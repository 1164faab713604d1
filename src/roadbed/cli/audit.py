"""``audit``: verify the signed log, print its newest checkpoint, rotate its key."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from roadbed.cli.identity import me
from roadbed.cli.output import PROBLEMS_FOUND, Json, opened, run, show
from roadbed.cli.usage import Verbs

app = typer.Typer(
    cls=Verbs, no_args_is_help=True, rich_markup_mode=None, help="The signed audit log."
)


@app.command()
def verify(json: Json = False) -> None:
    """Recompute every hash from the entries, and compare with the signed checkpoints."""

    async def work() -> Any:
        async with opened(only=[]) as services:
            return await services.audit.verify()

    verification = run(work())
    show(verification, as_json=json, text=lambda: _verified(verification))
    if not verification.sound:
        raise typer.Exit(PROBLEMS_FOUND)


@app.command()
def checkpoint(json: Json = False) -> None:
    """Print the newest signed checkpoint. Keep a copy where nobody here can change it."""

    async def work() -> Any:
        async with opened(only=[]) as services:
            return await services.audit.newest()

    newest = run(work())
    show(
        {
            "size": newest.size if newest else 0,
            "root": newest.root.hex() if newest else None,
            "note": newest.note if newest else None,
        },
        as_json=json,
        text=lambda: newest.note.rstrip("\n") if newest else "No checkpoint yet.",
    )


@app.command("rotate-key")
def rotate_key(
    reason: Annotated[str, typer.Option(help="The reason, for the log: no personal data.")],
    json: Json = False,
) -> None:
    """Replace the signing key of the log. Both keys sign the change."""

    async def work() -> str:
        async with opened(only=[]) as services:
            return await services.audit.rotate(by=me(), reason=reason)

    key = run(work())
    show(
        {"public_key": key},
        as_json=json,
        text=lambda: (
            f"{key} signs the log from now on.\nGive audit-public-key and "
            "audit-handovers.log to everybody who keeps the old key. Copy both and "
            "audit-signing-key to every machine that has its own audit folder."
        ),
    )


def _verified(verification: Any) -> str:
    counted = (
        f"{verification.entries:,} entries ({verification.erased:,} erased, "
        f"{verification.pending:,} not sealed yet) and {verification.checkpoints:,} checkpoints "
        f"recomputed in {verification.seconds:.1f} s."
    )
    told = [counted, *map(_key_change, verification.key_changes)]
    if verification.sound:
        return "\n".join([*told, "The log is unchanged."])
    lines = [*told, f"Found {len(verification.findings) + verification.more:,}:"]
    lines += [f"  {finding.problem}" for finding in verification.findings]
    lines += [f"  and {verification.more:,} more."] if verification.more else []
    return "\n".join([*lines, *dict.fromkeys(item.remedy for item in verification.findings)])


def _key_change(change: Any) -> str:
    who = (
        f"{change.by} on {change.at:%Y-%m-%d %H:%M} UTC: {change.reason}"
        if change.by
        else "unknown"
    )
    old, new = change.old_key.partition("+")[0], change.new_key.partition("+")[0]
    if change.why == "rotated":
        return f"After entry {change.kept:,} the key {old} was replaced by {new} ({who})."
    lost = (
        f"Entries {change.kept + 1:,} to {change.lost:,} that {old} had signed are not in this "
        "database; checkpoints of them are still valid signatures of a log that ended"
        if change.lost is not None
        else f"What {old} signed after that, if anything, is not known here"
    )
    return (
        f"RESTORED: the database was restored from a copy ({who}). The first {change.kept:,} "
        f"entries are those of {old}; from there {new} signs. {lost}."
    )
