"""The signed log on a real PostgreSQL: sealed once each, proven, and every tampering found."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from roadbed.app import App
from roadbed.audit import keys, notes, verification
from roadbed.audit.checkpoint_history import DAYS, HISTORY, CheckpointHistory
from roadbed.audit.errors import (
    AuditDamagedError,
    AuditFolderError,
    AuditKeyError,
    NotSealedError,
    UnknownEntryError,
)
from roadbed.audit.model import Checkpoint
from roadbed.audit.service import AuditLog
from roadbed.audit.tiles import TileFolder
from roadbed.kernel.clock import SystemClock
from roadbed.kernel.settings import Settings
from roadbed.storage import migrations
from roadbed.storage.database import Database, with_schema
from roadbed.storage.embedded import EmbeddedServer, default_home
from roadbed.storage.errors import StorageUnavailableError
from roadbed.storage.folders import audit_folder
from tests import databases

WRITE = """
INSERT INTO audit_entry (use_case, kind, subject, actor, at, detail)
SELECT 'triage', 'decided', 'tsk_' || n, 'roadbed', now(), jsonb_build_object('route', 'review')
FROM generate_series(%(first)s::int, %(last)s::int) AS n
"""
SEALED, WAITING = 600, 3
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOON_AFTER = NOON + timedelta(days=1)


def execute(url: str, *statements: str) -> None:
    """Run what an intruder with every right would."""
    with psycopg.connect(with_schema(url), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


@asynccontextmanager
async def opened(url: str, folder: Path) -> AsyncIterator[tuple[AuditLog, Database]]:
    async with Database(url, connections=4) as database:
        yield AuditLog(database, folder, SystemClock(), os.urandom), database


async def found(url: str, folder: Path) -> list[tuple[int | None, str]]:
    async with opened(url, folder) as (log, _):
        verified = await log.verify()
    assert all(finding.remedy for finding in verified.findings)
    assert verified.sound is not bool(verified.findings)
    return [(item.position, item.problem) for item in verified.findings]


@pytest.fixture(scope="module")
def template(
    server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """A database with 600 sealed entries in two checkpoints and three that wait, and its folder."""
    folder = tmp_path_factory.mktemp("template") / "audit"

    async def fill(url: str) -> None:
        async with opened(url, folder) as (log, database):
            for first, last in ((1, 300), (301, SEALED)):
                await database.fetch(WRITE, {"first": first, "last": last})
                assert await log.seal() == 300
            assert await log.publish() == 2
            await database.fetch(WRITE, {"first": SEALED + 1, "last": SEALED + WAITING})

    with databases.database(server) as url:
        asyncio.run(fill(url))
        yield url, folder


@pytest.fixture
def sealed(
    server: EmbeddedServer, template: tuple[str, Path], tmp_path: Path
) -> Iterator[tuple[str, Path]]:
    """A copy of the template: its address and its folder."""
    folder = tmp_path / "audit"
    shutil.copytree(template[1], folder)
    with databases.copy(server, of=template[0]) as url:
        yield url, folder


def flip(path: Path, at: int = 40) -> None:
    """One bit of a file."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


# A change of the folder's tiles, and its one finding.
TILE_TAMPERING: dict[str, tuple[Callable[[Path], object], str]] = {
    "a bit of a full tile": (lambda tile: flip(tile / "0/000"), "tile/0/000 is not what"),
    "a bit of a partial tile": (lambda tile: flip(tile / "0/002.p/88"), "tile/0/002.p/88 is not"),
    "a bit of its last byte": (lambda tile: flip(tile / "0/001", -1), "tile/0/001 is not what"),
    "a bit of a higher tile": (lambda tile: flip(tile / "1/000.p/2"), "tile/1/000.p/2 is not"),
    "a bit of the leaves": (lambda tile: flip(tile / "entries/001"), "tile/entries/001 is not"),
    "a bit of a leaf's length": (
        lambda tile: flip(tile / "entries/002.p/88", 1),
        "tile/entries/002.p/88 is not what",
    ),
    "a tile cut short": (lambda tile: os.truncate(tile / "0/000", 8160), "tile/0/000 is not what"),
    "a tile emptied": (lambda tile: os.truncate(tile / "0/000", 0), "tile/0/000 is not what"),
    "a tile made longer": (
        lambda tile: (tile / "0/000").write_bytes((tile / "0/000").read_bytes() + b"0"),
        "tile/0/000 is not what",
    ),
    "an older beginning": (
        lambda tile: (tile / "0/002.p/7").write_bytes(b"0" * 7 * 32),
        "tile/0/002.p/7 is not what",
    ),
    "a full tile gone": (lambda tile: (tile / "0/001").unlink(), "tile/0/001 is missing"),
    "a partial tile gone": (
        lambda tile: shutil.rmtree(tile / "0/002.p"),
        "tile/0/002.p/88 is missing",
    ),
    "a higher tile gone": (
        lambda tile: (tile / "1/000.p/2").unlink(),
        "tile/1/000.p/2 is missing",
    ),
    "the leaves gone": (
        lambda tile: (tile / "entries/000").unlink(),
        "tile/entries/000 is missing",
    ),
    "two tiles changed places": (
        lambda tile: [
            (tile / "0/000").rename(tile / "0/x"),
            (tile / "0/001").rename(tile / "0/000"),
            (tile / "0/x").rename(tile / "0/001"),
        ],
        "tile/0/000 is not what",
    ),
    "no file at all": (lambda tile: instead(tile / "0/000"), "tile/0/000 cannot be read"),
}


def edited(column: str, value: str) -> str:
    return f"UPDATE audit_entry SET {column} = {value} WHERE position = 300"


FLIPPED = "set_bit({0}, 9, 1 - get_bit({0}, 9))"
COMMITTED, NEVER = "is not what was committed to", "was never committed to"
MOVABLE = "ALTER TABLE audit_entry ALTER position DROP IDENTITY"
UNSEEN = "SET session_replication_role = replica"
SWAP_POSITIONS = (
    "positions = positions[2:2] || positions[1:1] || positions[3:]",
    (
        "commitments = substring(commitments FROM 33 FOR 32) || substring(commitments FOR 32) "
        "|| substring(commitments FROM 65)"
    ),
    (
        "hashes = substring(hashes FROM 33 FOR 32) || substring(hashes FOR 32) "
        "|| substring(hashes FROM 65)"
    ),
)
SHORTEN = (  # to what stood there after the first checkpoint
    "DELETE FROM audit_entry WHERE position > 300",
    "DELETE FROM audit_pending",
    "DELETE FROM audit_bundle WHERE index = 2",
    (
        "UPDATE audit_bundle SET positions = positions[:44], "
        "commitments = substring(commitments FOR 44 * 32) WHERE index = 1"
    ),
    "DELETE FROM audit_tile WHERE level = 0 AND index = 2",
    "UPDATE audit_tile SET hashes = substring(hashes FOR 44 * 32) WHERE level = 0 AND index = 1",
    "UPDATE audit_tile SET hashes = substring(hashes FOR 32) WHERE level = 1",
    "DELETE FROM audit_checkpoint WHERE size > 300",
)
FORGET = (  # history begins again
    "TRUNCATE audit_bundle, audit_tile, audit_checkpoint, audit_pending",
    "UPDATE audit_entry SET actor = 'nobody' WHERE position = 7",
    (
        "INSERT INTO audit_pending SELECT position, sha256(salt || convert_to("
        "audit_payload(audit_entry), 'UTF8')) FROM audit_entry"
    ),
)
# The change, the entries that must be named, and words of the findings.
TAMPERING: dict[str, tuple[Sequence[str], Sequence[int], Sequence[str]]] = {
    "use_case": ([edited("use_case", "'triagf'")], [300], [COMMITTED, "decided, tsk_300, 20"]),
    "use_case emptied": ([edited("use_case", "NULL")], [300], [COMMITTED]),
    "kind": ([edited("kind", "'decidee'")], [300], [COMMITTED, "decidee"]),
    "subject": ([edited("subject", "'tsk_30'")], [300], [COMMITTED]),
    "actor": ([edited("actor", "'roadbee'")], [300], [COMMITTED]),
    "at": ([edited("at", "at + interval '1 microsecond'")], [300], [COMMITTED]),
    "detail": ([edited("detail", """'{"route": "reviex"}'""")], [300], [COMMITTED]),
    "salt": ([edited("salt", "set_byte(salt, 0, get_byte(salt, 0) # 1)")], [300], [COMMITTED]),
    "detail emptied": ([edited("detail", "NULL")], [300], ["no erasure names it"]),
    "salt emptied": ([edited("salt", "NULL")], [300], ["no erasure names it"]),
    "position": ([MOVABLE, edited("position", "9999")], [300, 9999], ["is missing", NEVER]),
    "an erasure that came before": (
        [
            MOVABLE,
            UNSEEN,
            edited("detail", "NULL, salt = NULL"),
            (
                "INSERT INTO audit_entry (position, kind, subject, actor, detail) "
                """VALUES (-1, 'erased', 'x', 'y', '{"positions": [300]}'), """
                """(9998, 'erased', 'x', 'y', '{"positions": "all"}'), """
                """(9999, 'erased', 'x', 'y', '5')"""
            ),
        ],
        [300, -1],
        ["no erasure names it", NEVER],
    ),
    "an entry dropped": (["DELETE FROM audit_entry WHERE position = 300"], [300], ["is missing"]),
    "two entries swapped": (
        [
            MOVABLE,
            "UPDATE audit_entry SET position = 0 WHERE position = 300",
            "UPDATE audit_entry SET position = 300 WHERE position = 301",
            "UPDATE audit_entry SET position = 301 WHERE position = 0",
        ],
        [300, 301],
        [COMMITTED],
    ),
    "an entry slipped in": (
        [UNSEEN, "INSERT INTO audit_entry (kind, subject, actor) VALUES ('decided', 'x', 'y')"],
        [604],
        [NEVER],
    ),
    "a bundle reordered": (
        [f"UPDATE audit_bundle SET {SWAP_POSITIONS[0]} WHERE index = 1"],
        [257, 258],
        [COMMITTED],
    ),
    "a bundle reordered with its commitments": (
        [f"UPDATE audit_bundle SET {SWAP_POSITIONS[0]}, {SWAP_POSITIONS[1]} WHERE index = 1"],
        [],
        ["Tile 0/1 is not what", "another root"],
    ),
    "a bundle reordered with commitments and tile": (
        [
            f"UPDATE audit_bundle SET {SWAP_POSITIONS[0]}, {SWAP_POSITIONS[1]} WHERE index = 1",
            f"UPDATE audit_tile SET {SWAP_POSITIONS[2]} WHERE level = 0 AND index = 1",
        ],
        [],
        ["Tile 1/0 is not what", "another root"],
    ),
    "a bit of a commitment": (
        [f"UPDATE audit_bundle SET commitments = {FLIPPED.format('commitments')}"],
        [1, 257, 513],
        ["The commitment kept for Entry 257", "Tile 0/1 is not what", "another root"],
    ),
    "a commitment cut off": (
        ["UPDATE audit_bundle SET commitments = substring(commitments FOR 90) WHERE index = 2"],
        [516, 600],
        ["Bundle 2 is not as long", "the database is damaged there"],
    ),
    "the last bundle dropped": (
        ["DELETE FROM audit_bundle WHERE index = 2"],
        [513, 600],
        [NEVER, "checkpoint of 600 entries, 512 could", "Tile 0/2 has no leaves"],
    ),
    "a bundle in the middle dropped": (
        ["DELETE FROM audit_bundle WHERE index = 1"],
        [257, 512],
        [NEVER, "Bundles 1 to 1 are missing"],
    ),
    "a bundle in the middle shortened": (
        [
            (
                "UPDATE audit_bundle SET positions = positions[:9], "
                "commitments = substring(commitments FOR 9 * 32) WHERE index = 1"
            )
        ],
        [266, 512],
        [NEVER, "Bundle 1 is not full", "Tile 0/1 is not what"],
    ),
    "a bundle emptied": (
        ["UPDATE audit_bundle SET positions = '{}', commitments = '' WHERE index = 2"],
        [513],
        ["Bundle 2 is not as long"],
    ),
    "a leaf twice": (
        ["UPDATE audit_bundle SET positions = positions || 7::bigint WHERE index = 2"],
        [7],
        ["stands in 2 places"],
    ),
    "a bit of a tile": (
        ["UPDATE audit_tile SET hashes = set_bit(hashes, 9, 1 - get_bit(hashes, 9))"],
        [],
        ["Tile 0/0 is not what its leaves", "Tile 0/2 is not what", "Tile 1/0 is not what"],
    ),
    "tiles dropped": (["TRUNCATE audit_tile"], [], ["Tile 0/0 is not", "Tile 1/0 is not"]),
    "tiles too many": (
        ["INSERT INTO audit_tile VALUES (0, 9, sha256('')), (2, 0, sha256(''))"],
        [],
        ["Tile 0/9 has no leaves", "Tile 2/0 is not what"],
    ),
    "the newest checkpoint dropped": (
        ["DELETE FROM audit_checkpoint WHERE size = 600"],
        [],
        ["600 leaves are stored, but the newest", "stands in the folder, not in the database"],
    ),
    "an older checkpoint dropped": (
        ["DELETE FROM audit_checkpoint WHERE size = 300"],
        [],
        ["The checkpoint of 300 entries stands in the folder"],
    ),
    "all checkpoints dropped": (
        ["TRUNCATE audit_checkpoint"],
        [],
        ["covers 0", "The checkpoint of 300 entries (and 1 more) stands in the folder"],
    ),
    "a checkpoint's root": (
        ["UPDATE audit_checkpoint SET root = sha256('') WHERE size = 300"],
        [],
        ["checkpoint of 300 entries is not what was signed"],
    ),
    "a checkpoint's note": (
        [r"UPDATE audit_checkpoint SET note = replace(note, E'\n600\n', E'\n601\n')"],
        [],
        ["checkpoint of 600 entries is forged: the signature does not fit"],
    ),
    "a checkpoint without signature": (
        ["UPDATE audit_checkpoint SET note = 'signed' WHERE size = 600"],
        [],
        ["is forged: no signature lines"],
    ),
    "everything cut back to the first checkpoint": (
        SHORTEN,
        [],
        ["The folder has a checkpoint of 600 entries, 300 could be recomputed"],
    ),
    "a waiting commitment": (
        ["UPDATE audit_pending SET commitment = sha256('') WHERE position = 602"],
        [602],
        [COMMITTED],
    ),
    "a waiting commitment dropped": (
        ["DELETE FROM audit_pending WHERE position = 602"],
        [602],
        [NEVER],
    ),
    "a waiting commitment for what is sealed": (
        ["INSERT INTO audit_pending VALUES (300, sha256(''))"],
        [300],
        [COMMITTED, "stands in 2 places"],
    ),
    "a waiting commitment for nothing": (
        ["INSERT INTO audit_pending VALUES (9999, sha256('')), (9999, sha256('a'))"],
        [9999],
        ["Entry 9999 was sealed and is missing", "Entry 9999 stands in 2 places"],
    ),
}


class TestVerify:
    async def test_an_untouched_log_has_no_findings(self, sealed: tuple[str, Path]) -> None:
        async with opened(*sealed) as (log, _):
            verified = await log.verify()
        assert verified.findings == []
        assert verified.sound
        assert (verified.entries, verified.pending, verified.checkpoints) == (603, 3, 2)
        assert verified.newest is not None
        assert "\n600\n" in verified.newest

    async def test_a_log_that_has_not_begun_has_no_findings(self, url: str, tmp_path: Path) -> None:
        assert await found(url, tmp_path / "audit") == []

    @pytest.mark.parametrize("what", TAMPERING)
    async def test_tampering_is_found_and_named(self, sealed: tuple[str, Path], what: str) -> None:
        statements, named, words = TAMPERING[what]
        execute(sealed[0], *statements)
        findings = await found(*sealed)
        positions = {position for position, _ in findings if position is not None}
        assert set(named) <= positions, findings
        if not named:
            assert not positions
        for word in words:
            assert any(word in problem for _, problem in findings), (word, findings)

    async def test_every_column_edited_alone_names_that_entry_alone(
        self, sealed: tuple[str, Path]
    ) -> None:
        execute(sealed[0], edited("subject", "subject || ' '"))
        [(position, problem)] = await found(*sealed)
        assert position == 300
        assert problem.startswith("Entry 300 (decided, tsk_300 , ")

    @pytest.mark.parametrize("stolen", [False, True])
    async def test_history_rewritten_and_signed_again_is_found(
        self, sealed: tuple[str, Path], tmp_path: Path, *, stolen: bool
    ) -> None:
        url, folder = sealed
        execute(url, *FORGET)
        other = tmp_path / "other"
        if stolen:
            other.mkdir()
            shutil.copy(folder / keys.SIGNING_KEY, other)
        async with opened(url, other) as (log, _):
            assert await log.seal() == 603
            await log.publish()
            assert (await log.verify()).sound  # the database is consistent: only the copy shows it
        problems = "\n".join(problem for _, problem in await found(url, folder))
        assert "The folder's checkpoint of 300 entries (and 1 more) has another root" in problems
        assert ("is forged: not signed by" in problems) is not stolen

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("{garbled\n", "Line 3 of checkpoints.log cannot be read"),
            ("[1]\n", "Line 3 of checkpoints.log cannot be read"),
            ('"signed"\n', "Line 3 of checkpoints.log is forged"),
        ],
    )
    async def test_a_line_of_the_copy_that_is_none_is_found(
        self, sealed: tuple[str, Path], line: str, words: str
    ) -> None:
        with (sealed[1] / HISTORY).open("a") as history:
            history.write(line)
        assert [words in problem for _, problem in await found(*sealed)] == [True]

    @pytest.mark.parametrize("what", TILE_TAMPERING)
    async def test_a_tile_file_that_differs_or_is_missing_is_named(
        self, sealed: tuple[str, Path], what: str
    ) -> None:
        spoil, words = TILE_TAMPERING[what]
        spoil(sealed[1] / "tile")
        problems = [problem for _, problem in await found(*sealed)]
        assert words in problems[0]
        assert len(problems) == (2 if what == "two tiles changed places" else 1)

    async def test_all_tile_files_gone_are_each_missing(self, sealed: tuple[str, Path]) -> None:
        shutil.rmtree(sealed[1] / "tile")
        problems = [problem for _, problem in await found(*sealed)]
        assert len(problems) == 7
        assert all(item.endswith("is missing.") for item in problems)

    async def test_what_was_published_before_and_meanwhile_is_no_finding(
        self, sealed: tuple[str, Path]
    ) -> None:
        """Older checkpoints stay; tiles are ahead of the checkpoint during a publication."""
        url, folder = sealed
        async with opened(url, folder) as (log, database):
            await database.fetch(WRITE, {"first": 604, "last": 900})
            await log.seal()
            shutil.copytree(folder, folder.with_name("before"))
            await log.publish()
            assert await found(url, folder) == []
            for name in (HISTORY, "checkpoint"):
                shutil.copy(folder.with_name("before") / name, folder)
            assert await found(url, folder) == []
            shutil.copytree(
                folder.with_name("before") / "tile", folder / "tile", dirs_exist_ok=True
            )
            assert await found(url, folder) == []

    async def test_without_the_copy_or_the_key_it_says_so(self, sealed: tuple[str, Path]) -> None:
        public = (sealed[1] / keys.PUBLIC_KEY).read_text()
        (sealed[1] / keys.PUBLIC_KEY).unlink()
        assert "no signature can be checked" in str(await found(*sealed))
        (sealed[1] / keys.PUBLIC_KEY).write_text(public)
        (sealed[1] / HISTORY).unlink()
        assert "no copy outside to compare with" in str(await found(*sealed))
        (sealed[1] / HISTORY).mkdir()
        assert "cannot be read" in str(await found(*sealed))
        (sealed[1] / keys.PUBLIC_KEY).write_text("roadbed/x+00+AQ==")
        assert "no signature can be checked" in str(await found(*sealed))

    async def test_a_function_that_was_replaced_changes_nothing(
        self, sealed: tuple[str, Path]
    ) -> None:
        execute(
            sealed[0],
            edited("actor", "'nobody'"),
            "CREATE OR REPLACE FUNCTION audit_payload(entry audit_entry) RETURNS text "
            "LANGUAGE sql STABLE RETURN replace(jsonb_build_array(entry.*)::text, 'a', 'b')",
        )
        assert [position for position, _ in await found(*sealed)] == [300]

    async def test_of_very_many_findings_the_first_are_listed_and_all_counted(
        self, sealed: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(verification, "MOST_FINDINGS", 10)
        execute(sealed[0], "UPDATE audit_entry SET actor = 'nobody'")
        async with opened(*sealed) as (log, _):
            verified = await log.verify()
        assert (len(verified.findings), verified.more) == (10, 593)

    async def test_a_server_that_is_away_is_said(self, sealed: tuple[str, Path]) -> None:
        async with opened(*sealed) as (log, database):
            database.url = "host=/nowhere"
            with pytest.raises(StorageUnavailableError):
                await log.verify()


class TestSeal:
    async def test_nothing_new_makes_no_new_checkpoint(self, sealed: tuple[str, Path]) -> None:
        async with opened(*sealed) as (log, database):
            assert await log.seal() == 3
            assert [await log.seal(), await log._seal_once()] == [0, 0]
            rows = await database.fetch("SELECT size FROM audit_checkpoint ORDER BY size")
        assert [row["size"] for row in rows] == [300, 600, 603]

    async def test_a_large_backlog_is_sealed_in_steps(
        self, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("roadbed.audit.service.MOST_AT_ONCE", 256)
        async with opened(url, tmp_path) as (log, database):
            await database.fetch(WRITE, {"first": 1, "last": 1000})
            assert await log.seal() == 1000
            assert await log.publish() == 4
        assert await found(url, tmp_path) == []

    async def test_many_writers_and_two_sealers_seal_every_entry_once(
        self, url: str, tmp_path: Path
    ) -> None:
        folder, written, ended = tmp_path / "audit", 0, asyncio.Event()

        async def writer(database: Database, number: int) -> None:
            nonlocal written
            for turn in range(15):
                many = (number + turn) % 7
                try:
                    async with database.transaction() as connection:
                        await connection.execute(WRITE, {"first": 1, "last": many})
                        await asyncio.sleep(0.002 * (number % 3))
                        if turn % 5 == 4:
                            raise KeyError
                    written += many
                except KeyError:
                    pass

        async def sealer() -> int:
            done = 0
            async with opened(url, folder) as (log, _):
                while not ended.is_set():
                    done += await log.seal()
                    await log.publish()
                return done + await log.seal()

        async with Database(url, connections=12) as database:
            sealers = [asyncio.create_task(sealer()) for _ in range(2)]
            await asyncio.gather(*(writer(database, number) for number in range(12)))
            ended.set()
            assert sum(await asyncio.gather(*sealers)) == written
            rows = await database.fetch("SELECT unnest(positions) AS position FROM audit_bundle")
        assert len({row["position"] for row in rows}) == len(rows) == written
        async with opened(url, folder) as (log, _):
            await log.publish()
            verified = await log.verify()
        assert (verified.findings, verified.entries) == ([], written)

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM audit_checkpoint WHERE size = 600",
            "TRUNCATE audit_checkpoint",
            "DELETE FROM audit_bundle WHERE index = 2",
            "DELETE FROM audit_tile WHERE level = 1",
            "UPDATE audit_tile SET hashes = set_bit(hashes, 9, 1 - get_bit(hashes, 9))",
            (
                "ALTER TABLE audit_pending DROP CONSTRAINT audit_pending_commitment_check; "
                "UPDATE audit_pending SET commitment = 'short'"
            ),
        ],
    )
    async def test_nothing_is_signed_on_top_of_damage(
        self, sealed: tuple[str, Path], statement: str
    ) -> None:
        execute(sealed[0], statement)
        async with opened(*sealed) as (log, database):
            with pytest.raises(AuditDamagedError):
                await log.seal()
            waiting = await database.fetch_one("SELECT count(*) AS n FROM audit_pending")
        assert waiting == {"n": 3}

    async def test_nothing_is_signed_behind_another_key(
        self, sealed: tuple[str, Path], tmp_path: Path
    ) -> None:
        async with opened(sealed[0], tmp_path / "other") as (log, _):
            with pytest.raises(AuditKeyError):
                await log.seal()
            with pytest.raises(AuditKeyError):
                await log.publish()

    async def test_it_goes_on_for_ever_and_says_once_what_fails(
        self,
        sealed: tuple[str, Path],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr("roadbed.audit.service.SEAL_SECONDS", 0.01)
        url, folder = sealed
        (folder / "tile").rename(folder / "away")
        (folder / "tile").write_text("a file where a folder should be")
        async with opened(url, folder) as (log, database):
            forever = asyncio.create_task(log.seal_forever())
            await asyncio.sleep(0.2)
            newest = await log.newest()
            assert newest is not None
            assert newest.size == 603  # the database continues
            (folder / "tile").unlink()
            (folder / "away").rename(folder / "tile")
            await asyncio.sleep(0.2)
            forever.cancel()
            written = notes.read((folder / "checkpoint").read_text(), _key(folder))
            assert written.size == 603
            assert (await log.verify()).sound
            assert await database.fetch("SELECT * FROM audit_pending") == []
        assert capsys.readouterr().err.count("is not in step") <= 1


def _key(folder: Path) -> notes.PublicKey:
    key = keys.public_key(folder)
    assert key is not None
    return key


class TestKeys:
    def test_is_created_once_and_readable_by_its_owner_only(self, tmp_path: Path) -> None:
        first, second = (keys.signer(tmp_path / "audit", os.urandom) for _ in range(2))
        assert first.public == second.public == keys.public_key(tmp_path / "audit")
        path = tmp_path / "audit" / keys.SIGNING_KEY
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        secret = path.read_text().strip().split("+", 4)[4]
        assert secret not in repr(first)
        assert str(first.public) in repr(first)
        keys._make(path, os.urandom)  # too late: the first one stays
        (tmp_path / "audit" / keys.PUBLIC_KEY).unlink()
        assert keys.signer(tmp_path / "audit", os.urandom).public == first.public
        assert keys.public_key(tmp_path / "audit") == first.public

    def test_a_file_that_holds_no_key_is_said_without_showing_it(self, tmp_path: Path) -> None:
        (tmp_path / keys.SIGNING_KEY).write_text("PRIVATE+KEY+roadbed/x+0+c2VjcmV0")
        with pytest.raises(AuditFolderError) as told:
            keys.signer(tmp_path, os.urandom)
        assert "c2VjcmV0" not in str(told.value)
        (tmp_path / "file").write_text("")
        with pytest.raises(AuditFolderError):
            keys.signer(tmp_path / "file" / "audit", os.urandom)

    def test_keys_and_notes_follow_the_format(self) -> None:
        """The example of the format's own test suite."""
        text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
        note = (
            "If you think cryptography is the answer to your problem,\n"
            "then you don't know what your problem is.\n\n"
            "\N{EM DASH} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2p"
            "ZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
        )
        key = notes.PublicKey.read(text)
        assert str(key) == text
        with pytest.raises(notes.NoteError, match="no checkpoint of this log"):
            notes.read(note, key)  # signed well, but about something else
        with pytest.raises(notes.NoteError, match="does not fit the text"):
            notes.read(note.replace("answer", "Answer"), key)

    @pytest.mark.parametrize(
        "text", ["", "name", "+0+AQ==", "name+00+AQ==", "name+00+%", f"name+00000000+AQ{'A' * 42}"]
    )
    def test_what_is_no_key_is_refused(self, text: str) -> None:
        with pytest.raises(notes.NoteError):
            notes.PublicKey.read(text)

    def test_what_is_no_checkpoint_is_refused(self) -> None:
        signer = notes.Signer("log", b"1" * 32)
        good = signer.sign(7, b"r" * 32)
        assert notes.read(good, signer.public) == Checkpoint(size=7, root=b"r" * 32, note=good)
        for bad in (signer.sign(7, b"short"), good[:-1], good.replace("\n\n", "\n"), ""):
            with pytest.raises(notes.NoteError):
                notes.read(bad, signer.public)
        with pytest.raises(notes.NoteError, match="not signed by other"):
            notes.read(good, notes.Signer("other", b"1" * 32).public)


class TestFolder:
    async def test_tiles_stand_in_the_layout_that_others_read(
        self, sealed: tuple[str, Path]
    ) -> None:
        folder = sealed[1]
        assert len((folder / "tile/0/001").read_bytes()) == 8192
        assert len((folder / "tile/0/002.p/88").read_bytes()) == 88 * 32
        assert len((folder / "tile/1/000.p/2").read_bytes()) == 64
        entries = (folder / "tile/entries/002.p/88").read_bytes()
        assert (len(entries), entries[:2]) == (88 * 34, b"\x00\x20")
        assert (folder / "checkpoint").read_text().splitlines()[1] == "600"
        assert len(list(TileFolder(folder).history())) == 2

    async def test_a_full_tile_takes_the_place_of_its_beginnings(
        self, sealed: tuple[str, Path]
    ) -> None:
        async with opened(*sealed) as (log, database):
            await log.seal()
            assert await log.publish() == 1
            assert sorted(path.name for path in (sealed[1] / "tile/0/002.p").iterdir()) == [
                "88",
                "91",
            ]
            await database.fetch(WRITE, {"first": 604, "last": 800})
            await log.seal()
            assert await log.publish() == 1
            assert await log.publish() == 0
        assert not (sealed[1] / "tile/0/002.p").exists()
        assert not (sealed[1] / "tile/entries/002.p").exists()
        assert await found(*sealed) == []

    def test_large_numbers_are_split_in_threes(self, tmp_path: Path) -> None:
        folder = TileFolder(tmp_path)
        folder.put_tile((0, 1234067), b"0" * 32)
        assert (tmp_path / "tile/0/x001/x234/067.p/1").exists()
        folder.put_tile((0, 1234067), b"0" * 8192)
        assert not (tmp_path / "tile/0/x001/x234/067.p").exists()

    def test_what_a_crash_left_of_a_line_is_dropped(self, tmp_path: Path) -> None:
        folder = TileFolder(tmp_path)
        assert folder.last() is None
        first, second = (Checkpoint(size=n, root=b"", note=f"{n}\n") for n in (1, 2))
        folder.put_checkpoints([first], NOON)
        with (tmp_path / HISTORY).open("a") as history:
            history.write('"torn')
        assert folder.last() == "1\n"
        folder.put_checkpoints([second], NOON)
        assert [entry.note for entry in folder.history()] == ["1\n", "2\n"]

    async def test_each_day_gets_a_file_with_the_last_checkpoint_of_every_minute(
        self, sealed: tuple[str, Path]
    ) -> None:
        """A day of one a second, the next morning, and everything is still read."""
        url, folder = sealed
        (folder / HISTORY).unlink()
        signer = keys.signer(folder, os.urandom)
        history, begun = CheckpointHistory(folder), NOON.replace(hour=23, minute=50)
        signed = [signer.sign(1000 + n, b"r" * 32) for n in range(600)]
        for number, note in enumerate(signed):
            history.add([note], begun + timedelta(seconds=number))
        history.tidy(begun.date())
        assert not (folder / DAYS).exists()
        large = (folder / HISTORY).stat().st_size
        fresh = signer.sign(2000, b"r" * 32)
        TileFolder(folder).put_checkpoints(
            [Checkpoint(size=2000, root=b"", note=fresh)], NOON_AFTER
        )
        kept = [entry.note for entry in TileFolder(folder).history()]
        assert kept == [*signed[59::60], fresh]
        assert [path.name for path in (folder / DAYS).iterdir()] == ["2026-03-01.log"]
        assert (folder / HISTORY).read_text().count("\n") == 1
        assert (folder / DAYS / "2026-03-01.log").stat().st_size < large / 50
        assert TileFolder(folder).last() == fresh
        (folder / HISTORY).unlink()
        assert TileFolder(folder).last() == signed[-1]
        problems = str(await found(url, folder))
        assert "The folder has a checkpoint of 1599 entries, 600 could be recomputed" in problems
        assert "(and 9 more) stands in the folder, not in the database" in problems

    async def test_a_line_of_a_former_day_is_verified_too(self, sealed: tuple[str, Path]) -> None:
        url, folder = sealed
        CheckpointHistory(folder).tidy(datetime.now(UTC).date() + timedelta(days=1))
        [day] = (folder / DAYS).iterdir()
        assert (folder / HISTORY).read_bytes() == b""
        assert await found(url, folder) == []
        with day.open("a") as lines:
            lines.write('{"at": "2026-03-01T12:00:00+00:00", "note": "signed"}\n{garbled\n')
        problems = [problem for _, problem in await found(url, folder)]
        assert f"Line 2 of {DAYS}/{day.name} is forged" in problems[0]
        assert f"Line 3 of {DAYS}/{day.name} cannot be read" in problems[1]

    def test_a_crash_between_a_day_s_file_and_today_s_loses_nothing(self, tmp_path: Path) -> None:
        history = CheckpointHistory(tmp_path)
        history.add(["1\n"], NOON)
        history.add(["2\n"], NOON + timedelta(minutes=1))
        history.add(["3\n"], NOON_AFTER)
        before = (tmp_path / HISTORY).read_bytes()
        history.tidy(NOON_AFTER.date())
        after = (tmp_path / DAYS / "2026-03-01.log").read_bytes()
        (tmp_path / HISTORY).write_bytes(before)  # as if it had not come so far
        assert [line.note for line in history.lines()] == ["1\n", "2\n", "3\n"]
        CheckpointHistory(tmp_path).tidy(NOON_AFTER.date())
        assert (tmp_path / DAYS / "2026-03-01.log").read_bytes() == after
        assert [item.note for item in history.lines()] == ["1\n", "2\n", "3\n"]

    def test_what_has_no_time_or_cannot_be_read_stays_where_it_is(self, tmp_path: Path) -> None:
        odd = [b"{garbled\n", b'"1\\n"\n', b'{"at": "2026-03-01T12:00:00", "note": "x"}\n']
        (tmp_path / HISTORY).write_bytes(b"".join(odd))
        history = CheckpointHistory(tmp_path)
        history.add(["2\n"], NOON)
        history.add(["3\n"], NOON_AFTER)
        history.tidy(NOON_AFTER.date())
        assert (tmp_path / HISTORY).read_bytes().startswith(b"".join(odd))
        assert [line.note for line in history.lines()] == ["2\n", None, "1\n", None, "3\n"]

    async def test_one_process_writes_at_a_time(self, sealed: tuple[str, Path]) -> None:
        async with opened(*sealed) as (log, _), opened(*sealed) as (other, _):
            await log.seal()
            with TileFolder(sealed[1]).writing() as mine:
                assert mine
                assert await other.publish() == 0
            assert [await other.publish(), await log.publish()] == [1, 0]

    async def test_what_was_sealed_meanwhile_is_cut_to_the_checkpoint(
        self, sealed: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another process seals on between reading the checkpoint and reading its tiles."""
        url, folder = sealed
        async with opened(url, folder) as (log, database):
            older = await log.newest()
            await database.fetch(WRITE, {"first": 604, "last": 900})
            await log.seal()
            fresh = AuditLog(database, folder, SystemClock(), os.urandom)
            (folder / HISTORY).unlink()
            shutil.rmtree(folder / "tile")

            async def still() -> Checkpoint | None:
                return older

            monkeypatch.setattr(fresh._publishing, "_newest", still)
            assert await fresh.publish() == 2
            assert (folder / "tile/0/002.p/88").exists()
            assert (folder / "tile/1/000.p/2").exists()
            assert not (folder / "tile/0/003.p").exists()
            assert await log.publish() == 1
        assert await found(url, folder) == []

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda folder: (folder / keys.PUBLIC_KEY).unlink(),
            lambda folder: (folder / HISTORY).write_text('"forged"\n'),
            lambda folder: (folder / HISTORY).write_text(
                json.dumps(keys.signer(folder, os.urandom).sign(599, b"r" * 32)) + "\n"
            ),
            lambda folder: (folder / HISTORY).write_text(
                json.dumps(keys.signer(folder, os.urandom).sign(900, b"r" * 32)) + "\n"
            ),
        ],
    )
    async def test_a_folder_that_tells_another_story_is_left_as_it_is(
        self, sealed: tuple[str, Path], spoil: Any
    ) -> None:
        async with opened(*sealed) as (log, _):
            await log.seal()
            before = (sealed[1] / "checkpoint").read_text()
            spoil(sealed[1])
            with pytest.raises(AuditFolderError):
                await log.publish()
        assert (sealed[1] / "checkpoint").read_text() == before

    def test_it_lies_where_the_settings_say(self, tmp_path: Path) -> None:
        assert audit_folder(Settings(audit_dir=tmp_path)) == tmp_path
        assert audit_folder(Settings(home=tmp_path / "home")) == tmp_path / "home-audit"
        assert audit_folder(Settings()) == default_home(Path.cwd(), "audit")


class TestErase:
    async def test_what_was_erased_is_gone_and_everything_else_still_holds(
        self, sealed: tuple[str, Path]
    ) -> None:
        async with opened(*sealed) as (log, database):
            async with database.transaction() as connection:
                gone = await log.erase(connection, [302, 301, 601, 9999], by="ana", reason="asked")
            assert gone == [301, 302, 601]
            async with database.transaction() as connection:
                assert await log.erase(connection, [301, 604], by="ana", reason="again") == []
            verified = await log.verify()
            assert (verified.findings, verified.erased) == ([], 3)
            await log.seal()
            await log.publish()
            verified = await log.verify()
            assert (verified.findings, verified.erased, verified.entries) == ([], 3, 604)
            for position in (300, 303, 604):
                assert (await log.prove(position)).entries[0].payload is not None
            document = await log.prove(301)
            erased, named = document.entries
            assert (erased.payload, erased.salt) == (None, None)
            assert '"erased", "3 from entry 301", "ana"' in str(named.payload)
            row = await database.fetch_one("SELECT * FROM audit_entry WHERE position = 301")
            assert row is not None
            assert (row["salt"], row["detail"], row["subject"]) == (None, None, "tsk_301")


class TestSchema:
    async def test_entries_from_before_are_committed_to(
        self, server: EmbeddedServer, tmp_path: Path
    ) -> None:
        versions = Path(migrations.__file__).parent / "versions"
        with databases.empty_database(server) as url:
            execute(url, "CREATE SCHEMA roadbed")
            execute(url, *((versions / f"{item}.sql").read_text() for item in ("m0001_tasks",)))
            execute(url, (versions / "m0002_trust.sql").read_text())
            execute(url, "INSERT INTO audit_entry (kind, subject, actor) VALUES ('a', 'b', 'c')")
            for path in sorted(versions.glob("*.sql"))[2:]:
                execute(url, path.read_text())
            async with opened(url, tmp_path) as (log, _):
                assert await log.seal() == 1
                await log.publish()
                assert (await log.verify()).sound

    def test_what_is_committed_to_does_not_depend_on_the_session(
        self, sealed: tuple[str, Path]
    ) -> None:
        texts = set()
        with psycopg.connect(with_schema(sealed[0]), autocommit=True) as connection:
            connection.execute(
                "INSERT INTO audit_entry (kind, subject, actor, at, detail) "
                """VALUES ('a', 'b"é', 'c', '2026-03-29 01:30:00.000001+00', """
                """'{"n": 0.10, "k": 1e3}')"""
            )
            for settings in (
                "SET TimeZone = 'Asia/Kathmandu'",
                "SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'iso_8601'",
                "SET extra_float_digits = -15; SET TimeZone = 'Europe/Berlin'",
                "SET bytea_output = 'escape'; SET search_path = public, roadbed",
            ):
                connection.execute(settings)
                row = connection.execute(
                    "SELECT audit_payload(audit_entry) FROM audit_entry WHERE position = 604"
                ).fetchone()
                assert row is not None
                texts.add(row[0])
        microseconds = int(datetime(2026, 3, 29, 1, 30, tzinfo=UTC).timestamp()) * 1_000_000 + 1
        assert texts == {
            (
                f"""["roadbed/1", 604, null, "a", "b\\"é", "c", {microseconds}, """
                """{"k": 1000, "n": 0.10}]"""
            )
        }


class TestProve:
    async def test_what_cannot_be_proven_is_said(self, sealed: tuple[str, Path]) -> None:
        url, folder = sealed
        async with opened(url, folder) as (log, database):
            with pytest.raises(NotSealedError):
                await log.prove(601)
            with pytest.raises(UnknownEntryError):
                await log.prove(9999)
            with pytest.raises(UnknownEntryError):
                await log.proof_of_task("tsk_none")
            await database.fetch("UPDATE audit_entry SET actor = 'nobody' WHERE position = 300")
            with pytest.raises(AuditDamagedError, match="entry 300 differs from the sealed one"):
                await log.prove(300)
            await database.fetch("DELETE FROM audit_checkpoint WHERE size = 600")
            assert (await log.prove(299)).checkpoint.splitlines()[1] == "300"
            with pytest.raises(AuditDamagedError, match="more leaves"):
                await log.prove(301)
            await database.fetch(
                "UPDATE audit_tile SET hashes = set_bit(hashes, 9, 1 - get_bit(hashes, 9))"
            )
            with pytest.raises(AuditDamagedError, match="does not lead"):
                await log.prove(299)
            await database.fetch("TRUNCATE audit_tile")
            with pytest.raises(AuditDamagedError, match="missing or too short"):
                await log.prove(299)
            await database.fetch("TRUNCATE audit_checkpoint")
            with pytest.raises(NotSealedError):
                await log.prove(299)
            (folder / keys.PUBLIC_KEY).unlink()
            with pytest.raises(AuditFolderError):
                await log.prove(299)

    async def test_a_task_brings_its_decision_and_its_verdict(self, app: App) -> None:
        task, document = await proof_of_a_reviewed_task(app)
        payloads = [json.loads(str(entry.payload)) for entry in document.entries]
        assert [payload[3] for payload in payloads] == ["decided", "reviewed"]
        assert payloads[0][4] == payloads[1][7]["task"] == task
        assert (await app.audit.verify()).findings == []

    async def test_a_verdict_taken_back_and_one_replaced_bring_who_did_it_and_when(
        self, app: App
    ) -> None:
        from roadbed.reviews.model import VerdictKind

        task, _ = await proof_of_a_reviewed_task(app)
        [row] = await app.database.fetch("SELECT id FROM review")
        declared = app.service("triage").loaded.declared
        output = {"queue": "returns"}
        await app.reviews.undo(row["id"], reviewer="ana")
        await app.reviews.skip(row["id"], reviewer="ana")
        await app.reviews.give(
            declared, row["id"], VerdictKind.CORRECT, reviewer="ben", output=output
        )
        [word] = await app.database.fetch("SELECT id FROM verdict WHERE undone_at IS NULL")
        assert await app.reviews.overturn(
            declared, row["id"], word=word["id"], by="ana", output={"queue": "billing"}
        )
        await app.audit.seal()
        await app.audit.publish()
        document = await app.audit.proof_of_task(task)
        entries = [json.loads(str(entry.payload)) for entry in document.entries]
        told = [(kind, actor) for _, _, _, kind, _, actor, _, _ in entries]
        assert told == [
            ("decided", "roadbed"),
            ("reviewed", "ana"),
            ("undone", "ana"),
            ("reviewed", "ben"),
            ("overturned", "ana"),
            ("reviewed", "ana"),
        ]
        assert [entry[4] for entry in entries[2:5:2]] == [entry[4] for entry in entries[1:4:2]]
        assert entries[4][7] == {"task": task, "review": row["id"], "reviewer": "ben"}
        assert (await app.audit.verify()).findings == []

    async def test_without_its_entry_no_verdict_is_taken_back(self, app: App) -> None:
        await proof_of_a_reviewed_task(app)
        [row] = await app.database.fetch("SELECT id FROM review")
        await app.database.fetch("ALTER TABLE audit_entry ADD CHECK (kind <> 'undone') NOT VALID")
        with pytest.raises(psycopg.errors.CheckViolation):
            await app.reviews.undo(row["id"], reviewer="ana")
        assert await app.database.fetch("SELECT id FROM verdict WHERE undone_at IS NULL")


async def proof_of_a_reviewed_task(app: App) -> tuple[str, Any]:
    from roadbed.reviews.model import VerdictKind

    admission, running = await app.decisions.submit(
        "triage", {"text": "unsure"}, key=None, source={"by": "shop"}
    )
    assert running is not None
    decision = await running
    assert decision is not None
    assert decision.review_id is not None
    await app.reviews.give(
        app.service("triage").loaded.declared,
        decision.review_id,
        VerdictKind.CORRECT,
        reviewer="ana",
        output={"queue": "billing"},
    )
    await app.audit.seal()
    await app.audit.publish()
    return admission.task.id, await app.audit.proof_of_task(admission.task.id)
