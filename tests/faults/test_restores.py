"""An old copy that is put back under load sends nothing twice and brings nothing back."""

from __future__ import annotations

import random

import pytest

from roadbed.storage.embedded import EmbeddedServer
from tests.faults.restores import WAYS, run


@pytest.mark.parametrize("way", WAYS)
async def test_a_copy_taken_under_load_undoes_nothing(server: EmbeddedServer, way: str) -> None:
    copy = await run(server, random.randrange(10**6), way=way)
    print(copy)
    assert copy.sent_since > 0
    assert copy.for_people > 0
    assert copy.erased > 0
    assert copy.wrong == 0


async def test_the_judge_sees_a_build_that_never_looks(server: EmbeddedServer) -> None:
    copy = await run(server, random.randrange(10**6), way="pg_dump", planted=True)
    assert copy.undetected == 1
    assert copy.sent_twice > 0
    assert copy.texts_back > 0
    assert copy.halts_lost == copy.people_back == copy.tokens_back == 1
