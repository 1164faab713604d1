"""The inbox: each kind of action item reaches exactly those who may answer it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from starlette.datastructures import QueryParams

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.console import tables
from roadbed.console.inbox import TABLE
from roadbed.inbox.model import ActionItem
from roadbed.kernel.settings import Settings
from roadbed.people.errors import AbsenceError, UnknownPersonError
from roadbed.people.model import Role
from roadbed.people.permissions import ALLOWS, Permission
from roadbed.reviews.model import VerdictKind
from tests import release_steps
from tests.conftest import Folders
from tests.keeping import kept

BUDGET = 'usecase.budget = Budget(per_task=0.1, per_month=10, currency="EUR")'
PERSON_OF = {
    "ana": Role.DOMAIN_LEAD,
    "ben": Role.ENGINEER,
    "chi": Role.DATA_SPECIALIST,
    "dev": Role.RISK_PARTNER,
    "rev": Role.REVIEWER,
    "vic": Role.VIEWER,
}


def holders(permission: Permission, *but: str) -> set[str]:
    """The people of the test with a role that has ``permission``."""
    return {name for name, role in PERSON_OF.items() if permission in ALLOWS[role]} - set(but)


@pytest.fixture
async def app(settings: Settings, folders: Folders, url: str) -> AsyncIterator[App]:
    """A use case with a pod, a reviewer, a viewer and an administrator, and one waiting task."""
    release_steps.write(folders, more=f"from roadbed import Budget\n{BUDGET}")
    async with open_app(settings, url) as opened, kept(opened):
        await release_steps.pod(opened)
        for name in ("rev", "vic"):
            await opened.members.add(name, by="test")
            await opened.members.grant(name, "triage", PERSON_OF[name], by="test")
        await opened.members.add("adm", by="test", admin=True)
        await submit(opened)
        yield opened


async def submit(app: App, sender: str = "shop") -> None:
    """A task of ``sender`` that goes to a person, because nothing is proven."""
    _, decided = await app.decisions.submit(
        "triage", {"text": "number 7"}, key=None, source={"surface": "test", "by": sender}
    )
    if decided is not None:
        await decided


async def inboxes(app: App) -> Mapping[str, set[str]]:
    """The people who see an item, by kind."""
    seen: dict[str, set[str]] = {}
    for name in [*PERSON_OF, "adm"]:
        for item in await items(app, name):
            seen.setdefault(item.kind, set()).add(name)
    return seen


async def items(app: App, name: str, kind: str | None = None) -> list[ActionItem]:
    """The items of a person, of one kind if given."""
    viewer = await app.people.viewer(name)
    listed = await app.inbox.items(viewer, ["triage"])
    return [item for item in listed if kind in (None, item.kind)]


async def sql(app: App, statement: str, **facts: object) -> None:
    await app.database.fetch(statement, facts)


async def test_a_review_waits_for_those_who_may_answer_it(app: App) -> None:
    assert (await inboxes(app))["review"] == holders(Permission.REVIEW)
    [review] = await app.reviews.queue("triage", reviewer="rev")
    await app.reviews.give(
        app.deployments.get("triage").loaded.declared,
        review.id,
        VerdictKind.CORRECT,
        reviewer="rev",
        output={"queue": "odd"},
    )
    assert "review" not in await inboxes(app)


async def test_everybody_else_who_may_is_named_and_a_cell_says_how_many_more(app: App) -> None:
    for number in range(9):
        await app.members.add(f"rev{number}", by="test")
        await app.members.grant(f"rev{number}", "triage", Role.REVIEWER, by="test")
    [item] = await items(app, "rev", "review")
    assert len(item.others) == len(holders(Permission.REVIEW, "rev")) + 9
    [column] = [column for column in TABLE.columns if column.name == "others"]
    assert column.show is not None
    assert column.show(item).text.endswith(f" and {len(item.others) - 5} more")
    assert column.value(item) == ", ".join(item.others)


async def test_who_sent_a_task_is_not_asked_about_it(app: App) -> None:
    await sql(app, "UPDATE review SET closed_at = now()")
    await submit(app, sender="ana")
    assert (await inboxes(app))["review"] == holders(Permission.REVIEW, "ana")


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("second_look", "UPDATE review SET outcome = 'out_1'"),
        (
            "overdue_label",
            """WITH late AS (
                UPDATE review SET blind = true, opened_at = now() - interval '99 days'
                RETURNING task_id)
            UPDATE task SET reference = true FROM late WHERE task.id = late.task_id""",
        ),
        (
            "disagreement",
            """INSERT INTO measure (task_id, use_case, kind, made_at)
            SELECT task_id, use_case, 'lead', now() FROM review""",
        ),
    ],
)
async def test_reviews_of_another_kind_are_named(app: App, kind: str, change: str) -> None:
    await sql(app, change)
    seen = await inboxes(app)
    assert seen[kind] == holders(Permission.REVIEW)
    assert "review" not in seen


async def test_more_reviews_than_are_counted_are_said_to_be_more(app: App) -> None:
    [before] = await items(app, "rev", "review")
    assert before.why.startswith("1 task waits")
    columns = "use_case, blind, priority, opened_at, outcome"
    await sql(
        app,
        f"""WITH copies AS (
            INSERT INTO task (id, use_case, body_hash, input, source, reference, reference_rate,
                              admitted_at)
            SELECT task.id || number, use_case, body_hash, input, source, reference, reference_rate,
                   admitted_at
            FROM task, generate_series(1, 299) AS number RETURNING id)
        INSERT INTO review (id, task_id, {columns})
        SELECT review.id || copies.id, copies.id, {columns.replace("outcome", "'out_1'")}
        FROM review, copies LIMIT 299""",
    )
    await sql(app, "UPDATE review SET outcome = NULL WHERE id IN (SELECT max(id) FROM review)")
    kinds = {item.kind: item for item in await items(app, "rev")}
    assert kinds["second_look"].count + kinds["review"].count == 300
    assert kinds["review"].why.startswith(f"{kinds['review'].count} or more tasks wait")


async def test_a_new_label_waits_for_the_role_that_confirms_it(app: App) -> None:
    await sql(
        app,
        "INSERT INTO held_verdict (id, review_id, task_id, use_case, kind, new_kind, may_approve, "
        "labels, reviewer, given_at) SELECT 'hld_1', id, task_id, use_case, 'correct', false, "
        """false, '[{"field": "queue", "value": "refnds"}]', 'rev', now() FROM review""",
    )
    assert (await inboxes(app))["new_label"] == {"ana"}
    [item] = await items(app, "ana", "new_label")
    assert "refnds" in item.why
    assert item.link == "/usecases/triage/labels"


async def test_a_resume_waits_for_anybody_but_who_asked(app: App) -> None:
    await app.halts.halt("triage", actor="ben", reason="looks wrong")
    assert "resume" not in await inboxes(app)
    await app.halts.resume("triage", actor="ana", note="The rule is mended.")
    assert (await inboxes(app))["resume"] == holders(Permission.RESUME, "ana")
    [item] = await items(app, "dev", "resume")
    assert item.why == "ana asks to resume triage: The rule is mended."
    assert set(item.others) == holders(Permission.RESUME, "ana", "dev")
    await app.halts.resume("triage", actor="dev")
    assert "resume" not in await inboxes(app)


async def test_a_release_waits_for_its_step_then_for_its_signers(app: App) -> None:
    release = await app.releases.plan("triage", actor="ben")
    assert (await inboxes(app))["release_step"] == holders(Permission.RELEASE)
    release = await app.releases.gate(release.id, actor="ben")
    seen = await inboxes(app)
    assert seen["sign_off"] == {"ana", "dev"}
    assert "release_step" not in seen
    [item] = await items(app, "dev", "sign_off")
    assert item.who == ["risk_partner"]
    assert item.link == f"/releases/{release.id}"
    release = await release_steps.signed(app, release, ["ana"])
    assert (await inboxes(app))["sign_off"] == {"dev"}
    release = await release_steps.signed(app, release, ["dev"])
    seen = await inboxes(app)
    assert "sign_off" not in seen
    assert seen["release_step"] == holders(Permission.RELEASE)


async def test_an_author_of_a_release_is_not_asked_to_sign_it(app: App) -> None:
    release = await app.releases.plan("triage", actor="ana")
    await app.releases.gate(release.id, actor="ben")
    assert (await inboxes(app))["sign_off"] == {"dev"}


async def test_deliveries_wait_for_approval_or_for_a_decision(app: App) -> None:
    await submit(app, sender="dev")
    await sql(
        app,
        "INSERT INTO delivery (id, use_case, task_id, destination, kind, state, needs_approval, "
        "attempt, next_at, look_first, created_at, take_back, revised, restored, outdated, key) "
        "SELECT 'dlv_' || row_number() OVER (ORDER BY id), 'triage', id, 'queue', 'result', 'held',"
        " true, 0, now(), false, now(), false, false, false, false, id FROM task",
    )
    await sql(app, "UPDATE task SET reference = false")
    await sql(app, "UPDATE review SET blind = true")
    assert "held_delivery" not in await inboxes(app), "its answer is withheld until it is labelled"
    await sql(app, "UPDATE review SET blind = false")
    assert (await inboxes(app))["held_delivery"] == holders(Permission.APPROVE)
    [item] = await items(app, "dev", "held_delivery")
    assert item.count == 1, "what dev sent is for others"
    assert item.link == f"/deliveries/{item.subject}"
    [item] = await items(app, "ana", "held_delivery")
    assert item.count == 2
    assert item.link == "/usecases/triage/deliveries#urgent"
    await sql(app, "UPDATE delivery SET state = 'failed'")
    seen = await inboxes(app)
    assert "held_delivery" not in seen
    assert seen["stuck_delivery"] == holders(Permission.DELIVER)


async def test_proposals_and_contradictions_wait_for_those_who_improve(app: App) -> None:
    await sql(
        app,
        "INSERT INTO proposal (id, use_case, kind, title, reason, support, cases, fingerprint, "
        "rank, state, made_at) VALUES ('prp_1', 'triage', 'rule', 't', 'r', '{}', '[]', 'f', 1, "
        "'open', now())",
    )
    await sql(
        app,
        "INSERT INTO example (id, use_case, input, output, purpose, reference, origin, "
        "content_hash, born_at) SELECT 'exm_' || n, 'triage', '{}', to_jsonb(n), 'learn', false, "
        "'folder', 'x' || n, now() FROM generate_series(1, 2) AS n",
    )
    seen = await inboxes(app)
    assert seen["suggestion"] == seen["contradiction"] == holders(Permission.IMPROVE)
    await sql(app, "UPDATE proposal SET state = 'rejected'")
    await sql(app, "UPDATE example SET withdrawn_at = now() WHERE id = 'exm_1'")
    seen = await inboxes(app)
    assert "suggestion" not in seen
    assert "contradiction" not in seen


async def test_a_budget_near_its_end_waits_for_those_who_release(app: App) -> None:
    now = app.clock.now()
    await sql(
        app,
        "INSERT INTO budget_part (use_case, period, part, cap, allotted, reserved, spent) "
        "VALUES ('triage', %(period)s, 0, 10, 10, 0, 8.5) "
        "ON CONFLICT (use_case, period, part) DO UPDATE SET spent = 8.5",
        period=f"{now:%Y-%m}",
    )
    assert (await inboxes(app))["budget"] == holders(Permission.RELEASE)
    [item] = await items(app, "ben", "budget")
    assert "85 %" in item.why


async def test_a_drill_is_overdue_after_twice_its_time(app: App) -> None:
    await release_steps.live(app)
    assert "drill" not in await inboxes(app)
    await sql(app, "UPDATE use_case SET registered_at = registered_at - interval '99 days'")
    assert (await inboxes(app))["drill"] == holders(Permission.DRILL)
    await app.halts.drill("triage", actor="ben")
    assert "drill" not in await inboxes(app)


async def test_the_earliest_due_comes_first(app: App) -> None:
    await app.releases.plan("triage", actor="ben")
    kinds = [item.kind for item in await items(app, "ana")]
    assert kinds.index("review") < kinds.index("release_step"), "a review has a due time"


class TestAbsence:
    async def test_a_stand_in_sees_for_whom(self, app: App) -> None:
        await app.members.grant("rev", "triage", Role.DOMAIN_LEAD, by="test")
        until = app.clock.now() + timedelta(days=7)
        await app.absences.set("ana", until=until, stand_in="rev")
        [item] = await items(app, "rev", "review")
        assert item.stands_in_for == ["ana"]
        assert "ana" not in item.others
        assert await app.absences.end("ana")
        [item] = await items(app, "rev", "review")
        assert item.stands_in_for == []
        assert "ana" in item.others

    async def test_a_stand_in_holds_the_same_roles(self, app: App) -> None:
        until = app.clock.now() + timedelta(days=7)
        with pytest.raises(AbsenceError, match="rev is not domain lead of 'triage'"):
            await app.absences.set("ana", until=until, stand_in="rev")
        with pytest.raises(AbsenceError, match="nobody called 'eve'"):
            await app.absences.set("ana", until=until, stand_in="eve")
        with pytest.raises(AbsenceError, match="for yourself"):
            await app.absences.set("ana", until=until, stand_in="ana")
        with pytest.raises(AbsenceError, match="in the future"):
            await app.absences.set("ana", until=app.clock.now(), stand_in=None)
        assert await app.absences.of("ana") is None
        with pytest.raises(UnknownPersonError, match="'eve'"):
            await app.absences.set("eve", until=until, stand_in=None)

    async def test_one_who_is_away_cannot_stand_in(self, app: App) -> None:
        await app.members.grant("rev", "triage", Role.DOMAIN_LEAD, by="test")
        until = app.clock.now() + timedelta(days=7)
        await app.absences.set("rev", until=until, stand_in=None)
        with pytest.raises(AbsenceError, match="rev is away until"):
            await app.absences.set("ana", until=until, stand_in="rev")

    async def test_what_nobody_here_may_answer_is_shown_to_administrators(self, app: App) -> None:
        release = await app.releases.plan("triage", actor="ben")
        await app.releases.gate(release.id, actor="ben")
        administrator = await app.people.viewer("adm")
        assert await app.inbox.unattended(administrator, ["triage"]) == []
        until = app.clock.now() + timedelta(days=7)
        for name in ("ana", "ben", "chi", "dev"):
            await app.absences.set(name, until=until, stand_in=None)
        entries = await app.inbox.unattended(administrator, ["triage"])
        assert [entry.title for entry in entries] == ["Sign a release"], "rev reviews"
        assert entries[0].people == ["ana", "dev"], "the roles that have to sign"
        assert await app.inbox.unattended(await app.people.viewer("ana"), ["triage"]) == []

    async def test_one_required_role_that_is_away_is_enough(self, app: App) -> None:
        release = await app.releases.plan("triage", actor="ben")
        await app.releases.gate(release.id, actor="ben")
        await app.absences.set("dev", until=app.clock.now() + timedelta(days=7), stand_in=None)
        entries = await app.inbox.unattended(await app.people.viewer("adm"), ["triage"])
        assert [(entry.title, entry.people) for entry in entries] == [("Sign a release", ["dev"])]

    async def test_an_author_who_is_here_does_not_count(self, app: App) -> None:
        await app.members.grant("ben", "triage", Role.RISK_PARTNER, by="test")
        release = await app.releases.plan("triage", actor="ben")
        await app.releases.gate(release.id, actor="ben")
        [item] = await items(app, "ana", "sign_off")
        assert item.others == [], "ben made it"
        await app.absences.set("dev", until=app.clock.now() + timedelta(days=7), stand_in=None)
        entries = await app.inbox.unattended(await app.people.viewer("adm"), ["triage"])
        assert [entry.people for entry in entries] == [["dev"]]

    async def test_it_is_in_the_audit_log(self, app: App) -> None:
        until = app.clock.now() + timedelta(days=7)
        await app.absences.set("ana", until=until, stand_in=None)
        await app.absences.end("ana")
        assert not await app.absences.end("ana")
        rows = await app.database.fetch(
            "SELECT detail ->> 'said' AS said FROM audit_entry WHERE kind = 'absence' "
            "ORDER BY position"
        )
        assert [row["said"] for row in rows] == ["away", "back"]


async def test_the_feed_goes_on_where_it_stopped(app: App) -> None:
    viewer = await app.people.viewer("ana")
    start = app.clock.now() - timedelta(days=1)
    first = await app.inbox.feed(viewer, ["triage"], after=start, most=10)
    assert [entry.type for entry in first] == ["action_item"]
    await sql(
        app,
        "INSERT INTO notice (id, use_case, kind, text, at) VALUES "
        "('ntc_1', 'triage', 'audit', 'Automation stopped.', now())",
    )
    after = await app.inbox.feed(viewer, ["triage"], after=first[-1].at, most=10)
    assert [entry.text for entry in after] == ["Automation stopped."]
    outsider = await app.people.viewer("nobody")
    assert await app.inbox.feed(outsider, ["triage"], after=start, most=10) == []


async def test_the_feed_never_cuts_within_a_moment(app: App) -> None:
    await sql(
        app,
        "INSERT INTO notice (id, use_case, kind, text, at) "
        "SELECT 'ntc_' || n, 'triage', 'audit', 'n', '2026-01-01' FROM generate_series(1, 3) AS n",
    )
    viewer = await app.people.viewer("ana")
    start = datetime(2025, 12, 31, tzinfo=UTC)
    first = await app.inbox.feed(viewer, ["triage"], after=start, most=2)
    assert [entry.id for entry in first] == ["ntc_1", "ntc_2", "ntc_3"]
    assert await app.inbox.feed(viewer, [], after=start, most=2) == []


async def test_an_answer_with_two_new_labels_is_one(app: App) -> None:
    await sql(
        app,
        "INSERT INTO held_verdict (id, review_id, task_id, use_case, kind, new_kind, may_approve, "
        "labels, reviewer, given_at) SELECT 'hld_1', id, task_id, use_case, 'correct', false, "
        """false, '[{"field": "queue", "value": "a"}, {"field": "team", "value": "b"}]', 'rev', """
        "now() FROM review",
    )
    [item] = await items(app, "ana", "new_label")
    assert item.count == 1
    assert "a, b" in item.why


async def test_why_it_matters_is_never_cut(app: App) -> None:
    await app.releases.plan("triage", actor="ben")
    [item] = await items(app, "ana", "release_step")
    assert item.why == "Release 1 is ready: run the gate. Until then it stays where it is."
    why = (
        "A label never seen before. " * 20 + "Until it is confirmed, the answer counts for nothing."
    )
    view = tables.read(TABLE, QueryParams())
    part = tables.page_of(TABLE, view, [replace(item, why=why)])
    shown = tables.shown(TABLE, view, part, path="/", paged=True)
    [(_key, _link, cells)] = shown.rows
    assert why in [cell.text for cell in cells]
    assert "sentence" in [head.kind for head in shown.heads], "it needs room on a narrow page"
