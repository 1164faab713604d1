"""Navigation: the tabs that every page of a use case shows, and what the palette offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A page of a use case: its name, its path below the use case, and its key after ``g``."""

    name: str
    path: str
    key: str = ""
    objects: str = ""  # the beginning of the addresses of single ones (a release, a delivery)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tab:
    """A tab and its pages. ``counted`` names the figure beside it."""

    name: str
    places: Sequence[Place]
    counted: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownTab:
    """A tab as a page shows it: ``pages`` only where it is the current one."""

    name: str
    link: str
    count: int
    current: bool
    pages: Sequence[ShownPage]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownPage:
    """A page below the current tab."""

    name: str
    link: str
    key: str
    current: bool


TABS = (
    Tab(name="Overview", places=(Place(name="Overview", path=""),)),
    Tab(
        name="Review",
        counted="reviews",
        places=(
            Place(name="Queue", path="/reviews", key="r"),
            Place(name="Labels", path="/labels"),
        ),
    ),
    Tab(
        name="Receipts",
        places=(Place(name="Receipts", path="/receipts", key="t", objects="/receipts"),),
    ),
    Tab(
        name="Quality",
        places=(
            Place(name="Trust", path="/trust", key="p"),
            Place(name="Where it fails", path="/weak"),
            Place(name="Outcomes", path="/outcomes", key="o"),
        ),
    ),
    Tab(
        name="Improve",
        counted="proposals",
        places=(
            Place(name="Proposals", path="/proposals", key="i", objects="/proposals"),
            Place(name="Releases", path="/releases", key="v", objects="/releases"),
            Place(name="Versions", path="/versions", key="l"),
            Place(name="Notebook", path="/notebook", key="n"),
            Place(name="Examples", path="/examples/quality"),
        ),
    ),
    Tab(
        name="Operate",
        counted="deliveries",
        places=(
            Place(name="Deliveries", path="/deliveries", key="d", objects="/deliveries"),
            Place(name="Stop", path="/halt"),
            Place(name="Incident", path="/incidents"),
        ),
    ),
    Tab(name="Settings", places=(Place(name="Members", path="/members", key="m"),)),
)


def tabs(use_case: str, path: str, counts: Mapping[str, int]) -> Sequence[ShownTab]:
    """The tabs of a use case on the page at ``path``, with ``counts`` of what waits."""
    base = f"/usecases/{use_case}"
    here = _current(path.removeprefix(base) if path.startswith(base) else None, path)
    return [
        ShownTab(
            name=tab.name,
            link=_link(base, use_case, tab.places[0]),
            count=counts.get(tab.counted, 0),
            current=here in tab.places,
            pages=[
                ShownPage(
                    name=place.name,
                    link=_link(base, use_case, place),
                    key=place.key,
                    current=place is here,
                )
                for place in tab.places
            ]
            if here in tab.places and len(tab.places) > 1
            else [],
        )
        for tab in TABS
    ]


def _current(below: str | None, path: str) -> Place | None:
    """The page of ``path``: the one whose own path is its longest beginning."""
    places = [place for tab in TABS for place in tab.places]
    if below is None:
        return next((one for one in places if one.objects and path.startswith(one.objects)), None)
    fitting = [place for place in places if place.path and below.startswith(place.path)]
    return max(fitting, key=lambda place: len(place.path), default=places[0] if not below else None)


def _link(base: str, use_case: str, place: Place) -> str:
    return f"/receipts?usecase={use_case}" if place.path == "/receipts" else f"{base}{place.path}"
