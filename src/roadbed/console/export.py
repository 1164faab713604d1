"""Exports of tables: the same rows, order and columns as the page shows, on all its pages."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from roadbed.access import viewer_of
from roadbed.console import tables
from roadbed.console.pages import app_of
from roadbed.console.tables import DataTable, TableView
from roadbed.exports.errors import ExportFormatError, ExportViewError
from roadbed.exports.model import Asked, ExportCell, Format
from roadbed.people.errors import NotSignedInError
from roadbed.people.permissions import Viewer

RowT = TypeVar("RowT")
_MEDIA = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.PARQUET: "application/vnd.apache.parquet",
}
# Words that somebody searched for may be about a person. An erasure would not find them in the log.
_SEARCHED = "q"


async def export(
    request: Request,
    table: DataTable[RowT],
    view: TableView,
    batches: AsyncGenerator[Sequence[RowT], None],
    *,
    use_case: str | None = None,
) -> Response:
    """The table as a file.

    Raises ``ExportFormatError``, ``ExportViewError``, ``TooManyExportsError``.

    ``batches`` are its rows as the page shows them. The page's permission is asked again while they
    are read.
    """
    form = _format(request.path_params["format"])
    if view.ignored:
        raise ExportViewError(view.ignored)
    headers = {
        "Content-Disposition": f'attachment; filename="{table.name}.{form.value}"',
        "X-Content-Type-Options": "nosniff",
    }
    if request.method == "HEAD":
        return Response(headers=headers, media_type=_MEDIA[form])
    app, viewer = app_of(request), viewer_of(request)
    seen = viewer.visible(app.deployments.names())

    async def permitted() -> None:
        again: Viewer | None = await request.state.viewer_again()
        if again is None or again.visible(app.deployments.names()) != seen:
            raise NotSignedInError

    async def cells() -> AsyncGenerator[Sequence[Sequence[ExportCell]], None]:
        async with aclosing(batches):
            async for rows in batches:
                yield [tables.exported(table, view, row) for row in rows]

    asked = Asked(
        person=viewer.name,
        page=table.name,
        use_case=use_case,
        format=form,
        view={
            "sort": view.sort,
            "columns": list(view.columns),
            "filters": {name: value for name, value in view.filters.items() if name != _SEARCHED},
            "searched": _SEARCHED in view.filters,
            "selected": None if view.selected is None else len(view.selected),
        },
    )
    begun = await app.exports.begin(asked)
    content = app.exports.content(begun, tables.headings(table, view), cells(), permitted)
    return StreamingResponse(content, headers=headers, media_type=_MEDIA[form])


async def export_all(
    request: Request, table: DataTable[RowT], rows: Sequence[RowT], *, use_case: str | None = None
) -> Response:
    """A small set of rows as a file, in the order of the view. Raises what ``export`` raises."""
    view = tables.read(table, request.query_params)

    async def batches() -> AsyncGenerator[Sequence[RowT], None]:
        yield tables.sorted_rows(table, view, rows)

    return await export(request, table, view, batches(), use_case=use_case)


def _format(name: str) -> Format:
    try:
        return Format(name)
    except ValueError:
        raise ExportFormatError(", ".join(Format)) from None
