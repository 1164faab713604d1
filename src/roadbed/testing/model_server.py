"""A language model on a real socket: OpenAI's chat completions and Anthropic's messages."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from roadbed.testing import protocols
from roadbed.testing.receiver import (
    Receive,
    ReceivedRequest,
    ReceiverServer,
    Reply,
    Send,
    answer,
    arrived,
)

Finish = Literal["stop", "length", "content_filter", "refusal"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCall:
    """One request as the model sees it. ``system`` and ``user`` are all texts of that role.

    ``tools`` maps the name of each tool to its JSON schema, ``schema`` is that of a JSON reply.
    """

    provider: Literal["openai", "anthropic"]
    model: str
    system: str
    user: str
    tools: Mapping[str, Any]
    schema: Mapping[str, Any] | None
    temperature: float | None
    headers: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelReply:
    """The model's reply: ``output`` through ``tool`` (or as JSON text), or plain ``text``.

    ``arguments`` is raw text in place of ``output``; it may be malformed. ``status`` above 399 is
    an error with ``code``. ``usage`` counts tokens read and written; ``None`` reports none.
    ``seconds`` is the delay. ``raw`` is sent unchanged.
    """

    output: Mapping[str, Any] | None = None
    tool: str | None = None
    arguments: str | None = None
    text: str = ""
    finish: Finish = "stop"
    usage: tuple[int, int] | None = (100, 10)
    status: int = 200
    code: str = "error"
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    raw: bytes | None = None

    @classmethod
    def recorded(cls, path: Path) -> ModelReply:
        """A recorded response: ``{"status": …, "headers": {…}, "body": …}``; texts are sent raw."""
        record = json.loads(path.read_text(encoding="utf-8"))
        body = record["body"]
        raw = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        return cls(status=record["status"], headers=record.get("headers", {}), raw=raw.encode())


Rule = Callable[[ModelCall], "ModelReply | Mapping[str, Any] | Awaitable[ModelReply]"]


class ModelServer:
    """``async with ModelServer(rule) as server``, then use ``server.environment``.

    ``script`` is used up first, one reply a request; then ``rule`` makes each reply of its call: a
    ``ModelReply``, or just the output. ``calls`` has every request in order; ``at_once`` is the
    largest number of requests in progress at the same time.
    """

    key = "sk-local-0123456789"

    def __init__(self, rule: Rule | None = None) -> None:
        self.rule = rule
        self.script: deque[ModelReply] = deque()
        self.calls: list[ModelCall] = []
        self.at_once = 0
        self._under_way = 0
        self._server = ReceiverServer(self._app)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """Environment variables that direct the clients of both providers here, with ``key``."""
        return {
            "OPENAI_API_KEY": self.key,
            "OPENAI_BASE_URL": f"{self.url}/v1",
            "ANTHROPIC_API_KEY": self.key,
            "ANTHROPIC_BASE_URL": self.url,
        }

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._server.stop()

    async def _app(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        arrival = await arrived(scope, receive)
        self._under_way += 1
        self.at_once = max(self.at_once, self._under_way)
        try:
            await answer(await self._reply(arrival), send)
        finally:
            self._under_way -= 1

    async def _reply(self, arrival: ReceivedRequest) -> Reply:
        call = _call(arrival)
        if call is None:
            return Reply(status=404, body=b'{"error": {"message": "no such path"}}')
        self.calls.append(call)
        made = self.script.popleft() if self.script else await self._made(call)
        if made.seconds:
            await asyncio.sleep(made.seconds)
        body = made.raw if made.raw is not None else _body(call, made)
        headers = {"content-type": "application/json", **made.headers}
        return Reply(status=made.status, headers=headers, body=body)

    async def _made(self, call: ModelCall) -> ModelReply:
        if self.rule is None:
            return ModelReply(text="Nobody told this model what to say.")
        answer: Any = self.rule(call)
        if inspect.isawaitable(answer):
            answer = await answer
        return answer if isinstance(answer, ModelReply) else ModelReply(output=answer)


def _call(arrival: ReceivedRequest) -> ModelCall | None:
    if arrival.method != "POST" or arrival.path not in protocols.READ:
        return None
    body = json.loads(arrival.body)
    provider, read = protocols.READ[arrival.path]
    return ModelCall(
        provider=provider,
        model=body.get("model", ""),
        temperature=body.get("temperature"),
        headers=arrival.headers,
        body=body,
        **read(body),
    )


def _body(call: ModelCall, made: ModelReply) -> bytes:
    wrote = protocols.WRITE[call.provider]
    if made.status >= 400:
        content = wrote.error(made.code, made.text or "The server was told to fail.")
    else:
        content = wrote.reply(_reply_of(call, made), call.model, made.finish, made.usage)
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _reply_of(call: ModelCall, made: ModelReply) -> protocols.ProtocolReply:
    """Through a tool if the request has tools, else as text."""
    if made.output is None and made.arguments is None:
        return protocols.ProtocolReply(text=made.text)
    arguments = made.arguments
    if arguments is None:
        arguments = json.dumps(made.output, ensure_ascii=False)
    if not call.tools:
        return protocols.ProtocolReply(text=arguments)
    return protocols.ProtocolReply(
        text=made.text, tool=made.tool or next(iter(call.tools)), json=arguments
    )
