"""Pages are compressed for the console itself, and never for what another site causes."""

from __future__ import annotations

import pytest

from tests.browsing import browsing
from tests.conftest import Site


@pytest.mark.parametrize(
    ("site_of", "compressed"),
    [
        ("same-origin", True),
        ("none", True),
        ("same-site", False),
        ("cross-site", False),
        (None, False),
    ],
)
async def test_a_page_is_compressed_for_its_own_site(
    site: Site, site_of: str | None, compressed: bool
) -> None:
    headers = {"accept-encoding": "gzip"} | ({"sec-fetch-site": site_of} if site_of else {})
    async with browsing(site) as client:
        answer = await client.get("/usecases/triage", headers=headers)
        plain = await client.get("/usecases/triage", headers={"accept-encoding": "identity"})
    assert (answer.headers.get("content-encoding") == "gzip") is compressed
    assert answer.headers["vary"] == "accept-encoding, sec-fetch-site"
    assert "<h1>triage</h1>" in answer.text
    assert "content-encoding" not in plain.headers
    assert answer.headers["cache-control"] == "no-store"


async def test_a_small_part_is_sent_as_it_is(site: Site) -> None:
    async with browsing(site) as client:
        headers = {"accept-encoding": "gzip", "sec-fetch-site": "same-origin", "x-part": "1"}
        answer = await client.get("/palette?q=nothing-like-this", headers=headers)
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers
