"""``proposals`` and ``improve``: proposed changes, decisions on them, and new versions."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from roadbed.cli.identity import me, readable
from roadbed.cli.output import Json, UseCaseName, fail, opened, run, show
from roadbed.cli.usage import Verbs
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.figures import counted

app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List proposals, and accept or reject them.",
)
ProposalId = Annotated[str, typer.Argument(metavar="PROPOSAL")]
Note = Annotated[str, typer.Option(help="The reason, in your words.")]


class EditError(RoadbedError):
    """What was given to ``--edit`` is no JSON object."""

    code = "edit_not_json"

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"The edit is not a JSON object: {detail}.",
            """Write it like '{"when": "input.amount > 5.0", "set": {"line": "garden"}}'.""",
        )


@app.command("list")
def list_(
    usecase: UseCaseName,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Look for new proposals first.")
    ] = False,
    state: Annotated[str, typer.Option(help="open, accepted, rejected or withdrawn.")] = "open",
    json: Json = False,
) -> None:
    """Proposals of a use case, the best first."""
    if state not in ("open", "accepted", "rejected", "withdrawn"):
        raise typer.BadParameter("A proposal is open, accepted, rejected or withdrawn.")

    async def work() -> Any:
        async with opened(only=None) as services:
            loaded = services.service(usecase).loaded
            if suggest:
                await services.proposals.suggest(loaded, actor=me())
            listed = await services.proposals.list(usecase, states=[state])
            return await readable(services).proposals(listed)

    proposals = run(work())
    show({"proposals": proposals}, as_json=json, text=lambda: "\n".join(_lines(proposals, usecase)))


@app.command()
def prompt(
    usecase: UseCaseName,
    calls: Annotated[
        int, typer.Option(min=1, help="Maximum number of replies of the model.")
    ] = 400,
    money: Annotated[
        str | None, typer.Option(help="Maximum cost, in the currency of the price.")
    ] = None,
    json: Json = False,
) -> None:
    """Search for a better prompt with the pod's model. The result waits for a person."""
    from roadbed.improvement.model import Proposal
    from roadbed.improvement.prompt_optimization.optimizer import PromptBudget

    try:
        budget = PromptBudget(calls=calls, money=None if money is None else Decimal(money))
    except InvalidOperation:
        raise typer.BadParameter("Write the money as a number, such as 5 or 2.50.") from None

    async def work() -> Any:
        async with opened(only=None) as services:
            loaded = services.service(usecase).loaded
            search = await services.prompt_search.search(loaded, budget=budget, actor=me())
            return (
                await readable(services).proposal(search)
                if isinstance(search, Proposal)
                else search
            )

    search = run(work())
    show(
        {"found": search},
        as_json=json,
        text=lambda: "\n".join(
            _lines([search], usecase) if isinstance(search, Proposal) else [search.reason]
        ),
    )


@app.command("show")
def show_(proposal: ProposalId, json: Json = False) -> None:
    """Show one proposal with its change and its cases."""

    async def work() -> Any:
        async with opened(only=None) as services:
            return await readable(services).proposal(await services.proposals.get(proposal))

    proposal_shown = run(work())
    show({"proposal": proposal_shown}, as_json=json, text=lambda: "\n".join(_whole(proposal_shown)))


@app.command()
def accept(
    proposal: ProposalId,
    note: Note = "",
    edit: Annotated[str | None, typer.Option(help="The change in your version, as JSON.")] = None,
    json: Json = False,
) -> None:
    """Accept a proposal for the next version, optionally edited."""
    edited = None if edit is None else _object(edit)

    async def work() -> Any:
        async with opened(only=None) as services:
            accepted = await services.proposals.accept(
                proposal, person=me(), edited=edited, note=note
            )
            return await readable(services).proposal(accepted)

    _decided(run(work()), as_json=json)


@app.command()
def reject(proposal: ProposalId, note: Note = "", json: Json = False) -> None:
    """Reject a proposal. It returns only with twice as many supporting cases."""

    async def work() -> Any:
        async with opened(only=None) as services:
            rejected = await services.proposals.reject(proposal, person=me(), note=note)
            return await readable(services).proposal(rejected)

    _decided(run(work()), as_json=json)


@app.command("take-back")
def take_back(proposal: ProposalId, json: Json = False) -> None:
    """Undo a decision: the proposal is open again."""

    async def work() -> Any:
        async with opened(only=None) as services:
            reopened = await services.proposals.take_back(proposal, person=me())
            return await readable(services).proposal(reopened)

    _decided(run(work()), as_json=json)


@app.command()
def quality(usecase: UseCaseName, json: Json = False) -> None:
    """Show contradictions and repetitions among the training examples."""

    async def work() -> Any:
        async with opened(only=None) as services:
            services.service(usecase)
            reader = await services.libraries.cases.reader(usecase, me)
            return await services.proposals.quality(usecase, reader)

    report = run(work())
    show({"quality": report}, as_json=json, text=lambda: "\n".join(_quality(report)))


def _decided(proposal: Any, *, as_json: bool) -> None:
    show(
        {"proposal": proposal},
        as_json=as_json,
        text=lambda: f"{proposal.id} is {proposal.state} now.",
    )


def _object(text: str) -> dict[str, Any]:
    try:
        edit = jsonlib.loads(text)
    except (ValueError, RecursionError) as error:
        raise fail(EditError(str(error))) from None
    if not isinstance(edit, dict):
        raise fail(EditError(f"it is a {type(edit).__name__}"))
    return edit


def _lines(proposals: Any, usecase: str) -> Iterator[str]:
    from roadbed.improvement.model import support

    for item in proposals:
        yield f"{item.id}  {_plain(item.title)}"
        yield f"{'':34}{support(item)}"
    if not proposals:
        yield f"None. `roadbed proposals list {usecase} --suggest` looks for new ones."


def _whole(proposal: Any) -> Iterator[str]:
    from roadbed.improvement.model import support

    yield f"{proposal.id}  {proposal.kind}, {proposal.state}"
    yield _plain(proposal.title)
    yield _plain(proposal.reason)
    yield support(proposal)
    if proposal.patch is not None:
        yield jsonlib.dumps(proposal.patch, indent=2)
    for case in proposal.cases:
        before, after, right = (jsonlib.dumps(case[name]) for name in ("before", "after", "right"))
        yield f"{case['task_id']}  {before} -> {after}, right {right}  {_plain(case['input'])}"


def _quality(report: Any) -> Iterator[str]:
    if not report.examples:
        yield "There are no examples yet. It is not known whether they agree."
        return
    yield (
        f"{report.contradictory:,} of {report.examples:,} examples contradict one another, "
        f"{report.repeated:,} repeat another."
    )
    for contradiction in report.contradictions:
        yield _plain(contradiction.input)
        for side in contradiction.sides:
            who = ", ".join(
                f"{item.person or 'folder'} {item.born_at:%Y-%m-%d} {item.task_id or ''}".strip()
                for item in side.items
            )
            yield f"  {jsonlib.dumps(side.output)}: {who}"


def _plain(text: str) -> str:
    """Text from outside cannot move the cursor of a terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def improve(usecase: UseCaseName, json: Json = False) -> None:
    """Train a version from corrections and accepted proposals. Without sign-offs it goes live."""
    from roadbed.examples.presentation import use_of

    async def work() -> Any:
        async with opened(only=None) as app:
            service = app.service(usecase)
            improved = await app.deployer.improve(
                app.deployments.folder(service.loaded.name),
                actor=me(),
                changes=await app.proposals.accepted(usecase),
            )
            waiting = await app.proposals.suggest(service.loaded, actor=me())
            written = await app.examples.written(service.loaded.declared)
            rate = app.deployments.get(usecase).live.rate
            certificate = await readable(app).certificate(usecase, improved.certificate)
            improved = replace(improved, certificate=certificate)
            return improved, waiting, written, use_of(written, rate)

    improvement, waiting, written, use = run(work())
    show(
        {
            **asdict(improvement),
            "suggestions": len(waiting),
            "written_answers": written and asdict(written),
        },
        as_json=json,
        text=lambda: "\n".join(_improved(improvement, len(waiting), use)),
    )


def _improved(improvement: Any, waiting: int, use: str) -> Iterator[str]:
    if improvement.version:
        yield (
            f"Version {improvement.number} ({improvement.version}) is live. It learned from "
            f"{counted(improvement.learned_from, 'example')} in {improvement.seconds:.1f} s."
        )
    yield improvement.note
    if use and not improvement.learned_from:
        yield use
    if waiting:
        many = "1 proposal waits" if waiting == 1 else f"{waiting:,} proposals wait"
        yield f"{many} for a person: `roadbed proposals list {improvement.use_case}`."
