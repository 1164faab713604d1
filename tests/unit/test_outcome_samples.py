"""The report that *Outcomes* shows for copying can be sent as it stands."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from roadbed.kernel.settings import Settings
from roadbed.models import DocumentAnswer
from roadbed.usecases.samples import sample_of
from tests.browsing import browsing
from tests.conftest import Site, serving
from tests.unit.test_corrected_answers import ask, library, ready
from tests.unit.test_trust import stand

__all__ = ["library"]  # a fixture


class Part(BaseModel):
    number: int
    name: str | None = None


class Order(BaseModel):
    part: Part
    tags: list[str]
    parts: list[Part] = Field(min_length=1)
    paid: bool


def test_a_sample_has_the_types_of_the_schema_and_reads_back() -> None:
    assert sample_of(DocumentAnswer) == {
        "route": "answer",
        "text": "text",
        "citations": [],
        "notes": [],
    }
    sample = sample_of(Order)
    assert (sample["tags"], sample["paid"]) == ([], True)
    order = Order.model_validate(sample)
    assert (order.part.number, len(order.parts)) == (7, 1)


async def shown(site: Site, name: str) -> dict[str, Any]:
    async with browsing(site, "ana") as browser:
        page = await browser.get(f"/usecases/{name}/outcomes")
    [body] = re.findall(r"-d '(\{.*?\})'</code>", html.unescape(page.text), re.DOTALL)
    sample: dict[str, Any] = json.loads(body)
    return sample


async def test_the_sample_of_an_answer_from_documents_can_be_sent(
    settings: Settings, library: Path, url: str
) -> None:
    async with serving(settings, url) as site:
        await ready(site.app)
        task = (await ask(site.app, "Where may visitors park?", by="shop"))["task_id"]
        sample = await shown(site, "ask")
        del sample["task_key"]
        sent = await site.shop.post("/usecases/ask/outcomes", json={**sample, "task": task})
        assert sent.status_code == 200, sent.text


async def test_the_sample_of_a_label_is_a_text(site: Site) -> None:
    await stand(site.app, reference_rate=0.0)
    sample = await shown(site, "triage")
    assert sample["output"] == {"queue": "queue"}
