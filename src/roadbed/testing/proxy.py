"""A TCP proxy that delays, throttles, cuts, resets, hangs or refuses."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_CHUNK_BYTES = 16 * 1024
_RESET = struct.pack("ii", 1, 0)  # linger for 0 s: unsent data is dropped, the peer gets RST


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A fault. Byte counts are the bytes forwarded before the cut.

    ``half_open`` accepts the connection and all data and never responds.
    """

    delay_seconds: float = 0.0
    request_bytes: int | None = None
    answer_bytes: int | None = None
    bytes_per_second: float | None = None
    reset: bool = False
    half_open: bool = False
    refuse: bool = False


class FaultProxy:
    """A proxy for ``host:port``; the fault may be changed at any time.

    ``async with FaultProxy("127.0.0.1", 8080) as proxy``, then connect to ``proxy.port``.
    """

    def __init__(self, host: str, port: int, fault: Fault | None = None) -> None:
        self.connections = 0
        self.port = 0
        self._upstream = (host, port)
        self._fault = fault or Fault()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._listen()
        if self._fault.refuse:
            await self.set(self._fault)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    async def set(self, fault: Fault) -> None:
        """Change the fault; open connections are cut."""
        self._fault = fault
        await self._close()
        if not fault.refuse:
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None  # asyncio runs this as a task
        self._tasks.add(task)
        fault = self._fault
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(fault, reader, writer)
        finally:
            self._tasks.discard(task)
            _end(writer, reset=fault.reset)

    async def _serve(
        self, fault: Fault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if fault.half_open:
            while await reader.read(_CHUNK_BYTES):
                pass
            return
        up_reader, up_writer = await asyncio.open_connection(*self._upstream)
        try:
            there = self._pass(reader, up_writer, fault, fault.request_bytes)
            back = self._pass(up_reader, writer, fault, fault.answer_bytes, fault.delay_seconds)
            await _first_ended(there, back)
        finally:
            _end(up_writer, reset=False)

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        fault: Fault,
        limit: int | None,
        delay_seconds: float = 0.0,
    ) -> None:
        left = limit
        while chunk := await reader.read(_CHUNK_BYTES):
            if delay_seconds:
                await asyncio.sleep(delay_seconds)
            passed = chunk if left is None else chunk[:left]
            await _write(writer, passed, fault.bytes_per_second)
            if left is not None:
                left -= len(passed)
                if left <= 0:
                    return


async def _write(
    writer: asyncio.StreamWriter, chunk: bytes, bytes_per_second: float | None
) -> None:
    if bytes_per_second is None:
        writer.write(chunk)
        await writer.drain()
        return
    for item in chunk:
        writer.write(bytes([item]))
        await writer.drain()
        await asyncio.sleep(1.0 / bytes_per_second)


async def _first_ended(*directions: Awaitable[None]) -> None:
    """The end of either side ends both; half-closed connections are not supported."""
    tasks = [asyncio.ensure_future(direction) for direction in directions]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _end(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    connection = writer.get_extra_info("socket")
    if reset and connection is not None:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()
    with suppress(OSError, RuntimeError):
        writer.close()
