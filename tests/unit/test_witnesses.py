"""Checkpoints sent to witnesses over real HTTP and SMTP: rate limits and failures."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from pydantic import SecretStr
from structlog.testing import capture_logs

from roadbed.app import App
from roadbed.audit import keys, notes
from roadbed.audit import witness as module
from roadbed.audit.errors import AuditFolderError, AuditKeyError
from roadbed.audit.service import AuditLog
from roadbed.audit.witness import Witness
from roadbed.background import running
from roadbed.bootstrap import open_app
from roadbed.connectors import EgressPool
from roadbed.connectors.witnesses import secrets, witnesses
from roadbed.kernel.clock import SystemClock
from roadbed.kernel.settings import Settings
from roadbed.storage.database import Database
from roadbed.testing import Fault, FaultProxy, Receiver, Reply
from roadbed.usecases.destinations import RefusedError, TemporaryError
from tests.unit.test_audit import WRITE
from tests.unit.test_connectors import Mails, smtp
from tests.unit.test_outside import self_signed

SECRET = "hunter2-witness"


class Turned(SystemClock):
    """A clock that a test turns on."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed


class House:
    """A log that seals, with its own clock."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder, self.clock = database, folder, Turned()
        self.log = AuditLog(database, folder, self.clock, os.urandom)
        self.pools: list[EgressPool] = []
        self._written = 0

    async def seal(self) -> str:
        """One more entry, sealed; its checkpoint's note."""
        self._written += 1
        await self.database.fetch(WRITE, {"first": self._written, "last": self._written})
        await self.log.seal()
        newest = await self.log.newest()
        assert newest is not None
        return newest.note

    def witness(self, name: str, **settings: Any) -> Witness:
        result = Settings(**{"audit_private": True, **settings})
        pool = EgressPool(secrets(result), self.clock)
        self.pools.append(pool)
        seconds, send = witnesses(result, pool)[name]
        return Witness(
            self.database, self.folder, self.clock, name=name, every_seconds=seconds, send=send
        )


@pytest.fixture
async def house(url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with Database(url, connections=4) as database:
        result = House(database, tmp_path / "audit")
        yield result
        for pool in result.pools:
            await pool.aclose()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as server:
        server.always = Reply(status=200)
        yield server


@pytest.fixture
def mails() -> Mails:
    return Mails()


@pytest.fixture
def port(mails: Mails) -> Iterator[int]:
    yield from smtp(mails)


def by_mail(port: int, **changes: Any) -> dict[str, Any]:
    return {
        "audit_mail": "auditor@example.org",
        "audit_mail_host": "127.0.0.1",
        "audit_mail_port": port,
        "audit_mail_sender": "roadbed@example.org",
        "audit_mail_tls": "none",
        **changes,
    }


class TestUrl:
    async def test_the_signed_note_arrives_as_text_at_most_once_a_minute(
        self, house: House, receiver: Receiver
    ) -> None:
        witness = house.witness("url", audit_url=SecretStr(f"{receiver.url}/keep"))
        assert not await witness.tell()  # nothing is sealed
        first = await house.seal()
        assert await witness.tell()
        [arrival] = receiver.arrivals
        assert (arrival.method, arrival.path) == ("POST", "/keep")
        assert arrival.headers["content-type"] == "text/plain; charset=utf-8"
        assert arrival.body.decode() == first
        key = keys.public_key(house.folder)
        assert key is not None
        assert notes.read(arrival.body.decode(), key).size == 1
        newest = [await house.seal() for _ in range(3)][-1]
        house.clock.passed = 59.0
        assert not await witness.tell()
        house.clock.passed = 60.0
        assert await witness.tell()
        assert receiver.arrivals[-1].body.decode() == newest  # those between are bound by it
        house.clock.passed = 1000.0
        assert not await witness.tell()  # nothing is new
        assert len(receiver.arrivals) == 2

    async def test_how_often_can_be_set(self, house: House, receiver: Receiver) -> None:
        witness = house.witness("url", audit_url=SecretStr(receiver.url), audit_witness_seconds=5.0)
        for second in range(11):
            house.clock.passed = float(second)
            await house.seal()
            await witness.tell()
        assert len(receiver.arrivals) == 3

    @pytest.mark.parametrize("status", [301, 404, 500])
    async def test_what_was_not_taken_is_sent_again_in_a_minute(
        self, house: House, receiver: Receiver, status: int
    ) -> None:
        receiver.replies.append(Reply(status=status, headers={"location": receiver.url}))
        witness = house.witness("url", audit_url=SecretStr(receiver.url))
        await house.seal()
        with pytest.raises(TemporaryError, match=str(status)):
            await witness.tell()
        house.clock.passed = 59.0
        assert not await witness.tell()
        house.clock.passed = 60.0
        assert await witness.tell()
        assert len(receiver.arrivals) == 2

    async def test_a_private_address_needs_to_be_allowed(
        self, house: House, receiver: Receiver
    ) -> None:
        await house.seal()
        secure = receiver.url.replace("http:", "https:")
        for address, words in ((secure, "private network"), (receiver.url, "not encrypted")):
            witness = house.witness("url", audit_url=SecretStr(address), audit_private=False)
            with pytest.raises(RefusedError, match=words):
                await witness.tell()
        assert receiver.arrivals == []

    @pytest.mark.parametrize(
        "address",
        [
            "file:///etc/passwd",
            "https://169.254.169.254/latest",
            "https://[::ffff:169.254.169.254]/",
            f"https://user:{SECRET}@example.org/",
            "",
        ],
    )
    async def test_where_nothing_may_go_is_refused_unshown(
        self, house: House, address: str
    ) -> None:
        await house.seal()
        witness = house.witness("url", audit_url=SecretStr(address))
        with pytest.raises(RefusedError) as told:
            await witness.tell()
        assert SECRET not in str(told.value)

    async def test_of_two_processes_one_sends(self, house: House, receiver: Receiver) -> None:
        first, second = (house.witness("url", audit_url=SecretStr(receiver.url)) for _ in "12")
        await house.seal()
        assert sorted(await asyncio.gather(first.tell(), second.tell())) == [False, True]
        house.clock.passed = 30.0
        await house.seal()
        assert [await first.tell(), await second.tell()] == [False, False]
        assert len(receiver.arrivals) == 1

    async def test_a_clock_that_was_wrong_silences_nobody(
        self, house: House, receiver: Receiver
    ) -> None:
        witness = house.witness("url", audit_url=SecretStr(receiver.url))
        house.clock.passed = 86_400.0
        await house.seal()
        assert await witness.tell()
        house.clock.passed = 0.0
        again = house.witness("url", audit_url=SecretStr(receiver.url))
        await house.seal()
        assert await again.tell()

    async def test_what_the_folder_s_key_has_not_signed_goes_to_nobody(
        self, house: House, receiver: Receiver
    ) -> None:
        witness = house.witness("url", audit_url=SecretStr(receiver.url))
        await house.seal()
        await house.database.fetch("UPDATE audit_checkpoint SET note = 'your data, or pay'")
        with pytest.raises(AuditKeyError):
            await witness.tell()
        (house.folder / keys.PUBLIC_KEY).unlink()
        house.clock.passed = 60.0
        with pytest.raises(AuditFolderError):
            await witness.tell()
        assert receiver.arrivals == []

    @pytest.mark.parametrize("spoil", ["garbled", '{"at": "2026-03-01", "note": 1}', "[]", ""])
    async def test_a_spoilt_memory_of_what_was_told_only_sends_once_more(
        self, house: House, receiver: Receiver, spoil: str
    ) -> None:
        await house.seal()
        (house.folder / "told-url").write_text(spoil)
        witness = house.witness("url", audit_url=SecretStr(receiver.url))
        assert await witness.tell()
        (house.folder / "told-url").unlink()
        await house.seal()
        house.clock.passed = 30.0
        assert not await witness.tell()
        (house.folder / "told-url").mkdir()
        house.clock.passed = 60.0
        with pytest.raises(AuditFolderError):
            await witness.tell()
        assert len(receiver.arrivals) == 1


class TestMail:
    async def test_one_an_hour_with_the_note_as_its_text(
        self, house: House, mails: Mails, port: int
    ) -> None:
        witness = house.witness("mail", **by_mail(port))
        first = await house.seal()
        assert await witness.tell()
        [mail] = mails.taken
        assert str(mail["To"]) == "auditor@example.org"
        assert str(mail["Subject"]).startswith("Audit checkpoint of 1 entries")
        key = keys.public_key(house.folder)
        assert key is not None
        assert notes.read(mail.get_content().replace("\r\n", "\n"), key).note == first
        for minute in range(1, 121):
            house.clock.passed = minute * 60.0
            await house.seal()
            await witness.tell()
        assert len(mails.taken) == 3
        house.clock.passed = 20 * 3600.0
        assert not await house.witness("mail", **by_mail(port)).tell()  # after a restart

    async def test_a_server_that_is_away_is_asked_again(
        self, house: House, mails: Mails, port: int
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            closed = probe.getsockname()[1]
        await house.seal()
        away = house.witness("mail", **by_mail(closed))
        with pytest.raises(TemporaryError):
            await away.tell()
        mails.data_answer = "451 later"
        witness = house.witness("mail", **by_mail(port))
        with pytest.raises(TemporaryError, match="451"):
            await witness.tell()
        mails.data_answer = "250 taken"
        house.clock.passed = 60.0
        assert await witness.tell()

    async def test_it_goes_encrypted_and_logs_in(
        self, house: House, mails: Mails, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        certificate, key = self_signed(tmp_path, "localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

        def login(
            server: SMTP, session: Session, envelope: Envelope, how: str, data: Any
        ) -> AuthResult:
            return AuthResult(success=data.password == SECRET.encode(), handled=False)

        await house.seal()
        more = {"tls_context": context, "require_starttls": True, "authenticator": login}
        for at in smtp(mails, **more):
            wanted = {"audit_mail_host": "localhost", "audit_mail_username": "roadbed"}
            secret = SecretStr(SECRET)
            witness = house.witness(
                "mail",
                **by_mail(at, audit_mail_tls="starttls", audit_mail_password=secret, **wanted),
            )
            assert await witness.tell()
            wrong = house.witness(
                "mail", **by_mail(at, audit_mail_tls="starttls", **wanted), audit_mail_password="x"
            )
            await house.seal()
            house.clock.passed = 3600.0
            with pytest.raises(RefusedError, match="535"):
                await wrong.tell()
        assert len(mails.taken) == 1

    async def test_settings_that_do_not_fit_are_told_with_the_remedy(self, house: House) -> None:
        await house.seal()
        witness = house.witness(
            "mail", audit_mail="auditor@example.org", audit_mail_password=SecretStr(SECRET)
        )
        with pytest.raises(RefusedError) as told:
            await witness.tell()
        for words in ("host is no host name", "sender is no address", "go together"):
            assert words in str(told.value)
        assert SECRET not in str(told.value)


class TestForever:
    async def test_a_witness_that_hangs_or_fails_never_holds_up_the_log(
        self,
        settings: Settings,
        folders: Any,
        url: str,
        receiver: Receiver,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("roadbed.audit.service.SEAL_SECONDS", 0.01)
        monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
        folders.write()
        receiver.replies.extend([Reply(status=503)] * 3)
        async with FaultProxy("127.0.0.1", receiver.port, Fault(delay_seconds=30.0)) as hanging:
            mine = {
                "audit_url": SecretStr(f"{receiver.url}/{SECRET}"),
                "audit_private": True,
                "audit_witness_seconds": 0.05,
                **by_mail(hanging.port),
            }
            opening = open_app(settings.model_copy(update=mine), url)
            with capture_logs() as logged:
                async with opening as app, running(app):
                    await _until(lambda: len(receiver.arrivals) >= 5, app)
                    newest = await app.audit.newest()
                    assert newest is not None
                    assert newest.size >= 5  # sealing went on meanwhile
                    assert int((app.audit.folder / "checkpoint").read_text().split()[1]) >= 5
        said = [item for item in logged if item["event"] == "audit witness not told"]
        assert [entry["problem"] for entry in said if entry["witness"] == "url"] == [
            "TemporaryError: The witness at ROADBED_AUDIT_URL answered 503."
        ]
        assert SECRET not in repr(logged)


async def _until(true: Callable[[], Any], app: App) -> None:
    """Entries are written and sealed until then."""
    async with asyncio.timeout(20):
        number = 0
        while not true():
            number += 1
            await app.database.fetch(WRITE, {"first": number, "last": number})
            await asyncio.sleep(0.01)
