"""Scoring: content with one hash, the scorers, and the labels of a case."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from pydantic import BaseModel

from roadbed import Cited, Exact, Fields, Judged, Score, Sets, Within
from roadbed.scoring.content import Content, canonical, content_hash, same
from roadbed.scoring.function_scorer import FunctionScorer, as_scorer
from roadbed.scoring.scorers import NO_LABEL, Scorer, Truth, agree, assess, is_wrong
from roadbed.storage.embedded import EmbeddedServer
from roadbed.usecases.errors import UseCaseError
from tests.databases import database
from tests.unit.test_usecases import declare

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=4)
REFUND = {"name": "refund", "arguments": {"amount": 5}}
CASE = {"name": "open-case", "arguments": {}}


@pytest.fixture(scope="module")
def stored(server: EmbeddedServer) -> Iterator[Any]:
    """Gives a JSON value back as PostgreSQL keeps it."""
    with database(server) as address, psycopg.connect(address, autocommit=True) as connection:

        def stored(value: object) -> Any:
            row = connection.execute("SELECT %s::jsonb", [Jsonb(value)]).fetchone()
            assert row is not None
            return row[0]

        yield stored


class TestContent:
    @given(OBJECTS)
    @example({"whole": 1.0, "large": 1e22, "larger": 1e23, "tenth": 0.1, "none": -0.0})
    @example({"least": 5e-324, "most": 1.7976931348623157e308, "nested": [{"deep": [2.0, [-3.0]]}]})
    @example({"b": 1, "a": 2, "ä": "\n", "": None, "yes": True, "one": 1, "huge": 10**30})
    def test_its_hash_is_the_same_after_the_database_has_stored_it(
        self, stored: Any, value: dict[str, Any]
    ) -> None:
        action = {"name": "refund", "arguments": value, "decide": "allow"}
        before = Content(output=value, actions=[action], provenance={"from": value})
        after = Content(
            output=stored(value),
            actions=stored([action]),
            provenance=stored({"from": value}),
        )
        assert after.hash == before.hash
        assert same(value, stored(value))

    @pytest.mark.usefixtures("unmeasured")
    @given(OBJECTS, OBJECTS)
    def test_only_the_same_value_has_the_same_canonical_form(
        self, stored: Any, one: dict[str, Any], other: dict[str, Any]
    ) -> None:
        assume(not any(map(_has_yes_or_no, (one, other))))  # to Python, True is 1
        assert same(one, other) is (stored(one) == stored(other))

    @pytest.mark.parametrize(
        ("value", "written"),
        [
            ({"b": 1, "a": [1.0, -0.0, 2.5]}, '{"a":[1,0,2.5],"b":1}'),
            (1e22, "10000000000000000000000"),
            (1e23, "100000000000000000000000"),
            ((1, {"ä": None}), '[1,{"ä":null}]'),
            (True, "true"),
        ],
    )
    def test_canonical_json_is_written_in_one_way(self, value: object, written: str) -> None:
        assert canonical(value) == written

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
    def test_what_is_no_number_has_no_canonical_form(self, value: object) -> None:
        with pytest.raises(ValueError, match="JSON compliant"):
            canonical(value)

    def test_yes_is_not_one(self) -> None:
        assert not same({"sure": True}, {"sure": 1})
        assert same({"sure": 1}, {"sure": 1.0})

    def test_what_a_rule_decides_on_an_action_is_no_part_of_it(self) -> None:
        bare = Content(output={"q": 1}, actions=[REFUND])
        screened = Content(
            output={"q": 1}, actions=[{**REFUND, "n": 0, "decide": "review", "reason": "big"}]
        )
        assert screened.hash == bare.hash
        assert screened.proposed_actions == [REFUND]

    @pytest.mark.parametrize(
        "other",
        [
            Content(output={"q": 2}, actions=[CASE, REFUND], provenance={"page": 3}),
            Content(output={"q": 1}, actions=[REFUND, CASE], provenance={"page": 3}),
            Content(output={"q": 1}, actions=[CASE], provenance={"page": 3}),
            Content(output={"q": 1}, actions=[CASE, REFUND], provenance={"page": 4}),
            Content(
                output={"q": 1},
                actions=[CASE, {"name": "refund", "arguments": {"amount": 6}}],
                provenance={"page": 3},
            ),
        ],
    )
    def test_another_output_action_order_argument_or_source_is_another_content(
        self, other: Content
    ) -> None:
        one = Content(output={"q": 1}, actions=[CASE, REFUND], provenance={"page": 3})
        assert one.hash != other.hash

    def test_nothing_proposed_has_no_hash(self) -> None:
        assert content_hash(None) is None
        assert content_hash(Content(output={})) == Content(output={}).hash


def _has_yes_or_no(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_has_yes_or_no, value.values()))
    if isinstance(value, list):
        return any(map(_has_yes_or_no, value))
    return isinstance(value, bool)


PLACE = {"document": "a.md", "version": 1, "place": "Refunds", "quote": "yes"}
OTHER = {**PLACE, "place": "Returns"}
ANSWERED = {"route": "answer", "text": "yes", "citations": [{**PLACE, "version": 2, "quote": ""}]}


def loss(scorer: Scorer, proposed: dict[str, Any], right: dict[str, Any]) -> float | None:
    return scorer.score(proposed, right, {}).loss


class TestScorers:
    @pytest.mark.parametrize(
        ("scorer", "proposed", "right", "expected"),
        [
            (Exact(), {"q": "a"}, {"q": "a"}, 0.0),
            (Exact(), {"q": 1.0}, {"q": 1}, 0.0),
            (Exact(), {"q": "a", "r": 1}, {"q": "a", "r": 2}, 1.0),
            (Exact(), {"q": "a"}, {"q": "a", "r": None}, 1.0),
            (Fields("q"), {"q": "a", "r": 1}, {"q": "a", "r": 2}, 0.0),
            (Cited(), ANSWERED, {**ANSWERED, "text": "other words"}, 0.0),
            (Cited(), {"route": "answer", "citations": [PLACE, OTHER]}, ANSWERED, 0.0),
            (Cited(), {"route": "answer", "citations": [OTHER, PLACE]}, ANSWERED, 1.0),
            (Cited(), {"route": "answer", "citations": [OTHER]}, ANSWERED, 1.0),
            (Cited(), {"route": "answer"}, ANSWERED, 1.0),
            (Cited(), {"route": "not_in_documents", "citations": [PLACE]}, ANSWERED, 1.0),
            (Cited(), {"route": "not_in_documents"}, {"route": "not_in_documents"}, 0.0),
            (Cited(), ANSWERED, {"route": "answer", "citations": []}, None),
            (Fields("q", "r"), {"q": "a", "r": 1}, {"q": "a", "r": 2}, 1.0),
            (Within(absolute=0.5), {"n": 1.5}, {"n": 2}, 0.0),
            (Within(absolute=0.5), {"n": 1.4}, {"n": 2}, 1.0),
            (Within(relative=0.1), {"n": 90}, {"n": 100}, 0.0),
            (Within(relative=0.1), {"n": 100}, {"n": 90}, 1.0),
            (Within(relative=0.1), {"n": -95}, {"n": -100}, 0.0),
            (Within(relative=0.1), {"n": 0.001}, {"n": 0}, 1.0),
            (Within(relative=0.1), {"n": 0}, {"n": 0.0}, 0.0),
            (Within(absolute=1, relative=0.1), {"n": 1}, {"n": 0}, 0.0),
            (Within(absolute=9), {"n": 1, "q": "a"}, {"n": 2, "q": "b"}, 1.0),
            (Within(absolute=9, fields="n"), {"n": 1, "m": 1}, {"n": 2, "m": 2}, 1.0),
            (Within(absolute=9, fields=["n", "m"]), {"n": 1, "m": 1}, {"n": 2, "m": 2}, 0.0),
            (Within(absolute=9), {"n": True}, {"n": 1}, 1.0),
            (Within(absolute=9), {"n": None}, {"n": 1}, 1.0),
            (Within(absolute=9), {}, {"n": 1}, 1.0),
            (Sets("tags"), {"tags": ["b", "a", "a"]}, {"tags": ["a", "b"]}, 0.0),
            (Sets("tags"), {"tags": ["a"]}, {"tags": ["a", "b"]}, 0.5),
            (Sets("tags"), {"tags": []}, {"tags": []}, 0.0),
            (Sets("tags"), {"tags": []}, {"tags": ["a"]}, 1.0),
            (Sets("tags"), {"tags": None}, {"tags": ["a"]}, 1.0),
            (Sets("tags"), {"tags": None}, {"tags": None}, 0.0),
            (Sets("tags"), {"tags": [{"a": 1.0}]}, {"tags": [{"a": 1}]}, 0.0),
            (Sets("tags"), {"tags": ["a"], "q": 1}, {"tags": ["a"], "q": 2}, 1.0),
            (Sets("a", "b"), {"a": [1], "b": [1]}, {"a": [1], "b": [1, 2]}, 0.25),
            (Judged(), {"text": "so"}, {"text": "so"}, 0.0),
            (Judged(), {"text": "so"}, {"text": "not so"}, None),
        ],
    )
    def test_each_says_how_far_an_output_is_from_the_right_one(
        self,
        scorer: Scorer,
        proposed: dict[str, Any],
        right: dict[str, Any],
        expected: float | None,
    ) -> None:
        assert loss(scorer, proposed, right) == expected

    def test_a_wrong_one_names_the_fields_that_differ(self) -> None:
        proposed, right = {"q": "a", "r": 1, "s": 1}, {"q": "b", "r": 1, "s": 2}
        assert Exact().score(proposed, right, {}).why == "It differs in q, s."
        assert Fields("s").score(proposed, right, {}).why == "It differs in s."
        assert Sets("t").score({"t": [1]}, {"t": [2]}, {}).why == "It differs in t."

    @given(OBJECTS)
    def test_what_is_equal_is_right_by_every_scorer(self, value: dict[str, Any]) -> None:
        scorers: list[Scorer] = [
            Exact(),
            Fields("a", "b"),
            Within(absolute=0.0),
            Sets("a"),
            Cited(),
            Judged(),
            FunctionScorer(lambda one, other, _: Score(loss=float(not same(one, other)))),
        ]
        assert [loss(scorer, value, value) for scorer in scorers] == [0.0] * len(scorers)

    @given(OBJECTS, OBJECTS)
    def test_every_loss_lies_between_right_and_wrong(
        self, one: dict[str, Any], other: dict[str, Any]
    ) -> None:
        for scorer in (Exact(), Fields("a"), Within(absolute=1.0, relative=0.5), Sets("a", "b")):
            result = loss(scorer, one, other)
            assert result is not None
            assert 0.0 <= result <= 1.0

    def test_only_judged_needs_a_person(self) -> None:
        function = FunctionScorer(lambda one, other, given: Score(loss=0.0))
        scorers = (Exact(), Fields("a"), Within(absolute=1), Sets("a"), Cited(), function)
        assert not any(scorer.needs_person for scorer in scorers)
        assert Judged().needs_person

    def test_each_says_what_it_is(self) -> None:
        def close(proposed: Any, right: Any, input: Any) -> Score:
            return Score(loss=0.0)

        assert Exact().facts() == {"scorer": "exact"}
        assert Cited().facts()["counts"] == "first"
        assert Cited().facts()["compares"] == "passages"
        assert Fields("a").facts() == {"scorer": "fields", "fields": ["a"]}
        assert Within(relative=0.1, fields="n").facts() == {
            "scorer": "within",
            "absolute": None,
            "relative": 0.1,
            "fields": ["n"],
        }
        assert Sets("t").facts() == {"scorer": "sets", "fields": ["t"]}
        assert Judged().facts() == {"scorer": "judged"}
        assert FunctionScorer(close).facts() == {"scorer": "function", "function": "close"}


def raises(proposed: Any, right: Any, input: Any) -> Score:
    raise RuntimeError("no idea")


def leaves(proposed: Any, right: Any, input: Any) -> Score:
    raise SystemExit(3)


class TestFunctions:
    @pytest.mark.parametrize(
        ("function", "why"),
        [
            (raises, "The scorer failed: RuntimeError: no idea"),
            (leaves, "The scorer failed: SystemExit: 3"),
            (lambda *_: Score(loss=float("nan")), "a loss of nan is not one from 0 to 1"),
            (lambda *_: Score(loss=2), "a loss of 2 is not one from 0 to 1"),
            (lambda *_: Score(loss=-0.1), "a loss of -0.1"),
            (lambda *_: Score(loss=True), "a loss of True"),
            (lambda *_: Score(loss="0"), "a loss of '0'"),  # type: ignore[arg-type]
            (lambda *_: "right", "gave str instead of a Score"),
            (lambda *_: 0.0, "gave float instead of a Score"),
            (lambda *_: None, "gave NoneType instead of a Score"),
            (lambda *_: Score.unknown("No map of this town."), "No map of this town."),
        ],
    )
    def test_whatever_goes_wrong_in_one_is_an_unknown_score_that_says_why(
        self, function: Any, why: str
    ) -> None:
        result = FunctionScorer(function).score({}, {}, {})
        assert result.loss is None
        assert why in result.why
        assert is_wrong(result, tolerance=0.99)

    def test_what_it_gives_is_kept_with_its_reason(self) -> None:
        result = FunctionScorer(lambda *_: Score(loss=1, why="Far off.")).score({}, {}, {})
        assert result == Score(loss=1.0, why="Far off.")

    def test_it_sees_the_proposed_the_right_and_the_input(self) -> None:
        seen: list[Any] = []

        def look(*given: Any) -> Score:
            seen.extend(given)
            return Score(loss=0.0)

        FunctionScorer(look).score({"q": 1}, {"q": 2}, {"text": "so"})
        assert seen == [{"q": 1}, {"q": 2}, {"text": "so"}]

    def test_one_that_changes_what_it_is_given_changes_nothing(self) -> None:
        def spoils(proposed: Any, right: Any, input: Any) -> Score:
            proposed.clear()
            right["tags"].append("more")
            input["text"] = "else"
            return Score(loss=0.0)

        whole: list[Any] = [{"q": 1}, {"tags": ["a"]}, {"text": "so"}]
        assert FunctionScorer(spoils).score(*whole).loss == 0.0
        assert whole == [{"q": 1}, {"tags": ["a"]}, {"text": "so"}]

    def test_one_that_hangs_is_left_behind_and_the_next_pair_is_scored(self) -> None:
        let_go = threading.Event()

        def hangs(proposed: Any, right: Any, input: Any) -> Score:
            if proposed.get("hang"):
                let_go.wait(10)
            return Score(loss=0.0)

        scorer = FunctionScorer(hangs, seconds=0.05)
        try:
            result = scorer.score({"hang": True}, {}, {})
            assert (result.loss, result.why) == (None, "The scorer took more than 0.05 s.")
            scorer._seconds = 60.0  # a busy machine may take its time
            assert scorer.score({}, {}, {}).loss == 0.0
            scorer._seconds = 0.05
            for _ in range(3):
                assert scorer.score({"hang": True}, {}, {}).loss is None
            result = scorer.score({}, {}, {})
            assert result.loss is None
            assert "too slow several times" in result.why
        finally:
            let_go.set()

    def test_one_that_is_not_symmetric_lets_nobody_agree_by_its_lenient_side(self) -> None:
        scorer = FunctionScorer(
            lambda proposed, right, _: Score(loss=float(proposed["n"] > right["n"]))
        )
        small, large = Content(output={"n": 1}), Content(output={"n": 2})
        assert loss(scorer, {"n": 1}, {"n": 2}) == 0.0
        assert loss(scorer, {"n": 2}, {"n": 1}) == 1.0
        assert not agree(scorer, small, large, {})
        assert not agree(scorer, large, small, {})
        assert agree(scorer, small, small, {})

    def test_a_scorer_is_an_object_with_its_methods_or_a_function(self) -> None:
        class Half:
            def score(self, proposed: Any, right: Any, input: Any) -> Score:
                return Score(loss=0.5)

            def facts(self) -> dict[str, Any]:
                return {"scorer": "half"}

            def problems(self, fields: Any) -> Iterator[str]:
                yield from ()

        class Whole(Half):
            needs_person = False

        class Fails(Whole):
            def score(self, proposed: Any, right: Any, input: Any) -> Score:
                raise RuntimeError("no score today")

        exact = Exact()
        assert as_scorer(exact) is exact
        guarded = as_scorer(Whole())
        assert guarded.score({}, {}, {}).loss == 0.5
        assert (guarded.facts(), list(guarded.problems({}))) == ({"scorer": "half"}, [])
        assert guarded.needs_person is False
        assert "no score today" in as_scorer(Fails()).score({}, {}, {}).why
        assert isinstance(as_scorer(raises), FunctionScorer)
        for other in (Half(), Whole, Exact, 7, "exact", None):
            with pytest.raises(TypeError, match="is no scorer"):
                as_scorer(other)


def right(*actions: Any, known: bool = True, **more: Any) -> Truth:
    return Truth(right=Content(output={"q": "a"}, actions=actions), actions_known=known, **more)


def score(proposed: Content | None, truth: Truth, scorer: Scorer | None = None) -> Score:
    return assess(scorer or Exact(), proposed, truth, {"text": "so"})


class TestAssessing:
    def test_without_a_label_nobody_can_tell(self) -> None:
        for proposed in (None, Content(output={"q": "a"})):
            assert score(proposed, NO_LABEL).loss is None

    def test_no_answer_is_right_only_where_none_would_be(self) -> None:
        assert score(None, Truth(right=None)).loss == 0.0
        assert score(None, right()).loss == 1.0
        assert score(Content(output={"q": "a"}), Truth(right=None)).loss == 1.0

    def test_actions_that_are_known_must_be_the_same_in_the_same_order(self) -> None:
        def proposed(*actions: Any) -> Content:
            return Content(output={"q": "a"}, actions=actions)

        assert score(proposed(CASE, REFUND), right(CASE, REFUND)).loss == 0.0
        result = score(proposed(REFUND, CASE), right(CASE, REFUND))
        assert (result.loss, result.why) == (1.0, "Its actions differ from the right ones.")
        assert score(proposed(), right(REFUND)).loss == 1.0
        assert score(proposed(REFUND), right()).loss == 1.0

    def test_actions_nobody_judged_are_unknown_and_none_at_all_are_fine(self) -> None:
        bold = Content(output={"q": "a"}, actions=[REFUND])
        result = score(bold, right(known=False))
        assert (result.loss, result.why) == (None, "Nobody has judged the actions it proposes.")
        assert score(Content(output={"q": "a"}), right(known=False)).loss == 0.0
        # A wrong output is wrong with any actions.
        wrong = Content(output={"q": "b"}, actions=[REFUND])
        assert score(wrong, right(known=False)).loss == 1.0

    def test_half_a_loss_with_other_actions_is_a_whole_one(self) -> None:
        truth = Truth(right=Content(output={"t": [1, 2]}, actions=[CASE]), actions_known=True)
        half = Content(output={"t": [1]}, actions=[CASE])
        assert score(half, truth, Sets("t")).loss == 0.5
        assert score(Content(output={"t": [1]}), truth, Sets("t")).loss == 1.0

    def test_what_a_person_said_of_exactly_this_answer_counts_first(self) -> None:
        reply = Content(output={"q": "thanks"}, actions=[REFUND])
        other = Content(output={"q": "regards"})
        truth = right(losses={reply.hash: 0.0, "other": 1.0})
        assert score(reply, truth, Judged()).loss == 0.0
        assert score(reply, truth, Exact()).loss == 0.0
        assert score(other, truth, Judged()).loss is None
        assert score(other, right(losses={other.hash: 1.0}), Judged()).loss == 1.0
        # If no answer is right, an answer that a person judged as right still is.
        told = Truth(right=None, losses={other.hash: 0.0})
        assert score(other, told, Judged()).loss == 0.0

    def test_an_answer_stored_without_its_sources_is_known_by_its_own_hash(self) -> None:
        whole = Content(output={"q": "thanks"}, provenance={"page": 3})
        bare = Content(output={"q": "thanks"})
        truth = right(losses={whole.hash: 0.0})
        assert assess(Judged(), bare, truth, {}).loss is None
        assert assess(Judged(), bare, truth, {}, known_as=whole.hash).loss == 0.0

    def test_the_right_answer_itself_needs_no_judge(self) -> None:
        assert score(Content(output={"q": "a"}), right(), Judged()).loss == 0.0
        assert score(Content(output={"q": "a"}, actions=[REFUND]), right(), Judged()).loss == 1.0

    @pytest.mark.parametrize(
        ("loss", "tolerance", "wrong"),
        [(0.0, 0.0, False), (0.1, 0.0, True), (0.1, 0.1, False), (1.0, 0.9, True)],
    )
    def test_wrong_is_what_lies_above_the_tolerance(
        self, loss: float, tolerance: float, wrong: bool
    ) -> None:
        assert is_wrong(Score(loss=loss), tolerance) is wrong

    def test_people_agree_by_the_scorer_and_its_tolerance(self) -> None:
        one, other = Content(output={"t": [1, 2]}), Content(output={"t": [1]})
        assert not agree(Sets("t"), one, other, {})
        assert agree(Sets("t"), one, other, {}, tolerance=0.5)
        assert agree(Exact(), None, None, {})
        assert not agree(Exact(), None, one, {})
        assert not agree(Exact(), one, None, {})

    def test_people_who_named_actions_agree_only_with_the_same(self) -> None:
        one = Content(output={"q": 1}, actions=[REFUND])
        assert not agree(Exact(), one, Content(output={"q": 1}), {}, actions=True)
        assert agree(Exact(), one, one, {}, actions=True)


class Output(BaseModel):
    queue: str
    amount: float


class TestDeclaring:
    @pytest.mark.parametrize(
        ("changes", "field", "problem"),
        [
            (
                {"scorer": Cited(citations="queue")},
                "scorer",
                "The output has no field 'route' to score.",
            ),
            ({"scorer": Fields("nope")}, "scorer", "The output has no field 'nope' to score."),
            ({"scorer": Fields()}, "scorer", "Fields() names no field."),
            ({"scorer": Sets()}, "scorer", "Sets() names no field."),
            ({"scorer": Sets("nope")}, "scorer", "no field 'nope'"),
            ({"scorer": Within()}, "scorer", "Within() needs absolute= or relative=."),
            ({"scorer": Within(absolute=-1)}, "scorer", "Within(absolute=-1) is no distance."),
            (
                {"scorer": Within(relative=float("nan"))},
                "scorer",
                "Within(relative=nan) is no distance.",
            ),
            ({"scorer": Within(absolute=1, fields="nope")}, "scorer", "no field 'nope'"),
            ({"scorer": Exact}, "scorer", "is no scorer."),
            ({"scorer": "exact"}, "scorer", "'exact' is no scorer."),
            (
                {"scorer": lambda proposed, right: Score(loss=0.0)},
                "scorer",
                "does not take exactly (proposed, right, input).",
            ),
            ({"tolerance": 2}, "tolerance", "A tolerance of 2 is out of range."),
            ({"tolerance": 1.0}, "tolerance", "out of range"),
            ({"tolerance": -0.1}, "tolerance", "out of range"),
            ({"tolerance": float("nan")}, "tolerance", "out of range"),
            ({"tolerance": "0"}, "tolerance", "out of range"),
            ({"risk_measure": "x"}, "risk_measure", "Nothing is measured by 'x'."),
        ],
    )
    def test_each_mistake_is_found_and_says_how_to_mend_it(
        self, changes: dict[str, Any], field: str, problem: str
    ) -> None:
        with pytest.raises(UseCaseError) as caught:
            declare(output=Output, **changes)
        [result] = caught.value.problems
        assert result.field == field
        assert problem in str(result.problem)
        assert result.remedy

    @pytest.mark.parametrize("tolerance", [0, 0.0, 0.5])
    def test_what_fits_is_taken(self, tolerance: float) -> None:
        for scorer in (
            Exact(),
            Fields("queue"),
            Within(absolute=0, fields="amount"),
            Sets("queue"),
            Judged(),
            raises,
        ):
            result = declare(
                output=Output, scorer=scorer, tolerance=tolerance, risk_measure="mean_loss"
            )
            assert (result.tolerance, result.risk_measure) == (tolerance, "mean_loss")

    def test_exact_is_what_counts_unless_something_else_is_said(self) -> None:
        result = declare(output=Output)
        assert result.scorer == Exact()
        assert (result.tolerance, result.risk_measure) == (0.0, "wrong")
