"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from datetime import datetime
from typing import Never, TypedDict

from roadbed.kernel.ids import TaskId
from roadbed.storage.sql import Query


class LinkRow(TypedDict):
    """A row of ``link``."""

    person: str


class UnlinkRow(TypedDict):
    """A row of ``unlink``."""

    person: str


class UnlinkAllRow(TypedDict):
    """A row of ``unlink_all``."""

    account: str


class AccountsRow(TypedDict):
    """A row of ``accounts``."""

    kind: str
    account: str
    person: str
    linked_by: str
    linked_at: datetime


class PersonOfRow(TypedDict):
    """A row of ``person_of``."""

    person: str


class FirstTimeRow(TypedDict):
    """A row of ``first_time``."""

    id: str


class ReadyRow(TypedDict):
    """A row of ``ready``."""

    task_id: TaskId
    use_case: str


class GateRow(TypedDict):
    """A row of ``gate``."""

    pg_advisory_xact_lock_shared: str | None


class TakeRow(TypedDict):
    """A row of ``take``."""

    task_id: TaskId
    use_case: str
    person: str
    kind: str
    address: str
    private: bool
    until: datetime


class Queries(TypedDict):
    """The statements of ``roadbed.assistants``."""

    link: Query[LinkRow]
    unlink: Query[UnlinkRow]
    unlink_all: Query[UnlinkAllRow]
    accounts: Query[AccountsRow]
    person_of: Query[PersonOfRow]
    first_time: Query[FirstTimeRow]
    forget_requests: Query[Never]
    keep_reply: Query[Never]
    forget_replies: Query[Never]
    ready: Query[ReadyRow]
    gate: Query[GateRow]
    take: Query[TakeRow]
