"""Permissions of any combination of roles, scopes and tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from roadbed.kernel.clock import SystemClock
from roadbed.people.errors import TooManyRequestsError
from roadbed.people.model import Role
from roadbed.people.permissions import (
    ADMIN_ALLOWS,
    ALLOWS,
    ANY_TOKEN,
    LONGEST_PASSWORD,
    SCOPES,
    SHORTEST_PASSWORD,
    Permission,
    Viewer,
    as_name,
    free_name,
    fresh_from_link,
    is_name,
    password_problem,
    reach,
    to_say,
    who_may,
)
from roadbed.people.rate_limit import Limit

NAMES = st.sampled_from(["a", "b", "c"])
ROLES = st.frozensets(st.sampled_from(Role))
PERMISSIONS = st.sampled_from(Permission)
VIEWERS = st.builds(
    Viewer,
    name=st.just("somebody"),
    admin=st.booleans(),
    roles=st.dictionaries(NAMES, ROLES),
    scopes=st.none() | st.frozensets(PERMISSIONS),
    use_cases=st.none() | st.frozensets(NAMES),
)


@given(VIEWERS, NAMES, PERMISSIONS)
def test_what_one_may_is_given_by_a_role_or_by_being_an_administrator(
    viewer: Viewer, use_case: str, permission: Permission
) -> None:
    by_role = any(permission in ALLOWS[role] for role in viewer.roles_in(use_case))
    by_office = viewer.admin and permission in ADMIN_ALLOWS
    narrowed = viewer.in_scope(permission) and use_case in (viewer.use_cases or {use_case})
    if viewer.use_cases == frozenset():
        narrowed = False
    assert viewer.may(use_case, permission) is ((by_role or by_office) and narrowed)


@given(VIEWERS, NAMES, PERMISSIONS)
def test_what_one_does_not_see_one_may_not_touch(
    viewer: Viewer, use_case: str, permission: Permission
) -> None:
    assert viewer.sees(use_case) or not viewer.may(use_case, permission)
    if use_case in viewer.visible(["a", "b", "c"]):
        assert viewer.sees(use_case)
    if viewer.everywhere(permission):
        assert viewer.may(use_case, permission)
        assert viewer.somewhere(permission)


@given(VIEWERS, NAMES, PERMISSIONS, st.frozensets(PERMISSIONS), st.frozensets(NAMES))
def test_a_token_never_adds_anything(
    viewer: Viewer,
    use_case: str,
    permission: Permission,
    scopes: frozenset[Permission],
    use_cases: frozenset[str],
) -> None:
    whole = Viewer(name=viewer.name, admin=viewer.admin, roles=viewer.roles)
    narrow = Viewer(
        name=viewer.name,
        admin=viewer.admin,
        roles=viewer.roles,
        scopes=scopes,
        use_cases=use_cases,
    )
    assert whole.may(use_case, permission) or not narrow.may(use_case, permission)
    assert whole.sees(use_case) or not narrow.sees(use_case)


def test_the_table_keeps_what_the_design_promises() -> None:
    for role, allowed in ALLOWS.items():
        assert (Permission.VIEW in allowed) is (role is not Role.REQUESTER)
        assert (Permission.HALT in allowed) is (role not in {Role.VIEWER, Role.REQUESTER})
        assert Permission.MANAGE_PEOPLE not in allowed
    assert ALLOWS[Role.VIEWER] == {Permission.VIEW}
    assert ALLOWS[Role.REQUESTER] == {Permission.SUBMIT, Permission.ASK}
    judging = {Permission.REVIEW, Permission.APPROVE, Permission.SIGN, Permission.RESUME}
    assert not judging & ADMIN_ALLOWS
    assert set(ALLOWS) == set(Role)
    for scope in SCOPES.values():
        assert scope <= ANY_TOKEN
    assert Permission.MANAGE_PEOPLE not in ANY_TOKEN
    assert all(who_may(item) for item in Permission)


@given(st.none() | st.lists(st.sampled_from([*SCOPES, "unknown"])))
def test_a_token_reaches_no_further_than_its_scopes(scopes: list[str] | None) -> None:
    assert reach(scopes) <= ANY_TOKEN
    assert reach(["unknown"]) == frozenset()


@given(st.text(), st.frozensets(st.sampled_from(["ana", "ana-2", "person"])))
def test_any_text_leads_to_a_name_that_is_free(text: str, taken: frozenset[str]) -> None:
    result = free_name(as_name(text), taken)
    assert is_name(result)
    assert result not in taken


@given(st.text(max_size=LONGEST_PASSWORD + 5))
def test_a_password_is_long_but_not_too_long(password: str) -> None:
    if password_problem(password, "ana") is None:
        assert SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD
        assert "ana" not in password.lower()


@given(st.sampled_from(["link", "password", "oidc", None]), st.integers(0, 3600))
def test_only_a_link_of_a_moment_ago_stands_for_the_current_password(
    opened_by: str | None, seconds: int
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    fresh = fresh_from_link(opened_by, now - timedelta(seconds=seconds), now)
    assert fresh is (opened_by == "link" and seconds <= 900)


def test_approving_is_another_thing_than_mending() -> None:
    assert to_say("approve") is to_say("refuse") is Permission.APPROVE
    assert to_say("replay") is to_say("cancel") is Permission.DELIVER


class Hands(SystemClock):
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.at = 0.0

    def monotonic(self) -> float:
        return self.at


@given(st.lists(st.floats(0, 30), min_size=1, max_size=60), st.integers(1, 5))
def test_a_limit_lets_through_no_more_than_it_says(waits: list[float], most: int) -> None:
    clock = Hands()
    limit = Limit(clock, most=most, seconds=10.0)
    passed, waited = 0, list[float]()
    for wait in waits:
        clock.at += wait
        try:
            limit.spend("somebody")
            passed += 1
        except TooManyRequestsError as error:
            waited.append(error.retry_after)
            clock.at += error.retry_after + 1e-6
            limit.spend("somebody")
            passed += 1
    assert all(0.0 < item <= 10.0 for item in waited)
    assert passed <= most + clock.at / 10.0 + 1e-3


def test_a_limit_forgets_those_who_asked_least() -> None:
    clock = Hands()
    limit = Limit(clock, most=2, seconds=1_000.0)
    limit.spend("busy")
    limit.spend("busy")
    for number in range(12_000):
        limit.spend(str(number))
    assert len(limit._buckets) <= 10_000
    assert "busy" in limit._buckets
