"""Static files: addresses that contain their content's hash, compressed ahead, kept for good."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from roadbed.console import static_files

VENDOR = Path(static_files.__file__).parent / "static" / "vendor"
MOST = 60_000  # bytes of all files together, compressed


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    app = Starlette(routes=[Mount(static_files.PREFIX, static_files.serve)])
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.mark.parametrize("name", static_files.FILES)
async def test_a_file_is_kept_for_good_and_sent_compressed(
    client: httpx2.AsyncClient, name: str
) -> None:
    file = static_files.FILES[name]
    plain = await client.get(static_files.address(name), headers={"accept-encoding": "identity"})
    packed = await client.get(static_files.address(name), headers={"accept-encoding": "br, gzip"})
    assert plain.content == packed.content == file.content
    assert gzip.decompress(file.compressed) == file.content
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    for answer in (plain, packed):
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["vary"] == "accept-encoding"
    refused = {"accept-encoding": "gzip;q=0"}
    answer = await client.get(static_files.address(name), headers=refused)
    assert "content-encoding" not in answer.headers


async def test_an_address_changes_with_the_content(client: httpx2.AsyncClient) -> None:
    address = static_files.address("console.js")
    digest = hashlib.sha256(static_files.FILES["console.js"].content).hexdigest()
    assert address == f"/static/{digest[:16]}/console.js"
    for wrong in (
        address.replace(digest[:4], "0000"),
        "/static/console.js",
        f"/static/{digest[:16]}/live.js",
        f"/static/{digest[:16]}/../console.js",
        "/static/vendor/README.md",
    ):
        assert (await client.get(wrong)).status_code == 404, wrong
    assert (await client.post(address)).status_code == 405


async def test_a_browser_that_has_a_file_gets_nothing(client: httpx2.AsyncClient) -> None:
    address = static_files.address("console.css")
    etag = (await client.get(address)).headers["etag"]
    again = await client.get(address, headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")


def test_all_files_are_small_together() -> None:
    sizes = {name: len(file.compressed) for name, file in static_files.FILES.items()}
    print(sizes)
    assert sum(sizes.values()) <= MOST


def test_scripts_of_others_are_what_their_table_says() -> None:
    table = (VENDOR / "README.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\S+)` .*`([0-9a-f]{64})`", table, re.MULTILINE))
    assert told == {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in VENDOR.iterdir()
        if file.suffix == ".js"
    }
