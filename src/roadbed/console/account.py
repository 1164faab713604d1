"""One's own page: sessions, tokens, password, and what one may do where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from roadbed.access import needs, own, viewer_of
from roadbed.console.pages import app_of, page
from roadbed.console.sign_in import read_form
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.sentences import figure, sentence
from roadbed.people.errors import (
    PasswordError,
    PersonInvalidError,
    SignInRefusedError,
    TooManyRequestsError,
)
from roadbed.people.model import Issued
from roadbed.people.permissions import SCOPES, SHORTEST_PASSWORD

_MOST_DAYS = 3650.0


@needs(by=own)
async def you(request: Request) -> HTMLResponse:
    """Who one is here."""
    return await account_page(request)


@needs(by=own)
async def password(request: Request) -> Response:
    """A new password; every other session and every token ends, and those are named."""
    form = await read_form(request)
    if form.get("new") != form.get("again"):
        return await account_page(request, status=422, problem=_("The two new passwords differ."))
    try:
        revoked = await app_of(request).signing_in.change_password(
            viewer_of(request), form.get("current", ""), form.get("new", "")
        )
    except SignInRefusedError:
        return await account_page(request, status=403, problem=_("The current password is wrong."))
    except (PasswordError, TooManyRequestsError) as error:
        return await account_page(request, status=422, problem=f"{error.problem} {error.remedy}")
    if revoked:
        return await account_page(request, revoked=revoked)
    return RedirectResponse("/account", status_code=303)


@needs(by=own)
async def end(request: Request) -> Response:
    """End one session or token of one's own."""
    viewer = viewer_of(request)
    token_id = request.path_params["token_id"]
    await app_of(request).people.revoke(token_id, person=viewer.name, by=viewer.name)
    return RedirectResponse("/account", status_code=303)


@needs(by=own)
async def end_others(request: Request) -> Response:
    """Sign out everywhere but here."""
    viewer = viewer_of(request)
    await app_of(request).people.close_sessions(viewer.name, by=viewer.name, but=viewer.session)
    return RedirectResponse("/account", status_code=303)


@needs(by=own)
async def token(request: Request) -> Response:
    """A new token of one's own; it is shown this once."""
    form = await read_form(request)
    scopes = parse_qs((await request.body()).decode(errors="replace")).get("scope", [])
    viewer = viewer_of(request)
    if not scopes:
        problem = _("Choose what the token may do.")
        return await account_page(request, status=422, problem=problem, token=form)
    try:
        made = await app_of(request).people.issue_token(
            viewer.name,
            name=form.get("label", "").strip(),
            scopes=scopes,
            use_cases=[form["usecase"]] if form.get("usecase") else None,
            days=_days(form.get("days", "")),
            session=viewer.session,
        )
    except PersonInvalidError as error:
        problem = f"{error.problem} {error.remedy}"
        return await account_page(
            request, status=422, problem=problem, token=form, token_scopes=scopes
        )
    return await account_page(request, made=made)


async def account_page(
    request: Request,
    *,
    status: int = 200,
    problem: str | None = None,
    made: str | None = None,
    revoked: Sequence[Issued] = (),
    typed: Mapping[str, str] | None = None,
    token: Mapping[str, str] | None = None,
    token_scopes: Sequence[str] = (),
) -> HTMLResponse:
    """The page, with what one act has to say, and what was ``typed`` or asked of a ``token``."""
    app, viewer = app_of(request), viewer_of(request)
    return page(
        request,
        "you.html",
        status,
        me=await app.members.get(viewer.name),
        held=await app.members.held(person=viewer.name),
        here=viewer.session,
        absence=await app.absences.of(viewer.name),
        sessions=await app.people.issued(viewer.name, kinds=("session",)),
        tokens=await app.people.issued(viewer.name),
        scopes=SCOPES,
        shortest=SHORTEST_PASSWORD,
        problem=problem,
        made=made,
        revoked=revoked,
        typed=typed or {},
        token=token or {},
        token_scopes=token_scopes,
    )


def _days(typed: str) -> float | None:
    if not typed.strip():
        return None
    try:
        days = float(typed)
    except ValueError:
        days = 0.0
    if not 0.0 < days <= _MOST_DAYS:
        raise PersonInvalidError(
            sentence("%(typed)r is no number of days.", typed=typed[:20]),
            sentence("Say 1 to %(most_days)s, or nothing.", most_days=figure(f"{_MOST_DAYS:.0f}")),
        )
    return days


ROUTES = [
    Route("/account", you),
    Route("/account/password", password, methods=["POST"]),
    Route("/account/sessions/end", end_others, methods=["POST"]),
    Route("/account/tokens", token, methods=["POST"]),
    Route("/account/held/{token_id}/end", end, methods=["POST"]),
]
