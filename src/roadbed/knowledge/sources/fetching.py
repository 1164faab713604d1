"""Fetching: asks an address for its page, with the guards that deliveries have.

Each hop is resolved, pinned and checked against private ranges. No cookie, proxy or credential is
sent. What is read is limited in bytes, and all hops together in time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from roadbed.connectors.egress import (
    EgressPool,
    ForbiddenAddressError,
    HttpEgressClient,
    Resolver,
    resolve,
    url_problem,
)
from roadbed.kernel.clock import Clock
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.knowledge.sources.addresses import LONGEST_ADDRESS, downgrades, redirected
from roadbed.knowledge.sources.model import (
    FetchedPage,
    FetchResult,
    PageContent,
    PageFailure,
    UnchangedPage,
)
from roadbed.usecases.destinations import (
    RefusedError,
    Response,
    TemporaryError,
    UnknownOutcomeError,
)

SECONDS = 60.0  # for a page with all its redirects
MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({404, 410})
_HEADERS = {"Accept": "*/*", "User-Agent": "Roadbed"}
_LONGEST_VALIDATOR = 1_000  # characters of an ETag that is stored and sent back


class Fetcher:
    """Fetches pages over connections that it keeps until it is closed."""

    def __init__(self, pool: EgressPool, *, most_bytes: int, seconds: float = SECONDS) -> None:
        self._pool = pool
        self._most_bytes = most_bytes
        self._seconds = seconds

    async def fetch(
        self, address: str, known: FetchedPage | None, *, private_hosts: Collection[str] = ()
    ) -> FetchResult:
        """What an address gives now.

        ``known`` is what it gave before: a page that did not change is not sent again.
        ``private_hosts`` may have addresses of private networks.
        """
        client = self._pool.attempt(self._seconds)
        conditions = _conditions(known) if known is not None and known.address == address else {}
        try:
            for _hop in range(MOST_REDIRECTS + 1):
                response = await self._ask(client, address, conditions, private_hosts)
                if isinstance(response, PageFailure) or response.status not in _REDIRECTS:
                    return self._result(response, asked=bool(conditions))
                target = redirected(address, response.headers.get("location", ""))
                if url_problem(target) is not None or len(target) > LONGEST_ADDRESS:
                    return PageFailure(
                        detail=stored_sentence("It redirects to what is no address of a page.")
                    )
                if downgrades(address, target):
                    return PageFailure(
                        detail=stored_sentence(
                            "It redirects to an address without encryption: %(target)s.",
                            target=target,
                        )
                    )
                address = target
        except (RefusedError, TemporaryError, UnknownOutcomeError) as error:
            return PageFailure(detail=str(error), unreachable=not isinstance(error, RefusedError))
        return PageFailure(
            detail=stored_sentence("It redirects more than %(most)s times.", most=MOST_REDIRECTS)
        )

    async def _ask(
        self,
        client: HttpEgressClient,
        address: str,
        conditions: dict[str, str],
        private_hosts: Collection[str],
    ) -> Response | PageFailure:
        host = httpx2.URL(address).raw_host.decode("ascii")
        private = host in private_hosts
        headers = {**_HEADERS, **conditions}
        try:
            return await client.request("GET", address, headers=headers, private=private)
        except ForbiddenAddressError as error:
            if private:
                raise
            return PageFailure(
                detail=stored_sentence(
                    "%(host)s may not be reached: %(why)s. If it is your own, name it in "
                    "Library(private_hosts=…).",
                    host=host,
                    why=error.why,
                )
            )

    def _result(self, response: Response | PageFailure, *, asked: bool) -> FetchResult:
        if isinstance(response, PageFailure):
            return response
        if response.status == 304 and asked:
            return UnchangedPage()
        if response.status != 200:
            return PageFailure(
                detail=stored_sentence("It answered %(status)s.", status=response.status),
                gone=response.status in _GONE,
            )
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            return PageFailure(
                detail=stored_sentence("It answered compressed, which was not asked for.")
            )
        if len(response.body) > self._most_bytes:
            most = f"{self._most_bytes:,}"
            return PageFailure(
                detail=stored_sentence("It has more than %(most)s bytes.", most=most)
            )
        last_modified = _validator(response, "last-modified")
        return PageContent(
            content=response.body,
            etag=_validator(response, "etag"),
            last_modified=last_modified,
            modified_at=_moment(last_modified),
        )


@asynccontextmanager
async def fetching(
    clock: Clock,
    *,
    most_bytes: int,
    seconds: float = SECONDS,
    resolver: Resolver = resolve,
) -> AsyncIterator[Fetcher]:
    """A fetcher that knows no secret; its connections are closed at the end."""
    pool = EgressPool({}, clock, resolver=resolver, body_limit=most_bytes + 1)
    try:
        yield Fetcher(pool, most_bytes=most_bytes, seconds=seconds)
    finally:
        await pool.aclose()


def _conditions(known: FetchedPage) -> dict[str, str]:
    """Headers that ask for the page only if it changed."""
    if known.content_hash is None:
        return {}
    stated = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in stated.items() if value}


def _validator(response: Response, name: str) -> str | None:
    """A header that is sent back later; one that cannot be sent is left out."""
    value = response.headers.get(name, "")
    sendable = value.isascii() and value.isprintable() and len(value) <= _LONGEST_VALIDATOR
    return value if value and sendable else None


def _moment(date: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(date or "")
    except (ValueError, TypeError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
