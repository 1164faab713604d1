"""Prompt optimizer: searches a better prompt on ``learn`` examples; the result is a proposal."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from roadbed.decisions.decider_runner import Retrieve, without_library
from roadbed.executors.isolated import IsolatedDecider
from roadbed.improvement.model import Suggestion
from roadbed.improvement.prompt_optimization.scoring import (
    BudgetHold,
    Funds,
    ScoredCase,
    Scores,
    SpentError,
    cases_of,
)
from roadbed.kernel.json import flat
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.models.prompts.endpoint import NoReplyError
from roadbed.models.prompts.prompted import Prompted
from roadbed.usecases.decider import LabelledExample
from roadbed.usecases.use_case import UseCase

MOST_CALLS = 5_000  # of a search in the background
USUAL_CALLS = 400
_FEWEST_CASES = 10
_MOST_SCORED = 60
_LONGEST_INPUT = 300  # characters of a case, as shown to people
_ROUNDS_A_BUDGET = 4  # candidates that can be scored on everything, at the least


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptBudget:
    """The largest number of ``calls``, and of ``money`` in the price's currency.

    Requests that a provider rejects are not counted. For each running call the highest cost of a
    reply so far is reserved; only the first call may exceed the rest.
    """

    calls: int = USUAL_CALLS
    money: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Changed:
    """A case that the two texts answer differently. Outputs are ``None`` for unsure."""

    input: Mapping[str, Any]
    right: Mapping[str, Any] | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    was_right: bool
    is_right: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptProposal:
    """A better text of the prompt ``file``. Scores are shares of ``scored`` cases got right.

    The text was chosen by these cases, so the second score is biased upwards; the gate measures it
    on `judge` examples.
    """

    file: str
    before: str
    after: str
    score_before: float
    score_after: float
    scored: int
    cases: Sequence[Changed]
    calls: int
    cost: Decimal | None

    @property
    def patch(self) -> Mapping[str, str]:
        return {"kind": "prompt", "file": self.file, "text": self.after}


@dataclass(frozen=True, kw_only=True, slots=True)
class NoProposal:
    """Nothing to propose, and why, in a sentence."""

    reason: str
    calls: int = 0
    cost: Decimal | None = Decimal(0)


async def optimise(
    declared: UseCase,
    prompted: Prompted,
    examples_learn: Sequence[LabelledExample],
    *,
    budget: PromptBudget,
    seed: int,
    prompt: str | None = None,
    shown: Sequence[Mapping[str, object]] = (),
    funds: Funds | None = None,
    watched: Callable[[BudgetHold], None] | None = None,
    isolated: IsolatedDecider | None = None,
    retrieve: Retrieve = without_library,
) -> PromptProposal | NoProposal:
    """Search with GEPA for a text that gets more of ``examples_learn`` right.

    Half of them show the model its mistakes, the other half scores. ``prompt`` is the text in
    service, as declared if not given; ``shown`` are the version's prompt examples, which are not
    scored. Every reply is paid out of ``funds`` as well. A spent budget ends the search; what was
    scored in full by then counts. ``isolated`` asks in child processes.
    """
    before = declared.prompts.get(prompted.file, "") if prompt is None else prompt
    cases = cases_of(examples_learn, shown)
    if obstacle := _obstacle(prompted, before, len(cases), budget, funds):
        return NoProposal(reason=obstacle)
    hold = BudgetHold(budget.calls, budget.money, prompted.price, funds)
    if watched is not None:
        watched(hold)
    scores = Scores(declared, prompted.alone(), shown, hold, retrieve, isolated)
    reflecting, scoring = _split(cases, budget, seed)
    try:
        await _search(scores, prompted, before, reflecting, scoring, hold, seed)
    except SpentError:
        pass  # texts that are fully scored by now count
    finally:
        hold.close()
    return _found(scores, hold, prompted.file, before, scoring)


def suggestion(optimised: PromptProposal) -> Suggestion:
    """``found`` as a row for people to accept or reject."""
    fixed = sum(case.is_right and not case.was_right for case in optimised.cases)
    broken = sum(case.was_right and not case.is_right for case in optimised.cases)
    was, now = (
        round(score * optimised.scored) for score in (optimised.score_before, optimised.score_after)
    )
    return Suggestion(
        title=stored_sentence("A better text of prompts/%(file)s", file=optimised.file),
        reason=stored_sentence(
            "It gets %(now)s of %(scored)s past cases right instead of %(was)s: %(fixed)s fixed, "
            "%(broken)s broken. It was chosen by these cases; the gate tells what it is worth on "
            "others.",
            now=now,
            scored=optimised.scored,
            was=was,
            fixed=fixed,
            broken=broken,
        ),
        support={
            "cases": len(optimised.cases),
            "right": sum(element.is_right for element in optimised.cases),
            "wrong_now": sum(not one.was_right for one in optimised.cases),
            "matched": optimised.scored,
            "low": None,  # chosen by these cases, it has no honest interval on them
            "high": None,
            "score_before": round(optimised.score_before, 4),
            "score_after": round(optimised.score_after, 4),
            "calls": optimised.calls,
            "cost": None if optimised.cost is None else str(optimised.cost),
        },
        cases=[
            {
                "task_id": "",
                "input": flat(scored_case.input)[:_LONGEST_INPUT],
                "before": scored_case.before,
                "after": scored_case.after,
                "right": scored_case.right,
            }
            for scored_case in sorted(
                optimised.cases, key=lambda scored_case: scored_case.is_right
            )  # what breaks first
        ],
        patch=optimised.patch,
    )


def _obstacle(
    prompted: Prompted, text: str, cases: int, budget: PromptBudget, funds: Funds | None
) -> str | None:
    """Why a search is impossible, checked before the first call."""
    if not text.strip():
        return stored_sentence("There is no prompts/%(file)s to improve.", file=prompted.file)
    if any(importlib.util.find_spec(module) is None for module in ("gepa", "pydantic_ai")):
        return stored_sentence("Searching for a better prompt needs the extra llm: make llm.")
    try:
        prompted.endpoint.key(prompted.environment)
    except NoReplyError as error:
        return stored_sentence("No better prompt was searched: %(reason)s.", reason=error.reason)
    if cases < _FEWEST_CASES:
        return stored_sentence(
            "%(cases)s examples to learn from are too few to compare prompts; %(fewest)s do.",
            cases=cases,
            fewest=_FEWEST_CASES,
        )
    if funds is not None and prompted.price is None:
        return stored_sentence(
            "The budget of the use case cannot be kept without the model's price; give "
            "Prompted one."
        )
    if budget.money is not None and prompted.price is None:
        return stored_sentence(
            "A limit in money cannot be kept without the model's price; give Prompted one."
        )
    if budget.calls < _ROUNDS_A_BUDGET * _FEWEST_CASES // 2:
        return stored_sentence(
            "%(calls)s calls are too few to compare prompts.", calls=budget.calls
        )
    return None


def _split(
    cases: Sequence[ScoredCase], budget: PromptBudget, seed: int
) -> tuple[Sequence[ScoredCase], Sequence[ScoredCase]]:
    """Cases to reflect on and cases to score with; never the same."""
    order = np.random.default_rng(seed).permutation(len(cases))
    count = min(len(cases) // 2, _MOST_SCORED, budget.calls // _ROUNDS_A_BUDGET)
    return [cases[place] for place in order[count:]], [cases[place] for place in order[:count]]


async def _search(
    scores: Scores,
    prompted: Prompted,
    before: str,
    reflecting: Sequence[ScoredCase],
    scoring: Sequence[ScoredCase],
    hold: BudgetHold,
    seed: int,
) -> None:
    await scores.judge(before, scoring[:1])  # alone: now the budget hold has the cost of a reply
    await scores.judge(before, scoring)
    if scores.right(before, scoring) == len(scoring) or scores.silent:
        return
    from roadbed.improvement.prompt_optimization.evolution import evolve

    loop = asyncio.get_running_loop()
    await asyncio.to_thread(
        evolve, scores, prompted, before, reflecting, scoring, hold, seed=seed, loop=loop
    )


def _found(
    scores: Scores, hold: BudgetHold, file: str, before: str, scoring: Sequence[ScoredCase]
) -> PromptProposal | NoProposal:
    def nothing(reason: str) -> NoProposal:
        return NoProposal(reason=reason, calls=hold.calls, cost=hold.cost)

    was = scores.right(before, scoring)
    if scores.silent:
        return nothing(
            stored_sentence("No better prompt was searched: %(reason)s.", reason=scores.silent)
        )
    if was is None and hold.broke:
        return nothing(
            stored_sentence(
                "The budget of the use case is used up: raise it in usecase.py, or wait for "
                "the next period."
            )
        )
    if was is None:
        return nothing(
            stored_sentence("The budget was spent before the prompt in service was scored.")
        )
    after = max(scores.complete(scoring), key=lambda text: scores.right(text, scoring) or 0)
    now = scores.right(after, scoring) or 0
    if now <= was:
        told = {"was": was, "of": len(scoring)}
        if hold.spent:
            return nothing(
                stored_sentence(
                    "No text was found before the budget was spent that gets more than %(was)s of "
                    "%(of)s cases right.",
                    **told,
                )
            )
        return nothing(
            stored_sentence(
                "No text was found that gets more than %(was)s of %(of)s cases right.", **told
            )
        )
    return PromptProposal(
        file=file,
        before=before,
        after=after,
        score_before=was / len(scoring),
        score_after=now / len(scoring),
        scored=len(scoring),
        cases=list(_changed(scores, before, after, scoring)),
        calls=hold.calls,
        cost=hold.cost,
    )


def _changed(
    scores: Scores, before: str, after: str, scoring: Sequence[ScoredCase]
) -> Sequence[Changed]:
    changed = []
    for case in scoring:
        was, now = scores.of(before, case), scores.of(after, case)
        if was.output != now.output:
            changed.append(
                Changed(
                    input=case.content,
                    right=case.right,
                    before=was.output,
                    after=now.output,
                    was_right=was.right,
                    is_right=now.right,
                )
            )
    return changed
