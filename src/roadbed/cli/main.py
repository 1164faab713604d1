"""The verbs. Each imports what it needs when it is called, so that ``--help`` is quick."""

from __future__ import annotations

import typer

from roadbed.cli import (
    audit,
    budgets,
    deliveries,
    folders,
    halts,
    notebooks,
    outcomes,
    people,
    proposals,
    recovery,
    releases,
    reviews,
    serving,
    versions,
    work,
)

app = typer.Typer(
    name="roadbed",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Carry an AI use case from pilot to production, and keep it there.",
)
for command in (
    serving.demo,
    serving.up,
    serving.serve,
    deliveries.worker,
    folders.new,
    folders.check,
    work.submit,
    work.revise,
    work.receipt,
    outcomes.outcome,
    work.trust,
    budgets.budget,
    work.improve,
    work.stress,
    work.incident,
    work.erase,
    notebooks.notebook,
    notebooks.road,
    halts.halt,
    halts.resume,
    serving.doctor,
    recovery.backup,
    recovery.restore,
    recovery.restored,
):
    app.command()(command)
app.add_typer(reviews.app, name="review")
app.add_typer(audit.app, name="audit")
app.add_typer(deliveries.app, name="deliver")
app.add_typer(proposals.app, name="proposals")
app.add_typer(versions.app, name="version")
app.add_typer(releases.app, name="release")
app.add_typer(people.app, name="user")


def run() -> None:
    """Entry point."""
    app()
