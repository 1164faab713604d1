"""``documents``: the library of a use case: what is in it, what cannot be read, who may read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadbed.cli.identity import me
from roadbed.cli.jobs import done
from roadbed.cli.output import Json, UseCaseName, opened, run, show
from roadbed.cli.usage import Verbs
from roadbed.kernel.terminal import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from roadbed.app import App
    from roadbed.knowledge.document_reports import Settlement
    from roadbed.knowledge.gaps import Gap
    from roadbed.knowledge.libraries import Match
    from roadbed.knowledge.records import Document
    from roadbed.work.model import Job

app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The documents that a use case answers from.",
)
Group = Annotated[str, typer.Argument(help="The access group, as the library declares it.")]
Person = Annotated[str, typer.Argument(help="The person's name.")]


@app.command()
def ingest(
    usecase: UseCaseName,
    allow_gone: Annotated[
        bool, typer.Option("--allow-gone", help="Most documents were removed on purpose.")
    ] = False,
    json: Json = False,
) -> None:
    """Bring the library up to date with its folder. Only changed files are read.

    A running `roadbed up` or `roadbed worker` reads them as a job, and this command shows how far
    it is. If none runs, this command reads them itself.
    """

    async def start(services: App) -> Job:
        return await services.ingestion_jobs.start(usecase, by=me(), allow_gone=allow_gone)

    job = run(done(start, usecase, quiet=json))
    show({"job": job.id, "ingested": job.result}, as_json=json, text=lambda: _summary(job.result))


@app.command("list")
def list_(
    usecase: UseCaseName,
    unreadable: Annotated[
        bool, typer.Option("--unreadable", help="Only those that cannot be read, with the reason.")
    ] = False,
    json: Json = False,
) -> None:
    """List the documents of a library."""

    async def work() -> Any:
        async with opened(only=[usecase]) as services:
            return await services.libraries.documents.documents(usecase)

    documents = [
        document for document in run(work()) if not unreadable or document.state == "unreadable"
    ]
    show(
        {"documents": documents},
        as_json=json,
        text=lambda: "\n".join(map(_document, documents)) or "There are no documents.",
    )


@app.command()
def search(
    usecase: UseCaseName,
    question: Annotated[str, typer.Argument(help="What to look for, in plain words.")],
    most: Annotated[int, typer.Option(min=1, max=100, help="How many passages.")] = 5,
    json: Json = False,
) -> None:
    """Search the documents that you may read. Nothing is answered and nothing is stored."""

    async def work() -> Any:
        async with opened(only=[usecase]) as services:
            return await services.libraries.search(
                usecase,
                services.service(usecase).loaded.declared.library,
                question,
                groups=await services.libraries.access.of(usecase, me()),
                most=most,
            )

    matches = run(work())
    show(
        {"matches": matches},
        as_json=json,
        text=lambda: "\n\n".join(map(_match, matches)) or "No passage has any of these words.",
    )


@app.command()
def reindex(usecase: UseCaseName, json: Json = False) -> None:
    """Build the search index of this machine anew from the database."""

    async def work() -> Any:
        from roadbed.knowledge.ingestion import library_of

        async with opened(only=[usecase]) as services:
            library = library_of(services.service(usecase).loaded)
            index = await services.libraries.indexes.rebuild(usecase, library.language)
            return index.passages

    passages = run(work())
    show(
        {"passages": passages},
        as_json=json,
        text=lambda: f"The index of {usecase} is new: {passages:,} passages.",
    )


@app.command()
def allow(usecase: UseCaseName, group: Group, person: Person, json: Json = False) -> None:
    """Let a person read the documents of an access group."""

    async def work() -> None:
        from roadbed.knowledge.ingestion import library_of

        async with opened(only=[usecase]) as services:
            library = library_of(services.service(usecase).loaded)
            await services.libraries.access.add(usecase, library, group, person, by=me())

    run(work())
    show(
        {"group": group, "person": person},
        as_json=json,
        text=lambda: f"{person} may read the documents of {group} in {usecase}.",
    )


@app.command()
def disallow(usecase: UseCaseName, group: Group, person: Person, json: Json = False) -> None:
    """End what `allow` gave."""

    async def work() -> None:
        async with opened(only=[usecase]) as services:
            await services.libraries.access.remove(usecase, group, person, by=me())

    run(work())
    show(
        {"group": group, "person": person},
        as_json=json,
        text=lambda: f"{person} may not read the documents of {group} in {usecase} any more.",
    )


@app.command()
def members(usecase: UseCaseName, json: Json = False) -> None:
    """List the members of access groups."""

    async def work() -> Any:
        async with opened(only=[usecase]) as services:
            return await services.libraries.access.members(usecase)

    groups: Mapping[str, Sequence[str]] = run(work())
    show(
        {"members": groups},
        as_json=json,
        text=lambda: (
            "\n".join(f"{group}: {', '.join(names)}" for group, names in groups.items())
            or "No access group has a member."
        ),
    )


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
def settle(
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
            state: Settlement = "left_out" if leave_out else "kept"
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
        from roadbed.knowledge.ingestion import library_of

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


def _summary(result: Any) -> str:
    from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason

    counts = (
        f"{result['read']:,} read, {result['unchanged']:,} unchanged, {result['moved']:,} moved, "
        f"{result['gone']:,} gone, {result['ignored']:,} left out by a pattern"
    )
    lines = [counts]
    if result["unreadable"]:
        lines.append(f"{len(result['unreadable']):,} cannot be read; the data specialist is asked:")
    for document in result["unreadable"]:
        reason = UnreadableReason(document["reason"])
        trouble = DocumentUnreadableError(document["path"], reason, document["detail"] or "")
        lines.append(f"  {one_line(str(trouble))}")
    return "\n".join(lines)


def _document(document: Document) -> str:
    size = f"{document.pages} pages" if document.pages is not None else f"{document.words} words"
    told = [
        one_line(document.path),
        "never read" if document.version is None else f"version {document.version}, {size}",
    ]
    if document.group is not None:
        told.append(f"only for {document.group}")
    lines = [" · ".join(told)]
    if document.trouble is not None:
        lines.append(f"  ! {one_line(str(document.trouble))}")
    lines += [f"  {one_line(str(finding.told()))}" for finding in document.findings]
    return "\n".join(lines)


def _match(match: Match) -> str:
    passage = match.passage
    position = f"{passage.path}, {passage.position.label}".rstrip(", ")
    return f"{one_line(position)}\n{passage.text}"
