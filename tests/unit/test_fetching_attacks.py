"""Pages that attack who fetches them: each costs itself only, and no address inside is reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from roadbed.kernel.clock import SystemClock
from roadbed.knowledge.sources import addresses
from roadbed.knowledge.sources.fetching import fetching
from roadbed.knowledge.sources.model import FetchResult, PageContent, PageFailure
from tests.web_pages import Web, serving_pages

PUBLIC = "93.184.215.14"
LOCAL = ("127.0.0.1",)


@pytest.fixture
def web() -> Iterator[Web]:
    with serving_pages() as web:
        web.pages["/page"] = b"A page."
        yield web


async def fetched(
    address: str,
    private_hosts: Sequence[str] = LOCAL,
    *,
    most_bytes: int = 1_000_000,
    seconds: float = 20.0,
    resolved: Sequence[str] | None = None,
) -> FetchResult:
    """What an address gives; ``resolved``: each name has these addresses."""

    async def resolver(host: str, _port: int) -> Sequence[str]:
        return [host] if resolved is None else resolved

    async with fetching(
        SystemClock(), most_bytes=most_bytes, seconds=seconds, resolver=resolver
    ) as fetcher:
        return await fetcher.fetch(address, None, private_hosts=private_hosts)


def why(result: FetchResult) -> str:
    assert isinstance(result, PageFailure)
    return result.detail


class TestAddresses:
    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.1.1",
            "169.254.169.254",
            "[::1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::a00:1]",
            "100.64.0.1",
            "0.0.0.0",
        ],
    )
    async def test_inside_addresses_are_refused(self, host: str) -> None:
        result = await fetched(f"http://{host}/", private_hosts=())
        assert "may not be reached" in why(result) or "names no host" in why(result)

    async def test_a_name_with_an_inside_address_says_how_to_allow_it(self, web: Web) -> None:
        result = await fetched("http://wiki.example.org/", (), resolved=["10.0.0.1"])
        assert why(result).endswith("name it in Library(private_hosts=…).")

    async def test_one_inside_address_among_others_is_enough(self) -> None:
        result = await fetched("http://example.org/", (), resolved=[PUBLIC, "127.0.0.1"])
        assert "may not be reached" in why(result)

    async def test_the_metadata_service_is_refused_even_if_it_is_declared(self) -> None:
        host = "169.254.169.254"
        result = await fetched(f"http://{host}/latest", (host,))
        assert "metadata service" in why(result)

    async def test_a_redirect_inside_is_refused(self, web: Web) -> None:
        port = web.url.rpartition(":")[2]
        web.redirects["/page"] = f"http://127.0.0.2:{port}/secret"
        result = await fetched(f"{web.url}/page")
        assert "127.0.0.2 may not be reached" in why(result)
        assert web.count("/secret") == []

    @pytest.mark.parametrize(
        "target",
        ["file:///etc/passwd", "gopher://127.0.0.1/", "http://", "http://a@127.0.0.1/", ""],
    )
    async def test_a_redirect_to_no_page_is_refused(self, web: Web, target: str) -> None:
        web.redirects["/page"] = target
        failure = why(await fetched(f"{web.url}/page"))
        assert "It redirects" in failure

    async def test_a_circle_of_redirects_ends(self, web: Web) -> None:
        web.redirects.update({"/page": "/other", "/other": "/page"})
        assert why(await fetched(f"{web.url}/page")) == "It redirects more than 5 times."
        assert len(web.asked) == 6

    def test_encryption_is_not_left(self) -> None:
        assert addresses.downgrades("https://example.org/a", "http://example.org/a")
        assert not addresses.downgrades("http://example.org/a", "http://example.org/b")
        assert not addresses.downgrades("http://example.org/a", "https://example.org/a")


class TestAnswers:
    @pytest.mark.parametrize("trouble", ["endless", "header", "headers", "gzip", "cut"])
    async def test_it_ends_with_a_reason(self, web: Web, trouble: str) -> None:
        web.trouble["/page"] = trouble
        assert why(await fetched(f"{web.url}/page"))

    async def test_an_endless_body_is_not_kept(self, web: Web) -> None:
        web.trouble["/page"] = "endless"
        result = await fetched(f"{web.url}/page", most_bytes=200_000)
        assert why(result) == "It has more than 200,000 bytes."

    async def test_a_compressed_answer_is_not_expanded(self, web: Web) -> None:
        web.trouble["/page"] = "gzip"
        assert why(await fetched(f"{web.url}/page")).startswith("It answered compressed")

    @pytest.mark.parametrize("trouble", ["silent", "drops"])
    async def test_a_slow_server_has_its_time_in_all(self, web: Web, trouble: str) -> None:
        web.trouble["/page"] = trouble
        result = await fetched(f"{web.url}/page", seconds=0.5)
        assert "No whole answer came within 0.5 s." in why(result)
        assert isinstance(result, PageFailure)
        assert result.unreachable

    async def test_exactly_what_is_allowed_is_kept(self, web: Web) -> None:
        web.pages["/page"] = b"x" * 1_000
        result = await fetched(f"{web.url}/page", most_bytes=1_000)
        assert isinstance(result, PageContent)
        assert len(result.content) == 1_000
        assert (
            why(await fetched(f"{web.url}/page", most_bytes=999)) == "It has more than 999 bytes."
        )

    async def test_a_304_that_nobody_asked_for_is_no_page(self, web: Web) -> None:
        web.statuses["/page"] = 304
        assert why(await fetched(f"{web.url}/page")) == "It answered 304."


class TestPaths:
    @pytest.mark.parametrize(
        ("address", "path"),
        [
            ("https://www.example.org/handbook/leave.html", "www.example.org/handbook/leave.html"),
            ("https://WWW.example.org", "www.example.org/index.html"),
            ("http://example.org:80/a/", "example.org/a/index.html"),
            ("http://example.org:8080/a?b=1&c=%20#d", "example.org:8080/a?b=1&c=%20"),
            ("https://example.org/%68r/p%C3%A4y", "example.org/hr/p%C3%A4y"),
            ("https://bücher.example/ä", "xn--bcher-kva.example/%C3%A4"),
        ],
    )
    def test_host_path_and_query(self, address: str, path: str) -> None:
        [page], problems = addresses.listed(address)
        assert (page.path, problems) == (path, [])
        assert page.address == address.partition("#")[0].strip()

    @pytest.mark.parametrize(
        "line",
        [
            "example.org/a",
            "ftp://example.org/a",
            "file:///etc/passwd",
            "http://ana:secret@example.org/",
            "http://example.org/a/%2e%2e/b",
            "http://example.org/a/..%2fb",
            "http://",
            "http://example.org/" + "a" * 3_000,
            "http://exa mple.org/",
            "http://example.org:99999/",
        ],
    )
    def test_what_is_no_address_is_named(self, line: str) -> None:
        pages, problems = addresses.listed(f"\n{line}\nhttps://example.org/fine\n")
        assert len(pages) == 1
        assert [problem.partition(":")[0] for problem in problems] == ["line 2"]

    def test_two_addresses_with_one_path_are_a_mistake(self) -> None:
        pages, problems = addresses.listed(
            "http://example.org/a\nhttp://example.org/a#b\nhttps://example.org/a\n"
        )
        assert len(pages) == 1
        assert problems == ["line 3: its document has the same path as that of line 1"]
