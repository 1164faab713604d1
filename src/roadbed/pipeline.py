"""Which event starts which service: the one place where the stages of the road meet.

Stages know what comes before them, never what comes after. What must happen together with an event
of an earlier stage is listed here and runs in that event's transaction, in this order.

| event                    | what happens in the same transaction                                 |
|--------------------------|----------------------------------------------------------------------|
| a decision is settled    | halt epoch checked, decision recorded, review opened, audit entry    |
| a verdict is given       | review closed, example born (learn or judge for good), audit entry   |
| a verdict is taken back  | its example withdrawn, the review open again                         |
| a version goes live      | the old one retired, the state renewed, audit entry, processes told  |
| the evidence turns       | state, threshold and halt epoch moved, audit entry, the pod told     |
"""

from __future__ import annotations

from roadbed.decisions.service import SQL as DECISIONS
from roadbed.improvement.service import SQL as IMPROVEMENT
from roadbed.reviews.service import SQL as REVIEWS
from roadbed.storage.sql import queries
from roadbed.storage.writer import Write

AUDIT = queries("roadbed.audit")

SETTLE = Write(
    "settle",
    DECISIONS["guard"],
    DECISIONS["record"],
    REVIEWS["open"],
    AUDIT["decided"],
    DECISIONS["settled"],
)
VERDICT = Write(
    "verdict", REVIEWS["judge"], IMPROVEMENT["born"], AUDIT["reviewed"], REVIEWS["judged"]
)
VERDICT_UNDONE = (IMPROVEMENT["withdraw"],)
VERSION_LIVE = AUDIT["noted"]
STATE_MOVED = AUDIT["noted"]
