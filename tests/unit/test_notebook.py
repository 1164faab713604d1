"""The notebook: groups of corrections, the actions taken, and their effect."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from roadbed.app import App
from roadbed.improvement.confusions import ReviewedAnswer, confusions
from roadbed.insight import timeline
from roadbed.insight.notebook import Material, Notebook, compose, escaped, markdown
from roadbed.usecases.errors import UnknownUseCaseError
from tests import pilot
from tests.conftest import Folders

NOW = datetime(2026, 11, 21, tzinfo=UTC)
DECLARED = {
    "purpose": "Send each inquiry on",
    "risk_limit": 0.02,
    "certainty": 0.95,
    "pod": {"engineer": "ben", "domain_lead": "ana"},
}
USE_CASE: Any = {
    "name": "triage",
    "declaration": DECLARED,
    "stage": "live",
    "threshold": 0.71,
    "halted": False,
}
VERSION: Any = {
    "number": 1,
    "live": True,
    "live_since": NOW - timedelta(days=10),
    "learned_until": NOW - timedelta(days=11),
    "made_by": "ana",
    "reason": "Improved by hand.",
    "released": False,
}
PROPOSAL = {
    "id": "pro_1",
    "kind": "rule",
    "title": "Send money to refunds",
    "reason": "Six of six.",
    "support": {"wrong_now": 6},
    "cases": [],
    "state": "open",
    "made_at": NOW - timedelta(days=9),
    "decided_by": None,
    "decided_at": None,
    "note": None,
    "edited": False,
}
RELEASE: Any = {
    "id": "rel_1",
    "number": 4,
    "step": "live",
    "reason": "Money goes to refunds",
    "author": "ben",
    "proposals": ["pro_1"],
    "gate": None,
    "live_at": NOW - timedelta(days=5),
    "ended_at": None,
    "ended_by": None,
    "ended_why": None,
    "version_number": 2,
}


def verdict(
    number: int, text: str, decided: str | None, right: str | None, *, days: float
) -> ReviewedAnswer:
    return ReviewedAnswer(
        task_id=f"tsk_{number}",
        input={"text": text},
        decided={"queue": decided} if decided else None,
        right={"queue": right} if right else None,
        agrees=decided == right,
        version=1,
        decided_at=NOW - timedelta(days=days),
        given_at=NOW - timedelta(days=days),
    )


MONEY = [verdict(n, f"give me my money {n}", "returns", "refunds", days=20 - n) for n in range(6)]
FINE = [verdict(10 + n, f"take it back {n}", "returns", "returns", days=8) for n in range(6)]
SINCE = [verdict(20 + n, f"money please {n}", "refunds", "refunds", days=2) for n in range(3)]
CASES = [
    {"task_id": item.task_id, "input": "money", "before": item.decided, "right": item.right}
    for item in MONEY
]


def made(**changes: Any) -> Notebook:
    given = Material(
        use_case=USE_CASE,
        verdicts=[*MONEY, *FINE],
        proposals=[],
        releases=[],
        versions=[VERSION],
        events=[],
        recent={"tasks": 1000, "automatic": 610},
        now=NOW,
    )
    return compose(replace(given, **changes))


class TestRolledBack:
    """Errors of a candidate before its rollback are listed once, not as open."""

    FELL = RELEASE | {
        "number": 2,
        "step": "rolled_back",
        "reason": "a faster way",
        "live_at": None,
        "ended_why": "The canary of release 2 is shown to be worse.",
        "version_number": 2,
    }

    def test_it_is_one_lesson_and_not_among_the_important_ones(self) -> None:
        of_canary = [
            replace(verdict(40 + n, f"text {n}", "returns", right, days=1), version=2)
            for n, right in enumerate(["refunds", "sizes", None])
        ]
        result = made(verdicts=[*FINE, *of_canary], releases=[self.FELL])
        [lesson] = result.lessons
        assert (lesson.state, lesson.n, lesson.version) == ("undone", 3, 2)
        assert lesson.seen == "Version 2 answered 3 tasks wrong on its way into service."
        assert lesson.why == "a faster way"
        assert lesson.done == ["Rolled back: The canary of release 2 is shown to be worse."]
        assert lesson.short.endswith("it was rolled back.")
        assert result.important == []
        assert result.corrections == 3

    def test_one_that_was_in_service_before_has_taught_something(self) -> None:
        versions = [VERSION, VERSION | {"number": 2, "live_since": NOW - timedelta(days=9)}]
        wrong = [replace(item, version=2) for item in MONEY]
        result = made(verdicts=wrong, releases=[self.FELL], versions=versions)
        assert [lesson.state for lesson in result.lessons] != ["undone"]


class TestConfusions:
    def test_the_same_mistake_is_one_group_with_the_words_that_tell_it(self) -> None:
        lost = [
            verdict(30 + n, f"parcel never came {n}", "returns", None, days=1) for n in range(2)
        ]
        money, other = confusions([*MONEY, *FINE, *lost])
        assert (money.decided, money.right, len(money.verdicts)) == ("returns", "refunds", 6)
        assert {"give", "money"} <= set(money.words)
        assert "take" not in money.words
        assert (other.right, set(other.words)) == ("no answer", {"parcel", "never", "came"})
        assert [example.task_id for example in money.examples] == ["tsk_5", "tsk_4"]

    @pytest.mark.parametrize("text", ["", "1234 5678", "a b c"])
    def test_without_words_there_are_none_and_nothing_breaks(self, text: str) -> None:
        [result] = confusions([verdict(n, text, "a", "b", days=1) for n in range(3)])
        assert result.words == []

    def test_one_alone_has_no_words_in_common(self) -> None:
        [result] = confusions([MONEY[0], *FINE])
        assert result.words == []
        assert confusions(FINE) == []


class TestInShort:
    def test_it_says_what_runs_and_what_it_promises(self) -> None:
        assert " ".join(made().in_short) == (
            "Send each inquiry on. The pod: ana (domain lead) and ben (engineer). Version 1 is "
            "live since 2026-11-11, made by ana. It answers from confidence 0.710 on by itself, "
            "61 % of the last 1,000 tasks. The limit: at most 2 % of automatic answers wrong, "
            "with 95 % certainty."
        )

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"halted": True}, "It is halted"),
            ({"threshold": None}, "Nothing is automatic at the moment"),
            ({"stage": "proof", "threshold": None}, "made by ana. It only proposes"),
        ],
    )
    def test_it_says_what_keeps_it_from_deciding(self, changes: dict[str, Any], words: str) -> None:
        assert words in " ".join(made(use_case=USE_CASE | changes).in_short)

    def test_a_share_of_no_task_is_not_given(self) -> None:
        said = " ".join(made(recent={"tasks": 0, "automatic": 0}).in_short)
        assert "from confidence 0.710 on by itself, no task has arrived yet. The limit" in said

    def test_before_any_version_it_says_so(self) -> None:
        result = made(versions=[], verdicts=[], recent={"tasks": 0, "automatic": 0})
        assert "No version decides" in " ".join(result.in_short)
        assert (result.lessons, result.important) == ([], [])

    def test_three_lessons_stand_at_the_top_those_answered_to_first(self) -> None:
        others = [verdict(40 + n, "x", "returns", f"q{n % 5}", days=1) for n in range(50)]
        result = made(verdicts=[*MONEY, *others])
        assert len(result.important) == 3
        assert result.important[0].startswith("Answered “returns”, right was “refunds”: 6 of 6")


class TestLessons:
    def test_learned_corrections_are_shown_with_their_effect(self) -> None:
        [lesson] = made(verdicts=[*MONEY, *FINE, *SINCE]).lessons
        assert (lesson.state, lesson.version, lesson.n) == ("learned", 1, 6)
        assert lesson.done == ["Version 1, live since 2026-11-11, was made after 6 of these 6."]
        assert lesson.changed == "6 of 6 wrong before version 1, 0 of 3 wrong since"

    def test_what_is_newer_than_every_version_is_open(self) -> None:
        late = [replace(item, given_at=NOW) for item in MONEY]
        [lesson] = made(verdicts=late).lessons
        assert (lesson.state, lesson.done, lesson.changed) == ("open", [], None)
        assert "nothing was done" in lesson.short

    @pytest.mark.parametrize(
        ("changes", "release", "state", "done"),
        [
            ({}, None, "proposed", "nobody has decided yet"),
            (
                {"state": "rejected", "decided_by": "ana", "note": "no"},
                None,
                "rejected",
                "by ana: “no”",
            ),
            ({"state": "accepted", "decided_by": "ana"}, None, "accepted", "Accepted by ana."),
            (
                {"state": "accepted", "edited": True},
                {"live_at": None, "step": "shadow"},
                "accepted",
                "In release 4, which is shadow.",
            ),
            ({"state": "accepted"}, {}, "released", "Released with version 2 on 2026-11-16."),
            (
                {"state": "accepted"},
                {"step": "rolled_back"},
                "released",
                "Released with version 2 on 2026-11-16, rolled back.",
            ),
        ],
    )
    def test_a_proposal_is_shown_to_its_end(
        self, changes: Any, release: Any, state: str, done: str
    ) -> None:
        result = made(
            proposals=[PROPOSAL | {"cases": CASES} | changes],
            releases=[] if release is None else [RELEASE | release],
            verdicts=[*MONEY, *SINCE],
        )
        [lesson] = result.lessons
        assert (lesson.state, lesson.n) == (state, 6)
        assert done in " ".join(lesson.done)
        if state == "released":
            assert lesson.changed == "6 of 6 wrong before version 2, 0 of 3 wrong since"

    def test_the_gate_is_believed_before_later_verdicts(self) -> None:
        cases = {"fixed": [{"task": "tsk_1"}, {"task": "tsk_2"}], "broken": [{"task": "tsk_99"}]}
        result = made(
            proposals=[PROPOSAL | {"cases": CASES, "state": "accepted"}],
            releases=[RELEASE | {"gate": {"cases": cases}}],
        )
        assert result.lessons[0].changed == "on 6 cases the gate saw 2 fixed and 0 broken"

    def test_a_proposal_to_learn_from_all_covers_no_group(self) -> None:
        result = made(proposals=[PROPOSAL | {"kind": "model", "cases": CASES}])
        assert [lesson.seen for lesson in result.lessons] == [
            "Answered “returns”, right was “refunds”."
        ]

    def test_without_a_verdict_since_that_is_said(self) -> None:
        [lesson] = made(verdicts=MONEY).lessons
        assert str(lesson.changed).endswith("none of this kind was judged since")


class TestEvents:
    def test_halts_drills_and_who_resumed(self) -> None:
        row: Any = {
            "kind": "halt",
            "reason": "Wrong team",
            "actor": "dev",
            "asked_at": NOW,
            "fenced_seconds": 0.012,
            "resume_asked_by": "dev",
            "resumed_by": "ana",
            "resumed_at": NOW,
        }
        drills: list[Any] = [
            row | {"kind": "drill", "actor": "roadbed", "asked_at": NOW + timedelta(days=n)}
            for n in range(5)
        ]
        results = [halt.words for halt in timeline.halt_events([row, *drills])]
        assert results == [
            "Halted: Wrong team. Nothing new could start after 12 ms.",
            "Resumed by dev and ana.",
            (
                "A drill of the stop. Nothing new could start after 12 ms. "
                "It was the newest of 5 drills made by the clock."
            ),
        ]

    def test_states_incidents_and_erased_entries(self) -> None:
        rows: list[Any] = [
            {"at": NOW, "actor": "roadbed", **item}
            for item in (
                {"kind": "state", "detail": {"before": "open", "after": "halted", "reason": "R."}},
                {"kind": "incident", "detail": {"title": "Late parcels"}},
                {"kind": "state", "detail": None},
                {"kind": "incident", "detail": {}},
            )
        ]
        results = [entry.words for entry in timeline.audit_events(rows)]
        assert results == ["From open to halted: R.", "Incident: Late parcels"]

    def test_a_release_that_was_rolled_back(self) -> None:
        ended = {"step": "rolled_back", "ended_at": NOW, "ended_by": None, "ended_why": "slow"}
        results = [release.words for release in timeline.release_events([RELEASE | ended])]
        assert results == [
            "Release 4 (version 2) live: Money goes to refunds",
            "Release 4 (version 2) rolled back: slow",
        ]


class TestMarkdown:
    @pytest.mark.parametrize(
        "text",
        [
            "<img src=x onerror=alert(1)>",
            "[click](http://evil.example)",
            "![x](http://evil.example/a.png)",
            "`code` **bold** _it_ ~~no~~",
            "| a | b |\n|---|---|",
            "# heading\n\n- list\n> quote",
            "https://evil.example www.evil.example @ana $x$",
            "a\u202eb\u200bc\x00d\x1b[31m",
            "&lt;script&gt;",
        ],
    )
    def test_what_people_wrote_is_words_and_nothing_else(self, text: str) -> None:
        result = escaped(text)
        assert "\n" not in result
        assert "<" not in result
        assert result.isprintable()
        for sign in "`*_[]|~!$#":
            bare = result.replace(f"\\{sign}", "").replace("&#", "")
            assert sign not in bare
        assert "://" not in result
        assert "www." not in result

    def test_the_whole_is_a_document(self) -> None:
        result = markdown(made(verdicts=[*MONEY, *FINE, *SINCE]))
        assert result.startswith("# Notebook of triage\n")
        for said in ("## In short", "### Answered “returns”", "6 of 6 wrong", "## What happened"):
            assert said in result


async def test_it_reads_what_happened_and_leaves_out_what_waits_for_a_second_look(
    app: App, folders: Folders
) -> None:
    pilot.start(folders)
    await pilot.past(app, folders)
    result = await app.notebooks.read("triage")
    assert (result.corrections, result.verdicts) == (8, 17)
    assert [item.n for item in result.lessons] == [6, 2]
    assert result.lessons[0].changed == "6 of 6 wrong before version 2, 0 of 5 wrong since"
    kinds = {event.kind for event in result.events}
    assert kinds >= {"stage", "accepted", "live", "halt", "resume", "drill"}
    looked_at = result.lessons[1].examples[0].task
    await app.database.fetch(
        "UPDATE task SET reference = true WHERE id = %(id)s", {"id": looked_at}
    )
    await app.deployments.refresh("triage")  # the past had a halt and a drill in it
    service = app.deployments.get("triage")
    service.loaded.declared.second_look_share = 1.0
    await pilot.judged(app, "one more", "returns")
    await app.database.fetch(
        "UPDATE verdict SET reviewer = 'bob' WHERE id = (SELECT max(id) FROM verdict)"
    )
    await app.reviewer_checks.tick(service)
    again = await app.notebooks.read("triage")
    assert looked_at not in {
        example.task for lesson in again.lessons for example in lesson.examples
    }
    with pytest.raises(UnknownUseCaseError):
        await app.notebooks.read("none")
