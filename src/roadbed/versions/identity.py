"""Names of versions by content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from roadbed.kernel.ids import VersionId
from roadbed.risk.promise import AutomationState
from roadbed.risk.states import State


def artifact_hashes(artifacts: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 of each saved file."""
    return {name: hashlib.sha256(data).hexdigest() for name, data in sorted(artifacts.items())}


def behaviour_hash(folder_hash: str, artifacts: Mapping[str, str]) -> str:
    """The same code with the same trained state: what a certificate is about."""
    return _digest({"folder": folder_hash, "artifacts": dict(sorted(artifacts.items()))})


def version_id(behaviour: str, threshold: float | None) -> VersionId:
    """Behaviour and threshold together decide which tasks are automatic."""
    return VersionId("ver_" + _digest({"behaviour": behaviour, "threshold": threshold})[:26])


def _digest(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def threshold_of(
    version: str, behaviour: str, certificate: Mapping[str, Any] | None
) -> float | None:
    """The threshold a version was made with: its id says whether it is that of its proof."""
    threshold = certificate["threshold"] if certificate else None
    return threshold if version == version_id(behaviour, threshold) else None


def is_genuine(version: str, behaviour: str, proven: float | None) -> bool:
    """Whether a version's id is that of its behaviour, with the proven threshold or with none."""
    return version in {version_id(behaviour, proven), version_id(behaviour, None)}


def folder_rules(stage: str, *sign_offs: Sequence[str]) -> bool:
    """Whether an edited folder runs at once: in a proof of concept, or where nobody signs off.

    ``sign_offs`` are those of what is live and of the folder: it cannot excuse itself.
    """
    return stage in ("idea", "proof") or not any(sign_offs)


def standing(row: Mapping[str, Any]) -> AutomationState:
    """What is in force, read from the row of a use case."""
    return AutomationState(
        state=State(row["state"]),
        threshold=row["threshold"],
        cautious=row["cautious"],
        rate=row["rate"],
        since_alarm=row["alarm_at"] is not None,
        bridges_left=row["bridges_left"],
    )


def in_force(certificate: Mapping[str, Any] | None, alarm_at: datetime | None) -> bool:
    """Whether a proof holds: there is one, and no alarm has sounded since its evidence."""
    if certificate is None or certificate["threshold"] is None:
        return False
    seen: str | None = certificate["detail"].get("alarm_at")
    return (datetime.fromisoformat(seen) if seen else None) == alarm_at
