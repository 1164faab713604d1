"""Errors of the audit log."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError


class AuditDamagedError(RoadbedError):
    """Stored parts of the log do not fit one another; nothing further is signed on top of them."""

    code = "audit_damaged"

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"The audit log has changed since it was written: {detail}.",
            "Run `roadbed audit verify`: it names every place.",
        )


class AuditKeyError(RoadbedError):
    """The log is signed by another key than the one in the folder."""

    code = "audit_key_foreign"

    def __init__(self, folder: str, detail: str) -> None:
        super().__init__(
            f"The newest checkpoint does not fit the key in {folder}: {detail}.",
            "Every process that serves this database needs the same ROADBED_AUDIT_DIR, or copies "
            "of its audit-signing-key. If another database was served from here, give this one a "
            "folder of its own.",
        )


class AuditFolderError(RoadbedError):
    """The folder outside the database cannot be read or written, or contradicts the database."""

    code = "audit_folder"

    def __init__(self, folder: str, detail: str) -> None:
        super().__init__(
            f"The audit folder {folder} is not in step: {detail}.",
            "Let Roadbed write there, or set ROADBED_AUDIT_DIR to a folder where it may. If the "
            "two disagree, run `roadbed audit verify`.",
        )


class UnknownEntryError(RoadbedError):
    """The log has no entry about this."""

    code = "audit_entry_unknown"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The audit log holds no entry of {what[:80]!r}.",
            "Entries are written when a task is decided and when a verdict is given.",
        )


class NotSealedError(RoadbedError):
    """An entry that no checkpoint covers yet."""

    code = "audit_not_sealed"

    def __init__(self, position: int) -> None:
        super().__init__(
            f"Entry {position} waits to be sealed.",
            "Ask again in a second; if it stays so, read the log of `roadbed serve`.",
        )


class AuditBehindError(RoadbedError):
    """The database is older than its witness: nothing is sealed until a person declares it."""

    code = "audit_behind"

    def __init__(self) -> None:
        super().__init__(
            "The database was restored from a copy. Nothing is sealed before that is declared.",
            "An administrator declares it with `roadbed restored --reason TEXT`.",
        )
