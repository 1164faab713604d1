"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from typing import Never, TypedDict

from roadbed.storage.sql import Json, Query


class AdmitRow(TypedDict):
    """A row of ``admit``."""

    password: str | None


InForceRow = TypedDict("InForceRow", {"?column?": int})


LockPersonRow = TypedDict("LockPersonRow", {"?column?": int})


class LockEverybodyRow(TypedDict):
    """A row of ``lock_everybody``."""

    count: int


class IssueRow(TypedDict):
    """A row of ``issue``."""

    let_in_by: str | None


class SpendRow(TypedDict):
    """A row of ``spend``."""

    person: str
    created_by: str | None


class WhoseRow(TypedDict):
    """A row of ``whose``."""

    person: str


class HolderRow(TypedDict):
    """A row of ``holder``."""

    name: str
    admin: bool
    scopes: list[str] | None
    use_cases: list[str] | None
    id: str
    let_in_until: datetime | None
    let_in_by: str | None
    stale: bool
    roles: Json


class OpenedRow(TypedDict):
    """A row of ``opened``."""

    opened_by: str | None
    created_at: datetime
    let_in_by: str | None
    let_in_at: datetime | None
    password: str | None


class RevokeRow(TypedDict):
    """A row of ``revoke``."""

    person: str
    id: str


class RevokeOneRow(TypedDict):
    """A row of ``revoke_one``."""

    id: str
    kind: str
    person: str


class RevokeSessionsRow(TypedDict):
    """A row of ``revoke_sessions``."""

    id: str
    kind: str


class RevokeTokensRow(TypedDict):
    """A row of ``revoke_tokens``."""

    id: str
    kind: str
    person: str
    name: str
    scopes: list[str] | None
    use_cases: list[str] | None
    created_by: str | None
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


class IssuedRow(TypedDict):
    """A row of ``issued``."""

    id: str
    kind: str
    person: str
    name: str
    scopes: list[str] | None
    use_cases: list[str] | None
    created_by: str | None
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


class RolesRow(TypedDict):
    """A row of ``roles``."""

    role: str


class PersonsRow(TypedDict):
    """A row of ``persons``."""

    name: str
    display: str
    email: str | None
    admin: bool
    has_password: bool
    created_at: datetime
    confirmed_at: datetime | None
    disabled_at: datetime | None
    roles: Json


class MembersRow(TypedDict):
    """A row of ``members``."""

    use_case: str
    person: str
    role: str
    declared: bool
    known: bool
    disabled: bool
    counts: bool
    granted_by: str | None
    granted_at: datetime | None


class AddRow(TypedDict):
    """A row of ``add``."""

    name: str


class FirstLockRow(TypedDict):
    """A row of ``first_lock``."""

    pg_advisory_xact_lock: str | None


class FirstRow(TypedDict):
    """A row of ``first``."""

    name: str


IsUseCaseRow = TypedDict("IsUseCaseRow", {"?column?": int})


class UseCaseNamesRow(TypedDict):
    """A row of ``use_case_names``."""

    name: str


class RevokeRoleRow(TypedDict):
    """A row of ``revoke_role``."""

    role: str


class AdminsLeftRow(TypedDict):
    """A row of ``admins_left``."""

    n: int
    one: bool | None


class EndAllRow(TypedDict):
    """A row of ``end_all``."""

    id: str


class ConfirmRow(TypedDict):
    """A row of ``confirm``."""

    name: str


class UnboundRow(TypedDict):
    """A row of ``unbound``."""

    use_case: str
    role: str
    person: str
    known: bool


class PasswordRow(TypedDict):
    """A row of ``password``."""

    name: str
    password: str | None


PasswordUnchangedRow = TypedDict("PasswordUnchangedRow", {"?column?": int})


class SetPasswordRow(TypedDict):
    """A row of ``set_password``."""

    name: str


class RehashRow(TypedDict):
    """A row of ``rehash``."""

    password: str | None


class ComeBackRow(TypedDict):
    """A row of ``come_back``."""

    browser: str
    nonce: str
    verifier: str
    in_time: bool


class IdentityRow(TypedDict):
    """A row of ``identity``."""

    name: str
    closed: bool


class ByEmailRow(TypedDict):
    """A row of ``by_email``."""

    name: str
    closed: bool


class OfAddressRow(TypedDict):
    """A row of ``of_address``."""

    name: str


class ByNameRow(TypedDict):
    """A row of ``by_name``."""

    name: str
    closed: bool


class LinkIdentityRow(TypedDict):
    """A row of ``link_identity``."""

    person: str


class NamesTakenRow(TypedDict):
    """A row of ``names_taken``."""

    name: str


class EndTokensAgainRow(TypedDict):
    """A row of ``end_tokens_again``."""

    person: str
    id: str


class HashedPersonsRow(TypedDict):
    """A row of ``hashed_persons``."""

    name: str
    hash: str


class IsAdminRow(TypedDict):
    """A row of ``is_admin``."""

    admin: bool | None


class AbsenceRow(TypedDict):
    """A row of ``absence``."""

    person: str
    until: datetime
    stand_in: str | None
    set_at: datetime


class HoldersRow(TypedDict):
    """A row of ``holders``."""

    use_case: str
    role: str
    person: str
    until: datetime | None
    stand_in: str | None


class RolesMissingRow(TypedDict):
    """A row of ``roles_missing``."""

    use_case: str | None
    role: str | None
    unknown: bool | None


class StandsInUntilRow(TypedDict):
    """A row of ``stands_in_until``."""

    until: datetime


class EndAbsenceRow(TypedDict):
    """A row of ``end_absence``."""

    person: str


class IsPersonRow(TypedDict):
    """A row of ``is_person``."""

    name: str


class Queries(TypedDict):
    """The statements of ``roadbed.people``."""

    admit: Query[AdmitRow]
    in_force: Query[InForceRow]
    lock_person: Query[LockPersonRow]
    lock_everybody: Query[LockEverybodyRow]
    issue: Query[IssueRow]
    spend: Query[SpendRow]
    whose: Query[WhoseRow]
    holder: Query[HolderRow]
    touch: Query[Never]
    opened: Query[OpenedRow]
    revoke: Query[RevokeRow]
    revoke_one: Query[RevokeOneRow]
    revoke_sessions: Query[RevokeSessionsRow]
    revoke_tokens: Query[RevokeTokensRow]
    issued: Query[IssuedRow]
    roles: Query[RolesRow]
    persons: Query[PersonsRow]
    members: Query[MembersRow]
    add: Query[AddRow]
    first_lock: Query[FirstLockRow]
    first: Query[FirstRow]
    is_use_case: Query[IsUseCaseRow]
    use_case_names: Query[UseCaseNamesRow]
    grant: Query[Never]
    revoke_role: Query[RevokeRoleRow]
    admins_left: Query[AdminsLeftRow]
    disable: Query[Never]
    end_all: Query[EndAllRow]
    enable: Query[Never]
    make_admin: Query[Never]
    confirm: Query[ConfirmRow]
    unbound: Query[UnboundRow]
    password: Query[PasswordRow]
    password_unchanged: Query[PasswordUnchangedRow]
    set_password: Query[SetPasswordRow]
    rehash: Query[RehashRow]
    begin: Query[Never]
    forget_begun: Query[Never]
    come_back: Query[ComeBackRow]
    identity: Query[IdentityRow]
    by_email: Query[ByEmailRow]
    of_address: Query[OfAddressRow]
    by_name: Query[ByNameRow]
    link_identity: Query[LinkIdentityRow]
    names_taken: Query[NamesTakenRow]
    end_every_session: Query[Never]
    end_tokens_again: Query[EndTokensAgainRow]
    hashed_persons: Query[HashedPersonsRow]
    forget_password: Query[Never]
    is_admin: Query[IsAdminRow]
    absence: Query[AbsenceRow]
    holders: Query[HoldersRow]
    roles_missing: Query[RolesMissingRow]
    stands_in_until: Query[StandsInUntilRow]
    set_absence: Query[Never]
    end_absence: Query[EndAbsenceRow]
    is_person: Query[IsPersonRow]
