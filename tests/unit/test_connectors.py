"""Every connector against a real receiver, the conformance suite and a proxy that fails."""

from __future__ import annotations

import asyncio
import base64
import email
import hashlib
import hmac
import html
import json
import os
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
    EgressPool,
    Email,
    Folder,
    PostgresTable,
    Rest,
    Webhook,
    workbooks,
)
from roadbed.connectors.cells import neutralised, restored
from roadbed.connectors.chat import TEXT_CHARACTERS, shortened
from roadbed.connectors.files import locked, safe_name
from roadbed.connectors.folder import read_csv
from roadbed.connectors.responses import dig, retry_after
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
    make_request,
)
from roadbed.testing.conformance import Check, NotApplicable
from roadbed.testing.receiver import texts
from roadbed.usecases.destinations import (
    Connector,
    DeliveryRequest,
    EgressClient,
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
    """The parts for a test of one connector: egress, clock and secrets."""

    pool: EgressPool
    clock: Calendar
    environment: dict[str, str]

    def egress(self) -> EgressClient:
        return self.pool.attempt(5.0)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    clock, environment = Calendar(), dict(SECRETS)
    result = House(EgressPool(environment, clock), clock, environment)
    yield result
    await result.pool.aclose()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def refusing() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        receiver.always = Reply(status=422, body=b"the queue does not exist")
        yield receiver


@pytest.fixture
async def cut(receiver: Receiver) -> AsyncIterator[str]:
    async with FaultProxy("127.0.0.1", receiver.port, CUT) as proxy:
        yield f"http://127.0.0.1:{proxy.port}"


@pytest.fixture
async def closed() -> AsyncIterator[int]:
    """A closed port."""
    async with FaultProxy("127.0.0.1", 1, Fault(refuse=True)) as proxy:
        yield proxy.port


class Mails:
    """An SMTP server that keeps accepted mail; each script entry answers one command."""

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

    async def standing(self, sending: DeliveryRequest) -> Sequence[Sequence[str]]:
        wanted = mail(0).message_id(sending.key)
        return [
            [str(item.get_content())] for item in self.taken if str(item["Message-ID"]) == wanted
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

    async def standing(self, sending: DeliveryRequest) -> Sequence[Sequence[str]]:
        results = [texts(arrival.body) for arrival in self.receiver.arrivals]
        return [
            [html.unescape(text) for text in item]
            for item in results
            if any(text.startswith(f"{sending.key}: ") for text in item)
        ]


@dataclass
class TableLedger:
    url: str

    async def standing(self, sending: DeliveryRequest) -> Sequence[Sequence[str]]:
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            cursor = await connection.execute(
                "SELECT note, whole::text FROM out.results WHERE key = %s", (sending.key,)
            )
            return await cursor.fetchall()


@dataclass
class FolderLedger:
    folder: Folder

    async def standing(self, sending: DeliveryRequest) -> Sequence[Sequence[str]]:
        return self.read(sending.task_id)

    def read(self, task: str) -> Sequence[Sequence[str]]:
        path = Path(self.folder.path)
        if self.folder.format == "xlsx":
            rows = [row for item in path.glob("*.xlsx") for row in workbooks.read_rows(item)]
            return [[str(value) for value in row.values()] for row in rows if row["task"] == task]
        if self.folder.format == "csv":
            lines = [row for entry in path.glob("*.csv") for row in read_csv(entry)]
            return [list(line.values()) for line in lines if line["task"] == task]
        results = [texts(element.read_bytes()) for element in path.glob("*.json")]
        return [one for one in results if task in one]


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


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
        egress=house.egress,
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
        egress=house.egress,
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
        egress=house.egress,
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
        egress=house.egress,
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
        egress=house.egress,
        unreachable=rows_of("CLOSED"),
        cut=rows_of("CUT"),
        refusing=replace(rows_of(), columns={"no_such_column": "{task.id}"}),
        secrets=["db-s3cret"],
    )


def folder_subject(request: pytest.FixtureRequest, house: House, kind: Any) -> Subject:
    path: Path = request.getfixturevalue("tmp_path")
    result = Folder(path, format=kind, columns=COLUMNS, file="{output.note}")
    return Subject(
        connector=result,
        ledger=FolderLedger(result),
        egress=house.egress,
        unreachable=replace(result, path=path / "not-mounted"),
        refusing=replace(result, columns={"missing": "{output.missing}"}),
    )


def csv_subject(request: pytest.FixtureRequest, house: House) -> Subject:
    return folder_subject(request, house, "csv")


def xlsx_subject(request: pytest.FixtureRequest, house: House) -> Subject:
    return folder_subject(request, house, "xlsx")


def json_subject(request: pytest.FixtureRequest, house: House) -> Subject:
    return folder_subject(request, house, "json")


@pytest.fixture
async def lost_after_data() -> AsyncIterator[int]:
    """A mail server that accepts the message and ends before its response."""

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


NOT_LOOKED_AT = {
    "webhook": {"looking_up", "taking_back"},
    "rest": set(),
    "chat": {"a_repeated_key", "looking_up", "taking_back"},
    "email": {"a_repeated_key", "looking_up", "taking_back"},
    "postgres": set(),
    "folder": {"a_cut"},
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
async def test_it_conforms(subject: Subject, check: Check) -> None:
    if any(check.__name__.startswith(item) for item in NOT_LOOKED_AT[subject.connector.kind]):
        with pytest.raises(NotApplicable):
            await check(subject)
    else:
        await check(subject)
    assert not subject.connector.problems()


async def test_the_suite_says_what_it_looked_at(house: House, receiver: Receiver) -> None:
    result = await check_connector(
        Webhook(receiver.url, private=True), receiver, house.egress, secrets=["s3cret"]
    )
    assert result["a_repeated_key_makes_no_second_effect"] == "held"
    assert result["a_cut_after_sending_is_unknown"] == "not looked at"
    assert set(result) == set(CHECKS)


@dataclass(frozen=True)
class Broken:
    """Passes everything on to a sound connector, except for one planted fault."""

    sound: Connector
    fault: str
    secret: str = ""

    kind = "broken"
    key_horizon = timedelta(hours=1)
    can_look_up = True
    can_compensate = True

    def problems(self) -> Sequence[str]:
        return ["It is wrong."] if self.fault == "settings_are_sound" else ()

    async def send(self, sending: DeliveryRequest, egress: EgressClient) -> Sent:
        if self.fault == "a_parcel_makes_one_effect":
            return Sent()
        if self.fault == "a_repeated_key_makes_no_second_effect":
            sending = replace(sending, key=f"{sending.key}-{id(egress)}")
        if self.fault == "hostile_text_stays_data":
            content = {name: str(value).replace("'", "") for name, value in sending.content.items()}
            sending = replace(sending, content=content, facts={**sending.facts, "output": content})
        try:
            return await self.sound.send(sending, egress)
        except (TemporaryError, RefusedError, UnknownOutcomeError) as error:
            raise self.mistaken(error) from None

    async def look_up(self, sending: DeliveryRequest, egress: EgressClient) -> Sent | None:
        if self.fault == "looking_up_finds_what_was_sent_and_nothing_else":
            return Sent()
        return await self.sound.look_up(sending, egress)

    async def compensate(self, sending: DeliveryRequest, sent: Sent, egress: EgressClient) -> Sent:
        if self.fault == "taking_back_twice_is_once":
            return sent
        return await self.sound.compensate(sending, sent, egress)

    def mistaken(self, error: Exception) -> Exception:
        wrong: Mapping[str, tuple[type[Exception], type[Exception]]] = {
            "nobody_listening_is_temporary": (TemporaryError, UnknownOutcomeError),
            "a_cut_after_sending_is_unknown": (UnknownOutcomeError, TemporaryError),
            "a_refusal_is_for_good": (RefusedError, TemporaryError),
        }
        before, after = wrong.get(self.fault, (Exception, type(error)))
        return after(str(error)) if isinstance(error, before) else error


PLANTED = [item for item in CHECKS if item != "what_it_cannot_do_it_refuses"]  # that one is below


@pytest.mark.parametrize("fault", PLANTED)
async def test_the_suite_finds_a_broken_connector(
    house: House, receiver: Receiver, refusing: Receiver, cut: str, closed: int, fault: str
) -> None:
    subject = Subject(
        connector=Broken(rest(receiver.url), fault, "t0p-s3cret"),
        ledger=receiver,
        egress=house.egress,
        unreachable=Broken(rest(f"http://127.0.0.1:{closed}"), fault),
        cut=Broken(rest(cut), fault),
        refusing=Broken(rest(refusing.url), fault),
        secrets=["t0p-s3cret"] if fault == "secrets_are_never_shown" else (),
    )
    with pytest.raises(ConformanceError):
        await CHECKS[fault](subject)


async def test_the_suite_names_every_check_that_failed(house: House, receiver: Receiver) -> None:
    with pytest.raises(ConformanceError, match="taking_back_twice_is_once: 1 effects stand"):
        await check_connector(
            Broken(rest(receiver.url), "taking_back_twice_is_once"), receiver, house.egress
        )


async def test_the_suite_finds_one_that_answers_where_it_cannot(
    house: House, receiver: Receiver
) -> None:
    class Boasting(Webhook):
        async def look_up(self, sending: DeliveryRequest, egress: EgressClient) -> Sent | None:
            return None

    with pytest.raises(ConformanceError, match="looking up passed"):
        await check_connector(Boasting(receiver.url, private=True), receiver, house.egress)


async def test_a_webhook_is_signed_as_the_standard_says(house: House, receiver: Receiver) -> None:
    for name, key in (
        ("KEY", b"a signing key of enough length"),
        ("PLAIN", b"a plain signing key"),
    ):
        hook = Webhook(receiver.url, secret=name, private=True)
        sent = await hook.send(make_request(key=f"key-{name}"), house.egress())
        assert sent.reference == f"key-{name}"
        got = receiver.arrivals[-1]
        moment = got.headers["webhook-timestamp"]
        assert moment == str(int(NOON.timestamp()))
        signed = f"key-{name}.{moment}.".encode() + got.body
        digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert got.headers["webhook-signature"] == f"v1,{digest}"
        assert got.headers["webhook-id"] == got.headers["idempotency-key"] == f"key-{name}"


async def test_while_two_secrets_are_valid_a_signature_by_each_is_sent(
    house: House, receiver: Receiver
) -> None:
    house.environment |= {"NEW": "the new secret", "NEW_OLD": "the old secret"}
    hook = Webhook(receiver.url, secret="NEW", private=True)
    await hook.send(make_request(key="one"), house.egress())
    del house.environment["NEW_OLD"]
    await hook.send(make_request(key="two"), house.egress())
    both, alone = (got.headers["webhook-signature"].split(" ") for got in receiver.arrivals[-2:])
    assert (len(both), len(alone)) == (2, 1)
    got = receiver.arrivals[-2]
    signed = f"one.{got.headers['webhook-timestamp']}.".encode() + got.body
    for said, secret in zip(both, (b"the new secret", b"the old secret"), strict=True):
        digest = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        assert said == f"v1,{digest}"


async def test_a_signing_key_that_is_no_base64_is_refused_unshown(
    house: House, receiver: Receiver
) -> None:
    house.environment["ODD"] = "whsec_!!!"
    with pytest.raises(RefusedError, match="no base64") as caught:
        await Webhook(receiver.url, secret="ODD", private=True).send(make_request(), house.egress())
    assert "!!!" not in str(caught.value)


@pytest.mark.parametrize("key", ["naïve\r\nX: y", "k" * 5_000, "a b", ""])
async def test_a_key_that_no_header_can_carry_goes_as_its_hash(
    house: House, receiver: Receiver, key: str
) -> None:
    sending = replace(make_request(), key=key)
    for _ in range(2):
        await Webhook(receiver.url, private=True).send(sending, house.egress())
    assert len(receiver.effects) == 1
    assert receiver.arrivals[0].headers["webhook-id"].startswith("sha256-")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, RefusedError),
        (400, RefusedError),
        (404, RefusedError),
        (408, TemporaryError),
        (409, RefusedError),
        (410, RefusedError),
        (425, TemporaryError),
        (429, TemporaryError),
        (500, UnknownOutcomeError),
        (502, UnknownOutcomeError),
        (503, TemporaryError),
        (504, UnknownOutcomeError),
        (599, UnknownOutcomeError),
    ],
)
async def test_a_status_says_what_happened(
    house: House, receiver: Receiver, status: int, kind: type[Exception]
) -> None:
    receiver.always = Reply(status=status, body=b"why")
    with pytest.raises(kind, match=f"It answered {status}: why"):
        await Webhook(receiver.url, private=True).send(make_request(), house.egress())


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("7", 7.0),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Sun, 01 Mar 2026 12:01:00", None),
        ("999999999999", 86_400.0),
        ("soon", None),
        ("-5", None),
        ("²", None),
    ],
)
async def test_retry_after_is_seconds_or_a_date(given: str, seconds: float | None) -> None:
    response = Response(status=429, headers={"retry-after": given}, body=b"")
    assert retry_after(response, NOON) == seconds


async def test_the_wait_comes_with_the_error(house: House, receiver: Receiver) -> None:
    receiver.always = Reply(status=429, headers={"Retry-After": "3"})
    with pytest.raises(TemporaryError) as caught:
        await Webhook(receiver.url, private=True).send(make_request(), house.egress())
    assert caught.value.retry_after == 3.0


async def test_an_error_inside_a_200_is_found(house: House, receiver: Receiver) -> None:
    hook = Webhook(receiver.url, private=True, succeeded_when="status == 200 && body.ok == true")
    receiver.replies.extend(
        [
            Reply(body=b'{"ok": true}'),
            Reply(body=b'{"ok": false, "error": "' + b"e" * 400 + b'"}'),
            Reply(body=b"<html>proxy</html>"),
        ]
    )
    await hook.send(make_request(), house.egress())
    with pytest.raises(
        RefusedError, match=r'It answered 200: \{"ok": false, "error": "e+'
    ) as error:
        await hook.send(make_request(), house.egress())
    assert len(str(error.value)) < 230
    with pytest.raises(UnknownOutcomeError, match="could not be evaluated"):
        await hook.send(make_request(), house.egress())
    receiver.replies.append(Reply(body=b"1"))
    with pytest.raises(UnknownOutcomeError, match="neither true nor false"):
        await replace(hook, succeeded_when="status").send(make_request(), house.egress())


async def test_what_json_cannot_carry_is_refused(house: House, receiver: Receiver) -> None:
    for value in (float("nan"), "\ud800"):
        sending = replace(make_request(), content={"value": value})
        with pytest.raises(RefusedError, match="JSON"):
            await Webhook(receiver.url, private=True).send(sending, house.egress())
    assert receiver.arrivals == []


MISSING = "{input.no_such_field}"


@pytest.mark.parametrize(
    "connector",
    [
        mail(1, subject=MISSING),
        mail(1, to=MISSING),
        mail(1, text=MISSING),
        rest("http://127.0.0.1:1", create={"path": f"/x/{MISSING}"}),
        rest("http://127.0.0.1:1", create={"path": "/x", "body": [MISSING]}),
        rest("http://127.0.0.1:1", create={"path": "/x", "headers": {"X": MISSING}}),
        Chat("CHAT", MISSING),
        PostgresTable("DSN", "t", "key", {"a": MISSING}),
        Folder("/tmp", columns={"a": MISSING}),
        Folder("/tmp", file=MISSING),
        Folder("/tmp", format="xlsx", columns={"a": f"x {MISSING}"}),
    ],
    ids=lambda connector: connector.kind,
)
async def test_a_missing_field_refuses_by_name(house: House, connector: Connector) -> None:
    house.environment["CHAT"] = "https://chat.example.org/x"
    with pytest.raises(RefusedError, match=r"input\.no_such_field"):
        await connector.send(make_request(), house.egress())


@pytest.mark.parametrize(
    ("connector", "said"),
    [
        (Webhook("ftp://a.example"), "https://"),
        (Webhook("http://a.example"), "not encrypted"),
        (Webhook("https://u:p@a.example"), "user name"),
        (Webhook("https://a.example", secret="whsec_abc="), "environment variable"),
        (Webhook("https://a.example", succeeded_when="status =="), "no CEL"),
        (Webhook("https://a.example", succeeded_when="output.a"), "sees only"),
        (mail(0), "port"),
        (mail(25, host=""), "host"),
        (mail(25, sender="nobody"), "sender"),
        (mail(25, tls="ssl"), "starttls"),
        (mail(25, username="a"), "go together"),
        (mail(25, username="a", password="PASSWORD"), "unencrypted"),
        (mail(25, private=False), "unencrypted"),
        (mail(25, to="{task.id"), "brace"),
        (PostgresTable("postgresql://u:p@h/d", "t", "k", {}), "must not be written here"),
        (PostgresTable("my dsn", "t", "k", {}), "environment variable"),
        (PostgresTable("DSN", "a.b.c", "k", {}), "schema.name"),
        (PostgresTable("DSN", "a.", "k", {}), "schema.name"),
        (PostgresTable("DSN", "t", "k", {"k": "1"}), "Leave it out"),
        (Folder(""), "path is empty"),
        (Folder("x", format="xls"), "csv, xlsx or json"),  # type: ignore[arg-type]
        (Folder("x", format="xlsx", columns={"key": "1"}), "another name"),
        (Folder("x", columns={"a": "}"}), "brace"),
        (Folder("x", columns={"a\x00": "1"}), "heading"),
        (Chat("https://hooks.example/x", "a"), "must not be written here"),
        (Chat("a b", "a"), "environment variable"),
        (Chat("CHAT", " "), "empty"),
        (rest("nonsense"), "https://host"),
        (rest("http://a.example", private=False), "not encrypted"),
        (rest("https://a.example", create={"path": "x"}), "begin with /"),
        (rest("https://a.example", create={"path": "/{x", "method": "POST"}), "brace"),
        (rest("https://a.example", create={"path": "/", "method": "TRACE"}), "TRACE"),
        (rest("https://a.example", create={"path": "/", "boddy": 1}), "boddy"),
        (rest("https://a.example", find={"path": "/", "found_when": "x"}), "sees only"),
        (rest("https://a.example", auth_header=("A", "Bearer x")), "environment variable"),
        (rest("https://a.example", key_header=None), "no key is sent"),
    ],
)
def test_a_wrong_setting_is_told_with_its_remedy(connector: Connector, said: str) -> None:
    problems = connector.problems()
    assert [problem for problem in problems if said in problem], problems
    assert all(item.endswith((".", "&& body.ok.")) for item in problems)


async def test_mail_says_who_what_and_when(house: House, mails: Mails, smtp_port: int) -> None:
    connector = mail(smtp_port, to="team@example.org, {task.id}@example.org", subject="Grüße")
    sent = await connector.send(make_request("Grüße\n.\n.. end"), house.egress())
    got = mails.taken[0]
    assert got["Subject"] == "Grüße"
    assert got["Message-ID"] == sent.reference
    assert got["Date"].datetime == NOON
    assert got["Auto-Submitted"] == "auto-generated"
    assert got.get_content().replace("\r\n", "\n") == "Note:\nGrüße\n.\n.. end\n"
    assert len(mails.rcpt) == 2
    assert max(mails.raw[0]) < 128


@pytest.mark.parametrize(
    "note",
    ["a\r\nBcc: b@example.org", "a\nb", "a\r", "a\x0bb", "a\u2028b", "\ud800"],
)
async def test_a_subject_cannot_carry_a_header(
    house: House, mails: Mails, smtp_port: int, note: str
) -> None:
    with pytest.raises(RefusedError):
        await mail(smtp_port, subject="{output.note}").send(make_request(note), house.egress())
    assert mails.taken == []


@pytest.mark.parametrize(
    "note",
    ["a@b.example, c@d.example", "a@b.example>", "A <a@b.example>", "a@b.example\r\nX: y", "", "a"],
)
async def test_a_field_cannot_add_a_receiver(
    house: House, mails: Mails, smtp_port: int, note: str
) -> None:
    with pytest.raises(RefusedError, match="no address"):
        await mail(smtp_port, to="{output.note}").send(make_request(note), house.egress())
    assert mails.rcpt == []


async def test_mail_answers_are_told_apart(house: House, mails: Mails, smtp_port: int) -> None:
    connector = mail(smtp_port, to="a@example.org, b@example.org")
    for answers, kind in (
        (["450 later"], TemporaryError),
        (["550 unknown"], RefusedError),
        (["250 fine", "550 unknown"], RefusedError),
    ):
        mails.rcpt_answers = list(answers)
        with pytest.raises(kind, match="answered"):
            await connector.send(make_request(), house.egress())
    mails.rcpt_answers = []
    for answer, wanted in (("451 later", TemporaryError), ("554 spam", RefusedError)):
        mails.data_answer = answer
        with pytest.raises(wanted, match="answered"):
            await connector.send(make_request(), house.egress())
    assert mails.taken == []


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
async def test_mail_is_encrypted_for_the_name_and_logs_in(
    house: House,
    mails: Mails,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    encryption: str,
) -> None:
    certificate, key = self_signed(tmp_path, "mail.example")
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate, key)
    logins: list[bytes] = []

    def login(
        server: SMTP, session: Session, envelope: Envelope, how: str, data: Any
    ) -> AuthResult:
        logins.append(data.password)
        return AuthResult(success=data.password == SECRETS["PASSWORD"].encode(), handled=False)

    async def here(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    house.pool.resolver = here
    more = {"tls_context": served, "require_starttls": True, "authenticator": login}
    if encryption == "tls":
        more = {"ssl_context": served, "authenticator": login, "auth_require_tls": False}
    for port in smtp(mails, **more):
        named = mail(
            port, host="mail.example", tls=encryption, username="roadbed", password="PASSWORD"
        )
        with pytest.raises(TemporaryError, match="verify"):
            await named.send(make_request(), house.egress())
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        await named.send(make_request(), house.egress())
        with pytest.raises(TemporaryError, match="match"):
            await replace(named, host="other.example").send(make_request(), house.egress())
        with pytest.raises(RefusedError, match="535"):
            await replace(named, password="PLAIN").send(make_request(), house.egress())
    assert logins[0] == SECRETS["PASSWORD"].encode()
    assert set(logins[1:]) == {SECRETS["PLAIN"].encode()}
    assert len(mails.taken) == 1


async def test_a_server_without_encryption_is_refused(house: House, smtp_port: int) -> None:
    with pytest.raises(RefusedError, match="STARTTLS"):
        await mail(smtp_port, tls="starttls").send(make_request(), house.egress())


async def test_mail_that_hangs_ends_and_sends_nothing_later(
    house: House, mails: Mails, smtp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roadbed.connectors.mail._WHOLE_SECONDS", 0.3)
    async with FaultProxy("127.0.0.1", smtp_port, Fault(delay_seconds=0.2)) as proxy:
        with pytest.raises(TemporaryError, match="too long"):
            await mail(proxy.port).send(make_request(), house.egress())
        await asyncio.sleep(1.0)
    assert mails.taken == []


async def test_mail_is_not_sent_to_a_private_address_undeclared(house: House) -> None:
    with pytest.raises(RefusedError, match="private network"):
        await mail(25, private=False, tls="starttls").send(make_request(), house.egress())


async def test_a_row_keeps_types_and_a_repeated_key_updates_it(house: House, table: str) -> None:
    house.environment["DSN"] = table
    sending = make_request("first", key="one")
    await rows_of().send(sending, house.egress())
    again = make_request("second", key="one")
    sent = await rows_of().send(again, house.egress())
    assert sent.reference == "one"
    async with await psycopg.AsyncConnection.connect(table) as connection:
        cursor = await connection.execute("SELECT key, note, n, whole FROM out.results")
        rows = await cursor.fetchall()
    assert rows == [("one", "second", again.content["count"], dict(again.content))]


async def test_a_row_of_nothing_but_its_key(house: House, table: str) -> None:
    house.environment["DSN"] = table
    only = replace(rows_of(), columns={})
    for _ in range(2):
        await only.send(make_request(key="one"), house.egress())
    assert await only.look_up(make_request(key="one"), house.egress()) is not None


@pytest.mark.parametrize(
    ("changes", "note", "said"),
    [
        ({"table": "out.missing"}, "a", "42P01"),
        ({"key_column": "note"}, "a", "42P10"),
        ({"table": 'out"; DROP TABLE out.results; --.x'}, "a", "0A000"),
        ({"columns": {"n": "{output.note}"}}, "no number", "22P02"),
        ({}, "a\x00b", "cannot be written"),
        ({}, "\ud800", "cannot be written"),
    ],
)
async def test_a_row_that_can_never_be_written_is_refused(
    house: House, table: str, changes: dict[str, Any], note: str, said: str
) -> None:
    house.environment["DSN"] = table
    connector = replace(rows_of(), **changes)
    with pytest.raises(RefusedError, match=said):
        await connector.send(make_request(note), house.egress())


async def test_a_locked_table_is_temporary(
    house: House, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roadbed.connectors.postgres._STATEMENT_SECONDS", 1)
    house.environment["DSN"] = table
    async with await psycopg.AsyncConnection.connect(table) as holder:
        await holder.execute("LOCK TABLE out.results")
        with pytest.raises(TemporaryError, match="57014"):
            await rows_of().send(make_request(), house.egress())


async def test_an_address_that_is_none_is_refused_unshown(house: House) -> None:
    house.environment["DSN"] = "postgresql//user:hunter2@/x"
    with pytest.raises(RefusedError, match="not a database address") as caught:
        await rows_of().send(make_request(), house.egress())
    assert "hunter2" not in str(caught.value)


@pytest.mark.usefixtures("unmeasured")
@given(st.text())
def test_a_cell_round_trips_and_never_calculates(text: str) -> None:
    cell = neutralised(text)
    assert isinstance(cell, str)
    assert cell[:1] not in tuple("=+-@\t\r")
    assert restored(cell) == text


@given(st.text(), st.text())
def test_a_file_name_is_one_step_and_its_key_s_own(text: str, other: str) -> None:
    name = safe_name(text, "key")
    assert Path(name).name == name
    assert not name.startswith(".")
    assert len(name.encode()) < 120
    assert (safe_name(text, other) == name) is (other == "key")


@pytest.mark.parametrize(
    "note", ["../../evil", "/etc/passwd", "..", ".", "a\x00b", "C:\\x", "x" * 999]
)
@pytest.mark.parametrize("kind", ["csv", "json"])
async def test_a_template_leads_to_no_other_folder(
    house: House, tmp_path: Path, note: str, kind: Any
) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    connector = Folder(inside, format=kind, columns=COLUMNS, file="{output.note}")
    sent = await connector.send(make_request(note), house.egress())
    assert sent.reference is not None
    assert files_below(tmp_path) == [inside / sent.reference]


async def test_a_link_in_the_folder_is_not_followed(house: House, tmp_path: Path) -> None:
    target, inside = tmp_path / "elsewhere.csv", tmp_path / "in"
    inside.mkdir()
    target.write_text("mine")
    connector = Folder(inside, columns=COLUMNS)
    sending = make_request()
    sent = await connector.send(sending, house.egress())
    (inside / str(sent.reference)).unlink()
    (inside / str(sent.reference)).symlink_to(target)
    assert await connector.look_up(sending, house.egress()) is None
    await connector.send(sending, house.egress())
    assert target.read_text() == "mine"
    assert await connector.look_up(sending, house.egress()) is not None


async def test_content_without_columns_is_written_as_it_is(house: House, tmp_path: Path) -> None:
    sending = make_request("{task.id}")
    for kind in ("csv", "json"):
        sent = await Folder(tmp_path, format=kind).send(sending, house.egress())
        assert "{task.id}" in (tmp_path / str(sent.reference)).read_text()


async def test_formulas_in_a_csv_are_text_and_come_back(house: House, tmp_path: Path) -> None:
    note = '=cmd|"/c calc"!A1'
    sent = await Folder(tmp_path, columns=COLUMNS | {"@h": "-1", "n": "{output.count}"}).send(
        make_request(note), house.egress()
    )
    file = tmp_path / str(sent.reference)
    assert '"\'=cmd|""/c calc""!A1"' in file.read_text()
    assert read_csv(file)[0]["note"] == note
    assert read_csv(file)[0]["@h"] == "-1"


async def test_a_workbook_holds_text_as_text_after_each_rewriting(
    house: House, tmp_path: Path
) -> None:
    connector = Folder(tmp_path, format="xlsx", columns=COLUMNS)
    notes = ["=1+1", "+1", "-1", "@a", "#N/A", "\x01", "2026-01-01", "007", "TRUE"]
    for note in notes:
        await connector.send(make_request(note), house.egress())
    sheet = load_workbook(tmp_path / "2026-03-01.xlsx").active
    assert sheet is not None
    cells = [row[2] for row in sheet.iter_rows(min_row=2)]
    assert [cell.value for cell in cells] == [note.replace("\x01", "\ufffd") for note in notes]
    assert {item.data_type for item in cells} == {"s"}
    assert [row[3].data_type for row in sheet.iter_rows(min_row=2)] == ["n"] * len(notes)


async def test_a_key_tried_again_tomorrow_makes_no_second_row(house: House, tmp_path: Path) -> None:
    connector = Folder(tmp_path, format="xlsx", columns=COLUMNS)
    sending = make_request()
    first = await connector.send(sending, house.egress())
    house.clock.moment = NOON + timedelta(days=1)
    assert (await connector.send(sending, house.egress())).reference == first.reference
    assert (await connector.send(make_request(), house.egress())).reference == "2026-03-02.xlsx"
    assert len(workbooks.read_rows(tmp_path / "2026-03-01.xlsx")) == 1


async def test_many_writers_of_one_workbook_lose_no_row(house: House, tmp_path: Path) -> None:
    connector = Folder(tmp_path, format="xlsx", columns=COLUMNS)
    sendings = [make_request() for _ in range(10)]
    await asyncio.gather(*(connector.send(sending, house.egress()) for sending in sendings * 2))
    rows = workbooks.read_rows(tmp_path / "2026-03-01.xlsx")
    assert {row["key"] for row in rows} == {item.key for item in sendings}
    assert len(rows) == 10


@pytest.mark.parametrize("broken", ["garbage", "first_column", "columns"])
async def test_a_workbook_that_a_person_changed_is_not_overwritten(
    house: House, tmp_path: Path, broken: str
) -> None:
    connector = Folder(tmp_path, format="xlsx", columns=COLUMNS)
    await connector.send(make_request(), house.egress())
    book = tmp_path / "2026-03-01.xlsx"
    if broken == "garbage":
        book.write_bytes(b"garbage")
    else:
        opened = load_workbook(book)
        assert opened.active is not None
        opened.active.cell(1, 1 if broken == "first_column" else 2).value = "changed"
        opened.save(book)
    before = book.read_bytes()
    with pytest.raises(RefusedError, match=r"2026-03-01\.xlsx"):
        await connector.send(make_request(), house.egress())
    assert book.read_bytes() == before


async def test_a_lock_that_is_held_is_temporary(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roadbed.connectors.files._LOCK_SECONDS", 0.1)
    connector = Folder(tmp_path, format="xlsx", columns=COLUMNS)
    with locked(tmp_path / ".lock"), pytest.raises(TemporaryError, match="another process"):
        await connector.send(make_request(), house.egress())


async def test_a_disk_that_fails_leaves_no_half_file(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("roadbed.connectors.files.os.fsync", full)
    with pytest.raises(TemporaryError, match="No space left"):
        await Folder(tmp_path, columns=COLUMNS).send(make_request(), house.egress())
    assert files_below(tmp_path) == []


async def test_a_folder_that_takes_no_file_is_temporary(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("roadbed.connectors.files.tempfile.mkstemp", fails)
    with pytest.raises(TemporaryError, match="Read-only"):
        await Folder(tmp_path, columns=COLUMNS).send(make_request(), house.egress())


async def test_a_folder_that_cannot_be_kept_is_unknown(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has its name, but a power cut could take it away."""
    real, calls = os.fsync, []

    def second_fails(number: int) -> None:
        calls.append(number)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        real(number)

    monkeypatch.setattr("roadbed.connectors.files.os.fsync", second_fails)
    with pytest.raises(UnknownOutcomeError, match="Input/output error"):
        await Folder(tmp_path, columns=COLUMNS).send(make_request(), house.egress())


async def test_a_workbook_that_was_moved_away_holds_no_row(house: House, tmp_path: Path) -> None:
    connector = Folder(tmp_path, format="xlsx", columns=COLUMNS)
    sending = make_request()
    sent = await connector.send(sending, house.egress())
    (tmp_path / str(sent.reference)).unlink()
    assert await connector.look_up(sending, house.egress()) is None
    await connector.compensate(sending, sent, house.egress())


async def test_what_no_file_can_hold_is_refused(house: House, tmp_path: Path) -> None:
    for kind in ("csv", "json"):
        with pytest.raises(RefusedError, match="cannot be written"):
            await Folder(tmp_path, format=kind, columns=COLUMNS).send(
                make_request("\ud800"), house.egress()
            )
    assert files_below(tmp_path) == []


async def test_a_list_in_a_cell_is_json(house: House, tmp_path: Path) -> None:
    sending = replace(make_request(), content={"all": ["a", 1]})
    sent = await Folder(tmp_path).send(sending, house.egress())
    assert read_csv(tmp_path / str(sent.reference)) == [{"all": '["a", 1]'}]


async def test_a_column_called_key_without_columns_is_refused(house: House, tmp_path: Path) -> None:
    sending = replace(make_request(), content={"key": "mine"})
    with pytest.raises(RefusedError, match="Name columns"):
        await Folder(tmp_path, format="xlsx").send(sending, house.egress())


async def test_chat_escapes_facts_and_opens_no_link(house: House, receiver: Receiver) -> None:
    receiver.always = Reply(body=b"ok")
    house.environment["CHAT"] = receiver.url
    sending = make_request("<!channel> <http://evil.example|click> a & b")
    sending = replace(sending, facts={**sending.facts, "input": {"more": {"<!here>": "<@U1>"}}})
    links = [{"text": "Open", "url": "https://roadbed.example/r/1"}] * 9
    sending = replace(sending, facts={**sending.facts, "links": links})
    chat = Chat("CHAT", "*New*: {output.note} {input.more}", private=True)
    await chat.send(sending, house.egress())
    sent = json.loads(receiver.arrivals[0].body)
    said = "*New*: &lt;!channel&gt; &lt;http://evil.example|click&gt; a &amp; b"
    said += ' {"&lt;!here&gt;": "&lt;@U1&gt;"}'
    assert sent["blocks"][0]["text"]["verbatim"] is True  # else addresses become links
    assert sent["text"] == sent["blocks"][0]["text"]["text"] == said
    assert sent["unfurl_links"] is sent["unfurl_media"] is False
    assert len(sent["blocks"][1]["elements"]) == 5
    assert sent["blocks"][1]["elements"][0]["url"] == "https://roadbed.example/r/1"


async def test_chat_links_lead_to_the_web_or_nowhere(house: House, receiver: Receiver) -> None:
    house.environment["CHAT"] = receiver.url
    for url in ("javascript:alert(1)", "file:///etc/passwd", "", "https://a:b@c.example"):
        sending = make_request()
        facts = {**sending.facts, "links": [{"text": "Open", "url": url}]}
        with pytest.raises(RefusedError, match="web address"):
            await Chat("CHAT", "x", private=True).send(
                replace(sending, facts=facts), house.egress()
            )
    assert receiver.arrivals == []


async def test_chat_that_does_not_say_ok_has_refused(house: House, receiver: Receiver) -> None:
    house.environment["CHAT"] = f"{receiver.url}/s3cret"
    receiver.always = Reply(body=f"no_service at {receiver.url}/s3cret".encode())
    with pytest.raises(RefusedError, match="no_service") as caught:
        await Chat("CHAT", "x", private=True).send(make_request(), house.egress())
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("echo", ["Bearer t0p-s3cret", "token t0p-s3cret is old", "t0p-s3cret"])
async def test_a_secret_that_is_echoed_stays_out_of_errors(
    house: House, receiver: Receiver, echo: str
) -> None:
    receiver.always = Reply(status=401, body=echo.encode())
    with pytest.raises(RefusedError, match=r"401: .*…") as caught:
        await rest(receiver.url).send(make_request(), house.egress())
    assert "s3cret" not in str(caught.value)


async def test_chat_hides_the_path_of_its_address_too(house: House, receiver: Receiver) -> None:
    house.environment["CHAT"] = f"{receiver.url}/services/T0/B0/s3cret"
    receiver.replies.extend([Reply(body=b"no hook /services/T0/B0/s3cret"), Reply(body=b"ok\n")])
    chat = Chat("CHAT", "x", private=True)
    with pytest.raises(RefusedError, match="no hook …"):
        await chat.send(make_request(), house.egress())
    await chat.send(make_request(), house.egress())


@given(st.text(alphabet="a&<>", max_size=4_000))
def test_a_long_message_is_never_cut_inside_an_escape(text: str) -> None:
    written = html.escape("a" * (TEXT_CHARACTERS - 10) + text, quote=False)
    cut = shortened(written)
    assert len(cut) <= TEXT_CHARACTERS + 1
    assert html.escape(html.unescape(cut), quote=False) == cut


async def test_rest_fills_and_encodes(house: House, receiver: Receiver) -> None:
    receiver.always = Reply(status=201, body=b'{"issue": [{"key": 17}]}')
    connector = rest(
        receiver.url,
        create={
            "method": "PUT",
            "path": "/a/{output.note}/b?q={output.note}",
            "body": {"n": "{output.count}", "deep": [{"t": "<{task.id}>"}], "fixed": True},
        },
        reference="issue.0.key",
    )
    sending = make_request("a/b?c#d é&%")
    sent = await connector.send(sending, house.egress())
    got = receiver.arrivals[0]
    assert sent.reference == "17"
    assert (got.method, got.path) == ("PUT", "/a/a/b?c#d é&%/b")
    assert got.query == "q=a%2Fb%3Fc%23d%20%C3%A9%26%25"
    assert json.loads(got.body) == {
        "n": sending.content["count"],
        "deep": [{"t": f"<{sending.task_id}>"}],
        "fixed": True,
    }
    assert got.headers["authorization"] == "Bearer t0p-s3cret"
    assert got.headers["idempotency-key"] == sending.key
    assert got.headers["content-type"] == "application/json"


@pytest.mark.parametrize("note", ["..", ".", ""])
async def test_a_field_does_not_climb_out_of_the_path(
    house: House, receiver: Receiver, note: str
) -> None:
    connector = rest(receiver.url, create={"path": "/a/{output.note}/b"})
    with pytest.raises(RefusedError, match="another address"):
        await connector.send(make_request(note), house.egress())
    assert receiver.arrivals == []


async def test_what_no_path_can_hold_is_refused(house: House, receiver: Receiver) -> None:
    for path, note in (("/a/{output.note}", "\ud800"), ("/a/{output.note", "a")):
        with pytest.raises(RefusedError, match="cannot be written"):
            await rest(receiver.url, create={"path": path}).send(make_request(note), house.egress())


async def test_a_value_that_looks_like_a_field_is_not_filled_again(
    house: House, receiver: Receiver
) -> None:
    connector = rest(receiver.url, create={"path": "/{output.note}/{output.queue}/{task.id}"})
    sending = make_request("{task.id}{output.queue}")
    await connector.send(sending, house.egress())
    wanted = f"/{{task.id}}{{output.queue}}/returns/{sending.task_id}"
    assert receiver.arrivals[0].path == wanted


async def test_a_header_template_cannot_inject(house: House, receiver: Receiver) -> None:
    connector = rest(receiver.url, create={"path": "/", "headers": {"X-Note": "{output.note}"}})
    with pytest.raises(RefusedError, match="line break"):
        await connector.send(make_request("a\r\nX-Admin: yes"), house.egress())
    assert receiver.arrivals == []


async def test_looking_up_tells_not_there_from_not_known(house: House, receiver: Receiver) -> None:
    connector = rest(receiver.url, find={"path": "/?q={key}", "found_when": "body.total > 0"})
    receiver.replies.extend(
        [
            Reply(body=b'{"total": 0}'),
            Reply(body=b'{"total": 1, "id": "x"}'),
            Reply(status=404),
            Reply(status=503),
            Reply(status=200, body=b"[]"),
        ]
    )
    sending = make_request()
    assert await connector.look_up(sending, house.egress()) is None
    result = await connector.look_up(sending, house.egress())
    assert result is not None
    assert result.reference == "x"
    assert await connector.look_up(sending, house.egress()) is None
    with pytest.raises(TemporaryError):
        await connector.look_up(sending, house.egress())
    with pytest.raises(UnknownOutcomeError):
        await connector.look_up(sending, house.egress())


async def test_rest_without_calls_for_it_neither_finds_nor_takes_back(house: House) -> None:
    bare = rest("https://a.example", find=None, take_back=None)
    assert not bare.can_look_up
    assert not bare.can_compensate
    with pytest.raises(RefusedError, match="Look there"):
        await bare.look_up(make_request(), house.egress())
    with pytest.raises(RefusedError, match="person"):
        await bare.compensate(make_request(), Sent(), house.egress())


@pytest.mark.parametrize(
    ("place", "expected"),
    [("a.b", "1"), ("l.1", "y"), ("l.9", None), ("a", None), ("x.y", None), ("l.-1", None)],
)
def test_a_place_in_a_body(place: str, expected: str | None) -> None:
    assert dig({"a": {"b": 1}, "l": ["x", "y"]}, place) == expected


def test_connectors_load_on_first_use_and_by_name_only() -> None:
    for name in connectors.__all__:
        assert getattr(connectors, name).__name__ == name
    with pytest.raises(AttributeError, match="Fax"):
        _ = connectors.Fax


class Woken:
    """The way out of a process that was put to sleep right before its effect."""

    def __init__(self, egress: EgressClient) -> None:
        self._egress = egress

    def __getattr__(self, name: str) -> Any:
        return getattr(self._egress, name)

    def in_time(self) -> None:
        raise TemporaryError("its time was over")


@pytest.mark.parametrize("kind", ["csv", "json", "xlsx"])
async def test_a_file_is_not_written_after_its_time(
    house: House, tmp_path: Path, kind: Any
) -> None:
    connector = Folder(tmp_path, format=kind, columns=COLUMNS, file="{output.note}")
    with pytest.raises(TemporaryError, match="time was over"):
        await connector.send(make_request("late"), Woken(house.egress()))
    assert files_below(tmp_path) == []


async def test_a_mail_is_not_sent_after_its_time(
    house: House, mails: Mails, smtp_port: int
) -> None:
    with pytest.raises(TemporaryError, match="time was over"):
        await mail(smtp_port).send(make_request("late"), Woken(house.egress()))
    assert mails.taken == []


async def test_a_row_is_not_written_after_its_time(house: House, table: str) -> None:
    house.environment["DSN"] = table
    with pytest.raises(TemporaryError, match="time was over"):
        await rows_of().send(make_request("late"), Woken(house.egress()))
    assert await rows_of().look_up(make_request("late"), house.egress()) is None
