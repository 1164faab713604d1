"""The permission that each route needs, checked in one place before its handler runs.

A handler declares it with ``@needs(Permission.…)``; ``guard`` puts the check before every route of
a surface and refuses to build a surface with an undeclared route. What the viewer cannot see
answers exactly like what is not there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from roadbed.app import App
from roadbed.deliveries.errors import UnknownDeliveryError
from roadbed.guarantee.errors import UnknownNoticeError
from roadbed.improvement.errors import UnknownProposalError
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import sentence
from roadbed.knowledge.errors import UnknownConflictError, UnknownDocumentError
from roadbed.outcomes.errors import NoSuchOutcomeError
from roadbed.people.errors import (
    LetInByAnotherError,
    NotAllowedError,
    NotSignedInError,
    SessionNeededError,
)
from roadbed.people.permissions import Permission, Viewer, who_may
from roadbed.receipts.errors import UnknownTaskError
from roadbed.releases.errors import UnknownReleaseError
from roadbed.reviews.errors import UnknownReviewError
from roadbed.usecases.errors import UnknownUseCaseError
from roadbed.work.errors import UnknownJobError

Permissions = Sequence[Permission]
Path = Mapping[str, Any]
By = Callable[[App, Viewer, Permissions, Path], Awaitable[None]]
Endpoint = TypeVar("Endpoint", bound=Callable[..., object])


class UndeclaredRouteError(RoadbedError):
    """A route without a declared permission: the server does not start."""

    code = "route_undeclared"

    def __init__(self, path: str) -> None:
        super().__init__(
            sentence("The route %(path)s does not declare which permission it needs.", path=path),
            sentence("Put @needs(Permission.…) from roadbed.access on its handler."),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirement:
    """One of ``permissions`` is required in the scope that ``by`` finds; no ``by``: public."""

    permissions: Permissions
    by: By | None


_declared: dict[Callable[..., object], Requirement] = {}


async def by_name(_: App, viewer: Viewer, permissions: Permissions, path: Path) -> None:
    """In the use case that ``{name}`` of the path names."""
    admit(viewer, path["name"], permissions, partial(UnknownUseCaseError, path["name"]))


async def listing(_: App, viewer: Viewer, permissions: Permissions, __: Path) -> None:
    """Anywhere or nowhere: the handler shows what ``viewer.visible`` leaves, perhaps nothing."""
    _one_of(permissions, viewer.in_scope)


async def somewhere(_: App, viewer: Viewer, permissions: Permissions, __: Path) -> None:
    """In one use case at least; the handler does it only where the viewer may."""
    _one_of(permissions, viewer.somewhere)


async def everywhere(_: App, viewer: Viewer, permissions: Permissions, __: Path) -> None:
    """In the whole installation: for administrators."""
    if viewer.session is None and viewer.everywhere(Permission.VIEW):
        raise SessionNeededError
    _one_of(permissions, viewer.everywhere)


async def own(_: App, viewer: Viewer, __: Permissions, ___: Path) -> None:
    """Nowhere: it is about the person who asks, in a browser."""
    if viewer.session is None:
        raise SessionNeededError


def by_id(
    parameter: str,
    use_case_of: Callable[[App, str], Awaitable[str | None]],
    missing: Callable[[str], RoadbedError],
) -> By:
    """In the use case that ``use_case_of`` finds for the id in the path, which may be none.

    With ``{name}`` in the path as well it must be that use case.
    """

    async def by(app: App, viewer: Viewer, permissions: Permissions, path: Path) -> None:
        identifier: str = path[parameter]
        use_case = None if "\0" in identifier else await use_case_of(app, identifier)
        if use_case is None or path.get("name", use_case) != use_case:
            raise missing(identifier)
        admit(viewer, use_case, permissions, partial(missing, identifier))

    return by


by_task = by_id(
    "task_id", lambda app, identifier: app.receipts.use_case_of(identifier), UnknownTaskError
)
by_review = by_id(
    "review_id", lambda app, identifier: app.reviews.use_case_of(identifier), UnknownReviewError
)
by_notice = by_id(
    "notice_id", lambda app, identifier: app.notices.use_case_of(identifier), UnknownNoticeError
)
by_release = by_id(
    "release_id", lambda app, identifier: app.releases.use_case_of(identifier), UnknownReleaseError
)
by_proposal = by_id(
    "proposal_id",
    lambda app, identifier: app.proposals.use_case_of(identifier),
    UnknownProposalError,
)
by_delivery = by_id(
    "delivery_id",
    lambda app, identifier: app.deliveries.use_case_of(identifier),
    UnknownDeliveryError,
)
by_job = by_id("job_id", lambda app, identifier: app.jobs.use_case_of(identifier), UnknownJobError)
by_outcome = by_id(
    "outcome_id",
    lambda app, identifier: app.outcomes.repository.use_case_of(identifier),
    NoSuchOutcomeError,
)
by_conflict = by_id(
    "conflict_id",
    lambda app, identifier: app.libraries.conflicts.use_case_of(identifier),
    UnknownConflictError,
)
by_document = by_id(
    "document_id",
    lambda app, identifier: app.libraries.documents.use_case_of(identifier),
    UnknownDocumentError,
)


def needs(*permissions: Permission, by: By = by_name) -> Callable[[Endpoint], Endpoint]:
    """Declare that a handler needs one of ``permissions``, and how its use case is found."""

    def mark(endpoint: Endpoint) -> Endpoint:
        _declared[endpoint] = Requirement(permissions=permissions, by=by)
        return endpoint

    return mark


def open_to_all(endpoint: Endpoint) -> Endpoint:
    """Declare that a handler is for everybody, signed in or not."""
    _declared[endpoint] = Requirement(permissions=(), by=None)
    return endpoint


def declared_as(route: Route) -> Callable[[Endpoint], Endpoint]:
    """Declare that a handler needs what the handler of another route needs."""

    def mark(endpoint: Endpoint) -> Endpoint:
        _declared[endpoint] = _declared[route.endpoint]
        return endpoint

    return mark


def declared(route: BaseRoute) -> Requirement | None:
    """The declared requirement of a route, or ``None``."""
    return _declared.get(route.endpoint) if isinstance(route, Route) else None


def guard(routes: Iterable[BaseRoute]) -> list[BaseRoute]:
    """The same routes, each behind the check of what it needs. Raises ``UndeclaredRouteError``."""
    guarded: list[BaseRoute] = []
    for route in routes:
        requirement = declared(route)
        if requirement is None or not isinstance(route, Route):
            raise UndeclaredRouteError(getattr(route, "path", type(route).__name__))
        # A router may be part of several applications; each gets its own routes.
        behind = copy(route)
        behind.app = Guarded(route.app, requirement)
        guarded.append(behind)
    return guarded


def admit(
    viewer: Viewer, use_case: str, permissions: Permissions, missing: Callable[[], RoadbedError]
) -> None:
    """Raises ``missing()`` where the viewer sees no such use case, ``NotAllowedError``.

    Raises ``LetInByAnotherError`` where nothing else is in the way.
    """
    if not viewer.sees(use_case):
        raise missing()
    if viewer.let_in_by is not None and not any(viewer.may(use_case, one) for one in permissions):
        own = replace(viewer, let_in_by=None)
        if any(own.may(use_case, one) for one in permissions):
            raise LetInByAnotherError(viewer.let_in_by, viewer.let_in_until)
    _one_of(permissions, lambda permission: viewer.may(use_case, permission))


def require(request: Request, permission: Permission, use_case: str) -> None:
    """For handlers whose body selects the action: require the exact permission."""
    admit(viewer_of(request), use_case, (permission,), partial(UnknownUseCaseError, use_case))


def viewer_of(request: Request) -> Viewer:
    """The viewer of the request, with permissions. Raises ``NotSignedInError``."""
    viewer: Viewer | None = getattr(request.state, "viewer", None)
    if viewer is None:
        raise NotSignedInError
    return viewer


def linker_of(request: Request) -> str | None:
    """The other person who recently let the viewer in, if any."""
    return viewer_of(request).let_in_by


class Guarded:
    """A route behind its check."""

    def __init__(self, app: ASGIApp, needed: Requirement) -> None:
        self._app = app
        self._needed = needed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._needed.by is not None:
            request = Request(scope)
            viewer = viewer_of(request)
            app: App = request.app.state.roadbed
            await self._needed.by(app, viewer, self._needed.permissions, request.path_params)
        await self._app(scope, receive, send)


def _one_of(permissions: Permissions, may: Callable[[Permission], bool]) -> None:
    if not any(map(may, permissions)):
        raise NotAllowedError(permissions[0], who_may(permissions[0]))
