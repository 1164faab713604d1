"""Ask: questions to a library of documents, their answers, and what to do about a wrong one."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from roadbed.access import by_task, needs
from roadbed.console import chips, formatting, forms
from roadbed.console.chips import Chip
from roadbed.console.citations import link_of
from roadbed.console.pages import app_of, page, person_of, usecase_page
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import number
from roadbed.kernel.sentences import Sentence
from roadbed.knowledge.errors import NoLibraryError
from roadbed.knowledge.libraries import Libraries, MarkedText
from roadbed.knowledge.records import RemovedDocument
from roadbed.knowledge.threads import searched_text
from roadbed.models.answers.contract import LONGEST_ANSWER
from roadbed.outcomes.report_form import LONGEST
from roadbed.people.permissions import Permission
from roadbed.receipts.errors import UnknownTaskError
from roadbed.receipts.questions import SURFACE, AskedQuestion
from roadbed.statuses import status_of
from roadbed.usecases.library import Library
from roadbed.usecases.use_case import UseCase

_WAIT_SECONDS = 1.0  # for an answer, before the page says that it is under way
_MOST_ASKED = 20  # shown beside the form
_MOST_PASSAGES = 5  # shown while an answer waits
_LONGEST_FIELD = 200_000  # characters; the declared input has limits of its own
_LONGEST_NONCE = 40
_MOST_QUOTED = 700  # characters of a passage that are shown
# Of 1: below it, whoever asked is told to read the passages. In the demo's library 9 of 20 wrong
# answers are below it and 2 of 492 right ones; below 0.7 are 10 and 5. In long reports support says
# little of right and wrong: `docs/explanation/performance.md`.
_WEAK_SUPPORT = 0.6


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownCitation:
    """Where an answer stands: ``link`` opens the document there, ``None`` if it is not known.

    ``note`` is what a reader should know of that page.
    """

    document: str
    place: str
    quote: MarkedText
    link: str | None
    note: Sentence | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownTurn:
    """A question with its answer, as its sender reads it.

    ``words`` are the question as it is shown, ``typed`` as it was sent. ``text``, ``notes`` and
    ``citations`` are those of the answer, ``removed`` cited documents that left the library since.
    ``rest`` are fields of an output that has others. ``passages`` are what the search gives while
    there is no answer. ``support`` is that of an answer which the documents support weakly, in
    [0, 1], and ``None`` for every other one.
    """

    question: AskedQuestion
    words: str
    typed: str
    chip: Chip
    route: str = ""
    text: str = ""
    notes: Sequence[str] = ()
    citations: Sequence[ShownCitation] = ()
    removed: Sequence[RemovedDocument] = ()
    rest: Mapping[str, object] | None = None
    passages: Sequence[ShownCitation] = ()
    support: float | None = None


@needs(Permission.SUBMIT)
async def form(request: Request) -> HTMLResponse:
    """The form for a first question, and what the person asked before."""
    return await _page(request, typed={})


@needs(Permission.SUBMIT)
async def ask(request: Request) -> Response:
    """Send a question; on to its answer. Errors are shown beside the form."""
    app, name, person = app_of(request), request.path_params["name"], person_of(request)
    declared = app.service(name).loaded.declared
    library = _library(declared)
    typed = await _typed(request)
    after = typed.get("after", "")
    earlier = await _conversation(request, after) if after else []
    content = {
        **forms.read(declared.input, typed, prefix="input."),
        library.question: typed.get("question", "").strip(),
    }
    if library.earlier in declared.input.model_fields and earlier:
        content[str(library.earlier)] = [_turn(library, question) for question in earlier]
    source = {"surface": SURFACE, "by": person}
    if problem := _unfit(declared, library, str(content[library.question])):
        return await _page(request, typed=typed, earlier=earlier, problem=problem, status=422)
    try:
        admission, running = await app.decisions.submit(
            name,
            content,
            key=_key(person, typed),
            source=source | ({"after": earlier[-1].task_id} if earlier else {}),
            waits=True,
        )
    except RoadbedError as error:
        return await _page(
            request,
            typed=typed,
            earlier=earlier,
            problem=f"{error.problem} {error.remedy}",
            status=status_of(error),
        )
    if running is not None:
        await asyncio.wait([running], timeout=_WAIT_SECONDS)
    task = admission.task.id
    return RedirectResponse(f"/usecases/{name}/ask/{quote(task)}#latest", status_code=303)


@needs(Permission.SUBMIT, by=by_task)
async def question(request: Request) -> HTMLResponse:
    """A question of the person with its answer, and those before it."""
    return await _page(request, typed={}, earlier=await _own(request))


@needs(Permission.SUBMIT, by=by_task)
async def wrong(request: Request) -> Response:
    """The sender calls an answer wrong. It changes no answer; a person looks at it."""
    app, name, person = app_of(request), request.path_params["name"], person_of(request)
    asked = (await _own(request))[-1]
    note = (await _typed(request)).get("note", "").strip()[: LONGEST["note"] + 1]
    sent = {"task": asked.task_id, "right": False, "note": note or None}
    try:
        await app.outcomes.report(app.service(name).loaded.declared, sent, by=person)
    except RoadbedError as error:
        return page(
            request,
            "problem.html",
            status_of(error),
            problem=error.problem,
            remedy=error.remedy,
            code=error.code,
            stopped=(),
            typed=[note],
        )
    return RedirectResponse(f"/usecases/{name}/ask/{quote(asked.task_id)}#latest", status_code=303)


async def _own(request: Request) -> Sequence[AskedQuestion]:
    """The conversation that the address names. Raises ``UnknownTaskError`` for that of others."""
    task = request.path_params["task_id"]
    asked = await _conversation(request, task)
    if not asked:
        raise UnknownTaskError(task)
    return asked


async def _conversation(request: Request, task: str) -> Sequence[AskedQuestion]:
    """A question of the person and those before it, with what the person may read of the answers.

    A reviewer may have cited what the person may not read.
    """
    app, name, person = app_of(request), request.path_params["name"], person_of(request)
    asked = await app.receipts.questions.conversation(name, task, person=person)
    readable = await app.libraries.withholding.of_each(
        name, person, [((person,), (one.output,)) for one in asked]
    )
    return [
        replace(one, output=may_read.output(one.output, decided=False))
        for one, may_read in zip(asked, readable, strict=True)
    ]


async def _page(
    request: Request,
    *,
    typed: Mapping[str, str],
    earlier: Sequence[AskedQuestion] = (),
    problem: str | None = None,
    status: int = 200,
) -> HTMLResponse:
    app, name, person = app_of(request), request.path_params["name"], person_of(request)
    declared = app.service(name).loaded.declared
    library, libraries = _library(declared), app.libraries
    groups = await libraries.access.of(name, person)
    listing, asked = await asyncio.gather(
        libraries.listing(name, library, groups=groups),
        app.receipts.questions.asked(name, person=person, most=_MOST_ASKED),
    )
    turns = [await _turn_of(libraries, declared, turn, groups) for turn in earlier]
    if turns and earlier[-1].state in {"deciding", "waiting"}:
        words = searched_text(library, earlier[-1].input)
        passages = await _passages(libraries, declared, words, groups)
        turns[-1] = replace(turns[-1], passages=passages)
    return await usecase_page(
        request,
        "ask.html",
        name,
        status,
        turns=turns,
        searched=sum(document.version is not None for document in listing.documents),
        unreadable=sum(document.version is None for document in listing.documents),
        asked=[
            (row.task_id, _words(library, row), _chip(row), row.asked_at)
            for row in asked
            if row.task_id not in {turn.task_id for turn in earlier}
        ],
        fields=[
            field
            for field in forms.fields_of(declared.input)
            if field.name not in {library.question, library.earlier}
        ],
        form_typed=typed,
        nonce=app.ids.new("ask"),
        problem=problem,
    )


def _unfit(declared: UseCase, library: Library, question: str) -> str | None:
    """Why a question cannot be asked, in words of the page; ``None``: it can."""
    if not question:
        return _("Type a question.")
    schema = declared.input.model_json_schema().get("properties", {}).get(library.question, {})
    most = schema.get("maxLength")
    if most is None or len(question) <= most:
        return None
    return _("The question has %(n)s characters, and at most %(most)s are read. Shorten it.") % {
        "n": number(len(question)),
        "most": number(most),
    }


def _library(declared: UseCase) -> Library:
    if declared.library is None:
        raise NoLibraryError(declared.name)
    return declared.library


def _words(library: Library, asked: AskedQuestion) -> str:
    return formatting.seen_lines(str(asked.input.get(library.question) or ""))


def _turn(library: Library, asked: AskedQuestion) -> dict[str, str]:
    """A question and its answer, as they go along with the next question."""
    return {
        "question": str(asked.input.get(library.question) or ""),
        "text": str((asked.output or {}).get("text") or "")[:LONGEST_ANSWER],
    }


def _chip(asked: AskedQuestion) -> Chip:
    route = str((asked.output or {}).get("route") or "answer")
    return chips.QUESTIONS[
        route if asked.state == "answered" and route in chips.QUESTIONS else asked.state
    ]


async def _turn_of(
    libraries: Libraries, declared: UseCase, asked: AskedQuestion, groups: frozenset[str]
) -> ShownTurn:
    library = _library(declared)
    turn = ShownTurn(
        question=asked,
        words=_words(library, asked),
        typed=str(asked.input.get(library.question) or ""),
        chip=_chip(asked),
    )
    output = asked.output
    if output is None:
        return turn
    cited = [one for one in output.get("citations") or () if isinstance(one, Mapping)]
    ids = {str(citation.get("passage") or "") for citation in cited}
    stored = await libraries.cited(declared.name, library, ids, groups=groups)
    quotes = [str(citation.get("quote") or "") for citation in cited]
    known = {"route", "text", "notes", "citations"}
    rest = {name: value for name, value in output.items() if name not in known}
    return replace(
        turn,
        route=str(output.get("route") or ""),
        text=str(output.get("text") or ""),
        notes=[str(note) for note in output.get("notes") or ()],
        citations=[
            ShownCitation(
                document=str(citation.get("document") or ""),
                place=str(citation.get("place") or ""),
                quote=() if words == output.get("text") else marked,  # it stands above
                link=link_of(declared.name, passage, words) if passage else None,
                note=passage.note if passage else None,
            )
            for citation, words, marked, passage in zip(
                cited,
                quotes,
                await _marked(libraries, declared, str(asked.input.get(library.question)), quotes),
                [stored.get(str(citation.get("passage") or "")) for citation in cited],
                strict=True,
            )
        ],
        removed=await libraries.withholding.removed(declared.name, [output]),
        rest=rest or None,
        support=_weak_support(asked) if output.get("route") == "answer" else None,
    )


def _weak_support(asked: AskedQuestion) -> float | None:
    weak = asked.support is not None and asked.support < _WEAK_SUPPORT
    return asked.support if weak and not asked.by_person else None


async def _marked(
    libraries: Libraries, declared: UseCase, question: str, texts: Sequence[str]
) -> Sequence[MarkedText]:
    """Texts with the words of a question marked; unmarked while the index cannot be read."""
    shown = [text if len(text) <= _MOST_QUOTED else f"{text[:_MOST_QUOTED]} …" for text in texts]
    try:
        return await libraries.marked(declared.name, _library(declared), question, shown)
    except RoadbedError:
        return [[(text, False)] for text in shown]


async def _passages(
    libraries: Libraries, declared: UseCase, question: str, groups: frozenset[str]
) -> Sequence[ShownCitation]:
    """What a search gives for a question. A search that fails shows nothing: the answer waits."""
    try:
        matches = await libraries.search(
            declared.name, declared.library, question, groups=groups, most=_MOST_PASSAGES
        )
    except RoadbedError:
        return ()
    texts = [match.passage.text for match in matches]
    return [
        ShownCitation(
            document=match.passage.path,
            place=match.passage.position.label,
            quote=marked,
            link=link_of(declared.name, match.passage),
            note=match.passage.note,
        )
        for match, marked in zip(
            matches, await _marked(libraries, declared, question, texts), strict=True
        )
    ]


async def _typed(request: Request) -> dict[str, str]:
    form = parse_qsl((await request.body()).decode(errors="replace"))
    # A form ends its lines with two characters.
    return {
        name: value[:_LONGEST_FIELD].replace("\0", "").replace("\r\n", "\n") for name, value in form
    }


def _key(person: str, typed: Mapping[str, str]) -> str | None:
    """The same form sent twice is one question; a changed question is another one."""
    nonce = typed.get("nonce", "")[:_LONGEST_NONCE]
    if not nonce:
        return None
    content = hashlib.sha256(repr(sorted(typed.items())).encode()).hexdigest()
    return f"{SURFACE}:{hashlib.sha256(person.encode()).hexdigest()[:12]}:{nonce}:{content[:24]}"


ROUTES = (
    Route("/usecases/{name}/ask", form),
    Route("/usecases/{name}/ask", ask, methods=["POST"]),
    Route("/usecases/{name}/ask/{task_id}", question),
    Route("/usecases/{name}/ask/{task_id}/wrong", wrong, methods=["POST"]),
)
