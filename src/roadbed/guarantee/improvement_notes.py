"""What a certification and an improvement say if nothing may be automatic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from roadbed.decisions.evaluation import Evaluation
from roadbed.decisions.model import NotAnswered, Reason
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.risk.automation_state import Proof

Row = Mapping[str, Any]  # of the database


def with_timeouts(proof: Proof, evaluations: Sequence[Evaluation], seconds: float) -> Proof:
    """The proof; if it proves nothing and answers came too late, its reason says how many.

    ``seconds`` is the deadline of an evaluation.
    """
    late = sum(
        isinstance(evaluation.answer, NotAnswered)
        and evaluation.answer.code is Reason.DECIDER_TIMEOUT
        for evaluation in evaluations
    )
    if proof.certificate.threshold is not None or not late:
        return proof
    why_not = stored_sentence(
        "%(why_not)s Of %(items)s reference items %(late)s were not answered within %(seconds)s s, "
        "which counts as no answer.",
        why_not=proof.certificate.why_not,
        items=len(evaluations),
        late=late,
        seconds=format(seconds, "g"),
    )
    return replace(proof, certificate=replace(proof.certificate, why_not=why_not))


def after_automation(note: str, certificate: Row | None, before: float) -> str:
    """The note of an improvement; if it ends automation, from which confidence on there was one."""
    if certificate is not None and certificate["threshold"] is not None:
        return note
    return stored_sentence(
        "%(note)s The version before was automatic from confidence %(threshold)s on.",
        note=note,
        threshold=format(before, ".3f"),
    )
