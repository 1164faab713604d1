"""The identity of versions by content, their declaration, the automation state of each. No I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeAlias

from roadbed.kernel.ids import VersionId
from roadbed.kernel.json import json_hash
from roadbed.risk.automation_state import AutomationState, State
from roadbed.usecases.rollout import Rollout
from roadbed.usecases.use_case import UseCase

Row: TypeAlias = Mapping[str, Any]  # a row of the database; a pure module does not import storage


def artifact_hashes(artifacts: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 of each saved file."""
    return {name: hashlib.sha256(data).hexdigest() for name, data in sorted(artifacts.items())}


def behaviour_hash(folder_hash: str, artifacts: Mapping[str, str]) -> str:
    """The hash of code and trained state, which a certificate is about."""
    return json_hash({"folder": folder_hash, "artifacts": dict(sorted(artifacts.items()))})


def version_id(behaviour: str, threshold: float | None) -> VersionId:
    """The id of a behaviour with a threshold: together they decide which tasks are automatic."""
    return VersionId("ver_" + json_hash({"behaviour": behaviour, "threshold": threshold})[:26])


def threshold_of(version: str, behaviour: str, certificate: Row | None) -> float | None:
    """The threshold of a version: that of its certificate if its id was made with it."""
    threshold = certificate["threshold"] if certificate else None
    return threshold if version == version_id(behaviour, threshold) else None


def is_genuine(version: str, behaviour: str, proven: float | None) -> bool:
    """Whether an id was made from this behaviour, with the proven threshold or with none."""
    return version in {version_id(behaviour, proven), version_id(behaviour, None)}


def folder_is_live(stage: str, *sign_offs: Sequence[str]) -> bool:
    """Whether an edited folder runs at once: in a proof of concept, or without sign-offs.

    ``sign_offs`` are those of the live version and of the folder, so that an edited folder cannot
    remove them.
    """
    return stage in ("idea", "proof") or not any(sign_offs)


def automation_state(row: Row) -> AutomationState:
    """The automation state in the row of a use case."""
    return AutomationState(
        state=State(row["state"]),
        threshold=row["threshold"],
        cautious=row["cautious"],
        rate=row["rate"],
        since_alarm=row["alarm_at"] is not None,
        cautious_improvements_left=row["cautious_improvements_left"],
    )


def in_force(certificate: Row | None, alarm_at: datetime | None) -> bool:
    """Whether a proof holds: there is one, and no alarm was raised since its evidence."""
    if certificate is None or certificate["threshold"] is None:
        return False
    seen: str | None = certificate["detail"].get("alarm_at")
    return (datetime.fromisoformat(seen) if seen else None) == alarm_at


def declaration(declared: UseCase) -> dict[str, object]:
    """The declaration of a use case as plain JSON."""
    return {
        "purpose": declared.purpose,
        "risk_limit": declared.risk_limit,
        "certainty": declared.certainty,
        "deadline_seconds": declared.deadline_seconds,
        "slices": list(declared.slices),
        "label_within_hours": declared.label_within_hours,
        "approve_within_hours": declared.approvals.within_hours,
        "pod": asdict(declared.pod),
        "budget": asdict(declared.budget) if declared.budget else None,
        "trainable": declared.trainable is not None,
        "input": declared.input.model_json_schema(),
        "output": declared.output.model_json_schema(),
        "rollout": rollout_facts(declared.rollout),
    }


def rollout_facts(rollout: Rollout) -> Mapping[str, object]:
    """The release steps as plain JSON, without secrets, as a plan fixes them."""
    gate = rollout.gate
    return {
        "sign_offs": list(rollout.sign_offs),
        "sign_off_hours": rollout.sign_off_hours,
        "shadow_tasks": rollout.shadow_tasks,
        "canary_tasks": rollout.canary_tasks,
        "canary_share": rollout.canary_share,
        "sticky_by": rollout.sticky_by,
        "margin": rollout.margin,
        "gate": {
            "worse_by": gate.worse_by,
            "slice_worse_by": gate.slice_worse_by,
            "slower_by": gate.slower_by,
            "dearer_by": gate.dearer_by,
            "fewest": gate.fewest,
            "checks": [{"name": check.name, "url": check.url} for check in gate.checks],
        },
    }
