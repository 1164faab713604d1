"""How the command line is used: help, version, and what a wrong use says."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from roadbed import __version__
from roadbed.cli.output import FAILED, complain, say, tell
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.suggestions import did_you_mean
from roadbed.kernel.terminal import escape_unencodable

WRONG_USAGE = 2


class UsageError(RoadbedError):
    """A verb, option or argument that does not exist, is missing or does not fit."""

    code = "usage_wrong"

    def __init__(self, problem: str, command: str) -> None:
        super().__init__(problem, f"`{command} --help` shows what it takes.")


class Verbs(TyperGroup):
    """A group of verbs. Its help lists them with whole sentences, not cut off at the margin."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for command in self.commands.values():
            if command.help and not command.short_help:
                command.short_help = " ".join(command.help.partition("\n\n")[0].split())

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb that ``args`` begin with. Fails with the verb that was probably meant."""
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            shown = [name for name, command in self.commands.items() if not command.hidden]
            ctx.fail(f"There is no verb {args[0]!r}.{did_you_mean(args[0], shown)}")
        return super().resolve_command(ctx, args)


def print_version(asked: bool) -> None:
    """Print the version and end, if it is ``asked`` for."""
    if asked:
        say(f"roadbed {__version__}")
        raise typer.Exit


def run(app: typer.Typer) -> None:
    """Run the command line and exit. A wrong use is a problem as any other, with exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        escape_unencodable(stream)
    try:
        code = app(standalone_mode=False, prog_name="roadbed")
    except typer.Abort:
        tell("Nothing was done.")
        code = FAILED
    except TyperException as error:
        code = _wrong(error)
    except RoadbedError as error:  # before a command began its work: a wrong setting
        complain(error)
        code = FAILED
    sys.exit(code if isinstance(code, int) else 0)


def _wrong(error: Any) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return WRONG_USAGE
    context: Any = getattr(error, "ctx", None)
    problem = error.format_message()
    if hasattr(error, "possibilities"):
        options = [name for item in context.command.get_params(context) for name in item.opts]
        long = [name for name in options if name.startswith("--")]
        problem = (
            f"There is no option {error.option_name!r}.{did_you_mean(error.option_name, long)}"
        )
    complain(UsageError(problem, context.command_path if context else "roadbed"))
    return WRONG_USAGE
