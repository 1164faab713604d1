"""Rows of the statements in ``queries.sql``. Written by ``make rows``: do not edit."""

from typing import Never, TypedDict

from roadbed.storage.sql import Query


class ReachRow(TypedDict):
    """A row of ``reach``."""

    name: str


class FenceReleaseRow(TypedDict):
    """A row of ``fence_release``."""

    halt_epoch: int
    release_epoch: int


class HaltRow(TypedDict):
    """A row of ``halt``."""

    halt_epoch: int


class ResumeAfterRestoreRow(TypedDict):
    """A row of ``resume_after_restore``."""

    name: str
    halt_epoch: int


class Queries(TypedDict):
    """The statements of ``roadbed.usecases``."""

    register: Query[Never]
    reach: Query[ReachRow]
    recertify: Query[Never]
    point: Query[Never]
    fence_release: Query[FenceReleaseRow]
    propose_only: Query[Never]
    halt: Query[HaltRow]
    resume: Query[Never]
    resume_after_restore: Query[ResumeAfterRestoreRow]
    move_automation: Query[Never]
