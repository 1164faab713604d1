"""The text of a deleted document is erased over HTTP and in the terminal; quotes of it stay."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from roadbed.background import relaying
from roadbed.kernel.settings import Settings
from tests.acceptance.test_api import problem
from tests.acceptance.test_asking import asked, asking, released, task_of, words
from tests.acceptance.test_uploads_over_http import API, ended, put
from tests.browsing import browsing
from tests.conftest import Folders, Site
from tests.libraries import NAME
from tests.unit.test_document_erasure import WORD, tables_with
from tests.unit.test_ingestion_jobs import typed

PATH = "parking.md"
TEXT = f"# Parking\n\nBicycles of {WORD} are parked behind the cinema of Lindenau.\n"
QUESTION = "Where are bicycles parked?"
REASON = {"reason": "the customer asked for it"}


@pytest.fixture
async def site(settings: Settings, folders: Folders, url: str) -> AsyncIterator[Site]:
    async with asking(settings, folders, url) as served:
        yield served


async def uploaded(site: Site, path: str = PATH) -> str:
    """Upload a document and read it in a job; gives its id."""
    assert (await put(site, path, TEXT)).status_code == 200
    async with relaying(site.app):
        await ended(site)
    return (await site.app.libraries.documents.document(NAME, path)).id


async def deleted(site: Site, path: str = PATH) -> None:
    answer = await site.shop.delete(f"{API}/files", params={"path": path})
    assert answer.status_code == 200
    async with relaying(site.app):
        await ended(site)


async def test_the_text_goes_and_the_quote_stays(site: Site, settings: Settings, url: str) -> None:
    document = await uploaded(site)
    async with browsing(site, "mia") as browser:
        page = await asked(browser, QUESTION)
        task = task_of(page)
        await released(site, task)
        await problem(await site.shop.post(f"{API}/{document}/erase", json=REASON), 409, CODE)
        await deleted(site)
        [gone] = (await site.shop.get(f"{API}/deleted")).json()["deleted"]
        assert (gone["document"], gone["version"], gone["erased_at"]) == (PATH, 1, None)
        assert f"{API}/{document}" in (await browser.get(page.url.path)).text
        answer = await site.shop.post(f"{API}/{document}/erase", json=REASON)
        assert answer.json() == {"erased": {"document": PATH, "versions": 1, "copies": []}}
        [gone] = (await site.shop.get(f"{API}/deleted")).json()["deleted"]
        assert gone["erased_at"] is not None
        # What is left of it is of the task: the question was answered with a quote.
        assert tables_with(url, WORD) == {"decision"}
        shown = await browser.get(page.url.path)
        assert f"Bicycles of {WORD} are parked behind the cinema" in words(shown)
        assert f"{PATH} was removed from the library on" in words(shown)
        assert f"{API}/{document}" not in shown.text  # there is nothing to open
        receipt = (await site.shop.get(f"/receipts/{task}")).json()
        [citation] = receipt["decision"]["output"]["citations"]
        ids = {"id": citation["passage"]}
        passages = await site.shop.get(f"{API}/passages", params=ids)
        assert passages.json() == {"passages": {}}
        told = (await site.shop.get(f"{API}/{document}")).json()
        assert told["document"]["erased_at"] == told["versions"][0]["erased_at"]
        assert told["versions"][0]["title"] is None
        await site.app.erasure.erase(task, by="ana", reason="that too")
        assert tables_with(url, WORD) == set()
        assert settings.home is not None
        files = [file for file in settings.home.parent.rglob("*") if file.is_file()]
        assert len(files) > 10
        assert [file.name for file in files if WORD.encode() in file.read_bytes()] == []


async def test_who_may_and_what_is_refused(site: Site) -> None:
    library = site.app.deployments.library_of(NAME)
    assert library is not None
    await site.app.libraries.access.add(NAME, library, "hr", "shop", by="ana")
    document = await uploaded(site, "hr/parking.md")
    await deleted(site, "hr/parking.md")
    path = f"{API}/{document}/erase"
    await problem(await site.reviewer.post(path, json=REASON), 404, "unknown_document")
    assert (await site.reviewer.get(f"{API}/deleted")).json() == {"deleted": []}
    for body in ({}, {"reason": " "}, {"reason": 3}, {**REASON, "sure": True}):
        await problem(await site.shop.post(path, json=body), 422, "request_invalid")
    await problem(await site.shop.post(f"{API}/doc_none/erase", json=REASON), 404, UNKNOWN)
    await problem(await site.shop.get("/usecases/triage/documents/deleted"), 409, "no_library")
    assert (await site.shop.post(path, json=REASON)).json()["erased"]["versions"] == 1
    assert (await site.shop.post(path, json=REASON)).json()["erased"]["versions"] == 0


async def test_in_the_console(site: Site, url: str) -> None:
    document = await uploaded(site)
    path = f"{API}/{document}"
    form = {"reason": REASON["reason"], "sure": "yes"}
    async with browsing(site, "shop") as browser:
        assert "Erase the text" not in (await browser.get(path)).text
        for answer in (
            await browser.get(f"{path}/erase"),
            await browser.post(f"{path}/erase", data=form),
        ):
            assert answer.status_code == 409
            assert "parking.md is in the library." in words(answer)
        await deleted(site)
        listed = await browser.get(API)
        assert "1 deleted document No search finds them." in words(listed)
        assert f'href="{path}"' in listed.text
        page = await browser.get(path)
        assert f"Bicycles of {WORD}" in words(page)
        assert f'href="{path}/erase"' in page.text
        asked_ = await browser.get(f"{path}/erase")
        assert "Erase the text for good?" in words(asked_)
        for less, problem_ in (({"sure": "yes"}, "Give a reason"), (REASON, "Confirm that you")):
            refused = await browser.post(f"{path}/erase", data=less)
            assert (refused.status_code, problem_ in words(refused)) == (422, True)
        assert "decision" not in tables_with(url, WORD)
        assert "passage" in tables_with(url, WORD)
        page = await browser.post(f"{path}/erase", data=form)
        assert page.url.path == path
        assert "The text of this document was erased on" in words(page)
        assert WORD not in page.text
        assert "text erased" in words(page)
        assert "Erase the text" not in words(page)
        assert "text erased" in words(await browser.get(API))
        assert tables_with(url, WORD) == set()
        await uploaded(site)  # it is back, as a new version
        older = words(await browser.get(f"{path}?version=1"))
        assert "The text of version 1 was erased on" in older
        assert f"Bicycles of {WORD}" in words(await browser.get(path))
    async with browsing(site, "mia") as requester:
        assert (await requester.get(f"{path}/erase")).status_code == 403
    async with browsing(site, "ana") as lead:  # in no group
        hidden = await uploaded(site, "hidden.md")
        await site.app.database.fetch("UPDATE document SET access_group = 'hr'")
        assert (await lead.get(f"{API}/{hidden}/erase")).status_code == 404


async def test_in_the_terminal(site: Site, settings: Settings, url: str) -> None:
    await uploaded(site)
    await put(site, "copy.md", TEXT)
    async with relaying(site.app):
        await ended(site)
    erase = ("documents", "erase", NAME, PATH, "--reason", "asked for")
    with pytest.raises(AssertionError, match=r"parking\.md is in the library"):
        await typed(settings, url, *erase)  # the command fails and says so
    await deleted(site)
    printed, _told = await typed(settings, url, "documents", "list", NAME, "--deleted")
    assert re.fullmatch(
        r"parking\.md · deleted \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", printed.strip()
    )
    search = {"q": "bicycles cinema"}
    before = (await site.shop.get(f"{API}/search", params=search)).json()["matches"]
    printed, _told = await typed(settings, url, *erase)
    assert "The text of parking.md is erased: 1 version." in printed
    assert "The same content stays in copy.md." in printed
    printed, _told = await typed(settings, url, "documents", "list", NAME, "--deleted")
    assert printed.strip().endswith("its text is erased")
    # The command built the index anew that the server has open.
    after = (await site.shop.get(f"{API}/search", params=search)).json()["matches"]
    assert [match["passage"]["path"] for match in after] == ["copy.md"]
    assert after[0]["passage"] == before[0]["passage"]


CODE, UNKNOWN = "document_erasure_invalid", "unknown_document"
