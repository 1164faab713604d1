"""Drills of the stop have a limit, and a halt never waits for more than one of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.halts.errors import DrillLimitError
from roadbed.kernel.settings import Settings
from tests.conftest import Folders, Site


async def test_people_drill_six_times_an_hour(app: App) -> None:
    for person in ("ana", "ben") * 3:
        await app.halts.drill("triage", actor=person)
    with pytest.raises(DrillLimitError, match="6 drills within an hour") as refused:
        await app.halts.drill("triage", actor="chi")
    assert 3_500.0 < refused.value.retry_after <= 3_600.0
    assert "60 minutes" in refused.value.remedy
    assert len(await app.halts.history("triage")) == 6
    # The clock's own drills are not counted, and do not wait for people's.
    await app.halts.drill("triage", actor="roadbed")
    await app.halts.halt("triage", reason="a test", actor="ana")
    await app.database.fetch(
        "UPDATE halt SET asked_at = asked_at - %(hour)s WHERE id = (SELECT min(id) FROM halt)",
        {"hour": timedelta(hours=1)},
    )
    await app.halts.drill("triage", actor="chi")


async def test_each_use_case_has_its_own(folders: Folders, settings: Settings, url: str) -> None:
    for name in ("triage", "other"):
        folders.write(name=name)
    async with open_app(settings, url) as app:
        for _ in range(6):
            await app.halts.drill("triage", actor="ana")
        assert (await app.halts.drill("other", actor="ana")).use_case == "other"


async def test_a_second_one_at_the_same_time_gives_way(app: App) -> None:
    async with app.database.transaction() as connection:
        await connection.execute(
            "SELECT pg_advisory_xact_lock(hashtext('drill'), hashtext('triage'))"
        )
        for actor in ("ana", "roadbed"):
            with pytest.raises(DrillLimitError, match="under way"):
                await app.halts.drill("triage", actor=actor)
    assert await app.halts.history("triage") == []


async def test_over_http_it_says_when(site: Site) -> None:
    for _ in range(6):
        assert (await site.reviewer.post("/usecases/triage/drill")).status_code == 200
    response = await site.reviewer.post("/usecases/triage/drill")
    assert (response.status_code, response.json()["code"]) == (429, "drill_limit")
    assert int(response.headers["retry-after"]) > 3_000
