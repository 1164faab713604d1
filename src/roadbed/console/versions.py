"""Versions: the list, and what differs between two."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from roadbed.access import needs
from roadbed.console.pages import app_of, person_of, usecase_page
from roadbed.people.permissions import Permission

_PAGE_SIZE = 50
_MOST = 80  # characters of an id or number


@needs(Permission.VIEW)
async def versions(request: Request) -> Response:
    """Every version, newest first; with ``a`` and ``b``, on to what differs."""
    person_of(request)
    app, name = app_of(request), request.path_params["name"]
    app.service(name)
    a, b = (request.query_params.get(side, "")[:_MOST] for side in ("a", "b"))
    if a and b:
        return RedirectResponse(_between(name, a, b), status_code=303)
    before = request.query_params.get("before", "")
    rows = await app.versions.list(
        name,
        most=_PAGE_SIZE,
        before=int(before) if before.isdecimal() and len(before) < 9 else None,
    )
    return await usecase_page(
        request,
        "versions.html",
        name,
        versions=rows,
        more=rows[-1].number if len(rows) == _PAGE_SIZE else None,
    )


@needs(Permission.VIEW)
async def difference(request: Request) -> Response:
    """What changed from one version to another; of one alone, since the one before it."""
    person_of(request)
    app, name = app_of(request), request.path_params["name"]
    app.service(name)
    named: str = request.path_params["named"]
    a, dots, b = named.partition("..")
    if not dots:
        detail = await app.versions.show(name, named)
        before = max(detail.version.number - 1, 1)
        return RedirectResponse(_between(name, str(before), str(detail.version.number)), 303)
    compared = await app.versions.diff(name, a, b)
    sides = [
        (await app.versions.show(name, version)).version for version in (compared.a, compared.b)
    ]
    return await usecase_page(
        request, "difference.html", name, difference=compared, sides=sides, signs=_SIGNS
    )


def _between(name: str, a: str, b: str) -> str:
    return f"/usecases/{quote(name)}/versions/{quote(a, safe='')}..{quote(b, safe='')}"


# The meaning of a sign in words, so that colour is not needed.
_SIGNS = {"+": "added", "-": "removed", "~": "changed"}
