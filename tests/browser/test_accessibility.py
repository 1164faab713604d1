"""Every page of the console: no violation that axe knows, nothing sideways, in both themes."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.async_api import Page
from psycopg.types.json import Jsonb

from roadbed.console.app import pages
from roadbed.kernel.settings import Settings
from roadbed.receipts.questions import SURFACE
from tests.browser.chromium import CHROMIUM
from tests.browser.test_console import signed_in
from tests.browser.test_releases import SHORT
from tests.conftest import Folders, Site, serving
from tests.release_steps import traffic, write
from tests.town import a_document

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]
_AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
# A theme changes colours and nothing else, so the second theme is asked for the rules of colours.
_COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}
_RUN = """async (options) => (
    await axe.run(document, { resultTypes: ["violations"], ...options })
).violations.map(
    (rule) => `${rule.id}: ${rule.nodes.slice(0, 3).map((node) => node.target).join(" ")}`)"""
# Routes that answer with a file, a stream or a part of a page, or that lead elsewhere.
_NO_PAGES = {
    "/live",
    "/palette",
    "/sign-in/provider",
    "/sign-in/back",
    "/sign-in/already",
    "/receipts/{task_id}/proof",
    "/receipts/{task_id}/replay",
    "/usecases/{name}/documents/passage",
    "/usecases/{name}/incidents/{incident_id}/file",
}
# Two versions are needed to find cases; the pages show what is in the report.
_CASE = {
    "example": "exm_1",
    "task": None,
    "input": "number 1",
    "live": {"queue": "odd"},
    "candidate": None,
    "right": {"queue": "odd"},
    "why": "No review says whether it is right.",
}
_CASES = {
    "cases": {"broken": [_CASE], "fixed": [_CASE | {"task": "tsk_1"}]},
    "unknown": {"n": 1, "waiting": 0, "cases": [_CASE]},
}
_NARROW, _MIDDLE, _WIDE = (320, 640), (768, 1024), (1440, 900)


def _pages() -> list[str]:
    """The paths of all pages."""
    return sorted(
        {
            route.path
            for route in pages()
            if "GET" in (route.methods or ())
            and route.path not in _NO_PAGES
            and not route.path.endswith("/export.{format}")
        }
    )


@pytest.fixture
async def site(settings: Settings, folders: Folders, url: str) -> AsyncIterator[Site]:
    """A use case with tasks, reviews and a release that waits for a sign-off."""
    write(folders, rollout=SHORT)
    declaration = folders.parent / "triage" / "usecase.py"
    text = declaration.read_text(encoding="utf-8").replace(
        "import Answer, ", "import Answer, Library, "
    )
    library = ' library=Library(question="text"), rollout='
    declaration.write_text(text.replace(" rollout=", library, 1), encoding="utf-8")
    async with serving(settings, url) as served:
        await traffic(served.app, [1, 2, 3])
        release = await served.app.releases.plan("triage", actor="ben")
        await served.app.releases.gate(release.id, actor="ben")
        await served.app.database.fetch(
            "UPDATE release SET gate = gate || %(cases)s", {"cases": Jsonb(_CASES)}
        )
        yield served


async def _filled(site: Site) -> Mapping[str, str]:
    """What fills in the names in paths."""
    [release] = await site.app.releases.history("triage")
    # Only its sender sees a question on its page.
    admission, running = await site.app.decisions.submit(
        "triage", {"text": "number 7"}, key=None, source={"surface": SURFACE, "by": "ana"}
    )
    assert running is not None
    await running
    return {
        "name": "triage",
        "release_id": release.id,
        "task_id": admission.task.id,
        "document_id": await a_document(site.app, "triage"),
        "deleted_id": await _deleted_document(site),
        "named": "1..2",
        "person": "ana",
    }


async def _deleted_document(site: Site) -> str:
    """One that left the library: only its text can be erased."""
    document = await a_document(site.app, "triage", "gone.pdf")
    await site.app.libraries.documents.forget("triage", "gone.pdf", by="ana")
    return document


def _address(path: str, filled: Mapping[str, str]) -> str:
    if path.endswith("/documents/{document_id}/erase"):
        filled = {**filled, "document_id": filled["deleted_id"]}
    return re.sub(r"\{(\w+)\}", lambda part: filled.get(part[1], "none"), path)


@pytest.mark.parametrize("size", [_NARROW, _MIDDLE, _WIDE], ids=["320", "768", "1440"])
async def test_no_page_breaks_a_rule_of_accessibility(site: Site, size: tuple[int, int]) -> None:
    filled = await _filled(site)
    async with signed_in(site) as page:
        await page.set_viewport_size({"width": size[0], "height": size[1]})
        broken = {}
        for path in _pages():
            address = _address(path, filled)
            await page.emulate_media(color_scheme="light")
            await page.goto(f"{site.address}{address}")
            await page.evaluate(_AXE)
            if told := await _broken(page, {}):
                broken[f"light {address}"] = told
            await page.emulate_media(color_scheme="dark")
            if told := await _broken(page, _COLOURS):
                broken[f"dark {address}"] = told
        assert broken == {}, json.dumps(broken, indent=1)


@pytest.mark.parametrize("size", [_NARROW, _WIDE], ids=["320", "1440"])
async def test_longer_words_break_no_page(site: Site, size: tuple[int, int]) -> None:
    """In the pseudo-language every message is 40 % longer."""
    filled = await _filled(site)
    async with signed_in(site) as page:
        await page.set_extra_http_headers({"Accept-Language": "en-XA"})
        await page.set_viewport_size({"width": size[0], "height": size[1]})
        wide = {}
        for path in _pages():
            address = _address(path, filled)
            await page.goto(f"{site.address}{address}")
            assert await page.locator("html").get_attribute("lang") == "en-XA"
            assert "[" in await page.locator("main").inner_text(), path
            over = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if over > 0:
                wide[path] = over
        assert wide == {}


async def _broken(page: Page, options: Mapping[str, object]) -> list[str]:
    """The rules that the page breaks as it is shown now, and how far it is too wide."""
    told: list[str] = await page.evaluate(_RUN, options)
    wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [*told, *([f"{wide} px too wide"] if wide > 0 else [])]
