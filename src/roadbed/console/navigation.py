"""Navigation: the tabs that every page of a use case shows, and what the palette offers."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later
from roadbed.people.permissions import Permission, Viewer


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A page of a use case: its name, its path below the use case, and its key after ``g``."""

    name: str
    path: str
    key: str = ""
    objects: str = ""  # the beginning of the addresses of single ones (a release, a delivery)
    permission: Permission = Permission.VIEW
    library: bool = False  # only where the use case declares a library
    jobs: bool = False  # only where the use case declares a library, or has jobs


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
    Tab(name=later("Overview"), places=(Place(name=later("Overview"), path=""),)),
    Tab(
        name=later("Ask"),
        places=(
            Place(
                name=later("Ask"),
                path="/ask",
                key="a",
                permission=Permission.SUBMIT,
                library=True,
            ),
        ),
    ),
    Tab(
        name=later("Review"),
        counted="reviews",
        places=(
            Place(name=later("Queue"), path="/reviews", key="r", permission=Permission.REVIEW),
            Place(name=later("Labels"), path="/labels"),
        ),
    ),
    Tab(
        name=later("Receipts"),
        places=(Place(name=later("Receipts"), path="/receipts", key="t", objects="/receipts"),),
    ),
    Tab(
        name=later("Quality"),
        places=(
            Place(name=later("Trust"), path="/trust", key="p"),
            Place(name=later("Where it fails"), path="/weak"),
            Place(name=later("Outcomes"), path="/outcomes", key="o"),
            Place(name=later("Documents"), path="/documents", key="f", library=True),
            Place(name=later("Gaps"), path="/gaps", library=True),
        ),
    ),
    Tab(
        name=later("Improve"),
        counted="proposals",
        places=(
            Place(name=later("Proposals"), path="/proposals", key="i", objects="/proposals"),
            Place(name=later("Releases"), path="/releases", key="v", objects="/releases"),
            Place(name=later("Versions"), path="/versions", key="l"),
            Place(name=later("Notebook"), path="/notebook", key="n"),
            Place(name=later("Examples"), path="/examples/quality"),
        ),
    ),
    Tab(
        name=later("Operate"),
        counted="deliveries",
        places=(
            Place(name=later("Deliveries"), path="/deliveries", key="d", objects="/deliveries"),
            Place(name=later("Jobs"), path="/jobs", jobs=True),
            Place(name=later("Stop"), path="/halt"),
            Place(name=later("Incident"), path="/incidents", permission=Permission.INCIDENT),
        ),
    ),
    Tab(name=later("Settings"), places=(Place(name=later("Members"), path="/members", key="m"),)),
)


def tabs(
    use_case: str,
    path: str,
    counts: Mapping[str, int],
    may: Callable[[Permission], bool],
    *,
    library: bool = False,
    jobs: bool = False,
) -> Sequence[ShownTab]:
    """The tabs of a use case on the page at ``path``: the pages that the viewer ``may`` open.

    ``counts`` are figures of what waits, by name. ``library``: the use case declares one.
    """
    base = f"/usecases/{use_case}"
    here = _current(path.removeprefix(base) if path.startswith(base) else None, path)
    shown = []
    for tab in TABS:
        places = [
            place
            for place in tab.places
            if may(place.permission)
            and (library or not place.library)
            and (library or jobs or not place.jobs)
        ]
        if not places:
            continue
        pages = [
            ShownPage(
                name=_(place.name),
                link=_link(base, use_case, place),
                key=place.key,
                current=place is here,
            )
            for place in places
        ]
        current = here in tab.places
        shown.append(
            ShownTab(
                name=_(tab.name),
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
    Entry(what=later("page"), name=later("My work"), link="/", key="g h"),
    Entry(what=later("page"), name=later("Use cases"), link="/usecases", key="g u"),
    Entry(what=later("page"), name=later("Receipts"), link="/receipts", key="g t"),
    Entry(what=later("page"), name=later("Account"), link="/account", key="g y"),
)
# Acts in a use case: words, path, permission.
_ACTS = (
    (later("Halt"), "/halt", Permission.HALT),
    (later("Plan a release"), "/releases#plan", Permission.RELEASE),
    (later("Review the next task"), "/reviews", Permission.REVIEW),
    (later("Collect an incident"), "/incidents", Permission.INCIDENT),
)
_MOST_ENTRIES = 12
_WORD_ENDS = re.compile(r"[\s:_.-]+")


def entries(
    viewer: Viewer, use_cases: Sequence[str], asked: str, libraries: Collection[str] = ()
) -> Sequence[Entry]:
    """Pages and acts whose words all parts of ``asked`` begin, only those that ``viewer`` may.

    Without ``asked``: the pages of the console and the use cases. ``libraries`` names the use cases
    that declare one.
    """
    names = viewer.visible(use_cases)
    offered = [replace(page, what=_(page.what), name=_(page.name)) for page in _PAGES]
    if viewer.everywhere(Permission.MANAGE_PEOPLE):
        offered.append(Entry(what=_("page"), name=_("People"), link="/people"))
    offered += [Entry(what=_("use case"), name=name, link=f"/usecases/{name}") for name in names]
    parts = asked.lower().split()
    if not parts:
        return offered[:_MOST_ENTRIES]
    asks = {name for name in libraries if viewer.may(name, Permission.SUBMIT)}
    for name in (name for name in use_cases if name in names or name in asks):
        base = f"/usecases/{name}"
        offered += [
            Entry(
                what=_("page"),
                name=f"{name}: {_(place.name)}",
                link=_link(base, name, place),
                key=f"g {place.key}" if place.key else "",
            )
            for tab in TABS
            for place in tab.places
            if place.path
            and viewer.may(name, place.permission)
            and (name in libraries or not (place.library or place.jobs))
        ]
        offered += [
            Entry(what=_("action"), name=f"{name}: {_(words)}", link=f"{base}{path}")
            for words, path, permission in _ACTS
            if viewer.may(name, permission)
        ]
    fitting = [entry for entry in offered if _fits(entry.name, parts)]
    return fitting[:_MOST_ENTRIES]


def _fits(name: str, parts: Sequence[str]) -> bool:
    """Whether each part begins a word of ``name``."""
    words = [word for word in _WORD_ENDS.split(name.lower()) if word]
    return all(any(word.startswith(part) for word in words) for part in parts)
