"""The local embedding model in a child process with its default limits."""

from __future__ import annotations

import asyncio
import json
import os

import pytest
import structlog.testing

from roadbed.bootstrap import open_app
from roadbed.executors.sandbox import landlock_version
from roadbed.kernel.settings import Settings
from roadbed.models.embeddings.local import LocalEmbeddings
from tests.conftest import Folders
from tests.isolation.test_children import decide
from tests.unit.test_classifier_embeddings import ENGLISH

CLASSIFIER = """
from roadbed.models import TextClassifier

usecase.decider(TextClassifier("text", "queue"))
"""
# Reports from the child itself: its own id, whether it may open a file of this account.
LOOKING = """
import os
from roadbed.models import TextClassifier

class Looking(TextClassifier):
    def decide_many(self, inputs):
        answers = super().decide_many(inputs)
        try:
            open(os.environ.get("ROADBED_LOOK", "/etc/passwd")).close()
            seen = True
        except OSError:
            seen = False
        for answer in answers:
            answer.evidence["looked"] = {"pid": os.getpid(), "passwords": seen}
        return answers

usecase.decider(Looking("text", "queue"))
"""
EXAMPLES = "".join(
    json.dumps({"input": {"text": text}, "output": {"queue": queue}}) + "\n"
    for place in range(10)
    for queue, texts in ENGLISH.items()
    for text in [texts[place]]
)


async def test_it_learns_and_decides_within_the_limits_of_a_child(
    settings: Settings, folders: Folders, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROADBED_EMBEDDINGS", "local")
    folders.write(LOOKING, deadline=30.0, examples=EXAMPLES)
    async with open_app(settings.model_copy(update={"isolation": "process"}), url) as app:
        await app.deployer.improve(app.deployments.folder("triage"), actor="ben")
        await app.deployments.refresh("triage")
        asked = ["Wo bleibt mein Paket?", "Olvidé mi contraseña.", "long text " * 5_000]
        decisions = await asyncio.gather(*(decide(app, text) for text in asked))
        outputs = [decision.output for decision in decisions]
        assert outputs[:2] == [{"queue": "delivery"}, {"queue": "account"}]
        assert outputs[2] is not None
        looked = decisions[0].evidence["looked"]
        assert isinstance(looked, dict)
        assert looked["pid"] != os.getpid()
        if landlock_version():
            assert looked["passwords"] is False


async def test_a_version_whose_model_is_missing_says_so(
    settings: Settings, folders: Folders, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROADBED_EMBEDDINGS", "local")
    folders.write(CLASSIFIER, deadline=30.0, examples=EXAMPLES)
    isolated = settings.model_copy(update={"isolation": "process"})
    async with open_app(isolated, url) as app:
        await app.deployer.improve(app.deployments.folder("triage"), actor="ben")
    monkeypatch.setenv("ROADBED_EMBEDDINGS", "none")
    with structlog.testing.capture_logs() as logs:
        async with open_app(isolated, url) as app:
            decision = await decide(app, "Where is my parcel?")
    assert decision.output is None
    problems = [str(entry["problem"]) for entry in logs if "problem" in entry]
    assert any("no embedding model is in use here" in problem for problem in problems)
    assert any(LocalEmbeddings().digest[:12] in problem for problem in problems)
