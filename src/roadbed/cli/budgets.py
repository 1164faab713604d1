"""``budget``: the limits, and what is spent."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from roadbed.cli.output import opened, run, show

_STATES = {
    "open": "within the budget",
    "half": "half of it is spent",
    "near": "80 % of it is spent",
    "spent": "USED UP: too little for one more task, so tasks go to people",
}


def budget(
    usecase: Annotated[str, typer.Argument(help="The use case's name.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show the budget of a use case, what is spent, and the alerts to its pod."""

    async def work() -> tuple[Any, Sequence[Any]]:
        async with opened(only=[usecase]) as app:
            declared = app.service(usecase).loaded.declared.budget
            return declared, await app.budgets.report(usecase, declared)

    declared, periods = run(work())
    show(
        {"budget": dataclasses.asdict(declared) if declared else None, "periods": periods},
        as_json=json,
        text=lambda: (
            "\n".join(map(_budget_text, periods)) or "No budget is declared: there is no limit."
        ),
    )


def _budget_text(of: Any) -> str:
    first = (
        f"{of.period}: {of.spent:,.2f} of {of.cap:,.2f} {of.currency} spent ({of.share:.0%}), "
        f"{of.reserved:,.2f} held, {of.left:,.2f} left; {_STATES[of.state]}"
    )
    told = [
        f"  the pod was told of {alert.percent} % at {alert.at:%Y-%m-%d %H:%M} UTC"
        for alert in of.alerts
    ]
    return "\n".join([first, *told])
