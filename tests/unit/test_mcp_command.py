"""``roadbed mcp`` where it cannot work: what is missing, and what to do."""

from __future__ import annotations

import asyncio
import sys

import pytest

from roadbed.assistants.client import RoadbedClient, connected
from roadbed.assistants.errors import (
    McpExtraMissingError,
    ServerAddressError,
    ServerUnreachableError,
    TokenMissingError,
)
from roadbed.assistants.replies import Receipt, ReplyState, reply_of
from roadbed.cli.mcp import _serve

TOKEN = "rb_api_0123456789"


@pytest.mark.parametrize(
    "url",
    [
        "http://roadbed.example",
        "http://127.0.0.1.evil.example",
        "https://",
        "ftp://127.0.0.1",
        "https://a:b@roadbed.example",
        "https://roadbed.example/?x=1",
        "https://[::1",
        "127.0.0.1:8423",
    ],
)
def test_a_token_never_leaves_without_encryption(url: str) -> None:
    with pytest.raises(ServerAddressError, match="ROADBED_URL"):
        connected(url, TOKEN)


async def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TokenMissingError, match="ROADBED_TOKEN is not set"):
        await _serve("http://127.0.0.1:1", " ")
    monkeypatch.setitem(sys.modules, "roadbed.assistants.mcp_server", None)
    with pytest.raises(McpExtraMissingError, match="make mcp"):
        await _serve("http://127.0.0.1:1", TOKEN)


@pytest.mark.parametrize(
    "response", [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"nonsense\r\n\r\n", b""]
)
async def test_what_answers_may_be_no_roadbed(response: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with connected(url, TOKEN) as http:
            with pytest.raises(ServerUnreachableError, match="does not respond"):
                await RoadbedClient(http, url).use_cases()


def receipt(state: str, **more: object) -> Receipt:
    base: dict[str, object] = {"use_case": "ask", "task": "tsk_1", "state": state, "erased": False}
    return base | {"decision": {"output": {"text": "secret"}}, "review": None} | more


RIGHT = {"verdict": {"right_output": {"text": "right"}}}


@pytest.mark.parametrize(
    ("given", "state", "text"),
    [
        (receipt("answered"), ReplyState.ANSWERED, "secret"),
        (receipt("answered", erased=True), ReplyState.ERASED, None),
        (receipt("answered", decision={"output": None}), ReplyState.CLOSED, None),
        (receipt("in_review", review={"verdict": None}), ReplyState.WAITS_FOR_PERSON, None),
        (receipt("reviewed", review=RIGHT), ReplyState.CHECKED, "right"),
        (receipt("reviewed", review={"verdict": None}), ReplyState.NO_ANSWER, None),
        (
            receipt("reviewed", review={"verdict": {"right_output": None}}),
            ReplyState.NO_ANSWER,
            None,
        ),
        (receipt("deciding", decision=None), ReplyState.DECIDING, None),
        (receipt("refused"), ReplyState.REFUSED, None),
        (receipt("superseded"), ReplyState.CLOSED, None),
        (receipt("noted", decision=None), ReplyState.CLOSED, None),
    ],
)
def test_only_released_answers_are_told(given: Receipt, state: ReplyState, text: str) -> None:
    reply = reply_of(given, "http://console")
    assert (reply.state, reply.text) == (state, text)
    assert reply.receipt == "http://console/receipts/tsk_1"
    assert str(reply.told)


def test_citations_of_another_shape_do_no_harm() -> None:
    output = {"text": 1, "citations": [{"document": 1, "version": "x", "quote": "q"}, "other"]}
    reply = reply_of(receipt("answered", decision={"output": output}), "")
    assert reply.text is None
    (citation,) = reply.citations
    assert (citation.document, citation.version, citation.quote) == ("", 1, "q")
