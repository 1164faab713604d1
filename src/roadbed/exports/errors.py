"""Errors of exports."""

from __future__ import annotations

from collections.abc import Sequence

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import sentence, sentences


class TooManyExportsError(RoadbedError):
    """A person, or all people together, have as many exports under way as this process makes.

    ``retry_after`` is in seconds.
    """

    code = "too_many_exports"

    def __init__(self, most: int, *, own: bool, retry_after: float) -> None:
        super().__init__(
            sentences(
                "%(n)s export of yours is under way; no more are made at the same time.",
                "%(n)s exports of yours are under way; no more are made at the same time.",
                most,
            )
            if own
            else sentences(
                "%(n)s export is under way; no more are made at the same time.",
                "%(n)s exports are under way; no more are made at the same time.",
                most,
            ),
            sentence("Wait until one of them has ended, then try again."),
        )
        self.retry_after = retry_after


class ExportViewError(RoadbedError):
    """The address of an export asks for what its table does not have, so it would hold more."""

    code = "request_invalid"

    def __init__(self, ignored: Sequence[str]) -> None:
        super().__init__(
            sentence(
                "The file would not hold what was asked for. %(ignored)s",
                ignored=" ".join(ignored),
            ),
            sentence("Correct the address, or export from the page, whose links fit it."),
        )


class ExportFormatError(RoadbedError):
    """A file format that does not exist here."""

    code = "request_invalid"

    def __init__(self, formats: str) -> None:
        super().__init__(
            sentence("There is no export in this format."),
            sentence("Use one of %(formats)s.", formats=formats),
        )
