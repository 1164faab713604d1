"""Errors of sign-in and permissions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from roadbed.kernel.errors import RoadbedError
from roadbed.people.permissions import is_name


class NotSignedInError(RoadbedError):
    """No valid session or API token came with the request."""

    code = "not_signed_in"

    def __init__(self) -> None:
        super().__init__(
            "This needs a signed-in person or an API token.",
            "`roadbed user link` prints a one-time link for the browser, "
            "`roadbed user token NAME` a token for `Authorization: Bearer …`.",
        )


class NotAllowedError(RoadbedError):
    """The person is known, and may not do this here."""

    code = "not_allowed"

    def __init__(self, what: str, who: Sequence[str]) -> None:
        super().__init__(
            f"You may not do this here: it needs the permission {what.replace('_', ' ')!r}.",
            f"Allowed to: {', '.join(who)}. An administrator grants roles; a token can do no more "
            "than its scopes say.",
        )


class LetInByAnotherError(RoadbedError):
    """Another person recently created the link, password or token of this sign-in."""

    code = "let_in_by_another"

    def __init__(self, by: str, until: datetime | None) -> None:
        when = f"until {until:%Y-%m-%d %H:%M} UTC" if until else "for 24 hours"
        super().__init__(
            f"{by} made the link, password or token that you used to sign in: {when} your "
            "approvals, sign-offs and agreements to resume do not count.",
            "Wait until then, sign in at the identity provider or with a password of your own, or "
            "ask somebody else of the pod.",
        )


class SessionNeededError(RoadbedError):
    """A token asks for what only a signed-in person does."""

    code = "session_needed"

    def __init__(self) -> None:
        super().__init__(
            "This is for a person in a browser, not for a token.", "Sign in to the console."
        )


class LinkSpentError(RoadbedError):
    """A one-time link that was used before, has expired or never was."""

    code = "link_spent"

    def __init__(self) -> None:
        super().__init__(
            "This link has been used or has expired.", "`roadbed user link` prints a new one."
        )


class SignInRefusedError(RoadbedError):
    """Name or password is wrong; the error does not say which."""

    code = "sign_in_refused"

    def __init__(self) -> None:
        super().__init__(
            "Name or password is wrong.",
            "Try again; `roadbed user link NAME` makes a one-time link for somebody locked out.",
        )


class TooManyRequestsError(RoadbedError):
    """Too many requests. ``retry_after`` is in seconds."""

    code = "too_many_requests"

    def __init__(self, retry_after: float) -> None:
        super().__init__("You ask too often.", "Wait a moment, then try again.")
        self.retry_after = retry_after


class ProviderError(RoadbedError):
    """The identity provider is unreachable, or its answer is not trustworthy."""

    code = "provider_refused"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The sign-in at the identity provider did not succeed: {why}.",
            "Begin again from the sign-in page; if it stays so, an administrator compares "
            "ROADBED_OIDC_… with the provider.",
        )


class SignInExpiredError(ProviderError):
    """A way back from the provider that began in another browser, long ago, or was used before."""

    def __init__(self) -> None:
        super().__init__("it did not begin here, took too long, or was used before")


class NotInvitedError(RoadbedError):
    """The identity provider knows this person; Roadbed does not."""

    code = "not_invited"

    def __init__(self, called: str) -> None:
        super().__init__(
            f"The identity provider knows you as {called[:80]!r}. No account here has this "
            "name or address.",
            "Ask an administrator for `roadbed user add NAME --email ADDRESS`.",
        )


class AddressNotVerifiedError(RoadbedError):
    """The e-mail address is not verified, so it does not identify a person."""

    code = "address_not_verified"

    def __init__(self, address: str) -> None:
        super().__init__(
            f"The identity provider does not say that it has verified your address "
            f"{address[:80]!r}, so it counts as not verified here.",
            "An administrator lets the provider verify it and say so (`email_verified`), or sets "
            "ROADBED_OIDC_TRUST_ADDRESSES=true where people cannot choose their own address.",
        )


class UnknownPersonError(RoadbedError):
    """There is no person with this name."""

    code = "person_unknown"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is no person {name[:80]!r} here.",
            f"Add them first: `roadbed user add {name if is_name(name) else 'NAME'}`; "
            "`roadbed user list` shows all.",
        )


class PersonExistsError(RoadbedError):
    """A name or address that is already in use."""

    code = "person_exists"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Somebody has the name {name[:80]!r} or this e-mail address already.",
            "Choose another; a person who was disabled comes back with `roadbed user enable`.",
        )


class PersonInvalidError(RoadbedError):
    """A name, address, role, scope or time that cannot be."""

    code = "person_invalid"


class PasswordError(RoadbedError):
    """A password that cannot be taken."""

    code = "password_invalid"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"This password cannot be used. {why}", "Take a longer one, of several words."
        )


class LastAdminError(RoadbedError):
    """No administrator would be left."""

    code = "last_admin"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is the last administrator.",
            "Make another one first: `roadbed user add NAME --admin`.",
        )


class UnknownTokenError(RoadbedError):
    """No token or session of this id is in force."""

    code = "token_unknown"

    def __init__(self, token_id: str) -> None:
        super().__init__(
            f"There is no token or session {token_id[:40]!r} in force.",
            "`roadbed user tokens` lists them.",
        )


class AbsenceError(RoadbedError):
    """An absence that cannot be: its end, or who stands in."""

    code = "absence_invalid"
