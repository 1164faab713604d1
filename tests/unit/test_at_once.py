"""One commit where one is enough: which tasks take it, and that all else holds as with two."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.decisions import crash_detection, service
from roadbed.decisions.model import Decision, Reason, Route, Trial
from roadbed.intake.errors import KeyReusedError, OverloadedError
from roadbed.intake.model import Admission
from roadbed.kernel.settings import Settings
from roadbed.storage.errors import RejectedWriteError
from roadbed.usecases.decider import Needs, needs_of
from roadbed.usecases.use_case import Budget
from tests.conftest import Folders
from tests.keeping import calm, kept
from tests.unit.test_decisions import prove
from tests.unit.test_deliveries import Ledger
from tests.unit.test_trust import declared

SOURCE = {"surface": "test", "by": "tester"}
# Waits until the test lets it go; says how often it was asked.
GATED = """
import threading
GATE, ASKED = threading.Event(), []
usecase.gate, usecase.asked = GATE, ASKED

@usecase.decider
def decide(inquiry, context):
    ASKED.append(inquiry.text)
    if "slow" in inquiry.text:
        GATE.wait(20)
    return Answer(output=Routing(queue="returns"), confidence=0.9)
"""
NEEDING = """
from roadbed.usecases.decider import Needs

class Asks:
    needs = Needs(secrets=["KEY"])

    def __call__(self, inquiry, context):
        return Answer(output=Routing(queue="returns"), confidence=0.9)

usecase.decider(Asks())
"""
PRICED = """
from decimal import Decimal

@usecase.decider
def decide(inquiry, context):
    cost = Decimal("0.25") if "dear" in inquiry.text else Decimal(0)
    return Answer(output=Routing(queue="returns"), confidence=0.9, cost=cost)
"""


@pytest.fixture
async def ready(app: App) -> AsyncIterator[App]:
    """An app whose process is marked."""
    async with kept(app):
        yield app


@asynccontextmanager
async def gated(settings: Settings, folders: Folders, url: str) -> AsyncIterator[App]:
    folders.write(GATED, deadline=30.0)
    async with open_app(settings, url) as app, kept(app):
        yield app


async def send(
    app: App, text: str = "take it back", *, key: str | None = None, waits: bool = True
) -> tuple[Admission, Decision | None]:
    admission, running = await app.decisions.submit(
        "triage", {"text": text}, key=key, source=SOURCE, waits=waits
    )
    return admission, None if running is None else await running


async def commits(app: App) -> list[int]:
    """In how many transactions each task was stored and decided, in the order they came."""
    rows = await app.database.fetch(
        "SELECT task.xmin::text = decision.xmin::text AS one FROM task"
        " JOIN decision ON decision.task_id = task.id ORDER BY task.admitted_at"
    )
    return [1 if row["one"] else 2 for row in rows]


async def count(app: App, table: str) -> int:
    [row] = await app.database.fetch(f"SELECT count(*) AS n FROM {table}")
    return int(row["n"])


class TestWhichWay:
    async def test_a_waiting_caller_of_a_free_local_decider_needs_one_commit(
        self, ready: App
    ) -> None:
        admission, decision = await send(ready)
        assert await commits(ready) == [1]
        assert decision is not None
        assert not admission.repeated
        assert await count(ready, "in_flight") == 0
        receipt = await ready.receipts.get(admission.task.id, viewer="tester")
        assert receipt["decision"]["id"] == decision.id
        assert receipt["review"]["id"] == decision.review_id
        entries = await ready.database.fetch("SELECT kind, subject FROM audit_entry")
        assert {"kind": "decided", "subject": admission.task.id} in entries

    async def test_without_waiting_the_task_is_on_disk_first(self, ready: App) -> None:
        await send(ready, waits=False)
        assert await commits(ready) == [2]

    async def test_a_budget_is_reserved_before_the_decider_is_asked(self, ready: App) -> None:
        declared(ready).budget = Budget(per_task=1.0, per_month=10.0)
        await send(ready)
        assert await commits(ready) == [2]

    @pytest.mark.parametrize("kind", ["def", "async def"])
    async def test_what_needs_a_secret_needs_it_with_records_around_it_too(
        self, settings: Settings, folders: Folders, url: str, kind: str
    ) -> None:
        folder = folders.write(NEEDING.replace("def __call__", f"{kind} __call__"))
        (folder / "data").mkdir()
        (folder / "data" / "towns.csv").write_text("key,name\nnyc,New York\n")
        async with open_app(settings, url) as app, kept(app):
            assert needs_of(app.deployments.get("triage").live.decider).secrets == ["KEY"]
            await send(app)
            assert await commits(app) == [2]

    async def test_a_decider_that_gave_a_price_once_is_admitted_first_from_then_on(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        folders.write(PRICED)
        async with open_app(settings, url) as app, kept(app):
            for text in ("free of charge", "dear", "free of charge again"):
                await send(app, text)
            assert await commits(app) == [1, 1, 2]

    async def test_what_needs_a_secret_is_admitted_first(self, ready: App) -> None:
        decider = ready.deployments.get("triage").live.decider
        decider.needs = Needs(secrets=["KEY"])  # type: ignore[union-attr, misc]
        await send(ready)
        assert await commits(ready) == [2]

    async def test_what_is_only_imported_waits_for_nothing(self, ready: App) -> None:
        decider = ready.deployments.get("triage").live.decider
        decider.needs = Needs(modules=["decimal"])  # type: ignore[union-attr, misc]
        await send(ready)
        assert await commits(ready) == [1]

    async def test_a_coroutine_waits_for_something_outside(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        folders.write("""
@usecase.decider
async def decide(inquiry, context):
    return Answer(output=Routing(queue="returns"), confidence=0.9)
""")
        async with open_app(settings, url) as app, kept(app):
            await send(app)
            assert await commits(app) == [2]

    async def test_an_input_that_cut_a_process_off_is_admitted_whenever_it_comes(
        self, app: App, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(crash_detection, "_LOOK_SECONDS", 0.01)
        await send(app, "poison", waits=False)
        await app.database.fetch("UPDATE decision SET reason_code = 'interrupted'")
        await send(app, "harmless", waits=False)
        await app.database.fetch(
            "INSERT INTO in_flight SELECT task_id, 2, now() + interval '1 minute' FROM decision"
            " WHERE reason_code <> 'interrupted'"
        )
        async with kept(app):
            while len(app.crash_detector.interrupted) < 2:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)
            for text in ("poison", "harmless", "another"):
                await send(app, text)
        assert (await commits(app))[2:] == [2, 2, 1]

    async def test_an_input_that_cut_a_process_off_once_is_admitted_first_ever_after(
        self, app: App, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also where the next attempt came through."""
        monkeypatch.setattr(crash_detection, "_LOOK_SECONDS", 0.01)
        await send(app, "poison", waits=False)
        await app.database.fetch("UPDATE decision SET attempt = 2")
        async with kept(app):
            async with asyncio.timeout(30):
                while not app.crash_detector.interrupted:  # noqa: ASYNC110 - it has no event
                    await asyncio.sleep(0.01)
            await send(app, "poison")
            await send(app, "harmless")
            assert await commits(app) == [2, 2, 1]

    async def test_what_is_not_stored_yet_counts_as_held_in_memory(self, ready: App) -> None:
        ready.decisions._in_flight._all = ready.decisions._in_flight._most
        with pytest.raises(OverloadedError):
            await send(ready)


class TestKeys:
    async def test_the_same_key_and_body_give_the_same_receipt(self, ready: App) -> None:
        first, decision = await send(ready, "once", key="k")
        again, nothing = await send(ready, "once", key="k")
        assert again.repeated
        assert (again.task.id, again.task.content) == (first.task.id, first.task.content)
        assert nothing is None
        assert decision is not None
        with pytest.raises(KeyReusedError):
            await send(ready, "other", key="k")
        assert await count(ready, "decision") == 1

    async def test_many_at_once_become_one_task_with_one_set_of_deliveries(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        """In one batch, in several lanes and in two processes."""
        folders.write()
        async with (
            open_app(settings, url) as one,
            open_app(settings, url) as other,
            kept(one),
            kept(other),
        ):
            for app in (one, other):
                declared(app).deliver("crm", to=Ledger())
                prove(app, 0.5)
            for number in range(5):
                sent = await asyncio.gather(
                    *(
                        send(app, "once", key=f"k{number}")
                        for _ in range(40)
                        for app in (one, other)
                    )
                )
                assert len({admission.task.id for admission, _ in sent}) == 1
                assert sum(not admission.repeated for admission, _ in sent) == 1
            assert await count(one, "task") == await count(one, "decision") == 5
            assert await count(one, "delivery") == 5
            assert await count(one, "audit_entry WHERE kind = 'decided'") == 5
            assert await count(one, "in_flight") == 0

    async def test_two_bodies_at_once_under_one_key(self, ready: App) -> None:
        sent = await asyncio.gather(
            *(send(ready, f"body {number % 2}", key="k") for number in range(20)),
            return_exceptions=True,
        )
        refused = [answer for answer in sent if isinstance(answer, KeyReusedError)]
        assert len(refused) == 10
        assert await count(ready, "decision") == 1


class TestSlow:
    async def test_a_slow_decider_is_asked_once_and_its_task_admitted_meanwhile(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        async with gated(settings, folders, url) as app:
            admission, running = await app.decisions.submit(
                "triage", {"text": "slow"}, key="k", source=SOURCE, waits=True
            )
            assert running is not None
            assert not running.done()
            assert await count(app, f"in_flight WHERE task_id = '{admission.task.id}'") == 1
            again, same = await app.decisions.submit(
                "triage", {"text": "slow"}, key="k", source=SOURCE, waits=True
            )
            assert again.repeated
            assert same is running
            declared(app).gate.set()
            decision = await running
            assert decision is not None
            assert await commits(app) == [2]
            assert await count(app, "in_flight") == 0
            # The first was asked once; the second too, before its key was known.
            assert declared(app).asked == ["slow", "slow"]

    async def test_a_halt_while_a_slow_decider_works_is_kept(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        async with gated(settings, folders, url) as app:
            prove(app, 0.5)
            _, running = await app.decisions.submit(
                "triage", {"text": "slow"}, key=None, source=SOURCE, waits=True
            )
            await app.halts.halt("triage", reason="a drill", actor="dev")
            declared(app).gate.set()
            assert running is not None
            decision = await running
            assert decision is not None
            assert decision.routed.code is Reason.HALTED
            assert await count(app, "decision") == 1


class TestEpochs:
    async def test_what_was_decided_in_an_old_epoch_is_not_stored_but_decided_again(
        self, ready: App
    ) -> None:
        prove(ready, 0.5)
        _, before = await send(ready)
        # This process has not heard of the halt: the check in the transaction finds it.
        await ready.halts.halt("triage", reason="a drill", actor="dev")
        admission, decision = await send(ready)
        assert before is not None
        assert decision is not None
        assert before.routed.route is Route.AUTOMATIC
        assert decision.routed.code is Reason.HALTED
        assert decision.halt_epoch == 1
        assert not admission.repeated
        assert await commits(ready) == [1, 2]
        assert await count(ready, "in_flight") == 0


class TestRepeatedBatches:
    async def test_a_batch_that_was_committed_unheard_tells_the_truth(
        self, ready: App, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The connection is lost after the commit: the writer sends the same batch again."""
        declared(ready).deliver("crm", to=Ledger())
        prove(ready, 0.5)
        written = ready.decisions._writer.write

        async def twice(kind: Any, item: Any) -> Any:
            first = await written(kind, item)
            assert await written(kind, item) == first
            return first

        monkeypatch.setattr(ready.decisions._writer, "write", twice)
        _, decision = await send(ready)
        assert decision is not None
        for table in ("task", "decision", "delivery", "audit_entry WHERE kind = 'decided'"):
            assert await count(ready, table) == 1

    async def test_a_commit_that_nobody_heard_of_at_all_is_found_on_admission(
        self, ready: App, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written = ready.decisions._stored_at_once

        async def unheard(*of: Any) -> bool:
            await written(*of)
            return False

        monkeypatch.setattr(ready.decisions, "_stored_at_once", unheard)
        admission, decision = await send(ready)
        assert decision is None  # it is stored already: the receipt has it
        receipt = await ready.receipts.get(admission.task.id, viewer="tester")
        assert receipt["decision"] is not None
        assert await count(ready, "decision") == 1
        assert await count(ready, "in_flight") == 0

    async def test_what_the_database_refuses_is_admitted_and_refused_as_ever(
        self, ready: App, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        record = service._record
        monkeypatch.setattr(service, "_record", lambda *of: {**record(*of), "route": "nowhere"})
        with pytest.raises(RejectedWriteError):
            await send(ready)
        assert await count(ready, "in_flight") == 1
        assert await count(ready, "decision") == 0

    async def test_a_caller_that_leaves_before_the_commit_leaves_nothing(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        async with gated(settings, folders, url) as app:
            sending = asyncio.create_task(send(app, "slow"))
            while not declared(app).asked:  # noqa: ASYNC110 - another thread's
                await asyncio.sleep(0.001)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            declared(app).gate.set()
            assert app.decisions._in_flight._all == 0
            _, decision = await send(app, "next")
            assert decision is not None


class TestPresence:
    async def test_before_its_mark_a_process_admits_first(self, app: App) -> None:
        await send(app)
        assert await commits(app) == [2]

    async def test_a_clean_end_leaves_no_mark(self, app: App) -> None:
        async with kept(app):
            assert await count(app, "process") == 1
        assert await count(app, "process") == 0
        assert not app.crash_detector.calm()

    async def test_after_a_process_was_lost_all_are_careful_for_a_while(
        self, settings: Settings, folders: Folders, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(crash_detection, "_LOOK_SECONDS", 0.02)
        folders.write()
        settings = settings.model_copy(update={"careful_seconds": 0.5})
        async with open_app(settings, url) as app, kept(app):
            # A killed process: its mark exists, and its lock is free.
            await app.database.fetch("INSERT INTO process (number) VALUES (1000)")
            await calm(app, wanted=False)
            await send(app)
            await calm(app)
            await send(app)
            assert await commits(app) == [2, 1]
            await app.database.fetch(
                "UPDATE process SET lost_at = lost_at - interval '2 days' WHERE number = 1000"
            )
        async with open_app(settings, url) as app, kept(app):
            assert await count(app, "process") == 1

    async def test_one_that_lives_is_not_taken_for_lost(
        self, app: App, settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(crash_detection, "_LOOK_SECONDS", 0.01)
        async with kept(app), open_app(settings, url) as other, kept(other):
            await asyncio.sleep(0.1)
            assert app.crash_detector.calm()
            assert other.crash_detector.calm()
            assert await count(app, "process WHERE lost_at IS NULL") == 2

    async def test_a_lost_connection_is_no_lost_process_once_it_is_marked_anew(
        self, app: App, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(crash_detection, "_LOOK_SECONDS", 0.01)
        keeping = asyncio.create_task(app.crash_detector.keep())
        await calm(app)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                " AND classid = hashtext('process')::bigint & 4294967295"
            )
        with pytest.raises(psycopg.OperationalError):
            await keeping
        assert not app.crash_detector.calm()
        assert await count(app, "process") == 1  # should it die now, it is missed
        async with kept(app):
            assert await count(app, "process") == 1

    async def test_what_was_seen_long_ago_counts_no_more(self, ready: App) -> None:
        clock = ready.crash_detector._clock
        now = clock.monotonic()

        class Later:
            now = clock.now

            def monotonic(self) -> float:
                return now + 11.0

        assert ready.crash_detector.calm()
        ready.crash_detector._clock = Later()
        assert not ready.crash_detector.calm()


async def test_a_canary_is_compared_whatever_the_number_of_commits(ready: App) -> None:
    """The other version is evaluated after the decision is stored."""
    asked: list[str] = []
    ready.decisions._trials.compare = (  # type: ignore[method-assign]
        lambda service, trial, task, *more: asked.append(task.id)
    )
    result = ready.deployments.get("triage")
    trial = Trial(release="r", step="shadow", version=result.live, share=0.0, sticky_by=None)
    ready.deployments._deployments["triage"] = replace(result, trial=trial)
    admission, _ = await send(ready)
    assert asked == [admission.task.id]
    assert await commits(ready) == [1]
