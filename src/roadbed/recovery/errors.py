"""Errors of backup and restore."""

from __future__ import annotations

from pathlib import Path

from roadbed.kernel.errors import RoadbedError


class BackupError(RoadbedError):
    """The backup could not be made; nothing is left behind under its name."""

    code = "backup_failed"

    def __init__(self, detail: str, remedy: str = "Correct the named problem and repeat.") -> None:
        super().__init__(f"There is no backup: {detail}.", remedy)


class BackupInvalidError(RoadbedError):
    """The file is not a backup, or has changed since it was written."""

    code = "backup_invalid"

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(
            f"{path} cannot be restored: {detail}.",
            "Nothing was changed. Take another copy of the file, or an older backup.",
        )


class BackupUnverifiedError(RoadbedError):
    """Nobody who is trusted here signed this backup as it is now."""

    code = "backup_unverified"

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(
            f"Nothing was restored: {path} {detail}.",
            "Give the key with --public-key, or put a copy of the audit folder in its place. If "
            "only you could write to the file since it was made, say --unverified.",
        )


class RestoreRefusedError(RoadbedError):
    """Restoring now would destroy something, or would not be complete."""

    code = "restore_refused"

    def __init__(self, detail: str, remedy: str) -> None:
        super().__init__(f"Nothing was restored: {detail}.", remedy)


class NothingToDeclareError(RoadbedError):
    """The database is no copy that waits to be declared."""

    code = "restore_none"

    def __init__(self) -> None:
        super().__init__(
            "No restore waits to be declared.", "Nothing needs to be done; work goes on."
        )


class NotAdministratorError(RoadbedError):
    """Only an administrator declares a restore."""

    code = "restore_needs_admin"

    def __init__(self, person: str) -> None:
        super().__init__(
            f"{person[:80]!r} is not an administrator who may come in.",
            "Ask one of them to run `roadbed restored`, or make one on this terminal with "
            "`roadbed user admin NAME`; the audit log keeps that.",
        )
