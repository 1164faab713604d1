"""``documents``: the library of a use case: what is in it, what cannot be read, who may read it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadbed.cli.document_texts import (
    conflict_text,
    deleted_text,
    document_text,
    erased_text,
    family_text,
    ingestion_text,
    match_text,
)
from roadbed.cli.identity import me
from roadbed.cli.jobs import done
from roadbed.cli.output import Json, UseCaseName, opened, run, show
from roadbed.cli.usage import Verbs
from roadbed.kernel.terminal import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from roadbed.app import App
    from roadbed.knowledge.conflicts import DocumentConflict
    from roadbed.knowledge.document_erasure import DeletedDocument, ErasedDocument
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

    After an upgrade that improved reading, unchanged files are read again once.

    A running `roadbed up` or `roadbed worker` reads them as a job, and this command shows how far
    it is. If none runs, this command reads them itself.
    """

    async def start(services: App) -> Job:
        return await services.ingestion_jobs.start(usecase, by=me(), allow_gone=allow_gone)

    job = run(done(start, usecase, quiet=json))
    show(
        {"job": job.id, "ingested": job.result},
        as_json=json,
        text=lambda: ingestion_text(usecase, job.result),
    )


@app.command()
def upload(
    usecase: UseCaseName,
    files: Annotated[
        list[Path],
        typer.Argument(help="The files to upload.", exists=True, dir_okay=False, readable=True),
    ],
    to: Annotated[str, typer.Option(help="The folder of the library that they get into.")] = "",
    json: Json = False,
) -> None:
    """Store files in the library, in place of those with the same path, and read them."""

    async def start(services: App) -> Job:
        loaded = services.service(usecase).loaded
        for file in files:
            with file.open("rb") as content:
                path = "/".join(filter(None, (to.strip("/"), file.name)))
                await services.libraries.upload(loaded, path, content, by=me())
        return await services.ingestion_jobs.start(usecase, by=me(), fetch=False)

    job = run(done(start, usecase, quiet=json))
    show(
        {"job": job.id, "ingested": job.result},
        as_json=json,
        text=lambda: ingestion_text(usecase, job.result),
    )


@app.command()
def delete(
    usecase: UseCaseName,
    path: Annotated[str, typer.Argument(help="The path of an uploaded file in the library.")],
    json: Json = False,
) -> None:
    """Delete an uploaded file. Its document leaves the search; the text of its versions stays."""

    async def start(services: App) -> Job:
        loaded = services.service(usecase).loaded
        await services.libraries.delete_upload(loaded, path, by=me())
        return await services.ingestion_jobs.start(usecase, by=me(), fetch=False)

    job = run(done(start, usecase, quiet=json))
    show(
        {"job": job.id, "ingested": job.result},
        as_json=json,
        text=lambda: ingestion_text(usecase, job.result),
    )


@app.command()
def erase(
    usecase: UseCaseName,
    path: Annotated[str, typer.Argument(help="The path of a deleted document.")],
    reason: Annotated[str, typer.Option(help="The reason, for the log: no personal data.")],
    json: Json = False,
) -> None:
    """Erase the stored text of a deleted document permanently. Answers keep what they quote."""

    async def work() -> ErasedDocument:
        async with opened(only=[usecase]) as services:
            loaded = services.service(usecase).loaded
            return await services.erasure.documents.erase(loaded, path, by=me(), reason=reason)

    erased = run(work())
    show({"erased": erased}, as_json=json, text=lambda: erased_text(erased))


@app.command("list")
def list_(
    usecase: UseCaseName,
    unreadable: Annotated[
        bool, typer.Option("--unreadable", help="Only those that cannot be read, with the reason.")
    ] = False,
    findings: Annotated[
        bool, typer.Option("--findings", help="Only those with findings of the reading.")
    ] = False,
    deleted: Annotated[
        bool, typer.Option("--deleted", help="Those that left it, of what you may read.")
    ] = False,
    json: Json = False,
) -> None:
    """List the documents of a library."""
    from roadbed.knowledge.findings import of_file

    async def work() -> Any:
        async with opened(only=[usecase]) as services:
            loaded = services.service(usecase).loaded
            if deleted:
                return await services.erasure.documents.deleted(loaded, viewer=me())
            return await services.libraries.documents.documents(usecase)

    if deleted:
        gone: Sequence[DeletedDocument] = run(work())
        show(
            {"deleted": gone},
            as_json=json,
            text=lambda: "\n".join(map(deleted_text, gone)) or "No document was deleted.",
        )
        return
    known: Sequence[Document] = run(work())
    documents = [
        document
        for document in known
        if (not unreadable or document.state == "unreadable")
        and (not findings or of_file(document.findings))
    ]
    none = "There are no documents."
    if known:
        none = "No document has findings." if findings else "Every document can be read."
    show(
        {"documents": documents},
        as_json=json,
        text=lambda: "\n".join(map(document_text, documents)) or none,
    )


@app.command()
def search(
    usecase: UseCaseName,
    question: Annotated[str, typer.Argument(help="What to look for, in plain words.")],
    most: Annotated[int, typer.Option(min=1, max=100, help="How many passages.")] = 5,
    json: Json = False,
) -> None:
    """Search the documents that you may read. Nothing is answered and nothing is stored."""
    if not question.strip():
        raise typer.BadParameter("The question is empty. Ask it in words.")

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
        text=lambda: "\n\n".join(map(match_text, matches)) or "No passage has any of these words.",
    )


@app.command()
def families(
    usecase: UseCaseName,
    unsettled: Annotated[
        bool, typer.Option("--unsettled", help="Only those about which a person decides.")
    ] = False,
    json: Json = False,
) -> None:
    """List the documents that belong together: versions of one document, and series."""

    async def work() -> Any:
        from roadbed.knowledge.document_families import with_superseding
        from roadbed.knowledge.removed_versions import with_removed
        from roadbed.usecases.decider import RemovedVersion

        async with opened(only=[usecase]) as services:
            services.service(usecase)  # one that is not there has no documents either
            libraries = services.libraries
            documents = with_superseding(await libraries.documents.documents(usecase))
            removed = {
                row["id"]: RemovedVersion(document=row["path"], removed_at=row["removed_at"])
                for row in await libraries.documents.newer_removed(usecase)
            }
            return with_removed(documents, removed)

    groups: dict[str, list[Document]] = {}
    for document in run(work()):
        is_open = document.relation == "open"
        if is_open or (not unsettled and (document.standing or "single") != "single"):
            groups.setdefault(document.family or document.id, []).append(document)
    show(
        {"families": list(groups.values())},
        as_json=json,
        text=lambda: (
            "\n\n".join(map(family_text, groups.values())) or "No documents belong together here."
        ),
    )


@app.command()
def settle(
    usecase: UseCaseName,
    path: Annotated[str, typer.Argument(help="The document, by its path in the library.")],
    kind: Annotated[
        str,
        typer.Option(
            "--as",
            help="current: this one is in force. series: each has its own period. "
            "separate: they do not belong together.",
        ),
    ],
    json: Json = False,
) -> None:
    """Decide about the documents that belong together with one of them."""

    async def work() -> Any:
        from roadbed.knowledge.document_families import settlement_kind
        from roadbed.knowledge.sources.service import library_of

        async with opened(only=[usecase]) as services:
            libraries, decided = services.libraries, settlement_kind(kind)
            library = library_of(services.service(usecase).loaded)
            document = await libraries.documents.document(usecase, path)
            members = await libraries.documents.documents(usecase)
            groups = {one.group for one in members if one.group is not None}
            await libraries.families.settle(
                usecase, library, document, decided, groups=groups, by=me()
            )

    run(work())
    show(
        {"document": path, "kind": kind},
        as_json=json,
        text=lambda: f"{one_line(path)} and its family are settled: {kind}.",
    )


@app.command()
def conflicts(
    usecase: UseCaseName,
    settle: Annotated[
        str | None, typer.Option("--settle", help="Decide about the one with this id.")
    ] = None,
    right: Annotated[
        str, typer.Option(help="Which document is right: first, second or both.")
    ] = "",
    seen: Annotated[
        str | None,
        typer.Option(
            help="The decision that you read: none, first, second or both. If somebody decided "
            "since, nothing is changed."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """List the documents that state different figures, as questions brought them up."""

    async def work() -> Any:
        from roadbed.knowledge.conflicts import seen_verdict
        from roadbed.knowledge.sources.service import library_of

        async with opened(only=[usecase]) as services:
            libraries = services.libraries
            library = library_of(services.service(usecase).loaded)
            members = await libraries.documents.documents(usecase)
            groups = {one.group for one in members if one.group is not None}
            if settle is not None:
                read = None if seen is None else seen_verdict(None if seen == "none" else seen)
                await libraries.conflicts.settle(
                    usecase, library, settle, right, groups=groups, by=me(), seen=read
                )
            return await libraries.conflicts.list(usecase, library, groups=groups)

    listed: Sequence[DocumentConflict] = run(work())
    show(
        {"conflicts": listed},
        as_json=json,
        text=lambda: "\n\n".join(map(conflict_text, listed)) or "No documents are in conflict.",
    )


@app.command()
def reindex(usecase: UseCaseName, json: Json = False) -> None:
    """Build the search index of this machine anew from the database."""

    async def work() -> Any:
        from roadbed.knowledge.sources.service import library_of

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
        from roadbed.knowledge.sources.service import library_of

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
            services.service(usecase)  # one that is not there has no groups either
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
