"""A use case with a past: two versions, corrections, a proposal, a release, a halt, a drill."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from psycopg.types.json import Jsonb

from roadbed.app import App
from roadbed.decisions.model import Decision
from roadbed.reviews.model import VerdictKind
from roadbed.usecases.loader import load
from roadbed.usecases.rollout import DIRECT
from roadbed.versions.identity import rollout_facts
from tests.conftest import Folders

FIRST = """
@usecase.decider
def decide(inquiry, context):
    return Answer(output=Routing(queue="returns"), confidence=0.9, evidence={"words": ["back"]})
"""
SECOND = """
REFUNDS = ("money", "refund")
usecase.risk_limit = 0.01
usecase.deadline_seconds = 2.0

@usecase.decider
def decide(inquiry, context):
    queue = "refunds" if any(word in inquiry.text for word in REFUNDS) else "returns"
    return Answer(output=Routing(queue=queue), confidence=0.93, evidence={"words": ["money"]})
"""
RULES = """
before:
  - name: lawyers
    when: 'input.text.contains("lawyer")'
    route: review
    reason: Somebody who names a lawyer hears from a person.
"""
MORE_RULES = RULES.replace('"lawyer"', '"lawsuit"').replace("route: review", "route: refused")
HOSTILE = "<script>document.title='owned'</script> [click](http://evil.example) | `code` **bold**"


async def sent(app: App, text: str) -> Decision:
    _, running = await app.decisions.submit(
        "triage", {"text": text}, key=None, source={"surface": "http", "by": "shop"}
    )
    assert running is not None
    result = await running
    assert result is not None
    return result


async def judged(app: App, text: str, queue: str, note: str | None = None) -> Decision:
    """A task that a person judged."""
    decision = await sent(app, text)
    if decision.review_id is not None:
        await app.reviews.give(
            app.deployments.get("triage").loaded.declared,
            decision.review_id,
            VerdictKind.CORRECT,
            reviewer="rae",
            output={"queue": queue},
            note=note,
        )
    return decision


def start(folders: Folders, decide: str = FIRST, rules: str = RULES) -> Path:
    """The folder of the first version, or of another."""
    folder = folders.write(decide, rules=rules)
    (folder / "prompts").mkdir(exist_ok=True)
    tone = "brief and warm" if decide is SECOND else "kind and thorough"
    (folder / "prompts" / "answer.md").write_text(f"Answer the customer.\n\nBe {tone}.\n")
    return folder


async def edit(app: App, folders: Folders, decide: str, *, rules: str) -> None:
    """The folder changed, registered and served again."""
    loaded = load(start(folders, decide, rules))
    await app.deployer.register(loaded)
    await app.deployments.add(loaded)


async def past(app: App, folders: Folders) -> list[Decision]:
    """Make the past, from ``start`` on; gives the corrected tasks."""
    await app.database.fetch("UPDATE use_case SET reference_rate = 0")
    await app.deployments.refresh("triage")
    results = [
        await judged(app, f"I want my money for order {n}", "refunds", "they want money")
        for n in range(6)
    ]
    for n in range(4):
        await judged(app, f"please take order {n} back", "returns")
    await judged(app, f"parcel never came {HOSTILE}", "delivery", HOSTILE)
    await judged(app, "parcel number 3 never came to me", "delivery")
    await edit(app, folders, SECOND, rules=MORE_RULES)
    for n in range(5):
        await judged(app, f"give me the money back, number {n}", "refunds")
    await released(app, results)
    await app.halts.halt("triage", reason="Refunds went to the wrong team", actor="dev")
    await app.halts.resume("triage", actor="dev", note="mended")
    await app.halts.resume("triage", actor="ana", note="agreed")
    await app.halts.drill("triage", actor="ben")
    return results


async def released(app: App, cases: list[Decision]) -> None:
    """A proposal that was accepted, released with version 2, and the dates of its timeline."""
    now = app.clock.now()
    run = app.database.fetch
    content = [
        {
            "task_id": case.task_id,
            "input": "I want my money",
            "before": {"queue": "returns"},
            "after": {"queue": "refunds"},
            "right": {"queue": "refunds"},
        }
        for case in cases
    ]
    await run(
        "INSERT INTO proposal (id, use_case, kind, title, reason, support, cases, patch,"
        " fingerprint, rank, state, made_at, decided_by, decided_at, note) VALUES ('pro_1',"
        " 'triage', 'rule', 'Send money to refunds', 'Six of six answers were corrected so.',"
        " %(support)s, %(cases)s, %(patch)s, 'f', 1, 'accepted', %(at)s, 'ana', %(at)s,"
        " 'we saw this for weeks')",
        {
            "support": Jsonb({"cases": 6, "right": 6, "wrong_now": 6, "matched": 6}),
            "cases": Jsonb(content),
            "patch": Jsonb({"id": "pro_1", "kind": "rule"}),
            "at": now - timedelta(days=3),
        },
    )
    await run(
        "INSERT INTO release (id, use_case, number, behaviour, version, step, reason, author,"
        " proposals, plan, planned_at, live_at) SELECT 'rel_1', 'triage', 1, behaviour, id, 'live',"
        " 'Money goes to refunds', 'ben', '{pro_1}', %(plan)s, %(at)s, live_since FROM version"
        " WHERE number = 2",
        {"plan": Jsonb(rollout_facts(DIRECT)), "at": now - timedelta(days=3)},
    )
    await run("DELETE FROM stage_event")
    reached = {"idea": 47, "proof": 43, "gate": 33, "shadow": 30.5, "canary": 4}
    for number, (stage, days) in enumerate(reached.items()):
        await run(
            "INSERT INTO stage_event (id, use_case, kind, stage, actor, at)"
            " VALUES (%(id)s, 'triage', 'stage', %(stage)s, 'ben', %(at)s)",
            {"id": f"stg_{number}", "stage": stage, "at": now - timedelta(days=days)},
        )
    await run(
        "INSERT INTO stage_event (id, use_case, kind, waits_for, actor, at)"
        " VALUES ('stg_w', 'triage', 'wait_began', 'risk_partner', 'roadbed', %(at)s)",
        {"at": now - timedelta(days=3)},
    )
    await run("UPDATE use_case SET stage = 'canary'")
    await run(
        "UPDATE behaviour SET declaration = declaration || %(more)s WHERE hash ="
        " (SELECT behaviour FROM version WHERE number = 1)",
        {"more": Jsonb({"slices": ["region"]})},
    )
