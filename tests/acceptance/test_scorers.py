"""Free text that only people can judge, and numbers that need not be exact, on the whole path."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx2
import pytest

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.decisions.model import Decision, Route
from roadbed.kernel.settings import Settings
from roadbed.receipts.service import Filter
from roadbed.reviews.model import VerdictKind
from roadbed.usecases.check import check
from roadbed.usecases.loader import load
from roadbed.usecases.use_case import UseCase
from roadbed.versions.model import Release
from tests.acceptance.test_cli import Terminal
from tests.browsing import browsing
from tests.conftest import Folders, serving
from tests.release_steps import pod

FOLDER = """
from pydantic import BaseModel
from roadbed import Answer, Gate, Judged, Pod, Rollout, UseCase, Within

class Inquiry(BaseModel):
    number: int

class Reply(BaseModel):
    {field}

replies = UseCase(
    "replies", purpose="Answer each inquiry in the words of the house",
    input=Inquiry, output=Reply, scorer={scorer},
    pod=Pod(domain_lead="ana", engineer="ben", data_specialist="chi", risk_partner="dev"),
    risk_limit=0.1, second_look_share=0, check_share=0,
    rollout=Rollout(
        shadow_tasks=0, canary_tasks=20, canary_share=0.5, gate=Gate(worse_by=0.05)
    ),
)

@replies.decider
def decide(inquiry, context):
    return Answer(output=Reply({answer}), confidence=0.9, cost=0)
"""
TEXT = {"field": "text: str", "scorer": "Judged()"}
NUMBER = {"field": "amount: float", "scorer": "Within(absolute=0.5)"}
LABELLED = 120


def write(parent: Path, kind: dict[str, str], answer: str) -> None:
    folder = parent / "replies"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "usecase.py").write_text(FOLDER.format(**kind, answer=answer))


def declared_of(app: App) -> UseCase:
    return app.deployments.get("replies").loaded.declared


async def edit(app: App, folders: Folders, kind: dict[str, str], answer: str) -> None:
    write(folders.parent, kind, answer)
    loaded = load(folders.parent / "replies")
    await app.deployer.register(loaded)
    await app.deployments.add(loaded)


async def submit(app: App, numbers: Sequence[int]) -> list[Decision]:
    decisions = []
    for number in numbers:
        _, task = await app.decisions.submit(
            "replies", {"number": number}, key=None, source={"surface": "test"}
        )
        assert task is not None
        decision = await task
        assert decision is not None
        decisions.append(decision)
    await app.decisions.compared()
    return decisions


async def draw_all(app: App) -> None:
    await app.database.fetch("UPDATE use_case SET reference_rate = 1.0")
    await app.deployments.refresh("replies")


async def judge_all(app: App, *, wrong: Sequence[str] = ()) -> int:
    """A reviewer judges all open reviews: answers are right unless in ``wrong``."""
    declared, judged = app.deployments.get("replies").loaded.declared, 0
    while result := await app.reviews.claim_next("replies", reviewer="rae"):
        [review] = result
        assert review.output is not None, review
        kind = VerdictKind.REJECT if review.output["text"] in wrong else VerdictKind.ACCEPT
        given = await app.reviews.give(
            declared, review.id, kind, reviewer="rae", shown=review.content_hash
        )
        assert given.agrees is (kind is VerdictKind.ACCEPT)
        judged += 1
    return judged


async def label_all(app: App) -> int:
    """A reviewer gives the exact number in all open blind reviews."""
    declared, labelled = app.deployments.get("replies").loaded.declared, 0
    while result := await app.reviews.claim_next("replies", reviewer="rae"):
        [review] = result
        assert review.output is None
        right = {"amount": float(review.input["number"])}
        await app.reviews.give(
            declared, review.id, VerdictKind.CORRECT, reviewer="rae", output=right
        )
        labelled += 1
    return labelled


async def signed(app: App, release: Release) -> Release:
    assert release.content is not None, release.gate
    await pod(app)
    for person in ("ana", "dev"):
        release = await app.releases.sign(
            release.id, person=person, verdict="approve", content=release.content
        )
    return release


async def gate(app: App) -> Release:
    release = await app.releases.plan("replies", actor="ben")
    return await app.releases.gate(release.id, actor="ben")


@pytest.fixture
async def text(settings: Settings, folders: Folders, url: str) -> AsyncIterator[App]:
    write(folders.parent, TEXT, 'text=f"Inquiry {inquiry.number} is on its way."')
    async with open_app(settings, url) as app:
        yield app


@pytest.fixture
async def number(settings: Settings, folders: Folders, url: str) -> AsyncIterator[App]:
    write(folders.parent, NUMBER, "amount=inquiry.number + 0.3")
    async with open_app(settings, url) as app:
        yield app


async def first_live(app: App, judge: object) -> Release:
    """The first version up to the top, on labels of a sample of all tasks."""
    await draw_all(app)
    await submit(app, range(LABELLED))
    assert await judge(app) == LABELLED  # type: ignore[operator]
    release = await signed(app, await gate(app))
    release = await app.releases.canary(release.id, actor="ben")
    await submit(app, range(200, 220))
    await judge(app)  # type: ignore[operator]
    await app.releases.check_trial(release.id)
    return await app.releases.promote(release.id, actor="ben")


class TestFreeText:
    async def test_it_opens_by_judgements_and_its_audit_counts_them(self, text: App) -> None:
        await first_live(text, judge_all)
        decisions = await submit(text, range(300, 310))
        assert {decision.routed.route for decision in decisions} == {Route.AUTOMATIC}
        await draw_all(text)
        await submit(text, range(400, 420))
        await judge_all(text, wrong=["Inquiry 400 is on its way."])
        audit = await text.running_audit.audit(text.deployments.get("replies").loaded.declared)
        assert audit.sampled >= 20
        assert audit.wrong == 1

    async def test_another_wording_is_unknown_until_people_judge_it(
        self, text: App, folders: Folders
    ) -> None:
        await first_live(text, judge_all)
        await edit(text, folders, TEXT, 'text=f"We sent {inquiry.number} today."')
        release = await gate(text)
        assert release.step == "planned"
        assert release.gate is not None
        unknown = release.gate["unknown"]["n"]
        assert unknown >= LABELLED
        assert release.gate["candidate"]["wrong"] == release.gate["candidate"]["unknown"]
        service = text.deployments.get("replies")
        opened = await text.reviewer_checks.ask_about(service, release)
        assert opened == unknown
        assert await text.reviewer_checks.ask_about(service, release) == 0
        assert await judge_all(text, wrong=["We sent 3 today."]) == opened
        release = await text.releases.gate(release.id, actor="ben")
        assert release.step == "gated", release.gate
        assert release.gate is not None
        assert release.gate["unknown"]["n"] == 0
        assert release.gate["candidate"]["wrong"] == 1
        assert release.certificate is not None
        assert release.certificate["threshold"] is not None

    async def test_in_a_canary_both_answers_are_judged(self, text: App, folders: Folders) -> None:
        await first_live(text, judge_all)
        await edit(text, folders, TEXT, 'text=f"We sent {inquiry.number} today."')
        release = await gate(text)
        await text.reviewer_checks.ask_about(text.deployments.get("replies"), release)
        await judge_all(text)
        release = await signed(text, await text.releases.gate(release.id, actor="ben"))
        release = await text.releases.canary(release.id, actor="ben")
        await submit(text, range(500, 520))
        await judge_all(text)
        release = await text.releases.check_trial(release.id)
        assert release.trial is not None
        assert release.trial["undecided"] == 20  # one of the two answers alone shows nothing
        await text.reviewer_checks.tick(text.deployments.get("replies"))
        assert await judge_all(text) == 20
        release = await text.releases.check_trial(release.id)
        assert release.trial is not None
        assert (release.trial["undecided"], release.trial["broken"]) == (0, 0)
        release = await text.releases.promote(release.id, actor="ben")
        assert release.step == "live"

    async def test_a_rejected_answer_never_counts_as_right_again(self, text: App) -> None:
        await draw_all(text)
        await submit(text, range(3))
        await judge_all(text, wrong=["Inquiry 1 is on its way."])
        cases = await text.examples.cases(text.deployments.get("replies").loaded.declared)
        losses = {case.content["number"]: list(case.truth.losses.values()) for case in cases}
        assert losses == {0: [0.0], 1: [1.0], 2: [0.0]}


class TestNumbers:
    async def test_what_lies_close_enough_is_right_everywhere(
        self, number: App, folders: Folders
    ) -> None:
        await first_live(number, label_all)
        [decision] = await submit(number, [300])
        assert decision.routed.route is Route.AUTOMATIC
        await label_all(number)
        # Another number within the tolerance: neither better nor worse.
        await edit(number, folders, NUMBER, "amount=inquiry.number - 0.4")
        release = await signed(number, await gate(number))
        assert release.gate is not None
        assert (release.gate["fixed"], release.gate["broken"]) == (0, 0)
        release = await number.releases.canary(release.id, actor="ben")
        await submit(number, range(500, 520))
        await label_all(number)
        release = await number.releases.check_trial(release.id)
        assert release.trial is not None
        assert (release.trial["broken"], release.trial["breach"]) == (0, None)
        await number.releases.promote(release.id, actor="ben")
        await draw_all(number)
        await submit(number, range(600, 610))
        await label_all(number)
        audit = await number.running_audit.audit(number.deployments.get("replies").loaded.declared)
        assert audit.sampled >= 10  # and those that the coin drew before
        assert audit.wrong == 0

    async def test_what_is_too_far_off_fails_its_gate(self, number: App, folders: Folders) -> None:
        await first_live(number, label_all)
        await edit(number, folders, NUMBER, "amount=inquiry.number + 0.6")
        release = await gate(number)
        assert release.step == "failed"
        assert release.gate is not None
        assert release.gate["broken"] >= LABELLED

    async def test_another_tolerance_is_another_version(
        self, number: App, folders: Folders
    ) -> None:
        await first_live(number, label_all)
        before = number.deployments.get("replies").live.id
        stricter = NUMBER | {"scorer": "Within(absolute=0.2)"}
        await edit(number, folders, stricter, "amount=inquiry.number + 0.3")
        release = await gate(number)
        assert release.behaviour != before
        assert release.step == "failed"  # by its own scorer everything is wrong now


class TestSurfaces:
    """People ask for judgements over HTTP, on the release's page and in the terminal."""

    async def test_over_http_and_on_the_page(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        write(folders.parent, TEXT, 'text=f"Inquiry {inquiry.number} is on its way."')
        async with serving(settings, url) as site:
            app = site.app
            await first_live(app, judge_all)
            before = (await app.monitoring.overview(declared_of(app), halted=False)).total["tasks"]
            await edit(app, folders, TEXT, 'text=f"We sent {inquiry.number} today."')
            release = await gate(app)
            assert release.gate is not None
            unknown = release.gate["unknown"]["n"]
            assert (release.step, unknown >= LABELLED) == ("planned", True)
            async with browsing(site, "ben") as ben:
                page = (await ben.get(f"/releases/{release.id}")).text
                assert "nobody has judged" in page
                assert "Ask people to judge them" in page
                answer = await ben.post(f"/releases/{release.id}", data={"what": "open-reviews"})
                assert answer.status_code == 200
            token = await app.people.issue_token("ben")
            async with httpx2.AsyncClient(
                base_url=f"{site.address}/v1", headers={"Authorization": f"Bearer {token}"}
            ) as engineer:
                answer = await engineer.post(f"/releases/{release.id}/open-reviews", json={})
                assert answer.json() == {"release": release.id, "opened": 0}  # the page did it
                answer = await engineer.post(f"/releases/{release.id}/open-reviews", json={"x": 1})
                assert answer.status_code == 422
            waiting = await app.reviews.waiting("replies")
            assert (waiting["waiting"], waiting["blind"]) == (unknown, 0)
            receipts = await app.receipts.search(
                Filter(use_case="replies"), served=["replies"], most=1000
            )
            # They are listed among the tasks, so that nobody can distinguish them; no figure counts
            # them.
            assert len(receipts) == before + unknown
            after = (await app.monitoring.overview(declared_of(app), halted=False)).total["tasks"]
            assert after == before

    def test_in_the_terminal(self, tmp_path: Path, folders: Folders, url: str) -> None:
        write(folders.parent, TEXT, 'text=f"Inquiry {inquiry.number} is on its way."')
        terminal = Terminal(tmp_path, url)
        terminal.run("release", "open-reviews", "replies", code=1)
        assert "No release of 'replies' is under way" in terminal.errors


class TestBadScorers:
    @pytest.mark.parametrize(
        ("scorer", "said"),
        [
            ('Fields("nope")', "The output has no field 'nope' to score"),
            ("Within()", "needs absolute= or relative="),
            ("Within(absolute=float('nan'))", "is no distance"),
            ("Judged", "is no scorer"),
            ("lambda proposed: 1", "does not take exactly (proposed, right, input)"),
            ("lambda proposed, right, input: 1 / 0", "ZeroDivisionError"),
            ("lambda proposed, right, input: 'good'", "gave str instead of a Score"),
            ("lambda proposed, right, input: Score(loss=float('nan'))", "a loss of nan"),
            ("lambda proposed, right, input: Score(loss=2)", "a loss of 2"),
            ("lambda proposed, right, input: Score(loss=0.5)", "itself a loss of 0.5"),
            (
                "lambda one, two, input: Score(loss=float(one['text'] > two['text']))",
                "is not symmetric",
            ),
        ],
    )
    def test_check_names_what_is_wrong_with_a_scorer(
        self, folders: Folders, scorer: str, said: str
    ) -> None:
        write(folders.parent, TEXT | {"scorer": scorer}, 'text="x"')
        folder = folders.parent / "replies"
        text = (folder / "usecase.py").read_text()
        imported = "from roadbed import Fields, Judged, Score, Within\n"
        (folder / "usecase.py").write_text(imported + text)
        (folder / "examples").mkdir()
        (folder / "examples" / "past.jsonl").write_text(
            '{"input": {"number": 1}, "output": {"text": "one"}}\n'
            '{"input": {"number": 2}, "output": {"text": "two"}}\n'
        )
        problems = check(folder).problems
        assert any(said in str(problem.problem) for problem in problems), problems
        assert all(problem.remedy and problem.line for problem in problems)

    async def test_a_verdict_is_kept_where_the_scorer_fails(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        broken = NUMBER | {"scorer": "lambda proposed, right, input: 1 / 0"}
        write(folders.parent, broken, "amount=1.0")
        async with open_app(settings, url) as app:
            await submit(app, [1])
            [review] = await app.reviews.claim_next("replies", reviewer="rae")
            given = await app.reviews.give(
                declared_of(app),
                review.id,
                VerdictKind.CORRECT,
                reviewer="rae",
                output={"amount": 1.0},
            )
            assert (given.agrees, given.loss) == (False, None)
            assert "ZeroDivisionError" in given.score_reason
            receipt = await app.receipts.get(review.task_id, viewer="rae")
            assert receipt["review"]["verdict"]["right_output"] == {"amount": 1.0}
            assert receipt["review"]["verdict"]["loss"] is None
