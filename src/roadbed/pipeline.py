"""Which event starts which service: the one place where the stages of the road meet.

Stages know what comes before them, never what comes after. What must happen together with an event
of an earlier stage is listed here and runs in that event's transaction, in this order.

| event                    | what happens in the same transaction                                 |
|--------------------------|----------------------------------------------------------------------|
| a decision is settled    | halt epoch checked, decision recorded, review opened, deliveries     |
|                          | planned, audit entry; with a budget its cost charged                 |
| two versions are compared | what each said; where they differ in a canary, a blind review opened |
| a revision has its last  | reviews of those before it closed, what they sent taken back, asked  |
| word                     | about or kept; audit entry                                           |
| a verdict is given       | review closed, example born (learn or judge for good), deliveries    |
|                          | planned, audit entry                                                 |
| a verdict is taken back  | its example withdrawn, what was not sent cancelled, the review open  |
| an attempt has ended     | its outcome, the delivery moved, what it takes back, audit entry     |
| an outcome is reported   | kept; where it says that an answer nobody looked at was wrong, a      |
|                          | review opened that shows it; audit entry                              |
| a version goes live      | the old one retired, the state renewed, audit entry, processes told  |
| a release moves          | its step and sign-offs, the stage and waits of the road, audit entry |
| a version is rolled back | halt and release epoch moved, what it has not sent held, pod told    |
| a proposal is decided    | its state and patch, audit entry                                     |
| the evidence turns       | state, threshold and halt epoch moved, audit entry, the pod told     |
"""

from __future__ import annotations

from roadbed.budgets.service import SQL as BUDGETS
from roadbed.decisions.service import SQL as DECISIONS
from roadbed.deliveries.relay import SQL as DELIVERIES
from roadbed.improvement.service import SQL as IMPROVEMENT
from roadbed.intake.service import SQL as INTAKE
from roadbed.outcomes.service import SQL as OUTCOMES
from roadbed.reviews.service import SQL as REVIEWS
from roadbed.storage.sql import queries
from roadbed.storage.writer import Statement, Write

AUDIT = queries("roadbed.audit")
TRUST = queries("roadbed.trust")

# Most decisions open no review, many send nothing: what has no rows is not sent to the database.
_OPEN_REVIEW = Statement(REVIEWS["open"], when=["review_id"])
_PLAN = Statement(DELIVERIES["planned_by_decision"], when=["deliveries", "sends_actions"])
# The last word of a revision: what becomes of what those before it sent.
_EFFECTS = [
    Statement(statement, when=["revises"])
    for statement in (INTAKE["effects"], DELIVERIES["superseded"], DELIVERIES["paused"])
]
_SUPERSEDE = Statement(REVIEWS["supersede"], when=["revises"])
_REVISED = [
    Statement(statement, when=["revises"])
    for statement in (DELIVERIES["unasked"], AUDIT["revised"])
]

SETTLE = Write(
    "settle",
    DECISIONS["guard"],
    DECISIONS["record"],
    _OPEN_REVIEW,
    _SUPERSEDE,
    *_EFFECTS,
    _PLAN,
    *_REVISED,
    AUDIT["decided"],
    DECISIONS["settled"],
)
SETTLE_FUNDED = Write(
    "settle-funded",
    DECISIONS["guard"],
    BUDGETS["charge"],
    DECISIONS["record"],
    _OPEN_REVIEW,
    _SUPERSEDE,
    *_EFFECTS,
    _PLAN,
    *_REVISED,
    AUDIT["decided"],
    DECISIONS["settled"],
)
COMPARE = Write(
    "compare",
    DECISIONS["compare"],
    Statement(REVIEWS["open_where_they_differ"], when=["review_id"]),
    DECISIONS["compared"],
)
VERDICT = Write(
    "verdict",
    REVIEWS["judge"],
    Statement(REVIEWS["measured"], when=["measured"]),
    IMPROVEMENT["born"],
    *_EFFECTS,
    Statement(DELIVERIES["planned_by_verdict"], when=["deliveries", "actions"]),
    *_REVISED,
    AUDIT["reviewed"],
    REVIEWS["judged"],
)
VERDICT_UNDONE = (IMPROVEMENT["withdraw"], DELIVERIES["taken_back"])
FINISH = Write(
    "finish",
    DELIVERIES["finish"],
    Statement(DELIVERIES["taken_back_of"], when=["compensates"]),
    AUDIT["sent"],
    DELIVERIES["finished"],
)
OUTCOME = Write(
    "outcome",
    OUTCOMES["record"],
    Statement(OUTCOMES["open_review"], when=["review_id"]),
    AUDIT["reported"],
    OUTCOMES["recorded"],
)
OUTCOME_WITHDRAWN = AUDIT["noted"]
TASK_REVISED = AUDIT["noted"]
DELIVERY_DECIDED = AUDIT["noted"]
VERSION_LIVE = AUDIT["noted"]
PROPOSAL_DECIDED = AUDIT["noted"]
STATE_MOVED = AUDIT["noted"]
RELEASE_MOVED = AUDIT["noted"]
POD_TOLD = TRUST["announce"]
VERSION_FELL = DELIVERIES["held_by_fall"]
