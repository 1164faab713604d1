"""The API's routes and error handlers, put on a FastAPI application."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from roadbed.access import guard
from roadbed.api import (
    budgets,
    chat,
    deliveries,
    documents,
    gaps,
    halts,
    inbox,
    incidents,
    jobs,
    labels,
    mcp,
    notebooks,
    notices,
    outcomes,
    problems,
    proposals,
    receipts,
    releases,
    renamed,
    reviews,
    status,
    tasks,
    timeline,
    trust,
    use_cases,
    versions,
)
from roadbed.kernel.errors import RoadbedError

_PARTS = (
    tasks,
    receipts,
    reviews,
    labels,
    mcp,
    use_cases,
    trust,
    budgets,
    notices,
    deliveries,
    documents,
    gaps,
    outcomes,
    halts,
    incidents,
    proposals,
    versions,
    notebooks,
    timeline,
    releases,
    inbox,
    jobs,
    status,
    chat,
)


def create() -> FastAPI:
    """The API alone, without lifespan; ``web.py`` mounts it and gives it its running app."""
    app = FastAPI(
        title="Roadbed",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        description="Submit tasks, read receipts, review, deliver, stop, see what is proven.",
    )
    routes = [route for part in _PARTS for route in part.router.routes]
    # The old paths first: a route with a parameter for its verb would take them.
    app.router.routes.extend(guard([*renamed.old_routes(routes), *routes]))
    app.add_middleware(renamed.DeprecationNotice)
    app.add_exception_handler(RoadbedError, problems.on_roadbed_error)
    app.add_exception_handler(RequestValidationError, problems.on_validation_error)
    app.add_exception_handler(HTTPException, problems.on_http_error)
    return app
