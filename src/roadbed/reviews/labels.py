"""Known labels of a use case, and the labels of a verdict that were never seen before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from roadbed.kernel.labels import closest, normal_label
from roadbed.knowledge.readable_cases import Reader
from roadbed.knowledge.withholding import NOTE
from roadbed.reviews.model import VerdictKind
from roadbed.reviews.rows import Queries
from roadbed.scoring.content import Content
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases.labels import (
    Label,
    UnknownLabel,
    is_free_text,
    labels_of,
    open_fields,
    stopped,
)
from roadbed.usecases.use_case import UseCase

SQL = queries(Queries)
_NEWEST = 20_000  # examples from which the known values of a field are read
Counts = Mapping[str, Mapping[str, int]]


class KnownLabels:
    """What was given as right so far. Values that were seen are remembered; others are looked up.

    A value whose only verdict another process has seen taken back is remembered here until this
    process looks again: it was looked at by a person once.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: dict[str, Counts] = {}

    def forget(self) -> None:
        """Look again: a verdict was taken back, or a label confirmed."""
        self._seen.clear()

    async def unknown(
        self, declared: UseCase, kind: VerdictKind, right: Content | None
    ) -> list[UnknownLabel]:
        """The unknown labels of a right output.

        Of an accepted answer only declared label fields are checked, as no person typed it.
        """
        if right is None:
            return []
        labels = [
            label
            for label in labels_of(declared, right.output)
            if label.choices is None
            and (kind is VerdictKind.CORRECT or label.field in declared.labels)
            and label.value not in declared.labels.get(label.field, ())
        ]
        remembered = self._seen.get(declared.name, {})
        if all(_is_known(declared, label, remembered) for label in labels):
            return []
        counts = await self._read_counts(declared)
        confirmed = await self.confirmed(declared.name)
        unknown = []
        for label in labels:
            known = counts.get(label.field, {})
            why = stopped(declared, label, known, confirmed.get(label.field, frozenset()))
            if why is not None and not await self._ever_given(declared.name, label):
                unknown.append(why)
        return unknown

    async def known(
        self, declared: UseCase, reader: Reader | None = None
    ) -> Mapping[str, Sequence[str]]:
        """The known labels of each field that has labels, in alphabetical order.

        A text of an answer that ``reader`` may not read is withheld; without a reader none is.
        """
        counts, confirmed = await self._read_counts(declared), await self.confirmed(declared.name)
        labels = {}
        for field in open_fields(declared):
            given = counts.get(field, {})
            listed = declared.labels.get(field, ())
            if listed or not is_free_text(given):
                labels[field] = sorted({*listed, *given, *confirmed.get(field, ())})
        if reader is None:
            return labels
        shown = await self._readable(declared, confirmed, reader)
        return {
            field: [value if value in shown.get(field, ()) else str(NOTE) for value in values]
            for field, values in labels.items()
        }

    async def suggested(
        self, declared: UseCase, labels: Sequence[UnknownLabel], reader: Reader | None
    ) -> Sequence[UnknownLabel]:
        """Unknown labels, each with the nearest known one that ``reader`` may read.

        A label is stopped as it is for everybody. Its suggestion may be the text of an answer that
        quotes a document of another access group: then the nearest one of the others is given.
        """
        if reader is None or all(label.suggestion is None for label in labels):
            return labels
        shown = await self._readable(declared, await self.confirmed(declared.name), reader)
        known = {field: {normal_label(text) for text in texts} for field, texts in shown.items()}
        return [
            replace(label, suggestion=closest(label.value, known.get(label.field, ())))
            if label.suggestion is not None and not label.closed
            else label
            for label in labels
        ]

    async def _readable(
        self, declared: UseCase, confirmed: Mapping[str, frozenset[str]], reader: Reader
    ) -> Mapping[str, set[str]]:
        """The texts of each field that ``reader`` may read.

        They stand in right outputs, or the use case or a person said that they are labels.
        """
        facts = {"use_case": declared.name, "most": _NEWEST}
        rows = await self._database.fetch(SQL["labelled_outputs"], facts)
        texts: dict[str, set[str]] = {
            field: {*declared.labels.get(field, ()), *confirmed.get(field, ())}
            for field in (*declared.labels, *confirmed)
        }
        for row, shown in zip(rows, await reader.read(rows), strict=True):
            for field in open_fields(declared) if shown is row else ():
                value = row["output"].get(field)
                given = value if isinstance(value, list) else [value]
                texts.setdefault(field, set()).update(one for one in given if isinstance(one, str))
        return texts

    async def confirmed(self, use_case: str) -> Mapping[str, frozenset[str]]:
        """The labels that were confirmed as new, by field."""
        labels: dict[str, set[str]] = {}
        for row in await self._database.fetch(SQL["confirmed_labels"], {"use_case": use_case}):
            labels.setdefault(row["field"], set()).add(row["value"])
        return {field: frozenset(values) for field, values in labels.items()}

    async def _read_counts(self, declared: UseCase) -> Counts:
        rows = await self._database.fetch(
            SQL["known_labels"],
            {"use_case": declared.name, "fields": open_fields(declared), "most": _NEWEST},
        )
        counts: dict[str, dict[str, int]] = {}
        for row in rows:
            counts.setdefault(row["field"], {})[row["value"]] = row["times"]
        self._seen[declared.name] = counts
        return counts

    async def _ever_given(self, use_case: str, label: Label) -> bool:
        facts = {"use_case": use_case, "field": label.field, "value": label.value}
        row = await self._database.fetch_one(SQL["ever_given"], facts)
        return bool(row and row["given"])


def _is_known(declared: UseCase, label: Label, counts: Counts) -> bool:
    known = counts.get(label.field, {})
    return label.value in known or (label.field not in declared.labels and is_free_text(known))
