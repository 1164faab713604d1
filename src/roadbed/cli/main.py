"""The verbs. Each imports what it needs when it is called, so that ``--help`` is quick."""

from __future__ import annotations

import typer

from roadbed.cli import audit, deliveries, folders, halts, releases, reviews, serving, work

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
    work.receipt,
    work.trust,
    work.improve,
    work.stress,
    work.incident,
    work.erase,
    halts.halt,
    halts.resume,
    serving.doctor,
):
    app.command()(command)
app.add_typer(reviews.app, name="review")
app.add_typer(audit.app, name="audit")
app.add_typer(deliveries.app, name="deliver")
app.add_typer(releases.app, name="release")
app.add_typer(serving.user_app, name="user")


def run() -> None:
    """Entry point."""
    app()
