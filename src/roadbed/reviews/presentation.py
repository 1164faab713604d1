"""Presentation of a decision and its verdict: what was answered, and whether it was right."""

from __future__ import annotations

from collections.abc import Mapping

from roadbed.kernel.json import flat
from roadbed.reviews.model import VerdictKind

Output = Mapping[str, object] | None


def answer_line(
    *,
    route: str | None,
    output: Output,
    verdict: str | None = None,
    agrees: bool | None = None,
    right: Output = None,
) -> str:
    """A decision and what is known of it: ``answered b2b · wrong, right: returns``.

    ``output`` is ``None`` where the version gave no answer, ``verdict`` where nobody has judged it.
    ``agrees`` says whether the answer counts as right, ``right`` is the output of the verdict.
    Hidden answers must not be passed.
    """
    if route is None:
        return "deciding"
    if route == "automatic":
        decided, unjudged = f"answered {flat(output)}", "not judged yet"
    elif route == "refused":
        decided, unjudged = "refused", ""
    else:
        decided = "no answer" if output is None else f"proposed {flat(output)}"
        unjudged = "waits for a person"
    told = unjudged
    if verdict is not None:
        told = judgement(verdict, output=output, agrees=agrees, right=right)
        if route == "review" and output is not None and told.startswith("wrong, right: "):
            told = told.replace("wrong, right: ", "wrong, corrected by a person: ", 1)
    return " · ".join(filter(None, [decided, told]))


def judgement(
    verdict: str, *, output: Output, agrees: bool | None, right: Output, by: str = ""
) -> str:
    """What a verdict says of an answer: ``right``, ``wrong, right: returns``.

    ``by`` is who gave the verdict.
    """
    who = f", by {by}" if by else ""
    if verdict == VerdictKind.ACCEPT or (agrees and output is not None):
        return f"right{who}"
    if verdict == VerdictKind.REJECT:
        return f"{'wrong, ' * (output is not None)}no answer is right{who}"
    if output is None:
        return f"answered by a person: {flat(right)}{who}"
    if right == output:  # only the actions were changed
        return f"wrong, right: the same answer with other actions{who}"
    return f"wrong, right: {flat(right)}{who}"
