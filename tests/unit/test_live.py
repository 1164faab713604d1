"""Live pages: differences, and which viewers may share a rendering."""

from __future__ import annotations

import random
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.console import app
from roadbed.console.live import steps
from roadbed.console.watched_viewer import WatchedName, WatchedViewer
from roadbed.people.model import Role
from roadbed.people.permissions import Permission, Viewer

PIECES = st.lists(st.sampled_from(["<tr>a", "<tr>b", "<li>c", "\n", "<section>"]), max_size=30)


def viewer(name: str, role: Role = Role.REVIEWER, use_case: str = "triage") -> Viewer:
    return Viewer(name=name, roles={use_case: frozenset({role})})


@given(before=PIECES, after=PIECES)
def test_the_steps_make_the_new_page_of_the_old_one(before: list[str], after: list[str]) -> None:
    result: list[str] = []
    for step in steps(before, after):
        result += [step] if isinstance(step, str) else before[step[0] : step[0] + step[1]]
    assert result == after


def test_what_stayed_is_not_sent_again() -> None:
    before = [f"<tr>{number}" for number in range(100)]
    after = [*before[:40], "<tr>new", *before[41:]]
    assert steps(before, after) == [[0, 40], "<tr>new", [41, 59]]


def test_people_share_what_asked_the_same_of_both() -> None:
    asked = WatchedViewer(viewer("ana"))
    assert asked.may("triage", Permission.REVIEW)
    assert not asked.may("triage", Permission.APPROVE)
    assert asked.answers_hold_for(viewer("ben"))
    assert not asked.answers_hold_for(viewer("ben", Role.DOMAIN_LEAD))
    assert not asked.answers_hold_for(viewer("ben", use_case="foreign"))
    assert asked.visible(["triage", "foreign"]) == ["triage"]
    both = Viewer(
        name="ben",
        roles={"triage": viewer("b").roles["triage"], "foreign": viewer("b").roles["triage"]},
    )
    assert not asked.answers_hold_for(both)


def test_nobody_shares_what_used_a_name() -> None:
    asked = WatchedViewer(viewer("ana"))
    name = WatchedName(asked)
    assert bool(name)
    assert asked.answers_hold_for(viewer("ben"))
    assert f"{name}" == "ana"
    assert not asked.answers_hold_for(viewer("ben"))
    asked = WatchedViewer(viewer("ana"))
    assert WatchedName(asked) == "ana"
    assert not asked.answers_hold_for(viewer("ben"))


@pytest.mark.parametrize("field", [field.name for field in fields(Viewer)])
def test_every_field_that_is_read_counts(field: str) -> None:
    own = viewer("ana")
    asked = WatchedViewer(own)
    getattr(asked, field)
    assert asked.answers_hold_for(own)
    other: dict[str, Any] = {field: {"roles": {}, "admin": True}.get(field, "another")}
    assert not asked.answers_hold_for(replace(own, **other))


def test_a_watched_viewer_answers_like_the_viewer() -> None:
    chance = random.Random(14)
    for _ in range(200):
        roles = {
            name: frozenset(chance.sample(list(Role), chance.randint(0, 2)))
            for name in ("a", "b", "c")
        }
        own = Viewer(name="ana", admin=chance.random() < 0.3, roles=roles)
        asked = WatchedViewer(own)
        for permission in Permission:
            assert asked.everywhere(permission) == own.everywhere(permission)
            assert asked.somewhere(permission) == own.somewhere(permission)
            assert asked.in_scope(permission) == own.in_scope(permission)
            for name in ("a", "b", "d"):
                assert asked.may(name, permission) == own.may(name, permission)
                assert asked.sees(name) == own.sees(name)
                assert asked.roles_in(name) == own.roles_in(name)
        assert asked.answers_hold_for(own)


def test_the_stream_renders_every_page_that_says_it_is_live() -> None:
    """Each page template with ``data-live`` belongs to one handler that the stream may render."""
    folder = Path(app.__file__).parent / "templates"
    templates = [file for file in folder.glob("*.html") if " data-live" in file.read_text("utf-8")]
    assert len(templates) == len(app._LIVE)
