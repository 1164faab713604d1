"""Verdicts on all that is proposed: outputs with their actions, and what may go out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.decisions.model import Decision, Reason
from roadbed.deliveries.model import DeliveryState
from roadbed.kernel.settings import Settings
from roadbed.people.duties import Parties
from roadbed.releases import trial_statistics
from roadbed.reviews.errors import ContentChangedError, VerdictError
from roadbed.reviews.model import RecordedVerdict, VerdictKind
from roadbed.reviews.verdicts import Shown, read_verdict
from roadbed.scoring.content import Content
from roadbed.scoring.scorers import Judged
from tests.conftest import Folders, Site
from tests.release_steps import AT_ONCE, edit, gated, signed, traffic, write
from tests.unit.test_decisions import decide
from tests.unit.test_deliveries import Ledger, all_of, pump
from tests.unit.test_gate import UNJUDGED
from tests.unit.test_trust import declared, stand
from tests.unit.test_usecases import declare

ACTING = """
from roadbed import Action

def refund(amount):
    return Action(name="refund", arguments={"amount": float(amount)})

@usecase.decider
def decide(inquiry, context):
    word, *amounts = inquiry.text.split()
    proposed = [refund(amount) for amount in amounts]
    if word == "case":
        proposed = [Action(name="open-case"), Action(name="reply", arguments={"text": "soon"})]
    return Answer(output=Routing(queue="refunds"), confidence=0.9, actions=proposed)
"""
RULES = """
actions:
  - {name: small, action: refund, when: action.amount <= 20.0, decide: allow, reason: it is small}
  - {name: huge, action: refund, when: action.amount > 500.0, decide: refuse, reason: far too much}
  - {name: cases, action: open-case, when: "output.queue == 'closed'", decide: refuse, reason: shut}
  - {name: any, action: open-case, when: "true", decide: allow, reason: anybody may}
  - {name: replies, action: reply, when: "true", decide: allow, reason: it is a reply}
"""
TASKS = "/usecases/triage/tasks"


class Refund(BaseModel):
    amount: float


class Reply(BaseModel):
    text: str


class Nothing(BaseModel):
    pass


def refund(amount: float) -> dict[str, Any]:
    return {"name": "refund", "arguments": {"amount": amount}}


CASE: dict[str, Any] = {"name": "open-case", "arguments": {}}
REPLY: dict[str, Any] = {"name": "reply", "arguments": {"text": "soon"}}


@pytest.fixture
def acting(folders: Folders) -> None:
    folders.write(ACTING, rules=RULES)


def with_actions(use_case: Any, ledger: Ledger) -> None:
    use_case.action("refund", Refund, to=ledger, effect="irreversible", per_task=2)
    use_case.action("open-case", Nothing, to=ledger, effect="irreversible")
    use_case.action("reply", Reply, to=ledger, effect="irreversible", after="open-case")


@pytest.fixture
async def ledger(acting: None, app: App) -> Ledger:
    """Where actions go. Nothing is automatic, and nothing is drawn."""
    result = Ledger()
    with_actions(declared(app), result)
    await stand(app, threshold=0.95, reference_rate=0.0)
    return result


async def give(app: App, decision: Decision, kind: str = "correct", **more: Any) -> RecordedVerdict:
    loaded = app.deployments.get("triage").loaded
    usual: dict[str, Any] = {"reviewer": "rae", "rules": loaded.rules}
    if kind == "correct":
        usual["output"] = {"queue": "refunds"}
    review_id = decision.review_id or ""
    return await app.reviews.give(loaded.declared, review_id, VerdictKind(kind), **(usual | more))


async def sent_and_held(app: App) -> tuple[list[Any], list[str]]:
    """Delivered content, and the names of actions that wait for an approval."""
    await pump(app, 10)
    result = await all_of(app)
    assert {item.state for item in result} <= {DeliveryState.DELIVERED, DeliveryState.HELD}
    held = [entry.destination for entry in result if entry.state is DeliveryState.HELD]
    return [
        element.destination for element in result if element.state is DeliveryState.DELIVERED
    ], held


async def verdicts(app: App) -> Sequence[Mapping[str, Any]]:
    return await app.database.fetch("SELECT * FROM verdict ORDER BY id")


class TestShown:
    async def test_each_action_is_shown_with_the_reason_of_its_rule(
        self, ledger: Ledger, app: App
    ) -> None:
        decision = await decide(app, "refund 10 100")
        review = await app.reviews.get(decision.review_id or "")
        assert [
            (action["name"], action["arguments"], action["decide"], action["reason"])
            for action in review.actions or ()
        ] == [
            ("refund", {"amount": 10.0}, "allow", "it is small"),
            ("refund", {"amount": 100.0}, "review", "no rule allows it by itself"),
        ]
        assert decision.content is not None
        assert review.content_hash == decision.content.hash

    async def test_a_refused_one_sends_the_answer_to_a_person_with_its_reason(
        self, ledger: Ledger, app: App
    ) -> None:
        decision = await decide(app, "refund 1000")
        assert decision.routed.code is Reason.ACTION_REFUSED
        review = await app.reviews.get(decision.review_id or "")
        [action] = review.actions or ()
        assert (action["decide"], action["reason"]) == ("refuse", "far too much")

    async def test_a_blind_review_shows_none_until_its_verdict_stands(
        self, ledger: Ledger, app: App
    ) -> None:
        await stand(app, threshold=0.95, reference_rate=1.0)
        decision = await decide(app, "refund 10")
        review = await app.reviews.get(decision.review_id or "")
        hidden = (review.output, review.actions, review.provenance, review.content_hash)
        assert hidden == (None,) * 4
        given = await give(app, decision, actions=[refund(10)])
        assert given.agrees
        assert given.decided_actions == [refund(10.0)]
        review = await app.reviews.get(decision.review_id or "")
        assert review.content_hash is not None


class TestCorrections:
    async def test_an_action_kept_as_it_is_goes_by_its_rule(self, ledger: Ledger, app: App) -> None:
        decision = await decide(app, "refund 10 100")
        given = await give(app, decision, actions=[refund(10), refund(100.0)])
        assert (given.agrees, given.loss) == (True, 0.0)
        assert await sent_and_held(app) == (["refund"], ["refund"])
        assert ledger.said("action") == [{"amount": 10.0}]

    async def test_one_that_is_removed_is_not_sent_and_the_answer_was_wrong(
        self, ledger: Ledger, app: App
    ) -> None:
        decision = await decide(app, "refund 10")
        given = await give(app, decision, actions=[])
        assert (given.agrees, given.loss) == (False, 1.0)
        assert given.score_reason == "Its actions differ from the right ones."
        assert given.right_actions == []
        assert await sent_and_held(app) == ([], [])
        [row] = await verdicts(app)
        assert (row["right_actions"], row["loss"], row["score_reason"]) == (
            [],
            1.0,
            given.score_reason,
        )

    async def test_where_nothing_is_said_of_actions_none_is_sent_and_nobody_can_tell(
        self, ledger: Ledger, app: App
    ) -> None:
        decision = await decide(app, "refund 10")
        given = await give(app, decision)
        assert (given.agrees, given.loss, given.right_actions) == (False, None, None)
        assert await sent_and_held(app) == ([], [])
        # Without a proposed action there is nothing to be said of them.
        given = await give(app, await decide(app, "refund"))
        assert (given.agrees, given.loss) == (True, 0.0)

    @pytest.mark.parametrize(
        ("amount", "sent", "held"), [(15, ["refund"], []), (200, [], ["refund"])]
    )
    async def test_one_that_is_edited_goes_by_what_the_rules_say_of_it_now(
        self, ledger: Ledger, app: App, amount: float, sent: list[str], held: list[str]
    ) -> None:
        decision = await decide(app, "refund 100")
        given = await give(app, decision, actions=[refund(amount)], may_approve=True)
        assert (given.agrees, given.loss) == (False, 1.0)
        assert given.right_actions == [refund(float(amount))]
        assert await sent_and_held(app) == (sent, held)

    async def test_edited_into_something_a_rule_refuses_it_is_not_taken_and_nothing_is_lost(
        self, ledger: Ledger, app: App
    ) -> None:
        decision = await decide(app, "refund 100")
        with pytest.raises(VerdictError, match="'refund' is refused: far too much") as caught:
            await give(app, decision, actions=[refund(1000)])
        assert "Remove it" in caught.value.remedy
        assert await verdicts(app) == []
        assert (await app.reviews.get(decision.review_id or "")).closed_at is None
        await give(app, decision, actions=[refund(20)])
        assert await sent_and_held(app) == (["refund"], [])

    async def test_one_that_a_later_one_needs_cannot_be_removed_alone(
        self, ledger: Ledger, app: App
    ) -> None:
        decision = await decide(app, "case")
        with pytest.raises(VerdictError, match="'reply' without 'open-case' before it") as caught:
            await give(app, decision, actions=[REPLY])
        assert "remove it with the actions that need it" in caught.value.remedy
        with pytest.raises(VerdictError, match="without 'open-case' before it"):
            await give(app, decision, actions=[REPLY, CASE])
        assert await verdicts(app) == []
        await give(app, decision, actions=[CASE])
        assert await sent_and_held(app) == (["open-case"], [])

    async def test_one_that_was_refused_cannot_be_kept(self, ledger: Ledger, app: App) -> None:
        decision = await decide(app, "refund 1000")
        with pytest.raises(VerdictError, match="'refund' is refused: far too much"):
            await give(app, decision, actions=[refund(1000.0)])
        assert await verdicts(app) == []
        await give(app, decision, actions=[refund(10.0)])
        assert await sent_and_held(app) == (["refund"], [])

    async def test_one_that_needs_another_is_sent_after_it(self, ledger: Ledger, app: App) -> None:
        decision = await decide(app, "case")
        edited = {"name": "reply", "arguments": {"text": "today"}}
        await give(app, decision, actions=[CASE, edited])
        assert await sent_and_held(app) == (["open-case", "reply"], [])
        assert ledger.said("action") == [{}, {"text": "today"}]

    async def test_beside_another_output_the_rules_are_asked_again(
        self, ledger: Ledger, app: App
    ) -> None:
        decision = await decide(app, "case")
        closed = {"queue": "closed"}
        with pytest.raises(VerdictError, match="'open-case' is refused: shut"):
            await give(app, decision, output=closed, actions=[CASE, REPLY])
        await give(app, decision, output=closed, actions=[])
        assert await sent_and_held(app) == ([], [])

    @pytest.mark.parametrize(
        ("actions", "problem"),
        [
            ([{"name": "fire"}], "the action 'fire', which is not declared"),
            ([{"name": "refund", "arguments": {"amount": "much"}}], "the action 'refund': amount"),
            ([{"name": "refund", "arguments": {"amount": 1, "to": "me"}}], "'refund': to"),
            ([{"name": "refund", "arguments": [1]}], "arguments of an action are no object"),
            ([{"name": "refund", "decide": "allow"}], "a name and arguments, and nothing else"),
            ([{"arguments": {}}], "a name and arguments, and nothing else"),
            ([{"name": 7}], "a name and arguments, and nothing else"),
            (["refund"], "no list of objects"),
            ({"name": "refund"}, "no list of objects"),
            ([refund(1), refund(2), refund(3)], "'refund' more than 2 times"),
        ],
    )
    async def test_what_cannot_be_taken_is_refused_in_words(
        self, ledger: Ledger, app: App, actions: Any, problem: str
    ) -> None:
        decision = await decide(app, "refund 10")
        with pytest.raises(VerdictError, match=problem):
            await give(app, decision, actions=actions)
        assert await verdicts(app) == []

    @pytest.mark.parametrize("kind", ["accept", "reject"])
    @pytest.mark.parametrize("more", [{"output": {"queue": "x"}}, {"actions": []}])
    async def test_only_a_correction_carries_something(
        self, ledger: Ledger, app: App, kind: str, more: dict[str, Any]
    ) -> None:
        decision = await decide(app, "refund 10")
        with pytest.raises(VerdictError, match="carries no output and no actions"):
            await give(app, decision, kind, **more)

    async def test_a_rejection_says_that_no_action_is_right(self, ledger: Ledger, app: App) -> None:
        decision = await decide(app, "refund 10")
        given = await give(app, decision, "reject")
        assert (given.loss, given.right_output, given.right_actions) == (1.0, None, [])
        assert await sent_and_held(app) == ([], [])


class TestAccepting:
    async def test_it_sends_what_rules_allow_and_holds_what_needs_an_approval(
        self, ledger: Ledger, app: App
    ) -> None:
        given = await give(app, await decide(app, "refund 10 100"), "accept")
        assert (given.agrees, given.loss) == (True, 0.0)
        assert given.right_actions == [refund(10.0), refund(100.0)]
        assert await sent_and_held(app) == (["refund"], ["refund"])

    async def test_it_never_sends_what_a_rule_refuses_nor_what_needs_that(
        self, ledger: Ledger, app: App
    ) -> None:
        await give(app, await decide(app, "refund 10 1000"), "accept", may_approve=True)
        assert await sent_and_held(app) == (["refund"], [])
        assert ledger.said("action") == [{"amount": 10.0}]

    async def test_what_needs_a_refused_one_is_not_left_waiting_for_it(self) -> None:
        proposed = [
            {**CASE, "n": 0, "decide": "refuse", "reason": "shut"},
            {**REPLY, "n": 1, "decide": "allow", "reason": "it is a reply", "after": 0},
            {**refund(1.0), "n": 2, "decide": "allow", "reason": "it is small"},
        ]
        result = read_verdict(
            declare(),
            shown(Content(output={"queue": "a"}, actions=proposed)),
            VerdictKind.ACCEPT,
            output=None,
            actions=None,
            rules=None,
            may_approve=True,
        )
        assert [action["name"] for action in result.released] == ["refund"]

    async def test_over_http_who_may_approve_releases_and_others_hold(
        self, acting: None, site: Site
    ) -> None:
        ledger = Ledger()
        with_actions(declared(site.app), ledger)
        await stand(site.app, threshold=0.95, reference_rate=0.0)
        await site.app.members.add("kim", by="test")
        await site.app.members.grant("kim", "triage", "reviewer", by="test")
        token = await site.app.people.issue_token("kim")
        only_reviews = {"Authorization": f"Bearer {token}"}

        async def accepted(**headers: Any) -> DeliveryState:
            sent = (await site.shop.post(TASKS, json={"input": {"text": "refund 100"}})).json()
            answer = await (headers.pop("by", site.reviewer)).post(
                f"/reviews/{sent['review']['id']}/verdict", json={"verdict": "accept"}, **headers
            )
            assert answer.status_code == 200, answer.text
            await pump(site.app)
            [result] = [row for row in await all_of(site.app) if row.task_id == sent["task"]]
            return result.state

        assert await accepted() is DeliveryState.DELIVERED
        assert await accepted(headers=only_reviews) is DeliveryState.HELD
        sent = (await site.shop.post(TASKS, json={"input": {"text": "refund 100"}})).json()
        path = f"/reviews/{sent['review']['id']}"
        for asked in (f"{path}/claim", f"{path}/verdict"):
            refused = await site.shop.post(asked, json={"verdict": "accept"})
            assert (refused.status_code, refused.json()["code"]) == (403, "own_task")


class TestWhatWasShown:
    async def test_a_verdict_on_something_else_is_refused_and_loses_nothing(
        self, ledger: Ledger, app: App
    ) -> None:
        decision = await decide(app, "refund 10")
        review = await app.reviews.claim(decision.review_id or "", reviewer="rae")
        with pytest.raises(ContentChangedError, match="is not what you were shown") as caught:
            await give(app, decision, "accept", shown="0" * 64)
        assert "Open the review again" in caught.value.remedy
        assert (await verdicts(app), await all_of(app)) == ([], [])
        after = await app.reviews.get(review.id)
        assert (after.claimed_by, after.closed_at) == ("rae", None)
        assert (await give(app, decision, "accept", shown=review.content_hash)).agrees
        [row] = await verdicts(app)
        assert row["content_hash"] == review.content_hash == row["right_hash"]

    async def test_what_changes_while_a_verdict_is_on_its_way_is_found(
        self, ledger: Ledger, app: App, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        decision = await decide(app, "refund 10")
        review = await app.reviews.get(decision.review_id or "")
        read = app.reviews.shown

        async def then_it_changes(review_id: str) -> Shown:
            result = await read(review_id)
            await app.database.fetch("UPDATE decision SET content_hash = 'another'")
            return result

        monkeypatch.setattr(app.reviews, "shown", then_it_changes)
        with pytest.raises(ContentChangedError):
            await give(app, decision, "accept", shown=review.content_hash)
        assert await verdicts(app) == []

    async def test_over_http_the_hash_of_the_review_binds_the_verdict(self, site: Site) -> None:
        await stand(site.app, threshold=0.95, reference_rate=0.0)
        sent = (await site.shop.post(TASKS, json={"input": {"text": "hello"}})).json()
        url = f"/reviews/{sent['review']['id']}"
        review = (await site.reviewer.get(url)).json()
        stale = {"verdict": "accept", "content": "f" * 64}
        answer = await site.reviewer.post(f"{url}/verdict", json=stale)
        assert (answer.status_code, answer.json()["code"]) == (409, "content_changed")
        fresh = {"verdict": "accept", "content": review["content_hash"]}
        assert (await site.reviewer.post(f"{url}/verdict", json=fresh)).json()["agrees"]

    async def test_an_answer_whose_sources_were_not_stored_is_judged_under_its_own_hash(
        self, ledger: Ledger, app: App
    ) -> None:
        decision = await decide(app, "refund 10")
        whole = Content(output={"queue": "refunds"}, actions=[refund(10.0)], provenance={"page": 3})
        await app.database.fetch(
            "UPDATE decision SET content_hash = %(hash)s", {"hash": whole.hash}
        )
        review = await app.reviews.get(decision.review_id or "")
        assert (await give(app, decision, "accept", shown=review.content_hash)).agrees
        [row] = await verdicts(app)
        assert row["content_hash"] == whole.hash


def shown(content: Content | None, **more: Any) -> Shown:
    result = Shown(
        task_id="tsk_1",
        blind=False,
        input={"text": "hello"},
        parties=Parties(senders=["shop"]),
        content=content,
        content_hash=content.hash if content else None,
        route="review",
        confidence=0.9,
        measured=None,
        known=None,
        known_actions=False,
        proposed_right=None,
    )
    return replace(result, **more)


class TestScores:
    """The score of the answer by a verdict, with the declared scorer."""

    def loss(self, kind: str, output: str | None = None, **changes: Any) -> float | None:
        content = changes.pop("content", Content(output={"queue": "a"}))
        result = read_verdict(
            declare(**changes),
            shown(content),
            VerdictKind(kind),
            output=None if output is None else {"queue": output},
            actions=None,
            rules=None,
            may_approve=False,
        )
        return result.score.loss

    def test_by_default_only_the_same_is_right(self) -> None:
        assert self.loss("accept") == 0.0
        assert self.loss("correct", "a") == 0.0
        assert self.loss("correct", "b") == 1.0
        assert self.loss("reject") == 1.0

    def test_no_answer_is_right_where_none_would_be(self) -> None:
        assert self.loss("reject", content=None) == 0.0
        assert self.loss("correct", "b", content=None) == 1.0

    def test_where_only_people_judge_a_correction_says_that_the_answer_was_wrong(self) -> None:
        assert self.loss("accept", scorer=Judged()) == 0.0
        assert self.loss("correct", "b", scorer=Judged()) == 1.0
        assert self.loss("reject", scorer=Judged()) == 1.0
        assert self.loss("correct", "a", scorer=Judged()) == 0.0  # the very same, written blind
        bold = Content(output={"queue": "a"}, actions=[refund(5.0)])
        assert self.loss("correct", "a", content=bold, scorer=Judged()) is None

    def test_a_correction_says_what_is_right(self) -> None:
        with pytest.raises(VerdictError, match="needs the right output"):
            self.loss("correct")

    async def test_without_rules_what_a_person_wrote_needs_an_approval(
        self, ledger: Ledger, app: App
    ) -> None:
        decision = await decide(app, "refund 10")
        await give(app, decision, actions=[refund(11)], rules=None)
        assert await sent_and_held(app) == ([], ["refund"])
        [held] = await all_of(app)
        assert held.reason == "a person wrote it"

    @pytest.mark.parametrize(
        ("kind", "proposed_right", "passed"),
        [
            ("accept", True, True),
            ("accept", False, False),
            ("reject", True, False),
            ("reject", False, True),
        ],
    )
    def test_where_only_people_judge_a_known_case_is_passed_by_saying_what_is_known(
        self, kind: str, proposed_right: bool, passed: bool
    ) -> None:
        content = Content(output={"queue": "a"})
        known = content if proposed_right else Content(output={"queue": "b"})
        result = read_verdict(
            declare(scorer=Judged()),
            shown(content, measured="check", known=known, proposed_right=proposed_right),
            VerdictKind(kind),
            output=None,
            actions=None,
            rules=None,
            may_approve=False,
        )
        assert result.passed is passed


class Output(BaseModel):
    q: int


class TestCanary:
    """Two versions with the same output and other refunds are two answers."""

    def reading(self, row: dict[str, Any]) -> trial_statistics.TrialReport:
        return trial_statistics.trial_report(
            [row],
            step="canary",
            plan={"margin": 0.01, "canary_tasks": 1},
            gate={"certainty": 0.95, "limits": {"seconds": None, "cost": None}},
            since=datetime(2025, 1, 1, tzinfo=UTC),
            declared=declare(output=Output),
        )

    def row(self, live: float, candidate: float, **more: Any) -> dict[str, Any]:
        same = {"output": {"q": 1}, "reason": "proven", "seconds": 0.1, "cost": 0}
        return {
            "task_id": "tsk_1",
            **UNJUDGED,
            **{f"live_{name}": value for name, value in same.items()},
            **{f"candidate_{name}": value for name, value in same.items()},
            "live_actions": [refund(live)],
            "candidate_actions": [refund(candidate)],
            **more,
        }

    def test_refunds_that_differ_make_two_versions_differ(self) -> None:
        result = self.reading(self.row(5.0, 50.0))
        assert result["agreement"]["share"] == 0.0
        assert result["undecided"] == 1
        [differ] = result["differ"]
        assert (differ["live_actions"], differ["candidate_actions"]) == (
            [refund(5.0)],
            [refund(50.0)],
        )
        alike = self.reading(self.row(5.0, 5))
        assert (alike["agreement"]["share"], alike["undecided"], alike["differ"]) == (1.0, 0, [])

    def test_the_one_whose_refund_is_right_was_right(self) -> None:
        judged = {
            "verdict": "vdt_1",
            "right_output": {"q": 1},
            "right_actions": [refund(5)],
            "given_at": datetime(2026, 1, 2, tzinfo=UTC),
        }
        result = self.reading(self.row(5.0, 50.0, **judged))
        assert (result["fixed"], result["broken"]) == (0, 1)
        result = self.reading(self.row(50.0, 5.0, **judged))
        assert (result["fixed"], result["broken"]) == (1, 0)

    async def test_in_a_canary_a_person_is_asked_which_refund_is_right(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        more = (
            "from roadbed import Action\n"
            "class Refund(BaseModel):\n    amount: float\n"
            'usecase.action("refund", Refund, to=Webhook(url="http://127.0.0.1:9/", private=True),'
            ' effect="irreversible")\n'
        )
        late = (
            "if n >= 5000: return Answer(output=Routing(queue=queue), confidence=0.9, cost=0,"
            ' actions=[Action(name="refund", arguments={{"amount": {amount}}})])'
        )
        write(folders, late.format(amount=5.0), more=more)
        async with open_app(settings, url) as app:
            release = await signed(app, await gated(app))
            await app.releases.promote(release.id, actor="ben")
            await app.database.fetch(
                """UPDATE behaviour SET declaration = jsonb_set(declaration, '{rollout}',
                   declaration -> 'rollout' ||
                   '{"shadow_tasks": 2, "canary_tasks": 400, "canary_share": 0.5}')"""
            )
            await edit(app, folders, late.format(amount=50.0), rollout=AT_ONCE, more=more)
            release = await signed(app, await gated(app))
            await app.releases.shadow(release.id, actor="ben")
            await traffic(app, [5001, 5002])
            await app.releases.canary(release.id, actor="ben")
            decisions = await traffic(app, range(6000, 6006))
            looked = await app.releases.check_trial(release.id)
            assert looked.trial is not None
            assert looked.trial["agreement"]["share"] == 0.0
            assert looked.trial["undecided"] == 6
            opened = await app.database.fetch(
                "SELECT blind FROM review WHERE task_id = ANY (%(ids)s)",
                {"ids": [decision.task_id for decision in decisions]},
            )
            assert [row["blind"] for row in opened] == [True] * 6
