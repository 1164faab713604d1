"""Replays of the running audit and of the alarm for new kinds: from rows to figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from roadbed.guarantee.model import AuditPoint
from roadbed.guarantee.rows import KindsRow, OutcomesRow
from roadbed.risk.audit import RunningAudit
from roadbed.risk.novelty import KindAlarm
from roadbed.scoring.content import canonical
from roadbed.usecases.use_case import RiskMeasure

Row = Mapping[str, Any]  # JSON of the database

_MOST_POINTS = 120
MARK_EVERY = 1_000  # labels read between two marks from which an inspection can continue


@dataclass(kw_only=True, slots=True)
class AuditReplay:
    """The audit of one version, and its way there, from its sample in the order drawn."""

    audit: RunningAudit
    risk_measure: RiskMeasure
    path: list[AuditPoint] = field(default_factory=list)
    overdue: int = 0

    @classmethod
    def from_state(
        cls,
        risk_limit: float,
        delta: float,
        risk_measure: RiskMeasure,
        state: Row | None,
    ) -> AuditReplay:
        """One that has read nothing, or stands where ``state`` was kept."""
        if state is None:
            audit = RunningAudit(risk_limit=risk_limit, delta=delta)
            return cls(audit=audit, risk_measure=risk_measure)
        return cls(
            audit=RunningAudit.of(state["audit"]),
            risk_measure=risk_measure,
            path=[AuditPoint(**point) for point in state["path"]],
            overdue=state["overdue"],
        )

    def continue_with(self, rows: Iterable[OutcomesRow], *, upto: str) -> list[dict[str, object]]:
        """Read ``rows``; return marks to continue from, all before the task ``upto``.

        A row is one drawn automatic answer with the ``passed`` others since the one before and the
        ``weight`` of these. Late ones count as wrong; those whose label may still come are passed
        to the audit, and no mark is set after one.
        """
        marks: list[dict[str, object]] = []
        final = True
        for number, row in enumerate(rows, 1):
            self.audit.pass_over(row["passed"], row["weight"])
            final = final and row["loss"] is not None and row["id"] < upto
            self.overdue += row["late"]
            if row["loss"] is None:
                self.audit.wait()
                continue
            self.audit.add(
                wrong=_loss(row["loss"], self.risk_measure, agrees=row["agrees"]), rate=row["rate"]
            )
            self.path.append(
                AuditPoint(
                    automated=self.audit.automated,
                    estimate=self.audit.estimate or 0.0,
                    upper=1.0 if self.audit.upper is None else self.audit.upper,
                    harm=self.audit.harm,
                    change=self.audit.change,
                )
            )
            if final and number % MARK_EVERY == 0:
                self.path = thinned(self.path)
                marks.append({"last": row["id"], "state": self._state()})
        return marks

    def _state(self) -> dict[str, object]:
        return {
            "audit": asdict(self.audit),
            "path": [asdict(point) for point in self.path],
            "overdue": self.overdue,
        }


@dataclass(kw_only=True, slots=True)
class KindReplay:
    """The kind alarm over reviewed tasks in the order drawn.

    ``known`` are marks of the outputs that the version was trained on; ``None`` if it does not say.
    """

    alarm: KindAlarm
    known: frozenset[str] | None

    @classmethod
    def from_state(cls, known: frozenset[str] | None, state: Row | None) -> KindReplay:
        """One that has read nothing, or stands where ``state`` was kept."""
        return cls(alarm=KindAlarm() if state is None else KindAlarm(**state), known=known)

    def continue_with(self, rows: Iterable[KindsRow], *, upto: str) -> list[dict[str, object]]:
        """Read ``rows``; return marks to continue from, all before the task ``upto``."""
        marks: list[dict[str, object]] = []
        for number, row in enumerate(rows, 1):
            unseen = self.known is not None and canonical(row["right_output"]) not in self.known
            self.alarm.add(unknown=bool(row["new_kind"]) or unseen)
            if number % MARK_EVERY == 0 and row["id"] < upto:
                marks.append({"last": row["id"], "state": asdict(self.alarm)})
        return marks


def known_kinds(kinds: Sequence[Row | None] | None) -> frozenset[str] | None:
    """Marks of the outputs that a version was trained on; ``None`` if it does not say."""
    return None if kinds is None else frozenset(canonical(output) for output in kinds)


def _loss(loss: float, risk_measure: RiskMeasure, *, agrees: bool | None) -> float:
    """The loss that the risk limit refers to: graded, or whether the answer counted as wrong."""
    if risk_measure == "mean_loss" or agrees is None:
        return loss
    return float(not agrees)


def thinned(path: list[AuditPoint]) -> list[AuditPoint]:
    """At most ``_MOST_POINTS`` of them, the last one always."""
    step = max(1, -(-len(path) // _MOST_POINTS))
    return [*path[:-1:step], *path[-1:]]
