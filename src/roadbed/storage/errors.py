"""Errors of storage."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import Text, sentence


class StorageUnavailableError(RoadbedError):
    """The database is unreachable; Roadbed then decides and sends nothing."""

    code = "storage_unavailable"

    def __init__(self, detail: Text) -> None:
        super().__init__(
            sentence("The database does not answer: %(detail)s.", detail=detail),
            sentence("Run `roadbed doctor`; the request is safe to repeat with the same key."),
        )


class EmbeddedServerError(RoadbedError):
    """The embedded PostgreSQL could not be made or started."""

    code = "embedded_server_failed"

    def __init__(self, step: Text, detail: Text) -> None:
        super().__init__(
            sentence(
                "The embedded database could not %(step)s: %(detail)s", step=step, detail=detail
            ),
            sentence(
                "Correct the named problem, or set ROADBED_DATABASE_URL to your own "
                "PostgreSQL server. If a data folder is damaged, move it away and restore a "
                "backup."
            ),
        )


class DatabaseUrlError(RoadbedError):
    """``ROADBED_DATABASE_URL`` is no PostgreSQL address."""

    code = "database_url_invalid"

    def __init__(self) -> None:
        super().__init__(
            sentence("ROADBED_DATABASE_URL is not a PostgreSQL address."),
            sentence(
                "Write it as postgresql://user:password@host:5432/database, and what is "
                "special in an address with its code: %40 for @, %3A for :, %2F for /, %3F "
                "for ?, %23 for #."
            ),
        )


class RejectedWriteError(RoadbedError):
    """The database refused one item of a batch; the other items were committed."""

    code = "write_rejected"

    def __init__(self, detail: Text) -> None:
        super().__init__(
            sentence("The database refused this record: %(detail)s.", detail=detail),
            sentence("Nothing of it was stored; correct the content and send it again."),
        )
