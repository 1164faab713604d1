"""Every tested attack, and its tests. Run all of them: ``make attack``.

The list is in the order of docs/explanation/threat-model.md. Tests in other files are named here,
not repeated.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

import pytest

CATALOGUE: Mapping[str, Sequence[str]] = {
    "one input is read in two ways": (
        "tests/property/test_inputs.py",
        "tests/acceptance/test_inputs.py",
        "tests/unit/test_reading.py",
    ),
    "values that no database keeps": ("tests/unit/test_storable.py",),
    "hostile bodies, headers and addresses at every route": ("tests/attacks/test_requests.py",),
    "hostile bytes and slow clients": ("tests/attacks/test_sockets.py",),
    "hosts, origins, cookies and credentials that are not ours": (
        "tests/attacks/test_identities.py",
        "tests/acceptance/test_people.py::TestOrigins",
        "tests/acceptance/test_bad_input.py::TestPages",
        "tests/acceptance/test_sign_in.py::TestSessions",
    ),
    "every route as somebody of every kind": (
        "tests/acceptance/test_people.py::TestDeclarations",
        "tests/acceptance/test_people.py::TestLists",
        "tests/acceptance/test_people.py::TestSeparation",
    ),
    "forged tokens of an identity provider": (
        "tests/acceptance/test_sign_in.py::TestAForgingProvider",
    ),
    "guessed passwords and spent links": (
        "tests/acceptance/test_sign_in.py::TestPasswords",
        "tests/acceptance/test_sign_in.py::TestLinks",
        "tests/acceptance/test_sign_in.py::TestLimits",
        "tests/acceptance/test_sign_in_races.py",
    ),
    "answers without an end, or compressed": ("tests/unit/test_outbound.py",),
    "logs that are filled, and drills that hold back a halt": (
        "tests/acceptance/test_limits.py::TestMalformed",
        "tests/unit/test_drills.py",
    ),
    "addresses that lead inside": ("tests/unit/test_outside.py",),
    "scripts, formulas and links in what goes out": (
        "tests/acceptance/test_bad_input.py::TestWayOut",
    ),
    "planted secrets, searched for everywhere": (
        "tests/attacks/test_secrets.py",
        "tests/acceptance/test_bad_input.py::TestSecrets",
        "tests/unit/test_connectors.py::test_a_secret_that_is_echoed_stays_out_of_errors",
    ),
    "a changed audit log": (
        "tests/unit/test_audit.py",
        "tests/unit/test_witnesses.py",
        "tests/docs/test_verify_receipt.py",
    ),
    "people who judge their own work": (
        "tests/unit/test_duties.py",
        "tests/acceptance/test_duties.py",
        "tests/unit/test_release_steps.py::TestSignOffs",
        "tests/unit/test_proposals.py::TestEditing",
    ),
    "deciders that somebody has taken over": ("tests/isolation/test_hostile_deciders.py",),
    "backups that somebody has changed": (
        "tests/unit/test_recovery.py::test_a_damaged_backup_changes_nothing",
        "tests/unit/test_recovery.py::test_a_backup_writes_nothing_outside_the_audit_folder",
        "tests/unit/test_recovery.py::test_a_manifest_of_any_shape_is_refused",
        "tests/unit/test_recovery.py::TestSigned",
    ),
    "evidence that somebody chooses": (
        "tests/unit/test_erased_evidence.py",
        "tests/unit/test_trust.py::TestStates",
    ),
    "conditions that take long": ("tests/unit/test_conditions.py",),
    "text that acts on a terminal": ("tests/unit/test_terminal.py",),
}


def main() -> int:
    """Run the whole catalogue in its long form; the arguments go to pytest."""
    os.environ["ATTACKS"] = "long"
    tests = list(dict.fromkeys(test for tests in CATALOGUE.values() for test in tests))
    return int(pytest.main(["-q", *tests, *sys.argv[1:]]))


if __name__ == "__main__":
    sys.exit(main())
