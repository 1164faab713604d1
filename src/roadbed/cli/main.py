"""The command line's verbs. A verb imports its services when it runs, so ``--help`` is quick."""

from __future__ import annotations

from typing import Annotated

import typer

from roadbed.cli import (
    audit,
    backups,
    budgets,
    chat,
    deliveries,
    documents,
    gaps,
    halts,
    inbox,
    incidents,
    jobs,
    labels,
    mcp,
    notebooks,
    outcomes,
    people,
    proposals,
    receipts,
    releases,
    renamed,
    reviews,
    server,
    tasks,
    timeline,
    trust,
    usage,
    use_cases,
    versions,
)

app = typer.Typer(
    name="roadbed",
    cls=usage.Verbs,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=usage.print_version,
            help="Print the version and end.",
        ),
    ] = False,
) -> None:
    """Take an AI use case from pilot to production."""


for command in (
    server.demo,
    server.up,
    server.serve,
    deliveries.worker,
    use_cases.new,
    use_cases.check,
    tasks.submit,
    tasks.revise,
    receipts.receipt,
    outcomes.outcome,
    trust.trust,
    budgets.budget,
    proposals.improve,
    trust.stress,
    incidents.incident,
    receipts.erase,
    notebooks.notebook,
    timeline.timeline,
    mcp.mcp,
    halts.halt,
    halts.resume,
    server.doctor,
    backups.backup,
    backups.restore,
    backups.restored,
):
    app.command()(command)
renamed.old_verb(app, "road", "timeline", timeline.timeline)
reviews.app.command()(labels.labels)
reviews.app.command("confirm-label")(labels.confirm_label)
app.add_typer(reviews.app, name="review")
app.add_typer(audit.app, name="audit")
app.add_typer(deliveries.app, name="deliver")
app.add_typer(proposals.app, name="proposals")
app.add_typer(versions.app, name="version")
app.add_typer(releases.app, name="release")
app.add_typer(people.app, name="user")
app.add_typer(inbox.app, name="inbox")
documents.app.add_typer(gaps.app)
app.add_typer(documents.app, name="documents")
app.add_typer(jobs.app, name="jobs")
app.add_typer(chat.app, name="chat")


def run() -> None:
    """Entry point."""
    usage.run(app)
