"""Deciders in child processes: a fault of one does not affect others."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
import structlog.testing

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.decisions.decider_runner import DeciderRunner, without_library
from roadbed.decisions.model import Decision, Reason
from roadbed.executors.child_executor import ChildExecutor
from roadbed.executors.isolated import DeciderProcesses
from roadbed.executors.sandbox import landlock_version
from roadbed.kernel.settings import Settings
from roadbed.usecases.loader import load
from tests.conftest import DECIDE, Folders

HARM = """
import os, re, time
import asyncio as aio

@usecase.decider
def decide(inquiry, context):
    text = inquiry.text
    if "exit" in text:
        os._exit(3)
    if "leave" in text:
        raise SystemExit(4)
    if "hang" in text:
        while True:
            pass
    if "regex" in text:
        re.match(r"(a+)+$", "a" * 40 + "b")  # holds the interpreter's lock
    if "memory" in text:
        bytearray(4 << 30)
    if "crash" in text:
        import ctypes
        ctypes.string_at(0)
    return Answer(output=Routing(queue="returns"), confidence=0.9)
"""
COROUTINE = HARM.replace("def decide", "async def decide").replace(
    "    return Answer", "    if 'slow' in text:\n        await aio.sleep(60)\n    return Answer"
)
TRAINABLE = """
import os, re

class Known:
    kinds = None

    def __init__(self, words=()):
        self.words = words

    def fit(self, examples, *, seed):
        if any("cannot" in example.input.text for example in examples):
            raise ValueError("these cannot be learned")
        if any("exit" in example.input.text for example in examples):
            os._exit(3)
        return Known(tuple(sorted({example.output.queue for example in examples})))

    @property
    def out_of_fold(self):
        from roadbed.usecases.decider import OutOfFold
        import numpy as np
        n = 4
        return OutOfFold(confidence=np.linspace(0.1, 0.9, n), wrong=np.zeros(n, dtype=bool))

    def decide_many(self, inputs):
        for inquiry in inputs:
            if "exit" in inquiry.text:
                os._exit(3)
            if "hang" in inquiry.text:
                while True:
                    pass
        return [Answer(output=Routing(queue="returns"), confidence=0.9) for _ in inputs]

    def save(self):
        return {"words.txt": " ".join(self.words).encode()}

    def load(self, files):
        return Known(tuple(files["words.txt"].decode().split()))

usecase.decider(Known())
"""


async def decide(app: App, text: str, use_case: str = "triage") -> Decision:
    _, running = await app.decisions.submit(
        use_case, {"text": text}, key=None, source={"surface": "test"}, waits=True
    )
    assert running is not None
    decision = await running
    assert decision is not None
    return decision


def returns(decision: Decision) -> bool:
    return decision.output == {"queue": "returns"}


class TestHarm:
    """One input that ends, blocks or fills its child, among others."""

    @pytest.mark.parametrize("code", [HARM, COROUTINE], ids=["function", "coroutine"])
    @pytest.mark.parametrize(
        ("text", "code_of", "told"),
        [
            ("exit", Reason.DECIDER_FAILED, "exit code 3"),
            ("leave", Reason.DECIDER_FAILED, "SystemExit"),
            ("hang", Reason.DECIDER_TIMEOUT, "within 6 s"),
            ("regex", Reason.DECIDER_TIMEOUT, "within 6 s"),
            ("memory", Reason.DECIDER_FAILED, "MemoryError"),
            ("crash", Reason.DECIDER_FAILED, "SIGSEGV"),
        ],
    )
    async def test_it_goes_to_a_person_and_the_others_are_answered(
        self,
        settings: Settings,
        folders: Folders,
        url: str,
        code: str,
        text: str,
        code_of: Reason,
        told: str,
    ) -> None:
        folders.write(code, deadline=6.0)
        async with open_app(settings.model_copy(update={"isolation": "process"}), url) as app:
            assert returns(await decide(app, "first"))
            harmed, *others = await asyncio.gather(
                decide(app, text), *(decide(app, f"order {number}") for number in range(30))
            )
            assert (harmed.routed.code, harmed.output) == (code_of, None)
            assert told in harmed.routed.reason
            late = [one for one in others if not returns(one)]
            assert late == []
            assert returns(await decide(app, "afterwards"))

    async def test_ten_in_a_row_stop_nothing(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        folders.write(HARM, deadline=1.0)
        async with open_app(settings.model_copy(update={"isolation": "process"}), url) as app:
            for number in range(10):
                harmed = await decide(app, f"{('exit', 'regex')[number % 2]} {number}")
                assert not returns(harmed)
                assert returns(await decide(app, f"order {number}"))

    async def test_the_same_input_is_not_asked_a_third_time(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        folders.write(HARM, deadline=5.0)
        async with open_app(settings.model_copy(update={"isolation": "process"}), url) as app:
            reasons = [(await decide(app, "exit")).routed.reason for _ in range(3)]
        assert ["exit code 3" in reason for reason in reasons] == [True, True, False]
        assert "2 times; it is asked again after 10 min" in reasons[2]

    async def test_a_coroutine_that_waits_too_long_is_cancelled_and_its_child_stays(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        code = COROUTINE.replace("return Answer(", "return Answer(evidence={'pid': os.getpid()}, ")
        folders.write(code, deadline=1.0)
        async with open_app(settings.model_copy(update={"isolation": "process"}), url) as app:
            before = await decide(app, "first")
            slow = await decide(app, "slow")
            await asyncio.sleep(1.5)  # longer than a child has to cancel it
            after = await decide(app, "after")
        assert slow.routed.code == Reason.DECIDER_TIMEOUT
        assert after.evidence["pid"] == before.evidence["pid"] != os.getpid()

    @pytest.mark.parametrize(
        ("text", "told"), [("exit", "exit code 3"), ("hang", "did not answer within")]
    )
    async def test_in_a_batch_only_the_input_at_fault_fails(
        self, settings: Settings, folders: Folders, url: str, text: str, told: str
    ) -> None:
        examples = "".join(
            f'{{"input": {{"text": "order {n}"}}, "output": {{"queue": "returns"}}}}\n'
            for n in range(4)
        )
        folders.write(TRAINABLE, deadline=6.0, examples=examples)
        async with open_app(settings.model_copy(update={"isolation": "process"}), url) as app:
            await app.deployer.improve(app.deployments.folder("triage"), actor="ben")
            await app.deployments.refresh("triage")
            assert returns(await decide(app, "first"))
            harmed, *others = await asyncio.gather(
                decide(app, text), *(decide(app, f"order {number}") for number in range(100))
            )
        assert told in harmed.routed.reason
        assert [one.routed.reason for one in others if not returns(one)] == []


class TestSandbox:
    """The child's access to the machine."""

    LOOK = """
import os
from pathlib import Path

def seen(path):
    try:
        return Path(path).read_text()[:20]
    except OSError as error:
        return type(error).__name__

class Looks:
    from roadbed.usecases.decider import Needs
    needs = Needs(secrets=["MODEL_KEY"])

    def __call__(self, inquiry, context):
        print("looking with", os.environ["MODEL_KEY"])
        here = Path(__file__).parent
        try:
            (here / "mine.txt").write_text("new")
            wrote = "yes"
        except OSError as error:
            wrote = type(error).__name__
        if "raise" in inquiry.text:
            raise ValueError("refused: " + os.environ["MODEL_KEY"])
        return Answer(
            output=Routing(queue="returns"), confidence=0.9,
            evidence={
                "environment": sorted(os.environ), "text": seen(here / "prompts/text.md"),
                "docs": seen(here / "docs/notes.md"), "other": seen(inquiry.text),
                "wrote": wrote, "key": "it is " + os.environ["MODEL_KEY"], "folder": str(here),
            },
        )

usecase.decider(Looks())
"""

    @pytest.fixture
    def secrets(self, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
        results = {"MODEL_KEY": "sk-model-0123456789", "CONNECTOR_TOKEN": "tok-0123456789abc"}
        for name, value in results.items():
            monkeypatch.setenv(name, value)
        return results

    @pytest.fixture
    def folder(self, folders: Folders) -> Path:
        folder = folders.write(self.LOOK)
        for name, text in {"prompts/text.md": "signed", "docs/notes.md": "outside"}.items():
            (folder / name).parent.mkdir()
            (folder / name).write_text(text)
        return folder

    @pytest.fixture
    async def app(self, secrets: Mapping[str, str], folder: Path, isolated: App) -> App:
        return isolated

    async def test_it_has_the_secrets_it_needs_and_no_other(self, app: App) -> None:
        evidence = (await decide(app, "/")).evidence
        assert "MODEL_KEY" in evidence["environment"]
        assert "CONNECTOR_TOKEN" not in evidence["environment"]
        assert not [name for name in evidence["environment"] if name.startswith("ROADBED")]

    async def test_secrets_are_masked_in_evidence_reasons_and_output_on_the_log(
        self, app: App, secrets: Mapping[str, str]
    ) -> None:
        with structlog.testing.capture_logs() as logged:
            good, bad = await decide(app, "/"), await decide(app, "raise")
        assert good.evidence["key"] == "it is •••"
        assert "refused: •••" in bad.routed.reason
        assert [entry["text"] for entry in logged] == ["looking with •••"] * 2
        assert secrets["MODEL_KEY"] not in str(logged)

    async def test_what_was_signed_runs_whatever_happens_to_the_folder(
        self, app: App, folder: Path
    ) -> None:
        (folder / "prompts/text.md").write_text("edited")
        evidence = (await decide(app, "/")).evidence
        assert (evidence["text"], evidence["docs"]) == ("signed", "FileNotFoundError")
        assert evidence["folder"] != str(folder)

    @pytest.mark.skipif(not landlock_version(), reason="NO LANDLOCK: FILES ARE NOT CONFINED HERE")
    async def test_it_reads_and_writes_no_file_of_others(
        self, app: App, folder: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "other.txt").write_text("private")
        for path in (folder / "prompts/text.md", tmp_path / "other.txt", "/proc/1/environ"):
            evidence = (await decide(app, str(path))).evidence
            assert evidence["other"] == "PermissionError"
        assert evidence["wrote"] == "PermissionError"


class TestImport:
    async def test_a_folder_that_ends_the_process_is_not_imported_by_the_server(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        folders.write("import os\nos._exit(9)\n", name="ends")
        folders.write()
        async with open_app(settings.model_copy(update={"isolation": "process"}), url) as app:
            assert "exit code 9" in str(app.broken["ends"])
            assert returns(await decide(app, "order"))


class TestForgery:
    async def test_rows_that_do_not_fit_the_id_of_their_version_decide_nothing(
        self, settings: Settings, folders: Folders, url: str
    ) -> None:
        folders.write()
        other = DECIDE.replace("returns", "forged")
        async with open_app(settings, url) as app:
            await app.deployer.improve(app.deployments.folder("triage"), actor="ben")
            folders.write(other)
            loaded = await app.store.copy(load(folders.parent / "triage"))
            _, behaviour = await app.deployer.build(loaded, actor="ben", reason="test")
            folders.write()
            change = "UPDATE version SET behaviour = %(behaviour)s RETURNING id"
            await app.database.fetch(change, {"behaviour": behaviour})
            with structlog.testing.capture_logs() as logged:
                await app.deployments.refresh("triage")
            decision = await decide(app, "order")
        assert decision.version is None
        assert decision.output == {"queue": "returns"}
        assert any("were changed after it was made" in str(entry) for entry in logged)


class TestRunner:
    async def test_children_of_older_versions_end_and_those_of_the_last_two_stay(
        self, isolated: App
    ) -> None:
        loaded = isolated.deployments.get("triage").loaded
        processes = DeciderProcesses(enabled=True, eager=False)
        runner = DeciderRunner(loaded.declared, without_library)
        loaded.declared.deadline_seconds = 0.0  # they end a second after the last deadline
        deciders = [await processes.isolated(loaded, {}) for _ in range(3)]
        places = [runner._executor(decider) for decider in deciders]
        assert [runner._executor(decider) for decider in deciders[1:]] == places[1:]
        await asyncio.sleep(1.2)
        assert [isinstance(place, ChildExecutor) and place.closed for place in places] == [
            True,
            False,
            False,
        ]
        runner.close()
        processes.close()


SECRET = "sk-known-0123456789"


class TestSecrets:
    LEAK = f"""
@usecase.decider
def decide(inquiry, context):
    if "output" in inquiry.text:
        return Answer(output=Routing(queue="{SECRET}"), confidence=0.9)
    return Answer(
        output=Routing(queue="returns"), confidence=0.9, evidence={{"{SECRET}": ["it is {SECRET}"]}}
    )
"""

    async def test_an_answer_that_holds_one_is_not_used(
        self, folders: Folders, settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folders.write(self.LEAK)
        monkeypatch.setenv("SOME_TOKEN", SECRET)
        async with open_app(settings, url) as app:
            told, shown = await decide(app, "output"), await decide(app, "evidence")
        assert (told.output, told.routed.code) == (None, Reason.INVALID_ANSWER)
        assert "holds the value of a secret" in told.routed.reason
        assert shown.evidence == {"•••": ["it is •••"]}
        assert shown.output == {"queue": "returns"}
