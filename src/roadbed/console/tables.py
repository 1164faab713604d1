"""Data tables: what the address of a page asks for, and the table that it shows.

Every view is a link: sort, columns, density, filters and page stand in the address. The export of a
page reads the same view with the same columns, so it holds the same rows in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Generic, TypeVar
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from roadbed.console import formatting
from roadbed.console.chips import Chip
from roadbed.exports.model import CellKind, ExportCell, Format, Heading
from roadbed.kernel.json import brief, without_empty
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import localised, number, several
from roadbed.kernel.paging import COUNTED, Portion, Slice

RowT = TypeVar("RowT")
_MOST_SELECTED = 200
_LONGEST = 200  # characters of a filter
_LONGEST_ID = 80
_CUT = 160  # characters of a cell
_HOVER = 1_000  # characters of it that are shown on hover; its own page has all


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A cell as a page shows it: a text and where it leads, a state, or a time.

    ``detail`` is shown on hover.
    """

    text: str = ""
    link: str = ""
    at: datetime | None = None
    chip: Chip | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column(Generic[RowT]):
    """A column: its ``value`` in an export, and how a page shows it, as its value without ``show``.

    ``shown``: without a choice of columns. ``order`` is what it is sorted by, if not its value.
    ``whole``: a sentence, which is never cut.
    """

    name: str
    title: str
    value: Callable[[RowT], ExportCell]
    show: Callable[[RowT], Cell] | None = None
    kind: CellKind = CellKind.TEXT
    shown: bool = True
    order: Callable[[RowT], ExportCell] | None = None
    whole: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class DataTable(Generic[RowT]):
    """A table of a page. The first column says what a row is about, and is always there.

    ``key`` names a row, ``link`` leads to what it is about.
    ``sorts`` are the columns by which it can be sorted. ``filters`` are names of the address with
    the values that they take, or ``None`` for any text.
    """

    name: str
    columns: Sequence[Column[RowT]]
    key: Callable[[RowT], str]
    link: Callable[[RowT], str]
    sorts: Sequence[str]
    sort: str
    filters: Mapping[str, Sequence[str] | None] = field(default_factory=dict)
    page_size: int = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class TableView:
    """What an address asks for. ``ignored`` are sentences on what it asks for in vain."""

    sort: str
    columns: Sequence[str]
    compact: bool
    filters: Mapping[str, str]
    before: str | None
    after: str | None
    page: int
    selected: Sequence[str] | None
    ignored: Sequence[str]

    @property
    def descending(self) -> bool:
        """Whether the largest, or newest, comes first."""
        return self.sort.startswith("-")

    @property
    def first_page(self) -> bool:
        """Whether it is where a list begins."""
        return not (self.before or self.after) and self.page == 1

    def slice(self, table: DataTable[RowT], *, everything: bool = False) -> Slice:
        """Which rows to read of a list that is ordered by id; ``everything``: of all its pages."""
        return Slice(
            oldest=not self.descending,
            before=None if everything else self.before,
            after=None if everything else self.after,
            ids=self.selected,
            most=None if everything else table.page_size,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnHead:
    """The head of a column: where a click sorts, and how it is sorted now (``aria-sort``)."""

    title: str
    kind: str
    link: str = ""
    sorted: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownTable:
    """A table as the template shows it."""

    name: str
    path: str
    heads: Sequence[ColumnHead]
    rows: Sequence[tuple[str, str, Sequence[Cell]]]  # key, link, cells
    count: str
    compact: bool
    density: str
    earlier: str
    later: str
    choices: Sequence[tuple[str, str, bool]]  # name, title, chosen
    downloads: Sequence[tuple[str, str, str]]  # name of the format, address, address without view
    kept: Sequence[tuple[str, str]]
    ignored: Sequence[str]


def read(table: DataTable[RowT], parameters: QueryParams) -> TableView:
    """The view that an address asks for; what it asks for in vain is left out and said."""
    ignored: list[str] = []
    names = [column.name for column in table.columns]
    asked = [name for value in parameters.getlist("columns") for name in value.split(",") if name]
    unknown = [name for name in dict.fromkeys(asked) if name not in names]
    ignored += [
        _("There is no column “%(name)s”.") % {"name": name[:_LONGEST_ID]} for name in unknown[:3]
    ]
    chosen = [name for name in names if name in asked]
    if not chosen:
        chosen = [column.name for column in table.columns if column.shown]
    sort = parameters.get("sort", "") or table.sort
    if sort.removeprefix("-") not in table.sorts:
        name = sort.removeprefix("-")[:_LONGEST_ID]
        ignored.append(_("This table cannot be sorted by “%(name)s”.") % {"name": name})
        sort = table.sort
    filters: dict[str, str] = {}
    for name, allowed in table.filters.items():
        value = parameters.get(name, "").strip()[:_LONGEST]
        if value and allowed is not None and value not in allowed:
            told = {"filter": name, "value": value[:_LONGEST_ID]}
            ignored.append(_("There is no %(filter)s “%(value)s”.") % told)
        elif value:
            filters[name] = value
    page = parameters.get("page", "")
    selected = [key[:_LONGEST_ID] for key in parameters.getlist("row")[:_MOST_SELECTED]]
    return TableView(
        sort=sort,
        columns=[names[0], *(name for name in chosen if name != names[0])],
        compact=parameters.get("density") == "compact",
        filters=filters,
        before=parameters.get("before", "")[:_LONGEST_ID] or None,
        after=parameters.get("after", "")[:_LONGEST_ID] or None,
        page=max(int(page), 1) if page.isdecimal() and len(page) < 7 else 1,
        selected=selected or None,
        ignored=ignored,
    )


def columns_of(table: DataTable[RowT], view: TableView) -> Sequence[Column[RowT]]:
    """The columns of a view, in the order of the table."""
    return [column for column in table.columns if column.name in view.columns]


def headings(table: DataTable[RowT], view: TableView) -> Sequence[Heading]:
    """The columns of a view, for an export."""
    return [Heading(title=_(column.title), kind=column.kind) for column in columns_of(table, view)]


def exported(table: DataTable[RowT], view: TableView, row: RowT) -> Sequence[ExportCell]:
    """A row for an export. Characters that turn the direction of text are escaped, as on pages."""
    return [_upright(column.value(row)) for column in columns_of(table, view)]


def sorted_rows(table: DataTable[RowT], view: TableView, rows: Sequence[RowT]) -> Sequence[RowT]:
    """All rows of a small set in the order of a view, those without a value last."""
    named = {column.name: column for column in table.columns}
    column = named[view.sort.removeprefix("-")]
    value = column.order or column.value
    if view.selected is not None:
        rows = [row for row in rows if table.key(row) in view.selected]
    filled = [row for row in rows if value(row) is not None]
    empty = [row for row in rows if value(row) is None]
    return [*sorted(filled, key=lambda row: _order(value(row)), reverse=view.descending), *empty]


def page_of(table: DataTable[RowT], view: TableView, rows: Sequence[RowT]) -> Portion[RowT]:
    """The page of a small set that a view asks for; the last one if there are fewer."""
    ordered = sorted_rows(table, view, rows)
    last = max((len(ordered) - 1) // table.page_size, 0)
    start = min(view.page - 1, last) * table.page_size
    return Portion(
        rows=ordered[start : start + table.page_size],
        total=len(ordered),
        first=start + 1,
        earlier=start > 0,
        later=start + table.page_size < len(ordered),
    )


def shown(
    table: DataTable[RowT],
    view: TableView,
    part: Portion[RowT],
    *,
    path: str,
    paged: bool = False,
    export: str | None = None,
) -> ShownTable:
    """The table for the template. ``paged``: its pages have numbers, as those of small sets do.

    ``export`` is where its exports are, if not below ``path``.
    """
    columns = columns_of(table, view)
    earlier, later = _pages(table, view, part, paged=paged)
    below = export or f"{path}/export"
    exports = _query(table, view, {"density": ""})
    return ShownTable(
        name=table.name,
        path=path,
        heads=[_head(table, view, column) for column in columns],
        rows=[
            (table.key(row), table.link(row), [_cell(column, row) for column in columns])
            for row in part.rows
        ],
        count=count(part),
        compact=view.compact,
        density=_query(table, view, {"density": "" if view.compact else "compact"}),
        earlier=earlier,
        later=later,
        choices=[
            (column.name, _(column.title), column.name in view.columns)
            for column in table.columns[1:]
        ],
        downloads=[
            (_FORMATS[form], f"{below}.{form.value}{exports}", f"{below}.{form.value}")
            for form in Format
        ],
        kept=_parameters(table, view),
        ignored=view.ignored,
    )


def words(content: Mapping[str, object]) -> str:
    """What a task is about, in one line; an erased one has nothing left."""
    return brief(without_empty(content) or content) if content else _("erased")


def count(part: Portion[RowT]) -> str:
    """Which rows of how many a page shows."""
    total = number(part.total)
    if part.total > COUNTED:
        total = _("more than %(n)s") % {"n": number(COUNTED)}
    if not part.rows:
        return _("No rows")
    if part.first is None:
        return _("%(n)s of %(total)s") % {"n": number(len(part.rows)), "total": total}
    if part.total == len(part.rows):
        return several("%(n)s row", "%(n)s rows", part.total)
    last = part.first + len(part.rows) - 1
    told = {"first": number(part.first), "last": number(last), "total": total}
    return _("%(first)s–%(last)s of %(total)s") % told


_FORMATS = {Format.CSV: "CSV", Format.XLSX: "XLSX", Format.PARQUET: "Parquet"}


def _pages(
    table: DataTable[RowT], view: TableView, part: Portion[RowT], *, paged: bool
) -> tuple[str, str]:
    """The addresses of the page before and the page after."""
    if not part.rows:
        return "", ""
    if paged:
        page = ((part.first or 1) - 1) // table.page_size + 1
        before, after = {"page": str(page - 1)}, {"page": str(page + 1)}
    else:
        first, last = table.key(part.rows[0]), table.key(part.rows[-1])
        newest = view.descending
        before = {"after": first} if newest else {"before": first}
        after = {"before": last} if newest else {"after": last}
    return (
        _query(table, view, before) if part.earlier else "",
        _query(table, view, after) if part.later else "",
    )


def _head(table: DataTable[RowT], view: TableView, column: Column[RowT]) -> ColumnHead:
    kind = "sentence" if column.whole else column.kind.value
    if column.name not in table.sorts:
        return ColumnHead(title=_(column.title), kind=kind)
    current = view.sort.removeprefix("-") == column.name
    # The first click on a time or number shows the newest or largest first.
    down = (
        not view.descending if current else bool(column.order or column.kind is not CellKind.TEXT)
    )
    return ColumnHead(
        title=_(column.title),
        kind=kind,
        link=_query(table, view, {"sort": f"{'-' if down else ''}{column.name}"}),
        sorted=("descending" if view.descending else "ascending") if current else "",
    )


def _cell(column: Column[RowT], row: RowT) -> Cell:
    cell = column.show(row) if column.show else _plain(column.value(row))
    if len(cell.text) > _CUT and not column.whole:
        hover = cell.detail or cell.text
        hover = hover if len(hover) <= _HOVER else f"{hover[: _HOVER - 1]}…"
        return replace(cell, text=f"{cell.text[: _CUT - 1]}…", detail=hover)
    return cell


def _plain(value: ExportCell) -> Cell:
    if isinstance(value, datetime):
        return Cell(at=value)
    if value is None:
        return Cell(text="–")
    if isinstance(value, bool):
        return Cell(text=_("yes") if value else _("no"))
    if isinstance(value, int):
        return Cell(text=number(value))
    return Cell(text=localised(f"{value:.3f}") if isinstance(value, float) else value)


def _parameters(table: DataTable[RowT], view: TableView) -> list[tuple[str, str]]:
    """The address of a view without its page, and without what is so by itself."""
    columns = [column.name for column in table.columns if column.shown]
    parameters = list(view.filters.items())
    if view.sort != table.sort:
        parameters.append(("sort", view.sort))
    if list(view.columns) != columns:
        parameters.append(("columns", ",".join(view.columns)))
    if view.compact:
        parameters.append(("density", "compact"))
    return parameters


def _query(table: DataTable[RowT], view: TableView, changes: Mapping[str, str]) -> str:
    parameters = {**dict(_parameters(table, view)), **changes}
    filled = {name: value for name, value in parameters.items() if value}
    return f"?{urlencode(filled)}" if filled else "?"


def _order(value: ExportCell) -> tuple[object, ...]:
    return (value.casefold(), value) if isinstance(value, str) else (value,)


def _upright(value: ExportCell) -> ExportCell:
    return str(formatting.upright(value)) if isinstance(value, str) else value
