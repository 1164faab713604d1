"""The cases of a release as a table: broken, fixed, not judged, and answered differently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from roadbed.access import by_release, needs
from roadbed.console import chips, formatting, tables
from roadbed.console import export as exports
from roadbed.console.pages import usecase_page
from roadbed.console.releases import served_release
from roadbed.console.tables import Cell, Column, DataTable, TableView
from roadbed.kernel.json import Json, shown
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later
from roadbed.people.permissions import Permission
from roadbed.releases import presentation, report_presentation
from roadbed.releases.criteria import MOST_CASES
from roadbed.releases.report_presentation import Report
from roadbed.reviews.presentation import output_line
from roadbed.versions.model import Release


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedCase:
    """A case of a report and what the candidate changed on it: a name of ``chips.CASES``."""

    change: str
    case: Report

    @property
    def task(self) -> str | None:
        """Its task; ``None`` if it was imported."""
        task: str | None = self.case.get("task")
        return task

    @property
    def id(self) -> str:
        """The id of its example, or of its task if it is none."""
        return str(self.case.get("example") or self.task or "")


def listed(release: Release) -> Sequence[ListedCase]:
    """The cases that the page of a release shows, in the order of its reports."""
    by_change = {
        "broken": report_presentation.cases(release.gate, "broken"),
        "unknown": report_presentation.unknown_cases(release.gate),
        "fixed": report_presentation.cases(release.gate, "fixed"),
        "differs": report_presentation.differing(release),
    }
    return [
        ListedCase(change=name, case=case) for name, cases in by_change.items() for case in cases
    ]


def _answer(output: Json) -> str | None:
    if output is None:
        return None
    return formatting.seen(output_line(output) if isinstance(output, Mapping) else shown(output))


def _right(row: ListedCase) -> str | None:
    """The right answer, if the page of the release shows it."""
    return _answer(row.case.get("right")) if row.change in ("broken", "fixed") else None


def _input(row: ListedCase) -> str | None:
    return formatting.seen(row.case.get("input") or "") or None


def _link(row: ListedCase) -> str:
    return f"/receipts/{row.task}" if row.task else ""


def _receipt(row: ListedCase) -> Cell:
    if row.task is None:
        return Cell(text=_("imported"))
    return Cell(text=formatting.short(row.task), link=_link(row), detail=row.task)


TABLE: DataTable[ListedCase] = DataTable(
    name="cases",
    key=lambda row: f"{row.change}-{row.id}",
    link=_link,
    sorts=("input", "change", "live", "candidate", "right", "receipt", "why"),
    sort="change",
    filters={"change": tuple(chips.CASES)},
    columns=(
        Column(name="input", title=later("Input"), value=_input),
        Column(
            name="change",
            title=later("Change"),
            value=lambda row: chips.CASES[row.change].word,
            show=lambda row: Cell(chip=chips.CASES[row.change]),
        ),
        Column(
            name="live",
            title=later("Live answer"),
            value=lambda row: _answer(row.case.get("live")),
        ),
        Column(
            name="candidate",
            title=later("Candidate's answer"),
            value=lambda row: _answer(row.case.get("candidate")),
        ),
        Column(name="right", title=later("Right answer"), value=_right),
        Column(
            name="receipt",
            title=later("Receipt"),
            value=lambda row: row.task or _("imported"),
            show=_receipt,
        ),
        Column(
            name="why",
            title=later("Why unknown"),
            value=lambda row: _answer(row.case.get("why")),
            shown=False,
        ),
        Column(name="id", title=later("Id"), value=lambda row: row.id, shown=False),
    ),
)


@needs(Permission.VIEW, by=by_release)
async def cases(request: Request) -> HTMLResponse:
    """All cases of one release, or those of one change."""
    release = await served_release(request)
    rows = listed(release)
    view = tables.read(TABLE, request.query_params)
    part = tables.page_of(TABLE, view, _asked(rows, view))
    return await usecase_page(
        request,
        "cases.html",
        release.use_case,
        release=release,
        called=presentation.name(release),
        counts=Counter(row.change for row in rows),
        changes=chips.CASES,
        asked=view.filters.get("change"),
        most=MOST_CASES,
        table=tables.shown(TABLE, view, part, path=f"/releases/{release.id}/cases", paged=True),
    )


@needs(Permission.VIEW, by=by_release)
async def export(request: Request) -> Response:
    """The cases of a view as a file."""
    release = await served_release(request)
    rows = _asked(listed(release), tables.read(TABLE, request.query_params))
    return await exports.export_all(request, TABLE, rows, use_case=release.use_case)


def _asked(rows: Sequence[ListedCase], view: TableView) -> Sequence[ListedCase]:
    change = view.filters.get("change")
    return [row for row in rows if change in (None, row.change)]


ROUTES = (
    Route("/releases/{release_id}/cases", cases),
    Route("/releases/{release_id}/cases/export.{format}", export),
)
