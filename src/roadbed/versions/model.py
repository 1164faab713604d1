"""Records of versions, releases and sign-offs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from roadbed.kernel.ids import VersionId

Step = Literal[
    "planned",
    "gated",
    "failed",
    "shadow",
    "canary",
    "live",
    "retired",
    "rolled_back",
    "withdrawn",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Improved:
    """The result of one ``improve``.

    ``version`` is live now; ``None`` if a new version needs a release. ``certificate`` is its proof
    in JSON, ``None`` if none was due. ``note`` says in a sentence what happened.
    """

    use_case: str
    version: VersionId | None
    number: int | None
    learned_from: int
    certificate: Mapping[str, Any] | None
    note: str
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionInfo:
    """A version as a page shows it."""

    id: VersionId
    number: int
    behaviour: str
    learned_from: int
    learned_until: datetime | None
    certificate: Mapping[str, Any] | None
    made_at: datetime
    live_since: datetime | None
    retired_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SignOff:
    """A sign-off of a release, bound to its content. ``counts`` says whether it counts now.

    ``why_not`` is the reason if it does not: withdrawn, expired, other content, role lost.
    """

    id: str
    role: str
    person: str
    verdict: Literal["approve", "refuse"]
    content: str
    note: str | None
    given_at: datetime
    expires_at: datetime
    withdrawn_at: datetime | None
    counts: bool
    why_not: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """A release of a candidate version, as pages and commands show it.

    ``plan`` holds the limits (``identity.rollout_facts``), ``gate`` the report of the gate, and
    ``trial`` the newest report of shadow or canary, all plain JSON. ``missing`` are the roles whose
    sign-off is still needed. ``next`` is the next verb, ``waits_for`` what it waits for (a role,
    ``traffic``, ``labels``); both are ``None`` at the end.
    """

    id: str
    use_case: str
    number: int
    step: Step
    behaviour: str
    base: str | None
    base_number: int | None
    version: str | None
    version_number: int | None
    certificate: Mapping[str, Any] | None
    reason: str
    author: str
    authors: Sequence[str]
    proposals: Sequence[str]
    plan: Mapping[str, Any]
    gate: Mapping[str, Any] | None
    content: str | None
    trial: Mapping[str, Any] | None
    planned_at: datetime
    gated_at: datetime | None
    shadow_at: datetime | None
    canary_at: datetime | None
    live_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    ended_why: str | None
    sign_offs: Sequence[SignOff]
    missing: Sequence[str]
    next: str | None
    waits_for: str | None
