"""What is in service in this process right now; follows the database."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence

import psycopg
import structlog

from roadbed.decisions.model import LiveVersion, Service
from roadbed.kernel.ids import CertificateId, VersionId
from roadbed.releases.errors import ArtifactMissingError
from roadbed.releases.rules import behaviour_hash, standing
from roadbed.risk.promise import Standing
from roadbed.risk.slices import Pooling
from roadbed.risk.states import State
from roadbed.storage.database import Database, Row
from roadbed.storage.sql import queries
from roadbed.usecases.deciders import FunctionDecider, Trainable
from roadbed.usecases.errors import UnknownUseCaseError
from roadbed.usecases.folder import LoadedUseCase

_log = structlog.get_logger()
_SQL = queries(__package__)
_LOOK_AGAIN_SECONDS = 2.0  # should a notification get lost, a change is still seen this soon


class Registry:
    """Serves ``Service`` records from memory. Implements ``decisions.model.Services``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._services: dict[str, Service] = {}
        self._deciders: dict[str, Trainable] = {}

    def get(self, use_case: str) -> Service:
        """The service of a use case. Raises ``UnknownUseCaseError``."""
        try:
            return self._services[use_case]
        except KeyError:
            raise UnknownUseCaseError(use_case) from None

    def names(self) -> Sequence[str]:
        """The use cases served here, in order of name."""
        return sorted(self._services)

    async def add(self, loaded: LoadedUseCase) -> None:
        """Serve a registered use case; with trained state that cannot be read, people decide."""
        self._services[loaded.name] = await self._read(loaded)

    async def refresh(self, use_case: str) -> None:
        """Read again what is live and whether it is halted."""
        await self.add(self.get(use_case).loaded)

    async def follow(self) -> None:
        """Keep up with releases and halts made anywhere, until cancelled."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._database.url, autocommit=True
                ) as connection:
                    await connection.execute("LISTEN roadbed_service")
                    while True:
                        async for _ in connection.notifies(
                            timeout=_LOOK_AGAIN_SECONDS, stop_after=1
                        ):
                            pass
                        for name in self.names():
                            await self.refresh(name)
            except (psycopg.Error, OSError):
                await asyncio.sleep(0.5)

    async def _read(self, loaded: LoadedUseCase) -> Service:
        row = await self._database.fetch_one(_SQL["service"], {"name": loaded.name})
        if row is None:
            raise UnknownUseCaseError(loaded.name)
        return Service(
            loaded=loaded,
            live=await self._live(loaded, row),
            coin_seed=bytes(row["coin_seed"]),
            halted=row["halted"],
            halt_epoch=row["halt_epoch"],
        )

    async def _live(self, loaded: LoadedUseCase, row: Row) -> LiveVersion:
        decider = await self._decider_or_none(loaded, row["artifacts"] or {})
        # A folder that changed since the version was made is another behaviour: nothing is proven.
        same = (
            decider is not None
            and row["live_version"] is not None
            and row["behaviour"] == behaviour_hash(loaded.folder_hash, row["artifacts"])
        )
        stands = standing(row)
        if not same:
            halted = stands.state is State.HALTED
            stands = Standing(state=State.HALTED if halted else State.SHADOW)
        certificate = row["certificate"] if stands.threshold is not None else None
        return LiveVersion(
            id=VersionId(row["live_version"]) if same else None,
            decider=decider,
            threshold=stands.threshold,
            certificate=CertificateId(certificate) if certificate else None,
            state=stands.state,
            cautious=stands.cautious,
            rate=stands.rate,
            pooling=Pooling(**row["pooling"]) if same and row["pooling"] else None,
        )

    async def _decider_or_none(
        self, loaded: LoadedUseCase, artifacts: Mapping[str, str]
    ) -> FunctionDecider | Trainable | None:
        try:
            return await self._decider(loaded, artifacts)
        except ArtifactMissingError as error:
            _log.warning("trained state not used", usecase=loaded.name, problem=str(error))
            return None

    async def _decider(
        self, loaded: LoadedUseCase, artifacts: Mapping[str, str]
    ) -> FunctionDecider | Trainable | None:
        if loaded.declared.trainable is None:
            return loaded.declared.function
        if not artifacts:
            return None
        key = behaviour_hash(loaded.folder_hash, artifacts)
        if key not in self._deciders:
            files = {
                name: await self._artifact(loaded.name, name, digest)
                for name, digest in artifacts.items()
            }
            try:
                found = await asyncio.to_thread(loaded.declared.trainable.load, files)
            except Exception as error:  # a decider of the pod's own may raise anything
                raise ArtifactMissingError(loaded.name, ", ".join(files)) from error
            self._deciders[key] = found
            for old in [*self._deciders][:-4]:
                del self._deciders[old]
        return self._deciders[key]

    async def _artifact(self, use_case: str, name: str, digest: str) -> bytes:
        row = await self._database.fetch_one(_SQL["artifact"], {"hash": digest})
        if row is None or hashlib.sha256(row["content"]).hexdigest() != digest:
            raise ArtifactMissingError(use_case, name)
        return bytes(row["content"])
