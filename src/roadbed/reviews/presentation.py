"""Presentation of a decision and its verdict: what was answered, and whether it was right."""

from __future__ import annotations

from collections.abc import Mapping

from roadbed.kernel.json import flat
from roadbed.kernel.messages import gettext as _
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
        return _("deciding")
    if route == "automatic":
        decided, unjudged = _("answered %(output)s") % {"output": flat(output)}, _("not judged yet")
    elif route == "refused":
        decided, unjudged = _("refused"), ""
    else:
        proposed = _("no answer") if output is None else _("proposed %(output)s")
        decided, unjudged = proposed % {"output": flat(output)}, _("waits for a person")
    told = unjudged
    if verdict is not None:
        told = judgement(verdict, output=output, agrees=agrees, right=right)
        wrong = output is not None and not _is_right(verdict, output=output, agrees=agrees)
        if route == "review" and wrong and verdict != VerdictKind.REJECT:
            told = _("wrong, corrected by a person: %(right)s") % {"right": _right(output, right)}
    return " · ".join(filter(None, [decided, told]))


def judgement(
    verdict: str, *, output: Output, agrees: bool | None, right: Output, by: str = ""
) -> str:
    """What a verdict says of an answer: ``right``, ``wrong, right: returns``.

    ``by`` is who gave the verdict.
    """
    said = _judged(verdict, output=output, agrees=agrees, right=right)
    return _("%(judgement)s, by %(person)s") % {"judgement": said, "person": by} if by else said


def _judged(verdict: str, *, output: Output, agrees: bool | None, right: Output) -> str:
    if _is_right(verdict, output=output, agrees=agrees):
        return _("right")
    if verdict == VerdictKind.REJECT:
        return _("no answer is right") if output is None else _("wrong, no answer is right")
    if output is None:
        return _("answered by a person: %(right)s") % {"right": flat(right)}
    return _("wrong, right: %(right)s") % {"right": _right(output, right)}


def _is_right(verdict: str, *, output: Output, agrees: bool | None) -> bool:
    return verdict == VerdictKind.ACCEPT or (bool(agrees) and output is not None)


def _right(output: Output, right: Output) -> str:
    """The right output beside a wrong one; the same where only the actions were changed."""
    return _("the same answer with other actions") if right == output else flat(right)
