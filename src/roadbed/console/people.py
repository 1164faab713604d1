"""People for administrators, and who belongs to a use case for those who may see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from roadbed.access import everywhere, needs, viewer_of
from roadbed.app import App
from roadbed.console import chips, tables
from roadbed.console import export as exports
from roadbed.console.pages import app_of, page, usecase_page
from roadbed.console.sign_in import base, read_form
from roadbed.console.tables import Cell, Column, DataTable
from roadbed.exports.model import CellKind
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later
from roadbed.people.errors import LastAdminError, PersonExistsError, PersonInvalidError
from roadbed.people.model import Person, Role, named
from roadbed.people.permissions import Permission, is_name


def _state(person: Person) -> str:
    if person.disabled_at:
        return "disabled"
    return "active" if person.confirmed_at else "not confirmed"


def _roles(person: Person) -> str:
    held = [_("administrator")] if person.admin else []
    held += [
        _("%(roles)s of %(use_case)s")
        % {"roles": ", ".join(named([role]) for role in roles), "use_case": name}
        for name, roles in person.roles.items()
    ]
    return "; ".join(held) or _("no role yet")


TABLE: DataTable[Person] = DataTable(
    name="people",
    key=lambda person: person.name,
    link=lambda person: f"/people/{quote(person.name)}",
    sorts=("name", "display", "email", "state", "added", "roles"),
    sort="name",
    page_size=200,
    columns=(
        Column(name="name", title=later("Name"), value=lambda person: person.name),
        Column(name="display", title=later("In full"), value=lambda person: person.display or None),
        Column(name="roles", title=later("Roles"), value=_roles),
        Column(
            name="state",
            title=later("State"),
            value=lambda person: chips.PEOPLE[_state(person)].word,
            show=lambda person: Cell(chip=chips.PEOPLE[_state(person)]),
        ),
        Column(name="email", title=later("E-mail"), value=lambda person: person.email),
        Column(
            name="added",
            title=later("Added"),
            kind=CellKind.MOMENT,
            value=lambda person: person.created_at,
            shown=False,
        ),
    ),
)
_REFUSED = (LastAdminError, PersonExistsError, PersonInvalidError)


@needs(Permission.VIEW)
async def members(request: Request) -> HTMLResponse:
    """The members of a use case, their roles, and who granted them."""
    name = request.path_params["name"]
    app = app_of(request)
    app.service(name)
    held = await app.members.held(use_case=name)
    return await usecase_page(request, "members.html", name, held=held)


@needs(Permission.MANAGE_PEOPLE, by=everywhere)
async def people(request: Request) -> HTMLResponse:
    """All people, and a form for a new person."""
    return await _people(request)


@needs(Permission.MANAGE_PEOPLE, by=everywhere)
async def export(request: Request) -> Response:
    """The people of a view as a file."""
    return await exports.export_all(request, TABLE, await app_of(request).members.list())


@needs(Permission.MANAGE_PEOPLE, by=everywhere)
async def add(request: Request) -> Response:
    """Add a person without roles."""
    form = await read_form(request)
    name = form.get("name", "").strip().lower()
    try:
        await app_of(request).members.add(
            name,
            by=viewer_of(request).name,
            display=form.get("display", "").strip(),
            email=form.get("email", "").strip() or None,
        )
    except _REFUSED as error:
        problem = f"{error.problem} {error.remedy}"
        return await _people(request, status=422, problem=problem, typed=form)
    return RedirectResponse(f"/people/{name}", status_code=303)


@needs(Permission.MANAGE_PEOPLE, by=everywhere)
async def person(request: Request) -> HTMLResponse:
    """One person: roles, tokens, sessions."""
    return await _person(request)


@needs(Permission.MANAGE_PEOPLE, by=everywhere)
async def grant(request: Request) -> Response:
    """Give a role."""
    return await _change_role(request, lambda app: app.members.grant)


@needs(Permission.MANAGE_PEOPLE, by=everywhere)
async def revoke(request: Request) -> Response:
    """Revoke a role."""
    return await _change_role(request, lambda app: app.members.revoke)


@needs(Permission.MANAGE_PEOPLE, by=everywhere)
async def disable(request: Request) -> Response:
    """Disable a person."""
    return await _change(request, lambda app, name, by: app.members.disable(name, by=by))


@needs(Permission.MANAGE_PEOPLE, by=everywhere)
async def enable(request: Request) -> Response:
    """Enable a person again."""
    return await _change(request, lambda app, name, by: app.members.enable(name, by=by))


@needs(Permission.MANAGE_PEOPLE, by=everywhere)
async def confirm(request: Request) -> Response:
    """Confirm that this person is the one whom folders name."""
    return await _change(request, lambda app, name, by: app.members.confirm(name, by=by))


@needs(Permission.MANAGE_PEOPLE, by=everywhere)
async def end(request: Request) -> Response:
    """End a token or session of a person."""
    token_id = request.path_params["token_id"]
    return await _change(
        request, lambda app, name, by: app.people.revoke(token_id, person=name, by=by)
    )


@needs(Permission.MANAGE_PEOPLE, by=everywhere)
async def link(request: Request) -> HTMLResponse:
    """A one-time sign-in link for a person; it is shown once."""
    name, viewer = request.path_params["person"], viewer_of(request)
    code = await app_of(request).people.issue_link_code(
        name, by=viewer.name, session=viewer.session
    )
    return await _person(request, made=f"{base(request)}/sign-in?code={code}")


async def _change(request: Request, change: Callable[[App, str, str], Awaitable[None]]) -> Response:
    name = request.path_params["person"]
    try:
        await change(app_of(request), name, viewer_of(request).name)
    except _REFUSED as error:
        return await _person(request, status=422, problem=f"{error.problem} {error.remedy}")
    # Redirect only to a valid name: other paths may be crafted.
    return RedirectResponse(f"/people/{name}" if is_name(name) else "/people", status_code=303)


async def _change_role(
    request: Request, verb: Callable[[App], Callable[..., Awaitable[None]]]
) -> Response:
    form = await read_form(request)
    use_case, role = form.get("usecase", ""), form.get("role", "")
    return await _change(request, lambda app, name, by: verb(app)(name, use_case, role, by=by))


async def _people(
    request: Request,
    *,
    status: int = 200,
    problem: str | None = None,
    typed: Mapping[str, str] | None = None,
) -> HTMLResponse:
    members = app_of(request).members
    listed = await members.list()
    view = tables.read(TABLE, request.query_params)
    part = tables.page_of(TABLE, view, listed)
    return page(
        request,
        "people.html",
        status,
        people=listed,
        table=tables.shown(TABLE, view, part, path="/people", paged=True),
        unbound=await members.unbound(),
        problem=problem,
        typed=typed or {},
    )


async def _person(
    request: Request, *, status: int = 200, problem: str | None = None, made: str | None = None
) -> HTMLResponse:
    app, name = app_of(request), request.path_params["person"]
    return page(
        request,
        "person.html",
        status,
        them=await app.members.get(name),
        held=await app.members.held(person=name),
        issued=await app.people.issued(name, kinds=("session", "api")),
        use_cases=await app.members.use_cases(),
        known_roles=[role.value for role in Role],
        problem=problem,
        made=made,
    )


ROUTES = [
    Route("/usecases/{name}/members", members),
    Route("/people", people),
    Route("/people", add, methods=["POST"]),
    Route("/people/export.{format}", export),
    Route("/people/{person}", person),
    Route("/people/{person}/grant", grant, methods=["POST"]),
    Route("/people/{person}/revoke", revoke, methods=["POST"]),
    Route("/people/{person}/confirm", confirm, methods=["POST"]),
    Route("/people/{person}/disable", disable, methods=["POST"]),
    Route("/people/{person}/enable", enable, methods=["POST"]),
    Route("/people/{person}/link", link, methods=["POST"]),
    Route("/people/{person}/held/{token_id}/end", end, methods=["POST"]),
]
