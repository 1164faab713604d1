"""A release as lines of text, and as it moves. Imported on use, since it needs numpy."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from roadbed.cli.identity import readable
from roadbed.cli.output import say, say_in_place
from roadbed.people.model import named
from roadbed.releases import presentation, report_presentation
from roadbed.releases.lifecycle import UNDER_WAY
from roadbed.versions.model import Release

if TYPE_CHECKING:
    from roadbed.app import App

_WIDTH = 9


def listed(releases: Sequence[Release], usecase: str) -> str:
    """One line for each release; for none, the command that plans one."""
    return (
        "\n".join(
            f"{item.number:>3}  {item.step.replace('_', ' '):11}  "
            f"{presentation.name(item):12}  "
            f"{item.planned_at:%Y-%m-%d %H:%M} UTC  {item.author}  {item.reason}".rstrip()
            for item in releases
        )
        or f"No release yet: `roadbed release plan {usecase}` plans one."
    )


def told(release: Release) -> str:
    """The whole release."""
    return "\n".join(_lines(release))


def _lines(release: Release) -> Iterator[str]:
    yield f"{release.use_case}, release {release.number}  {release.id}"
    yield presentation.sentence(release)
    yield ""
    yield from _steps(release)
    if release.gate is not None:
        yield ""
        yield "Gate"
        yield from (f"  {line}" for line in report_presentation.gate_lines(release.gate))
    if report_presentation.current_trial(release):
        yield ""
        yield "Trial"
        yield from (
            f"  {item}"
            for item in report_presentation.trial_lines(report_presentation.current_trial(release))
        )
    yield from _signed(release)
    yield ""
    yield f"By {release.author}" + (f": {release.reason}" if release.reason else "")
    if release.content:
        yield f"Content {release.content}"
    yield from ahead(release)


def _steps(release: Release) -> Iterator[str]:
    for step in presentation.steps(release):
        when = f"{step.at:%Y-%m-%d %H:%M} UTC" if step.at and step.state != "left out" else ""
        waits = [f"waits {what} since {at:%Y-%m-%d %H:%M} UTC" for what, at in step.waits]
        said = "  ".join(filter(None, [when, step.note, *waits])) or step.state
        yield f"  {step.sign} {step.name:{_WIDTH}}{said}"


def _signed(release: Release) -> Iterator[str]:
    if not release.sign_offs and not release.missing:
        return
    yield ""
    yield "Sign-offs"
    for off in release.sign_offs:
        word = "approved" if off.verdict == "approve" else "refused"
        line = f"{'✓' if off.counts and word == 'approved' else '×'} {named([off.role])}: "
        line += f"{off.person} {word}, {off.given_at:%Y-%m-%d %H:%M} UTC"
        line += f", does not count: {off.why_not}" if not off.counts and off.why_not else ""
        yield f"  {line}" + (f"  “{off.note}”" if off.note else "")
    for role in presentation.unanswered_roles(release):
        yield f"  ○ {named([role])}: nobody yet"


def ahead(release: Release) -> Iterator[str]:
    """The next step and its command."""
    if release.step not in UNDER_WAY:
        return
    if release.missing and release.content:
        yield (
            f"Before it decides, the {named(release.missing)} "
            f"{'has' if len(release.missing) == 1 else 'have'} to read this and run "
            f"`roadbed release sign {release.use_case} --content {release.content[:12]}`"
        )
    if release.next == "sign":
        return
    if release.waits_for:
        yield f"It waits for more tasks; `roadbed release watch {release.use_case}` follows it."
    elif release.next:
        yield f"Next: `roadbed release {release.next} {release.use_case}`"


async def follow(services: App, release: Release, *, every: float, as_json: bool) -> Release:
    """Print each change until a person has to act or it ends; a terminal shows one place."""
    before, tall = "", 0
    while True:
        checked = await services.releases.check_trial(release.id)
        release = await readable(services).release(checked)
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
    """Whether it continues without a person."""
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
