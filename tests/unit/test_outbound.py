"""Services outside that send without an end: a bounded part is read, and the connection closed."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from roadbed import Unsure
from roadbed.app import App
from roadbed.connectors.mail import _Session
from roadbed.people.errors import ProviderError
from roadbed.people.oidc import Provider
from roadbed.testing import ModelReply, ModelServer
from roadbed.usecases.destinations import TemporaryError
from tests.unit.test_connectors import mail
from tests.unit.test_prompted import MODELS, Inquiry, context, prompted

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Endless:
    """Reads one request, sends ``begins``, then ``more`` until nobody takes it."""

    def __init__(self, begins: bytes, more: bytes = b" " * 65_536) -> None:
        self.begins = begins
        self.more = more
        self.port = 0
        self.sent = 0
        self.closed = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {"OPENAI_BASE_URL": self.url, "ANTHROPIC_BASE_URL": self.url}

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.begins.startswith(b"220"):
            await reader.readuntil(b"\r\n\r\n")
        writer.write(self.begins)
        with suppress(OSError):
            while True:
                writer.write(self.more)
                await writer.drain()
                self.sent += len(self.more)
        self.closed.set()


@asynccontextmanager
async def serving(endless: Endless) -> AsyncIterator[Endless]:
    async with await asyncio.start_server(endless.answer, "127.0.0.1", 0) as server:
        endless.port = server.sockets[0].getsockname()[1]
        yield endless
        async with asyncio.timeout(30):
            await endless.closed.wait()


def provider(app: App, issuer: str) -> Provider:
    return Provider(
        app.database,
        app.clock,
        issuer=issuer,
        client_id="roadbed",
        client_secret=None,
        claim="email",
        trusts_addresses=False,
    )


@pytest.mark.parametrize("model", MODELS)
async def test_a_model_that_never_ends_is_cut_off(model: str) -> None:
    async with serving(Endless(HEAD + b"\r\n")) as endless:
        decider = prompted(
            endless,  # type: ignore[arg-type]
            model=model,
            samples=1,
            most_answer_bytes=1_000_000,
        )
        result = await decider(Inquiry(text="x"), context(60.0))
    assert isinstance(result, Unsure)
    assert "the provider sent more than 1,000,000 bytes" in result.reason
    assert result.cost is None  # it may be billed
    assert endless.sent < 20_000_000  # buffers of the system included


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        (b" " * 200_001, {}),
        (gzip.compress(b" " * 50_000_000), {"content-encoding": "gzip"}),
    ],
)
async def test_a_model_whose_answer_says_it_is_large_is_not_read(
    model: str, raw: bytes, headers: dict[str, str]
) -> None:
    async with ModelServer(lambda _: ModelReply(raw=raw, headers=headers)) as server:
        decider = prompted(server, model=model, samples=1, most_answer_bytes=200_000)
        result = await decider(Inquiry(text="x"), context(60.0))
    assert isinstance(result, Unsure)
    assert "the provider sent more than 200,000 bytes" in result.reason
    assert len(server.calls) == 1  # not asked again: the next answer may be as large
    assert server.calls[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"\r\n",
        HEAD + b"Content-Length: 99999999999\r\n\r\n",
        HEAD + b"Content-Encoding: gzip\r\n\r\n",
    ],
)
async def test_an_identity_provider_that_never_ends_is_cut_off(app: App, head: bytes) -> None:
    async with serving(Endless(head)) as endless:
        with pytest.raises(ProviderError, match=r"more than 1,000,000 bytes|compressed"):
            await provider(app, endless.url).begin(back_to="http://127.0.0.1/back")
    assert endless.sent < 20_000_000


async def test_an_identity_provider_that_is_slow_for_ever_is_cut_off(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roadbed.people.oidc._WHOLE_TIMEOUT_SECONDS", 0.3)

    class Slow(Endless):
        async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.begins, self.more = HEAD + b"\r\n", b" "
            drain = writer.drain

            async def slowly() -> None:
                await drain()
                await asyncio.sleep(0.05)

            writer.drain = slowly  # type: ignore[method-assign]
            await super().answer(reader, writer)

    async with serving(Slow(b"")) as slow:
        with pytest.raises(ProviderError, match="does not answer"):
            await provider(app, slow.url).begin(back_to="http://127.0.0.1/back")


async def test_a_mail_server_that_replies_without_end_is_cut_off() -> None:
    async with serving(Endless(b"220-hello\r\n", b"220-and more of it\r\n" * 3_000)) as endless:
        session: Any = _Session(mail(endless.port), "127.0.0.1", None, lambda: None)
        with pytest.raises(TemporaryError, match="more than 1,000,000 bytes"):
            await asyncio.to_thread(session.run, None)
    assert endless.sent < 20_000_000
