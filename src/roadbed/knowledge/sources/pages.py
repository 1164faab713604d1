"""Pages: what the addresses of a library gave when they were asked, in the database."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, assert_never

from roadbed.kernel.clock import Clock
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.knowledge.reading.process import DEFAULT_LIMITS, ReadingLimits
from roadbed.knowledge.sources import contents, fetching
from roadbed.knowledge.sources.contents import SQL, ContentKey
from roadbed.knowledge.sources.fetching import Fetcher
from roadbed.knowledge.sources.model import (
    FetchedPage,
    FetchResult,
    Listed,
    PageContent,
    PageFailure,
    UnchangedPage,
)
from roadbed.knowledge.sources.rows import PagesRow
from roadbed.storage.database import Database

_AT_ONCE = 4  # addresses that are asked at the same time
_RETRY_SECONDS = 3_600.0  # until an address that failed is asked again without a person
_MOST_SILENT = 3  # addresses of a host that give no answer before its others are left out


class Pages:
    """The fetched pages of libraries. ``fetch_seconds``: how old a page may be; 0: any age."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        fetch_seconds: float,
        limits: ReadingLimits = DEFAULT_LIMITS,
        seconds: float = fetching.SECONDS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._fetch_seconds = fetch_seconds
        self._limits = limits
        self._seconds = seconds

    async def list(
        self, use_case: str, paths: Sequence[str] | None = None
    ) -> Mapping[str, FetchedPage]:
        """The pages by path, or those of some ``paths``."""
        facts = {"use_case": use_case, "paths": None if paths is None else list(paths)}
        rows = await self._database.fetch(SQL["pages"], facts)
        return {row["path"]: _page(row) for row in rows}

    async def due(self, use_case: str, addresses: Sequence[Listed]) -> Sequence[Listed]:
        """The addresses that are to be asked without a person: new ones, and after their time."""
        known = await self.list(use_case)
        now = self._clock.now()

        def is_due(listed: Listed) -> bool:
            page = known.get(listed.path)
            if page is None or page.address != listed.address:
                return True
            wait = self._fetch_seconds
            if page.state == "failed":
                wait = min(wait, _RETRY_SECONDS)
            return bool(wait) and now - page.asked_at >= timedelta(seconds=wait)

        return [listed for listed in addresses if is_due(listed)]

    async def fetch(
        self,
        use_case: str,
        addresses: Sequence[Listed],
        *,
        private_hosts: Collection[str],
        silent: dict[str, int],
    ) -> None:
        """Ask addresses, and store what each gave. A failure is stored and keeps the content.

        ``silent`` counts by host the addresses that gave no answer, over several calls.
        """
        known = await self.list(use_case, [listed.path for listed in addresses])
        waiting = iter(addresses)
        limit = self._limits.largest_file
        async with fetching.fetching(
            self._clock, most_bytes=limit, seconds=self._seconds
        ) as fetcher:

            async def work() -> None:
                for listed in waiting:
                    page = known.get(listed.path)
                    result = await _fetched(fetcher, listed, page, private_hosts, silent)
                    await self._store(use_case, listed, result)

            try:
                async with asyncio.TaskGroup() as group:
                    for _worker in range(min(_AT_ONCE, len(addresses))):
                        group.create_task(work())
            except ExceptionGroup as failed:
                raise failed.exceptions[0] from failed

    async def forget_unlisted(self, use_case: str, addresses: Sequence[Listed]) -> None:
        """Remove pages whose addresses are not listed and whose documents have left the library."""
        facts = {"use_case": use_case, "paths": [listed.path for listed in addresses]}
        async with self._database.transaction() as connection:
            await contents.lock(connection, use_case)
            await connection.execute(SQL["delete_unlisted_pages"], facts)
            await contents.delete_unused(connection, use_case)

    async def _store(self, use_case: str, listed: Listed, result: FetchResult) -> None:
        facts = {
            "use_case": use_case,
            "path": listed.path,
            "address": listed.address,
            "at": self._clock.now(),
        }
        async with self._database.transaction() as connection:
            await contents.lock(connection, use_case)
            match result:
                case PageContent():
                    digest = await asyncio.to_thread(hashlib.sha256, result.content)
                    key = ContentKey(content_hash=digest.hexdigest(), bytes=len(result.content))
                    await contents.keep(connection, use_case, key, io.BytesIO(result.content))
                    await connection.execute(
                        SQL["put_page"],
                        {
                            **facts,
                            "content_hash": key.content_hash,
                            "etag": result.etag,
                            "last_modified": result.last_modified,
                            "modified_at": result.modified_at,
                        },
                    )
                    await contents.delete_unused(connection, use_case)
                case UnchangedPage():
                    await connection.execute(SQL["page_unchanged"], facts)
                case PageFailure():
                    state = "gone" if result.gone else "failed"
                    facts = {**facts, "state": state, "detail": result.detail}
                    await connection.execute(SQL["page_failed"], facts)
                case _:
                    assert_never(result)


def _page(row: PagesRow) -> FetchedPage:
    facts: dict[str, Any] = dict(row)
    return FetchedPage(**facts)


async def _fetched(
    fetcher: Fetcher,
    listed: Listed,
    known: FetchedPage | None,
    private_hosts: Collection[str],
    silent: dict[str, int],
) -> FetchResult:
    """What an address gives; one of a host that stays silent is not asked."""
    host = listed.path.partition("/")[0]
    if silent.get(host, 0) >= _MOST_SILENT:
        return PageFailure(
            detail=stored_sentence(
                "Other addresses of %(host)s did not answer, so this one was not asked.", host=host
            )
        )
    result = await fetcher.fetch(listed.address, known, private_hosts=private_hosts)
    if isinstance(result, PageFailure) and result.unreachable:
        silent[host] = silent.get(host, 0) + 1
    else:
        silent.pop(host, None)
    return result
