"""Gaps: questions that people confirmed to be not in the documents, grouped and decided."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.kernel.settings import Settings
from roadbed.knowledge.errors import GapReportError, NoLibraryError, UnknownGapError
from roadbed.knowledge.gaps import (
    ConfirmedAnswer,
    Gap,
    GapDecision,
    GapQuestion,
    GapState,
    gaps_of,
)
from roadbed.reviews.model import VerdictKind
from tests.browsing import browsing
from tests.conftest import serving
from tests.unit.test_corrected_answers import ask, citation, library, ready

__all__ = ["library"]  # a fixture
MORNING = datetime(2026, 1, 5, 9, tzinfo=UTC)
PARKING = "Where may visitors park their cars?"
PARKING_TOO = "Where may visitors park the cars of guests?"
MEALS = "Which meals does the cafeteria serve?"


def at(hours: float) -> datetime:
    return MORNING + timedelta(hours=hours)


def asked(question: str, hours: float, by: str | None = "ben") -> GapQuestion:
    return GapQuestion(task_id=f"tsk_{hours:g}", question=question, asked_by=by, at=at(hours))


def decided(state: GapState, hours: float, of: float) -> GapDecision:
    return GapDecision(
        task_id=f"tsk_{of:g}", state=state, note=None, decided_by="ana", decided_at=at(hours)
    )


def words(text: str) -> list[str]:
    return text.lower().strip("?").split()


def grouped(
    questions: list[GapQuestion],
    answers: list[ConfirmedAnswer] | None = None,
    decisions: list[GapDecision] | None = None,
) -> list[Gap]:
    return gaps_of(questions, answers or [], decisions or [], words)


class TestGroups:
    def test_questions_that_share_most_words_make_one_gap(self) -> None:
        gaps = grouped([asked(MEALS, 3, None), asked(PARKING_TOO, 2, "eve"), asked(PARKING, 1)])
        assert [[item.question for item in gap.questions] for gap in gaps] == [
            [PARKING_TOO, PARKING],
            [MEALS],
        ]
        assert (gaps[0].id, gaps[0].newest.question) == ("tsk_1", PARKING_TOO)
        assert [gap.people for gap in gaps] == [["ben", "eve"], []]

    def test_a_question_without_words_is_a_gap_of_its_own(self) -> None:
        assert len(grouped([asked("", 1), asked("", 2), asked(MEALS, 3)])) == 3

    @given(st.lists(st.text(alphabet="ab c", max_size=9), max_size=12))
    def test_every_question_is_in_one_gap(self, texts: list[str]) -> None:
        questions = [asked(text, hours) for hours, text in enumerate(texts)]
        gaps = grouped(questions[::-1])
        members = [item.task_id for gap in gaps for item in gap.questions]
        assert sorted(members) == sorted(item.task_id for item in questions)


class TestStates:
    def state(self, **more: Any) -> GapState:
        [gap] = grouped([asked(PARKING, 1), asked(PARKING_TOO, 2)], **more)
        return gap.state

    def test_open_until_an_answer_is_confirmed_later(self) -> None:
        assert self.state() == "open"
        assert self.state(answers=[ConfirmedAnswer(question=PARKING, at=at(1.5))]) == "open"
        assert self.state(answers=[ConfirmedAnswer(question=MEALS, at=at(3))]) == "open"
        assert self.state(answers=[ConfirmedAnswer(question=PARKING, at=at(3))]) == "filled"

    def test_filled_by_hand_until_it_is_asked_in_vain_again(self) -> None:
        assert self.state(decisions=[decided("filled", 3, of=1)]) == "filled"
        assert self.state(decisions=[decided("filled", 1.5, of=1)]) == "open"

    def test_dismissed_for_good_and_open_again_by_hand(self) -> None:
        assert self.state(decisions=[decided("dismissed", 1.5, of=1)]) == "dismissed"
        both = [decided("dismissed", 3, of=1), decided("open", 4, of=2)]
        assert self.state(decisions=both) == "open"
        answers = [ConfirmedAnswer(question=PARKING, at=at(3.5))]
        assert self.state(decisions=both, answers=answers) == "open"
        later = [ConfirmedAnswer(question=PARKING, at=at(5))]
        assert self.state(decisions=both, answers=later) == "filled"


async def confirm(app: App, question: str, *, kind: VerdictKind = VerdictKind.ACCEPT) -> str:
    """Ask, and say that the answer, or that nothing is in the documents, is right."""
    decision = await ask(app, question)
    await app.reviews.give(
        app.deployments.get("ask").loaded.declared,
        decision["review_id"],
        kind,
        reviewer="chi",
        output={"route": "not_in_documents"} if kind is VerdictKind.CORRECT else None,
    )
    return str(decision["task_id"])


async def known(app: App) -> list[Gap]:
    declared = app.deployments.get("ask").loaded.declared
    return list(await app.libraries.gaps.list("ask", declared.library))


async def waiting(app: App, person: str) -> list[int]:
    viewer = await app.people.viewer(person)
    items = await app.inbox.items(viewer, ["ask"])
    return [item.count for item in items if item.kind == "gap"]


async def test_confirmed_answers_make_gaps_and_fill_them(
    settings: Settings, library: Path, url: str
) -> None:
    async with open_app(settings, url) as app:
        await ready(app)
        await app.members.add("ana", by="test")
        assert await known(app) == []
        task = await confirm(app, PARKING)
        await confirm(app, PARKING_TOO)
        other = await confirm(app, "May a hotel cost more?", kind=VerdictKind.CORRECT)
        parking, hotel = await known(app)
        assert (len(parking.questions), parking.id, parking.state) == (2, task, "open")
        assert (hotel.id, hotel.people) == (other, ["ben"])
        assert await waiting(app, "ana") == [2]
        declared = app.deployments.get("ask").loaded.declared
        dismissed = await app.libraries.gaps.decide(
            "ask", declared.library, other, "dismissed", by="ana", note="No."
        )
        assert dismissed.decision is not None
        assert (dismissed.state, dismissed.decision.note) == ("dismissed", "No.")
        assert await waiting(app, "ana") == [1]
        (library / "parking.md").write_text("# Parking\n\nVisitors park cars behind the house.\n")
        await ready(app)
        right = await citation(app, "visitors park cars")
        decision = await ask(app, PARKING)
        await app.reviews.give(
            declared,
            decision["review_id"],
            VerdictKind.CORRECT,
            reviewer="chi",
            output={"route": "answer", "text": "Behind.", "citations": [right]},
        )
        assert [gap.state for gap in await known(app)] == ["filled", "dismissed"]
        assert await waiting(app, "ana") == []
        with pytest.raises(UnknownGapError):
            await app.libraries.gaps.decide("ask", declared.library, "tsk_none", "filled", by="ana")
        with pytest.raises(NoLibraryError):
            await app.libraries.gaps.list("triage", None)
        with pytest.raises(NoLibraryError):
            await app.libraries.gaps.report("triage", None, task, by="ana")


async def test_a_verdict_that_is_taken_back_is_no_gap_any_more(
    settings: Settings, library: Path, url: str
) -> None:
    async with open_app(settings, url) as app:
        await ready(app)
        decision = await ask(app, PARKING)
        declared = app.deployments.get("ask").loaded.declared
        review = decision["review_id"]
        await app.reviews.give(declared, review, VerdictKind.ACCEPT, reviewer="chi")
        assert len(await known(app)) == 1
        await app.reviews.undo(review, reviewer="chi")
        assert await known(app) == []
        await app.reviews.give(declared, review, VerdictKind.ACCEPT, reviewer="chi")
        await app.erasure.erase(decision["task_id"], by="ana", reason="asked for")
        assert await known(app) == []


async def test_a_person_reports_a_gap(settings: Settings, library: Path, url: str) -> None:
    async with open_app(settings, url) as app:
        await ready(app)
        declared = app.deployments.get("ask").loaded.declared.library
        task = str((await ask(app, PARKING))["task_id"])
        for _time in range(2):
            gap = await app.libraries.gaps.report("ask", declared, task, by="chi")
            assert (gap.id, gap.state) == (task, "open")
        blind = str((await ask(app, MEALS))["task_id"])
        await app.database.fetch(
            "UPDATE task SET reference = true WHERE id = %(task)s", {"task": blind}
        )
        await app.database.fetch(
            "UPDATE review SET blind = true WHERE task_id = %(task)s", {"task": blind}
        )
        with pytest.raises(GapReportError, match="waits for a blind review"):
            await app.libraries.gaps.report("ask", declared, blind, by="chi")


async def test_the_pages_of_gaps(settings: Settings, library: Path, url: str) -> None:
    path = "/usecases/ask/gaps"
    async with serving(settings, url) as site:
        await ready(site.app)
        await site.app.members.add("rae", by="test")
        await site.app.members.grant("rae", "ask", "reviewer", by="boss")
        async with browsing(site, "rae") as browser:
            empty = await browser.get(path)
            assert "Questions that no document answers will be listed here." in empty.text
            task = await confirm(site.app, PARKING)
            page = await browser.get(path)
            assert "1 gap is open: no document answers its questions." in page.text
            assert PARKING in page.text
            assert 'value="dismissed"' not in page.text
            forbidden = await browser.post(f"{path}/{task}", data={"state": "dismissed"})
            assert forbidden.status_code == 403
            other = str((await ask(site.app, MEALS))["task_id"])
            reported = await browser.post(f"{path}/{other}/report")
            assert "2 gaps are open" in reported.text
            exported = await browser.get(f"{path}/export.csv")
            assert PARKING in exported.text
        async with browsing(site, "ana") as browser:
            page = await browser.post(f"{path}/{task}", data={"state": "filled", "note": "It is."})
            assert "1 gap is open" in page.text
            assert "It is." in page.text
            await browser.post(f"{path}/{task}", data={"state": "nonsense"})
            assert (await browser.get("/usecases/triage/gaps")).status_code in (404, 409)


async def test_gaps_over_http(settings: Settings, library: Path, url: str) -> None:
    path = "/usecases/ask/gaps"
    async with serving(settings, url) as site:
        await ready(site.app)
        task = await confirm(site.app, PARKING)
        await site.app.members.grant("shop", "ask", "domain_lead", by="boss")
        [gap] = (await site.shop.get(path)).json()["gaps"]
        assert (gap["id"], gap["state"]) == (task, "open")
        assert gap["questions"][0]["question"] == PARKING
        assert (await site.shop.post(f"{path}/{task}/decide", json={})).status_code == 422
        body = {"state": "dismissed", "note": "No."}
        answer = await site.shop.post(f"{path}/{task}/decide", json=body)
        assert answer.json()["gap"]["decision"]["note"] == "No."
        assert (await site.shop.get(f"{path}?state=open")).json() == {"gaps": []}
        other = str((await ask(site.app, MEALS))["task_id"])
        reported = await site.shop.post(f"{path}/{other}/report")
        assert reported.json()["gap"]["id"] == other
        unknown = str((await ask(site.app, "How much may a hotel cost?"))["task_id"])
        missing = await site.shop.post(f"{path}/{unknown}/decide", json=body)
        assert (missing.status_code, missing.json()["code"]) == (404, "unknown_gap")
