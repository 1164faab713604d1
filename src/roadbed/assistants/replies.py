"""What an assistant may tell of a task: the answer if it is released, else how far it is. Pure.

An answer is released if it was automatic, which the certificate allows, or if a person gave it with
the verdict. Everything else stays inside: also the reason why a person decides, because it may
quote the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

from roadbed.kernel.sentences import Sentence, sentence
from roadbed.knowledge.records import StoredPassage

Receipt: TypeAlias = Mapping[str, Any]  # as receipts.service and the API give it


class ReplyState(StrEnum):
    """How far a task is, for the person who asked."""

    ANSWERED = "answered"
    CHECKED = "checked"
    WAITS_FOR_PERSON = "waits_for_person"
    DECIDING = "deciding"
    NO_ANSWER = "no_answer"
    REFUSED = "refused"
    CLOSED = "closed"
    ERASED = "erased"


_TOLD = {
    ReplyState.ANSWERED: sentence(
        "No person has checked this answer. It was released automatically, within the guarantee."
    ),
    ReplyState.CHECKED: sentence("A person has checked this answer."),
    ReplyState.WAITS_FOR_PERSON: sentence(
        "A person checks the answer before it is given. Look at the receipt later."
    ),
    ReplyState.DECIDING: sentence("It is not decided yet. Look at the receipt later."),
    ReplyState.NO_ANSWER: sentence("A person found the proposed answer wrong and gave no other."),
    ReplyState.REFUSED: sentence("A rule of the use case refuses this."),
    ReplyState.CLOSED: sentence("The task was replaced or only noted. The receipt says how."),
    ReplyState.ERASED: sentence("The content of this task was erased."),
}
# States in which a later look may show more.
OPEN = frozenset({ReplyState.WAITS_FOR_PERSON, ReplyState.DECIDING})


@dataclass(frozen=True, kw_only=True, slots=True)
class QuotedCitation:
    """Where a part of an answer stands. ``passage`` is the id of the passage, perhaps empty."""

    document: str
    version: int
    place: str
    passage: str
    quote: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AssistantReply:
    """What may be told of a task. ``output`` is ``None`` unless the answer is released."""

    use_case: str
    task: str
    state: ReplyState
    receipt: str
    output: Mapping[str, Any] | None

    @property
    def told(self) -> Sentence:
        """The state in words."""
        return _TOLD[self.state]

    @property
    def text(self) -> str | None:
        """The text of an answer from documents; ``None`` if there is none."""
        text = (self.output or {}).get("text")
        return text if isinstance(text, str) else None

    @property
    def notes(self) -> Sequence[str]:
        """What the answer assumes or leaves open, such as which of several documents was taken."""
        notes = (self.output or {}).get("notes")
        return [note for note in notes if isinstance(note, str)] if isinstance(notes, list) else []

    @property
    def citations(self) -> Sequence[QuotedCitation]:
        """The citations of an answer from documents, in its order; those that fit the contract."""
        given = (self.output or {}).get("citations")
        return [_citation(one) for one in given or () if isinstance(one, Mapping)]


def reply_of(receipt: Receipt, address: str) -> AssistantReply:
    """What may be told of the task of a receipt; ``address`` is that of the console.

    The link leads to the receipt, or to the question for whoever only asks.
    """
    state, output = _released(receipt)
    page = receipt.get("page", f"/receipts/{quote(receipt['task'])}")
    return AssistantReply(
        use_case=receipt["use_case"],
        task=receipt["task"],
        state=state,
        receipt=f"{address}{page}",
        output=output,
    )


def passage_link(address: str, use_case: str, passage: StoredPassage) -> str:
    """The page of the console that shows a stored passage, marked in its document."""
    where = {
        "version": passage.version,
        "part": passage.part,
        "from": passage.first,
        "to": passage.last,
    }
    document = f"/usecases/{quote(use_case, safe='')}/documents/{quote(passage.document_id)}"
    return f"{address}{document}?{urlencode(where)}"


def _released(receipt: Receipt) -> tuple[ReplyState, Mapping[str, Any] | None]:
    if receipt["erased"]:
        return ReplyState.ERASED, None
    decision = receipt["decision"]
    match receipt["state"]:
        case "answered" if decision["output"] is not None:
            return ReplyState.ANSWERED, decision["output"]
        case "reviewed":
            verdict = receipt["review"]["verdict"]
            right = None if verdict is None else verdict["right_output"]
            return (ReplyState.NO_ANSWER, None) if right is None else (ReplyState.CHECKED, right)
        case "in_review":
            return ReplyState.WAITS_FOR_PERSON, None
        case "deciding":
            return ReplyState.DECIDING, None
        case "refused":
            return ReplyState.REFUSED, None
    return ReplyState.CLOSED, None


def _citation(given: Mapping[str, Any]) -> QuotedCitation:
    version = given.get("version")
    return QuotedCitation(
        document=_text(given, "document"),
        version=version if isinstance(version, int) else 1,
        place=_text(given, "place"),
        passage=_text(given, "passage"),
        quote=_text(given, "quote"),
    )


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    return value if isinstance(value, str) else ""
