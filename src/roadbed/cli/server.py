"""``up``, ``serve``, ``demo``, ``doctor``: running Roadbed."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from roadbed.cli.identity import me
from roadbed.cli.output import PROBLEMS_FOUND, Json, fail, run, say, show, sign_in_link, tell
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.figures import counted

if TYPE_CHECKING:
    from roadbed.app import App
    from roadbed.recovery.model import Restoration
    from roadbed.storage.doctor import Finding

Port = Annotated[int | None, typer.Option(help="Port to listen on; 0 means any free port.")]


def up(
    folder: Annotated[Path | None, typer.Argument(help="Use-case folders to serve.")] = None,
    port: Port = None,
) -> None:
    """Start everything and print the address with a one-time sign-in link."""
    run(_serve(folder, port, alone=True))


def serve(
    folder: Annotated[Path | None, typer.Argument(help="Use-case folders to serve.")] = None,
    port: Port = None,
) -> None:
    """Serve API and console. `roadbed worker` sends; `roadbed user link` prints a sign-in link."""
    run(_serve(folder, port, alone=False))


def demo(
    use_case: Annotated[
        Literal["support-triage", "ask"],
        typer.Option(help="support-triage, or ask: questions to the documents of a company."),
    ] = "support-triage",
    data: Annotated[
        str, typer.Option(help="sample (made up), clinc150 (real) or documents (real, for ask).")
    ] = "sample",
    rounds: Annotated[int | None, typer.Option(min=1, max=50, help="Number of rounds.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Stop at the end.")] = False,
    drift: Annotated[
        bool,
        typer.Option(
            "--drift", help="The traffic changes: watch automation tighten, halt and open again."
        ),
    ] = False,
    with_model: Annotated[
        bool,
        typer.Option("--with-model", help="With ask: a language model, imitated on this machine."),
    ] = False,
    port: Port = None,
    json: Annotated[
        bool, typer.Option("--json", help="No live view; one JSON object on the last line.")
    ] = False,
) -> None:
    """Play a stream of tasks through the whole task lifecycle, then keep serving.

    It prints the address as soon as it serves. Port 8423, if it is free.
    """
    asks = use_case == "ask" or data == "documents"
    if asks and (drift or data == "clinc150"):
        raise typer.BadParameter("--drift and --data clinc150 are for support-triage.")
    if data == "documents" and rounds is not None:
        raise typer.BadParameter("--data documents has no rounds: right answers are not known.")
    if with_model and (use_case != "ask" or data == "documents"):
        raise typer.BadParameter("--with-model is for --use-case ask.")
    # The imports take seconds. There is nothing to end yet: Ctrl-C ends them without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from roadbed.demo.play import play

    try:
        play(
            use_case=use_case,
            data=data,
            rounds=rounds,
            once=once,
            port=port,
            as_json=json,
            drift=drift,
            with_model=with_model,
        )
    except RoadbedError as error:
        raise fail(error) from None


def doctor(json: Json = False) -> None:
    """Check database, keys and settings, and name the remedy of each problem."""
    from roadbed.bootstrap import open_app
    from roadbed.kernel.settings import Settings
    from roadbed.storage.doctor import examine
    from roadbed.storage.embedded import default_home
    from roadbed.storage.serving import database_url

    async def inspect() -> list[Finding]:
        settings = Settings()
        async with database_url(settings) as url:
            home = settings.home or default_home(Path.cwd())
            findings = await asyncio.to_thread(
                lambda: examine(url, home, wanted=_wanted(settings.usecases))
            )
            async with open_app(settings, url, only=[], serves=False) as app:
                return [*findings, _restore(app.recovery.standing), await _names(url)]

    findings = [*run(inspect()), _confinement()]
    sign = {"ok": "ok     ", "warning": "note   ", "wrong": "WRONG  "}
    show(
        {"findings": findings},
        as_json=json,
        text=lambda: "\n".join(
            f"{sign[item.state]} {item.name:20} {item.found}  {item.remedy}".rstrip()
            for item in findings
        ),
    )
    if any(entry.state == "wrong" for entry in findings):
        raise typer.Exit(PROBLEMS_FOUND)


def _confinement() -> Finding:
    """Whether the kernel restricts the files that deciders can read."""
    from roadbed.executors.sandbox import landlock_version
    from roadbed.storage.doctor import Finding

    if version := landlock_version():
        told = f"Landlock {version} confines deciders"
        return Finding(name="file access", state="ok", found=told)
    return Finding(
        name="file access",
        state="warning",
        found="this kernel has no Landlock: deciders can read what the server reads",
        remedy="Use Linux 5.13 or newer with Landlock, or trust the code of every pod.",
    )


def _restore(standing: Restoration | None) -> Finding:
    """Whether a restore waits to be declared."""
    from roadbed.storage.doctor import Finding

    if standing is None:
        return Finding(name="restore", state="ok", found="none waits to be declared")
    return Finding(
        name="restore",
        state="wrong",
        found=f"restored from a backup, detected {standing.found_at:%Y-%m-%d %H:%M} UTC",
        remedy="Everything is halted until an administrator runs `roadbed restored --reason TEXT`.",
    )


async def _names(url: str) -> Finding:
    """Whether every name that a folder declares is a confirmed person."""
    from roadbed.people.service import SQL
    from roadbed.storage.database import Database
    from roadbed.storage.doctor import Finding

    async with Database(url) as database:
        rows = await database.fetch(SQL["unbound"])
    if not rows:
        return Finding(name="declared names", state="ok", found="each is a confirmed person")
    named = sorted({row["person"] for row in rows})
    return Finding(
        name="declared names",
        state="warning",
        found=f"{', '.join(named)}: not confirmed, so the declared roles do not count",
        remedy="`roadbed user add NAME`, or `roadbed user confirm NAME` for who has signed in.",
    )


def _wanted(parent: Path) -> dict[str, list[str]]:
    """The use cases that use each secret. ``roadbed check`` reports folders with mistakes."""
    from roadbed.usecases.decider import needs_of
    from roadbed.usecases.errors import UseCaseError
    from roadbed.usecases.loader import folders, load

    wanted: dict[str, list[str]] = {}
    for folder in folders(parent):
        try:
            declared = load(folder).declared
        except UseCaseError:
            continue
        for name in needs_of(declared.trainable or declared.function).secrets:
            wanted.setdefault(name, []).append(declared.name)
    return wanted


async def _serve(folder: Path | None, port: int | None, *, alone: bool) -> None:
    """``alone``: this process also sends, and prints a sign-in link."""
    from roadbed.cli.long_running import until_ended
    from roadbed.cli.sockets import BoundServer, bound
    from roadbed.kernel.settings import Settings
    from roadbed.listener import configured
    from roadbed.web import create

    settings = Settings()
    changes = {"usecases": folder, "port": port}
    settings = settings.model_copy(
        update={name: value for name, value in changes.items() if value is not None}
    )
    create(settings)  # report wrong settings first
    try:
        sockets = bound(settings.host, settings.port)
    except OSError as error:
        raise ServeError(settings.host, settings.port, error) from error
    settings = settings.model_copy(update={"port": sockets[0].getsockname()[1]})
    application = create(settings, relays=alone)

    async def serve_until_asked(_: object, asked: asyncio.Event) -> None:
        server = BoundServer(
            configured(application, settings, host=settings.host, port=settings.port, opens=False)
        )
        running = asyncio.create_task(server.serve(sockets))
        ending = asyncio.create_task(asked.wait())
        try:
            while not server.started and not running.done():  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.02)
            if server.started:
                await _announce(application.roadbed, settings.public_address(), with_link=alone)
            await asyncio.wait([running, ending], return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
            server.should_exit = True
            await asyncio.wait([running])
        if not server.started and (error := running.exception()) is not None:
            raise ServeError(settings.host, settings.port, error) from error

    await until_ended(application.opened(), serve_until_asked)


class ServeError(RoadbedError):
    """The server could not listen."""

    code = "serve_failed"

    def __init__(self, host: str, port: int, why: BaseException) -> None:
        said = getattr(why, "strerror", None) or str(why)
        super().__init__(
            f"The server cannot listen on {host}, port {port}: {said}.",
            "If another program listens there, end it, or choose another port with --port.",
        )


async def _announce(app: App, address: str, *, with_link: bool) -> None:
    say(f"Roadbed serves {counted(len(app.deployments.names()), 'use case')} at {address}")
    for name, error in app.broken.items():
        served = name in app.deployments.names()
        say(f"  {'served as released' if served else 'not served'}: {name}: {error}")
    from roadbed.web import public_host

    if address.startswith("http://") and public_host(app.settings) is not None:
        tell(
            "ROADBED_ADDRESS is plain http: others on the network can read passwords and sessions."
        )
    first = await app.members.add_first(me())
    if first is not None:
        tell(f"There was no administrator yet: {first} is the administrator now.")
    if with_link:
        say(await _way_in(app, address))
        for name in app.deployments.names():
            await _train_if_new(app, name)
    elif first is not None:
        tell(await _way_in(app, address))


async def _way_in(app: App, address: str) -> str:
    """A one-time link for this person: only on a terminal, never in a log."""
    import sys

    from roadbed.people.errors import UnknownPersonError

    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        return f"Sign in at {address}/sign-in; `roadbed user link` prints a one-time link."
    try:
        code = await app.people.issue_link_code(me())
    except UnknownPersonError:
        return f"Sign in at {address}/sign-in; `roadbed user link NAME` makes a one-time link."
    return f"Sign in once: {sign_in_link(address, code)}"


async def _train_if_new(app: App, name: str) -> None:
    """Train a use case that has examples but no version, in its own process."""
    import sys

    service = app.deployments.get(name)
    examples = await app.examples.counts(name)
    if service.live.decider is None and examples["learn"]:
        say(f"  {name}: learning from {examples['learn']:,} examples")
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "roadbed",
            "improve",
            name,
            env=_environment(app),
            stdin=asyncio.subprocess.DEVNULL,
        )


def _environment(app: App) -> dict[str, str]:
    import os

    return {**os.environ, "ROADBED_USECASES": str(app.settings.usecases.resolve())}
