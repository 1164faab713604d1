"""The governed path: every way a task can go, against a real database."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from queue import SimpleQueue
from typing import Any

import pytest
from pydantic import BaseModel

from roadbed.app import App
from roadbed.background import running
from roadbed.bootstrap import open_app
from roadbed.decisions import routing
from roadbed.decisions.decider_runner import DeciderRunner, without_library
from roadbed.decisions.model import (
    Answered,
    Decision,
    LiveVersion,
    NotAnswered,
    Reason,
    Route,
)
from roadbed.decisions.service import InFlight
from roadbed.executors.in_process import (
    MOST_THREADS,
    BatchExecutor,
    CoroutineExecutor,
    DeciderCall,
    DeciderThreads,
    FunctionExecutor,
    HungThreads,
    ResultQueue,
)
from roadbed.halts.errors import UnknownHaltError
from roadbed.intake.errors import InputError, KeyReusedError, OverloadedError
from roadbed.intake.model import AdmittedTask
from roadbed.intake.tasks import ADMIT
from roadbed.kernel.ids import CertificateId, TaskId, VersionId
from roadbed.kernel.settings import Settings
from roadbed.risk import sampling
from roadbed.risk.automation_state import State
from roadbed.scoring.content import Content
from roadbed.storage.writer import Write
from roadbed.usecases.business_rules import Fired
from roadbed.usecases.decider import Answer, Context, Task, Unsure
from roadbed.usecases.errors import UnknownUseCaseError
from roadbed.usecases.loader import load
from tests.conftest import Folders

SOURCE = {"surface": "test", "by": "tester"}


async def decide(app: App, text: str = "take it back", key: str | None = None) -> Decision:
    _, task = await app.decisions.submit("triage", {"text": text}, key=key, source=SOURCE)
    assert task is not None
    decision = await task
    assert decision is not None
    return decision


@asynccontextmanager
async def serving(settings: Settings, url: str) -> AsyncIterator[App]:
    async with open_app(settings, url) as app:
        yield app


def prove(app: App, threshold: float | None) -> None:
    """Put a threshold in force, as a certificate would."""
    service = app.deployments.get("triage")
    live = replace(
        service.live,
        threshold=threshold,
        certificate=CertificateId("crt_test"),
        state=State.SHADOW if threshold is None else State.OPEN,
        rate=sampling.rate(automating=threshold is not None),
    )
    app.deployments._deployments["triage"] = replace(service, live=live)


class TestRouting:
    async def test_nothing_is_automatic_until_it_is_proven(self, app: App) -> None:
        decision = await decide(app)
        assert decision.routed.route is Route.REVIEW
        assert decision.routed.code is Reason.NOT_PROVEN
        assert decision.review_id is not None

    async def test_what_is_proven_is_automatic_and_what_is_below_is_not(self, app: App) -> None:
        prove(app, 0.9)
        assert (await decide(app)).routed.route is Route.AUTOMATIC
        prove(app, 0.91)
        below = await decide(app)
        assert (below.routed.route, below.routed.code) == (Route.REVIEW, Reason.BELOW_THRESHOLD)

    async def test_an_unsure_decider_sends_the_task_to_a_person(self, app: App) -> None:
        prove(app, 0.5)
        decision = await decide(app, "unsure")
        assert decision.routed.code is Reason.UNSURE
        assert "it says so" in decision.routed.reason

    async def test_reference_tasks_are_reviewed_blind_even_if_automatic(self, app: App) -> None:
        prove(app, 0.5)
        decisions = [await decide(app, f"number {n}") for n in range(150)]
        assert all(decision.routed.route is Route.AUTOMATIC for decision in decisions)
        reviewed = [item.review_id for item in decisions if item.review_id]
        assert 0 < len(reviewed) < 60  # 18 at 12 %; none once in 200 million runs
        for review_id in reviewed:
            review = await app.reviews.get(review_id)
            assert review.blind
            assert review.output is None
            assert review.confidence is None

    async def test_a_halt_sends_everything_to_people_from_the_next_settlement_on(
        self, app: App
    ) -> None:
        prove(app, 0.5)
        assert (await decide(app)).routed.route is Route.AUTOMATIC
        # This process has not heard of the halt: the epoch check in the transaction finds it.
        halted = await app.halts.halt("triage", reason="a drill", actor="dev")
        assert halted.fenced_seconds is not None
        decision = await decide(app)
        assert decision.routed.code is Reason.HALTED
        assert decision.halt_epoch == 1
        with pytest.raises(UnknownHaltError):
            await app.halts.halt("nobody", reason="a drill", actor="dev")

    @pytest.mark.parametrize("fired", [None, Fired(rule="r", route="review", reason="so")])
    def test_halted_wins_over_a_proof_and_a_rule_over_both(self, fired: Fired | None) -> None:
        live = LiveVersion(id=VersionId("v"), decider=None, threshold=0.5, certificate=None)
        held = routing.held_by_rule(fired) if fired else None
        routed = routing.route(held, 0.9, live, halted=True)
        assert routed.code is (Reason.RULE if fired else Reason.HALTED)

    def test_the_sample_comes_first_in_the_queue_then_what_went_wrong(self) -> None:
        assert routing.priority(Reason.BELOW_THRESHOLD, reference=True) == 3
        assert routing.priority(Reason.DECIDER_FAILED, reference=False) == 2
        assert routing.priority(Reason.BELOW_THRESHOLD, reference=False) == 1


RULES = """
before:
  - {name: lawyers, when: 'input.text.contains("lawyer")', route: review, reason: legal matter}
  - {name: spam, when: 'input.text.contains("casino")', route: refused, reason: spam}
  - {name: broken, when: 'input.missing == 1 && input.text != "fine"', route: refused, reason: no}
after:
  - {name: odd, when: 'output.queue', route: refused, reason: answers no yes or no}
"""


class TestRules:
    async def test_hold_back_before_and_after_and_an_error_never_lets_through(
        self, folders: Folders, settings: Settings, url: str
    ) -> None:
        folders.write(rules=RULES)
        async with serving(settings, url) as app:
            prove(app, 0.5)
            lawyer = await decide(app, "my lawyer writes")
            assert (lawyer.routed.route, lawyer.routed.rule) == (Route.REVIEW, "lawyers")
            spam = await decide(app, "casino")
            assert spam.routed.route is Route.REFUSED
            broken = await decide(app, "hello")
            assert broken.routed.code is Reason.RULE_FAILED
            assert broken.routed.route is Route.REVIEW

    async def test_a_rule_that_answers_neither_yes_nor_no_sends_to_review(
        self, folders: Folders, settings: Settings, url: str
    ) -> None:
        folders.write(rules="after:\n" + RULES.split("after:\n")[1])
        async with serving(settings, url) as app:
            prove(app, 0.5)
            decision = await decide(app)
            assert decision.routed.code is Reason.RULE_FAILED
            assert decision.output == {"queue": "returns"}


RUBBISH = """
import math

@usecase.decider
def decide(inquiry, context):
    return {
        "none": None,
        "text": "returns",
        "raises": lambda: 1 / 0,
        "nan": Answer(output=Routing(queue="x"), confidence=math.nan),
        "high": Answer(output=Routing(queue="x"), confidence=1.5),
        "bool": Answer(output=Routing(queue="x"), confidence=True),
        "wrong-type": Answer(output={"queue": 7}, confidence=0.9),
        "extra": Answer(output={"queue": "x", "more": 1}, confidence=0.9),
        "nul": Answer(output={"queue": "a\\x00b"}, confidence=0.9),
        "unbuilt": Answer(output=Routing.model_construct(), confidence=0.9),
        "evidence": Answer(output={"queue": "x"}, confidence=0.9, evidence={"f": object()}),
    }[inquiry.text]
"""


class TestDecidersThatMisbehave:
    async def test_rubbish_goes_to_review_with_the_reason(
        self, folders: Folders, settings: Settings, url: str
    ) -> None:
        folders.write(RUBBISH)
        async with serving(settings, url) as app:
            prove(app, 0.5)
            for text in (
                "none",
                "text",
                "nan",
                "high",
                "bool",
                "wrong-type",
                "extra",
                "nul",
                "unbuilt",
                "raises",
            ):
                decision = await decide(app, text)
                assert decision.routed.code is Reason.INVALID_ANSWER, text
                assert decision.routed.route is Route.REVIEW
            failed = await decide(app, "not in the table")
            assert failed.routed.code is Reason.DECIDER_FAILED
            assert "KeyError" in failed.routed.reason
            shown = await decide(app, "evidence")
            assert shown.routed.route is Route.AUTOMATIC
            assert "left_out" in shown.evidence

    async def test_one_that_hangs_costs_its_task_the_deadline_and_the_others_nothing(
        self, folders: Folders, settings: Settings, url: str
    ) -> None:
        folders.write(
            """
import time

@usecase.decider
def decide(inquiry, context):
    time.sleep(3.0 if "hang" in inquiry.text else 0.0)
    return Answer(output=Routing(queue="x"), confidence=0.9)
""",
            deadline=0.4,
        )
        async with serving(settings, url) as app:
            began = time.monotonic()
            hung, fine = await asyncio.gather(decide(app, "hang"), decide(app, "go"))
            assert time.monotonic() - began < 2.0
            assert hung.routed.code is Reason.DECIDER_TIMEOUT
            assert fine.routed.code is Reason.NOT_PROVEN

    async def test_one_that_hangs_on_every_thread_is_given_no_more(
        self, folders: Folders, settings: Settings, url: str
    ) -> None:
        folders.write(
            """
import time

@usecase.decider
def decide(inquiry, context):
    time.sleep(4.0)
""",
            deadline=1.5,
        )
        async with serving(settings, url) as app:
            await asyncio.gather(*(decide(app, f"{n}") for n in range(40)))
            stuck = await decide(app, "one more")
            assert stuck.routed.code in {Reason.DECIDER_FAILED, Reason.DECIDER_TIMEOUT}
            assert (await app.reviews.waiting("triage"))["waiting"] == 41
            await asyncio.sleep(3.0)  # the threads come back, and so does the decider
            [(_, runner)] = app.decisions._runners.values()
            assert not runner._executors.popitem()[1].losses.stuck

    async def test_coroutines_run_beside_each_other_and_may_block_or_fail(
        self, folders: Folders, settings: Settings, url: str
    ) -> None:
        folders.write(
            """
import asyncio, time

@usecase.decider
async def decide(inquiry, context):
    assert context.task.usecase == "triage"
    if "block" in inquiry.text:
        time.sleep(2.5)
    if "fail" in inquiry.text:
        raise ConnectionError("model is away")
    await asyncio.sleep(5.0 if "slow" in inquiry.text else 0.2)
    return Answer(output=Routing(queue="x"), confidence=0.9)
""",
            deadline=0.8,
        )
        async with serving(settings, url) as app:
            began = time.monotonic()
            result = await asyncio.gather(*(decide(app, f"{n}") for n in range(20)))
            assert time.monotonic() - began < 0.8
            assert {item.routed.code for item in result} == {Reason.NOT_PROVEN}
            assert (await decide(app, "fail")).routed.code is Reason.DECIDER_FAILED
            assert (await decide(app, "slow")).routed.code is Reason.DECIDER_TIMEOUT
            assert (await decide(app, "block")).routed.code is Reason.DECIDER_TIMEOUT
            await asyncio.sleep(1.2)  # found blocked, replaced
            assert (await decide(app, "again")).routed.code is Reason.NOT_PROVEN

    async def test_a_batch_with_a_poisoned_input_is_taken_apart(
        self, folders: Folders, settings: Settings, url: str
    ) -> None:
        folders.write(TRAINABLE, deadline=0.8)
        async with serving(settings, url) as app:
            assert (await decide(app)).routed.code is Reason.NO_VERSION
            await app.deployer.improve(app.deployments.get("triage").loaded, actor="ana")
            await app.deployments.refresh("triage")
            result = await asyncio.gather(
                *(decide(app, text) for text in ["a", "poison", "b", "short", "c"])
            )
            codes = [item.routed.code for item in result]
            assert codes[0] is codes[2] is codes[4] is Reason.NOT_PROVEN
            assert codes[1] is codes[3] is Reason.DECIDER_FAILED
            slow = await asyncio.gather(decide(app, "hang"), decide(app, "after"))
            assert slow[0].routed.code is Reason.DECIDER_TIMEOUT
            assert (await decide(app, "next")).routed.code is Reason.NOT_PROVEN
            queued = await asyncio.gather(
                *(decide(app, text) for text in ["hang", "hang too"]),
                *(decide(app, f"queued {n}") for n in range(70)),
            )
            assert {entry.routed.code for entry in queued} <= {
                Reason.DECIDER_TIMEOUT,
                Reason.NOT_PROVEN,
                Reason.DECIDER_FAILED,
            }
            await asyncio.sleep(2.5)  # the lost threads come back
            assert (await decide(app, "at last")).routed.code is Reason.NOT_PROVEN

    async def test_a_task_that_is_late_already_is_not_even_tried(self, app: App) -> None:
        service = app.deployments.get("triage")
        runner = DeciderRunner(service.loaded.declared, without_library)
        admission, _ = await app.decisions.submit("triage", {"text": "x"}, key=None, source=SOURCE)
        late = await runner.ask(service.live, admission.task, seconds=0.0)
        assert isinstance(late, NotAnswered)
        assert late.code is Reason.DECIDER_TIMEOUT

    def test_a_result_that_comes_after_the_end_is_dropped(self) -> None:
        loop = asyncio.new_event_loop()
        loop.close()
        home = ResultQueue(loop)
        delivered: list[int] = []
        home.send(lambda: delivered.append(1))
        assert delivered == []


TRAINABLE = """
import time
import numpy as np
from roadbed.usecases.decider import OutOfFold

class Echo:
    out_of_fold = OutOfFold(confidence=np.zeros(1), wrong=np.zeros(1, dtype=bool))
    def fit(self, examples, *, seed): return self
    def save(self): return {"state": b"1"}
    def load(self, files): return self
    def decide_many(self, inputs):
        if any("poison" in each.text for each in inputs):
            raise ValueError("poisoned")
        if any("hang" in each.text for each in inputs):
            time.sleep(2.0)
        kept = [each for each in inputs if "short" not in each.text]
        return [Answer(output=Routing(queue="x"), confidence=0.9) for each in kept]

usecase.decider(Echo())
"""


class TestAdmission:
    async def test_the_same_key_and_body_give_the_same_task(self, app: App) -> None:
        first = await decide(app, "once", key="k1")
        again, task = await app.decisions.submit(
            "triage", {"text": "once"}, key="k1", source=SOURCE
        )
        assert again.repeated
        assert again.task.id == first.task_id
        assert task is None

    async def test_many_at_once_under_one_key_become_one_task(self, app: App) -> None:
        result = await asyncio.gather(
            *(
                app.decisions.submit("triage", {"text": "once"}, key="k", source=SOURCE)
                for _ in range(30)
            )
        )
        assert len({admission.task.id for admission, _ in result}) == 1
        assert sum(not admission.repeated for admission, _ in result) == 1
        row = await app.database.fetch_one("SELECT count(*) AS n FROM task")
        assert row == {"n": 1}

    async def test_a_key_given_up_while_it_is_looked_up_is_free(
        self, app: App, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An erasure takes the key between the statements that store a task and read it back."""
        before = await decide(app, "once", key="k")
        write = app.decisions._writer.write

        async def erased_meanwhile(kind: Write[Any, Any], item: Mapping[str, object]) -> Any:
            row: Any = await write(kind, item)
            if kind is not ADMIT or row["task_id"] == item["id"]:
                return row
            await app.database.fetch("UPDATE task SET key = NULL WHERE id = %(task_id)s", row)
            return {**dict.fromkeys(row), "id": item["id"]}

        monkeypatch.setattr(app.decisions._writer, "write", erased_meanwhile)
        admission, task = await app.decisions.submit(
            "triage", {"text": "other"}, key="k", source=SOURCE
        )
        assert not admission.repeated
        assert admission.task.id != before.task_id
        assert task is not None
        await task

    async def test_a_key_with_another_body_is_refused(self, app: App) -> None:
        await decide(app, "once", key="k")
        with pytest.raises(KeyReusedError, match="another input"):
            await app.decisions.submit("triage", {"text": "other"}, key="k", source=SOURCE)

    @pytest.mark.parametrize(
        "content",
        [
            {},
            {"text": 7},
            {"text": "a", "more": 1},
            {"text": "a\x00b"},
            {"text": "\ud800"},
        ],
    )
    async def test_input_that_does_not_fit_is_refused_and_nothing_is_stored(
        self, app: App, content: Mapping[str, Any]
    ) -> None:
        with pytest.raises(InputError):
            await app.decisions.submit("triage", content, key=None, source=SOURCE)
        assert await app.database.fetch("SELECT 1 FROM task") == []

    @pytest.mark.parametrize("key", ["", "x" * 201, "a\nb"])
    async def test_keys_are_short_and_printable(self, app: App, key: str) -> None:
        with pytest.raises(InputError):
            await app.decisions.submit("triage", {"text": "a"}, key=key, source=SOURCE)

    async def test_an_unknown_use_case_is_named(self, app: App) -> None:
        with pytest.raises(UnknownUseCaseError, match="'nobody'"):
            await app.decisions.submit("nobody", {"text": "a"}, key=None, source=SOURCE)

    async def test_more_than_memory_may_hold_is_told_to_come_back(
        self, folders: Folders, settings: Settings, url: str
    ) -> None:
        folders.write()
        async with serving(settings.model_copy(update={"max_in_flight": 1}), url) as app:
            app.decisions._in_flight.begin("triage")
            with pytest.raises(OverloadedError, match="1 task is"):
                await app.decisions.submit("triage", {"text": "a"}, key=None, source=SOURCE)

    async def test_a_slow_use_case_leaves_room_for_the_others(
        self, folders: Folders, settings: Settings, url: str
    ) -> None:
        folders.write()
        folders.write(name="claims")
        async with serving(settings.model_copy(update={"max_in_flight": 8}), url) as app:
            for _ in range(6):  # each of them hangs
                app.decisions._in_flight.begin("triage")
            with pytest.raises(OverloadedError, match="6 tasks of 'triage', its share"):
                await app.decisions.submit("triage", {"text": "a"}, key=None, source=SOURCE)
            for _ in range(3):
                _, task = await app.decisions.submit(
                    "claims", {"text": "a"}, key=None, source=SOURCE
                )
                assert task is not None
                await task
            app.decisions._in_flight.end("triage")
            _, task = await app.decisions.submit("triage", {"text": "a"}, key=None, source=SOURCE)
            assert task is not None
            await task

    def test_a_share_is_three_times_what_is_free(self) -> None:
        shares = InFlight(8)
        assert shares.capacity("a") == 6
        for _ in range(6):
            shares.begin("a")
        assert (shares.capacity("a"), shares.capacity("b")) == (0, 1)
        shares.begin("b")
        shares.begin("b")
        assert (shares.capacity("a"), shares.capacity("b"), shares.capacity("c")) == (0, 0, 0)
        assert InFlight(1).capacity("a") == 1


class TestRecovery:
    async def test_one_use_case_that_cannot_be_recovered_keeps_no_other_back(
        self, folders: Folders, settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("claims", "triage", "zebra"):
            folders.write(name=name)
        async with serving(settings, url) as app:
            taken = []

            async def take_over(served: Any, most: int) -> Any:
                taken.extend(served)
                if "claims" in served:
                    raise ValueError("it is odd")
                return []

            monkeypatch.setattr(app.decisions._intake, "take_over", take_over)
            for _ in range(10_000):
                app.decisions._in_flight.begin("zebra")
            app.decisions._in_flight._most = 10_004
            with pytest.raises(ValueError, match="odd"):
                await app.decisions.recover()
            assert taken == ["claims", "triage"]

    async def lose(self, app: App, attempt: int = 1) -> str:
        """A task whose process died after admission."""
        admission, task = await app.decisions.submit(
            "triage", {"text": "lost"}, key=None, source=SOURCE
        )
        assert task is not None
        await task
        await app.database.fetch("DELETE FROM decision")
        await app.database.fetch("DELETE FROM review")
        await app.database.fetch(
            "INSERT INTO in_flight VALUES (%(id)s, %(n)s, now() - interval '1 second')",
            {"id": admission.task.id, "n": attempt},
        )
        return admission.task.id

    async def test_a_task_whose_lease_ran_out_is_decided_again(self, app: App) -> None:
        task_id = await self.lose(app)
        async with running(app):
            for _ in range(50):
                await asyncio.sleep(0.1)
                receipt = await app.receipts.get(task_id, viewer="tester")
                if receipt["decision"]:
                    break
        assert receipt["decision"]["attempt"] == 2
        assert await app.database.fetch("SELECT 1 FROM in_flight") == []

    async def test_after_three_crashes_it_goes_to_a_person(self, app: App) -> None:
        task_id = await self.lose(app, attempt=3)
        assert await app.decisions.recover() == 1
        await asyncio.gather(*app.decisions._under_way.values())
        receipt = await app.receipts.get(task_id, viewer="tester")
        assert receipt["decision"]["reason_code"] == "interrupted"

    async def test_who_lost_the_lease_cannot_settle(
        self, folders: Folders, settings: Settings, url: str
    ) -> None:
        folders.write("""
import time

@usecase.decider
def decide(inquiry, context):
    time.sleep(0.5)
    return Answer(output=Routing(queue="x"), confidence=0.9)
""")
        async with serving(settings, url) as app:
            _, task = await app.decisions.submit(
                "triage", {"text": "mine"}, key=None, source=SOURCE
            )
            assert task is not None
            await app.database.fetch("UPDATE in_flight SET attempt = attempt + 1")
            assert await task is None
            assert await app.database.fetch("SELECT task_id FROM decision") == []

    async def test_leases_of_running_tasks_are_kept(
        self, folders: Folders, settings: Settings, url: str
    ) -> None:
        folders.write("""
import asyncio

@usecase.decider
async def decide(inquiry, context):
    await asyncio.sleep(1.6)
    return Answer(output=Routing(queue="x"), confidence=0.9)
""")
        async with serving(settings, url) as app:
            _, task = await app.decisions.submit(
                "triage", {"text": "slow"}, key=None, source=SOURCE
            )
            await asyncio.sleep(0.6)
            assert await app.decisions.recover() == 0
            await asyncio.sleep(0.6)
            assert await app.decisions.recover() == 0
            assert task is not None
            decision = await task
            assert decision is not None
            assert decision.attempt == 1


def test_reading_an_answer_keeps_what_fits() -> None:
    class Out(BaseModel):
        queue: str

    read = routing.read_answer(Answer(output=Out(queue="a"), confidence=1), Out)
    assert isinstance(read, Answered)
    assert read.confidence == 1.0
    unsure = routing.read_answer(Unsure(reason="hm", evidence={"deep": float("nan")}), Out)
    assert isinstance(unsure, NotAnswered)
    assert "left_out" in unsure.evidence


@pytest.mark.parametrize(
    ("text", "fits"),
    [("a smile 😀", True), ("ä\n", True), ("half \ud83d", False), ("a\x00", False)],
)
def test_an_output_may_hold_any_text_that_can_be_stored(text: str, fits: bool) -> None:
    class Out(BaseModel):
        queue: str

    read = routing.read_answer(Answer(output={"queue": text}, confidence=0.9), Out)  # type: ignore[type-var]
    assert isinstance(read, Answered) is fits


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"cost": True}, "its cost is a bool, not a number"),
        ({"cost": "1 EUR"}, "its cost is a str, not a number"),
        ({"cost": -1}, "its cost is -1, no amount of money"),
        ({"cost": Decimal("NaN")}, "its cost is NaN, no amount of money"),
        ({"output": {"queue": "x" * 30_000}}, "its output has more than 20,000 characters"),
    ],
)
def test_an_answer_that_cannot_be_used_says_why(given: dict[str, Any], told: str) -> None:
    class Out(BaseModel):
        queue: str

    answer = Answer(**{"output": Out(queue="a"), "confidence": 0.9, **given})
    read = routing.read_answer(answer, Out)
    assert isinstance(read, NotAnswered)
    assert read.reason == f"The decider's answer cannot be used: {told}."


@pytest.mark.parametrize(
    ("provenance", "read"),
    [
        ({}, {}),
        ({"page": (1, 2)}, {"page": [1, 2]}),
        ({2: "b", "a": {10: None}}, {"2": "b", "a": {"10": None}}),
        ({"when": datetime(2026, 1, 1, tzinfo=UTC)}, None),
        ({"share": float("nan")}, None),
        ({"text": "x" * 30_000}, None),
        (["page 3"], None),
    ],
)
def test_where_values_came_from_is_read_as_it_will_be_stored(provenance: Any, read: Any) -> None:
    class Out(BaseModel):
        queue: str

    given = Answer(output=Out(queue="a"), confidence=0.9, provenance=provenance)
    result = routing.read_answer(given, Out)
    if read is None:
        assert isinstance(result, NotAnswered)
        assert "provenance" in result.reason
    else:
        assert isinstance(result, Answered)
        assert result.provenance == read
        assert Content(output=result.output, provenance=result.provenance).hash


async def test_where_nothing_could_be_recorded_nothing_is_decided(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = app.decisions._writer.write

    async def lost(kind: Write[Any, Any], item: Mapping[str, object]) -> Any:
        return None if kind is app.decisions._settle else await write(kind, item)

    monkeypatch.setattr(app.decisions._writer, "write", lost)
    _, task = await app.decisions.submit("triage", {"text": "hello"}, key=None, source=SOURCE)
    assert task is not None
    assert await task is None


async def test_the_same_folder_read_again_keeps_its_threads_and_another_gets_its_own(
    app: App, folders: Folders
) -> None:
    async def runner() -> DeciderRunner:
        await decide(app)
        return app.decisions._runner(app.deployments.get("triage"))

    first = await runner()
    service = app.deployments.get("triage")
    again = replace(service, loaded=replace(service.loaded))
    assert app.decisions._runner(again) is first
    folders.write(rules=RULES)
    await app.deployments.add(load(folders.parent / "triage"))
    assert await runner() is not first


class Anything(BaseModel):
    pass


class TestExpiry:
    """Deadlines at the most difficult moments."""

    def call(self, decider: object) -> DeciderCall:
        loop = asyncio.get_running_loop()
        task = Task(id="tsk_1", usecase="triage", key=None, admitted_at=datetime.now(UTC))
        return DeciderCall(
            decider=decider,
            input=Anything(),
            context=Context(task=task, deadline_seconds=1.0),
            result=loop.create_future(),
        )

    async def test_all_of_a_hung_batch_expire_and_it_is_written_off_once(self) -> None:
        gates = [threading.Event(), threading.Event()]

        class Hangs:
            seen = 0

            def decide_many(self, inputs: list[object]) -> list[object]:
                self.seen += 1
                gates[self.seen - 1].wait(10)
                return list(inputs)

        decider = Hangs()
        place = BatchExecutor("test", asyncio.get_running_loop())
        first, second, third = (self.call(decider) for _ in range(3))
        for call in (first, second, third):
            place.put(call)
        gates[0].set()
        await first.result
        for _ in range(500):
            if second.started and third.started:
                break
            await asyncio.sleep(0.01)
        for call in (second, third):
            call.give(None)
            place.expire(call)
        assert place.losses.count == 1
        gates[1].set()
        for _ in range(100):
            await asyncio.sleep(0.01)
            if place.losses.count == 0:
                break
        assert place.losses.count == 0
        place.close()

    async def test_an_idle_thread_is_given_the_work_before_another_is_started(self) -> None:
        bench = DeciderThreads("test", most=2)
        began = threading.Event()
        bench.put(began.set)
        await asyncio.to_thread(began.wait, 5)
        bench._jobs = SimpleQueue()  # a queue without a reader: the thread stays idle
        bench._idle = 1
        bench.put(lambda: None)
        await asyncio.sleep(0.1)
        assert bench._threads == 1
        bench.close()

    async def test_a_coroutine_may_expire_before_it_began(self) -> None:
        place = CoroutineExecutor("test", asyncio.get_running_loop())
        place.expire(self.call(None))
        await asyncio.sleep(0.05)
        assert not place.losses.stuck
        place.close()

    async def test_a_call_that_waits_for_a_batch_may_expire(self) -> None:
        place = BatchExecutor("test", asyncio.get_running_loop())
        place._working = []  # another batch is under way
        place.put(call := self.call(None))
        place.expire(call)
        assert not place._waiting
        assert not place.losses.count

    async def test_loops_that_were_blocked_and_come_back_count_no_more(self) -> None:
        gate = threading.Event()

        async def blocks(_: object, __: object) -> None:
            gate.wait(10)

        place = CoroutineExecutor("test", asyncio.get_running_loop())
        for _ in range(MOST_THREADS):
            place.put(self.call(blocks))
            place._replace_unless(threading.Event(), place._loop)
        assert place.losses.stuck
        place._replace_unless(threading.Event(), asyncio.get_running_loop())  # replaced before
        assert place.losses.count == MOST_THREADS
        gate.set()
        async with asyncio.timeout(10):
            while place.losses.count:  # noqa: ASYNC110 - the place has no event
                await asyncio.sleep(0.01)
        place.close()

    @pytest.mark.parametrize("kind", [FunctionExecutor, CoroutineExecutor, BatchExecutor])
    async def test_a_decider_that_took_every_thread_is_tried_again_and_comes_back(
        self, app: App, monkeypatch: pytest.MonkeyPatch, kind: type
    ) -> None:
        monkeypatch.setattr("roadbed.executors.in_process.MOST_THREADS", 2)
        gate, asked = threading.Event(), []

        def plain(_: object, __: object) -> Unsure:
            asked.append(1)
            gate.wait(20)
            return Unsure(reason="it works")

        async def coroutine(*both: object) -> Unsure:
            return plain(*both)

        class Batch:
            def decide_many(self, inputs: Sequence[object]) -> list[Unsure]:
                return [plain(content, None) for content in inputs]

            fit = save = load = decide_many

        kinds: dict[type, Any] = {
            FunctionExecutor: plain,
            CoroutineExecutor: coroutine,
            BatchExecutor: Batch(),
        }
        service = app.deployments.get("triage")
        live = replace(service.live, decider=kinds[kind])
        runner = DeciderRunner(service.loaded.declared, without_library)
        losses = runner._executor(kinds[kind]).losses

        task = AdmittedTask(
            id=TaskId("tsk_1"),
            use_case="triage",
            key=None,
            input=service.loaded.declared.input(text="a"),
            content={"text": "a"},
            source=SOURCE,
            reference=False,
            reference_rate=0.0,
            admitted_at=datetime.now(UTC),
        )

        async def ask(seconds: float = 1.0) -> tuple[Reason, int]:
            """The result, and the number of calls of the decider."""
            before, hung = len(asked), losses.count
            answer = await runner.ask(live, task, seconds=seconds)
            assert isinstance(answer, NotAnswered)
            while answer.code is Reason.DECIDER_TIMEOUT and losses.count == hung:  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # a loop is given a second to show that it is free
            return answer.code, len(asked) - before

        while not losses.stuck:
            assert await ask() == (Reason.DECIDER_TIMEOUT, 1)
        assert await ask() == (Reason.DECIDER_FAILED, 0)
        losses._try_at = 0.0  # a minute later
        assert await ask() == (Reason.DECIDER_TIMEOUT, 1)
        assert await ask() == (Reason.DECIDER_FAILED, 0)
        gate.set()
        losses._try_at = 0.0
        assert await ask(seconds=30.0) == (Reason.UNSURE, 1)
        assert await ask(seconds=30.0) == (Reason.UNSURE, 1)
        runner.close()

    async def test_each_try_that_hangs_as_well_makes_the_pause_longer(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = 0.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now, raising=False)
        losses = HungThreads(2)
        losses.add()
        losses.add()
        losses.add()  # under way when it got stuck
        pauses = []
        for _ in range(8):
            began = now
            while not losses.try_again():
                now += 1.0
            pauses.append(now - began)
            losses.add()
        assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600]
        now += 3600.0
        assert losses.try_again()
        losses.answered()
        assert not losses.stuck
        losses.answered()  # another try that was under way
        losses.add()
        assert losses.stuck
        for _ in range(20):
            losses.recover()
        assert (losses.count, losses.stuck) == (0, False)
        now += 8000.0
        losses.add()
        losses.add()
        now += 59.0
        assert not losses.try_again()
        now += 1.0
        assert losses.try_again()

    async def test_a_deadline_after_the_answer_changes_nothing(self, app: App) -> None:
        runner = DeciderRunner(app.deployments.get("triage").loaded.declared, without_library)
        place = FunctionExecutor("test", asyncio.get_running_loop())
        call = self.call(None)
        call.give("answered")
        runner._expire(place, call)
        assert await call.result == "answered"


def test_a_proposal_that_is_no_action_is_named() -> None:
    assert routing.checked_actions({}, ["refund"]) == "it proposes str instead of an Action"


async def test_a_reviewer_check_without_a_review_looks_like_any_other_task(app: App) -> None:
    task_id = (await decide(app, "once")).task_id
    facts = {"id": task_id}
    await app.database.fetch("DELETE FROM review WHERE task_id = %(id)s", facts)
    await app.database.fetch("UPDATE task SET reference = false WHERE id = %(id)s", facts)
    other = await app.receipts.get(task_id, viewer="ana")
    await app.database.fetch(
        "INSERT INTO measure (task_id, use_case, kind, made_at)"
        " VALUES (%(id)s, 'triage', 'check', now())",
        facts,
    )
    check = await app.receipts.get(task_id, viewer="ana")
    assert check["sample"] == other["sample"]
    assert check["sample"]["drawn"] is False
