"""What is in service in this process right now; follows the database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import psycopg

from roadbed.decisions.decider_runner import Decider
from roadbed.decisions.model import Deployment, LiveVersion, Trial
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.ids import CertificateId, VersionId
from roadbed.risk.automation_state import AutomationState, State
from roadbed.risk.slices import Pooling
from roadbed.storage.background import Warnings
from roadbed.storage.database import Database, Row
from roadbed.storage.errors import StorageUnavailableError
from roadbed.storage.sql import queries
from roadbed.usecases.errors import UnknownUseCaseError
from roadbed.usecases.loader import LoadedUseCase
from roadbed.versions.errors import ArtifactMissingError, VersionForgedError
from roadbed.versions.identity import folder_rules, is_genuine, standing
from roadbed.versions.store import Runnable, VersionStore

_SQL = queries(__package__)
_LOOK_AGAIN_SECONDS = 2.0  # should a notification get lost, a change is still seen this soon


class Deployments:
    """Serves ``Deployment`` records from memory. Implements ``decisions.model.Services``."""

    def __init__(self, database: Database, store: VersionStore) -> None:
        self._database = database
        self._store = store
        self._warnings = Warnings()
        self._services: dict[str, Deployment] = {}
        self._folders: dict[str, LoadedUseCase] = {}
        self._unloadable: dict[str, RoadbedError] = {}
        self._unreleased: dict[str, tuple[LoadedUseCase, Decider | None]] = {}

    def get(self, use_case: str) -> Deployment:
        """The service of a use case. Raises ``UnknownUseCaseError``."""
        try:
            return self._services[use_case]
        except KeyError:
            raise UnknownUseCaseError(use_case) from None

    def folder(self, use_case: str) -> LoadedUseCase:
        """The folder on disk, which need not be what is live. Raises ``UnknownUseCaseError``.

        Where it cannot be loaded, the stored copy of what is live.
        """
        self.get(use_case)
        return self._folders[use_case]

    def on_disk(self, use_case: str) -> LoadedUseCase:
        """The folder on disk and nothing else. Raises why it cannot be loaded, or as ``folder``."""
        if error := self._unloadable.get(use_case):
            raise error
        return self.folder(use_case)

    def names(self) -> Sequence[str]:
        """The use cases served here, in order of name."""
        return sorted(self._services)

    async def add(self, loaded: LoadedUseCase) -> None:
        """Serve a registered use case; with trained state that cannot be read, people decide."""
        service = await self._read(loaded)
        self._folders[loaded.name] = loaded
        self._services[loaded.name] = service
        self._unloadable.pop(loaded.name, None)

    async def add_stored(self, use_case: str, why: RoadbedError) -> bool:
        """Serve what people released, although its folder cannot be loaded; whether there is any.

        Where the folder itself is what runs, its last state is nobody's word, and is not served.
        """
        row = await self._database.fetch_one(_SQL["service"], {"name": use_case})
        if row is None or row["live_version"] is None or use_case in self._services:
            return False
        try:
            if not is_genuine(row["live_version"], row["behaviour"], row["proven_threshold"]):
                raise VersionForgedError(use_case, row["live_version"])
            found = await self._store.open(use_case, row["behaviour"], None)
        except StorageUnavailableError:
            raise  # nothing is known of the version yet
        except RoadbedError as error:
            self._warnings.say("live version not used", error, usecase=use_case)
            return False
        if folder_rules(row["stage"], found.loaded.declared.rollout.sign_offs):
            return False
        await self.add(found.loaded)
        self._unloadable[use_case] = why
        return True

    async def refresh(self, use_case: str) -> None:
        """Read again what is live and whether it is halted."""
        folder = self.folder(use_case)
        service = await self._read(folder)
        if self._folders[use_case] is folder:  # else another one was put there meanwhile
            self._services[use_case] = service

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
                            with self._warnings.caught("use case not read again", usecase=name):
                                await self.refresh(name)
            except (psycopg.Error, OSError) as error:
                self._warnings.say("releases and halts not followed", error)
                await asyncio.sleep(0.5)

    async def _read(self, folder: LoadedUseCase) -> Deployment:
        row = await self._database.fetch_one(_SQL["service"], {"name": folder.name})
        if row is None:
            raise UnknownUseCaseError(folder.name)
        found, same = await self._runnable(folder, row)
        return Deployment(
            loaded=found.loaded if found else folder,
            live=_live(found, row)
            if found and same
            else _unproven(folder, found.decider if found else await self._fresh(folder), row),
            coin_seed=bytes(row["coin_seed"]),
            halted=row["halted"],
            halt_epoch=row["halt_epoch"],
            trial=await self._trial(folder, row["trial"]) if same else None,
            retired=row["stage"] == "retired",
        )

    async def _runnable(self, folder: LoadedUseCase, row: Row) -> tuple[Runnable | None, bool]:
        """What answers, and whether it is the version that was released.

        Before anything was promoted, and without sign-offs, the folder on disk is what runs.
        """
        if row["live_version"] is None:
            return None, False
        try:
            if not is_genuine(row["live_version"], row["behaviour"], row["proven_threshold"]):
                raise VersionForgedError(folder.name, row["live_version"])
            found = await self._store.open(folder.name, row["behaviour"], folder)
        except (ArtifactMissingError, VersionForgedError) as error:
            self._warnings.say("live version not used", error, usecase=folder.name)
            return await self._folder_with_its_state(folder, row), False
        tried = row["trial"] is not None  # a candidate is compared with what it was planned against
        signs = [item.declared.rollout.sign_offs for item in (found.loaded, folder)]
        if (
            tried
            or found.loaded.folder_hash == folder.folder_hash
            or not folder_rules(row["stage"], *signs)
        ):
            return found, True
        return await self._folder_with_its_state(folder, row), False

    async def _folder_with_its_state(self, folder: LoadedUseCase, row: Row) -> Runnable | None:
        try:
            return await self._store.combine(folder, row["behaviour"])
        except ArtifactMissingError as error:
            self._warnings.say("trained state not used", error, usecase=folder.name)
            return None

    async def _fresh(self, folder: LoadedUseCase) -> Decider | None:
        """The folder's own decider, kept: this is asked for every few seconds."""
        kept = self._unreleased.get(folder.name)
        if kept is None or kept[0] is not folder:
            try:
                kept = (folder, await self._store.fresh(folder))
            except ArtifactMissingError as error:
                self._warnings.say("decider not used", error, usecase=folder.name)
                kept = (folder, None)
            self._unreleased[folder.name] = kept
        return kept[1]

    async def _trial(self, folder: LoadedUseCase, row: Row | None) -> Trial | None:
        if row is None:
            return None
        try:
            if not is_genuine(row["version"], row["behaviour"], row["proven_threshold"]):
                raise VersionForgedError(folder.name, row["version"])
            found = await self._store.open(folder.name, row["behaviour"], folder)
        except StorageUnavailableError:
            raise  # what was read before goes on
        except RoadbedError as error:
            self._warnings.say("candidate not used", error, usecase=folder.name)
            return None
        threshold = row["threshold"]
        return Trial(
            release=row["id"],
            step=row["step"],
            share=row["plan"]["canary_share"],
            sticky_by=row["plan"]["sticky_by"],
            version=LiveVersion(
                id=VersionId(row["version"]),
                decider=found.decider,
                threshold=threshold,
                certificate=CertificateId(row["certificate"]) if threshold is not None else None,
                state=State.OPEN if threshold is not None else State.SHADOW,
                pooling=Pooling(**row["pooling"]) if row["pooling"] else None,
                loaded=found.loaded,
                number=row["number"],
            ),
        )


def _live(found: Runnable, row: Row) -> LiveVersion:
    stands = standing(row)
    certificate = row["certificate"] if stands.threshold is not None else None
    return LiveVersion(
        id=VersionId(row["live_version"]),
        decider=found.decider,
        threshold=stands.threshold,
        certificate=CertificateId(certificate) if certificate else None,
        state=stands.state,
        cautious=stands.cautious,
        rate=stands.rate,
        pooling=Pooling(**row["pooling"]) if row["pooling"] else None,
        loaded=found.loaded,
        number=row["number"],
    )


def _unproven(folder: LoadedUseCase, decider: Decider | None, row: Row) -> LiveVersion:
    """Another behaviour than the one that was proven: people decide, seeing what it proposes."""
    halted = standing(row).state is State.HALTED
    stands = AutomationState(state=State.HALTED if halted else State.SHADOW)
    return LiveVersion(
        id=None,
        decider=decider,
        threshold=None,
        certificate=None,
        state=stands.state,
        rate=stands.rate,
        loaded=folder,
    )
