"""The way out: what may be reached, and what every kind of bad answer comes to."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from roadbed.connectors import EgressPool
from roadbed.connectors.addresses import objection
from roadbed.kernel.clock import SystemClock
from roadbed.testing import Fault, FaultProxy, Receiver, Reply
from roadbed.usecases.destinations import RefusedError, TemporaryError, UnknownOutcomeError

PUBLIC = "93.184.215.14"


@pytest.fixture
async def pool() -> AsyncIterator[EgressPool]:
    result = EgressPool({"TOKEN": "s3cret\n"}, SystemClock())
    yield result
    await result.aclose()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


def resolving(*answers: Sequence[str]) -> EgressPool:
    """A pool whose resolver gives these answers, one a look-up, the last one for ever."""
    left = list(answers)

    async def resolver(host: str, port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return EgressPool({}, SystemClock(), resolver=resolver)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://10.1.2.3/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://100.64.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://[::]/",
        "http://0.0.0.0/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[64:ff9b::10.0.0.1]/",
        "http://[2002:7f00:1::]/",
        "http://[2001:0:7f00:1::1]/",
        "http://[64:ff9b:1::1]/",
        "http://[::7f00:1]/",
        "http://[fec0::1]/",
        "http://[fe80::1]/",
        "http://[fe80::1%25lo]/",
        "http://[fc00::1]/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://017700000001/",
        "http://127.1/",
        "http://localhost/",
        "http://LOCALHOST:8080/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "ftp://example.org/",
        "//example.org/",
        "http:///nohost",
        "http://user:pass@example.org/",
        "http://example.org\\@127.0.0.1/",
        "http://exa mple.org/",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://ex\r\nample.org/",
        "",
    ],
)
async def test_an_address_that_is_not_allowed_is_refused(pool: EgressPool, url: str) -> None:
    with pytest.raises(RefusedError):
        await pool.attempt(5.0).request("GET", url)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "2002:a9fe:a9fe::1",
        "64:ff9b:1::a9fe:a9fe",
        "64:ff9b::a9fe:a9fe",
        "fd00:ec2::254",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "nonsense",
    ],
)
async def test_even_private_receivers_are_never_metadata_or_nobody(address: str) -> None:
    assert objection(address, private=True) is not None
    with pytest.raises(RefusedError):
        await resolving([address]).attempt(5.0).request("GET", "http://a.example/", private=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "::1", "fd12::1", "100.64.0.1"])
def test_a_house_of_ones_own_is_reached_when_declared(address: str) -> None:
    assert objection(address, private=True) is None
    assert objection(address, private=False) is not None


@pytest.mark.parametrize("address", [PUBLIC, "2606:4700::1111", "64:ff9b::5db8:d70e"])
def test_public_addresses_may_be_reached(address: str) -> None:
    assert objection(address, private=False) is None


@given(st.ip_addresses(v=4))
def test_hiding_an_address_in_ipv6_changes_nothing(address: IPv4Address) -> None:
    plain = objection(str(address), private=False)
    for hidden in (0xFFFF00000000 | int(address), int(ip_address("64:ff9b::")) | int(address)):
        assert objection(str(ip_address(hidden.to_bytes(16, "big"))), private=False) == plain


async def test_one_private_address_among_public_ones_refuses_all() -> None:
    for addresses in ([PUBLIC, "10.0.0.1"], ["10.0.0.1", PUBLIC]):
        with pytest.raises(RefusedError, match="private network"):
            await resolving(addresses).attempt(5.0).request("GET", "https://a.example/")
        with pytest.raises(RefusedError, match="private network"):
            await resolving(addresses).attempt(5.0).address("a.example", 25)


async def test_what_was_checked_is_what_is_connected_to() -> None:
    pool = resolving([PUBLIC], ["127.0.0.1"])
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, stream=httpx2.ByteStream(b"fine"))

    pool._transports["a.example"] = httpx2.MockTransport(answer)
    response = await pool.attempt(5.0).request("GET", "https://a.example:8443/x?y=1")
    assert response.body == b"fine"
    assert str(seen[0].url) == f"https://{PUBLIC}:8443/x?y=1"
    assert seen[0].headers["host"] == "a.example:8443"
    assert seen[0].extensions["sni_hostname"] == "a.example"
    with pytest.raises(RefusedError):
        await pool.attempt(5.0).request("GET", "https://a.example:8443/x?y=1")


async def test_a_redirect_is_an_answer_and_not_followed(
    pool: EgressPool, receiver: Receiver
) -> None:
    receiver.always = Reply(status=302, headers={"location": "http://169.254.169.254/"})
    response = await pool.attempt(5.0).request("GET", receiver.url, private=True)
    assert response.status == 302
    assert response.headers["location"] == "http://169.254.169.254/"
    assert len(receiver.arrivals) == 1


async def test_only_what_was_given_is_sent(pool: EgressPool, receiver: Receiver) -> None:
    receiver.always = Reply(headers={"set-cookie": "a=1"})
    for _ in range(2):
        await pool.attempt(5.0).request(
            "POST", f"{receiver.url}/a", headers={"X-A": "1"}, content=b"body", private=True
        )
    assert receiver.arrivals[1].body == b"body"
    assert set(receiver.arrivals[1].headers) == {
        "host",
        "x-a",
        "accept-encoding",
        "content-length",
    }


async def test_connections_are_used_again(pool: EgressPool, receiver: Receiver) -> None:
    async with FaultProxy("127.0.0.1", receiver.port) as proxy:
        for _ in range(5):
            await pool.attempt(5.0).request("GET", f"http://127.0.0.1:{proxy.port}", private=True)
        assert proxy.connections == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "a\r\nY: b"},
        {"X": "a\nb"},
        {"X": "\x00"},
        {"X": "naïve"},
        {"X\r\nY": "a"},
        {"": "a"},
        {"Host": "other"},
        {"content-length": "0"},
        {"Transfer-Encoding": "chunked"},
    ],
)
async def test_headers_cannot_be_injected(
    pool: EgressPool, receiver: Receiver, headers: dict[str, str]
) -> None:
    with pytest.raises(RefusedError, match="header"):
        await pool.attempt(5.0).request("GET", receiver.url, headers=headers, private=True)
    with pytest.raises(RefusedError, match="method"):
        await pool.attempt(5.0).request("GET / HTTP/1.1\r\n", receiver.url, private=True)
    assert receiver.arrivals == []


class Sleeper(SystemClock):
    """The clock of a process that is put to sleep for a minute after some looks at it."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def monotonic(self) -> float:
        self.looks -= 1
        return super().monotonic() + (60.0 if self.looks < 0 else 0.0)


async def test_a_process_that_was_put_to_sleep_sends_nothing_more(receiver: Receiver) -> None:
    told = []
    for looks in range(1, 7):
        pool = EgressPool({}, Sleeper(looks))
        try:
            await pool.attempt(10.0).request("POST", receiver.url, content=b"{}", private=True)
            told.append("sent")
        except TemporaryError:
            told.append("nothing was sent")
        except UnknownOutcomeError:
            told.append("headers only")
        finally:
            await pool.aclose()
    # Asleep before the address, the connection, the headers, the body; then it is out.
    assert told == [*["nothing was sent"] * 3, "headers only", "sent", "sent"]
    assert [arrival.body for arrival in receiver.arrivals] == [b"{}"] * 2
    with pytest.raises(TemporaryError, match="Its time was over"):
        EgressPool({}, Sleeper(1)).attempt(10.0).in_time()
    EgressPool({}, Sleeper(2)).attempt(10.0).in_time()


async def test_five_gigabytes_are_not_read(pool: EgressPool, receiver: Receiver) -> None:
    given = 0

    async def five_gigabytes() -> AsyncIterator[bytes]:
        nonlocal given
        for _ in range(5_000):
            given += 1_000_000
            yield b"x" * 1_000_000

    receiver.always = Reply(stream=five_gigabytes)
    began = time.monotonic()
    response = await pool.attempt(10.0).request("GET", receiver.url, private=True)
    assert len(response.body) == 64 * 1024
    assert time.monotonic() - began < 5.0
    assert given < 100_000_000


async def test_a_body_that_never_ends_is_unknown(pool: EgressPool, receiver: Receiver) -> None:
    async def drops() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"."
            await asyncio.sleep(0.05)

    receiver.always = Reply(stream=drops)
    with pytest.raises(UnknownOutcomeError, match=r"within 0\.3 s"):
        await pool.attempt(0.3).request("GET", receiver.url, private=True)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(refuse=True), TemporaryError),
        (Fault(half_open=True), UnknownOutcomeError),
        (Fault(request_bytes=10), UnknownOutcomeError),
        (Fault(answer_bytes=0), UnknownOutcomeError),
        (Fault(answer_bytes=10), UnknownOutcomeError),
        (Fault(answer_bytes=10, reset=True), UnknownOutcomeError),
        (Fault(answer_bytes=500), UnknownOutcomeError),
        (Fault(delay_seconds=2.0), UnknownOutcomeError),
        (Fault(bytes_per_second=20.0), UnknownOutcomeError),
    ],
    ids=str,
)
async def test_faults_on_the_way_are_told_apart(
    pool: EgressPool, receiver: Receiver, fault: Fault, kind: type[Exception]
) -> None:
    receiver.always = Reply(headers={"content-length": "1000"}, body=b"x" * 1_000)
    async with FaultProxy("127.0.0.1", receiver.port, fault) as proxy:
        url = f"http://127.0.0.1:{proxy.port}/"
        with pytest.raises(kind):
            await pool.attempt(0.5).request("POST", url, content=b"x" * 100, private=True)
        await proxy.set(Fault())
        assert (await pool.attempt(5.0).request("POST", url, private=True)).status == 200


async def test_one_deadline_holds_for_the_whole_attempt(
    pool: EgressPool, receiver: Receiver
) -> None:
    egress = pool.attempt(2.0)
    await egress.request("GET", receiver.url, private=True)
    await asyncio.sleep(2.1)
    with pytest.raises(TemporaryError, match="within"):
        await egress.request("GET", receiver.url, private=True)
    assert len(receiver.arrivals) == 1


async def test_a_name_that_nobody_knows_is_temporary(pool: EgressPool) -> None:
    async def broken(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    pool.resolver = broken
    with pytest.raises(TemporaryError, match="no such name"):
        await pool.attempt(1.0).request("GET", "https://a.example/")
    with pytest.raises(TemporaryError, match="no address"):
        await resolving([]).attempt(1.0).address("a.example", 25)


async def test_a_resolver_that_hangs_runs_into_the_deadline(pool: EgressPool) -> None:
    async def hangs(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return []

    pool.resolver = hangs
    with pytest.raises(TemporaryError, match="within"):
        await pool.attempt(0.1).request("GET", "https://a.example/")


def test_secrets_come_from_the_environment_and_stay_hidden(pool: EgressPool) -> None:
    egress = pool.attempt(1.0)
    assert egress.secret("TOKEN").get_secret_value() == "s3cret"
    assert "s3cret" not in repr(egress.secret("TOKEN"))
    with pytest.raises(RefusedError, match="MISSING is not set"):
        egress.secret("MISSING")
    assert egress.now().tzinfo is UTC


async def test_a_certificate_is_checked_against_the_name_not_the_address(tmp_path: Path) -> None:
    """Two names on one address: the connection of one never carries the other's request."""
    certificate, key = self_signed(tmp_path, "good.example")
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate, key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=served)
    port = server.sockets[0].getsockname()[1]

    async def here(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    trusted = ssl.create_default_context(cafile=certificate)
    pool = EgressPool({}, SystemClock(), resolver=here, certificates=trusted)
    untrusting = EgressPool({}, SystemClock(), resolver=here)
    try:
        for _ in range(2):
            response = await pool.attempt(5.0).request(
                "GET", f"https://good.example:{port}/", private=True
            )
            assert response.body == b"ok"
        with pytest.raises(TemporaryError, match="match"):
            await pool.attempt(5.0).request("GET", f"https://bad.example:{port}/", private=True)
        with pytest.raises(TemporaryError, match="verify"):
            await untrusting.attempt(5.0).request(
                "GET", f"https://good.example:{port}/", private=True
            )
    finally:
        await pool.aclose()
        await untrusting.aclose()
        server.close()


def self_signed(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for ``name`` and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / f"{name}.crt", folder / f"{name}.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, private
