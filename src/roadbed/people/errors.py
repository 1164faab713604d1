"""Why somebody may not come in."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError


class NotSignedInError(RoadbedError):
    """No valid session or API token came with the request."""

    code = "not_signed_in"

    def __init__(self) -> None:
        super().__init__(
            "This needs a signed-in person or an API token.",
            "`roadbed user link` prints a one-time link for the browser, "
            "`roadbed user token NAME` a token for `Authorization: Bearer …`.",
        )


class LinkSpentError(RoadbedError):
    """A one-time link that was used before, has expired or never was."""

    code = "link_spent"

    def __init__(self) -> None:
        super().__init__(
            "This link has been used or has expired.", "`roadbed user link` prints a new one."
        )
