"""No acknowledged work is lost and no effect is made twice, for any kill at any time."""

from __future__ import annotations

import random

import pytest

from tests.conftest import UNMEASURED
from tests.faults.harness import Slow, run, stage

pytestmark = pytest.mark.usefixtures("unmeasured")


async def test_25_random_kills_lose_nothing_and_double_nothing() -> None:
    account = await run(25, seed=random.randrange(10**6), warm=UNMEASURED)
    print(account.summary())
    assert sum(account.kills.values()) == 25
    assert len(account.acknowledged) > 200
    assert account.lost == []
    assert account.duplicated == []
    assert account.for_people == 0
    assert account.at_once > 50
    assert account.admitted > 20


async def test_the_harness_finds_the_loss_of_a_server_that_acknowledges_too_early() -> None:
    for _ in range(4):
        account = await run(
            6,
            seed=random.randrange(10**6),
            server="tests.faults.planted",
            victims=["server"],
            warm=UNMEASURED,
        )
        if account.lost:
            break
    assert account.lost


async def test_an_input_that_kills_its_child_process_stops_nothing_else() -> None:
    async with Slow() as receiver, stage(receiver, warm=UNMEASURED) as at:
        await at.ready_at_once()
        starts = at.server.starts
        result = await at.until_decided("poison", key="p")
        assert result["decision"]["reason_code"] == "decider_failed"
        assert at.server.starts == starts


async def test_an_input_that_kills_the_server_is_counted_and_goes_to_a_person() -> None:
    """Its process leaves no trace of it the first time, and from then on counts."""
    async with Slow() as receiver, stage(receiver, isolation="none", warm=UNMEASURED) as at:
        await at.ready_at_once()
        starts = at.server.starts
        result = await at.until_decided("poison", key="p")
        assert result["decision"]["reason_code"] == "interrupted"
        # Once without a trace, then three counted attempts.
        assert 3 <= at.server.starts - starts <= 5
        starts = at.server.starts
        await at.ready_at_once()
        again = await at.until_decided("poison", key="p")
        assert again["task"] == result["task"]
        assert at.server.starts == starts


async def test_the_judge_sees_doubles_where_the_receiver_knows_no_keys() -> None:
    """The same kills before a receiver that forgets: the check above is one that can fail."""
    for _ in range(4):
        account = await run(6, seed=random.randrange(10**6), remembers=False, warm=UNMEASURED)
        if account.duplicated:
            break
    assert account.duplicated
    assert account.lost == []
