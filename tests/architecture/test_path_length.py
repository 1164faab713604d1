"""Path length: the number of files that a reader opens to follow one path.

A path's length is the number of files of ``src/roadbed`` of which at least one function runs while
the path runs, measured with ``sys.setprofile`` on a real database. Not counted are:

- ``kernel``, ``storage`` and ``risk``: libraries that are called by name and need not be opened;
- ``errors.py``: sentences.

Request → settled: from ``api.tasks.take`` with the body of a request until the task and its
decision are committed together (one commit, a decider in process, no budget, no destination). Two
things are left out: the HTTP framework before, and the receipt that is rendered afterwards.

Verdict → promoted: a reviewer's correction, then plan, gate, two sign-offs and promotion of the
next version of the folder, without trial steps. Loading the changed folder is left out.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from roadbed.api.tasks import take
from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.kernel.settings import Settings
from roadbed.people.model import Role
from roadbed.people.permissions import Viewer
from tests import release_steps
from tests.conftest import Folders
from tests.keeping import kept

PACKAGE = Path(__file__).parents[2] / "src" / "roadbed"
LIBRARIES = ("kernel/", "storage/", "risk/")
MOST_TO_SETTLED = 18
MOST_TO_PROMOTED = 35
# A path that misses its limit, with its measured length, which must not grow.
KNOWN_MISS: dict[str, int] = {
    "verdict → promoted": 36,  # the search of thresholds of deciders without training (record 59)
}


class Recorder:
    """The files whose functions run while it records, in any thread of this process."""

    def __init__(self) -> None:
        self.files: set[str] = set()

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record until the end of the block."""
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    def _note(self, frame: FrameType, event: str, argument: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(PACKAGE):
            self.files.add(path.relative_to(PACKAGE).as_posix())

    def path(self) -> list[str]:
        """The files that count."""
        return sorted(
            name
            for name in self.files
            if not name.startswith(LIBRARIES) and not name.endswith("errors.py")
        )


def check(path: list[str], name: str, most: int) -> None:
    """Print the figure, and fail where it is above its limit."""
    print(f"{name}: {len(path)} files, at most {most}\n  " + "\n  ".join(path))
    allowed = KNOWN_MISS.get(name, most)
    assert len(path) <= allowed, f"{name} opens {len(path)} files, more than {allowed}: {path}"


async def test_a_request_is_settled_within_18_files(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = Viewer(name="shop", roles={"triage": frozenset(Role)})
    recorder = Recorder()

    async def send() -> tuple[int, bytes]:
        return await take(app, "triage", viewer, b'{"input": {"text": "take it back"}}')

    submit = app.decisions.submit

    async def submit_and_stop(*given: object, **named: object) -> object:
        admission, decided = await submit(*given, **named)  # type: ignore[arg-type]
        assert decided is not None
        assert decided.done(), "it took more than one commit"
        sys.setprofile(None)
        return admission, decided

    async with kept(app):
        await send()  # code that loads and caches once is not part of the path
        monkeypatch.setattr(app.decisions, "submit", submit_and_stop)
        with recorder.recording():
            status, _ = await send()
    assert status == 200
    assert {"api/tasks.py", "decisions/service.py", "executors/in_process.py"} <= recorder.files
    check(recorder.path(), "request → settled", MOST_TO_SETTLED)


async def test_a_verdict_is_promoted_within_35_files(
    settings: Settings, folders: Folders, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_new_accounts(app: App) -> None:
        assert app.deployments.names() == ["triage"]

    recorder = Recorder()
    release_steps.write(folders)
    async with open_app(settings, url) as app:
        await release_steps.live(app)
        await release_steps.draw_all(app)
        [decision] = await release_steps.traffic(app, [7])
        monkeypatch.setattr(release_steps, "pod", no_new_accounts)  # all have one by now
        _ = app.reviews, app.releases  # services are made when they are first needed
        with recorder.recording():
            await release_steps.label_one(app, decision, 7)
        await release_steps.edit(app, folders, "queue = queue + ''")
        with recorder.recording():
            release = await release_steps.signed(app, await release_steps.gated(app))
            release = await app.releases.promote(release.id, actor="ben")
    assert release.step == "live"
    check(recorder.path(), "verdict → promoted", MOST_TO_PROMOTED)
