"""``release``: plan, gate, sign-offs, shadow, canary, promotion and rollback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from roadbed.cli.identity import me, readable, verified
from roadbed.cli.output import PROBLEMS_FOUND, Json, UseCaseName, opened, run, show
from roadbed.cli.renamed import old_verb
from roadbed.cli.usage import Verbs
from roadbed.kernel.errors import RoadbedError

if TYPE_CHECKING:
    from roadbed.app import App
    from roadbed.versions.model import Release

app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Release a version, and roll it back.",
)
Which = Annotated[
    str | None,
    typer.Option("--release", help="Number or id of the release. Default: the current one."),
]
Content = Annotated[
    str, typer.Option(help="Hash of the content you read, from `show`; at least 8 characters.")
]
Role = Annotated[str | None, typer.Option(help="Your role, if you have several.")]
Note = Annotated[str | None, typer.Option(help="The reason, in your words.")]
Why = Annotated[str, typer.Option(help="The reason. Other people read it.")]
_FEWEST_SIGNS = 8


class NoReleaseError(RoadbedError):
    """The use case has no such release."""

    code = "release_none"

    def __init__(self, use_case: str, which: str | None) -> None:
        super().__init__(
            f"{use_case!r} has no release {which[:80]!r}."
            if which
            else f"No release of {use_case!r} is under way.",
            f"`roadbed release list {use_case}` names them; "
            f"`roadbed release plan {use_case}` plans one.",
        )


@app.command("list")
def list_(
    usecase: UseCaseName,
    most: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    json: Json = False,
) -> None:
    """Releases of a use case, newest first."""

    async def work() -> Any:
        async with _opened(usecase) as services:
            history = await services.releases.history(usecase, most=most)
            return await readable(services).releases(history)

    from roadbed.cli import release_texts

    releases = run(work())
    show({"releases": releases}, as_json=json, text=lambda: release_texts.listed(releases, usecase))


@app.command("show")
def show_(usecase: UseCaseName, release: Which = None, json: Json = False) -> None:
    """Show one release: steps, gate report, sign-offs, and what it waits for."""
    _act_and_show(usecase, release, json, lambda _, shown: _same(shown), newest=True)


@app.command()
def plan(
    usecase: UseCaseName,
    reason: Annotated[str, typer.Option(help="The reason. Other people read it.")] = "",
    version: Annotated[
        str | None, typer.Option(help="An earlier version, by number or id. Default: a new one.")
    ] = None,
    json: Json = False,
) -> None:
    """Plan a release. The plan fixes its criteria."""

    async def work() -> Any:
        async with _opened(usecase) as services:
            planned = await services.releases.plan(
                usecase, actor=me(), reason=reason, version=version
            )
            return await readable(services).release(planned)

    _print(run(work()), json)


@app.command()
def gate(usecase: UseCaseName, release: Which = None, json: Json = False) -> None:
    """Compare the candidate with the live version on unseen examples. Exit code 3: it failed."""
    judged = _stepped("gate", usecase, release, json)
    if judged.step == "failed":
        raise typer.Exit(PROBLEMS_FOUND)


@app.command("open-reviews")
def open_reviews(usecase: UseCaseName, release: Which = None, json: Json = False) -> None:
    """Open reviews of the candidate's answers whose score is unknown."""

    async def work() -> int:
        async with _opened(usecase) as services:
            candidate = await _find(services, usecase, release)
            whole = await services.releases.whole(candidate.id)
            opened = await services.reviewer_checks.ask_about(services.service(usecase), whole)
            return int(opened)

    opened = run(work())
    answers = "review was" if opened == 1 else "reviews were"
    show(
        {"opened": opened},
        as_json=json,
        text=lambda: f"{opened} {answers} opened. Run the gate again after the reviews.",
    )


@app.command()
def sign(
    usecase: UseCaseName,
    content: Content,
    release: Which = None,
    role: Role = None,
    note: Note = None,
    json: Json = False,
) -> None:
    """Agree to exactly what you read."""
    _signed("approve", usecase, content, release, role, note, json)


@app.command()
def refuse(
    usecase: UseCaseName,
    content: Content,
    release: Which = None,
    role: Role = None,
    note: Note = None,
    json: Json = False,
) -> None:
    """Say no to exactly what you read."""
    _signed("refuse", usecase, content, release, role, note, json)


@app.command("take-back")
def take_back(usecase: UseCaseName, release: Which = None, json: Json = False) -> None:
    """Withdraw your own sign-off."""

    async def act(services: App, candidate: Release) -> Release:
        person = await verified(services, candidate.use_case, "sign")
        return await services.releases.withdraw_sign_off(candidate.id, person=person)

    _act_and_show(usecase, release, json, act)


@app.command()
def shadow(usecase: UseCaseName, release: Which = None, json: Json = False) -> None:
    """Start shadow: the candidate answers beside the live version, without effects."""
    _stepped("shadow", usecase, release, json)


@app.command()
def canary(usecase: UseCaseName, release: Which = None, json: Json = False) -> None:
    """Start the canary: the candidate decides a share of the tasks."""
    _stepped("canary", usecase, release, json)


@app.command()
def promote(usecase: UseCaseName, release: Which = None, json: Json = False) -> None:
    """Promote the candidate: it decides every task."""
    _stepped("promote", usecase, release, json)


@app.command("roll-back")
def roll_back(
    usecase: UseCaseName,
    why: Why,
    to: Annotated[str | None, typer.Option(help="The version. Default: the one before.")] = None,
    json: Json = False,
) -> None:
    """Roll back to the version before, now. It needs no approval."""

    async def work() -> Any:
        # No folder is loaded: the earlier version is stored, and the folder may be broken.
        async with opened(only=[]) as services:
            release = await services.releases.roll_back(usecase, actor=me(), why=why, to=to)
            return release and await readable(services).release(release)

    _print(run(work()), json)


@app.command()
def withdraw(usecase: UseCaseName, why: Why, release: Which = None, json: Json = False) -> None:
    """Withdraw a candidate. Its release ends."""
    _act_and_show(
        usecase,
        release,
        json,
        lambda services, candidate: services.releases.withdraw(candidate.id, actor=me(), why=why),
    )


@app.command()
def recertify(usecase: UseCaseName, json: Json = False) -> None:
    """Compute the proof of the live version again, with the newest labels."""

    async def work() -> Any:
        async with _opened(usecase) as services:
            release = await services.releases.recertify(usecase, actor=me())
            return await readable(services).release(release)

    _print(run(work()), json)


@app.command()
def retire(usecase: UseCaseName, why: Why, json: Json = False) -> None:
    """Retire a use case: no new tasks. Waiting tasks are still reviewed and delivered."""
    if not why.strip():
        raise typer.BadParameter("Give a reason with --why; other people read it.")

    async def work() -> None:
        async with opened(only=[]) as services:
            await services.releases.retire(usecase, actor=me(), why=why)

    run(work())
    facts = {"use_case": usecase, "stage": "retired"}
    show(facts, as_json=json, text=lambda: f"{usecase} is retired: it takes no new tasks.")


@app.command()
def watch(
    usecase: UseCaseName,
    release: Which = None,
    every: Annotated[float, typer.Option(min=0.5, max=60.0, help="Seconds between checks.")] = 2.0,
    json: Json = False,
) -> None:
    """Follow a release until a person has to act or it ends. Exit code 3: rolled back or failed."""
    from roadbed.cli import release_texts

    async def work() -> Release:
        async with _opened(usecase) as services:
            followed = await _find(services, usecase, release)
            return await release_texts.follow(services, followed, every=every, as_json=json)

    if run(work()).step in ("rolled_back", "failed"):
        raise typer.Exit(PROBLEMS_FOUND)


@asynccontextmanager
async def _opened(usecase: str) -> AsyncIterator[App]:
    """The services with this use case. Raises an error if it is missing or cannot be loaded."""
    async with opened(only=[usecase]) as services:
        services.service(usecase)
        yield services


def _stepped(verb: str, usecase: str, release: str | None, json: bool) -> Release:
    async def act(services: App, candidate: Release) -> Release:
        moved: Release = await getattr(services.releases, verb)(candidate.id, actor=me())
        return moved

    return _act_and_show(usecase, release, json, act)


def _act_and_show(
    usecase: str,
    release: str | None,
    json: bool,
    act: Callable[[App, Release], Awaitable[Release]],
    *,
    newest: bool = False,
) -> Release:
    """Act on a release, and print its new state."""

    async def work() -> Release:
        async with _opened(usecase) as services:
            changed = await act(services, await _find(services, usecase, release, newest=newest))
            return await readable(services).release(changed)

    changed = run(work())
    _print(changed, json)
    return changed


def _signed(
    verdict: Literal["approve", "refuse"],
    usecase: str,
    content: str,
    release: str | None,
    role: str | None,
    note: str | None,
    json: bool,
) -> None:
    if len(content) < _FEWEST_SIGNS:
        raise typer.BadParameter(
            f"Give at least {_FEWEST_SIGNS} characters of the hash that `release show` prints."
        )

    async def act(services: App, candidate: Release) -> Release:
        whole = candidate.content or ""
        return await services.releases.sign(
            candidate.id,
            person=await verified(services, candidate.use_case, "sign"),
            verdict=verdict,
            content=whole if whole.startswith(content) else content,
            role=role,
            note=note,
        )

    _act_and_show(usecase, release, json, act)


async def _find(services: App, usecase: str, which: str | None, *, newest: bool = False) -> Release:
    """By number or id. Default: the current one, or with ``newest`` the last one."""
    history = await services.releases.history(usecase, most=1000 if which else 1)
    if which is None:
        meant = await services.releases.current(usecase) or (
            history[0] if newest and history else None
        )
    else:
        meant = next((entry for entry in history if which in (entry.id, str(entry.number))), None)
    if meant is None:
        raise NoReleaseError(usecase, which)
    return meant


async def _same(release: Release) -> Release:
    return release


def _print(release: Release, json: bool) -> None:
    from roadbed.cli import release_texts

    show({"release": release}, as_json=json, text=lambda: release_texts.told(release))


old_verb(app, "renew", "recertify", recertify, group="release")
old_verb(app, "judge", "open-reviews", open_reviews, group="release")
