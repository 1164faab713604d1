"""The cases of a release: a few on its page, all in a table whose export is what it shows."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import httpx2
import psycopg
import pytest
from psycopg.types.json import Jsonb

from roadbed.console.release_cases import TABLE
from roadbed.storage.database import with_schema
from roadbed.usecases.rollout import Rollout
from roadbed.versions.identity import rollout_facts
from tests.browsing import browsing
from tests.conftest import Site
from tests.unit.test_exports import HOSTILE, Rows, compared, entries
from tests.unit.test_trust import stand

CHANGES = {"broken": 43, "fixed": 12, "unknown": 30}
DIFFERENT = 20
COLUMNS = [column.name for column in TABLE.columns]
RELEASE = """
INSERT INTO behaviour (hash, use_case, folder_hash, files, artifacts, learned_from, made_at)
VALUES ('b1', 'triage', 'f', '{}', '{}', 1, now());
INSERT INTO release (id, use_case, number, behaviour, step, reason, author, plan, content,
                     planned_at, canary_at, gate, trial)
VALUES ('rel_1', 'triage', 1, 'b1', 'retired', 'r', 'ben', %(plan)s, 'c', now(), now(), %(gate)s,
        %(trial)s)
"""


def case(number: int, task: str | None = None) -> dict[str, Any]:
    """A case as a report holds it, with a hostile input at times."""
    text = HOSTILE[number % len(HOSTILE)] if number % 4 == 0 else f"number {number}"
    answers: Sequence[Mapping[str, object] | None] = (
        {"queue": "returns"},
        {"queue": "=1+1", "urgent": number % 3 == 0},
        {"queue": "\u202eodd"},
        None,
    )
    return {
        "example": task or f"exm_{number:026}",
        "task": task,
        "input": text if number % 7 else "",
        "live": answers[number % 4],
        "candidate": answers[number % 3],
        "right": {"queue": f"right {number % 5}"},
        "why": "No review says whether this answer is right." if number % 2 else "None yet.",
    }


async def store(
    site: Site, url: str, gate: Mapping[str, Any], differ: Sequence[Mapping[str, Any]] = ()
) -> str:
    """A release with the report of a gate and of a canary; the path of its page."""
    await stand(site.app, reference_rate=0.3)
    report = {"criteria": [], "fixed": 0, "broken": 0, "live": None, "candidate": None, **gate}
    trial = {"step": "canary", "compared": 1, "of": 4, "labelled": 0, "fixed": 0, "broken": 0}
    facts = {
        "plan": Jsonb(dict(rollout_facts(Rollout()))),
        "gate": Jsonb(report),
        "trial": Jsonb({**trial, "differ": list(differ)}),
    }
    with psycopg.connect(with_schema(url), autocommit=True) as connection:
        for statement in RELEASE.strip().split(";"):
            connection.execute(statement, facts if "%(" in statement else None)
    return "/releases/rel_1"


@pytest.fixture
async def path(site: Site, url: str) -> str:
    """The page of a release that ``store_all`` has stored."""
    return await store_all(site, url)


async def store_all(site: Site, url: str) -> str:
    """A release with 43 broken, 12 fixed, 30 unknown and 20 differing cases; its page."""
    by_change: dict[str, list[dict[str, Any]]] = {}
    for change, count in CHANGES.items():
        by_change[change] = [
            case(number, f"tsk_{change[0]}{number:025}" if number % 3 else None)
            for number in range(count)
        ]
    differ = [{**case(number, f"tsk_d{number:025}"), "right": None} for number in range(DIFFERENT)]
    gate = {
        "cases": {"broken": by_change["broken"], "fixed": by_change["fixed"]},
        "unknown": {"n": 30, "waiting": 0, "cases": by_change["unknown"]},
    }
    return await store(site, url, gate, differ)


def view(chance: random.Random) -> dict[str, str]:
    """A random view of cases, with some that match nothing or do not exist."""
    drawn = {
        "change": chance.choice(["", "", "broken", "fixed", "unknown", "differs", "no"]),
        "sort": chance.choice(["", "nothing", *TABLE.sorts, *(f"-{name}" for name in TABLE.sorts)]),
        "columns": ",".join(chance.sample(COLUMNS, chance.randint(0, 8))),
        "density": chance.choice(["", "compact"]),
    }
    return {name: value for name, value in drawn.items() if value}


async def exported(client: httpx2.AsyncClient, address: str) -> list[dict[str, str]]:
    answer = await client.get(address)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


async def test_the_export_is_what_the_page_shows(site: Site, path: str) -> None:
    chance = random.Random(15)
    async with browsing(site) as client:
        counted = {await compared(client, view(chance), f"{path}/cases") for _ in range(60)}
    assert counted == {sum(CHANGES.values()) + DIFFERENT, *CHANGES.values(), DIFFERENT}


async def test_the_page_of_a_release_shows_ten_and_leads_to_all(site: Site, path: str) -> None:
    async with browsing(site) as client:
        shown = (await client.get(path)).text
        for change, count in (*CHANGES.items(), ("differs", DIFFERENT)):
            start = shown.index(f'id="{change}"')
            part = shown[start : shown.index("</p>", shown.index("</table>", start))]
            assert part.count("<tr>") == 1 + 10
            assert f'href="{path}/cases?change={change}' in part
            words = {"differs": "cases where the two differ"}.get(change, f"{change} cases")
            assert f"All {count} {words}" in part
            assert f"{count}</span></h3>" in part
            table = (await client.get(f"{path}/cases?change={change}")).text
            assert {row[1][2:] for row in Rows(table).rows[1:]} == {change}
        shown = (await client.get(f"{path}/cases")).text
    assert "43 cases were right before and are wrong now. 12 were wrong before" in shown


async def test_a_row_leads_to_its_receipt_and_an_imported_one_nowhere(
    site: Site, path: str
) -> None:
    async with browsing(site) as client:
        rows = await exported(client, f"{path}/cases/export.csv?change=fixed&columns=receipt,id")
        text = (await client.get(f"{path}/cases?change=fixed")).text
    assert {row["Receipt"] for row in rows if row["Id"].startswith("exm_")} == {"imported"}
    tasks = [row["Receipt"] for row in rows if row["Id"].startswith("tsk_")]
    assert tasks == [row["Id"] for row in rows if row["Id"].startswith("tsk_")]
    for task in tasks:
        assert text.count(f'href="/receipts/{task}"') == 2
    assert text.count('href="/receipts/tsk_') == 2 * len(tasks)


async def test_a_case_that_is_broken_and_unknown_is_two_rows(site: Site, url: str) -> None:
    both = case(1)
    gate = {
        "cases": {"broken": [both], "fixed": []},
        "unknown": {"n": 1, "waiting": 0, "cases": [both]},
    }
    path = await store(site, url, gate)
    async with browsing(site) as client:
        [first, second] = Rows((await client.get(f"{path}/cases")).text).keys
        assert first != second
        [row] = await exported(client, f"{path}/cases/export.csv?{urlencode({'row': second})}")
        assert (row["Change"], row["Right answer"]) == ("unknown", "")
        text = (await client.get(path)).text
        assert "The broken case as a table" in text
        text = (await client.get(f"{path}/cases?change=fixed")).text
        assert "No case matches." in text


async def test_a_release_without_a_report_says_why_nothing_is_listed(site: Site, url: str) -> None:
    path = await store(site, url, {})
    async with browsing(site) as client:
        text = (await client.get(f"{path}/cases?columns=nonsense")).text
        assert "There is none" in text
        assert await exported(client, f"{path}/cases/export.csv") == []


class TestWhatIsWithheld:
    @pytest.fixture
    async def hidden(self, site: Site, url: str) -> tuple[str, str]:
        """Two tasks of a report: one that waits for a blind review, one that does not."""
        await stand(site.app, reference_rate=1.0)
        sent = await site.shop.post("/usecases/triage/tasks", json={"input": {"text": "number 1"}})
        assert sent.status_code == 200
        [row] = await site.app.database.fetch("SELECT id FROM task")
        cases = [{**case(1, row["id"]), "input": "hidden one"}, case(2)]
        gate = {
            "cases": {"broken": cases, "fixed": cases},
            "unknown": {"n": 2, "waiting": 0, "cases": cases},
        }
        return await store(site, url, gate, cases), row["id"]

    async def test_on_the_page_is_in_no_table_and_no_file(
        self, site: Site, hidden: tuple[str, str]
    ) -> None:
        path, task = hidden
        columns = ",".join(COLUMNS)
        changes = ("broken", "fixed", "unknown", "differs")
        select = urlencode([("row", f"{change}-{task}") for change in changes])
        async with browsing(site) as client:
            for address in (path, f"{path}/cases?columns={columns}"):
                text = (await client.get(address)).text
                assert "number 2" in text
                assert "hidden one" not in text
                assert task not in text
            for query in (f"columns={columns}", "change=broken", select):
                rows = await exported(client, f"{path}/cases/export.csv?{query}")
                assert "hidden one" not in {row["Input"] for row in rows}
                assert len(rows) == {"change=broken": 1, select: 0}.get(query, 4)

    async def test_nobody_without_a_role_sees_any(
        self, site: Site, hidden: tuple[str, str]
    ) -> None:
        path, _task = hidden
        await site.app.members.add("nobody", by="test")
        async with browsing(site, "nobody") as client:
            for address in (path, f"{path}/cases", f"{path}/cases/export.csv"):
                assert (await client.get(address)).status_code == 404
        async with httpx2.AsyncClient(base_url=site.address) as client:
            for address in (f"{path}/cases", f"{path}/cases/export.csv"):
                assert (await client.get(address)).status_code in (303, 401)
        assert await entries(site) == []

    async def test_an_export_is_in_the_log_of_the_use_case(
        self, site: Site, hidden: tuple[str, str]
    ) -> None:
        path, _task = hidden
        async with browsing(site) as client:
            await exported(client, f"{path}/cases/export.csv?change=broken")
        begun, ended = await entries(site)
        assert (begun["use_case"], begun["detail"]["page"]) == ("triage", "cases")
        assert begun["detail"]["view"]["filters"] == {"change": "broken"}
        assert ended["detail"]["rows"] == 1
