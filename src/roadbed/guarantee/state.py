"""The automation state of a use case, as set by a release, an alarm or a retirement.

Nothing else writes it. Each function runs in the caller's transaction, which holds the lock of the
use case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from roadbed.audit.events import AuditEvent, record
from roadbed.guarantee.certificates import Certification
from roadbed.guarantee.model import StateChange
from roadbed.risk import sampling
from roadbed.risk.automation_state import AutomationState, State, after_certification
from roadbed.storage.database import Connection
from roadbed.storage.sql import queries
from roadbed.versions.identity import automation_state, in_force

Row = Mapping[str, Any]  # of the database

_SQL = queries(__package__)
_USE_CASES = queries("roadbed.usecases")  # the owner of `use_case`


async def set_by_release(
    connection: Connection,
    use_case: str,
    row: Row,
    certification: Certification,
    *,
    opened: bool,
    at: datetime,
) -> None:
    """The state that comes with a version that goes live; ``row`` is the use case until now.

    Without ``opened`` the version only proposes, even with a proof.
    """
    before, alarm_at, sample = automation_state(row), row["alarm_at"], certification.sample
    if not opened:
        after = restored(before, None, alarm_at=alarm_at, sample=sample)
    elif certification.proof:
        after = after_certification(before, certification.proof, sample=sample)
    else:  # an earlier version comes back with the proof it had
        after = restored(before, certification.certificate, alarm_at=alarm_at, sample=sample)
    await connection.execute(
        _USE_CASES["recertify"],
        {
            **asdict(after),
            "use_case": use_case,
            "at": at,
            "reason": certification.note,
            "audit_at": at if before.state is State.HALTED else row["audit_at"],
        },
    )
    await _close_notices(connection, use_case, after, at)


async def set_by_alarm(
    connection: Connection,
    use_case: str,
    live: Row,
    after: AutomationState,
    change: StateChange,
) -> bool:
    """The state that an alarm moves to, with its audit entry and the next halt epoch.

    ``False``, and nothing is written, if the version or the state is no longer that of ``live``.
    """
    await connection.execute(_SQL["lock"], {"use_case": use_case})
    held = await (await connection.execute(_SQL["hold"], {"use_case": use_case})).fetchone()
    expected = (live["live_version"], live["state"])
    if held is None or (held["live_version"], held["state"]) != expected:
        return False
    await connection.execute(
        _USE_CASES["move_automation"],
        {
            **asdict(after),
            "use_case": use_case,
            "at": change.at,
            "reason": change.reason,
            "alarm": after.state in (State.CAUTIOUS, State.HALTED),
        },
    )
    event = AuditEvent(
        use_case=use_case,
        kind="state",
        subject=f"{use_case} {after.state} at {change.at:%Y-%m-%dT%H:%M:%S.%fZ}",
        actor="roadbed",
        at=change.at,
        detail={
            "before": change.before,
            "after": after.state,
            "sign": change.sign,
            "reason": change.reason,
            "version": live["live_version"],
            "threshold": after.threshold,
        },
    )
    await record(connection, event)
    await _close_notices(connection, use_case, after, change.at)
    return True


async def _close_notices(
    connection: Connection, use_case: str, after: AutomationState, at: datetime
) -> None:
    """A notice about a state is over once the use case has another state."""
    facts = {"use_case": use_case, "state": after.state, "at": at}
    await connection.execute(_SQL["state_over"], facts)


async def set_to_propose_only(connection: Connection, use_case: str, *, reason: str) -> None:
    """Nothing is automatic from now on; a halted use case stays halted."""
    facts = {"use_case": use_case, "reason": reason}
    await connection.execute(_USE_CASES["propose_only"], facts)


def restored(
    before: AutomationState,
    certificate: Row | None,
    *,
    alarm_at: datetime | None,
    sample: int,
) -> AutomationState:
    """The state of a version that returns with its proof; a proof from before an alarm is void."""
    if certificate is None or not in_force(certificate, alarm_at):
        state = State.HALTED if before.state is State.HALTED else State.SHADOW
        return replace(
            before, state=state, threshold=None, cautious=False, rate=sampling.RATE_BEFORE
        )
    if certificate["cautious"]:
        return replace(
            before,
            state=State.CAUTIOUS,
            threshold=certificate["threshold"],
            cautious=True,
            rate=sampling.RATE_CAUTIOUS,
            cautious_improvements_left=max(before.cautious_improvements_left - 1, 0),
        )
    rate = sampling.rate(automating=True, sample=sample)
    return replace(
        before, state=State.OPEN, threshold=certificate["threshold"], cautious=False, rate=rate
    )
