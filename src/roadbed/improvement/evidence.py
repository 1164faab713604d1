"""Evidence for proposals: verdicts and examples of a use case, and the drafts mined from them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from roadbed.examples.quality import Item
from roadbed.improvement.mining import MOST_SEEN, Draft, ReviewedCase, mine
from roadbed.improvement.mining.mine import learning
from roadbed.improvement.mining.patch_checks import repeats, unsettled
from roadbed.improvement.mining.prompt_examples import examples
from roadbed.storage.database import Database
from roadbed.storage.sql import queries
from roadbed.usecases.errors import PatchError
from roadbed.usecases.loader import LoadedUseCase
from roadbed.usecases.patches import RulePatch, read

SQL = queries("roadbed.improvement")

_MOST_ITEMS = 20_000
Json = Mapping[str, Any]


class CorrectionEvidence:
    """Reads verdicts and examples, and mines drafts of proposals. Stores nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def seen(self, use_case: str) -> Sequence[ReviewedCase]:
        """Verdicts on decisions of the live code, without the holdout of the guarantee."""
        facts = {"use_case": use_case, "most": MOST_SEEN}
        rows = await self._database.fetch(SQL["seen"], facts)
        return [_seen(row) for row in rows if row["same_code"]]

    async def items(self, use_case: str) -> Sequence[Item]:
        """The newest ``learn`` examples, at most 20,000."""
        facts = {"use_case": use_case, "most": _MOST_ITEMS}
        return [Item(**row) for row in await self._database.fetch(SQL["items"], facts)]

    async def drafts(self, loaded: LoadedUseCase, accepted: Sequence[Json]) -> Sequence[Draft]:
        """Drafts that add to the ``accepted`` patches. Raises ``PatchError``."""
        declared, named = loaded.declared, {"use_case": loaded.name}
        rows = await self._database.fetch(SQL["seen"], {**named, "most": MOST_SEEN})
        trained = await self._database.fetch_one(SQL["trained_until"], named)
        until = trained["learned_until"] if trained and declared.trainable else None
        newer = [row for row in rows if until is None or row["given_at"] > until]
        seen = [_seen(row) for row in newer if row["same_code"]]
        patches = read(declared, accepted)
        rejected = await self._rejected(loaded)

        def mined() -> list[Draft]:
            left = unsettled(seen, patches)
            drafts = mine(left, input=declared.input, output=declared.output, tables=loaded.records)
            return [draft for draft in drafts if not repeats(draft, rejected, left)]

        drafts = await asyncio.to_thread(mined)
        if declared.trainable is not None and (more := learning(list(map(_seen, newer)), until)):
            drafts.append(more)
        if declared.prompts and (choice := await self._choice(loaded.name)):
            drafts.append(choice)
        return drafts

    async def _choice(self, use_case: str) -> Draft | None:
        """Examples for the prompt; after a decision only when their number has doubled."""
        draft = await asyncio.to_thread(examples, await self.items(use_case))
        last = await self._database.fetch_one(SQL["last_choice"], {"use_case": use_case})
        if draft is None or (last and draft.support.cases < 2 * last["cases"]):
            return None
        return draft

    async def _rejected(self, loaded: LoadedUseCase) -> Sequence[tuple[RulePatch, int]]:
        rows = await self._database.fetch(SQL["rejected_rules"], {"use_case": loaded.name})
        rejected = []
        for row in rows:
            with contextlib.suppress(PatchError):  # what fits no more cannot come back either
                rejected.append((read(loaded.declared, [row["patch"]]).rules[0], row["cases"]))
        return rejected


def _seen(row: Mapping[str, Any]) -> ReviewedCase:
    return ReviewedCase(**{name: row[name] for name in ReviewedCase.__dataclass_fields__})
