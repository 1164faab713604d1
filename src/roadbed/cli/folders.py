"""``new`` and ``check``: use-case folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roadbed.cli.identity import me
from roadbed.cli.output import PROBLEMS_FOUND, fail, show
from roadbed.kernel.errors import RoadbedError

if TYPE_CHECKING:
    from roadbed.usecases.scaffold import PastWork

_MOST_TO_TRY = 20_000


def new(
    name: Annotated[str, typer.Argument(help="Lower-case words joined by hyphens.")],
    from_csv: Annotated[Path | None, typer.Option(help="A table of past, labelled work.")] = None,
    text: Annotated[str, typer.Option(help="The table's column with the text.")] = "text",
    label: Annotated[str, typer.Option(help="The table's column with the label.")] = "label",
    empty_is_none: Annotated[
        bool,
        typer.Option("--empty-is-none", help="An empty label says that none of the labels fits."),
    ] = False,
    random_sample: Annotated[
        bool,
        typer.Option(
            "--random-sample",
            help="The rows were drawn at random from the work that will arrive, "
            "so half of them may serve as proof.",
        ),
    ] = False,
    prompted: Annotated[
        bool,
        typer.Option("--prompted", help="The decider asks a language model, with a prompt."),
    ] = False,
    folder: Annotated[Path | None, typer.Option(help="Where to write it.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Write a use-case folder that runs, also from a table of past work."""
    from roadbed.kernel.settings import Settings
    from roadbed.usecases import scaffold

    target = (folder or Settings().usecases) / name
    if prompted and from_csv:
        raise typer.BadParameter("--prompted and --from-csv are two kinds of decider; take one.")
    try:
        if from_csv is None:
            write = scaffold.write_prompted if prompted else scaffold.write_empty
            write(target, person=me())
            what = "its prompt and the model" if prompted else "its decider"
            show(
                {"folder": target},
                as_json=json,
                text=lambda: (
                    f"Wrote {target}. Fill in {what}, then `roadbed check {target}` "
                    "and `roadbed up`."
                ),
            )
            return
        past = scaffold.read_table(from_csv, text=text, label=label, empty_is_none=empty_is_none)
        scaffold.write_from_table(target, past, person=me(), random_sample=random_sample)
        tried = _try_out(target)
    except RoadbedError as error:
        raise fail(error) from None
    show(
        {
            "folder": target,
            "rows": len(past.rows),
            "labels": len(past.labels),
            "left_out": dict(past.left_out),
            "estimate": tried,
        },
        as_json=json,
        text=lambda: _tell(target, past, tried),
    )


def check(
    folder: Annotated[Path, typer.Argument(help="A use-case folder.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Find every mistake in a use-case folder, each with file, line and remedy."""
    from roadbed.usecases.check import check as look

    found = look(folder)
    show(
        {"ok": not found.problems, "examples": found.examples, "problems": found.problems},
        as_json=json,
        text=lambda: "\n".join(
            [str(each) for each in found.problems]
            or [f"{folder} is sound; {found.examples} examples."]
        ),
    )
    if found.problems:
        raise typer.Exit(PROBLEMS_FOUND)


def _try_out(folder: Path) -> dict[str, float]:
    """Fit once on the table and see how it does on rows it did not fit on."""
    import numpy as np

    from roadbed.usecases.folder import load, read_examples

    loaded = load(folder)
    trainable = loaded.declared.trainable
    assert trainable is not None
    examples = [item for _, _, item in read_examples(loaded)][:_MOST_TO_TRY]
    found = trainable.fit(examples, seed=0).out_of_fold  # type: ignore[arg-type]
    order = np.argsort(-found.confidence)
    risk = np.cumsum(found.wrong[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero((risk <= loaded.declared.risk_limit) & (found.confidence[order] > 0))
    share = float((good[-1] + 1) / len(order)) if len(good) else 0.0
    return {"right": round(float(1 - found.wrong.mean()), 4), "automatable": round(share, 4)}


def _tell(folder: Path, past: PastWork, tried: dict[str, float]) -> str:
    left_out = "".join(f" Left out: {n} with {why}." for why, n in past.left_out.items())
    return (
        f"Wrote {folder}: {len(past.rows):,} examples, {len(past.labels)} labels.{left_out}\n"
        f"Tried on rows it had not seen: {tried['right']:.0%} right. With an error limit of 2 %, "
        f"about {tried['automatable']:.0%} could become automatic once it is proven "
        "(an estimate, not a promise).\n"
        "Next: `roadbed up`"
    )
