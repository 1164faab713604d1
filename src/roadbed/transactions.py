"""Transactions: the statements that run together for an event, in this order.

A stage may depend on earlier stages only. Where an event of an early stage has effects in later
ones, the statements are listed here and run in the transaction of the event.

| event                    | what happens in the same transaction                                 |
|--------------------------|----------------------------------------------------------------------|
| a decision is settled    | halt epoch checked, decision recorded, review opened, deliveries     |
|                          | planned, audit entry; with a budget its cost charged; the task       |
|                          | admitted too, where one commit is enough                             |
| two versions are compared | both answers; where they differ in a canary, a blind review opened |
| a revision is final      | reviews of those before it closed, what they sent taken back, asked  |
|                          | about or kept; audit entry                                           |
| a verdict is given       | review closed, example made (learn or judge for good), what an       |
|                          | automatic answer found wrong has not sent stopped, deliveries        |
|                          | planned, audit entry                                                 |
| a new label is confirmed | kept, audit entry; each verdict that waited for it given, as above    |
| a verdict is taken back, | its example withdrawn, what was not sent cancelled, a dispute that   |
| or does not stand        | it decided open again, audit entry, the review open                  |
| an attempt has ended     | its outcome, the delivery moved, what it takes back, audit entry;    |
|                          | the pod told where the destination refuses everything                |
| an outcome is reported   | kept; where it says that an answer nobody looked at was wrong, a      |
|                          | review opened that shows it; audit entry                              |
| a version goes live      | the old one retired, the state renewed, audit entry, processes told  |
| a release moves          | its step and sign-offs, stage and waits of the use case, audit entry |
| a version is rolled back | halt and release epoch moved, what it has not sent held, pod told    |
| a proposal is decided    | its state and patch, audit entry                                     |
| an alarm is raised       | state, threshold and halt epoch moved, audit entry, the pod told     |
"""

from __future__ import annotations

from roadbed.budgets.service import SQL as BUDGETS
from roadbed.decisions.service import SQL as DECISIONS
from roadbed.deliveries.relay import SQL as DELIVERIES
from roadbed.examples.service import SQL as EXAMPLES
from roadbed.intake.tasks import SQL as INTAKE
from roadbed.outcomes.service import SQL as OUTCOMES
from roadbed.reviews.service import SQL as REVIEWS
from roadbed.storage.sql import queries
from roadbed.storage.writer import Statement, Write, together

AUDIT = queries("roadbed.audit")
GUARANTEE = queries("roadbed.guarantee")

# What follows from a decision. `fresh` are the decisions that this transaction records.
_OF_A_DECISION = {
    "opened": REVIEWS["open"],
    "planned": DELIVERIES["planned_by_decision"],
    "noted": AUDIT["decided"],
}
_SETTLED = together(
    {"item": DECISIONS["decided_items"], "fresh": INTAKE["released"], **_OF_A_DECISION},
    DECISIONS["record"],
)
_SETTLED_AT_ONCE = together(
    {
        "item": DECISIONS["whole_items"],
        "born": INTAKE["born"],
        "fresh": DECISIONS["born_here"],
        "recorded": DECISIONS["record"],
        **_OF_A_DECISION,
    },
    DECISIONS["settled_at_once"],
)
# A separate statement: the next ones must see what a halt wrote while the guard waited.
_GUARD = Statement(DECISIONS["guard"], distinct=True)

SETTLE = Write("settle", _GUARD, _SETTLED, DECISIONS["settled"])
SETTLE_FUNDED = Write("settle-funded", _GUARD, BUDGETS["charge"], _SETTLED, DECISIONS["settled"])
SETTLE_AT_ONCE = Write("settle-at-once", _GUARD, _SETTLED_AT_ONCE)
# A revision is final, by its decision or a verdict: handle deliveries of earlier revisions.
_EFFECTS = (INTAKE["effects"], DELIVERIES["superseded"], DELIVERIES["paused"])
_REVISED = (DELIVERIES["unasked"], AUDIT["revised"])
_ITEM = DECISIONS["decided_items"]
SETTLE_REVISION = Write(
    "settle-revision",
    _GUARD,
    Statement(BUDGETS["charge"], when=["budgeted"]),
    together({"item": _ITEM, "fresh": INTAKE["released"]}, DECISIONS["record"]),
    DECISIONS["revised"],
    together({"item": _ITEM, "fresh": DECISIONS["fresh_of_revision"]}, REVIEWS["open"]),
    REVIEWS["supersede"],
    *_EFFECTS,
    together({"item": _ITEM, "fresh": DELIVERIES["said_anew"]}, DELIVERIES["planned_by_decision"]),
    DELIVERIES["of_revision"],
    *_REVISED,
    AUDIT["decided_revision"],
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
    EXAMPLES["born"],
    *(Statement(statement, when=["revises"]) for statement in _EFFECTS),
    Statement(DELIVERIES["outdated_by_verdict"], when=["sends"]),
    Statement(DELIVERIES["asked_by_verdict"], when=["sends"]),
    Statement(DELIVERIES["planned_by_verdict"], when=["deliveries", "actions"]),
    *(Statement(statement, when=["revises"]) for statement in _REVISED),
    AUDIT["reviewed"],
    REVIEWS["judged"],
)
VERDICT_UNDONE = (
    EXAMPLES["withdraw"],
    DELIVERIES["taken_back"],
    DELIVERIES["asked_no_more"],
    REVIEWS["unsettled"],
    GUARANTEE["labels_over"],
    AUDIT["undone"],
)
FINISH = Write(
    "finish",
    DELIVERIES["finish"],
    Statement(DELIVERIES["taken_back_of"], when=["compensates"]),
    AUDIT["sent"],
    Statement(GUARANTEE["refused"], when=["notice"]),
    DELIVERIES["finished"],
)
OUTCOME = Write(
    "outcome",
    OUTCOMES["record"],
    Statement(REVIEWS["open_for_outcome"], when=["review_id"]),
    AUDIT["reported"],
    OUTCOMES["recorded"],
)
LABELS_OVER = GUARANTEE["labels_over"]
POD_TOLD = GUARANTEE["announce"]
NOTICE_OVER = GUARANTEE["over"]
MENDED = GUARANTEE["mended"]
VERSION_FELL = DELIVERIES["held_by_fall"]
