"""Back up, restore, declare: a copy of the database undoes nothing that has to stay."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import shutil
import stat
import tarfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from roadbed.app import App
from roadbed.audit import irrevocable_events, keys
from roadbed.audit.errors import AuditBehindError, AuditKeyError
from roadbed.audit.irrevocable_events import IrrevocableEvent
from roadbed.bootstrap import open_app
from roadbed.deliveries.model import DeliveryState
from roadbed.halts.errors import RestoreUndeclaredError
from roadbed.kernel.settings import Settings
from roadbed.people.errors import NotSignedInError
from roadbed.people.service import hashed
from roadbed.recovery.backup import back_up
from roadbed.recovery.errors import (
    BackupError,
    BackupInvalidError,
    BackupUnverifiedError,
    NotAdministratorError,
    NothingToDeclareError,
    RestoreRefusedError,
)
from roadbed.recovery.outstanding import outstanding
from roadbed.recovery.restore import restore
from roadbed.recovery.signature import signed
from roadbed.storage.database import with_schema
from roadbed.usecases.destinations import DeliveryRequest, EgressClient, Sent
from tests import databases
from tests.conftest import Folders, serving
from tests.unit.test_decisions import decide
from tests.unit.test_deliveries import pump
from tests.unit.test_trust import declared, stand

SECRET = "Ottilie Quarzbach wants her parcel"


@dataclass
class Counting:
    """A receiver that ignores keys: each request is an effect, so duplicates are visible."""

    key_horizon: timedelta | None = timedelta(hours=24)
    can_look_up: bool = False
    can_compensate: bool = False
    kind: str = "counting"
    got: list[DeliveryRequest] = field(default_factory=list)

    def problems(self) -> list[str]:
        return []

    async def send(self, request: DeliveryRequest, egress: EgressClient) -> Sent:
        self.got.append(request)
        return Sent(reference=f"ref-{len(self.got)}")

    async def look_up(self, request: DeliveryRequest, egress: EgressClient) -> Sent | None:
        return None

    async def compensate(self, request: DeliveryRequest, sent: Sent, egress: EgressClient) -> Sent:
        return sent

    def doubles(self) -> list[str]:
        tasks = [request.task_id for request in self.got]
        return [task for task in set(tasks) if tasks.count(task) > 1]


@dataclass
class Place:
    """Where everything lies: settings, the database's address, and the receiver."""

    settings: Settings
    url: str
    receiver: Counting

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[App]:
        async with open_app(self.settings, self.url) as app:
            declared(app).deliver("crm", to=self.receiver)
            yield app

    @property
    def folder(self) -> Path:
        assert self.settings.audit_dir is not None
        return self.settings.audit_dir


@pytest.fixture
def place(settings: Settings, folders: Folders, url: str) -> Place:
    folders.write()
    folders.write(name="refunds")
    return Place(settings, url, Counting())


async def rows(app: App, statement: str) -> list[dict[str, Any]]:
    return [dict(row) for row in await app.database.fetch(statement)]


def everything_in(url: str) -> str:
    """Every row of every table, as text."""
    with psycopg.connect(with_schema(url)) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = 'roadbed' AND table_type = 'BASE TABLE'"
        ).fetchall()
        texts = [
            connection.execute(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {name} AS t")
            for (name,) in tables
        ]
        return " ".join(str(text.fetchone()) for text in texts)


async def first_day(app: App) -> tuple[str, str]:
    """People, a token, and a task whose result is sent; returns the task and the token."""
    await app.members.add("ana", by="test", admin=True)
    await app.members.add("ben", by="test")
    await app.members.add("chi", by="test", admin=True)
    await app.members.grant("ben", "triage", "reviewer", by="ana")
    token = await app.people.issue_token("chi", name="for the shop")
    await stand(app, reference_rate=0.0)
    task = await decide(app, SECRET)
    await pump(app)
    return task.task_id, token


async def second_day(app: App, task: str, token: str) -> None:
    """Irrevocable events, and deliveries after the backup."""
    await pump(app)
    await app.erasure.erase(task, by="ana", reason="she asked for it")
    await app.halts.halt("refunds", reason="wrong refunds", actor="chi")
    await app.members.revoke("ben", "triage", "reviewer", by="ana")
    await app.members.disable("ben", by="ana")
    await app.people.revoke(hashed(token)[:16], person="chi", by="chi")
    await app.audit.witness()


async def copied(place: Place, target: Path) -> None:
    """A day of work, a backup with work under way in it, and a second day."""
    async with place.opened() as app:
        task, token = await first_day(app)
        await app.audit.witness()
        waiting = [await decide(app, f"parcel {number}") for number in range(5)]
        made: Any
        made, *_ = await asyncio.gather(
            back_up(app.database.url, app.audit, app.clock, target),
            *(decide(app, f"letter {number}") for number in range(20)),
        )
        assert made["audit"]["entries"] > 0
        assert len(waiting) == 5
        await second_day(app, task, token)
        assert SECRET not in everything_in(place.url)


async def test_a_restored_copy_undoes_nothing_that_has_to_stay(
    place: Place, tmp_path: Path
) -> None:
    backup = tmp_path / "one.backup"
    await copied(place, backup)
    sent = len(place.receiver.got)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with pytest.raises(RestoreRefusedError, match="not empty"):
        restore(place.url, place.folder, backup, replace=False)
    assert restore(place.url, place.folder, backup, replace=True)["witness"] == "kept"
    assert SECRET in everything_in(place.url)

    async with place.opened() as app:
        assert app.recovery.standing is not None
        halted = await rows(app, "SELECT name FROM use_case WHERE halted ORDER BY name")
        assert [row["name"] for row in halted] == ["refunds", "triage"]
        await pump(app)
        assert len(place.receiver.got) == sent
        with pytest.raises(RestoreUndeclaredError):
            await app.halts.resume("triage", actor="chi")
        with pytest.raises(AuditBehindError):
            await app.audit.seal()
        with pytest.raises(NotAdministratorError):
            await app.recovery.declare(by="ben", reason="I say so")
    async with place.opened() as app:  # at every start
        assert app.recovery.standing is not None
        result = await app.recovery.declare(by="ana", reason="disk lost")
        assert (result.erased, result.people, result.roles, result.tokens) == (1, 1, 1, 1)
        assert result.halted == ["refunds"]
        assert result.unknown >= 5
        await stand(app, reference_rate=0.0)
        await pump(app)
        assert len(place.receiver.got) == sent
        assert place.receiver.doubles() == []
        assert await app.halts.standing("triage") is None
        assert await app.halts.standing("refunds") is not None
        ben = await app.members.get("ben")
        assert ben.disabled_at is not None
        assert "reviewer" not in ben.roles.get("triage", ())
        assert SECRET not in everything_in(place.url)
        verified = await app.audit.verify()
        assert [finding.problem for finding in verified.findings] == []
        [change] = verified.key_changes
        assert (change.why, change.by, change.reason) == ("restored", "ana", "disk lost")
        assert change.lost is not None
        assert change.lost > change.kept
        await decide(app, "a new parcel")
        await pump(app)
        assert len(place.receiver.got) == sent + 1
        with pytest.raises(NothingToDeclareError):
            await app.recovery.declare(by="ana", reason="again")


async def test_a_person_decides_on_each_that_may_have_been_sent(
    place: Place, tmp_path: Path
) -> None:
    backup = tmp_path / "one.backup"
    await copied(place, backup)
    restore(place.url, place.folder, backup, replace=True)
    async with place.opened() as app:
        await app.recovery.declare(by="ana", reason="disk lost")
        await stand(app, reference_rate=0.0)
        unknown = [
            item for item in await app.deliveries.list("triage", most=99) if item.state == "unknown"
        ]
        before = len(place.receiver.got)
        for delivery, what in zip(unknown, ("did-not-happen", "happened"), strict=False):
            await app.deliveries.resolve(delivery.id, what, person="ana", served=["triage"])
        await pump(app)
        assert len(place.receiver.got) == before + 1
        first, second, *_ = unknown
        states = {entry.id: entry.state for entry in await app.deliveries.list("triage", most=99)}
        assert (states[first.id], states[second.id]) == (
            DeliveryState.DELIVERED,
            DeliveryState.DELIVERED,
        )


async def test_work_that_was_under_way_in_the_copy_is_decided_and_held(
    place: Place, tmp_path: Path
) -> None:
    backup = tmp_path / "one.backup"
    async with place.opened() as app:
        await first_day(app)
        decision = await decide(app, "parcel 1")
        # As if a process had held it at the moment of the copy.
        await app.database.fetch(f"DELETE FROM delivery WHERE task_id = '{decision.task_id}'")
        await app.database.fetch(f"DELETE FROM decision WHERE task_id = '{decision.task_id}'")
        await app.database.fetch(
            "INSERT INTO in_flight (task_id, lease_until) VALUES"
            f" ('{decision.task_id}', now() - interval '1 minute')"
        )
        await back_up(app.database.url, app.audit, app.clock, backup)
        await decide(app, "something later")
        await app.audit.witness()
    restore(place.url, place.folder, backup, replace=True)
    async with place.opened() as app:
        await app.recovery.declare(by="ana", reason="disk lost")
        await stand(app, reference_rate=0.0)
        sent = len(place.receiver.got)
        assert await app.decisions.recover() == 1
        for _ in range(100):
            if await app.deliveries.of_task(decision.task_id):
                break
            await asyncio.sleep(0.05)
        await pump(app)
        [delivery] = await app.deliveries.of_task(decision.task_id)
        assert delivery.state is DeliveryState.HELD
        assert "restored from a copy" in (delivery.reason or "")
        assert len(place.receiver.got) == sent


@pytest.fixture
def other(server: Any) -> Iterator[str]:
    with databases.empty_database(server) as url:
        yield url


async def test_a_copied_database_is_found_by_its_witness(
    place: Place, server: Any, tmp_path: Path
) -> None:
    async with place.opened() as app:
        await first_day(app)
        await app.audit.witness()
    with databases.copy(server, of=place.url) as old:
        async with place.opened() as app:
            await decide(app, "parcel 2")
            await app.audit.witness()
        async with open_app(place.settings, old) as app:
            assert app.recovery.standing is not None
            assert app.recovery.standing.how == "behind"
            [notice] = await app.notices.list("triage")
            assert "restored from a copy" in notice.text
            await app.recovery.declare(by="ana", reason="a copied folder")
            assert await app.notices.list("triage") == []  # its request is done
            assert (await app.audit.verify()).sound
        async with open_app(place.settings, old) as app:
            assert app.recovery.standing is None


async def test_an_old_copy_is_found_again_after_a_declared_restore(
    place: Place, server: Any
) -> None:
    async with place.opened() as app:
        task, _ = await first_day(app)
        await app.audit.witness()
    with databases.copy(server, of=place.url) as one, databases.copy(server, of=place.url) as two:
        async with place.opened() as app:
            await app.erasure.erase(task, by="ana", reason="she asked for it")
        for url in (one, two):
            async with open_app(place.settings, url) as app:
                assert app.recovery.standing is not None
                result = await app.recovery.declare(by="ana", reason="an old copy")
                assert result.erased == 1
                assert SECRET not in everything_in(url)
                verified = await app.audit.verify()
                assert [finding.problem for finding in verified.findings] == []
        assert len(verified.key_changes) == 2


@pytest.mark.parametrize("cut", ["set aside", "handed over"])
async def test_a_declaration_that_was_cut_off_is_finished_at_the_next_start(
    place: Place, server: Any, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    async with place.opened() as app:
        await first_day(app)
        await app.audit.witness()
    with databases.copy(server, of=place.url) as old:
        async with place.opened() as app:
            await decide(app, "parcel 2")
            await app.audit.witness()
        async with open_app(place.settings, old) as app:
            with monkeypatch.context() as patched:
                name = (
                    "roadbed.audit.tiles.TileFolder.set_aside"
                    if cut == "set aside"
                    else "roadbed.audit.keys.hand_over"
                )

                def die(*_: object) -> None:
                    raise KeyboardInterrupt

                patched.setattr(name, die)
                with pytest.raises(KeyboardInterrupt):
                    await app.recovery.declare(by="ana", reason="cut off")
        async with open_app(place.settings, old) as app:
            assert app.recovery.standing is None
            await app.audit.witness()
            verified = await app.audit.verify()
            assert [finding.problem for finding in verified.findings] == []
            assert len(verified.key_changes) == 1


async def test_without_a_witness_the_backups_own_takes_its_place(
    place: Place, other: str, tmp_path: Path
) -> None:
    backup = tmp_path / "one.backup"
    await copied(place, backup)
    fresh = tmp_path / "fresh-audit"
    public = str(keys.public_key(place.folder))
    foreign = str(keys.signer(tmp_path / "foreign", os.urandom).public)
    for given, problem in ((None, "no key"), (foreign, "not known here"), ("x", "is no key")):
        with pytest.raises((BackupUnverifiedError, RestoreRefusedError), match=problem):
            restore(other, fresh, backup, replace=False, public_key=given)
    assert not fresh.exists()
    done = restore(other, fresh, backup, replace=False, public_key=public)
    assert done["witness"] == "restored"
    assert stat.S_IMODE((fresh / keys.SIGNING_KEY).stat().st_mode) == 0o600
    assert keys.public_key(fresh) == keys.public_key(place.folder)
    async with open_app(place.settings.model_copy(update={"audit_dir": fresh}), other) as app:
        assert app.recovery.standing is not None
        result = await app.recovery.declare(by="ana", reason="a new machine")
        assert (result.lost, result.erased) == (None, 0)
        assert (await app.audit.verify()).sound


async def test_a_running_server_and_another_logs_folder_are_left_alone(
    place: Place, tmp_path: Path
) -> None:
    backup = tmp_path / "one.backup"
    async with place.opened() as app:
        await first_day(app)
        await app.audit.witness()
        await back_up(app.database.url, app.audit, app.clock, backup)
        with pytest.raises(RestoreRefusedError, match="running"):
            restore(place.url, place.folder, backup, replace=True)
        with pytest.raises(BackupError, match="there already"):
            await back_up(app.database.url, app.audit, app.clock, backup)
        settings = app.settings.model_copy(update={"audit_dir": tmp_path / "elsewhere"})
        async with open_app(settings, place.url) as lost:
            with pytest.raises(BackupError, match="no key"):
                await back_up(lost.database.url, lost.audit, lost.clock, tmp_path / "two.backup")
    foreign = tmp_path / "foreign"
    keys.signer(foreign, os.urandom)
    with pytest.raises(RestoreRefusedError, match="another log"):
        restore(place.url, foreign, backup, replace=True)


def changed(backup: Path, target: Path, name: str, content: bytes) -> Path:
    """The backup with another content of one file."""
    with tarfile.open(backup) as before, tarfile.open(target, "w") as after:
        for member in before.getmembers():
            file = before.extractfile(member)
            assert file is not None
            given = content if member.name == name else file.read()
            member.size = len(given)
            import io

            after.addfile(member, io.BytesIO(given))
    return target


async def test_a_damaged_backup_changes_nothing(place: Place, tmp_path: Path) -> None:
    backup = tmp_path / "one.backup"
    async with place.opened() as app:
        await first_day(app)
        await back_up(app.database.url, app.audit, app.clock, backup)
    before = everything_in(place.url)
    with tarfile.open(backup) as tar:
        file = tar.extractfile("manifest.json")
        assert file is not None
        manifest = json.loads(file.read())
    newer = json.dumps({**manifest, "schema": "9999"}).encode()
    strange = json.dumps({**manifest, "files": {}}).encode()
    damaged = [
        changed(backup, tmp_path / "dump", "database.dump", b"nothing"),
        changed(backup, tmp_path / "newer", "manifest.json", newer),
        changed(backup, tmp_path / "strange", "manifest.json", strange),
        changed(backup, tmp_path / "text", "manifest.json", b"no manifest"),
    ]
    (tmp_path / "short").write_bytes(backup.read_bytes()[:2000])
    (tmp_path / "empty").write_bytes(b"")
    for path in [*damaged, tmp_path / "short", tmp_path / "empty", tmp_path / "missing"]:
        with pytest.raises(BackupInvalidError):
            restore(place.url, place.folder, path, replace=True)
    assert everything_in(place.url) == before


def grown(backup: Path, target: Path, name: str, given: bytes = b"planted") -> Path:
    """The same backup with one file more, which its manifest names with the right hash."""
    with tarfile.open(backup) as before, tarfile.open(target, "w") as after:
        for member in before.getmembers():
            file = before.extractfile(member)
            assert file is not None
            content = file.read()
            if member.name == "manifest.json":
                manifest = json.loads(content)
                digest = hashlib.sha256(given).hexdigest()
                manifest["files"][name] = {"bytes": len(given), "sha256": digest}
                planted = tarfile.TarInfo(name)
                planted.size = len(given)
                after.addfile(planted, io.BytesIO(given))
                content = json.dumps(manifest).encode()
                member.size = len(content)
            after.addfile(member, io.BytesIO(content))
    return target


def rewritten(backup: Path, target: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The same backup with another manifest."""
    with tarfile.open(backup) as tar:
        file = tar.extractfile("manifest.json")
        assert file is not None
        manifest = json.loads(file.read())
    change(manifest)
    return changed(backup, target, "manifest.json", json.dumps(manifest).encode())


class TestSigned:
    """A backup is restored if the log's key signed it as it is, or if a person answers for it."""

    async def backup(self, place: Place, path: Path) -> Path:
        async with place.opened() as app:
            await first_day(app)
            await back_up(app.database.url, app.audit, app.clock, path)
        return path

    async def test_altered_and_signed_by_others_it_is_refused(
        self, place: Place, tmp_path: Path
    ) -> None:
        backup = await self.backup(place, tmp_path / "one.backup")
        before = everything_in(place.url)
        other = keys.signer(tmp_path / "other", os.urandom)

        def takes_over(manifest: dict[str, Any]) -> None:
            manifest["signature"] = signed(manifest, other)

        def borrows(manifest: dict[str, Any]) -> None:
            manifest["signature"] = keys.signer(place.folder, os.urandom).sign(1, bytes(32))

        for number, change in enumerate(
            (
                lambda manifest: manifest.update(tasks=0),
                lambda manifest: manifest.pop("signature"),
                lambda manifest: manifest.update(signature=["no note"]),
                takes_over,
                borrows,
            )
        ):
            altered = rewritten(backup, tmp_path / f"altered {number}", change)
            with pytest.raises(BackupUnverifiedError, match="altered"):
                restore(place.url, place.folder, altered, replace=True)
        # Code in the database of a backup would run: it is hashed, and the hashes are signed.
        planted = grown(backup, tmp_path / "planted", "audit/planted")
        with pytest.raises(BackupUnverifiedError, match="altered"):
            restore(place.url, place.folder, planted, replace=True)
        assert everything_in(place.url) == before

    async def test_a_person_may_answer_for_it(self, place: Place, tmp_path: Path) -> None:
        backup = await self.backup(place, tmp_path / "one.backup")
        older = rewritten(backup, tmp_path / "older", lambda manifest: manifest.pop("signature"))
        done = restore(place.url, place.folder, older, replace=True, unverified=True)
        assert done["witness"] == "kept"

    async def test_a_key_that_signs_no_more_verifies_what_it_signed(
        self, place: Place, tmp_path: Path
    ) -> None:
        backup = await self.backup(place, tmp_path / "one.backup")
        async with place.opened() as app:
            await app.audit.rotate(by="ana", reason="a test")
        assert restore(place.url, place.folder, backup, replace=True)["witness"] == "kept"


async def test_a_backup_writes_nothing_outside_the_audit_folder(
    place: Place, tmp_path: Path
) -> None:
    backup, egress = tmp_path / "one.backup", tmp_path / "outside"
    egress.mkdir()
    async with place.opened() as app:
        await first_day(app)
        await back_up(app.database.url, app.audit, app.clock, backup)
    shutil.rmtree(place.folder)  # without a witness the backup's is put there
    for name in (
        f"audit/{egress}/planted",
        f"audit//{egress}/planted",
        "audit/../planted",
        "audit/./../../planted",
        "audit/",
        "planted",
    ):
        with pytest.raises(BackupInvalidError, match="not those of its manifest"):
            restore(place.url, place.folder, grown(backup, tmp_path / "grown", name), replace=True)
    assert not list(egress.iterdir())
    assert not (tmp_path / "planted").exists()
    assert not place.folder.exists()


async def test_a_manifest_of_any_shape_is_refused(place: Place, tmp_path: Path) -> None:
    backup = tmp_path / "one.backup"
    async with place.opened() as app:
        await first_day(app)
        await back_up(app.database.url, app.audit, app.clock, backup)
    with tarfile.open(backup) as tar:
        file = tar.extractfile("manifest.json")
        assert file is not None
        manifest = json.loads(file.read())
    facts = dict.fromkeys(manifest["files"], "no facts")
    shapes: list[Any] = [
        [],
        {**manifest, "audit": []},
        {**manifest, "audit": None},
        {**manifest, "files": []},
        {**manifest, "files": facts},
    ]
    for given in shapes:
        written = json.dumps(given).encode()
        shaped = changed(backup, tmp_path / "shaped", "manifest.json", written)
        with pytest.raises(BackupInvalidError):
            restore(place.url, place.folder, shaped, replace=True)


async def test_an_erasure_that_was_acknowledged_is_in_the_witness(place: Place) -> None:
    async with place.opened() as app:
        task, _ = await first_day(app)
        await app.erasure.erase(task, by="ana", reason="she asked for it")
        events = irrevocable_events.events(place.folder)
    assert [event.facts["tasks"] for event in events if event.kind == "erased"] == [[task]]
    assert "ana" not in (place.folder / irrevocable_events.JOURNAL).read_text()


async def test_the_journal_holds_each_event_once_whatever_is_cut_off(place: Place) -> None:
    async with place.opened() as app:
        await first_day(app)
        await app.members.disable("ben", by="ana")
        await app.audit.witness()
        before = irrevocable_events.events(place.folder)
        with (place.folder / irrevocable_events.JOURNAL).open("ab") as journal:
            journal.write(b'{"leaf": 99, "ki')
        await app.members.enable("ben", by="ana")
        await app.audit.witness()
        after = irrevocable_events.events(place.folder)
    assert after[: len(before)] == before
    assert [event.kind for event in after[len(before) :]] == ["person enabled"]


async def test_a_key_is_rotated_and_what_the_old_one_signed_still_counts(place: Place) -> None:
    async with place.opened() as app:
        await first_day(app)
        await app.audit.witness()
        old = keys.public_key(place.folder)
        new = await app.audit.rotate(by="ana", reason="once a year")
        await decide(app, "parcel 2")
        await app.audit.witness()
        verified = await app.audit.verify()
        assert [finding.problem for finding in verified.findings] == []
        [change] = verified.key_changes
        assert (change.why, change.old_key, change.new_key) == ("rotated", str(old), new)
    async with place.opened() as app:
        assert app.recovery.standing is None


async def test_a_key_that_was_handed_over_signs_nothing_more(place: Place, tmp_path: Path) -> None:
    async with place.opened() as app:
        await first_day(app)
        await app.audit.witness()
        shutil.copytree(place.folder, tmp_path / "copy")
        await app.audit.rotate(by="ana", reason="once a year")
    settings = place.settings.model_copy(update={"audit_dir": tmp_path / "copy"})
    async with open_app(settings, place.url) as app:
        await decide(app, "parcel 2")
        with pytest.raises(AuditKeyError, match="handed over"):
            await app.audit.witness()


def event(kind: str, subject: str = "x", leaf: int = 0, **facts: Any) -> IrrevocableEvent:
    return IrrevocableEvent(leaf=leaf, kind=kind, use_case="triage", subject=subject, facts=facts)


def test_what_was_taken_back_since_is_not_done_again() -> None:
    result = outstanding(
        (item, False)
        for item in [
            event("halted"),
            event("resumed"),
            event("person disabled", "p1"),
            event("person disabled", "p2"),
            event("person enabled", "p2"),
            event("administrator", "p1", admin=False),
            event("role revoked", "p1", role="reviewer"),
            event("role granted", "p1", role="reviewer"),
            event("state", after="halted"),
            event("release", "rel_1", step="live"),
        ]
    )
    assert result.halts == []
    assert result.disabled == ["p1"]
    assert result.demoted == ["p1"]
    assert result.roles == []
    assert result.looks == ["triage"]


def test_what_the_database_has_needs_nothing() -> None:
    result = outstanding(
        [(event("halted"), True), (event("erased", tasks=["tsk_1", "tsk_2"]), False)]
    )
    assert result.halts == []
    assert result.tasks == ["tsk_1", "tsk_2"]


async def test_a_disabled_person_and_an_ended_token_stay_out(place: Place, tmp_path: Path) -> None:
    backup = tmp_path / "one.backup"
    async with place.opened() as app:
        task, token = await first_day(app)
        await back_up(app.database.url, app.audit, app.clock, backup)
        await second_day(app, task, token)
    restore(place.url, place.folder, backup, replace=True)
    async with place.opened() as app:
        await app.people.holder("api", token)  # the copy knows no better
        await app.recovery.declare(by="ana", reason="disk lost")
        with pytest.raises(NotSignedInError):
            await app.people.holder("api", token)


async def test_a_journal_that_was_changed_is_found(place: Place) -> None:
    async with place.opened() as app:
        task, _ = await first_day(app)
        await app.erasure.erase(task, by="ana", reason="she asked for it")
        assert (await app.audit.verify()).sound
        journal = place.folder / irrevocable_events.JOURNAL
        before = journal.read_bytes()
        for content in (
            b"",
            b"".join(before.splitlines(keepends=True)[:-1]),
            before.replace(b"tsk_", b"tsk_0"),
            before + b"no line\n",
        ):
            journal.write_bytes(content)
            [finding] = (await app.audit.verify()).findings
            assert irrevocable_events.JOURNAL in finding.problem


async def test_a_folder_from_before_gets_its_journal(place: Place) -> None:
    async with place.opened() as app:
        task, _ = await first_day(app)
        await app.erasure.erase(task, by="ana", reason="she asked for it")
        (place.folder / irrevocable_events.JOURNAL).unlink()
        await decide(app, "parcel 2")
        await app.audit.witness()
        assert (await app.audit.verify()).sound
        assert [event.kind for event in irrevocable_events.events(place.folder)][-1] == "erased"


async def test_all_pages_show_an_undeclared_restore(place: Place, tmp_path: Path) -> None:
    backup = tmp_path / "one.backup"
    async with place.opened() as app:
        await first_day(app)
        await app.audit.witness()
        await back_up(app.database.url, app.audit, app.clock, backup)
    restore(place.url, place.folder, backup, replace=True)
    async with serving(place.settings, place.url) as site:
        answer = await site.shop.get("/status")
        assert answer.json()["state"] == "restored"
        async with httpx2.AsyncClient(base_url=site.address) as browser:
            code = await site.app.people.issue_link_code("ana")
            headers = {"origin": site.address}
            await browser.post("/sign-in/link", data={"code": code}, headers=headers)
            page = await browser.get("/")
        assert "Restored from a backup" in page.text
        await site.app.recovery.declare(by="ana", reason="the disk was lost")
        answer = await site.shop.get("/status")
        assert answer.json()["state"] == "running"
