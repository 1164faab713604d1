"""Past work: labelled rows of a table, with texts, labels and a report on every row."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from roadbed.kernel.labels import closest, normal_label
from roadbed.kernel.sentences import figure, joined, sentence, sentences
from roadbed.tables import Account, Table, TableError

_MOST_EMPTY = 0.2
_RARE = 0.1  # of two labels that look alike, the share of rows up to which one may be an error
_FEW_ROWS = 3
_MOST_NAMED = 10
_MOST_SPELLINGS = 100_000
_MOST_COMPARED = 50_000  # pairs of labels; a column with more holds something else
# What spreadsheets and programs write where there is nothing.
_PLACEHOLDERS = {"none", "null", "nil", "nan", "na", "n/a", "#n/a", "-", "--", "?"}
REPEATED = "Rows equal to an earlier one, which all count"
EMPTY_TEXT, EMPTY_LABEL = "no text", "no label"


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """The columns of a table to read: one or more of text, and one with the label."""

    texts: Sequence[str]
    label: str

    def share_in(self, header: Sequence[str]) -> float:
        """The share of these columns that a header has."""
        names = {*self.texts, self.label}
        return len(names & set(header)) / len(names)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What a person said about labels.

    ``same`` maps a label to the one that it means; ``keep`` holds labels that are what they seem,
    ``empty`` texts that mean that there is no label. ``keep_all``: every label is what it seems.
    """

    same: Mapping[str, str] = field(default_factory=dict)
    keep: Collection[str] = ()
    empty: Collection[str] = ()
    keep_all: bool = False


@dataclass(frozen=True, slots=True)
class LabelQuestion:
    """``label`` looks like ``other``, or like a placeholder where ``other`` is ``None``."""

    label: str
    other: str | None
    rows: int
    other_rows: int = 0

    def __str__(self) -> str:
        count = f"{self.rows:,} {'row' if self.rows == 1 else 'rows'}"
        if self.other is None:
            return f"{self.label!r} ({count}) looks like an empty cell"
        return f"{self.label!r} ({count}) looks like {self.other!r} ({self.other_rows:,})"


class LabelsUnclearError(TableError):
    """Labels of the table need a person's decision; ``questions`` lists them."""

    code = "labels_unclear"

    def __init__(self, questions: Sequence[LabelQuestion]) -> None:
        self.questions = questions
        more = len(questions) - _MOST_NAMED
        named = joined("; ", questions[:_MOST_NAMED])
        super().__init__(
            sentences(
                "Some labels need your decision: %(named)s; %(n)s more.",
                "Some labels need your decision: %(named)s; %(n)s more.",
                more,
                named=named,
            )
            if more > 0
            else sentence("Some labels need your decision: %(named)s.", named=named),
            sentence(
                "Say what each is: --same 'THIS=THAT' for two spellings of one label, --keep "
                "LABEL for a label of its own, --empty TEXT for no label, or --keep-all."
            ),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class PastWork:
    """Labelled texts of a table: one text for each of ``columns.texts``; ``None`` is no label."""

    columns: Columns
    rows: Sequence[tuple[tuple[str, ...], str | None]]
    labels: Counter[str]
    account: Account


def read_past_work(
    path: Path,
    columns: Columns,
    *,
    empty_is_none: bool = False,
    delimiter: str | None = None,
    encoding: str | None = None,
    answers: Answers | None = None,
) -> PastWork:
    """The labelled rows of a table.

    ``empty_is_none`` takes an empty label to say "belongs to none of them"; otherwise such rows are
    left out, and a table with too many is refused. Raises ``TableError``, and
    ``LabelsUnclearError`` where labels look alike or look empty and ``answers`` do not say more.
    """
    answers = answers or Answers()
    table = Table(path, delimiter=delimiter, encoding=encoding, match=columns.share_in)
    places = [_place(table.header, name) for name in columns.texts]
    label_place = _place(table.header, columns.label)
    spellings = _Spellings(answers, table)
    known: set[int] = set()  # of rows
    rows: list[tuple[tuple[str, ...], str | None]] = []
    labels: Counter[str] = Counter()
    for row in table.rows():
        texts = tuple(row.cells[place].strip() for place in places)
        label = spellings.label(row.cells[label_place], row.line)
        if not any(texts):
            table.account.leave_out(EMPTY_TEXT, row.line)
        elif not label and not empty_is_none:
            table.account.leave_out(EMPTY_LABEL, row.line)
        else:
            table.account.used += 1
            rows.append((texts, label or None))
            if (fingerprint := hash(rows[-1])) in known:
                table.account.note(REPEATED, row.line)
            known.add(fingerprint)
            labels[label] += 1
    del labels[""]
    _check(columns, table.account, labels, empty_is_none=empty_is_none)
    if questions := [] if answers.keep_all else _questions(labels, answers):
        raise LabelsUnclearError(questions)
    return PastWork(columns=columns, rows=rows, labels=labels, account=table.account)


class _Spellings:
    """Labels as they are meant, by their usual form and by what a person said."""

    def __init__(self, answers: Answers, table: Table) -> None:
        self._table = table
        self._empty = {normal_label(text) for text in answers.empty}
        self._same = {normal_label(this): normal_label(that) for this, that in answers.same.items()}
        self._usual: dict[str, str] = {}  # each spelling that was met, and its usual form

    def label(self, told: str, line: int) -> str:
        """The label of a cell; empty where it has none."""
        label = self._usual.get(told) or normal_label(told)
        if len(self._usual) < _MOST_SPELLINGS:
            self._usual[told] = label
        if label != told.strip(" "):
            self._table.account.change("Labels written in their usual form", line)
        if label in self._same:
            self._table.account.change("Labels taken as another spelling", line)
            return self._same[label]
        return "" if label in self._empty else label


def _check(
    columns: Columns, account: Account, labels: Counter[str], *, empty_is_none: bool
) -> None:
    empty = account.left_out.get(EMPTY_LABEL)
    if empty and empty.count > _MOST_EMPTY * account.rows:
        raise TableError(
            sentence(
                "%(count)s of %(rows)s rows have no %(label)r.",
                count=figure(f"{empty.count:,}"),
                rows=figure(f"{account.rows:,}"),
                label=columns.label,
            ),
            sentence(
                "If empty means that none of the labels fits, add --empty-is-none; otherwise "
                "label them or remove them."
            ),
        )
    if len(labels) + empty_is_none < 2:
        raise TableError(
            sentences(
                "The column %(label)r holds %(n)s label; there is nothing to tell apart.",
                "The column %(label)r holds %(n)s labels; there is nothing to tell apart.",
                len(labels),
                label=columns.label,
            ),
            sentence("Name another column with --label, or add rows of other labels."),
        )


def _place(header: Sequence[str], name: str) -> int:
    name = unicodedata.normalize("NFC", name).strip()
    places = [place for place, column in enumerate(header) if column == name]
    if len(places) > 1:
        raise TableError(
            sentence("The header names %(name)r %(places)s times.", name=name, places=len(places)),
            sentence("Rename the columns, so that it is clear which one is meant."),
        )
    if not places:
        raise TableError(
            sentence("There is no column %(name)r.", name=name),
            sentence(
                "Name the columns that you mean, as with --text COLUMN --label COLUMN. The "
                "header has: %(header)s.",
                header=", ".join(header)[:300] or sentence("nothing"),
            ),
        )
    return places[0]


def _questions(labels: Counter[str], answers: Answers) -> list[LabelQuestion]:
    """What has to be asked: placeholders, and the rarer of two labels that look alike."""
    settled = {normal_label(label) for label in answers.keep}
    alike: dict[str, str] = {}  # the most frequent label of each folded form
    questions, compared = [], 0
    ordered = labels.most_common()
    for label, rows in ordered:
        other: str | None = alike.setdefault(_folded(label), label)
        if label in settled:
            continue
        if label.casefold() in _PLACEHOLDERS:
            questions.append(LabelQuestion(label, None, rows))
            continue
        if other == label:
            others = _frequent(ordered, rows, _MOST_COMPARED - compared)
            compared += len(others)
            other = closest(label, others)
        if other is not None:
            questions.append(LabelQuestion(label, other, rows, labels[other]))
    return questions[::-1]


def _frequent(ordered: Sequence[tuple[str, int]], rows: int, most: int) -> list[str]:
    """Labels beside which one with ``rows`` is so rare that it may be an error."""
    return [
        label
        for label, count in takewhile(
            lambda item: rows < min(item[1], max(_FEW_ROWS, _RARE * item[1]) + 1), ordered[:most]
        )
    ]


def _folded(label: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", label).casefold().split())
