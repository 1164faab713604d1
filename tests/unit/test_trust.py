"""The promise in the product: labelled evidence moves the state, on a real database."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from roadbed.app import App
from roadbed.background import running
from roadbed.bootstrap import open_app
from roadbed.decisions.model import Decision, Reason, Route
from roadbed.guarantee.errors import UnknownNoticeError
from roadbed.kernel.settings import Settings
from roadbed.reviews.model import VerdictKind
from roadbed.risk.automation_state import Sign, State
from roadbed.storage.database import with_schema
from roadbed.storage.sql import texts
from roadbed.usecases.loader import load
from tests.conftest import Folders
from tests.unit.test_decisions import decide

EVEN = """
@usecase.decider
def decide(inquiry, context):
    queue = "even" if int(inquiry.text.split()[-1]) % 2 == 0 else "odd"
    return Answer(output=Routing(queue=queue), confidence=0.9, cautious=0.6)
"""


async def stand(app: App, **columns: Any) -> None:
    """Put a state in force, as a certificate would."""
    facts = {"state": "open", "threshold": 0.5, "reference_rate": 1.0} | columns
    for name, value in facts.items():
        await app.database.fetch(f"UPDATE use_case SET {name} = %(value)s", {"value": value})
    await app.deployments.refresh("triage")


async def answer(app: App, decision: Decision, queue: str | None = None, **more: Any) -> None:
    """A reviewer's label: ``queue``, or the decided one."""
    assert decision.review_id is not None
    await app.reviews.give(
        app.deployments.get("triage").loaded.declared,
        decision.review_id,
        VerdictKind.CORRECT,
        reviewer="rae",
        output={"queue": queue or str((decision.output or {})["queue"])},
        **more,
    )


def declared(app: App) -> Any:
    return app.deployments.get("triage").loaded.declared


@pytest.fixture
def even(folders: Folders) -> None:
    folders.write(EVEN)


@pytest.mark.usefixtures("even")
class TestStates:
    async def test_an_audit_of_which_nothing_was_drawn_has_no_estimate(self, app: App) -> None:
        await stand(app, reference_rate=0.0)
        for number in range(3):
            await decide(app, f"number {number}")
        audit = (await app.reports.report(app.deployments.get("triage"))).audit
        assert (audit.automated, audit.sampled, audit.estimate) == (3, 0, None)

    async def test_wrong_answers_tighten_then_halt_and_everything_says_so(self, app: App) -> None:
        await stand(app)
        seen: list[State] = []
        epoch = app.deployments.get("triage").halt_epoch
        for decision in [await decide(app, f"number {number}") for number in range(8)]:
            await answer(app, decision, "other")
            if moved := await app.running_audit.inspect(declared(app)):
                seen.append(moved.after)
        assert seen == [State.TIGHTENED, State.HALTED]
        await app.deployments.refresh("triage")
        service = app.deployments.get("triage")
        assert service.halt_epoch > epoch
        assert service.live.rate == 0.5
        last = await decide(app, "number 100")
        assert (last.routed.route, last.routed.code) == (Route.REVIEW, Reason.AUDIT_HALTED)
        notices = await app.notices.list("triage")
        assert "Halted" in notices[0].text
        changes = await app.running_audit.changes("triage")
        detail = changes[0]["detail"]
        assert detail is not None
        assert detail["after"] == "halted"
        assert detail["sign"] in (Sign.HARM_PROVEN, Sign.CHANGE_FOUND)
        report = await app.reports.report(service)
        assert report.state is State.HALTED
        assert "certificate" in report.way_out
        assert report.audit.wrong == report.audit.sampled

    async def test_right_answers_move_nothing_and_give_an_estimate(self, app: App) -> None:
        await stand(app, reference_rate=0.5)
        for number in range(40):
            decision = await decide(app, f"number {number}")
            if decision.review_id:
                await answer(app, decision)
        assert await app.running_audit.inspect(declared(app)) is None
        audit = await app.running_audit.audit(declared(app))
        assert audit.automated == 40
        assert 0 < audit.sampled < 40
        assert (audit.wrong, audit.estimate) == (0, 0.0)
        assert audit.path[-1].automated <= 40

    async def test_new_kinds_of_work_switch_to_caution(self, app: App) -> None:
        await stand(app)
        for number in range(4):
            decision = await decide(app, f"number {number}")
            await answer(app, decision, new_kind=True)
        moved = await app.running_audit.inspect(declared(app))
        assert moved is not None
        assert (moved.after, moved.sign) == (State.CAUTIOUS, Sign.NEW_KINDS)
        await app.deployments.refresh("triage")
        live = app.deployments.get("triage").live
        assert (live.cautious, live.threshold) == (True, None)
        assert (await decide(app, "number 9")).routed.route is Route.REVIEW
        await stand(app, state="cautious", cautious=True, threshold=0.55)
        decision = await decide(app, "number 11")
        assert decision.routed.route is Route.AUTOMATIC
        assert "Cautious confidence 0.600" in decision.routed.reason
        await stand(app, state="cautious", cautious=True, threshold=0.7)
        assert (await decide(app, "number 12")).routed.code is Reason.BELOW_THRESHOLD

    async def test_only_a_certificate_on_work_since_the_halt_opens_again(self, app: App) -> None:
        await stand(app)
        for number in range(5):
            await answer(app, await decide(app, f"number {number}"), "other")
        moved = await app.running_audit.inspect(declared(app))
        assert moved is not None
        assert moved.after is State.HALTED
        loaded = app.deployments.get("triage").loaded
        await app.deployer.improve(loaded, actor="ana")
        await app.deployments.refresh("triage")
        assert app.deployments.get("triage").live.state is State.HALTED
        await app.database.fetch("UPDATE use_case SET reference_rate = 1.0")
        await app.deployments.refresh("triage")
        decisions = await asyncio.gather(*(decide(app, f"again {n}") for n in range(420)))
        for decision in decisions:
            await answer(app, decision)
        improved = await app.deployer.improve(loaded, actor="ana")
        await app.deployments.refresh("triage")
        assert improved.certificate is not None
        assert improved.certificate["items"] == 420
        live = app.deployments.get("triage").live
        assert (live.state, live.rate) == (State.OPEN, 0.12)
        assert await app.running_audit.inspect(declared(app)) is None

    async def test_rows_of_a_folder_are_no_work_that_arrived_since_the_halt(
        self, app: App, folders: Folders
    ) -> None:
        at = datetime.now(UTC) - timedelta(hours=1)
        await stand(app, state="halted", threshold=None, alarm_at=at)
        row = {"input": {"text": "number 2"}, "output": {"queue": "even"}}
        folders.write(
            EVEN,
            examples="".join(
                f"{json.dumps(row | {'input': {'text': f'number {2 * n}'}})}\n" for n in range(1200)
            ),
        )
        loaded = load(folders.parent / "triage")
        stored, _ = await app.examples.import_folder(loaded)
        assert stored == 1200
        improved = await app.deployer.improve(loaded, actor="ben")
        await app.deployments.refresh("triage")
        assert improved.certificate is not None
        assert improved.certificate["threshold"] is None
        assert app.deployments.get("triage").live.state is State.HALTED

    async def test_a_server_watches_by_itself(self, app: App) -> None:
        await stand(app)
        async with running(app):
            for number in range(5):
                await answer(app, await decide(app, f"number {number}"), "other")
            for _ in range(60):
                await asyncio.sleep(0.1)
                if app.deployments.get("triage").live.state is State.HALTED:
                    break
        assert app.deployments.get("triage").live.state is State.HALTED

    async def test_a_move_that_came_too_late_is_dropped(self, app: App) -> None:
        await stand(app)
        for number in range(5):
            await answer(app, await decide(app, f"number {number}"), "other")
        result = await asyncio.gather(*(app.running_audit.inspect(declared(app)) for _ in range(4)))
        assert sum(item is not None for item in result) == 1


TRIED = """
INSERT INTO behaviour (hash, use_case, folder_hash, files, artifacts, learned_from, made_at)
SELECT name, 'triage', 'f', '{}', '{}', 1, now() FROM unnest('{live,bad,decoy}'::text[]) AS name;
INSERT INTO certificate (id, use_case, behaviour, look, threshold, cautious, risk_limit, certainty,
                         items, covered, errors, detail, issued_at)
SELECT 'crt_' || name || hours, 'triage', name, 1, threshold, false, 0.02, 0.95, 1, 1, 0, '{}',
       now() - hours * interval '1 hour'
FROM (VALUES ('live', 0.5, 9), ('bad', NULL, 8), ('decoy', 0.5, 7), ('live', 0.5, 1))
     AS tried (name, threshold, hours);
INSERT INTO version (id, use_case, behaviour, number, made_at, live_since)
VALUES ('ver_1', 'triage', 'live', 901, now(), now()),
       ('ver_2', 'triage', 'decoy', 902, now(), NULL)
"""


async def test_a_version_that_passes_and_is_not_released_is_a_try_as_well(
    app: App, url: str
) -> None:
    with psycopg.connect(with_schema(url), autocommit=True) as connection:
        connection.execute(TRIED)
    facts = {"use_case": "triage", "behaviour": "next"}
    row = await app.database.fetch_one(texts("roadbed.guarantee")["tried"], facts)
    assert row == {"versions": 4, "tries": 3}  # a bad one and a decoy


@pytest.mark.usefixtures("even")
class TestLabels:
    async def test_late_ones_count_as_wrong_and_are_chased(self, app: App) -> None:
        await stand(app)
        for number in range(3):
            await decide(app, f"number {number}")
        audit = await app.running_audit.audit(declared(app))
        assert (audit.waiting, audit.overdue, audit.sampled) == (3, 0, 0)
        past = app.clock.now() - timedelta(hours=100)
        await app.database.fetch("UPDATE task SET admitted_at = %(at)s", {"at": past})
        await app.database.fetch("UPDATE review SET opened_at = %(at)s", {"at": past})
        audit = await app.running_audit.audit(declared(app))
        assert (audit.waiting, audit.overdue, audit.wrong) == (0, 3, 3)
        assert await app.running_audit.chase(declared(app)) == 3
        assert await app.running_audit.chase(declared(app)) == 0
        [notice] = await app.notices.list("triage")
        assert "3 sample items wait" in notice.text
        [first, *_] = await app.reviews.queue("triage", reviewer="rae")
        assert first.priority == 4
        sample = [case for case in await app.examples.cases(declared(app)) if case.reference]
        assert [(case.overdue, case.waiting) for case in sample] == [(True, False)] * 3

    async def test_the_notice_of_late_ones_says_how_many_and_goes_with_the_last(
        self, app: App
    ) -> None:
        await stand(app)
        decisions = [await decide(app, f"number {number}") for number in range(2)]
        await app.database.fetch("UPDATE review SET opened_at = now() - interval '100 hours'")
        assert await app.running_audit.chase(declared(app)) == 2
        decisions.append(await decide(app, "number 2"))
        await app.database.fetch("UPDATE review SET opened_at = now() - interval '100 hours'")
        assert await app.running_audit.chase(declared(app)) == 1
        [notice] = await app.notices.list("triage")
        assert "3 sample items wait" in notice.text
        for decision in decisions:
            await answer(app, decision)
        await app.running_audit.chase(declared(app))
        assert await app.notices.list("triage") == []
        assert len(await app.notices.list("triage", every=True)) == 2

    async def test_one_taken_back_is_as_if_it_had_not_been_given(self, app: App) -> None:
        await stand(app)
        decision = await decide(app, "number 1")
        await answer(app, decision, "other")
        assert (await app.running_audit.audit(declared(app))).wrong == 1
        assert decision.review_id is not None
        await app.reviews.undo(decision.review_id, reviewer="rae")
        audit = await app.running_audit.audit(declared(app))
        assert (audit.wrong, audit.waiting) == (0, 1)

    async def test_the_order_of_arrival_does_not_matter(self, app: App) -> None:
        await stand(app)
        decisions = [await decide(app, f"number {n}") for n in range(12)]
        for number in (7, 3, 11, 0, 5, 1, 9, 2, 10, 4, 8, 6):
            await answer(app, decisions[number], "other" if number == 2 else None)
        audit = await app.running_audit.audit(declared(app))
        assert [point.estimate > 0 for point in audit.path] == [False] * 2 + [True] * 10


class TestNotices:
    @pytest.mark.usefixtures("even")
    async def test_of_a_state_go_when_another_one_comes(self, app: App) -> None:
        await stand(app)
        for decision in [await decide(app, f"number {number}") for number in range(8)]:
            await answer(app, decision, "other")
            await app.running_audit.inspect(declared(app))
        [notice] = await app.notices.list("triage")
        assert "Halted" in notice.text
        assert len(await app.notices.list("triage", every=True)) == 2

    @pytest.mark.usefixtures("even")
    async def test_of_a_state_go_when_a_version_comes_into_service(
        self, app: App, folders: Folders
    ) -> None:
        await stand(app)
        for decision in [await decide(app, f"number {number}") for number in range(8)]:
            await answer(app, decision, "other")
            if await app.running_audit.inspect(declared(app)):
                break
        [notice] = await app.notices.list("triage")
        assert "Tightened" in notice.text
        await app.deployer.register(load(folders.write(EVEN.replace("0.9", "0.8"))))
        assert await app.notices.list("triage") == []

    @pytest.mark.usefixtures("even")
    async def test_stay_until_somebody_has_seen_them(self, app: App) -> None:
        await stand(app)
        for number in range(5):
            await answer(app, await decide(app, f"number {number}"), "other")
        await app.running_audit.inspect(declared(app))
        [notice] = await app.notices.list("triage")
        await app.notices.seen(notice.id, person="ana")
        assert await app.notices.list("triage") == []
        [kept] = await app.notices.list("triage", every=True)
        assert kept.seen_by == "ana"
        with pytest.raises(UnknownNoticeError):
            await app.notices.seen(notice.id, person="ben")


SLICED = """
from roadbed.models import TextClassifier

class Inquiry(BaseModel):
    text: str
    region: str = "north"

usecase = UseCase(
    "triage", purpose="Route what customers write", input=Inquiry, output=Routing,
    risk_limit=0.1, rollout=DIRECT, slices="region", examples_are_random_sample=True,
    pod=Pod(domain_lead="ana", engineer="ben", data_specialist="chi", risk_partner="dev"))
usecase.decider(TextClassifier(text="text", label="queue"))
"""


async def test_slices_are_pooled_proven_apart_and_rare_ones_go_to_people(
    folders: Folders, settings: Settings, url: str
) -> None:
    import json

    words = {"returns": "send back refund parcel", "delivery": "late truck where driver"}
    lines = [
        {
            "input": {
                "text": f"{words[queue]} please help {number}",
                "region": "south" if number % 3 == 0 else "north",
            },
            "output": {"queue": queue},
        }
        for number in range(900)
        for queue in words
    ]
    folders.write(SLICED, examples="\n".join(json.dumps(line) for line in lines))
    async with open_app(settings, url) as app:
        loaded = app.deployments.get("triage").loaded
        improved = await app.deployer.improve(loaded, actor="ana")
        await app.deployments.refresh("triage")
        live = app.deployments.get("triage").live
        assert live.state is State.OPEN
        assert live.pooling is not None
        assert set(live.pooling.offsets["region"]) == {"north", "south"}
        assert improved.certificate is not None
        detail = improved.certificate["detail"]
        assert {slice_["value"]: slice_["proven"] for slice_ in detail["slices"]} == {
            "north": True,
            "south": True,
        }
        routes = {}
        for region in ("north", "west"):
            _, task = await app.decisions.submit(
                "triage",
                {"text": "send back refund parcel please", "region": region},
                key=None,
                source={},
            )
            assert task is not None
            decision = await task
            assert decision is not None
            routes[region] = decision.routed
        assert routes["north"].route is Route.AUTOMATIC
        assert routes["west"].code is Reason.SLICE_UNKNOWN
        assert "'west'" in routes["west"].reason


async def test_trained_state_that_cannot_be_read_leaves_the_work_to_people(
    folders: Folders, settings: Settings, url: str
) -> None:
    import json

    rows = [
        {"input": {"text": f"{word} {n}"}, "output": {"queue": word}}
        for n in range(60)
        for word in ("refund", "truck")
    ]
    folders.write(SLICED, examples="\n".join(json.dumps(row) for row in rows))
    async with open_app(settings, url) as app:
        await app.deployer.improve(app.deployments.get("triage").loaded, actor="ana")
        await app.database.fetch("UPDATE artifact SET content = 'damaged'")
    async with open_app(settings, url) as app:
        assert not app.broken
        assert app.deployments.get("triage").live.decider is None
        _, task = await app.decisions.submit("triage", {"text": "refund"}, key=None, source={})
        assert task is not None
        decision = await task
        assert decision is not None
        assert decision.routed.route is Route.REVIEW
        await app.deployer.improve(app.deployments.get("triage").loaded, actor="ana")
        await app.deployments.refresh("triage")
        assert app.deployments.get("triage").live.decider is not None
