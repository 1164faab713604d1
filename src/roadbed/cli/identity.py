"""The person at this terminal, and whether a binding action may trust it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roadbed.kernel.errors import RoadbedError

if TYPE_CHECKING:
    from roadbed.app import App
    from roadbed.receipts.readable import Readable


def me() -> str:
    """The person at this terminal: ``login`` as the name of a person, `ana` for `ana@corp.example`.

    Every command and every folder that is written has the same name for one login. A service
    account may be called like the product, whose name is the actor in the log for events without a
    person.
    """
    from roadbed.people.permissions import RESERVED, as_name

    name = as_name(login())
    return f"{name}-login" if name in RESERVED else name


def readable(services: App) -> Readable:
    """What the person at this terminal may read of lists of answers."""
    from roadbed.receipts.readable import Readable

    return Readable(services.libraries.cases, me)


def login() -> str:
    """The login of this process's account, as the system knows it.

    The environment is not used: anybody can set it.
    """
    import os
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"


class UnverifiedError(RoadbedError):
    """A binding action needs a verified person, but the logins of this machine are not trusted."""

    code = "identity_unverified"

    def __init__(self, person: str) -> None:
        super().__init__(
            f"Nobody has verified that the login {person!r} of this machine is that person.",
            "Do it in the console, or over HTTP with a token of your own; or set "
            "ROADBED_TRUST_MACHINE_LOGINS=true if every login here is one person's name.",
        )


async def verified(services: App, use_case: str, what: str) -> str:
    """The person at this terminal, for ``approve``, ``sign`` or ``resume``.

    Raises ``UnverifiedError``, ``NotAllowedError``.
    """
    from roadbed.people.errors import NotAllowedError
    from roadbed.people.permissions import ALLOWS, Permission, who_may

    person = me()
    # Two logins may have one name, `ana` and `ana@corp.example`: only one of them is the person's.
    if not services.settings.trust_machine_logins or login() != person:
        raise UnverifiedError(login())
    roles = await services.people.roles(person, use_case)
    if not any(Permission(what) in ALLOWS[role] for role in roles):
        raise NotAllowedError(what, who_may(Permission(what)))
    return person
