"""Errors: why an evaluation beside the path of tasks stops."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError


class EvaluationBudgetError(RoadbedError):
    """Asking a version about known cases costs money, and none is left."""

    code = "evaluation_budget"

    def __init__(self, use_case: str) -> None:
        super().__init__(
            f"The budget of {use_case!r} is used up, and asking about known cases costs what "
            "decisions cost.",
            "Raise the budget in usecase.py, or wait for the next period; then begin again.",
        )


class PriceUnknownError(RoadbedError):
    """A version does not say what its answers cost, and a budget has to be kept."""

    code = "price_unknown"

    def __init__(self, use_case: str) -> None:
        super().__init__(
            f"The decider of {use_case!r} does not say what an answer costs, so its budget cannot "
            "be kept.",
            "Give each Answer and Unsure its cost (Prompted: a price), or take the budget away.",
        )
