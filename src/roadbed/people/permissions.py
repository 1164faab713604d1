"""Permissions: what a role allows, token scopes, and the viewer of a request."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from roadbed.kernel.sentences import Sentence, sentence
from roadbed.people.model import Role

LINK_SECONDS = 15 * 60.0
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 200
RESERVED = frozenset({"roadbed"})  # the actor in the log for events without a person
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")


class Permission(StrEnum):
    """A permission. All but ``MANAGE_PEOPLE`` apply to one use case."""

    VIEW = "view"
    ASK = "ask"  # search the documents, and read the answers to one's own tasks
    SUBMIT = "submit"
    REVIEW = "review"
    CONFIRM_LABELS = "confirm_labels"  # where the use case names the role for it
    REPORT_OUTCOMES = "report_outcomes"
    APPROVE = "approve"  # or refuse, held deliveries
    DELIVER = "deliver"  # decide on any other delivery
    NOTICE = "notice"  # mark a notice as seen
    HALT = "halt"
    RESUME = "resume"
    DRILL = "drill"
    IMPROVE = "improve"
    RELEASE = "release"
    RETIRE = "retire"
    SIGN = "sign"
    INCIDENT = "incident"
    ERASE = "erase"
    MANAGE_PEOPLE = "manage_people"


_P = Permission
_MEMBER = frozenset({_P.VIEW, _P.SUBMIT, _P.HALT})
_POD = _MEMBER | {_P.NOTICE, _P.RESUME, _P.SIGN, _P.INCIDENT, _P.CONFIRM_LABELS}
_JUDGES = frozenset({_P.REVIEW, _P.REPORT_OUTCOMES})  # give right answers and outcomes
ALLOWS: Mapping[Role, frozenset[Permission]] = {
    Role.DOMAIN_LEAD: _POD
    | _JUDGES
    | {_P.APPROVE, _P.DELIVER, _P.DRILL, _P.IMPROVE, _P.RELEASE, _P.RETIRE, _P.ERASE},
    Role.ENGINEER: _POD | _JUDGES | {_P.DELIVER, _P.DRILL, _P.IMPROVE, _P.RELEASE},
    Role.DATA_SPECIALIST: _POD | _JUDGES | {_P.DELIVER, _P.IMPROVE, _P.ERASE},
    Role.RISK_PARTNER: _POD | {_P.APPROVE, _P.DRILL, _P.ERASE},
    Role.REVIEWER: _MEMBER | _JUDGES,
    Role.VIEWER: frozenset({_P.VIEW}),
    Role.REQUESTER: frozenset({_P.SUBMIT, _P.ASK}),
}
# An administrator views and halts every use case. Judgements stay with its pod.
ADMIN_ALLOWS = frozenset({_P.VIEW, _P.HALT, _P.RETIRE, _P.MANAGE_PEOPLE})
SCOPES: Mapping[str, frozenset[Permission]] = {
    "submit": frozenset({_P.SUBMIT}),
    "read": frozenset({_P.VIEW, _P.ASK}),
    "review": frozenset({_P.VIEW, _P.REVIEW, _P.CONFIRM_LABELS}),
    "outcomes": frozenset({_P.REPORT_OUTCOMES}),
    "operate": frozenset(
        {_P.VIEW, _P.APPROVE, _P.DELIVER, _P.NOTICE, _P.HALT, _P.RESUME, _P.DRILL, _P.INCIDENT}
    ),
    "improve": frozenset({_P.VIEW, _P.IMPROVE, _P.RELEASE}),
}
# Acts that need certainty about the person: not allowed shortly after another person gave access.
BINDING = frozenset({_P.APPROVE, _P.SIGN, _P.RESUME})
# Tokens never manage people.
ANY_TOKEN = frozenset(Permission) - {_P.MANAGE_PEOPLE}


@dataclass(frozen=True, kw_only=True, slots=True)
class Viewer:
    """The person of a request, with roles and scopes.

    ``scopes`` and ``use_cases`` limit a token, ``None`` is no limit; ``session`` is the id of the
    browser's session, ``None`` for a token. ``let_in_by`` is another person who created the
    viewer's link, password or token less than 24 hours ago: until ``let_in_until`` they may be the
    one who asks, so nothing that is ``BINDING`` is done.
    """

    name: str
    admin: bool = False
    roles: Mapping[str, frozenset[Role]] = field(default_factory=dict)
    scopes: frozenset[Permission] | None = None
    use_cases: frozenset[str] | None = None
    session: str | None = None
    let_in_by: str | None = None
    let_in_until: datetime | None = None

    def roles_in(self, use_case: str) -> frozenset[Role]:
        """The viewer's declared and granted roles in ``use_case``."""
        return self.roles.get(use_case, frozenset())

    def sees(self, use_case: str) -> bool:
        """Whether ``use_case`` exists for the viewer."""
        reached = self.use_cases is None or use_case in self.use_cases
        return reached and (self.admin or bool(self.roles_in(use_case)))

    def may(self, use_case: str, permission: Permission) -> bool:
        """Whether the viewer may do this in ``use_case``."""
        if not self.sees(use_case) or not self.in_scope(permission):
            return False
        if self.let_in_by is not None and permission in BINDING:
            return False
        if self.admin and permission in ADMIN_ALLOWS:
            return True
        return any(permission in ALLOWS[role] for role in self.roles_in(use_case))

    def only_asks(self, use_case: str) -> bool:
        """Whether the viewer's roles allow to ask in ``use_case`` and not to view it."""
        allowed = [ALLOWS[role] for role in self.roles_in(use_case)]
        views = self.admin or any(Permission.VIEW in permitted for permitted in allowed)
        return not views and any(Permission.ASK in permitted for permitted in allowed)

    def binds(self) -> bool:
        """Whether a role of the viewer allows something that is ``BINDING``."""
        return any(ALLOWS[role] & BINDING for roles in self.roles.values() for role in roles)

    def in_scope(self, permission: Permission) -> bool:
        """Whether the token's scopes, if any, include ``permission``."""
        return self.scopes is None or permission in self.scopes

    def everywhere(self, permission: Permission) -> bool:
        """Whether the viewer may do this in every use case, those to come included."""
        unbound = self.use_cases is None and self.in_scope(permission)
        return unbound and self.admin and permission in ADMIN_ALLOWS

    def somewhere(self, permission: Permission) -> bool:
        """Whether there is a use case in which the viewer may do this."""
        return self.everywhere(permission) or any(self.may(role, permission) for role in self.roles)

    def visible(self, use_cases: Iterable[str]) -> list[str]:
        """Those of ``use_cases`` whose content the viewer may see, in the same order."""
        return [case for case in use_cases if self.may(case, Permission.VIEW)]


def confirms_labels(viewer: Viewer, use_case: str, role: str) -> bool:
    """Whether the viewer holds the role that confirms new labels, and may do it here."""
    permitted = viewer.may(use_case, Permission.CONFIRM_LABELS)
    return permitted and Role(role) in viewer.roles_in(use_case)


def reach(scopes: Collection[str] | None) -> frozenset[Permission]:
    """The permissions that a token with these scopes can use at most."""
    if scopes is None:
        return ANY_TOKEN
    return frozenset().union(*(SCOPES.get(scope, frozenset()) for scope in scopes))


def who_may(permission: Permission) -> list[str]:
    """The names of the roles with this permission."""
    roles = [role.replace("_", " ") for role, allowed in ALLOWS.items() if permission in allowed]
    return roles + (["administrator"] if permission in ADMIN_ALLOWS else [])


def to_say(what: str) -> Permission:
    """The permission for an act on a delivery."""
    return Permission.APPROVE if what in {"approve", "refuse"} else Permission.DELIVER


def is_name(name: str) -> bool:
    """Whether it can name a person: lower-case letters, digits, and inside ``.``, ``_``, ``-``."""
    return _NAME.fullmatch(name) is not None


def as_name(text: str) -> str:
    """A valid name that is close to a name of another system."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", text.partition("@")[0].lower())
    return plain.strip("._-")[:60].strip("._-") or "person"


def free_name(wanted: str, taken: Collection[str]) -> str:
    """``wanted``, with a number appended if it is taken."""
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name


def password_problem(password: str, name: str) -> Sentence | None:
    """The problem of a password for ``name``, if any."""
    if len(password) < SHORTEST_PASSWORD:
        return sentence("It is shorter than %(least)s characters.", least=SHORTEST_PASSWORD)
    if len(password) > LONGEST_PASSWORD:
        return sentence("It is longer than %(most)s characters.", most=LONGEST_PASSWORD)
    if name in password.lower() or len(set(password)) < 5:
        return sentence("It is too easy to guess.")
    return None


def fresh_from_link(opened_by: str | None, opened_at: datetime, now: datetime) -> bool:
    """Whether a session came by a one-time link just now: who has that may set a password."""
    return opened_by == "link" and now - opened_at <= timedelta(seconds=LINK_SECONDS)
