"""New kinds of work: a CUSUM alarm on labels, and the threshold of cautious mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from roadbed.risk.certificate import Certificate, TrainingScores, certify
from roadbed.risk.losses import Bools, Floats, Losses

KIND_ALARM = 50.0
_SHARE_BEFORE, _SHARE_AFTER = 0.01, 0.06
AT_ONCE = 0.20  # assumed share of new traffic right after the alarm
LATER = 0.08
CAUTIOUS_IMPROVEMENTS = 2  # improvements after the alarm that may use cautious mode


@dataclass(slots=True, kw_only=True)
class KindAlarm:
    """CUSUM of the share of tasks whose kind is not in the training data.

    Likelihood ratio of a share of 6 % against 1 %; alarm at ``KIND_ALARM``.
    """

    evidence: float = 1.0
    seen: int = 0
    new: int = 0
    raised: bool = False

    def add(self, *, unknown: bool) -> None:
        """Add a reviewed task, in the order drawn."""
        factor = (
            _SHARE_AFTER / _SHARE_BEFORE
            if unknown
            else (1.0 - _SHARE_AFTER) / (1.0 - _SHARE_BEFORE)
        )
        self.evidence = min(max(self.evidence, 1.0) * factor, 1e300)
        self.seen += 1
        self.new += unknown
        self.raised = self.raised or self.evidence >= KIND_ALARM


class PseudoNovelty(TrainingScores, Protocol):
    """Training data with ``novel``: confidence on kinds that were held out of the fit."""

    @property
    def novel(self) -> Floats: ...


def cautious_threshold(
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
    """Threshold of cautious mode: at most a share ``share_new`` of traffic is of a new kind.

    Assumes that all new tasks are answered wrongly and that their confidence is distributed like
    that of the held-out kinds: (1 - eps) known + eps novel <= alpha. Because of these assumptions
    the result is not a certificate. Arrays, ``tries`` and errors as in ``certify``.
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
