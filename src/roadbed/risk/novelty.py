"""New kinds of work: an alarm on reviewers' labels, and the threshold to live with meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from roadbed.risk.certificate import Certificate, Training, certify
from roadbed.risk.losses import Bools, Floats, Losses

KIND_ALARM = 50.0
_SHARE_BEFORE, _SHARE_AFTER = 0.01, 0.06
AT_ONCE = 0.20  # of traffic assumed new right after the alarm
LATER = 0.08
CAUTIOUS_IMPROVEMENTS = 2  # how many improvements after the alarm may still lean on the bridge


@dataclass(slots=True, kw_only=True)
class KindAlarm:
    """A CUSUM of the kinds that reviewers meet, against those a version was trained on.

    ``evidence`` compares a share of 6 % of unknown kinds with one of 1 %; alarm at ``KIND_ALARM``.
    """

    evidence: float = 1.0
    seen: int = 0
    new: int = 0
    sounded: bool = False

    def add(self, *, unknown: bool) -> None:
        """A reviewed task's kind, in the order drawn."""
        factor = (
            _SHARE_AFTER / _SHARE_BEFORE
            if unknown
            else (1.0 - _SHARE_AFTER) / (1.0 - _SHARE_BEFORE)
        )
        self.evidence = min(max(self.evidence, 1.0) * factor, 1e300)
        self.seen += 1
        self.new += unknown
        self.sounded = self.sounded or self.evidence >= KIND_ALARM


class PseudoNovelty(Training, Protocol):
    """Training data with ``novel``: the same confidence on rows of kinds hidden while fitting."""

    @property
    def novel(self) -> Floats: ...


def bridge(
    *,
    confidence: Floats,
    wrong: Losses,
    training: PseudoNovelty,
    share_new: float,
    risk_limit: float,
    delta: float,
    waiting: Bools | None = None,
    tries: int | None = None,
) -> Certificate:
    """A threshold for traffic of which a share of at most ``share_new`` is of a new kind.

    Assumes that all of it is answered wrongly and that it scores like the pseudo-novel rows; so it
    is no certificate and is never called one. (1 - eps) known + eps novel <= alpha.
    Arrays, ``tries`` and errors as for ``certify``.
    """
    novel = training.novel

    def limit_at(threshold: float) -> float:
        covered = float((confidence >= threshold).mean()) if len(confidence) else 0.0
        leak = float((novel >= threshold).mean()) if len(novel) else 1.0
        if covered == 0.0:
            return 0.0
        odds = share_new / (1.0 - share_new)
        return max(risk_limit - (1.0 - risk_limit) * odds * leak / covered, 0.0)

    return certify(
        confidence=confidence,
        wrong=wrong,
        out_of_fold=training,
        risk_limit=risk_limit,
        delta=delta,
        limit_at=limit_at,
        waiting=waiting,
        tries=tries,
    )
