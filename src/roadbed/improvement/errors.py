"""Errors of proposals."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import Text, sentence


class UnknownProposalError(RoadbedError):
    """No proposal of this id, or none that the caller may see."""

    code = "proposal_unknown"

    def __init__(self, proposal_id: str) -> None:
        super().__init__(
            sentence("There is no proposal %(proposal_id)r here.", proposal_id=proposal_id[:60]),
            sentence("Take its id from `roadbed proposals list USECASE`."),
        )


class ProposalDecidedError(RoadbedError):
    """The proposal was decided already, or is open and cannot be reopened."""

    code = "proposal_decided"

    def __init__(self, proposal_id: str, state: str, by: str | None) -> None:
        facts = {"id": proposal_id, "state": sentence(state), "by": by}
        super().__init__(
            sentence(
                "The proposal %(id)s is %(state)s by %(by)s, so this cannot be done with it.",
                **facts,
            )
            if by
            else sentence(
                "The proposal %(id)s is %(state)s, so this cannot be done with it.", **facts
            ),
            sentence("Read the list again; a decision can be undone first."),
        )


class ProposalEditError(RoadbedError):
    """The edited change does not fit the use case."""

    code = "proposal_invalid"

    def __init__(self, detail: Text) -> None:
        super().__init__(
            sentence("The change cannot be accepted as it is written: %(detail)s.", detail=detail),
            sentence("Correct it and accept again; nothing was changed."),
        )


class NoPromptError(RoadbedError):
    """The use case has no prompt to search for."""

    code = "no_prompt"

    def __init__(self, use_case: str) -> None:
        super().__init__(
            sentence(
                "%(use_case)r uses no language model, so it has no prompt to improve.",
                use_case=use_case,
            ),
            sentence("Give it Prompted(…) as its decider, or look for other suggestions."),
        )


class SearchRunningError(RoadbedError):
    """A prompt search of this use case is running."""

    code = "search_running"

    def __init__(self, use_case: str) -> None:
        super().__init__(
            sentence(
                "A better prompt of %(use_case)r is being searched for already.", use_case=use_case
            ),
            sentence("Wait for its result."),
        )
