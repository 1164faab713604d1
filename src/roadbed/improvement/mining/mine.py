"""All that mining finds, ranked: mistakes in the data first, then what they do not explain."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from roadbed.improvement.mining.aliases import aliases
from roadbed.improvement.mining.fields import fields_of
from roadbed.improvement.mining.model import Draft, Seen
from roadbed.improvement.mining.records import records
from roadbed.improvement.mining.rules import rules
from roadbed.usecases.deciders import Records

MOST_SEEN = 5_000  # the newest; bounds the time of a search
_MOST_DRAFTS = 24


def mine(
    seen: Sequence[Seen], *, input: type[BaseModel], output: type[BaseModel], tables: Records
) -> list[Draft]:
    """Rules, aliases and records that the verdicts speak for, the best first."""
    newest = sorted(seen, key=lambda each: each.given_at)[-MOST_SEEN:]
    of_input, of_output = fields_of(input, "input"), fields_of(output, "output")
    # What is wrong with the data is said once: a rule that says it again would only hide it.
    found = aliases(newest, of_input)
    found += records(_unexplained(newest, found), tables)
    found += rules(_unexplained(newest, found), [*of_input, *of_output])
    return sorted(found, key=lambda each: (-each.rank, -each.support.cases))[:_MOST_DRAFTS]


def _unexplained(seen: Sequence[Seen], drafts: Sequence[Draft]) -> list[Seen]:
    explained = {case.task_id for draft in drafts for case in draft.cases}
    return [each for each in seen if each.task_id not in explained]
