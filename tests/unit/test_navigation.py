"""Navigation: which tab a page belongs to, and what a viewer is offered."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.routing import Route

from roadbed.access import declared
from roadbed.console import charts, pages
from roadbed.console.app import create
from roadbed.console.navigation import TABS, ShownTab, entries, tabs
from roadbed.people.model import Role
from roadbed.people.permissions import ALLOWS, Permission, Viewer

TEMPLATES = Path(pages.__file__).parent / "templates"


def shown(path: str, role: Role = Role.DOMAIN_LEAD) -> list[ShownTab]:
    return list(tabs("triage", path, {"reviews": 3}, lambda wanted: wanted in ALLOWS[role]))


@pytest.mark.parametrize(
    ("path", "tab", "page"),
    [
        ("/usecases/triage", "Overview", None),
        ("/usecases/triage/reviews", "Review", "Queue"),
        ("/usecases/triage/labels", "Review", "Labels"),
        ("/receipts/tsk_1", "Receipts", None),
        ("/usecases/triage/trust", "Quality", "Trust"),
        ("/usecases/triage/examples/quality", "Improve", "Examples"),
        ("/releases/rel_1", "Improve", "Releases"),
        ("/usecases/triage/versions/1..2", "Improve", "Versions"),
        ("/deliveries/dlv_1", "Operate", "Deliveries"),
        ("/usecases/triage/incidents/inc_1", "Operate", "Incident"),
        ("/usecases/triage/members", "Settings", None),
    ],
)
def test_a_page_belongs_to_one_tab(path: str, tab: str, page: str | None) -> None:
    current = [one for one in shown(path) if one.current]
    assert [one.name for one in current] == [tab]
    assert [one.name for one in current[0].pages if one.current] == ([page] if page else [])


def test_a_page_that_has_no_tab_marks_none() -> None:
    assert not any(tab.current for tab in shown("/usecases/triage/elsewhere"))
    assert not any(tab.current for tab in shown("/people"))


def test_what_one_may_not_open_is_not_offered() -> None:
    assert "Queue" not in {page.name for tab in shown("/x", Role.VIEWER) for page in tab.pages}
    review = next(
        tab for tab in shown("/usecases/triage/labels", Role.VIEWER) if tab.name == "Review"
    )
    assert review.link == "/usecases/triage/labels"
    assert shown("/usecases/triage", Role.DOMAIN_LEAD)[1].link == "/usecases/triage/reviews"
    nothing = tabs("triage", "/usecases/triage", {}, lambda _: False)
    assert nothing == []


def test_counts_stand_beside_their_tab() -> None:
    assert {tab.name: tab.count for tab in shown("/usecases/triage") if tab.count} == {"Review": 3}


def test_every_place_is_a_page_with_the_permission_it_says() -> None:
    routes = {
        route.path: route
        for route in create().routes
        if isinstance(route, Route) and "GET" in (route.methods or ())
    }
    for place in (place for tab in TABS for place in tab.places):
        path = "/receipts" if place.path == "/receipts" else f"/usecases/{{name}}{place.path}"
        requirement = declared(routes[path])
        assert requirement is not None
        assert place.permission in requirement.permissions, place.name
    assert Permission.VIEW in ALLOWS[Role.VIEWER]


def offered(asked: str, role: Role = Role.DOMAIN_LEAD, *, admin: bool = False) -> list[str]:
    viewer = Viewer(name="ana", admin=admin, roles={"triage": frozenset({role})})
    return [entry.name for entry in entries(viewer, ["triage", "hidden"], asked)]


def test_the_palette_finds_by_the_first_letters_of_words() -> None:
    assert offered("tri rel") == ["triage: Releases", "triage: Plan a release"]
    assert offered("halt") == ["triage: Halt"]
    assert offered("<script>") == []
    assert offered("")[:2] == ["My work", "Use cases"]


def test_the_palette_offers_only_what_is_permitted() -> None:
    assert "hidden" not in offered("")
    assert offered("halt", Role.VIEWER) == []
    assert "People" not in offered("")
    assert "People" in offered("", admin=True)


def test_tasks_by_time_are_drawn_in_the_steps_that_they_are_counted_in() -> None:
    now = datetime(2026, 3, 15, 12, tzinfo=UTC)
    day = [{"at": now - timedelta(minutes=30), "tasks": 4, "automatic": 2}]
    plot = charts.volume(day, now)
    assert "4 tasks a half-hour at most" in plot
    assert "24 hours ago" in plot
    fortnight = [{"at": now - timedelta(days=back), "tasks": 6, "automatic": 0} for back in (13, 1)]
    plot = charts.volume(fortnight, now, days=14)
    assert "6 tasks a day at most" in plot
    assert "14 days ago" in plot
    places = [float(place) for place in re.findall(r'class="bar" x="([0-9.]+)"', plot)]
    assert places == pytest.approx([charts.WIDTH / 14, charts.WIDTH * 13 / 14], abs=0.1)
    assert charts.volume([], now, days=14) == ""


@pytest.mark.parametrize(
    "component", sorted(path.name for path in (TEMPLATES / "components").glob("*.html"))
)
def test_every_component_is_a_part_of_a_page(component: str) -> None:
    """The page of all components shows what pages are made of, and nothing else."""
    users = [
        path.name
        for path in TEMPLATES.rglob("*.html")
        if f'from "components/{component}"' in path.read_text(encoding="utf-8")
    ]
    assert set(users) - {"components.html", component}
