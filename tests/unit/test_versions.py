"""Versions stored and opened again, after changes of folder, disk or database."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from psycopg.types.json import Jsonb

from roadbed.app import App
from roadbed.examples.model import Candidate
from roadbed.executors.isolated import DeciderProcesses
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.json import json_hash
from roadbed.storage.errors import StorageUnavailableError
from roadbed.usecases.errors import UseCaseError
from roadbed.usecases.loader import LoadedUseCase, load
from roadbed.versions import identity
from roadbed.versions import store as version_store
from roadbed.versions.deployments import Deployments
from roadbed.versions.errors import (
    ArtifactMissingError,
    FolderChangedError,
    ResourceExhaustedError,
    VersionsFolderError,
)
from roadbed.versions.store import VersionStore
from tests.conftest import DECIDE, Folders
from tests.unit.test_decisions import decide

SIGNED_OFF = (
    """
from roadbed import Rollout
usecase.rollout = Rollout()
"""
    + DECIDE
)
ELSEWHERE = SIGNED_OFF.replace('"returns"', '"elsewhere"')


@pytest.fixture
def store(app: App, tmp_path: Path) -> VersionStore:
    """A store that has opened nothing yet, as another process would have."""
    return VersionStore(
        app.database, app.clock, tmp_path / "elsewhere", DeciderProcesses(enabled=False)
    )


def candidate(loaded: LoadedUseCase, artifacts: Mapping[str, bytes] | None = None) -> Candidate:
    decider = loaded.declared.function
    assert decider is not None
    return Candidate(
        decider=decider,
        artifacts=artifacts or {},
        out_of_fold=None,
        learned_from=0,
        learned_until=None,
    )


async def live(app: App) -> str:
    """The behaviour in service."""
    row = await app.database.fetch_one(
        "SELECT behaviour FROM version JOIN use_case ON use_case.live_version = version.id"
    )
    assert row is not None
    return str(row["behaviour"])


async def tamper(app: App, name: str, content: bytes) -> None:
    row = await app.database.fetch_one(
        "SELECT files ->> %(name)s AS hash FROM behaviour", {"name": name}
    )
    assert row is not None
    await app.database.fetch(
        "UPDATE artifact SET content = %(content)s WHERE hash = %(hash)s",
        {"content": content, "hash": row["hash"]},
    )


async def edited(app: App, folders: Folders, decide: str) -> LoadedUseCase:
    """The folder with another decider, registered and served again."""
    loaded = load(folders.write(decide))
    await app.deployer.register(loaded)
    await app.deployments.add(loaded)
    return loaded


class TestWhatRuns:
    async def test_in_a_proof_of_concept_the_folder_on_disk(
        self, folders: Folders, app: App
    ) -> None:
        await edited(app, folders, ELSEWHERE)
        assert (await decide(app, "a")).output == {"queue": "elsewhere"}

    async def test_beyond_it_the_stored_copy_once_people_sign_off(
        self, folders: Folders, app: App, store: VersionStore
    ) -> None:
        await edited(app, folders, SIGNED_OFF)
        before = await live(app)
        await app.database.fetch("UPDATE use_case SET stage = 'live'")
        loaded = await edited(app, folders, ELSEWHERE)
        decision = await decide(app, "a")
        assert decision.output == {"queue": "returns"}
        assert (decision.version is not None, await live(app)) == (True, before)
        assert app.deployments.folder("triage") is loaded
        elsewhere = Deployments(app.database, store)  # of a process that starts now
        await elsewhere.add(loaded)
        service = elsewhere.get("triage")
        assert service.loaded.folder != loaded.folder
        assert service.live.id == decision.version

    async def test_an_edited_folder_cannot_excuse_itself_from_the_sign_offs(
        self, folders: Folders, app: App
    ) -> None:
        await edited(app, folders, SIGNED_OFF)
        await app.database.fetch("UPDATE use_case SET stage = 'live'")
        await edited(app, folders, DECIDE.replace('"returns"', '"elsewhere"'))
        assert (await decide(app, "a")).output == {"queue": "returns"}

    async def test_if_the_stored_copy_is_damaged_people_decide(
        self, folders: Folders, app: App, store: VersionStore
    ) -> None:
        await edited(app, folders, SIGNED_OFF)
        await app.database.fetch("UPDATE use_case SET stage = 'live', threshold = 0.1")
        await app.database.fetch("UPDATE artifact SET content = 'import os'")
        fresh = load(folders.write(ELSEWHERE))
        deployments = Deployments(app.database, store)
        await deployments.add(fresh)
        service = deployments.get("triage")
        assert (service.live.id, service.live.threshold) == (None, None)


class TestOpening:
    async def test_a_deleted_folder_is_written_out_again(
        self, folders: Folders, app: App, store: VersionStore
    ) -> None:
        behaviour = await live(app)
        shutil.rmtree(folders.parent)
        result = await store.open("triage", behaviour, None)
        assert result.loaded.folder.joinpath("usecase.py").exists()
        again = await store.open("triage", behaviour, None)
        assert again is result

    async def test_a_file_changed_below_the_versions_folder_is_written_again(
        self, app: App, tmp_path: Path
    ) -> None:
        behaviour = await live(app)
        result = await fresh(app, tmp_path).open("triage", behaviour, None)
        path = result.loaded.folder / "usecase.py"
        before = path.read_bytes()
        path.write_text("raise SystemExit")
        again = await fresh(app, tmp_path).open("triage", behaviour, None)
        assert again.loaded.folder_hash == result.loaded.folder_hash
        assert path.read_bytes() == before

    @pytest.mark.parametrize("place", ["load", "_is"])
    async def test_what_this_machine_lacks_is_no_damage_to_the_version(
        self, app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
    ) -> None:
        """Damage takes a version out of service, and a canary back."""
        behaviour = await live(app)

        def fails(*_: object) -> None:
            if place == "_is":
                raise OSError(errno.EIO, "Input/output error")
            try:
                raise OSError(errno.EMFILE, "Too many open files")
            except OSError as error:
                raise UseCaseError("triage", []) from error

        wanted = {"load": ResourceExhaustedError, "_is": VersionsFolderError}[place]
        with monkeypatch.context() as patch:
            patch.setattr(f"roadbed.versions.store.{place}", fails)
            with pytest.raises(wanted):
                await fresh(app, tmp_path).open("triage", behaviour, None)
        assert await fresh(app, tmp_path).open("triage", behaviour, None)

    @pytest.mark.parametrize("error", [MemoryError(), OSError(errno.ENOSPC, "No space left")])
    async def test_nor_is_it_while_its_trained_state_loads(
        self,
        folders: Folders,
        app: App,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        error: Exception,
    ) -> None:
        behaviour = await live(app)

        def fails(*_: object) -> None:
            raise ValueError("the model cannot be read") from error

        monkeypatch.setattr("roadbed.usecases.patches.loads", fails)
        with pytest.raises(ResourceExhaustedError):
            await fresh(app, tmp_path).open("triage", behaviour, None)

    async def test_a_database_that_fails_for_a_moment_takes_no_use_case_out_of_service(
        self, app: App, store: VersionStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its folder cannot be loaded; without the stored copy nothing of it would be served."""
        await live(app)

        async def fails(*_: object) -> None:
            raise StorageUnavailableError("canceling statement due to statement timeout")

        monkeypatch.setattr(store, "_open", fails)
        with pytest.raises(StorageUnavailableError):
            await Deployments(app.database, store).add_stored("triage", UseCaseError("triage", []))

    @pytest.mark.parametrize("name", ["__pycache__/usecase.pyc", "docs/a.md", ".hidden", "more.py"])
    async def test_a_file_planted_there_is_taken_away(
        self, app: App, tmp_path: Path, name: str
    ) -> None:
        behaviour = await live(app)
        result = await fresh(app, tmp_path).open("triage", behaviour, None)
        planted = result.loaded.folder / name
        planted.parent.mkdir(exist_ok=True)
        planted.write_text("planted")
        await fresh(app, tmp_path).open("triage", behaviour, None)
        assert not planted.exists()
        assert result.loaded.folder.joinpath("usecase.py").exists()

    @pytest.mark.parametrize("name", ["__pycache__", "usecase.py", "."])
    async def test_a_link_planted_there_is_taken_away(
        self, app: App, tmp_path: Path, name: str
    ) -> None:
        """A link to a folder is one too: Python reads bytecode through it."""
        behaviour = await live(app)
        folder = (await fresh(app, tmp_path).open("triage", behaviour, None)).loaded.folder
        linked, elsewhere = folder / name, tmp_path / "elsewhere"
        elsewhere.mkdir()
        if linked.exists():
            linked.rename(elsewhere / "own")
        linked.symlink_to(elsewhere / "own" if name != "__pycache__" else elsewhere)
        await fresh(app, tmp_path).open("triage", behaviour, None)
        assert not linked.is_symlink()
        assert (folder / "usecase.py").read_text()

    async def test_other_bytes_in_the_database_are_refused(
        self, app: App, store: VersionStore
    ) -> None:
        behaviour = await live(app)
        await tamper(app, "usecase.py", b"import os")
        with pytest.raises(ArtifactMissingError):
            await store.open("triage", behaviour, None)

    async def test_a_file_that_is_gone_from_the_database_is_missed(
        self, app: App, store: VersionStore
    ) -> None:
        behaviour = await live(app)
        await app.database.fetch("DELETE FROM artifact")
        with pytest.raises(ArtifactMissingError, match=r"usecase\.py"):
            await store.open("triage", behaviour, None)

    async def test_a_version_that_names_other_files_than_its_hash_is_refused(
        self, app: App, store: VersionStore
    ) -> None:
        behaviour = await live(app)
        evil = b"raise SystemExit"
        digest = hashlib.sha256(evil).hexdigest()
        await app.database.fetch(
            "INSERT INTO artifact (hash, content) VALUES (%(hash)s, %(content)s)",
            {"hash": digest, "content": evil},
        )
        await app.database.fetch(
            "UPDATE behaviour SET files = %(files)s", {"files": Jsonb({"usecase.py": digest})}
        )
        with pytest.raises(ArtifactMissingError):
            await store.open("triage", behaviour, None)
        with pytest.raises(ArtifactMissingError):
            await store.combine(app.deployments.folder("triage"), behaviour)

    @pytest.mark.parametrize(
        "name", ["../usecase.py", "/tmp/usecase.py", "a/../../b.py", "", ".", "./a.py", "a//b.py"]
    )
    async def test_a_name_that_leads_outside_is_refused_before_anything_is_written(
        self, app: App, store: VersionStore, tmp_path: Path, name: str
    ) -> None:
        behaviour = await live(app)
        row = await app.database.fetch_one("SELECT files FROM behaviour")
        assert row is not None
        files = {"usecase.py": row["files"]["usecase.py"], name: row["files"]["usecase.py"]}
        hashed = identity.behaviour_hash(json_hash(files), {})
        await app.database.fetch(
            "INSERT INTO behaviour (hash, use_case, folder_hash, files, artifacts, learned_from,"
            " made_at) SELECT %(hash)s, use_case, %(folder)s, %(files)s, artifacts, 0, made_at"
            " FROM behaviour WHERE hash = %(old)s",
            {
                "hash": hashed,
                "folder": json_hash(files),
                "files": Jsonb(files),
                "old": behaviour,
            },
        )
        with pytest.raises(ArtifactMissingError):
            await store.open("triage", hashed, None)
        assert not (tmp_path / "elsewhere").exists()

    async def test_tasks_and_processes_may_open_at_once(self, app: App, tmp_path: Path) -> None:
        behaviour = await live(app)
        stores = [fresh(app, tmp_path) for _ in range(4)]
        result = await asyncio.gather(
            *(store.open("triage", behaviour, None) for store in stores for _ in range(4))
        )
        assert {item.loaded.folder_hash for item in result} == {result[0].loaded.folder_hash}
        assert all(a is b for a, b in zip(result[::4], result[1::4], strict=True))
        left = [path.name for path in (tmp_path / "shared").iterdir()]
        assert left == [result[0].loaded.folder.parent.name]

    def test_a_folder_that_is_whole_is_never_moved_away(self, tmp_path: Path) -> None:
        # Check, write and check again in 16 threads: a writer may import at once.
        contents = {"usecase.py": b"x = 1\n", "rules.yaml": b"[]\n"}
        files = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}

        def write(folder: Path) -> bool:
            if not version_store._is(folder, files):
                version_store._write(folder, contents, files)
            return all(version_store._is(folder, files) for _ in range(5))

        with ThreadPoolExecutor(16) as threads:
            for number in range(40):
                folder = tmp_path / f"{number}" / "triage"
                assert all(threads.map(write, [folder] * 16))
        assert len(list(tmp_path.iterdir())) == 40

    async def test_what_belongs_to_another_use_case_is_not_found(
        self, app: App, store: VersionStore
    ) -> None:
        behaviour = await live(app)
        for name, wanted in (("other", behaviour), ("triage", "0" * 64)):
            with pytest.raises(ArtifactMissingError):
                await store.open(name, wanted, None)

    async def test_a_folder_that_cannot_be_written_is_named(self, app: App, tmp_path: Path) -> None:
        behaviour = await live(app)
        (tmp_path / "shared").write_text("a file stands in the way")
        with pytest.raises(VersionsFolderError, match="shared"):
            await fresh(app, tmp_path).open("triage", behaviour, None)

    async def test_many_opened_versions_leave_the_one_in_use(self, app: App) -> None:
        loaded = app.deployments.folder("triage")
        first = await app.deployer._store.open("triage", await live(app), loaded)
        for number in range(12):
            artifacts = {"state": f"{number}".encode()}
            behaviour = await app.deployer._store.put(
                loaded, candidate(loaded, artifacts), author="ana", reason="test"
            )
            await app.deployer._store.open("triage", behaviour, loaded)
            again = await app.deployer._store.open("triage", first.behaviour, loaded)
            assert again is first


def fresh(app: App, tmp_path: Path) -> VersionStore:
    """A store of another process, on a shared folder."""
    return VersionStore(
        app.database, app.clock, tmp_path / "shared", DeciderProcesses(enabled=False)
    )


class TestStoring:
    async def test_the_same_content_has_the_same_hash(self, app: App, store: VersionStore) -> None:
        loaded = app.deployments.folder("triage")
        first = await store.put(loaded, candidate(loaded), author="ana", reason="first")
        again = await store.put(load(loaded.folder), candidate(loaded), author="ben", reason="b")
        other = await store.put(
            loaded, candidate(loaded, {"patches.json": b"[]"}), author="ana", reason="patched"
        )
        assert first == again == await live(app)
        assert other != first
        row = await app.database.fetch_one("SELECT count(*) AS n FROM behaviour")
        assert row is not None
        assert row["n"] == 2

    async def test_putting_away_again_mends_what_was_damaged(
        self, app: App, store: VersionStore
    ) -> None:
        await tamper(app, "usecase.py", b"damaged")
        loaded = app.deployments.folder("triage")
        behaviour = await store.put(loaded, candidate(loaded), author="ana", reason="again")
        assert (await store.open("triage", behaviour, None)).behaviour == behaviour

    @pytest.mark.parametrize("change", ["edit", "delete"])
    async def test_a_folder_changed_since_it_was_loaded_is_not_stored(
        self, app: App, store: VersionStore, change: str
    ) -> None:
        loaded = app.deployments.folder("triage")
        path = loaded.folder / "usecase.py"
        path.unlink() if change == "delete" else path.write_text("# other")
        with pytest.raises(FolderChangedError, match="usecase"):
            await store.put(loaded, candidate(loaded), author="ana", reason="test")

    async def test_contents_are_read_one_by_one(self, app: App, store: VersionStore) -> None:
        row = await app.database.fetch_one("SELECT files FROM behaviour")
        assert row is not None
        known = row["files"]["usecase.py"]
        result = await store.contents("triage", {"usecase.py": known, "gone": "0" * 64})
        assert result["gone"] is None
        assert hashlib.sha256(result["usecase.py"] or b"").hexdigest() == known

    async def test_state_that_does_not_load_is_told(self, app: App, store: VersionStore) -> None:
        loaded = app.deployments.folder("triage")
        broken = {"patches.json": json.dumps([{"kind": "alias", "id": "p"}]).encode()}
        behaviour = await store.put(loaded, candidate(loaded, broken), author="a", reason="b")
        with pytest.raises(RoadbedError, match=r"patches\.json"):
            await store.open("triage", behaviour, None)
