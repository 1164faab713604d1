"""``halt`` and ``resume``: they need the database and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from roadbed.cli.identity import me, verified
from roadbed.cli.output import Json, fail, opened, run, say, show


def halt(
    usecase: Annotated[str | None, typer.Argument(help="The use case to stop.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Stop every use case.")] = False,
    reason: Annotated[str, typer.Option(help="Why; people will read it.")] = "",
    drill: Annotated[
        bool, typer.Option("--drill", help="Go the whole way, but stop nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Stop a use case, or all, now: no effect can begin, what is under way is waited for."""
    if (usecase is None) != everything:
        raise typer.BadParameter("Name one use case, or say --all.")
    if drill and everything:
        raise typer.BadParameter("A drill is of one use case.")
    if not drill and not reason.strip():
        raise typer.BadParameter("Say why with --reason.")

    async def work() -> tuple[Sequence[Any], Mapping[str, str]]:
        # No folder is loaded: a stop must work when the folder is broken.
        async with opened(only=[]) as app:
            if usecase is None:
                all_of_them = await app.halts.halt_all(reason=reason, actor=me())
                return all_of_them.halts, all_of_them.failed
            if drill:
                return [await app.halts.drill(usecase, actor=me())], {}
            return [await app.halts.halt(usecase, reason=reason, actor=me())], {}

    halts, failed = run(work())
    show(
        {"halts": halts, "failed": failed},
        as_json=json,
        text=lambda: "\n".join(map(_halted_text, halts)) or "The database knows no use case.",
    )
    if failed:
        from roadbed.halts.errors import HaltIncompleteError

        for name, why in failed.items():
            say(f"NOT HALTED {name}: {why}", err=True)
        raise fail(HaltIncompleteError(len(halts), failed))


def resume(
    usecase: Annotated[str, typer.Argument(help="The use case to let go on.")],
    note: Annotated[str, typer.Option(help="Why it may go on.")] = "",
    json: Json = False,
) -> None:
    """Ask to let a use case go on; it does when a second person asks as well."""

    async def work() -> Any:
        async with opened(only=[]) as app:
            person = await verified(app, usecase, "resume")
            return await app.halts.resume(usecase, actor=person, note=note)

    halt = run(work())
    show(
        {"resumed": halt.resumed_at is not None, "halt": halt},
        as_json=json,
        text=lambda: _resumed_text(halt),
    )


def _halted_text(halt: Any) -> str:
    """A halt or drill with its times and what was under way."""
    what = "Drill of" if halt.kind == "drill" else "Halted"
    fenced, quiesced = halt.fenced_seconds, halt.quiesced_seconds
    lines = [f"{what} {halt.use_case}: fenced after {fenced * 1000:,.0f} ms"]
    if quiesced is None:
        lines[0] += "; NOT quiesced yet, an effect is still under way"
    else:
        lines[0] += f", quiesced after {quiesced * 1000:,.0f} ms"
    lines += [
        f"  under way when fenced: {item['kind']} to {item['destination']}, "
        f"{item['delivery']}, task {item['task']}"
        for item in halt.in_flight
    ]
    if not halt.in_flight:
        lines.append("  no effect was under way")
    if halt.kind != "drill":
        lines.append(
            f"  to go on, two people say `roadbed resume {halt.use_case}`, or agree in the console"
        )
    return "\n".join(lines)


def _resumed_text(halt: Any) -> str:
    """What came of asking to resume."""
    if halt.resumed_at is None:
        return (
            f"{halt.resume_asked_by} asked to resume {halt.use_case}. It stays halted until a "
            "second person agrees."
        )
    return f"{halt.use_case} goes on: {halt.resume_asked_by} and {halt.resumed_by} agreed."
