"""Nothing acknowledged is lost and no effect is made twice, whatever is killed and when."""

from __future__ import annotations

import random

import pytest

from tests.faults.harness import run

pytestmark = pytest.mark.xdist_group("faults")


async def test_25_random_kills_lose_nothing_and_double_nothing() -> None:
    account = await run(25, seed=random.randrange(10**6))
    print(account.summary())
    assert sum(account.kills.values()) == 25
    assert len(account.acknowledged) > 200
    assert account.lost == []
    assert account.duplicated == []
    assert account.for_people == 0


async def test_the_judge_sees_doubles_where_the_receiver_knows_no_keys() -> None:
    """The same kills before a receiver that forgets: the check above is one that can fail."""
    for _ in range(4):
        account = await run(6, seed=random.randrange(10**6), remembers=False)
        if account.duplicated:
            break
    assert account.duplicated
    assert account.lost == []
