"""Which event starts which service: the one place where the stages of the road meet.

Stages know what comes before them, never what comes after. What must happen together with an event
of an earlier stage is listed here and runs in that event's transaction, in this order.

| event                    | what happens in the same transaction                                 |
|--------------------------|----------------------------------------------------------------------|
| a decision is settled    | halt epoch checked, decision recorded, review opened, deliveries     |
|                          | planned, audit entry; with a budget its cost charged; the task       |
|                          | admitted too, where one commit is enough                             |
| two versions are compared | what each said; where they differ in a canary, a blind review opened |
| a revision has its last  | reviews of those before it closed, what they sent taken back, asked  |
| word                     | about or kept; audit entry                                           |
| a verdict is given       | review closed, example born (learn or judge for good), what an       |
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
| a release moves          | its step and sign-offs, the stage and waits of the road, audit entry |
| a version is rolled back | halt and release epoch moved, what it has not sent held, pod told    |
| a proposal is decided    | its state and patch, audit entry                                     |
| the evidence turns       | state, threshold and halt epoch moved, audit entry, the pod told     |
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
TRUST = queries("roadbed.guarantee")

# What a decision gives rise to. `fresh` are the decisions that this transaction records.
_OF_A_DECISION = {
    "opened": REVIEWS["open"],
    "planned": DELIVERIES["planned_by_decision"],
    "noted": AUDIT["decided"],
}
_SETTLED = together(
    {"item": DECISIONS["decided_items"], "fresh": DECISIONS["released"], **_OF_A_DECISION},
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
# A statement of its own: what follows must see what a halt wrote while the guard waited for it.
_GUARD = Statement(DECISIONS["guard"], distinct=True)

SETTLE = Write("settle", _GUARD, _SETTLED, DECISIONS["settled"])
SETTLE_FUNDED = Write("settle-funded", _GUARD, BUDGETS["charge"], _SETTLED, DECISIONS["settled"])
SETTLE_AT_ONCE = Write("settle-at-once", _GUARD, _SETTLED_AT_ONCE)
# What a revision says last, by itself or by a person: what becomes of what those before it sent.
_EFFECTS = (INTAKE["effects"], DELIVERIES["superseded"], DELIVERIES["paused"])
_REVISED = (DELIVERIES["unasked"], AUDIT["revised"])
_ITEM = DECISIONS["decided_items"]
SETTLE_REVISION = Write(
    "settle-revision",
    _GUARD,
    Statement(BUDGETS["charge"], when=["budgeted"]),
    together({"item": _ITEM, "fresh": DECISIONS["released"]}, DECISIONS["record"]),
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
    TRUST["unsettled"],
    TRUST["labels_over"],
    AUDIT["undone"],
)
FINISH = Write(
    "finish",
    DELIVERIES["finish"],
    Statement(DELIVERIES["taken_back_of"], when=["compensates"]),
    AUDIT["sent"],
    Statement(TRUST["refused"], when=["notice"]),
    DELIVERIES["finished"],
)
OUTCOME = Write(
    "outcome",
    OUTCOMES["record"],
    Statement(OUTCOMES["open_review"], when=["review_id"]),
    AUDIT["reported"],
    OUTCOMES["recorded"],
)
LABEL_MOVED = (AUDIT["noted"], TRUST["announce"], TRUST["labels_over"])
OUTCOME_WITHDRAWN = AUDIT["noted"]
TASK_REVISED = AUDIT["noted"]
DELIVERY_DECIDED = AUDIT["noted"]
VERSION_LIVE = AUDIT["noted"]
PROPOSAL_DECIDED = AUDIT["noted"]
STATE_MOVED = AUDIT["noted"]
RELEASE_MOVED = AUDIT["noted"]
POD_TOLD = TRUST["announce"]
NOTICE_OVER = TRUST["over"]
STATE_OVER = TRUST["state_over"]
MENDED = TRUST["mended"]
VERSION_FELL = DELIVERIES["held_by_fall"]
