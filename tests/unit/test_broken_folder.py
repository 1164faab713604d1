"""A folder that cannot be loaded: the released version keeps deciding and can be rolled back."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from roadbed.app import App
from roadbed.bootstrap import open_app, serve
from roadbed.kernel.settings import Settings
from roadbed.releases.errors import RollBackError
from roadbed.storage.database import with_schema
from roadbed.storage.errors import StorageUnavailableError
from roadbed.usecases.errors import UnknownUseCaseError, UseCaseError
from roadbed.usecases.loader import load
from tests.conftest import DECIDE, Folders
from tests.release_steps import edit, gated, live, signed, traffic, write

SECOND = 'queue = f"{queue}"'


def cannot_be_read(folder: Path) -> None:
    (folder / "usecase.py").write_text("def (:")


def lost(folder: Path) -> None:
    (folder / "usecase.py").unlink()


async def twice_released(app: App, folders: Folders) -> tuple[str, str]:
    """Two versions with different code, one after the other; gives their ids."""
    first = await live(app)
    await edit(app, folders, SECOND)
    second = await app.releases.promote((await signed(app, await gated(app))).id, actor="ben")
    assert first.version
    assert second.version
    return first.version, second.version


@pytest.mark.parametrize("spoil", [cannot_be_read, lost])
async def test_what_was_released_decides_and_goes_back(
    settings: Settings, folders: Folders, url: str, spoil: Callable[[Path], None]
) -> None:
    write(folders, count=700)
    async with open_app(settings, url) as app:
        first, second = await twice_released(app, folders)
        spoil(folders.parent / "triage")
        [decision] = await traffic(app, [5001])  # a running server has it in memory
        assert decision.version == second
    async with open_app(settings, url) as app:
        assert app.deployments.names() == ["triage"]
        [decision] = await traffic(app, [5002])
        assert (decision.version, decision.output) == (second, {"queue": "even"})
        with pytest.raises(UseCaseError, match=r"cannot be used"):
            await app.releases.plan("triage", actor="ben")
        began = time.monotonic()
        fell = await app.releases.roll_back("triage", actor="ana", why="It is broken.")
        assert time.monotonic() - began < 2.0
        assert fell is not None
        assert fell.step == "rolled_back"
        [decision] = await traffic(app, [5003])
        assert decision.version == first
        again = await app.releases.plan("triage", actor="ben", version=second)
        assert again.step == "planned"


async def test_a_running_server_goes_back_while_its_folder_is_broken(
    settings: Settings, folders: Folders, url: str
) -> None:
    write(folders, count=700)
    async with open_app(settings, url) as app:
        first, _ = await twice_released(app, folders)
        shutil.rmtree(folders.parent / "triage")
        began = time.monotonic()
        await app.releases.roll_back("triage", actor="ana", why="It is gone.")
        assert time.monotonic() - began < 2.0
        [decision] = await traffic(app, [5001])
        assert decision.version == first
    # Nothing is served for a folder that is not there at all; going back needs none.
    async with open_app(settings, url) as app:
        assert app.deployments.names() == []
        await app.releases.roll_back("triage", actor="ana", why="Further.")
        with pytest.raises(RollBackError, match="has no release"):
            await app.releases.roll_back("triage", actor="ana", why="Further still.")
        with pytest.raises(UnknownUseCaseError):
            await app.releases.roll_back("nobody", actor="ana", why="Who?")


async def test_a_folder_that_is_mended_is_the_folder_again(
    settings: Settings, folders: Folders, url: str
) -> None:
    write(folders, count=700)
    path = folders.parent / "triage" / "usecase.py"
    async with open_app(settings, url) as app:
        await live(app)
    whole = path.read_text()
    cannot_be_read(path.parent)
    async with open_app(settings, url) as app:
        assert "triage" in app.broken
        path.write_text(whole)
        loaded = await asyncio.to_thread(load, path.parent)
        await app.deployments.add(loaded)
        assert app.deployments.on_disk("triage") is loaded
        assert (await app.releases.plan("triage", actor="ben")).step == "planned"
        with pytest.raises(UseCaseError):
            await serve(app, loaded)  # it is served already


async def test_where_the_folder_is_what_runs_a_broken_one_is_not_served(
    settings: Settings, folders: Folders, url: str
) -> None:
    folders.write(DECIDE)
    async with open_app(settings, url) as app:
        assert app.deployments.names() == ["triage"]
    cannot_be_read(folders.parent / "triage")
    async with open_app(settings, url) as app:
        assert app.deployments.names() == []
        with pytest.raises(UseCaseError):
            app.service("triage")


async def test_a_stored_copy_that_is_damaged_stops_nothing_else(
    settings: Settings, folders: Folders, url: str
) -> None:
    write(folders, count=700)
    folders.write(DECIDE.replace("returns", "x"), name="other")
    async with open_app(settings, url) as app:
        await live(app)
        await app.database.fetch("UPDATE behaviour SET files = '{}'")
    cannot_be_read(folders.parent / "triage")
    async with open_app(settings, url) as app:
        assert app.deployments.names() == ["other"]
        assert set(app.broken) == {"triage"}


async def test_a_database_that_goes_away_at_the_start_is_not_the_folders_fault(
    settings: Settings, folders: Folders, url: str
) -> None:
    folders.write(DECIDE)
    with psycopg.connect(with_schema(url), autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$"
        )
        connection.execute("CREATE TRIGGER cut BEFORE INSERT ON use_case EXECUTE FUNCTION cut()")
        # A process without its use case would send nothing, unnoticed.
        with pytest.raises(StorageUnavailableError):
            async with open_app(settings, url):
                pass
        connection.execute("DROP TRIGGER cut ON use_case")
    async with open_app(settings, url) as app:
        assert app.deployments.names() == ["triage"]
