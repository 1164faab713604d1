"""Proposals on a real database: mined, decided by people, and used by a version."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.improvement.errors import (
    ProposalDecidedError,
    ProposalEditError,
    UnknownProposalError,
)
from roadbed.improvement.mining import ReviewedCase
from roadbed.improvement.model import Proposal
from roadbed.kernel.settings import Settings
from roadbed.reviews.model import VerdictKind
from roadbed.testing.planted import WRONG_KEY, Planted, planted
from roadbed.usecases.decider import Answer, Context, Task, Unsure
from roadbed.usecases.loader import LoadedUseCase
from tests.conftest import Folders

ORDERS = """
from typing import Literal

from pydantic import BaseModel

from roadbed import Answer, Pod, Unsure, UseCase


class Order(BaseModel):
    region: str
    code: str
    supplier: str
    text: str
    amount: float


class Placement(BaseModel):
    line: Literal["house", "garden", "sport", "office", "toys"]


usecase = UseCase(
    "triage", purpose="Send each order to the line of products it belongs to",
    input=Order, output=Placement,
    pod=Pod(domain_lead="ana", engineer="ben", data_specialist="chi", risk_partner="dev"),
    risk_limit=0.02, deadline_seconds=20.0, check_share=0.0,
)


@usecase.decider
def decide(order, context):
    if order.supplier == "Halloran":
        return Answer(output=Placement(line="office"), confidence=0.9)
    line = context.records["products"][order.code]["line"]
    return Answer(output=Placement(line=line), confidence=0.9)
"""
LEARNING = """
from roadbed.models import TextClassifier

usecase.decider(TextClassifier(text="text", label="queue"))
"""


def write_orders(folders: Folders, orders: Planted, prompts: bool = False) -> None:
    folder = folders.parent / "triage"
    (folder / "data").mkdir(parents=True)
    (folder / "usecase.py").write_text(ORDERS)
    with (folder / "data" / "products.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, ["code", "line"])
        table.writeheader()
        table.writerows(orders.table.values())
    if prompts:
        (folder / "prompts").mkdir()
        (folder / "prompts" / "route.md").write_text("Say which line.")


@pytest.fixture
def orders(folders: Folders) -> Planted:
    """A use case on disk, and the verdicts that people will give on it."""
    made = planted(1, accepted=120)
    write_orders(folders, made)
    return made


async def play(app: App, seen: Sequence[ReviewedCase], reviewer: str = "rae") -> None:
    """Send every task and let a person review it."""
    declared = app.deployments.get("triage").loaded.declared

    async def one(case: ReviewedCase) -> None:
        _, deciding = await app.decisions.submit(
            "triage", dict(case.input), key=None, source={"surface": "test"}
        )
        assert deciding is not None
        decision = await deciding
        assert decision is not None
        assert decision.review_id is not None, decision
        kind = VerdictKind.CORRECT if decision.output != case.right else VerdictKind.ACCEPT
        output = case.right if kind is VerdictKind.CORRECT else None
        await app.reviews.give(declared, decision.review_id, kind, reviewer=reviewer, output=output)

    for start in range(0, len(seen), 20):
        # Each time: what watches over the promise sets its own rate whenever it looks.
        await app.database.fetch("UPDATE use_case SET reference_rate = 0.0")
        await app.deployments.refresh("triage")
        await asyncio.gather(*(one(item) for item in seen[start : start + 20]))


def loaded_of(app: App) -> LoadedUseCase:
    return app.deployments.get("triage").loaded


async def suggested(app: App) -> dict[str, Proposal]:
    return {item.kind: item for item in await app.proposals.suggest(loaded_of(app), actor="ana")}


async def answered(
    decider: Any, seen: ReviewedCase, loaded: LoadedUseCase
) -> Mapping[str, Any] | None:
    context = Context(
        task=Task(id="t", usecase="triage", key=None, admitted_at=seen.given_at),
        deadline_seconds=5.0,
    )
    said = decider(loaded.declared.input.model_validate(seen.input), context)
    said = await said if asyncio.iscoroutine(said) else said
    assert isinstance(said, Answer | Unsure)
    return said.output.model_dump(mode="json") if isinstance(said, Answer) else None


async def test_planted_mistakes_are_found_accepted_and_put_right(
    app_found: App, orders: Planted
) -> None:
    app = app_found
    assert await app.proposals.list("triage") == []
    by_kind = await suggested(app)
    assert set(by_kind) == {"rule", "record", "alias"}
    ranks = [item.rank for item in await app.proposals.list("triage")]
    assert ranks == sorted(ranks, reverse=True)
    rule = by_kind["rule"]
    assert rule.id.startswith("prp_")
    assert rule.support["right"] == rule.support["cases"]
    assert rule.cases[0]["task_id"].startswith("tsk_")
    assert rule.cases[0]["after"] == rule.cases[0]["right"] == {"line": "garden"}
    for entry in by_kind.values():
        done = await app.proposals.accept(entry.id, person="ana", note="yes")
        assert (done.state, done.decided_by, done.note) == ("accepted", "ana", "yes")
    patches = await app.proposals.accepted("triage")
    assert [patch["kind"] for patch in patches] == [element.kind for element in by_kind.values()]
    candidate = await app.store.function(loaded_of(app), patches)
    assert json.loads(candidate.artifacts["patches.json"]) == patches
    mended = [one for one in orders.seen if one.wrong]
    for task in mended:
        assert await answered(candidate.decider, task, loaded_of(app)) == task.right, task
    assert len(mended) == 40
    assert await app.proposals.suggest(loaded_of(app), actor="ana") == []
    entries = await app.database.fetch(
        "SELECT actor, detail FROM audit_entry WHERE kind = 'proposal' ORDER BY position"
    )
    said = [entry["detail"]["said"] for entry in entries]
    assert said == ["suggested", *["accepted"] * 3, "suggested"]
    assert entries[1]["actor"] == "ana"
    assert entries[1]["detail"]["patch"] == patches[0]


@pytest.fixture
async def app_found(settings: Settings, url: str, orders: Planted) -> Any:
    async with open_app(settings, url) as opened:
        await play(opened, orders.seen)
        yield opened


async def test_of_two_who_decide_at_once_one_wins(app_found: App) -> None:
    rule = (await suggested(app_found))["rule"]
    done = await asyncio.gather(
        app_found.proposals.accept(rule.id, person="ana"),
        app_found.proposals.reject(rule.id, person="ben"),
        app_found.proposals.accept(rule.id, person="chi"),
        return_exceptions=True,
    )
    won = [item for item in done if isinstance(item, Proposal)]
    lost = [entry for entry in done if isinstance(entry, ProposalDecidedError)]
    assert (len(won), len(lost)) == (1, 2)
    assert all(f"is {won[0].state} by {won[0].decided_by}" in str(element) for element in lost)


async def test_a_rejected_one_stays_away_until_twice_as_much_speaks_for_it(
    app_found: App, orders: Planted
) -> None:
    proposals = app_found.proposals
    rule = (await suggested(app_found))["rule"]
    await proposals.reject(rule.id, person="ana", note="seasonal")
    assert "rule" not in await suggested(app_found)
    again = [item for item in orders.seen if item.wrong and item.input["region"] == "north"]
    again = [entry for entry in again if entry.input["code"].startswith("7")]
    await play(app_found, again[: len(again) // 2])
    assert "rule" not in await suggested(app_found)
    await play(app_found, again)
    await suggested(app_found)
    back = await proposals.get(rule.id)
    assert back.support["cases"] >= 2 * rule.support["cases"]
    assert (back.state, back.decided_by, back.note) == ("open", None, None)


async def test_what_was_decided_can_be_taken_back(app_found: App) -> None:
    proposals = app_found.proposals
    record = (await suggested(app_found))["record"]
    with pytest.raises(ProposalDecidedError, match="is open"):
        await proposals.take_back(record.id, person="ana")
    await proposals.accept(record.id, person="ana")
    assert len(await proposals.accepted("triage")) == 1
    assert (await proposals.take_back(record.id, person="ben")).state == "open"
    assert await proposals.accepted("triage") == []


class TestEditing:
    async def test_an_edited_rule_is_compiled_and_counted_anew(self, app_found: App) -> None:
        rule = (await suggested(app_found))["rule"]
        edited = {"when": 'input.region == "north"', "set": {"line": "garden"}}
        done = await app_found.proposals.accept(rule.id, person="ana", edited=edited)
        assert done.edited
        assert done.patch == {
            "kind": "rule",
            "id": rule.id,
            "when": edited["when"],
            "set": edited["set"],
            "reason": 'Where input.region == "north": line is garden',
        }
        assert done.support["cases"] > rule.support["cases"]
        assert done.support["right"] == rule.support["right"]
        assert done.support["low"] < rule.support["low"]
        assert done.title == done.patch["reason"]
        assert await app_found.proposals.accepted("triage") == [done.patch]

    async def test_whoever_wrote_it_stays_its_author(self, app_found: App) -> None:
        proposals = app_found.proposals
        rule = (await suggested(app_found))["rule"]
        await proposals.accept(rule.id, person="ana", edited={"set": None})
        await proposals.take_back(rule.id, person="ana")
        await proposals.accept(rule.id, person="ben")
        statement = "SELECT edited, decided_by, written_by FROM proposal WHERE id = %(id)s"
        assert await app_found.database.fetch(statement, {"id": rule.id}) == [
            {"edited": False, "decided_by": "ben", "written_by": ["ana"]}
        ]

    async def test_whoever_gave_its_evidence_writes_it_by_accepting_it(
        self, app_found: App
    ) -> None:
        """Whoever corrected the tasks would else propose, accept and sign one change alone."""
        app, proposals = app_found, app_found.proposals
        open_ones = await suggested(app)
        written = "SELECT written_by FROM proposal WHERE id = %(id)s"

        async def authors(kind: str, person: str) -> list[str]:
            await proposals.accept(open_ones[kind].id, person=person)
            await proposals.take_back(open_ones[kind].id, person="ana")
            [row] = await app.database.fetch(written, {"id": open_ones[kind].id})
            names: list[str] = row["written_by"]
            return names

        for kind in ("rule", "alias", "record"):
            assert await authors(kind, "ana") == []
            await proposals.reject(open_ones[kind].id, person="rae")
            await proposals.take_back(open_ones[kind].id, person="ana")
            assert await authors(kind, "ana") == []
        assert await authors("rule", "rae") == ["rae"]
        # An undone verdict was theirs all the same.
        await app.database.fetch("UPDATE verdict SET undone_at = now()")
        assert await authors("alias", "rae") == ["rae"]
        # Of the evidence for this one, others gave half.
        tasks = [
            case["task_id"] for case in open_ones["record"].cases if case["before"] != case["right"]
        ]
        await app.database.fetch(
            "UPDATE verdict SET reviewer = 'kim' WHERE task_id = ANY (%(tasks)s)",
            {"tasks": tasks[: (len(tasks) + 1) // 2]},
        )
        assert await authors("record", "rae") == []
        [entry] = await app.database.fetch(
            "SELECT detail FROM audit_entry WHERE kind = 'proposal' AND actor = 'rae'"
            " AND detail ->> 'said' = 'accepted' ORDER BY position LIMIT 1"
        )
        assert entry["detail"]["author"] is True

    async def test_a_rule_may_send_to_a_person_instead(self, app_found: App) -> None:
        rule = (await suggested(app_found))["rule"]
        done = await app_found.proposals.accept(rule.id, person="ana", edited={"set": None})
        assert done.support["right"] == rule.support["right"]
        assert done.title.endswith("a person looks")

    @pytest.mark.parametrize(
        ("edited", "said"),
        [
            ({"when": "input.region =="}, "Failed to parse|Syntax error"),
            ({"when": "secret == 1"}, "asks for"),
            ({"when": "input.nothing == 1"}, "fails on task"),
            ({"when": "input.region"}, "yes or no"),
            ({"when": ""}, "no text"),
            ({"when": 7}, "no text"),
            ({"set": {"queue": "x"}}, "no field 'queue'"),
            ({"set": {"line": "nowhere"}}, "line: Input should be"),
            ({"set": {}}, "neither an object"),
            ({"set": "garden"}, "neither an object"),
            ({"kind": "alias"}, "stays of its kind"),
            ({"file": "x"}, "has no file"),
        ],
    )
    async def test_what_does_not_fit_is_refused_and_changes_nothing(
        self, app_found: App, edited: dict[str, Any], said: str
    ) -> None:
        rule = (await suggested(app_found))["rule"]
        with pytest.raises(ProposalEditError, match=said) as refused:
            await app_found.proposals.accept(rule.id, person="ana", edited=edited)
        assert "nothing was changed" in refused.value.remedy
        assert (await app_found.proposals.get(rule.id)).state == "open"

    async def test_data_is_edited_within_what_there_is(self, app_found: App) -> None:
        result = await suggested(app_found)
        record, alias = result["record"], result["alias"]
        for wrong in ({"key": "none"}, {"table": "none"}, {"field": "none"}, {"value": ""}):
            with pytest.raises(ProposalEditError):
                await app_found.proposals.accept(record.id, person="ana", edited=wrong)
        with pytest.raises(ProposalEditError, match="no field"):
            await app_found.proposals.accept(alias.id, person="ana", edited={"field": "none"})
        done = await app_found.proposals.accept(record.id, person="ana", edited={"value": "house"})
        assert done.patch is not None
        assert (done.patch["value"], done.patch["key"]) == ("house", WRONG_KEY)


async def test_unknown_ones_and_those_of_others_are_not_there(app_found: App) -> None:
    with pytest.raises(UnknownProposalError):
        await app_found.proposals.get("prp_none")
    rule = (await suggested(app_found))["rule"]
    await app_found.database.fetch(
        "INSERT INTO use_case (name, declaration, coin_seed, registered_at)"
        " VALUES ('other', '{}', '', now())"
    )
    await app_found.database.fetch("UPDATE proposal SET use_case = 'other'")
    for verb in (app_found.proposals.accept, app_found.proposals.reject):
        with pytest.raises(UnknownProposalError):
            await verb(rule.id, person="ana")


async def test_what_is_found_no_more_is_withdrawn(app_found: App) -> None:
    rule = (await suggested(app_found))["rule"]
    await app_found.database.fetch("UPDATE example SET withdrawn_at = now()")
    assert await suggested(app_found) == {}
    assert (await app_found.proposals.get(rule.id)).state == "withdrawn"
    with pytest.raises(ProposalDecidedError, match="withdrawn"):
        await app_found.proposals.accept(rule.id, person="ana")
    await app_found.database.fetch("UPDATE example SET withdrawn_at = NULL")
    assert (await suggested(app_found))["rule"].id == rule.id


async def test_what_only_judges_is_never_mined(app_found: App) -> None:
    await app_found.database.fetch("UPDATE example SET purpose = 'judge', reference = true")
    assert await suggested(app_found) == {}


async def test_enough_corrections_start_a_look_by_themselves(
    settings: Settings, url: str, orders: Planted
) -> None:
    async with open_app(settings, url) as app:
        wrong = [item for item in orders.seen if item.wrong]
        right = [element for element in orders.seen if not element.wrong]
        await play(app, [*right[:60], *wrong[:19]])
        assert not await app.proposals.suggest_if_enough(loaded_of(app))
        await play(app, wrong[19:25])
        assert await app.proposals.suggest_if_enough(loaded_of(app))
        assert await app.proposals.list("triage")
        assert not await app.proposals.suggest_if_enough(loaded_of(app))
        [entry] = await app.database.fetch("SELECT actor FROM audit_entry WHERE kind = 'proposal'")
        assert entry["actor"] == "roadbed"


async def test_an_erased_task_leaves_no_trace_in_proposals(app_found: App) -> None:
    rule = (await suggested(app_found))["rule"]
    task = rule.cases[0]["task_id"]
    await app_found.erasure.erase(task, by="ana", reason="asked for")
    left = await app_found.proposals.get(rule.id)
    assert task not in {case["task_id"] for case in left.cases}
    assert len(left.cases) == len(rule.cases) - 1


async def test_examples_for_a_prompt_are_chosen_and_not_nagged_about(
    settings: Settings, url: str, folders: Folders
) -> None:
    made = planted(3, accepted=40)
    write_orders(folders, made, prompts=True)
    async with open_app(settings, url) as app:
        await play(app, made.seen)
        choice = (await suggested(app))["examples"]
        assert choice.patch is not None
        assert 4 <= len(choice.patch["examples"]) <= 24
        await app.proposals.accept(choice.id, person="ana")
        assert "examples" not in await suggested(app)
        candidate = await app.store.function(loaded_of(app), await app.proposals.accepted("triage"))
        assert "patches.json" in candidate.artifacts
        await app.erasure.erase(choice.cases[0]["task_id"], by="ana", reason="asked for")
        assert await app.proposals.accepted("triage") == []


async def test_a_trainable_is_asked_to_learn_from_its_corrections(
    settings: Settings, url: str, folders: Folders
) -> None:
    rows = [
        {"input": {"text": f"{word} number {at}"}, "output": {"queue": queue}}
        for at in range(40)
        for word, queue in (("refund", "money"), ("parcel", "status"))
    ]
    folders.write(LEARNING, examples="\n".join(map(json.dumps, rows)))
    async with open_app(settings, url) as app:
        assert await suggested(app) == {}
        await app.deployer.improve(loaded_of(app), actor="ana")
        await app.database.fetch("UPDATE use_case SET reference_rate = 0.0")
        await app.deployments.refresh("triage")
        seen = [
            ReviewedCase(
                task_id="",
                input={"text": f"refund please {at}"},
                decided=None,
                right={"queue": "status"},
                given_at=app.clock.now(),
            )
            for at in range(3)
        ]
        await play(app, seen)
        model = (await suggested(app))["model"]
        assert model.title == "Learn from 3 corrections since the live version was trained"
        assert model.patch is None
        with pytest.raises(ProposalEditError):
            await app.proposals.accept(model.id, person="ana", edited={"when": "true"})
        await app.proposals.accept(model.id, person="ana")
        assert await app.proposals.accepted("triage") == []
        quality = await app.proposals.quality("triage")
        assert quality.examples > 40


async def test_contradictions_lead_to_people_and_tasks(app_found: App, orders: Planted) -> None:
    right = next(entry for entry in orders.seen if not entry.wrong)
    await play(
        app_found, [right, ReviewedCase(**{**_fields(right), "right": {"line": "toys"}})], "zoe"
    )
    told = (await app_found.proposals.quality("triage")).contradictions
    sides = [side for element in told if element.exact for side in element.sides]
    assert {item.person for side in sides for item in side.items} >= {"rae", "zoe"}
    assert all((item.task_id or "").startswith("tsk_") for side in sides for item in side.items)


def _fields(seen: ReviewedCase) -> dict[str, Any]:
    return {name: getattr(seen, name) for name in ReviewedCase.__dataclass_fields__}
