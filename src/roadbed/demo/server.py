"""The processes of the demo, each started again when it dies; their ports and their end."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import httpx2

from roadbed.demo.errors import DemoPortError, DemoServerError
from roadbed.storage.embedded import EmbeddedServer

_READY_SECONDS = 60.0
_MOST_DEATHS = 20
_SAME_SIGNAL_SECONDS = 1.0  # `timeout` and make each hand the same signal on
_INTERRUPTED = 130  # the exit code of a program that Ctrl-C ended


class Kept:
    """A Python process; one that ``returns`` is started again when it dies.

    ``log`` is the file for what it writes on standard error.
    """

    def __init__(
        self,
        *arguments: str,
        environment: Mapping[str, str],
        log: Path,
        on_death: Callable[[int], None] | None = None,
        returns: bool = True,
    ) -> None:
        self.deaths = 0
        self._command = [sys.executable, "-m", *arguments]
        self._environment = {**os.environ, **environment}
        self._log = log
        self._on_death = on_death
        self._most_deaths = _MOST_DEATHS if returns else 0
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process in service, if one is."""
        return self._process.pid if self._process else None

    @property
    def command(self) -> str:
        """The command that starts it by hand."""
        return shlex.join(self._command)

    async def start(self) -> None:
        """Start it."""
        await self._spawn()
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """End it."""
        if self._keeper:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        if self._process and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            await self._process.wait()

    def kill(self) -> None:
        """End it at once, with what it started."""
        if self._keeper:
            self._keeper.cancel()
        if self._process and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def ended(self) -> None:
        """Wait until it is no longer restarted."""
        if self._keeper:
            await self._keeper

    async def _spawn(self) -> None:
        # A separate session: the terminal's Ctrl-C reaches the demo, which then ends its server.
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )

    async def _keep(self) -> None:
        while self._process and self.deaths < self._most_deaths:
            await self._process.wait()
            self.deaths += 1
            if self._on_death:
                self._on_death(self.deaths)
            await asyncio.sleep(0.3)
            await self._spawn()


class ServerProcess(Kept):
    """``roadbed serve``."""

    def __init__(
        self,
        usecases: Path,
        environment: Mapping[str, str],
        port: int,
        log: Path,
        on_death: Callable[[int], None],
    ) -> None:
        self.address = f"http://127.0.0.1:{port}"
        super().__init__(
            "roadbed",
            "serve",
            str(usecases),
            "--port",
            str(port),
            environment=environment,
            log=log,
            on_death=on_death,
        )

    async def start(self) -> None:
        """Start it and wait until it answers. Raises ``DemoServerError``."""
        await super().start()
        await self._ready()

    async def _ready(self) -> None:
        async with httpx2.AsyncClient(timeout=2.0) as client:
            for _ in range(int(_READY_SECONDS / 0.1)):
                with suppress(httpx2.HTTPError):
                    await client.get(f"{self.address}/v1/openapi.json")
                    return
                await asyncio.sleep(0.1)
        raise DemoServerError(f"nothing at {self.address} within {_READY_SECONDS:.0f} s")


class Ending:
    """Ctrl-C or SIGTERM: the first ends the demo in order, a later one kills its processes.

    While it is ``closing``, nothing is left to cancel. ``database`` is the server that the demo
    started, if it did.
    """

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.processes: Sequence[Kept] = ()
        self.database: EmbeddedServer | None = None
        self.closing = False
        self._asked_at: float | None = None
        self._task = task

    def ask(self) -> None:
        """A signal came."""
        now = asyncio.get_running_loop().time()
        if self._asked_at is not None:
            if now - self._asked_at >= _SAME_SIGNAL_SECONDS:
                self._end_at_once()
            return
        self._asked_at = now
        if not self.closing:
            self._task.cancel()

    def _end_at_once(self) -> None:
        for process in self.processes:
            process.kill()
        if self.database is not None:
            self.database.stop_now()
        os._exit(_INTERRUPTED)


def port_for(wanted: int | None, usual: int) -> int:
    """The ``wanted`` port; without one the ``usual`` port if it is free, or else a free one.

    Raises ``DemoPortError`` where ``wanted`` is not free.
    """
    port = usual if wanted is None else wanted
    if port and not _is_free(port):
        if wanted is not None:
            raise DemoPortError(wanted)
        port = 0
    return port or free_port()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the server binds it: a port whose last connections are closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A free port on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
