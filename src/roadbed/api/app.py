"""The API's routes and error handlers, put on a FastAPI application."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from roadbed.api import deliveries, halts, problems, releases, reviews, tasks, usecases
from roadbed.kernel.errors import RoadbedError


def create() -> FastAPI:
    """The API alone, without lifespan; ``web.py`` mounts it and gives it its running app."""
    app = FastAPI(
        title="Roadbed",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        description="Submit tasks, read receipts, review, deliver, stop, see what is proven.",
    )
    for part in (tasks, reviews, usecases, deliveries, halts, releases):
        app.include_router(part.router)
    app.add_exception_handler(RoadbedError, problems.on_roadbed_error)
    app.add_exception_handler(RequestValidationError, problems.on_validation_error)
    app.add_exception_handler(HTTPException, problems.on_http_error)
    return app
