"""Why a version cannot be made or served."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError


class ArtifactMissingError(RoadbedError):
    """Trained state that a version names is not stored, or not the bytes it was."""

    code = "artifact_missing"

    def __init__(self, use_case: str, name: str) -> None:
        super().__init__(
            f"The trained state {name!r} of {use_case!r} is missing or damaged.",
            f"Run `roadbed improve {use_case}` to train it again.",
        )
