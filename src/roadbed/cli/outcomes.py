"""``outcome``: report outcomes, one or many from a file, and list what was reported."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadbed.cli.identity import me, readable
from roadbed.cli.output import PROBLEMS_FOUND, Json, opened, run, show, tell
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.figures import counted
from roadbed.kernel.json import flat

if TYPE_CHECKING:
    from roadbed.outcomes.model import Reported
    from roadbed.storage.database import Row


def outcome(
    usecase: Annotated[str, typer.Argument(help="The use case's name.")],
    task: Annotated[
        str | None, typer.Argument(metavar="[TASK]", help="The id of the task, or its key.")
    ] = None,
    right: Annotated[
        bool | None, typer.Option("--right/--wrong", help="Whether the answer was right.")
    ] = None,
    output: Annotated[str | None, typer.Option(help="The right output, as JSON.")] = None,
    note: Annotated[str | None, typer.Option(help="A note for the reviewer.")] = None,
    source: Annotated[str | None, typer.Option(help="The system that reports it.")] = None,
    happened_at: Annotated[
        str | None, typer.Option(help="The time it happened, with its zone.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="A report with the same key is stored once.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--from", help="A .csv or .jsonl file with many outcomes.")
    ] = None,
    json: Json = False,
) -> None:
    """Report the outcome of a task. Without a task, list what was reported."""
    if file is not None:
        if task is not None:
            raise typer.BadParameter("Give a task or a file, not both.")
        _from_file(usecase, file, as_json=json)
    elif task is not None:
        named = {"task" if task.startswith("tsk_") else "task_key": task}
        said = {"right": right, "note": note, "source": source}
        sent = {**named, **said, "happened_at": happened_at, "key": key}
        _one(usecase, sent, output, as_json=json)
    elif any(item is not None for item in (right, output, note, source, happened_at, key)):
        raise typer.BadParameter("Name the task of this outcome.")
    else:
        _list(usecase, as_json=json)


def _one(usecase: str, sent: dict[str, Any], output: str | None, *, as_json: bool) -> None:
    from roadbed.cli.reviews import parsed

    async def work() -> Any:
        report = {**sent, "output": parsed(output)}
        async with opened(only=None) as app:
            return await app.outcomes.report(_declared(app, usecase), report, by=me())

    report = run(work())
    show(report, as_json=as_json, text=lambda: told_text(report))


def _from_file(usecase: str, file: Path, *, as_json: bool) -> None:
    done = run(_report_all(usecase, file))
    refused = done["refused"]
    for item in refused:
        tell(f"{file}:{item['line']}: {item['detail']} {item['remedy']}")
    again = f", {done['repeated']:,} of them known before" if done["repeated"] else ""
    left = (
        f" {len(refused):,} refused. Correct those lines and run the command again."
        if refused
        else ""
    )
    show(done, as_json=as_json, text=lambda: f"Stored {done['kept']:,}{again}.{left}")
    if refused:
        raise typer.Exit(PROBLEMS_FOUND)


async def _report_all(usecase: str, file: Path) -> dict[str, Any]:
    from roadbed.outcomes.report_files import read_file
    from roadbed.outcomes.service import MOST_AT_ONCE

    kept = repeated = 0
    refused: list[dict[str, Any]] = []
    async with opened(only=None) as app:
        declared = _declared(app, usecase)
        lines = read_file(file, declared, told=tell)
        while part := list(islice(lines, MOST_AT_ONCE)):
            sent = [report for _, report in part]
            told = await app.outcomes.report_many(declared, sent, by=me())
            for (line, _), report in zip(part, told, strict=True):
                if isinstance(report, RoadbedError):
                    refused.append(_refused_line(line, report))
                else:
                    kept, repeated = kept + 1, repeated + report.repeated
    return {"kept": kept, "repeated": repeated, "refused": refused}


def _list(usecase: str, *, as_json: bool) -> None:
    from dataclasses import asdict, replace

    async def work() -> Any:
        async with opened(only=None) as app:
            declared, book = _declared(app, usecase), app.outcomes.repository
            listed = await book.newest(usecase, most=20)
            shown = await readable(app).outcomes(listed.outcomes)
            listed = replace(listed, outcomes=shown)
            return {"summary": await book.summary(declared), **asdict(listed)}

    listed = run(work())
    show(listed, as_json=as_json, text=lambda: "\n".join(listed_text(usecase, listed)))


def _declared(app: Any, usecase: str) -> Any:
    return app.service(usecase).loaded.declared


def listed_text(usecase: str, listed: Row) -> Iterator[str]:
    """The summary and the newest outcomes."""
    summary = listed["summary"]
    yield f"Of {counted(summary.automatic, 'automatic answer')} in {summary.days} days:"
    right = "the number of right ones is unknown"
    if summary.told:
        right = f"{summary.right:,} of {summary.told:,} right"
    yield f"  {summary.reported:,} reported, {right}"
    if summary.told:
        yield f"  {summary.low:.1%} to {summary.high:.1%} of the reported ones"
    yield "The reporting system chooses what to report, so this is no proof of the limit."
    for outcome in listed["outcomes"]:
        yield f"{outcome['id']}  {outcome['task_id']}  {_word(outcome)}"
    if not listed["outcomes"]:
        yield f"None yet. Report one: `roadbed outcome {usecase} TASK --right`."


def _word(outcome: dict[str, Any]) -> str:
    if outcome["withheld"]:
        return "shown after its blind review"
    said = "right" if outcome["right"] else "wrong"
    said += f", right is {flat(outcome['output'])!r}" if outcome["output"] is not None else ""
    return said + (" (withdrawn)" if outcome["withdrawn_at"] else "")


def told_text(report: Reported) -> str:
    """The result of one report."""
    opened_one = f" Review {report.outcome.review} is open." if report.outcome.review else ""
    return f"{'Known before' if report.repeated else 'Stored'} as {report.outcome.id}.{opened_one}"


def _refused_line(line: int, error: RoadbedError) -> dict[str, Any]:
    """A line of a file that was refused, and why."""
    return {"line": line, "code": error.code, "detail": error.problem, "remedy": error.remedy}
