"""Why a version cannot be made or served."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError


class FolderChangedError(RoadbedError):
    """A file of the folder is not what it was when the folder was loaded."""

    code = "folder_changed"

    def __init__(self, use_case: str, name: str) -> None:
        super().__init__(
            f"{name!r} of {use_case!r} has changed since its folder was loaded.",
            "Restart the process, so that what is stored is what runs.",
        )


class UnknownVersionError(RoadbedError):
    """No version of this name belongs to the use case."""

    code = "version_unknown"

    def __init__(self, version: str) -> None:
        super().__init__(
            f"There is no version {version[:80]!r}.",
            "`roadbed release list USECASE` names them, by number or id.",
        )


class ArtifactMissingError(RoadbedError):
    """Trained state that a version names is not stored, or not the bytes it was."""

    code = "artifact_missing"

    def __init__(self, use_case: str, name: str) -> None:
        super().__init__(
            f"The trained state {name!r} of {use_case!r} is missing or damaged.",
            f"Run `roadbed improve {use_case}` to train it again.",
        )


class UnknownReleaseError(RoadbedError):
    """No release of this id belongs to a use case served here."""

    code = "release_unknown"

    def __init__(self, release: str) -> None:
        super().__init__(
            f"There is no release {release[:80]!r}.",
            "`roadbed release list USECASE` names them.",
        )
