"""The library over HTTP: what a person may read, and nothing of what they may not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from roadbed.kernel.settings import Settings
from tests import libraries
from tests.acceptance.test_api import problem
from tests.conftest import Folders, Site, serving
from tests.libraries import NAME, Shelf

PATH = f"/usecases/{NAME}/documents"


@pytest.fixture
async def site(settings: Settings, folders: Folders, url: str) -> AsyncIterator[Site]:
    folders.write()
    root = libraries.declare(settings.usecases, 'access={"hr": "hr"}')
    libraries.write(
        root,
        {
            "leave.md": "# Leave\n\nEverybody has thirty days of leave.\n",
            "hr/pay.md": "# Pay\n\nSalaries of the staff, and days of leave.\n",
            "empty.txt": b"",
            "hr/empty.txt": b"",
        },
    )
    async with serving(settings, url) as served:
        await Shelf(served.app, root).ingest()
        yield served


async def test_documents_of_ones_own_groups(site: Site) -> None:
    listed = (await site.shop.get(PATH)).json()
    assert [document["path"] for document in listed["documents"]] == ["empty.txt", "leave.md"]
    assert set(listed) == {"documents"}
    unreadable = (await site.shop.get(f"{PATH}?state=unreadable")).json()["documents"]
    assert [(one["path"], one["reason"]) for one in unreadable] == [("empty.txt", "empty")]
    answer = (await site.shop.get(f"{PATH}/search?q=days of leave")).json()["matches"]
    assert [match["passage"]["path"] for match in answer] == ["leave.md"]
    access = site.app.libraries.access
    library = site.app.deployments.get(NAME).loaded.declared.library
    assert library is not None
    await access.add(NAME, library, "hr", "shop", by="ana")
    listed = (await site.shop.get(PATH)).json()
    assert len(listed["documents"]) == 4
    answer = (await site.shop.get(f"{PATH}/search?q=salaries&limit=1")).json()["matches"]
    assert [match["passage"]["path"] for match in answer] == ["hr/pay.md"]


async def test_one_document_with_its_versions(site: Site) -> None:
    documents = site.app.libraries.documents
    leave = await documents.document(NAME, "leave.md")
    shown = (await site.shop.get(f"{PATH}/{leave.id}")).json()
    assert shown["document"]["path"] == "leave.md"
    assert [version["number"] for version in shown["versions"]] == [1]
    pay = await documents.document(NAME, "hr/pay.md")
    await problem(await site.shop.get(f"{PATH}/{pay.id}"), 404, "unknown_document")
    missing = await site.shop.get(f"{PATH}/doc_{'x' * 28}")
    await problem(missing, 404, "unknown_document")
    other = await site.shop.get(f"/usecases/triage/documents/{leave.id}")
    await problem(other, 404, "unknown_document")


async def test_a_new_declaration_counts_at_once(site: Site) -> None:
    declared = site.app.deployments.get(NAME).loaded.declared
    assert declared.library is not None
    leave = await site.app.libraries.documents.document(NAME, "leave.md")
    declared.library = replace(declared.library, access={".": "staff"})
    assert (await site.shop.get(PATH)).json() == {"documents": []}
    assert (await site.shop.get(f"{PATH}/search?q=leave")).json() == {"matches": []}
    await problem(await site.shop.get(f"{PATH}/{leave.id}"), 404, "unknown_document")


async def test_what_cannot_be_asked(site: Site) -> None:
    await problem(await site.shop.get("/usecases/triage/documents"), 409, "no_library")
    await problem(await site.shop.get("/usecases/triage/documents/search?q=a"), 409, "no_library")
    await problem(await site.shop.get(f"{PATH}/search"), 422, "request_invalid")
    await problem(await site.shop.get(f"{PATH}/search?q=a&limit=0"), 422, "request_invalid")
    await problem(await site.shop.get(f"{PATH}?state=lost"), 422, "request_invalid")
    for question in ("", "%3F%21", "text%3Aleave AND NOT %28", "x" * 3_000):
        answer = await site.shop.get(f"{PATH}/search?q={question}")
        assert answer.status_code == 200, question


async def test_where_cited_passages_stand(site: Site) -> None:
    library = site.app.deployments.get(NAME).loaded.declared.library
    matches = await site.app.libraries.search(NAME, library, "days of leave", groups={"hr"})
    ids = {match.passage.path: str(match.passage.key) for match in matches}
    assert set(ids) == {"leave.md", "hr/pay.md"}
    asked = "&".join(f"id={one}" for one in (*ids.values(), "ver_1:0", "nothing", "x:99999999999"))
    shown = (await site.shop.get(f"{PATH}/passages?{asked}")).json()["passages"]
    assert {key: passage["path"] for key, passage in shown.items()} == {ids["leave.md"]: "leave.md"}
    groups = {"hr"}
    of_another = await site.app.libraries.cited("triage", library, ids.values(), groups=groups)
    assert of_another == {}
    none = await site.shop.get(f"/usecases/triage/documents/passages?{asked}")
    assert none.json() == {"passages": {}}
    await problem(await site.shop.get(f"{PATH}/passages"), 422, "request_invalid")
