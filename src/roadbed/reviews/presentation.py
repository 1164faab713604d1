"""Presentation of a decision and its verdict: what was answered, and whether it was right."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from roadbed.kernel.json import brief
from roadbed.kernel.messages import gettext as _
from roadbed.reviews.model import VerdictKind

Output = Mapping[str, object] | None
_MOST_TEXT = 200  # characters of an answer from documents in one line
_MOST_PLACES = 2  # places named beside it
_MOST_QUOTED = 120  # characters of any output inside of a sentence


def is_cited(output: object) -> bool:
    """Whether an output is an answer from documents: a text, and citations of where it stands."""
    if not isinstance(output, Mapping) or not isinstance(output.get("text"), str):
        return False
    citations = output.get("citations")
    return isinstance(citations, list | tuple) and all(
        isinstance(citation, Mapping) and "document" in citation for citation in citations
    )


def output_line(output: Output) -> str:
    """An output in one line, as people read it: no JSON, and of citations no ids.

    An answer from documents is its text, shortened, and the places where it stands.
    """
    if output is None or not is_cited(output):
        return brief(output)
    return _cited_line(output, most_text=_MOST_TEXT, most_places=_MOST_PLACES)


def quoted_line(output: Output) -> str:
    """An output inside of a sentence: its beginning, and the first place where it stands."""
    if output is None or not is_cited(output):
        return _cut(brief(output), _MOST_QUOTED)
    return _cited_line(output, most_text=_MOST_QUOTED, most_places=1)


def _cited_line(output: Mapping[str, object], *, most_text: int, most_places: int) -> str:
    text = _cut(" ".join(str(output["text"]).split()), most_text)
    said = route_words(output.get("route"))
    line = f"{said}: {text}" if said and text else said or text or _("no text")
    citations = output["citations"]
    assert isinstance(citations, list | tuple)
    places = dict.fromkeys(place_words(citation) for citation in citations)
    if not places:
        return line
    named = "; ".join(islice(places, most_places))
    if len(places) > most_places:
        named += " …"
    return f"{line} ({named})"


def _cut(text: str, most: int) -> str:
    """A text that is cut at a word if it has more than ``most`` characters."""
    return text if len(text) <= most else f"{text[:most].rsplit(' ', 1)[0]} …"


def route_words(route: object) -> str:
    """What an answer from documents is if it answers nothing; empty for one that answers."""
    match route:
        case "not_in_documents":
            return _("not in the documents")
        case "please_specify":
            return _("asks back")
        case _:
            return ""


def is_place(value: object) -> bool:
    """Whether a value says where a passage stands, and nothing else."""
    return isinstance(value, Mapping) and {"document", "place"} <= value.keys() <= {
        "document",
        "place",
        "version",
        "passage",
    }


def place_words(citation: Mapping[str, object]) -> str:
    """A document and the place in it: ``leave.md, page 3``. A later version is named too."""
    version = citation.get("version")
    parts = [str(citation.get("document") or ""), str(citation.get("place") or "")]
    if isinstance(version, int) and version > 1:
        parts.append(_("version %(number)s") % {"number": version})
    return ", ".join(part for part in parts if part)


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
        decided, unjudged = (
            _("answered %(output)s") % {"output": output_line(output)},
            _("not judged yet"),
        )
    elif route == "refused":
        decided, unjudged = _("refused"), ""
    else:
        proposed = _("no answer") if output is None else _("proposed %(output)s")
        decided, unjudged = proposed % {"output": output_line(output)}, _("waits for a person")
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
        return _("answered by a person: %(right)s") % {"right": output_line(right)}
    return _("wrong, right: %(right)s") % {"right": _right(output, right)}


def _is_right(verdict: str, *, output: Output, agrees: bool | None) -> bool:
    return verdict == VerdictKind.ACCEPT or (bool(agrees) and output is not None)


def _right(output: Output, right: Output) -> str:
    """The right output beside a wrong one; the same where only the actions were changed."""
    return _("the same answer with other actions") if right == output else output_line(right)
