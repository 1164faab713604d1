"""Versions: the list, what differs between two, and a past task on any of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from roadbed.access import by_task, needs
from roadbed.console.pages import app_of, person_of, usecase_page
from roadbed.kernel.errors import RoadbedError
from roadbed.people.rules import Permission
from roadbed.receipts.service import moments
from roadbed.releases.errors import UnknownVersionError
from roadbed.releases.replays import withheld

_PAGE_SIZE = 50
_MOST = 80  # characters of an id or number


@needs(Permission.VIEW)
async def versions(request: Request) -> Response:
    """Every version, newest first; with ``a`` and ``b``, on to what differs."""
    person_of(request)
    app, name = app_of(request), request.path_params["name"]
    app.service(name)
    a, b = (request.query_params.get(each, "")[:_MOST] for each in ("a", "b"))
    if a and b:
        return RedirectResponse(_between(name, a, b), status_code=303)
    before = request.query_params.get("before", "")
    found = await app.versions.list(
        name,
        most=_PAGE_SIZE,
        before=int(before) if before.isdecimal() and len(before) < 9 else None,
    )
    return await usecase_page(
        request,
        "versions.html",
        name,
        versions=found,
        more=found[-1].number if len(found) == _PAGE_SIZE else None,
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
        found = await app.versions.show(name, named)
        before = max(found.version.number - 1, 1)
        return RedirectResponse(_between(name, str(before), str(found.version.number)), 303)
    compared = await app.versions.diff(name, a, b)
    sides = [(await app.versions.show(name, each)).version for each in (compared.a, compared.b)]
    return await usecase_page(
        request, "difference.html", name, difference=compared, sides=sides, signs=_SIGNS
    )


@needs(Permission.REVIEW, Permission.IMPROVE, by=by_task)
async def replay(request: Request) -> Response:
    """The receipt again, with what another version says beside what was decided."""
    person, app = person_of(request), app_of(request)
    task_id = request.path_params["task_id"]
    if request.method != "POST":  # the address was opened again; nothing is asked twice by itself
        return RedirectResponse(f"/receipts/{quote(task_id)}#replay", status_code=303)
    form = dict(parse_qsl((await request.body()).decode(errors="replace")))
    named = form.get("version", "")[:_MOST]
    found, problem = None, None
    try:
        if not named:
            raise UnknownVersionError(named)
        found = await app.replays.run(task_id, named, actor=person)
    except RoadbedError as error:
        problem = f"{error.problem} {error.remedy}"
    receipt = await app.receipts.get(task_id, viewer=person)
    facts = {**await replayable(request, receipt), "replayed": found, "replay_problem": problem}
    return await usecase_page(
        request,
        "receipt.html",
        receipt["use_case"],
        200 if found else 409,
        receipt=receipt,
        moments=moments(receipt),
        **facts,
    )


async def replayable(request: Request, receipt: Mapping[str, Any]) -> dict[str, Any]:
    """What the form "re-run on version …" needs; no versions where the viewer may not replay."""
    found: Any = []
    if not withheld(receipt, person_of(request)):
        found = await app_of(request).versions.list(receipt["use_case"], most=_PAGE_SIZE)
    return {"replay_versions": found, "replayed": None, "replay_problem": None}


def _between(name: str, a: str, b: str) -> str:
    return f"/usecases/{quote(name)}/versions/{quote(a, safe='')}..{quote(b, safe='')}"


# What a sign stands for, so that it need not be told by its colour.
_SIGNS = {"+": "added", "-": "removed", "~": "changed"}
