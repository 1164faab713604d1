"""Deployments: the versions that this process serves now. They follow the database."""

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
from roadbed.usecases.library import Library
from roadbed.usecases.loader import LoadedUseCase
from roadbed.versions.errors import ArtifactMissingError, VersionForgedError
from roadbed.versions.identity import automation_state, folder_is_live, is_genuine
from roadbed.versions.rows import Queries, ServiceRow
from roadbed.versions.store import Runnable, VersionStore

_SQL = queries(Queries)
_REFRESH_SECONDS = 2.0  # if a notification is lost, a change is read after this time


class Deployments:
    """Serves ``Deployment`` records from memory. Implements ``decisions.model.Services``."""

    def __init__(self, database: Database, store: VersionStore) -> None:
        self._database = database
        self._store = store
        self._warnings = Warnings()
        self._deployments: dict[str, Deployment] = {}
        self._folders: dict[str, LoadedUseCase] = {}
        self._unloadable: dict[str, RoadbedError] = {}
        self._unreleased: dict[str, tuple[LoadedUseCase, Decider | None]] = {}

    def get(self, use_case: str) -> Deployment:
        """The deployment of a use case. Raises ``UnknownUseCaseError``."""
        try:
            return self._deployments[use_case]
        except KeyError:
            raise UnknownUseCaseError(use_case) from None

    def find(self, use_case: str) -> Deployment | None:
        """The deployment of a use case; ``None`` where it is not served."""
        return self._deployments.get(use_case)

    def library_of(self, use_case: str) -> Library | None:
        """The library that a use case declares. Where it is not served, its declaration is empty.

        Then the access groups count that are stored with its documents.
        """
        deployment = self.find(use_case)
        return Library() if deployment is None else deployment.loaded.declared.library

    def folder(self, use_case: str) -> LoadedUseCase:
        """The folder on disk, which may differ from the live version.

        If it cannot be loaded, the stored copy of the live version. Raises
        ``UnknownUseCaseError``.
        """
        self.get(use_case)
        return self._folders[use_case]

    def on_disk(self, use_case: str) -> LoadedUseCase:
        """The folder on disk only. Raises the error of its loading, or as ``folder`` does."""
        if error := self._unloadable.get(use_case):
            raise error
        return self.folder(use_case)

    def names(self) -> Sequence[str]:
        """The use cases served here, in order of name."""
        return sorted(self._deployments)

    async def add(self, loaded: LoadedUseCase) -> None:
        """Serve a registered use case. If its trained state cannot be read, people decide."""
        deployment = await self._read(loaded)
        self._folders[loaded.name] = loaded
        self._deployments[loaded.name] = deployment
        self._unloadable.pop(loaded.name, None)

    async def add_stored(self, use_case: str, why: RoadbedError) -> bool:
        """Serve the released version of a folder that cannot be loaded; whether there is one.

        Where the folder itself runs, its last state was never released and is not served.
        """
        row = await self._database.fetch_one(_SQL["service"], {"name": use_case})
        if row is None or use_case in self._deployments:
            return False
        live, behaviour = row["live_version"], row["behaviour"]
        if live is None or behaviour is None:
            return False
        try:
            if not is_genuine(live, behaviour, row["proven_threshold"]):
                raise VersionForgedError(use_case, live)
            runnable = await self._store.open(use_case, behaviour, None)
        except StorageUnavailableError:
            raise  # nothing is known of the version yet
        except RoadbedError as error:
            self._warnings.say("live version not used", error, usecase=use_case)
            return False
        if folder_is_live(row["stage"], runnable.loaded.declared.rollout.sign_offs):
            return False
        await self.add(runnable.loaded)
        self._unloadable[use_case] = why
        return True

    async def refresh(self, use_case: str) -> None:
        """Read again the live version and whether the use case is halted."""
        folder = self.folder(use_case)
        deployment = await self._read(folder)
        if self._folders[use_case] is folder:  # else another folder was added meanwhile
            self._deployments[use_case] = deployment

    async def follow(self) -> None:
        """Follow releases and halts of all processes, until cancelled."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._database.url, autocommit=True
                ) as connection:
                    await connection.execute("LISTEN roadbed_service")
                    while True:
                        async for _ in connection.notifies(timeout=_REFRESH_SECONDS, stop_after=1):
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
        runnable, same = await self._runnable(folder, row)
        return Deployment(
            loaded=runnable.loaded if runnable else folder,
            live=_live(runnable, row)
            if runnable and same
            else _unproven(
                folder, runnable.decider if runnable else await self._fresh(folder), row
            ),
            coin_seed=bytes(row["coin_seed"]),
            halted=row["halted"],
            halt_epoch=row["halt_epoch"],
            trial=await self._trial(folder, row["trial"]) if same else None,
            retired=row["stage"] == "retired",
        )

    async def _runnable(
        self, folder: LoadedUseCase, row: ServiceRow
    ) -> tuple[Runnable | None, bool]:
        """The code that answers, and whether it is the released version.

        Before the first promotion, and without sign-offs, the folder on disk runs.
        """
        live, behaviour = row["live_version"], row["behaviour"]
        if live is None or behaviour is None:
            return None, False
        try:
            if not is_genuine(live, behaviour, row["proven_threshold"]):
                raise VersionForgedError(folder.name, live)
            runnable = await self._store.open(folder.name, behaviour, folder)
        except (ArtifactMissingError, VersionForgedError) as error:
            self._warnings.say("live version not used", error, usecase=folder.name)
            return await self._folder_with_its_state(folder, behaviour), False
        in_trial = row["trial"] is not None  # a candidate is compared with its base version
        sign_offs = [loaded.declared.rollout.sign_offs for loaded in (runnable.loaded, folder)]
        if (
            in_trial
            or runnable.loaded.folder_hash == folder.folder_hash
            or not folder_is_live(row["stage"], *sign_offs)
        ):
            return runnable, True
        return await self._folder_with_its_state(folder, behaviour), False

    async def _folder_with_its_state(
        self, folder: LoadedUseCase, behaviour: str
    ) -> Runnable | None:
        try:
            return await self._store.combine(folder, behaviour)
        except ArtifactMissingError as error:
            self._warnings.say("trained state not used", error, usecase=folder.name)
            return None

    async def _fresh(self, folder: LoadedUseCase) -> Decider | None:
        """The decider of the folder, cached because it is read every few seconds."""
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
            runnable = await self._store.open(folder.name, row["behaviour"], folder)
        except StorageUnavailableError:
            raise  # the last state that was read stays in use
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
                decider=runnable.decider,
                threshold=threshold,
                certificate=CertificateId(row["certificate"]) if threshold is not None else None,
                state=State.OPEN if threshold is not None else State.SHADOW,
                pooling=Pooling(**row["pooling"]) if row["pooling"] else None,
                loaded=runnable.loaded,
                number=row["number"],
            ),
        )


def _live(runnable: Runnable, row: ServiceRow) -> LiveVersion:
    state = automation_state(row)
    certificate = row["certificate"] if state.threshold is not None else None
    return LiveVersion(
        id=row["live_version"],
        decider=runnable.decider,
        threshold=state.threshold,
        certificate=CertificateId(certificate) if certificate else None,
        state=state.state,
        cautious=state.cautious,
        rate=state.rate,
        pooling=Pooling(**row["pooling"]) if row["pooling"] else None,
        loaded=runnable.loaded,
        number=row["number"],
    )


def _unproven(folder: LoadedUseCase, decider: Decider | None, row: ServiceRow) -> LiveVersion:
    """A behaviour that was not proven: it proposes, and people decide."""
    halted = automation_state(row).state is State.HALTED
    state = AutomationState(state=State.HALTED if halted else State.SHADOW)
    return LiveVersion(
        id=None,
        decider=decider,
        threshold=None,
        certificate=None,
        state=state.state,
        rate=state.rate,
        loaded=folder,
    )
