"""Navigation: the tabs that every page of a use case shows, and what the palette offers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from roadbed.people.permissions import Permission, Viewer


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A page of a use case: its name, its path below the use case, and its key after ``g``."""

    name: str
    path: str
    key: str = ""
    objects: str = ""  # the beginning of the addresses of single ones (a release, a delivery)
    permission: Permission = Permission.VIEW


@dataclass(frozen=True, kw_only=True, slots=True)
class Tab:
    """A tab and its pages. ``counted`` names the figure beside it."""

    name: str
    places: Sequence[Place]
    counted: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What the palette offers: ``what`` kind of thing it is, and the key that does the same."""

    what: str
    name: str
    link: str
    key: str = ""


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
            Place(name="Queue", path="/reviews", key="r", permission=Permission.REVIEW),
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
            Place(name="Incident", path="/incidents", permission=Permission.INCIDENT),
        ),
    ),
    Tab(name="Settings", places=(Place(name="Members", path="/members", key="m"),)),
)


def tabs(
    use_case: str, path: str, counts: Mapping[str, int], may: Callable[[Permission], bool]
) -> Sequence[ShownTab]:
    """The tabs of a use case on the page at ``path``: the pages that the viewer ``may`` open.

    ``counts`` are figures of what waits, by name.
    """
    base = f"/usecases/{use_case}"
    here = _current(path.removeprefix(base) if path.startswith(base) else None, path)
    shown = []
    for tab in TABS:
        places = [place for place in tab.places if may(place.permission)]
        if not places:
            continue
        pages = [
            ShownPage(
                name=place.name,
                link=_link(base, use_case, place),
                key=place.key,
                current=place is here,
            )
            for place in places
        ]
        current = here in tab.places
        shown.append(
            ShownTab(
                name=tab.name,
                link=pages[0].link,
                count=counts.get(tab.counted, 0),
                current=current,
                pages=pages if current and len(pages) > 1 else [],
            )
        )
    return shown


def _current(below: str | None, path: str) -> Place | None:
    """The page of ``path``: the one whose own path is its longest beginning."""
    places = [place for tab in TABS for place in tab.places]
    if below is None:
        return next((one for one in places if one.objects and path.startswith(one.objects)), None)
    fitting = [place for place in places if place.path and below.startswith(place.path)]
    return max(fitting, key=lambda place: len(place.path), default=places[0] if not below else None)


def _link(base: str, use_case: str, place: Place) -> str:
    return f"/receipts?usecase={use_case}" if place.path == "/receipts" else f"{base}{place.path}"


# Pages of the whole console, with the permission that one needs somewhere.
_PAGES = (
    Entry(what="page", name="My work", link="/", key="g h"),
    Entry(what="page", name="Use cases", link="/usecases", key="g u"),
    Entry(what="page", name="Receipts", link="/receipts", key="g t"),
    Entry(what="page", name="Account", link="/account", key="g y"),
)
# Acts in a use case: words, path, permission.
_ACTS = (
    ("Halt", "/halt", Permission.HALT),
    ("Plan a release", "/releases#plan", Permission.RELEASE),
    ("Review the next task", "/reviews", Permission.REVIEW),
    ("Collect an incident", "/incidents", Permission.INCIDENT),
)
_MOST_ENTRIES = 12
_WORD_ENDS = re.compile(r"[\s:_.-]+")


def entries(viewer: Viewer, use_cases: Sequence[str], asked: str) -> Sequence[Entry]:
    """Pages and acts whose words all parts of ``asked`` begin, only those that ``viewer`` may.

    Without ``asked``: the pages of the console and the use cases.
    """
    names = viewer.visible(use_cases)
    offered = [*_PAGES]
    if viewer.everywhere(Permission.MANAGE_PEOPLE):
        offered.append(Entry(what="page", name="People", link="/people"))
    offered += [Entry(what="use case", name=name, link=f"/usecases/{name}") for name in names]
    parts = asked.lower().split()
    if not parts:
        return offered[:_MOST_ENTRIES]
    for name in names:
        base = f"/usecases/{name}"
        offered += [
            Entry(
                what="page",
                name=f"{name}: {place.name}",
                link=_link(base, name, place),
                key=f"g {place.key}" if place.key else "",
            )
            for tab in TABS
            for place in tab.places
            if place.path and viewer.may(name, place.permission)
        ]
        offered += [
            Entry(what="action", name=f"{name}: {words}", link=f"{base}{path}")
            for words, path, permission in _ACTS
            if viewer.may(name, permission)
        ]
    fitting = [entry for entry in offered if _fits(entry.name, parts)]
    return fitting[:_MOST_ENTRIES]


def _fits(name: str, parts: Sequence[str]) -> bool:
    """Whether each part begins a word of ``name``."""
    words = [word for word in _WORD_ENDS.split(name.lower()) if word]
    return all(any(word.startswith(part) for word in words) for part in parts)
