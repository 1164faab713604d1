"""Old paths of the console: for one release they redirect to the new ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from roadbed.access import declared_as

# Old start of a path, new start; the first that fits counts. Remove a line with the release after
# the one that renamed the path.
RENAMED = {
    "/usecases/{name}/improve/quality": "/usecases/{name}/examples/quality",
    "/usecases/{name}/improve/prompt": "/usecases/{name}/prompt-search",
    "/usecases/{name}/improve": "/usecases/{name}/proposals",
    "/usecases/{name}/incident": "/usecases/{name}/incidents",
    "/usecases/{name}/renew": "/usecases/{name}/recertify",
    "/usecases/{name}/review": "/usecases/{name}/reviews",
    "/you": "/account",
}


def old_routes(routes: Iterable[Route]) -> Iterator[Route]:
    """A redirect at the old path for each of ``routes`` that was renamed."""
    for route in routes:
        for old, new in RENAMED.items():
            if route.path == new or route.path.startswith(f"{new}/"):
                path = old + route.path.removeprefix(new)
                methods = sorted((route.methods or set()) - {"HEAD"})
                yield Route(path, _redirect(route), methods=methods)
                break


def _redirect(route: Route) -> Callable[[Request], RedirectResponse]:
    """Redirect with method and body; the permission is the same, so nothing more is revealed."""

    @declared_as(route)
    def redirect(request: Request) -> RedirectResponse:
        parts = {name: quote(value, safe="") for name, value in request.path_params.items()}
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"{route.path.format(**parts)}{query}", status_code=308)

    return redirect
