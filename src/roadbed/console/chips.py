"""Chips: the state of a thing as sign, word and colour, in one scheme for the whole console."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from markupsafe import Markup

from roadbed.decisions.model import Deployment
from roadbed.kernel.messages import gettext as _

# What a colour says: it runs, it is under way, a person should look, it is stopped or failed, or
# nothing at all. The sign says the same without colour.
Tone = Literal["good", "moving", "warn", "stop", "quiet"]


@dataclass(frozen=True, slots=True)
class Chip:
    """A state: ``sign`` and ``word`` say it, ``tone`` colours it.

    ``word`` is English; it is shown in the language of whoever reads.
    """

    sign: str
    word: str
    tone: Tone

    def __str__(self) -> str:
        return f"{self.sign} {_(self.word)}"

    def __html__(self) -> str:
        return Markup(
            '<span class="chip {tone}"><span aria-hidden="true">{sign}</span> {word}</span>'
        ).format(tone=self.tone, sign=self.sign, word=_(self.word))


# A task in a list: its route, or why it has none to show.
ROUTES: Mapping[str, Chip] = {
    "automatic": Chip("●", "automatic", "good"),
    "review": Chip("○", "review", "quiet"),
    "refused": Chip("×", "refused", "stop"),
    "deciding": Chip("◐", "deciding", "moving"),
    "noted": Chip("◦", "noted", "quiet"),
    "blind": Chip("○", "in the blind sample", "quiet"),
    "erased": Chip("–", "erased", "quiet"),
}
# A question in the console: what its answer says, or why there is none yet.
QUESTIONS: Mapping[str, Chip] = {
    "answer": Chip("●", "answered", "good"),
    "not_in_documents": Chip("○", "not in the documents", "warn"),
    "please_specify": Chip("?", "asks back", "warn"),
    "answered": Chip("●", "answered", "good"),
    "deciding": Chip("◐", "being answered", "moving"),
    "waiting": Chip("○", "a person checks it", "quiet"),
    "none_right": Chip("–", "no right answer", "quiet"),
    "refused": Chip("×", "refused", "stop"),
    "erased": Chip("–", "erased", "quiet"),
}
OUTCOMES: Mapping[str, Chip] = {
    "right": Chip("✓", "right", "good"),
    "wrong": Chip("×", "wrong", "warn"),
    "withheld": Chip("○", "shown after its blind review", "quiet"),
}
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
DOCUMENTS: Mapping[str, Chip] = {
    "current": Chip("●", "searched", "good"),
    "outdated": Chip("!", "older version searched", "warn"),
    "unreadable": Chip("×", "not readable", "stop"),
    "damaged": Chip("!", "searched, file damaged", "warn"),
    "deleted": Chip("–", "removed", "quiet"),
    "reported": Chip("!", "reported as outdated", "warn"),
    "left_out": Chip("–", "left out as outdated", "quiet"),
}
GAPS: Mapping[str, Chip] = {
    "open": Chip("!", "open", "warn"),
    "filled": Chip("●", "filled", "good"),
    "dismissed": Chip("–", "dismissed", "quiet"),
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
# A case of a release: what the candidate changed, or that its answer is not judged.
CASES: Mapping[str, Chip] = {
    "broken": Chip("×", "broken", "warn"),
    "fixed": Chip("✓", "fixed", "good"),
    "unknown": Chip("?", "unknown", "warn"),
    "differs": Chip("○", "differs", "quiet"),
}
VERSIONS: Mapping[str, Chip] = {
    "live": Chip("●", "live", "good"),
    "retired": Chip("○", "retired", "quiet"),
    "never": Chip("–", "never live", "quiet"),
}
JOBS: Mapping[str, Chip] = {
    "waiting": Chip("○", "waiting", "quiet"),
    "running": Chip("◐", "running", "moving"),
    "paused": Chip("■", "paused", "warn"),
    "done": Chip("●", "done", "good"),
    "failed": Chip("!", "failed", "warn"),
    "cancelled": Chip("×", "cancelled", "quiet"),
}
OVERDUE = Chip("!", "overdue", "warn")
PEOPLE: Mapping[str, Chip] = {
    "active": Chip("●", "active", "good"),
    "not confirmed": Chip("?", "not confirmed", "warn"),
    "disabled": Chip("×", "disabled", "quiet"),
}
# A use case as a whole: what its proof, its audit and people allow at the moment.
USE_CASES: Mapping[str, Chip] = {
    "shadow": Chip("○", "proposes only", "quiet"),
    "open": Chip("●", "automatic", "good"),
    "tightened": Chip("!", "tightened", "warn"),
    "cautious": Chip("!", "cautious", "warn"),
    "audit": Chip("■", "halted by the audit", "stop"),
    "halted": Chip("■", "halted", "stop"),
    "retired": Chip("–", "retired", "quiet"),
}
TASKS: Mapping[str, Chip] = {
    "deciding": Chip("◐", "being decided", "moving"),
    "answered": Chip("●", "automatic", "good"),
    "in_review": Chip("○", "waits for a person", "quiet"),
    "reviewed": Chip("●", "answered by a person", "good"),
    "refused": Chip("×", "refused", "stop"),
    "superseded": Chip("–", "replaced", "quiet"),
    "noted": Chip("–", "noted", "quiet"),
}
_BLIND = Chip("○", "blind sample", "quiet")
_ERASED = Chip("–", "erased", "quiet")
_WRONG = Chip("!", "automatic, found wrong", "warn")


def of_task(receipt: Mapping[str, Any]) -> Chip:
    """The state of a task as its receipt shows it to the viewer."""
    decision, review = receipt["decision"], receipt["review"]
    if receipt["erased"]:
        return _ERASED
    if decision and decision["hidden"]:
        return _BLIND
    if decision and decision["route"] == "automatic":
        verdict = review["verdict"] if review else None
        return _WRONG if verdict and not verdict["agrees"] else TASKS["answered"]
    return TASKS[receipt["state"]]


def of_use_case(service: Deployment) -> Chip:
    """The state of a use case as a whole."""
    if service.retired:
        return USE_CASES["retired"]
    if service.halted:
        return USE_CASES["halted"]
    if service.live.state == "halted":
        return USE_CASES["audit"]
    return USE_CASES["shadow" if service.live.threshold is None else service.live.state]
