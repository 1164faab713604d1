"""Tests that share a fixture of their module run in one test process."""

from __future__ import annotations

from tests.scheduling import scope_of


def test_a_module_whose_fixture_is_shared_is_one_group() -> None:
    file = "tests/acceptance/test_demo.py"
    assert scope_of(f"{file}::test_drift_is_noticed_and_told") == file
    assert scope_of(f"{file}::TestSample::test_is_printed_as_a_table") == file


def test_all_that_kill_servers_are_one_group() -> None:
    assert scope_of("tests/faults/test_kills.py::a") == scope_of("tests/faults/test_cut_off.py::b")


def test_any_other_test_is_its_own_group() -> None:
    first, second = "tests/unit/test_risk.py::a[one::two]", "tests/unit/test_risk.py::b"
    assert (scope_of(first), scope_of(second)) == (first, second)
