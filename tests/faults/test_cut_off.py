"""A worker that lost the database, or was put to sleep, sends nothing more."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import psycopg
import pytest

from roadbed.bootstrap import open_app
from roadbed.deliveries.relay import LEASE_SECONDS
from roadbed.kernel.settings import Settings
from roadbed.storage.database import with_schema
from tests.conftest import UNMEASURED
from tests.faults.harness import Slow, Stage, prove, stage

pytestmark = pytest.mark.usefixtures("unmeasured")
FILL = """
WITH made AS (
    INSERT INTO task (id, use_case, key, body_hash, input, source, reference, reference_rate,
                      admitted_at)
    SELECT 'tsk_' || lpad(n::text, 28, '0'), 'triage', NULL, 'x', '{"text": "where is it"}', '{}',
           false, 0.0, now()
    FROM generate_series(1, 6000) AS n RETURNING id
), decided AS (
    INSERT INTO decision (task_id, id, use_case, route, reason_code, reason, output, confidence,
                          evidence, attempt, decided_at, decide_seconds, halt_epoch)
    SELECT id, 'dec_' || substr(id, 5), 'triage', 'automatic', 'proven', 'x', '{"queue": "x"}', 0.9,
           '{}', 1, now(), 0.0, 0
    FROM made RETURNING task_id
)
INSERT INTO delivery (id, use_case, task_id, destination, kind, state, created_at)
SELECT 'dlv_' || substr(task_id, 5) || '_0', 'triage', task_id, 'crm', 'result', 'planned', now()
FROM decided
"""


class Timed(Slow):
    """Notes when each request came."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def _work(self, arrival):  # type: ignore[no-untyped-def]  # as the one it overrides
        self.times.append(time.monotonic())
        return super()._work(arrival)


async def busy(at: Stage, receiver: Timed) -> None:
    """Much to send, and the worker in the middle of it."""
    prove(at.url)
    with psycopg.connect(with_schema(at.url), autocommit=True) as connection:
        connection.execute(FILL)
    await at.worker.start()
    for _ in range(600):
        if len(receiver.times) > 100:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("nothing is sent")


async def test_without_the_database_sending_ends_within_a_second() -> None:
    async with Timed() as receiver, stage(receiver, warm=UNMEASURED) as at:
        await busy(at, receiver)
        os.kill(at.database_pid(), signal.SIGQUIT)
        cut = time.monotonic()
        await asyncio.sleep(3.0)
        late = [item - cut for item in receiver.times if item > cut + 1.0]
        before = len(receiver.times)
        await asyncio.to_thread(at.database.start)
        for _ in range(600):
            if len(receiver.times) > before:
                break
            await asyncio.sleep(0.05)
        went_on = len(receiver.times) > before
    assert late == []
    assert went_on


async def test_a_worker_that_slept_through_a_halt_sends_nothing_when_it_wakes() -> None:
    async with Timed() as receiver, stage(receiver, warm=UNMEASURED) as at:
        await busy(at, receiver)
        pid = at.worker.pid
        assert pid
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        async with open_app(Settings(), at.url, only=[]) as app:
            halted = await app.halts.halt("triage", reason="it sleeps", actor="ana")
        assert halted.fenced_seconds is not None
        assert halted.fenced_seconds < 1.0
        assert halted.quiesced_seconds is not None
        # Tasks of the suspended process are in progress until their lease ends.
        assert time.monotonic() - began < LEASE_SECONDS + 5.0
        before = len(receiver.times)
        os.kill(pid, signal.SIGCONT)
        await asyncio.sleep(3.0)
        assert len(receiver.times) == before
