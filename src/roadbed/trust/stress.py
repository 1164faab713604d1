"""Verb: ``stress`` a use case before it is rolled out: the gap between demo and deployment."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadbed.decisions.model import Answered, LiveVersion, Route, Service
from roadbed.decisions.rules import route
from roadbed.improvement.model import ExampleSet
from roadbed.improvement.service import Improvement
from roadbed.intake.errors import InputError
from roadbed.intake.rules import read_input
from roadbed.trust.errors import NothingToStressError
from roadbed.trust.perturbations import PERTURBATIONS, Harmed
from roadbed.usecases.deciders import LabelledExample
from roadbed.usecases.rules import slices_of

STRENGTHS = (0.25, 0.5, 1.0)
MOST_ITEMS = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Stressed:
    """One perturbation at one strength, over ``n`` items: shares in [0, 1].

    ``error_without`` counts every answer as sent, and an input that breaks the declaration as an
    error. ``error_automatic`` is the error among what Roadbed would have sent by itself, ``None``
    if it would have sent nothing; ``people`` the share that goes to a person; ``held`` the share
    refused at the door, with the reason, for the sender to mend.
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
    """The whole of it. ``left_out`` names perturbations that cannot harm this use case's inputs."""

    use_case: str
    version: str | None
    threshold: float | None
    rows: Sequence[Stressed]
    left_out: Sequence[str]


class Stress:
    """Does to the examples a pilot was judged on what reality does."""

    def __init__(self, improvement: Improvement) -> None:
        self._improvement = improvement

    async def stress(
        self, service: Service, *, most: int = MOST_ITEMS, seed: int = 0
    ) -> StressReport:
        """Judge the live version on perturbed examples, at the cost of the use case's budget.

        Raises ``NothingToStressError``, ``EvaluationBudgetError``, ``PriceUnknownError``.
        """
        declared, live = service.loaded.declared, service.live
        judge = await self._improvement.examples(declared, "judge")
        if not judge.examples or live.decider is None:
            raise NothingToStressError(declared.name)
        chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
        picked = sorted(chance.sample(range(len(judge.examples)), min(most, len(judge.examples))))
        items = [(judge.contents[each], judge.examples[each]) for each in picked]
        rows = [await self._row(service, "as in the pilot", 0.0, _untouched(items))]
        left_out = []
        for name, perturb in PERTURBATIONS.items():
            for strength in STRENGTHS:
                harmed = []
                for content, example in items:
                    other, others = chance.choice(items)
                    found = perturb(content, other, chance, strength)
                    if found is not None:
                        harmed.append((found, _right(found, example, others)))
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
        service: Service,
        name: str,
        strength: float,
        harmed: Sequence[tuple[Harmed, LabelledExample | None]],
    ) -> Stressed:
        declared, live = service.loaded.declared, service.live
        kept, contents = [], []
        for found, right in harmed:
            try:
                read = read_input(declared.input, found.content)
            except InputError:
                continue
            kept.append(LabelledExample(input=read, output=right.output if right else None))
            contents.append(found.content)
        if live.decider is None:
            raise NothingToStressError(declared.name)
        answers = await self._improvement.answers(
            declared, live.decider, ExampleSet(examples=kept, until=None)
        )
        wrong_all = wrong_automatic = automatic = 0
        for answer, example, content in zip(answers, kept, contents, strict=True):
            expected = example.output.model_dump(mode="json") if example.output else None
            wrong = (answer.output if answer else None) != expected
            wrong_all += wrong
            if answer and _automatic(service, live, answer, content):
                automatic += 1
                wrong_automatic += wrong
        n = len(harmed)
        held = n - len(kept)
        # What comes twice is done twice by a pilot; here a key makes it the same task.
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
    items: Sequence[tuple[Mapping[str, Any], LabelledExample]],
) -> list[tuple[Harmed, LabelledExample | None]]:
    return [(Harmed(content=content), example) for content, example in items]


def _right(found: Harmed, own: LabelledExample, other: LabelledExample) -> LabelledExample | None:
    return {"own": own, "other": other, "nobody": None}[found.right_of]


def _automatic(
    service: Service, live: LiveVersion, answer: Answered, content: Mapping[str, Any]
) -> bool:
    book = service.loaded.rules
    fired = book.check_before(content) or book.check_after(
        content, answer.output, answer.confidence
    )
    slices = slices_of(service.loaded.declared, content)
    routed = route(answer, live, halted=service.halted, fired=fired, slices=slices)
    return routed.route is Route.AUTOMATIC
