"""What changed from one version to another, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from roadbed.usecases.rollout import DIRECT, Rollout
from roadbed.versions.diff import declarations, texts
from roadbed.versions.diff.comparison import ComparedVersion, Difference, compare
from roadbed.versions.identity import rollout_facts

RULES = b"""
before:
  - {name: angry, when: 'input.text.contains("lawyer")', route: review, reason: A lawyer.}
after:
  - {name: gifts, when: 'output.queue == "gifts"', route: review, reason: New.}
actions:
  - {name: small, action: refund, when: 'action.amount < 10', decide: allow, reason: Small.}
"""
DECLARED: dict[str, Any] = {
    "purpose": "Send each inquiry on",
    "risk_limit": 0.02,
    "certainty": 0.95,
    "deadline_seconds": 30.0,
    "label_within_hours": 72.0,
    "slices": ["region"],
    "pod": {"domain_lead": "ana", "risk_partner": "dev"},
    "budget": {"per_task": 0.01, "per_month": 400.0, "currency": "EUR", "per_day": None},
    "trainable": True,
    "input": {"properties": {"text": {"type": "string"}}},
    "output": {"properties": {"queue": {"type": "string"}}},
    "rollout": rollout_facts(Rollout()),
}
OLD = ComparedVersion(
    id="ver_a",
    number=6,
    declaration=DECLARED,
    digests={"usecase.py": "1", "rules.yaml": "r1", "prompts/answer.md": "p1"},
    contents={
        "rules.yaml": RULES,
        "usecase.py": b"a = 1\nb = 2\n",
        "prompts/answer.md": b"Be kind.",
    },
    trained={"weights": "w1"},
    patches=[],
    reasons={},
    learned_from=400,
    learned_until=datetime(2026, 11, 1, tzinfo=UTC),
    threshold=0.83,
    covered=48,
    items=100,
)


def said(difference: Difference) -> list[str]:
    return [change.words for change in difference.changes]


def compared(**changes: Any) -> Difference:
    return compare(OLD, replace(OLD, id="ver_b", number=7, **changes))


def declared(**changes: Any) -> list[str]:
    return list(declarations.declaration_changes(DECLARED, {**DECLARED, **changes}))


def test_two_that_are_the_same_say_so() -> None:
    result = compare(OLD, replace(OLD, id="ver_b", number=7))
    assert result.summary == "Versions 6 and 7 do the same."
    assert (result.changes, result.prompts, result.files) == ([], [], [])


def test_the_first_sentence_sums_up() -> None:
    result = compared(
        declaration={**DECLARED, "risk_limit": 0.01},
        learned_from=912,
        learned_until=datetime(2026, 11, 20, tzinfo=UTC),
        threshold=0.71,
        covered=61,
        trained={"weights": "w2"},
    )
    assert result.summary == (
        "Version 7 differs from version 6 in 1 part of the declaration, 512 more examples and its "
        "threshold; it automates 61 % of the reference sample instead of 48 %."
    )
    assert said(result) == [
        "Error limit lowered from 2 % to 1 %.",
        "Learned from 400 examples, now 912: 512 more, the newest of 2026-11-20.",
        (
            "Automatic from confidence 0.710 on, before 0.830; "
            "61 % of the reference sample instead of 48 %."
        ),
    ]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (None, 0.7, "Automatic from confidence 0.700 on; before nothing was"),
        (0.7, None, "Nothing is automatic any more; before from confidence 0.700 on"),
    ],
)
def test_a_threshold_comes_and_goes(before: float | None, after: float | None, words: str) -> None:
    result = compare(replace(OLD, threshold=before), replace(OLD, threshold=after))
    assert said(result)[0].startswith(words)
    assert "0 %" in said(result)[0]


def test_nothing_is_said_of_a_threshold_that_never_was() -> None:
    result = compare(replace(OLD, threshold=None), replace(OLD, threshold=None, items=9))
    assert said(result) == []


def test_the_same_examples_learned_again() -> None:
    result = compared(trained={"weights": "w2"})
    assert said(result) == ["Trained again on 400 examples, the newest of 2026-11-01."]
    assert "being trained again" in result.summary
    fewer = compared(learned_from=399, learned_until=None)
    assert said(fewer) == ["Learned from 400 examples, now 399: 1 fewer."]


class TestRules:
    def found(self, after: bytes | None) -> list[Any]:
        digests = {**OLD.digests, "rules.yaml": "r2"}
        contents = {**OLD.contents, "rules.yaml": after}
        return list(compared(digests=digests, contents=contents).changes)

    def test_added_removed_and_changed_by_name(self) -> None:
        after = (
            RULES.replace(b"name: angry", b"name: cross")
            .replace(b"< 10", b"< 25")
            .replace(b"decide: allow", b"decide: review")
        )
        results = {item.words: item for item in self.found(after)}
        assert set(results) == {
            "Rule “cross” added.",
            "Rule “angry” removed.",
            "Rule “small”: decision and condition changed.",
        }
        small = results["Rule “small”: decision and condition changed."]
        assert small.before == "for the action refund, when action.amount < 10 → allow"
        assert small.after == "for the action refund, when action.amount < 25 → review"

    def test_another_order_is_told_since_the_first_decides(self) -> None:
        both = b"before: [{name: a, when: x}, {name: b, when: y}]"
        old = replace(OLD, contents={**OLD.contents, "rules.yaml": both})
        turned = b"before: [{name: b, when: y}, {name: a, when: x}]"
        new = replace(
            OLD,
            digests={**OLD.digests, "rules.yaml": "r2"},
            contents={**OLD.contents, "rules.yaml": turned},
        )
        assert "another order" in said(compare(old, new))[0]

    @pytest.mark.parametrize(
        "content", [None, b"\xff", b"- a", b"before: 1", b"before: [1, {}]", b"a: [", b"[" * 5000]
    )
    def test_what_cannot_be_read_is_left_out(self, content: bytes | None) -> None:
        assert declarations.read_rules(content) == {}

    def test_two_rules_of_one_name_are_two(self) -> None:
        result = declarations.read_rules(b"before: [{name: a, when: x}, {name: a, when: y}]")
        assert list(result) == ["a", "a (2)"]


class TestPatches:
    @pytest.mark.parametrize(
        ("patch", "words"),
        [
            (
                {"kind": "alias", "field": "city", "found": "NYC", "meant": "New York"},
                "Read “NYC” as “New York” in city",
            ),
            (
                {"kind": "rule", "when": "input.a == 1", "set": {"queue": "returns", "n": 2}},
                "Where input.a == 1, set queue to “returns”, n to 2",
            ),
            ({"kind": "rule", "when": "true", "set": None}, "Where true, a person looks"),
            (
                {"kind": "record", "table": "prices", "key": "A1", "field": "eur", "value": "9"},
                "eur of A1 in prices is “9”",
            ),
            (
                {"kind": "superseded", "table": "docs", "key": "v1", "by": "v2"},
                "v2 stands for v1 in docs",
            ),
            ({"kind": "examples", "examples": [1, 2]}, "2 examples chosen for the prompt"),
            ({"kind": "later"}, "A change of kind later"),
        ],
    )
    def test_each_is_told_with_its_reason(self, patch: dict[str, Any], words: str) -> None:
        content = {"id": "pro_1", **patch}
        result = compared(patches=[content], reasons={"pro_1": "Seen 12 times."})
        [change] = result.changes
        assert (change.words, change.sign) == (f"{words}: accepted.", "+")
        assert change.reason == "Seen 12 times."
        [gone] = compare(replace(OLD, patches=[content]), OLD).changes
        assert (gone.words, gone.sign) == (f"{words}: no longer there.", "-")

    def test_a_prompt_patch_is_shown_among_the_prompts(self) -> None:
        result = compared(patches=[{"kind": "prompt", "file": "answer.md", "text": "Be brief."}])
        assert result.changes == []
        [prompt] = result.prompts
        assert [(piece.sign, piece.text) for piece in prompt.pieces] == [
            (" ", "Be "),
            ("-", "kind"),
            ("+", "brief"),
            (" ", "."),
        ]


class TestDeclaration:
    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"certainty": 0.99}, "Certainty raised from 95 % to 99 %."),
            ({"deadline_seconds": 5}, "Deadline lowered from 30 s to 5 s."),
            ({"slices": ["channel"]}, "Slice channel added."),
            ({"slices": []}, "Slice region removed."),
            ({"budget": None}, "The budget was taken away."),
            (
                {"pod": {"domain_lead": "ana", "risk_partner": "eve"}},
                "The risk partner is eve, before dev.",
            ),
            ({"trainable": False}, "The decider no longer learns."),
            (
                {"rollout": rollout_facts(DIRECT)},
                "Signed off by nobody, before by domain lead and risk partner.",
            ),
            ({"rollout": rollout_facts(DIRECT)}, "Tasks in shadow lowered from 100 to 0."),
            (
                {"input": {"properties": {"text": {"type": "string"}, "n": {"type": "integer"}}}},
                "The input has a new field n (integer).",
            ),
            ({"output": {"properties": {}}}, "The output has no field queue any more."),
            (
                {"output": {"properties": {"queue": {"enum": ["a", "b"]}}}},
                "The output's field queue changed: one of a, b, before string.",
            ),
            ({"tools": ["search"]}, 'Tools changed from null to ["search"].'),
            ({"purpose": "Other"}, "The purpose is now “Other”, before “Send each inquiry on”."),
        ],
    )
    def test_each_part_has_its_sentence(self, changes: dict[str, Any], sentence: str) -> None:
        assert sentence in declared(**changes)

    def test_a_budget_is_told_in_money(self) -> None:
        budget = {**DECLARED["budget"], "per_month": 250.0, "per_day": 20.0}
        assert declared(budget=budget) == [
            "Budget per month lowered from 400 EUR to 250 EUR.",
            "Budget per day set to 20 EUR; there was none.",
        ]
        [said] = declarations.declaration_changes({**DECLARED, "budget": None}, DECLARED)
        assert said == "A budget was set: 0.01 EUR per task, 400 EUR per month."

    def test_nothing_is_said_where_one_was_not_kept(self) -> None:
        assert list(declarations.declaration_changes({}, DECLARED)) == []


class TestFiles:
    def test_code_is_shown_line_by_line(self) -> None:
        result = compared(
            digests={**OLD.digests, "usecase.py": "2"},
            contents={**OLD.contents, "usecase.py": b"a = 1\nb = 3\n"},
        )
        [file] = result.files
        assert [(line.sign, line.text) for line in file.lines][-2:] == [
            ("-", "b = 2"),
            ("+", "b = 3"),
        ]
        assert result.summary == "Version 7 differs from version 6 in 1 file."

    @pytest.mark.parametrize(
        ("content", "note"),
        [
            (b"\x89PNG\xff", "Not text."),
            (b"a\0b", "Not text."),
            (b"x" * 300_000, "Too large"),
            (b"x\n" * 4_000, "too many"),
        ],
    )
    def test_what_is_no_code_is_only_named(self, content: bytes, note: str) -> None:
        result = texts.compare_file("logo.png", b"a", content)
        assert (list(result.lines), note in str(result.note)) == ([], True)

    def test_long_differences_are_cut_and_that_is_said(self) -> None:
        result = texts.compare_file("data/a.csv", None, b"\n".join(b"%d" % n for n in range(1000)))
        assert (result.sign, len(result.lines), result.left_out) == ("+", 300, 701)
        wide = texts.compare_file("a", None, b"x" * 10_000)
        assert max(len(line.text) for line in wide.lines) == 400

    def test_bytes_that_are_gone_are_told_of(self) -> None:
        result = compared(
            digests={**OLD.digests, "usecase.py": "2"},
            contents={**OLD.contents, "usecase.py": None},
        )
        assert "only its hash" in str(result.files[0].note)

    def test_long_prompts_are_compared_by_line(self) -> None:
        before = "a b c\n" * 2_000
        pieces = texts.compare_words(before, before + "one more\n")
        assert (pieces[-1].sign, pieces[-1].text) == ("+", "one more\n")

    def test_words_between_two_changes_are_kept_together(self) -> None:
        pieces = texts.compare_words("one two three", "four five three")
        assert [(piece.sign, piece.text) for piece in pieces] == [
            ("-", "one two"),
            ("+", "four five"),
            (" ", " three"),
        ]
