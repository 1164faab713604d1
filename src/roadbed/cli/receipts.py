"""``receipt`` and ``erase``: what is known about one task, its proof, and its erasure."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadbed.cli.identity import me
from roadbed.cli.output import Json, fail, opened, run, say, show
from roadbed.cli.versions import replay
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.json import shown

if TYPE_CHECKING:
    from roadbed.receipts.service import Receipt


def receipt(
    task_id: Annotated[str, typer.Argument(metavar="TASK")],
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="The file for the proof. Default: print it."),
    ] = None,
    proof: Annotated[
        bool, typer.Option("--proof", help="Export the proof of its entries in the signed log.")
    ] = False,
    on: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="Run the task on another version, without effects."),
    ] = None,
    json: Json = False,
) -> None:
    """Show one task, its proof, or the answer of another version."""
    if on is not None:
        replay(task_id, on, as_json=json)
        return
    if proof:
        _write_proof(task_id, file)
        return
    if file is not None:
        raise typer.BadParameter("A file needs --proof.")

    async def work() -> Mapping[str, Any]:
        async with opened(only=[]) as app:
            return await app.receipts.get(task_id, viewer=me())

    content = run(work())
    show(content, as_json=json, text=lambda: receipt_text(content))


def erase(
    task: Annotated[str, typer.Argument(help="The task's id.")],
    reason: Annotated[str, typer.Option(help="The reason, for the log: no personal data.")],
    json: Json = False,
) -> None:
    """Erase the content of a task permanently. Every proof of the log stays valid."""

    async def work() -> int:
        async with opened(only=[]) as app:
            return await app.erasure.erase(task, by=me(), reason=reason)

    emptied = run(work())
    show(
        {"task": task, "entries": emptied},
        as_json=json,
        text=lambda: (
            f"Erased. {emptied} entries of the audit log were emptied; all proofs stay valid."
        ),
    )


def receipt_text(receipt: Receipt) -> str:
    """A receipt as lines of text."""
    from roadbed.receipts.service import moments

    decision, review = receipt["decision"] or {}, receipt["review"] or {}
    verdict = review.get("verdict") or {}
    lines = {
        "Task": f"{receipt['task']}  ({receipt['use_case']}, {receipt['state']})",
        "Erased": "its content was erased permanently" if receipt["erased"] else None,
        "Key": receipt["key"],
        **_revisions(receipt),
        "Input": jsonlib.dumps(receipt["input"], ensure_ascii=False),
        "As sent": receipt["sent"] and jsonlib.dumps(receipt["sent"], ensure_ascii=False),
        "From": ", ".join(f"{name} {value}" for name, value in receipt["source"].items()),
        "Answer": "hidden until its blind review"
        if decision.get("hidden")
        else _compact(decision.get("output")),
        "Removed": "; ".join(
            f"{one.document} left the library on {one.removed_at:%Y-%m-%d %H:%M:%S} UTC"
            for one in receipt["removed_documents"]
        ),
        "Confidence": _confidence(decision),
        "Route": decision.get("route"),
        "Reason": decision.get("reason"),
        "Rule": decision.get("rule"),
        "Version": decision.get("version"),
        "Weak spot": "; ".join(
            f"{spot['field']} {spot['value']} is often wrong: {spot['wrong']} of {spot['n']} wrong"
            for spot in decision.get("weak_spots") or ()
        ),
        "Evidence": decision.get("evidence") and shown(decision["evidence"], "no answer"),
        "Cost": decision.get("cost") or ("unknown" if decision else None),
        "Sample": _sample(receipt["sample"]),
        "Verdict": verdict and _verdict_text(verdict, decision),
        "Right output": _compact(verdict.get("right_output")),
        "Note": verdict.get("note"),
        **_deliveries(receipt["deliveries"]),
        **_outcomes(receipt["outcomes"]),
        "Halted": _halted(receipt["halted"]),
        "Owner": f"{receipt['pod']['domain_lead']}, domain lead",
        "Contact": f"{receipt['pod']['engineer']}, engineer",
        "Pod": ", ".join(
            f"{role.replace('_', ' ')} {name}" for role, name in receipt["pod"].items()
        ),
        "Times": "; ".join(f"{what} {at:%Y-%m-%d %H:%M:%S} UTC" for what, at in moments(receipt)),
    }
    return "\n".join(f"{name:13}{value}" for name, value in lines.items() if value)


def _sample(sample: Mapping[str, Any]) -> str:
    if sample["with_earlier"]:
        return "with an earlier revision; not drawn itself"
    return "drawn" if sample["drawn"] else "not drawn"


def _revisions(receipt: Mapping[str, Any]) -> dict[str, str]:
    """One line each; the first has the label."""
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
    """One line each; the first has the label."""
    lines = [
        f"{delivery['kind']} to {delivery['destination']}: {delivery['state']}"
        + (f", reference there {delivery['reference']}" if delivery["reference"] else "")
        + (f", approved by {delivery['approved_by']}" if delivery["approved_by"] else "")
        + f", {delivery['attempts']} attempt{'' if delivery['attempts'] == 1 else 's'}"
        + f", key {delivery['key']}" * bool(delivery["key"])
        + f"  {delivery['id']}"
        for delivery in deliveries
    ]
    return {"Deliveries": ("\n" + " " * 13).join(lines)} if lines else {}


def _outcomes(outcomes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """One line each; the first has the label."""
    lines = [
        ("right" if outcome["right"] else "wrong")
        + (f", right is {_compact(outcome['output'])}" if outcome["output"] is not None else "")
        + f", by {outcome['reported_by']}"
        + (f" from {outcome['source']}" if outcome["source"] else "")
        + (f", {_compact(outcome['note'])}" if outcome["note"] else "")
        + (
            ", withdrawn"
            if outcome["withdrawn_at"]
            else ""
            if outcome["counts"]
            else ", replaced by a newer report"
        )
        + f"  {outcome['id']}"
        for outcome in outcomes
    ]
    return {"Outcomes": ("\n" + " " * 13).join(lines)} if lines else {}


def _verdict_text(verdict: Mapping[str, Any], decision: Mapping[str, Any]) -> str:
    from roadbed.reviews.presentation import judgement

    return judgement(
        verdict["verdict"],
        output=decision.get("output"),
        agrees=verdict["agrees"],
        right=verdict["right_output"],
        by=str(verdict["reviewer"]),
    )


def _halted(halted: Mapping[str, Any] | None) -> str | None:
    """Whether its use case is halted: nothing is decided automatically or sent."""
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


class ProofFileError(RoadbedError):
    """The file for a proof cannot be written."""

    code = "proof_file"

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(f"{path} cannot be written: {detail}.", "Name another file.")


def _write_proof(task_id: str, file: Path | None) -> None:
    """Write the proof of a task's entries to ``file``, or to standard output."""

    async def work() -> Any:
        async with opened(only=[]) as services:
            await services.audit.seal()
            await services.audit.publish()
            document = await services.audit.proof_of_task(task_id)
            await services.receipts.check_whole(task_id, viewer=me())
            return document

    from pydantic_core import to_json

    evidence = run(work())
    text = to_json(evidence, indent=2).decode()
    if file is None:
        say(text)
        return
    try:
        file.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise fail(ProofFileError(file, error.strerror or "it is no file")) from None
    many = "entry" if len(evidence.entries) == 1 else "entries"
    say(f"Proof of {len(evidence.entries)} {many} written to {file}. Check it anywhere with")
    say(f"  python docs/verify_receipt.py {file}")
