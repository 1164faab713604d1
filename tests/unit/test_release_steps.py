"""Release steps on a real database: up by evidence and sign-offs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.decisions.model import Route
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.settings import Settings
from roadbed.people.model import Role
from roadbed.releases.errors import (
    CannotDecideError,
    GateRunningError,
    NothingToJudgeError,
    ReleaseStepError,
    ReleaseUnderWayError,
    SignOffError,
    SignOffsMissingError,
    TrialShortError,
    UnknownReleaseError,
)
from roadbed.versions.errors import ArtifactMissingError, UnknownVersionError
from tests.conftest import Folders
from tests.release_steps import (
    AT_ONCE,
    HARMFUL,
    TRIED,
    canary,
    edit,
    gated,
    live,
    signed,
    traffic,
    write,
)


@pytest.fixture
async def app(settings: Settings, folders: Folders, url: str) -> AsyncIterator[App]:
    write(folders)
    async with open_app(settings, url) as opened:
        yield opened


@pytest.fixture
async def tried(settings: Settings, folders: Folders, url: str) -> AsyncIterator[App]:
    """Live already, with shadow and canary as release steps."""
    write(folders, rollout=TRIED)
    async with open_app(settings, url) as opened:
        await live(opened)
        yield opened


class TestUp:
    async def test_gate_and_two_words_let_it_decide_by_itself(self, app: App) -> None:
        release = await app.releases.plan("triage", actor="ben", reason="the first one")
        assert (release.step, release.next, release.reason) == ("planned", "gate", "the first one")
        assert release.missing == ["domain_lead", "risk_partner"]
        assert await app.releases.current("triage") == release
        release = await app.releases.gate(release.id, actor="ben")
        assert (release.step, release.next, release.waits_for) == ("gated", "sign", "domain_lead")
        assert app.deployments.get("triage").live.threshold is None
        release = await signed(app, release)
        assert (release.next, release.missing, release.waits_for) == ("promote", [], None)
        release = await app.releases.promote(release.id, actor="ben")
        assert (release.step, release.next) == ("live", None)
        assert app.deployments.get("triage").live.id == release.version
        [decision] = await traffic(app, [9])
        assert decision.routed.route is Route.AUTOMATIC
        assert await app.releases.current("triage") is None
        assert [entry.id for entry in await app.releases.history("triage")] == [release.id]

    async def test_shadow_and_canary_come_between_and_the_one_before_retires(
        self, tried: App, folders: Folders
    ) -> None:
        await edit(tried, folders, "queue = queue", rollout=TRIED)
        first = tried.deployments.get("triage").live.id
        release = await signed(tried, await gated(tried))
        assert release.next == "shadow"
        release = await tried.releases.shadow(release.id, actor="ben")
        assert (release.next, release.waits_for) == ("canary", "traffic")
        decisions = await traffic(tried, range(10))
        assert {decision.version for decision in decisions} == {first}
        release = await tried.releases.check_trial(release.id)
        assert release.trial is not None
        assert (release.trial["compared"], release.trial["ready"]) == (10, True)
        assert release.trial["agreement"]["share"] == 1.0
        [notice] = await tried.notices.list("triage")
        assert "It waits for a person to promote it" in notice.text
        release = await tried.releases.canary(release.id, actor="ben")
        assert await tried.notices.list("triage") == []
        decisions = await traffic(tried, range(60))
        assert {item.version for item in decisions} == {first, release.version}
        release = await tried.releases.promote(release.id, actor="ben")
        assert release.step == "live"
        steps = [entry.step for entry in await tried.releases.history("triage")]
        assert steps == ["live", "retired"]

    async def test_a_folder_that_changed_does_not_run_until_it_is_promoted(
        self, app: App, folders: Folders
    ) -> None:
        await live(app)
        await edit(app, folders, 'queue = "x"')
        [decision] = await traffic(app, [4])
        assert decision.output == {"queue": "even"}

    async def test_the_steps_are_those_of_the_live_version_whatever_the_folder_says(
        self, app: App, folders: Folders
    ) -> None:
        first = await live(app)
        await edit(app, folders, rollout="sign_offs=(), shadow_tasks=0, canary_tasks=0")
        loaded = app.deployments.folder("triage")
        improved = await app.deployer.improve(loaded, actor="ben")
        assert improved.version is None
        assert "a sign-off of the domain lead and risk partner" in improved.note
        release = await app.releases.plan("triage", actor="ben")
        assert release.plan["sign_offs"] == ["domain_lead", "risk_partner"]
        assert release.step == "planned"
        assert app.deployments.get("triage").live.id == first.version

    async def test_a_task_in_flight_keeps_its_version(self, app: App, folders: Folders) -> None:
        first = await live(app)
        slow = "time.sleep(0.3 if n == 77_777 else 0)"
        await edit(app, folders, slow)
        second = await live(app)
        await edit(app, folders, slow + "; queue = queue")
        third = await signed(app, await gated(app))
        flying = asyncio.create_task(traffic(app, [77_777]))
        await asyncio.sleep(0.1)
        third = await app.releases.promote(third.id, actor="ben")
        [decision] = await flying
        assert first.version != second.version != third.version
        assert (decision.version, decision.routed.route) == (second.version, Route.AUTOMATIC)
        [later] = await traffic(app, [5])
        assert later.version == third.version

    async def test_a_hundred_promotions_at_once_have_one_winner(self, app: App) -> None:
        release = await signed(app, await gated(app))
        result = await asyncio.gather(
            *(app.releases.promote(release.id, actor=f"p{n}") for n in range(100)),
            return_exceptions=True,
        )
        losers = [item for item in result if isinstance(item, BaseException)]
        assert len(losers) == 99
        assert {type(loser) for loser in losers} == {ReleaseStepError}
        rows = await app.database.fetch("SELECT * FROM stage_event WHERE stage = 'live'")
        assert sorted(row["kind"] for row in rows) == ["stage", "step"]

    async def test_an_earlier_version_comes_back_only_as_a_release(
        self, app: App, folders: Folders
    ) -> None:
        first = await live(app)
        await edit(app, folders, "queue = queue")
        second = await live(app)
        with pytest.raises(UnknownVersionError):
            await app.releases.plan("triage", actor="ben", version="99")
        again = await gated(app, version=str(first.version_number))
        assert again.behaviour == first.behaviour
        assert again.base == second.version
        again = await app.releases.promote((await signed(app, again)).id, actor="ben")
        assert again.version == first.version
        steps = [entry.step for entry in await app.releases.history("triage")]
        assert steps == ["live", "retired", "retired"]


class TestSlow:
    """A single slow answer fails no candidate; a repeatedly slow one does."""

    async def test_once_is_asked_again(self, app: App, folders: Folders) -> None:
        step, report = await self.gate(app, folders, "n % 8 == 0 and asked[n] == 1")
        assert step == "gated"
        [pace] = [criterion for criterion in report["criteria"] if criterion["name"] == "latency"]
        twice = report["candidate"]["asked_twice"]
        assert 50 < twice < 100
        assert f"({twice} asked twice, of which the quicker counts)" in pace["line"]

    async def test_always_is_slow(self, app: App, folders: Folders) -> None:
        step, report = await self.gate(app, folders, "n % 8 == 0")
        assert step == "failed"
        wrong = [criterion["name"] for criterion in report["criteria"] if not criterion["passed"]]
        assert wrong == ["latency"]
        assert 50 < report["candidate"]["asked_twice"] < 100

    async def test_more_often_than_not_is_not_asked_again(self, app: App, folders: Folders) -> None:
        step, report = await self.gate(app, folders, "n % 8 > 2")
        assert step == "failed"
        assert report["candidate"]["asked_twice"] == 0

    async def gate(self, app: App, folders: Folders, slow: str) -> tuple[str, Mapping[str, Any]]:
        """The gate evaluates each item once, and slow ones again."""
        await live(app)
        line = f"asked[n] += 1; time.sleep(0.12 if {slow} else 0)"
        await edit(app, folders, line, more="from collections import Counter; asked = Counter()")
        release = await gated(app)
        assert release.gate is not None
        return release.step, release.gate


class TestRefused:
    async def test_two_at_once(self, app: App) -> None:
        await app.releases.plan("triage", actor="ben")
        with pytest.raises(ReleaseUnderWayError, match=r"Release 1 of 'triage' is under way"):
            await app.releases.plan("triage", actor="chi")

    async def test_two_plans_in_the_same_moment(self, app: App) -> None:
        result = await asyncio.gather(
            *(app.releases.plan("triage", actor="ben") for _ in range(6)), return_exceptions=True
        )
        refused = [item for item in result if isinstance(item, BaseException)]
        assert len(refused) == 5
        assert {type(entry) for entry in refused} == {ReleaseUnderWayError}

    async def test_steps_in_the_wrong_order(self, tried: App, folders: Folders) -> None:
        await edit(tried, folders, "queue = queue", rollout=TRIED)
        release = await tried.releases.plan("triage", actor="ben")
        for verb in (tried.releases.shadow, tried.releases.canary, tried.releases.promote):
            with pytest.raises(ReleaseStepError, match="Next comes `gate`"):
                await verb(release.id, actor="ben")
        release = await tried.releases.gate(release.id, actor="ben")
        for verb in (tried.releases.canary, tried.releases.promote):
            with pytest.raises(ReleaseStepError, match="Next comes `shadow`"):
                await verb(release.id, actor="ben")
        await tried.releases.shadow(release.id, actor="ben")
        with pytest.raises(TrialShortError, match="0 of 10"):
            await tried.releases.canary(release.id, actor="ben")

    async def test_an_unknown_release(self, app: App) -> None:
        with pytest.raises(UnknownReleaseError):
            await app.releases.get("rel_nothing")
        with pytest.raises(UnknownReleaseError):
            await app.releases.sign("rel_no", person="ana", verdict="approve", content="x")

    async def test_a_gate_without_anything_to_judge_by(self, app: App) -> None:
        await app.database.fetch("UPDATE example SET withdrawn_at = now()")
        release = await app.releases.plan("triage", actor="ben")
        with pytest.raises(NothingToJudgeError):
            await app.releases.gate(release.id, actor="ben")
        timeline = await app.stage_clock.timeline("triage")
        assert [item.waits_for for item in timeline.waiting] == ["labels"]
        await app.database.fetch("UPDATE example SET withdrawn_at = NULL")
        await app.releases.gate(release.id, actor="ben")
        timeline = await app.stage_clock.timeline("triage")
        assert {entry.waits_for for entry in timeline.waiting} == {"domain_lead", "risk_partner"}

    async def test_two_gates_at_once(self, app: App) -> None:
        release = await app.releases.plan("triage", actor="ben")
        result = await asyncio.gather(
            *(app.releases.gate(release.id, actor="ben") for _ in range(3)), return_exceptions=True
        )
        assert sum(isinstance(item, GateRunningError) for item in result) == 2

    async def test_a_candidate_whose_files_are_gone_or_damaged(self, app: App) -> None:
        release = await signed(app, await gated(app))
        await app.database.fetch("UPDATE artifact SET content = 'damaged'")
        with pytest.raises(ArtifactMissingError, match=r"usecase\.py"):
            await app.releases.promote(release.id, actor="ben")

    async def test_what_is_halted(self, app: App) -> None:
        release = await signed(app, await gated(app))
        await app.halts.halt("triage", reason="a fire", actor="ana")
        with pytest.raises(CannotDecideError, match="is halted"):
            await app.releases.promote(release.id, actor="ben")

    async def test_an_alarm_since_the_gate(self, app: App) -> None:
        release = await signed(app, await gated(app))
        await app.database.fetch("UPDATE use_case SET alarm_at = now()")
        with pytest.raises(CannotDecideError, match="alarm"):
            await app.releases.promote(release.id, actor="ben")

    async def test_another_version_live_since_the_gate(self, app: App, folders: Folders) -> None:
        await live(app)
        await edit(app, folders, "queue = queue")
        await live(app)
        await edit(app, folders, "queue = queue + ''")
        release = await signed(app, await gated(app))
        await app.releases.roll_back("triage", actor="ana", why="too bold")
        with pytest.raises(CannotDecideError, match="went live since"):
            await app.releases.promote(release.id, actor="ben")
        release = await app.releases.gate(release.id, actor="ben")
        with pytest.raises(SignOffsMissingError, match="other content"):
            await app.releases.promote(release.id, actor="ben")
        release = await app.releases.promote((await signed(app, release)).id, actor="ben")
        assert release.step == "live"

    async def test_a_report_that_was_changed_in_the_database(self, app: App) -> None:
        release = await signed(app, await gated(app))
        await app.database.fetch(
            "UPDATE release SET gate = jsonb_set(gate, '{broken}', '7'::jsonb)"
        )
        with pytest.raises(CannotDecideError, match="not what was signed"):
            await app.releases.promote(release.id, actor="ben")


class TestSignOffs:
    async def test_only_on_exactly_this_content(self, app: App) -> None:
        release = await gated(app)
        with pytest.raises(SignOffError, match=r"\(0000000000.*Read the release again"):
            await app.releases.sign(release.id, person="ana", verdict="approve", content="0" * 64)

    @pytest.mark.parametrize(
        ("person", "role", "why"),
        [
            ("ben", None, "is an author"),
            ("eve", None, "is not domain lead and risk partner"),
            ("ana", "risk_partner", "is not risk partner"),
            ("chi", "data_specialist", "needs no sign-off by a data specialist"),
        ],
    )
    async def test_not_by_everybody(
        self, app: App, person: str, role: str | None, why: str
    ) -> None:
        release = await gated(app)
        with pytest.raises(SignOffError, match=why):
            await app.releases.sign(
                release.id,
                person=person,
                verdict="approve",
                content=release.content or "",
                role=role,
            )

    async def test_not_by_the_person_who_requested_the_version(self, app: App) -> None:
        first = await gated(app, actor="ana")
        await app.releases.withdraw(first.id, actor="ana", why="somebody else plans it")
        release = await app.releases.plan("triage", actor="ben", version=first.version)
        release = await app.releases.gate(release.id, actor="ben")
        assert (release.author, release.authors) == ("ben", ["ana", "ben"])
        with pytest.raises(SignOffError, match="ana is an author"):
            await signed(app, release, ["ana"])

    async def test_not_by_an_author_of_a_part_of_it(self, app: App) -> None:
        release = await gated(app)
        await signed(app, release, ["ana"])
        await app.database.fetch(
            "INSERT INTO proposal (id, use_case, kind, title, reason, support, cases, fingerprint,"
            " rank, made_at) VALUES"
            " ('prp_1', 'triage', 'rule', 'a rule', '', '{}', '[]', 'one', 1, now())"
        )
        await app.proposals.accept("prp_1", person="chi")
        await app.database.fetch("UPDATE release SET proposals = '{prp_1}'")
        assert (await app.releases.get(release.id)).authors == ["ben"]
        await app.database.fetch("UPDATE proposal SET written_by = '{ana}'")
        result = await app.releases.get(release.id)
        assert result.authors == ["ana", "ben"]
        assert [(off.counts, off.why_not) for off in result.sign_offs] == [(False, "by an author")]

    async def test_not_before_the_gate_and_not_twice(self, app: App) -> None:
        release = await app.releases.plan("triage", actor="ben")
        with pytest.raises(SignOffError, match="nothing to sign"):
            await app.releases.sign(release.id, person="ana", verdict="approve", content="x")
        release = await app.releases.gate(release.id, actor="ben")
        release = await signed(app, release, ["ana"])
        assert release.missing == ["risk_partner"]
        with pytest.raises(SignOffError, match="has signed off release 1 already"):
            await signed(app, release, ["ana"])

    async def test_one_is_not_enough_and_an_expired_one_is_none(self, app: App) -> None:
        release = await signed(app, await gated(app), ["ana"])
        with pytest.raises(SignOffsMissingError, match="the sign-off of the risk partner"):
            await app.releases.promote(release.id, actor="ben")
        release = await signed(app, release, ["dev"])
        at = app.clock.now() - timedelta(seconds=1)
        await app.database.fetch("UPDATE sign_off SET expires_at = %(at)s", {"at": at})
        with pytest.raises(SignOffsMissingError, match=r"of ana does not count \(expired\)"):
            await app.releases.promote(release.id, actor="ben")
        release = await signed(app, release)
        assert (await app.releases.promote(release.id, actor="ben")).step == "live"

    async def test_a_refusal_blocks_until_it_is_taken_back(self, app: App) -> None:
        release = await signed(app, await gated(app), ["ana"])
        content = release.content or ""
        await app.releases.sign(
            release.id, person="dev", verdict="refuse", content=content, note="too few labels"
        )
        with pytest.raises(SignOffsMissingError, match="dev refuses release 1: too few labels"):
            await app.releases.promote(release.id, actor="ben")
        release = await app.releases.withdraw_sign_off(release.id, person="dev")
        assert release.missing == ["risk_partner"]
        with pytest.raises(SignOffError, match="dev has no sign-off"):
            await app.releases.withdraw_sign_off(release.id, person="dev")
        release = await signed(app, release, ["dev"])
        assert (await app.releases.promote(release.id, actor="ben")).step == "live"

    async def test_one_whose_role_is_gone_does_not_count(
        self, app: App, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        release = await signed(app, await gated(app))

        async def roles(_: str, person: str) -> frozenset[Role]:
            return frozenset({Role.DOMAIN_LEAD} if person == "ana" else ())

        monkeypatch.setattr(app.releases._repository, "roles", roles)
        with pytest.raises(SignOffsMissingError, match="dev is no longer risk partner"):
            await app.releases.promote(release.id, actor="ben")

    async def test_each_is_in_the_audit_log(self, app: App) -> None:
        release = await signed(app, await gated(app))
        await app.releases.promote(release.id, actor="ben")
        rows = await app.database.fetch(
            "SELECT actor, detail FROM audit_entry WHERE kind = 'release' ORDER BY position"
        )
        assert [row["actor"] for row in rows] == ["ben", "ben", "ana", "dev", "ben"]
        assert rows[2]["detail"]["content"] == release.content


class TestWithoutSignOffs:
    async def test_the_release_steps_work_too(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        write(folders, rollout=f"sign_offs=(), {AT_ONCE}")
        async with open_app(settings, url) as app:
            release = await gated(app)
            assert release.next == "promote"
            with pytest.raises(SignOffError, match="needs no sign-off"):
                await signed(app, release)
            assert (await app.releases.promote(release.id, actor="ben")).step == "live"

    async def test_a_folder_that_asks_somebody_counts_at_once_and_waits_for_its_plan(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        write(folders, rollout=f"sign_offs=(), {AT_ONCE}")
        async with open_app(settings, url) as app:
            pilot = await app.releases.promote((await gated(app)).id, actor="ben")
            await edit(app, folders, rollout=TRIED)
            [decision] = await traffic(app, [4])
            assert (decision.version, decision.routed.route) == (pilot.version, Route.AUTOMATIC)
            loaded = app.deployments.folder("triage")
            said = await app.deployer.improve(loaded, actor="ben")
            assert said.version is None
            assert "the next needs a sign-off of the domain lead and risk partner" in said.note
            release = await app.releases.plan("triage", actor="ben")
            assert release.missing == ["domain_lead", "risk_partner"]
            assert release.plan["shadow_tasks"] == 10

    async def test_a_trial_keeps_what_is_live_while_the_folder_changes(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        write(folders, rollout=f"sign_offs=(), {TRIED}")
        async with open_app(settings, url) as app:
            release = await gated(app)
            release = await app.releases.shadow(release.id, actor="ben")
            await traffic(app, range(12))
            release = await app.releases.check_trial(release.id)
            assert (release.trial or {})["compared"] == 12


async def test_nothing_else_is_live_after_a_withdrawal(tried: App, folders: Folders) -> None:
    await edit(tried, folders, "queue = queue", rollout=TRIED)
    release = await canary(tried)
    release = await tried.releases.withdraw(release.id, actor="ben", why="a better idea")
    assert (release.step, release.ended_by, release.ended_why) == (
        "withdrawn",
        "ben",
        "a better idea",
    )
    assert tried.deployments.get("triage").trial is None
    with pytest.raises(RoadbedError):
        await tried.releases.promote(release.id, actor="ben")
    with pytest.raises(ReleaseStepError):
        await tried.releases.withdraw(release.id, actor="ben", why="again")


async def test_a_worse_candidate_fails_its_gate(app: App, folders: Folders) -> None:
    await live(app)
    await edit(app, folders, HARMFUL)
    release = await gated(app)
    assert (release.step, release.next) == ("failed", None)
    assert release.gate is not None
    failed = {
        criterion["name"]: criterion["line"]
        for criterion in release.gate["criteria"]
        if not criterion["passed"]
    }
    assert set(failed) == {"errors", "automation"}
    assert "instead of 0 %" in failed["errors"]
    assert "would automate 0 % instead of 100 %" in failed["automation"]
    [first, *_] = release.gate["cases"]["broken"]
    assert (first["candidate"], first["right"]["queue"] in ("even", "odd")) == (
        {"queue": "elsewhere"},
        True,
    )
    assert (await app.stage_clock.timeline("triage")).stage == "live"
