"""The glossary's line of each term that a page explains where the pointer rests."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later

TERMS: Mapping[str, str] = {
    "canary": later(
        "A step in which the candidate decides a share of the tasks; the trial monitor rolls it "
        "back if it is proven worse."
    ),
    "certificate": later("The proven claim about one version at one threshold."),
    "gate": later(
        "The comparison of the candidate with the live version on `judge` examples and corrections."
    ),
    "measured error": later(
        "The share of wrong answers among the automatic answers of the sample that were judged, "
        "with version, period and count."
    ),
    "reference sample": later(
        "Random tasks that a person labels blind; the evidence for the guarantee."
    ),
    "risk limit": later(
        "The share of wrong automatic answers, or their mean loss, that the pod allows."
    ),
    "route": later("Where a decided task goes: `automatic`, `review` or `refused`."),
    "shadow": later("A step in which the candidate answers each task without effect."),
    "verdict": later("The result of a review: accept, correct or reject."),
    "version": later("A behaviour with a threshold; it never changes."),
}


def term(name: str, shown: str) -> Markup:
    """``shown`` with the glossary's line of ``name``. Raises ``KeyError``."""
    line = _(TERMS[name]).replace("`", "")
    return Markup('<abbr class="term" title="{}">{}</abbr>').format(line, shown)
