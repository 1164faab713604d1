"""The language of a request: the best of those that its browser asks for."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from roadbed.kernel import messages


def language_of(scope: Scope) -> str:
    """The language of an HTTP request."""
    return messages.best(Headers(scope=scope).get("accept-language", ""))


class Language:
    """Middleware: whatever a request renders is in the language of its reader."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with messages.speaking(language_of(scope)):
            await self._app(scope, receive, send)
