"""Halting everything while one use case cannot be halted: the others are, and it is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from roadbed.bootstrap import open_app
from roadbed.kernel.settings import Settings
from tests.acceptance.test_cli import Terminal
from tests.browsing import browsing
from tests.conftest import Folders, serving

HALT = {"reason": "everything"}


@contextmanager
def held(url: str, name: str) -> Iterator[None]:
    """The gate of a use case is held, with a short lock timeout."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext('halt'), hashtext(%s))", [name])
        yield


@pytest.fixture
def three(folders: Folders, url: str) -> str:
    """Three use cases; the lock timeout of the database is 0.2 s."""
    for name in ("first", "second", "triage"):
        folders.write(name=name)
    with psycopg.connect(url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET lock_timeout = '200ms'")
    return url


async def test_the_others_are_halted_and_the_one_is_named(three: str, settings: Settings) -> None:
    async with open_app(settings, three) as app:
        with held(three, "second"):
            result = await app.halts.halt_all(reason="everything", actor="ana")
        assert [halt.use_case for halt in result.halts] == ["first", "triage"]
        assert list(result.failed) == ["second"]
        assert "lock timeout" in result.failed["second"]
        assert [item.use_case for item in await app.halts.in_force()] == ["first", "triage"]
        again = await app.halts.halt_all(reason="everything", actor="ana")
        assert (len(again.halts), again.failed) == (3, {})


async def test_http_and_console_say_so(three: str, settings: Settings) -> None:
    async with serving(settings, three) as site:
        with held(three, "second"):
            answer = await site.shop.post("/halt", json=HALT)
            assert answer.status_code == 503
            body: dict[str, Any] = answer.json()
            assert body["code"] == "halt_incomplete"
            assert body["detail"].startswith("2 of 3 use cases are halted.")
            assert [field["field"] for field in body["fields"]] == ["second"]
            async with browsing(site) as browser:
                page = await browser.post("/halt", data=HALT)
            assert page.status_code == 503
            assert "These may still run: second." in page.text
            assert "lock timeout" in page.text
        assert (await site.shop.post("/halt", json=HALT)).status_code == 200


async def test_the_terminal_says_so_and_ends_with_a_failure(
    three: str, settings: Settings, tmp_path: Path
) -> None:
    async with open_app(settings, three):
        pass
    terminal = Terminal(tmp_path, three)
    with held(three, "second"):
        told = terminal.run("halt", "--all", "--reason", "everything", code=1)
        assert "Halted first: fenced after" in told
        assert "Halted triage: fenced after" in told
        assert "NOT HALTED second: " in terminal.errors
        assert "2 of 3 use cases are halted" in terminal.errors
        result = terminal.json("halt", "--all", "--reason", "everything", code=1)
        assert list(result["failed"]) == ["second"]  # type: ignore[call-overload]
    assert "Halted second" in terminal.run("halt", "--all", "--reason", "everything")
