"""Outlook: the sentences about when automation can begin, and where a version fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roadbed.kernel.figures import percent
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import localised, number, several
from roadbed.risk.forecast import Forecast
from roadbed.risk.weakness import FEWEST

Row = Mapping[str, Any]  # of the database

_FARTHEST_DAYS = 365.0
_FEWEST_TO_TELL = 50


def weak(version: int | None, detail: Row) -> str:
    """The first sentence of the card of weak spots."""
    if version is None:
        return _("No version has been certified yet; the card is written for each one that is.")
    n, spots = detail.get("answered", 0), detail.get("weak", ())
    if not n:
        return _(
            "Nothing is known of where version %(version)s fails: it answered no labelled item of "
            "the random sample."
        ) % {"version": version}
    of = several("%(n)s labelled item", "%(n)s labelled items", n)
    if spots:
        return _weak_spots(version, len(spots), of, detail.get("error"))
    told = {"version": version, "items": of, "fewest": FEWEST}
    if n < 2 * FEWEST:
        return (
            _(
                "Nothing is known of where version %(version)s fails: it answered only %(items)s "
                "of the random sample, and of a kind of work %(fewest)s are needed."
            )
            % told
        )
    return (
        _(
            "By %(items)s no kind of work is clearly worse than the whole. Of a kind with fewer "
            "than %(fewest)s items nothing is known, and a smaller difference may not show."
        )
        % told
    )


def _weak_spots(version: int, spots: int, items: str, error: float | None) -> str:
    if error is None:
        return several(
            "Version %(version)s is clearly worse on %(n)s kind of work than on all %(items)s. "
            "Look twice at its answers here.",
            "Version %(version)s is clearly worse on %(n)s kinds of work than on all %(items)s. "
            "Look twice at its answers here.",
            spots,
            version=version,
            items=items,
        )
    return several(
        "Version %(version)s is clearly worse on %(n)s kind of work than on all %(items)s, over "
        "which %(share)s of its answers are wrong. Look twice at its answers here.",
        "Version %(version)s is clearly worse on %(n)s kinds of work than on all %(items)s, over "
        "which %(share)s of its answers are wrong. Look twice at its answers here.",
        spots,
        version=version,
        items=items,
        share=percent(error),
    )


def forecast(
    soon: Forecast,
    sooner: Forecast,
    *,
    opened: bool,
    tasks: float,
    can_double: bool,
    labelled: int,
    fewest: int,
) -> str:
    """When automation can begin, in a sentence.

    ``tasks`` arrive a day; ``labelled`` items of the sample were answered and labelled. ``fewest``
    labels are needed even without an error, which is what a certification says. The sentence says
    so if the forecast rests on an assumption (no labels) or exceeds a year.
    """
    if opened:
        return _("It is open.")
    if tasks <= 0.0:
        return _("No task has arrived in the last week, so there is no forecast.")
    if soon.days is None or soon.needed is None:
        return _closed(labelled)
    text = _opens(soon, sooner, tasks=tasks, can_double=can_double)
    if not labelled:
        message = _(
            "No label has been counted yet, so this is only a guess, for half as many wrong "
            "answers as the limit allows: %(forecast)s. Without an error at least %(fewest)s "
            "labels above a threshold are needed."
        )
        return message % {"forecast": text, "fewest": number(fewest)}
    return f"{text[0].upper()}{text[1:]}."


def _opens(soon: Forecast, sooner: Forecast, *, tasks: float, can_double: bool) -> str:
    """When it opens, without the capital and the full stop of a sentence."""
    days, needed = soon.days or 0.0, soon.needed or 0
    told = {
        "pace": _pace(tasks),
        "is_there": several(
            "%(there)s of about %(n)s label is there",
            "%(there)s of about %(n)s labels are there",
            needed,
            there=number(soon.there),
        ),
    }
    if days > _FARTHEST_DAYS:
        message = _(
            "at %(pace)s it would not open within a year, and no date so far off can be relied "
            "on: %(is_there)s. More tasks, or more labels of the sample, open it sooner"
        )
        return message % told
    if days < 1.0:
        message = _(
            "the labels are there or will be within a day: run `roadbed improve` (%(is_there)s now)"
        )
        return message % told
    if can_double and sooner.days is not None:
        return several(
            "opens in about %(n)s day at %(pace)s, or %(sooner)s with twice the sample: "
            "%(is_there)s",
            "opens in about %(n)s days at %(pace)s, or %(sooner)s with twice the sample: "
            "%(is_there)s",
            round(days),
            sooner=localised(f"{max(sooner.days, 1.0):.0f}"),
            **told,
        )
    return several(
        "opens in about %(n)s day at %(pace)s: %(is_there)s",
        "opens in about %(n)s days at %(pace)s: %(is_there)s",
        round(days),
        **told,
    )


def _closed(labelled: int) -> str:
    if not labelled:
        return _("No label of the sample has been counted yet, so there is no forecast.")
    if labelled < _FEWEST_TO_TELL:
        return several(
            "With %(n)s labelled item of the sample it is too early to say whether this version "
            "will open.",
            "With %(n)s labelled items of the sample it is too early to say whether this version "
            "will open.",
            labelled,
        )
    return several(
        "By %(n)s labelled item of the sample this version will not open: wherever it is sure, it "
        "is wrong more often than the limit allows. Correct more tasks and improve it.",
        "By %(n)s labelled items of the sample this version will not open: wherever it is sure, it "
        "is wrong more often than the limit allows. Correct more tasks and improve it.",
        labelled,
    )


def _pace(tasks: float) -> str:
    """Tasks per day; a rate below one is not rounded to zero."""
    if tasks < 0.5:
        return _("less than 1 task a day")
    return several("%(n)s task a day", "%(n)s tasks a day", round(tasks))
