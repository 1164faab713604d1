"""A release as it moves, until a person has to act or it ended."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from roadbed.cli.output import say, say_in_place
from roadbed.cli.release_texts import ahead
from roadbed.releases import presentation, report_presentation
from roadbed.releases.lifecycle import UNDER_WAY
from roadbed.versions.model import Release

if TYPE_CHECKING:
    from roadbed.bootstrap import App


async def follow(services: App, release: Release, *, every: float, as_json: bool) -> Release:
    """Say what changes until a person has to act or it ended; in a terminal, in one place."""
    before, tall = "", 0
    while True:
        release = await services.releases.check_trial(release.id)
        text = _json(release) if as_json else "\n".join(_moving(release))
        if text != before:
            if tall and sys.stdout.isatty() and not as_json:
                say_in_place(text, tall)
            else:
                say(text)
            before, tall = text, len(text.splitlines())
        if not under_way(release):
            return release
        await asyncio.sleep(every)


def under_way(release: Release) -> bool:
    """Whether it moves on without anybody's word."""
    return release.step in UNDER_WAY and release.waits_for is not None


def _json(release: Release) -> str:
    from pydantic_core import to_json

    return to_json({"release": release}).decode()


def _moving(release: Release) -> Iterator[str]:
    yield presentation.sentence(release)
    yield from (
        f"  {line}"
        for line in report_presentation.trial_lines(report_presentation.current_trial(release))
    )
    yield from ahead(release)
