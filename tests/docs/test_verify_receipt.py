"""The program that checks proofs alone: it agrees with a real proof, and with no other."""

from __future__ import annotations

import copy
import dataclasses
import json
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from roadbed.app import App
from roadbed.audit import handovers, keys, notes
from roadbed.audit.handovers import Head
from tests.unit.test_audit import proof_of_a_reviewed_task

PROGRAM = Path(__file__).parents[2] / "docs" / "verify_receipt.py"
Check = Callable[..., None]


def run(*arguments: Path) -> subprocess.CompletedProcess[str]:
    """The program in a Python that sees no package at all."""
    return subprocess.run(
        [sys.executable, "-I", "-S", str(PROGRAM), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def check() -> Check:
    result: Check = runpy.run_path(str(PROGRAM))["check"]
    return result


def leaves(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every single value."""
    if isinstance(document, dict | list):
        pairs = document.items() if isinstance(document, dict) else enumerate(document)
        for key, value in pairs:
            yield from leaves(value, (*path, key))
    else:
        yield path


def other(value: Any, place: int) -> Any:
    """``value`` with one character, or its number, changed."""
    if isinstance(value, int):
        return value + 1
    place %= len(value)
    instead = "1" if value[place] == "0" else "0"
    return value[:place] + instead + value[place + 1 :]


async def document(app: App) -> dict[str, Any]:
    _, proof = await proof_of_a_reviewed_task(app)
    result: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(proof)))
    return result


def test_it_is_short_enough_to_read() -> None:
    assert len(PROGRAM.read_text().splitlines()) <= 155


async def test_a_real_proof_holds_and_one_that_was_touched_does_not(
    app: App, tmp_path: Path
) -> None:
    proof = await document(app)
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(proof))
    done = run(file)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Everything in this proof holds." in done.stdout
    assert '"decided"' in done.stdout
    kept = app.audit.folder / keys.PUBLIC_KEY
    assert run(file, kept).returncode == 0
    assert "The checkpoint you kept" in run(file, app.audit.folder / "checkpoint").stdout
    file.write_text(json.dumps(proof).replace("reviewed", "reviewee"))
    done = run(file)
    assert (done.returncode, done.stdout.count("Everything")) == (1, 0)
    assert "This proof does not hold: entry" in done.stderr


async def test_every_single_value_is_bound(app: App, check: Check) -> None:
    proof = await document(app)
    check(json.dumps(proof))
    for path in leaves(proof):
        if path == ("format",):
            continue
        for place in (0, 7, -2):
            changed = copy.deepcopy(proof)
            holder: Any = changed
            for point in path[:-1]:
                holder = holder[point]
            holder[path[-1]] = other(holder[path[-1]], place)
            with pytest.raises((ValueError, KeyError, TypeError)):
                check(json.dumps(changed))


async def test_hashes_left_out_or_added_are_found(app: App, check: Check) -> None:
    proof = await document(app)
    for hashes in (proof["entries"][0]["hashes"][:-1], proof["entries"][0]["hashes"] + ["00" * 32]):
        changed = copy.deepcopy(proof)
        changed["entries"][0]["hashes"] = hashes
        with pytest.raises(ValueError, match=r"\w"):
            check(json.dumps(changed))


async def test_what_the_reader_kept_is_believed_before_the_proof(app: App, check: Check) -> None:
    proof = json.dumps(await document(app))
    newest = await app.audit.newest()
    assert newest is not None
    signer = keys.signer(app.audit.folder, lambda n: b"0" * n)
    check(proof, signer.sign(1, b"r" * 32))
    with pytest.raises(ValueError, match="two histories"):
        check(proof, signer.sign(newest.size, b"r" * 32))
    stranger = notes.Signer("roadbed/other", b"1" * 32)
    with pytest.raises(ValueError, match="not the one you kept"):
        check(proof, str(stranger.public))
    with pytest.raises(ValueError, match="not signed by"):
        check(proof, stranger.sign(1, b"r" * 32))


async def test_an_erased_entry_keeps_its_place(
    app: App, check: Check, capsys: pytest.CaptureFixture[str]
) -> None:
    task, proof = await proof_of_a_reviewed_task(app)
    async with app.database.transaction() as connection:
        await app.audit.erase(
            connection, [entry.position for entry in proof.entries], by="ana", reason="asked"
        )
    await app.audit.seal()
    again = await app.audit.proof_of_task(task)
    assert [item.payload is None for item in again.entries] == [True, True, False]
    check(json.dumps(dataclasses.asdict(again)))
    assert capsys.readouterr().out.count("its content was erased, or left out of this proof") == 2
    check(json.dumps({**dataclasses.asdict(again), "entries": []}))
    assert "It holds no entry, so it proves nothing" in capsys.readouterr().out
    check(json.dumps(dataclasses.asdict(proof)))  # an earlier proof is unchanged


def test_signatures_agree_with_the_standard() -> None:
    """The first two test vectors of RFC 8032, 7.1."""
    signed = runpy.run_path(str(PROGRAM))["signed"]
    for key, text, signature in (
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            (
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e"
                "39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
            ),
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            (
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f"
                "3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
            ),
        ),
    ):
        assert signed(bytes.fromhex(key), bytes.fromhex(text), bytes.fromhex(signature))
        assert not signed(bytes.fromhex(key), b"other", bytes.fromhex(signature))


class TestHandovers:
    """The key was changed: a proof under the old key can still be checked."""

    async def rotated(self, app: App) -> tuple[dict[str, Any], str, str]:
        """A proof under the second key; the first key, and the last checkpoint that it signed."""
        await document(app)
        old = (app.audit.folder / keys.PUBLIC_KEY).read_text()
        newest = await app.audit.newest()
        assert newest is not None
        await app.audit.rotate(by="ana", reason="once a year")
        return await document(app), old, newest.note

    async def test_the_program_follows_them(self, app: App, tmp_path: Path) -> None:
        proof, old, note = await self.rotated(app)
        file, kept = tmp_path / "proof.json", tmp_path / "kept"
        file.write_text(json.dumps(proof))
        for own in (old, note, proof["public_key"], proof["checkpoint"]):
            kept.write_text(own)
            done = run(file, kept)
            assert (done.returncode, done.stderr) == (0, "")
            follows = own in (old, note)
            assert (f"{old.strip()} handed over to {proof['public_key']}" in done.stdout) is follows
        kept.write_text("")
        assert "not the one you kept" in run(file, kept).stderr

    async def test_none_is_left_out_changed_or_made_up(self, app: App, check: Check) -> None:
        proof, old, note = await self.rotated(app)
        [handover] = proof["handovers"]
        for given in ([], [handover, handover]):
            with pytest.raises(ValueError, match=r"not the one you kept|do not follow"):
                check(json.dumps({**proof, "handovers": given}), old)
        for place in range(0, len(handover), 7):
            changed = {**proof, "handovers": [other(handover, place)]}
            with pytest.raises(ValueError, match=r"\w"):
                check(json.dumps(changed), old)
        stranger = notes.Signer("roadbed/other", b"1" * 32)
        forger = notes.Signer(old.partition("+")[0], b"2" * 32)
        root = b"r" * 32
        made_up = handovers.write("rotated", forger, stranger, kept=Head(size=1, root=root))
        forged = {
            **proof,
            "handovers": [made_up.note],
            "public_key": str(stranger.public),
            "checkpoint": stranger.sign(2, root),
            "entries": [],
        }
        check(json.dumps(forged))
        for own in (old, note):
            with pytest.raises(ValueError, match=r"not the one you kept|not signed by"):
                check(json.dumps(forged), own)

    def test_an_old_key_signs_no_more_than_it_handed_over(
        self, check: Check, capsys: pytest.CaptureFixture[str]
    ) -> None:
        first, second, third = (notes.Signer(f"roadbed/{n}", bytes([n]) * 32) for n in (1, 2, 3))
        root, other_root = b"r" * 32, b"s" * 32
        passed = [
            handovers.write("rotated", first, second, kept=Head(size=100, root=root)),
            handovers.write(
                "restored",
                second,
                third,
                kept=Head(size=50, root=root),
                lost=Head(size=120, root=root),
                base=first.public,
            ),
        ]

        def proof(signer: notes.Signer, size: int) -> str:
            return json.dumps(
                {
                    "public_key": str(signer.public),
                    "checkpoint": signer.sign(size, root),
                    "handovers": [handover.note for handover in passed],
                    "entries": [],
                }
            )

        check(proof(third, 60), str(first.public))
        assert "a restore lost entries of 120" in capsys.readouterr().out
        check(proof(third, 60), first.sign(40, root))
        assert "that a restore lost" not in capsys.readouterr().out
        check(proof(third, 60), first.sign(80, root))
        assert "It covers entries that a restore lost" in capsys.readouterr().out
        check(proof(first, 40), str(third.public))
        for signer, size in ((first, 60), (second, 110)):
            with pytest.raises(ValueError, match="more entries than it handed over"):
                check(proof(signer, size), str(third.public))
        for kept in (first.sign(100, other_root), second.sign(120, other_root)):
            with pytest.raises(ValueError, match="two histories"):
                check(proof(third, 60), kept)
