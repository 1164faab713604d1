"""``audit``: recompute the signed log, show its newest checkpoint; proofs of receipts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from roadbed.cli.output import PROBLEMS_FOUND, fail, opened, run, say, show
from roadbed.kernel.errors import RoadbedError

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The signed log of all that happened."
)
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]


class ProofFileError(RoadbedError):
    """The file for a proof cannot be written."""

    code = "proof_file"

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(f"{path} cannot be written: {detail}.", "Name another file.")


@app.command()
def verify(json: Json = False) -> None:
    """Recompute every hash from the entries, and compare with what was signed."""

    async def work() -> Any:
        async with opened(only=[]) as services:
            return await services.audit.verify()

    found = run(work())
    show(found, as_json=json, text=lambda: _verified(found))
    if not found.sound:
        raise typer.Exit(PROBLEMS_FOUND)


@app.command()
def checkpoint(json: Json = False) -> None:
    """The newest signed checkpoint: keep a copy where nobody here can change it."""

    async def work() -> Any:
        async with opened(only=[]) as services:
            return await services.audit.newest()

    found = run(work())
    show(
        {
            "size": found.size if found else 0,
            "root": found.root.hex() if found else None,
            "note": found.note if found else None,
        },
        as_json=json,
        text=lambda: found.note.rstrip("\n") if found else "Nothing was sealed yet.",
    )


def write_proof(task_id: str, file: Path | None) -> None:
    """Write the proof of a task's entries to ``file``, or to standard output."""

    async def work() -> Any:
        async with opened(only=[]) as services:
            await services.audit.seal()
            await services.audit.publish()
            return await services.audit.proof_of_task(task_id)

    from pydantic_core import to_json

    found = run(work())
    text = to_json(found, indent=2).decode()
    if file is None:
        say(text)
        return
    try:
        file.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise fail(ProofFileError(file, error.strerror or "it is no file")) from None
    many = "entry" if len(found.entries) == 1 else "entries"
    say(f"Proof of {len(found.entries)} {many} written to {file}. Check it anywhere with")
    say(f"  python docs/verify_receipt.py {file}")


def _verified(found: Any) -> str:
    counted = (
        f"{found.entries:,} entries ({found.erased:,} erased, {found.pending:,} not sealed yet) "
        f"and {found.checkpoints:,} checkpoints recomputed in {found.seconds:.1f} s."
    )
    if found.sound:
        return f"{counted}\nEverything is as it was written."
    lines = [counted, f"Found {len(found.findings) + found.more:,}:"]
    lines += [f"  {each.problem}" for each in found.findings]
    lines += [f"  and {found.more:,} more."] if found.more else []
    return "\n".join([*lines, *dict.fromkeys(each.remedy for each in found.findings)])
