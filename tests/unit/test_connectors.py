"""Every connector against a real receiver, the conformance suite and a proxy that fails."""

from __future__ import annotations

import asyncio
import base64
import email
import hashlib
import hmac
import html
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from roadbed import connectors
from roadbed.connectors import (
    Chat,
    Email,
    Folder,
    NetworkPool,
    PostgresTable,
    Rest,
    Webhook,
    workbooks,
)
from roadbed.connectors.answers import dig, retry_after
from roadbed.connectors.cells import neutralised, restored
from roadbed.connectors.chat import TEXT_CHARACTERS, shortened
from roadbed.connectors.files import locked, safe_name
from roadbed.connectors.folder import read_csv
from roadbed.kernel.clock import SystemClock
from roadbed.testing import (
    CHECKS,
    ConformanceError,
    Fault,
    FaultProxy,
    Receiver,
    Reply,
    Subject,
    check_connector,
    make_parcel,
)
from roadbed.testing.receiver import texts
from roadbed.usecases.destinations import (
    Connector,
    Outside,
    Parcel,
    RefusedError,
    Response,
    Sent,
    TemporaryError,
    UnknownOutcomeError,
)
from tests.unit.test_outside import self_signed

SECRETS = {
    "KEY": "whsec_" + base64.b64encode(b"a signing key of enough length").decode(),
    "PLAIN": "a plain signing key",
    "TOKEN": "Bearer t0p-s3cret",
    "PASSWORD": "pa55-w0rd",
}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CUT = Fault(answer_bytes=0)


class Calendar(SystemClock):
    """A clock whose day a test turns."""

    def __init__(self) -> None:
        self.moment = NOON

    def now(self) -> datetime:
        return self.moment


@dataclass
class House:
    """What a test of one connector needs: the way out, its clock and its secrets."""

    pool: NetworkPool
    clock: Calendar
    environment: dict[str, str]

    def outside(self) -> Outside:
        return self.pool.attempt(5.0)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    clock, environment = Calendar(), dict(SECRETS)
    found = House(NetworkPool(environment, clock), clock, environment)
    yield found
    await found.pool.aclose()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as found:
        yield found


@pytest.fixture
async def refusing() -> AsyncIterator[Receiver]:
    async with Receiver() as found:
        found.always = Reply(status=422, body=b"the queue does not exist")
        yield found


@pytest.fixture
async def cut(receiver: Receiver) -> AsyncIterator[str]:
    async with FaultProxy("127.0.0.1", receiver.port, CUT) as proxy:
        yield f"http://127.0.0.1:{proxy.port}"


@pytest.fixture
async def closed() -> AsyncIterator[int]:
    """A port where nobody listens."""
    async with FaultProxy("127.0.0.1", 1, Fault(refuse=True)) as proxy:
        yield proxy.port


class Mails:
    """An SMTP server that keeps what it took; each script entry answers one command."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.rcpt: list[str] = []
        self.data_answer = "250 taken"
        self.rcpt_answers: list[str] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd names it
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.rcpt_answers.pop(0) if self.rcpt_answers else "250 fine"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802 - aiosmtpd names it
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        if self.data_answer.startswith("250"):
            self.raw.append(envelope.content)
            self.rcpt += envelope.rcpt_tos
            message = email.message_from_bytes(envelope.content, policy=default)
            assert isinstance(message, EmailMessage)
            self.taken.append(message)
        return self.data_answer

    async def standing(self, parcel: Parcel) -> Sequence[Sequence[str]]:
        wanted = mail(0).message_id(parcel.key)
        return [
            [str(each.get_content())] for each in self.taken if str(each["Message-ID"]) == wanted
        ]


def smtp(mails: Mails, **more: Any) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(mails, hostname="127.0.0.1", port=port, **more)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@pytest.fixture
def mails() -> Mails:
    return Mails()


@pytest.fixture
def smtp_port(mails: Mails) -> Iterator[int]:
    yield from smtp(mails)


def mail(port: int, **changes: Any) -> Email:
    given: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "sender": "roadbed@example.org",
        "to": "team@example.org",
        "subject": "Result for {task.id}",
        "text": "Note:\n{output.note}\n",
        "tls": "none",
        "private": True,
    }
    return Email(**(given | changes))


def rest(url: str, **changes: Any) -> Rest:
    given: dict[str, Any] = {
        "base_url": url,
        "create": {
            "method": "POST",
            "path": "/effects",
            "body": {"fields": {"summary": "{output.note}", "n": "{output.count}"}},
            "headers": {"X-Task": "{task.id}"},
        },
        "find": {"path": "/effects/{key}", "found_when": "status == 200 && body.count > 0"},
        "take_back": {"method": "DELETE", "path": "/effects/{sent.reference}"},
        "auth_header": ("Authorization", "TOKEN"),
        "key_header": "Idempotency-Key",
        "key_horizon": timedelta(hours=1),
        "private": True,
    }
    return Rest(**(given | changes))


@dataclass
class ChatLedger:
    """Finds messages by the key that the template put into them."""

    receiver: Receiver

    async def standing(self, parcel: Parcel) -> Sequence[Sequence[str]]:
        found = [texts(each.body) for each in self.receiver.arrivals]
        return [
            [html.unescape(text) for text in each]
            for each in found
            if any(text.startswith(f"{parcel.key}: ") for text in each)
        ]


@dataclass
class TableLedger:
    url: str

    async def standing(self, parcel: Parcel) -> Sequence[Sequence[str]]:
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            cursor = await connection.execute(
                "SELECT note, whole::text FROM out.results WHERE key = %s", (parcel.key,)
            )
            return await cursor.fetchall()


@dataclass
class FolderLedger:
    folder: Folder

    async def standing(self, parcel: Parcel) -> Sequence[Sequence[str]]:
        path = Path(self.folder.path)
        task = str(parcel.task_id)
        if self.folder.format == "xlsx":
            rows = [row for each in path.glob("*.xlsx") for row in workbooks.read_rows(each)]
            return [[str(value) for value in row.values()] for row in rows if row["task"] == task]
        if self.folder.format == "csv":
            rows = [row for each in path.glob("*.csv") for row in read_csv(each)]
            return [list(row.values()) for row in rows if row["task"] == task]
        found = [texts(each.read_bytes()) for each in path.glob("*.json")]
        return [each for each in found if task in each]


COLUMNS = {"task": "{task.id}", "note": "{output.note}", "count": "{output.count}"}


@pytest.fixture
async def table(url: str) -> str:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("CREATE SCHEMA out")
        await connection.execute(
            "CREATE TABLE out.results (key text PRIMARY KEY, note text, n integer, whole jsonb)"
        )
    return url


def rows_of(name: str = "DSN") -> PostgresTable:
    return PostgresTable(
        name,
        "out.results",
        "key",
        {"note": "{output.note}", "n": "{output.count}", "whole": "{output}"},
    )


@pytest.fixture(
    params=["webhook", "rest", "chat", "email", "postgres", "csv", "xlsx", "json"],
)
def subject(request: pytest.FixtureRequest, house: House) -> Subject:
    make: Callable[[pytest.FixtureRequest, House], Subject] = globals()[f"{request.param}_subject"]
    return make(request, house)


def webhook_subject(request: pytest.FixtureRequest, house: House) -> Subject:
    receiver: Receiver = request.getfixturevalue("receiver")

    def at(url: str) -> Connector:
        return Webhook(url, secret="KEY", private=True)

    return Subject(
        connector=at(receiver.url),
        ledger=receiver,
        outside=house.outside,
        unreachable=at(f"http://127.0.0.1:{request.getfixturevalue('closed')}"),
        cut=at(request.getfixturevalue("cut")),
        refusing=at(request.getfixturevalue("refusing").url),
        secrets=list(SECRETS.values()),
    )


def rest_subject(request: pytest.FixtureRequest, house: House) -> Subject:
    receiver: Receiver = request.getfixturevalue("receiver")
    refusing: Receiver = request.getfixturevalue("refusing")
    refusing.always = Reply(status=403, body=b"Bearer t0p-s3cret may not do this")
    return Subject(
        connector=rest(receiver.url),
        ledger=receiver,
        outside=house.outside,
        unreachable=rest(f"http://127.0.0.1:{request.getfixturevalue('closed')}"),
        cut=rest(request.getfixturevalue("cut")),
        refusing=rest(refusing.url),
        secrets=list(SECRETS.values()),
    )


def chat_subject(request: pytest.FixtureRequest, house: House) -> Subject:
    receiver: Receiver = request.getfixturevalue("receiver")
    receiver.always = Reply(body=b"ok")
    house.environment |= {
        "CHAT": f"{receiver.url}/services/T0/B0/chat-s3cret",
        "CLOSED": f"http://127.0.0.1:{request.getfixturevalue('closed')}/services/chat-s3cret",
        "CUT": f"{request.getfixturevalue('cut')}/services/chat-s3cret",
        "REFUSING": f"{request.getfixturevalue('refusing').url}/services/chat-s3cret",
    }

    def at(name: str) -> Connector:
        return Chat(name, "{key}: {output.note}", private=True)

    return Subject(
        connector=at("CHAT"),
        ledger=ChatLedger(receiver),
        outside=house.outside,
        unreachable=at("CLOSED"),
        cut=at("CUT"),
        refusing=at("REFUSING"),
        secrets=["chat-s3cret"],
    )


def email_subject(request: pytest.FixtureRequest, house: House) -> Subject:
    mails: Mails = request.getfixturevalue("mails")
    port: int = request.getfixturevalue("smtp_port")
    return Subject(
        connector=mail(port),
        ledger=mails,
        outside=house.outside,
        unreachable=mail(request.getfixturevalue("closed")),
        cut=mail(request.getfixturevalue("lost_after_data")),
        refusing=mail(port, to="nobody"),
        secrets=list(SECRETS.values()),
    )


def postgres_subject(request: pytest.FixtureRequest, house: House) -> Subject:
    url: str = request.getfixturevalue("table")
    closed = request.getfixturevalue("closed")
    house.environment |= {
        "DSN": url,
        "CLOSED": f"postgresql://u:db-s3cret@127.0.0.1:{closed}/x",
        "CUT": request.getfixturevalue("losing_database"),
    }
    return Subject(
        connector=rows_of(),
        ledger=TableLedger(url),
        outside=house.outside,
        unreachable=rows_of("CLOSED"),
        cut=rows_of("CUT"),
        refusing=replace(rows_of(), columns={"no_such_column": "{task.id}"}),
        secrets=["db-s3cret"],
    )


def folder_subject(request: pytest.FixtureRequest, house: House, kind: Any) -> Subject:
    path: Path = request.getfixturevalue("tmp_path")
    found = Folder(path, format=kind, columns=COLUMNS, file="{output.note}")
    return Subject(
        connector=found,
        ledger=FolderLedger(found),
        outside=house.outside,
        unreachable=replace(found, path=path / "not-mounted"),
        refusing=replace(found, columns={"missing": "{output.missing}"}),
    )


def csv_subject(request: pytest.FixtureRequest, house: House) -> Subject:
    return folder_subject(request, house, "csv")


def xlsx_subject(request: pytest.FixtureRequest, house: House) -> Subject:
    return folder_subject(request, house, "xlsx")


def json_subject(request: pytest.FixtureRequest, house: House) -> Subject:
    return folder_subject(request, house, "json")


@pytest.fixture
async def lost_after_data() -> AsyncIterator[int]:
    """A mail server that takes the message and dies before it says so."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        while line := await reader.readline():
            if line.startswith(b"DATA"):
                writer.write(b"354 go\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                break
            writer.write(b"250 fine\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
async def losing_database(table: str) -> str:
    """The address of a role whose connection dies while it writes."""
    async with await psycopg.AsyncConnection.connect(table, autocommit=True) as connection:
        await connection.execute(
            "CREATE FUNCTION out.die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF current_setting('application_name') = 'dies' THEN "
            "PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$"
        )
        await connection.execute(
            "CREATE TRIGGER dies AFTER INSERT ON out.results "
            "FOR EACH ROW EXECUTE FUNCTION out.die()"
        )
    return f"{table}&application_name=dies"


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
async def test_it_conforms(subject: Subject, check: Callable[[Subject], Any]) -> None:
    found = await check_one(subject, check)
    assert found in ("held", "not looked at")


async def check_one(subject: Subject, check: Callable[[Subject], Any]) -> str:
    from roadbed.testing.conformance import NotApplicable

    try:
        await check(subject)
    except NotApplicable:
        return "not looked at"
    return "held"
