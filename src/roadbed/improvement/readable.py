"""Proposals as one person may read them: their cases and their change may quote documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from roadbed.knowledge.readable_cases import Reader
from roadbed.knowledge.withholding import NOTE, without_text

_TEXTS = ("title", "reason", "note")
_CHOSEN = frozenset({"kind", "id"})  # of a change: no texts of a document
Row = Mapping[str, Any]


async def readable_proposals(reader: Reader | None, proposals: Sequence[Row]) -> Sequence[Row]:
    """The fields of proposals, in their order, without what ``reader`` may not read.

    If a case is withheld, so are the texts of its proposal: they were made of its cases. Without a
    reader nothing is withheld.
    """
    if reader is None:
        return proposals
    parts = [[*proposal["cases"], {"provenance": proposal.get("patch")}] for proposal in proposals]
    shown = iter(await reader.read([part for some in parts for part in some]))
    return [
        _readable(proposal, some, [next(shown) for _part in some])
        for proposal, some in zip(proposals, parts, strict=True)
    ]


def _readable(proposal: Row, parts: Sequence[Row], shown: Sequence[Row]) -> Row:
    """A proposal with its cases as they are shown; the last part is its change."""
    if all(one is part for one, part in zip(shown, parts, strict=True)):
        return proposal
    texts = {name: str(NOTE) for name in _TEXTS if proposal.get(name)}
    told = {**proposal, **texts, "cases": shown[:-1]}
    if patch := proposal.get("patch"):
        told["patch"] = {
            name: value if name in _CHOSEN else without_text(value) for name, value in patch.items()
        }
    return told
