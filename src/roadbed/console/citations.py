"""Citations of a right answer: passages that a person picks in the library, on any page."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Route

from roadbed.access import needs
from roadbed.console import formatting
from roadbed.console.pages import app_of, form_of, page, person_of
from roadbed.kernel.json import read_json
from roadbed.kernel.sentences import sentence
from roadbed.knowledge.errors import NoLibraryError, UnknownDocumentError
from roadbed.knowledge.records import StoredPassage
from roadbed.people.permissions import Permission
from roadbed.reviews.errors import VerdictError
from roadbed.usecases.use_case import UseCase

FIELD = "cited"  # of a form: the chosen passages as JSON, each with its id and its label
_FIELDS = {"route", "text", "citations"}
LONGEST_QUESTION = 1_000  # characters in the search box
_MOST_CITED = 20
_LONGEST_ID = 100
_MOST_MATCHES = 8


def picks(declared: UseCase) -> bool:
    """Whether right answers of a use case are passages of its library."""
    return declared.library is not None and set(declared.output.model_fields) >= _FIELDS


def question_of(declared: UseCase, input: Mapping[str, object]) -> str:
    """The question of a task, to search for; empty without a library."""
    if declared.library is None:
        return ""
    return str(input.get(declared.library.question) or "")[:LONGEST_QUESTION]


@needs(Permission.VIEW)
async def passages(request: Request) -> HTMLResponse:
    """The passages that fit some words best, to choose from: a part of a page.

    It is empty without words, as before a search.
    """
    app, name = app_of(request), request.path_params["name"]
    library, libraries = app.service(name).loaded.declared.library, app.libraries
    words = (await form_of(request)).get("q", "").strip()[:LONGEST_QUESTION]
    groups = await libraries.access.of(name, person_of(request))
    matches = await libraries.search(name, library, words, groups=groups, most=_MOST_MATCHES)
    return page(
        request,
        "passages.html",
        name=name,
        asked=bool(words),
        matches=[
            (match.passage, id_of(match.passage), formatting.seen(match.passage.text))
            for match in matches
        ],
    )


@needs(Permission.VIEW, Permission.SUBMIT)
async def passage(request: Request) -> RedirectResponse:
    """The page of the document where a cited passage stands, also in an earlier version of it."""
    app, name = app_of(request), request.path_params["name"]
    library, libraries = app.service(name).loaded.declared.library, app.libraries
    if library is None:
        raise NoLibraryError(name)
    named = request.query_params.get("id", "")[:_LONGEST_ID]
    groups = await libraries.access.of(name, person_of(request))
    stored = await libraries.cited(name, library, [named], groups=groups)
    if named not in stored:
        raise UnknownDocumentError(named)
    return RedirectResponse(link_of(name, stored[named]), status_code=303)


def link_of(use_case: str, stored: StoredPassage, words: str = "") -> str:
    """The page of a document, with a passage marked, or in it the words that are quoted."""
    first, last = stored.first, stored.last
    at = stored.text.find(words) if words else -1
    # Pieces of a table begin with its header, so their characters are not those of the part.
    if at >= 0 and len(stored.text) == last - first:
        first, last = first + at, first + at + len(words)
    place = {"version": stored.version, "part": stored.part, "from": first, "to": last}
    path = f"/usecases/{use_case}/documents/{stored.document_id}"
    return f"{path}?{urlencode(place)}#passage"


async def with_citations(
    request: Request, declared: UseCase, output: dict[str, object], form: Mapping[str, str]
) -> dict[str, object]:
    """A right output with the passages that the form names as its citations.

    Without a route it is an answer, and without a text it has that of the first passage. Raises
    ``VerdictError`` for a passage that the library does not have any more.
    """
    ids = _ids(form.get(FIELD, "")) if picks(declared) else []
    if not ids:
        return output
    app = app_of(request)
    groups = await app.libraries.access.of(declared.name, person_of(request))
    cited = await app.libraries.citable(declared.name, declared.library, ids, groups=groups)
    if len(cited) < len(ids):
        raise VerdictError(
            sentence("A passage that you chose is not in the library any more."),
            sentence("Search again and choose another one."),
        )
    right: dict[str, object] = {"route": "answer", "text": cited[0].text, **output}
    return {**right, "citations": [passage.citation() for passage in cited]}


def id_of(passage: StoredPassage) -> str:
    """The id of a passage as citations have it."""
    return f"{passage.key.version_id}:{passage.key.ordinal}"


def _ids(typed: str) -> list[str]:
    try:
        chosen = read_json(typed) if typed else []
    except (ValueError, RecursionError):
        return []
    if not isinstance(chosen, list):
        return []
    ids = [str(entry[0]) for entry in chosen[:_MOST_CITED] if isinstance(entry, list) and entry]
    return list(dict.fromkeys(ids))


ROUTES = (
    Route("/usecases/{name}/documents/passages", passages, methods=["POST"]),
    Route("/usecases/{name}/documents/passage", passage),
)
