"""Mining of all drafts: data corrections first, then rules for the remaining cases, ranked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel

from roadbed.improvement.mining.conditions import ConditionField, fields_of
from roadbed.improvement.mining.data_corrections import aliases, records
from roadbed.improvement.mining.model import Draft, ReviewedCase, Support, case
from roadbed.improvement.mining.rules import rules
from roadbed.kernel.stored_sentences import stored_sentence, stored_sentences
from roadbed.usecases.decider import Records

MOST_SEEN = 5_000  # the newest; bounds the time of a search
_MOST_DRAFTS = 24
_WIDER = 1.5


def mine(
    seen: Sequence[ReviewedCase],
    *,
    input: type[BaseModel],
    output: type[BaseModel],
    tables: Records,
) -> list[Draft]:
    """Drafts of rules, aliases and record corrections, best first."""
    newest = sorted(seen, key=lambda verdict: verdict.given_at)[-MOST_SEEN:]
    of_input = fields_of(input, "input")
    fields = [*of_input, *fields_of(output, "output")]
    # Cases explained by a data correction are left out, so that no rule duplicates it.
    corrections = aliases(newest, of_input)
    rest = _unexplained(newest, corrections)
    corrections += _without_wider_rules(records(rest, tables), rest, fields)
    drafts = [*corrections, *rules(_unexplained(newest, corrections), fields, newest)]
    return sorted(drafts, key=lambda draft: (-draft.rank, -draft.support.cases))[:_MOST_DRAFTS]


def _unexplained(seen: Sequence[ReviewedCase], drafts: Sequence[Draft]) -> list[ReviewedCase]:
    explained = {case.task_id for draft in drafts for case in draft.cases}
    return [verdict for verdict in seen if verdict.task_id not in explained]


def _without_wider_rules(
    drafts: Sequence[Draft], seen: Sequence[ReviewedCase], fields: Sequence[ConditionField]
) -> list[Draft]:
    """Drafts without record corrections that a wider rule covers."""
    wider = [_corrected_tasks(rule) for rule in rules(seen, fields, seen)] if drafts else []
    return [
        draft
        for draft in drafts
        if not any(
            len(whole) >= _WIDER * len(draft.cases) and _corrected_tasks(draft) <= whole
            for whole in wider
        )
    ]


def _corrected_tasks(draft: Draft) -> set[str]:
    return {case.task_id for case in draft.cases if case.after == case.right != case.before}


def learning(seen: Sequence[ReviewedCase], trained_until: datetime | None) -> Draft | None:
    """A draft to retrain on corrections newer than the live version; ``None`` without any."""
    corrected = [verdict for verdict in seen if verdict.wrong]
    if not corrected:
        return None
    n = len(corrected)
    title = stored_sentences("Learn from %(n)s correction", "Learn from %(n)s corrections", n)
    reason = stored_sentence(
        "People gave %(verdicts)s verdicts; %(wrong)s of them said something else than the "
        "decider. A new version learns from all of them.",
        verdicts=len(seen),
        wrong=n,
    )
    if trained_until is not None:
        title = stored_sentences(
            "Learn from %(n)s correction since the live version was trained",
            "Learn from %(n)s corrections since the live version was trained",
            n,
        )
        reason = stored_sentence(
            "People gave %(verdicts)s verdicts since the live version was trained; %(wrong)s of "
            "them said something else than the decider. A new version learns from all of them.",
            verdicts=len(seen),
            wrong=n,
        )
    return Draft(
        kind="model",
        title=title,
        reason=reason,
        support=Support(cases=n, right=0, wrong_now=n, matched=len(seen)),
        cases=[case(verdict, None) for verdict in reversed(corrected)],
        patch=None,
        rank=0.3,
        about=f"after {trained_until.isoformat() if trained_until else 'the folder'}",
    )
