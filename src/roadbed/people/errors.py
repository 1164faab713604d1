"""Errors of sign-in and permissions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import Text, joined, sentence
from roadbed.people.permissions import is_name


class NotSignedInError(RoadbedError):
    """No valid session or API token came with the request."""

    code = "not_signed_in"

    def __init__(self) -> None:
        super().__init__(
            sentence("This needs a signed-in person or an API token."),
            sentence(
                "`roadbed user link` prints a one-time link for the browser, `roadbed user "
                "token NAME` a token for `Authorization: Bearer …`."
            ),
        )


class NotAllowedError(RoadbedError):
    """The person is known, and may not do this here."""

    code = "not_allowed"

    def __init__(self, what: str, who: Sequence[str]) -> None:
        super().__init__(
            sentence(
                "You may not do this here: it needs the permission %(what)r.",
                what=what.replace("_", " "),
            ),
            sentence(
                "Allowed to: %(who)s. An administrator grants roles; a token can do no more "
                "than its scopes say.",
                who=joined(", ", map(sentence, who)),
            ),
        )


class LetInByAnotherError(RoadbedError):
    """Another person recently created the link, password or token of this sign-in."""

    code = "let_in_by_another"

    def __init__(self, by: str, until: datetime | None) -> None:
        at = f"{until:%Y-%m-%d %H:%M}" if until else None
        super().__init__(
            sentence(
                "%(by)s made the link, password or token that you used to sign in: until "
                "%(until)s UTC your approvals, sign-offs and agreements to resume do not count.",
                by=by,
                until=at,
            )
            if at
            else sentence(
                "%(by)s made the link, password or token that you used to sign in: for 24 hours "
                "your approvals, sign-offs and agreements to resume do not count.",
                by=by,
            ),
            sentence(
                "Wait until then, sign in at the identity provider or with a password of "
                "your own, or ask somebody else of the pod."
            ),
        )


class SessionNeededError(RoadbedError):
    """A token asks for what only a signed-in person does."""

    code = "session_needed"

    def __init__(self) -> None:
        super().__init__(
            sentence("This is for a person in a browser, not for a token."),
            sentence("Sign in to the console."),
        )


class LinkSpentError(RoadbedError):
    """A one-time link that was used before, has expired or never was."""

    code = "link_spent"

    def __init__(self) -> None:
        super().__init__(
            sentence("This link has been used or has expired."),
            sentence("`roadbed user link` prints a new one."),
        )


class SignInRefusedError(RoadbedError):
    """Name or password is wrong; the error does not say which."""

    code = "sign_in_refused"

    def __init__(self) -> None:
        super().__init__(
            sentence("Name or password is wrong."),
            sentence(
                "Try again; `roadbed user link NAME` makes a one-time link for somebody locked out."
            ),
        )


class TooManyRequestsError(RoadbedError):
    """Too many requests. ``retry_after`` is in seconds."""

    code = "too_many_requests"

    def __init__(self, retry_after: float) -> None:
        super().__init__(sentence("You ask too often."), sentence("Wait a moment, then try again."))
        self.retry_after = retry_after


class ProviderError(RoadbedError):
    """The identity provider is unreachable, or its answer is not trustworthy."""

    code = "provider_refused"

    def __init__(self, why: Text) -> None:
        super().__init__(
            sentence("The sign-in at the identity provider did not succeed: %(why)s.", why=why),
            sentence(
                "Begin again from the sign-in page; if it stays so, an administrator "
                "compares ROADBED_OIDC_… with the provider."
            ),
        )


class SignInExpiredError(ProviderError):
    """A way back from the provider that began in another browser, long ago, or was used before."""

    def __init__(self) -> None:
        super().__init__(sentence("it did not begin here, took too long, or was used before"))


class NotInvitedError(RoadbedError):
    """The identity provider knows this person; Roadbed does not."""

    code = "not_invited"

    def __init__(self, called: str) -> None:
        super().__init__(
            sentence(
                "The identity provider knows you as %(called)r. No account here has this "
                "name or address.",
                called=called[:80],
            ),
            sentence("Ask an administrator for `roadbed user add NAME --email ADDRESS`."),
        )


class AddressNotVerifiedError(RoadbedError):
    """The e-mail address is not verified, so it does not identify a person."""

    code = "address_not_verified"

    def __init__(self, address: str) -> None:
        super().__init__(
            sentence(
                "The identity provider does not say that it has verified your address "
                "%(address)r, so it counts as not verified here.",
                address=address[:80],
            ),
            sentence(
                "An administrator lets the provider verify it and say so (`email_verified`), "
                "or sets ROADBED_OIDC_TRUST_ADDRESSES=true where people cannot choose their "
                "own address."
            ),
        )


class UnknownPersonError(RoadbedError):
    """There is no person with this name."""

    code = "person_unknown"

    def __init__(self, name: str) -> None:
        super().__init__(
            sentence("There is no person %(name)r here.", name=name[:80]),
            sentence(
                "Add them first: `roadbed user add %(name)s`; `roadbed user list` shows all.",
                name=name if is_name(name) else "NAME",
            ),
        )


class PersonExistsError(RoadbedError):
    """A name or address that is already in use."""

    code = "person_exists"

    def __init__(self, name: str) -> None:
        super().__init__(
            sentence(
                "Somebody has the name %(name)r or this e-mail address already.", name=name[:80]
            ),
            sentence(
                "Choose another; a person who was disabled comes back with `roadbed user enable`."
            ),
        )


class PersonInvalidError(RoadbedError):
    """A name, address, role, scope or time that cannot be."""

    code = "person_invalid"


class PasswordError(RoadbedError):
    """A password that cannot be taken."""

    code = "password_invalid"

    def __init__(self, why: Text) -> None:
        super().__init__(
            sentence("This password cannot be used. %(why)s", why=why),
            sentence("Take a longer one, of several words."),
        )


class LastAdminError(RoadbedError):
    """No administrator would be left."""

    code = "last_admin"

    def __init__(self, name: str) -> None:
        super().__init__(
            sentence("%(name)s is the last administrator.", name=name),
            sentence("Make another one first: `roadbed user add NAME --admin`."),
        )


class UnknownTokenError(RoadbedError):
    """No token or session of this id is in force."""

    code = "token_unknown"

    def __init__(self, token_id: str) -> None:
        super().__init__(
            sentence("There is no token or session %(token_id)r in force.", token_id=token_id[:40]),
            sentence("`roadbed user tokens` lists them."),
        )


class AbsenceError(RoadbedError):
    """An absence that cannot be: its end, or who stands in."""

    code = "absence_invalid"
