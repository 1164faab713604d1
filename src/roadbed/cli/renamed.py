"""Old verbs of the command line: they work like the new ones for one release, with a notice."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import typer

from roadbed.cli.output import tell

Arguments = ParamSpec("Arguments")


def old_verb(
    app: typer.Typer, old: str, new: str, command: Callable[Arguments, None], *, group: str = ""
) -> None:
    """Let ``old`` of ``app`` call ``command``, which is called ``new`` now. Help omits it."""

    @wraps(command)
    def with_notice(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        before, now = (f"roadbed {group} {verb}".replace("  ", " ") for verb in (old, new))
        tell(f"`{before}` is `{now}` now. The old verb works in this release only.")
        command(*args, **kwargs)

    app.command(old, hidden=True)(with_notice)
