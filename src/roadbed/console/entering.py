"""Signing in and out, and coming back to the page a link led to."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from roadbed.console.pages import app_of, page, problem_page
from roadbed.people.errors import NotSignedInError

_COOKIE = "roadbed_session"
_SESSION_SECONDS = 12 * 3600
_WANTED = "roadbed_wanted"  # the page that asked for the sign-in
_WANTED_SECONDS = 15 * 60
_PATH = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9_-]*){1,6}")


async def sign_in(request: Request) -> Response:
    """Spend a one-time link for a session, and go on to what was asked for before."""
    secret = await app_of(request).people.open_session(request.query_params.get("code", ""))
    wanted = request.cookies.get(_WANTED, "")
    # A redirect that another site began would not carry a strict cookie; a page of our own does.
    response = page(request, "signed_in.html", onward=wanted if _PATH.fullmatch(wanted) else "/")
    response.set_cookie(
        _COOKIE, secret, max_age=_SESSION_SECONDS, httponly=True, samesite="strict", path="/"
    )
    response.delete_cookie(_WANTED, path="/")
    return response


async def sign_out(request: Request) -> Response:
    """End the session."""
    await app_of(request).people.close_session(request.cookies.get(_COOKIE, ""))
    response = page(
        request,
        "problem.html",
        problem="You are signed out.",
        remedy="`roadbed user link` prints a new sign-in link.",
    )
    response.delete_cookie(_COOKIE, path="/")
    return response


def not_signed_in(request: Request, error: NotSignedInError) -> Response:
    """The way in. Whoever follows a link from a message may be signed in all the same."""
    path = request.url.path
    whole_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if not whole_page or not _PATH.fullmatch(path):
        return problem_page(request, error)
    if request.headers.get("sec-fetch-site") == "cross-site":
        # The browser kept the strict cookie back; it comes along when a page of ours asks.
        return page(request, "opening.html", onward=path)
    response = problem_page(request, error)
    response.set_cookie(
        _WANTED, path, max_age=_WANTED_SECONDS, httponly=True, samesite="lax", path="/"
    )
    return response
