"""The language of a request: pages and their errors have it; programs and the database do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import unescape

from roadbed.kernel import messages
from tests.browsing import browsing
from tests.conftest import Site
from tests.messages import PSEUDO, pseudo

OTHER = {"Accept-Language": PSEUDO.replace("_", "-")}
PAGES = ("/", "/usecases", "/people", "/account", "/usecases/triage", "/usecases/triage/notebook")
MARK = "··"  # at the end of every message of the pseudo-language
# What people do on pages, with what makes each of them write texts.
ACTS: Sequence[tuple[str, Mapping[str, str]]] = (
    ("/usecases/triage/incidents", {"title": "Wrong rates", "since": "2026-01-01T00:00"}),
    ("/usecases/triage/proposals", {}),
    ("/usecases/triage/releases", {"reason": "A better prompt."}),
    ("/usecases/triage/recertify", {}),
    ("/usecases/triage/roll-back", {"why": "It was wrong."}),
    ("/usecases/triage/drill", {}),
    ("/usecases/triage/halt", {"reason": "An outage."}),
    ("/usecases/triage/resume", {"reason": "It is over."}),
    ("/usecases/triage/retire", {"name": "triage", "why": "Nobody needs it."}),
    ("/account/away", {"until": "2020-01-01"}),
)
UNKNOWN = pseudo("There is no use case %(name)r here.%(meant)s")


async def test_pages_and_errors_are_in_the_language_of_the_request(site: Site) -> None:
    async with browsing(site, "boss", admin=True) as browser:
        for path in PAGES:
            page = await browser.get(path, headers=OTHER)
            assert (page.status_code, 'lang="en-XA"' in page.text) == (200, True), path
        unknown = await browser.get("/usecases/triag", headers=OTHER)
        plain = await browser.get("/usecases/triag")
        foreign = await browser.get("/", headers={**OTHER, "Host": "elsewhere.example"})
    assert UNKNOWN % {"name": "triag", "meant": ""} in unescape(unknown.text)
    assert "There is no use case 'triag' here." in unescape(plain.text)
    assert pseudo("Roadbed does not answer under this name.") in foreign.text


def test_a_page_that_is_rendered_for_its_viewers_asks_for_their_language() -> None:
    """The stream of updates renders a page again: in the language that its browser got."""
    for language in messages.languages():
        assert messages.best(messages.header_for(language)) == language


async def test_a_program_reads_english_whatever_it_asks_for(site: Site) -> None:
    answer = await site.shop.get("/usecases/triag", headers=OTHER)
    assert answer.json()["detail"] == "There is no use case 'triag' here."


async def test_what_is_stored_is_english(site: Site) -> None:
    """A person with another language acts on the console; no table has a word of it."""
    async with browsing(site, "reviewer") as browser:
        answers = [await browser.post(path, data=form, headers=OTHER) for path, form in ACTS]
    assert {answer.status_code for answer in answers} <= {200, 409, 422}
    assert any(MARK in answer.text for answer in answers)
    tables = await site.app.database.fetch(
        "SELECT format('%%I.%%I', schemaname, tablename) AS name FROM pg_tables "
        "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
        {},
    )
    assert len(tables) > 20
    for table in tables:
        rows = await site.app.database.fetch(
            f"SELECT to_json(t)::text AS row FROM {table['name']} t"
        )
        assert [row["row"] for row in rows if MARK in row["row"]] == [], table["name"]
