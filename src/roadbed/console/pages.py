"""Renders templates, and knows who is looking."""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from starlette.requests import Request
from starlette.responses import HTMLResponse

from roadbed.app import App
from roadbed.console import chips, formatting, static_files
from roadbed.console.formatting import Figure, on_one_line, worded
from roadbed.console.navigation import tabs
from roadbed.console.terms import term
from roadbed.console.watched_viewer import WatchedName
from roadbed.examples.presentation import use_of
from roadbed.guarantee.presentation import (
    above,
    measured_cell,
    measured_lines,
    reviews_a_day,
    unaudited,
)
from roadbed.improvement.model import support
from roadbed.kernel import messages
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.figures import interval
from roadbed.kernel.json import flat, shown
from roadbed.knowledge.readable_cases import Reader
from roadbed.people.errors import NotSignedInError
from roadbed.people.model import named
from roadbed.people.permissions import Permission, Viewer
from roadbed.receipts.readable import Readable
from roadbed.reviews.errors import LabelUnknownError
from roadbed.reviews.presentation import (
    answer_line,
    is_cited,
    is_place,
    judgement,
    output_line,
    place_words,
    quoted_line,
    route_words,
)
from roadbed.statuses import status_of

_Figure = TypeVar("_Figure")
_MOST = 1000  # characters of a field
# The fields in which people write sentences, in the order of the forms.
_SENTENCES = ("title", "reason", "why", "note", "when", "meant", "value", "by", "set")
_LEAST_COMPRESSED = 1_400  # bytes: what fits one packet is sent as it is
_HERE = Path(__file__).parent
_environment = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    finalize=formatting.upright,
    lstrip_blocks=True,
    extensions=["jinja2.ext.i18n"],
)
_environment.policies["ext.i18n.trimmed"] = True
_environment.install_gettext_callables(  # type: ignore[attr-defined]
    messages.gettext, messages.ngettext, newstyle=True
)


_TELLING = {"gettext", "ngettext"}


def _of_worded(tell: Any) -> Callable[..., str]:
    """The same message function, with stored sentences among its values in the same language."""

    @pass_context
    def worded_for(context: Context, /, *forms: str | int, **values: object) -> str:
        told: str = tell(context, *forms, **{name: worded(values[name]) for name in values})
        return told

    return worded_for


_environment.globals.update(
    {name: _of_worded(tell) for name, tell in _environment.globals.items() if name in _TELLING}
)
_environment.tests["wide"] = formatting.is_wide
_environment.tests["cited"] = is_cited
_environment.tests["place"] = is_place
_environment.filters.update(
    above=above,
    percent=on_one_line(formatting.percent),
    limit=on_one_line(formatting.limit),
    duration=on_one_line(formatting.duration),
    span=on_one_line(formatting.span),
    exact=formatting.exact,
    moment=formatting.moment,
    short=formatting.short,
    flat=flat,
    output_line=output_line,
    quoted_line=quoted_line,
    route_words=route_words,
    place_words=place_words,
    shown=shown,
    json=formatting.compact,
    code=formatting.code,
    milliseconds=on_one_line(formatting.milliseconds),
    sentence=formatting.sentence,
    stored=formatting.stored,
    role=lambda role: named([role]),
    seen=formatting.seen,
    seen_lines=formatting.seen_lines,
    capitalised=formatting.capitalised,
    support=support,
    points=formatting.points,
    unchanged=formatting.Unchanged,
    number=messages.number,
)
_environment.globals.update(
    static=static_files.address,
    interval=on_one_line(interval),
    unaudited=unaudited,
    measured_cell=measured_cell,
    measured_lines=measured_lines,
    reviews_a_day=reviews_a_day,
    reasons=formatting.REASONS,
    answer_line=answer_line,
    judgement=judgement,
    budget_states=formatting.BUDGET_STATES,
    money=on_one_line(formatting.money),
    delivery_states=formatting.DELIVERY_STATES,
    outcomes=formatting.OUTCOMES,
    roles=formatting.ROLES,
    release_states=chips.RELEASES,
    version_states=chips.VERSIONS,
    term=term,
    use_case_states=chips.USE_CASES,
)


def app_of(request: Request) -> App:
    """The running app."""
    app: App = request.app.state.roadbed
    return app


def person_of(request: Request) -> str:
    """Who is looking. Raises ``NotSignedInError``."""
    viewer: Viewer | None = getattr(request.state, "viewer", None)
    if viewer is None:
        raise NotSignedInError
    return viewer.name


def readable_of(request: Request) -> Readable:
    """What who is looking may read of lists of answers."""
    return Readable(app_of(request).libraries.cases, partial(person_of, request))


async def reader_of(request: Request, use_case: str) -> Reader | None:
    """Who is looking, as a reader of the cases of a use case; ``None`` if they may read all."""
    return await app_of(request).libraries.cases.reader(use_case, partial(person_of, request))


async def kept_for(
    request: Request,
    name: str,
    use_case: str,
    compute: Callable[[Reader | None], Awaitable[_Figure]],
    *,
    about: object = None,
) -> _Figure:
    """A kept figure; for a viewer who may not read all of it their own, which is not kept."""
    app = app_of(request)
    if (reader := await reader_of(request, use_case)) is not None:
        return await compute(reader)
    return await app.kept_figures.read(name, use_case, partial(compute, None), about=about)


def page(request: Request, template: str, status: int = 200, **facts: object) -> HTMLResponse:
    """A page or a part of one."""
    now = app_of(request).clock.now()
    viewer: Viewer | None = getattr(request.state, "viewer", None)
    refreshing: bool = getattr(request.state, "refreshing", False)
    seen: int | None = getattr(request.state, "seen", None) if status == 200 else None
    html = _environment.get_template(template).render(
        person=viewer and (WatchedName(viewer) if refreshing else viewer.name),
        refreshing=refreshing,
        seen_until=seen,
        manages=viewer is not None and viewer.everywhere(Permission.MANAGE_PEOPLE),
        may=lambda what, where: viewer is not None and viewer.may(where, Permission(what)),
        may_halt=viewer is not None and viewer.somewhere(Permission.HALT),
        let_in_by=viewer and viewer.let_in_by and (viewer.let_in_by if viewer.binds() else None),
        let_in_until=viewer and viewer.let_in_until,
        path=request.url.path,
        language=messages.spoken().replace("_", "-"),
        restore=app_of(request).recovery.standing,
        now=now,
        ago=lambda at: Figure(formatting.ago(at, now)),
        left=lambda at: Figure(formatting.left(at, now)),
        span=lambda at: Figure(formatting.span((now - at).total_seconds())),
        **{"usecase": None, "standing": None, "tabs": None, "typed": None, **facts},
    )
    return _answer(request, html, status)


def _answer(request: Request, html: str, status: int) -> HTMLResponse:
    """HTML, compressed where that tells nobody anything.

    The length of a compressed page depends on its secrets and on what its address puts beside them
    (BREACH). Who can watch lengths learns from that only by making a browser ask for many
    addresses. The session's cookie does not come along with requests that another site causes
    (``SameSite=strict``); and what such a site, or one that is not known, asks for is not
    compressed.
    """
    content = html.encode()
    headers = {"vary": "accept-encoding, sec-fetch-site"}
    own = request.headers.get("sec-fetch-site") in {"same-origin", "none"}
    if own and len(content) >= _LEAST_COMPRESSED and static_files.accepts_gzip(request.headers):
        content = gzip.compress(content, compresslevel=5, mtime=0)
        headers["content-encoding"] = "gzip"
    return HTMLResponse(content, status, headers)


async def usecase_page(
    request: Request, template: str, usecase: str, status: int = 200, **facts: object
) -> HTMLResponse:
    """A page of one use case: with its halt key, and the banner while it is halted."""
    app = app_of(request)
    standing = await app.halts.standing(usecase)
    shown = None
    if (deployment := app.deployments.find(usecase)) is not None:
        viewer: Viewer | None = getattr(request.state, "viewer", None)
        shown = tabs(
            usecase,
            request.url.path,
            await app.inbox.counts(usecase),
            lambda permission: viewer is not None and viewer.may(usecase, permission),
            library=deployment.loaded.declared.library is not None,
            jobs=await app.jobs.any(usecase),
        )
    facts = {"usecase": usecase, "standing": standing, "tabs": shown, **facts}
    return page(request, template, status, **facts)


async def use_of_answers(app: App, usecase: str) -> str:
    """What became of the right answers that people wrote, in words."""
    deployment = app.deployments.get(usecase)
    compute = partial(app.examples.written, deployment.loaded.declared)
    return use_of(await app.kept_figures.read("written", usecase, compute), deployment.live.rate)


async def typed_in(request: Request) -> list[str]:
    """The sentences in the form that was sent: a page that cannot take them shows them again.

    Forms with files hold none, and their body may have been read already.
    """
    files = request.headers.get("content-type", "").startswith("multipart/")
    if request.method != "POST" or request.headers.get("x-part") or files:
        return []
    form = await form_of(request)
    return [text for name in _SENTENCES if (text := form.get(name, "").strip())]


def problem_page(request: Request, error: RoadbedError, typed: Sequence[str] = ()) -> HTMLResponse:
    """An error with its remedy; only a part of a page if a part was requested.

    ``typed`` is what somebody wrote into the form that failed.
    """
    template = "problem_part.html" if request.headers.get("x-part") else "problem.html"
    facts = {"problem": error.problem, "remedy": error.remedy, "code": error.code}
    stopped = error.labels if isinstance(error, LabelUnknownError) else ()
    response = page(request, template, status_of(error), **facts, stopped=stopped, typed=typed)
    if (seconds := getattr(error, "retry_after", None)) is not None:
        response.headers["Retry-After"] = str(ceil(seconds))
    return response


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form, each cut to a maximum length."""
    form = parse_qsl((await request.body()).decode(errors="replace"))
    return {name: value[:_MOST].replace("\0", "") for name, value in form}
