"""``Folder``: results as files, for people with spreadsheets and for other programs."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Literal, get_args

from roadbed.connectors import rendering, workbooks
from roadbed.connectors.cells import Cell, neutralised, restored
from roadbed.connectors.files import is_there, remove, safe_name, write_whole
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.usecases.destinations import (
    DeliveryRequest,
    EgressClient,
    RefusedError,
    Sent,
    TemporaryError,
)

Format = Literal["csv", "xlsx", "json"]


@dataclass(frozen=True, slots=True)
class Folder:
    """Writes below ``path``, which must exist.

    ``csv`` and ``json``: one file a delivery, named by the template ``file`` and the key. ``xlsx``:
    one workbook a day (UTC), rewritten whole for each row, so for hundreds of rows a day. Without
    ``columns`` the content's own fields are written.
    """

    kind: ClassVar[str] = "folder"
    key_horizon: ClassVar[timedelta | None] = timedelta(days=3_650)  # as long as the file exists
    can_look_up: ClassVar[bool] = True
    can_compensate: ClassVar[bool] = True

    path: str | Path
    format: Format = "csv"
    columns: Mapping[str, str] = field(default_factory=dict)
    file: str = "{task.id}"

    def problems(self) -> Sequence[str]:
        return list(self._problems())

    async def send(self, request: DeliveryRequest, egress: EgressClient) -> Sent:
        folder = self._folder()
        if self.format == "xlsx":
            name = f"{egress.now():%Y-%m-%d}.xlsx"
            row = self._row(request)
            egress.in_time()
            book = await asyncio.to_thread(workbooks.add_row, folder, name, request.key, row)
            return Sent(reference=book, detail=stored_sentence("A row was added."))
        target = self._target(request)
        content = self._json(request) if self.format == "json" else _csv(self._row(request))
        if not is_there(target):
            egress.in_time()
            await asyncio.to_thread(write_whole, target, content)
        return Sent(reference=target.name, detail=stored_sentence("The file was written."))

    async def look_up(self, request: DeliveryRequest, egress: EgressClient) -> Sent | None:
        folder = self._folder()
        if self.format == "xlsx":
            book = await asyncio.to_thread(workbooks.has_row, folder, request.key)
            return (
                None
                if book is None
                else Sent(reference=book, detail=stored_sentence("The row exists."))
            )
        target = self._target(request)
        return (
            Sent(reference=target.name, detail=stored_sentence("The file exists."))
            if is_there(target)
            else None
        )

    async def compensate(self, request: DeliveryRequest, sent: Sent, egress: EgressClient) -> Sent:
        folder = self._folder()
        if self.format == "xlsx":
            there = await asyncio.to_thread(workbooks.remove_row, folder, request.key)
        else:
            there = await asyncio.to_thread(remove, self._target(request))
        return Sent(
            reference=sent.reference,
            detail="Removed." if there else stored_sentence("It was gone."),
        )

    def _folder(self) -> Path:
        folder = Path(self.path)
        # Not created here: while a share is not mounted, results would go to the local disk.
        if not folder.is_dir():
            raise TemporaryError(
                stored_sentence(
                    "There is no folder %(folder)s. Make it, or mount it.", folder=folder
                )
            )
        return folder

    def _target(self, request: DeliveryRequest) -> Path:
        name = safe_name(rendering.text(self.file, rendering.facts_of(request)), request.key)
        return Path(self.path) / f"{name}.{self.format}"

    def _row(self, request: DeliveryRequest) -> dict[str, Cell]:
        row = {name: _cell(value) for name, value in self._shaped(request).items()}
        if self.format == "xlsx" and "key" in row:
            raise RefusedError(
                stored_sentence("The content has a field key, as the first column. Name columns.")
            )
        return row

    def _json(self, request: DeliveryRequest) -> bytes:
        return rendering.encoded(self._shaped(request)) + b"\n"

    def _shaped(self, request: DeliveryRequest) -> Mapping[str, object]:
        if not self.columns:
            return request.content  # data, never a template
        return dict(rendering.shape(self.columns, rendering.facts_of(request)))

    def _problems(self) -> Iterator[str]:
        if not str(self.path).strip():
            yield "path is empty. Name the folder to write into."
        if self.format not in get_args(Format):
            yield f"format is {self.format!r}. Use csv, xlsx or json."
        if self.format == "xlsx" and "key" in self.columns:
            yield "The first column is key already. Give the other one another name."
        if any("\x00" in column for column in self.columns):
            yield "A heading holds a sign that cannot be written. Use plain words."
        yield from rendering.template_problems("columns", self.columns)
        yield from rendering.template_problems("file", self.file)


def read_csv(file: Path) -> list[dict[str, str]]:
    """The rows of a file that ``Folder`` wrote, their cells as they were given."""
    with file.open(encoding="utf-8", newline="") as opened:
        return [
            {restored(name): restored(value) for name, value in row.items()}
            for row in csv.DictReader(opened, strict=True)
        ]


def _csv(row: Mapping[str, Cell]) -> bytes:
    written = io.StringIO(newline="")
    writer = csv.writer(written, quoting=csv.QUOTE_ALL)
    writer.writerow([neutralised(name) for name in row])
    writer.writerow([neutralised(value) for value in row.values()])
    try:
        return written.getvalue().encode("utf-8")
    except UnicodeError as error:
        raise RefusedError(
            stored_sentence("A cell cannot be written: %(error)s.", error=error)
        ) from error


def _cell(value: object) -> Cell:
    if value is None or isinstance(value, str | int | float):
        return value
    return json.dumps(value, ensure_ascii=False)
