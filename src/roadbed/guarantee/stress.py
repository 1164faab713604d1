"""The stress test of a use case: its error on perturbed examples, with and without Roadbed."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from roadbed.decisions.evaluation import KnownInput
from roadbed.decisions.model import Deployment
from roadbed.examples.service import Examples
from roadbed.guarantee.errors import NothingToStressError
from roadbed.guarantee.perturbations import PERTURBATIONS, Harmed
from roadbed.intake.errors import InputError
from roadbed.intake.validation import read_input
from roadbed.scoring.scorers import Truth, assess, is_wrong

STRENGTHS = (0.25, 0.5, 1.0)
MOST_ITEMS = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Stressed:
    """One perturbation at one strength, over ``n`` items: shares in [0, 1].

    ``error_without`` counts every answer as sent, and an input that breaks the declaration as an
    error. ``error_automatic`` is the error among what Roadbed would have sent by itself, ``None``
    if it would have sent nothing; ``people`` the share that goes to a person; ``held`` the share
    refused on arrival, with the reason, so that the sender can correct it.
    """

    perturbation: str
    strength: float
    n: int
    error_without: float
    error_automatic: float | None
    automatic: float
    people: float
    held: float


@dataclass(frozen=True, kw_only=True, slots=True)
class StressReport:
    """The result of a stress test. ``left_out``: perturbations that cannot harm these inputs."""

    use_case: str
    version: str | None
    threshold: float | None
    rows: Sequence[Stressed]
    left_out: Sequence[str]


class Stress:
    """Perturbs the examples that a pilot was judged on, and evaluates the live version on them."""

    def __init__(self, examples: Examples) -> None:
        self._examples = examples

    async def stress(
        self, service: Deployment, *, most: int = MOST_ITEMS, seed: int = 0
    ) -> StressReport:
        """Evaluate the live version on perturbed examples, at the cost of the use case's budget.

        Raises ``NothingToStressError``, ``EvaluationBudgetError``, ``PriceUnknownError``.
        """
        declared, live = service.loaded.declared, service.live
        judge = [
            case
            for case in await self._examples.cases(declared)
            if case.judges and case.truth.labelled
        ]
        if not judge or live.decider is None:
            raise NothingToStressError(declared.name)
        chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
        picked = sorted(chance.sample(range(len(judge)), min(most, len(judge))))
        items = [(judge[number].content, judge[number].truth) for number in picked]
        rows = [await self._row(service, "as in the pilot", 0.0, _untouched(items))]
        left_out = []
        for name, perturb in PERTURBATIONS.items():
            for strength in STRENGTHS:
                harmed = []
                for content, truth in items:
                    other, others = chance.choice(items)
                    perturbed = perturb(content, other, chance, strength)
                    if perturbed is not None:
                        harmed.append((perturbed, _right(perturbed, truth, others)))
                if not harmed:
                    left_out.append(name)
                    break
                rows.append(await self._row(service, name, strength, harmed))
        return StressReport(
            use_case=declared.name,
            version=live.id,
            threshold=live.threshold,
            rows=rows,
            left_out=left_out,
        )

    async def _row(
        self,
        service: Deployment,
        name: str,
        strength: float,
        harmed: Sequence[tuple[Harmed, Truth]],
    ) -> Stressed:
        declared, live = service.loaded.declared, service.live
        kept: list[tuple[Mapping[str, Any], Truth]] = []
        for perturbed, truth in harmed:
            try:
                read_input(declared.input, perturbed.content)
            except InputError:
                continue
            kept.append((perturbed.content, truth))
        inputs = [
            KnownInput(id=f"stress_{number}", content=content)
            for number, (content, _) in enumerate(kept)
        ]
        version = replace(live, loaded=live.loaded or service.loaded)
        made = await self._examples.evaluate(service.loaded, version, inputs)
        wrong_all = wrong_automatic = automatic = 0
        for evaluation, (content, truth) in zip(made, kept, strict=True):
            score = assess(declared.scorer, evaluation.content, truth, content)
            wrong = is_wrong(score, declared.tolerance)
            wrong_all += wrong
            if evaluation.under(version, halted=service.halted).automatic:
                automatic += 1
                wrong_automatic += wrong
        n = len(harmed)
        held = n - len(kept)
        # A pilot does a repeated input twice; here the key makes it the same task.
        twice = round(strength * n) if name == "duplicated" else 0
        return Stressed(
            perturbation=name,
            strength=strength,
            n=n,
            error_without=(wrong_all + held + twice) / (n + twice),
            error_automatic=wrong_automatic / automatic if automatic else None,
            automatic=automatic / n,
            people=(len(kept) - automatic) / n,
            held=held / n,
        )


def _untouched(
    items: Sequence[tuple[Mapping[str, Any], Truth]],
) -> list[tuple[Harmed, Truth]]:
    return [(Harmed(content=content), truth) for content, truth in items]


def _right(harmed: Harmed, own: Truth, other: Truth) -> Truth:
    return {"own": own, "other": other, "nobody": Truth(right=None)}[harmed.right_of]
