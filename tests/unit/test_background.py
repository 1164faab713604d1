"""Background loops log failed work, at a limited rate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from roadbed import background
from roadbed.app import App
from roadbed.background import relaying, running
from roadbed.halts.errors import UnknownHaltError
from roadbed.storage.background import Warnings
from roadbed.storage.errors import StorageUnavailableError
from roadbed.storage.failures import Failures, reported_to

AWAY = StorageUnavailableError("canceling statement due to statement timeout")


async def fails(*_: object, **__: object) -> Any:
    raise AWAY


def test_each_problem_of_each_work_is_said_once_a_minute() -> None:
    now = 1000.0
    warnings = Warnings(lambda: now)

    def go(work: str, error: Exception = AWAY, **about: str) -> None:
        with capture_logs() as logged:
            warnings.say(work, error, **about)
        said.extend(logged)

    said: list[Any] = []
    for _ in range(50):
        go("drill", usecase="a")
    assert [line["problem"] for line in said] == [str(AWAY)]
    assert said[0]["log_level"] == "warning"
    go("drill", usecase="b")
    go("known cases", usecase="a")
    go("drill", UnknownHaltError("a"), usecase="a")
    go("drill", ValueError("odd"), usecase="a")
    assert said[-1]["problem"] == "ValueError: odd"
    assert len(said) == 5
    now += 60.0
    go("drill", usecase="a")
    assert said[-1]["times_before"] == 49
    now += 1000.0
    go("drill", usecase="a")
    assert len(warnings._said) == 1


def test_what_was_left_out_is_counted_when_its_minute_is_over() -> None:
    now = 1000.0
    warnings = Warnings(lambda: now)
    with capture_logs() as logged:
        for _ in range(50):
            warnings.say("drill", AWAY, usecase="a")
        assert warnings.summarize()
        assert len(logged) == 1
        now += 60.0
        assert not warnings.summarize()
        assert not warnings.summarize()
    assert [line.get("times_before") for line in logged] == [None, 49]
    assert dict(logged[1], times_before=None) == dict(logged[0], times_before=None)


def test_an_error_that_nobody_foresaw_is_caught_and_said() -> None:
    with capture_logs() as logged, Warnings().caught("drill", usecase="a"):
        raise ValueError("odd")
    assert [line["problem"] for line in logged] == ["ValueError: odd"]


def test_a_failure_stands_until_the_work_is_done_or_did_not_come_again() -> None:
    now = 1000.0
    failures = Failures(lambda: now)
    warnings = Warnings(lambda: now)
    with reported_to(failures):
        for name in ("a", "a", "b"):
            warnings.say("drill", ValueError("odd\nmore"), usecase=name)
            now += 1.0
        [first, second] = failures.standing()
        assert (first.about, first.times, first.since, first.last) == (
            (("usecase", "a"),),
            2,
            1000.0,
            1001.0,
        )
        assert first.problem == "ValueError: odd"
        with warnings.caught("drill", usecase="a"):
            pass
        assert failures.standing() == [second]
    warnings.say("drill", ValueError("odd"), usecase="c")
    assert failures.standing() == [second]
    now += 1000.0
    assert failures.standing() == []


async def test_people_see_what_fails_in_the_background(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_REPORT_SECONDS", 0.01)
    with monkeypatch.context() as patch:
        patch.setattr(app.relay, "round", fails)
        async with running(app), relaying(app), asyncio.timeout(30):
            while not (rows := await app.failures.list(["triage"])):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
            assert (rows[0]["work"], rows[0]["about"]) == (
                "deliveries not processed",
                "usecase triage",
            )
            assert rows[0]["problem"] == str(AWAY)
            assert await app.failures.list([]) == []
            patch.undo()
            while await app.failures.list(["triage"]):  # noqa: ASYNC110 - the table has no event
                await asyncio.sleep(0.01)


LOOPS: dict[str, Callable[[App], tuple[object, str]]] = {
    "no drill of the stop": lambda app: (app.halts, "last_drill"),
    "nothing taken over from lost processes": lambda app: (app.decisions, "recover"),
    "reviewers not measured": lambda app: (app.reviewer_checks, "tick"),
    "no proposals looked for": lambda app: (app.proposals, "suggest_if_enough"),
    "trust not looked at": lambda app: (app.running_audit, "_inspect_if_new"),
    "trial not checked": lambda app: (app.releases._trial_monitor, "_check_if_changed"),
    "use case not read again": lambda app: (app.deployments, "refresh"),
    "audit log not sealed or published": lambda app: (app.audit, "seal"),
    "deliveries not processed": lambda app: (app.relay, "round"),
}


@pytest.mark.parametrize("said", LOOPS)
async def test_every_loop_says_what_it_could_not_do(
    app: App, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setattr(background, "_SUGGEST_SECONDS", 0.01)
    monkeypatch.setattr("roadbed.versions.deployments._REFRESH_SECONDS", 0.1)
    where, name = LOOPS[said](app)
    monkeypatch.setattr(where, name, fails)
    with capture_logs() as logged:
        async with running(app), relaying(app), asyncio.timeout(30):
            while said not in [line["event"] for line in logged]:  # noqa: ASYNC110 - a log has none
                await asyncio.sleep(0.01)
    [line] = [line for line in logged if line["event"] == said]
    assert line["log_level"] == "warning"
    assert line["problem"] == str(AWAY)


async def swallowing() -> asyncio.Task[None]:
    """A loop under way that ends at the third cancellation."""
    swallowed = 0

    async def work() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60.0)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 3:
                    raise

    task = background._lasting("work", work)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


async def test_a_loop_that_a_cancellation_was_swallowed_in_is_cancelled_again() -> None:
    task = await swallowing()
    await background._end([task], patience_seconds=0.01)
    assert task.cancelled()


async def test_a_cancelled_end_of_loops_leaves_none_behind() -> None:
    task = await swallowing()
    ending = asyncio.create_task(background._end([task], patience_seconds=0.01))
    await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert task.cancelled()


async def test_a_halt_that_cannot_tell_other_processes_says_so(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = app.halts._database.fetch

    async def untold(query: str, *more: Any) -> Any:
        return await (fails() if "pg_notify" in query else fetch(query, *more))

    monkeypatch.setattr(app.halts._database, "fetch", untold)
    with capture_logs() as logged:
        await app.halts.halt("triage", reason="it is wrong", actor="ana")
    assert [line["event"] for line in logged] == ["other processes not told"]


async def test_a_halt_waits_for_nobody_who_uses_all_connections(app: App) -> None:
    async with AsyncExitStack() as stack, asyncio.timeout(30):
        for _ in range(8):
            await stack.enter_async_context(app.database.transaction())
        await app.halts.halt("triage", reason="all are in use", actor="ana")
        assert (await app.halts.in_force())[0].use_case == "triage"


async def test_a_query_that_is_cut_off_at_the_end_is_no_warning(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    asked = asyncio.Event()

    async def query() -> None:
        async with await psycopg.AsyncConnection.connect(url) as connection:
            asked.set()
            await connection.execute("SELECT pg_sleep(60)")

    task = asyncio.create_task(query())
    await asked.wait()
    await asyncio.sleep(0.05)  # the query is under way
    await background._end([task], patience_seconds=0.0)
    assert task.done()
    assert not caplog.records
