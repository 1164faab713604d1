"""Versions: the list, and what differs between two."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from roadbed.access import needs
from roadbed.console import chips, formatting, tables
from roadbed.console import export as exports
from roadbed.console.chips import Chip
from roadbed.console.pages import app_of, person_of, readable_of, use_of_answers, usecase_page
from roadbed.console.tables import Cell, Column, DataTable
from roadbed.exports.model import CellKind
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later
from roadbed.people.permissions import Permission
from roadbed.versions.service import Version

_MOST_ROWS = 1000
_MOST_CHOICES = 50
_MOST = 80  # characters of an id or number


def _state(version: Version) -> Chip:
    if version.live:
        return chips.VERSIONS["live"]
    return chips.VERSIONS["retired" if version.live_since else "never"]


def _name(version: Version) -> str:
    reason = formatting.sentence(formatting.seen(version.reason or ""))
    told = {"version": version.number, "reason": reason or _("no reason was given.")}
    return _("Version %(version)s: %(reason)s") % told


TABLE: DataTable[Version] = DataTable(
    name="versions",
    key=lambda version: version.id,
    link=lambda version: f"{max(version.number - 1, 1)}..{version.number}",  # below the page
    sorts=("version", "made", "learned", "threshold", "share", "live", "retired", "by"),
    sort="-version",
    columns=(
        Column(
            name="version",
            title=later("Version"),
            value=_name,
            order=lambda version: version.number,
        ),
        Column(
            name="state",
            title=later("State"),
            value=lambda version: _state(version).word,
            show=lambda version: Cell(chip=_state(version)),
        ),
        Column(
            name="threshold",
            title=later("Automatic from"),
            kind=CellKind.NUMBER,
            value=lambda version: version.threshold,
        ),
        Column(
            name="share",
            title=later("Share of the sample"),
            kind=CellKind.NUMBER,
            value=lambda version: version.share,
            show=lambda version: Cell(
                text="–"
                if version.share is None
                else f"{formatting.percent(version.share)}, n = {version.items:,}"
            ),
        ),
        Column(
            name="learned",
            title=later("Learned from"),
            kind=CellKind.WHOLE,
            value=lambda version: version.learned_from,
        ),
        Column(
            name="made",
            title=later("Made"),
            kind=CellKind.MOMENT,
            value=lambda version: version.made_at,
        ),
        Column(name="by", title=later("By"), value=lambda version: version.made_by),
        Column(
            name="live",
            title=later("Live"),
            kind=CellKind.MOMENT,
            value=lambda version: version.live_since,
        ),
        Column(
            name="retired",
            title=later("Retired"),
            kind=CellKind.MOMENT,
            value=lambda version: version.retired_at,
            shown=False,
        ),
        Column(
            name="number",
            title=later("Number"),
            kind=CellKind.WHOLE,
            value=lambda version: version.number,
            shown=False,
        ),
        Column(name="id", title=later("Id"), value=lambda version: version.id, shown=False),
    ),
)


@needs(Permission.VIEW)
async def versions(request: Request) -> Response:
    """Every version, newest first; with ``a`` and ``b``, on to what differs."""
    person_of(request)
    app, name = app_of(request), request.path_params["name"]
    app.service(name)
    a, b = (request.query_params.get(side, "")[:_MOST] for side in ("a", "b"))
    if a and b:
        return RedirectResponse(_between(name, a, b), status_code=303)
    rows = await app.versions.list(name, most=_MOST_ROWS)
    path = f"/usecases/{quote(name)}/versions"
    table = replace(TABLE, link=lambda version: f"{path}/{TABLE.link(version)}")
    view = tables.read(table, request.query_params)
    part = tables.page_of(table, view, rows)
    return await usecase_page(
        request,
        "versions.html",
        name,
        use_of_answers=await use_of_answers(app, name),
        versions=rows[:_MOST_CHOICES],
        table=tables.shown(table, view, part, path=path, paged=True),
    )


@needs(Permission.VIEW)
async def export(request: Request) -> Response:
    """The versions of a view as a file."""
    app, name = app_of(request), request.path_params["name"]
    app.service(name)
    rows = await app.versions.list(name, most=_MOST_ROWS)
    return await exports.export_all(request, TABLE, rows, use_case=name)


@needs(Permission.VIEW)
async def difference(request: Request) -> Response:
    """What changed from one version to another; of one alone, since the one before it."""
    person_of(request)
    app, name = app_of(request), request.path_params["name"]
    app.service(name)
    named: str = request.path_params["named"]
    a, dots, b = named.partition("..")
    if not dots:
        detail = await app.versions.show(name, named)
        before = max(detail.version.number - 1, 1)
        return RedirectResponse(_between(name, str(before), str(detail.version.number)), 303)
    compared = await readable_of(request).difference(
        name, await app.versions.diff(name, a, b), app.proposals.list
    )
    sides = [
        (await app.versions.show(name, version)).version for version in (compared.a, compared.b)
    ]
    return await usecase_page(
        request, "difference.html", name, difference=compared, sides=sides, signs=_SIGNS
    )


def _between(name: str, a: str, b: str) -> str:
    return f"/usecases/{quote(name)}/versions/{quote(a, safe='')}..{quote(b, safe='')}"


# The meaning of a sign in words, so that colour is not needed.
_SIGNS = formatting.Words({"+": later("added"), "-": later("removed"), "~": later("changed")})
