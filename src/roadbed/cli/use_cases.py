"""``new`` and ``check``: use-case folders."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roadbed.cli.identity import me
from roadbed.cli.output import PROBLEMS_FOUND, Json, fail, show
from roadbed.kernel.errors import RoadbedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from roadbed.usecases.past_work import Answers, Columns, LabelQuestion, PastWork

_MOST_TO_TRY = 20_000


Table = Annotated[Path | None, typer.Option(help="A table of past, labelled work.")]
Documents = Annotated[
    Path | None, typer.Option(help="A folder of documents, to answer questions from.")
]
TextColumns = Annotated[
    list[str] | None,
    typer.Option(help="The table's column with the text. Repeat it for several columns."),
]
LabelColumn = Annotated[str, typer.Option(help="The table's column with the label.")]
Delimiter = Annotated[
    str | None, typer.Option(help="The character between cells. Default: it is detected.")
]
Encoding = Annotated[
    str | None, typer.Option(help="The table's encoding. Default: it is detected if certain.")
]
Same = Annotated[
    list[str] | None,
    typer.Option(metavar="THIS=THAT", help="The label THIS means the label THAT."),
]
Keep = Annotated[
    list[str] | None, typer.Option(help="A label of its own, although it looks like another.")
]
Empty = Annotated[list[str] | None, typer.Option(help="A text that means: there is no label.")]
KeepAll = Annotated[bool, typer.Option("--keep-all", help="Every label is a label of its own.")]
EmptyIsNone = Annotated[
    bool, typer.Option("--empty-is-none", help="An empty label means: none of the labels fits.")
]
RandomSample = Annotated[
    bool,
    typer.Option(
        "--random-sample",
        help="The rows are a random sample of the work that will arrive. "
        "Half of them may then serve as proof.",
    ),
]
Prompted = Annotated[
    bool, typer.Option("--prompted", help="The decider asks a language model, with a prompt.")
]
Folder = Annotated[Path | None, typer.Option(help="Where to write the folder.")]


def new(
    name: Annotated[
        str, typer.Argument(help="Lower-case words joined by hyphens, at most 60 characters.")
    ],
    from_csv: Table = None,
    from_folder: Documents = None,
    text: TextColumns = None,
    label: LabelColumn = "label",
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    same: Same = None,
    keep: Keep = None,
    empty: Empty = None,
    keep_all: KeepAll = False,
    empty_is_none: EmptyIsNone = False,
    random_sample: RandomSample = False,
    prompted: Prompted = False,
    folder: Folder = None,
    json: Json = False,
) -> None:
    """Write a use-case folder that runs: empty, from past work, or to ask documents."""
    from roadbed.kernel.settings import Settings
    from roadbed.usecases import scaffold
    from roadbed.usecases.past_work import Answers, Columns

    if sum((prompted, from_csv is not None, from_folder is not None)) > 1:
        raise typer.BadParameter("Use --prompted, --from-csv or --from-folder, not several.")
    try:
        target = scaffold.folder_of(folder or Settings().usecases, name)
        if from_folder is not None:
            _write_answers(target, from_folder, as_json=json)
            return
        if from_csv is None:
            _write_empty(target, prompted=prompted, as_json=json)
            return
        answers = Answers(
            same=dict(map(_pair, same or ())), keep=keep or (), empty=empty or (), keep_all=keep_all
        )
        past = _read(
            from_csv,
            Columns(texts=text or ["text"], label=label),
            answers,
            asks=not json and sys.stdin.isatty(),
            empty_is_none=empty_is_none,
            delimiter=delimiter,
            encoding=encoding,
        )
        _write_from_table(target, past, random_sample=random_sample, as_json=json)
    except RoadbedError as error:
        raise fail(error) from None


def _write_empty(target: Path, *, prompted: bool, as_json: bool) -> None:
    from roadbed.usecases import scaffold

    write = scaffold.write_prompted if prompted else scaffold.write_empty
    write(target, person=me())
    what = "its prompt and the model" if prompted else "its decider"
    show(
        {"folder": target},
        as_json=as_json,
        text=lambda: (
            f"Wrote {target}. Fill in {what}, then run `roadbed check {target}` and `roadbed up`."
        ),
    )


def _write_answers(target: Path, documents: Path, *, as_json: bool) -> None:
    from roadbed.usecases import scaffold

    scaffold.write_answers(target, documents, person=me())
    show(
        {"folder": target},
        as_json=as_json,
        text=lambda: (
            f"Wrote {target}. Read the documents with `roadbed documents ingest {target.name}`, "
            "then run `roadbed up`."
        ),
    )


def _write_from_table(target: Path, past: PastWork, *, random_sample: bool, as_json: bool) -> None:
    from roadbed.usecases import scaffold

    scaffold.write_from_table(target, past, person=me(), random_sample=random_sample)
    estimate = _try_out(target)
    show(
        {
            "folder": target,
            "rows": len(past.rows),
            "labels": dict(past.labels),
            "account": past.account.as_json(),
            "estimate": estimate,
        },
        as_json=as_json,
        text=lambda: _written_text(target, past, estimate),
    )


def _pair(text: str) -> tuple[str, str]:
    this, mark, that = text.partition("=")
    if not (mark and this.strip() and that.strip()):
        raise typer.BadParameter(f"--same {text!r}: write THIS=THAT.")
    return this, that


def _read(
    path: Path,
    columns: Columns,
    answers: Answers,
    *,
    asks: bool,
    empty_is_none: bool,
    delimiter: str | None,
    encoding: str | None,
) -> PastWork:
    """Read a table; with ``asks``, the person at the terminal explains unclear labels."""
    from roadbed.usecases.past_work import LabelsUnclearError, read_past_work

    while True:
        try:
            return read_past_work(
                path,
                columns,
                empty_is_none=empty_is_none,
                delimiter=delimiter,
                encoding=encoding,
                answers=answers,
            )
        except LabelsUnclearError as error:
            if not asks:
                raise
            answers = _ask(error.questions, answers)


def _ask(questions: Sequence[LabelQuestion], answers: Answers) -> Answers:
    same, keep, empty = dict(answers.same), list(answers.keep), list(answers.empty)
    for question in questions:
        if question.other is None:
            if typer.confirm(f"{question}. Does it mean that there is no label?"):
                empty.append(question.label)
            else:
                keep.append(question.label)
        elif typer.confirm(f"{question}. Are they the same label?"):
            same[question.label] = question.other
        else:
            keep.append(question.label)
    return replace(answers, same=same, keep=keep, empty=empty)


def check(
    folder: Annotated[Path, typer.Argument(help="A use-case folder.")],
    json: Json = False,
) -> None:
    """Find every mistake in a use-case folder, each with file, line and remedy."""
    from roadbed.usecases.check import check as inspect

    report = inspect(folder)
    show(
        {"ok": not report.problems, "examples": report.examples, "problems": report.problems},
        as_json=json,
        text=lambda: "\n".join(
            [str(problem) for problem in report.problems]
            or [f"{folder} has no mistakes; {report.examples} examples."]
        ),
    )
    if report.problems:
        raise typer.Exit(PROBLEMS_FOUND)


def _try_out(folder: Path) -> dict[str, float]:
    """Fit once on the table, and measure on the rows left out of the fit."""
    import numpy as np

    from roadbed.usecases.loader import load, read_examples

    loaded = load(folder)
    trainable = loaded.declared.trainable
    assert trainable is not None
    examples = [item for _, _, item in read_examples(loaded)][:_MOST_TO_TRY]
    held_out = trainable.fit(examples, seed=0).out_of_fold  # type: ignore[arg-type]
    order = np.argsort(-held_out.confidence)
    risk = np.cumsum(held_out.wrong[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero((risk <= loaded.declared.risk_limit) & (held_out.confidence[order] > 0))
    share = float((good[-1] + 1) / len(order)) if len(good) else 0.0
    right = round(float(1 - held_out.wrong.mean()), 4) if len(order) else 0.0
    return {"right": right, "automatable": round(share, 4), "rows": len(order)}


def _written_text(folder: Path, past: PastWork, tried: dict[str, float]) -> str:
    account = "".join(f"{sentence}\n" for sentence in past.account.sentences())
    return (
        f"{account}"
        f"Wrote {folder}: {len(past.rows):,} of {past.account.rows:,} rows as examples, "
        f"{len(past.labels)} labels.\n"
        f"Tried on {tried['rows']:,.0f} rows, each unseen: {tried['right']:.0%} right. "
        "With an error limit of 2 %, "
        f"about {tried['automatable']:.0%} could become automatic once it is proven "
        "(an estimate, not a promise).\n"
        "Next: `roadbed up`"
    )
