"""Records of people: persons, roles, identities, tokens and sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later

How = Literal["link", "password", "oidc"]


class Role(StrEnum):
    """A role in one use case. The first four are the pod."""

    DOMAIN_LEAD = "domain_lead"
    ENGINEER = "engineer"
    DATA_SPECIALIST = "data_specialist"
    RISK_PARTNER = "risk_partner"
    REVIEWER = "reviewer"
    VIEWER = "viewer"
    REQUESTER = "requester"


_IN_WORDS: Mapping[str, str] = {
    Role.DOMAIN_LEAD: later("domain lead"),
    Role.ENGINEER: later("engineer"),
    Role.DATA_SPECIALIST: later("data specialist"),
    Role.RISK_PARTNER: later("risk partner"),
    Role.REVIEWER: later("reviewer"),
    Role.VIEWER: later("viewer"),
    Role.REQUESTER: later("requester"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """A person, or a program, with its own name. ``roles`` by use case, without order.

    What folders declare counts once an administrator has confirmed the person, at ``confirmed_at``.
    """

    name: str
    display: str
    email: str | None
    admin: bool
    has_password: bool
    created_at: datetime
    confirmed_at: datetime | None
    disabled_at: datetime | None
    roles: Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldRole:
    """A role of a person; ``declared`` by the folder's pod, else granted by a person.

    A declared one ``counts`` for a person whom an administrator made or confirmed.
    """

    use_case: str
    person: str
    role: str
    declared: bool
    known: bool
    disabled: bool
    counts: bool
    granted_by: str | None
    granted_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Unbound:
    """A declared name that is not confirmed yet; ``known`` means that an account exists."""

    use_case: str
    role: str
    person: str
    known: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Issued:
    """A token or session in force, without its secret. ``id`` is the beginning of its hash."""

    id: str
    kind: str
    person: str
    name: str
    scopes: Sequence[str] | None
    use_cases: Sequence[str] | None
    created_by: str | None
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """The identity that a provider reports.

    ``name`` is set where a claim is to be a person's name here; else ``email`` leads to the person,
    and is set only if it is certain. Otherwise it is ``unverified``, and is not used.
    """

    issuer: str
    subject: str
    name: str | None
    email: str | None
    display: str
    nick: str
    unverified: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SignInProof:
    """Who proved to be whom, and by what. A session opens only while the proof still holds.

    ``password`` is the stored hash that the password fitted, ``link`` the code that was spent.
    """

    person: str
    how: How
    password: str | None = field(default=None, repr=False)
    link: str | None = field(default=None, repr=False)


def named(roles: Sequence[str], *, either: bool = False) -> str:
    """Roles in words: ``domain lead and risk partner``, or with ``either`` one of them."""
    words = [_(_IN_WORDS[role]) if role in _IN_WORDS else role.replace("_", " ") for role in roles]
    if not words:
        return _("nobody")
    if len(words) == 1:
        return words[0]
    told = {"first": ", ".join(words[:-1]), "last": words[-1]}
    return (_("%(first)s or %(last)s") if either else _("%(first)s and %(last)s")) % told
