"""``review``: the review queue in the terminal."""

from __future__ import annotations

import json as jsonlib
from typing import Annotated, Any

import typer

from roadbed.cli.identity import me
from roadbed.cli.output import Json, UseCaseName, opened, run, say, show
from roadbed.cli.renamed import old_verb
from roadbed.cli.usage import Verbs
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.json import read_json
from roadbed.kernel.labels import normal_label

app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List waiting reviews, and give verdicts.",
)
ReviewId = Annotated[str, typer.Argument(metavar="REVIEW")]
_NOBODY_ELSE = (
    " Two labels of this task differ. You know one of them, and there is no other "
    "reviewer, so your answer decides."
)
_NEW_LABELS = "[y]es, use that label  [c]orrect it  [n]o, it is new"
_KEYS = "[a]ccept  [e]dit  [x] reject  [s]kip  [u]ndo  [q]uit"


@app.command("list")
def list_(usecase: UseCaseName, most: int = 20, json: Json = False) -> None:
    """List waiting reviews, the most urgent first."""

    async def work() -> Any:
        async with opened(only=[]) as services:
            waiting = await services.reviews.queue(usecase, reviewer=me(), most=most)
            own = await services.new_labels.readable.of(me(), waiting)
            return own, 0 if own else (await services.reviews.waiting(usecase))["waiting"]

    reviews, others = run(work())
    show(
        {"reviews": reviews},
        as_json=json,
        text=lambda: (
            "\n".join(
                f"{item.id}  {'blind ' if item.blind else '      '}"
                f"{jsonlib.dumps(item.input, ensure_ascii=False)[:90]}"
                for item in reviews
            )
            or _nothing_for(me(), others)
        ),
    )


@app.command("verdict")
def verdict_(
    review: ReviewId,
    verdict: Annotated[str, typer.Argument(help="accept, correct or reject")],
    output: Annotated[str | None, typer.Option(help="The right output as JSON.")] = None,
    actions: Annotated[
        str | None,
        typer.Option(help='The right actions as JSON, [] if none: [{"name": …, "arguments": {…}}]'),
    ] = None,
    note: Annotated[str | None, typer.Option(help="The reason, in your words.")] = None,
    new_kind: Annotated[
        bool, typer.Option("--new-kind", help="No similar task was known before.")
    ] = False,
    new_labels: Annotated[
        bool,
        typer.Option(
            "--new-labels", help="A label that was never seen before is correct as typed."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Close a review with a verdict."""

    async def work() -> Any:
        async with opened(only=None) as services:
            open_review = await services.reviews.get(review)
            return await _give(
                services,
                open_review,
                verdict,
                parsed(output),
                actions=parsed(actions),
                note=note,
                new_kind=new_kind,
                new_labels=new_labels,
            )

    given = run(work())
    show(given, as_json=json, text=lambda: _verdict_text(given))


@app.command()
def skip(review: ReviewId) -> None:
    """Skip a review: somebody else reviews it."""

    async def work() -> None:
        async with opened(only=[]) as services:
            await services.reviews.skip(review, reviewer=me())

    run(work())
    say("Skipped: somebody else reviews it.")


@app.command()
def undo(review: ReviewId) -> None:
    """Undo your verdict, or that you skipped a review."""

    async def work() -> Any:
        async with opened(only=[]) as services:
            return await services.reviews.undo(review, reviewer=me())

    say(_taken_back(run(work())))


@app.command("work")
def work_(usecase: UseCaseName) -> None:
    """Review one task after the other, with keys."""
    run(_work(usecase))


async def _work(usecase: str) -> None:
    done: list[str] = []
    async with opened(only=None) as services:
        services.service(usecase)
        readable = services.new_labels.readable
        while claimed := await readable.claim_next(services.reviews, usecase, reviewer=me()):
            [review] = claimed
            say(f"\n{jsonlib.dumps(review.input, ensure_ascii=False, indent=2)}")
            say(
                f"Blind: give your own answer.{_NOBODY_ELSE if review.nobody_else else ''}"
                if review.blind
                else f"Proposed: {jsonlib.dumps(review.output)}  ({review.reason})"
            )
            for action in review.actions or ():
                about = jsonlib.dumps(action["arguments"], ensure_ascii=False)
                say(f"Proposed action: {action['name']} {about}  ({action['reason']})")
            if review.reported:
                say(f"Reported by another system, not checked: {jsonlib.dumps(review.reported)}")
            if review.left:
                say("You skipped this review, but nobody else can take it.")
            key = typer.prompt(_KEYS, default="s", show_default=False).strip().lower()[:1]
            if key == "q":
                return
            try:
                await _press(services, review, key, done)
            except RoadbedError as error:
                say(f"{error.problem} {error.remedy}")
        others = (await services.reviews.waiting(usecase))["waiting"]
    say(_nothing_for(me(), others))


def _nothing_for(person: str, others: int) -> str:
    """People do not review tasks that they sent, or whose answer they know."""
    if not others:
        return "Nothing waits."
    wait = "waits" if others == 1 else "wait"
    return (
        f"Nothing waits for {person}; {others:,} {wait} for others: nobody reviews a task that "
        "they sent. Tasks that a program sends with a token of its own wait for everybody."
    )


async def _press(services: Any, review: Any, key: str, done: list[str]) -> None:
    if key == "s":
        await services.reviews.skip(review.id, reviewer=me())
        done.append(review.id)
    elif key == "u" and done:
        undone = await services.reviews.undo(done[-1], reviewer=me())
        done.pop()
        say(_taken_back(undone))
    elif key in {"a", "e", "x"}:
        output = parsed(typer.prompt("Right output (JSON)")) if key == "e" else None
        kind = {"a": "accept", "e": "correct", "x": "reject"}[key]
        say(_verdict_text(await _asked_again(services, review, kind, output)))
        done.append(review.id)


async def _asked_again(services: Any, review: Any, kind: str, output: Any) -> Any:
    """Give a verdict; ask first if its label is unknown."""
    from roadbed.reviews.errors import LabelUnknownError

    try:
        return await _give(services, review, kind, output)
    except LabelUnknownError as error:
        if any(label.closed for label in error.labels):
            raise
        say(error.problem)
        key = typer.prompt(_NEW_LABELS, default="c", show_default=False).strip().lower()[:1]
        if key == "n":
            return await _give(services, review, kind, output, new_labels=True)
        for label in error.labels:
            if label.suggestion is not None and key == "y":
                output = _replaced(output, label.value, label.suggestion)
        if key != "y":
            output = parsed(typer.prompt("Right output (JSON)"))
        return await _asked_again(services, review, "correct", output)


def _replaced(output: Any, value: str, other: str) -> Any:
    """An output with one label in the place of another."""
    if isinstance(output, dict):
        return {name: _replaced(inner, value, other) for name, inner in output.items()}
    if isinstance(output, list):
        return [_replaced(inner, value, other) for inner in output]
    return other if isinstance(output, str) and normal_label(output) == value else output


async def _give(
    services: Any,
    review: Any,
    verdict: str,
    output: Any,
    *,
    actions: Any = None,
    note: str | None = None,
    new_kind: bool = False,
    new_labels: bool = False,
) -> Any:
    from roadbed.people.model import Role
    from roadbed.reviews.errors import VerdictError
    from roadbed.reviews.model import VerdictKind

    if verdict not in set(VerdictKind):
        raise VerdictError(f"{verdict!r} is no verdict.", "Use accept, correct or reject.")
    loaded = services.service(review.use_case).loaded
    roles = await services.people.roles(me(), review.use_case)
    return await services.new_labels.give(
        loaded.declared,
        review.id,
        VerdictKind(verdict),
        reviewer=me(),
        output=output,
        actions=actions,
        shown=review.content_hash,
        rules=loaded.rules,
        note=note,
        new_kind=new_kind,
        new_labels=new_labels,
        confirms=Role(loaded.declared.new_labels_by) in roles,
    )


def parsed(output: str | None) -> object:
    """An output as it was typed. Raises ``BadInputError``."""
    from roadbed.cli.tasks import BadInputError

    if output is None:
        return None
    try:
        return read_json(output)
    except (ValueError, RecursionError) as error:
        raise BadInputError(str(error)) from None


def _taken_back(review: Any) -> str:
    if review.blind and review.claimed_by != me():
        return "Undone. You have seen the answer of the decider, so somebody else labels the task."
    return "Undone. The review waits again."


def _verdict_text(given: Any) -> str:
    from roadbed.reviews.model import HeldVerdict

    if isinstance(given, HeldVerdict):
        named = ", ".join(label.value for label in given.labels)
        return (
            f"Stored, but not counted yet: the {given.waits_for.replace('_', ' ')} has to confirm "
            f"{named} as new."
        )
    if given.check:
        known = jsonlib.dumps(given.known, ensure_ascii=False)
        seen = "Correct" if given.passed else "Missed"
        return f"{seen}: this was a reviewer check; the right answer is {known}."
    said = jsonlib.dumps(given.decided, ensure_ascii=False) if given.decided else "nothing"
    if not given.agrees:
        agreed = f"The decider said {said}."
    elif given.kind == "correct" and given.decided and given.right_output != given.decided:
        agreed = (
            f"By the scorer of this use case, what the decider said counts as right too: {said}."
        )
    else:
        agreed = "You agreed with the decider."
    people = ", ".join(given.unreadable_for)
    told = f" It cites documents that {people} may not read." if people else ""
    return f"Recorded. {agreed}{told}"


old_verb(app, "give", "verdict", verdict_, group="review")
