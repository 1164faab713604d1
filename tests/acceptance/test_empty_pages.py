"""The console before anything has happened: each page says what it will show, and the next step."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser

import httpx2
import pytest
from starlette.routing import Route

from roadbed.console.app import create
from roadbed.kernel.settings import Settings
from tests.conftest import Folders, Site, serving
from tests.libraries import PAGES

# What each page of a use case without tasks says, and the command of its next step.
EMPTY = {
    "": ("The tasks of the last 24 hours will be drawn here.", "roadbed submit triage"),
    "/deliveries": ("Results that go to another system will be listed here.", None),
    "/notebook": ("Corrections will appear here", "roadbed review work triage"),
    "/proposals": ("will be proposed here.", "roadbed proposals list triage --suggest"),
}


class Words(HTMLParser):
    """The words of a page, and the links of its empty places."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words = ""
        self.links: list[str] = []
        self._empty = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        if tag == "div" and (self._empty or facts.get("class") == "empty"):
            self._empty += 1
        if tag == "a" and self._empty:
            self.links.append(facts["href"] or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "div" and self._empty:
            self._empty -= 1

    def handle_data(self, data: str) -> None:
        self.words += data


@asynccontextmanager
async def signed_in(site: Site, name: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser's session: a token opens no page about people."""
    code = await site.app.people.issue_link_code(name)
    async with httpx2.AsyncClient(headers={"Origin": site.address}) as browser:
        answer = await browser.post(f"{site.address}/sign-in/link", data={"code": code})
        assert answer.status_code < 400
        yield browser


async def look(client: httpx2.AsyncClient, site: Site, path: str) -> Words:
    answer = await client.get(f"{site.address}{path}")
    assert answer.status_code == 200, path
    return Words(answer.text)


def paths() -> list[str]:
    """Every page that needs no more than the name of a use case."""
    pages = []
    for route in create().routes:
        if isinstance(route, Route) and "GET" in (route.methods or ()):
            path = route.path.replace("{name}", "triage")
            if "{" not in path and path not in {"/live", "/sign-in/provider", "/sign-in/back"}:
                pages.append(path)
    return pages


async def test_every_page_of_a_use_case_without_tasks_opens_and_links_lead_somewhere(
    site: Site,
) -> None:
    opened = 0
    async with signed_in(site, "shop") as browser:
        for path in paths():
            answer = await browser.get(f"{site.address}{path}", follow_redirects=True)
            if answer.status_code == 403:  # another role's
                assert path in {"/people", "/usecases/triage/incidents/new"}
                continue
            if any(place in path for place in PAGES):
                assert answer.status_code == 409, path
                continue
            assert answer.status_code == 200, path
            opened += 1
            for link in Words(answer.text).links:
                there = await browser.get(f"{site.address}{link}", follow_redirects=True)
                assert there.status_code == 200, (path, link)
    assert opened > 15


@pytest.mark.parametrize("page", EMPTY)
async def test_a_page_without_content_says_what_it_will_show_and_the_next_step(
    page: str, site: Site
) -> None:
    told = await look(site.shop, site, f"/usecases/triage{page}")
    will_be, command = EMPTY[page]
    assert will_be in told.words
    assert re.search(r"\b(None|none|No|no)\b", told.words)
    assert command is None or command in told.words


async def test_the_review_desk_says_that_it_needs_script(site: Site) -> None:
    told = await look(site.shop, site, "/usecases/triage/reviews")
    assert "This page needs JavaScript." in told.words
    assert "roadbed review work triage" in told.words


async def test_a_member_has_a_state_in_words(site: Site) -> None:
    assert "● active" in (await look(site.shop, site, "/usecases/triage/members")).words


async def test_receipts_tell_no_task_from_no_match(site: Site) -> None:
    nothing = await look(site.shop, site, "/receipts")
    assert "Each task will have its receipt here." in nothing.words
    assert "roadbed submit triage" in nothing.words
    of_one = await look(site.shop, site, "/receipts?usecase=triage")
    assert "Each task of triage will have its receipt here." in of_one.words
    assert "roadbed submit triage" in of_one.words
    assert of_one.links == ["/usecases/triage"]
    unmatched = await look(site.shop, site, "/receipts?q=zebra")
    assert "No receipt matches." in unmatched.words
    assert unmatched.links == ["/receipts"]


async def test_an_installation_without_a_use_case_says_how_to_begin(
    settings: Settings, folders: Folders, url: str
) -> None:
    folders.parent.mkdir()
    async with serving(settings, url, people=False) as site:
        for name in ("olga", "rosa"):
            await site.app.members.add(name, by="test", admin=name == "olga")
        async with signed_in(site, "olga") as admin, signed_in(site, "rosa") as other:
            assert "Three ways to begin" in (await look(admin, site, "/")).words
            listed = await look(admin, site, "/usecases")
            assert "Each use case that this server runs will be listed here." in listed.words
            assert "roadbed new NAME" in listed.words
            for path in ("/", "/usecases"):
                told = await look(other, site, path)
                assert "You have " in told.words
                assert "will be listed here" in told.words
                assert "roadbed user grant rosa" in told.words
            for path in ("/receipts", "/account"):
                await look(other, site, path)


@pytest.mark.parametrize("path", ["/usecases/tri%00age", "/receipts?q=%00", "/%00"])
async def test_a_wrong_address_is_answered_with_a_page(path: str, site: Site) -> None:
    answer = await site.shop.get(f"{site.address}{path}")
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("text/html")
    assert "The address holds a NUL character." in answer.text
    over_http = await site.shop.get("/usecases/tri%00age")
    assert over_http.headers["content-type"] == "application/problem+json"
