"""Lists of answers as one person may read them: outcomes, releases, proofs, proposals, deliveries.

Each surface reads them through here. What quotes documents that the person's access groups may not
read is withheld; every row stays, so that all counts stay right. Receipts and reviews have
``withheld.py`` of their packages.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import fields, replace
from typing import Any, Protocol, TypeVar

from roadbed.deliveries.errors import ApprovalError
from roadbed.deliveries.model import Delivery, ListedDelivery
from roadbed.guarantee.report import TrustReport
from roadbed.improvement.model import Proposal
from roadbed.improvement.readable import readable_proposals
from roadbed.kernel.json import flat
from roadbed.kernel.paging import Portion
from roadbed.kernel.sentences import sentence
from roadbed.knowledge.readable_cases import Case, ReadableCases, Reader
from roadbed.knowledge.withholding import NOTE
from roadbed.outcomes.model import ListedOutcome, Outcome
from roadbed.versions.diff.comparison import Difference
from roadbed.versions.diff.texts import Piece
from roadbed.versions.model import Release, VersionInfo
from roadbed.versions.service import VersionDetail

_Row = TypeVar("_Row", ListedOutcome, ListedDelivery)
_KIND = "kind"  # the field of a weak spot whose value is a right output in one line
# Kinds of audit entries that say nothing of an answer or of a document.
_OF_NO_DOCUMENT = frozenset(
    {
        *("halted", "resumed", "drilled", "state", "live", "release", "restored", "incident"),
        *("access given", "access ended", "absence", "checkpoint"),
    }
)
_MOST_ACCEPTED = 10_000
Json = Mapping[str, Any]


class Accepted(Protocol):
    """Reads proposals of a use case, as ``Proposals.list`` does."""

    async def __call__(
        self, use_case: str, /, *, states: Sequence[str], most: int
    ) -> Sequence[Proposal]: ...


class Readable:
    """What a person may read of lists. Who may read everything gets the same objects back.

    ``viewer`` names the person; it is asked only where a use case has a library.
    """

    def __init__(self, cases: ReadableCases, viewer: Callable[[], str]) -> None:
        self._cases = cases
        self._viewer = viewer

    async def outcomes(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """Outcomes of one use case, in their order."""
        if not outcomes or (reader := await self._reader(outcomes[0].use_case)) is None:
            return outcomes
        cases = [_outcome_case(outcome) for outcome in outcomes]
        return [
            _outcome(outcome, case)
            for outcome, case in zip(outcomes, await reader.read(cases), strict=True)
        ]

    async def portion(self, use_case: str, part: Portion[_Row]) -> Portion[_Row]:
        """A page of outcomes or deliveries of a use case."""
        reader = await self._reader(use_case)
        return part if reader is None else replace(part, rows=await _listed(reader, part.rows))

    async def batches(
        self, use_case: str, batches: AsyncGenerator[Sequence[_Row], None]
    ) -> AsyncGenerator[Sequence[_Row], None]:
        """All outcomes or deliveries of a use case, in batches."""
        reader = await self._reader(use_case)
        async with aclosing(batches) as given:
            async for rows in given:
                yield rows if reader is None else await _listed(reader, rows)

    async def release(self, release: Release) -> Release:
        """A release, with the cases of its gate and of its trial."""
        [shown] = await self.releases([release])
        return shown

    async def releases(self, releases: Sequence[Release]) -> Sequence[Release]:
        """Releases of one use case, in their order."""
        if not releases or (reader := await self._reader(releases[0].use_case)) is None:
            return releases
        return [await _release(reader, release) for release in releases]

    async def trust(self, report: TrustReport) -> TrustReport:
        """A trust report, with the weak spots of its proof."""
        reader = await self._reader(report.use_case)
        proof = await _proof(reader, report.proof)
        version = report.version
        if reader is not None and version is not None:
            known = _values(proof)
            version = replace(version, certificate=_without_kinds(version.certificate, known))
        return replace(report, proof=proof, version=version)

    async def versions(
        self, use_case: str, versions: Sequence[VersionInfo]
    ) -> Sequence[VersionInfo]:
        """Versions of a use case, with the weak spots of their proofs."""
        return [
            replace(version, certificate=await self.certificate(use_case, version.certificate))
            for version in versions
        ]

    async def certificate(self, use_case: str, certificate: Json | None) -> Json | None:
        """A proof without examples: of its weak spots, right outputs are withheld."""
        if not _weak(certificate) or await self._reader(use_case) is None:
            return certificate
        return _without_kinds(certificate, ())

    async def difference(
        self, use_case: str, difference: Difference, accepted: Accepted
    ) -> Difference:
        """What differs between two versions of a use case; ``accepted`` reads its proposals.

        If one of them is withheld, accepted changes and the texts of prompts are: a version names
        the proposals that it was made with, and not the cases that these were made of.
        """
        if not await self._withholds(use_case, accepted):
            return difference
        note = Piece(sign=" ", text=str(NOTE))
        return replace(
            difference,
            changes=[
                replace(change, words=str(NOTE), reason=None)
                if change.area == "patches"
                else change
                for change in difference.changes
            ],
            prompts=[replace(prompt, pieces=[note]) for prompt in difference.prompts],
        )

    async def version(
        self, use_case: str, detail: VersionDetail, accepted: Accepted
    ) -> VersionDetail:
        """One version of a use case with its accepted changes, in the same way."""
        if not await self._withholds(use_case, accepted):
            return detail
        return replace(detail, patches=[str(NOTE) for _patch in detail.patches])

    async def _withholds(self, use_case: str, accepted: Accepted) -> bool:
        if await self._reader(use_case) is None:
            return False
        proposals = await accepted(use_case, states=["accepted"], most=_MOST_ACCEPTED)
        return list(await self.proposals(proposals)) != list(proposals)

    async def effects(self, use_case: str, rows: Sequence[Json]) -> Sequence[Json]:
        """What was sent of the answers to tasks of a use case, each row with its task."""
        reader = await self._reader(use_case)
        return rows if reader is None else await reader.read(rows)

    async def changes(self, use_case: str, rows: Sequence[Json]) -> Sequence[Json]:
        """Audit entries of a use case; those of proposals, labels and documents may quote."""
        if await self._reader(use_case) is None:
            return rows
        hidden = {"withheld": str(NOTE)}
        return [
            row if row["kind"] in _OF_NO_DOCUMENT else {**row, "detail": hidden} for row in rows
        ]

    async def proposal(self, proposal: Proposal) -> Proposal:
        """A proposal, with its cases and its change."""
        [shown] = await self.proposals([proposal])
        return shown

    async def proposals(self, proposals: Sequence[Proposal]) -> Sequence[Proposal]:
        """Proposals of one use case, in their order."""
        if not proposals or (reader := await self._reader(proposals[0].use_case)) is None:
            return proposals
        names = [field.name for field in fields(Proposal)]
        rows = [{name: getattr(proposal, name) for name in names} for proposal in proposals]
        return [Proposal(**row) for row in await readable_proposals(reader, rows)]

    async def delivery(
        self, delivery: Delivery, attempts: Sequence[Json] = ()
    ) -> tuple[Delivery, Sequence[Json]]:
        """A delivery and its attempts. Of a content that is withheld there is no hash either."""
        [shown] = await self.deliveries([delivery])
        if shown is delivery:
            return delivery, attempts
        return shown, [{**attempt, "detail": ""} for attempt in attempts]

    async def check_approval(self, delivery: Delivery) -> None:
        """Raise ``ApprovalError`` if the content is withheld: nobody approves it unread."""
        [shown] = await self.deliveries([delivery])
        if shown is not delivery:
            raise ApprovalError(
                sentence("The content quotes documents of an access group that you are not in."),
                sentence("Ask a member of the group to approve it."),
            )

    async def deliveries(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Deliveries of one use case, in their order."""
        if not deliveries or (reader := await self._reader(deliveries[0].use_case)) is None:
            return deliveries
        cases = [_delivery_case(delivery) for delivery in deliveries]
        return [
            delivery if shown is case else _without_content(delivery)
            for delivery, case, shown in zip(
                deliveries, cases, await reader.read(cases), strict=True
            )
        ]

    async def _reader(self, use_case: str) -> Reader | None:
        return await self._cases.reader(use_case, self._viewer)


def _outcome_case(outcome: Outcome) -> Case:
    return {"task": outcome.task_id, "output": outcome.output, "note": outcome.note}


def _outcome(outcome: Outcome, shown: Case) -> Outcome:
    return replace(outcome, output=shown["output"], note=shown["note"])


async def _listed(reader: Reader, rows: Sequence[_Row]) -> list[_Row]:
    cases = [{**_row_case(row), "input": row.input} for row in rows]
    return [_row(row, case) for row, case in zip(rows, await reader.read(cases), strict=True)]


def _row_case(row: ListedOutcome | ListedDelivery) -> Case:
    if isinstance(row, ListedOutcome):
        return _outcome_case(row.outcome)
    return {"task": row.task_id, "reason": row.reason}


def _row(row: _Row, shown: Case) -> _Row:
    if isinstance(row, ListedOutcome):
        return replace(row, outcome=_outcome(row.outcome, shown), input=shown["input"])
    return replace(row, reason=shown["reason"], input=shown["input"])


async def _release(reader: Reader, release: Release) -> Release:
    gate, trial, certificate = release.gate, release.trial, release.certificate
    if gate is not None:
        gate = dict(gate)
        if cases := gate.get("cases"):
            gate["cases"] = {what: await reader.read(some) for what, some in cases.items()}
        if (unknown := gate.get("unknown")) and unknown.get("cases"):
            gate["unknown"] = {**unknown, "cases": await reader.read(unknown["cases"])}
    if trial is not None and trial.get("differ"):
        trial = {**trial, "differ": await reader.read(trial["differ"])}
    return replace(release, gate=gate, trial=trial, certificate=_without_kinds(certificate, ()))


async def _proof(reader: Reader | None, proof: Json | None) -> Json | None:
    """A proof whose weak spots have the examples that the reader may read."""
    if proof is None or not _weak(proof):
        return proof
    spots = []
    for spot in _weak(proof):
        examples = spot.get("examples", ())
        shown = examples if reader is None else await reader.read(examples)
        told = [{name: example[name] for name in example if name != "task_id"} for example in shown]
        spots.append({**spot, "examples": told})
    proof = {**proof, "detail": {**proof["detail"], "weak": spots}}
    return proof if reader is None else _without_kinds(proof, _values(proof))


def _weak(proof: Json | None) -> Sequence[Json]:
    """The weak spots of a proof."""
    return (proof or {}).get("detail", {}).get("weak") or ()


def _values(proof: Json | None) -> set[str]:
    """The right outputs of the examples of weak spots, as they are shown."""
    return {
        flat(example["right"])
        for spot in _weak(proof)
        for example in spot.get("examples", ())
        if "withheld" not in example
    }


def _without_kinds(certificate: Json | None, known: Sequence[str] | set[str]) -> Json | None:
    """A certificate whose weak spots name no right output but those that are ``known``."""
    if certificate is None or not _weak(certificate):
        return certificate
    spots = [
        {**spot, "value": str(NOTE)}
        if spot["field"] == _KIND and spot["value"] not in known
        else spot
        for spot in _weak(certificate)
    ]
    return {**certificate, "detail": {**certificate["detail"], "weak": spots}}


def _delivery_case(delivery: Delivery) -> Case:
    content = delivery.content or {}
    return {
        "task": delivery.task_id,
        "decided": content.get("output"),
        "provenance": content.get("action"),
        "reason": delivery.reason,
    }


def _without_content(delivery: Delivery) -> Delivery:
    content = delivery.content and {"withheld": str(NOTE)}
    return replace(
        delivery,
        content=content,
        content_hash=None,
        key=None,
        reason=str(NOTE) if delivery.reason else None,
        reference=None,
    )
