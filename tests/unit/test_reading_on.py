"""An inspection reads new evidence only, with the same result as a full inspection."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from roadbed.app import App
from roadbed.decisions.model import Decision
from roadbed.examples.service import late_before
from roadbed.guarantee import audit_replay, running_audit
from roadbed.reviews.model import VerdictKind
from roadbed.risk.audit import RunningAudit
from roadbed.risk.novelty import KindAlarm
from roadbed.storage.database import Connection, Database
from tests.conftest import Folders
from tests.unit.test_decisions import decide
from tests.unit.test_revisions import revise
from tests.unit.test_trust import EVEN, answer, declared, stand

# The running audit over all decisions at once, for comparison.
EVERY_OUTCOME = """
SELECT id, rate, agrees, loss, late,
       (before - coalesce(lag(before) OVER (ORDER BY id), 0))::integer AS passed,
       weight_before - coalesce(lag(weight_before) OVER (ORDER BY id), 0.0) AS weight
FROM (
    SELECT task.id, task.drawn, task.reference_rate AS rate,
           verdict.id IS NULL AND task.admitted_at < %(late_before)s AS late,
           verdict.agrees,
           CASE WHEN verdict.id IS NOT NULL THEN coalesce(verdict.loss, 1.0)
                WHEN task.admitted_at < %(late_before)s THEN 1.0 END AS loss,
           count(*) FILTER (WHERE NOT task.drawn) OVER (ORDER BY task.id) AS before,
           coalesce(sum(task.reference_rate) FILTER (WHERE NOT task.drawn)
                    OVER (ORDER BY task.id), 0.0) AS weight_before
    FROM decision
    JOIN (SELECT id, admitted_at, reference_rate,
                 CASE WHEN revises IS NULL THEN reference ELSE drawn END AS drawn
          FROM task) AS task ON task.id = decision.task_id
    LEFT JOIN review ON review.task_id = task.id
    LEFT JOIN verdict ON verdict.id = review.verdict
    WHERE decision.use_case = %(use_case)s AND decision.version = %(version)s
      AND decision.route = 'automatic'
      AND (%(since)s::timestamptz IS NULL OR task.admitted_at > %(since)s)
) AS automatic
WHERE drawn
ORDER BY id
"""
EVERY_AFTER = """
SELECT count(*) AS passed, coalesce(sum(task.reference_rate), 0.0) AS weight
FROM decision JOIN task ON task.id = decision.task_id
WHERE decision.use_case = %(use_case)s AND decision.version = %(version)s
  AND decision.route = 'automatic' AND NOT coalesce(task.drawn, task.reference)
  AND task.id > %(last)s
  AND (%(since)s::timestamptz IS NULL OR task.admitted_at > %(since)s)
"""
EVERY_KIND = """
SELECT verdict.new_kind, verdict.right_output
FROM decision
JOIN task ON task.id = decision.task_id
JOIN review ON review.task_id = task.id AND review.outcome IS NULL
JOIN verdict ON verdict.id = review.verdict
WHERE decision.use_case = %(use_case)s AND decision.version = %(version)s
  AND (%(since)s::timestamptz IS NULL OR task.admitted_at > %(since)s)
  AND NOT EXISTS (SELECT 1 FROM measure WHERE measure.task_id = task.id)
ORDER BY task.id
"""
HISTORY = """
WITH n AS (
    SELECT 'tsk_' || lpad(to_hex(1700000000000 + n * 1000), 12, '0') || repeat('0', 16) AS id,
           n %% 10 = 0 AS drawn, timestamptz '2024-01-01' + n * interval '1 second' AS at
    FROM generate_series(1, %(tasks)s) AS n
), task AS (
    INSERT INTO task (id, use_case, body_hash, input, source, reference, reference_rate,
                      admitted_at)
    SELECT id, 'triage', id, '{"text": "number 2"}', '{}', drawn, 0.1, at FROM n
), decision AS (
    INSERT INTO decision (task_id, id, use_case, version, route, reason_code, reason, output,
                          evidence, attempt, decided_at, decide_seconds, halt_epoch)
    SELECT id, 'dec' || substr(id, 4), 'triage', %(version)s, 'automatic', 'proven', 'proven',
           '{"queue": "even"}', '{}', 1, at, 0.001, 0
    FROM n
), review AS (
    INSERT INTO review (id, task_id, use_case, blind, priority, opened_at, closed_at, verdict)
    SELECT 'rev' || substr(id, 4), id, 'triage', true, 1, at, at, 'vdt' || substr(id, 4)
    FROM n WHERE drawn
)
SELECT 1"""
LABELS = """
INSERT INTO verdict (id, review_id, task_id, use_case, kind, right_output, agrees, loss, reviewer,
                     given_at)
SELECT review.verdict, review.id, review.task_id, 'triage', 'correct', '{"queue": "even"}', true,
       0.0, 'rae', review.opened_at
FROM review WHERE review.use_case = 'triage' AND review.verdict IS NOT NULL"""


@pytest.fixture(autouse=True)
def even(folders: Folders) -> None:
    folders.write(EVEN)


async def at_once(app: App) -> tuple[RunningAudit, KindAlarm, int]:
    """Audit, kinds and how many labels are late, from everything there is."""
    live = (await app.database.fetch("SELECT * FROM use_case"))[0]
    facts = {
        "use_case": "triage",
        "version": live["live_version"],
        "since": live["audit_at"],
        "late_before": await late_before(
            app.database, app.clock, "triage", declared(app).label_within_hours
        ),
    }
    audit = RunningAudit(risk_limit=declared(app).risk_limit, delta=1.0 - declared(app).certainty)
    rows = await app.database.fetch(EVERY_OUTCOME, facts)
    for row in rows:
        audit.pass_over(row["passed"], row["weight"])
        if row["loss"] is None:
            audit.wait()
        else:
            audit.add(wrong=float(not row["agrees"]), rate=row["rate"])
    last = rows[-1]["id"] if rows else ""
    [after] = await app.database.fetch(EVERY_AFTER, {**facts, "last": last})
    audit.pass_over(after["passed"], after["weight"])
    alarm = KindAlarm()
    for row in await app.database.fetch(EVERY_KIND, {**facts, "since": live["alarm_at"]}):
        alarm.add(unknown=row["new_kind"])
    return audit, alarm, sum(row["late"] for row in rows)


class Day:
    """People and tasks as they come, in an order of chance."""

    def __init__(self, app: App, chance: random.Random) -> None:
        self.app = app
        self.chance = chance
        self.decisions: list[Decision] = []
        self.labelled: list[tuple[str, str]] = []  # review and who judged it

    async def goes_on(self) -> None:
        """One event of the day."""
        acts = [self.comes] * 4 + [self.is_judged] * 4
        acts += [self.is_undone, self.grows_late] + [self.is_revised] * 3
        await self.chance.choice(acts)()

    async def comes(self) -> None:
        self.decisions.append(await decide(self.app, f"number {self.chance.randrange(100)}"))

    async def is_judged(self) -> None:
        reviewer = self.chance.choice(["rae", "sol", "kim"])
        waiting = await self.app.reviews.queue("triage", reviewer=reviewer, free_only=True)
        if not waiting:
            return
        review = self.chance.choice(waiting)
        queue = self.chance.choice(["even", "odd"])
        await self.app.reviews.give(
            declared(self.app),
            review.id,
            VerdictKind.CORRECT,
            reviewer=reviewer,
            output={"queue": queue},
            new_kind=self.chance.random() < 0.1,
        )
        self.labelled.append((review.id, reviewer))

    async def is_undone(self) -> None:
        if self.labelled:
            place = self.chance.randrange(len(self.labelled))
            review, reviewer = self.labelled.pop(place)
            await self.app.reviews.undo(review, reviewer=reviewer)

    async def is_revised(self) -> None:
        if self.decisions:
            first = self.chance.choice(self.decisions)
            await revise(self.app, first.task_id, f"number {self.chance.randrange(100, 200)}")

    async def grows_late(self) -> None:
        """A label that is late."""
        await self.app.database.fetch(
            "UPDATE task SET admitted_at = admitted_at - interval '100 hours' WHERE id = ("
            " SELECT review.task_id FROM review WHERE verdict IS NULL ORDER BY id DESC LIMIT 1)"
        )


@pytest.mark.parametrize("seed", range(4))
async def test_reading_on_comes_to_the_same_as_reading_everything(
    app: App, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(running_audit, "_BEHIND", timedelta(0))
    monkeypatch.setattr(audit_replay, "MARK_EVERY", 3)
    declared(app).on_revision = "re-decide"
    await stand(app, reference_rate=0.6)
    day = Day(app, random.Random(seed))
    marks = 0
    for _ in range(70):
        await day.goes_on()
        result = await app.running_audit._evidence(declared(app))
        assert result is not None
        audit, alarm, late = await at_once(app)
        read = result.audit
        assert (read.automated, read.sampled, read.wrong) == (
            audit.automated,
            audit.sampled,
            audit.wrong,
        )
        assert (read.waiting, read.settled, result.overdue) == (audit.waiting, audit.settled, late)
        for name in ("harm", "change", "most_harm", "most_change", "loss", "bound_lost"):
            assert getattr(read, name) == getattr(audit, name), name
        assert (read.upper or 0.0) == pytest.approx(audit.upper or 0.0, rel=1e-9)
        assert (read.estimate or 0.0) == pytest.approx(audit.estimate or 0.0, rel=1e-9)
        assert result.kinds == alarm
        [row] = await app.database.fetch("SELECT count(*) AS n FROM running_mark")
        marks = max(marks, row["n"])
    assert marks > 0


@pytest.mark.parametrize("slow", [timedelta(0), timedelta(hours=1)])
async def test_an_answer_that_settled_behind_what_was_counted_is_counted_once_it_is_known(
    app: App, monkeypatch: pytest.MonkeyPatch, slow: timedelta
) -> None:
    monkeypatch.setattr(running_audit, "_BEHIND", timedelta(0))
    await stand(app, reference_rate=1.0)
    await answer(app, await decide(app, "number 2"))
    assert (await app.running_audit.audit(declared(app))).sampled == 1
    late = await decide(app, "number 4")
    for table in ("task", "decision", "review"):
        name = "id" if table == "task" else "task_id"
        await app.database.fetch(
            f"UPDATE {table} SET {name} = 'tsk_000000000000' || substr({name}, 17)"
            f" WHERE {name} = %(id)s",
            {"id": late.task_id},
        )
    await app.database.fetch(
        "UPDATE decision SET decided_at = decided_at - %(slow)s WHERE id = %(id)s",
        {"slow": slow, "id": late.id},
    )
    await answer(app, late, "odd")
    audit = await app.running_audit.audit(declared(app))
    assert (audit.automated, audit.sampled, audit.wrong) == (2, 2, 1)


class Reads:
    """Counts the rows that every transaction of a database reads."""

    def __init__(self) -> None:
        self.rows = 0

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        inner = Database.transaction

        @asynccontextmanager
        async def counted(database: Database) -> AsyncIterator[Any]:
            async with inner(database) as connection:
                before = await _read(connection)  # the server adds unreported entries
                yield connection
                self.rows += await _read(connection) - before

        monkeypatch.setattr(Database, "transaction", counted)


async def _read(connection: Connection) -> int:
    cursor = await connection.execute(
        "SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::bigint AS n"
        " FROM pg_stat_xact_user_tables"
    )
    row = await cursor.fetchone()
    return row["n"] if row else 0


async def test_a_look_after_one_verdict_does_not_read_the_history(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stand(app, reference_rate=1.0)
    version = app.deployments.get("triage").live.id
    await app.database.fetch(HISTORY, {"tasks": 200_000, "version": version})
    await app.database.fetch(LABELS)
    await app.database.fetch("ANALYZE")
    await app.running_audit._inspect_if_new(declared(app))  # reads everything once
    first, second = await decide(app, "number 2"), await decide(app, "number 4")
    await answer(app, first)
    reads = Reads()
    reads.watch(monkeypatch)
    await app.running_audit._inspect_if_new(declared(app))
    assert reads.rows < 1_000
    await answer(app, second, "odd")
    reads.rows = 0
    audit = await app.running_audit.audit(declared(app))
    assert reads.rows < 1_000
    assert (audit.automated, audit.sampled, audit.wrong) == (200_002, 20_002, 1)
    # What refers to a task is found by its id.
    [oldest] = await app.database.fetch("SELECT min(id) AS id FROM task")
    reads.rows = 0
    await app.database.fetch("DELETE FROM task WHERE id = %(id)s", oldest)
    assert reads.rows < 100
