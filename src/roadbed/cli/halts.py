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
    reason: Annotated[str, typer.Option(help="The reason. Other people read it.")] = "",
    drill: Annotated[
        bool, typer.Option("--drill", help="Run every step and measure, but stop nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Stop a use case, or all, now: no new effect can start; effects in progress finish."""
    if (usecase is None) != everything:
        raise typer.BadParameter("Name one use case, or use --all.")
    if drill and everything:
        raise typer.BadParameter("A drill needs one use case.")
    if not drill and not reason.strip():
        raise typer.BadParameter("Give a reason with --reason.")

    async def work() -> tuple[Sequence[Any], Mapping[str, str]]:
        # No folder is loaded: a halt must work with a broken folder.
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
        text=lambda: "\n".join(map(_halted_text, halts)) or "There is no use case in the database.",
    )
    if failed:
        from roadbed.halts.errors import HaltIncompleteError

        for name, why in failed.items():
            say(f"NOT HALTED {name}: {why}", err=True)
        raise fail(HaltIncompleteError(len(halts), failed))


def resume(
    usecase: Annotated[str, typer.Argument(help="The use case to resume.")],
    note: Annotated[str, typer.Option(help="Why it can resume.")] = "",
    json: Json = False,
) -> None:
    """Request a resume; a second person confirms with the same command."""

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
    """A halt or drill with its times and the effects in progress."""
    what = "Drill of" if halt.kind == "drill" else "Halted"
    fenced, quiesced = halt.fenced_seconds, halt.quiesced_seconds
    lines = [f"{what} {halt.use_case}: fenced after {fenced * 1000:,.0f} ms"]
    if quiesced is None:
        lines[0] += "; NOT quiesced yet, an effect is still in progress"
    else:
        lines[0] += f", quiesced after {quiesced * 1000:,.0f} ms"
    lines += [
        f"  in progress when fenced: {item['kind']} to {item['destination']}, "
        f"{item['delivery']}, task {item['task']}"
        for item in halt.in_flight
    ]
    if not halt.in_flight:
        lines.append("  no effect was in progress")
    if halt.kind != "drill":
        lines.append(
            f"  to resume, two people run `roadbed resume {halt.use_case}` or use the console"
        )
    return "\n".join(lines)


def _resumed_text(halt: Any) -> str:
    """The result of a request to resume."""
    if halt.resumed_at is None:
        return (
            f"{halt.resume_asked_by} requested to resume {halt.use_case}. It stays halted until a "
            "second person confirms."
        )
    people = f"requested by {halt.resume_asked_by}, confirmed by {halt.resumed_by}"
    return f"{halt.use_case} is resumed: {people}."
