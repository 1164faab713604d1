"""What every route needs: the running app and who is asking."""

from __future__ import annotations

from codecs import BOM_UTF8
from functools import partial

from fastapi import Request
from pydantic_core import from_json, to_json
from starlette.responses import Response

from roadbed.api.problems import BodyError, UnstorableError
from roadbed.app import App
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.json import read_json
from roadbed.kernel.sentences import plain
from roadbed.kernel.storable import faults
from roadbed.knowledge.readable_cases import Reader
from roadbed.people.errors import NotSignedInError
from roadbed.receipts.readable import Readable
from roadbed.usecases.errors import UnknownUseCaseError
from roadbed.usecases.use_case import UseCase


class BrokenUseCaseError(RoadbedError):
    """The use case's folder is there but cannot be loaded."""

    code = "usecase_broken"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The use case {name!r} could not be loaded, so it takes no tasks.",
            "Run `roadbed check` on its folder, mend it and restart.",
        )


def app_of(request: Request) -> App:
    """The running app."""
    app: App = request.app.state.roadbed
    return app


def person_of(request: Request) -> str:
    """Who is asking. Raises ``NotSignedInError``."""
    person: str | None = getattr(request.state, "person", None)
    if person is None:
        raise NotSignedInError
    return person


def readable_of(request: Request) -> Readable:
    """What who is asking may read of lists of answers."""
    return Readable(app_of(request).libraries.cases, partial(person_of, request))


async def reader_of(request: Request, use_case: str) -> Reader | None:
    """Who is asking, as a reader of the cases of a use case; ``None`` if they may read all."""
    return await app_of(request).libraries.cases.reader(use_case, partial(person_of, request))


def usecase_of(request: Request, name: str) -> UseCase:
    """A served use case. Raises ``UnknownUseCaseError``, ``BrokenUseCaseError``."""
    return served(app_of(request), name)


def served(app: App, name: str) -> UseCase:
    """A served use case. Raises ``UnknownUseCaseError``, ``BrokenUseCaseError``."""
    try:
        return app.deployments.get(name).loaded.declared
    except UnknownUseCaseError:
        if name in app.broken:
            raise BrokenUseCaseError(name) from None
        raise


async def json_object(request: Request) -> dict[str, object]:
    """The body. Raises ``BodyError``."""
    return read_object(await request.body())


def read_object(body: bytes) -> dict[str, object]:
    """``body`` as a JSON object that can be stored. Raises ``BodyError``, ``UnstorableError``.

    So no route passes a value to the database that it would refuse.
    """
    content = parsed(body)
    if bad := faults(content):
        raise UnstorableError(bad)
    return content


def parsed(body: bytes) -> dict[str, object]:
    """``body`` as a JSON object; the caller checks its content. Raises ``BodyError``."""
    try:
        content = from_json(body.removeprefix(BOM_UTF8))
        read_json(body.removeprefix(BOM_UTF8))  # refuses a name that stands twice
    except (ValueError, RecursionError) as error:
        raise BodyError(str(error)) from error
    if not isinstance(content, dict):
        raise BodyError(f"it is a {type(content).__name__}")
    return content


def as_json(content: object, status: int = 200) -> Response:
    """A JSON response."""
    return Response(to_json(content, fallback=plain), status, media_type="application/json")
