"""Chips: the state of a thing as sign, word and colour. One scheme for everything in the console."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from roadbed.decisions.model import Deployment

# What a colour says: it runs, it is under way, a person should look, it is stopped or failed, or
# nothing at all. The sign says the same without colour.
Tone = Literal["good", "moving", "warn", "stop", "quiet"]


@dataclass(frozen=True, slots=True)
class Chip:
    """A state: ``sign`` and ``word`` say it, ``tone`` colours it."""

    sign: str
    word: str
    tone: Tone

    def __str__(self) -> str:
        return f"{self.sign} {self.word}"

    def __html__(self) -> str:
        return Markup(
            '<span class="chip {tone}"><span aria-hidden="true">{sign}</span> {word}</span>'
        ).format(tone=self.tone, sign=self.sign, word=self.word)


DELIVERIES: Mapping[str, Chip] = {
    "stuck": Chip("■", "stuck", "stop"),
    "unknown": Chip("?", "unknown", "warn"),
    "failed": Chip("!", "failed", "warn"),
    "held": Chip("!", "held", "warn"),
    "planned": Chip("○", "planned", "quiet"),
    "waiting": Chip("○", "waiting", "quiet"),
    "sending": Chip("◐", "sending", "moving"),
    "delivered": Chip("●", "delivered", "good"),
    "skipped": Chip("–", "skipped", "quiet"),
    "refused": Chip("×", "refused", "stop"),
    "cancelled": Chip("×", "cancelled", "quiet"),
    "compensating": Chip("◐", "being taken back", "moving"),
    "compensated": Chip("↶", "taken back", "quiet"),
}
RELEASES: Mapping[str, Chip] = {
    "planned": Chip("○", "planned", "quiet"),
    "gated": Chip("◐", "gate passed", "moving"),
    "failed": Chip("×", "gate failed", "stop"),
    "shadow": Chip("◐", "in shadow", "moving"),
    "canary": Chip("◐", "in canary", "moving"),
    "live": Chip("●", "live", "good"),
    "retired": Chip("–", "retired", "quiet"),
    "rolled_back": Chip("↶", "rolled back", "stop"),
    "withdrawn": Chip("×", "withdrawn", "quiet"),
}
VERSIONS: Mapping[str, Chip] = {
    "live": Chip("●", "live", "good"),
    "retired": Chip("○", "retired", "quiet"),
    "never": Chip("–", "never live", "quiet"),
}
# The promise of a use case: what its proof and its audit allow at the moment.
PROMISES: Mapping[str, Chip] = {
    "shadow": Chip("○", "not proven", "quiet"),
    "open": Chip("●", "open", "good"),
    "tightened": Chip("!", "tightened", "warn"),
    "cautious": Chip("!", "cautious", "warn"),
    "halted": Chip("■", "halted", "stop"),
}
_USE_CASES: Mapping[str, Chip] = {
    "shadow": Chip("○", "proposes only", "quiet"),
    "open": Chip("●", "automatic", "good"),
    "tightened": Chip("!", "tightened", "warn"),
    "cautious": Chip("!", "cautious", "warn"),
    "audit": Chip("■", "halted by the audit", "stop"),
    "halted": Chip("■", "halted", "stop"),
    "retired": Chip("–", "retired", "quiet"),
}


def of_use_case(service: Deployment) -> Chip:
    """The state of a use case as a whole."""
    if service.retired:
        return _USE_CASES["retired"]
    if service.halted:
        return _USE_CASES["halted"]
    if service.live.state == "halted":
        return _USE_CASES["audit"]
    return _USE_CASES["shadow" if service.live.threshold is None else service.live.state]
