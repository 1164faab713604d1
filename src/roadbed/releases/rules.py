"""Names of versions by content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from roadbed.kernel.ids import VersionId


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
