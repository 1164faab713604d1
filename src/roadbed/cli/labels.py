"""``review labels`` and ``review confirm-label``: labels that wait to be confirmed as new."""

from __future__ import annotations

import itertools
from typing import Annotated, Any

import typer

from roadbed.cli.identity import me
from roadbed.cli.output import Json, UseCaseName, opened, run, say, show


def labels(usecase: UseCaseName, json: Json = False) -> None:
    """Labels that wait to be confirmed as new, and the known ones."""

    async def work() -> Any:
        async with opened(only=[usecase]) as services:
            declared = services.service(usecase).loaded.declared
            reader = await services.libraries.cases.reader(usecase, me)
            waiting = await services.new_labels.waiting(declared, reader)
            return waiting, await services.reviews.labels.known(declared, reader)

    waiting, known = run(work())
    show(
        {"waiting": waiting, "known": known},
        as_json=json,
        text=lambda: "\n".join(
            [*map(_waits, waiting), *itertools.starmap(_of_field, known.items())]
        ),
    )


def confirm_label(
    usecase: UseCaseName,
    value: Annotated[str, typer.Argument(help="The label, as it was typed.")],
    field: Annotated[str | None, typer.Option(help="Its field, if there are several.")] = None,
    refuse: Annotated[
        bool, typer.Option("--refuse", help="It is not a label: its reviews open again.")
    ] = False,
) -> None:
    """Confirm a label as new, or refuse it."""

    async def work() -> int:
        from roadbed.people.model import Role
        from roadbed.reviews.errors import NoSuchLabelError, NotYourLabelError

        async with opened(only=[usecase]) as services:
            loaded = services.service(usecase).loaded
            role = loaded.declared.new_labels_by
            if Role(role) not in await services.people.roles(me(), usecase):
                raise NotYourLabelError(role)
            waiting = await services.new_labels.waiting(loaded.declared)
            fields = [one.field for one in waiting if one.value == value]
            named = field or (fields[0] if len(fields) == 1 else None)
            if named is None:
                raise NoSuchLabelError(" or ".join(fields) or "label", value)
            if refuse:
                return await services.new_labels.refuse(loaded.declared, named, value, by=me())
            return await services.new_labels.confirm(
                loaded.declared, named, value, by=me(), rules=loaded.rules
            )

    count = run(work())
    reviews = "review is" if count == 1 else "reviews are"
    verdicts = "verdict counts" if count == 1 else "verdicts count"
    say(f"{count} {reviews} open again." if refuse else f"Confirmed: {count} {verdicts} now.")


def _waits(label: Any) -> str:
    meant = f"; did they mean {label.suggestion}?" if label.suggestion else ""
    return (
        f"{label.field}: {label.value!r} waits to be confirmed: {label.verdicts} of "
        f"{', '.join(label.reviewers)}{meant}"
    )


def _of_field(field: str, values: Any) -> str:
    return f"{field}: {', '.join(values)}"
