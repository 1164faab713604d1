"""Live pages: differences, and which viewers may share a rendering."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from roadbed.console import app
from roadbed.console.live import LivePages, LiveStream, steps
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


class Pages:
    """Pages that cannot be rendered, and how often somebody tried."""

    asked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        raise ValueError("it cannot be rendered")


async def _nobody() -> None:
    return None


def opened(address: str) -> LiveStream:
    return LiveStream(
        address=address, language="en", viewer=viewer("ana"), look=_nobody, changed=True
    )


@pytest.mark.parametrize("address", ["/a?before=%00", "/a%00", "/a?b=\0"])
async def test_an_address_with_nul_is_no_page(address: str) -> None:
    pages = Pages()
    assert await LivePages(pages, lambda _: True)._render(opened(address)) is None
    assert not pages.asked


@pytest.mark.parametrize(
    "address", ["//x/usecases", "http://x/usecases", "http://[", "", "a", "/live"]
)
def test_an_address_of_another_page_is_no_live_one(address: str) -> None:
    paths: list[str] = []

    def is_live(scope: Scope) -> bool:
        paths.append(scope["path"])
        return False

    live = LivePages(Pages(), is_live)
    assert asyncio.run(live._render(opened(address))) is None
    assert paths == [address]


async def test_a_page_that_fails_is_not_tried_again_at_once() -> None:
    pages, stream = Pages(), opened("/")
    live = LivePages(pages, lambda _: True)
    with pytest.raises(ValueError, match="cannot be rendered"):
        await live._refresh([stream])
    assert stream.wait_seconds >= 5.0
    assert time.monotonic() - stream.sent_at < stream.wait_seconds
