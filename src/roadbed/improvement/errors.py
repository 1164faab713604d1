"""Errors of proposals."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError


class UnknownProposalError(RoadbedError):
    """No proposal of this id, or none that the caller may see."""

    code = "proposal_unknown"

    def __init__(self, proposal_id: str) -> None:
        super().__init__(
            f"There is no proposal {proposal_id[:60]!r} here.",
            "Take its id from `roadbed proposals list USECASE`.",
        )


class ProposalDecidedError(RoadbedError):
    """The proposal was decided already, or is open and cannot be reopened."""

    code = "proposal_decided"

    def __init__(self, proposal_id: str, state: str, by: str | None) -> None:
        who = f" by {by}" if by else ""
        super().__init__(
            f"The proposal {proposal_id} is {state}{who}, so this cannot be done with it.",
            "Read the list again; a decision can be undone first.",
        )


class ProposalEditError(RoadbedError):
    """The edited change does not fit the use case."""

    code = "proposal_invalid"

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"The change cannot be accepted as it is written: {detail}.",
            "Correct it and accept again; nothing was changed.",
        )


class NoPromptError(RoadbedError):
    """The use case has no prompt to search for."""

    code = "no_prompt"

    def __init__(self, use_case: str) -> None:
        super().__init__(
            f"{use_case!r} uses no language model, so it has no prompt to improve.",
            "Give it Prompted(…) as its decider, or look for other suggestions.",
        )


class SearchRunningError(RoadbedError):
    """A prompt search of this use case is running."""

    code = "search_running"

    def __init__(self, use_case: str) -> None:
        super().__init__(
            f"A better prompt of {use_case!r} is being searched for already.",
            "Wait for its result.",
        )
