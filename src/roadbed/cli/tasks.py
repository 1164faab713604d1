"""``submit``, ``revise``, ``receipt``, ``trust``, ``improve``: the road from the terminal."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from roadbed.cli.audit import write_proof
from roadbed.cli.identity import me
from roadbed.cli.output import fail, opened, run, say, show
from roadbed.cli.trust import stress_text, trust_text
from roadbed.cli.versions import replay
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.json import shown

Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
UseCaseName = Annotated[str, typer.Argument(help="The use case's name.")]
_REPEATED_SECONDS = 30.0


class BadInputError(RoadbedError):
    """What was typed is no JSON object."""

    code = "input_not_json"

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"The input is not a JSON object: {detail}.",
            """Write it like '{"text": "Where is my order?"}', or - for standard input.""",
        )


def submit(
    usecase: UseCaseName,
    content: Annotated[
        str, typer.Argument(metavar="INPUT", help="A JSON object, or - to read it.")
    ],
    key: Annotated[str | None, typer.Option(help="Repeat a key to get the same receipt.")] = None,
    json: Json = False,
) -> None:
    """Send one piece of work and print its receipt."""

    async def work() -> Mapping[str, Any]:
        async with opened(only=None) as app:
            app.service(usecase)
            admission, running = await app.decisions.submit(
                usecase, _object(content), key=key, source={"surface": "cli", "by": me()}
            )
            if running is not None:
                await running
            elif not admission.task.noted:  # a repeated one; a server may be deciding it
                await app.receipts.wait(admission.task.id, _REPEATED_SECONDS)
            return await app.receipts.get(admission.task.id, viewer=me())

    found = run(work())
    show(found, as_json=json, text=lambda: _receipt_text(found))


def revise(
    task: Annotated[str, typer.Argument(help="The task's id, of any of its revisions.")],
    content: Annotated[
        str, typer.Argument(metavar="INPUT", help="The whole corrected input, or - to read it.")
    ],
    reason: Annotated[str | None, typer.Option(help="Why; it stands on the receipt.")] = None,
    json: Json = False,
) -> None:
    """Send a corrected input of a task and print the receipt of its new revision."""

    async def work() -> Mapping[str, Any]:
        async with opened(only=None) as app:
            usecase = await app.erasure.use_case_of(task)
            app.service(usecase)
            source = {"surface": "cli", "by": me()}
            admission, running = await app.decisions.revise(
                usecase, task, _object(content), source=source, reason=reason
            )
            if running is not None:
                await running
            elif not admission.task.noted:  # a repeated one; a server may be deciding it
                await app.receipts.wait(admission.task.id, _REPEATED_SECONDS)
            return await app.receipts.get(admission.task.id, viewer=me())

    found = run(work())
    show(found, as_json=json, text=lambda: _receipt_text(found))


def receipt(
    task_id: Annotated[str, typer.Argument(metavar="TASK")],
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where the proof goes; else printed.")
    ] = None,
    proof: Annotated[
        bool, typer.Option("--proof", help="Its entries in the signed log, to check elsewhere.")
    ] = False,
    on: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Run it again, without any effect.")
    ] = None,
    json: Json = False,
) -> None:
    """Everything that is known about one task, the proof of it, or what another version says."""
    if on is not None:
        replay(task_id, on, as_json=json)
        return
    if proof:
        write_proof(task_id, file)
        return
    if file is not None:
        raise typer.BadParameter("A file is for a proof: add --proof.")

    async def work() -> Mapping[str, Any]:
        async with opened(only=[]) as app:
            return await app.receipts.get(task_id, viewer=me())

    found = run(work())
    show(found, as_json=json, text=lambda: _receipt_text(found))


def trust(usecase: UseCaseName, json: Json = False) -> None:
    """What is promised about a use case, on what evidence, and what would end it."""

    async def work() -> Any:
        async with opened(only=None) as app:
            return await app.reports.report(app.service(usecase))

    found = run(work())
    show(found, as_json=json, text=lambda: trust_text(found))


def incident(
    usecase: UseCaseName,
    since: Annotated[datetime, typer.Option(help="From when, UTC: 2026-11-21T09:00:00.")],
    title: Annotated[str, typer.Option(help="What happened, in a line.")],
    until: Annotated[datetime | None, typer.Option(help="Until when; else until now.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The file to write; else standard output.")
    ] = None,
) -> None:
    """Collect all receipts and effects of a time into one record."""
    from pydantic_core import to_json

    async def work() -> Any:
        async with opened(only=[usecase]) as app:
            return await app.incidents.collect(
                usecase,
                title=title,
                since=since.replace(tzinfo=UTC),
                until=until.replace(tzinfo=UTC) if until else None,
                actor=me(),
            )

    found = run(work())
    if out is None:
        say(to_json(found).decode())
        return
    out.write_bytes(to_json(found, indent=2))
    summary = found["summary"]
    say(
        f"{out}: {summary['tasks']:,} tasks, {summary['effects']:,} effects, "
        f"{summary['undone']:,} undone, {summary['still_open']:,} still open."
    )


def erase(
    task: Annotated[str, typer.Argument(help="The task's id.")],
    reason: Annotated[str, typer.Option(help="Why, for the log: no personal data.")],
    json: Json = False,
) -> None:
    """Erase what is known of a task for good; every proof of the log stays valid."""

    async def work() -> int:
        async with opened(only=[]) as app:
            return await app.erasure.erase(task, by=me(), reason=reason)

    emptied = run(work())
    show(
        {"task": task, "entries": emptied},
        as_json=json,
        text=lambda: f"Erased. {emptied} entries of the audit log were emptied; proofs still hold.",
    )


def stress(
    usecase: UseCaseName,
    items: Annotated[int, typer.Option(min=1, max=5_000, help="How many examples.")] = 400,
    picture: Annotated[Path | None, typer.Option(help="Also draw it, as SVG.")] = None,
    json: Json = False,
) -> None:
    """Do to the pilot's examples what reality does, and see what would go out wrong."""
    from roadbed.guarantee.stress_chart import svg

    async def work() -> Any:
        async with opened(only=None) as app:
            return await app.stress.stress(app.service(usecase), most=items)

    found = run(work())
    if picture is not None:
        picture.write_text(svg(found), encoding="utf-8")
    show(found, as_json=json, text=lambda: stress_text(found))


def improve(usecase: UseCaseName, json: Json = False) -> None:
    """Learn from corrections and what was accepted; live at once only where nobody signs off."""

    async def work() -> Any:
        async with opened(only=None) as app:
            service = app.service(usecase)
            improved = await app.deployer.improve(
                app.deployments.folder(service.loaded.name),
                actor=me(),
                changes=await app.proposals.accepted(usecase),
            )
            return improved, await app.proposals.suggest(service.loaded, actor=me())

    found, waiting = run(work())
    show(
        {**asdict(found), "suggestions": len(waiting)},
        as_json=json,
        text=lambda: "\n".join(_improved(found, len(waiting))),
    )


def _improved(found: Any, waiting: int) -> Iterator[str]:
    if found.version:
        yield (
            f"Version {found.number} ({found.version}) is live; learnt from {found.learned_from:,} "
            f"examples in {found.seconds:.1f} s."
        )
    yield found.note
    if waiting:
        many = "1 suggestion waits" if waiting == 1 else f"{waiting:,} suggestions wait"
        yield f"{many} for a person: `roadbed proposals list {found.use_case}`."


def _object(content: str) -> dict[str, Any]:
    try:
        sent = sys.stdin.read() if content == "-" else content
        found = jsonlib.loads(sent.removeprefix("\ufeff"))  # files of other systems begin with it
    except (ValueError, RecursionError) as error:
        raise fail(BadInputError(str(error))) from None
    if not isinstance(found, dict):
        raise fail(BadInputError(f"it is a {type(found).__name__}"))
    return found


def _receipt_text(receipt: Mapping[str, Any]) -> str:
    from roadbed.receipts.service import moments

    decision, review = receipt["decision"] or {}, receipt["review"] or {}
    verdict = review.get("verdict") or {}
    lines = {
        "Task": f"{receipt['task']}  ({receipt['use_case']}, {receipt['state']})",
        "Erased": "what was known of it was erased for good" if receipt["erased"] else None,
        "Key": receipt["key"],
        **_revisions(receipt),
        "Input": jsonlib.dumps(receipt["input"], ensure_ascii=False),
        "As sent": receipt["sent"] and jsonlib.dumps(receipt["sent"], ensure_ascii=False),
        "From": ", ".join(f"{name} {value}" for name, value in receipt["source"].items()),
        "Answer": "hidden until its blind review"
        if decision.get("hidden")
        else _compact(decision.get("output")),
        "Confidence": _confidence(decision),
        "Route": decision.get("route"),
        "Reason": decision.get("reason"),
        "Rule": decision.get("rule"),
        "Version": decision.get("version"),
        "Look twice": "; ".join(
            f"{spot['field']} {spot['value']} is a weak spot: {spot['wrong']} of {spot['n']} wrong"
            for spot in decision.get("weak_spots") or ()
        ),
        "Evidence": decision.get("evidence") and shown(decision["evidence"], "no answer"),
        "Cost": decision.get("cost") or ("unknown" if decision else None),
        "Sample": "drawn" if receipt["sample"]["drawn"] else "not drawn",
        "Verdict": verdict and _told(verdict, decision),
        "Right output": _compact(verdict.get("right_output")),
        "Note": verdict.get("note"),
        **_deliveries(receipt["deliveries"]),
        **_outcomes(receipt["outcomes"]),
        "Halted": _halted(receipt["halted"]),
        "Owns it": f"{receipt['pod']['domain_lead']}, domain lead",
        "Is called": f"{receipt['pod']['engineer']}, engineer",
        "Pod": ", ".join(
            f"{role.replace('_', ' ')} {name}" for role, name in receipt["pod"].items()
        ),
        "Times": "; ".join(f"{what} {at:%Y-%m-%d %H:%M:%S} UTC" for what, at in moments(receipt)),
    }
    return "\n".join(f"{name:13}{value}" for name, value in lines.items() if value)


def _revisions(receipt: Mapping[str, Any]) -> dict[str, str]:
    """One line each; the first carries the name."""
    lines = [
        f"{revision['number']} of {len(receipt['revisions'])}: "
        + ("this one" if revision["task"] == receipt["task"] else revision["task"])
        + (f", by {revision['by']}" if revision["number"] > 1 else "")
        + (f", {_compact(revision['why'])}" if revision["why"] else "")
        + "".join(
            f"; {part['field']}: {_json(part['before'])} -> {_json(part['after'])}"
            for part in revision["changed"]
        )
        + (f"; {revision['came_to']}" if revision["came_to"] else "")
        for revision in receipt["revisions"]
    ]
    return {"Revision": ("\n" + " " * 13).join(lines)} if lines else {}


def _deliveries(deliveries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """One line each; the first carries the name."""
    lines = [
        f"{delivery['kind']} to {delivery['destination']}: {delivery['state']}"
        + (f", known there as {delivery['reference']}" if delivery["reference"] else "")
        + (f", approved by {delivery['approved_by']}" if delivery["approved_by"] else "")
        + f", {delivery['attempts']} attempt{'' if delivery['attempts'] == 1 else 's'}"
        + f", key {delivery['key']}" * bool(delivery["key"])
        + f"  {delivery['id']}"
        for delivery in deliveries
    ]
    return {"Deliveries": ("\n" + " " * 13).join(lines)} if lines else {}


def _outcomes(outcomes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """One line each; the first carries the name."""
    lines = [
        ("right" if outcome["right"] else "wrong")
        + (f", right is {_compact(outcome['output'])}" if outcome["output"] is not None else "")
        + f", by {outcome['reported_by']}"
        + (f" from {outcome['source']}" if outcome["source"] else "")
        + (f", {_compact(outcome['note'])}" if outcome["note"] else "")
        + (
            ", taken back"
            if outcome["withdrawn_at"]
            else ""
            if outcome["counts"]
            else ", a newer counts"
        )
        + f"  {outcome['id']}"
        for outcome in outcomes
    ]
    return {"Turned out": ("\n" + " " * 13).join(lines)} if lines else {}


def _told(verdict: Mapping[str, Any], decision: Mapping[str, Any]) -> str:
    from roadbed.reviews.model import told

    answered = decision.get("output") is not None
    by = str(verdict["reviewer"])
    return told(verdict["verdict"], agrees=verdict["agrees"], answered=answered, by=by)


def _halted(halted: Mapping[str, Any] | None) -> str | None:
    """That nothing of its use case is decided alone or sent now."""
    if halted is None:
        return None
    since = f"{halted['since']:%Y-%m-%d %H:%M} UTC"
    return f"its use case, since {since} by {halted['by']}: {halted['reason']}"


def _confidence(decision: Mapping[str, Any]) -> str | None:
    if decision.get("confidence") is None:
        return None
    threshold = decision.get("threshold")
    against = f"; automatic from {threshold:.3f}" if threshold is not None else "; nothing proven"
    return f"{decision['confidence']:.3f}{against}"


def _compact(content: object) -> str | None:
    return _json(content) if content else None


def _json(content: object) -> str:
    return jsonlib.dumps(content, ensure_ascii=False)
