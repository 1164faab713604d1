"""The identity of versions by content, and the automation state each brings. No I/O."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from roadbed.kernel.ids import VersionId
from roadbed.risk.automation_state import AutomationState, State

Row: TypeAlias = Mapping[str, Any]  # a row of the database; a pure module does not import storage


def artifact_hashes(artifacts: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 of each saved file."""
    return {name: hashlib.sha256(data).hexdigest() for name, data in sorted(artifacts.items())}


def behaviour_hash(folder_hash: str, artifacts: Mapping[str, str]) -> str:
    """The hash of code and trained state, which a certificate is about."""
    return _digest({"folder": folder_hash, "artifacts": dict(sorted(artifacts.items()))})


def version_id(behaviour: str, threshold: float | None) -> VersionId:
    """The id of a behaviour with a threshold: together they decide which tasks are automatic."""
    return VersionId("ver_" + _digest({"behaviour": behaviour, "threshold": threshold})[:26])


def _digest(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


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
