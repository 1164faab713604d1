"""A use case that asks a language model decides tasks like any other."""

from __future__ import annotations

from roadbed.bootstrap import open_app
from roadbed.kernel.settings import Settings
from roadbed.testing import ModelReply, ModelServer
from tests.conftest import Folders

ASK = """
from roadbed.models import Prompted
usecase.decider(Prompted("route.md", model="openai:m", base_url="{url}/v1"))
"""


async def test_a_task_is_decided_by_a_language_model(
    settings: Settings, folders: Folders, url: str
) -> None:
    async with ModelServer(lambda _: {"queue": "returns"}) as model:
        folder = folders.write(ASK.replace("{url}", model.url))
        (folder / "prompts").mkdir()
        (folder / "prompts" / "route.md").write_text("Which team resolves {text}?")
        async with open_app(settings, url) as app:
            said = []
            for text in ("back, please", "back again"):
                _, task = await app.decisions.submit(
                    "triage", {"text": text}, key=None, source={"surface": "test"}
                )
                assert task is not None
                said.append(await task)
                model.rule = lambda _: ModelReply(finish="refusal")
    decided, refused = said
    assert decided is not None
    assert decided.output == {"queue": "returns"}
    assert decided.evidence["agreement"] == "3 of 3 samples"
    assert model.calls[0].system.startswith("Which team resolves (the data")
    assert refused is not None
    assert refused.output is None
    assert "refused" in refused.routed.reason
