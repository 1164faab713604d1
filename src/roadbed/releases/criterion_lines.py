"""Sentences of gate criteria and of the checks of a canary. They are stored with their report."""

from __future__ import annotations

from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.risk.paired import PairedDifference


def pace_line(took: float | None, before: float | None, limit: float, *, twice: int) -> str:
    """The pace of a candidate beside that of the live version; all in seconds."""
    if took is None:
        line = stored_sentence("no answer was timed, so nothing is known of its pace; in all")
        if before is not None:
            line = stored_sentence(
                "no answer was timed, so nothing is known of its pace; in all instead of "
                "%(before)s",
                before=seconds(before),
            )
    else:
        line = stored_sentence("19 of 20 answers within %(took)s", took=seconds(took))
        if before is not None:
            line = stored_sentence(
                "19 of 20 answers within %(took)s instead of %(before)s",
                took=seconds(took),
                before=seconds(before),
            )
    if twice:
        line = stored_sentence(
            "%(line)s (%(twice)s asked twice, of which the quicker counts)",
            line=line,
            twice=format(twice, ","),
        )
    return stored_sentence("%(line)s, %(limit)s is allowed", line=line, limit=seconds(limit))


def price_line(costs: float | None, before: float | None, limit: float | None) -> str:
    """The mean cost of a candidate beside that of the live version."""
    paid = stored_sentence("an unknown price")
    if costs is not None:
        paid = stored_sentence("%(cost)s on average", cost=format(costs, ".4g"))
    if before is not None:
        paid = stored_sentence(
            "%(paid)s instead of %(before)s", paid=paid, before=format(before, ".4g")
        )
    if limit is None:
        return stored_sentence("%(paid)s, no limit follows from before", paid=paid)
    return stored_sentence("%(line)s, %(limit)s is allowed", line=paid, limit=format(limit, ".4g"))


def change_line(change: PairedDifference) -> str:
    """How much more often a candidate is wrong, with its interval and counts."""
    if not change.n:
        return stored_sentence("nothing was compared, so nothing is known")
    told = {
        "estimate": signed(change.estimate),
        "lower": signed(change.lower),
        "upper": signed(change.upper),
        "n": format(change.n, ","),
        "fixed": format(change.fixed, ","),
        "broken": format(change.broken, ","),
    }
    if not change.waiting:
        return stored_sentence(
            "%(estimate)s (%(lower)s to %(upper)s, n = %(n)s, %(fixed)s fixed, %(broken)s broken)",
            **told,
        )
    return stored_sentence(
        "%(estimate)s (%(lower)s to %(upper)s, n = %(n)s, %(fixed)s fixed, %(broken)s broken, "
        "%(waiting)s wait for a label)",
        waiting=format(change.waiting, ","),
        **told,
    )


def share(value: float | None) -> str:
    """A share in per cent."""
    return "none" if value is None else f"{value * 100:.3g} %"


def signed(value: float) -> str:
    """A difference in per cent, with its sign."""
    return f"{value * 100:+.2g} %" if value else "0 %"


def seconds(value: float | None) -> str:
    """A time in seconds or milliseconds."""
    if value is None:
        return "no time"
    return f"{value:.3g} s" if value >= 1.0 else f"{value * 1000.0:.3g} ms"
