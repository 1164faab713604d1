"""The page that shows every component of the console in every state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from roadbed.access import needs, own
from roadbed.console import charts, chips
from roadbed.console.navigation import ShownPage, ShownTab
from roadbed.console.pages import app_of, page
from roadbed.releases.presentation import ShownStep, StepState

_CURVE = tuple(
    {"threshold": 1.0 - share, "coverage": share, "risk": risk, "lower": low, "upper": high}
    for share, risk, low, high in (
        (0.2, 0.0, 0.0, 0.02),
        (0.6, 0.01, 0.0, 0.03),
        (0.9, 0.05, 0.03, 0.08),
    )
)

_STEPS: Sequence[tuple[str, StepState]] = (
    ("planned", "done"),
    ("gate", "now"),
    ("shadow", "left out"),
    ("canary", "to come"),
)


@needs(by=own)
async def components(request: Request) -> HTMLResponse:
    """Every component with made-up content."""
    now = app_of(request).clock.now()
    return page(
        request,
        "components.html",
        tabs=_tabs(),
        chips={
            "Use cases": chips.USE_CASES,
            "Tasks": chips.TASKS,
            "Deliveries": chips.DELIVERIES,
            "Documents": chips.DOCUMENTS,
            "Releases": chips.RELEASES,
            "Versions": chips.VERSIONS,
            "Cases": chips.CASES,
            "Routes": chips.ROUTES,
            "Outcomes": chips.OUTCOMES,
            "Jobs": chips.JOBS,
            "People": chips.PEOPLE,
        },
        plot_of_curve=charts.risk_coverage(_CURVE, limit=0.02, threshold=0.4),
        earlier=now - timedelta(minutes=5),
        steps=[
            ShownStep(
                name=name, state=state, at=now, waits=[("for labels", now)] * (state == "now")
            )
            for name, state in _STEPS
        ],
    )


def _tabs() -> Sequence[ShownTab]:
    pages = [
        ShownPage(name=name, link="/components", key="", current=name == "Second")
        for name in ("First", "Second", "Third")
    ]
    return [
        ShownTab(name="One", link="/components", count=0, current=False, pages=[]),
        ShownTab(name="Two", link="/components", count=12, current=True, pages=pages),
    ]


ROUTES = (Route("/components", components),)
