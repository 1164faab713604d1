"""``audit``: recompute the signed log, show its newest checkpoint; proofs of receipts."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from roadbed.cli.identity import me
from roadbed.cli.output import PROBLEMS_FOUND, Json, opened, run, show

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The signed log of all that happened."
)


@app.command()
def verify(json: Json = False) -> None:
    """Recompute every hash from the entries, and compare with what was signed."""

    async def work() -> Any:
        async with opened(only=[]) as services:
            return await services.audit.verify()

    verification = run(work())
    show(verification, as_json=json, text=lambda: _verified(verification))
    if not verification.sound:
        raise typer.Exit(PROBLEMS_FOUND)


@app.command()
def checkpoint(json: Json = False) -> None:
    """The newest signed checkpoint: keep a copy where nobody here can change it."""

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
        text=lambda: newest.note.rstrip("\n") if newest else "Nothing was sealed yet.",
    )


@app.command("rotate-key")
def rotate_key(
    reason: Annotated[str, typer.Option(help="Why, for the log: no personal data.")],
    json: Json = False,
) -> None:
    """Let a new key sign the log from here on; both keys sign that it follows the old one."""

    async def work() -> str:
        async with opened(only=[]) as services:
            return await services.audit.rotate(by=me(), reason=reason)

    key = run(work())
    show(
        {"public_key": key},
        as_json=json,
        text=lambda: (
            f"The log is signed by {key} from here on.\nGive audit-public-key and "
            "audit-handovers.log to whoever keeps the old key, and copy both and "
            "audit-signing-key to every machine that has a folder of its own."
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
        return "\n".join([*told, "Everything is as it was written."])
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
        f"RESTORED: the database was put back from a copy ({who}). The first {change.kept:,} "
        f"entries are those of {old}; from there {new} signs. {lost}."
    )
