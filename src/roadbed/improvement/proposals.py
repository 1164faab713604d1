"""Proposals: suggest changes, and record a person's decision on each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb

from roadbed.audit.events import AuditEvent, record
from roadbed.examples.quality import Quality, quality
from roadbed.improvement.errors import ProposalDecidedError, ProposalEditError, UnknownProposalError
from roadbed.improvement.evidence import CorrectionEvidence
from roadbed.improvement.mining import Draft
from roadbed.improvement.mining.patch_checks import (
    checked,
    edited,
    reasoned,
    recounted,
    titled,
)
from roadbed.improvement.model import Proposal, Suggestion
from roadbed.improvement.rows import Queries
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.kernel.sentences import sentence
from roadbed.knowledge.readable_cases import Reader
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries
from roadbed.usecases.errors import UnknownUseCaseError
from roadbed.usecases.loader import LoadedUseCase

SQL = queries(Queries)

STATES = ("open", "accepted", "rejected", "withdrawn")
ENOUGH = 20  # new corrections before automatic mining
_MOST_ITEMS = 20_000
_MOST_CASES = 50
_LONGEST_NOTE = 4_000
_SHOWN = ("task_id", "input", "output")  # of an example
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
Json = Mapping[str, Any]


class Proposals:
    """Stores and decides proposals. ``served`` gives a use case as loaded in this process."""

    def __init__(
        self,
        database: Database,
        ids: Ids,
        clock: Clock,
        served: Callable[[str], LoadedUseCase],
    ) -> None:
        self._database = database
        self._ids = ids
        self._clock = clock
        self._served = served
        self._evidence = CorrectionEvidence(database)
        self._looked: dict[str, datetime] = {}

    async def suggest(self, loaded: LoadedUseCase, *, actor: str) -> Sequence[Proposal]:
        """Mine verdicts and examples; return the open proposals, best first.

        Open proposals that are no longer found are withdrawn. A rejected one returns only with
        twice as many cases.
        """
        self._looked[loaded.name] = self._clock.now()
        drafts = await self._evidence.drafts(loaded, await self.accepted(loaded.name))
        async with self._database.transaction() as connection:
            await connection.execute(SQL["lock_proposals"], {"use_case": loaded.name})
            kept = [await self._keep(connection, loaded.name, draft) for draft in drafts]
            facts = {
                "use_case": loaded.name,
                "kept": [proposal_id for proposal_id in kept if proposal_id],
            }
            await connection.execute(SQL["withdraw_others"], facts)
            detail = {"said": "suggested", "proposals": facts["kept"]}
            await self._note(connection, loaded.name, loaded.name, actor, detail)
        return await self.list(loaded.name)

    async def put(
        self, use_case: str, suggestion: Suggestion, *, fingerprint: str, rank: float, actor: str
    ) -> Proposal | None:
        """Store a prompt found by a search; return ``None`` if it was rejected before."""
        proposal_id = self._ids.new("prp")
        async with self._database.transaction() as connection:
            await connection.execute(SQL["lock_proposals"], {"use_case": use_case})
            cursor = await connection.execute(
                SQL["propose"],
                {
                    "id": proposal_id,
                    "use_case": use_case,
                    "kind": "prompt",
                    "title": suggestion.title,
                    "reason": suggestion.reason,
                    "support": Jsonb(dict(suggestion.support)),
                    "cases": Jsonb([dict(case) for case in suggestion.cases[:_MOST_CASES]]),
                    "patch": Jsonb({**suggestion.patch, "id": proposal_id}),
                    "fingerprint": fingerprint,
                    "rank": rank,
                    "at": self._clock.now(),
                },
            )
            row = await cursor.fetchone()
            if row is None:
                return None
            detail = {"said": "suggested", "proposals": [row["id"]]}
            await self._note(connection, use_case, use_case, actor, detail)
        return await self.get(str(row["id"]))

    async def suggest_if_enough(self, loaded: LoadedUseCase) -> bool:
        """Suggest automatically when ``ENOUGH`` corrections were given since the last time."""
        last = self._looked.get(loaded.name, _EVER)
        row = await self._database.fetch_one(SQL["last_suggested"], {"use_case": loaded.name})
        if row and row["at"]:
            last = max(last, row["at"])
        after = f"vdt_{int(last.timestamp() * 1000):012x}"  # ids sort by time of birth
        facts = {"use_case": loaded.name, "after": after}
        counted = await self._database.fetch_one(SQL["corrections_after"], facts)
        if not counted or counted["n"] < ENOUGH:
            return False
        await self.suggest(loaded, actor="roadbed")
        return True

    async def list(
        self, use_case: str, *, states: Sequence[str] = ("open",), most: int = 200
    ) -> Sequence[Proposal]:
        """Proposals in any of ``states``, the best first."""
        facts = {"use_case": use_case, "states": list(states), "most": most}
        rows = await self._database.fetch(SQL["proposals"], facts)
        return [Proposal(**row) for row in rows]

    async def use_case_of(self, proposal_id: str) -> str | None:
        """The use case of a proposal; ``None`` if there is no such proposal."""
        row = await self._database.fetch_one(SQL["proposal_use_case"], {"id": proposal_id})
        return row["use_case"] if row else None

    async def get(self, proposal_id: str) -> Proposal:
        """One proposal of a use case served here. Raises ``UnknownProposalError``."""
        return (await self._find(proposal_id))[0]

    async def accept(
        self, proposal_id: str, *, person: str, edited: Json | None = None, note: str = ""
    ) -> Proposal:
        """Accept a proposal, optionally as ``edited`` by the person.

        It is checked against the use case as it is now, an edited rule also counted anew. Whoever
        edits it is an author of the release, and so is whoever gave most of its evidence. Raises
        ``UnknownProposalError``, ``ProposalDecidedError``, ``ProposalEditError``.
        """
        proposal, loaded = await self._find(proposal_id)
        facts: dict[str, Any] = {"state": "accepted", "edited": edited is not None}
        if proposal.state == "open":
            facts |= await self._changed(loaded, proposal, edited)
        return await self._decide(proposal, facts, person=person, note=note)

    async def reject(self, proposal_id: str, *, person: str, note: str = "") -> Proposal:
        """Reject a proposal. Raises ``UnknownProposalError``, ``ProposalDecidedError``."""
        proposal, _ = await self._find(proposal_id)
        return await self._decide(
            proposal, {"state": "rejected", "edited": False}, person=person, note=note
        )

    async def take_back(self, proposal_id: str, *, person: str) -> Proposal:
        """Reopen a decided proposal. Raises ``UnknownProposalError``, ``ProposalDecidedError``.

        A version made with it stays as it is; the next one is made without it.
        """
        proposal, _ = await self._find(proposal_id)
        async with self._database.transaction() as connection:
            cursor = await connection.execute(SQL["reopen_proposal"], {"id": proposal.id})
            reopened = await cursor.fetchone()
            if reopened:
                detail = {"said": "taken back", "was": proposal.state}
                await self._note(connection, proposal.use_case, proposal.id, person, detail)
        if not reopened:
            raise await self._refusal(proposal.id)
        return await self.get(proposal.id)

    async def accepted(self, use_case: str) -> Sequence[Json]:
        """Accepted patches in the order of acceptance; the next version includes them."""
        rows = await self._database.fetch(SQL["accepted"], {"use_case": use_case})
        return [row["patch"] for row in rows]

    async def quality(self, use_case: str, reader: Reader | None = None) -> Quality:
        """Contradictions and repetitions among the ``learn`` examples, as ``reader`` may read them.

        Without a reader nothing of them is withheld.
        """
        items = await self._evidence.items(use_case)
        readable = {}
        if reader is not None:
            cases = [{name: getattr(item, name) for name in _SHOWN} for item in items]
            for item, case, shown in zip(items, cases, await reader.read(cases), strict=True):
                if shown is not case:
                    readable[item.id] = replace(item, input=shown["input"], output=shown["output"])
        return await asyncio.to_thread(quality, items, readable)

    async def _keep(self, connection: Connection, use_case: str, draft: Draft) -> str | None:
        proposal_id = self._ids.new("prp")
        patch = None if draft.patch is None else Jsonb({**draft.patch, "id": proposal_id})
        cursor = await connection.execute(
            SQL["propose"],
            {
                "id": proposal_id,
                "use_case": use_case,
                "kind": draft.kind,
                "title": draft.title,
                "reason": draft.reason,
                "support": Jsonb(asdict(draft.support)),
                "cases": Jsonb([asdict(case) for case in draft.cases[:_MOST_CASES]]),
                "patch": patch,
                "fingerprint": draft.fingerprint,
                "rank": draft.rank,
                "at": self._clock.now(),
            },
        )
        row = await cursor.fetchone()
        return str(row["id"]) if row else None

    async def _changed(
        self, loaded: LoadedUseCase, proposal: Proposal, written: Json | None
    ) -> dict[str, Any]:
        """Columns of an accepted, possibly edited change."""
        if proposal.patch is None:
            if written is not None:
                raise ProposalEditError(sentence("there is nothing in it to edit"))
            return {}
        patch = proposal.patch if written is None else edited(loaded, proposal.patch, written)
        fitting = checked(loaded, [patch])
        if written is None:
            return {}
        if not fitting.rules:
            return {"patch": Jsonb(patch)}
        seen = await self._evidence.seen(loaded.name)
        support, cases = await asyncio.to_thread(recounted, loaded.declared, fitting.rules[0], seen)
        return {
            "patch": Jsonb(patch),
            "title": titled(patch),
            "reason": reasoned(patch, support),
            "support": Jsonb(asdict(support)),
            "cases": Jsonb([asdict(case) for case in cases[:_MOST_CASES]]),
        }

    async def _decide(
        self, proposal: Proposal, changed: Mapping[str, Any], *, person: str, note: str
    ) -> Proposal:
        text = note[:_LONGEST_NOTE].replace("\0", "")
        facts = {
            "id": proposal.id,
            "person": person,
            "at": self._clock.now(),
            "note": text or None,
            "title": proposal.title,
            "reason": proposal.reason,
            "support": Jsonb(proposal.support),
            "cases": None,  # those that are there; some are not shown
            "patch": None if proposal.patch is None else Jsonb(proposal.patch),
            **changed,
        }
        patch = facts["patch"].obj if facts["patch"] else None
        async with self._database.transaction() as connection:
            cursor = await connection.execute(SQL["decide_proposal"], facts)
            decided = await cursor.fetchone()
            if decided:
                detail = {"said": facts["state"], "edited": facts["edited"], "patch": patch}
                detail["author"] = decided["wrote"]
                await self._note(
                    connection, proposal.use_case, proposal.id, person, {**detail, "note": text}
                )
        if not decided:
            raise await self._refusal(proposal.id)
        return await self.get(proposal.id)

    async def _refusal(self, proposal_id: str) -> ProposalDecidedError:
        now = await self.get(proposal_id)
        return ProposalDecidedError(now.id, now.state, now.decided_by)

    async def _find(self, proposal_id: str) -> tuple[Proposal, LoadedUseCase]:
        row = await self._database.fetch_one(SQL["proposal"], {"id": proposal_id})
        if row is None:
            raise UnknownProposalError(proposal_id)
        try:
            return Proposal(**row), self._served(row["use_case"])
        except UnknownUseCaseError:
            raise UnknownProposalError(proposal_id) from None

    async def _note(
        self, connection: Connection, use_case: str, subject: str, actor: str, detail: Json
    ) -> None:
        event = AuditEvent(
            use_case=use_case,
            kind="proposal",
            subject=subject,
            actor=actor,
            at=self._clock.now(),
            detail=detail,
        )
        await record(connection, event)
