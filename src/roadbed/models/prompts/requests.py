"""Requests to a language model through pydantic-ai, which is imported only on use."""

from __future__ import annotations

import asyncio
import importlib
import json
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

import httpx2

from roadbed.models.prompts.endpoint import Endpoint, NoReplyError
from roadbed.models.prompts.price import Tokens, told
from roadbed.outbound import PLAIN, at_most

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse
    from pydantic_ai.models import Model

# What a request to a provider imports. Its client loads the second one only on use.
_OF_PROVIDER: Mapping[str, tuple[str, ...]] = {
    "openai": ("pydantic_ai.models.openai", "openai.resources.chat"),
    "anthropic": ("pydantic_ai.models.anthropic", "anthropic.resources.beta.messages"),
}
_ALWAYS = ("pydantic_ai.direct", "roadbed.models.prompts.failures")
_MISSING = "no language model can be called: install the extra llm, make llm"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """One way the model may reply: ``schema`` is the JSON schema of what it then fills in."""

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRequest:
    """A request. The model must reply by one of ``tools``."""

    instructions: str
    message: str
    tools: Sequence[Tool]
    temperature: float | None
    most_tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelAnswer:
    """The tool the model called, or ``problem``, and what it cost. ``arguments`` are untrusted."""

    tool: str = ""
    arguments: Any = None
    problem: str | None = None
    tokens: Tokens = field(default_factory=Tokens)


class ConversationLine:
    """Connections to one model, for as long as one task is decided."""

    # Any: the provider's client; this module uses none of its attributes.
    def __init__(self, endpoint: Endpoint, model: Model[Any]) -> None:
        self._endpoint = endpoint
        self._model = model

    async def ask(self, asked: ModelRequest) -> ModelAnswer:
        """Ask once. Raises ``NoReplyError``; the caller keeps the deadline."""
        from pydantic_ai.direct import model_request
        from pydantic_ai.messages import ModelRequest, SystemPromptPart, UserPromptPart

        from roadbed.models.prompts.failures import explained

        system, user = SystemPromptPart(asked.instructions), UserPromptPart(asked.message)
        try:
            response = await model_request(
                self._model,
                [ModelRequest(parts=[system, user])],
                model_settings=_settings(asked),
                model_request_parameters=_parameters(asked.tools),
                instrument=False,  # nothing is sent to a tracing service
            )
        except Exception as error:
            # Not chained: the provider's message may contain the key.
            raise explained(error, self._endpoint) from None
        return _read(response)


@asynccontextmanager
async def line(
    endpoint: Endpoint,
    environment: Mapping[str, str],
    transport: httpx2.AsyncBaseTransport | None = None,
) -> AsyncIterator[ConversationLine]:
    """Open connections to ``endpoint``, closed at the end. Raises ``NoReplyError``.

    No proxy, cookie, redirect or password file; no retry below ours; no answer of more than
    ``most_bytes``. Connections are kept for one task: a connection belongs to one event loop, and
    the event loops of deciders are short-lived. ``transport`` answers in place of the network; it
    stays open.
    """
    key = endpoint.key(environment)
    certificates = await asyncio.to_thread(_prepared, endpoint.provider)
    async with httpx2.AsyncClient(
        verify=certificates,
        trust_env=False,
        follow_redirects=False,
        timeout=None,
        headers=PLAIN,
        transport=None if transport is None else _Kept(transport),
        event_hooks={"response": [at_most(endpoint.most_bytes)]},
    ) as client:
        made = _openai if endpoint.provider == "openai" else _anthropic
        address = endpoint.address(environment)
        yield ConversationLine(
            endpoint, made(endpoint.model, key.get_secret_value(), address, client)
        )


class _Kept(httpx2.AsyncBaseTransport):
    """A transport that outlives a client: several tasks share it."""

    def __init__(self, transport: httpx2.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return await self._transport.handle_async_request(request)


def modules_of(provider: str) -> tuple[str, ...]:
    """The modules that a request to ``provider`` imports: about a second of processor time."""
    return (*_ALWAYS, *_OF_PROVIDER[provider])


@cache
def _prepared(provider: str) -> ssl.SSLContext:
    """The certificates. The imports are done already in a child process, see ``Needs``."""
    try:
        for name in modules_of(provider):
            importlib.import_module(name)
    except ImportError:
        _not_installed()
    return httpx2.create_ssl_context(trust_env=False)


def _not_installed() -> NoReturn:
    raise NoReplyError(_MISSING) from None


def _openai(name: str, key: str, address: str, client: httpx2.AsyncClient) -> Model[Any]:
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    made = AsyncOpenAI(api_key=key, base_url=address, max_retries=0, http_client=client)
    return OpenAIChatModel(name, provider=OpenAIProvider(openai_client=made))


def _anthropic(name: str, key: str, address: str, client: httpx2.AsyncClient) -> Model[Any]:
    from anthropic import AsyncAnthropic
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    made = AsyncAnthropic(api_key=key, base_url=address, max_retries=0, http_client=client)
    return AnthropicModel(name, provider=AnthropicProvider(anthropic_client=made))


def _settings(asked: ModelRequest) -> Any:
    from pydantic_ai.settings import ModelSettings

    settings = ModelSettings(max_tokens=asked.most_tokens)
    if asked.temperature is not None:
        settings["temperature"] = asked.temperature
    return settings


def _parameters(tools: Sequence[Tool]) -> Any:
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.tools import ToolDefinition

    return ModelRequestParameters(
        output_mode="tool",
        output_tools=[
            ToolDefinition(
                name=tool.name,
                description=tool.description,
                parameters_json_schema=dict(tool.schema),
                kind="output",
            )
            for tool in tools
        ],
        allow_text_output=False,
    )


def _read(response: ModelResponse) -> ModelAnswer:
    from roadbed.models.prompts.failures import finished_badly

    tokens = told(response.usage.input_tokens, response.usage.output_tokens)
    if problem := finished_badly(response):
        return ModelAnswer(problem=problem, tokens=tokens)
    calls = response.tool_calls
    if len(calls) != 1:
        what = "talked instead of replying" if not calls else f"gave {len(calls)} replies at once"
        return ModelAnswer(problem=f"the model {what}", tokens=tokens)
    try:
        arguments = _object(calls[0].args)
    except (ValueError, RecursionError):
        return ModelAnswer(problem="the model's reply is malformed JSON", tokens=tokens)
    return ModelAnswer(tool=calls[0].tool_name, arguments=arguments, tokens=tokens)


def _object(given: str | dict[str, Any] | None) -> Any:
    return json.loads(given, parse_constant=_no_number) if isinstance(given, str) else given


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
