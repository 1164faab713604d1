"""``version list|show|diff``, and a past task on another version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadbed.cli.identity import me, readable
from roadbed.cli.output import Json, UseCaseName, opened, run, show
from roadbed.cli.usage import Verbs
from roadbed.kernel.figures import counted
from roadbed.kernel.json import flat

if TYPE_CHECKING:
    from roadbed.versions.diff.comparison import Difference
    from roadbed.versions.replays import Replay
    from roadbed.versions.service import Version, VersionDetail

_SIGNS = {"+": "+", "-": "-", "~": "~", " ": " "}

app = typer.Typer(cls=Verbs, no_args_is_help=True, help="List, show and compare versions.")
Named = Annotated[str, typer.Argument(metavar="VERSION", help="Its number or id.")]


@app.command("list")
def list_versions(
    usecase: UseCaseName,
    most: Annotated[int, typer.Option(min=1, max=500, help="Maximum number.")] = 50,
    json: Json = False,
) -> None:
    """List the versions of a use case, newest first."""

    async def work() -> Sequence[Version]:
        async with opened(only=[]) as services:
            return await services.versions.list(usecase, most=most)

    versions = run(work())
    show(
        {"versions": versions},
        as_json=json,
        text=lambda: "\n".join(rows_of(versions)) or "No version yet.",
    )


@app.command("show")
def show_version(usecase: UseCaseName, version: Named, json: Json = False) -> None:
    """Show one version and its parts."""

    async def work() -> VersionDetail:
        async with opened(only=[]) as services:
            detail = await services.versions.show(usecase, version)
            return await readable(services).version(usecase, detail, services.proposals.list)

    detail = run(work())
    show(detail, as_json=json, text=lambda: "\n".join(detail_of(detail)))


@app.command("diff")
def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="Number or id of the earlier version.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Number or id of the later version.")],
    usecase: Annotated[str, typer.Option("--usecase", help="The use case's name.")],
    json: Json = False,
) -> None:
    """Show what changed between two versions, in words first."""

    async def work() -> Difference:
        async with opened(only=[]) as services:
            difference = await services.versions.diff(usecase, a, b)
            return await readable(services).difference(usecase, difference, services.proposals.list)

    difference = run(work())
    show(difference, as_json=json, text=lambda: "\n".join(difference_of(difference)))


def replay(task_id: str, version: str, *, as_json: bool) -> None:
    """The answer of ``version`` to a past task, beside the decision."""

    async def work() -> Replay:
        async with opened(only=[]) as services:
            return await services.replays.run(task_id, version, actor=me())

    replayed = run(work())
    show(replayed, as_json=as_json, text=lambda: "\n".join(replay_of(replayed)))


def rows_of(versions: Sequence[Version]) -> Iterator[str]:
    """One line a version."""
    for version in versions:
        proof = "nothing automatic"
        if version.threshold is not None:
            share = ""
            if version.share is not None:
                share = f", {version.share:.0%} of the sample (n = {version.items:,})"
            proof = f"automatic from {version.threshold:.3f}{share}"
        made = f"{version.made_by}: {version.reason}"
        yield f"{version.number:>4}  {_service(version):34}{proof:57}{made}"


def _service(version: Version) -> str:
    if version.live_since is None:
        return "never live"
    since = f"{version.live_since:%Y-%m-%d %H:%M}"
    if version.live:
        return f"live since {since} UTC"
    until = f"{version.retired_at:%Y-%m-%d %H:%M}" if version.retired_at else "now"
    return f"{since}–{until}"


def detail_of(detail: VersionDetail) -> Iterator[str]:
    """One version in lines."""
    version = detail.version
    learned = counted(version.learned_from, "example")
    if version.learned_until:
        learned += f", until {version.learned_until:%Y-%m-%d %H:%M} UTC"
    yield f"Version       {version.number}  {version.id}"
    yield f"In service    {_service(version)}"
    made = f"{version.made_at:%Y-%m-%d %H:%M} UTC by {version.made_by}"
    yield f"Made          {made}: {version.reason}"
    yield f"Learned from  {learned}"
    if version.threshold is not None:
        yield f"Automatic     from confidence {version.threshold:.3f} on"
    for patch in detail.patches:
        yield f"Accepted      {patch}"
    for name, digest in {**detail.files, **detail.trained}.items():
        yield f"File          {digest[:12]}  {name}"


def difference_of(difference: Difference) -> Iterator[str]:
    """What changed, words first."""
    yield difference.summary
    for change in difference.changes:
        yield f"{_SIGNS[change.sign]} {change.words}"
        for label, text in (("before", change.before), ("after", change.after)):
            if text:
                yield f"    {label}: {text}"
        if change.reason:
            yield f"    because: {change.reason}"
    for prompt in difference.prompts:
        yield f"{_SIGNS[prompt.sign]} Prompt {prompt.file}"
        yield "    " + "".join(_marked(piece.sign, piece.text) for piece in prompt.pieces)
    for file in difference.files:
        yield f"{_SIGNS[file.sign]} {file.path}" + (f": {file.note}" if file.note else "")
        yield from (f"    {line.sign} {line.text}" for line in file.lines)
        if file.left_out:
            yield f"    … {file.left_out:,} more lines"


def _marked(sign: str, text: str) -> str:
    return {"+": f"{{+{text}+}}", "-": f"[-{text}-]"}.get(sign, text)


def replay_of(replayed: Replay) -> Iterator[str]:
    """The decision beside the replay."""
    decided = replayed.decided
    yield f"{replayed.says} Nothing was stored."
    number = _number(decided["version_number"])
    yield f"{'':13}{number:40}version {replayed.version_number}, replayed"
    for name, before, after in (
        ("Answer", _flat(decided["output"]), _flat(replayed.output)),
        ("Confidence", _figure(decided["confidence"]), _figure(replayed.confidence)),
        ("Route", str(decided["route"]), replayed.route),
    ):
        yield f"{name:13}{before:40}{after}"
    yield f"{'Reason':13}{replayed.reason}"
    if replayed.right_output is not None:
        yield f"{'Right':13}{_flat(replayed.right_output)}"
    for item in replayed.patched:
        yield f"{'Patched':13}{item}"
    cost = "unknown" if replayed.cost is None else replayed.cost
    yield f"{'Took':13}{replayed.seconds:.3f} s, cost {cost}"


def _number(number: Any) -> str:
    return f"decided by version {number}" if number else "decided"


def _flat(output: Mapping[str, Any] | None) -> str:
    return flat(output) if output is not None else "no answer"


def _figure(confidence: float | None) -> str:
    return "none" if confidence is None else f"{confidence:.3f}"
