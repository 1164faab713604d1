"""Signing in and out, and coming back to the page a link led to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from roadbed.access import open_to_all
from roadbed.console.pages import app_of, page, problem_page
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.sentences import sentence
from roadbed.people.errors import (
    NotSignedInError,
    ProviderError,
    SignInExpiredError,
    SignInRefusedError,
    TooManyRequestsError,
)
from roadbed.people.model import SignInProof
from roadbed.people.passwords import MARK_SECONDS
from roadbed.people.service import SESSION_SECONDS, hashed
from roadbed.statuses import status_of

COOKIE = "roadbed_session"
_WANTED = "roadbed_wanted"  # the page that asked for the sign-in
_WANTED_SECONDS = 15 * 60
_BEGUN = "roadbed_begun"  # binds a sign-in at the provider to this browser
_BEGUN_SECONDS = 10 * 60
_KNOWN = "roadbed_known"  # somebody signed in here before
_BACK = "/sign-in/back"
_ALREADY = "/sign-in/already"
_PATH = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9_-]*){1,6}")


@open_to_all
async def sign_in(request: Request) -> Response:
    """Whom a one-time link lets in, to be confirmed; without one, the form.

    Opening a link does not spend it: messengers and mail filters open it before its reader does.
    """
    code = request.query_params.get("code")
    if code is None:
        return _form(request)
    person = await app_of(request).people.whose_link(code)
    return page(request, "link.html", invited=person, code=code)


@open_to_all
async def by_link(request: Request) -> Response:
    """Spend a one-time link for a session."""
    form = await read_form(request)
    return await _enter(request, await app_of(request).people.spend_link(form.get("code", "")))


@open_to_all
async def by_password(request: Request) -> Response:
    """Sign in by name or address and password; an error is shown above the form."""
    form = await read_form(request)
    name = form.get("name", "").strip()
    name = name if "@" in name else name.lower()
    try:
        proof = await app_of(request).signing_in.by_password(
            name,
            form.get("password", ""),
            address=_address(request),
            known=request.cookies.get(_KNOWN, ""),
        )
        return await _enter(request, proof)
    except (SignInRefusedError, TooManyRequestsError) as error:
        return _form(request, error, name=name)


@open_to_all
async def to_provider(request: Request) -> Response:
    """To the identity provider; the browser keeps what proves that it began here."""
    app = app_of(request)
    app.signing_in.knock(_address(request))
    if app.provider is None:
        raise ProviderError(sentence("none is set up here"))
    begun = await app.provider.begin(back_to=base(request) + _BACK)
    response = RedirectResponse(begun.address, status_code=303)
    response.set_cookie(
        _cookie_name(begun.state),
        begun.browser,
        max_age=_BEGUN_SECONDS,
        httponly=True,
        samesite="lax",  # it has to come along when the provider sends the browser back
        secure=_secure(request),
        path=_BACK,
    )
    return response


@open_to_all
async def from_provider(request: Request) -> Response:
    """Back from the identity provider, with a code that is exchanged for who it is."""
    app, asked = app_of(request), request.query_params
    app.signing_in.knock(_address(request))
    if app.provider is None:
        raise ProviderError(sentence("none is set up here"))
    if "code" not in asked:
        raise ProviderError(sentence("the provider said no"))
    begun = _cookie_name(asked.get("state", ""))
    try:
        identity = await app.provider.finish(
            code=asked["code"],
            state=asked.get("state", ""),
            browser=request.cookies.get(begun, ""),
            back_to=base(request) + _BACK,
        )
    except SignInExpiredError as error:
        # Perhaps they are signed in: the strict cookie comes along when a page of ours asks.
        return page(request, "opening.html", status_of(error), onward=_ALREADY)
    response = await _enter(request, await app.signing_in.by_identity(identity))
    response.delete_cookie(begun, path=_BACK)
    return response


@open_to_all
async def already(request: Request) -> Response:
    """Redirect a signed-in person to the requested page; otherwise show why sign-in failed."""
    if getattr(request.state, "viewer", None) is None:
        raise SignInExpiredError
    return RedirectResponse(_wanted(request), status_code=303)


@open_to_all
async def sign_out(request: Request) -> Response:
    """End the session."""
    await app_of(request).people.close_session(request.cookies.get(COOKIE, ""))
    request.state.viewer = None
    response = page(
        request,
        "problem.html",
        problem=_("You are signed out."),
        remedy=_("`roadbed user link` prints a new sign-in link."),
    )
    response.delete_cookie(COOKIE, path="/")
    return response


def not_signed_in(request: Request, error: NotSignedInError, typed: Sequence[str] = ()) -> Response:
    """The sign-in page. A person who follows a link from a message may be signed in already.

    A form is not sent again: what was ``typed`` into it is shown.
    """
    path = request.url.path
    if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
        return problem_page(request, error, typed)
    if not _PATH.fullmatch(path):
        return _form(request, status=401)
    if request.headers.get("sec-fetch-site") == "cross-site":
        # The browser kept the strict cookie back; it comes along when a page of ours asks.
        return page(request, "opening.html", onward=path)
    response = _form(request, status=401)
    response.set_cookie(
        _WANTED,
        path,
        max_age=_WANTED_SECONDS,
        httponly=True,
        samesite="lax",
        secure=_secure(request),
        path="/",
    )
    return response


async def read_form(request: Request) -> dict[str, str]:
    """The fields of the form; the last value if a field is repeated."""
    body = (await request.body()).decode(errors="replace")
    return {name: value.replace("\0", "") for name, value in parse_qsl(body)}


async def _enter(request: Request, proof: SignInProof) -> Response:
    """A new session in this browser, in the place of the one it had, and on to the page wanted."""
    secret = await app_of(request).people.open_session(
        proof,
        browser=request.headers.get("user-agent", ""),
        instead_of=request.cookies.get(COOKIE),
    )
    # A redirect that another site began would not carry a strict cookie; a page of our own does.
    response = page(request, "signed_in.html", onward=_wanted(request))
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(SESSION_SECONDS),
        httponly=True,
        samesite="strict",
        secure=_secure(request),
        path="/",
    )
    response.delete_cookie(_WANTED, path="/")
    if (known := await app_of(request).signing_in.known_browser(proof)) is not None:
        response.set_cookie(
            _KNOWN,
            known,
            max_age=MARK_SECONDS,
            httponly=True,
            samesite="strict",
            secure=_secure(request),
            path="/sign-in",
        )
    return response


def _wanted(request: Request) -> str:
    wanted = request.cookies.get(_WANTED, "")
    return wanted if _PATH.fullmatch(wanted) else "/"


def _cookie_name(state: str) -> str:
    """The cookie of one sign-in at the provider, so that each tab has its own."""
    return f"{_BEGUN}_{hashed(state)[:16]}"


def _form(
    request: Request, error: RoadbedError | None = None, *, name: str = "", status: int = 200
) -> Response:
    has_provider = app_of(request).provider is not None
    facts = {"has_provider": has_provider, "name": name, "problem": "", "remedy": ""}
    if error is None:
        return page(request, "sign_in.html", status, **facts)
    refused = problem_page(request, error)
    facts |= {"problem": error.problem, "remedy": error.remedy}
    response = page(request, "sign_in.html", refused.status_code, **facts)
    if after := refused.headers.get("retry-after"):
        response.headers["Retry-After"] = after
    return response


def base(request: Request) -> str:
    """Scheme and host under which this browser knows Roadbed."""
    public = urlsplit(app_of(request).settings.address or "")
    if public.hostname == request.url.hostname and public.scheme == "https":
        return f"https://{public.netloc}"
    return f"{request.url.scheme}://{request.url.netloc}"


def _secure(request: Request) -> bool:
    return base(request).startswith("https://")


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


ROUTES = [
    Route("/sign-in", sign_in),
    Route("/sign-in", by_password, methods=["POST"]),
    Route("/sign-in/link", by_link, methods=["POST"]),
    Route("/sign-in/provider", to_provider),
    Route(_BACK, from_provider),
    Route(_ALREADY, already),
    Route("/sign-out", sign_out, methods=["POST"]),
]
