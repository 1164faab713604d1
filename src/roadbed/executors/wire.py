"""Wire format between this process and a decider's child: JSON in frames, never pickle.

A frame is a length (4 bytes, big-endian), a kind (1 byte) and that many bytes: JSON, or a piece of
a file. Files follow the frame that names their lengths. A child is not trusted: its answers are
read here into ``Answer`` or ``Unsure``, and then checked like the answer of any decider.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from roadbed.kernel.storable import cleaned
from roadbed.usecases.decider import Answer, Context, Retrieved, Task, Unsure
from roadbed.usecases.destinations import Action
from roadbed.usecases.parsing import written

LARGEST_FRAME = 64 * 1024 * 1024
LARGEST_ANSWER = 250_000  # bytes; 64 of them fit well into a frame
_BESIDE_ANSWERS = 64_000  # what a frame holds beside them; a printed line takes less
_HEAD = struct.Struct(">IB")
_JSON, _RAW = 0, 1
_PIECE = 1024 * 1024
_ODD = "$odd"  # marks a value that is not JSON, with the name of its type
_LONGEST_NAME = 100
_RETRIEVED: TypeAdapter[Retrieved | None] = TypeAdapter(Retrieved | None)
_FIELDS = ("confidence", "cautious", "evidence", "provenance")


class FrameError(ValueError):
    """Bytes that are no frame: the other side is broken."""


def frame(content: Mapping[str, object]) -> bytes:
    """``content`` as one frame. Raises ``TypeError``, ``ValueError``, ``RecursionError``."""
    data = json.dumps(content).encode()
    return _HEAD.pack(len(data), _JSON) + data


def raw(data: bytes) -> Iterator[bytes]:
    """Frames of raw bytes; their pieces are put together by length."""
    for start in range(0, len(data), _PIECE):
        piece = data[start : start + _PIECE]
        yield _HEAD.pack(len(piece), _RAW) + piece


class Frames:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    # Any: JSON of the other side, checked by the functions below.
    def feed(
        self, data: bytes, *, largest: int = LARGEST_FRAME
    ) -> Iterator[Mapping[str, Any] | bytes]:
        """The frames that ``data`` completes, JSON or raw bytes. Raises ``FrameError``.

        Also for a frame of more than ``largest`` bytes, before it is read: JSON takes many times
        its length in memory.
        """
        self._buffer += data
        start = 0
        frames: list[Mapping[str, Any] | bytes] = []
        while len(self._buffer) - start >= _HEAD.size:
            length, kind = _HEAD.unpack_from(self._buffer, start)
            if length > largest:
                raise FrameError(f"a frame of {length} bytes")
            end = start + _HEAD.size + length
            if len(self._buffer) < end:
                break
            body = bytes(self._buffer[start + _HEAD.size : end])
            frames.append(body if kind == _RAW else _object(body))
            start = end
        del self._buffer[:start]
        return iter(frames)


def largest_of(answers: int) -> int:
    """The most bytes of a frame with so many answers, or with something else."""
    return answers * LARGEST_ANSWER + _BESIDE_ANSWERS


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FrameError("a frame that is no JSON") from error
    if not isinstance(content, dict):
        raise FrameError("a frame that is no object")
    return content


def answers(content: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    """The answers in a frame of a child. Raises ``FrameError`` for an invalid frame."""
    answers_ = content["answers"]
    if not isinstance(answers_, list):
        raise FrameError("answers that are no list")
    for answer in answers_:
        if not isinstance(answer, dict) or type(answer.get("number")) is not int:
            raise FrameError("an answer without its number")
    return answers_


def write_context(context: Context) -> Mapping[str, object]:
    """The part of a context that differs from call to call."""
    task = context.task
    return {
        "id": task.id,
        "usecase": task.usecase,
        "key": task.key,
        "at": task.admitted_at.isoformat(),
        "seconds": context.deadline_seconds,
        "retrieved": _RETRIEVED.dump_python(context.retrieved, mode="json"),
    }


# Any: JSON of the parent, which this process trusts.
def read_context(content: Mapping[str, Any]) -> Context:
    """The context that ``write_context`` wrote."""
    task = Task(
        id=content["id"],
        usecase=content["usecase"],
        key=content["key"],
        admitted_at=datetime.fromisoformat(content["at"]),
    )
    return Context(
        task=task,
        deadline_seconds=content["seconds"],
        retrieved=_RETRIEVED.validate_python(content["retrieved"]),
    )


def write_answer(given: object) -> Mapping[str, object]:
    """A decider's answer as JSON; other values are marked, so that the reader refuses them."""
    if isinstance(given, Unsure):
        return {
            "unsure": str(given.reason),
            "evidence": _plain(given.evidence),
            "cost": _price(given.cost),
        }
    if not isinstance(given, Answer):
        return {"other": type(given).__name__}
    return {
        "output": _dumped(given.output),
        "cost": _price(given.cost),
        "actions": _actions(given.actions),
        **{name: _plain(getattr(given, name)) for name in _FIELDS},
    }


# Any: JSON of a child; every value is checked here.
def read_answer(content: Mapping[str, Any], output: type[BaseModel]) -> object:
    """The value that ``write_answer`` wrote: ``Answer``, ``Unsure`` or another value.

    Errors of the pod's validators are passed on.
    """
    if "unsure" in content:
        return Unsure(
            reason=str(content["unsure"]),
            evidence=_read(content.get("evidence")),  # type: ignore[arg-type]  # checked later
            cost=_cost(content.get("cost")),
        )
    if "output" not in content:
        return _Odd(str(content.get("other", "nothing")))
    fields: dict[str, Any] = {name: _read(content.get(name)) for name in _FIELDS}
    return Answer(
        output=_model(content["output"], output),  # type: ignore[type-var]  # checked later
        cost=_cost(content.get("cost")),
        actions=_read_actions(content.get("actions")),  # type: ignore[arg-type]  # checked later
        **fields,
    )


class _Odd:
    """A value that is not JSON, or not an answer. Its class has the name of the original class."""

    def __new__(cls, name: str) -> _Odd:
        named = cleaned(name)[:_LONGEST_NAME] or "nothing"  # for any name that a child sends
        return object.__new__(type(named, (_Odd,), {"__init__": lambda *_: None}))


def _plain(value: object) -> object:
    """``value`` where it is JSON, else a mark."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return {_ODD: type(value).__name__}
    return value


def _read(value: object) -> object:
    return _Odd(str(value[_ODD])) if isinstance(value, dict) and set(value) == {_ODD} else value


def _dumped(value: object) -> object:
    if not isinstance(value, BaseModel):
        return _plain(value)
    try:
        return _plain(written(value))
    except Exception as error:  # a serializer of the pod's own may raise anything
        return {_ODD: f"{type(value).__name__} ({error})"[:300]}


def _model(value: object, output: type[BaseModel]) -> object:
    """The output as its model reads JSON; as it came where it does not fit, which is told later."""
    if isinstance(read := _read(value), _Odd):
        return read
    try:
        return output.model_validate_json(
            json.dumps(read), extra="forbid", by_alias=True, by_name=True
        )
    except (ValidationError, ValueError):
        return read


def _price(cost: object) -> str | None:
    return None if cost is None else str(cost)


def _cost(text: object) -> Decimal | None:
    """An invalid price is unknown."""
    try:
        cost = Decimal(str(text))
    except InvalidOperation:
        return None
    return cost if cost.is_finite() and cost >= 0 else None


def _actions(given: object) -> object:
    try:
        return [
            {"name": _plain(action.name), "arguments": _dumped(action.arguments)}
            if isinstance(action, Action)
            else {_ODD: type(action).__name__}
            for action in given  # type: ignore[attr-defined]  # what is no sequence is marked
        ]
    except TypeError:
        return {_ODD: type(given).__name__}


def _read_actions(given: object) -> object:
    if not isinstance(given, list):
        return [_Odd(type(given).__name__)]
    return [
        Action(name=str(action["name"]), arguments=_read(action["arguments"]))  # type: ignore[arg-type]
        if isinstance(action, dict) and {"name", "arguments"} == set(action)
        else _read(action)
        for action in given
    ]
