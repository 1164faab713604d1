"""Errors: why an evaluation outside the task path stops."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import sentence


class EvaluationBudgetError(RoadbedError):
    """Evaluating known inputs costs money, and the budget is used up."""

    code = "evaluation_budget"

    def __init__(self, use_case: str) -> None:
        super().__init__(
            sentence(
                "The budget of %(use_case)r is used up, and evaluating known inputs costs as "
                "much as deciding tasks.",
                use_case=use_case,
            ),
            sentence(
                "Raise the budget in usecase.py, or wait for the next period; then begin again."
            ),
        )


class PriceUnknownError(RoadbedError):
    """A version does not report the cost of its answers, and the use case has a budget."""

    code = "price_unknown"

    def __init__(self, use_case: str) -> None:
        super().__init__(
            sentence(
                "The decider of %(use_case)r does not report what an answer costs, so its "
                "budget cannot be kept.",
                use_case=use_case,
            ),
            sentence(
                "Give each Answer and Unsure its cost (Prompted: a price), or remove the budget."
            ),
        )
