"""Errors of backup and restore."""

from __future__ import annotations

from pathlib import Path

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import Text, sentence


class BackupError(RoadbedError):
    """The backup could not be made; nothing is left behind under its name."""

    code = "backup_failed"

    def __init__(
        self, detail: Text, remedy: Text = "Correct the named problem and repeat."
    ) -> None:
        super().__init__(sentence("There is no backup: %(detail)s.", detail=detail), remedy)


class BackupInvalidError(RoadbedError):
    """The file is not a backup, or has changed since it was written."""

    code = "backup_invalid"

    def __init__(self, path: Path, detail: Text) -> None:
        super().__init__(
            sentence("%(path)s cannot be restored: %(detail)s.", path=path, detail=detail),
            sentence("Nothing was changed. Take another copy of the file, or an older backup."),
        )


class BackupUnverifiedError(RoadbedError):
    """Nobody who is trusted here signed this backup as it is now."""

    code = "backup_unverified"

    def __init__(self, path: Path, detail: Text) -> None:
        super().__init__(
            sentence("Nothing was restored: %(path)s %(detail)s.", path=path, detail=detail),
            sentence(
                "Give the key with --public-key, or put a copy of the audit folder in its "
                "place. If only you could write to the file since it was made, say "
                "--unverified."
            ),
        )


class RestoreRefusedError(RoadbedError):
    """Restoring now would destroy something, or would not be complete."""

    code = "restore_refused"

    def __init__(self, detail: Text, remedy: Text) -> None:
        super().__init__(sentence("Nothing was restored: %(detail)s.", detail=detail), remedy)


class NothingToDeclareError(RoadbedError):
    """The database is no copy that waits to be declared."""

    code = "restore_none"

    def __init__(self) -> None:
        super().__init__(
            sentence("No restore waits to be declared."),
            sentence("Nothing needs to be done; work goes on."),
        )


class NotAdministratorError(RoadbedError):
    """Only an administrator declares a restore."""

    code = "restore_needs_admin"

    def __init__(self, person: str) -> None:
        super().__init__(
            sentence("%(person)r is not an administrator who may come in.", person=person[:80]),
            sentence(
                "Ask one of them to run `roadbed restored`, or make one on this terminal "
                "with `roadbed user admin NAME`; the audit log keeps that."
            ),
        )
