"""Errors of the audit log."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import Text, sentence


class AuditDamagedError(RoadbedError):
    """Stored parts of the log do not fit one another; nothing further is signed on top of them."""

    code = "audit_damaged"

    def __init__(self, detail: Text) -> None:
        super().__init__(
            sentence("The audit log has changed since it was written: %(detail)s.", detail=detail),
            sentence("Run `roadbed audit verify`: it names every place."),
        )


class AuditKeyError(RoadbedError):
    """The log is signed by another key than the one in the folder."""

    code = "audit_key_foreign"

    def __init__(self, folder: str, detail: Text) -> None:
        super().__init__(
            sentence(
                "The newest checkpoint does not fit the key in %(folder)s: %(detail)s.",
                folder=folder,
                detail=detail,
            ),
            sentence(
                "Every process that serves this database needs the same ROADBED_AUDIT_DIR, "
                "or copies of its audit-signing-key. If another database was served from "
                "here, give this one a folder of its own."
            ),
        )


class AuditFolderError(RoadbedError):
    """The folder outside the database cannot be read or written, or contradicts the database."""

    code = "audit_folder"

    def __init__(self, folder: str, detail: Text) -> None:
        super().__init__(
            sentence(
                "The audit folder %(folder)s is not in step: %(detail)s.",
                folder=folder,
                detail=detail,
            ),
            sentence(
                "Let Roadbed write there, or set ROADBED_AUDIT_DIR to a folder where it may. "
                "If the two disagree, run `roadbed audit verify`."
            ),
        )


class UnknownEntryError(RoadbedError):
    """The log has no entry about this."""

    code = "audit_entry_unknown"

    def __init__(self, what: str) -> None:
        super().__init__(
            sentence("The audit log holds no entry of %(what)r.", what=what[:80]),
            sentence("Entries are written when a task is decided and when a verdict is given."),
        )


class NotSealedError(RoadbedError):
    """An entry that no checkpoint covers yet."""

    code = "audit_not_sealed"

    def __init__(self, position: int) -> None:
        super().__init__(
            sentence("Entry %(position)s waits to be sealed.", position=position),
            sentence("Ask again in a second; if it stays so, read the log of `roadbed serve`."),
        )


class AuditBehindError(RoadbedError):
    """The database is older than its witness: nothing is sealed until a person declares it."""

    code = "audit_behind"

    def __init__(self) -> None:
        super().__init__(
            sentence(
                "The database was restored from a copy. Nothing is sealed before that is declared."
            ),
            sentence("An administrator declares it with `roadbed restored --reason TEXT`."),
        )
