"""A release as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from roadbed.people.model import named
from roadbed.releases import (
    gate_presentation,
    release_presentation,
    steps,
    trial_presentation,
    waits,
)
from roadbed.releases.lifecycle import UNDER_WAY
from roadbed.versions.model import Release

_WIDTH = 9


def listed(found: Sequence[Release], usecase: str) -> str:
    """One line each; for none, the command that begins one."""
    return (
        "\n".join(
            f"{each.number:>3}  {each.step.replace('_', ' '):11}  "
            f"{release_presentation.name(each):12}  "
            f"{each.planned_at:%Y-%m-%d %H:%M} UTC  {each.author}  {each.reason}".rstrip()
            for each in found
        )
        or f"No release yet: `roadbed release plan {usecase}` begins one."
    )


def told(release: Release) -> str:
    """The whole release."""
    return "\n".join(_lines(release))


def _lines(release: Release) -> Iterator[str]:
    yield f"{release.use_case}, release {release.number}  {release.id}"
    yield release_presentation.sentence(release)
    yield ""
    yield from _ladder(release)
    if release.gate is not None:
        yield ""
        yield "Gate"
        yield from (f"  {each}" for each in gate_presentation.gate_lines(release.gate))
    if trial_presentation.newest(release):
        yield ""
        yield "Trial"
        yield from (
            f"  {each}"
            for each in trial_presentation.evidence_lines(trial_presentation.newest(release))
        )
    yield from _signed(release)
    yield ""
    yield f"By {release.author}" + (f": {release.reason}" if release.reason else "")
    if release.content:
        yield f"Content {release.content}"
    yield from ahead(release)


def _ladder(release: Release) -> Iterator[str]:
    for each in steps.rungs(release):
        when = f"{each.at:%Y-%m-%d %H:%M} UTC" if each.at and each.state != "left out" else ""
        waits = [f"waits {what} since {at:%Y-%m-%d %H:%M} UTC" for what, at in each.waits]
        said = "  ".join(filter(None, [when, each.note, *waits])) or each.state
        yield f"  {each.sign} {each.name:{_WIDTH}}{said}"


def _signed(release: Release) -> Iterator[str]:
    if not release.sign_offs and not release.missing:
        return
    yield ""
    yield "Sign-offs"
    for each in release.sign_offs:
        word = "approved" if each.verdict == "approve" else "refused"
        line = f"{'✓' if each.counts and word == 'approved' else '×'} {named([each.role])}: "
        line += f"{each.person} {word}, {each.given_at:%Y-%m-%d %H:%M} UTC"
        line += f", does not count: {each.why_not}" if not each.counts and each.why_not else ""
        yield f"  {line}" + (f"  “{each.note}”" if each.note else "")
    yield from (f"  ○ {named([each])}: nobody yet" for each in waits.silent(release))


def ahead(release: Release) -> Iterator[str]:
    """What comes next, and the command for it."""
    if release.step not in UNDER_WAY:
        return
    if release.missing and release.content:
        yield (
            f"Before it decides, the {named(release.missing)} "
            f"{'has' if len(release.missing) == 1 else 'have'} to read this and say "
            f"`roadbed release sign {release.use_case} --content {release.content[:12]}`"
        )
    if release.next == "sign":
        return
    if release.waits_for:
        yield f"It waits for more tasks; `roadbed release watch {release.use_case}` follows it."
    elif release.next:
        yield f"Next: `roadbed release {release.next} {release.use_case}`"
