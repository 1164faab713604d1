"""``documents gaps`` and reports: what no document answers, and which documents are outdated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadbed.cli.identity import me
from roadbed.cli.output import Json, UseCaseName, opened, run, show
from roadbed.kernel.terminal import one_line

if TYPE_CHECKING:
    from roadbed.app import App
    from roadbed.knowledge.document_reports import ReportDecision
    from roadbed.knowledge.gaps import Gap
    from roadbed.knowledge.records import Document


app = typer.Typer(rich_markup_mode=None)  # its verbs are verbs of ``documents``


@app.command()
def report(
    usecase: UseCaseName,
    path: Annotated[str, typer.Argument(help="The document, by its path in the library.")],
    reason: Annotated[str, typer.Argument(help="What is outdated, and what replaces it.")],
    json: Json = False,
) -> None:
    """Report a document as outdated. The data specialist decides whether it is still searched."""

    async def work() -> Any:
        async with opened(only=[usecase]) as services:
            document = await _readable(services, usecase, path)
            return await services.libraries.reports.report(usecase, document, reason, by=me())

    show(
        {"report": run(work())},
        as_json=json,
        text=lambda: f"{one_line(path)} is reported. It is searched until somebody leaves it out.",
    )


@app.command()
def decide(
    usecase: UseCaseName,
    path: Annotated[str, typer.Argument(help="The document, by its path in the library.")],
    leave_out: Annotated[
        bool,
        typer.Option("--leave-out/--keep", help="Leave it out of the search, or keep it."),
    ],
    note: Annotated[str, typer.Option(help="Why.")] = "",
    json: Json = False,
) -> None:
    """Decide about a document that was reported as outdated, until its content changes."""

    async def work() -> Any:
        async with opened(only=[usecase]) as services:
            document = await _readable(services, usecase, path)
            state: ReportDecision = "left_out" if leave_out else "kept"
            return await services.libraries.reports.settle(
                usecase, document, state, by=me(), note=note
            )

    what = "left out of the search" if leave_out else "kept in the search"
    show(
        {"reports": run(work())},
        as_json=json,
        text=lambda: f"{one_line(path)} is {what} until its content changes.",
    )


@app.command()
def reports(usecase: UseCaseName, json: Json = False) -> None:
    """List the documents that were reported as outdated and wait for a decision."""

    async def work() -> Any:
        from roadbed.knowledge.access import may_read
        from roadbed.knowledge.sources.service import library_of

        async with opened(only=[usecase]) as services:
            library = library_of(services.service(usecase).loaded)
            groups = await services.libraries.access.of(usecase, me())
            return [
                report
                for report in await services.libraries.reports.open(usecase)
                if may_read(library, report.path, report.group, groups)
            ]

    waiting = run(work())
    show(
        {"reports": waiting},
        as_json=json,
        text=lambda: (
            "\n".join(
                f"{one_line(entry.path)}, version {entry.version}: {one_line(entry.reason)} "
                f"({entry.reported_by})"
                for entry in waiting
            )
            or "No document waits for a decision."
        ),
    )


@app.command()
def gaps(
    usecase: UseCaseName,
    fill: Annotated[
        str | None, typer.Option(help="A document answers the question of this task now.")
    ] = None,
    dismiss: Annotated[
        str | None, typer.Option(help="The question of this task needs no document.")
    ] = None,
    note: Annotated[str, typer.Option(help="Why.")] = "",
    json: Json = False,
) -> None:
    """List the questions that no document answers, grouped; or decide about one."""

    async def work() -> Any:
        async with opened(only=[usecase]) as services:
            library = services.service(usecase).loaded.declared.library
            known = services.libraries.gaps
            if fill is not None:
                await known.decide(usecase, library, fill, "filled", by=me(), note=note)
            if dismiss is not None:
                await known.decide(usecase, library, dismiss, "dismissed", by=me(), note=note)
            return await known.list(usecase, library)

    listed = run(work())
    show(
        {"gaps": listed},
        as_json=json,
        text=lambda: "\n".join(map(_gap, listed)) or "There is no gap.",
    )


async def _readable(services: App, usecase: str, path: str) -> Document:
    """A document that this person may read. Raises ``UnknownDocumentError``."""
    library = services.service(usecase).loaded.declared.library
    groups = await services.libraries.access.of(usecase, me())
    known = await services.libraries.documents.document(usecase, path)
    return await services.libraries.document(usecase, library, known.id, groups=groups)


def _gap(gap: Gap) -> str:
    count = len(gap.questions)
    asked = f"{count} question" if count == 1 else f"{count} questions"
    people = f" of {', '.join(gap.people)}" if gap.people else ""
    return f"{gap.state} · {asked}{people} · {gap.id}\n  {one_line(gap.newest.question)}"
