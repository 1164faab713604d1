"""A faulty scorer of a pod makes no answer right and loses no verdict."""

from __future__ import annotations

import math
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed import Cited, Exact, Fields, Judged, Score, Sets, Within
from roadbed.app import App
from roadbed.executors.in_process import Failed
from roadbed.reviews.model import VerdictKind
from roadbed.scoring.function_scorer import FunctionScorer, GuardedScorer, as_scorer
from roadbed.scoring.scorers import is_wrong
from tests.acceptance.test_api import TASKS
from tests.conftest import Site
from tests.unit.test_decisions import decide
from tests.unit.test_trust import declared, stand

HUGE = 10**400


class NotANumber(Exact):
    def score(self, proposed: Any, right: Any, input: Any) -> Score:
        return Score(loss=math.nan)


class Raises(Fields):
    def score(self, proposed: Any, right: Any, input: Any) -> Score:
        raise RuntimeError("no score today")


class SpeechlessError(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


class Whatever(float):
    def __le__(self, other: object) -> bool:
        return True

    __ge__ = __le__


class OwnScore(Score):
    """A score of a pod's class, with an unchecked loss."""

    def __init__(self, loss: Any, why: Any = "") -> None:
        object.__setattr__(self, "loss", loss)
        object.__setattr__(self, "why", why)


def speechless(proposed: Any, right: Any, input: Any) -> Score:
    raise SpeechlessError


def says(text: Any, loss: float | None = 0.25) -> Any:
    return lambda *_: Score(loss=loss, why=text)


def fails_with(text: str) -> Any:
    def fails(proposed: Any, right: Any, input: Any) -> Score:
        raise RuntimeError(text)

    return fails


def changed() -> Fields:
    """A built-in scorer whose method was replaced."""
    scorer = Fields("queue")
    scorer.score = lambda *_: OwnScore(math.nan)  # type: ignore[method-assign]
    return scorer


NO_LOSS = {
    "a subclass that gives no number": NotANumber(),
    "a subclass that raises": Raises("queue"),
    "a changed method": changed(),
    "a function that raises without words": speechless,
    "a loss without end": lambda *_: Score(loss=HUGE),
    "a loss of two": lambda *_: Score(loss=2),
    "a number of its own": lambda *_: OwnScore(Whatever(7)),
    "a score of its own": lambda *_: OwnScore(math.nan),
    "words that no database takes": fails_with("a\x00b\ud800c"),
    "words without end": lambda *_: Score.unknown("x" * 5_000_000),
    "no words": lambda *_: OwnScore(None, why=object()),
    "words that raise": lambda *_: OwnScore(None, why=SpeechlessError()),
}


class TestScores:
    @given(st.floats() | st.integers() | st.booleans() | st.text() | st.just(HUGE) | st.just(-HUGE))
    def test_a_score_holds_a_loss_from_0_to_1_or_there_is_none(self, loss: Any) -> None:
        fits = isinstance(loss, int | float) and not isinstance(loss, bool) and 0 <= loss <= 1
        if fits:
            assert Score(loss=loss).loss == loss
        else:
            with pytest.raises(ValueError, match="is not one from 0 to 1"):
                Score(loss=loss)

    def test_a_loss_that_cannot_be_shown_is_named_by_its_type(self) -> None:
        with pytest.raises(ValueError, match="a loss of int is not"):
            Score(loss=10**5_000)  # too long for Python to write down

    def test_its_reason_can_be_stored_and_is_short(self) -> None:
        assert Score(loss=1.0, why="a\x00b\ud800c").why == "a\ufffdb\ufffdc"
        assert len(Score.unknown("x" * 5_000).why) == 500
        assert Score(loss=None, why=7).why == "7"  # type: ignore[arg-type]

    @pytest.mark.parametrize("name", NO_LOSS)
    def test_what_gives_no_loss_is_unknown_and_wrong(self, name: str) -> None:
        result = as_scorer(NO_LOSS[name]).score({"queue": "a"}, {"queue": "a"}, {})
        assert type(result) is Score
        assert result.loss is None
        assert is_wrong(result, tolerance=1.0)
        assert len(result.why) <= 500
        result.why.encode()
        assert "\x00" not in result.why

    def test_only_an_object_of_a_class_of_ours_is_not_guarded(self) -> None:
        ours = [
            Exact(),
            Fields("q"),
            Within(absolute=1),
            Sets("q"),
            Cited(),
            Judged(),
            FunctionScorer(says("")),
        ]
        assert [as_scorer(scorer) for scorer in ours] == ours
        for scorer in (NotANumber(), Raises("q"), changed()):
            guarded = as_scorer(scorer)
            assert isinstance(guarded, GuardedScorer)
            assert as_scorer(guarded) is guarded

    def test_what_it_says_of_itself_never_raises(self) -> None:
        class Shy(Exact):
            def facts(self) -> dict[str, Any]:
                raise RuntimeError("not today")

            def problems(self, fields: Any) -> Any:
                raise SpeechlessError

        class Odd(Exact):
            def facts(self) -> Any:
                return ["\x00"]

        assert as_scorer(Shy()).facts() == {"scorer": "Shy"}
        assert list(as_scorer(Shy()).problems({})) == [
            "The scorer's problems() failed: SpeechlessError"
        ]
        assert as_scorer(Odd()).facts() == {"scorer": "Odd"}
        assert as_scorer(NotANumber()).facts() == {"scorer": "exact"}

    @pytest.mark.parametrize("sides", [(HUGE, 1), (1, HUGE), (HUGE, HUGE + 1), (1.7e308, -1.7e308)])
    def test_numbers_without_end_are_compared_and_not_right(self, sides: Any) -> None:
        one, other = ({"n": side} for side in sides)
        assert Within(absolute=1, relative=1.5).score(one, other, {}).loss == 1.0
        assert Within(absolute=1).score(one, one, {}).loss == 0.0

    def test_sets_of_no_field_are_equal_or_not(self) -> None:
        assert Sets().score({"n": [1]}, {"n": [1]}, {}).loss == 0.0
        assert Sets().score({"n": [1]}, {"n": [2]}, {}).loss == 1.0


def test_a_decider_that_fails_without_words_fails_all_the_same() -> None:
    assert Failed(SpeechlessError()).sentence == "SpeechlessError"
    assert Failed(ValueError("odd")).sentence == "ValueError: odd"


class TestInTheProduct:
    @pytest.mark.parametrize(
        ("scorer", "loss"),
        [
            *((scorer, None) for scorer in NO_LOSS.values()),
            (says("a\x00b\ud800c"), 0.25),
            (says("x" * 5_000_000), 0.25),
        ],
        ids=[*NO_LOSS, "a reason no database takes", "a reason without end"],
    )
    async def test_the_verdict_is_kept(self, site: Site, scorer: Any, loss: float | None) -> None:
        declared(site.app).scorer = as_scorer(scorer)
        sent = (await site.shop.post(TASKS, json={"input": {"text": "to returns"}})).json()
        await site.reviewer.post(f"/reviews/{sent['review']['id']}/claim")
        right = {"verdict": "correct", "output": {"queue": "billing"}}
        given = await site.reviewer.post(f"/reviews/{sent['review']['id']}/verdict", json=right)
        assert given.status_code == 200, given.text
        [row] = await site.app.database.fetch("SELECT loss, agrees, score_reason FROM verdict", {})
        assert (row["loss"], row["agrees"]) == (loss, False)
        assert len(row["score_reason"]) <= 500

    @pytest.mark.parametrize("scorer", [NotANumber(), Raises("queue")], ids=["nan", "raises"])
    async def test_no_version_opens_by_it(self, app: App, scorer: Any) -> None:
        await stand(app, threshold=None, state="shadow", reference_rate=1.0)
        for number in range(120):
            decision = await decide(app, f"number {number}")
            assert decision.review_id is not None
            await app.reviews.give(
                declared(app),
                decision.review_id,
                VerdictKind.CORRECT,
                reviewer="ana",
                output={"queue": "billing"},
            )
        declared(app).scorer = as_scorer(scorer)
        declared(app).risk_limit = 0.1
        looked = await app.deployer.improve(app.deployments.get("triage").loaded, actor="ben")
        assert looked.certificate is not None
        assert looked.certificate["items"] == 120
        assert looked.certificate["threshold"] is None
        assert "120 are wrong" in looked.certificate["detail"]["why_not"]

    async def test_no_other_loss_is_ever_stored(self, app: App) -> None:
        decision = await decide(app, "to returns")
        assert decision.review_id is not None
        right = {"queue": "billing"}
        await app.reviews.give(
            declared(app), decision.review_id, VerdictKind.CORRECT, reviewer="ana", output=right
        )
        for loss in (math.nan, 2.0, -0.1):
            with pytest.raises(psycopg.errors.CheckViolation):
                async with app.database.transaction() as connection:
                    await connection.execute("UPDATE verdict SET loss = %(loss)s", {"loss": loss})
