"""Two providers' protocols as they publish them: requests read, replies and errors written."""

from __future__ import annotations

import json as _json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Read = Callable[[Mapping[str, Any]], dict[str, Any]]
Provider = Literal["openai", "anthropic"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProtocolReply:
    """The model's reply: text, a call of ``tool`` with ``json`` as arguments, or both."""

    text: str = ""
    tool: str | None = None
    json: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Writer:
    """How a provider writes replies and errors."""

    reply: Callable[[ProtocolReply, str, str, tuple[int, int] | None], Mapping[str, Any]]
    error: Callable[[str, str], Mapping[str, Any]]


def _read_openai(body: Mapping[str, Any]) -> dict[str, Any]:
    messages = body.get("messages", [])
    shape = body.get("response_format") or {}
    return {
        "system": _texts(messages, {"system", "developer"}),
        "user": _texts(messages, {"user"}),
        "tools": {
            tool["function"]["name"]: tool["function"].get("parameters", {})
            for tool in body.get("tools") or []
        },
        "schema": (shape.get("json_schema") or {}).get("schema"),
    }


def _read_anthropic(body: Mapping[str, Any]) -> dict[str, Any]:
    tools = body.get("tools") or []
    shape = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    return {
        "system": _text(body.get("system") or ""),
        "user": _texts(body.get("messages", []), {"user"}),
        "tools": {tool["name"]: tool.get("input_schema", {}) for tool in tools},
        "schema": shape.get("schema"),
    }


def _texts(messages: Sequence[Mapping[str, Any]], roles: set[str]) -> str:
    return "\n".join(_text(message["content"]) for message in messages if message["role"] in roles)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(item.get("text", "") for item in content)


def _openai(
    said: ProtocolReply, model: str, finish: str, usage: tuple[int, int] | None
) -> Mapping[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None}
    if finish == "refusal":
        message |= {"content": None, "refusal": said.text or "I cannot help with that."}
    elif said.tool:
        function = {"name": said.tool, "arguments": said.json}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
    reason = {"refusal": "stop", "stop": "tool_calls" if said.tool else "stop"}.get(finish, finish)
    counted = usage and {
        "prompt_tokens": usage[0],
        "completion_tokens": usage[1],
        "total_tokens": sum(usage),
    }
    return {
        "id": "chatcmpl-local",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
        **({"usage": counted} if counted else {}),
    }


def _anthropic(
    said: ProtocolReply, model: str, finish: str, usage: tuple[int, int] | None
) -> Mapping[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": said.text}] if said.text else []
    if said.tool:
        # The protocol sends arguments as JSON, not as text: malformed ones arrive as text.
        content.append(
            {"type": "tool_use", "id": "toolu_1", "name": said.tool, "input": _parsed(said.json)}
        )
    reason = {
        "stop": "tool_use" if said.tool else "end_turn",
        "length": "max_tokens",
        "content_filter": "refusal",
    }.get(finish, finish)
    counted = usage or (0, 0)
    return {
        "id": "msg_local",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {"input_tokens": counted[0], "output_tokens": counted[1]},
    }


def _parsed(text: str) -> Any:
    try:
        return _json.loads(text)
    except ValueError:
        return text


def _openai_error(code: str, message: str) -> Mapping[str, Any]:
    return {"error": {"message": message, "type": code, "param": None, "code": code}}


def _anthropic_error(code: str, message: str) -> Mapping[str, Any]:
    error = {"type": code, "message": message}
    return {"type": "error", "error": error, "request_id": "req_local"}


READ: Mapping[str, tuple[Provider, Read]] = {
    "/v1/chat/completions": ("openai", _read_openai),
    "/v1/messages": ("anthropic", _read_anthropic),
}
WRITE: Mapping[Provider, Writer] = {
    "openai": Writer(reply=_openai, error=_openai_error),
    "anthropic": Writer(reply=_anthropic, error=_anthropic_error),
}
