"""Old paths of the API: they answer like the new ones for one release, with a notice."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Old path, new path. Remove a line with the release after the one that renamed the path.
RENAMED = {
    "/usecases/{name}/road": "/usecases/{name}/timeline",
    "/usecases/{name}/renew": "/usecases/{name}/recertify",
    "/deliveries/{delivery_id}/say": "/deliveries/{delivery_id}/resolve",
    "/releases/{release_id}/judge": "/releases/{release_id}/open-reviews",
}
_SINCE = b"@1795737600"  # 2026-11-27, in the form that RFC 9745 asks for


def old_routes(routes: Iterable[BaseRoute]) -> list[BaseRoute]:
    """A route at the old path for each of ``routes`` that was renamed."""
    router = APIRouter()
    old_of = {new: old for old, new in RENAMED.items()}
    for route in routes:
        if isinstance(route, APIRoute) and route.path in old_of:
            router.add_api_route(
                old_of[route.path],
                route.endpoint,
                methods=sorted(route.methods or ()),
                openapi_extra=route.openapi_extra,
                deprecated=True,
            )
    return router.routes


class DeprecationNotice:
    """Answers at an old path say that it is deprecated, and name the new one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_notice(message: Message) -> None:
            # The router has put the route into the scope by now.
            new = RENAMED.get(getattr(scope.get("route"), "path", ""))
            if new is not None and message["type"] == "http.response.start":
                path = f"{scope.get('root_path', '')}{new.format(**scope['path_params'])}"
                link = f'<{quote(path)}>; rel="successor-version"'.encode()
                notice = [(b"deprecation", _SINCE), (b"link", link)]
                message["headers"] = [*message["headers"], *notice]
            await send(message)

        await self._app(scope, receive, with_notice)
