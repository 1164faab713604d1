"""Child process: loads one version of one use case and answers calls over a socket.

The first frame names the version to load, and its ``work`` the purpose: ``decide`` answers calls
until the socket closes; ``fit`` fits the decider once and returns what it learned. Answers may come
in any order.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from pydantic import BaseModel

from roadbed.executors import sandbox, wire
from roadbed.executors.in_process import (
    DeciderCall,
    Failed,
    FunctionExecutor,
    LoopExecutor,
    decide_batch,
    is_coroutine,
)
from roadbed.models.embeddings import choice
from roadbed.usecases import patches
from roadbed.usecases.decider import (
    FunctionDecider,
    LabelledExample,
    OutOfFold,
    Trainable,
    is_trainable,
    needs_of,
)
from roadbed.usecases.loader import LoadedUseCase, load
from roadbed.usecases.parsing import read_stored

_REARM_SECONDS = 1.0
_LONGEST_LINE = 2_000
_NO_FILES: Mapping[str, bytes] = MappingProxyType({})
_SPARE_SECONDS = 30.0  # of processor time beyond a deadline, before the kernel ends the process


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """A version as a child runs it. ``bare`` is the decider without patches around it.

    ``alone`` is the bare one, asking once for each task: for comparing prompts.
    """

    use_case: LoadedUseCase
    decider: FunctionDecider | Trainable
    bare: FunctionDecider | Trainable

    @property
    def alone(self) -> FunctionDecider | Trainable:
        return self.bare.alone() if hasattr(self.bare, "alone") else self.bare


def main(descriptor: int) -> None:
    """Answer on the socket ``descriptor`` until it closes."""
    sandbox.deprioritise()
    channel = Channel(socket.socket(fileno=descriptor))
    sys.stdout = sys.stderr = Printed(channel)
    order = next(channel.frames())
    files = {name: channel.file(length) for name, length in order["files"].items()}
    sandbox.limit_memory(order["memory_megabytes"])
    sandbox.limit_file_size()
    sandbox.end_first()
    sandbox.close_standard_error()
    choice.hand_over(order["embeddings"])
    folder, temporary = Path(order["folder"]), Path(order["temporary"])
    os.chdir(folder)
    if order["confine"]:
        sandbox.confine([folder], [temporary])
        sandbox.filter_system_calls()
        sandbox.drop_capabilities()
    try:
        loaded = _load(folder, files)
        _import(order["modules"])
    except BaseException as error:  # the pod's code may raise anything, SystemExit included
        channel.send({"failed": _sentence(error), "exhausted": _is_exhausted(error)})
        return
    channel.send({"ready": True, **_facts(loaded)})
    if order["work"] == "fit":
        _fit(channel, loaded)
    elif is_trainable(loaded.decider):
        _decide_in_batches(channel, loaded)
    else:
        asyncio.run(_decide_one_by_one(channel, loaded))


class Channel:
    """The socket to the parent: frames and files, blocking."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.write: Callable[[bytes], object] = connection.sendall  # a loop may own the socket
        self._frames = wire.Frames()
        self._pending: deque[Mapping[str, Any] | bytes] = deque()
        self._lock = threading.Lock()

    # Any: JSON of the parent, which this process trusts.
    def frames(self) -> Iterator[Mapping[str, Any]]:
        """One object after the other, until the parent closes."""
        while (content := self._next()) is not None:
            if not isinstance(content, bytes):
                yield content

    def file(self, length: int) -> bytes:
        """A file of ``length`` bytes that follows a frame. Raises ``EOFError``."""
        received = bytearray()
        while len(received) < length:
            content = self._next()
            if not isinstance(content, bytes):
                raise EOFError  # noqa: TRY004 - the parent has gone, or sends no more
            received += content
        return bytes(received)

    def send(self, content: Mapping[str, object], files: Mapping[str, bytes] = _NO_FILES) -> None:
        """Write one frame, and files behind it. Any thread may call it."""
        pieces = [
            wire.frame(content),
            *(piece for data in files.values() for piece in wire.raw(data)),
        ]
        with self._lock:
            for piece in pieces:
                self.write(piece)

    def _next(self) -> Mapping[str, Any] | bytes | None:
        while not self._pending:
            data = self.connection.recv(262_144)
            if not data:
                return None
            self._pending.extend(self._frames.feed(data))
        return self._pending.popleft()


class Printed:
    """Receives the output of a decider; the parent writes it to its log, without secrets."""

    encoding = "utf-8"

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._line = ""

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        self._line = self._line[:_LONGEST_LINE]
        for line in lines:
            if line.strip():
                self._channel.send({"printed": line[:_LONGEST_LINE]})
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        return False


def _load(folder: Path, files: dict[str, bytes]) -> Loaded:
    use_case = load(folder)
    declared = use_case.declared
    changes = patches.loads(declared, files)
    trained = {name: data for name, data in files.items() if name != patches.ARTIFACT}
    bare: FunctionDecider | Trainable | None = declared.function
    if declared.trainable is not None:
        bare = declared.trainable.load(trained) if trained else declared.trainable
    if bare is None:
        raise ValueError("the use case has no decider")
    decider = patches.patched(bare, changes, declared, use_case.records)
    return Loaded(use_case=use_case, decider=decider, bare=bare)


def _import(modules: Sequence[str]) -> None:
    """Import what the first call needs: a call that imports would seem to hang."""
    for name in modules:
        with contextlib.suppress(Exception):  # the decider reports what it misses
            importlib.import_module(name)


def _facts(loaded: Loaded) -> Mapping[str, Any]:
    """The facts about a decider that the parent needs."""
    decider = loaded.decider
    needs = needs_of(loaded.bare)
    learns = is_trainable(decider)
    out_of_fold = _attribute(decider, "out_of_fold") if learns else None
    kind = "coroutine" if is_coroutine(decider) else "function"
    return {
        "kind": "trainable" if learns else kind,
        "needs": {
            "prompts": list(needs.prompts),
            "secrets": list(needs.secrets),
            "currency": needs.currency,
        },
        "kinds": _attribute(decider, "kinds") if learns else None,
        "label": _attribute(decider, "label"),
        "labels": list(_attribute(decider, "labels") or ()),
        "out_of_fold": None if out_of_fold is None else _written(out_of_fold),
    }


def _attribute(decider: object, name: str) -> Any:
    """An attribute, or ``None``. An attribute of an unfitted decider may raise any error."""
    try:
        return getattr(decider, name, None)
    except Exception:
        return None


def _decide_in_batches(channel: Channel, loaded: Loaded) -> None:
    rearm = _Rearm()
    for content in channel.frames():
        if "calls" not in content:
            continue
        calls = content["calls"]
        rearm.before(calls)
        read = [_input(loaded, call["input"]) for call in calls]
        good = [value for value in read if isinstance(value, BaseModel)]
        results = iter(decide_batch(loaded.decider, good) if good else [])  # type: ignore[arg-type]
        answers = [next(results) if isinstance(value, BaseModel) else value for value in read]
        channel.send(
            {
                "answers": [
                    {"number": call["number"], **_answer(given)}
                    for call, given in zip(calls, answers, strict=True)
                ]
            }
        )


async def _decide_one_by_one(channel: Channel, loaded: Loaded) -> None:
    """Functions on threads, coroutines on this loop, which also reads and writes."""
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection(sock=channel.connection)

    def write(data: bytes) -> None:
        loop.call_soon_threadsafe(writer.write, data)

    channel.write = write
    asked, rearm, frames = _Asked(loaded, loop, writer), _Rearm(), wire.Frames()
    while data := await reader.read(262_144):
        for content in frames.feed(data):
            if isinstance(content, bytes):
                continue
            if "ping" in content:
                writer.write(wire.frame({"pong": content["ping"]}))
            elif "cancel" in content:
                asked.cancel(content["cancel"])
            elif "calls" in content:
                rearm.before(content["calls"])
                for call in content["calls"]:
                    asked.begin(call)
    writer.close()


class _Asked:
    """Running calls of this child; each is answered when it is done."""

    def __init__(
        self, loaded: Loaded, loop: asyncio.AbstractEventLoop, writer: asyncio.StreamWriter
    ) -> None:
        self._loaded = loaded
        self._loop = loop
        self._writer = writer
        self._calls: dict[int, DeciderCall] = {}
        # Coroutines share the loop with pings: one that blocks it is found by its silence.
        self._place: LoopExecutor | FunctionExecutor = LoopExecutor()
        if not is_coroutine(loaded.decider):
            self._place = FunctionExecutor(loaded.use_case.name, loop)

    def begin(self, content: Mapping[str, Any]) -> None:
        """Ask the decider."""
        number, value = content["number"], _input(self._loaded, content["input"])
        if isinstance(value, Failed):
            self._send_answer(number, value)
            return
        context, decider = wire.read_context(content["context"]), self._loaded.decider
        if (shown := content.get("shown")) is not None:
            decider = self._loaded.alone
            context = replace(context, prompts=shown["prompts"], examples=shown["examples"])
        result: asyncio.Future[object] = self._loop.create_future()
        call = DeciderCall(decider=decider, input=value, context=context, result=result)
        result.add_done_callback(partial(self._answered, number))
        self._calls[number] = call
        self._place.put(call)

    def cancel(self, number: int) -> None:
        """Cancel a coroutine; a function continues."""
        if call := self._calls.get(number):
            self._place.expire(call)

    def _answered(self, number: int, result: asyncio.Future[object]) -> None:
        self._calls.pop(number, None)
        if not result.cancelled():
            self._send_answer(number, result.result())

    def _send_answer(self, number: int, given: object) -> None:
        self._writer.write(wire.frame({"answers": [{"number": number, **_answer(given)}]}))


def _fit(channel: Channel, loaded: Loaded) -> None:
    order = next(channel.frames())
    declared = loaded.use_case.declared
    examples = [
        LabelledExample(
            input=read_stored(declared.input, example["input"]).value,
            output=None
            if example["output"] is None
            else read_stored(declared.output, example["output"]).value,
        )
        for example in order["examples"]
    ]
    # Imported here: only this work needs it.
    from roadbed.executors.fitting import fit
    from roadbed.kernel.errors import RoadbedError

    try:
        fitted = fit(loaded.decider, examples, seed=order["seed"])
    except RoadbedError as error:
        channel.send({"refused": error.problem, "remedy": error.remedy})
        return
    channel.send(
        {
            "kinds": getattr(fitted.decider, "kinds", None),
            "out_of_fold": _written(fitted.out_of_fold),
            "files": {name: len(data) for name, data in fitted.files.items()},
        },
        fitted.files,
    )


def _input(loaded: Loaded, content: Mapping[str, Any]) -> BaseModel | Failed:
    try:
        return read_stored(loaded.use_case.declared.input, content).value
    except Exception as error:  # a validator of the pod's own may raise anything
        return Failed(error)


def _answer(given: object) -> Mapping[str, Any]:
    if isinstance(given, Failed):
        return {"failed": given.sentence}
    answer = wire.write_answer(given)
    if len(wire.frame(answer)) > wire.LARGEST_ANSWER:
        return {"failed": f"its answer is larger than {wire.LARGEST_ANSWER:,} bytes"}
    return answer


def _written(out_of_fold: OutOfFold) -> Mapping[str, Sequence[Any] | None]:
    return {
        name: None if value is None else np.asarray(value).tolist()
        for name in ("confidence", "wrong", "cautious", "novel")
        for value in [getattr(out_of_fold, name)]
    }


class _Rearm:
    """Moves the limit on processor time ahead while work comes in."""

    def __init__(self) -> None:
        self._at = 0.0

    def before(self, calls: Sequence[Mapping[str, Any]]) -> None:
        now = time.monotonic()
        if calls and now - self._at >= _REARM_SECONDS:
            self._at = now
            longest = max(float(call["context"]["seconds"]) for call in calls)
            processors = os.cpu_count() or 1
            sandbox.limit_processor(longest * processors + _SPARE_SECONDS)


def _sentence(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def _is_exhausted(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False
