"""One figure, one meaning: the measured error, from the sample to every page that shows it."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest
from scipy.stats import binom

from roadbed.app import App
from roadbed.cli.trust import trust_text
from roadbed.guarantee import presentation
from roadbed.guarantee.measured_error import (
    MeasuredError,
    MeasuredErrorReader,
    MeasuredErrors,
    measured_error,
)
from roadbed.risk.curve import most_within_chance, share_interval
from tests.browsing import browsing
from tests.conftest import Folders, Site
from tests.unit.test_decisions import decide
from tests.unit.test_revisions import BY_WORD, revise
from tests.unit.test_trust import EVEN, answer, declared, stand

AT = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


def _error(wrong: int, n: int, *, rates: tuple[float, ...] = (), **more: Any) -> MeasuredError:
    """The measured error of ``n`` answers of version 4, the first ``wrong`` of them wrong."""
    weights = [1.0 / rate for rate in rates or (0.12,) * n]
    tally: Any = {
        "of_version": True,
        "audit_at": None,
        "n": n,
        "wrong": wrong,
        "late": 0,
        "waiting": 0,
        "weight": sum(weights),
        "loss": sum(weights[:wrong]),
        "squares": sum(weight * weight for weight in weights),
        "lost": float(wrong),
        "since": AT if n else None,
        "until": AT + timedelta(days=19) if n else None,
        **more,
    }
    use_case: Any = SimpleNamespace(risk_limit=0.02, certainty=0.95, risk_measure="wrong")
    version: Any = SimpleNamespace(number=4, live_since=AT)
    return measured_error(tally, use_case, version)


class TestFigure:
    def test_of_nothing_nothing_is_known(self) -> None:
        error = _error(0, 0)
        assert (error.value, error.lower, error.upper, error.within_chance) == (None, 0.0, 1.0, 0)
        assert not error.exceeds_chance

    @pytest.mark.parametrize(("wrong", "n"), [(0, 1), (1, 1), (3, 109), (2_000, 200_000)])
    def test_with_one_rate_it_is_the_share_with_its_exact_interval(
        self, wrong: int, n: int
    ) -> None:
        error = _error(wrong, n)
        assert error.value == pytest.approx(wrong / n)
        assert (error.lower, error.upper) == pytest.approx(share_interval(wrong, n, 0.95))

    def test_rarely_drawn_answers_weigh_more_and_widen_the_interval(self) -> None:
        rates = (0.1,) * 20 + (0.5,) * 20
        error = _error(10, 40, rates=rates)
        assert error.value == pytest.approx(100 / 240)  # 10 weights of 10 in all 240
        low, high = share_interval(10, 40, 0.95)
        assert error.upper - error.lower > high - low

    @pytest.mark.parametrize(
        ("limit", "n", "certainty"), [(0.02, 109, 0.95), (0.05, 40, 0.9), (0.02, 1, 0.95)]
    )
    def test_at_the_limit_chance_exceeds_its_most_no_more_often_than_said(
        self, limit: float, n: int, certainty: float
    ) -> None:
        most = most_within_chance(limit, n, certainty)
        assert binom.sf(most, n, limit) <= 1.0 - certainty < binom.sf(most - 1, n, limit)

    def test_of_nothing_chance_explains_nothing(self) -> None:
        assert most_within_chance(0.02, 0, 0.95) == 0


class TestWords:
    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (
                _error(3, 109),
                "2.8 % measured, 3 of 109; up to 5 of 109 would be within chance at a limit of 2 %",
            ),
            (
                _error(6, 109),
                (
                    "5.5 % measured, 6 of 109; that is more than chance explains: "
                    "up to 5 of 109 would be within chance at a limit of 2 %"
                ),
            ),
            (
                _error(0, 1),
                "0.0 % measured, 0 of 1; even 1 of 1 would be more than chance at a limit of 2 %",
            ),
            (
                _error(1, 1),
                (
                    "100.0 % measured, 1 of 1; that is more than chance explains: "
                    "none of 1 would be within chance at a limit of 2 %"
                ),
            ),
            (_error(0, 0), "nothing is known yet: no automatic answer was drawn for the sample"),
            (
                _error(0, 0, waiting=1),
                "nothing is known yet: 1 automatic answer was drawn and is not judged",
            ),
            (
                _error(0, 0, waiting=3),
                "nothing is known yet: 3 automatic answers were drawn and none is judged",
            ),
        ],
    )
    def test_one_sentence_reconciles_the_figure_and_the_promise(
        self, error: MeasuredError, said: str
    ) -> None:
        assert presentation.measured_against_limit(error) == said

    def test_a_mean_loss_is_named_as_one(self) -> None:
        error = replace(_error(3, 109), measure="mean_loss", value=0.011, lost=1.2)
        assert presentation.measured_against_limit(error) == (
            "1.1 % mean loss measured, over 109; up to 5 of 109 in total would be within chance "
            "at a limit of 2 %"
        )
        assert not error.exceeds_chance

    def test_a_table_says_where_more_is_wrong_than_chance_explains(self) -> None:
        for error, said in (
            (_error(6, 109), "5.5 % measured, 6 of 109 (2.0–11.6 %, n = 109), more than chance"),
            (_error(0, 0), "nothing is known yet"),
        ):
            same = replace(error, of="all_versions")
            (cell,) = presentation.measured_cell(MeasuredErrors(version=error, all_versions=same))
            assert cell.startswith(f"Version 4: {said}")

    def test_both_are_shown_and_named_where_they_differ(self) -> None:
        version, ever = _error(3, 109), replace(_error(9, 430), of="all_versions", version=None)
        both = presentation.measured_lines(MeasuredErrors(version=version, all_versions=ever))
        assert [line.split(":")[0] for line in both] == ["Version 4", "All versions"]
        assert both[0].endswith(
            ". 95 % interval 0.6–7.8 %, n = 109; tasks from 2026-11-01 to 2026-11-20."
        )
        same = replace(version, of="all_versions", version=None)
        only = presentation.measured_lines(MeasuredErrors(version=version, all_versions=same))
        assert len(only) == 1

    def test_the_line_says_what_else_it_counts(self) -> None:
        error = _error(3, 109, late=2, audit_at=AT + timedelta(days=2), until=AT)
        (line,) = presentation.measured_lines(
            MeasuredErrors(version=error, all_versions=replace(error, of="all_versions"))
        )
        assert line.startswith("Version 4 since it was opened again on 2026-11-03: 2.8 %")
        assert line.endswith("tasks on 2026-11-01. 2 labels are late and count as wrong.")
        none = replace(error, version=None)
        assert presentation.measured_of(none) == "No version is live"


class TestSample:
    """The same tasks and verdicts as in the running audit."""

    async def test_it_counts_as_the_running_audit_does(self, app: App, folders: Folders) -> None:
        await stand(app)
        decisions = [await decide(app, f"to returns {n}") for n in range(6)]
        for number in range(4):
            await answer(app, decisions[number], "other" if number == 1 else None)
        await revise(app, decisions[2].task_id, "to returns 22")
        await revise(app, decisions[5].task_id, "to returns 55")
        await self._same(app)
        await app.database.fetch(
            "UPDATE task SET admitted_at = admitted_at - interval '100 hours' WHERE id = %(id)s",
            {"id": decisions[4].task_id},
        )
        errors = await self._same(app)
        assert (errors.version.n, errors.version.wrong, errors.version.late) == (5, 2, 1)
        assert decisions[1].review_id is not None
        await app.reviews.undo(decisions[1].review_id, reviewer="rae")
        errors = await self._same(app)
        assert (errors.version.wrong, errors.version.late) == (1, 1)

    async def test_what_goes_to_people_or_is_not_drawn_is_not_counted(self, app: App) -> None:
        await stand(app, reference_rate=0.0)
        await decide(app, "to returns 1")
        await stand(app, threshold=0.99)
        await answer(app, await decide(app, "to returns 2"), "other")
        errors = await self._same(app)
        assert (errors.version.n, errors.version.waiting, errors.all_versions.n) == (0, 0, 0)

    async def test_a_new_verdict_shows_at_once(self, app: App) -> None:
        await stand(app)
        first, second = [await decide(app, f"to returns {n}") for n in range(2)]
        version = await app.versions.in_service("triage")
        await answer(app, first)
        before = await app.measured_errors.read(declared(app), version)
        await answer(app, second, "other")
        after = await app.measured_errors.read(declared(app), version)
        assert (before.version.wrong, after.version.wrong) == (0, 1)

    async def test_an_audit_whose_first_answer_waits_says_so(self, app: App) -> None:
        await stand(app)
        decisions = [await decide(app, f"to returns {n}") for n in range(3)]
        await answer(app, decisions[2])
        errors = await self._same(app)
        assert (errors.version.n, errors.version.waiting) == (1, 2)
        audit = await app.running_audit.audit(declared(app))
        said = "no bound is known yet: the first answer that was drawn is not judged"
        assert presentation.unaudited(audit) == said

    async def _same(self, app: App) -> MeasuredErrors:
        version = await app.versions.in_service("triage")
        measured = await MeasuredErrorReader(app.database, app.clock).read(declared(app), version)
        audit, error = await app.running_audit.audit(declared(app)), measured.version
        assert (error.n, error.wrong, error.late) == (audit.sampled, audit.wrong, audit.overdue)
        assert error.waiting == audit.waiting
        return measured

    @pytest.fixture(autouse=True)
    def _by_word(self, folders: Folders) -> None:
        folders.write(BY_WORD.replace("split()[-1]", "split()[1]"))


async def test_every_page_and_command_shows_the_same_figure(folders: Folders, site: Site) -> None:
    app = site.app
    await stand(app)
    # All are decided before the first label: the server tightens on a wrong one.
    for number, decision in enumerate([await decide(app, f"number {n}") for n in range(5)]):
        await answer(app, decision, "other" if number == 4 else None)
    overview = await app.monitoring.overview(declared(app), halted=False)
    lines = presentation.measured_lines(overview.measured)
    assert lines[0].startswith("Version 1: 20.0 % measured, 1 of 5; up to 1 of 5 would be")
    async with browsing(site, "ana") as client:
        for page in ("/usecases/triage", "/usecases/triage/trust"):
            text = _text((await client.get(page)).text)
            assert all(line in text for line in lines), page
        home = _text((await client.get("/")).text)
        (cell,) = presentation.measured_cell(overview.measured)
        assert cell == "Version 1: 20.0 % measured, 1 of 5 (0.5–71.6 %, n = 5)"
        assert cell in home
    report = await app.reports.report(app.deployments.get("triage"))
    assert all(line in trust_text(report) for line in lines)
    told = (await site.reviewer.get("/usecases/triage")).json()["overview"]
    trust = (await site.reviewer.get("/usecases/triage/trust")).json()
    assert told["measured"] == trust["measured"]
    assert told["measured"]["version"]["wrong"] == 1
    assert told["audited"]["items"] == 5
    assert asdict(overview.measured) == asdict(report.measured)


@pytest.fixture(autouse=True)
def _even(request: pytest.FixtureRequest, folders: Folders) -> None:
    if request.cls is None:
        folders.write(EVEN)


def _text(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())
