"""The list of documents as a data table: its columns, filters and words."""

from __future__ import annotations

from collections.abc import Sequence

from roadbed.console import chips, formatting
from roadbed.console.chips import Chip
from roadbed.console.tables import Cell, Column, DataTable
from roadbed.exports.model import CellKind
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later
from roadbed.knowledge.records import Document

STATES = ("current", "unreadable", "damaged", "reported", "left_out")
# What a document is to others, as the page words and filters it.
RELATIONS = {
    "open": later("a person decides"),
    "superseded": later("superseded"),
    "newest": later("in force"),
    "variant": later("signed or copied"),
    "copy": later("copy"),
    "series": later("one of a series"),
}
ORIGINS = formatting.Words(
    {
        "folder": later("Folder"),
        "upload": later("Upload"),
        "address": later("Address"),
    }
)


def states_of(row: Document) -> Sequence[str]:
    """The states by which the list is filtered, the most important one first."""
    if row.left_out:
        return ["left_out", row.state]
    more = {"reported": row.reports > 0, "damaged": row.damaged}
    return [*(state for state, holds in more.items() if holds), row.state]


def chip_of(row: Document) -> Chip:
    """The state of a document."""
    if row.left_out or row.state == "current":
        return chips.DOCUMENTS[states_of(row)[0]]
    outdated = row.state == "unreadable" and row.version is not None
    return chips.DOCUMENTS["outdated" if outdated else row.state]


def relation_in_words(row: Document) -> str | None:
    """What a document is to others, in words; ``None``: it stands alone."""
    if row.copy_of is not None:
        return _("copy of %(path)s") % {"path": formatting.seen(row.copy_of)}
    if row.superseded_by is not None:
        return _("superseded by %(path)s") % {"path": formatting.seen(row.superseded_by)}
    return None if row.relation is None else _(RELATIONS[row.relation])


def _findings(row: Document) -> str:
    sentences = [str(row.trouble)] if row.trouble is not None else []
    return " ".join((*sentences, *(str(finding.told()) for finding in row.findings)))


TABLE: DataTable[Document] = DataTable(
    name="documents",
    key=lambda row: row.id,
    link=lambda row: f"documents/{row.id}",
    sorts=("path", "version", "pages", "words", "group", "dated", "modified", "read"),
    sort="path",
    filters={"state": STATES, "standing": tuple(RELATIONS)},
    columns=(
        Column(name="path", title=later("Document"), value=lambda row: formatting.seen(row.path)),
        Column(
            name="state",
            title=later("State"),
            value=lambda row: chip_of(row).word,
            show=lambda row: Cell(chip=chip_of(row)),
        ),
        # Beside the state: a page shows the first columns without scrolling.
        Column(
            name="findings",
            title=later("Findings"),
            value=lambda row: _findings(row) or None,
            whole=True,
        ),
        Column(
            name="version",
            title=later("Version"),
            kind=CellKind.WHOLE,
            value=lambda row: row.version,
        ),
        Column(
            name="pages",
            title=later("Length"),
            value=lambda row: None if row.length is None else str(row.length),
            order=lambda row: row.pages,
        ),
        Column(
            name="words",
            title=later("Words"),
            kind=CellKind.WHOLE,
            value=lambda row: row.words,
            shown=False,
        ),
        Column(
            name="origin",
            title=later("Source"),
            value=lambda row: ORIGINS[row.origin],
            shown=False,
        ),
        Column(name="group", title=later("Access group"), value=lambda row: row.group),
        Column(name="dated", title=later("Dated"), value=lambda row: row.dated),
        Column(name="standing", title=later("Among others"), value=relation_in_words),
        Column(
            name="modified",
            title=later("Modified"),
            kind=CellKind.MOMENT,
            value=lambda row: row.modified_at,
        ),
        Column(
            name="read",
            title=later("Read"),
            kind=CellKind.MOMENT,
            value=lambda row: row.read_at,
            shown=False,
        ),
        Column(name="address", title=later("Address"), value=lambda row: row.address, shown=False),
        Column(name="id", title=later("Id"), value=lambda row: row.id, shown=False),
    ),
)
