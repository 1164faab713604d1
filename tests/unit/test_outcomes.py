"""Outcomes below the surfaces: at the same moment, from files, and as labels of a canary."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from roadbed.app import App
from roadbed.background import running
from roadbed.bootstrap import open_app
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.settings import Settings
from roadbed.outcomes.errors import OutcomeError
from roadbed.outcomes.model import Reported
from roadbed.outcomes.report_files import read_file
from roadbed.releases import presentation, trial_statistics
from tests.conftest import Folders
from tests.release_steps import live, traffic, until, write
from tests.unit.test_decisions import decide
from tests.unit.test_rollback import SENDS, in_canary
from tests.unit.test_trust import declared, stand
from tests.unit.test_usecases import declare

BILLING = {"queue": "billing"}
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class Output(BaseModel):
    q: str


DECLARED = declare(output=Output)


async def count(app: App, table: str) -> int:
    [row] = await app.database.fetch(f"SELECT count(*) AS n FROM {table}")
    return int(row["n"])


class TestAtOnce:
    async def test_the_same_report_twenty_times_is_kept_once(self, app: App) -> None:
        await stand(app, reference_rate=0.0)
        one = await decide(app)
        sent = {"task": one.task_id, "output": BILLING}
        result = await asyncio.gather(
            *(app.outcomes.report(declared(app), sent, by="crm") for _ in range(20))
        )
        assert len({item.outcome.id for item in result}) == 1
        assert sum(not entry.repeated for entry in result) == 1
        assert [await count(app, element) for element in ("outcome", "review")] == [1, 1]

    async def test_two_that_differ_open_one_review(self, app: App) -> None:
        await stand(app, reference_rate=0.0)
        one = await decide(app)
        sent = [{"task": one.task_id, "right": False, "note": str(n)} for n in range(10)]
        result = await app.outcomes.report_many(declared(app), sent, by="crm")
        assert all(isinstance(item, Reported) for item in result)
        assert [await count(app, entry) for entry in ("outcome", "review")] == [10, 1]
        newest = await app.outcomes.repository.newest("triage")
        assert [outcome.note for outcome in newest.outcomes if outcome.counts] == ["9"]

    async def test_what_is_erased_meanwhile_keeps_nothing(self, app: App) -> None:
        await stand(app, reference_rate=0.0)
        for number in range(8):
            one = await decide(app, f"number {number}")
            sent = [{"task": one.task_id, "right": True, "note": f"Ada {n}"} for n in range(30)]
            _, told = await asyncio.gather(
                app.erasure.erase(one.task_id, by="ana", reason="asked"),
                app.outcomes.report_many(declared(app), sent, by="crm"),
            )
            codes = {item.code for item in told if isinstance(item, RoadbedError)}
            assert codes <= {"task_erased"}
        left = await app.database.fetch("SELECT 1 FROM outcome WHERE note IS NOT NULL")
        entries = await app.database.fetch(
            "SELECT 1 FROM audit_entry WHERE kind = 'reported' AND salt IS NOT NULL"
        )
        assert (left, entries) == ([], [])


class TestFiles:
    @pytest.fixture
    def told(self, app: App, tmp_path: Path) -> Any:
        def write_and_read(name: str, text: str) -> list[Any]:
            path = tmp_path / name
            path.write_text(text, encoding="utf-8")
            return list(read_file(path, declared(app)))

        return write_and_read

    async def test_a_table_names_fields_of_the_report_or_of_the_output(self, told: Any) -> None:
        result = told(
            "a.csv",
            "\ufefftask_key,right,queue,note\norder 1,yes,,fine\norder 2,,billing,\n"
            'order 3,maybe,,\norder 4,No,billing,"two\nlines"\n',
        )
        assert [line for line, _ in result] == [2, 3, 4, 5]  # where a row begins
        assert result[0][1] == {"task_key": "order 1", "right": True, "note": "fine"}
        assert result[1][1] == {"task_key": "order 2", "output": BILLING}
        assert "right is 'maybe'" in result[2][1].problem
        assert result[3][1]["right"] is False
        [(_, whole)] = told("b.csv", 'task,output\ntsk_1,"{""queue"": ""x""}"\n')
        assert whole == {"task": "tsk_1", "output": {"queue": "x"}}

    async def test_lines_of_json_keep_their_numbers(self, told: Any) -> None:
        result = told("a.jsonl", '{"task": "a", "right": true}\n\nnonsense\n[1]\n')
        assert [line for line, _ in result] == [1, 3, 4]
        assert result[0][1] == {"task": "a", "right": True}
        assert isinstance(result[1][1], OutcomeError)
        assert result[2][1] == [1]

    async def test_a_name_that_stands_twice_in_a_line_is_told(self, told: Any) -> None:
        [(_, error)] = told("a.jsonl", '{"task": "a", "right": true, "right": false}\n')
        assert isinstance(error, OutcomeError)
        assert "the name 'right' stands twice" in str(error)

    @pytest.mark.parametrize(
        ("name", "text", "says"),
        [
            ("a.csv", "task,colour\n1,red\n", "mean nothing here: colour"),
            ("a.csv", "task,task\n1,2\n", "names 'task' more than once"),
            ("a.csv", 'task,note\n1,"x\n2,y\n', "opens on line 2"),
            ("a.csv", "task,note\n1,a,b\n2,c\n", "1 of 2 rows"),
        ],
    )
    async def test_a_table_that_is_none(self, told: Any, name: str, text: str, says: str) -> None:
        with pytest.raises(OutcomeError, match=says):
            told(name, text)

    async def test_a_row_that_does_not_fit_is_named_and_the_rest_is_read(self, told: Any) -> None:
        rows = [f"tsk_{number};true;fine" for number in range(99)]
        result = told(
            "a.csv", "\n".join(["task;right;note", *rows[:50], "x;true;cut;off", *rows[50:]])
        )
        [(line, error)] = [pair for pair in result if isinstance(pair[1], OutcomeError)]
        assert (line, len(result)) == (52, 100)
        assert "4 cells where the header has 3" in error.problem

    async def test_a_file_that_is_not_there(self, app: App, tmp_path: Path) -> None:
        with pytest.raises(OutcomeError, match="cannot be read"):
            list(read_file(tmp_path / "none.csv", declared(app)))


def compared(**more: Any) -> dict[str, Any]:
    """A task without a verdict on which live version and candidate differ."""
    return {
        "task_id": "tsk_1",
        "live_output": {"q": "old"},
        "live_actions": None,
        "live_content": None,
        "live_reason": "proven",
        "live_seconds": 0.1,
        "live_cost": None,
        "candidate_output": {"q": "new"},
        "candidate_actions": None,
        "candidate_content": None,
        "candidate_reason": "proven",
        "candidate_seconds": 0.1,
        "candidate_cost": None,
        "input": {},
        "verdict": None,
        "right_output": None,
        "right_actions": None,
        "losses": None,
        "given_at": None,
        "outcome": None,
        "reported_at": None,
        "withheld": True,
        "at": BEGAN,
    } | more


def reading(*rows: Any) -> trial_statistics.TrialReport:
    return trial_statistics.trial_report(
        rows,
        step="canary",
        plan={"margin": 0.01, "canary_tasks": 1},
        gate={"certainty": 0.95, "limits": {"seconds": None, "cost": None}},
        since=BEGAN,
        declared=DECLARED,
    )


class TestCanary:
    @pytest.mark.parametrize(
        ("row", "figures"),
        [
            (compared(), (0, 0, 1, 0, 0)),
            (compared(outcome={"q": "old"}, reported_at=BEGAN), (1, 1, 0, 0, 1)),
            (compared(outcome={"q": "new"}, reported_at=BEGAN), (1, 1, 0, 1, 0)),
            (compared(outcome={"q": "else"}, reported_at=BEGAN), (1, 1, 0, 0, 0)),
            # Known before the canary began: it says nothing new of it.
            (
                compared(outcome={"q": "old"}, reported_at=BEGAN - timedelta(seconds=1)),
                (0, 0, 1, 0, 0),
            ),
            # "Wrong" alone does not say which of the two is right.
            (compared(outcome=None, reported_at=BEGAN), (0, 0, 1, 0, 0)),
            # A person's verdict has priority over reports.
            (
                compared(
                    verdict="vdt_1",
                    right_output={"q": "new"},
                    given_at=BEGAN,
                    outcome={"q": "old"},
                    reported_at=BEGAN,
                ),
                (1, 0, 0, 1, 0),
            ),
            (
                compared(candidate_output={"q": "old"}, outcome={"q": "old"}, reported_at=BEGAN),
                (0, 0, 0, 0, 0),
            ),
        ],
    )
    def test_what_settles_a_difference(self, row: dict[str, Any], figures: tuple[int, ...]) -> None:
        result = reading(row)
        counts = (result["labelled"], result["by_outcomes"], result["undecided"])
        assert (*counts, result["fixed"], result["broken"]) == figures

    async def test_who_made_the_candidate_says_nothing_of_what_is_right(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        write(folders, more=SENDS)
        async with open_app(settings, url) as app:
            await live(app)
            release_id = await in_canary(app, folders)
            [first, second] = await traffic(app, range(7000, 7002))
            assert (await app.releases.get(release_id)).authors == ["ben"]
            for decision, by in ((first, "ben"), (second, "crm")):
                report = {"task": decision.task_id, "output": {"queue": "even"}}
                told = await app.outcomes.report(declared(app), report, by=by)
            await app.outcomes.withdraw(told.outcome.id, by="ben")
            release = await app.releases.check_trial(release_id)
            assert release.trial is not None
            assert (release.trial["undecided"], release.trial["by_outcomes"]) == (1, 1)
            report = {"task": second.task_id, "output": {"queue": "odd"}}
            told = await app.outcomes.report(declared(app), report, by="crm")
            await app.outcomes.withdraw(told.outcome.id, by="crm")

    async def test_outcomes_alone_stop_one_that_harms(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        write(folders, more=SENDS)
        async with open_app(settings, url) as app:
            await live(app)
            release_id = await in_canary(app, folders)
            decisions = await traffic(app, range(7000, 7040))
            release = await app.releases.check_trial(release_id)
            assert release.trial is not None
            assert (release.trial["undecided"], release.trial["by_outcomes"]) == (40, 0)
            sent = [
                {"task": decision.task_id, "output": {"queue": "odd" if n % 2 else "even"}}
                for n, decision in enumerate(decisions)
            ]
            async with running(app):
                told = await app.outcomes.report_many(declared(app), sent, by="crm")
                assert all(isinstance(item, Reported) for item in told), told

                async def fallen() -> bool:
                    return (await app.releases.get(release_id)).step == "rolled_back"

                await until(fallen, 20.0)
            release = await app.releases.get(release_id)
            assert release.trial is not None
            assert "wrong where the other was right" in (release.ended_why or "")
            assert release.trial["by_outcomes"] == release.trial["labelled"] > 0
            assert "known by outcomes" in presentation.trial_progress(release)
            # Blind reviews of the differences are still to be judged, and show nothing.
            shown = await app.outcomes.repository.newest("triage")
            assert {outcome.output for outcome in shown.outcomes if outcome.withheld} <= {None}
            assert any(entry.withheld for entry in shown.outcomes)


async def test_a_report_keeps_its_words(app: App) -> None:
    await stand(app, reference_rate=0.0)
    one = await decide(app, key="é")
    result = await app.outcomes.report(
        declared(app), {"task_key": "é", "right": True, "note": "naïve – \t\n“x”"}, by="crm"
    )
    assert result.outcome.task_id == one.task_id
    assert result.outcome.note == "naïve – \t\n“x”"
