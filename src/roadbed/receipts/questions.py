"""Questions that a person asked, with what they may read of the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from roadbed.receipts.revisions import Row, for_a_sender
from roadbed.receipts.rows import AskedRow, ConversationRow, Queries
from roadbed.storage.database import Database
from roadbed.storage.sql import queries

_SQL = queries(Queries)
SURFACE = "console"  # in the source of a task that was asked on a page
LONGEST_CONVERSATION = 10  # questions that a follow-up brings along

QuestionState = Literal["deciding", "waiting", "answered", "refused", "none_right", "erased"]


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedQuestion:
    """A question as its sender may see it.

    ``output`` is the answer in force: the decider's if it went out without a review, or what a
    person gave. ``None`` before that: an answer that nobody checked is not shown while it waits.
    ``by_person`` says that a person gave or confirmed it, ``reported`` that the sender called it
    wrong. ``none_right``: a person said that no answer is right. ``support`` in [0, 1] is how well
    the documents support what the decider said, ``None`` if it stored no such figure.
    """

    task_id: str
    input: Mapping[str, Any]
    asked_at: datetime
    state: QuestionState
    output: Mapping[str, Any] | None
    by_person: bool
    reason: str = ""
    reported: bool = False
    support: float | None = None


class Questions:
    """Reads what a person asked. Others see the same tasks as receipts, by their own rights."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def asked(self, use_case: str, *, person: str, most: int) -> Sequence[AskedQuestion]:
        """The newest questions of a person, newest first."""
        rows = await self._database.fetch(
            _SQL["asked"], {"use_case": use_case, "person": person, "most": most}
        )
        return [_question(row) for row in rows]

    async def conversation(
        self, use_case: str, task_id: str, *, person: str
    ) -> Sequence[AskedQuestion]:
        """A question and those before it in its conversation, oldest first.

        Empty if it is not a question of this person.
        """
        rows = await self._database.fetch(
            _SQL["conversation"],
            {
                "use_case": use_case,
                "id": task_id,
                "person": person,
                "most": LONGEST_CONVERSATION,
            },
        )
        return [
            replace(
                _question(row, reason=row["reason"] or "", reported=row["reported"]),
                support=row["support"],
            )
            for row in rows
        ]


def for_an_asker(receipt: Row, viewer: str) -> Mapping[str, object]:
    """A receipt for a person who asks and does not read receipts: as ``for_a_sender`` gives it.

    ``page`` is the address of the question on *Ask*: the page of the receipt is not for this
    person.
    """
    page = f"/usecases/{quote(receipt['use_case'])}/ask/{quote(receipt['task'])}"
    return {**for_a_sender(receipt, viewer), "page": page}


def _question(
    row: AskedRow | ConversationRow, *, reason: str = "", reported: bool = False
) -> AskedQuestion:
    state, output = _standing(row)
    return AskedQuestion(
        task_id=row["id"],
        input=row["input"] or {},
        asked_at=row["admitted_at"],
        state=state,
        output=output,
        by_person=row["verdict"] is not None,
        reason=reason,
        reported=reported,
    )


def _standing(
    row: AskedRow | ConversationRow,
) -> tuple[QuestionState, Mapping[str, Any] | None]:
    if row["erased"]:
        return "erased", None
    if row["verdict"] is not None:
        right = row["right_output"]
        return ("none_right", None) if right is None else ("answered", right)
    if row["route"] is None:
        return "deciding", None
    if row["route"] == "automatic":
        return "answered", row["output"]
    return ("refused", None) if row["route"] == "refused" else ("waiting", None)
