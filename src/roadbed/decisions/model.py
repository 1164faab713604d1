"""Decisions: versions in service, answers, routes and their reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Protocol

from roadbed.kernel.ids import CertificateId, DecisionId, TaskId, VersionId
from roadbed.risk.automation_state import State
from roadbed.risk.sampling import RATE_BEFORE
from roadbed.risk.slices import Pooling
from roadbed.scoring.content import Content
from roadbed.usecases.decider import FunctionDecider, Trainable
from roadbed.usecases.loader import LoadedUseCase

if TYPE_CHECKING:
    from roadbed.executors.isolated import IsolatedDecider


class Route(StrEnum):
    """Where a task goes after its decision."""

    AUTOMATIC = "automatic"
    REVIEW = "review"
    REFUSED = "refused"


class Reason(StrEnum):
    """Reason of the route, as a code; the sentence beside it adds the facts of the task."""

    PROVEN = "proven"
    RULE = "rule"
    RULE_FAILED = "rule_failed"
    HALTED = "halted"
    UNSURE = "unsure"
    NOT_PROVEN = "not_proven"
    AUDIT_HALTED = "audit_halted"
    SLICE_UNKNOWN = "slice_unknown"
    BELOW_THRESHOLD = "below_threshold"
    NO_VERSION = "no_version"
    DECIDER_FAILED = "decider_failed"
    DECIDER_TIMEOUT = "decider_timeout"
    INVALID_ANSWER = "invalid_answer"
    INTERRUPTED = "interrupted"
    ACTION_REFUSED = "action_refused"
    BUDGET = "budget"
    COST_UNKNOWN = "cost_unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveVersion:
    """The version in service: its decider, and the confidence from which on it is proven.

    ``threshold`` is ``None`` while nothing is proven; ``state`` says why. With ``cautious`` it is
    the cautious confidence that must reach it. ``decider`` is ``None`` for a trainable that has not
    been fitted yet; then every task goes to a person. ``rate`` is the share of tasks to draw for
    the reference sample. ``loaded`` is the folder whose code and rules it runs with; ``None``: that
    of the service. ``number`` counts the versions of the use case.
    """

    id: VersionId | None
    decider: FunctionDecider | Trainable | IsolatedDecider | None
    threshold: float | None
    certificate: CertificateId | None
    state: State = State.SHADOW
    cautious: bool = False
    rate: float = RATE_BEFORE
    pooling: Pooling | None = None
    loaded: LoadedUseCase | None = None
    number: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """A candidate beside the live version: in ``shadow`` without effect, as ``canary`` for a share.

    Both answer every task. ``sticky_by`` names the input field that keeps a task's bucket.
    """

    release: str
    step: Literal["shadow", "canary"]
    version: LiveVersion
    share: float
    sticky_by: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """All that is needed to decide tasks of one use case right now."""

    loaded: LoadedUseCase
    live: LiveVersion
    coin_seed: bytes
    halted: bool
    halt_epoch: int
    trial: Trial | None = None
    retired: bool = False

    def numbers(self) -> Mapping[VersionId | None, int | None]:
        """The numbers of the versions that decide here, by id."""
        deciding = [self.live, self.trial.version] if self.trial else [self.live]
        return {None: None} | {version.id: version.number for version in deciding}


class CurrentDeployments(Protocol):
    """The deployments of this moment; they change with releases and halts."""

    def get(self, use_case: str) -> Deployment:
        """The service of a use case. Raises ``UnknownUseCaseError``."""
        ...

    def names(self) -> Sequence[str]:
        """The use cases served here."""
        ...

    async def refresh(self, use_case: str) -> None:
        """Read again what is live and whether it is halted."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """An answer that passed its checks. ``output``, ``evidence``, ``provenance`` are JSON."""

    output: Mapping[str, Any]
    confidence: float
    evidence: Mapping[str, Any]
    cost: Decimal | None
    cautious: float | None = None
    actions: Sequence[Mapping[str, Any]] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class NotAnswered:
    """No usable answer, so a person decides; ``reason`` is a plain sentence."""

    code: Reason
    reason: str
    evidence: Mapping[str, Any]
    cost: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Routed:
    """The route with its grounds."""

    route: Route
    code: Reason
    reason: str
    rule: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """A decision as the receipt shows it.

    ``decide_seconds`` is the time from admission to settlement, of this attempt.
    """

    id: DecisionId
    task_id: TaskId
    use_case: str
    version: VersionId | None
    certificate: CertificateId | None
    routed: Routed
    output: Mapping[str, Any] | None
    confidence: float | None
    threshold: float | None
    evidence: Mapping[str, Any]
    cost: Decimal | None
    attempt: int
    decided_at: datetime
    decide_seconds: float
    halt_epoch: int
    review_id: str | None
    actions: Sequence[Mapping[str, Any]] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def content(self) -> Content | None:
        """What was proposed; ``None`` where there was no answer."""
        if self.output is None:
            return None
        return Content(output=self.output, actions=self.actions, provenance=self.provenance)
