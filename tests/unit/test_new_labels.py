"""Typing errors do not become labels, and a new label counts after a confirmation."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from enum import StrEnum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.decisions.model import Decision
from roadbed.kernel.settings import Settings
from roadbed.models.answers.contract import DocumentAnswer, Question
from roadbed.reviews.errors import (
    LabelUnknownError,
    NoSuchLabelError,
    NothingToUndoError,
    ReviewHeldError,
    ReviewTakenError,
)
from roadbed.reviews.model import HeldVerdict, RecordedVerdict, VerdictKind
from roadbed.scoring.scorers import Cited, Fields, Judged
from roadbed.usecases.errors import UseCaseError
from roadbed.usecases.labels import (
    Label,
    labels_of,
    normal_output,
    not_listed,
    open_fields,
    stopped,
)
from roadbed.usecases.loader import load
from tests.conftest import Folders
from tests.unit.test_decisions import decide
from tests.unit.test_deliveries import Ledger, all_of, pump
from tests.unit.test_trust import declared, stand
from tests.unit.test_usecases import declare

QUEUES = ("billing", "refunds", "returns")


def past(count: int = 10) -> str:
    rows = [
        {"input": {"text": f"{queue} {number}"}, "output": {"queue": queue}}
        for queue in QUEUES
        for number in range(count)
    ]
    return "\n".join(json.dumps(row) for row in rows)


@pytest.fixture
async def triage(folders: Folders, settings: Settings, url: str) -> AsyncIterator[App]:
    """A use case with thirty known cases of three queues."""
    folders.write(examples=past())
    async with open_app(settings, url) as opened:
        await stand(opened, threshold=None, state="shadow", reference_rate=0.0)
        yield opened


async def correct(
    app: App, decision: Decision, queue: str, **more: Any
) -> RecordedVerdict | HeldVerdict:
    usual: dict[str, Any] = {"reviewer": "rae", "new_labels": False, "confirms": False}
    return await app.new_labels.give(
        declared(app),
        decision.review_id or "",
        VerdictKind.CORRECT,
        output={"queue": queue},
        **(usual | more),
    )


async def count(app: App, table: str) -> int:
    rows = await app.database.fetch(f"SELECT count(*) AS n FROM {table}")
    return int(rows[0]["n"])


async def entries(app: App, *kinds: str) -> list[Mapping[str, Any]]:
    return list(
        await app.database.fetch(
            "SELECT kind, subject, actor, detail FROM audit_entry WHERE kind = ANY (%(kinds)s)"
            " ORDER BY position",
            {"kinds": list(kinds)},
        )
    )


class TestATypingError:
    async def test_is_stopped_and_says_what_was_probably_meant(self, triage: App) -> None:
        decision = await decide(triage, "unsure")
        for typed, meant in (("refnds", "refunds"), ("a?returns", "returns")):
            with pytest.raises(LabelUnknownError) as stop:
                await correct(triage, decision, typed)
            assert stop.value.problem == f"No queue is called {typed}. Did you mean {meant}?"
            assert stop.value.data["labels"] == [
                {"field": "queue", "value": typed, "suggestion": meant, "can_be_new": True}
            ]
        with pytest.raises(LabelUnknownError) as stop:
            await correct(triage, decision, "safety")
        assert stop.value.problem == "No queue is called safety."
        assert (await count(triage, "verdict"), await count(triage, "example")) == (0, 30)

    @pytest.mark.parametrize("typed", ["x" * 201, "x " * 2_500, "refunds\nplease"])
    @pytest.mark.parametrize("new", [False, True])
    async def test_a_text_too_long_for_a_label_is_stopped_and_never_new(
        self, triage: App, typed: str, new: bool
    ) -> None:
        decision = await decide(triage, "number 1")
        with pytest.raises(LabelUnknownError, match="at most 200 characters") as error:
            await correct(triage, decision, typed, new_labels=new)
        assert error.value.data["labels"] == [
            {"field": "queue", "value": typed, "suggestion": None, "can_be_new": False}
        ]
        assert await count(triage, "verdict") == await count(triage, "held_verdict") == 0

    async def test_the_review_is_still_open_for_the_right_word(self, triage: App) -> None:
        decision = await decide(triage, "unsure")
        with pytest.raises(LabelUnknownError):
            await correct(triage, decision, "refnds")
        given = await correct(triage, decision, "refunds")
        assert isinstance(given, RecordedVerdict)
        assert given.right_output == {"queue": "refunds"}

    @pytest.mark.parametrize("typed", [" refunds", "refunds\u00a0", "ref\u200bunds", "refunds\n"])
    async def test_a_blank_more_is_none(self, triage: App, typed: str) -> None:
        decision = await decide(triage, "unsure")
        given = await correct(triage, decision, typed)
        assert isinstance(given, RecordedVerdict)
        assert given.right_output == {"queue": "refunds"}

    async def test_a_blank_more_agrees_with_the_decider(self, triage: App) -> None:
        given = await correct(triage, await decide(triage, "take it back"), " returns ")
        assert isinstance(given, RecordedVerdict)
        assert given.agrees

    async def test_of_an_answer_that_is_accepted_nothing_is_asked(
        self, folders: Folders, triage: App
    ) -> None:
        declared(triage).function = lambda *_: None  # its earlier decisions count
        decision = await decide(triage, "take it back")
        await triage.database.fetch('UPDATE decision SET output = \'{"queue": "brand new"}\'')
        given = await triage.reviews.give(
            declared(triage), decision.review_id or "", VerdictKind.ACCEPT, reviewer="rae"
        )
        assert given.agrees

    async def test_unless_the_use_case_declares_its_labels(self, triage: App) -> None:
        declared(triage).labels = {"queue": ["refunds"]}
        decision = await decide(triage, "take it back")
        await triage.database.fetch('UPDATE decision SET output = \'{"queue": "refnds"}\'')
        with pytest.raises(LabelUnknownError):
            await triage.reviews.give(
                declared(triage), decision.review_id or "", VerdictKind.ACCEPT, reviewer="rae"
            )

    async def test_a_typing_error_that_was_taken_back_is_not_known(self, app: App) -> None:
        await stand(app, threshold=None, state="shadow", reference_rate=0.0)
        first, second = await decide(app, "unsure 1"), await decide(app, "unsure 2")
        await correct(app, first, "retorned")  # nothing is known yet
        await app.reviews.undo(first.review_id or "", reviewer="rae")
        await correct(app, first, "returned")
        with pytest.raises(LabelUnknownError) as stop:
            await correct(app, second, "retorned")
        assert stop.value.labels[0].suggestion == "returned"

    async def test_a_value_beyond_the_newest_examples_is_known(
        self, triage: App, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("roadbed.reviews.labels._NEWEST", 20)
        given = await correct(triage, await decide(triage, "unsure"), "billing")
        assert isinstance(given, RecordedVerdict)

    async def test_outcomes_and_known_cases_take_the_same_form(
        self, triage: App, folders: Folders
    ) -> None:
        await stand(triage, threshold=0.1, reference_rate=0.0)
        decision = await decide(triage, "take it back")
        told = await triage.outcomes.report(
            declared(triage),
            {"task": decision.task_id, "output": {"queue": "returns\u00a0"}},
            by="x",
        )
        assert told.outcome.right
        row = {"input": {"text": "one more"}, "output": {"queue": " ref\u200bunds\u00a0"}}
        folders.write(examples=json.dumps(row, ensure_ascii=False))
        await triage.examples.import_folder(load(folders.parent / "triage"))
        rows = await triage.database.fetch(
            "SELECT output FROM example WHERE input ->> 'text' = 'one more'"
        )
        assert [row["output"] for row in rows] == [{"queue": "refunds"}]


class TestANewLabel:
    async def test_of_a_reviewer_waits_and_counts_for_nothing(self, triage: App) -> None:
        await stand(triage, threshold=None, state="shadow", reference_rate=1.0)
        decision = await decide(triage, "unsure")
        held = await correct(triage, decision, "safety", new_labels=True, note="smoke")
        assert isinstance(held, HeldVerdict)
        assert (held.labels[0].value, held.waits_for) == ("safety", "domain_lead")
        assert (await count(triage, "verdict"), await count(triage, "example")) == (0, 30)
        assert await count(triage, "label") == 0
        [case] = [case for case in await triage.examples.cases(declared(triage)) if case.task_id]
        assert (case.waiting, case.reference) == (True, True)
        # Other reviewers do not get it meanwhile, and the page does not count it as waiting.
        assert (await triage.reviews.waiting("triage"))["waiting"] == 0
        assert await triage.reviews.claim_next("triage", reviewer="kim") == []
        assert await triage.reviews.queue("triage", reviewer="kim") == []
        for refused in (
            triage.reviews.claim(decision.review_id or "", reviewer="kim"),
            triage.reviews.skip(decision.review_id or "", reviewer="rae"),
            correct(triage, decision, "refunds", reviewer="kim"),
            correct(triage, decision, "refunds"),
        ):
            with pytest.raises(ReviewHeldError):
                await refused
        [notice] = await triage.notices.list("triage")
        assert "rae gave queue 'safety'" in notice.text
        assert "ana (domain lead)" in notice.text

    async def test_a_confirmed_verdict_keeps_its_reviewer(self, triage: App) -> None:
        await stand(triage, threshold=None, state="shadow", reference_rate=1.0)
        first, second = await decide(triage, "unsure 1"), await decide(triage, "unsure 2")
        await correct(triage, first, "safety", new_labels=True, note="smoke", new_kind=True)
        await correct(triage, second, "safety", new_labels=True, reviewer="kim")
        assert len(await triage.notices.list("triage")) == 1  # told once
        [label] = await triage.new_labels.waiting(declared(triage))
        assert (label.field, label.value, label.verdicts) == ("queue", "safety", 2)
        assert (list(label.reviewers), label.suggestion) == (["kim", "rae"], None)
        given = await triage.new_labels.confirm(
            declared(triage), "queue", "safety", by="ana", rules=None
        )
        assert given == 2
        rows = await triage.database.fetch(
            "SELECT reviewer, note, new_kind, right_output FROM verdict ORDER BY reviewer DESC"
        )
        assert [(row["reviewer"], row["note"], row["new_kind"]) for row in rows] == [
            ("rae", "smoke", True),
            ("kim", None, False),
        ]
        assert await count(triage, "example") == 32
        assert await triage.notices.list("triage") == []
        assert await triage.new_labels.waiting(declared(triage)) == []
        third = await decide(triage, "unsure 3")
        assert isinstance(await correct(triage, third, "safety"), RecordedVerdict)
        kinds = ["held", "held", "label confirmed"]
        result = await entries(triage, "held", "label confirmed")
        assert [entry["kind"] for entry in result] == kinds
        assert result[-1]["actor"] == "ana"
        assert len(result[-1]["detail"]["reviews"]) == 2

    async def test_of_somebody_who_confirms_them_is_given_at_once(self, triage: App) -> None:
        waiting, own = await decide(triage, "unsure 1"), await decide(triage, "unsure 2")
        await correct(triage, waiting, "safety", new_labels=True)
        given = await correct(triage, own, "safety", new_labels=True, confirms=True, reviewer="ana")
        assert isinstance(given, RecordedVerdict)
        assert await count(triage, "verdict") == 2

    async def test_that_is_none_is_asked_again(self, triage: App) -> None:
        decision = await decide(triage, "unsure")
        await correct(triage, decision, "refnds", new_labels=True)
        [label] = await triage.new_labels.waiting(declared(triage))
        assert label.suggestion == "refunds"
        refused = await triage.new_labels.refuse(declared(triage), "queue", "refnds", by="ana")
        assert refused == 1
        assert [
            review.id for review in await triage.reviews.claim_next("triage", reviewer="rae")
        ] == [decision.review_id]
        assert isinstance(await correct(triage, decision, "refunds"), RecordedVerdict)
        for verb in (
            triage.new_labels.refuse(declared(triage), "queue", "refnds", by="ana"),
            triage.new_labels.confirm(declared(triage), "queue", "refnds", by="ana", rules=None),
        ):
            with pytest.raises(NoSuchLabelError):
                await verb
        assert [entry["kind"] for entry in await entries(triage, "label refused")] == [
            "label refused"
        ]

    async def test_sent_twice_waits_once_and_can_be_taken_back(self, triage: App) -> None:
        decision = await decide(triage, "unsure")
        first = await correct(triage, decision, "safety", new_labels=True)
        again = await correct(triage, decision, "safety", new_labels=True)
        assert isinstance(first, HeldVerdict)
        assert isinstance(again, HeldVerdict)
        assert first.id == again.id
        assert await count(triage, "held_verdict") == 1
        with pytest.raises(NothingToUndoError):
            await triage.reviews.undo(decision.review_id or "", reviewer="kim")
        review = await triage.reviews.undo(decision.review_id or "", reviewer="rae")
        assert (review.claimed_by, review.closed_at) == ("rae", None)
        assert await triage.notices.list("triage") == []
        assert [entry["actor"] for entry in await entries(triage, "undone")] == ["rae"]
        assert isinstance(await correct(triage, decision, "refunds"), RecordedVerdict)

    async def test_whose_review_somebody_else_has_is_refused(self, triage: App) -> None:
        decision = await decide(triage, "unsure")
        await triage.reviews.claim(decision.review_id or "", reviewer="kim")
        with pytest.raises(ReviewTakenError):
            await correct(triage, decision, "safety", new_labels=True)

    async def test_that_waits_for_two_is_given_with_the_second(
        self, folders: Folders, triage: App
    ) -> None:
        class Routing(BaseModel):
            queue: str
            urgency: str = "low"

        declared(triage).output = Routing
        declared(triage).labels = {"queue": QUEUES, "urgency": ["low", "high"]}
        decision = await decide(triage, "unsure")
        held = await triage.new_labels.give(
            declared(triage),
            decision.review_id or "",
            VerdictKind.CORRECT,
            reviewer="rae",
            output={"queue": "safety", "urgency": "now"},
            new_labels=True,
            confirms=False,
        )
        assert isinstance(held, HeldVerdict)
        assert len(held.labels) == 2
        confirm = triage.new_labels.confirm
        assert await confirm(declared(triage), "queue", "safety", by="ana", rules=None) == 0
        assert await confirm(declared(triage), "urgency", "now", by="ana", rules=None) == 1

    async def test_lapses_where_the_answer_changed_meanwhile(self, triage: App) -> None:
        decision = await decide(triage, "unsure")
        await correct(triage, decision, "safety", new_labels=True)
        await triage.database.fetch("UPDATE decision SET content_hash = 'other'")
        confirm = triage.new_labels.confirm
        assert await confirm(declared(triage), "queue", "safety", by="ana", rules=None) == 0
        assert (await triage.reviews.waiting("triage"))["waiting"] == 1
        await triage.database.fetch("UPDATE decision SET content_hash = NULL")

    async def test_sends_nothing_before_it_is_confirmed(self, triage: App) -> None:
        app = triage
        ledger = Ledger()
        declared(app).deliver("desk", to=ledger)
        decision = await decide(app, "unsure")
        await correct(app, decision, "safety", new_labels=True)
        await pump(app, 3)
        assert await all_of(app) == []
        await app.new_labels.confirm(declared(app), "queue", "safety", by="ana", rules=None)
        await pump(app, 3)
        assert len(await all_of(app)) == 1

    async def test_releases_nothing_if_the_reviewer_may_no_longer_approve(
        self, triage: App
    ) -> None:
        await triage.members.add("lea", by="test")
        await triage.members.grant("lea", "triage", "domain_lead", by="test")
        decision = await decide(triage, "unsure")
        await correct(triage, decision, "safety", reviewer="lea", new_labels=True, may_approve=True)

        async def approves() -> bool:
            [row] = await triage.new_labels._with(declared(triage), "queue", "safety")
            return bool(row["still_approves"])

        assert await approves()
        await triage.members.disable("lea", by="test")
        assert not await approves()
        await triage.members.enable("lea", by="test")
        await triage.members.revoke("lea", "triage", "domain_lead", by="test")
        assert not await approves()

    async def test_of_a_task_that_is_erased_is_gone(self, triage: App) -> None:
        decision = await decide(triage, "unsure")
        await correct(triage, decision, "safety", new_labels=True, note="smoke")
        await triage.new_labels.confirm(declared(triage), "queue", "safety", by="ana", rules=None)
        await triage.erasure.erase(decision.task_id, by="ana", reason="asked")
        [row] = await triage.database.fetch("SELECT * FROM held_verdict")
        assert (row["output"], row["note"], row["labels"]) == (None, None, [])


class TestWhichFieldsAreLabels:
    class Mood(StrEnum):
        GOOD = "good"
        BAD = "bad"

    def test_listed_values_are_named_wherever_they_stand(self) -> None:
        class Part(BaseModel):
            kind: Literal["tap", "hose"]

        class Output(BaseModel):
            queue: Literal["refunds", "returns"] | None = None
            mood: TestWhichFieldsAreLabels.Mood = TestWhichFieldsAreLabels.Mood.GOOD
            parts: list[Part] = Field(default_factory=list, alias="Parts")

        use_case = declare(output=Output)
        result = not_listed(
            use_case, {"queue": "refnds", "mood": "god", "Parts": [{"kind": "hsoe"}], "other": "x"}
        )
        assert [(label.field, label.suggestion, label.closed) for label in result] == [
            ("queue", "refunds", True),
            ("mood", "good", True),
            ("Parts.kind", "hose", True),
        ]
        given = {"queue": " refunds ", "mood": "bad\u00a0", "parts": [{"kind": "tap "}]}
        normal = normal_output(use_case, given)
        assert normal == {"queue": "refunds", "mood": "bad", "parts": [{"kind": "tap"}]}
        assert not_listed(use_case, normal) == []
        assert open_fields(use_case) == []

    def test_free_text_is_left_as_it_is(self) -> None:
        class Output(BaseModel):
            queue: str
            tags: list[str] = []
            reply: str = ""
            cost: float | None = None

        reply = {"queue": " a ", "tags": [" b"], "reply": " Dear Ana,\nthank you. ", "cost": 1.0}
        by_exact = declare(output=Output)
        assert normal_output(by_exact, reply) == {**reply, "queue": "a", "tags": ["b"]}
        assert open_fields(by_exact) == ["queue", "tags", "reply"]
        by_fields = declare(output=Output, scorer=Fields("queue"))
        assert normal_output(by_fields, reply) == {**reply, "queue": "a"}
        assert open_fields(by_fields) == ["queue"]
        by_citations = declare(input=Question, output=DocumentAnswer, scorer=Cited())
        assert open_fields(by_citations) == []
        by_people = declare(output=Output, scorer=Judged())
        assert normal_output(by_people, reply) == reply
        assert open_fields(by_people) == []
        named = declare(output=Output, scorer=Judged(), labels={"queue": ["a"]})
        assert [label.field for label in labels_of(named, reply)] == ["queue"]

    @pytest.mark.parametrize(
        ("known", "value", "stops"),
        [
            ({}, "refnds", False),  # nothing is known
            ({"refunds": 1}, "refnds", True),  # it is nearly like one
            ({"refunds": 1}, "safety", False),  # few are known
            ({"refunds": 20}, "safety", True),  # labels
            ({f"text {number}": 1 for number in range(40)}, "text 41", False),  # free text
            ({f"product {number:03}x": 3 for number in range(201)}, "safety", False),  # many
            ({f"product {number:03}x": 3 for number in range(201)}, "prodct 001x", True),
        ],
    )
    def test_how_much_is_known_decides(
        self, known: Mapping[str, int], value: str, *, stops: bool
    ) -> None:
        label = Label(field="queue", value=value)
        assert (stopped(declare(), label, known, frozenset()) is not None) is stops
        assert stopped(declare(), label, known, frozenset({value})) is None

    def test_what_the_use_case_declares_is_all_there_is(self) -> None:
        use_case = declare(labels={"queue": ["billing"]})
        unknown = stopped(use_case, Label(field="queue", value="safety"), {}, frozenset())
        assert unknown is not None
        assert stopped(use_case, Label(field="queue", value="billing"), {}, frozenset()) is None

    @pytest.mark.parametrize(
        ("labels", "problem"),
        [
            ({"nowhere": ["a"]}, "has no field 'nowhere'"),
            ({"queue": "billing"}, "no list of texts"),
            ({"queue": ["billing "]}, "'billing '"),
            ({"queue": [""]}, "''"),
        ],
    )
    def test_a_declaration_that_cannot_work_is_refused(
        self, labels: dict[str, Any], problem: str
    ) -> None:
        with pytest.raises(UseCaseError) as refused:
            declare(labels=labels)
        assert problem in str(refused.value)
        with pytest.raises(UseCaseError, match="Nobody can confirm a label as 'boss'"):
            declare(new_labels_by="boss")
